//! An hour of compressed chaos: every kind of fault that a feed can have, several times. The simulator's ledger and the
//! tape agree item by item, both ways; the session is replayed bit for bit; and no tick is lost outside the gaps.
//!
//! What the last means exactly: the simulator sends an instrument's state at most every 250 ms, in slots that depend on
//! nothing but the time. So an undisturbed run of the same seed receives, slot by slot, what the disturbed one receives
//! while its websocket is whole. Each tick of the undisturbed tape must be on the disturbed one with the same receipt,
//! prices and volume, unless
//! - the ledger says that this very tick was dropped, held back, or reordered (then it may come later or never), or
//! - the broker itself was silent for less than the watchdog waits, and sent the state at the end of it (the ledger has
//!   these pauses), or
//! - its stamp lies in a gap of the tape.
//!
//! And in the end every instrument stands at the same volume.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a test looks for what it names"
)]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod rehearsal;
mod stage;

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use barkeep::cli::account::{Account, Injected, Watchdogs, read_ledger};
use barkeep_schemas::{Event, EventKind, FeedGap, FeedId, Input, NANOS, SessionOpened, Tick, Ts};
use barkeep_sim::faults::FaultKind;
use barkeep_storage::{Filter, SegmentInfo, Tape};
use rehearsal::{Rehearsal, clock};
use stage::torture;

const QUANTUM_NS: i64 = 250_000_000;

const WATCH: Watchdogs =
    Watchdogs { mute_ns: 9 * NANOS, silent_ns: 20 * NANOS, skew_ns: 2 * NANOS, quantum_ns: QUANTUM_NS };

/// What ten minutes hold; the hour has it six times, shifted by a few seconds each time. Minutes and seconds behind the
/// beginning of the ten minutes.
const FAULTS: &[(i64, i64, &str)] = &[
    (0, 40, "disconnect"),
    (1, 0, "disconnect connection=1"),
    (1, 20, "disconnect for=12s"),
    (2, 0, "mute for=20s"),
    (2, 45, "silent for=30s"),
    (3, 50, "refuse-upgrade for=5s status=503"),
    (3, 51, "disconnect"),
    (4, 20, "duplicate for=5s share=0.3"),
    (4, 30, "delay for=5s by=1500ms share=0.3"),
    (4, 45, "reorder for=5s share=0.3"),
    (4, 55, "drop for=5s share=0.3"),
    (5, 10, "truncate count=2"),
    (5, 20, "garbage count=2"),
    (5, 30, "garbage count=7"),
    (5, 50, "unknown-length count=3"),
    (6, 10, "clock-skew for=10s by=20s"),
    (6, 40, "clock-skew for=10s by=-15s"),
    (7, 10, "delay for=10s by=4s share=0.1"),
    (7, 12, "disconnect"),
    (7, 40, "token-death"),
    (8, 50, "mute for=5s"),
    (9, 10, "silent for=8s"),
    (9, 30, "clock-skew for=5s by=-20s symbols=INFY"),
];

fn plan(tens: i64) -> String {
    let mut plan =
        "--fault 'rest-error at=08:58:00 for=20s path=/instruments' --fault 'slow at=08:58:20 for=60s by=3s \
                    path=/instruments'"
            .to_owned();
    for ten in 0..tens {
        for (minute, second, fault) in FAULTS {
            let at = (9 * 60 + 15 + ten * 10 + minute) * 60 + second + 3 * ten;
            let (kind, rest) = fault.split_once(' ').unwrap_or((fault, ""));
            let clock = format!("{:02}:{:02}:{:02}", at / 3_600, at / 60 % 60, at % 60);
            plan.push_str(&format!(" --fault '{kind} at={clock} {rest}'"));
        }
    }
    plan
}

/// Lives from before the pre-open phase up to a moment, and is told to stop.
fn lived(faults: &str, until: Ts) -> Rehearsal {
    let sim = format!("--seed 3 --instruments 12 --start 08:58 --quantum-ms 250 {faults}");
    let mut run = Rehearsal::new(&sim, "[feed]\nconnections = 2\ninstruments_per_connection = 5\n");
    run.start();
    let deaths: Vec<Ts> = read_plan(faults);
    for death in deaths {
        // Half a minute without a token, then somebody logs in.
        run.live_until(Ts::new(death.get() + 30 * NANOS));
        run.log_in();
    }
    run.live_until(until);
    let (status, took) = run.terminate();
    assert_eq!(status.code(), Some(0), "{}", run.log());
    assert!(took.as_secs() < 5, "{took:?}");
    // What was held back for its websockets is lost now, and the ledger says so.
    run.alone_until(Ts::new(run.now().get() + NANOS));
    run
}

