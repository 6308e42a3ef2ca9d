//! Every case of entry and exit.

use alloc::string::String;
use alloc::vec::Vec;

use barkeep_schemas::{PairSpec, PairState, Real, SignalAction, SignalReason};

use super::stage::*;

/// Plays a script on a pair with a full window at 09:35. A number is the next mark's z; a state is where the executor has
/// the pair from now on (`open`: since now); `@HH:MM` is when the next bucket ends; `clock@HH:MM:SS` is a clock mark.
fn play(spec: &PairSpec, script: &str) -> Stage {
    let mut stage = Stage::warm(spec);
    for word in script.split_whitespace() {
        if let Some(time) = word.strip_prefix("clock@") {
            stage.now = at(time);
            stage.clock();
        } else if let Some(time) = word.strip_prefix('@') {
            stage.next = at(&alloc::format!("{time}:00")) - MINUTE;
        } else if let Some(state) = PairState::ALL.iter().find(|state| state.name().eq_ignore_ascii_case(word)) {
            stage.stand(*state);
        } else {
            stage.mark(word.parse().expect("a z"));
        }
    }
    stage
}

fn said(spec: &PairSpec, script: &str) -> String {
    play(spec, script).said().join(", ")
}

#[test]
fn every_way_to_enter_and_not_to() {
    let cases = [
        ("back from above", "2.5 1.8", "enter_short entry"),
        ("back from below", "-2.5 -1.8", "enter_long entry"),
        ("inside all the time", "1.9 1.8 -1.9", ""),
        ("going out", "1.8 2.5", ""),
        ("outside all the time", "2.5 2.6 2.4", ""),
        ("back after some time outside", "2.5 2.6 2.4 1.9", "enter_short entry"),
        ("back beyond the exit band", "2.5 0.4", ""),
        ("back just outside the exit band", "2.5 0.51", "enter_short entry"),
        ("through to the other side", "2.5 -1.8", ""),
        ("through to the other side, outside", "2.5 -2.5", ""),
        ("through and back on that side", "2.5 -2.5 -1.8", "enter_long entry"),
        ("back from beyond the stop", "3.4 1.9", "enter_short entry"),
        ("a mark inside comes between", "2.5 0.4 1.9", ""),
        ("asked once while the executor has it", "2.5 1.8 entering 2.5 1.8", "enter_short entry"),
        ("not while it is held", "open 2.5 1.8", ""),
        ("asked again when it stayed flat", "2.5 1.8 2.5 1.8", "enter_short entry, enter_short entry"),
        ("asked while it is being left, for the executor to refuse", "exiting 2.5 1.8", "enter_short entry"),
        ("asked while it is unwound, for the executor to refuse", "unwinding 2.5 1.8", "enter_short entry"),
    ];
    for (name, script, expected) in cases {
        assert_eq!(said(&spec(), script), expected, "{name}");
    }
}

#[test]
fn the_hours_of_entry() {
    let early = PairSpec { entry_from_ns: at("09:40:00") - DAY, ..spec() };
    let cases = [
        ("before", "@09:38 2.5 1.8", ""),
        ("outside before, back within", "@09:38 2.5 @09:40 1.8", "enter_short entry"),
        ("the last before half an hour before the flatten", "@14:48 2.5 1.8", "enter_short entry"),
        ("half an hour before the flatten", "@14:49 2.5 1.8", ""),
        ("after the flatten", "@15:25 2.5 1.8", ""),
        ("when the day is over", "@15:29 2.5 1.8", ""),
    ];
    for (name, script, expected) in cases {
        assert_eq!(said(&early, script), expected, "{name}");
    }
    // The bounds to the nanosecond: a mark of 10:01:03 and its `from`, and its `until`.
    for (off, expected) in [(0, "enter_short entry"), (1, "")] {
        let from = PairSpec { entry_from_ns: at("10:01:03") + off - DAY, ..spec() };
        assert_eq!(said(&from, "@10:00 2.5 1.8"), expected, "from, {off}");
        let until = PairSpec { entry_until_ns: at("15:20:00") - at("10:01:03") - 1 + off, ..spec() };
        assert_eq!(said(&until, "@10:00 2.5 1.8"), expected, "until, {off}");
    }
    let late = PairSpec { entry_from_ns: 0, ..spec() };
    let mut before_open = Stage::warm(&late);
    let hours = super::super::PairHours { open: at("11:00:00"), ..HOURS };
    before_open.watch.reload(&setup(&[late]), &[hours]);
    before_open.mark(2.5);
    before_open.mark(1.8);
    assert_eq!(before_open.signals, []);
}

