//! The true trades of one instrument, and the two things made of them: the feed's snapshots and the broker's candles.
//!
//! Within a second every trade lies within one tick of the fair price, so that a snapshot of that second misses an
//! extreme by two ticks at most: what conflation costs is there, and within recon's default tolerance. Trades are never
//! kept. `day.rs` calls it.

use barkeep_schemas::{NANOS, Price, Qty, SessionDate};

use super::hours::{Hours, Second};
use super::listing::Listing;
use crate::chance::{Chance, Stream};

const MILLI: i64 = 1_000_000;
/// How far one trade's size strays from the median, as a standard deviation of its logarithm.
const QTY_SPREAD: f64 = 1.1;
const QTY_MAX: f64 = 50_000.0;
/// Wanders of an instrument's activity: their standard deviation and how much of them is left after a second.
const ACTIVITY: f64 = 0.6;
const ACTIVITY_KEPT: f64 = 0.992;

/// How a row stands in the written file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// As the feed sent it.
    Whole,
    /// Not written.
    Lost,
    /// Written twice.
    Twice,
    /// Written with this in place of its price.
    Bad(&'static str),
}

/// A snapshot of an instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Snapshot {
    /// Where it stands in the file, in exchange time; its own time unless it is late.
    pub(super) place: i64,
    /// Exchange time of its last trade, in nanoseconds.
    pub(super) ts: i64,
    /// Time of receipt, in nanoseconds.
    pub(super) recv: i64,
    /// The instrument's number.
    pub(super) instrument: u32,
    /// Last traded quantity.
    pub(super) qty: Qty,
    /// Last traded price.
    pub(super) price: Price,
    /// Volume of the day.
    pub(super) cum_volume: Qty,
    /// How it is written.
    pub(super) mark: Mark,
}

/// A candle of the broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Candle {
    /// Number of its minute.
    pub(super) minute: usize,
    /// Start of its minute, in nanoseconds.
    pub(super) start: i64,
    /// The instrument's number.
    pub(super) instrument: u32,
    /// First price.
    pub(super) open: Price,
    /// Highest price.
    pub(super) high: Price,
    /// Lowest price.
    pub(super) low: Price,
    /// Last price.
    pub(super) close: Price,
    /// Shares traded.
    pub(super) volume: Qty,
}

/// An instrument's day.
pub(super) struct Recording {
    /// Its snapshots, in order.
    pub(super) snapshots: Vec<Snapshot>,
    /// Its candles, in order.
    pub(super) candles: Vec<Candle>,
    instrument: u32,
    every_ns: i64,
    slot: Option<(i64, i64)>,
    latency: Chance,
    cum_volume: Qty,
}

/// What is drawn for an instrument's trades.
pub(super) struct Source<'a> {
    /// The day's seed.
    pub(super) seed: u64,
    /// The day.
    pub(super) date: SessionDate,
    /// Its hours.
    pub(super) hours: &'a Hours,
    /// Time between two snapshots, in nanoseconds.
    pub(super) every_ns: i64,
    /// Pre-open, in nanoseconds, where there is one.
    pub(super) pre_open: Option<(i64, i64)>,
}

