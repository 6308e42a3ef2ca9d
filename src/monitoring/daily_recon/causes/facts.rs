//! What the tape knows of a day that may be why bars differ, read once.
//!
//! What it never does: judge a bar, or read a tick. Who calls it: `recon`, when there is a difference.

use std::collections::{HashMap, HashSet};

use barkeep_schemas::{
    BarOrigin, ClassDay, Derived, Event, EventKind, FeedId, GapCause, Input, InstrumentClass, Ohlcv, Phase, Price, Qty,
    Seq, SessionDate, SetAsideReason, Timeframe, Ts, UnallocatedReason,
};
use barkeep_storage::{Filter, ReadError, SegmentInfo, Tape};

use super::super::bars::{SymbolIndex, SymbolTable};
use super::super::compare::Difference;
use super::super::sessions::Roll;

/// An interruption of a feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Which feed.
    pub feed: FeedId,
    /// The last moment at which it was known to be whole.
    pub from: Ts,
    /// The first moment at which it was whole again.
    pub to: Ts,
    /// Why.
    pub cause: GapCause,
}

impl Gap {
    /// Whether some of the time from `start` up to but not including `end` lies in it.
    pub fn touches(&self, start: Ts, end: Ts) -> bool {
        self.from < end && self.to > start
    }
}

/// Volume that no bar holds: traded after `from` and not after `to`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unallocated {
    /// Traded after this moment.
    pub from: Ts,
    /// And not after this one.
    pub to: Ts,
    /// Why.
    pub reason: UnallocatedReason,
}

/// The print of an auction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Print {
    /// Which auction.
    pub phase: Phase,
    /// Its price.
    pub price: Price,
    /// Shares traded.
    pub volume: Qty,
}

/// What is known of one symbol.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SymbolFacts {
    /// The feed that delivered it; `None` where the session did not have it.
    pub feed: Option<FeedId>,
    /// Its continuous hours, each from a start up to but not including an end; empty where they are not known.
    pub hours: Vec<(Ts, Ts)>,
    /// The times of ticks that came too late or out of order and moved nothing, rising.
    pub late: Vec<Ts>,
    /// Volume that no bar holds.
    pub unallocated: Vec<Unallocated>,
    /// Prints of auctions.
    pub prints: Vec<Print>,
}

/// A row of the broker's for a key that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerRow {
    /// Where the import lies that brought it.
    pub import: Seq,
    /// Its numbers.
    pub values: Ohlcv,
}

/// What is known of the day.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DayFacts {
    /// Interruptions, in the order of the tape.
    pub gaps: Vec<Gap>,
    /// By symbol, in the order of the table.
    pub symbols: Vec<SymbolFacts>,
    /// The broker's rows of the keys that differ: those of the compared import, and where that was asked of the broker
    /// those of every other time it was asked.
    pub rows: HashMap<(SymbolIndex, Ts), Vec<BrokerRow>>,
    /// The import that was compared.
    pub import: Seq,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The session's segment, where there is one.
    pub session: Option<&'a SegmentInfo>,
    /// The date compared.
    pub date: SessionDate,
    /// The timeframe compared.
    pub tf: Timeframe,
    /// The symbols compared.
    pub symbols: &'a SymbolTable,
    /// The import that was compared.
    pub import: Seq,
}

impl DayFacts {
    /// Reads what bears on some differences.
    ///
    /// # Errors
    /// [`ReadError`] when the tape cannot be read.
    pub fn read(tape: &Tape, wanted: &Wanted<'_>, differences: &[Difference]) -> Result<Self, ReadError> {
        let symbols = vec![SymbolFacts::default(); wanted.symbols.len()];
        let mut facts = Self { symbols, import: wanted.import, ..Self::default() };
        if let Some(session) = wanted.session {
            facts.read_session(tape, wanted, session)?;
        }
        facts.read_rows(tape, wanted, differences)?;
        Ok(facts)
    }

