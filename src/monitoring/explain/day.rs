//! One instrument's session as the tape holds it: its ticks, its bars and what was said about its volume.

use std::collections::{BTreeMap, HashMap};

use barkeep_schemas::{
    Bar, Derived, Event, EventKind, FeedGap, FeedSpec, Input, InstrumentId, Seq, SessionOpened, SetAsideReason, Tick,
    Timeframe, Ts, UnallocatedVolume,
};
use barkeep_storage::{Filter, ReadError, SegmentInfo, Tape};

use super::ExplainError;
use crate::monitoring::daily_recon::{Correction, corrections};

/// All that the tape says of one instrument in one session.
#[derive(Debug)]
pub struct InstrumentDay {
    /// The session.
    pub opened: SessionOpened,
    /// The symbol.
    pub symbol: String,
    pub(super) id: InstrumentId,
    pub(super) ticks: Vec<(Seq, Tick)>,
    /// Every edition of every bar.
    pub(super) bars: Vec<(Seq, Bar)>,
    pub(super) unallocated: Vec<(Seq, UnallocatedVolume)>,
    /// Ticks that moved nothing, and why.
    pub(super) set_aside: HashMap<Seq, SetAsideReason>,
    /// Ticks at which the counter was taken to start anew, with the value that it had reached before.
    pub(super) resets: HashMap<Seq, i64>,
    pub(super) gaps: Vec<(Seq, FeedGap)>,
    /// Clock marks and other inputs that closed or revised a bar.
    pub(super) causes: HashMap<Seq, String>,
    /// Corrections of its bars, in the order of the tape.
    pub(super) corrections: Vec<Correction>,
}

