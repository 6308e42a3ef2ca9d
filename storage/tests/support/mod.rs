//! What the storage tests share: events that depend on their position alone, and ways to look at a tape.
#![allow(dead_code, missing_docs, reason = "each test file uses a part of it")]

pub mod damages;
pub mod disaster;

use std::process::{Command, Stdio};

use barkeep_schemas::{
    Bar, ClockMark, Derived, Event, FeedId, Hash32, Input, InstrumentId, Price, Qty, Seq, SessionClosed, SessionDate,
    Tick, Timeframe, Ts,
};
use barkeep_storage::{DataDir, Filter, ReadError, SessionDigest, Tape};

/// The environment variable that turns a test binary into a child of one of its tests; its value is the data directory.
pub const CHILD: &str = "BARKEEP_STORAGE_TEST_CHILD";

pub const DAY: SessionDate = SessionDate(20_000);

/// The start of the first event's second.
pub const T0: i64 = 1_728_000_000 * 1_000_000_000;

/// An event that depends on its position alone: mostly ticks, some clock marks, some bars, sizes all different.
pub fn event_at(seq: u64) -> Event {
    let ts = Ts::new(T0 + seq as i64 * 1_000_000);
    match seq % 10 {
        0 => Event::Input(Input::ClockMark(ClockMark { feed: FeedId(0), ts })),
        7 => Event::Derived(Derived::Bar(Bar {
            instrument: InstrumentId((seq % 200) as u32),
            tf: Timeframe::M1,
            start: ts,
            open: Price::new(seq as i64),
            high: Price::new(seq as i64 + 5),
            low: Price::new(seq as i64 - 5),
            close: Price::new(seq as i64 + 1),
            volume: Qty::new(100),
            n_trades: 3,
            revision: 0,
            cause: Seq(seq),
            first_tick: Seq(seq),
            last_tick: Seq(seq),
        })),
        _ => Event::Input(Input::Tick(tick(seq, ts))),
    }
}

pub fn tick(seq: u64, ts: Ts) -> Tick {
    Tick {
        instrument: InstrumentId((seq % 200) as u32),
        feed: FeedId(0),
        ts,
        recv: ts,
        price: Price::new(1_000_000 + (seq * 7 % 1_000) as i64),
        qty: (!seq.is_multiple_of(3)).then(|| Qty::new(seq as i64 % 50)),
        cum_volume: Some(Qty::new(seq as i64)),
        bid: (!seq.is_multiple_of(5)).then(|| Price::new(999_950)),
        ask: (!seq.is_multiple_of(5)).then(|| Price::new(1_000_050)),
        last_trade: None,
        condition: 0,
        depth: None,
    }
}

/// An event without a time of its own.
pub fn timeless() -> Event {
    Event::Input(Input::SessionClosed(SessionClosed { date: DAY, reason: barkeep_schemas::CloseReason::Complete }))
}

/// `count` events from position `first` on.
pub fn events(first: u64, count: u64) -> Vec<Event> {
    (first..first + count).map(event_at).collect()
}

pub fn data_dir() -> (tempfile::TempDir, DataDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = DataDir::new(temp.path().join("data"));
    (temp, dir)
}

/// Every event from `from` on.
pub fn read_from(dir: &DataDir, from: u64) -> Result<Vec<(Seq, Event)>, ReadError> {
    Tape::open(dir).unwrap().scan(Seq(from), None, &Filter::ALL).collect()
}

/// Reads the whole tape and sees to it that it is exactly the events `event_at` of 1, 2, 3, … up to `last`.
pub fn assert_whole(dir: &DataDir, last: u64) {
    let tape = Tape::open(dir).unwrap();
    assert_eq!(tape.last_seq(), Seq(last));
    let mut expected = 1;
    for item in tape.scan(Seq(1), None, &Filter::ALL) {
        let (seq, event) = item.unwrap();
        assert_eq!(seq, Seq(expected));
        assert_eq!(event, event_at(expected));
        expected += 1;
    }
    assert_eq!(expected, last + 1);
}

pub fn digest(events: impl IntoIterator<Item = (Seq, Event)>) -> Hash32 {
    let mut digest = SessionDigest::new();
    events.into_iter().for_each(|(seq, event)| digest.update(seq, &event));
    digest.finish()
}

/// The bytes of every file of the tape folder, with its name.
pub fn tape_files(dir: &DataDir) -> Vec<(String, Hash32)> {
    let mut files: Vec<(String, Hash32)> = std::fs::read_dir(dir.tape())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let hash = Hash32(*blake3::hash(&std::fs::read(&path).unwrap()).as_bytes());
            (path.file_name().unwrap().to_str().unwrap().to_owned(), hash)
        })
        .collect();
    files.sort();
    files
}

/// This test binary again, running only the test `name` with [`CHILD`] set.
pub fn child(name: &str, dir: &DataDir) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, dir.root());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The data directory when this process is a child.
pub fn child_dir() -> Option<DataDir> {
    std::env::var_os(CHILD).map(DataDir::new)
}

/// A small generator for choices that need not repeat; the seed is printed for a failing run.
pub struct Dice(u64);

impl Dice {
    pub fn new() -> Self {
        use std::hash::{BuildHasher, Hasher};
        let seed = std::env::var("BARKEEP_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| std::collections::hash_map::RandomState::new().build_hasher().finish());
        println!("BARKEEP_TEST_SEED={seed}");
        Self(seed | 1)
    }

    /// The same choices each time.
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number from 0 up to but not including `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
