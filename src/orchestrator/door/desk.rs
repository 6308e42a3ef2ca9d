//! What the engine's thread does for the door: looks whether a request fits where the tape stands, and then does all of
//! it, or nothing.
//!
//! What it never does: let an error of a client end the engine. Called by connections, in the queue of all inputs, so that
//! nothing comes between the look and the deed.

use barkeep_engine::BEHAVIOUR;
use barkeep_schemas::{Input, Instrument, InstrumentId, Seq, SessionDate};
use barkeep_storage::SegmentName;

use super::message::Access;
use crate::orchestrator::appliance::{Appliance, ApplianceError, Counts, Standing};

/// Why a request was not done: a sentence for the client.
pub(super) type Refusal = String;

/// The outer error ends the engine, the inner one is the client's.
pub(super) type Done<T> = Result<Result<T, Refusal>, ApplianceError>;

/// Inputs that were taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Taken {
    pub(super) first: Seq,
    pub(super) last: Seq,
    pub(super) counts: Counts,
}

/// Adds all inputs or, where one does not fit, none.
pub(super) fn take(appliance: &mut Appliance, access: Access, uid: u32, inputs: Vec<Input>) -> Done<Taken> {
    if let Err(why) = check(&appliance.standing(), access, uid, &inputs) {
        return Ok(Err(why));
    }
    let before = appliance.counts();
    let (mut first, mut last) = (None, appliance.next_seq());
    for input in inputs {
        last = appliance.input(input)?;
        first = first.or(Some(last));
    }
    Ok(Ok(Taken { first: first.unwrap_or(last), last, counts: since(appliance, before) }))
}

/// The number of a symbol in the open segment, and what it took to list it.
pub(super) fn instrument(appliance: &mut Appliance, access: Access, draft: Instrument) -> Done<(InstrumentId, Counts)> {
    if access != Access::Records {
        return Ok(Err(misplaced("an instrument", access)));
    }
    if appliance.segment().is_none() {
        return Ok(Err(no_segment()));
    }
    let before = appliance.counts();
    let id = appliance.instrument(draft)?;
    Ok(Ok((id, since(appliance, before))))
}

/// Opens the next segment. No session may be open: one that is belongs to a live day, or is to be abandoned first.
pub(super) fn begin_segment(appliance: &mut Appliance, access: Access, date: SessionDate) -> Done<SegmentName> {
    let standing = appliance.standing();
    let why = match (access, &standing.session) {
        (Access::Session, Some(session)) if session.open => {
            Some(format!("the session of {} is open: close or abandon it first", session.date))
        }
        (Access::Session, _) => None,
        (Access::Records, _) if standing.segment.is_none() => None,
        (Access::Records | Access::Operator, _) => Some(misplaced("a new segment", access)),
    };
    match why {
        Some(why) => Ok(Err(why)),
        None => Ok(Ok(appliance.begin_segment(date)?)),
    }
}

/// Closes a session that an import left open; a live one is none of an import's business.
pub(super) fn abandon_session(appliance: &mut Appliance, access: Access) -> Done<(Option<SessionDate>, Counts)> {
    if access != Access::Session {
        return Ok(Err(misplaced("the end of a session", access)));
    }
    if let Some(date) = appliance.standing().live_session() {
        return Ok(Err(super::live_session(date)));
    }
    let before = appliance.counts();
    let date = appliance.abandon_session()?;
    Ok(Ok((date, since(appliance, before))))
}

fn since(appliance: &Appliance, before: Counts) -> Counts {
    let now = appliance.counts();
    Counts { inputs: now.inputs - before.inputs, derived: now.derived - before.derived }
}

fn misplaced(what: &str, access: Access) -> Refusal {
    let takes = match access {
        Access::Session => "sessions of an import",
        Access::Records => "bars from outside and reconciliations",
        Access::Operator => "an operator's commands",
    };
    format!("{what} does not belong here: this connection takes {takes}")
}

fn no_segment() -> Refusal {
    "no segment is open that could take inputs: begin one first".to_owned()
}

/// Whether every input fits, each after those before it.
fn check(standing: &Standing, access: Access, uid: u32, inputs: &[Input]) -> Result<(), Refusal> {
    if standing.segment.is_none() && !inputs.is_empty() {
        return Err(no_segment());
    }
    let (mut is_fresh, mut is_importing) = (standing.session.is_none(), standing.is_importing());
    for (place, input) in inputs.iter().enumerate() {
        let fits = match input {
            Input::SessionOpened(opened) if access == Access::Session => {
                let fits = if !is_fresh {
                    Err("a session opens in a segment of its own: begin one first".to_owned())
                } else if opened.import.is_none() {
                    Err("only the daemon opens a live session".to_owned())
                } else if opened.behaviour != BEHAVIOUR {
                    Err(format!("the session has behaviour {}, this engine has {BEHAVIOUR}", opened.behaviour))
                } else {
                    Ok(())
                };
                (is_fresh, is_importing) = (false, true);
                fits
            }
            Input::SessionClosed(_) | Input::ClockMark(_) | Input::Tick(_) if access == Access::Session => {
                let fits = if is_importing { Ok(()) } else { Err("no session of an import is open".to_owned()) };
                is_importing &= !matches!(input, Input::SessionClosed(_));
                fits
            }
            Input::ImportStarted(_) | Input::ImportFinished(_) if access != Access::Operator => Ok(()),
            Input::OutsideBar(_) | Input::ReconRun(_) | Input::ReconDifference(_) if access == Access::Records => {
                Ok(())
            }
            Input::OperatorCommand(command) if access == Access::Operator => {
                if command.uid == uid {
                    Ok(())
                } else {
                    Err(format!("it says uid {}, and {uid} sent it", command.uid))
                }
            }
            Input::SessionOpened(_)
            | Input::SessionClosed(_)
            | Input::ClockMark(_)
            | Input::Tick(_)
            | Input::FeedGap(_)
            | Input::InstrumentListed(_)
            | Input::ConfigChanged(_)
            | Input::ImportStarted(_)
            | Input::ImportFinished(_)
            | Input::OutsideBar(_)
            | Input::OperatorCommand(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_)
            | Input::FeedReport(_)
            | Input::InstrumentsFetched(_) => Err(misplaced("it", access)),
        };
        fits.map_err(|why| format!("event {} ({}): {why}", place + 1, input.kind().name()))?;
    }
    Ok(())
}