/// Finds the newest session that holds a moment and trades the symbol (or the given run of its date) and reads that
/// instrument.
///
/// # Errors
/// [`ExplainError`] when there is none, or the tape cannot be read.
pub fn find_day(tape: &Tape, symbol: &str, at: Ts, run: Option<u32>) -> Result<InstrumentDay, ExplainError> {
    let (mut known, mut without) = (Vec::new(), None);
    for segment in tape.segments().iter().rev() {
        let Some(opened) = opening(tape, segment)? else { continue };
        known.push(format!("{}.{}", opened.date, opened.run));
        let holds = opened.calendar.day_start <= at && at < opened.calendar.day_end;
        if !holds || run.is_some_and(|run| run != opened.run) {
            continue;
        }
        if opened.instruments.iter().any(|instrument| instrument.symbol == symbol) {
            let mut day = read(tape, segment, opened, symbol)?;
            day.corrections = corrections(tape, day.opened.date, day.opened.run, None)?;
            day.corrections.retain(|correction| correction.symbol == symbol);
            return Ok(day);
        }
        without.get_or_insert(opened);
    }
    if let Some(opened) = without {
        return Err(no_symbol(&opened, symbol));
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(ExplainError::NoSession { symbol: symbol.to_owned(), known })
}

fn no_symbol(opened: &SessionOpened, symbol: &str) -> ExplainError {
    const SHOWN: usize = 12;
    let mut known: Vec<&str> = opened.instruments.iter().map(|instrument| instrument.symbol.as_str()).collect();
    // The nearest first: same letters regardless of case, then the same beginning.
    known.sort_by_key(|name| {
        let same = name.eq_ignore_ascii_case(symbol);
        let common = name.bytes().zip(symbol.bytes()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        (!same, usize::MAX - common)
    });
    let more = if known.len() > SHOWN { ", ..." } else { "" };
    known.truncate(SHOWN);
    let known = format!("{}{more}", known.join(", "));
    ExplainError::NoSymbol { symbol: symbol.to_owned(), date: opened.date, run: opened.run, known }
}

fn opening(tape: &Tape, segment: &SegmentInfo) -> Result<Option<SessionOpened>, ReadError> {
    for event in tape.scan_segment(segment, &Filter::kinds([EventKind::SessionOpened])) {
        if let (_, Event::Input(Input::SessionOpened(opened))) = event? {
            return Ok(Some(*opened));
        }
    }
    Ok(None)
}

/// Reads one instrument of a session.
pub(super) fn read(
    tape: &Tape,
    segment: &SegmentInfo,
    opened: SessionOpened,
    symbol: &str,
) -> Result<InstrumentDay, ExplainError> {
    let Some(instrument) = opened.instruments.iter().find(|instrument| instrument.symbol == symbol) else {
        return Err(no_symbol(&opened, symbol));
    };
    let (id, feed) = (instrument.id, instrument.feed);
    let mut day = InstrumentDay {
        symbol: symbol.to_owned(),
        id,
        opened,
        ticks: Vec::new(),
        bars: Vec::new(),
        unallocated: Vec::new(),
        set_aside: HashMap::new(),
        resets: HashMap::new(),
        gaps: Vec::new(),
        causes: HashMap::new(),
        corrections: Vec::new(),
    };
    let kinds = Filter::kinds([
        EventKind::Tick,
        EventKind::FeedGap,
        EventKind::ClockMark,
        EventKind::SessionClosed,
        EventKind::Bar,
        EventKind::UnallocatedVolume,
        EventKind::VolumeReset,
        EventKind::TickSetAside,
    ]);
    let mut last_input = (Seq(0), String::new());
    for event in tape.scan_segment(segment, &kinds) {
        let (seq, event) = event?;
        match event {
            Event::Input(input) => {
                last_input = (seq, describe(&input));
                day.input(seq, input, feed);
            }
            Event::Derived(derived) if derived_instrument(&derived) == Some(id) => {
                day.causes.entry(last_input.0).or_insert_with(|| last_input.1.clone());
                day.derived(seq, derived);
            }
            Event::Derived(_) => {}
        }
    }
    Ok(day)
}

fn derived_instrument(derived: &Derived) -> Option<InstrumentId> {
    match derived {
        Derived::Bar(bar) => Some(bar.instrument),
        Derived::UnallocatedVolume(lost) => Some(lost.instrument),
        Derived::VolumeReset(reset) => Some(reset.instrument),
        Derived::TickSetAside(aside) => Some(aside.instrument),
        Derived::AuctionPrint(print) => Some(print.instrument),
        Derived::InputRefused(_)
        | Derived::PairMark(_)
        | Derived::EquityMark(_)
        | Derived::PairDay(_)
        | Derived::ContractNote(_)
        | Derived::Signal(_)
        | Derived::EntryRefused(_)
        | Derived::OrderCreated(_)
        | Derived::RiskDecision(_)
        | Derived::OrderMoved(_)
        | Derived::MoveRefused(_)
        | Derived::Fill(_)
        | Derived::PairMoved(_)
        | Derived::KillSwitched(_)
        | Derived::ForeignUpdate(_)
        | Derived::OrderHeld(_)
        | Derived::CancelWanted(_) => None,
    }
}

fn describe(input: &Input) -> String {
    if matches!(input, Input::ClockMark(_)) {
        "a clock mark".to_owned()
    } else if matches!(input, Input::SessionClosed(_)) {
        "the close of the session".to_owned()
    } else {
        format!("a {}", input.kind().name())
    }
}

impl InstrumentDay {
    fn input(&mut self, seq: Seq, input: Input, feed: barkeep_schemas::FeedId) {
        if let Input::Tick(tick) = input {
            if tick.instrument == self.id {
                self.ticks.push((seq, tick));
            }
        } else if let Input::FeedGap(gap) = input
            && gap.feed == feed
        {
            self.gaps.push((seq, gap));
        }
    }

    fn derived(&mut self, seq: Seq, derived: Derived) {
        match derived {
            Derived::Bar(bar) => self.bars.push((seq, bar)),
            Derived::UnallocatedVolume(lost) => self.unallocated.push((seq, lost)),
            Derived::VolumeReset(reset) => drop(self.resets.insert(reset.cause, reset.before.get())),
            Derived::TickSetAside(aside) => drop(self.set_aside.insert(aside.cause, aside.reason)),
            Derived::AuctionPrint(_)
            | Derived::InputRefused(_)
            | Derived::PairMark(_)
            | Derived::EquityMark(_)
            | Derived::PairDay(_)
            | Derived::ContractNote(_)
            | Derived::Signal(_)
            | Derived::EntryRefused(_)
            | Derived::OrderCreated(_)
            | Derived::RiskDecision(_)
            | Derived::OrderMoved(_)
            | Derived::MoveRefused(_)
            | Derived::Fill(_)
            | Derived::PairMoved(_)
            | Derived::KillSwitched(_)
            | Derived::ForeignUpdate(_)
            | Derived::OrderHeld(_)
            | Derived::CancelWanted(_) => {}
        }
    }

    /// The feed that the instrument comes by.
    pub(super) fn feed(&self) -> Option<&FeedSpec> {
        let instrument = self.opened.instruments.get(self.id.index())?;
        self.opened.feeds.get(usize::from(instrument.feed.0))
    }

    /// The newest edition of each bar of a timeframe as known at `as_of`, by start.
    pub(super) fn editions(&self, tf: Timeframe, as_of: Seq) -> BTreeMap<Ts, (Seq, &Bar)> {
        let known = self.bars.iter().filter(|(seq, bar)| *seq <= as_of && bar.tf == tf);
        known.map(|(seq, bar)| (bar.start, (*seq, bar))).collect()
    }

    /// The bucket of a timeframe that holds a moment: start and end, cut by the part of the session.
    pub(super) fn bucket(&self, tf: Timeframe, at: i64) -> Option<(i64, i64)> {
        let class = self.opened.instruments.get(self.id.index())?.class;
        let day = self.opened.calendar.classes.iter().find(|day| day.class == class)?;
        let part = day.phases.iter().find(|span| {
            span.phase == barkeep_schemas::Phase::Continuous && span.start.get() <= at && at < span.end.get()
        })?;
        let start = at - (at - part.start.get()) % tf.nanos();
        Some((start, (start + tf.nanos()).min(part.end.get())))
    }
}
