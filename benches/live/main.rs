//! The daemon under load, measured: `cargo bench --bench live [-- steady fast flood wide idle]`, a JSON line each.
//!
//! A feeder sends full packets over websockets as Kite does; `barkeep run` is a process of its own, held to one core. What
//! is told comes from its own metrics and from the system's account of the process.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench has no surface and may panic"
)]

mod daemon;
mod feeder;
#[path = "../measure/mod.rs"]
mod measure;

use std::thread::sleep;
use std::time::Duration;

use daemon::{Daemon, Sample};
use feeder::{Feeder, Load};

/// What is left out at the beginning: connecting, the first snapshot of everything.
const WARM_UP: Duration = Duration::from_secs(3);

/// One measurement.
struct Case {
    name: &'static str,
    load: Load,
    commit_ms: u32,
    seconds: usize,
}

fn run(case: &Case) {
    let feeder = Feeder::start(case.load);
    let daemon = Daemon::start(feeder.address(), case.load.instruments, case.commit_ms, "2026-07-31 10:00:00");
    daemon.until_ready();
    sleep(WARM_UP);
    let (sent, before) = (feeder.sent(), daemon.sample());
    let mut deepest = 0.0_f64;
    for _ in 0..measure::sized(case.seconds * 4, 4) {
        sleep(Duration::from_millis(250));
        deepest = deepest.max(daemon.backlog());
    }
    let (sent_then, after) = (feeder.sent(), daemon.sample());
    print(case, sent_then - sent, deepest, &before, &after);
}

fn print(case: &Case, sent: u64, deepest: f64, before: &Sample, after: &Sample) {
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let ticks = after.ticks - before.ticks;
    let latency = after.latency.since(&before.latency);
    let bytes = (after.bytes_written - before.bytes_written) as f64;
    println!(
        r#"{{"bench":"live_{}","instruments":{},"commit_ms":{},"sent_per_s":{:.0},"ticks_per_s":{:.0},"backlog_max":{deepest:.0},"p50_ms":{:.1},"p99_ms":{:.1},"core":{:.2},"rss_mib":{:.0},"gib_per_hour":{:.2},"gaps":{:.0}}}"#,
        case.name,
        case.load.instruments,
        case.commit_ms,
        sent as f64 / seconds,
        ticks / seconds,
        latency.quantile(0.5) * 1e3,
        latency.quantile(0.99) * 1e3,
        (after.cpu_s - before.cpu_s) / seconds,
        after.rss_mib,
        bytes / seconds * 3_600.0 / (1_u64 << 30) as f64,
        after.gaps - before.gaps,
    );
}

const fn load(instruments: u32, ticks_per_s: u32) -> Load {
    Load { instruments, ticks_per_s }
}

/// 10,000 ticks a second with the default window.
fn steady() {
    run(&Case { name: "steady", load: load(500, 10_000), commit_ms: 20, seconds: 20 });
}

/// The same with a window of a millisecond.
fn fast() {
    run(&Case { name: "fast", load: load(500, 10_000), commit_ms: 1, seconds: 20 });
}

/// 100,000 ticks a second.
fn flood() {
    run(&Case { name: "flood", load: load(3_000, 100_000), commit_ms: 20, seconds: 20 });
}

/// Kite's largest feed: 9,000 instruments on three connections, four packets a second each.
fn wide() {
    run(&Case { name: "wide", load: load(9_000, 36_000), commit_ms: 20, seconds: 30 });
}

/// A day without a session.
fn idle() {
    let feeder = Feeder::start(load(500, 1));
    let daemon = Daemon::start(feeder.address(), 500, 20, "2026-08-15 10:00:00");
    daemon.until_ready();
    sleep(WARM_UP);
    let before = daemon.sample();
    sleep(Duration::from_secs(20));
    let after = daemon.sample();
    let core = (after.cpu_s - before.cpu_s) / after.at.duration_since(before.at).as_secs_f64();
    println!(r#"{{"bench":"live_idle","core":{core:.4},"rss_mib":{:.0}}}"#, after.rss_mib);
}

fn main() {
    measure::run(&[("steady", steady), ("fast", fast), ("flood", flood), ("wide", wide), ("idle", idle)]);
}