    fn read_session(&mut self, tape: &Tape, wanted: &Wanted<'_>, session: &SegmentInfo) -> Result<(), ReadError> {
        let [opened, listed] = Roll::<SymbolIndex>::KINDS;
        let kinds = [
            opened,
            listed,
            EventKind::SessionClosed,
            EventKind::FeedGap,
            EventKind::TickSetAside,
            EventKind::UnallocatedVolume,
            EventKind::AuctionPrint,
        ];
        let mut roll = Roll::<SymbolIndex>::default();
        let mut classes: Vec<ClassDay> = Vec::new();
        for event in tape.scan_segment(session, &Filter::kinds(kinds)) {
            match event?.1 {
                Event::Input(Input::SessionClosed(_)) => break,
                Event::Input(Input::FeedGap(gap)) => {
                    self.gaps.push(Gap { feed: gap.feed, from: gap.from, to: gap.to, cause: gap.cause });
                }
                Event::Input(input) => {
                    if let Input::SessionOpened(opened) = &input {
                        classes.clone_from(&opened.calendar.classes);
                    }
                    roll.take(&input, |instrument| {
                        let symbol = wanted.symbols.get(&instrument.symbol)?;
                        let known = self.symbols.get_mut(symbol.index())?;
                        known.feed = Some(instrument.feed);
                        known.hours = hours(&classes, instrument.class);
                        Some(symbol)
                    });
                }
                Event::Derived(Derived::TickSetAside(tick)) => {
                    let is_late = match tick.reason {
                        SetAsideReason::TooLate | SetAsideReason::AheadOfClock => true,
                        SetAsideReason::OutsideDate | SetAsideReason::NoSession => false,
                    };
                    if let Some(known) = self.known(roll.get(tick.instrument)).filter(|_| is_late) {
                        known.late.push(tick.ts);
                    }
                }
                Event::Derived(Derived::UnallocatedVolume(part)) => {
                    let counts = part.timeframes.contains(wanted.tf);
                    if let Some(known) = self.known(roll.get(part.instrument)).filter(|_| counts) {
                        known.unallocated.push(Unallocated { from: part.from, to: part.to, reason: part.reason });
                    }
                }
                Event::Derived(Derived::AuctionPrint(print)) => {
                    if let Some(known) = self.known(roll.get(print.instrument)) {
                        known.prints.push(Print { phase: print.phase, price: print.price, volume: print.volume });
                    }
                }
                Event::Derived(_) => {}
            }
        }
        self.symbols.iter_mut().for_each(|known| known.late.sort_unstable());
        Ok(())
    }

    fn known(&mut self, symbol: Option<&SymbolIndex>) -> Option<&mut SymbolFacts> {
        self.symbols.get_mut(symbol?.index())
    }

    fn read_rows(&mut self, tape: &Tape, wanted: &Wanted<'_>, differences: &[Difference]) -> Result<(), ReadError> {
        let keys: HashSet<(SymbolIndex, Ts)> = differences
            .iter()
            .filter(|difference| difference.broker.is_some())
            .map(|difference| (difference.symbol, difference.start))
            .collect();
        if keys.is_empty() {
            return Ok(());
        }
        let asked = self.asked(tape, wanted)?;
        // Bars of an import lie behind its beginning; where only that import counts, so does what was before it not.
        let from = asked.iter().min().copied().unwrap_or(wanted.import);
        let [opened, listed] = Roll::<SymbolIndex>::KINDS;
        for segment in tape.segments().iter().filter(|segment| segment.end() > from) {
            let mut roll = Roll::<SymbolIndex>::default();
            for event in tape.scan_segment(segment, &Filter::kinds([opened, listed, EventKind::OutsideBar])) {
                let Event::Input(input) = event?.1 else { continue };
                roll.take(&input, |instrument| wanted.symbols.get(&instrument.symbol));
                let Input::OutsideBar(bar) = input else { continue };
                let counts = bar.origin == BarOrigin::Broker
                    && bar.tf == wanted.tf
                    && (bar.import == wanted.import || asked.contains(&bar.import));
                let key = roll.get(bar.instrument).filter(|_| counts).map(|symbol| (*symbol, bar.start));
                if let Some(key) = key.filter(|key| keys.contains(key)) {
                    let (open, high, low) = (bar.open, bar.high, bar.low);
                    let values = Ohlcv { open, high, low, close: bar.close, volume: bar.volume };
                    self.rows.entry(key).or_default().push(BrokerRow { import: bar.import, values });
                }
            }
        }
        Ok(())
    }

    /// Every import that was asked of the broker, where the compared one was.
    fn asked(&self, tape: &Tape, wanted: &Wanted<'_>) -> Result<HashSet<Seq>, ReadError> {
        let mut asked = HashSet::new();
        for event in tape.scan(Seq::FIRST, None, &Filter::kinds([EventKind::ImportStarted])) {
            if let (seq, Event::Input(Input::ImportStarted(started))) = event?
                && started.fetched.is_some()
            {
                asked.insert(seq);
            }
        }
        if !asked.contains(&wanted.import) {
            asked.clear();
        }
        Ok(asked)
    }
}

/// The continuous hours of a class.
fn hours(classes: &[ClassDay], class: InstrumentClass) -> Vec<(Ts, Ts)> {
    let spans = classes.iter().filter(|day| day.class == class).flat_map(|day| &day.phases);
    spans.filter(|span| span.phase == Phase::Continuous).map(|span| (span.start, span.end)).collect()
}

#[cfg(test)]
mod tests;
