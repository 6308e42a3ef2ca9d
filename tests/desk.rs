//! The pairs desk of a daemon: what a session opens with, what a reload changes, switches thrown with the daemon up and
//! down, and what goes over the night.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for what it names")]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod rehearsal;
mod stage;

use std::process::Command;
use std::time::{Duration, Instant};

use barkeep_schemas::{Derived, DeskOpened, DeskSetup, Event, EventKind, Input, NANOS, Scope, Seq, Ts};
use barkeep_storage::Filter;
use rehearsal::{Rehearsal, clock};

const NIGHT_NS: i64 = 3 * 86_400 * NANOS;

/// A whitelist of pairs `A B`, by minutes.
fn whitelist(date: &str, pairs: &[&str]) -> String {
    let pair = |pair: &&str| {
        let (a, b) = pair.split_once(' ').expect("two symbols");
        format!(
            "- {{a: {a}, b: {b}, tf: 1, beta: 1, intercept: 0, entry: 1, exit: 0.2, stop: 50, lookback: 8, max_hold: 90m, \
             bucket: LOW, gross_notional_inr: 200000, product: MIS, entry_until: 0s, flatten_before: 1m}}\n"
        )
    };
    let pairs: String = pairs.iter().map(pair).collect();
    format!("version: 1\ndate: {date}\npairs:\n{pairs}")
}

/// Every event of some kinds in the newest segment.
fn events(run: &Rehearsal, kinds: &[EventKind]) -> Vec<(Seq, Event)> {
    let (tape, segment) = run.tape();
    tape.scan_segment(&segment, &Filter::kinds(kinds.iter().copied())).map(|event| event.expect("an event")).collect()
}

fn opened(run: &Rehearsal) -> DeskOpened {
    match events(run, &[EventKind::SessionOpened]).pop().expect("a session") {
        (_, Event::Input(Input::SessionOpened(opened))) => *opened.desk.expect("a desk"),
        other => panic!("{other:?}"),
    }
}

fn changed(run: &Rehearsal) -> Vec<DeskSetup> {
    let setup = |(_, event)| match event {
        Event::Input(Input::DeskChanged(setup)) => *setup,
        other => panic!("{other:?}"),
    };
    events(run, &[EventKind::DeskChanged]).into_iter().map(setup).collect()
}

/// `scope on why`, in order.
fn switches(run: &Rehearsal) -> Vec<String> {
    let shown = |(_, event)| match event {
        Event::Derived(Derived::KillSwitched(of)) => format!("{} {} {}", of.scope, of.on, of.why),
        other => panic!("{other:?}"),
    };
    events(run, &[EventKind::KillSwitched]).into_iter().map(shown).collect()
}

/// `name exit_only`, by number.
fn pairs(setup: &DeskSetup) -> Vec<String> {
    setup.pairs.iter().map(|pair| format!("{} {}", pair.name, pair.exit_only)).collect()
}

/// Has the daemon read its files again.
fn hang_up(run: &Rehearsal) {
    const DONE: &str = "the configuration was read again";
    let before = run.log().matches(DONE).count();
    let pid = run.pid().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().expect("kill").success());
    wait_for(run, || run.log().matches(DONE).count() > before);
}

/// What a mark brought is on the tape some milliseconds after it.
#[track_caller]
fn wait_for(run: &Rehearsal, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", run.log());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn after(run: &Rehearsal, seconds: i64) -> Ts {
    Ts::new(run.now().get() + seconds * NANOS)
}

