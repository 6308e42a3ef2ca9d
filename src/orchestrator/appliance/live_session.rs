//! The session of a live day: opened in a segment of its own, closed when the day is over.
//!
//! What it never does: look at a calendar or a clock; whoever calls has decided that it is time. Called by the daemon,
//! on its engine thread.

use barkeep_engine::BEHAVIOUR;
use barkeep_schemas::{
    CloseReason, DayCalendar, DeskSetup, EngineConfig, FeedSpec, Input, Instrument, OpeningState, SessionClosed,
    SessionDate, SessionOpened,
};
use barkeep_storage::SegmentName;

use super::{Appliance, ApplianceError};
use crate::orchestrator::desk;
use crate::orchestrator::desk::open::Note;

/// A session that has no segment yet.
#[derive(Clone, Debug)]
pub struct SessionDraft {
    /// Trading date.
    pub date: SessionDate,
    /// The day's hours.
    pub calendar: DayCalendar,
    /// The engine's settings.
    pub config: EngineConfig,
    /// Feeds by dense number.
    pub feeds: Vec<FeedSpec>,
    /// Instruments by dense number.
    pub instruments: Vec<Instrument>,
    /// State carried over.
    pub opening: Vec<OpeningState>,
    /// What the pairs desk trades by, of the whitelist's pairs alone; what it carries over is put to it. `None`: nothing is
    /// traded.
    pub desk: Option<DeskSetup>,
}

/// A session that was opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveSession {
    /// Its segment.
    pub segment: SegmentName,
    /// The date of a session that was open still and was closed as abandoned for this one.
    pub abandoned: Option<SessionDate>,
    /// What its desk trades by, pairs that were carried over included.
    pub desk: Option<DeskSetup>,
    /// What a person should know of its desk.
    pub notes: Vec<Note>,
}

impl Appliance {
    /// Opens a live session in a segment of its own. A session that is open still is closed as abandoned first.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written.
    pub fn open_session(&mut self, draft: SessionDraft) -> Result<LiveSession, ApplianceError> {
        let abandoned = self.abandon_session()?;
        let (desk, notes) = match draft.desk {
            Some(setup) => {
                let (desk, notes) = desk::open::open(setup, self.carry_desk()?, &draft.instruments);
                (Some(Box::new(desk)), notes)
            }
            None => (None, Vec::new()),
        };
        let setup = desk.as_ref().map(|desk| desk.setup.clone());
        let segment = self.begin_segment(draft.date)?;
        let SessionDraft { date, calendar, config, feeds, instruments, opening, desk: _ } = draft;
        self.input(Input::SessionOpened(Box::new(SessionOpened {
            date,
            run: segment.run,
            behaviour: BEHAVIOUR,
            import: None,
            calendar,
            config,
            feeds,
            instruments,
            opening,
            desk,
        })))?;
        Ok(LiveSession { segment, abandoned, desk: setup, notes })
    }

    /// Closes the session that is open, since its day is over. Its date, where one was open.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written.
    pub fn close_session(&mut self) -> Result<Option<SessionDate>, ApplianceError> {
        let Some(date) = self.session().filter(|session| session.open).map(|session| session.date) else {
            return Ok(None);
        };
        self.input(Input::SessionClosed(SessionClosed { date, reason: CloseReason::Complete }))?;
        Ok(Some(date))
    }
}
