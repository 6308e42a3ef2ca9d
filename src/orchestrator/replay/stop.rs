//! The first event of a session of which an expression holds.

use std::ops::ControlFlow;
use std::time::Instant;

use barkeep_schemas::{Event, EventKind, Seq, SessionDate, Ts};
use barkeep_storage::{SegmentInfo, Tape};
use serde::Serialize;

use super::ReplayError;
use super::rerun::rerun;
use super::until::{Around, Until, World};
use super::what_if::Settings;

/// Where a replay stopped.
#[derive(Debug, Serialize)]
pub struct Stopped {
    /// The session's date.
    pub date: SessionDate,
    /// Which session of that date.
    pub run: u32,
    /// Whether the expression held of an event.
    pub found: bool,
    /// The first event of which it held.
    pub at: Option<Found>,
    /// Inputs read.
    pub inputs: u64,
    /// Events derived from them.
    pub derived: u64,
    /// Wall time.
    pub seconds: f64,
}

/// The event that was found.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Where it lies, or with other settings would lie.
    pub seq: Seq,
    /// Its kind.
    pub kind: EventKind,
    /// The latest moment known then.
    pub ts: Option<Ts>,
    /// The input that it was derived from; absent for an input.
    pub cause: Option<Seq>,
    /// The event.
    pub event: Event,
    /// What stands around it, the event included.
    pub around: Around,
}

/// Replays a session with `settings` in place of the recorded ones up to the first event of which `until` holds.
///
/// # Errors
/// [`ReplayError`] when the tape cannot be read or holds no session there, or a setting does not fit.
pub fn stop(
    tape: &Tape,
    segment: &SegmentInfo,
    until: &Until,
    settings: &Settings,
    progress: impl FnMut(u64),
) -> Result<Stopped, ReplayError> {
    let started = Instant::now();
    let (mut world, mut at) = (World::default(), None);
    let (mut inputs, mut derived, mut cause) = (0, 0, Seq(0));
    let take = |seq: Seq, event: &Event| {
        world.take(event);
        match event {
            Event::Input(_) => (inputs, cause) = (inputs + 1, seq),
            Event::Derived(_) => derived += 1,
        }
        if !until.holds(&world, seq, event) {
            return ControlFlow::Continue(());
        }
        at = Some(Found {
            seq,
            kind: event.kind(),
            ts: world.now(),
            cause: (!event.kind().is_input()).then_some(cause),
            event: event.clone(),
            around: world.around(event),
        });
        ControlFlow::Break(())
    };
    rerun(tape, segment, Vec::new(), |setup| settings.apply(setup).map_err(ReplayError::from), take, progress)?;
    let seconds = started.elapsed().as_secs_f64();
    let (date, run) = (segment.name.date, segment.name.run);
    Ok(Stopped { date, run, found: at.is_some(), at, inputs, derived, seconds })
}
