//! Bars in the compact form that is compared: 56 bytes, the symbol as a number.
//!
//! What it never does: judge a bar. Who calls it: whoever reads a side, and the comparison.

use barkeep_schemas::{Ohlcv, Price, Qty, Ts};

/// The number of a symbol in the [`SymbolTable`] of one reconciliation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SymbolIndex(pub u32);

impl SymbolIndex {
    /// The number as an array index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The symbols of one reconciliation, in alphabetical order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SymbolTable {
    names: Vec<String>,
}

impl SymbolTable {
    /// A table of these symbols; repeated ones are held once.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self { names }
    }

    /// The number of a symbol, if it is held.
    pub fn get(&self, symbol: &str) -> Option<SymbolIndex> {
        let at = self.names.binary_search_by(|name| name.as_str().cmp(symbol)).ok()?;
        u32::try_from(at).ok().map(SymbolIndex)
    }

    /// The symbol of a number.
    pub fn name(&self, index: SymbolIndex) -> Option<&str> {
        self.names.get(index.index()).map(String::as_str)
    }

    /// The symbols in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// A bar of either side with its key, (symbol, start).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyedBar {
    /// Whose.
    pub symbol: SymbolIndex,
    /// Start of the bar.
    pub start: Ts,
    /// First trade.
    pub open: Price,
    /// Highest trade.
    pub high: Price,
    /// Lowest trade.
    pub low: Price,
    /// Last trade.
    pub close: Price,
    /// Shares traded.
    pub volume: Qty,
}

impl KeyedBar {
    /// The key.
    pub const fn key(&self) -> (SymbolIndex, Ts) {
        (self.symbol, self.start)
    }

    /// Open, high, low and close.
    pub const fn prices(&self) -> [Price; 4] {
        [self.open, self.high, self.low, self.close]
    }

    /// The five numbers, without the key.
    pub const fn values(&self) -> Ohlcv {
        Ohlcv { open: self.open, high: self.high, low: self.low, close: self.close, volume: self.volume }
    }
}

/// Sorts by key and keeps of each key the bar that came last.
pub fn keep_newest(bars: &mut Vec<KeyedBar>) {
    if bars.is_sorted_by(|a, b| a.key() < b.key()) {
        return;
    }
    let mut places = order(bars);
    permute(bars, &mut places);
    // Of one key the last is still last; `dedup_by` drops its first argument, which is the later one.
    bars.dedup_by(|later, kept| {
        let same = later.key() == kept.key();
        if same {
            *kept = *later;
        }
        same
    });
}

/// A bar's key and its place among the bars.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Start above the earliest, in the largest power of two nanoseconds that divides all of them.
    start: u64,
    symbol: u32,
    at: u32,
}

/// Bits of a key that one pass sorts by.
const DIGIT_BITS: u32 = 11;
const DIGITS: usize = 1 << DIGIT_BITS;

/// The places of the bars in the order of their keys, equal keys in the order in which they came.
///
/// A broker's file is in any order, and comparing costs more than all else: this is a radix sort, lowest digit first.
fn order(bars: &[KeyedBar]) -> Vec<Place> {
    let earliest = bars.iter().map(|bar| bar.start.get()).min().unwrap_or(0);
    let above = |bar: &KeyedBar| bar.start.get().wrapping_sub(earliest) as u64;
    let (starts, symbols) =
        bars.iter().fold((0, 0), |(starts, symbols), bar| (starts | above(bar), symbols | bar.symbol.0));
    let unit = starts.trailing_zeros().min(63);
    let place =
        |(at, bar): (usize, &KeyedBar)| Place { start: above(bar) >> unit, symbol: bar.symbol.0, at: at as u32 };
    let mut places: Vec<Place> = bars.iter().enumerate().map(place).collect();
    let mut spare = vec![Place::default(); places.len()];
    for shift in digits(u64::BITS - (starts >> unit).leading_zeros()) {
        pass(&mut places, &mut spare, |place| place.start >> shift);
    }
    for shift in digits(u32::BITS - symbols.leading_zeros()) {
        pass(&mut places, &mut spare, |place| u64::from(place.symbol >> shift));
    }
    places
}