impl Source<'_> {
    /// Trades one instrument through the day along its path, and fills in what the listing says of the day.
    pub(super) fn record(&self, number: usize, listing: &mut Listing, path: &[f64]) -> Recording {
        let mut chance = Chance::new(self.seed, self.date, Stream::Trades, number);
        let mut recording = Recording {
            snapshots: Vec::with_capacity(self.hours.seconds.len() / 2),
            candles: Vec::with_capacity(self.hours.minutes.len()),
            instrument: number as u32,
            every_ns: self.every_ns,
            slot: None,
            latency: Chance::new(self.seed, self.date, Stream::Latency, number),
            cum_volume: Qty::ZERO,
        };
        if let Some(pre_open) = self.pre_open {
            listing.auction_volume = self.auction(pre_open, listing, &mut chance, &mut recording);
        }
        self.trade(listing, path, &mut chance, &mut recording);
        listing.day_volume = recording.cum_volume;
        recording
    }

    /// One print between two thirds and four fifths of the pre-open (09:10 to 09:12 of 09:00 to 09:15); its shares.
    fn auction(&self, pre_open: (i64, i64), listing: &Listing, chance: &mut Chance, into: &mut Recording) -> Qty {
        let (start, millis) = (pre_open.0, (pre_open.1 - pre_open.0) / MILLI);
        let ts = start + chance.whole(millis * 2 / 3, millis * 4 / 5) * MILLI;
        let day_trades = listing.nature.rate * self.hours.seconds.len() as f64;
        let shares = listing.nature.median_qty * (10.0 + day_trades * chance.between(0.008, 0.02));
        let qty = Qty::new(libm::ceil(shares) as i64);
        into.cum_volume = qty;
        into.push_snapshot(ts, listing.open_price, qty);
        qty
    }

    fn trade(&self, listing: &Listing, path: &[f64], chance: &mut Chance, into: &mut Recording) {
        let tick = listing.tick_size.get();
        let opening = listing.open_price.get() as f64 / tick as f64;
        let mut activity = ACTIVITY * chance.normal();
        let mut millis: Vec<i64> = Vec::new();
        for (second, log) in self.hours.seconds.iter().zip(path) {
            activity =
                activity * ACTIVITY_KEPT + ACTIVITY * libm::sqrt(1.0 - ACTIVITY_KEPT * ACTIVITY_KEPT) * chance.normal();
            let mean = listing.nature.rate * second.weight * libm::exp(activity - ACTIVITY * ACTIVITY / 2.0);
            let count = chance.poisson(mean);
            if count == 0 {
                continue;
            }
            let fair = libm::round(opening * libm::exp(*log)) as i64;
            millis.clear();
            millis.extend((0..count).map(|_| chance.whole(0, 999)));
            millis.sort_unstable();
            for milli in &millis {
                let side = [-1, 0, 0, 1].get(chance.place(4)).copied().unwrap_or(0);
                let qty = libm::exp(QTY_SPREAD * chance.normal()) * listing.nature.median_qty;
                let qty = Qty::new(libm::ceil(qty.min(QTY_MAX)) as i64);
                into.trade(self.hours, second, second.start + milli * MILLI, Price::new((fair + side) * tick), qty);
            }
        }
    }
}

impl Recording {
    fn trade(&mut self, hours: &Hours, second: &Second, ts: i64, price: Price, qty: Qty) {
        self.cum_volume = Qty::new(self.cum_volume.get() + qty.get());
        let slot = (second.part, (ts - second.part) / self.every_ns);
        match self.snapshots.last_mut() {
            Some(last) if self.slot == Some(slot) => {
                last.recv += ts - last.ts;
                (last.place, last.ts, last.price, last.qty) = (ts, ts, price, qty);
                last.cum_volume = self.cum_volume;
            }
            Some(_) | None => self.push_snapshot(ts, price, qty),
        }
        self.slot = Some(slot);
        self.count_in(hours, ts, price, qty);
    }

    fn push_snapshot(&mut self, ts: i64, price: Price, qty: Qty) {
        let recv = ts + self.latency.whole(20, 300) * MILLI;
        let (instrument, cum_volume) = (self.instrument, self.cum_volume);
        self.snapshots.push(Snapshot { place: ts, ts, recv, instrument, qty, price, cum_volume, mark: Mark::Whole });
    }

    fn count_in(&mut self, hours: &Hours, ts: i64, price: Price, qty: Qty) {
        let Some(minute) = hours.minute_of(ts) else { return };
        match self.candles.last_mut() {
            Some(last) if last.minute == minute => {
                last.high = last.high.max(price);
                last.low = last.low.min(price);
                last.close = price;
                last.volume = Qty::new(last.volume.get() + qty.get());
            }
            Some(_) | None => {
                let start = hours.minute(minute).map_or(ts - ts.rem_euclid(60 * NANOS), |minute| minute.start);
                let instrument = self.instrument;
                let (open, high, low, close) = (price, price, price, price);
                self.candles.push(Candle { minute, start, instrument, open, high, low, close, volume: qty });
            }
        }
    }
}
