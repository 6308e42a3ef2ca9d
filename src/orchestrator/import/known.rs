//! What the tape already holds of an import: all of it, a beginning, or nothing.

use barkeep_schemas::{CloseReason, Event, EventKind, Hash32, ImportFinished, Input, Seq};
use barkeep_storage::{Filter, ReadError, Tape};

/// How far an import has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    /// Not begun.
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

/// Counts the inputs of an import from its start on. Other commands may have put inputs of other kinds between them, and
/// other imports whole sessions; a session of ours that was given up for them does not count.
fn begun(tape: &Tape, id: Hash32, started: Seq) -> Result<Known, ReadError> {
    let own = Filter::kinds([
        EventKind::SessionOpened,
        EventKind::SessionClosed,
        EventKind::ClockMark,
        EventKind::Tick,
        EventKind::OutsideBar,
    ]);
    // `ImportStarted` itself is the first.
    let (mut inputs, mut settled, mut ours) = (1, 1, false);
    for event in tape.scan(started, None, &own) {
        let (_, Event::Input(input)) = event? else { continue };
        match &input {
            Input::SessionOpened(opened) => {
                ours = opened.import == Some(id);
                inputs += u64::from(ours);
            }
            Input::SessionClosed(closed) if ours => {
                ours = false;
                match closed.reason {
                    CloseReason::Complete => {
                        inputs += 1;
                        settled = inputs;
                    }
                    CloseReason::Abandoned => inputs = settled,
                }
            }
            Input::OutsideBar(bar) => inputs += u64::from(bar.import == started),
            Input::ClockMark(_) | Input::Tick(_) => inputs += u64::from(ours),
            Input::SessionClosed(_)
            | Input::FeedGap(_)
            | Input::InstrumentListed(_)
            | Input::ConfigChanged(_)
            | Input::ImportStarted(_)
            | Input::ImportFinished(_)
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
            | Input::BarCorrection(_) => {}
        }
    }
    Ok(Known::Begun { started, inputs })
}

#[cfg(test)]
mod tests {
    use barkeep_schemas::{
        CalendarKind, ClockMark, DayCalendar, EngineConfig, FeedId, FileKind, ImportStarted, SessionClosed,
        SessionDate, SessionOpened, Ts,
    };
    use barkeep_storage::{DataDir, Writer};

    use super::*;

    const OURS: Hash32 = Hash32([1; 32]);
    const THEIRS: Hash32 = Hash32([2; 32]);

    fn opened(import: Hash32, day: i32) -> Event {
        let calendar = DayCalendar {
            kind: CalendarKind::Always,
            zone: "UTC".into(),
            name: "always".into(),
            day_start: Ts::from_secs(i64::from(day) * 86_400),
            day_end: Ts::from_secs(i64::from(day + 1) * 86_400),
            tradable: true,
            classes: Vec::new(),
        };
        let config = EngineConfig { grace_ns: 0, ahead_ns: 0, horizon_ns: 0, reset_after_ns: 0 };
        Event::Input(Input::SessionOpened(Box::new(SessionOpened {
            date: SessionDate(day),
            run: 1,
            behaviour: 1,
            import: Some(import),
            calendar,
            config,
            feeds: Vec::new(),
            instruments: Vec::new(),
            opening: Vec::new(),
            desk: None,
        })))
    }

    fn closed(day: i32, reason: CloseReason) -> Event {
        Event::Input(Input::SessionClosed(SessionClosed { date: SessionDate(day), reason }))
    }

    fn started(id: Hash32) -> Event {
        let started =
            ImportStarted { id, kind: FileKind::Ticks, files: Vec::new(), mapping: String::new(), fetched: None };
        Event::Input(Input::ImportStarted(Box::new(started)))
    }

    fn mark(second: i64) -> Event {
        Event::Input(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::from_secs(second) }))
    }

    #[track_caller]
    fn check(events: &[Event], expected: &Known) {
        let folder = tempfile::TempDir::new().expect("a folder");
        let dir = DataDir::new(folder.path());
        let mut writer = Writer::open(&dir, "test").expect("a writer");
        writer.begin_segment(SessionDate(10)).expect("a segment");
        writer.commit(events).expect("a commit");
        writer.close().expect("a clean end");
        let tape = Tape::open(&dir).expect("a tape");
        assert_eq!(known(&tape, OURS).expect("an answer"), *expected);
    }

    #[test]
    fn what_another_import_brought_and_what_was_given_up_for_it_do_not_count() {
        let whole_day = [started(OURS), opened(OURS, 10), mark(1), mark(2), closed(10, CloseReason::Complete)];
        let begun = |inputs| Known::Begun { started: Seq(1), inputs };
        check(&whole_day, &begun(5));
        check(&[started(THEIRS)], &Known::Nothing);
        let mut events = whole_day.to_vec();
        events.extend([opened(OURS, 11), mark(86_401)]);
        check(&events, &begun(7));
        events.push(closed(11, CloseReason::Abandoned));
        check(&events, &begun(5));
        events.extend([started(THEIRS), opened(THEIRS, 12), mark(5), closed(12, CloseReason::Complete)]);
        check(&events, &begun(5));
        events.extend([opened(OURS, 11), mark(86_401)]);
        check(&events, &begun(7));
    }
}
