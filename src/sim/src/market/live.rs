//! One stock on the current date: its trades, its book and its day so far, stepped to any moment.
//!
//! Invariant: everything that happens has its own moment, so steps of any size give the same. `market.rs` steps it.

use barkeep_schemas::{NANOS, Phase, Price, Qty, SessionDate, Ts};

use super::book::Book;
use super::facts::{Facts, MILLI};
use super::flow::{Event, EventKind, Flow, Sizes};
use super::hours::{ClassHours, Segment};
use super::minutes::{DayTotal, MinuteRow, count_in};
use super::paths::Paths;
use super::quote::{Print, Quote};
use super::universe::Stock;
use crate::chance::{Chance, Stream};

/// How lively a book is in an auction, beside continuous trading.
const AUCTION_BOOK: f64 = 0.3;

/// What all stocks of a date and class share while they are stepped.
pub(super) struct Stage<'a> {
    /// The shared paths.
    pub(super) paths: &'a Paths,
    /// The class's hours.
    pub(super) hours: &'a ClassHours,
    /// Sizes of trades.
    pub(super) sizes: &'a Sizes,
    /// Whether every book moves four times a second.
    pub(super) busy: bool,
    /// Prints before this moment are not kept.
    pub(super) keep_from: i64,
}

/// One stock on the current date.
pub(super) struct Live {
    /// What is fixed for the date.
    pub(super) facts: Facts,
    /// The day so far.
    pub(super) total: DayTotal,
    /// Its minutes so far.
    pub(super) rows: Vec<MinuteRow>,
    /// Price of the last trade; the previous close before the first.
    pub(super) last: i64,
    /// Whether it is halted now.
    pub(super) halted: bool,
    last_qty: i64,
    last_at: Option<i64>,
    turnover: i128,
    changed_at: i64,
    flow: Flow,
    book: Book,
    book_chance: Chance,
    calm: (f64, f64),
    segment: usize,
    second: u32,
    start: i64,
    pending: Vec<Event>,
    done: usize,
    next: i64,
}

impl Live {
    /// A stock at midnight of a date; `last_at` is its last trade of the dates before.
    pub(super) fn new(
        seed: u64,
        date: SessionDate,
        midnight: i64,
        number: usize,
        stock: &Stock,
        made: (Facts, Option<i64>),
    ) -> Self {
        let (facts, last_at) = made;
        Self {
            total: DayTotal::default(),
            rows: Vec::new(),
            last: facts.previous_close,
            halted: false,
            last_qty: 0,
            last_at,
            turnover: 0,
            changed_at: midnight,
            flow: Flow::new(seed, date, number),
            book: Book::default(),
            book_chance: Chance::new(seed, date, Stream::Book, number),
            calm: (libm::exp(-stock.book_rate), libm::exp(-stock.book_rate * AUCTION_BOOK)),
            segment: 0,
            second: 0,
            start: 0,
            pending: Vec::new(),
            done: 0,
            next: i64::MIN,
            facts,
        }
    }

    /// When something happens next.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// Makes everything up to and including a moment. Whether the quote changed.
    pub(super) fn advance(&mut self, stage: &Stage<'_>, stock: &Stock, to: i64, prints: &mut Vec<Print>) -> bool {
        let mut changed = false;
        loop {
            while let Some(event) = self.pending.get(self.done).copied() {
                let at = self.start + event.milli() * MILLI;
                if at > to {
                    self.next = at;
                    return changed;
                }
                self.done += 1;
                self.apply(stage, stock, event, at, prints);
                changed = true;
            }
            let Some(segment) = stage.hours.segments.get(self.segment) else {
                self.next = i64::MAX;
                return changed;
            };
            let over = self.second >= segment.seconds;
            let start = if over { segment.end } else { segment.start + i64::from(self.second) * NANOS };
            if start > to {
                self.next = start;
                return changed;
            }
            if over {
                changed |= self.leave(stage.hours, segment.end);
            } else {
                changed |= self.begin_second(stage, stock, segment, start);
            }
        }
    }

    /// The end of a segment: the book goes unless the next segment follows at once.
    fn leave(&mut self, hours: &ClassHours, end: i64) -> bool {
        (self.segment, self.second) = (self.segment + 1, 0);
        self.pending.clear();
        self.done = 0;
        let follows = hours.segments.get(self.segment).is_some_and(|next| next.start <= end);
        !follows && self.hide_book(end)
    }

    fn hide_book(&mut self, at: i64) -> bool {
        let was = self.book.present;
        self.book.present = false;
        if was {
            self.changed_at = at;
        }
        was
    }

