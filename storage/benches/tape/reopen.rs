//! A writer of a day of twenty million ticks dies by SIGKILL: how long until the next one may write.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::day::{COMMIT, DAY, Stretch};
use crate::measure;
use barkeep_storage::{DataDir, Writer};

/// Names the folder to write to in the process that will be killed.
pub const VICTIM: &str = "BARKEEP_BENCH_VICTIM";

pub fn main() {
    let ticks = measure::sized(20_000_000, 400_000);
    let mut durable = 0;
    let seconds = measure::median(3, || {
        let folder = measure::scratch();
        durable = kill_after(folder.path(), ticks);
        let mut writer = None;
        let dir = DataDir::new(folder.path());
        let seconds = measure::seconds(|| writer = Some(Writer::open(&dir, "bench").expect("a repaired tape")));
        let found = writer.map_or(0, |writer| writer.next_seq().0.saturating_sub(1));
        assert!(found >= durable, "{durable} were durable, {found} are there");
        seconds
    });
    measure::time("open after a kill", seconds, &format!("Writer::open, {durable} ticks in the open segment"), "");
}

/// Lets the victim write until it has said that `ticks` are durable, and kills it in the middle of what it does then.
fn kill_after(folder: &Path, ticks: usize) -> u64 {
    let this = std::env::current_exe().expect("the path of this bench");
    let mut victim = Command::new(this).env(VICTIM, folder).stdout(Stdio::piped()).spawn().expect("a child");
    let mut durable = 0;
    for line in BufReader::new(victim.stdout.take().expect("its output")).lines() {
        durable = line.ok().and_then(|line| line.parse().ok()).expect("a number of ticks");
        if durable >= ticks as u64 {
            break;
        }
    }
    victim.kill().expect("a kill");
    victim.wait().expect("its end");
    durable
}

/// Appends for ever, saying after each transaction how far the tape is durable.
pub fn write_until_killed(dir: &DataDir) {
    let mut stretch = Stretch::new(COMMIT * measure::sized(64, 4));
    let mut writer = Writer::open(dir, "bench").expect("an empty folder");
    writer.begin_segment(DAY).expect("a segment");
    let mut out = std::io::stdout();
    loop {
        for batch in stretch.events.chunks(COMMIT) {
            let last = writer.commit(batch).expect("a commit").expect("a position");
            writeln!(out, "{last}").and_then(|()| out.flush()).expect("a reader");
        }
        stretch.advance();
    }
}