#[test]
fn a_desk_opens_changes_is_stopped_and_goes_over_the_night() {
    let files = "[pairs]\nfile = \"pairs.yaml\"\n[risk]\nkill_file = \"KILL\"\n";
    let mut run = Rehearsal::new("--seed 9 --quantum-ms 1000 --days 2 --instruments 5 --start 15:08", files);
    run.stage.write("pairs.yaml", &whitelist("2026-07-31", &["HDFCBANK ICICIBANK", "INFY NO-SUCH"]));
    run.start();
    run.live_until(clock(15, 10, 0));
    wait_for(&run, || !events(&run, &[EventKind::Tick]).is_empty());
    let first = opened(&run);
    assert_eq!(pairs(&first.setup), ["HDFCBANK_ICICIBANK_1m false"], "{}", run.log());
    assert_eq!(first.setup.whitelist_date.map(|date| date.to_string()).as_deref(), Some("2026-07-31"));
    assert_eq!(first.carried.scopes.len(), Scope::ALL.len());
    assert!(run.log().contains("NO-SUCH is not among the session's instruments"), "{}", run.log());

    // Legs are kept with five levels, others with the best.
    let deep = |symbol: &str| {
        let line = run.stage.expect(0, &format!("--config run.toml tape cat --kind tick --symbol {symbol} --json"));
        line.contains("\"bids\"")
    };
    assert_eq!((deep("HDFCBANK"), deep("ICICIBANK"), deep("INFY")), (true, true, false));

    // Limits and pairs change at SIGHUP; a pair that left may only be left.
    run.stage.write("pairs.yaml", &whitelist("2026-07-31", &["INFY ICICIBANK"]));
    hang_up(&run);
    run.live_until(after(&run, 5));
    run.stage
        .write("pairs.yaml", &whitelist("2026-07-31", &["INFY ICICIBANK", "ICICIBANK HDFCBANK", "HDFCBANK ICICIBANK"]));
    hang_up(&run);
    run.live_until(after(&run, 5));
    run.stage.write("pairs.yaml", &whitelist("2026-07-31", &["INFY ICICIBANK", "HDFCBANK ICICIBANK"]));
    hang_up(&run);
    hang_up(&run);
    run.live_until(after(&run, 5));
    wait_for(&run, || changed(&run).len() == 3);
    let setups = changed(&run);
    assert_eq!(
        setups.iter().map(pairs).collect::<Vec<_>>(),
        [
            vec!["HDFCBANK_ICICIBANK_1m true", "INFY_ICICIBANK_1m false"],
            vec!["HDFCBANK_ICICIBANK_1m true", "INFY_ICICIBANK_1m true"],
            vec!["HDFCBANK_ICICIBANK_1m false", "INFY_ICICIBANK_1m false"],
        ],
        "a list with the same two legs twice is refused as a whole"
    );
    assert_eq!(setups[1].whitelist_date, None);
    assert_eq!(events(&run, &[EventKind::InputRefused]), []);

    // Thrown with the daemon up, off with it down.
    let on = run.stage.json(0, "--config run.toml kill-switch on --bucket low --reason 'a test' --json");
    assert_eq!((on["bucket"].as_str(), on["session_open"].as_bool()), (Some("LOW"), Some(true)));
    run.stage.expect(0, "--config run.toml kill-switch on --flatten --reason 'a test'");
    run.stage.expect(2, "--config run.toml kill-switch on --reason ' '");
    run.stage.expect(2, "--config run.toml kill-switch off");
    run.live_until(after(&run, 5));
    assert_eq!(switches(&run), ["LOW true command", "global true command"]);
    let told = "a kill switch is on scope=\"global\" why=\"command\" flatten=true reason=\"a test\"";
    wait_for(&run, || run.log().contains(told));
    let (status, _) = run.terminate();
    assert_eq!(status.code(), Some(0), "{}", run.log());
    let off = run.stage.expect(0, "--config run.toml kill-switch off --reason 'all is well'");
    assert!(off.contains("the kill switch of the whole account is off: event"), "{off}");
    assert_eq!(switches(&run).last().map(String::as_str), Some("global false command"));

    // Restarted within the session it goes on from the tape, by the files of now; the close, the night, and the next morning.
    run.stage.write("pairs.yaml", &whitelist("2026-07-31", &["INFY ICICIBANK"]));
    run.start();
    run.live_until(after(&run, 5));
    wait_for(&run, || changed(&run).len() == 4);
    assert_eq!(pairs(&changed(&run)[3]), ["HDFCBANK_ICICIBANK_1m true", "INFY_ICICIBANK_1m false"]);
    run.stage.write("pairs.yaml", &whitelist("2026-07-31", &["INFY ICICIBANK", "HDFCBANK ICICIBANK"]));
    hang_up(&run);
    run.live_until(clock(15, 20, 0));
    run.live_until(Ts::new(clock(9, 1, 0).get() + NIGHT_NS));
    wait_for(&run, || run.tape().0.segments().len() == 2 && !events(&run, &[EventKind::KillSwitched]).is_empty());
    let second = opened(&run);
    assert_eq!(pairs(&second.setup)[..1], ["INFY_ICICIBANK_1m false"], "the list of the day before is watched");
    assert!(run.log().contains("no entries: the whitelist is for 2026-07-31"), "{}", run.log());
    assert_eq!(second.carried.kills.iter().map(|kill| kill.scope).collect::<Vec<_>>(), [Scope::Low]);
    assert_eq!(second.carried.pairs.len(), 2);
    for pair in &second.carried.pairs {
        assert_eq!(pair.spreads.len(), 8, "{pair:?}");
    }
    assert_eq!(switches(&run), ["LOW true carried"]);

    // The kill file throws the switch once, and takes a person to get off.
    run.stage.write("KILL", "");
    wait_for(&run, || run.log().contains("the kill switch of the whole account is on"));
    run.live_until(after(&run, 5));
    run.stage.expect(2, "--config run.toml kill-switch off --reason 'too early'");
    std::fs::remove_file(run.stage.path("KILL")).expect("a file");
    run.stage.expect(0, "--config run.toml kill-switch off --reason 'the file is gone'");
    assert_eq!(switches(&run), ["LOW true carried", "global true command", "global false command"]);
    let (status, _) = run.terminate();
    assert_eq!(status.code(), Some(0), "{}", run.log());
    for date in ["2026-07-31", "2026-08-03"] {
        let verdict = run.stage.json(0, &format!("--config run.toml replay --verify --json --date {date}"));
        assert_eq!(verdict["differences"], 0, "{verdict}");
    }
}

#[test]
fn a_switch_that_is_thrown_before_anything_was_recorded_is_on_in_the_first_session() {
    let files = "[pairs]\nfile = \"pairs.yaml\"\n";
    let mut run = Rehearsal::new("--seed 9 --quantum-ms 1000 --instruments 5 --start 15:08", files);
    let on = run.stage.expect(0, "--config run.toml kill-switch on --flatten --reason 'not today'");
    assert!(on.contains("no session is open: so it is when the next one opens"), "{on}");
    run.start();
    run.live_until(clock(15, 9, 0));
    wait_for(&run, || run.tape().0.segments().len() == 2 && !events(&run, &[EventKind::SessionOpened]).is_empty());
    let desk = opened(&run);
    let kill = &desk.carried.kills[0];
    assert_eq!((kill.scope, kill.flatten, kill.reason.as_str()), (Scope::Global, true, "not today"));
    assert_eq!((desk.setup.whitelist_date, desk.setup.pairs.len()), (None, 0));
    assert!(run.log().contains("no entries: no whitelist: cannot read pairs.yaml"), "{}", run.log());
}
