//! Why the desk did what it did, asked of a day that the engine traded: chains down to ticks, arithmetic done again,
//! decisions, moments, other settings, exports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects"
)]

#[path = "../src/engine/tests/market/mod.rs"]
mod market;
#[path = "../src/engine/tests/scene/mod.rs"]
mod scene;
#[path = "why/settings.rs"]
mod settings;
mod stage;

use std::collections::BTreeMap;
use std::fs;
use std::sync::OnceLock;

use barkeep::monitoring::explain::Node;
use barkeep::monitoring::explain::desk::{Chain, explain_fill, explain_order, explain_signal};
use barkeep_schemas::*;
use barkeep_storage::{DataDir, Filter, Tape, Writer};
use market::{MarketPlan, money, real, setup};
use serde_json::Value;
use stage::Stage;

/// The day, made once: nothing here writes to it.
fn traded() -> (&'static Stage, &'static Tape) {
    static DAY: OnceLock<(Stage, Tape)> = OnceLock::new();
    let (stage, tape) = DAY.get_or_init(trade);
    (stage, tape)
}

/// A day of two pairs that is opened with spreads and a position carried over, is refused by limits at times, and whose
/// pairs are changed once.
fn trade() -> (Stage, Tape) {
    let stage = Stage::new();
    let dir = DataDir::new(stage.path("data"));
    let mut first = setup(2);
    first.limits.buckets[1].max_order = money(99_000);
    let mut later = first.clone();
    later.pairs[0].lookback = 15;
    let flat = PositionCarried { qty: 0, cost: FineMoney::ZERO };
    let carried = DeskCarried {
        pairs: vec![PairCarried {
            pair: PairId(1),
            spreads: (0..20).map(|at| real(0.002 * f64::from(at % 5))).collect(),
            a: PositionCarried { qty: 7, cost: FineMoney::new(7 * 990 * 100_000_000) },
            b: flat,
            held_since: Some(scene::at("08:00:00")),
        }],
        scopes: Vec::new(),
        kills: Vec::new(),
    };
    let plan = MarketPlan { pairs: 2, seconds: 7_000, ..MarketPlan::default() };
    let mut inputs = vec![Input::SessionOpened(Box::new(market::session(first, carried, 4)))];
    for (at, input) in market::day(&plan).into_iter().enumerate() {
        if at == 12_000 {
            inputs.push(Input::DeskChanged(Box::new(later.clone())));
        }
        inputs.push(input);
    }
    inputs.push(scene::close());
    let events: Vec<Event> = scene::run(&inputs).into_iter().map(|(_, event)| event).collect();
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(SessionDate::from_ymd(2021, 6, 4).unwrap()).unwrap();
    writer.commit(&events).unwrap();
    writer.close().unwrap();
    let tape = Tape::open(&dir).unwrap();
    (stage, tape)
}

fn derived(tape: &Tape) -> Vec<(Seq, Derived)> {
    let all = tape.scan(Seq::FIRST, None, &Filter::ALL).map(Result::unwrap);
    all.filter_map(|(seq, event)| if let Event::Derived(derived) = event { Some((seq, derived)) } else { None })
        .collect()
}

/// The first entry order that was filled.
fn entered(tape: &Tape) -> OrderId {
    let events = derived(tape);
    let entries = events.iter().filter_map(|(_, event)| match event {
        Derived::OrderCreated(order) if order.purpose == Purpose::Entry => Some(order.id),
        _ => None,
    });
    let filled =
        |id: &OrderId| events.iter().any(|(_, event)| matches!(event, Derived::Fill(fill) if fill.order == *id));
    entries.into_iter().find(filled).unwrap()
}

fn clock(ts: Ts) -> String {
    scene::clock(ts)
}

/// Whether every leaf is an input; the kinds of all nodes.
fn kinds(node: &Node, found: &mut BTreeMap<String, u32>) {
    *found.entry(node.kind.clone()).or_default() += 1;
    if node.inputs.is_empty() {
        let kind = EventKind::parse(&node.kind).unwrap_or_else(|| panic!("a leaf of kind {}", node.kind));
        assert!(kind.is_input(), "{}: {} is a leaf", node.seq, node.kind);
    }
    node.inputs.iter().for_each(|input| kinds(input, found));
}

#[track_caller]
fn sound(chain: &Chain) -> BTreeMap<String, u32> {
    for checked in &chain.arithmetic {
        for sum in &checked.sums {
            assert!(sum.agrees, "{} at {}: {sum:?}", checked.of, checked.seq);
        }
    }
    assert!(chain.agrees);
    let mut found = BTreeMap::new();
    kinds(&chain.tree, &mut found);
    found
}

