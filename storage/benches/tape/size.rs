//! Bytes that the disk gives to a sealed session, for each tick: ticks with best bid and ask, and the same with every
//! bar that the engine derives from them.

use crate::measure;
use crate::samples::{Receipt, mixed, plain, ticks};
use barkeep_schemas::{Event, SessionDate};
use barkeep_storage::{DataDir, Tape, Writer};

pub fn main() {
    let count = measure::sized(5_000_000, 200_000);
    let ticks = || ticks(count, Receipt::Jitter);
    let (bytes, events) = sealed(&plain(ticks()));
    measure::size("size", bytes, count, &format!("{events} ticks with best bid and ask"));
    let (bytes, events) = sealed(&mixed(ticks()));
    measure::size("size with bars", bytes, count, &format!("{events} events: the ticks, clock marks and all bars"));
}

/// Allocated bytes and the number of events.
fn sealed(events: &[Event]) -> (u64, usize) {
    let folder = measure::scratch();
    let dir = DataDir::new(folder.path());
    let mut writer = Writer::open(&dir, "bench").expect("an empty folder");
    writer.begin_segment(SessionDate(20_777)).expect("a segment");
    for batch in events.chunks(16_384) {
        writer.commit(batch).expect("a commit");
    }
    writer.seal().expect("a sealed segment");
    writer.close().expect("a clean close");
    let tape = Tape::open(&dir).expect("a tape");
    (tape.segments().iter().map(|segment| segment.file_bytes).sum(), events.len())
}
