use barkeep_storage::Writer;
use insta::assert_snapshot;

use super::*;
use crate::mirrors::scene;

#[test]
fn the_table_tells_sessions_from_segments_that_only_hold_bars() {
    let (_folder, dir) = scene::tape();
    std::fs::write(dir.snapshots().join("12.snap"), "").unwrap();
    let writer = Writer::open(&dir, "sleep").unwrap();
    let mut report = survey(&dir).unwrap();
    for row in &mut report.segments {
        (row.bytes, row.bytes_per_event) = (53_248, Some(12.5));
    }
    report.totals.bytes = 106_496;
    report.lock.as_mut().unwrap().pid = 4_242;
    assert_snapshot!(text(&report, false), @r"
    SEGMENT      STATE  LAST EVENTS TICKS BARS OUT-  ON DISK BYTES/ SESSION
                                               SIDE           EVENT
    2021-06-04.1 sealed   10     10     2    5    0 52.0 KiB   12.5 closed
    2021-06-07.1 open     23     13     0    0    4 52.0 KiB   12.5 none

    total      2 segments, 23 events, 104.0 KiB
               2 ticks, 5 bars, 4 from outside, 12 others
    lock       held by process 4242 (sleep)
    snapshots  seq 12 (11 events behind)
    ");
    assert_snapshot!(text(&report, true), @r"
     SEGMENT       STATE   FIRST  LAST  EVENTS  TICKS  BARS  OUT-   ON DISK  BYTES/  SESSION  BEHAVIOUR  IMPORT        INSTRUMENTS  CLOCK
                                                             SIDE             EVENT
     2021-06-04.1  sealed      1    10      10      2     5     0  52.0 KiB    12.5  closed           3  abababababab            2  09:15:00 to 09:15:00 IST
     2021-06-07.1  open       11    23      13      0     0     4  52.0 KiB    12.5  none             -  cdcdcdcdcdcd            2  -

    total      2 segments, 23 events, 104.0 KiB
               2 ticks, 5 bars, 4 from outside, 12 others
    lock       held by process 4242 (sleep)
    snapshots  seq 12 (11 events behind)
    ");
    assert_snapshot!(serde_json::to_string(&report.segments[0]).unwrap(), @r#"{"date":"2021-06-04","run":1,"state":"sealed","first_seq":1,"last_seq":10,"events":10,"ticks":2,"bars":5,"outside":0,"bytes":53248,"bytes_per_event":12.5,"session":"closed","behaviour":3,"import":"abababababababababababababababababababababababababababababababab","instruments":2,"first_mark_ns":1622778300000000000,"last_mark_ns":1622778300000000000}"#);
    writer.close().unwrap();
}

#[test]
fn a_snapshot_beyond_the_end_tells_what_was_lost() {
    let file = |seq, behind, lost| snapshot(&SnapshotFile { seq: Seq(seq), behind, lost });
    assert_eq!(file(30, 0, 7), "seq 30: THE TAPE LOST 7 events before it; run tape verify");
    assert_eq!((file(30, 1, 0), file(30, 0, 0)), ("seq 30 (1 event behind)".into(), "seq 30 (0 events behind)".into()));
}

#[test]
fn an_empty_tape_is_nothing_to_be_afraid_of() {
    let folder = tempfile::tempdir().unwrap();
    let report = survey(&DataDir::new(folder.path().join("none"))).unwrap();
    assert_snapshot!(serde_json::to_string(&report).unwrap(), @r#"{"segments":[],"totals":{"segments":0,"events":0,"ticks":0,"bars":0,"outside":0,"bytes":0},"lock":null,"snapshots":[]}"#);
}

#[test]
fn the_narrow_form_fits_a_hundred_columns_however_large_the_tape() {
    let (_folder, dir) = scene::tape();
    let mut report = survey(&dir).unwrap();
    for row in &mut report.segments {
        row.last_seq = Some(Seq(98_765_432));
        (row.events, row.ticks, row.bars, row.outside) = (98_765_432, 79_999_999, 18_456_789, 309_999);
        (row.bytes, row.bytes_per_event, row.session) = (1_073_741_823, Some(123.4), Session::Abandoned);
    }
    let text = text(&report, false);
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns:\n{text}");
}

#[test]
fn the_clock_of_a_session_over_midnight_in_ist_tells_its_dates() {
    let (_folder, dir) = scene::tape();
    let mut report = survey(&dir).unwrap();
    let row = &mut report.segments[0];
    assert_eq!(row.clock().unwrap(), "09:15:00 to 09:15:00 IST");
    row.last_mark_ns = Some(Ts::from_secs(scene::OPEN + 86_400));
    assert_eq!(row.clock().unwrap(), "2021-06-04 09:15:00 IST to 2021-06-05 09:15:00 IST");
}