#[test]
fn every_fill_order_and_signal_is_explained_down_to_its_ticks() {
    let (_stage, tape) = traded();
    let (mut reasons, mut purposes) = (BTreeMap::new(), BTreeMap::new());
    for (seq, event) in derived(tape) {
        match event {
            Derived::Signal(signal) => {
                let seen = reasons.entry(signal.reason).or_insert(0);
                *seen += 1;
                if *seen <= 3 {
                    let chain = explain_signal(tape, seq, clock).unwrap();
                    assert!(
                        signal.reason != SignalReason::Entry || !chain.notes.is_empty(),
                        "what became of signal {seq} is not said"
                    );
                    let found = sound(&chain);
                    assert!(
                        signal.mark.is_none() || found.contains_key("tick") && found.contains_key("bar_1m"),
                        "{found:?}"
                    );
                }
            }
            Derived::OrderCreated(order) => {
                let seen = purposes.entry((order.purpose, order.id.leg, order.id.pair)).or_insert(0);
                *seen += 1;
                if *seen <= 2 {
                    let found = sound(&explain_order(tape, &order.id.to_string(), clock).unwrap());
                    assert!(found.contains_key("risk_decision") && found.contains_key("tick"), "{found:?}");
                }
            }
            Derived::Fill(fill) if seq.0 % 4 == 0 => {
                let found = sound(&explain_fill(tape, &fill.trade, clock).unwrap());
                assert!(found.contains_key("order") && found.contains_key("tick"), "{found:?}");
            }
            _ => {}
        }
    }
    assert!(reasons.contains_key(&SignalReason::Entry) && reasons.contains_key(&SignalReason::Revert), "{reasons:?}");
    assert!(purposes.keys().any(|(purpose, ..)| *purpose == Purpose::Exit), "{purposes:?}");
}

#[test]
fn a_number_that_is_not_what_its_inputs_give_is_found() {
    let (stage, tape) = traded();
    let dir = DataDir::new(stage.path("other"));
    let altered = tape.scan(Seq::FIRST, None, &Filter::ALL).map(|item| {
        let (_, event) = item.unwrap();
        match event {
            Event::Derived(Derived::Fill(mut fill)) => {
                fill.charges.stt = FineMoney::new(fill.charges.stt.get() + 1);
                Event::Derived(Derived::Fill(fill))
            }
            Event::Derived(Derived::PairMark(mut mark)) => {
                mark.z = mark.z.map(|z| real(z.get() + 1e-6));
                Event::Derived(Derived::PairMark(mark))
            }
            event => event,
        }
    });
    let events: Vec<Event> = altered.collect();
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(SessionDate::from_ymd(2021, 6, 4).unwrap()).unwrap();
    writer.commit(&events).unwrap();
    writer.close().unwrap();
    let tape = Tape::open(&dir).unwrap();
    let chain = explain_fill(&tape, &format!("{}-1", entered(&tape)), clock).unwrap();
    let wrong: Vec<&str> = chain
        .arithmetic
        .iter()
        .flat_map(|checked| checked.sums.iter().filter(|sum| !sum.agrees).map(|sum| sum.field))
        .collect();
    assert!(!chain.agrees && wrong.contains(&"transaction tax") && wrong.contains(&"z"), "{wrong:?}");
}

#[test]
fn the_commands_say_it_in_words_and_in_json() {
    let (stage, tape) = traded();
    let order = entered(tape);
    let fill = format!("{order}-1");
    let signal = derived(tape).iter().find(|(_, event)| matches!(event, Derived::Signal(_))).unwrap().0.0;

    let text = stage.expect(0, &format!("explain fill {fill}"));
    for part in [&format!("fill {fill}"), "charges", "risk manager", "signal of S", "mark of S", "[", "agree:"] {
        assert!(text.contains(part), "no '{part}' in\n{text}");
    }
    let json = stage.json(0, &format!("explain order {order} --json"));
    assert_eq!((json["kind"].as_str(), json["agrees"].as_bool()), (Some("order"), Some(true)));
    assert!(!json["inputs"].as_array().unwrap().is_empty());
    let json = stage.json(0, &format!("explain signal {signal} --json"));
    assert_eq!(json["seq"].as_u64(), Some(signal));

    let told = stage.refused("explain order bk000a1");
    assert!(told.contains("has no order bk000a1; nearby are") && told.contains("bk000"), "{told}");
    let told = stage.refused("explain order 12");
    assert!(told.contains("'12' is no order's id"), "{told}");
    let told = stage.refused("explain fill 700001");
    assert!(told.contains("has no fill 700001; nearby are"), "{told}");
    let told = stage.refused(&format!("explain signal {}", signal + 1));
    assert!(told.contains("has no signal at seq") && told.contains(&format!("{signal}: ")), "{told}");
    let told = stage.refused("explain signal 99999999");
    assert!(told.contains("lies in no session that traded pairs"), "{told}");
}

