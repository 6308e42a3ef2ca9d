//! A measurement as one JSON line on stdout, in the shape that the peers print too.
//!
//! Compiled by path into every bench of the workspace; no part of a library. Never decides what is fast: `table.py` puts
//! the lines side by side.
#![allow(dead_code, clippy::expect_used, clippy::indexing_slicing, reason = "each bench uses its part and may panic")]

use std::path::PathBuf;
use std::time::Instant;

/// Runs the benches that the command line names, or all of them.
pub fn run(benches: &[(&str, fn())]) {
    // cargo adds `--bench`.
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let unknown = asked.iter().find(|word| benches.iter().all(|(name, _)| name != word));
    assert!(unknown.is_none(), "{unknown:?} is none of {:?}", benches.iter().map(|(name, _)| name).collect::<Vec<_>>());
    for (name, bench) in benches {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            bench();
        }
    }
}

/// What a figure counts; the table knows from it which way is better.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// Higher is better.
    PerSecond(&'static str),
    /// Lower is better.
    Ms,
    /// Lower is better.
    BytesPerTick,
}

/// Whether the sizes are those of a dry run (`BARKEEP_BENCH_SMALL=1`): the figures then mean nothing.
pub fn small() -> bool {
    std::env::var_os("BARKEEP_BENCH_SMALL").is_some_and(|value| !value.is_empty() && value != "0")
}

/// `full`, or in a dry run `small`.
pub fn sized(full: usize, small_size: usize) -> usize {
    if small() { small_size } else { full }
}

/// Where benches put files: `bench` in the target folder, since `/tmp` may be memory and an fsync there costs nothing.
pub fn folder() -> PathBuf {
    let asked = std::env::var_os("BARKEEP_BENCH_DIR").map(PathBuf::from);
    let beside_this_binary = || Some(std::env::current_exe().ok()?.ancestors().nth(3)?.join("bench"));
    let folder = asked.or_else(beside_this_binary).expect("BARKEEP_BENCH_DIR, or a binary in a target folder");
    let folder = folder.join(if small() { "small" } else { "full" });
    std::fs::create_dir_all(&folder).expect("the folder of the benches can be made");
    folder
}

/// A folder of its own for one run, removed when dropped.
pub fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("run-").tempdir_in(folder()).expect("a folder for this run")
}

/// The median of the seconds that `run` returns, run an odd number of times (`BARKEEP_BENCH_REPS`, or `reps`).
pub fn median(reps: usize, mut run: impl FnMut() -> f64) -> f64 {
    let reps = std::env::var("BARKEEP_BENCH_REPS").ok().and_then(|text| text.parse().ok()).unwrap_or(reps).max(1);
    let mut seconds: Vec<f64> = (0..reps).map(|_| run()).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// The seconds that `work` takes; its result is not optimised away.
pub fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    std::hint::black_box(work());
    began.elapsed().as_secs_f64()
}

/// Prints a rate of `count` things in `seconds`. `check` is what tools that do the same work must agree on.
pub fn rate(bench: &str, count: usize, what: &'static str, seconds: f64, note: &str, check: &str) {
    line(bench, count as f64 / seconds, Unit::PerSecond(what), seconds, note, check);
}

/// Prints a time.
pub fn time(bench: &str, seconds: f64, note: &str, check: &str) {
    line(bench, seconds * 1e3, Unit::Ms, seconds, note, check);
}

/// Prints a size.
pub fn size(bench: &str, bytes: u64, ticks: usize, note: &str) {
    line(bench, bytes as f64 / ticks as f64, Unit::BytesPerTick, 0.0, note, "");
}

fn line(bench: &str, figure: f64, unit: Unit, seconds: f64, note: &str, check: &str) {
    let unit = match unit {
        Unit::PerSecond(what) => format!("{what}/s"),
        Unit::Ms => "ms".to_owned(),
        Unit::BytesPerTick => "bytes/tick".to_owned(),
    };
    // The texts are ours and plain, so that their debug form is JSON.
    println!(
        r#"{{"bench":{bench:?},"who":"barkeep","rate":{figure:.3},"unit":{unit:?},"seconds":{seconds:.6},"note":{note:?},"check":{check:?}}}"#
    );
}
