//! What systemd is told: that barkeep is ready, how it fares, that it lives, that it stops. Without a `NOTIFY_SOCKET` in the
//! environment nothing happens.
//!
//! What it never does: say that it lives while the engine's thread does not turn: systemd then starts barkeep anew, which
//! repairs and goes on. Who calls it: the daemon.

use std::time::Duration;

use barkeep_schemas::Ts;
use sd_notify::NotifyState;

use super::clock::Clock;
use super::facts::{Board, EngineState, Facts};
use super::readiness::{Patience, Reason, age, readiness};
use crate::monitoring::metrics::Service;

/// The tape is open, the ports are bound, inputs are taken.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// barkeep is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: what was taken is made durable")]);
}

/// The tape is being opened, which may take as long again.
pub fn still_opening(longer: Duration) {
    let micros = u32::try_from(longer.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::ExtendTimeoutUsec(micros), NotifyState::Status("opening the tape")]);
}

/// Tells the status whenever it changes and, when systemd watches, every half of its patience that barkeep lives. Runs
/// until it is dropped.
pub async fn watch(board: Board, clock: Clock) {
    let every = sd_notify::watchdog_enabled().map_or(Duration::from_secs(5), |patience| patience / 2);
    let patience = Patience::default();
    let mut told = String::new();
    loop {
        let (facts, now) = (board.facts(), clock.now());
        if lives(&facts, now, &patience) {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!("the engine's thread does not turn: systemd is not told that barkeep lives");
        }
        let status = status(&facts, now, &patience);
        if status != told {
            tell(&[NotifyState::Status(&status)]);
            told = status;
        }
        tokio::time::sleep(every).await;
    }
}

/// Whether the engine's thread makes progress. One that opens the tape has its own time limit, one that halted ends the
/// process by itself.
fn lives(facts: &Facts, now: Ts, patience: &Patience) -> bool {
    match facts.engine.state {
        EngineState::Running => age(facts.engine.turned.unwrap_or(facts.started), now) <= patience.turn,
        EngineState::Opening | EngineState::Stopping | EngineState::Halted { .. } => true,
    }
}

/// One line for `systemctl status`.
fn status(facts: &Facts, now: Ts, patience: &Patience) -> String {
    let reasons = readiness(facts, now, patience);
    let about = |blocks: bool| {
        reasons.iter().find(|reason| reason.concerns(Service::Appliance) && reason.blocks() == blocks).map(text)
    };
    about(true).or_else(|| about(false)).unwrap_or_else(|| {
        let feed = &facts.feed;
        format!("in session: {} instruments on {} connections", feed.instruments, feed.up)
    })
}

/// Without what changes from second to second: the status is told when it changes.
fn text(reason: &Reason) -> String {
    match reason {
        Reason::EngineStuck { .. } => "the engine makes no progress".to_owned(),
        Reason::Behind { .. } => "more inputs wait than should".to_owned(),
        Reason::FeedMute { .. } => "feed: nothing comes, not even heartbeats".to_owned(),
        Reason::FeedSilent { .. } => "feed: no ticks come, in continuous trading".to_owned(),
        Reason::TapeOpening
        | Reason::Stopping
        | Reason::Halted { .. }
        | Reason::CalendarEnds { .. }
        | Reason::SessionNotOpen { .. }
        | Reason::NoToken { .. }
        | Reason::NotConnected { .. }
        | Reason::NoSession { .. }
        | Reason::BeforeSession { .. }
        | Reason::AfterSession { .. }
        | Reason::TapeUnread
        | Reason::TapeUnreadable { .. }
        | Reason::NotCounted { .. }
        | Reason::NothingReconciled => reason.to_string(),
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
