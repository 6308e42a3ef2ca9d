//! Batches handed on once they are durable, to followers in the writer's own process: each event once, in order.
//!
//! A follower's channel is bounded and the writer never waits for it: a batch that finds the channel full is left out. The
//! follower sees from the positions that something is missing, reads it off the tape, and is back at the channel when it
//! has caught up. Never hands out what is not durable. Called by whoever follows inside the daemon; other processes use
//! [`Follower`].

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use barkeep_schemas::{Event, Seq};

use crate::commit_report::CommitReport;
use crate::error::ReadError;
use crate::follower::Follower;
use crate::paths::DataDir;

/// Events that a follower that lags takes off the tape at a time.
const READ_EVENTS: usize = 4_096;

/// How long a follower rests when the tape does not show yet what must be there.
const PAUSE: Duration = Duration::from_millis(2);

/// Events that lie side by side on the tape and are durable.
#[derive(Clone, Debug)]
pub struct DurableBatch {
    first: Seq,
    events: Arc<[Event]>,
    /// Events at the beginning that this follower has seen.
    seen: usize,
}

impl DurableBatch {
    /// The position of the first event.
    pub fn first(&self) -> Seq {
        self.first.plus(self.seen as u64)
    }

    /// The position behind the last event.
    pub fn end(&self) -> Seq {
        self.first.plus(self.events.len() as u64)
    }

    /// The events with their positions, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, &Event)> {
        (self.first().0..).map(Seq).zip(self.events.iter().skip(self.seen))
    }

    /// What of it lies at `next` and behind.
    fn from(mut self, next: Seq) -> Option<Self> {
        let seen =
            usize::try_from(next.0.saturating_sub(self.first.0)).ok().filter(|seen| *seen < self.events.len())?;
        self.seen = seen;
        Some(self)
    }
}

/// What [`DurableEvents::next`] found.
#[derive(Debug)]
pub enum Delivery {
    /// The next events.
    Batch(DurableBatch),
    /// None came in that time.
    Nothing,
    /// None will come: the writer has ended, and all that it made durable was handed out.
    Ended,
}

/// Told of the last durable position.
type Watcher = Box<dyn Fn(Seq) + Send>;

/// Told what each transaction took.
type Timekeeper = Box<dyn Fn(&CommitReport) + Send>;

#[derive(Default)]
struct Listeners {
    followers: Vec<SyncSender<DurableBatch>>,
    timekeepers: Vec<Timekeeper>,
    watchers: Vec<Watcher>,
}

struct Shared {
    durable: AtomicU64,
    /// Batches that were submitted and are not durable.
    waiting: AtomicUsize,
    /// `None` once nothing more will become durable.
    listeners: Mutex<Option<Listeners>>,
}

/// Where a writer says what has become durable. Any number of handles, one writer.
#[derive(Clone)]
pub struct Publisher {
    dir: DataDir,
    shared: Arc<Shared>,
}

impl Publisher {
    pub(crate) fn new(dir: &DataDir, durable: Seq) -> Self {
        let (durable, waiting) = (AtomicU64::new(durable.0), AtomicUsize::new(0));
        let listeners = Mutex::new(Some(Listeners::default()));
        Self { dir: dir.clone(), shared: Arc::new(Shared { durable, waiting, listeners }) }
    }

    /// The last position that is durable.
    pub fn durable_seq(&self) -> Seq {
        Seq(self.shared.durable.load(Ordering::SeqCst))
    }

