//! What the tape already holds of an import: all of it, a beginning, or nothing.

use barkeep_schemas::{CloseReason, Event, EventKind, Hash32, ImportFinished, Input, Seq};
use barkeep_storage::{Filter, ReadError, Tape};

/// How far an import has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    /// Not begun, or begun and given up.
    Nothing,
    /// Begun at `started` and interrupted after `inputs` of its inputs.
    Begun {
        /// Where its `ImportStarted` lies.
        started: Seq,
        /// How many of its own inputs are on the tape, that one included.
        inputs: u64,
    },
    /// All of it.
    Finished(Box<ImportFinished>),
}

/// Looks an import up by its id.
///
/// # Errors
/// [`ReadError`] when the tape cannot be read.
pub fn known(tape: &Tape, id: Hash32) -> Result<Known, ReadError> {
    let marks = Filter::kinds([EventKind::ImportStarted, EventKind::ImportFinished]);
    let mut started = None;
    for event in tape.scan(Seq::FIRST, None, &marks) {
        let (seq, event) = event?;
        match event {
            Event::Input(Input::ImportStarted(begun)) if begun.id == id => started = Some(seq),
            Event::Input(Input::ImportFinished(finished)) if finished.id == id => return Ok(Known::Finished(finished)),
            Event::Input(_) | Event::Derived(_) => {}
        }
    }
    match started {
        Some(started) => begun(tape, id, started),
        None => Ok(Known::Nothing),
    }
}

/// Counts the inputs of an import from its start on. Other commands may have put inputs of other kinds between them.
fn begun(tape: &Tape, id: Hash32, started: Seq) -> Result<Known, ReadError> {
    let own = Filter::kinds([
        EventKind::ImportStarted,
        EventKind::SessionOpened,
        EventKind::SessionClosed,
        EventKind::ClockMark,
        EventKind::Tick,
        EventKind::OutsideBar,
    ]);
    let mut inputs = 0;
    for event in tape.scan(started, None, &own) {
        let (_, Event::Input(input)) = event? else { continue };
        let (ours, given_up) = match &input {
            Input::ImportStarted(begun) => (begun.id == id, false),
            Input::SessionOpened(opened) => (opened.import == Some(id), opened.import != Some(id)),
            Input::SessionClosed(closed) => (true, closed.reason == CloseReason::Abandoned),
            Input::OutsideBar(bar) => (bar.import == started, false),
            Input::ClockMark(_)
            | Input::Tick(_)
            | Input::FeedGap(_)
            | Input::InstrumentListed(_)
            | Input::ConfigChanged(_)
            | Input::ImportFinished(_)
            | Input::OperatorCommand(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_) => (true, false),
        };
        if given_up {
            return Ok(Known::Nothing);
        }
        inputs += u64::from(ours);
    }
    Ok(Known::Begun { started, inputs })
}
