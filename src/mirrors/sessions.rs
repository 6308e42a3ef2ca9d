//! The sessions of a tape: which segment holds one, and which symbols.
//!
//! What it is: what `SessionOpened` and the listings up to `SessionClosed` say, read only as far as a question needs.
//! What it never does: hold a session's events. Who calls it: exports.

use std::collections::BTreeSet;

use barkeep_schemas::{Event, EventKind, Input, SessionDate};
use barkeep_storage::{Filter, ReadError, SegmentInfo, Tape};

use super::symbols::listed;

/// A session on the tape. Segments that only took in what came later about other dates hold none.
#[derive(Clone, Debug)]
pub struct Session {
    /// The segment that holds it.
    pub segment: SegmentInfo,
    /// Its symbols: those that it opened with and those that were listed before it closed.
    pub symbols: BTreeSet<String>,
}

impl Session {
    /// The session of a segment, if it holds one.
    ///
    /// # Errors
    /// [`ReadError`] when the segment cannot be read.
    pub fn of_segment(tape: &Tape, segment: &SegmentInfo) -> Result<Option<Self>, ReadError> {
        let marks = [EventKind::SessionOpened, EventKind::InstrumentListed, EventKind::SessionClosed];
        let mut found: Option<Self> = None;
        for item in tape.scan_segment(segment, &Filter::kinds(marks)) {
            let (_, event) = item?;
            if let Event::Input(Input::SessionClosed(_)) = event {
                break;
            }
            if let Event::Input(Input::SessionOpened(_)) = event {
                found.get_or_insert_with(|| Self { segment: segment.clone(), symbols: BTreeSet::new() });
            }
            if let Some(session) = &mut found {
                session.symbols.extend(listed(&event).iter().map(|instrument| instrument.symbol.clone()));
            }
        }
        Ok(found)
    }

    /// The sessions of a date among these segments, the newest run first.
    ///
    /// # Errors
    /// [`ReadError`] when a segment cannot be read.
    pub fn of_date<'s>(
        tape: &Tape,
        segments: impl Iterator<Item = &'s SegmentInfo>,
        date: SessionDate,
    ) -> Result<Vec<Self>, ReadError> {
        let mut sessions = Vec::new();
        for segment in segments.filter(|info| info.name.date == date) {
            sessions.extend(Self::of_segment(tape, segment)?);
        }
        sessions.sort_by_key(|session| std::cmp::Reverse(session.run()));
        Ok(sessions)
    }

    /// Which run of its date it is, from 1.
    pub fn run(&self) -> u32 {
        self.segment.name.run
    }

    /// Whether it has all of these symbols.
    pub fn has_all<'s>(&self, mut symbols: impl Iterator<Item = &'s String>) -> bool {
        symbols.all(|symbol| self.symbols.contains(symbol))
    }
}
