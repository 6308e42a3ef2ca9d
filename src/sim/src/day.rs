//! One simulated NSE trading day: ticks as a feed gives them, the broker's minute candles, and a ledger of what was
//! broken in both on purpose.
//!
//! It is a pure function of its plan: it knows no clock, no file and no calendar, and the same plan gives the same bytes
//! on every machine. It judges nothing. `demo` calls it.
//!
//! Underneath are true trades. Ticks are snapshots of them, so bars made of ticks honestly differ from the broker's
//! candles, which are made of the trades: by two ticks at most, in prices alone, with the default snapshots.

mod breaker;
mod broker_faults;
mod feed_faults;
mod hours;
mod ledger;
mod listing;
mod paths;
mod trades;

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use barkeep_schemas::{Price, SessionDate, Ts};

use crate::chance::{Chance, Stream};
use breaker::Breaker;
use hours::{Digits, Hours, Ist};
pub use ledger::{Cell, Effect, Fault, FaultKind};
pub use listing::{Listing, MAX_INSTRUMENTS};
use paths::Paths;
use trades::{Candle, Mark, Recording, Snapshot, Source};

/// Time between two snapshots of an instrument, in milliseconds, unless a plan says otherwise.
pub const SNAPSHOT_EVERY_MS: u32 = 1_000;

/// The instruments of a day unless a plan says otherwise.
pub const INSTRUMENTS: u32 = 20;

/// Columns of the file of ticks.
pub const TICK_COLUMNS: &str = "time,recv_time,symbol,price,qty,cum_volume,bid,ask";

/// Columns of the file of candles.
pub const CANDLE_COLUMNS: &str = "time,symbol,open,high,low,close,volume";

/// What a day is to be like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayPlan {
    /// Where the numbers come from. The date counts too: two days of one seed differ.
    pub seed: u64,
    /// How many instruments, 1 to [`MAX_INSTRUMENTS`]; a number outside becomes the nearest.
    pub instruments: u32,
    /// The trading date.
    pub date: SessionDate,
    /// The parts of continuous trading, each from its start up to but not including its end, in order. A part that
    /// starts before the one before it ends starts there; a second cut off by an end is not traded.
    pub parts: Vec<(Ts, Ts)>,
    /// The pre-open session, start and end, when the day has an opening auction: one print of each instrument, from
    /// which its volume counts. Without it a counter's first value comes with the first trade.
    pub pre_open: Option<(Ts, Ts)>,
    /// Time between two snapshots of an instrument, in milliseconds (at least 1), counted from the start of each part.
    /// It changes the ticks, never the trades and the candles.
    pub snapshot_every_ms: u32,
}

impl DayPlan {
    /// A day of [`INSTRUMENTS`] instruments with snapshots every [`SNAPSHOT_EVERY_MS`] milliseconds.
    pub fn new(seed: u64, date: SessionDate, parts: Vec<(Ts, Ts)>, pre_open: Option<(Ts, Ts)>) -> Self {
        Self { seed, instruments: INSTRUMENTS, date, parts, pre_open, snapshot_every_ms: SNAPSHOT_EVERY_MS }
    }
}

/// How many rows there are, before the faults and as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct RowCounts {
    /// Rows of the day without a fault.
    pub clean: u64,
    /// Rows written, the header not counted.
    pub written: u64,
}

/// A day, made and broken.
#[derive(Debug)]
pub struct Day {
    /// Its date.
    pub date: SessionDate,
    /// Its instruments.
    pub listings: Vec<Listing>,
    /// Symbols of the legs of each planted pair that is listed: their log prices differ by a number that comes back.
    pub pairs: Vec<(String, String)>,
    /// What was broken, in the order of time.
    pub ledger: Vec<Fault>,
    /// Rows of ticks.
    pub ticks: RowCounts,
    /// Rows of candles.
    pub candles: RowCounts,
    tick_rows: Vec<Snapshot>,
    candle_rows: Vec<Candle>,
}

impl Day {
    /// Makes the day of a plan.
    pub fn generate(plan: &DayPlan) -> Self {
        let hours = Hours::new(&plan.parts);
        let (listings, mut recordings) = clean(plan, &hours);
        let (clean_ticks, clean_candles) = count(&recordings);
        let chance = Chance::new(plan.seed, plan.date, Stream::Faults, 0);
        let ledger = Breaker::run(&hours, &listings, &mut recordings, chance);
        let candle_rows = merged_candles(&recordings);
        let tick_rows = merged_ticks(recordings);
        let twice = tick_rows.iter().filter(|tick| tick.mark == Mark::Twice).count();
        Self {
            date: plan.date,
            pairs: listed_pairs(&listings),
            listings,
            ledger,
            ticks: RowCounts { clean: clean_ticks as u64, written: (tick_rows.len() + twice) as u64 },
            candles: RowCounts { clean: clean_candles as u64, written: candle_rows.len() as u64 },
            tick_rows,
            candle_rows,
        }
    }

