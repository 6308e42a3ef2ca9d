//! The tape under test, on a disk that fails and loses its power, and the operations on it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use barkeep_schemas::{Event, EventKind, Hash32, InstrumentId, Seq, SessionDate, Ts};
use barkeep_storage::chain::Chain;
use barkeep_storage::columns::{TickColumnSet, TickColumns};
use barkeep_storage::disk::{CrashDisk, Fault, FaultDisk, FaultKind, Image, MemoryDisk};
use barkeep_storage::snapshot::{self, Snapshot};
use barkeep_storage::{DataDir, Filter, Follower, Tape, Writer};

use super::EVENTS_MAX;
use super::events::event;
use super::model::Model;
use crate::bytes::Bytes;

const BEHAVIOUR: u32 = 7;

/// Takes the disk's image a given number of changes from now.
#[derive(Default)]
struct Camera {
    changes_left: Option<u32>,
    image: Option<Image>,
}

pub struct World {
    crash: CrashDisk,
    fault: FaultDisk,
    dir: DataDir,
    camera: Arc<Mutex<Camera>>,
    /// What the images of power cuts are drawn with.
    seed: u64,
    writer: Option<Writer>,
    /// Whether the writer failed; it then does nothing more.
    poisoned: bool,
    faulty: bool,
    model: Model,
    /// Two followers, one often behind the other.
    followers: [Follower; 2],
    /// The newest snapshot that was saved.
    snapshot: u64,
}

/// A disk whose changes the camera watches, and the data directory on it.
fn disks(crash: CrashDisk, camera: &Arc<Mutex<Camera>>) -> (CrashDisk, FaultDisk, DataDir) {
    let camera = camera.clone();
    crash.watch(move |image| {
        let mut camera = camera.lock().expect("one thread");
        match camera.changes_left {
            Some(0) => (camera.changes_left, camera.image) = (None, Some(image.clone())),
            Some(left) => camera.changes_left = Some(left - 1),
            None => {}
        }
    });
    let fault = FaultDisk::new(Arc::new(crash.clone()));
    let dir = DataDir::on(Arc::new(fault.clone()), Path::new("/data"));
    (crash, fault, dir)
}

impl World {
    pub fn new() -> Self {
        let camera = Arc::default();
        let (crash, fault, dir) = disks(CrashDisk::new(), &camera);
        let followers = [0, 0].map(|after| Follower::new(&dir, Seq(after)));
        let mut world = Self {
            crash,
            fault,
            dir,
            camera,
            seed: 1,
            writer: None,
            poisoned: false,
            faulty: false,
            model: Model::default(),
            followers,
            snapshot: 0,
        };
        world.open();
        world
    }

    /// Does the next operation of the input.
    pub fn step(&mut self, bytes: &mut Bytes<'_>) {
        let operation = bytes.u8();
        match operation % 16 {
            0 => self.begin(bytes.u8()),
            1..=4 => self.commit(1 + usize::from(bytes.u8() % 40), bytes.u8()),
            5 => self.commit(usize::from(bytes.u8()) * 10, bytes.u8()),
            6 => self.seal(),
            7 => self.reopen(bytes.u8()),
            8 => self.scan(bytes),
            9 | 10 => self.poll(usize::from(operation / 16 % 2), usize::from(bytes.u8()) * 16),
            11 => self.save_snapshot(),
            12 => self.break_disk(bytes.u8(), bytes.u8()),
            13 => self.mend_disk(),
            14 => self.cut_power(u64::from(bytes.u8())),
            _ => self.cut_power_within(u32::from(bytes.u8()), bytes.u8()),
        }
        self.after_camera();
    }

    /// Mends everything and looks at all of it once more.
    pub fn settle(&mut self) {
        self.camera().changes_left = None;
        self.mend_disk();
        self.reopen(0);
        let tape = Tape::open(&self.dir).expect("a mended tape opens");
        self.compare(&tape, Seq(1), Seq(u64::MAX), &Filter::ALL);
        self.compare_chain(&tape);
        self.followers[0] = Follower::new(&self.dir, Seq(0));
        self.poll(0, usize::MAX);
        self.poll(1, usize::MAX);
        assert!(self.followers.iter().all(|follower| follower.after().0 == self.model.last()));
        self.begin(0);
        self.commit(3, 1);
        assert_eq!(self.writer.as_ref().map(Writer::next_seq), Some(Seq(self.model.last() + 1)));
    }

