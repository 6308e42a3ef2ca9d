//! Days of made-up bars with differences of every kind put in: each is found, nothing else is, and each has its cause.

use std::collections::BTreeMap;

use barkeep_schemas::ReconStatus;

use super::*;

const MINUTES: i64 = 375;
const SYMBOLS: u32 = 52;

/// A number that depends on its arguments alone.
fn drawn(seed: u64, a: u64, b: u64) -> u64 {
    let mut x = seed ^ a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for _ in 0..3 {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^= x >> 27;
    }
    x
}

/// The truth: a walk of each symbol.
fn truth(seed: u64) -> Vec<Vec<KeyedBar>> {
    let walk = |symbol: u32| {
        let mut close = 50_000 + (drawn(seed, u64::from(symbol), 7) % 100_000) as i64 / 5 * 5;
        let minutes = 0..MINUTES;
        let next = move |number: i64| {
            let draw =
                |salt: u64, most: u64| (drawn(seed, u64::from(symbol) << 32 | number as u64, salt) % most) as i64;
            let open = close + (draw(1, 21) - 10) * 5;
            close = open + (draw(2, 41) - 20) * 5;
            let (high, low) = (open.max(close) + draw(3, 20) * 5, open.min(close) - draw(4, 20) * 5);
            let volume = 5_000 + draw(5, 20_000);
            KeyedBar { symbol: SymbolIndex(symbol), ..bar(number, [open, high, low, close], volume) }
        };
        minutes.map(next).collect()
    };
    (0..SYMBOLS).map(walk).collect()
}

/// Both sides, what the tape knows, and what is to be found.
struct Injected {
    ours: BTreeMap<(SymbolIndex, Ts), KeyedBar>,
    theirs: BTreeMap<(SymbolIndex, Ts), KeyedBar>,
    facts: DayFacts,
    expected: BTreeMap<(SymbolIndex, Ts), (ReconStatus, ReconCause)>,
}

type Key = (SymbolIndex, Ts);

impl Injected {
    fn new(seed: u64) -> Self {
        let bars: BTreeMap<Key, KeyedBar> = truth(seed).into_iter().flatten().map(|bar| (bar.key(), bar)).collect();
        // Every symbol has a feed of its own, so that a gap costs one alone.
        let known = |symbol: u32| SymbolFacts {
            feed: Some(FeedId(symbol as u8)),
            hours: vec![(minute(0), minute(MINUTES))],
            ..SymbolFacts::default()
        };
        let symbols = (0..SYMBOLS).map(known).collect();
        let facts = DayFacts { symbols, import: Seq(50), ..DayFacts::default() };
        Self { ours: bars.clone(), theirs: bars, facts, expected: BTreeMap::new() }
    }

    fn expect(&mut self, key: Key, status: ReconStatus, cause: ReconCause) {
        self.expected.insert(key, (status, cause));
    }

    fn known(&mut self, key: Key) -> &mut SymbolFacts {
        &mut self.facts.symbols[key.0.index()]
    }

    /// Ours misses an extreme.
    fn narrow(&mut self, key: Key) {
        let their = self.theirs.get_mut(&key).unwrap();
        their.high = Price::new(their.high.get() + their.high.get() / 500);
    }

