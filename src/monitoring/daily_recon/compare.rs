//! Two sorted sides merged into what matched, what did not, and the facts about both.
//!
//! What it never does: sort, look up a name, or allocate for a bar that matched. Who calls it: `recon`, and the bench.

use std::collections::BTreeSet;

use barkeep_schemas::{Price, ReconCause, ReconStatus, Ts};

use super::bars::{KeyedBar, SymbolIndex};
use super::tolerance::{BP_THOUSANDTHS, Tolerance, Tolerances, distance};

/// A bar that did not match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Whose.
    pub symbol: SymbolIndex,
    /// Start of the bar.
    pub start: Ts,
    /// How it failed, by precedence.
    pub status: ReconStatus,
    /// Our side.
    pub internal: Option<KeyedBar>,
    /// The broker's side.
    pub broker: Option<KeyedBar>,
    /// The largest difference of open, high, low and close; zero where a side is missing.
    pub diff_max: Price,
    /// The largest of them in thousandths of a basis point of the broker's price; zero where a side is missing.
    pub price_error: u64,
    /// Why.
    pub cause: ReconCause,
}

impl Difference {
    /// Shares by which the sides differ; those of the side that is there where the other is missing.
    pub fn shares(&self) -> u64 {
        let volume = |bar: Option<KeyedBar>| bar.map_or(0, |bar| bar.volume.get());
        u64::try_from(distance(volume(self.internal), volume(self.broker))).unwrap_or(u64::MAX)
    }

    /// How far out the row is among rows of its status: the price error of a price, shares otherwise.
    pub fn severity(&self) -> u64 {
        match self.status {
            ReconStatus::Price => self.price_error,
            ReconStatus::MissingInternal | ReconStatus::MissingBroker | ReconStatus::Volume => self.shares(),
        }
    }
}

/// How many of the keys on both sides agree to the last digit, by field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Exact {
    /// Opens.
    pub open: u64,
    /// Highs.
    pub high: u64,
    /// Lows.
    pub low: u64,
    /// Closes.
    pub close: u64,
    /// Volumes.
    pub volume: u64,
    /// Bars whose four prices all agree.
    pub ohlc: u64,
    /// Keys on both sides.
    pub of: u64,
}

/// The facts about a symbol, or about all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Keys on either side.
    pub compared: u64,
    /// Keys that matched within tolerance.
    pub matched: u64,
    /// Keys that did not, in the order of [`ReconStatus::ALL`].
    pub by_status: [u64; 4],
    /// Fields that agree exactly.
    pub exact: Exact,
    /// Keys on both sides whose built range, low to high, lies inside the broker's.
    pub inside_range: u64,
    /// Our shares over the keys on both sides.
    pub volume_internal: i128,
    /// The broker's shares over the keys on both sides.
    pub volume_broker: i128,
    /// The worst price error of the keys on both sides, in thousandths of a basis point of the broker's price.
    pub price_error_max: u64,
}

impl Tally {
    /// The keys of one status.
    pub fn of_status(&self, status: ReconStatus) -> u64 {
        self.by_status.get(place(status)).copied().unwrap_or(0)
    }

