//! A writer on a thread of its own, so that the engine computes the next batch while the last one syncs.
//!
//! Two batches wait at most; a third makes its sender wait. Batches become durable in the order of submission. After the
//! first failure nothing more is written and every call tells that failure. Called by the daemon and by imports.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use barkeep_schemas::{Event, Hash32, Seq, SessionDate};

use crate::error::CommitError;
use crate::paths::SegmentName;
use crate::writer::Writer;

/// Batches that may wait while another syncs.
const WAITING_MAX: usize = 2;

enum Job {
    Commit(Vec<Event>),
    BeginSegment(SessionDate, SyncSender<SegmentName>),
    Seal(SyncSender<()>),
    Flush(SyncSender<()>),
    Chain(SyncSender<Hash32>),
}

/// What the thread tells the others.
struct Shared {
    durable: AtomicU64,
    failure: Mutex<Option<CommitError>>,
}

impl Shared {
    fn failure(&self) -> Option<CommitError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The handle of the writing thread. Dropping it lets the thread finish what was submitted and waits for it.
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
        let durable = AtomicU64::new(next_seq.0.saturating_sub(1));
        let shared = Arc::new(Shared { durable, failure: Mutex::new(None) });
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
        Seq(self.shared.durable.load(Ordering::Acquire))
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
        self.send(Job::Commit(events))?;
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

    fn check(&self) -> Result<(), CommitError> {
        self.shared.failure().map_or(Ok(()), Err)
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

/// Works through the jobs until the channel closes or one fails. A failure is on record before anyone who waits for an
/// answer learns that none will come.
fn run(mut writer: Writer, inbox: &Receiver<Job>, shared: &Shared) -> Writer {
    let fail = |error: CommitError| {
        *shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    };
    for job in inbox {
        // Who asked may have gone away meanwhile: an answer that nobody takes is no failure.
        match job {
            Job::Commit(events) => match writer.commit(&events) {
                Ok(Some(last)) => shared.durable.store(last.0, Ordering::Release),
                Ok(None) => {}
                Err(error) => {
                    fail(error);
                    break;
                }
            },
            Job::BeginSegment(date, reply) => match writer.begin_segment(date) {
                Ok(name) => drop(reply.send(name)),
                Err(error) => {
                    fail(error);
                    break;
                }
            },
            Job::Seal(reply) => match writer.seal() {
                Ok(()) => drop(reply.send(())),
                Err(error) => {
                    fail(error);
                    break;
                }
            },
            Job::Flush(reply) => drop(reply.send(())),
            Job::Chain(reply) => drop(reply.send(writer.chain_hash())),
        }
    }
    writer
}
