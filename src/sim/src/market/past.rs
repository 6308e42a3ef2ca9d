//! A whole day of one instrument at once, for candles of dates gone by.
//!
//! It walks through the same seconds as `live.rs` and so makes the same trades, but no book. `market.rs` calls it.

use barkeep_schemas::{NANOS, Phase};

use super::facts::Facts;
use super::flow::{Flow, Sizes};
use super::hours::{ClassHours, Segment};
use super::minutes::{DayTotal, MinuteRow, count_in};
use super::paths::Paths;
use super::universe::Stock;

/// What is left of a day gone by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct PastDay {
    /// The minutes with a trade.
    pub(super) rows: Vec<MinuteRow>,
    /// The whole day, auctions counted.
    pub(super) total: DayTotal,
}

/// One stock on its way through a day gone by.
pub(super) struct Walker<'a> {
    stock: &'a Stock,
    facts: &'a Facts,
    flow: Flow,
    events: Vec<super::flow::Event>,
    /// Its last price.
    pub(super) last: i64,
}

impl<'a> Walker<'a> {
    /// Before the first second.
    pub(super) fn new(stock: &'a Stock, facts: &'a Facts, flow: Flow) -> Self {
        Self { stock, facts, flow, events: Vec::new(), last: facts.previous_close }
    }

    /// Price and shares of the auction of a segment, if the segment is one.
    pub(super) fn auction(&mut self, paths: &Paths, segment: &Segment) -> Option<(i64, i64)> {
        let mine = |at: i64| (segment.start..segment.end).contains(&at);
        let auction = self.facts.auctions.iter().find(|auction| mine(auction.at))?;
        let opening = || self.flow.opening(paths, self.stock, self.facts, segment.grid);
        self.last = if auction.closing { self.facts.close } else { opening() };
        Some((self.last, auction.qty))
    }

    /// Trades one second of continuous trading.
    pub(super) fn second(
        &mut self,
        paths: &Paths,
        sizes: &Sizes,
        segment: &Segment,
        second: u32,
        mut each: impl FnMut(i64, i64),
    ) {
        self.events.clear();
        let start = segment.start + i64::from(second) * NANOS;
        self.flow.second(paths, self.stock, self.facts, start, segment.grid + second, &mut self.events);
        self.events.sort_unstable();
        for event in &self.events {
            let (price, qty) = self.flow.trade(sizes, self.facts, *event);
            self.last = price;
            each(price, qty);
        }
    }
}

impl PastDay {
    /// A stock's day.
    pub(super) fn of_stock(hours: &ClassHours, paths: &Paths, sizes: &Sizes, mut walker: Walker<'_>) -> Self {
        let mut day = Self::default();
        for segment in &hours.segments {
            if segment.phase != Phase::Continuous {
                if let Some((price, qty)) = walker.auction(paths, segment) {
                    day.total.add(price, qty);
                }
                continue;
            }
            for second in 0..segment.seconds {
                walker.second(paths, sizes, segment, second, |price, qty| {
                    day.total.add(price, qty);
                    count_in(&mut day.rows, segment.part, second, price, qty);
                });
            }
        }
        day
    }

    /// An index's day, from its stocks' last prices at the end of each second; `level` makes the index of them.
    pub(super) fn of_index(
        hours: &ClassHours,
        paths: &Paths,
        sizes: &Sizes,
        walkers: &mut [Walker<'_>],
        level: impl Fn(&[Walker<'_>]) -> i64,
    ) -> Self {
        let mut day = Self::default();
        for segment in &hours.segments {
            if segment.phase != Phase::Continuous {
                for walker in walkers.iter_mut() {
                    walker.auction(paths, segment);
                }
                if segment.phase == Phase::ClosingAuction {
                    day.total.add(level(walkers), 0);
                }
                continue;
            }
            for second in 0..segment.seconds {
                for walker in walkers.iter_mut() {
                    walker.second(paths, sizes, segment, second, |_, _| {});
                }
                let price = level(walkers);
                day.total.add(price, 0);
                count_in(&mut day.rows, segment.part, second, price, 0);
            }
        }
        day
    }
}
