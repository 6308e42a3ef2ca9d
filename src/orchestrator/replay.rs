//! `replay`: a recorded session through today's engine, compared with what was recorded.
//!
//! What it is: the proof that the tape explains itself; with `until` a way to a moment of it, with `what_if` to what other
//! settings would have made of it. What it never does: write.

mod rerun;
mod stop;
pub mod until;
pub mod what_if;

use std::collections::BTreeMap;
use std::time::Instant;

use barkeep_engine::BEHAVIOUR;
use barkeep_schemas::{Event, Hash32, Input, Seq, SessionDate};
use barkeep_storage::{Filter, OpenError, ReadError, SegmentInfo, SessionDigest, Tape};
use serde::Serialize;

use super::rederive::{Difference, Rederivation};
pub use stop::{Found, Stopped, stop};
use what_if::SettingError;

/// Why a session cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The tape cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The tape cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The segment holds no session.
    #[error("segment {date}.{run} holds no session: it was opened for broker bars or commands alone")]
    NoSession {
        /// Date of the segment.
        date: SessionDate,
        /// Run of the segment.
        run: u32,
    },
    /// The session has no desk whose settings could be others.
    #[error("the session of {date} run {run} traded no pairs: it has no settings of a desk")]
    NoDesk {
        /// The session's date.
        date: SessionDate,
        /// The session's run.
        run: u32,
    },
    /// A setting cannot be made.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The engine takes no session with these settings.
    #[error("the engine takes no session with {settings}: the setup contradicts itself")]
    SettingsRefused {
        /// The settings.
        settings: String,
    },
}

impl ReplayError {
    /// The reason that goes with exit code 3 when the tape itself is wrong.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Open(error) => error.fatal_reason(),
            Self::Read(error) => error.fatal_reason(),
            Self::NoSession { .. } | Self::NoDesk { .. } | Self::Setting(_) | Self::SettingsRefused { .. } => None,
        }
    }
}

/// The outcome of a replay.
#[derive(Debug, Serialize)]
pub struct ReplayReport {
    /// The session's date.
    pub date: SessionDate,
    /// Which session of that date.
    pub run: u32,
    /// Whether the derived events were compared.
    pub verified: bool,
    /// Inputs from `SessionOpened` to `SessionClosed`.
    pub inputs: u64,
    /// Events derived from them.
    pub derived: u64,
    /// Derived events that differ.
    pub differences: u64,
    /// BLAKE3 over the re-derived session, inputs and derived events with their positions.
    pub digest: Hash32,
    /// The behaviour on the tape.
    pub behaviour: u32,
    /// This engine's behaviour.
    pub engine_behaviour: u32,
    /// Differences by kind of event.
    pub differences_by_kind: BTreeMap<&'static str, u64>,
    /// What lies after the close.
    pub after_close: AfterClose,
    /// Whether the session was closed.
    pub closed: bool,
    /// Wall time.
    pub seconds: f64,
    /// The first difference.
    #[serde(skip)]
    pub first: Option<Difference>,
}

/// What lies after the close: checked, but in no digest.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct AfterClose {
    /// Events.
    pub events: u64,
    /// Derived events among them that differ.
    pub differences: u64,
}

/// Replays the session of one segment; `progress` is told how many events have been read.
///
/// # Errors
/// [`ReplayError`] when the tape cannot be read or holds no session there.
pub fn replay(
    tape: &Tape,
    segment: &SegmentInfo,
    verify: bool,
    mut progress: impl FnMut(u64),
) -> Result<ReplayReport, ReplayError> {
    let started = Instant::now();
    let mut run = Run::new(verify);
    let mut read = 0_u64;
    let mut scan = tape.scan_segment(segment, &Filter::ALL);
    let mut events = Vec::new();
    while scan.next_batch(&mut events)? {
        events.iter().for_each(|(seq, event)| run.take(*seq, event));
        read += events.len() as u64;
        progress(read);
    }
    run.finish();
    let (date, number) = (segment.name.date, segment.name.run);
    let behaviour = run.behaviour.ok_or(ReplayError::NoSession { date, run: number })?;
    Ok(ReplayReport {
        date,
        run: number,
        verified: verify,
        inputs: run.inputs,
        derived: run.derived,
        differences: run.by_kind.values().sum(),
        digest: run.digest.finish(),
        behaviour,
        engine_behaviour: BEHAVIOUR,
        differences_by_kind: run.by_kind,
        after_close: run.after_close,
        closed: run.phase == Phase::After,
        seconds: started.elapsed().as_secs_f64(),
        first: run.first,
    })
}

/// Where in the segment the replay stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Before,
    Session,
    /// The close has been read; what it derived is still to come.
    Closing,
    After,
}

struct Run {
    rederivation: Rederivation,
    verify: bool,
    phase: Phase,
    behaviour: Option<u32>,
    inputs: u64,
    derived: u64,
    by_kind: BTreeMap<&'static str, u64>,
    first: Option<Difference>,
    after_close: AfterClose,
    digest: SessionDigest,
}

impl Run {
    fn new(verify: bool) -> Self {
        Self {
            rederivation: Rederivation::from_scratch(),
            verify,
            phase: Phase::Before,
            behaviour: None,
            inputs: 0,
            derived: 0,
            by_kind: BTreeMap::new(),
            first: None,
            after_close: AfterClose::default(),
            digest: SessionDigest::default(),
        }
    }

    fn take(&mut self, seq: Seq, event: &Event) {
        if let Event::Input(input) = event {
            self.enter(input);
        }
        let in_session = matches!(self.phase, Phase::Session | Phase::Closing);
        match event {
            Event::Input(_) if in_session => self.inputs += 1,
            Event::Derived(_) if in_session => self.derived += 1,
            Event::Input(_) | Event::Derived(_) => {
                self.after_close.events += u64::from(self.phase == Phase::After);
            }
        }
        let mut found = Vec::new();
        self.rederivation.take(seq, event, |difference| found.push(difference));
        found.into_iter().for_each(|difference| self.differ(difference));
        if in_session && matches!(event, Event::Input(_)) {
            self.digest.update(seq, event);
            for (place, derived) in (1..).zip(self.rederivation.pending()) {
                self.digest.update_derived(seq.plus(place), derived);
            }
        }
    }

    fn finish(&mut self) {
        let mut found = Vec::new();
        self.rederivation.finish(|difference| found.push(difference));
        found.into_iter().for_each(|difference| self.differ(difference));
        if self.phase == Phase::Closing {
            self.phase = Phase::After;
        }
    }

    fn enter(&mut self, input: &Input) {
        match (self.phase, input) {
            (Phase::Before, Input::SessionOpened(opened)) => {
                self.phase = Phase::Session;
                self.behaviour = Some(opened.behaviour);
            }
            (Phase::Session, Input::SessionClosed(_)) => self.phase = Phase::Closing,
            (Phase::Closing, _) => self.phase = Phase::After,
            (Phase::Before | Phase::Session | Phase::After, _) => {}
        }
    }

    fn differ(&mut self, difference: Difference) {
        if !self.verify {
            return;
        }
        if self.phase == Phase::After {
            self.after_close.differences += 1;
        } else {
            *self.by_kind.entry(difference.kind()).or_insert(0) += 1;
        }
        self.first.get_or_insert(difference);
    }
}
