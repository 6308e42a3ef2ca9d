//! The desk from ticks to fills, over whole days of a small market, audited event by event.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod audit;
mod market;
mod scene;

use audit::Audit;
use barkeep_engine::{CorrectedClose, Engine, NoProbe};
use barkeep_schemas::*;
use market::{MarketPlan, day, fresh, money, session, setup};
use scene::{at, run};

/// A whole day: its opening, its market with what `between` adds, its close.
fn whole_day(opened: SessionOpened, plan: &MarketPlan, between: &[(&str, Input)]) -> Vec<Input> {
    let mut inputs = vec![Input::SessionOpened(Box::new(opened))];
    let mut between: Vec<(Ts, &Input)> = between.iter().map(|(clock, input)| (at(clock), input)).collect();
    between.reverse();
    for input in day(plan) {
        if let Input::ClockMark(mark) = &input {
            while between.last().is_some_and(|(ts, _)| *ts <= mark.ts) {
                inputs.extend(between.pop().map(|(_, input)| input.clone()));
            }
        }
        inputs.push(input);
    }
    inputs.push(scene::close());
    inputs
}

fn audited(inputs: &[Input]) -> (Vec<(Seq, Event)>, Audit) {
    let events = run(inputs);
    let mut audit = Audit::default();
    for (seq, event) in &events {
        audit.read(*seq, event);
    }
    audit.finish();
    (events, audit)
}

fn derived(events: &[(Seq, Event)]) -> impl Iterator<Item = &Derived> {
    events.iter().filter_map(|(_, event)| match event {
        Event::Derived(derived) => Some(derived),
        Event::Input(_) => None,
    })
}

fn command(action: OperatorAction, bucket: Option<&str>, flatten: bool, clock: &str) -> Input {
    let (bucket, reason) = (bucket.map(str::to_owned), "a test".to_owned());
    Input::OperatorCommand(Box::new(OperatorCommand { action, bucket, flatten, reason, uid: 1, ts: at(clock) }))
}

#[test]
fn a_day_is_traded_and_every_invariant_holds() {
    let inputs = whole_day(session(setup(3), fresh(), 6), &MarketPlan::default(), &[]);
    let (events, audit) = audited(&inputs);
    assert!(audit.entries > 20 && audit.fills > 80, "{} entries, {} fills", audit.entries, audit.fills);
    let held: Vec<_> = derived(&events)
        .filter_map(|event| match event {
            Derived::PairDay(day) => Some((day.qty_a, day.qty_b)),
            _ => None,
        })
        .collect();
    assert_eq!(held, [(0, 0); 3], "flattened before the close");
}

