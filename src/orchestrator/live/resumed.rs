//! What the tape knows of a session that is still open: its instruments, and up to when each feed was whole.
//!
//! It reads and decides nothing else. The daemon calls it once, at its start.

use barkeep_schemas::{Event, EventKind, FeedHappening, FeedId, GapCause, Input, Instrument, Seq, SessionOpened, Ts};
use barkeep_storage::{DataDir, Filter, OpenError, ReadError, SegmentInfo, Tape};
use barkeep_zerodha::feed::{Resumed, UNDER_WAY_NS};

use super::desk::OpenSession;

/// Events looked through at a time, from the end backwards.
const STRETCH: u64 = 100_000;

/// Why the tape could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl ResumeError {
    /// The reason word when going on is forbidden.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Open(error) => error.fatal_reason(),
            Self::Read(error) => error.fatal_reason(),
        }
    }
}

/// Since when a feed is down, by its reports.
#[derive(Clone, Copy)]
struct Down {
    at: Seq,
    cause: GapCause,
}

/// The live session that the newest segment holds open; `None` when there is none, or an import left it.
///
/// # Errors
/// [`ResumeError`].
pub fn open_session(dir: &DataDir) -> Result<Option<OpenSession>, ResumeError> {
    let tape = Tape::open(dir)?;
    let Some(segment) = tape.segments().last().cloned() else { return Ok(None) };
    let kinds = Filter::kinds([
        EventKind::SessionOpened,
        EventKind::SessionClosed,
        EventKind::InstrumentListed,
        EventKind::FeedReport,
        EventKind::FeedGap,
        EventKind::DeskChanged,
    ]);
    let mut desk = None;
    let mut opened: Option<Box<SessionOpened>> = None;
    let mut joined: Vec<Instrument> = Vec::new();
    let mut down: Vec<Option<Down>> = Vec::new();
    for event in tape.scan_segment(&segment, &kinds) {
        let (seq, Event::Input(input)) = event? else { continue };
        match input {
            Input::SessionOpened(session) => {
                let never = Some(Down { at: seq, cause: GapCause::ApplianceDown });
                down = vec![never; session.feeds.len()];
                desk = session.desk.as_ref().map(|desk| desk.setup.clone());
                opened = Some(session);
            }
            Input::SessionClosed(_) => opened = None,
            Input::InstrumentListed(instrument) => joined.push(*instrument),
            Input::FeedReport(report) => note(&mut down, report.feed, seq, report.what),
            Input::DeskChanged(setup) => desk = Some(*setup),
            Input::FeedGap(_)
            | Input::ClockMark(_)
            | Input::Tick(_)
            | Input::ConfigChanged(_)
            | Input::ImportStarted(_)
            | Input::ImportFinished(_)
            | Input::OutsideBar(_)
            | Input::OperatorCommand(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_)
            | Input::InstrumentsFetched(_)
            | Input::GatewayReport(_)
            | Input::BrokerOrder(_)
            | Input::BrokerTrade(_)
            | Input::HealRun(_)
            | Input::BarCorrection(_) => {}
        }
    }
    let Some(session) = opened.filter(|session| session.import.is_none()) else { return Ok(None) };
    let mut feeds = Vec::new();
    for (at, down) in down.into_iter().enumerate() {
        feeds.push(resumed(&tape, &segment, FeedId(at as u8), down)?);
    }
    let instruments = session.instruments.into_iter().chain(joined).collect();
    Ok(Some(OpenSession { date: session.date, instruments, feeds, desk }))
}

/// Follows a feed through its reports.
fn note(down: &mut [Option<Down>], feed: FeedId, seq: Seq, what: FeedHappening) {
    let Some(of) = down.get_mut(usize::from(feed.0)) else { return };
    let cause = match what {
        FeedHappening::Whole => {
            *of = None;
            return;
        }
        FeedHappening::Lost | FeedHappening::Refused => GapCause::Disconnect,
        FeedHappening::Mute | FeedHappening::Silent => GapCause::Silence,
        FeedHappening::TokenRefused => GapCause::NoToken,
        FeedHappening::Connected
        | FeedHappening::Subscribed
        | FeedHappening::BadFrame
        | FeedHappening::UnknownPacket
        | FeedHappening::Untimed
        | FeedHappening::Unlisted
        | FeedHappening::StaleFirstTick
        | FeedHappening::StaleInstrument
        | FeedHappening::ClockSkew
        | FeedHappening::BrokerError
        | FeedHappening::BrokerMessage
        | FeedHappening::OrderUpdate
        | FeedHappening::UnknownText => return,
    };
    of.get_or_insert(Down { at: seq, cause });
}

/// Up to when a feed was whole, and its last mark.
fn resumed(tape: &Tape, segment: &SegmentInfo, feed: FeedId, down: Option<Down>) -> Result<Resumed, ReadError> {
    let end = segment.end();
    let whole_before = down.map_or(end, |down| down.at);
    let (tick, mark_then) = last_times(tape, segment, feed, whole_before)?;
    let mark = if whole_before == end { mark_then } else { last_times(tape, segment, feed, end)?.1 };
    // While a feed is down its clock goes on, and says nothing about the feed.
    let whole_until = if down.is_some() { tick } else { tick.max(mark_then) };
    let cause = down.map_or(GapCause::ApplianceDown, |down| down.cause);
    let since = whole_until.map_or(i64::MIN, |until| until.get().saturating_sub(UNDER_WAY_NS));
    Ok(Resumed { gap_from: Ts::new(since), cause, mark })
}

/// The time of the last tick and of the last mark of a feed before a position.
fn last_times(
    tape: &Tape,
    segment: &SegmentInfo,
    feed: FeedId,
    before: Seq,
) -> Result<(Option<Ts>, Option<Ts>), ReadError> {
    let (mut tick, mut mark) = (None, None);
    let mut end = before.0;
    while end > segment.first_seq.0 && (tick.is_none() || mark.is_none()) {
        let from = end.saturating_sub(STRETCH).max(segment.first_seq.0);
        let kinds = Filter::kinds([EventKind::Tick, EventKind::ClockMark]);
        let (mut tick_here, mut mark_here) = (None, None);
        for event in tape.scan(Seq(from), Some(Seq(end.saturating_sub(1))), &kinds) {
            match event?.1 {
                Event::Input(Input::Tick(of)) if of.feed == feed => tick_here = tick_here.max(Some(of.ts)),
                Event::Input(Input::ClockMark(of)) if of.feed == feed => mark_here = Some(of.ts),
                Event::Input(_) | Event::Derived(_) => {}
            }
        }
        (tick, mark) = (tick.or(tick_here), mark.or(mark_here));
        end = from;
    }
    Ok((tick, mark))
}