/// Where each digit of a number of so many bits begins.
fn digits(bits: u32) -> impl Iterator<Item = u32> {
    (0..bits).step_by(DIGIT_BITS as usize)
}

/// Sorts by one digit and keeps the order of equal ones; `spare` is as long as `places`, its contents are lost.
fn pass(places: &mut Vec<Place>, spare: &mut Vec<Place>, key: impl Fn(&Place) -> u64) {
    let digit = |place: &Place| key(place) as usize % DIGITS;
    let mut next = [0_usize; DIGITS];
    for place in places.iter() {
        if let Some(count) = next.get_mut(digit(place)) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for slot in &mut next {
        (*slot, sum) = (sum, sum + *slot);
    }
    for place in places.iter() {
        if let Some(slot) = next.get_mut(digit(place)) {
            if let Some(target) = spare.get_mut(*slot) {
                *target = *place;
            }
            *slot += 1;
        }
    }
    std::mem::swap(places, spare);
}

/// Marks a place that has been filled.
const FILLED: u32 = u32::MAX;

/// Moves every bar to its place, cycle by cycle: no second copy of the bars, whose memory would cost more than the sort.
fn permute(bars: &mut [KeyedBar], places: &mut [Place]) {
    for first in 0..bars.len() {
        let Some(saved) = bars.get(first).copied() else { return };
        let mut to = first;
        while let Some(from) = places.get_mut(to).map(|place| std::mem::replace(&mut place.at, FILLED)) {
            if from == FILLED {
                break;
            }
            let from = from as usize;
            let bar = if from == first { Some(saved) } else { bars.get(from).copied() };
            if let (Some(bar), Some(target)) = (bar, bars.get_mut(to)) {
                *target = bar;
            }
            to = from;
        }
    }
}

/// The starts that are compared: from `from` up to but not including `until`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The first start compared.
    pub from: Ts,
    /// The first start not compared.
    pub until: Ts,
}

impl Window {
    /// Whether a start is compared.
    pub fn contains(&self, start: Ts) -> bool {
        (self.from..self.until).contains(&start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_numbered_in_alphabetical_order() {
        let table = SymbolTable::new(["M&M", "BAJAJ-AUTO", "M&M"]);
        assert_eq!(table.iter().collect::<Vec<_>>(), ["BAJAJ-AUTO", "M&M"]);
        assert_eq!(table.get("M&M"), Some(SymbolIndex(1)));
        assert_eq!((table.get("TCS"), table.name(SymbolIndex(2))), (None, None));
    }

    #[test]
    fn of_one_key_the_last_bar_is_kept() {
        let bar = |symbol: u32, start: i64, volume: i64| KeyedBar {
            symbol: SymbolIndex(symbol),
            start: Ts::new(start),
            open: Price::ZERO,
            high: Price::ZERO,
            low: Price::ZERO,
            close: Price::ZERO,
            volume: Qty::new(volume),
        };
        let mut bars = vec![bar(1, 5, 1), bar(0, 9, 2), bar(1, 5, 3), bar(0, 7, 4), bar(1, 5, 5)];
        keep_newest(&mut bars);
        assert_eq!(bars, [bar(0, 7, 4), bar(0, 9, 2), bar(1, 5, 5)]);
    }

    #[test]
    fn bars_in_any_order_are_sorted_as_a_stable_sort_would() {
        let mut bars: Vec<KeyedBar> = (0..5_000_u64)
            .map(|n| {
                let random = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
                let price = Price::new(1);
                KeyedBar {
                    symbol: SymbolIndex((random % 7) as u32),
                    start: Ts::new((random / 7 % 500) as i64 - 250),
                    open: price,
                    high: price,
                    low: price,
                    close: price,
                    volume: Qty::new(n as i64),
                }
            })
            .collect();
        let mut expected = std::collections::BTreeMap::new();
        expected.extend(bars.iter().map(|bar| (bar.key(), *bar)));
        keep_newest(&mut bars);
        assert_eq!(bars, expected.into_values().collect::<Vec<_>>());
    }

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Window { from: Ts::new(10), until: Ts::new(20) };
        let inside = [9, 10, 19, 20].map(|start| window.contains(Ts::new(start)));
        assert_eq!(inside, [false, true, true, false]);
    }
}
