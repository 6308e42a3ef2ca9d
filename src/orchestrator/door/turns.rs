//! The turn to add: one command has it at a time, as one process has the lock.
//!
//! What it never does: hold up a live session behind a command for longer than its patience. Who calls it: connections of
//! the door for commands; the daemon for whatever begins a segment, and for what it adds itself after the close.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

struct Shared {
    free: Arc<Semaphore>,
    /// Who has it.
    holder: watch::Sender<Option<String>>,
    /// How many wait for it who do not wait for a command's end any more.
    claims: watch::Sender<u32>,
}

/// The turn of one daemon; clones are the same.
#[derive(Clone)]
pub struct Turns {
    shared: Arc<Shared>,
}

/// The turn, had until it is dropped.
#[must_use = "the turn is given back when this is dropped"]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    shared: Arc<Shared>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Before the permit goes, so that the next holder's name is not overwritten.
        self.shared.holder.send_replace(None);
    }
}

impl Default for Turns {
    fn default() -> Self {
        let free = Arc::new(Semaphore::new(1));
        Self { shared: Arc::new(Shared { free, holder: watch::Sender::new(None), claims: watch::Sender::new(0) }) }
    }
}

impl Turns {
    /// Who has the turn, such as `process 4711 (import)`.
    pub fn holder(&self) -> Option<String> {
        self.shared.holder.borrow().clone()
    }

    /// Takes the turn for `holder`, in the order of asking; `None` when it did not come within `patience`.
    pub async fn take(&self, holder: &str, patience: Duration) -> Option<Turn> {
        timeout(patience, self.wait(holder)).await.ok()
    }

    /// Takes the turn for `holder`. A command that still has it after `patience` is cut off: what it was about is left as
    /// if it had been killed, for it to go on later.
    pub async fn claim(&self, holder: &str, patience: Duration) -> Turn {
        if let Some(turn) = self.take(holder, patience).await {
            return turn;
        }
        tracing::warn!(waiting = holder, holder = self.holder(), "cutting a command off: the tape is needed");
        let _claim = Claim::new(&self.shared);
        self.wait(holder).await
    }

    /// Waits until somebody claims the turn.
    pub(super) async fn claimed(&self) {
        // The sender lives as long as `self`.
        let _ = self.shared.claims.subscribe().wait_for(|claims| *claims > 0).await;
    }

    async fn wait(&self, holder: &str) -> Turn {
        loop {
            // It is never closed.
            if let Ok(permit) = self.shared.free.clone().acquire_owned().await {
                self.shared.holder.send_replace(Some(holder.to_owned()));
                return Turn { _permit: permit, shared: self.shared.clone() };
            }
        }
    }
}

/// A claim, until it is dropped.
struct Claim<'a>(&'a Shared);

impl<'a> Claim<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.claims.send_modify(|claims| *claims += 1);
        Self(shared)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.claims.send_modify(|claims| *claims = claims.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn one_has_the_turn_and_the_next_is_told_who() {
        let turns = Turns::default();
        let turn = turns.take("first", SHORT).await.unwrap();
        assert!(turns.take("second", SHORT).await.is_none());
        assert_eq!(turns.holder().as_deref(), Some("first"));
        drop(turn);
        assert_eq!(turns.holder(), None);
        let _turn = turns.take("second", SHORT).await.unwrap();
        assert_eq!(turns.holder().as_deref(), Some("second"));
    }

    #[tokio::test]
    async fn a_claim_waits_with_patience_and_then_asks_for_the_turn() {
        let turns = Turns::default();
        let turn = turns.take("import", SHORT).await.unwrap();
        let claimed = turns.clone();
        let command = tokio::spawn(async move {
            claimed.claimed().await;
            drop(turn);
        });
        let turn = turns.claim("live session", SHORT).await;
        command.await.unwrap();
        assert_eq!(turns.holder().as_deref(), Some("live session"));
        // Nobody claims it any more.
        assert!(timeout(SHORT, turns.claimed()).await.is_err());
        drop(turn);
    }
}
