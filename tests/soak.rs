//! Days on end in one daemon: a session opened, closed and replayed each day, a list of instruments and a login each
//! morning, and a memory that stays flat.
//!
//! The bound: behind the first session's close the daemon's resident memory never lies more than a quarter and 16 MiB above
//! the most that it was up to there.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for what it names")]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod rehearsal;
mod stage;

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use barkeep_schemas::{Event, EventKind, GapCause, Input, NANOS, Ts};
use barkeep_storage::Filter;
use rehearsal::{Rehearsal, clock, hms};
use stage::torture;

const HOUR_NS: i64 = 3_600 * NANOS;

/// Resident memory of a process, KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// Processor time of a process so far, in hundredths of a second.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let (_, rest) = stat.rsplit_once(')').expect("its name");
    let words: Vec<&str> = rest.split_whitespace().collect();
    words[11].parse::<u64>().expect("utime") + words[12].parse::<u64>().expect("stime")
}

#[test]
fn days_on_end_leave_the_memory_flat() {
    let begun = Instant::now();
    // Small: the last minutes of a day, a night, and the next morning. Large: five whole days.
    let (days, sim, until) = if torture() {
        (5, "--days 5 --instruments 50 --start 08:58", None)
    } else {
        (2, "--days 2 --instruments 5 --start 15:20", Some(clock(9, 25, 0).get() + 3 * 24 * HOUR_NS))
    };
    let mut run = Rehearsal::new(&format!("--seed 9 --quantum-ms 1000 {sim}"), "");
    run.start();
    let pid = run.pid();
    let mut samples = vec![(run.now(), resident_kib(pid))];
    let mut first_close = None;
    while !run.is_over() && until.is_none_or(|until| run.now().get() < until) {
        let before = run.now();
        let step = if torture() { HOUR_NS } else { HOUR_NS / 12 };
        let target = before.get() + step;
        run.live_until(Ts::new(until.map_or(target, |until| target.min(until))));
        samples.push((run.now(), resident_kib(pid)));
        if run.now().get() - before.get() > 6 * HOUR_NS {
            first_close.get_or_insert(samples.len() - 1);
        }
    }
    let (ticks, idle) = (cpu_ticks(pid), Duration::from_secs(3));
    sleep(idle);
    let idle_percent = (cpu_ticks(pid) - ticks) as f64 / idle.as_secs_f64();
    if run.is_over() {
        run.finish();
    } else {
        assert_eq!(run.terminate().0.code(), Some(0), "{}", run.log());
    }
    for (at, kib) in &samples {
        eprintln!("{} {} {:.1} MiB", at.secs().div_euclid(86_400), hms(*at), *kib as f64 / 1024.0);
    }
    let first_close = first_close.expect("a night");
    let most = samples[..first_close].iter().map(|(_, kib)| *kib).max().expect("a sample");
    let later = samples[first_close..].iter().map(|(_, kib)| *kib).max().expect("a sample");
    let bound = most + most / 4 + 16 * 1024;
    assert!(later <= bound, "resident memory grew from {most} to {later} KiB");

    let tape = run.tape().0;
    assert_eq!(tape.segments().len(), days, "a segment a day");
    let mut changes = 0;
    for (day, segment) in tape.segments().iter().enumerate() {
        let kinds = [
            EventKind::SessionOpened,
            EventKind::SessionClosed,
            EventKind::InstrumentsFetched,
            EventKind::FeedGap,
            EventKind::FeedReport,
            EventKind::InputRefused,
        ];
        let (mut opened, mut closed, mut lists) = (0, 0, 0);
        for event in tape.scan_segment(segment, &Filter::kinds(kinds)) {
            let (seq, event) = event.expect("an event");
            let Event::Input(input) = event else { panic!("event {seq} of {}: {event:?}", segment.name.date) };
            match input {
                Input::SessionOpened(of) => {
                    opened += 1;
                    assert!(!of.instruments.is_empty());
                }
                Input::SessionClosed(_) => closed += 1,
                Input::InstrumentsFetched(of) => {
                    lists += 1;
                    changes += of.changes.len();
                    assert_eq!(of.date, segment.name.date);
                }
                Input::FeedGap(gap) => {
                    assert!(day == 0 && gap.cause == GapCause::ApplianceDown, "{}: {gap:?}", segment.name.date);
                }
                Input::FeedReport(report) => {
                    let harmless = ["connected", "subscribed", "whole", "stale_first_tick", "stale_instrument"];
                    assert!(harmless.contains(&report.what.name()), "{}: {report:?}", segment.name.date);
                }
                other => panic!("{other:?}"),
            }
        }
        let is_last = day + 1 == days;
        assert_eq!((opened, lists), (1, 1), "{}", segment.name.date);
        assert_eq!(closed, usize::from(!is_last || torture()), "{}", segment.name.date);
        let verdict =
            run.stage.json(0, &format!("--config run.toml replay --verify --json --date {}", segment.name.date));
        assert_eq!(verdict["differences"], 0, "{verdict}");
    }
    eprintln!(
        "{days} days, {} events, {changes} changes of instruments, in {:.0} s: {:.1} MiB at most up to the first night, {:.1} MiB \
         behind it; idle {idle_percent:.1} % of a core\n{}",
        tape.last_seq(),
        begun.elapsed().as_secs_f64(),
        most as f64 / 1024.0,
        later as f64 / 1024.0,
        run.log()
    );
}
