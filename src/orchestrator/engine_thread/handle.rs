//! The handle by which work reaches the engine thread, from tasks and from threads.
//!
//! What it never does: drop work that was accepted, or let more wait than there is room for. Clones are the same handle;
//! the thread ends when the last has gone.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use barkeep_schemas::{Instrument, InstrumentId, Seq, SessionDate};
use barkeep_storage::Publisher;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::running::Message;
use super::{Work, parked};
use crate::orchestrator::appliance::{Appliance, ApplianceError, LiveSession, SessionDraft};

/// The engine thread has ended; whoever started it knows why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the engine has stopped: its last words are in the daemon's log")]
pub struct EngineGone;

/// Why work was not taken at once.
pub enum NotSent {
    /// There is no room now; the work comes back.
    Full(Work),
    /// There is no engine.
    Gone(EngineGone),
}

/// What waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backlog {
    /// Inputs in the queue.
    pub inputs: usize,
    /// Transactions that are closed and not durable.
    pub batches: usize,
}

struct Shared {
    messages: Sender<Message>,
    room: Arc<Semaphore>,
    room_inputs: u32,
    durable: watch::Receiver<Seq>,
    publisher: Publisher,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // An engine that has ended needs no telling.
        let _ = self.messages.send(Message::LastHandleGone);
    }
}

/// A handle of the engine thread.
#[derive(Clone)]
pub struct EngineHandle {
    shared: Arc<Shared>,
}

impl EngineHandle {
    pub(super) fn new(
        messages: Sender<Message>,
        room: Arc<Semaphore>,
        room_inputs: u32,
        durable: watch::Receiver<Seq>,
        publisher: Publisher,
    ) -> Self {
        Self { shared: Arc::new(Shared { messages, room, room_inputs, durable, publisher }) }
    }

    /// Queues work; waits while there is no room. Work that one task sends is done in the order of sending.
    ///
    /// # Errors
    /// [`EngineGone`]; the work was then not done.
    pub async fn send(&self, work: Work) -> Result<(), EngineGone> {
        let permit = self.room(self.weight(&work)).await.map_err(|_| EngineGone)?;
        self.queue(work, permit)
    }

    /// [`Self::send`] on a thread without a runtime.
    ///
    /// # Errors
    /// [`EngineGone`]; the work was then not done.
    pub fn blocking_send(&self, work: Work) -> Result<(), EngineGone> {
        parked::wait(self.send(work))
    }

    /// [`Self::send`] that does not wait.
    ///
    /// # Errors
    /// [`NotSent`], with the work where there was no room.
    pub fn try_send(&self, work: Work) -> Result<(), NotSent> {
        let room = self.shared.room.clone();
        match room.try_acquire_many_owned(self.weight(&work)) {
            Ok(permit) => self.queue(work, permit).map_err(NotSent::Gone),
            Err(tokio::sync::TryAcquireError::NoPermits) => Err(NotSent::Full(work)),
            Err(tokio::sync::TryAcquireError::Closed) => Err(NotSent::Gone(EngineGone)),
        }
    }

    /// Does something with the appliance, on its thread and in its turn, and tells what came of it. An [`ApplianceError`]
    /// ends the engine; anything else belongs into `T`.
    ///
    /// # Errors
    /// [`EngineGone`], also when the task itself ended it.
    pub async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Appliance) -> Result<T, ApplianceError> + Send + 'static,
    ) -> Result<T, EngineGone> {
        self.ask_weighing(1, task).await?.await.map_err(|_| EngineGone)
    }

    /// [`Self::ask`] that counts as so many inputs in the queue and does not wait for the answer.
    ///
    /// # Errors
    /// [`EngineGone`]; no answer comes for the same reason.
    pub async fn ask_weighing<T: Send + 'static>(
        &self,
        weight: u32,
        task: impl FnOnce(&mut Appliance) -> Result<T, ApplianceError> + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, EngineGone> {
        let (reply, answer) = oneshot::channel();
        let task = move |appliance: &mut Appliance| {
            // Who asked may have gone away: the task is done nevertheless.
            let _ = reply.send(task(appliance)?);
            Ok(())
        };
        self.send(Work::Task(weight, Box::new(task))).await?;
        Ok(answer)
    }

    /// Makes everything sent so far durable at once; the last durable position.
    ///
    /// # Errors
    /// [`EngineGone`]
    pub async fn commit(&self) -> Result<Seq, EngineGone> {
        let (reply, answer) = oneshot::channel();
        self.send(Work::Commit(reply)).await?;
        answer.await.map_err(|_| EngineGone)
    }

    /// Opens a live session ([`Appliance::open_session`]).
    ///
    /// # Errors
    /// [`EngineGone`]
    pub async fn open_session(&self, draft: SessionDraft) -> Result<LiveSession, EngineGone> {
        self.ask(|appliance| appliance.open_session(draft)).await
    }

    /// Closes the live session; its date, where one was open.
    ///
    /// # Errors
    /// [`EngineGone`]
    pub async fn close_session(&self) -> Result<Option<SessionDate>, EngineGone> {
        self.ask(Appliance::close_session).await
    }

    /// The number of a symbol in the open segment; a new one is listed first.
    ///
    /// # Errors
    /// [`EngineGone`]
    pub async fn instrument(&self, draft: Instrument) -> Result<InstrumentId, EngineGone> {
        self.ask(|appliance| appliance.instrument(draft)).await
    }

    /// What waits now.
    pub fn backlog(&self) -> Backlog {
        let shared = &self.shared;
        let inputs = (shared.room_inputs as usize).saturating_sub(shared.room.available_permits());
        Backlog { inputs, batches: shared.publisher.batches_waiting() }
    }

    /// The last durable position, as it moves.
    pub fn durable(&self) -> watch::Receiver<Seq> {
        self.shared.durable.clone()
    }

    /// Where followers of the daemon take what has become durable.
    pub fn publisher(&self) -> &Publisher {
        &self.shared.publisher
    }

    /// What is larger than the whole queue waits for all of it.
    fn weight(&self, work: &Work) -> u32 {
        work.weight().min(self.shared.room_inputs)
    }

    /// A future of it may wait on any thread, so it holds no work.
    async fn room(&self, weight: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.shared.room.clone().acquire_many_owned(weight).await
    }

    fn queue(&self, work: Work, permit: OwnedSemaphorePermit) -> Result<(), EngineGone> {
        self.shared.messages.send(Message::Work(work, permit)).map_err(|_| EngineGone)
    }
}
