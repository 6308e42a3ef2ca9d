//! Whether a service is alive: its task made progress, or has nothing to do.
//!
//! A service with a task of its own is judged by the heartbeat of that; whoever is a stage of the engine by the turns of
//! the engine's thread. Pure: heartbeats and time are handed in.

use std::time::Duration;

use barkeep_schemas::Ts;
use serde::Serialize;

use super::facts::{EngineState, Facts};
use super::pulse::Pulse;
use super::readiness::{Patience, age};
use crate::monitoring::metrics::Service;

/// A task without a heartbeat for so long is dead: longer than its supervisor waits before it begins it anew.
const DEAD_AFTER: Duration = Duration::from_secs(45);

/// How a service is judged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Liveness {
    alive: bool,
    /// In words.
    why: &'static str,
    /// How long ago it last beat; nanoseconds.
    #[serde(skip)]
    beat_ago: i64,
}

impl Liveness {
    pub(super) const fn is_alive(&self) -> bool {
        self.alive
    }

    /// When it last beat.
    pub(super) const fn beat(&self, now: Ts) -> Ts {
        Ts::new(now.get().saturating_sub(self.beat_ago))
    }
}

/// Judges a service.
pub(super) fn liveness(service: Service, facts: &Facts, pulse: Option<&Pulse>, now: Ts) -> Liveness {
    if let Some(pulse) = pulse {
        let ago = pulse.age();
        let why = if ago <= DEAD_AFTER { "its task beats" } else { "its task does not beat" };
        let beat_ago = i64::try_from(ago.as_nanos()).unwrap_or(i64::MAX);
        return Liveness { alive: ago <= DEAD_AFTER, why, beat_ago };
    }
    if service == Service::ZerodhaWs {
        return Liveness { alive: true, why: "no feed was started: there is nothing to do", beat_ago: 0 };
    }
    by_engine(facts, now)
}

fn by_engine(facts: &Facts, now: Ts) -> Liveness {
    let still = |alive, why| Liveness { alive, why, beat_ago: 0 };
    match facts.engine.state {
        EngineState::Opening => still(true, "the tape is being opened"),
        EngineState::Stopping => still(true, "barkeep is stopping"),
        EngineState::Halted { .. } => {
            let beat_ago = age(facts.engine.turned.unwrap_or(facts.started), now);
            Liveness { alive: false, why: "the engine halted", beat_ago }
        }
        EngineState::Running => {
            let beat_ago = age(facts.engine.turned.unwrap_or(facts.started), now);
            let alive = beat_ago <= Patience::default().turn;
            let why = if alive { "the engine's thread turns" } else { "the engine's thread does not turn" };
            Liveness { alive, why, beat_ago }
        }
    }
}