#[test]
fn every_way_to_leave_and_not_to() {
    let cases = [
        ("reverted", "open 1.0 0.4", "exit revert"),
        ("reverted from below", "open -1.0 -0.4", "exit revert"),
        ("through zero and beyond is not reverted", "open 1.0 -0.6", ""),
        ("stopped", "open 2.5 3.1", "exit stop"),
        ("stopped on the other side", "open 1.0 -3.1", "exit stop"),
        ("neither", "open 1.0 2.9", ""),
        ("while it is being entered", "entering 0.4", "exit revert"),
        ("stopped while it is being entered", "entering 3.1", "exit stop"),
        ("flat", "0.4 3.1", ""),
        ("on its way out", "exiting 0.4 3.1", ""),
        ("unwound", "unwinding 0.4 3.1", ""),
        ("held too long, by the clock", "@10:00 1.0 open @11:59 1.0 clock@12:00:02 clock@12:00:03", "exit timeout"),
        ("held too long, by a mark", "@10:00 1.0 open @12:00 1.0", "exit timeout"),
        ("reverting comes before too long", "@10:00 1.0 open @12:00 0.4", "exit revert"),
        ("stopping comes before too long", "@10:00 1.0 open @12:00 3.1", "exit stop"),
        ("too long comes before the flatten", "@13:20 1.0 open @15:20 1.0", "exit timeout"),
        ("the day's end, by the clock", "@15:19 1.0 open clock@15:19:59 clock@15:20:00", "exit flatten"),
        ("the day's end, by a mark", "@15:19 1.0 open @15:20 1.0", "exit flatten"),
        ("the day's end while it is being entered", "@15:19 1.0 entering clock@15:20:00", "exit flatten"),
        ("flat at the day's end", "@15:19 1.0 clock@15:20:00", ""),
        ("nobody trades any more", "@15:19 1.0 open clock@15:30:00 @15:30 0.4", ""),
        ("nothing to see for five minutes", "@10:00 1.0 open clock@10:05:02 clock@10:05:03", "exit stale"),
        ("nothing to see, flat", "@10:00 1.0 clock@10:30:00", ""),
        ("the end of the bucket counts", "open @10:00 1.0 clock@10:04:59 clock@10:05:00", "exit stale"),
        (
            "said again as long as the executor has it open",
            "@15:19 1.0 open clock@15:20:00 clock@15:20:01",
            "exit flatten, exit flatten",
        ),
    ];
    for (name, script, expected) in cases {
        // Held since before the day's last minutes, the script's own way there is no silence.
        assert_eq!(said(&spec(), script), expected, "{name}");
    }
}

#[test]
fn a_carried_position_is_left_by_time_once_both_legs_trade() {
    let spec = PairSpec { stale_after_ns: 60 * MINUTE, ..spec() };
    let mut stage = Stage::cold(&spec, &nothing());
    stage.standings[0] =
        crate::desk::types::Standing { state: PairState::Open, held_since: Some(at("09:15:00") - 86_400 * SECOND) };
    stage.now = HOURS.open - 1;
    stage.clock();
    assert_eq!(stage.signals, []);
    stage.now = HOURS.open;
    stage.clock();
    assert_eq!(stage.said(), ["exit timeout"]);
    let patient = PairSpec { max_hold_ns: i64::MAX, ..spec };
    stage.watch.reload(&setup(&[patient]), &[HOURS]);
    stage.now = HOURS.open + 60 * MINUTE - 1;
    stage.clock();
    stage.now += 1;
    stage.clock();
    assert_eq!(stage.said(), ["exit timeout", "exit stale"], "without a mark, silence is counted from the open");
}

#[test]
fn after_a_stop() {
    let twice = PairSpec { max_stops: 2, ..spec() };
    let stopped = "open 2.5 3.1 exiting flat";
    let cases = [
        (1, "no more after the last", "2.5 1.8 0.4 2.5 1.8", "exit stop"),
        (2, "none before the spread was back", "2.9 1.8 2.5 1.8", "exit stop"),
        (2, "again once it was", "2.9 1.8 0.4 2.5 1.8", "exit stop, enter_short entry"),
        (
            2,
            "not after the second",
            "0.4 2.5 1.8 open 3.1 exiting flat 0.4 2.5 1.8",
            "exit stop, enter_short entry, exit stop",
        ),
        (0, "none at all", "", "exit stop"),
    ];
    for (max_stops, name, rest, expected) in cases {
        let script = alloc::format!("{stopped} {rest}");
        assert_eq!(said(&PairSpec { max_stops, ..twice.clone() }, &script), expected, "{name}");
    }
    assert_eq!(said(&PairSpec { max_stops: 0, ..spec() }, "2.5 1.8"), "", "a limit of zero allows nothing");
    // A stop that the executor could not follow is one stop, however often it is said.
    assert_eq!(said(&twice, "open 3.1 3.6 exiting flat 0.4 2.5 1.8"), "exit stop, exit stop, enter_short entry");
    // |z| = exit is back.
    let mut probe = play(&twice, "open 2.5 3.1 exiting flat");
    let exit = probe.mark(0.4);
    for (exit, expected) in [(exit, 2), (Real::new(exit.get().next_down()).expect("a number"), 1)] {
        let script = "open 2.5 3.1 exiting flat 0.4 2.5 1.8";
        assert_eq!(play(&PairSpec { exit, ..twice.clone() }, script).signals.len(), expected);
    }
    // Other exits do not count.
    assert_eq!(said(&spec(), "open 0.4 flat 2.5 1.8 open 0.4 flat 2.5 1.8").matches("entry").count(), 2);
}

