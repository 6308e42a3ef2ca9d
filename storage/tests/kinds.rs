//! Every kind of event in every version goes onto a tape and comes back, and the tape is clean.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test fails by panicking, and uses a part of the samples"
)]

#[path = "../../schemas/tests/samples/mod.rs"]
mod samples;
mod support;

use barkeep_schemas::{Event, EventKind, Seq};
use barkeep_storage::verify::{CheckRequest, Told, check_segment};
use barkeep_storage::{DataDir, Filter, SegmentName, Tape, Writer};
use support::{DAY, data_dir};

fn check(dir: &DataDir, events: &[Event]) {
    let tape = Tape::open(dir).unwrap();
    let numbered: Vec<(Seq, Event)> = (1..).map(Seq).zip(events.iter().cloned()).collect();
    let found: Vec<(Seq, Event)> = tape.scan(Seq(1), None, &Filter::ALL).map(Result::unwrap).collect();
    assert!(found == numbered);
    for kind in EventKind::ALL {
        let found: Vec<(Seq, Event)> = tape.scan(Seq(1), None, &Filter::kinds([*kind])).map(Result::unwrap).collect();
        assert!(found.iter().eq(numbered.iter().filter(|(_, event)| event.kind() == *kind)), "{kind:?}");
        assert!(!found.is_empty(), "{kind:?}");
    }
    for (_, event) in &numbered {
        let Some(instrument) = event.instrument() else { continue };
        let filter = Filter { instrument: Some(instrument), ..Filter::kinds([event.kind()]) };
        assert!(tape.scan(Seq(1), None, &filter).any(|found| found.unwrap().1 == *event), "{event:?}");
    }
}

#[test]
fn every_kind_in_every_version_is_read_as_it_was_written_from_rows_and_from_blocks() {
    let (_temp, dir) = data_dir();
    let events: Vec<Event> = (0..90).flat_map(|_| samples::all().into_iter().map(|sample| sample.event)).collect();
    assert!(events.len() > 4_096, "{}", events.len());
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    for batch in events.chunks(7) {
        writer.commit(batch).unwrap();
    }
    check(&dir, &events);
    writer.close().unwrap();

    // A writer that goes on makes the chain again from what it reads.
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.seal().unwrap();
    drop(writer);
    check(&dir, &events);
    let request = CheckRequest { name: SegmentName { date: DAY, run: 1 }, from: None, chain_at: Vec::new() };
    check_segment(&dir, &request, &mut |told| {
        if let Told::Finding(finding) = told {
            panic!("{finding:?}");
        }
    });
}