    /// The symbols, in the order of the listings.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.listings.iter().map(|listing| listing.symbol.as_str())
    }

    /// How many faults of a kind the ledger holds.
    pub fn fault_count(&self, kind: FaultKind) -> usize {
        self.ledger.iter().filter(|fault| fault.kind == kind).count()
    }

    /// Writes the file of ticks as CSV: [`TICK_COLUMNS`], times in IST to the millisecond, prices in rupees.
    ///
    /// # Errors
    ///
    /// What `out` answers.
    pub fn write_ticks(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 16, out);
        writeln!(out, "{TICK_COLUMNS}")?;
        let mut line = String::with_capacity(160);
        for tick in &self.tick_rows {
            line.clear();
            tick_line(&mut line, tick, self.listings.get(tick.instrument as usize)).map_err(io::Error::other)?;
            out.write_all(line.as_bytes())?;
            if tick.mark == Mark::Twice {
                out.write_all(line.as_bytes())?;
            }
        }
        out.flush()
    }

    /// Writes the broker's candles as CSV: [`CANDLE_COLUMNS`], the minute's start in IST, prices in rupees, shares.
    ///
    /// # Errors
    ///
    /// What `out` answers.
    pub fn write_candles(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 16, out);
        writeln!(out, "{CANDLE_COLUMNS}")?;
        for candle in &self.candle_rows {
            let symbol = self.listings.get(candle.instrument as usize).map_or("", |listing| listing.symbol.as_str());
            let Candle { open, high, low, close, volume, .. } = candle;
            let time = Ist(candle.start, Digits::Seconds);
            writeln!(out, "{time},{symbol},{open},{high},{low},{close},{volume}")?;
        }
        out.flush()
    }
}

/// Symbols need no quotes in CSV: they are the listing's own and hold no comma.
fn tick_line(line: &mut String, tick: &Snapshot, listing: Option<&Listing>) -> std::fmt::Result {
    let (symbol, step) = listing.map_or(("", 0), |listing| (listing.symbol.as_str(), listing.tick_size.get()));
    let (time, recv) = (Ist(tick.ts, Digits::Millis), Ist(tick.recv, Digits::Millis));
    write!(line, "{time},{recv},{symbol},")?;
    match tick.mark {
        Mark::Bad(text) => line.write_str(text)?,
        Mark::Whole | Mark::Lost | Mark::Twice => write!(line, "{}", tick.price)?,
    }
    let (bid, ask) = (Price::new(tick.price.get() - step), Price::new(tick.price.get() + step));
    writeln!(line, ",{},{},{bid},{ask}", tick.qty, tick.cum_volume)
}

/// The day without a fault, one recording for each listing.
fn clean(plan: &DayPlan, hours: &Hours) -> (Vec<Listing>, Vec<Recording>) {
    let mut listings = listing::listings(plan.seed, plan.date, plan.instruments);
    let paths = Paths::new(plan.seed, plan.date, &hours.seconds);
    let source = Source {
        seed: plan.seed,
        date: plan.date,
        hours,
        every_ns: i64::from(plan.snapshot_every_ms.max(1)) * 1_000_000,
        pre_open: plan.pre_open.map(|(start, end)| (start.get(), end.get())),
    };
    let record = |(number, listing): (usize, &mut Listing)| {
        let mut chance = Chance::new(plan.seed, plan.date, Stream::Price, number);
        let path = paths.of(listing, &mut chance, &hours.seconds);
        source.record(number, listing, &path)
    };
    let recordings = listings.iter_mut().enumerate().map(record).collect();
    (listings, recordings)
}

fn count(recordings: &[Recording]) -> (usize, usize) {
    let ticks = recordings.iter().map(|recording| recording.snapshots.len()).sum();
    (ticks, recordings.iter().map(|recording| recording.candles.len()).sum())
}

/// The rows of the file of ticks in their order: by place, and at one place what is late comes last.
fn merged_ticks(recordings: Vec<Recording>) -> Vec<Snapshot> {
    let all = recordings.into_iter().flat_map(|recording| recording.snapshots);
    let mut rows: Vec<Snapshot> = all.filter(|tick| tick.mark != Mark::Lost).collect();
    rows.sort_by_key(|tick| (tick.place, tick.place != tick.ts, tick.instrument));
    rows
}

fn merged_candles(recordings: &[Recording]) -> Vec<Candle> {
    let mut rows: Vec<Candle> = recordings.iter().flat_map(|recording| recording.candles.iter().copied()).collect();
    rows.sort_by_key(|candle| (candle.start, candle.instrument));
    rows
}

fn listed_pairs(listings: &[Listing]) -> Vec<(String, String)> {
    let legs = |number: usize| {
        let leg = |second: bool| {
            let here =
                |listing: &&Listing| listing.nature.leg.is_some_and(|leg| (leg.pair, leg.second) == (number, second));
            listings.iter().find(here).map(|listing| listing.symbol.clone())
        };
        Some((leg(false)?, leg(true)?))
    };
    (0..listing::PAIRS.len()).filter_map(legs).collect()
}

#[cfg(test)]
mod tests;
