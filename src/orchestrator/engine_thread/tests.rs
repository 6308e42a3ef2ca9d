//! The engine thread over a tape in memory.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use barkeep_schemas::{
    ClockMark, Event, FeedId, FeedSpec, Hash32, InstrumentClass, InstrumentId, Price, Qty, SessionDate, Tick,
    TradeRule, Ts, VolumeSource,
};
use barkeep_storage::disk::{Fault, FaultDisk, FaultKind, MemoryDisk};
use barkeep_storage::{DataDir, Delivery, Filter, Lock, SessionDigest, Tape};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::orchestrator::appliance::{Pace, SessionDraft};
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::config::Config;

const DATE: SessionDate = SessionDate(20_000);
const INSTRUMENTS: u32 = 40;

fn draft() -> SessionDraft {
    let instrument = |id: u32| barkeep_schemas::Instrument {
        id: InstrumentId(id),
        feed: FeedId(0),
        token: id,
        symbol: format!("S{id}"),
        class: InstrumentClass::Always,
        tick_size: Price::new(100),
        lot_size: 1,
    };
    SessionDraft {
        date: DATE,
        calendar: Calendar::always(DATE, &TimeZone::UTC),
        config: Config::builtin().unwrap().engine.into(),
        feeds: vec![FeedSpec {
            id: FeedId(0),
            name: "test".to_owned(),
            trade_rule: TradeRule::All,
            volume: VolumeSource::Cumulative,
            conditions: Vec::new(),
        }],
        instruments: (0..INSTRUMENTS).map(instrument).collect(),
        opening: Vec::new(),
        desk: None,
    }
}

/// The n-th input: 1,000 ticks of a second, then its clock mark.
fn input_at(n: u64) -> Input {
    let second = i64::from(DATE.0) * 86_400 + (n / 1_001) as i64;
    if n % 1_001 == 1_000 {
        return Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::from_secs(second + 1) });
    }
    let ts = Ts::new(second * barkeep_schemas::NANOS + (n % 1_001) as i64 * 1_000_000);
    Input::Tick(Tick {
        instrument: InstrumentId((n % u64::from(INSTRUMENTS)) as u32),
        feed: FeedId(0),
        ts,
        recv: ts,
        price: Price::new(1_000_000 + (n * 7 % 1_000) as i64 * 100),
        qty: None,
        cum_volume: Some(Qty::new(n as i64)),
        bid: Some(Price::new(999_900)),
        ask: Some(Price::new(1_000_100)),
        last_trade: None,
        condition: 0,
        depth: None,
    })
}

fn inputs(from: u64, count: u64) -> Vec<Input> {
    (from..from + count).map(input_at).collect()
}

fn appliance(dir: &DataDir, commit_events: usize) -> Appliance {
    Appliance::open(dir, Pace { commit_events, snapshot_events: 1_000_000 }, "test").unwrap()
}

fn start(dir: &DataDir, commit_ms: u64) -> (EngineHandle, EngineThread) {
    let config = EngineThreadConfig { commit_after: Duration::from_millis(commit_ms), queue_inputs: 4_096 };
    EngineThread::start(appliance(dir, 4_096), config).unwrap()
}

fn open(handle: &EngineHandle) {
    let live = parked::wait(handle.open_session(draft())).unwrap();
    assert_eq!((live.segment.date, live.abandoned), (DATE, None));
}

/// Every event of the tape with its position: how many, and what their canonical bytes come to.
fn digest(dir: &DataDir) -> (u64, Hash32) {
    let (mut digest, mut count) = (SessionDigest::new(), 0);
    for item in Tape::open(dir).unwrap().scan(Seq(1), None, &Filter::ALL) {
        let (seq, event) = item.unwrap();
        digest.update(seq, &event);
        count += 1;
    }
    (count, digest.finish())
}

