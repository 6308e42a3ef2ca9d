//! What the engine's thread does for the door: looks whether a request fits where the tape stands, and then does all of
//! it, or nothing.
//!
//! What it never does: let an error of a client end the engine. Called by connections, in the queue of all inputs, so that
//! nothing comes between the look and the deed.

use barkeep_engine::BEHAVIOUR;
use barkeep_schemas::{Input, Instrument, SessionDate};

use super::message::{Access, Date, Reply, Request, Why};
use crate::orchestrator::appliance::{Appliance, ApplianceError, Counts, Standing};

/// Why a request is not done: a sentence for the client.
type Refusal = String;

/// The outer error ends the engine, the inner one is the client's.
type Done = Result<Result<Reply, Refusal>, ApplianceError>;

/// Does what a client of user `uid` asks for. Inputs are not durable yet; what does not concern the engine (the daemon's
/// status, durability) is answered with where the tape stands.
///
/// # Errors
/// [`ApplianceError`] when going on is forbidden; what a client may not do is a refusal, and nothing has changed.
pub fn answer(appliance: &mut Appliance, access: Access, uid: u32, request: Request) -> Result<Reply, ApplianceError> {
    let done = match request {
        Request::Inputs { events, more: _ } => take(appliance, access, uid, events)?,
        Request::Instrument { instrument: draft } => instrument(appliance, access, draft)?,
        Request::BeginSegment { date } => begin_segment(appliance, access, date.0)?,
        Request::AbandonSession {} => abandon_session(appliance, access)?,
        Request::Carry {} => {
            Ok(Reply::Carried { states: appliance.carry().into_iter().map(|(_, state)| state).collect() })
        }
        Request::Standing {} | Request::Status {} | Request::Commit {} | Request::End {} => {
            Ok(Reply::Standing(appliance.standing().into()))
        }
    };
    Ok(done.unwrap_or_else(|why| Reply::refused(Why::NotNow, why)))
}

/// Adds all inputs or, where one does not fit, none.
fn take(appliance: &mut Appliance, access: Access, uid: u32, inputs: Vec<Input>) -> Done {
    if let Err(why) = check(&appliance.standing(), access, uid, &inputs) {
        return Ok(Err(why));
    }
    let before = appliance.counts();
    let (mut first, mut last) = (None, appliance.next_seq());
    for input in inputs {
        last = appliance.input(input)?;
        first = first.or(Some(last));
    }
    let Counts { inputs, derived } = since(appliance, before);
    Ok(Ok(Reply::Taken { first: first.unwrap_or(last).0, last: last.0, inputs, derived, durable: None }))
}

/// The number of a symbol in the open segment, and what it took to list it.
fn instrument(appliance: &mut Appliance, access: Access, draft: Instrument) -> Done {
    if access != Access::Records {
        return Ok(Err(misplaced("an instrument", access)));
    }
    if appliance.segment().is_none() {
        return Ok(Err(no_segment()));
    }
    let before = appliance.counts();
    let id = appliance.instrument(draft)?.0;
    let Counts { inputs, derived } = since(appliance, before);
    Ok(Ok(Reply::Instrument { id, inputs, derived }))
}

/// Opens the next segment. No session may be open: one that is belongs to a live day, or is to be abandoned first.
fn begin_segment(appliance: &mut Appliance, access: Access, date: SessionDate) -> Done {
    let standing = appliance.standing();
    let why = match (access, &standing.session) {
        (Access::Session, Some(session)) if session.open => {
            Some(format!("the session of {} is open: close or abandon it first", session.date))
        }
        (Access::Session, _) => None,
        (Access::Records | Access::Operator, _) if standing.segment.is_none() => None,
        (Access::Records | Access::Operator, _) => Some(misplaced("a new segment", access)),
    };
    if let Some(why) = why {
        return Ok(Err(why));
    }
    let name = appliance.begin_segment(date)?;
    Ok(Ok(Reply::Segment { date: Date(name.date), run: name.run }))
}

/// Closes a session that an import left open; a live one is none of an import's business.
fn abandon_session(appliance: &mut Appliance, access: Access) -> Done {
    if access != Access::Session {
        return Ok(Err(misplaced("the end of a session", access)));
    }
    if let Some(date) = appliance.standing().live_session() {
        return Ok(Err(super::live_session(date)));
    }
    let before = appliance.counts();
    let date = appliance.abandon_session()?.map(Date);
    Ok(Ok(Reply::Abandoned { date, derived: since(appliance, before).derived }))
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
                } else if standing.segment.is_none_or(|name| (name.date, name.run) != (opened.date, opened.run)) {
                    Err(format!("the session is {} run {}, and the open segment is another", opened.date, opened.run))
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
            Input::OutsideBar(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_)
            | Input::HealRun(_)
            | Input::BarCorrection(_)
                if access == Access::Records =>
            {
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
            | Input::InstrumentsFetched(_)
            | Input::DeskChanged(_)
            | Input::GatewayReport(_)
            | Input::BrokerOrder(_)
            | Input::BrokerTrade(_)
            | Input::HealRun(_)
            | Input::BarCorrection(_) => Err(misplaced("it", access)),
        };
        fits.map_err(|why| format!("event {} ({}): {why}", place + 1, input.kind().name()))?;
    }
    Ok(())
}