/// When tokens die.
fn read_plan(faults: &str) -> Vec<Ts> {
    let deaths = faults.split("token-death at=").skip(1);
    let clock = |text: &str| -> Ts {
        let part = |at: usize| text[at..at + 2].parse().expect("a number");
        clock(part(0), part(3), part(6))
    };
    deaths.map(clock).collect()
}

struct Lived {
    session: Box<SessionOpened>,
    ticks: Vec<Tick>,
    gaps: Vec<FeedGap>,
}

fn read(tape: &Tape, segment: &SegmentInfo) -> Lived {
    let (mut session, mut ticks, mut gaps) = (None, Vec::new(), Vec::new());
    let kinds = Filter::kinds([EventKind::SessionOpened, EventKind::Tick, EventKind::FeedGap]);
    for event in tape.scan_segment(segment, &kinds) {
        match event.expect("an event").1 {
            Event::Input(Input::SessionOpened(of)) => session = Some(of),
            Event::Input(Input::Tick(tick)) => ticks.push(tick),
            Event::Input(Input::FeedGap(gap)) => gaps.push(gap),
            other => panic!("{other:?}"),
        }
    }
    Lived { session: session.expect("a session"), ticks, gaps }
}

/// A tick without its stamps, which a skewed clock moves.
type Slot = (u32, i64, i64, Option<i64>, Option<i64>);

fn slot(tick: &Tick) -> Slot {
    let qty = |of: Option<barkeep_schemas::Qty>| of.map(barkeep_schemas::Qty::get);
    (
        tick.instrument.0,
        tick.recv.get(),
        tick.price.get(),
        qty(tick.cum_volume),
        tick.bid.map(barkeep_schemas::Price::get),
    )
}

fn is_in_gap(gaps: &[FeedGap], feed: FeedId, stamp: Ts) -> bool {
    gaps.iter().any(|gap| gap.feed == feed && gap.from <= stamp && stamp <= gap.to)
}

/// Whether the ledger says that a tick did not come, or came at another time.
fn is_named(ledger: &[Injected], token: u32, tick: &Tick) -> bool {
    ledger.iter().any(|fault| match fault.kind {
        FaultKind::Drop | FaultKind::Delay | FaultKind::Reorder => {
            fault.token == Some(token) && fault.at <= tick.recv && tick.recv.get() < fault.at.get() + QUANTUM_NS
        }
        // A pause: the state comes at its end, in the first slot.
        FaultKind::Mute | FaultKind::Silent => {
            let until = fault.until.expect("an end").get();
            until - fault.at.get() < WATCH.mute_ns && fault.at <= tick.recv && tick.recv.get() <= until + QUANTUM_NS
        }
        _ => false,
    })
}

/// Faults at moments drawn from the seed, over a whole day, so that they meet each other as they like.
const DRAWN: &[&str] = &[
    "disconnect drawn=40 for=3s",
    "mute drawn=20 for=15s",
    "mute drawn=20 for=4s",
    "silent drawn=15 for=25s",
    "silent drawn=15 for=7s",
    "refuse-upgrade drawn=20 for=6s",
    "duplicate drawn=20 for=10s share=0.1",
    "delay drawn=20 for=10s by=2500ms share=0.1",
    "reorder drawn=20 for=10s share=0.1",
    "drop drawn=20 for=10s share=0.1",
    "truncate drawn=20",
    "garbage drawn=20 count=3",
    "garbage drawn=10 count=7",
    "unknown-length drawn=20 count=2",
    "clock-skew drawn=8 for=20s by=30s",
    "clock-skew drawn=8 for=20s by=-30s",
];