    /// Draws what happens in the next second.
    fn begin_second(&mut self, stage: &Stage<'_>, stock: &Stock, segment: &Segment, start: i64) -> bool {
        self.pending.clear();
        (self.done, self.start) = (0, start);
        let place = segment.grid + self.second;
        self.second += 1;
        let continuous = segment.phase == Phase::Continuous;
        if continuous {
            self.flow.second(stage.paths, stock, &self.facts, start, place, &mut self.pending);
        } else if let Some(auction) =
            self.facts.auctions.iter().find(|auction| (start..start + NANOS).contains(&auction.at))
        {
            let milli = ((auction.at - start) / MILLI).unsigned_abs();
            self.pending.push(Event::new(milli, EventKind::Auction, self.book_chance.bits()));
        }
        self.halted = self.facts.is_halted(start);
        if self.halted {
            return self.hide_book(start);
        }
        let appears = !self.book.present;
        if appears {
            self.book.open(self.book_chance.bits(), stock.widest);
            self.changed_at = start;
        }
        for _ in 0..self.book_chance.poisson_of(if continuous { self.calm.0 } else { self.calm.1 }) {
            self.pending.push(Event::drawn(EventKind::Book, self.book_chance.bits()));
        }
        if stage.busy {
            // At the same place of each quarter: whoever looks every 250 ms then sees one move every time.
            let place = 1 + u64::from(stock.token >> 8) % 249;
            for quarter in 0..4 {
                self.pending.push(Event::new(quarter * 250 + place, EventKind::Book, self.book_chance.bits()));
            }
        }
        self.pending.sort_unstable();
        appears
    }

    fn apply(&mut self, stage: &Stage<'_>, stock: &Stock, event: Event, at: i64, prints: &mut Vec<Print>) {
        self.changed_at = at;
        match event.kind() {
            EventKind::Book => self.book.shift(event.bits(), stock.widest),
            EventKind::Auction => self.match_auction(stage, stock, event, at, prints),
            EventKind::Trade | EventKind::Last => {
                let (price, qty) = self.flow.trade(stage.sizes, &self.facts, event);
                self.book.trade(event.bits(), stock.widest);
                self.count(stage, at, price, qty, false, prints);
                if let Some(segment) = stage.hours.segments.get(self.segment) {
                    count_in(&mut self.rows, segment.part, self.second - 1, price, qty);
                }
            }
        }
    }

    fn match_auction(&mut self, stage: &Stage<'_>, stock: &Stock, event: Event, at: i64, prints: &mut Vec<Print>) {
        let Some(auction) = self.facts.auctions.iter().find(|auction| auction.at == at).copied() else { return };
        let grid = stage.hours.segments.get(self.segment).map_or(0, |segment| segment.grid);
        let opening = || self.flow.opening(stage.paths, stock, &self.facts, grid);
        let price = if auction.closing { self.facts.close } else { opening() };
        self.book.trade(event.bits(), stock.widest);
        self.count(stage, at, price, auction.qty, true, prints);
    }

    fn count(&mut self, stage: &Stage<'_>, at: i64, price: i64, qty: i64, auction: bool, prints: &mut Vec<Print>) {
        (self.last, self.last_qty, self.last_at) = (price, qty, Some(at));
        self.turnover += i128::from(price) * i128::from(qty);
        self.total.add(price, qty);
        if at >= stage.keep_from {
            prints.push(Print { ts: Ts::new(at), price: Price::new(price), qty: Qty::new(qty), auction });
        }
    }

    /// What it shows now.
    pub(super) fn quote(&self) -> Quote {
        let (bids, asks) = (self.book.bid_side(self.last, &self.facts), self.book.ask_side(self.last, &self.facts));
        let volume = self.total.volume;
        let average = if volume == 0 { self.facts.previous_close } else { (self.turnover / i128::from(volume)) as i64 };
        Quote {
            last_price: Price::new(self.last),
            last_qty: Qty::new(self.last_qty),
            average_price: Price::new(average),
            volume: Qty::new(volume),
            total_buy_qty: bids.total,
            total_sell_qty: asks.total,
            open: Price::new(self.total.open),
            high: Price::new(self.total.high),
            low: Price::new(self.total.low),
            close: Price::new(self.facts.previous_close),
            last_trade_time: self.last_at.map(Ts::new),
            exchange_time: Ts::new(self.changed_at),
            bids: bids.levels,
            asks: asks.levels,
        }
    }
}
