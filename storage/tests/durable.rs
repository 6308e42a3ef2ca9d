//! Followers inside the writer's process: each durable event once, in order, however far they fall behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use barkeep_schemas::{Event, Input, Seq, Ts};
use barkeep_storage::{Committer, DataDir, Delivery, DurableEvents, Publisher, Writer};
use proptest::prelude::*;
use support::{DAY, Dice, event_at, events};

fn committer(dir: &DataDir) -> Committer {
    let mut writer = Writer::open(dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    Committer::start(writer).unwrap()
}

/// A follower that checks what it is handed.
struct Reader {
    follower: DurableEvents,
    next: u64,
}

impl Reader {
    fn new(publisher: &Publisher, after: u64, batches_max: usize) -> Self {
        Self { follower: publisher.follow(Seq(after), batches_max), next: after + 1 }
    }

    /// Takes one batch; whether more may come.
    fn take(&mut self, timeout: Duration) -> Result<bool, TestCaseError> {
        match self.follower.next(timeout).unwrap() {
            Delivery::Batch(batch) => {
                prop_assert_eq!(batch.first(), Seq(self.next));
                for (seq, event) in batch.iter() {
                    prop_assert_eq!(seq, Seq(self.next));
                    prop_assert_eq!(event, &event_at(self.next));
                    self.next += 1;
                }
                prop_assert_eq!(batch.end(), Seq(self.next));
                prop_assert_eq!(self.follower.after(), Seq(self.next - 1));
                Ok(true)
            }
            Delivery::Nothing => Ok(true),
            Delivery::Ended => Ok(false),
        }
    }

    fn take_all(&mut self) -> Result<u64, TestCaseError> {
        let began = Instant::now();
        while self.take(Duration::from_secs(5))? {
            prop_assert!(began.elapsed() < Duration::from_secs(60), "stuck at {}", self.next);
        }
        Ok(self.next - 1)
    }
}

/// One submitted batch and what is done before the next.
#[derive(Clone, Debug)]
struct Step {
    events: u64,
    /// Batches that the reader takes now.
    taken: usize,
    flush: bool,
    new_segment: bool,
    /// The reader goes away and another one goes on from its place.
    anew: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let rarely = || prop::bool::weighted(0.05);
    (1..600_u64, prop_oneof![3 => Just(0_usize), 2 => 1..4_usize], prop::bool::ANY, rarely(), rarely())
        .prop_map(|(events, taken, flush, new_segment, anew)| Step { events, taken, flush, new_segment, anew })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn each_event_is_handed_out_once_in_order_whatever_lags(
        steps in prop::collection::vec(step(), 1..40),
        batches_max in 0..4_usize,
        before in 0..500_u64,
        lag_seed in any::<u64>(),
    ) {
        let dir = DataDir::in_memory();
        let mut committer = committer(&dir);
        committer.submit(events(1, before)).unwrap();
        committer.flush().unwrap();
        let publisher = committer.publisher().clone();
        // One that reads at the pace of the steps, one beside it that rests at random.
        let mut reader = Reader::new(&publisher, before / 2, batches_max);
        let mut other = Reader::new(&publisher, before, batches_max);
        let beside = std::thread::spawn(move || {
            let mut dice = Dice::seeded(lag_seed);
            while other.take(Duration::from_millis(dice.below(20)))? {
                std::thread::sleep(Duration::from_micros(dice.below(3) * dice.below(2_000)));
            }
            Ok::<_, TestCaseError>(other.next - 1)
        });
        let mut next = before + 1;
        for step in &steps {
            if step.new_segment {
                committer.begin_segment(DAY).unwrap();
            }
            committer.submit(events(next, step.events)).unwrap();
            next += step.events;
            if step.flush {
                prop_assert_eq!(committer.flush().unwrap(), Seq(next - 1));
            }
            if step.anew {
                reader = Reader::new(&publisher, reader.next - 1, batches_max);
            }
            for _ in 0..step.taken {
                reader.take(Duration::ZERO)?;
                prop_assert!(reader.next - 1 <= publisher.durable_seq().0, "handed out before it was durable");
            }
        }
        committer.finish().unwrap().close().unwrap();
        prop_assert_eq!(publisher.batches_waiting(), 0);
        prop_assert_eq!(reader.take_all()?, next - 1);
        prop_assert_eq!(beside.join().unwrap()?, next - 1);
    }
}

#[test]
fn a_follower_that_waits_is_woken_by_the_next_batch() {
    let dir = DataDir::in_memory();
    let mut committer = committer(&dir);
    let mut reader = Reader::new(committer.publisher(), 0, 4);
    let (began, told) = channel();
    let waits = std::thread::spawn(move || {
        began.send(()).unwrap();
        let start = Instant::now();
        reader.take(Duration::from_secs(60)).unwrap();
        (reader.next, start.elapsed())
    });
    told.recv().unwrap();
    std::thread::sleep(Duration::from_millis(30));
    committer.submit(events(1, 3)).unwrap();
    let (next, waited) = waits.join().unwrap();
    assert_eq!(next, 4);
    assert!(waited >= Duration::from_millis(30) && waited < Duration::from_secs(30), "{waited:?}");
}

#[test]
fn a_follower_is_told_that_it_ended_when_the_writer_fails_or_ends() {
    for fails in [false, true] {
        let dir = DataDir::in_memory();
        let mut committer = committer(&dir);
        let publisher = committer.publisher().clone();
        let mut reader = Reader::new(&publisher, 0, 1);
        committer.submit(events(1, 5)).unwrap();
        committer.flush().unwrap();
        if fails {
            // A seal leaves no segment that takes events.
            committer.seal().unwrap();
            committer.submit(events(6, 5)).unwrap();
            assert!(committer.flush().is_err());
        } else {
            drop(committer);
        }
        assert_eq!(reader.take_all().unwrap(), 5);
        // One that comes later is told the same, after what there is.
        assert_eq!(Reader::new(&publisher, 2, 1).take_all().unwrap(), 5);
    }
}

#[test]
fn watchers_are_told_every_durable_position_and_the_last_once_more() {
    let dir = DataDir::in_memory();
    let mut committer = committer(&dir);
    let (tell, told) = channel();
    committer.publisher().watch(move |seq| tell.send(seq.0).unwrap());
    for first in [1, 4, 7] {
        committer.submit(events(first, 3)).unwrap();
    }
    committer.finish().unwrap();
    assert_eq!(told.iter().collect::<Vec<_>>(), [0, 3, 6, 9, 9]);
}

#[test]
fn what_is_kept_for_a_follower_that_never_reads_is_bounded() {
    let dir = DataDir::in_memory();
    let mut committer = committer(&dir);
    let publisher = committer.publisher().clone();
    let mut sleeper = Reader::new(&publisher, 0, 2);
    for first in 0..200 {
        committer.submit(events(first * 10 + 1, 10)).unwrap();
    }
    committer.flush().unwrap();
    assert_eq!(sleeper.follower.lag_events(), 2_000);
    // Only the first two batches were kept; what is behind them comes off the tape in one piece.
    sleeper.take(Duration::ZERO).unwrap();
    sleeper.take(Duration::ZERO).unwrap();
    assert_eq!(sleeper.next, 21);
    sleeper.take(Duration::ZERO).unwrap();
    assert_eq!(sleeper.next, 2_001);
    assert_eq!(sleeper.follower.lag_events(), 0);
    // And it is back at the channel: the next batch comes as it was submitted.
    let mark = barkeep_schemas::ClockMark { feed: barkeep_schemas::FeedId(0), ts: Ts::from_secs(1) };
    committer.submit(vec![Event::Input(Input::ClockMark(mark))]).unwrap();
    match sleeper.follower.next(Duration::from_secs(60)).unwrap() {
        Delivery::Batch(batch) => assert_eq!((batch.first(), batch.end()), (Seq(2_001), Seq(2_002))),
        other @ (Delivery::Nothing | Delivery::Ended) => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_of_which_a_part_came_off_the_tape_is_handed_out_from_there() {
    let dir = DataDir::in_memory();
    let mut committer = committer(&dir);
    let mut reader = Reader::new(committer.publisher(), 0, 1);
    // The first is kept, the second left out; what is read off the tape for it ends inside the third.
    for (first, count) in [(1, 10), (11, 4_000)] {
        committer.submit(events(first, count)).unwrap();
    }
    committer.flush().unwrap();
    reader.take(Duration::ZERO).unwrap();
    committer.submit(events(4_011, 600)).unwrap();
    committer.flush().unwrap();
    reader.take(Duration::ZERO).unwrap();
    assert!((4_012..4_611).contains(&reader.next), "{}", reader.next);
    reader.take(Duration::ZERO).unwrap();
    assert_eq!(reader.next, 4_611);
}

#[test]
fn every_transaction_says_what_it_took_once_it_is_durable() {
    let dir = DataDir::in_memory();
    let mut committer = committer(&dir);
    let (tell, told) = channel();
    let publisher = committer.publisher().clone();
    committer.publisher().time(move |report| tell.send(*report).unwrap());
    for batch in 0..3 {
        committer.submit(events(batch * 3_000 + 1, 3_000)).unwrap();
    }
    committer.finish().unwrap().close().unwrap();
    let reports: Vec<barkeep_storage::CommitReport> = told.try_iter().collect();
    assert_eq!(reports.iter().map(|report| report.last.0).collect::<Vec<_>>(), [3_000, 6_000, 9_000]);
    assert!(reports.iter().map(|report| report.blocks).sum::<u64>() >= 1, "{reports:?}");
    for report in reports {
        assert!(report.bytes > 3_000 && report.commit >= report.append + report.sync, "{report:?}");
    }
    assert_eq!(publisher.durable_seq(), Seq(9_000));
}