#[test]
fn a_pair_that_may_only_be_left() {
    let only = PairSpec { exit_only: true, ..spec() };
    assert_eq!(said(&only, "2.5 1.8 open 0.4"), "exit revert");
    let mut stage = Stage::warm(&spec());
    stage.watch.reload(&setup(&[]), &[]);
    stage.mark(2.5);
    stage.mark(1.8);
    stage.stand(PairState::Open);
    stage.mark(0.4);
    assert_eq!(stage.said(), ["exit revert"], "gone from the whitelist");
    stage.stand(PairState::Flat);
    stage.watch.reload(&setup(&[spec()]), &[HOURS]);
    stage.mark(2.5);
    stage.mark(1.8);
    assert_eq!(stage.said(), ["exit revert", "enter_short entry"], "back on it");
}

/// The bounds themselves: the z of a mark is made the threshold.
#[test]
fn bounds_belong_to_the_band() {
    let mut probe = Stage::warm(&spec());
    let (out, back) = (probe.mark(2.5), probe.mark(1.8));
    let above = |z: Real| Real::new(z.get().next_up()).expect("a number");
    let below = |z: Real| Real::new(z.get().next_down()).expect("a number");
    let entry = |entry| said(&PairSpec { entry, ..spec() }, "2.5 1.8");
    assert_eq!(entry(back), "enter_short entry", "|z| = entry is inside");
    assert_eq!(entry(below(back)), "");
    assert_eq!(entry(out), "", "|z| = entry before is not outside");
    assert_eq!(entry(below(out)), "enter_short entry");
    let exit_of_entry = |exit| said(&PairSpec { exit, ..spec() }, "2.5 1.8");
    assert_eq!(exit_of_entry(back), "", "|z| = exit is reverted");
    assert_eq!(exit_of_entry(below(back)), "enter_short entry");
    let revert = |exit| said(&PairSpec { exit, stop: Real::new(9.0).expect("a number"), ..spec() }, "2.5 open 1.8");
    assert_eq!(revert(back), "exit revert");
    assert_eq!(revert(below(back)), "");
    let stop = |stop| said(&PairSpec { stop, ..spec() }, "open 2.5");
    assert_eq!(stop(out), "exit stop");
    assert_eq!(stop(above(out)), "");
}

#[test]
fn a_signal_says_what_it_follows_from() {
    let stage = play(&spec(), "2.5 1.8 open clock@10:30:00");
    let marks: Vec<_> = stage.marks.iter().map(|(seq, mark)| (*seq, mark.z)).collect();
    let (_, entry) = &stage.signals[0];
    assert_eq!((entry.mark, entry.z, entry.z_before), (Some(marks[1].0), marks[1].1, marks[0].1));
    assert_eq!((entry.threshold, entry.cause.0 < marks[1].0.0), (Some(spec().entry), true));
    assert_eq!((entry.action, entry.ts.get()), (SignalAction::EnterShort, at("09:37:03")));
    let (_, stale) = &stage.signals[1];
    assert_eq!((stale.reason, stale.mark, stale.z, stale.z_before), (SignalReason::Stale, None, None, None));
    assert_eq!((stale.threshold, stale.ts.get()), (None, at("10:30:00")));
    assert_eq!(stage.watch.last_z(spec().id), marks[1].1);
    for (script, threshold) in [("open 0.4", spec().exit), ("open 3.1", spec().stop)] {
        assert_eq!(play(&spec(), script).signals[0].1.threshold, Some(threshold));
    }
}

#[test]
fn an_input_makes_one_signal_of_a_pair() {
    let mut stage = Stage::warm(&spec());
    stage.mark(1.0);
    stage.stand(PairState::Open);
    let (start, close) = (stage.begin(), stage.close_for(0.4));
    stage.now = at("15:20:00");
    stage.step(&[(A, start, close, 0)]);
    stage.now = start + MINUTE;
    stage.derive(|watch, seq, standings, now, out, signals| {
        watch.bar(&bar(B, start, ONE, 0, seq), seq, standings, now, out, signals);
        watch.clock(at("15:20:00"), standings, out, signals);
        watch.kill(&|_| true, now, standings, out, signals);
    });
    assert_eq!(stage.said(), ["exit revert"]);
}

#[test]
fn a_kill_switch_asks_for_what_is_held() {
    for (state, expected) in [
        (PairState::Flat, 0),
        (PairState::Entering, 1),
        (PairState::Open, 1),
        (PairState::Exiting, 0),
        (PairState::Unwinding, 0),
    ] {
        let mut stage = Stage::warm(&spec());
        stage.stand(state);
        stage.derive(|watch, _, standings, now, out, signals| watch.kill(&|_| false, now, standings, out, signals));
        assert_eq!(stage.signals, []);
        stage.derive(|watch, _, standings, now, out, signals| watch.kill(&|_| true, now, standings, out, signals));
        assert_eq!(stage.said().iter().filter(|said| *said == "exit kill").count(), expected, "{state}");
    }
}
