//! Differences of every kind put into the broker's side of a recorded day, and what each is to be called.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Recorded;
use super::rows::{HEAD, Key, Row, Rows, compared, line};

const MINUTE: i64 = 60;

/// Seconds of 2026-07-31 00:00 IST.
pub const MIDNIGHT: i64 = 1_785_436_200;

/// Continuous trading of a day, minutes of the day.
const HOURS: std::ops::Range<i64> = 555..930;

/// What may be wrong with a broker's file, row by row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// The range is wider than ours, by less than conflation may make it.
    PriceNear,
    /// The prices are too far off, or ours lie outside the broker's range.
    PriceFar,
    /// Other shares.
    Volume,
    /// Shares moved into the minute behind.
    Boundary,
    /// The row is not there.
    Missing,
    /// A row before or behind continuous trading.
    Outside,
    /// Two rows of the key, the wrong one behind: it is refused by its line, and nothing differs.
    Repeated,
    /// Two rows of the key, the wrong one before: the right one is refused by its line, and what differs has no cause.
    Usurped,
    /// A flat row without shares in a halt.
    Halt,
    /// The open of the day is the auction's price.
    Opening,
}

const KINDS: [Kind; 10] = [
    Kind::PriceNear,
    Kind::PriceFar,
    Kind::Volume,
    Kind::Boundary,
    Kind::Missing,
    Kind::Outside,
    Kind::Repeated,
    Kind::Usurped,
    Kind::Halt,
    Kind::Opening,
];

impl Kind {
    /// The cause that a reader should be told.
    const fn cause(self) -> &'static str {
        match self {
            Self::PriceNear => "conflation",
            Self::PriceFar | Self::Volume | Self::Missing | Self::Usurped => "unexplained",
            Self::Boundary => "volume_boundary",
            Self::Outside => "auction",
            Self::Repeated => "no difference",
            Self::Halt => "halt",
            Self::Opening => "opening_price",
        }
    }
}

/// The broker's side with differences in it.
pub struct Injected {
    /// What a reader of the file comes to: of two rows of a key the first.
    pub theirs: Rows,
    /// The second rows of keys that have two.
    pub twice: BTreeMap<Key, Row>,
    /// Keys that were touched, with the cause that each is to have where it is outside tolerance.
    pub causes: BTreeMap<Key, (Kind, &'static str)>,
}

/// A number that depends on its arguments alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 1) as i64 % most
    }
}

impl Injected {
    /// Touches a fiftieth of the broker's rows, every kind in turn: none beside one that differed already, and none in an
    /// interruption or among late ticks, where nobody could tell the two apart.
    pub fn new(day: &Recorded, ours: &Rows, seed: u64) -> Self {
        let mut injected = Self { theirs: day.candles.clone(), twice: BTreeMap::new(), causes: BTreeMap::new() };
        let ticks = day.ticks();
        let mut taken: BTreeSet<Key> = compared(ours, &day.candles, &ticks).into_keys().collect();
        let disturbed = |key: &&Key| {
            [true, false].iter().any(|kind| day.gap(key, *kind).is_some())
                || day.late.contains(*key)
                || day.overtaken.contains(*key)
        };
        taken.extend(day.candles.keys().filter(disturbed).cloned());
        let symbols: Vec<&String> = ticks.keys().collect();
        let mut dice = Dice(seed);
        let (mut kind, mut tries) = (0, 0);
        while injected.causes.len() < day.candles.len() / 50 && tries < 100_000 {
            tries += 1;
            let symbol = symbols[dice.roll(symbols.len() as i64) as usize];
            let minute = match KINDS[kind % KINDS.len()] {
                Kind::Outside if dice.roll(2) == 0 => 547,
                Kind::Outside => 940 + dice.roll(10),
                Kind::Opening => HOURS.start,
                // Later in the day a minute's shares are too few for the day's sum to be off by them.
                Kind::Boundary => HOURS.start + 3 + dice.roll(70),
                Kind::PriceNear
                | Kind::PriceFar
                | Kind::Volume
                | Kind::Missing
                | Kind::Repeated
                | Kind::Usurped
                | Kind::Halt => HOURS.start + 3 + dice.roll(HOURS.end - HOURS.start - 6),
            };
            let key = (symbol.clone(), MIDNIGHT + minute * MINUTE);
            let near = |minutes: i64| (symbol.clone(), key.1 + minutes * MINUTE);
            if (-2..=2).any(|minutes| taken.contains(&near(minutes))) {
                // A symbol has one opening, and may have no halt.
                kind += usize::from(dice.roll(20) == 0);
                continue;
            }
            if injected.put(KINDS[kind % KINDS.len()], &key, day, ours, ticks[symbol], &mut dice) {
                taken.insert(key);
                kind += 1;
            } else {
                kind += usize::from(dice.roll(300) == 0);
            }
        }
        injected
    }