#[test]
fn faults_drawn_over_a_day_are_accounted_for_too() {
    let (seeds, start) = if torture() { (21..24, "08:58") } else { (21..22, "14:50") };
    for seed in seeds {
        let faults: String = DRAWN.iter().map(|fault| format!(" --fault '{fault}'")).collect();
        let sim = format!("--seed {seed} --instruments 8 --start {start} --quantum-ms 250 {faults}");
        let mut run = Rehearsal::new(&sim, "[feed]\nconnections = 2\ninstruments_per_connection = 4\n");
        run.start();
        run.live_until(clock(15, 31, 0));
        assert_eq!(run.terminate().0.code(), Some(0), "{}", run.log());
        run.alone_until(Ts::new(run.now().get() + NANOS));
        run.verify();
        let ledger = read_ledger(&run.ledger()).expect("the ledger");
        let (tape, segment) = run.tape();
        let account = Account::of(&ledger, &tape, &segment, WATCH, &[]).expect("an account");
        assert!(account.open.is_empty(), "seed {seed}:\n{}\n{}", account.open.join("\n"), run.log());
        let each = account.entries.iter().map(|entry| format!("{} {}", entry.injected, entry.kind));
        eprintln!("seed {seed}: {}", each.collect::<Vec<_>>().join(", "));
    }
}

/// An account that found everything in order however ledger and tape differ would be worth nothing.
fn nothing_goes_unseen(ledger: &[Injected], tape: &Tape, segment: &SegmentInfo, until: Ts) {
    let open = |ledger: &[Injected]| Account::of(ledger, tape, segment, WATCH, &[]).expect("an account").open;
    // What is on the tape and not in the ledger.
    let shows = |kind: FaultKind| {
        !matches!(
            kind,
            FaultKind::Delay
                | FaultKind::Duplicate
                | FaultKind::Reorder
                | FaultKind::Drop
                | FaultKind::RestError
                | FaultKind::Slow
        )
    };
    let mut kinds: Vec<FaultKind> = ledger.iter().map(|fault| fault.kind).filter(|kind| shows(*kind)).collect();
    kinds.sort();
    kinds.dedup();
    for kind in kinds {
        let without: Vec<Injected> = ledger.iter().filter(|fault| fault.kind != kind).cloned().collect();
        assert!(!open(&without).is_empty(), "{} without an entry goes unseen", kind.name());
    }
    // What is in the ledger and not on the tape, in a quiet minute.
    let at = Ts::new(until.get() - 50 * NANOS);
    let quiet = read(tape, segment);
    let key = |tick: &Tick| (tick.instrument, tick.cum_volume, tick.ts);
    let is_lone = |tick: &&Tick| quiet.ticks.iter().filter(|other| key(other) == key(tick)).count() == 1;
    let mut calm = quiet.ticks.iter().filter(|tick| tick.recv > at && tick.recv.get() < at.get() + 20 * NANOS);
    let tick = calm.find(is_lone).expect("a tick");
    let plain = Injected {
        at,
        kind: FaultKind::Disconnect,
        until: None,
        connection: None,
        token: None,
        volume: None,
        exchange_time: None,
        by_ns: None,
        lost: false,
        status: None,
        request: None,
        candle: None,
    };
    let lasting = Injected { until: Some(Ts::new(at.get() + 30 * NANOS)), connection: Some(1), ..plain.clone() };
    let of_tick = Injected {
        at: tick.recv,
        connection: Some(1),
        token: Some(quiet.session.instruments[tick.instrument.0 as usize].token),
        volume: tick.cum_volume.map(barkeep_schemas::Qty::get),
        exchange_time: Some(tick.ts.secs()),
        ..plain.clone()
    };
    let forged = [
        plain.clone(),
        Injected { connection: Some(1), ..plain.clone() },
        Injected { kind: FaultKind::RefuseUpgrade, status: Some(503), ..plain.clone() },
        Injected { kind: FaultKind::TokenDeath, ..plain.clone() },
        Injected { kind: FaultKind::Truncate, connection: Some(1), ..plain.clone() },
        Injected { kind: FaultKind::Garbage, connection: Some(1), ..plain.clone() },
        Injected { kind: FaultKind::UnknownLength, connection: Some(1), ..plain.clone() },
        Injected { kind: FaultKind::Endless, request: Some("GET /instruments".into()), ..plain },
        Injected { kind: FaultKind::Mute, ..lasting.clone() },
        Injected { kind: FaultKind::Silent, ..lasting.clone() },
        Injected { kind: FaultKind::ClockSkew, by_ns: Some(20 * NANOS), connection: None, ..lasting },
        Injected { kind: FaultKind::Duplicate, ..of_tick.clone() },
        Injected { kind: FaultKind::Drop, ..of_tick.clone() },
        Injected { kind: FaultKind::Reorder, volume: Some(1), ..of_tick.clone() },
        Injected { kind: FaultKind::Delay, by_ns: Some(NANOS), ..of_tick },
    ];
    for fault in forged {
        let name = fault.kind.name();
        let with: Vec<Injected> = ledger.iter().cloned().chain([fault]).collect();
        assert_eq!(open(&with).len(), 1, "a forged {name}");
    }
}