/// Keeps the engine thread busy until told; returns when it is.
fn hold(handle: &EngineHandle) -> Sender<()> {
    let (go, wait): (Sender<()>, Receiver<()>) = channel();
    let (busy, is_busy) = channel();
    let task = move |_: &mut Appliance| {
        busy.send(()).unwrap();
        wait.recv().unwrap();
        Ok(())
    };
    handle.blocking_send(Work::Task(1, Box::new(task))).unwrap();
    is_busy.recv().unwrap();
    go
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn work_in_any_pieces_gives_the_tape_that_the_appliance_gives(
        pieces in prop::collection::vec((1..900_u64, any::<bool>()), 1..20),
        commit_ms in 0..4_u64,
        commit_events in 1..3_000_usize,
    ) {
        let (direct, threaded) = (DataDir::in_memory(), DataDir::in_memory());
        let total = pieces.iter().map(|piece| piece.0).sum();
        let mut appliance_alone = appliance(&direct, 4_096);
        appliance_alone.open_session(draft()).unwrap();
        for input in inputs(0, total) {
            appliance_alone.input(input).unwrap();
        }
        appliance_alone.close_session().unwrap();
        appliance_alone.close().unwrap();

        let config = EngineThreadConfig { commit_after: Duration::from_millis(commit_ms), queue_inputs: 500 };
        let (handle, thread) = EngineThread::start(appliance(&threaded, commit_events), config).unwrap();
        let mut follower = handle.publisher().follow(Seq(0), 2);
        open(&handle);
        let mut next = 0;
        for (count, commits) in pieces {
            handle.blocking_send(Work::Inputs(inputs(next, count))).unwrap();
            next += count;
            if commits {
                let durable = parked::wait(handle.commit()).unwrap();
                prop_assert!(durable <= handle.publisher().durable_seq());
                prop_assert!(durable.0 > next, "what was sent before is durable");
            }
        }
        prop_assert_eq!(parked::wait(handle.close_session()).unwrap(), Some(DATE));
        handle.blocking_send(Work::Stop).unwrap();
        thread.join().unwrap();
        let expected = digest(&direct);
        prop_assert_eq!(digest(&threaded), expected);
        let (mut followed, mut count) = (SessionDigest::new(), 0);
        while let Delivery::Batch(batch) = follower.next(Duration::from_secs(10)).unwrap() {
            batch.iter().for_each(|(seq, event): (Seq, &Event)| followed.update(seq, event));
            count += batch.iter().count() as u64;
        }
        prop_assert_eq!((count, followed.finish()), expected);
    }
}

#[test]
fn what_was_sent_becomes_durable_in_time_though_nothing_follows() {
    let dir = DataDir::in_memory();
    let (handle, thread) = start(&dir, 30);
    let durable = handle.durable();
    let began = Instant::now();
    open(&handle);
    while durable.borrow().0 < 1 {
        assert!(began.elapsed() < Duration::from_secs(20), "the session is not durable");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(began.elapsed() >= Duration::from_millis(30), "it was not gathered: {:?}", began.elapsed());
    drop(handle);
    thread.join().unwrap();
}

#[test]
fn a_commit_does_not_wait_for_the_time_to_run_out() {
    let dir = DataDir::in_memory();
    let (handle, thread) = start(&dir, 3_600_000);
    open(&handle);
    handle.blocking_send(Work::Inputs(inputs(0, 10))).unwrap();
    assert_eq!(handle.publisher().durable_seq(), Seq(0));
    let durable = parked::wait(handle.commit()).unwrap();
    assert!(durable.0 > 10);
    assert_eq!(*handle.durable().borrow(), durable);
    // With nothing new there is nothing to wait for.
    assert_eq!(parked::wait(handle.commit()).unwrap(), durable);
    drop(handle);
    thread.join().unwrap();
}

#[test]
fn a_full_queue_makes_senders_wait_and_loses_nothing() {
    let dir = DataDir::in_memory();
    let (handle, thread) = start(&dir, 5);
    open(&handle);
    let go = hold(&handle);
    handle.blocking_send(Work::Inputs(inputs(0, 4_000))).unwrap();
    // 95 are left beside the task that holds the thread.
    let Err(NotSent::Full(Work::Inputs(back))) = handle.try_send(Work::Inputs(inputs(4_000, 96))) else {
        panic!("there was room")
    };
    assert_eq!(back, inputs(4_000, 96));
    assert_eq!(handle.backlog().inputs, 4_001);
    let waits = {
        let handle = handle.clone();
        std::thread::spawn(move || handle.blocking_send(Work::Inputs(back)))
    };
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waits.is_finished(), "it did not wait");
    go.send(()).unwrap();
    waits.join().unwrap().unwrap();
    // More at once than there is room for waits for the whole queue.
    handle.blocking_send(Work::Inputs(inputs(4_096, 9_000))).unwrap();
    let durable = parked::wait(handle.commit()).unwrap();
    assert_eq!(handle.backlog(), Backlog { inputs: 0, batches: 0 });
    drop(handle);
    thread.join().unwrap();
    let is_input = |event: &Event| matches!(event, Event::Input(Input::Tick(_) | Input::ClockMark(_)));
    let tape = Tape::open(&dir).unwrap();
    let all: Vec<_> = tape.scan(Seq(1), None, &Filter::ALL).map(Result::unwrap).collect();
    assert_eq!(all.iter().filter(|(_, event)| is_input(event)).count(), 13_096);
    assert_eq!(all.last().unwrap().0, durable);
}

#[test]
fn stop_makes_all_durable_saves_and_gives_the_lock_back() {
    let dir = DataDir::in_memory();
    let (handle, thread) = start(&dir, 3_600_000);
    open(&handle);
    for piece in 0..8 {
        handle.blocking_send(Work::Inputs(inputs(piece * 1_000, 1_000))).unwrap();
    }
    assert!(Lock::holder(&dir).unwrap().is_some());
    handle.blocking_send(Work::Stop).unwrap();
    thread.join().unwrap();
    assert_eq!(Lock::holder(&dir).unwrap(), None);
    assert_eq!(handle.blocking_send(Work::Inputs(inputs(0, 1))), Err(EngineGone));
    assert!(matches!(handle.try_send(Work::Stop), Err(NotSent::Gone(EngineGone))));
    assert_eq!(parked::wait(handle.commit()), Err(EngineGone));
    let again = appliance(&dir, 4_096);
    assert!(again.next_seq().0 > 8_000);
    assert!(again.session().unwrap().open, "a daemon that stops leaves its session open");
    again.close().unwrap();
}