#[test]
fn a_decision_shows_every_check_with_what_was_left() {
    let (stage, _) = traded();
    let decisions = stage.expect(0, "tape cat --kind risk_decision --json");
    let mut seen = BTreeMap::new();
    for line in decisions.lines() {
        let decision: Value = serde_json::from_str(line).unwrap();
        seen.entry(decision["verdict"].as_str().unwrap().to_owned())
            .or_insert(decision["order"].as_str().unwrap().to_owned());
    }
    for (verdict, order) in &seen {
        let text = stage.expect(0, &format!("risk why {order}"));
        assert!(text.contains(verdict.as_str()) && text.contains("headroom"), "{text}");
        let json = stage.json(0, &format!("risk why {order} --json"));
        assert_eq!(json["verdict"].as_str(), Some(verdict.as_str()));
        for check in json["checks"].as_array().unwrap() {
            assert_eq!(check["passed"].as_bool(), Some(check["headroom"].as_i64().unwrap() >= 0), "{check}");
        }
    }
    assert!(seen.contains_key("approved") && seen.len() > 1, "{seen:?}");
}

#[test]
fn a_replay_stops_at_the_first_event_of_which_an_expression_holds() {
    let (stage, tape) = traded();
    let marks = derived(tape).into_iter().filter_map(|(seq, event)| match event {
        Derived::PairMark(mark) if mark.z.is_some_and(|z| z.get() > 1.8) => Some(seq),
        _ => None,
    });
    let json = stage.json(0, "replay --until 'pair.zscore > 1.8' --json");
    assert_eq!(json["at"]["seq"].as_u64(), marks.min().map(|seq| seq.0));
    let text = stage.expect(0, "replay --until 'fill.qty >= 50 and fill.side == \"SELL\"'");
    assert!(text.contains("It holds first at seq") && text.contains("Around it"), "{text}");
    let text = stage.expect(1, "replay --until 'fill.qty > 1_000_000'");
    assert!(text.contains("It never holds"), "{text}");
    let told = stage.refused("replay --until 'order.status = 3'");
    assert!(told.contains("  order.status = 3\n  ") && told.contains('^'), "{told}");
    stage.refused("replay --until 'fill.late' --verify");
}

#[test]
fn other_settings_show_what_they_would_have_made_and_touch_nothing() {
    let (stage, tape) = traded();
    let before = fs::read_dir(stage.path("data")).unwrap().count();
    let same = stage.json(0, "replay --set paper.latency_ms=200 --diff --json");
    assert_eq!(same["orders"].as_array().map(Vec::len), Some(0), "the recorded latency changes nothing");
    assert_eq!(same["total"]["recorded"], same["total"]["what_if"]);
    let fills = derived(tape).iter().filter(|(_, event)| matches!(event, Derived::Fill(_))).count();
    assert_eq!(same["total"]["recorded"]["fills"].as_u64(), Some(fills as u64));
    let other = stage.json(0, "replay --set risk.max_order=1 --diff --json");
    let recorded = other["total"]["recorded"]["rejected"].as_i64().unwrap();
    assert!(other["total"]["what_if"]["rejected"].as_i64().unwrap() > recorded);
    assert!(!other["orders"].as_array().unwrap().is_empty());
    let text = stage.expect(0, "replay --set pairs.entry=1.2");
    assert!(text.contains("Profit and loss by pair"), "{text}");
    let stopped = stage.json(0, "replay --set risk.max_order=1 --until 'risk.rule == \"order_notional\"' --json");
    assert_eq!(stopped["found"].as_bool(), Some(true));
    assert!(stage.refused("replay --set risk.max_ordr=1").contains("did you mean risk.max_order"));
    assert!(stage.refused("replay --set pairs.beta=0").contains("the engine takes no session with"));
    stage.refused("replay --diff");
    assert_eq!(fs::read_dir(stage.path("data")).unwrap().count(), before);
    assert_eq!(Tape::open(&DataDir::new(stage.path("data"))).unwrap().last_seq(), tape.last_seq());
}

