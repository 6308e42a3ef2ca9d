//! A day of twenty million ticks. Its import dies by SIGKILL near its end: how long a command takes that must first repair
//! the tape and bring the engine to where the tape ends. Then the import goes on, and the day is replayed and compared.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use barkeep_schemas::{Tick, Ts};
use barkeep_storage::{DataDir, Filter, Tape};

use crate::{binary, files, measure};

/// How often a dry run may be over before it was killed.
const TRIES: usize = 20;

pub fn main() {
    let folder = measure::scratch();
    let (csv, bar) = (folder.path().join("ticks.csv"), folder.path().join("bar.csv"));
    let count = measure::sized(20_000_000, 400_000);
    let day = BusyDay::new(count);
    files::write(&csv, |out| files::csv(out, day.ticks()));
    std::fs::write(&bar, "symbol,time,open,high,low,close,volume\nS000,1795146300,1.00,1.00,1.00,1.00,1\n")
        .expect("room");
    let dead = folder.path().join("dead");
    let events = killed_import(&csv, &dead, day.near_the_end());
    let command = ["import", path(&bar), "--kind", "bars", "--map", "time=time:s"];
    let seconds = measure::median(3, || {
        let copied = tempfile::tempdir_in(folder.path()).expect("a folder");
        binary::copy(&dead, copied.path());
        measure::seconds(|| binary::run(copied.path(), &command, 0))
    });
    let note = format!("the whole process of an import of one bar, {events} events in the open segment");
    measure::time("command after a kill", seconds, &note, "");
    binary::run(&dead, &["import", path(&csv), "--kind", "ticks", "--map", files::TICKS_MAP], 0);
    let seconds = measure::median(3, || measure::seconds(|| binary::run(&dead, &["replay", "--verify"], 0)));
    let note = "the whole process, every event derived again and compared; warm";
    measure::rate("replay", day.ticks().count(), "ticks", seconds, note, "");
}

/// A session four times as busy as that of the files.
struct BusyDay {
    /// A quarter of it, at the pace of the files.
    round: Vec<Tick>,
}

impl BusyDay {
    const ROUNDS: i64 = 4;

    fn new(count: usize) -> Self {
        Self { round: files::trades(count / Self::ROUNDS as usize) }
    }

    fn ticks(&self) -> impl Iterator<Item = Tick> {
        (0..Self::ROUNDS).flat_map(|n| self.round.iter().map(move |tick| (n, tick))).map(|(n, tick)| {
            let ts = Self::moved(n, tick);
            Tick { ts, recv: ts, ..tick.clone() }
        })
    }

    /// When 96% of it is over.
    fn near_the_end(&self) -> Ts {
        Self::moved(Self::ROUNDS - 1, &self.round[self.round.len() * 84 / 100])
    }

    fn moved(n: i64, tick: &Tick) -> Ts {
        let span = files::SESSION / Self::ROUNDS;
        Ts::new(files::OPEN + n * span + (tick.ts.get() - files::OPEN) / Self::ROUNDS)
    }
}

/// Events on the tape that the import left.
fn killed_import(csv: &Path, data: &Path, near_the_end: Ts) -> u64 {
    let words = ["import", path(csv), "--kind", "ticks", "--map", files::TICKS_MAP];
    for _ in 0..TRIES {
        let mut import = binary::command(data, &words).stdout(Stdio::null()).spawn().expect("the command starts");
        let dir = DataDir::new(data);
        if is_near(&mut import, &dir, near_the_end) {
            import.kill().expect("a kill");
            import.wait().expect("its end");
            return Tape::open(&dir).expect("a readable tape").last_seq().0;
        }
        std::fs::remove_dir_all(data).expect("a removed folder");
    }
    panic!("the import was over {TRIES} times before it could be killed");
}

/// Waits until the import is near its end; `false` when it is over.
fn is_near(import: &mut Child, dir: &DataDir, near_the_end: Ts) -> bool {
    loop {
        if import.try_wait().expect("a child").is_some() {
            return false;
        }
        let tape = Tape::open(dir).expect("a readable tape");
        let last = tape.scan(tape.last_seq(), None, &Filter::ALL).next();
        if last.is_some_and(|item| item.expect("a readable tape").1.ts() >= Some(near_the_end)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}
