//! The rules, in their order. See the table of the module above.

use std::collections::HashMap;

use barkeep_schemas::{GapCause, Phase, Price, Qty, ReconCause, ReconStatus, Timeframe, Ts, UnallocatedReason};

use super::super::bars::{KeyedBar, SymbolIndex};
use super::super::compare::{Difference, split_symbol};
use super::super::tolerance::{BP_THOUSANDTHS, Tolerance, Tolerances, distance};
use super::facts::{DayFacts, SymbolFacts};

/// Bars one after the other that the broker lacks, from which on its day counts as incomplete.
const RUN_MIN: usize = 3;

/// Bars with a constant ratio that make a corporate action, at least.
const RATIO_BARS_MIN: usize = 5;

/// Of a hundred bars on both sides so many have the ratio.
const RATIO_PERCENT: usize = 90;

/// A ratio nearer to one than this, in ten-thousandths, is none.
const RATIO_APART: i128 = 50;

/// The widest price error of conflation, in thousandths of a basis point: 1%. Source: Kite's own candles were seen 0.9%
/// short of an extreme.
const CONFLATION_MAX: u64 = 100_000;

/// The widest difference of volume of conflation: one part in this many.
const CONFLATION_VOLUME: i128 = 10;

/// Both sides as they were compared.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// Ours, sorted by key.
    pub internal: &'a [KeyedBar],
    /// The broker's, sorted by key.
    pub broker: &'a [KeyedBar],
    /// The smallest price step by symbol.
    pub tick_sizes: &'a [Price],
    /// What passes, by symbol.
    pub tolerances: &'a Tolerances,
    /// The timeframe.
    pub tf: Timeframe,
}

/// Gives every difference its cause. They are sorted by key, as the comparison leaves them.
pub fn explain(differences: &mut [Difference], sides: &Sides<'_>, facts: &DayFacts) {
    let lacking = lacking_everywhere(differences, sides);
    let (mut ours, mut theirs) = (sides.internal, sides.broker);
    let nothing = SymbolFacts::default();
    for rows in differences.chunk_by_mut(|a, b| a.symbol == b.symbol) {
        let Some(symbol) = rows.first().map(|row| row.symbol) else { continue };
        let (our_bars, our_rest) = of_symbol(ours, symbol);
        let (their_bars, their_rest) = of_symbol(theirs, symbol);
        (ours, theirs) = (our_rest, their_rest);
        let has_prices = rows.iter().any(|row| row.status == ReconStatus::Price);
        let tick = sides.tick_sizes.get(symbol.index()).copied().unwrap_or_default();
        let mut judge = Judge {
            sides,
            facts,
            known: facts.symbols.get(symbol.index()).unwrap_or(&nothing),
            ours: our_bars,
            theirs: their_bars,
            tick,
            tolerance: sides.tolerances.of(symbol),
            ratio: None,
            runs: runs(rows, our_bars),
            lacking: &lacking,
        };
        judge.ratio = if has_prices { judge.find_ratio() } else { None };
        for (place, row) in rows.iter_mut().enumerate() {
            row.cause = judge.cause(row, place);
        }
    }
}

/// The bars of a symbol, and those after it; what lies before it is left out.
fn of_symbol(bars: &[KeyedBar], symbol: SymbolIndex) -> (&[KeyedBar], &[KeyedBar]) {
    let before = bars.partition_point(|bar| bar.symbol < symbol);
    split_symbol(bars.get(before..).unwrap_or_default(), symbol)
}

/// Starts that the broker lacks for every symbol, where two symbols of ours have it at least.
fn lacking_everywhere(differences: &[Difference], sides: &Sides<'_>) -> HashMap<Ts, bool> {
    let mut starts: HashMap<Ts, (u32, bool)> = HashMap::new();
    for row in differences.iter().filter(|row| row.status == ReconStatus::MissingBroker) {
        starts.entry(row.start).or_default().0 += 1;
    }
    if starts.is_empty() {
        return HashMap::new();
    }
    for bar in sides.broker {
        if let Some((_, is_there)) = starts.get_mut(&bar.start) {
            *is_there = true;
        }
    }
    starts.into_iter().map(|(start, (count, is_there))| (start, count > 1 && !is_there)).collect()
}

