//! Followers must not make the file grow: a reader that holds on to old pages keeps the writer from using them again.
//!
//! Followers here hold no transaction between two polls, so three that lag behind cost under a fifth of the file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use barkeep_schemas::Seq;
use barkeep_storage::disk::{Disk, FileDisk};
use barkeep_storage::{DataDir, Follower, Tape, Writer};
use redb::ReadableDatabase;
use support::{DAY, assert_whole, data_dir, events};

const COMMITS: u64 = 600;

/// Commits of many sizes; the room that the file takes and its length. `beside` sees the file after the first commits.
fn write<T>(dir: &DataDir, beside: impl Fn(&Path) -> T) -> (u64, u64) {
    let mut writer = Writer::open(dir, "test").unwrap();
    let path = dir.segment(writer.begin_segment(DAY).unwrap());
    let mut held = None;
    for n in 0..COMMITS {
        if n == 10 {
            held = Some(beside(&path));
        }
        writer.commit(&events(writer.next_seq().0, [1, 30, 400, 90][n as usize % 4])).unwrap();
    }
    let stat = FileDisk.stat(&path).unwrap();
    drop(held);
    writer.close().unwrap();
    (stat.allocated_bytes, stat.len)
}

#[test]
fn three_lagging_followers_cost_less_than_a_fifth_of_the_file() {
    let (_alone, dir) = data_dir();
    let (alone, alone_len) = write(&dir, |_| ());
    let (_temp, dir) = data_dir();
    let done = AtomicBool::new(false);
    let (followed, followed_len) = thread::scope(|scope| {
        let followers: Vec<_> = [(40, 3), (150, 8), (700, 40)]
            .into_iter()
            .map(|(events, pause_ms)| {
                let (dir, done) = (&dir, &done);
                scope.spawn(move || {
                    let mut follower = Follower::new(dir, Seq(0));
                    let mut behind = 0;
                    while !done.load(Ordering::Relaxed) {
                        follower.poll(events).unwrap();
                        behind = follower.after().0;
                        thread::sleep(Duration::from_millis(pause_ms));
                    }
                    behind
                })
            })
            .collect();
        let sizes = write(&dir, |_| ());
        done.store(true, Ordering::Relaxed);
        let places: Vec<u64> = followers.into_iter().map(|follower| follower.join().unwrap()).collect();
        println!("the followers were at {places:?} of {}", Tape::open(&dir).unwrap().last_seq());
        assert!(places.iter().all(|place| *place > 0));
        sizes
    });
    println!("{alone} bytes ({alone_len} long) alone, {followed} ({followed_len} long) with three lagging followers");
    assert!(followed * 5 < alone * 6 && followed_len * 5 < alone_len * 6, "{alone} grew to {followed}");
    // The measure can fail: a reader that does hold a transaction costs much more.
    let (_held, dir) = data_dir();
    let (held, _) = write(&dir, |path| {
        let db = redb::Builder::new()
            .set_concurrency_mode(redb::ConcurrencyMode::SingleWriter)
            .open_read_only(path)
            .unwrap();
        (db.begin_read().unwrap(), db)
    });
    println!("{held} bytes with a reader that holds a transaction");
    assert!(held * 5 > alone * 6, "{alone} and {held}");
    assert_whole(&dir, Tape::open(&dir).unwrap().last_seq().0);
}
