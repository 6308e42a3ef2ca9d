//! The engine thread: the one thread of the daemon that owns the [`Appliance`].
//!
//! What it is: work in through a bounded queue, in order; transactions cut by events, by time and by urgency; durable
//! positions told. What it never does: wait for a follower or a socket, drop work, or decide anything about data. Who
//! calls it: the daemon starts it; feeds, the door and the schedule hold an [`EngineHandle`].
//!
//! A transaction closes at `commit_events`, or `commit_ms` after its first event, or at once when it holds a signal, an
//! order, a decision or a fill. While one syncs, the next gathers: one whose time has come waits for the one before it, so
//! that a slow disk makes larger transactions and no queue of small ones.

mod handle;
mod parked;
mod running;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use barkeep_schemas::{Input, Seq};
use tokio::sync::{Semaphore, oneshot, watch};

use super::appliance::{Appliance, ApplianceError};
use super::config::TapeConfig;
use running::{Message, Running};

pub use handle::{Backlog, EngineGone, EngineHandle, NotSent};

/// How the engine thread works.
#[derive(Clone, Copy, Debug)]
pub struct EngineThreadConfig {
    /// The longest that an event waits for its transaction to close, while the one before it does not sync.
    pub commit_after: Duration,
    /// Inputs that wait at most; more make their senders wait.
    pub queue_inputs: u32,
}

/// Inputs that wait at most: a quarter of a second of the fastest feed, some ten megabytes.
const QUEUE_INPUTS: u32 = 65_536;

impl From<&TapeConfig> for EngineThreadConfig {
    fn from(config: &TapeConfig) -> Self {
        let commit_after = Duration::from_millis(u64::from(config.commit_ms));
        Self { commit_after, queue_inputs: QUEUE_INPUTS }
    }
}

/// Something done with the appliance, on its thread. An error ends the thread: only what forbids going on is one.
pub type Task = Box<dyn FnOnce(&mut Appliance) -> Result<(), ApplianceError> + Send>;

/// What the engine thread is given.
pub enum Work {
    /// Inputs, in order.
    Inputs(Vec<Input>),
    /// Anything else that needs the appliance; it counts as so many inputs.
    Task(u32, Task),
    /// Makes all before it durable at once and tells the last position.
    Commit(oneshot::Sender<Seq>),
    /// Ends the thread when all before it is done: everything durable, the engine saved, the lock given back.
    Stop,
}

impl Work {
    /// As how many inputs it counts in the queue.
    fn weight(&self) -> u32 {
        match self {
            Self::Inputs(inputs) => u32::try_from(inputs.len()).unwrap_or(u32::MAX).max(1),
            Self::Task(weight, _) => (*weight).max(1),
            Self::Commit(_) | Self::Stop => 1,
        }
    }
}

/// Why the engine thread ended.
#[derive(Debug, thiserror::Error)]
pub enum EngineFailure {
    /// Going on is forbidden.
    #[error(transparent)]
    Appliance(#[from] ApplianceError),
    /// A bug.
    #[error("the engine thread panicked: this is a bug of barkeep; what was acknowledged is on the tape")]
    Panicked,
}

impl EngineFailure {
    /// The reason word when going on is forbidden.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Appliance(error) => error.fatal_reason(),
            Self::Panicked => Some("bug"),
        }
    }
}

/// The end of the engine thread, for whoever started it.
pub struct EngineThread {
    outcome: oneshot::Receiver<Result<(), ApplianceError>>,
    /// What came of it, where somebody waited for the end alone.
    known: Option<Result<Result<(), ApplianceError>, oneshot::error::RecvError>>,
    thread: JoinHandle<()>,
}

impl EngineThread {
    /// Gives the appliance a thread of its own. It ends with [`Work::Stop`], when the last handle goes, or when going on is
    /// forbidden.
    ///
    /// # Errors
    /// The system gave no thread; the appliance is then closed as a crash would.
    pub fn start(appliance: Appliance, config: EngineThreadConfig) -> io::Result<(EngineHandle, Self)> {
        let (messages, inbox) = channel();
        let (durable_now, durable) = watch::channel(Seq(0));
        let publisher = appliance.publisher().clone();
        let wake = messages.clone();
        publisher.watch(move |seq| {
            durable_now.send_replace(seq);
            // A thread that has ended needs no waking.
            let _ = wake.send(Message::Durable);
        });
        let room = Arc::new(Semaphore::new(config.queue_inputs as usize));
        let handle = EngineHandle::new(messages, room, config.queue_inputs, durable, publisher);
        let (tell, outcome) = oneshot::channel();
        let running = Running::new(appliance, config);
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            // Who started it may have gone away: the log has it then.
            if let Err(Err(error)) = tell.send(running.run(&inbox)) {
                tracing::error!(%error, "the engine thread has ended");
            }
        })?;
        Ok((handle, Self { outcome, known: None, thread }))
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Why it could not go on.
    pub async fn ended(&mut self) -> Result<(), EngineFailure> {
        let outcome = match self.known.take() {
            Some(outcome) => outcome,
            None => (&mut self.outcome).await,
        };
        match outcome {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(EngineFailure::Panicked),
        }
    }

    /// Waits for the end and leaves it to [`Self::ended`] to tell how it was.
    pub async fn until_ended(&mut self) {
        if self.known.is_none() {
            self.known = Some((&mut self.outcome).await);
        }
    }

    /// [`Self::ended`] on a thread without a runtime.
    ///
    /// # Errors
    /// Why it could not go on.
    pub fn join(self) -> Result<(), EngineFailure> {
        let outcome = self.known.unwrap_or_else(|| parked::wait(self.outcome));
        // A panic shows in the outcome that is not there.
        let _ = self.thread.join();
        match outcome {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(EngineFailure::Panicked),
        }
    }
}
