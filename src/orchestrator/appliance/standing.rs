//! Where the tape stands: what the open segment holds and where the next input goes, in one look.
//!
//! What it never does: change anything. Called by whoever decides on it what to add: imports, the door.

use barkeep_schemas::{Seq, SessionDate};
use barkeep_storage::SegmentName;

use super::{Appliance, OpenedSession};

/// Where the tape stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The session of the open segment.
    pub session: Option<OpenedSession>,
    /// The segment that takes inputs.
    pub segment: Option<SegmentName>,
    /// The first position of that segment.
    pub first: Option<Seq>,
    /// Where the next input goes.
    pub next: Seq,
}

impl Standing {
    /// Whether the open segment begins at `started` and holds no session yet: a crash came between the two.
    pub fn waits_for_session(&self, started: Seq) -> bool {
        self.session.is_none() && self.first == Some(started)
    }

    /// The date of a live session that is open: one that no import made.
    pub fn live_session(&self) -> Option<SessionDate> {
        self.session.as_ref().filter(|session| session.open && session.import.is_none()).map(|session| session.date)
    }

    /// Whether an import's session is open.
    pub fn is_importing(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.open && session.import.is_some())
    }
}

impl Appliance {
    /// Where the tape stands.
    pub fn standing(&self) -> Standing {
        Standing {
            session: self.roll.session.clone(),
            segment: self.segment.map(|segment| segment.name),
            first: self.segment.map(|segment| segment.first),
            next: self.next,
        }
    }
}