#[test]
fn every_fault_shows_on_the_tape_and_no_tick_is_lost_outside_the_gaps() {
    let begun = Instant::now();
    let tens = if torture() { 6 } else { 1 };
    let until = clock(9, 15 + 10 * tens, 30);
    let calm = lived("", until);
    let run = lived(&plan(tens), until);
    run.verify();
    calm.verify();

    let ledger = read_ledger(&run.ledger()).expect("the ledger");
    let (tape, segment) = run.tape();
    let account = Account::of(&ledger, &tape, &segment, WATCH, &[]).expect("an account");
    for entry in &account.entries {
        eprintln!(
            "{:16} {:5} injected, {:5} accounted for: {}",
            entry.kind, entry.injected, entry.accounted_for, entry.seen_as
        );
    }
    assert!(account.open.is_empty(), "{}\n{}", account.open.join("\n"), run.log());
    let wanted: Vec<&str> = FAULTS.iter().map(|(_, _, fault)| fault.split(' ').next().expect("a kind")).collect();
    for kind in wanted.into_iter().chain(["rest-error", "slow"]) {
        assert!(account.entries.iter().any(|entry| entry.kind == kind), "{kind} never struck");
    }

    nothing_goes_unseen(&ledger, &tape, &segment, until);

    // SIGTERM is taken some marks later, how many depends on the host.
    let upto = |mut lived: Lived| {
        lived.ticks.retain(|tick| tick.recv <= until);
        lived
    };
    let whole = upto(read(&calm.tape().0, &calm.tape().1));
    let lived = upto(read(&tape, &segment));
    assert_eq!(whole.gaps, [], "an undisturbed run has no gap");
    assert_eq!(whole.session.instruments, lived.session.instruments);
    let mut there: HashMap<Slot, u64> = HashMap::new();
    for tick in &lived.ticks {
        *there.entry(slot(tick)).or_default() += 1;
    }
    let (mut kept, mut in_gaps, mut named) = (0_u64, 0_u64, 0_u64);
    // Before the first phase nothing is traded, and no gap is logged.
    for tick in whole.ticks.iter().filter(|tick| tick.recv >= clock(9, 0, 0)) {
        let instrument = &whole.session.instruments[tick.instrument.0 as usize];
        if let Some(count) = there.get_mut(&slot(tick)).filter(|count| **count > 0) {
            *count -= 1;
            kept += 1;
        } else if is_named(&ledger, instrument.token, tick) {
            named += 1;
        } else {
            assert!(
                is_in_gap(&lived.gaps, tick.feed, tick.ts),
                "lost outside of every gap: {tick:?}\n{:?}",
                lived.gaps
            );
            in_gaps += 1;
        }
    }
    let volumes = |ticks: &[Tick]| -> BTreeMap<u32, i64> {
        let mut volumes = BTreeMap::new();
        for tick in ticks {
            let volume = volumes.entry(tick.instrument.0).or_default();
            *volume = tick.cum_volume.map_or(0, barkeep_schemas::Qty::get).max(*volume);
        }
        volumes
    };
    assert_eq!(volumes(&whole.ticks), volumes(&lived.ticks), "the same volume in the end");
    eprintln!(
        "{} faults in {} minutes; {} ticks undisturbed: {kept} came, {in_gaps} lie in {} gaps, {named} are named by the ledger; {:.0} s",
        ledger.len(),
        10 * tens,
        whole.ticks.len(),
        lived.gaps.len(),
        begun.elapsed().as_secs_f64(),
    );
}
