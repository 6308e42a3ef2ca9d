//! The corrections of a day's bars, wherever on the tape they lie.
//!
//! What it never does: apply one, or judge it. Who calls it: the reading of our side, `explain` and `heal`.

use barkeep_schemas::{BarCorrection, Event, EventKind, Input, Seq, SessionDate};
use barkeep_storage::{Filter, ReadError, Tape};

use super::sessions::Roll;

/// A correction, where it lies, and whose bar it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Correction {
    /// Its position.
    pub seq: Seq,
    /// The symbol.
    pub symbol: String,
    /// What it says.
    pub bar: Box<BarCorrection>,
}

/// The corrections of one session, or of a date without one (`session_run` 0), at or before `as_of` (`None`: all), in the
/// order of the tape: of one bar the last one counts.
///
/// # Errors
/// [`ReadError`] when the tape cannot be read.
pub fn corrections(
    tape: &Tape,
    date: SessionDate,
    session_run: u32,
    as_of: Option<Seq>,
) -> Result<Vec<Correction>, ReadError> {
    let [opened, listed] = Roll::<String>::KINDS;
    let mut found = Vec::new();
    for segment in tape.segments() {
        // Most segments hold none: their instruments are read only where one does.
        let only = Filter::kinds([EventKind::BarCorrection]);
        if tape.scan_segment(segment, &only).next().is_none() {
            continue;
        }
        let mut roll = Roll::default();
        for event in tape.scan_segment(segment, &Filter::kinds([opened, listed, EventKind::BarCorrection])) {
            let (seq, event) = event?;
            if as_of.is_some_and(|as_of| seq > as_of) {
                break;
            }
            let Event::Input(input) = event else { continue };
            roll.take(&input, |instrument| Some(instrument.symbol.clone()));
            if let Input::BarCorrection(bar) = input
                && (bar.session_date, bar.session_run) == (date, session_run)
                && let Some(symbol) = roll.get(bar.instrument)
            {
                found.push(Correction { seq, symbol: symbol.clone(), bar });
            }
        }
    }
    Ok(found)
}
