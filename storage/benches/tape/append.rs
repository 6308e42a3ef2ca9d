//! Durable append: ticks that lie ready in memory, a transaction and an fsync for every 16,384, CRC and chain on.

use crate::day::{COMMIT, DAY, Stretch};
use crate::measure;
use barkeep_schemas::Event;
use barkeep_storage::{Committer, DataDir, Writer};

pub fn main() {
    let count = COMMIT * measure::sized(64, 8);
    let rounds = measure::sized(5, 2);
    let seconds = measure::median(5, || append(count, rounds));
    let note = format!("{} ticks in transactions of {COMMIT}, fsync, CRC, chain", count * rounds);
    measure::rate("append", count * rounds, "ticks", seconds, &note, "");
}

/// Seconds until everything is durable: moving the clocks on between the rounds is the bench's own work.
fn append(count: usize, rounds: usize) -> f64 {
    let folder = measure::scratch();
    let mut writer = Writer::open(&DataDir::new(folder.path()), "bench").expect("an empty folder");
    writer.begin_segment(DAY).expect("a segment");
    let mut committer = Committer::start(writer).expect("a thread");
    let mut stretch = Stretch::new(count);
    let mut seconds = 0.0;
    for _ in 0..rounds {
        let batches: Vec<Vec<Event>> = stretch.events.chunks(COMMIT).map(<[Event]>::to_vec).collect();
        seconds += measure::seconds(|| {
            for batch in batches {
                committer.submit(batch).expect("a batch");
            }
            committer.flush().expect("durable batches");
        });
        stretch.advance();
    }
    assert_eq!(committer.durable_seq().0, (count * rounds) as u64);
    committer.finish().expect("no failure").close().expect("a clean close");
    seconds
}
