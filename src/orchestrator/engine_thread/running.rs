//! The loop of the engine thread: work in order, and when its transaction closes.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use barkeep_schemas::Seq;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{EngineThreadConfig, Work};
use crate::orchestrator::appliance::{Appliance, ApplianceError};

/// What wakes the thread.
pub(super) enum Message {
    /// Work, and its place in the queue, free again when it is done.
    Work(Work, OwnedSemaphorePermit),
    /// A transaction has become durable, or none will any more.
    Durable,
    /// Nobody is left who could send work.
    LastHandleGone,
}

/// The transaction that gathers.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Gathering {
    first: Seq,
    due: Instant,
}

/// The thread's own state.
pub(super) struct Running {
    appliance: Appliance,
    config: EngineThreadConfig,
    gathering: Option<Gathering>,
    /// Who waits for a position to be durable, in the order of positions.
    waiting: VecDeque<(Seq, oneshot::Sender<Seq>)>,
}

impl Running {
    pub(super) fn new(appliance: Appliance, config: EngineThreadConfig) -> Self {
        Self { appliance, config, gathering: None, waiting: VecDeque::new() }
    }

    /// Works until it is told to stop or must.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) -> Result<(), ApplianceError> {
        while let Some(message) = self.wait(inbox) {
            match message {
                Message::Work(Work::Stop, _) | Message::LastHandleGone => break,
                Message::Work(work, permit) => {
                    self.work(work)?;
                    drop(permit);
                }
                Message::Durable => {
                    self.appliance.check()?;
                    self.answer();
                }
            }
            self.close_when_due()?;
        }
        self.appliance.flush()?;
        self.answer();
        self.appliance.close()
    }

    /// The next message. A transaction that is due and may close needs none.
    fn wait(&mut self, inbox: &Receiver<Message>) -> Option<Message> {
        match self.gathering {
            Some(gathering) if !self.is_syncing() => {
                let left = gathering.due.saturating_duration_since(Instant::now());
                match inbox.recv_timeout(left) {
                    Ok(message) => Some(message),
                    // As if something had become durable: what is due is looked at again.
                    Err(RecvTimeoutError::Timeout) => Some(Message::Durable),
                    Err(RecvTimeoutError::Disconnected) => None,
                }
            }
            // The transaction that syncs wakes the thread when it is durable.
            Some(_) | None => inbox.recv().ok(),
        }
    }

    fn is_syncing(&self) -> bool {
        self.appliance.publisher().batches_waiting() > 0
    }

    fn work(&mut self, work: Work) -> Result<(), ApplianceError> {
        match work {
            Work::Inputs(inputs) => {
                for input in inputs {
                    self.appliance.input(input)?;
                    if self.appliance.is_urgent() {
                        self.appliance.commit()?;
                    }
                }
            }
            Work::Task(_, task) => task(&mut self.appliance)?,
            Work::Commit(reply) => {
                self.appliance.commit()?;
                self.waiting.push_back((Seq(self.appliance.next_seq().0.saturating_sub(1)), reply));
                self.answer();
            }
            // The loop ends at it.
            Work::Stop => {}
        }
        Ok(())
    }

    /// Closes the transaction that gathers when it is urgent, or its time has come and the one before it is durable.
    fn close_when_due(&mut self) -> Result<(), ApplianceError> {
        let Some(first) = self.appliance.gathered_from() else {
            self.gathering = None;
            return Ok(());
        };
        let now = Instant::now();
        let begun = self.gathering.filter(|gathering| gathering.first == first);
        let gathering = begun.unwrap_or_else(|| Gathering { first, due: now + self.config.commit_after });
        self.gathering = Some(gathering);
        if self.appliance.is_urgent() || (gathering.due <= now && !self.is_syncing()) {
            self.appliance.commit()?;
            self.gathering = None;
        }
        Ok(())
    }

    /// Answers those whose position is durable.
    fn answer(&mut self) {
        let durable = self.appliance.publisher().durable_seq();
        while self.waiting.front().is_some_and(|(seq, _)| *seq <= durable) {
            if let Some((_, reply)) = self.waiting.pop_front() {
                // Who asked may have gone away.
                let _ = reply.send(durable);
            }
        }
    }
}