    fn inject(&mut self, kind: ReconCause, key: Key, draw: u64) {
        let (symbol, start) = key;
        let after = |minutes: i64| Ts::new(start.get() + minutes * 60_000_000_000);
        match kind {
            ReconCause::FeedGap | ReconCause::ApplianceDown => {
                let cause = if kind == ReconCause::FeedGap { GapCause::Disconnect } else { GapCause::ApplianceDown };
                let (from, to) = (Ts::new(start.get() + 1), Ts::new(after(2).get() - 1));
                self.facts.gaps.push(Gap { feed: FeedId(symbol.0 as u8), from, to, cause });
                for key in [key, (symbol, after(1))] {
                    if self.ours.remove(&key).is_some() {
                        self.expect(key, ReconStatus::MissingInternal, kind);
                    }
                }
            }
            ReconCause::LateTicks => {
                self.narrow(key);
                self.known(key).late.push(Ts::new(start.get() + 59_000_000_000));
                self.expect(key, ReconStatus::Price, kind);
            }
            ReconCause::Conflation => {
                self.narrow(key);
                self.expect(key, ReconStatus::Price, kind);
            }
            ReconCause::VolumeBoundary => {
                let next = (symbol, after(1));
                let part = 3_000 + (draw % 1_500) as i64;
                let (Some(_), true) = (self.ours.get(&next), start < minute(MINUTES - 2)) else { return };
                let mut shift = |key: Key, part: i64| {
                    let our = self.ours.get_mut(&key).unwrap();
                    our.volume = Qty::new(our.volume.get() + part);
                };
                shift(key, -part);
                shift(next, part);
                self.expect(key, ReconStatus::Volume, kind);
                self.expect(next, ReconStatus::Volume, kind);
            }
            ReconCause::OpeningPrice => {
                let key = (symbol, minute(0));
                let their = self.theirs.get_mut(&key).unwrap();
                their.open = Price::new(their.open.get() + 50_000 + (draw % 20) as i64 * 500);
                their.high = their.high.max(their.open);
                let print = Print { phase: Phase::PreOpen, price: their.open, volume: Qty::new(9_000) };
                self.known(key).prints.push(print);
                self.expect(key, ReconStatus::Price, kind);
            }
            ReconCause::Auction => {
                let key = (symbol, minute(-8));
                self.theirs.insert(key, KeyedBar { symbol, ..bar(-8, [90_000; 4], 25_000) });
                self.expect(key, ReconStatus::MissingInternal, kind);
            }
            ReconCause::Halt => {
                self.ours.remove(&key);
                let their = self.theirs.get_mut(&key).unwrap();
                (their.high, their.low, their.volume) = (their.open, their.open, Qty::ZERO);
                their.close = their.open;
                self.expect(key, ReconStatus::MissingInternal, kind);
            }
            ReconCause::Duplicate | ReconCause::BrokerRevised => {
                let was = self.theirs[&key].values();
                self.narrow(key);
                let now = self.theirs[&key].values();
                let other = if kind == ReconCause::Duplicate { Seq(50) } else { Seq(90) };
                let rows = vec![BrokerRow { import: other, values: was }, BrokerRow { import: Seq(50), values: now }];
                self.facts.rows.insert(key, rows);
                self.expect(key, ReconStatus::Price, kind);
            }
            ReconCause::BrokerIncomplete => {
                for number in MINUTES - 6..MINUTES {
                    let key = (symbol, minute(number));
                    self.theirs.remove(&key);
                    self.expect(key, ReconStatus::MissingBroker, kind);
                }
            }
            ReconCause::CorporateAction => {
                for number in 0..MINUTES {
                    let key = (symbol, minute(number));
                    let their = self.theirs.get_mut(&key).unwrap();
                    for price in [&mut their.open, &mut their.high, &mut their.low, &mut their.close] {
                        *price = Price::new((price.get() * 2 / 3 + 250) / 500 * 500);
                    }
                    self.expect(key, ReconStatus::Price, kind);
                }
            }
            ReconCause::Unexplained => match draw % 3 {
                0 => {
                    let our = self.ours.get_mut(&key).unwrap();
                    our.high = Price::new(our.high.get() + our.high.get() / 200);
                    self.expect(key, ReconStatus::Price, kind);
                }
                1 => {
                    let our = self.ours.get_mut(&key).unwrap();
                    our.volume = Qty::new(our.volume.get() * 3);
                    self.expect(key, ReconStatus::Volume, kind);
                }
                _ => {
                    self.ours.remove(&key);
                    self.expect(key, ReconStatus::MissingInternal, kind);
                }
            },
        }
    }
}

/// Of each symbol one kind: about 2% of its bars, no two beside each other.
fn injected(seed: u64) -> Injected {
    let mut day = Injected::new(seed);
    for symbol in 0..SYMBOLS {
        let kind = ReconCause::ALL[symbol as usize % ReconCause::ALL.len()];
        let once = matches!(
            kind,
            ReconCause::OpeningPrice | ReconCause::Auction | ReconCause::BrokerIncomplete | ReconCause::CorporateAction
        );
        let places = if once { 1 } else { 8 };
        for place in 0..places {
            let draw = drawn(seed, u64::from(symbol), 100 + place);
            let number = 3 + place as i64 * 46 + (draw % 40) as i64;
            day.inject(kind, (SymbolIndex(symbol), minute(number)), draw >> 8);
        }
    }
    day
}

#[test]
fn differences_of_every_kind_are_all_found_with_nothing_else_and_have_their_cause() {
    let (mut all, mut right) = (0_u64, 0_u64);
    for seed in 1..=10 {
        let day = injected(seed);
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (day.ours.values().copied().collect(), day.theirs.values().copied().collect());
        let ticks = [Price::new(500); SYMBOLS as usize];
        let mut found = compare(&ours, &theirs, &ticks, &DEFAULT);
        let tf = barkeep_schemas::Timeframe::M1;
        let sides = Sides { internal: &ours, broker: &theirs, tick_sizes: &ticks, tolerances: &DEFAULT, tf };
        explain(&mut found.differences, &sides, &day.facts);
        let statuses: BTreeMap<Key, ReconStatus> =
            found.differences.iter().map(|row| ((row.symbol, row.start), row.status)).collect();
        let expected: BTreeMap<Key, ReconStatus> =
            day.expected.iter().map(|(key, (status, _))| (*key, *status)).collect();
        assert_eq!(statuses, expected, "seed {seed}");
        for row in &found.differences {
            let (_, cause) = day.expected[&(row.symbol, row.start)];
            all += 1;
            right += u64::from(row.cause == cause);
            if matches!(cause, ReconCause::FeedGap | ReconCause::ApplianceDown) {
                assert_eq!(row.cause, cause, "seed {seed}: a minute that a gap cost");
            } else if row.cause != cause {
                println!("seed {seed}: {:?} is {} and was put in as {cause}", row, row.cause);
            }
        }
    }
    println!("{right} of {all} causes are right");
    assert!(right * 100 >= all * 99, "{right} of {all} causes are right");
}