#[test]
fn a_disk_that_fails_ends_the_thread_with_its_reason_though_nothing_is_sent() {
    let disk = FaultDisk::new(Arc::new(MemoryDisk::new()));
    let dir = DataDir::on(Arc::new(disk.clone()), "/data");
    let (handle, thread) = start(&dir, 20);
    open(&handle);
    parked::wait(handle.commit()).unwrap();
    disk.fail(Fault { after: 0, kind: FaultKind::NoSpace, latched: true });
    handle.blocking_send(Work::Inputs(inputs(0, 2_000))).unwrap();
    // Nobody waits for it and nothing more is sent: the thread learns it by itself.
    let failure = thread.join().unwrap_err();
    assert_eq!(failure.fatal_reason(), Some("disk_full"), "{failure}");
    assert_eq!(handle.blocking_send(Work::Inputs(inputs(0, 1))), Err(EngineGone));
    disk.heal();
    assert_eq!(Lock::holder(&dir).unwrap(), None);
}

#[test]
fn who_waits_for_a_commit_that_fails_learns_that_the_engine_is_gone() {
    let disk = FaultDisk::new(Arc::new(MemoryDisk::new()));
    let dir = DataDir::on(Arc::new(disk.clone()), "/data");
    let (handle, thread) = start(&dir, 3_600_000);
    open(&handle);
    let go = hold(&handle);
    disk.fail(Fault { after: 0, kind: FaultKind::Io, latched: true });
    let waits = {
        let handle = handle.clone();
        std::thread::spawn(move || parked::wait(handle.commit()))
    };
    go.send(()).unwrap();
    assert_eq!(waits.join().unwrap(), Err(EngineGone));
    assert!(thread.join().is_err());
}

#[test]
fn a_panic_of_a_task_is_told_and_what_was_acknowledged_is_there() {
    let dir = DataDir::in_memory();
    let (handle, thread) = start(&dir, 1);
    open(&handle);
    let durable = parked::wait(handle.commit()).unwrap();
    let task: Task = Box::new(|_| panic!("on purpose"));
    handle.blocking_send(Work::Task(1, task)).unwrap();
    assert!(matches!(thread.join(), Err(EngineFailure::Panicked)));
    assert_eq!(parked::wait(handle.commit()), Err(EngineGone));
    assert_eq!(Tape::open(&dir).unwrap().last_seq(), durable);
}

#[test]
fn a_session_that_is_open_is_abandoned_for_the_next() {
    let dir = DataDir::in_memory();
    let (handle, thread) = start(&dir, 1);
    open(&handle);
    let live = parked::wait(handle.open_session(draft())).unwrap();
    assert_eq!((live.segment.run, live.abandoned), (2, Some(DATE)));
    assert_eq!(parked::wait(handle.close_session()).unwrap(), Some(DATE));
    assert_eq!(parked::wait(handle.close_session()).unwrap(), None);
    drop(handle);
    thread.join().unwrap();
}

/// How fast: `cargo test --release -p barkeep --lib engine_thread::tests::pace -- --ignored --nocapture`.
#[test]
#[ignore = "measures this host"]
fn pace() {
    const TICKS: u64 = 2_002_000;
    for commit_ms in [20, 1] {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path());
        let config = EngineThreadConfig { commit_after: Duration::from_millis(commit_ms), queue_inputs: QUEUE_INPUTS };
        let (handle, thread) = EngineThread::start(appliance(&dir, 16_384), config).unwrap();
        let mut follower = handle.publisher().follow(Seq(0), 64);
        let beside = std::thread::spawn(move || {
            let mut count = 0;
            while let Delivery::Batch(batch) = follower.next(Duration::from_secs(10)).unwrap() {
                count += batch.iter().count();
            }
            count
        });
        open(&handle);
        let pieces: Vec<_> = (0..TICKS / 100).map(|piece| inputs(piece * 100, 100)).collect();
        let began = Instant::now();
        for piece in pieces {
            handle.blocking_send(Work::Inputs(piece)).unwrap();
        }
        let durable = parked::wait(handle.commit()).unwrap();
        let rate = TICKS as f64 / began.elapsed().as_secs_f64();
        println!("commit_ms {commit_ms}: {rate:.0} inputs/s to durable, {} events", durable.0);
        assert!(rate > 100_000.0);
        drop(handle);
        thread.join().unwrap();
        assert_eq!(beside.join().unwrap() as u64, durable.0);
    }
}