#[test]
fn a_heal_tells_which_signals_and_orders_would_have_been_others_and_touches_none() {
    let (stage, tape) = trade();
    let first_entry = derived(&tape).into_iter().find_map(|(_, event)| match event {
        Derived::Signal(signal) if signal.mark.is_some() => signal.mark,
        _ => None,
    });
    let mark = derived(&tape).into_iter().find(|(seq, _)| Some(*seq) == first_entry).unwrap().1;
    let Derived::PairMark(mark) = mark else { panic!("{mark:?}") };
    stage.expect(0, "export --kind bars_1m --out bars.csv");
    let mut broker = String::new();
    for line in fs::read_to_string(stage.path("bars.csv")).unwrap().lines() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if cells.last() == Some(&mark.bar_a.to_string()) {
            let close: f64 = cells[5].parse().unwrap();
            cells[3] = format!("{:.2}", close * 1.05);
            cells[5] = cells[3].clone();
        }
        broker.push_str(&format!("{}\n", cells[..7].join(",")));
    }
    stage.write("broker.csv", &broker);
    let all = ["conflation", "unexplained", "opening_price", "auction"].map(|cause| format!("{cause} = \"take\"\n"));
    stage.write("take.toml", &format!("[heal]\n{}", all.concat()));
    stage.expect(1, "recon --date 2021-06-04 --source broker.csv --map time=ts:s");
    let before = Tape::open(&DataDir::new(stage.path("data"))).unwrap().last_seq();
    let plan = stage.json(1, "heal --date 2021-06-04 --config take.toml --json");
    assert_eq!(plan["corrections"][0]["action"].as_str(), Some("take_broker"), "{plan}");
    let signals = plan["what_if"]["signals"].as_array().unwrap();
    assert!(!signals.is_empty() && !plan["what_if"]["orders"].as_array().unwrap().is_empty(), "{plan}");
    let recorded = derived(&tape).iter().filter(|(_, event)| matches!(event, Derived::Signal(_))).count();
    assert_eq!(plan["what_if"]["total"]["recorded"]["signals"].as_u64(), Some(recorded as u64));
    let text = stage.expect(1, "heal --date 2021-06-04 --config take.toml");
    assert!(text.contains("Signals that are not the same in both") && text.contains("add --apply"), "{text}");
    assert_eq!(Tape::open(&DataDir::new(stage.path("data"))).unwrap().last_seq(), before);
    stage.expect(0, "heal --date 2021-06-04 --config take.toml --apply");
    stage.expect(0, "replay --verify --date 2021-06-04");
}

#[test]
fn orders_fills_signals_and_marks_are_exported() {
    let (stage, tape) = traded();
    let lines = |kind: &str| {
        stage.expect(0, &format!("export --kind {kind} --out {kind}.csv"));
        let text = fs::read_to_string(stage.path(&format!("{kind}.csv"))).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let count = |of: fn(&Derived) -> bool| derived(tape).iter().filter(|(_, event)| of(event)).count() + 1;
    let orders = lines("orders");
    assert!(orders[0].starts_with("client_order_id,symbol,side,qty,price,status,ts,pair_id,seq,"), "{}", orders[0]);
    assert_eq!(orders.len(), count(|event| matches!(event, Derived::OrderCreated(_))));
    let fills = lines("fills");
    assert!(fills[0].starts_with("client_order_id,symbol,side,qty,price,status,ts,pair_id,seq,"), "{}", fills[0]);
    assert_eq!(fills.len(), count(|event| matches!(event, Derived::Fill(_))));
    assert_eq!(lines("signals").len(), count(|event| matches!(event, Derived::Signal(_))));
    assert_eq!(lines("pair_marks").len(), count(|event| matches!(event, Derived::PairMark(_))));
    for kind in ["orders", "fills", "signals", "pair_marks"] {
        stage.expect(0, &format!("export --kind {kind} --out {kind}.parquet"));
        let rows = stage.expect(0, &format!("export --kind {kind} --out - --format ndjson"));
        for row in rows.lines() {
            serde_json::from_str::<Value>(row).unwrap();
        }
    }
    let status = orders[0].split(',').position(|name| name == "status").unwrap();
    let stands = orders[1].split(',').nth(status).unwrap();
    assert!(OrderStatus::parse(stands).is_some_and(OrderStatus::is_terminal), "{stands}");
}