/// Of each difference of a symbol: the length of the run of our bars one after the other that the broker lacks.
fn runs(rows: &[Difference], ours: &[KeyedBar]) -> Vec<usize> {
    let mut lengths = vec![0; rows.len()];
    let place = |row: &Difference| ours.partition_point(|bar| bar.start < row.start);
    let mut first = 0;
    while let Some(row) = rows.get(first) {
        let mut end = first + 1;
        if row.status == ReconStatus::MissingBroker {
            let begin = place(row);
            let follows = |at: usize| {
                let next = rows.get(at).filter(|next| next.status == ReconStatus::MissingBroker);
                next.is_some_and(|next| place(next) == begin + (at - first))
            };
            while follows(end) {
                end += 1;
            }
            lengths.iter_mut().take(end).skip(first).for_each(|length| *length = end - first);
        }
        first = end;
    }
    lengths
}

/// A factor: the broker's prices are ours times `broker / ours`.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    broker: i128,
    ours: i128,
}

/// Judges the differences of one symbol.
struct Judge<'a> {
    sides: &'a Sides<'a>,
    facts: &'a DayFacts,
    known: &'a SymbolFacts,
    ours: &'a [KeyedBar],
    theirs: &'a [KeyedBar],
    tick: Price,
    tolerance: &'a Tolerance,
    ratio: Option<Ratio>,
    runs: Vec<usize>,
    lacking: &'a HashMap<Ts, bool>,
}