/// Moves of pairs as `HH:MM:SS PAIR FROM>TO WHY`.
fn moves(events: &[(Seq, Event)]) -> Vec<String> {
    derived(events)
        .filter_map(|event| match event {
            Derived::PairMoved(moved) => {
                let clock = scene::clock(moved.ts).chars().take(8).collect::<String>();
                Some(format!("{clock} {} {}>{} {}", moved.pair.0, moved.from, moved.to, moved.why))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_restart_anywhere_emits_what_an_undisturbed_run_does() {
    let plan = MarketPlan { seconds: 3_000, ..MarketPlan::default() };
    let inputs = whole_day(session(setup(3), fresh(), 6), &plan, &[]);
    let whole = run(&inputs);
    let mut chance = market::Chance(7);
    let mut engine = Engine::new(NoProbe);
    let (mut events, mut out, mut seq) = (Vec::new(), Vec::new(), Seq(0));
    for input in &inputs {
        if chance.permille(20) {
            let bytes = engine.save();
            engine = Engine::restore(&bytes, NoProbe).unwrap();
            assert_eq!(engine.save(), bytes, "saved, read and saved again");
        }
        seq = seq.plus(1);
        out.clear();
        engine.step(seq, input, &mut out);
        events.push((seq, Event::Input(input.clone())));
        for event in out.drain(..) {
            seq = seq.plus(1);
            events.push((seq, Event::Derived(event)));
        }
    }
    assert!(events == whole);
    assert!(events.iter().any(|(_, event)| event.kind() == EventKind::Fill));
}

#[test]
fn without_todays_whitelist_signals_are_made_and_no_entry_is_approved() {
    for date in [None, SessionDate::from_ymd(2021, 6, 3)] {
        let setup = DeskSetup { whitelist_date: date, ..setup(3) };
        let plan = MarketPlan { seconds: 6_000, ..MarketPlan::default() };
        let (events, audit) = audited(&whole_day(session(setup, fresh(), 6), &plan, &[]));
        assert_eq!((audit.entries, audit.fills), (0, 0));
        let rules: Vec<_> = derived(&events)
            .filter_map(|event| match event {
                Derived::RiskDecision(decision) => Some(decision.rule),
                _ => None,
            })
            .collect();
        assert!(!rules.is_empty() && rules.iter().all(|rule| *rule == Some(RiskRule::Whitelist)), "{rules:?}");
    }
}

#[test]
fn a_day_that_is_not_traded_refuses_every_entry() {
    let mut opened = session(setup(3), fresh(), 6);
    opened.calendar.tradable = false;
    let plan = MarketPlan { seconds: 6_000, ..MarketPlan::default() };
    let (events, audit) = audited(&whole_day(opened, &plan, &[]));
    assert!(audit.refused > 0 && audit.entries == 0);
    assert!(derived(&events).all(|event| event.kind() != EventKind::OrderCreated));
}

#[test]
fn a_kill_that_flattens_leaves_everything_and_entries_come_again_after_off() {
    let between = [
        ("11:00:00", command(OperatorAction::KillOn, None, true, "11:00:00")),
        ("12:00:00", command(OperatorAction::KillOff, None, false, "12:00:00")),
    ];
    let plan = MarketPlan { seconds: 15_000, ..MarketPlan::default() };
    let (events, _) = audited(&whole_day(session(setup(3), fresh(), 6), &plan, &between));
    let moves = moves(&events);
    let within = |clock: &str| "11:00:30" < clock && clock < "12:00:00";
    assert!(moves.iter().all(|line| !within(line)), "nothing moves under the kill: {moves:#?}");
    assert!(moves.iter().any(|line| line.as_str() > "12:00:00" && line.contains("FLAT>ENTERING")));
    let killed = derived(&events).filter(|event| match event {
        Derived::Signal(signal) => signal.reason == SignalReason::Kill,
        _ => false,
    });
    let open_before = moves
        .iter()
        .filter(|line| line.as_str() < "11:00:00")
        .fold(0, |open, line| open + i32::from(line.contains(">OPEN")) - i32::from(line.contains("OPEN>")));
    assert_eq!(killed.count(), usize::try_from(open_before).unwrap());
}

#[test]
fn a_bucket_s_kill_that_holds_stops_its_entries_alone() {
    let between = [("09:40:00", command(OperatorAction::KillOn, Some("LOW"), false, "09:40:00"))];
    let plan = MarketPlan { seconds: 15_000, ..MarketPlan::default() };
    let (events, _) = audited(&whole_day(session(setup(3), fresh(), 6), &plan, &between));
    let entries = |pair: u16| {
        let line = format!(" {pair} FLAT>ENTERING");
        moves(&events).iter().filter(|moved| moved.as_str() > "09:40:00" && moved.contains(&line)).count()
    };
    assert_eq!(entries(0), 0, "pair 0 is of bucket LOW");
    assert!(entries(1) > 0 && entries(2) > 0);
}

#[test]
fn a_kill_of_a_bucket_that_there_is_not_is_refused() {
    let between = [("09:40:00", command(OperatorAction::KillOn, Some("HUGE"), false, "09:40:00"))];
    let plan = MarketPlan { seconds: 2_000, ..MarketPlan::default() };
    let events = run(&whole_day(session(setup(1), fresh(), 2), &plan, &between));
    assert!(derived(&events).any(|event| event.kind() == EventKind::InputRefused));
    assert!(derived(&events).all(|event| event.kind() != EventKind::KillSwitched));
}

#[test]
fn a_day_s_loss_throws_the_switch_by_itself() {
    let mut setup = setup(3);
    setup.limits.max_daily_loss = money(500);
    let (events, _) = audited(&whole_day(session(setup, fresh(), 6), &MarketPlan::default(), &[]));
    let thrown = derived(&events).find_map(|event| match event {
        Derived::KillSwitched(kill) => Some(kill),
        _ => None,
    });
    let thrown = thrown.expect("charges alone are more than that");
    assert_eq!((thrown.scope, thrown.on, thrown.why), (Scope::Global, true, KillWhy::DailyLoss));
    assert!(thrown.value >= thrown.limit && thrown.limit == money(500).get());
    let after = moves(&events).into_iter().filter(|line| *line > scene::clock(thrown.ts)).collect::<Vec<_>>();
    assert!(after.iter().all(|line| !line.contains("FLAT>ENTERING")), "{after:#?}");
}

#[test]
fn the_day_s_quota_keeps_room_to_leave() {
    for per_day in [17, 18, 19, 20] {
        let mut setup = setup(3);
        setup.gateway.per_day = per_day;
        let (events, audit) = audited(&whole_day(session(setup, fresh(), 6), &MarketPlan::default(), &[]));
        assert!(audit.entries > 1);
        let refused = derived(&events).filter(|event| match event {
            Derived::EntryRefused(refused) => refused.reason == DeskReason::Quota && refused.value > refused.limit,
            _ => false,
        });
        assert!(refused.count() > 0);
        let used_up = derived(&events).any(|event| match event {
            Derived::OrderMoved(moved) => moved.why == OrderWhy::Quota,
            _ => false,
        });
        assert!(!used_up, "no order met the end of the quota");
        let flat = derived(&events).all(|event| match event {
            Derived::PairDay(day) => (day.qty_a, day.qty_b) == (0, 0),
            _ => true,
        });
        assert!(flat);
    }
}

#[test]
fn what_is_held_and_killed_at_the_close_is_so_at_the_next_open() {
    // The day ends while positions are held: trading stops at noon for the tape, not for the calendar.
    let plan = MarketPlan { seconds: 9_000, ..MarketPlan::default() };
    let between = [("11:44:00", command(OperatorAction::KillOn, Some("HIGH"), false, "11:44:00"))];
    let inputs = whole_day(session(setup(3), fresh(), 6), &plan, &between);
    let mut engine = Engine::new(NoProbe);
    let (mut out, mut seq) = (Vec::new(), Seq(1));
    for input in &inputs {
        out.clear();
        engine.step(seq, input, &mut out);
        seq = seq.plus(1 + out.len() as u64);
    }
    let carry = engine.carry_desk().expect("a desk");
    let held: Vec<_> =
        carry.pairs.iter().filter(|pair| pair.carried.a.qty != 0).map(|pair| pair.carried.pair).collect();
    assert!(!held.is_empty(), "choose another seed");
    assert_eq!(carry.kills.iter().map(|kill| kill.scope).collect::<Vec<_>>(), [Scope::High]);
    let carried = DeskCarried {
        pairs: carry.pairs.iter().map(|pair| pair.carried.clone()).collect(),
        scopes: carry.scopes.clone(),
        kills: carry.kills.clone(),
    };
    let mut opened = session(setup(3), carried, 6);
    opened.opening = engine.carry();
    let (events, audit) = audited(&whole_day(opened, &plan, &[]));
    let carried: Vec<PairId> = derived(&events)
        .filter_map(|event| match event {
            Derived::PairMoved(moved) if moved.why == PairWhy::Carried => Some(moved.pair),
            _ => None,
        })
        .collect();
    assert_eq!(carried, held);
    let first = derived(&events).find_map(|event| match event {
        Derived::KillSwitched(kill) => Some((kill.scope, kill.why)),
        _ => None,
    });
    assert_eq!(first, Some((Scope::High, KillWhy::Carried)));
    assert!(audit.fills > 0);
}

#[test]
fn a_pair_that_leaves_the_whitelist_is_only_left_and_one_that_joins_is_traded() {
    let mut changed = setup(3);
    changed.pairs[0].exit_only = true;
    let between = [("10:30:00", Input::DeskChanged(Box::new(changed)))];
    let (events, _) = audited(&whole_day(session(setup(2), fresh(), 6), &MarketPlan::default(), &between));
    let entries = |pair: u16, after: &str| {
        let line = format!(" {pair} FLAT>ENTERING");
        moves(&events).iter().filter(|moved| moved.as_str() > after && moved.contains(&line)).count()
    };
    assert!(entries(0, "00:00:00") > 0 && entries(2, "10:30:00") > 0);
    assert_eq!(entries(0, "10:30:00"), 0);
}

#[test]
fn what_is_held_is_left_as_the_product_that_it_was_built_as() {
    let intraday = setup(3);
    let mut delivery = intraday.clone();
    delivery.pairs.iter_mut().for_each(|pair| pair.product = Product::Cnc);
    let changed = |setup: &DeskSetup| Input::DeskChanged(Box::new(setup.clone()));
    let clocks = ["10:30:00", "10:50:00", "11:10:00", "11:30:00", "12:00:00"];
    let between = clocks.map(|clock| (clock, changed(if clock == "11:10:00" { &delivery } else { &intraday })));
    let between: Vec<(&str, Input)> = between.into_iter().chain([("13:00:00", changed(&delivery))]).collect();
    let (events, _) = audited(&whole_day(session(setup(3), fresh(), 6), &MarketPlan::default(), &between));
    let mut built = std::collections::BTreeMap::new();
    let mut left = std::collections::BTreeSet::new();
    for event in derived(&events) {
        if let Derived::OrderCreated(order) = event {
            let leg = (order.id.pair, order.id.leg);
            if order.purpose == Purpose::Entry {
                built.insert(leg, order.product);
            } else {
                assert_eq!(built.get(&leg), Some(&order.product), "{order:?}");
                left.insert(order.product);
            }
        }
    }
    assert_eq!(left.len(), 2, "pairs are left as either product");
}

#[test]
fn a_setup_that_contradicts_the_session_is_refused_and_changes_nothing() {
    let mut other_legs = setup(3);
    other_legs.pairs[1].leg_a = InstrumentId(0);
    let mut fewer = setup(3);
    fewer.pairs.pop();
    let mut unknown = setup(3);
    unknown.pairs[2].leg_b = InstrumentId(99);
    let mut unlimited = setup(3);
    unlimited.limits.buckets.pop();
    for setup_of in [other_legs, fewer, unknown, unlimited] {
        let plan = MarketPlan { seconds: 900, ..MarketPlan::default() };
        let between = [("09:20:00", Input::DeskChanged(Box::new(setup_of)))];
        let plain = run(&whole_day(session(setup(3), fresh(), 6), &plan, &[]));
        let with = run(&whole_day(session(setup(3), fresh(), 6), &plan, &between));
        assert!(derived(&with).any(|event| event.kind() == EventKind::InputRefused));
        assert_eq!(derived(&with).count(), derived(&plain).count() + 1);
    }
}

#[test]
fn the_digest_of_a_traded_day_is_that_of_this_behaviour_number() {
    let plan = MarketPlan { seconds: 6_000, ..MarketPlan::default() };
    let mut hasher = blake3::Hasher::new();
    for (_, event) in run(&whole_day(session(setup(3), fresh(), 6), &plan, &[])) {
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        hasher.update(&bytes);
    }
    assert_eq!(
        (barkeep_engine::BEHAVIOUR, hasher.finalize().to_hex().to_string()),
        (3, "dae271352b849df4031622fbb610c888246fec85b9ecdebebfccb834669b022f".to_owned()),
        "the desk derives something else: raise BEHAVIOUR and give the new digest"
    );
}

#[test]
fn corrected_closes_stand_before_the_pair_watch_alone() {
    let mut inputs = whole_day(session(setup(1), fresh(), 2), &MarketPlan::default(), &[]);
    let (minute, end, later) = (at("10:00:00"), at("10:01:00"), at("10:02:00"));
    let lost = |tick: &Tick| tick.instrument == InstrumentId(0) && (minute..end).contains(&tick.ts);
    inputs.retain(|input| !matches!(input, Input::Tick(tick) if lost(tick)));
    let with = |closes: Vec<CorrectedClose>| {
        let mut engine = Engine::with_corrections(NoProbe, closes);
        let mut events = Vec::new();
        inputs.iter().for_each(|input| scene::step(&mut engine, input, &mut events));
        events
    };
    let marks = |events: &[(Seq, Event)], start: Ts| -> Vec<Price> {
        let of = |event: &Derived| match event {
            Derived::PairMark(mark) if mark.start == start => Some(mark.close_a),
            _ => None,
        };
        derived(events).filter_map(of).collect()
    };
    let bars = |events: &[(Seq, Event)]| -> Vec<(InstrumentId, Timeframe, Ts, u16, Price)> {
        let of = |event: &Derived| match event {
            Derived::Bar(bar) => Some((bar.instrument, bar.tf, bar.start, bar.revision, bar.close)),
            _ => None,
        };
        derived(events).filter_map(of).collect()
    };
    let plain = run(&inputs);
    assert_eq!(with(Vec::new()), plain, "without closes it is the engine");
    let close = |start, close, due| CorrectedClose {
        instrument: InstrumentId(0),
        tf: Timeframe::M1,
        start,
        close: Price::new(close),
        due,
    };
    let seen = with(vec![close(minute, 9_991_000, Some(at("10:01:03"))), close(later, 9_992_000, None)]);
    assert_eq!((marks(&plain, minute), marks(&seen, minute)), (vec![], vec![Price::new(9_991_000)]));
    assert!(marks(&seen, later).iter().all(|close| *close == Price::new(9_992_000)), "{:?}", marks(&seen, later));
    assert_ne!(marks(&plain, later), marks(&seen, later));
    assert_eq!(bars(&seen), bars(&plain), "no bar is another");
}

#[test]
fn an_operator_who_switches_off_has_seen_the_loss_also_the_next_morning() {
    let mut limited = setup(3);
    limited.limits.max_drawdown_bps = 2;
    let plan = MarketPlan { seconds: 9_000, ..MarketPlan::default() };
    let off = ("11:40:00", command(OperatorAction::KillOff, None, false, "11:40:00"));
    let never_on = ("09:16:00", command(OperatorAction::KillOff, None, false, "09:16:00"));
    let inputs = whole_day(session(limited.clone(), fresh(), 6), &plan, &[never_on, off]);
    let switches = |events: &[(Seq, Event)]| {
        let of = |event: &Derived| match event {
            Derived::KillSwitched(kill) => Some((kill.scope, kill.on, kill.why)),
            _ => None,
        };
        derived(events).filter_map(of).collect::<Vec<_>>()
    };
    let mut engine = Engine::new(NoProbe);
    let (mut out, mut seq, mut events) = (Vec::new(), Seq(1), Vec::new());
    for input in &inputs {
        out.clear();
        engine.step(seq, input, &mut out);
        events.extend(out.iter().map(|event| (seq, Event::Derived(event.clone()))));
        seq = seq.plus(1 + out.len() as u64);
    }
    let thrown = switches(&events);
    assert_eq!(thrown.first(), Some(&(Scope::Global, true, KillWhy::Drawdown)), "off of what is not on does nothing");
    assert!(thrown.contains(&(Scope::Global, false, KillWhy::Command)), "{thrown:?}");
    let carry = engine.carry_desk().unwrap();
    let of = carry.scopes.iter().find(|of| of.scope == Scope::Global).unwrap();
    assert!(of.kill_high < of.high_profit, "measured from where the operator saw it: {of:?}");
    // Nothing is traded on the morning after: what was lost before is no reason to stop again.
    let quiet = DeskSetup { whitelist_date: None, ..limited };
    let carried = DeskCarried { pairs: Vec::new(), scopes: carry.scopes, kills: Vec::new() };
    let short = MarketPlan { seconds: 600, ..MarketPlan::default() };
    let (events, _) = audited(&whole_day(session(quiet, carried, 6), &short, &[]));
    assert_eq!(switches(&events), []);
}
