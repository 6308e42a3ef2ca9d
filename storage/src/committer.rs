//! A writer on threads of its own: the caller computes a batch while the last one is laid out and the one before syncs.
//!
//! Two batches wait at most to be laid out and one to be written; another makes its sender wait. Batches become durable in the order of submission. After the
//! first failure nothing more is written and every call tells that failure. What is durable is told to the
//! [`Publisher`]. Called by the daemon and by imports.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use barkeep_schemas::{Event, Hash32, Seq, SessionDate};

use crate::commit_report::{CommitReport, Stopwatch};
use crate::durable::Publisher;
use crate::error::CommitError;
use crate::open_segment::Prepared;
use crate::paths::SegmentName;
use crate::writer::Writer;

/// Batches that may wait while another is laid out.
const WAITING_MAX: usize = 2;

/// Transactions that may wait while another syncs.
const PREPARED_MAX: usize = 1;

enum Job {
    Commit(Vec<Event>, Stopwatch),
    BeginSegment(SessionDate, SyncSender<SegmentName>),
    Seal(SyncSender<()>),
    Flush(SyncSender<()>),
    Chain(SyncSender<Hash32>),
}

/// What the thread that writes is given.
enum Write {
    /// A transaction and, where someone follows, its events.
    Commit(Prepared, Option<Arc<[Event]>>, Stopwatch),
    /// Answered when all before it is durable.
    Reached(SyncSender<()>),
}

/// What the thread tells the others.
struct Shared {
    publisher: Publisher,
    failure: Mutex<Option<CommitError>>,
}

/// Says that nothing more will become durable when it goes, however that comes about.
struct LastWord<'a>(&'a Publisher);

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Shared {
    fn failure(&self) -> Option<CommitError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, error: CommitError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn kept<T>(&self, result: Result<T, CommitError>) -> Result<T, Failed> {
        result.map_err(|error| {
            self.fail(error);
            Failed
        })
    }
}

/// The handle of the writing threads. Dropping it lets them finish what was submitted and waits for it.
pub struct Committer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<Writer>>,
    shared: Arc<Shared>,
    next_seq: Seq,
}

impl Committer {
    /// Moves a writer to a thread of its own.
    ///
    /// # Errors
    /// The system gave no thread; the writer is then closed.
    pub fn start(writer: Writer) -> std::io::Result<Self> {
        let (jobs, inbox) = sync_channel(WAITING_MAX);
        let next_seq = writer.next_seq();
        let publisher = Publisher::new(writer.dir(), Seq(next_seq.0.saturating_sub(1)));
        let shared = Arc::new(Shared { publisher, failure: Mutex::new(None) });
        let theirs = shared.clone();
        let thread =
            std::thread::Builder::new().name("committer".to_owned()).spawn(move || run(writer, &inbox, &theirs))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), shared, next_seq })
    }

    /// The position that the next submitted event takes.
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// The last position that is durable.
    pub fn durable_seq(&self) -> Seq {
        self.shared.publisher.durable_seq()
    }

    /// Where it is told what has become durable.
    pub fn publisher(&self) -> &Publisher {
        &self.shared.publisher
    }

    /// Whether nothing has failed so far.
    ///
    /// # Errors
    /// The first failure.
    pub fn check(&self) -> Result<(), CommitError> {
        self.shared.failure().map_or(Ok(()), Err)
    }

    /// Hands over a batch, to become one transaction; waits while two batches are waiting. The last position of the
    /// batch, which is not durable yet, or `None` for no events.
    ///
    /// # Errors
    /// The first failure of any earlier batch; this batch and all later ones are then not written.
    pub fn submit(&mut self, events: Vec<Event>) -> Result<Option<Seq>, CommitError> {
        let count = events.len() as u64;
        self.check()?;
        if count == 0 {
            return Ok(None);
        }
        self.shared.publisher.submitted();
        self.send(Job::Commit(events, Stopwatch::start()))?;
        let last = self.next_seq.plus(count - 1);
        self.next_seq = last.plus(1);
        Ok(Some(last))
    }

    /// Waits until everything submitted is durable; the last durable position.
    ///
    /// # Errors
    /// The first failure.
    pub fn flush(&self) -> Result<Seq, CommitError> {
        self.ask(Job::Flush)?;
        Ok(self.durable_seq())
    }

    /// [`Writer::chain_hash`], after everything submitted has become durable.
    ///
    /// # Errors
    /// The first failure.
    pub fn chain_hash(&self) -> Result<Hash32, CommitError> {
        self.ask(Job::Chain)
    }

    /// [`Writer::begin_segment`], after everything submitted; waits for it.
    ///
    /// # Errors
    /// The first failure.
    pub fn begin_segment(&self, date: SessionDate) -> Result<SegmentName, CommitError> {
        self.ask(|reply| Job::BeginSegment(date, reply))
    }

    /// [`Writer::seal`], after everything submitted; waits for it.
    ///
    /// # Errors
    /// The first failure.
    pub fn seal(&self) -> Result<(), CommitError> {
        self.ask(Job::Seal)
    }

    /// Waits until everything submitted is durable and gives the writer back.
    ///
    /// # Errors
    /// The first failure; the writer is then closed.
    pub fn finish(mut self) -> Result<Writer, CommitError> {
        self.jobs = None;
        let writer = self.thread.take().and_then(|thread| thread.join().ok());
        self.check()?;
        writer.ok_or_else(|| self.ended())
    }

    /// Sends a job with a way to answer and waits for the answer.
    fn ask<T>(&self, job: impl FnOnce(SyncSender<T>) -> Job) -> Result<T, CommitError> {
        self.check()?;
        let (reply, answer) = sync_channel(1);
        self.send(job(reply))?;
        // A job that fails, or comes after a failure, is not answered.
        answer.recv().map_err(|_| self.shared.failure().unwrap_or_else(|| self.ended()))
    }

    fn send(&self, job: Job) -> Result<(), CommitError> {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        if matches!(sent, Some(Ok(()))) {
            return Ok(());
        }
        Err(self.shared.failure().unwrap_or_else(|| self.ended()))
    }

    fn ended(&self) -> CommitError {
        CommitError::ThreadEnded { durable: self.durable_seq() }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported where it happened.
            let _ = thread.join();
        }
    }
}