impl Judge<'_> {
    fn cause(&self, row: &Difference, place: usize) -> ReconCause {
        let pair = row.internal.zip(row.broker);
        let by_rows = self.rows(row);
        if let Some(cause) = by_rows {
            return cause;
        }
        if self.is_outside_hours(row.start) {
            return ReconCause::Auction;
        }
        if let (Some(ratio), Some((ours, theirs))) = (self.ratio, pair)
            && self.has_ratio(ratio, &ours, &theirs)
        {
            return ReconCause::CorporateAction;
        }
        if row.status == ReconStatus::MissingBroker {
            let run = self.runs.get(place).copied().unwrap_or(0);
            let is_tail = self.theirs.last().is_none_or(|last| last.start < row.start);
            let is_lacking = self.lacking.get(&row.start).copied().unwrap_or(false);
            let incomplete = is_tail || is_lacking || run >= RUN_MIN;
            return if incomplete { ReconCause::BrokerIncomplete } else { ReconCause::Unexplained };
        }
        self.interruption(row.start)
            .or_else(|| self.halt(row))
            .or_else(|| self.late(row.start))
            .or_else(|| pair.and_then(|(ours, theirs)| self.first_bar(row, &ours, &theirs)))
            .or_else(|| self.before_counter(row))
            .or_else(|| pair.and_then(|(ours, theirs)| self.boundary(row, &ours, &theirs)))
            .or_else(|| pair.and_then(|(ours, theirs)| self.conflation(row, &ours, &theirs)))
            .unwrap_or(ReconCause::Unexplained)
    }

    /// The first moment after the bar.
    fn end(&self, start: Ts) -> Ts {
        Ts::new(start.get().saturating_add(self.sides.tf.nanos()))
    }

    fn prices_pass(&self, ours: Price, theirs: Price) -> bool {
        self.tolerance.price_passes(self.tick, ours, theirs)
    }

    /// What the broker's own rows tell.
    fn rows(&self, row: &Difference) -> Option<ReconCause> {
        let rows = self.facts.rows.get(&(row.symbol, row.start))?;
        let mut compared = rows.iter().filter(|other| other.import == self.facts.import);
        let first = compared.next()?;
        if compared.any(|other| other.values != first.values) {
            return Some(ReconCause::Duplicate);
        }
        rows.iter().any(|other| other.values != first.values).then_some(ReconCause::BrokerRevised)
    }

    fn is_outside_hours(&self, start: Ts) -> bool {
        !self.known.hours.is_empty() && !self.known.hours.iter().any(|(from, until)| (*from..*until).contains(&start))
    }

    /// Whether a bar is the first of the day's continuous hours.
    fn is_first(&self, start: Ts) -> bool {
        self.known.hours.first().is_some_and(|(from, _)| *from == start)
    }

    fn interruption(&self, start: Ts) -> Option<ReconCause> {
        let feed = self.known.feed?;
        let end = self.end(start);
        let mut found = None;
        for gap in self.facts.gaps.iter().filter(|gap| gap.feed == feed && gap.touches(start, end)) {
            match gap.cause {
                GapCause::ApplianceDown => return Some(ReconCause::ApplianceDown),
                GapCause::Disconnect
                | GapCause::Silence
                | GapCause::BadFrame
                | GapCause::Declared
                | GapCause::NoToken => found = Some(ReconCause::FeedGap),
            }
        }
        found.or_else(|| self.unallocated(start, UnallocatedReason::Gap).then_some(ReconCause::FeedGap))
    }

    fn unallocated(&self, start: Ts, reason: UnallocatedReason) -> bool {
        let end = self.end(start);
        self.known.unallocated.iter().any(|part| part.reason == reason && part.from < end && part.to >= start)
    }

    fn halt(&self, row: &Difference) -> Option<ReconCause> {
        let theirs = row.broker.filter(|_| row.status == ReconStatus::MissingInternal)?;
        let is_flat = theirs.high == theirs.low && theirs.volume == Qty::ZERO;
        is_flat.then_some(ReconCause::Halt)
    }

    fn late(&self, start: Ts) -> Option<ReconCause> {
        let end = self.end(start);
        let first = self.known.late.partition_point(|ts| *ts < start);
        let has_tick = self.known.late.get(first).is_some_and(|ts| *ts < end);
        (has_tick || self.unallocated(start, UnallocatedReason::TooLate)).then_some(ReconCause::LateTicks)
    }

    /// What is particular to the first bar of the day.
    fn first_bar(&self, row: &Difference, ours: &KeyedBar, theirs: &KeyedBar) -> Option<ReconCause> {
        if !self.is_first(row.start) {
            return None;
        }
        let mut prints = self.known.prints.iter().filter(|print| print.phase == Phase::PreOpen).peekable();
        if row.status == ReconStatus::Volume {
            let more = Qty::new(theirs.volume.get().saturating_sub(ours.volume.get()));
            let is_print = prints.any(|print| self.tolerance.volume_passes(more, print.volume));
            let is_counter = more > Qty::ZERO
                && (self.unallocated(row.start, UnallocatedReason::FirstValue)
                    || self.unallocated(row.start, UnallocatedReason::Auction));
            return (is_print || is_counter).then_some(ReconCause::Auction);
        }
        let widened = self.prices_pass(ours.close, theirs.close)
            && !self.prices_pass(ours.open, theirs.open)
            && self.prices_pass(ours.high.max(theirs.open), theirs.high)
            && self.prices_pass(ours.low.min(theirs.open), theirs.low);
        // Where the auction was seen, the open is its price; where it was not, nothing speaks against it.
        let fits = prints.peek().is_none() || prints.any(|print| self.prices_pass(print.price, theirs.open));
        (widened && fits).then_some(ReconCause::OpeningPrice)
    }

    /// Trades before the counter was first seen are in no bar of ours: what was recorded began late.
    fn before_counter(&self, row: &Difference) -> Option<ReconCause> {
        self.unallocated(row.start, UnallocatedReason::FirstValue).then_some(ReconCause::FeedGap)
    }

    fn boundary(&self, row: &Difference, ours: &KeyedBar, theirs: &KeyedBar) -> Option<ReconCause> {
        if row.status != ReconStatus::Volume {
            return None;
        }
        let more = ours.volume.get().saturating_sub(theirs.volume.get());
        let step = self.sides.tf.nanos();
        let is_mirrored = |start: Ts| {
            let (Some(our), Some(their)) = (at(self.ours, start), at(self.theirs, start)) else { return false };
            let less = their.volume.get().saturating_sub(our.volume.get());
            // Two bars of a few shares mirror each other by chance: the part has to be worth a difference itself.
            (less > 0) == (more > 0)
                && less.unsigned_abs() > u64::from(self.tolerance.volume_shares)
                && self.tolerance.volume_passes(Qty::new(less.saturating_abs()), Qty::new(more.saturating_abs()))
                && self.shows_no_more(our, their)
        };
        let [before, after] = [-step, step].map(|step| Ts::new(row.start.get().saturating_add(step)));
        (is_mirrored(before) || is_mirrored(after) || self.lost_as_much(before, more))
            .then_some(ReconCause::VolumeBoundary)
    }

    /// Whether a bar, of which an interruption or lateness took some, lacks `more` shares at least: the counter's rise over
    /// its end stands in the bar behind it, and what else it lost hides the mirror.
    fn lost_as_much(&self, start: Ts, more: i64) -> bool {
        let Some(their) = at(self.theirs, start) else { return false };
        // One that is the broker's to the last digit was healed: what it had lost was a part of it.
        let kept = at(self.ours, start).filter(|our| our.values() != their.values()).map_or(0, |our| our.volume.get());
        let lost = their.volume.get().saturating_sub(kept);
        more > 0 && lost >= more && (self.interruption(start).is_some() || self.late(start).is_some())
    }

    /// Whether our prices are the broker's, or those of a part of its trades: what stands in the bar beside it is not among
    /// ours.
    fn shows_no_more(&self, our: &KeyedBar, their: &KeyedBar) -> bool {
        let apart = |our: Price, their: Price| distance(our.get(), their.get()) * i128::from(BP_THOUSANDTHS);
        let is_near =
            |our: Price, their: Price| apart(our, their) <= i128::from(their.get()) * i128::from(CONFLATION_MAX);
        let prices = || our.prices().into_iter().zip(their.prices());
        prices().all(|(our, their)| self.prices_pass(our, their))
            || (our.low >= their.low && our.high <= their.high && prices().all(|(our, their)| is_near(our, their)))
    }

    fn conflation(&self, row: &Difference, ours: &KeyedBar, theirs: &KeyedBar) -> Option<ReconCause> {
        let inside = ours.low >= theirs.low && ours.high <= theirs.high;
        let apart = distance(ours.volume.get(), theirs.volume.get());
        let volume = self.tolerance.volume_passes(ours.volume, theirs.volume)
            || apart.saturating_mul(CONFLATION_VOLUME) <= i128::from(theirs.volume.get());
        let is_it = row.status == ReconStatus::Price && inside && volume && row.price_error <= CONFLATION_MAX;
        is_it.then_some(ReconCause::Conflation)
    }

    /// The factor of the bar whose closes have the middle one, if nearly all bars have it.
    fn find_ratio(&self) -> Option<Ratio> {
        let pairs: Vec<(&KeyedBar, &KeyedBar)> =
            self.ours.iter().filter_map(|our| Some((our, at(self.theirs, our.start)?))).collect();
        let mut closes: Vec<Ratio> = pairs
            .iter()
            .map(|(our, their)| Ratio { broker: i128::from(their.close.get()), ours: i128::from(our.close.get()) })
            .filter(|ratio| ratio.broker > 0 && ratio.ours > 0)
            .collect();
        closes.sort_by(|a, b| (a.broker * b.ours).cmp(&(b.broker * a.ours)));
        let ratio = closes.get(closes.len() / 2).copied()?;
        if (ratio.broker - ratio.ours).abs() * 10_000 <= ratio.ours * RATIO_APART {
            return None;
        }
        let with = pairs.iter().filter(|(our, their)| self.has_ratio(ratio, our, their)).count();
        (with >= RATIO_BARS_MIN && with * 100 >= pairs.len() * RATIO_PERCENT).then_some(ratio)
    }

    /// Whether all four prices of the broker's are ours times the factor, within a tick on either side or 3 bp.
    fn has_ratio(&self, ratio: Ratio, ours: &KeyedBar, theirs: &KeyedBar) -> bool {
        ours.prices().into_iter().zip(theirs.prices()).all(|(our, their)| {
            let (our, their) = (i128::from(our.get()), i128::from(their.get()));
            let apart = (their * ratio.ours - our * ratio.broker).abs();
            let ticks = i128::from(self.tick.get()) * (ratio.ours + ratio.broker);
            apart <= ticks || apart * 10_000 <= their.abs() * ratio.ours * 3
        })
    }
}

/// The bar with a start.
fn at(bars: &[KeyedBar], start: Ts) -> Option<&KeyedBar> {
    let place = bars.binary_search_by_key(&start, |bar| bar.start).ok()?;
    bars.get(place)
}