    fn camera(&self) -> std::sync::MutexGuard<'_, Camera> {
        self.camera.lock().expect("one thread")
    }

    /// Whether the image of an interrupted operation was just taken: its outcome then counts for nothing.
    fn interrupted(&self) -> bool {
        self.camera().image.is_some()
    }

    /// An error needs a fault behind it.
    fn excuse(&self, what: &str, error: &dyn std::error::Error) {
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(self.faulty && self.fault.failed() > 0, "{what} failed on a sound disk: {error}: {source}");
    }

    fn open(&mut self) {
        let opened = Writer::open(&self.dir, "fuzz");
        match opened {
            Ok(writer) => {
                let last = writer.next_seq().0 - 1;
                assert!(self.model.may_end_at(last), "ends at {last}, acknowledged up to {}", self.model.last());
                if !self.interrupted() {
                    self.model.settle(last);
                }
                self.writer = Some(writer);
                self.poisoned = false;
            }
            Err(error) => self.excuse("opening", &error),
        }
    }

    fn reopen(&mut self, how: u8) {
        if let Some(writer) = self.writer.take()
            && how & 1 == 0
            && let Err(error) = writer.close()
        {
            assert!(self.poisoned || error.halt_reason().is_some(), "{error}");
        }
        self.open();
    }

    /// What a step of the writer came to; a failure poisons it.
    fn wrote<T>(&mut self, what: &str, result: Result<T, barkeep_storage::CommitError>) -> Option<T> {
        match result {
            Ok(value) => {
                assert!(!self.poisoned, "a failed writer wrote");
                Some(value)
            }
            Err(error) => {
                if !self.poisoned {
                    self.excuse(what, &error);
                }
                self.poisoned = true;
                None
            }
        }
    }

    fn begin(&mut self, day: u8) {
        let Some(writer) = &mut self.writer else { return };
        let result = writer.begin_segment(SessionDate(20_665 + i32::from(day % 3)));
        self.wrote("beginning", result);
    }

    fn seal(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        let result = writer.seal();
        self.wrote("sealing", result);
    }

    fn commit(&mut self, count: usize, salt: u8) {
        let Some(writer) = &mut self.writer else { return };
        let room = EVENTS_MAX.saturating_sub(self.model.last() as usize);
        if self.poisoned || writer.open_segment().is_none() {
            assert!(writer.commit(&[event(1, 0)]).is_err(), "written without a segment, or after a failure");
            return;
        }
        let next = writer.next_seq().0;
        assert_eq!(next, self.model.last() + 1);
        let events: Vec<Event> = (next..next + count.min(room) as u64).map(|seq| event(seq, salt)).collect();
        let result = writer.commit(&events);
        if let Some(last) = self.wrote("a commit", result) {
            assert_eq!(last.map_or(next, |last| last.0 + 1), next + events.len() as u64);
            if !self.interrupted() {
                self.model.acknowledge(events);
                return;
            }
        }
        self.model.doubt(events);
    }

    /// Reads a part of the tape; not beside a failed writer, which readers wait for.
    fn scan(&mut self, bytes: &mut Bytes<'_>) {
        let span = self.model.last() + 2;
        let (from, to) = (bytes.u32() as u64 % span, bytes.u32() as u64 % span);
        let filter = filter(bytes.u8(), span);
        if self.poisoned {
            return;
        }
        match Tape::open(&self.dir) {
            Ok(tape) => self.compare(&tape, Seq(from), Seq(to), &filter),
            Err(error) => self.excuse("opening for reading", &error),
        }
    }

    fn compare(&self, tape: &Tape, from: Seq, to: Seq, filter: &Filter) {
        let last = tape.last_seq().0;
        assert!(self.model.may_end_at(last), "a reader sees {last}, acknowledged up to {}", self.model.last());
        let expected = self.model.scan(from, to.min(Seq(last)), filter);
        self.compare_ticks(tape, from, to, filter, &expected);
        let mut expected = expected.into_iter();
        for item in tape.scan(from, Some(to), filter) {
            match item {
                Ok(found) => assert_eq!(Some(found), expected.next()),
                Err(error) => return self.excuse("a scan", &error),
            }
        }
        assert_eq!(expected.next(), None, "a scan ended early");
    }

    /// The columns of ticks, where the filter lets ticks through at all.
    fn compare_ticks(&self, tape: &Tape, from: Seq, to: Seq, filter: &Filter, expected: &[(Seq, Event)]) {
        if filter.kinds.is_some_and(|kinds| !kinds.contains(EventKind::Tick)) {
            return;
        }
        let set = TickColumnSet::SEQ.with(TickColumnSet::TS).with(TickColumnSet::INSTRUMENT);
        let (mut scan, mut columns) = (tape.scan_ticks(from, Some(to), set, filter), TickColumns::new());
        let ticks = expected.iter().filter(|(_, event)| event.kind() == EventKind::Tick);
        let mut ticks = ticks.map(|(seq, event)| (seq.0, event.ts().map(Ts::get), event.instrument()));
        loop {
            match scan.next_batch(&mut columns) {
                Ok(Some(count)) => {
                    assert_eq!((columns.seq.len(), columns.ts.len(), columns.instrument.len()), (count, count, count));
                    for row in 0..count {
                        let instrument = Some(InstrumentId(columns.instrument[row]));
                        assert_eq!(Some((columns.seq[row], Some(columns.ts[row]), instrument)), ticks.next());
                    }
                }
                Ok(None) => return assert_eq!(ticks.next(), None, "a scan of ticks ended early"),
                Err(error) => return self.excuse("a scan of ticks", &error),
            }
        }
    }

    /// The chain is that of the events in one piece, however they came and wherever they lie.
    fn compare_chain(&self, tape: &Tape) {
        let mut link = Hash32([0; 32]);
        for segment in tape.segments() {
            let Some(last) = segment.last_seq else { continue };
            let events = self.model.scan(segment.first_seq, last, &Filter::ALL);
            let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
            let mut chain = Chain::new(segment.first_seq, link);
            chain.extend(&events, |_, _| {});
            link = chain.hash_at_end();
            assert_eq!(tape.chain_at(last).expect("a sound disk"), Some(link), "the chain at {last}");
        }
        assert_eq!(self.writer.as_ref().map(Writer::chain_hash), Some(link), "the writer's chain");
    }

    fn poll(&mut self, which: usize, count: usize) {
        let follower = &mut self.followers[which];
        let before = follower.after();
        let seen = match follower.poll(count) {
            Ok(seen) => seen,
            Err(error) => return self.excuse("a poll", &error),
        };
        for (at, (seq, event)) in seen.iter().enumerate() {
            assert_eq!(seq.0, before.0 + 1 + at as u64, "a follower left something out or saw it twice");
            assert_eq!(Some(event), self.model.at(*seq));
        }
        assert_eq!(self.followers[which].after().0, before.0 + seen.len() as u64);
    }

    fn save_snapshot(&mut self) {
        let seq = self.model.last();
        let saved = snapshot::save(&self.dir, &snapshot_at(seq));
        if self.interrupted() {
            return;
        }
        match saved {
            Ok(()) => self.snapshot = seq,
            Err(error) => self.excuse("a snapshot", &error),
        }
        self.check_snapshot();
    }

    fn check_snapshot(&self) {
        let newest = snapshot::newest(&self.dir, BEHAVIOUR, Seq(u64::MAX));
        if let Some(newest) = &newest {
            assert_eq!(newest, &snapshot_at(newest.seq.0));
        }
        let seq = newest.map_or(0, |newest| newest.seq.0);
        assert!(self.faulty || seq >= self.snapshot, "snapshot {seq} instead of {}", self.snapshot);
    }

    fn break_disk(&mut self, after: u8, how: u8) {
        let kind = if how & 1 == 0 { FaultKind::Io } else { FaultKind::NoSpace };
        self.fault.fail(Fault { after: u64::from(after), kind, latched: how & 2 != 0 });
        self.faulty = true;
    }

    fn mend_disk(&mut self) {
        self.fault.heal();
        self.faulty = false;
        // What failed while the disk was broken is behind it; the next writer must open.
        if self.poisoned || self.writer.is_none() {
            self.reopen(1);
        }
    }

    /// The power goes in the middle of the next operation, if it changes the disk so often.
    fn cut_power_within(&mut self, changes: u32, seed: u8) {
        self.seed = u64::from(seed);
        let mut camera = self.camera();
        (camera.changes_left, camera.image) = (Some(changes), None);
    }

    fn after_camera(&mut self) {
        let image = self.camera().image.take();
        if let Some(image) = image {
            self.restart(&image, self.seed);
        }
    }

    fn cut_power(&mut self, seed: u64) {
        let image = self.crash.image();
        self.restart(&image, seed);
    }

    /// Goes on with one of the disks that an image leaves. Followers go on from their places, as from files of theirs.
    fn restart(&mut self, image: &Image, seed: u64) {
        self.camera().changes_left = None;
        self.writer = None;
        let found: MemoryDisk = image.after_power_cut(seed).expect("a disk in memory");
        (self.crash, self.fault, self.dir) = disks(CrashDisk::holding(&found), &self.camera);
        self.faulty = false;
        self.open();
        let dir = &self.dir;
        self.followers = self.followers.each_ref().map(|follower| Follower::new(dir, follower.after()));
        assert!(
            self.followers.iter().all(|follower| follower.after().0 <= self.model.last()),
            "a follower saw too much"
        );
        self.check_snapshot();
    }
}

fn snapshot_at(seq: u64) -> Snapshot {
    let bytes = (0..200).map(|n| (n * seq) as u8).collect();
    Snapshot { seq: Seq(seq), chain: Hash32([seq as u8; 32]), behaviour: BEHAVIOUR, bytes }
}

fn filter(choice: u8, span: u64) -> Filter {
    let at = |share: u64| Ts::new(1_785_469_500_000_000_000 + (span * share / 4 * 1_000_000) as i64);
    let mut filter = match choice & 3 {
        0 => Filter::ALL,
        1 => Filter::kinds([EventKind::Tick]),
        2 => Filter::kinds([EventKind::Bar, EventKind::FeedGap]),
        _ => Filter::kinds([EventKind::ClockMark, EventKind::SessionClosed]),
    };
    filter.instrument = (choice & 16 != 0).then_some(InstrumentId(u32::from(choice >> 5)));
    filter.from = (choice & 4 != 0).then(|| at(1));
    filter.until = (choice & 8 != 0).then(|| at(3));
    filter
}