    /// Batches that were submitted and are not durable.
    pub fn batches_waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Acquire)
    }

    /// A follower that has seen everything up to `after` (0: nothing) and for which at most `batches_max` are kept.
    pub fn follow(&self, after: Seq, batches_max: usize) -> DurableEvents {
        let (sender, batches) = sync_channel(batches_max);
        // Where the writer has ended, the sender goes at once and the follower learns it from that.
        self.with(|listeners| listeners.followers.push(sender));
        let tape = Follower::new(&self.dir, after);
        DurableEvents { publisher: self.clone(), batches, held: None, next: after.plus(1), tape, ended: false }
    }

    /// Has `watcher` told the last durable position after every transaction, and once more when no other will come. It is
    /// called on the thread that writes, so it must not wait.
    pub fn watch(&self, watcher: impl Fn(Seq) + Send + 'static) {
        let watcher: Watcher = Box::new(watcher);
        let mut listeners = self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that what becomes durable from now on is told to it.
        watcher(self.durable_seq());
        if let Some(listeners) = listeners.as_mut() {
            listeners.watchers.push(watcher);
        }
    }

    /// Has `timekeeper` told what every transaction took, once it is durable. It is called on the thread that writes, so it
    /// must not wait.
    pub fn time(&self, timekeeper: impl Fn(&CommitReport) + Send + 'static) {
        self.with(|listeners| listeners.timekeepers.push(Box::new(timekeeper)));
    }

    pub(crate) fn report(&self, report: &CommitReport) {
        self.with(|listeners| listeners.timekeepers.iter().for_each(|timekeeper| timekeeper(report)));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Listeners) -> T) -> Option<T> {
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(act)
    }

    /// The events for those who follow, if any does.
    pub(crate) fn shared_copy(&self, events: Vec<Event>) -> Option<Arc<[Event]>> {
        self.with(|listeners| !listeners.followers.is_empty()).unwrap_or(false).then(|| Arc::from(events))
    }

    pub(crate) fn submitted(&self) {
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
    }

    /// A batch that ends at `last` is durable. Without its events those who follow read them off the tape.
    pub(crate) fn durable(&self, last: Seq, events: Option<Arc<[Event]>>) {
        // Before the batch is offered: a follower that finds its channel empty looks here for what was left out.
        self.shared.durable.store(last.0, Ordering::SeqCst);
        self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
        self.with(|listeners| {
            if let Some(events) = events {
                let first = Seq(last.plus(1).0.saturating_sub(events.len() as u64));
                let offer = |follower: &SyncSender<_>| {
                    let batch = DurableBatch { first, events: events.clone(), seen: 0 };
                    !matches!(follower.try_send(batch), Err(TrySendError::Disconnected(_)))
                };
                listeners.followers.retain(offer);
            }
            listeners.watchers.iter().for_each(|watcher| watcher(last));
        });
    }

    /// Nothing more will become durable.
    pub(crate) fn end(&self) {
        let listeners = self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listeners) = listeners {
            let durable = self.durable_seq();
            listeners.watchers.iter().for_each(|watcher| watcher(durable));
        }
    }
}

/// A follower inside the writer's process, with its place on the tape.
pub struct DurableEvents {
    publisher: Publisher,
    batches: Receiver<DurableBatch>,
    /// A batch off the channel whose turn has not come.
    held: Option<DurableBatch>,
    /// The position of the next event to hand out.
    next: Seq,
    tape: Follower,
    ended: bool,
}

impl DurableEvents {
    /// The position of the last event handed out.
    pub fn after(&self) -> Seq {
        Seq(self.next.0.saturating_sub(1))
    }

    /// Durable events that were not handed out.
    pub fn lag_events(&self) -> u64 {
        self.publisher.durable_seq().0.saturating_sub(self.after().0)
    }

    /// The next durable events; waits for them at most so long.
    ///
    /// # Errors
    /// As [`Follower::poll`]. The place never moves past an event that was not handed out, so it may be called again.
    pub fn next(&mut self, timeout: Duration) -> Result<Delivery, ReadError> {
        let until = Instant::now() + timeout;
        loop {
            if let Some(batch) = self.ready()? {
                self.next = batch.end();
                return Ok(Delivery::Batch(batch));
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.behind() {
                // The tape is about to show it.
                true if left.is_zero() => return Ok(Delivery::Nothing),
                true => std::thread::sleep(PAUSE.min(left)),
                false if self.ended => return Ok(Delivery::Ended),
                false => match self.batches.recv_timeout(left) {
                    Ok(batch) => self.held = Some(batch),
                    Err(RecvTimeoutError::Timeout) => return Ok(Delivery::Nothing),
                    Err(RecvTimeoutError::Disconnected) => self.ended = true,
                },
            }
        }
    }

    /// Whether something durable was not handed out, so that there is no need to wait for the channel.
    fn behind(&self) -> bool {
        self.held.is_some() || self.next <= self.publisher.durable_seq()
    }

    /// The next events that can be had without waiting: off the channel or, where it lacks some, off the tape.
    fn ready(&mut self) -> Result<Option<DurableBatch>, ReadError> {
        loop {
            if let Some(batch) = self.held.take() {
                if batch.first > self.next {
                    self.held = Some(batch);
                    return self.read();
                }
                if let Some(batch) = batch.from(self.next) {
                    return Ok(Some(batch));
                }
            }
            match self.batches.try_recv() {
                Ok(batch) => self.held = Some(batch),
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    break;
                }
                Err(TryRecvError::Empty) => break,
            }
        }
        if self.behind() { self.read() } else { Ok(None) }
    }

    /// The next events off the tape.
    fn read(&mut self) -> Result<Option<DurableBatch>, ReadError> {
        if self.tape.after() != self.after() {
            self.tape.skip_to(self.after());
        }
        let events = self.tape.poll(READ_EVENTS)?;
        let Some((first, _)) = events.first() else { return Ok(None) };
        let (first, events) = (*first, events.into_iter().map(|(_, event)| event).collect());
        Ok(Some(DurableBatch { first, events, seen: 0 }))
    }
}