    fn count(&mut self, status: ReconStatus) {
        if let Some(count) = self.by_status.get_mut(place(status)) {
            *count += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        self.compared += other.compared;
        self.matched += other.matched;
        self.by_status.iter_mut().zip(other.by_status).for_each(|(sum, part)| *sum += part);
        self.exact.open += other.exact.open;
        self.exact.high += other.exact.high;
        self.exact.low += other.exact.low;
        self.exact.close += other.exact.close;
        self.exact.volume += other.exact.volume;
        self.exact.ohlc += other.exact.ohlc;
        self.exact.of += other.exact.of;
        self.inside_range += other.inside_range;
        self.volume_internal += other.volume_internal;
        self.volume_broker += other.volume_broker;
        self.price_error_max = self.price_error_max.max(other.price_error_max);
    }

    /// Takes the facts of a key on both sides. Whether all five values are equal.
    #[inline]
    fn take_pair(&mut self, ours: &KeyedBar, theirs: &KeyedBar) -> bool {
        let [open, high, low, close] =
            [ours.open == theirs.open, ours.high == theirs.high, ours.low == theirs.low, ours.close == theirs.close];
        let volume = ours.volume == theirs.volume;
        self.exact.open += u64::from(open);
        self.exact.high += u64::from(high);
        self.exact.low += u64::from(low);
        self.exact.close += u64::from(close);
        self.exact.volume += u64::from(volume);
        self.exact.ohlc += u64::from(open && high && low && close);
        self.exact.of += 1;
        self.inside_range += u64::from(ours.low >= theirs.low && ours.high <= theirs.high);
        self.volume_internal += i128::from(ours.volume.get());
        self.volume_broker += i128::from(theirs.volume.get());
        open & high & low & close & volume
    }
}

/// The position of a status in [`ReconStatus::ALL`].
const fn place(status: ReconStatus) -> usize {
    match status {
        ReconStatus::MissingInternal => 0,
        ReconStatus::MissingBroker => 1,
        ReconStatus::Price => 2,
        ReconStatus::Volume => 3,
    }
}

/// What a comparison found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// The facts about all symbols.
    pub total: Tally,
    /// The facts by symbol, in the order of the table.
    pub symbols: Vec<Tally>,
    /// The bars that did not match, by key.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// At most `most` of the worst differences, by status and then worst first. The statuses take turns, so that a
    /// thousand missing bars do not hide the one wrong price; of a symbol whose prices are adjusted the worst row stands
    /// for all of that cause.
    pub fn worst(&self, most: usize) -> Vec<&Difference> {
        let mut by_status: Vec<Vec<&Difference>> = ReconStatus::ALL
            .iter()
            .map(|status| self.differences.iter().filter(|difference| difference.status == *status).collect())
            .collect();
        for rows in &mut by_status {
            rows.sort_by_key(|row| std::cmp::Reverse(row.severity()));
            let mut adjusted = BTreeSet::new();
            rows.retain(|row| row.cause != ReconCause::CorporateAction || adjusted.insert(row.symbol));
        }
        let mut taken = vec![0_usize; by_status.len()];
        let mut left = most.min(by_status.iter().map(Vec::len).sum());
        while left > 0 {
            for (taken, rows) in taken.iter_mut().zip(&by_status) {
                if left > 0 && *taken < rows.len() {
                    *taken += 1;
                    left -= 1;
                }
            }
        }
        by_status.into_iter().zip(taken).flat_map(|(rows, taken)| rows.into_iter().take(taken)).collect()
    }
}

/// Compares the union of the keys of two sides. `tick_sizes` are by symbol; one that is missing counts as zero.
///
/// Invariant: both sides are sorted by key and hold a key once, as [`super::keep_newest`] leaves them.
pub fn compare(
    internal: &[KeyedBar],
    broker: &[KeyedBar],
    tick_sizes: &[Price],
    tolerances: &Tolerances,
) -> Comparison {
    let mut comparison = Comparison { symbols: vec![Tally::default(); tick_sizes.len()], ..Comparison::default() };
    let (mut ours, mut theirs) = (internal, broker);
    while let Some(symbol) = first_symbol(ours, theirs) {
        let (our_bars, our_rest) = split_symbol(ours, symbol);
        let (their_bars, their_rest) = split_symbol(theirs, symbol);
        let tick_size = tick_sizes.get(symbol.index()).copied().unwrap_or_default();
        let judge = Judge { tick_size, tolerance: tolerances.of(symbol) };
        let tally = judge.merge(our_bars, their_bars, &mut comparison.differences);
        comparison.total.add(&tally);
        if let Some(place) = comparison.symbols.get_mut(symbol.index()) {
            *place = tally;
        }
        (ours, theirs) = (our_rest, their_rest);
    }
    comparison
}

fn first_symbol(ours: &[KeyedBar], theirs: &[KeyedBar]) -> Option<SymbolIndex> {
    let first = |bars: &[KeyedBar]| bars.first().map(|bar| bar.symbol);
    first(ours).into_iter().chain(first(theirs)).min()
}