    /// Puts one difference in; `false` where the key does not lend itself.
    fn put(&mut self, kind: Kind, key: &Key, day: &Recorded, ours: &Rows, tick: i64, dice: &mut Dice) -> bool {
        let on_tick = |price: i64| price / tick * tick;
        let was = self.theirs.get(key).copied();
        let mut touched = vec![key.clone()];
        if matches!(kind, Kind::Outside | Kind::Halt) {
            // Nothing that stands beside it, nothing that we have.
            let near = self.theirs.range((key.0.clone(), 0)..=key.clone()).next_back();
            let near = near.or_else(|| self.theirs.range(key.clone()..).next()).map(|(_, row)| *row);
            if was.is_some() || ours.contains_key(key) {
                return false;
            }
            let price = near.expect("a row").prices[3];
            let volume = if kind == Kind::Halt { 0 } else { 1_000 + dice.roll(50_000) };
            self.theirs.insert(key.clone(), Row { prices: [price; 4], volume });
        } else {
            let (Some(mut row), true) = (was, ours.contains_key(key)) else { return false };
            let [open, high, low, _] = row.prices;
            match kind {
                Kind::PriceNear => row.prices[1] = on_tick(high + (4 * tick).max(high / 10_000 * (6 + dice.roll(80)))),
                Kind::PriceFar if dice.roll(2) == 0 => {
                    row.prices[1] = on_tick(high + high / 1_000 * (15 + dice.roll(30)))
                }
                Kind::PriceFar => {
                    let more = on_tick((4 * tick).max(high / 1_000 * (3 + dice.roll(9))) + high - low);
                    row.prices = row.prices.map(|price| price + more);
                }
                Kind::Volume => {
                    let day =
                        self.theirs.range((key.0.clone(), 0)..=key.clone()).map(|(_, row)| row.volume).sum::<i64>();
                    row.volume += row.volume.max(day / 80) + 200;
                }
                Kind::Boundary => {
                    let next = (key.0.clone(), key.1 + MINUTE);
                    let part = row.volume / 10 * (4 + dice.roll(4));
                    let (Some(after), true) = (self.theirs.get_mut(&next), part > 200) else { return false };
                    after.volume += part;
                    row.volume -= part;
                    touched.push(next);
                }
                Kind::Missing => {}
                Kind::Repeated | Kind::Usurped => {
                    let mut wrong = row;
                    wrong.prices[1] = on_tick(high + (4 * tick).max(high / 250));
                    wrong.volume += row.volume / 2 + 200;
                    let (first, second) = if kind == Kind::Repeated { (row, wrong) } else { (wrong, row) };
                    self.twice.insert(key.clone(), second);
                    row = first;
                }
                Kind::Opening => {
                    let Some(print) = day
                        .prints
                        .get(&key.0)
                        .copied()
                        .filter(|print| (print - open).abs() > tick.max(open / 10_000 * 3))
                    else {
                        return false;
                    };
                    row.prices[0] = print;
                    row.prices[1] = high.max(print);
                    row.prices[2] = low.min(print);
                }
                Kind::Outside | Kind::Halt => {}
            }
            if kind == Kind::Missing {
                self.theirs.remove(key);
            } else {
                self.theirs.insert(key.clone(), row);
            }
        }
        self.causes.extend(touched.into_iter().map(|key| (key, (kind, kind.cause()))));
        true
    }

    /// The broker's file.
    pub fn file(&self) -> String {
        let mut file = HEAD.to_owned();
        for (key, row) in &self.theirs {
            file += &line(&key.0, key.1, row);
            if let Some(second) = self.twice.get(key) {
                file += &line(&key.0, key.1, second);
            }
        }
        file
    }
}
