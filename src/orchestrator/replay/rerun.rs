//! A recorded session's inputs through today's engine, perhaps with other settings, one event after the other.
//!
//! What it never does: compare, or write. Who calls it: `--until`, `--set`, and `heal` for what corrected bars would have
//! changed.

use std::ops::ControlFlow;

use barkeep_engine::{CorrectedClose, Engine, NoProbe};
use barkeep_schemas::{Derived, DeskSetup, Event, Input, Seq};
use barkeep_storage::{Filter, SegmentInfo, Tape};

use super::ReplayError;

/// Runs the session of a segment. The pair watch is shown `corrected` closes, none in a plain run. `edit` may change every setup of the desk before the engine sees it; `take` is told
/// every input and everything that the engine derives from it, with the position that it has or would have, until it
/// says that it has seen enough; `progress` is told how many events have been read.
///
/// # Errors
/// [`ReplayError`] when the tape cannot be read or holds no session there; what `edit` says.
pub(super) fn rerun(
    tape: &Tape,
    segment: &SegmentInfo,
    corrected: Vec<CorrectedClose>,
    mut edit: impl FnMut(&mut DeskSetup) -> Result<(), ReplayError>,
    mut take: impl FnMut(Seq, &Event) -> ControlFlow<()>,
    mut progress: impl FnMut(u64),
) -> Result<(), ReplayError> {
    let mut engine = Engine::with_corrections(NoProbe, corrected);
    let mut scan = tape.scan_segment(segment, &Filter::ALL);
    let mut derived: Vec<Derived> = Vec::new();
    let (mut events, mut read, mut open) = (Vec::new(), 0_u64, false);
    while scan.next_batch(&mut events)? {
        read += events.len() as u64;
        for (seq, event) in events.drain(..) {
            let Event::Input(mut input) = event else { continue };
            match &mut input {
                Input::SessionOpened(opened) => {
                    open = true;
                    if let Some(desk) = &mut opened.desk {
                        edit(&mut desk.setup)?;
                    }
                }
                Input::DeskChanged(setup) => edit(setup)?,
                Input::SessionClosed(_)
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
                | Input::GatewayReport(_)
                | Input::BrokerOrder(_)
                | Input::BrokerTrade(_)
                | Input::HealRun(_)
                | Input::BarCorrection(_) => {}
            }
            if !open {
                continue;
            }
            engine.step(seq, &input, &mut derived);
            let closes = matches!(input, Input::SessionClosed(_));
            let input = std::iter::once((seq, Event::Input(input)));
            let made = (1..).map(|place| seq.plus(place)).zip(derived.drain(..).map(Event::Derived));
            for (seq, event) in input.chain(made) {
                if take(seq, &event).is_break() {
                    return Ok(());
                }
            }
            if closes {
                return Ok(());
            }
        }
        progress(read);
    }
    if open {
        return Ok(());
    }
    Err(ReplayError::NoSession { date: segment.name.date, run: segment.name.run })
}
