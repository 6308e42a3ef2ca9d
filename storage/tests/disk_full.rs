//! A tape that may not grow: the commit fails with its reason, the writer stays failed, what was acknowledged remains.
//!
//! The limit is the shell's `ulimit -f` with SIGXFSZ ignored, which makes the system refuse writes beyond a file size.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::process::Command;

use barkeep_schemas::Seq;
use barkeep_storage::{Committer, HaltReason, Tape, Writer};
use support::{CHILD, DAY, assert_whole, child_dir, data_dir, events};

/// The child: writes until the system refuses.
#[test]
fn child_meets_the_limit() {
    let Some(dir) = child_dir() else { return };
    let mut writer = Writer::open(&dir, "child").unwrap();
    writer.begin_segment(DAY).unwrap();
    let error = loop {
        if let Err(error) = writer.commit(&events(writer.next_seq().0, 5_000)) {
            break error;
        }
        assert!(writer.next_seq().0 < 10_000_000, "the limit did not hold");
    };
    let durable = writer.next_seq().0 - 1;
    assert!(durable > 0);
    assert_eq!(error.halt_reason(), Some(HaltReason::DiskFull), "{error:?}");
    assert!(error.to_string().contains("disk_full"), "{error}");
    for again in [
        writer.commit(&events(durable + 1, 1)).map(drop),
        writer.commit(&[]).map(drop),
        writer.begin_segment(DAY).map(drop),
        writer.seal(),
    ] {
        assert_eq!(again.unwrap_err().to_string(), error.to_string());
    }
    std::fs::write(dir.root().join("durable"), durable.to_string()).unwrap();
    let mut committer = Committer::start(writer).unwrap();
    let _ = committer.submit(events(durable + 1, 1));
    assert_eq!(committer.flush().unwrap_err().halt_reason(), Some(HaltReason::DiskFull));
}

#[test]
fn a_full_disk_stops_the_writer_with_its_reason_and_loses_nothing_acknowledged() {
    let (_temp, dir) = data_dir();
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 6000; exec \"$0\" --exact child_meets_the_limit"])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, dir.root())
        .status()
        .unwrap();
    assert!(status.success());
    let durable: u64 = std::fs::read_to_string(dir.root().join("durable")).unwrap().parse().unwrap();
    let found = Tape::open(&dir).unwrap().last_seq().0;
    assert!(found == durable || found == durable + 5_000, "{found} of {durable}");
    assert_whole(&dir, found);
    let mut writer = Writer::open(&dir, "test").unwrap();
    assert_eq!(writer.commit(&events(found + 1, 10_000)).unwrap(), Some(Seq(found + 10_000)));
    assert_whole(&dir, found + 10_000);
}