/// Lays the batches out until the channel closes or something fails, while a thread below writes them.
fn run(mut writer: Writer, inbox: &Receiver<Job>, shared: &Shared) -> Writer {
    let _last_word = LastWord(&shared.publisher);
    let failed = std::thread::scope(|scope| {
        let (prepared, writes) = sync_channel(PREPARED_MAX);
        let thread = std::thread::Builder::new().name("syncer".to_owned());
        match thread.spawn_scoped(scope, move || write(&writes, shared)) {
            Ok(_) => inbox.iter().try_for_each(|job| work(&mut writer, job, &prepared, shared)).is_err(),
            Err(source) => {
                let path = writer.dir().tape();
                shared.fail(CommitError::file(&path, "start a thread for", writer.next_seq(), source));
                true
            }
        }
    });
    if failed && let Some(failure) = shared.failure() {
        writer.fail(failure);
    }
    writer
}

/// Nothing more may be written; the failure is on record.
struct Failed;

/// Does one job. A failure is on record before anyone who waits for an answer learns that none will come.
fn work(writer: &mut Writer, job: Job, writes: &SyncSender<Write>, shared: &Shared) -> Result<(), Failed> {
    // Who asked may have gone away meanwhile: an answer that nobody takes is no failure.
    match job {
        Job::Commit(events, stopwatch) => {
            let began = Instant::now();
            if let Some(prepared) = shared.kept(writer.prepare(&events))? {
                let stopwatch = stopwatch.appended(began.elapsed());
                let events = shared.publisher.shared_copy(events);
                writes.send(Write::Commit(prepared, events, stopwatch)).map_err(|_| Failed)?;
            }
        }
        Job::BeginSegment(date, reply) => {
            reach(writes)?;
            let _ = reply.send(shared.kept(writer.begin_segment(date))?);
        }
        Job::Seal(reply) => {
            reach(writes)?;
            shared.kept(writer.seal())?;
            let _ = reply.send(());
        }
        Job::Flush(reply) => writes.send(Write::Reached(reply)).map_err(|_| Failed)?,
        Job::Chain(reply) => {
            reach(writes)?;
            let _ = reply.send(writer.chain_hash());
        }
    }
    Ok(())
}

/// Waits until all that was prepared is durable.
fn reach(writes: &SyncSender<Write>) -> Result<(), Failed> {
    let (reply, reached) = sync_channel(1);
    writes.send(Write::Reached(reply)).map_err(|_| Failed)?;
    reached.recv().map_err(|_| Failed)
}

/// Writes what was prepared until the channel closes or a transaction fails.
fn write(writes: &Receiver<Write>, shared: &Shared) {
    let _last_word = LastWord(&shared.publisher);
    for job in writes {
        match job {
            Write::Commit(prepared, events, stopwatch) => {
                let began = Instant::now();
                match prepared.write() {
                    Ok(()) => {
                        shared.publisher.report(&CommitReport::new(&prepared, stopwatch, began.elapsed()));
                        shared.publisher.durable(prepared.last, events);
                    }
                    Err(error) => return shared.fail(error),
                }
            }
            Write::Reached(reply) => {
                let _ = reply.send(());
            }
        }
    }
}