/// The bars of `symbol` at the head of `bars`, and the rest.
pub(super) fn split_symbol(bars: &[KeyedBar], symbol: SymbolIndex) -> (&[KeyedBar], &[KeyedBar]) {
    let end = bars.partition_point(|bar| bar.symbol <= symbol);
    bars.split_at_checked(end).unwrap_or((bars, &[]))
}

/// Shares of a symbol's day up to and with a bar, on either side alone too.
#[derive(Clone, Copy, Default)]
struct DaySums {
    internal: i128,
    broker: i128,
}

/// Judges the bars of one symbol.
struct Judge<'a> {
    tick_size: Price,
    tolerance: &'a Tolerance,
}

impl Judge<'_> {
    fn merge(&self, mut ours: &[KeyedBar], mut theirs: &[KeyedBar], differences: &mut Vec<Difference>) -> Tally {
        let mut tally = Tally::default();
        let mut day = DaySums::default();
        loop {
            match (ours.split_first(), theirs.split_first()) {
                (Some((our, our_rest)), Some((their, their_rest))) if our.start == their.start => {
                    (ours, theirs) = (our_rest, their_rest);
                    day.internal += i128::from(our.volume.get());
                    day.broker += i128::from(their.volume.get());
                    if tally.take_pair(our, their) {
                        tally.matched += 1;
                    } else {
                        self.pair([our, their], day, &mut tally, differences);
                    }
                }
                (Some((our, rest)), their) if their.is_none_or(|(their, _)| our.start < their.start) => {
                    ours = rest;
                    day.internal += i128::from(our.volume.get());
                    tally.count(ReconStatus::MissingBroker);
                    differences.push(one_sided(ReconStatus::MissingBroker, our, Some(*our), None));
                }
                (_, Some((their, rest))) => {
                    theirs = rest;
                    day.broker += i128::from(their.volume.get());
                    tally.count(ReconStatus::MissingInternal);
                    differences.push(one_sided(ReconStatus::MissingInternal, their, None, Some(*their)));
                }
                (_, None) => break,
            }
        }
        tally.compared = tally.matched + tally.by_status.iter().sum::<u64>();
        tally
    }

    /// Two bars of one key that are not equal.
    fn pair(&self, [our, their]: [&KeyedBar; 2], day: DaySums, tally: &mut Tally, differences: &mut Vec<Difference>) {
        let prices = || our.prices().into_iter().zip(their.prices());
        let price_error = prices().map(|(our, their)| price_error(our, their)).max().unwrap_or(0);
        tally.price_error_max = tally.price_error_max.max(price_error);
        let status = if !prices().all(|(our, their)| self.tolerance.price_passes(self.tick_size, our, their)) {
            ReconStatus::Price
        } else if !self.tolerance.volume_passes(our.volume, their.volume)
            && !self.tolerance.day_passes(day.internal, day.broker)
        {
            ReconStatus::Volume
        } else {
            tally.matched += 1;
            return;
        };
        tally.count(status);
        let diff_max = prices().map(|(our, their)| distance(our.get(), their.get())).max().unwrap_or(0);
        differences.push(Difference {
            diff_max: Price::new(i64::try_from(diff_max).unwrap_or(i64::MAX)),
            price_error,
            ..one_sided(status, our, Some(*our), Some(*their))
        });
    }
}

fn one_sided(status: ReconStatus, key: &KeyedBar, internal: Option<KeyedBar>, broker: Option<KeyedBar>) -> Difference {
    Difference {
        symbol: key.symbol,
        start: key.start,
        status,
        internal,
        broker,
        diff_max: Price::ZERO,
        price_error: 0,
        cause: ReconCause::Unexplained,
    }
}

/// The error of a price in thousandths of a basis point of the broker's, rounded to the nearest.
fn price_error(internal: Price, broker: Price) -> u64 {
    let whole = i128::from(broker.get()).abs().max(1);
    let error = (distance(internal.get(), broker.get()) * i128::from(BP_THOUSANDTHS) + whole / 2) / whole;
    u64::try_from(error).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
