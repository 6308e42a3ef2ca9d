//! The made-up session as files, for the commands and for the peers: written once, from one seed.
//!
//! `day.bin` and `ticks.csv` hold the trades in the order of their times; `feed.bin` holds them as a feed delivers them,
//! received 20 to 300 ms late, in the order of receipt. `bars_a.csv` and `bars_b.csv` are the minute bars of the trades
//! and a broker's edition of them, in no order, in which 1% differ.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::{Path, PathBuf};

use barkeep_schemas::{Price, Qty, Tick, Ts};

use crate::measure;
use crate::samples::{Receipt, ticks};

/// 09:15 of 2026-11-20 in India.
pub const OPEN: i64 = 1_795_146_300 * 1_000_000_000;
/// Its length.
pub const SESSION: i64 = 22_500 * 1_000_000_000;
const MINUTE: i64 = 60 * 1_000_000_000;
const INSTRUMENTS: usize = 200;

/// Of a hundred bars one differs: of 750, 600 in a value, 150 by being absent.
const ONE_IN: usize = 100;

pub fn main() {
    let (trades, feed) = (folder(), ticks(count(), Receipt::Jitter));
    write(&trades.join("feed.bin"), |out| feed.iter().try_for_each(|tick| out.write_all(&record(tick))));
}

/// Ticks in the session of the files.
pub fn count() -> usize {
    measure::sized(5_000_000, 200_000)
}

/// The folder of the files, which are there.
pub fn folder() -> PathBuf {
    let folder = measure::folder();
    if !folder.join("bars_b.csv").exists() {
        let trades = trades(count());
        write(&folder.join("day.bin"), |out| trades.iter().try_for_each(|tick| out.write_all(&record(tick))));
        write(&folder.join("ticks.csv"), |out| csv(out, trades.iter().cloned()));
        let bars = minute_bars(&trades);
        write(&folder.join("bars_a.csv"), |out| bars_csv(out, &bars));
        write(&folder.join("bars_b.csv"), |out| bars_csv(out, &brokers(&bars)));
    }
    folder
}

/// The trades of the session in the order of their times, which are all different.
pub fn trades(count: usize) -> Vec<Tick> {
    let mut last = 0;
    let mut trades = ticks(count, Receipt::Same);
    for tick in &mut trades {
        last = tick.ts.get().max(last + 1_000);
        (tick.ts, tick.recv) = (Ts::new(last), Ts::new(last));
    }
    trades.retain(|tick| tick.ts.get() < OPEN + SESSION);
    trades
}

/// Trades as `import` reads them.
pub fn csv(out: &mut impl Write, trades: impl Iterator<Item = Tick>) -> Result<()> {
    out.write_all(b"ts_ns,symbol,price,qty\n")?;
    for tick in trades {
        let qty = tick.qty.map_or(0, Qty::get);
        writeln!(out, "{},S{:03},{},{qty}", tick.ts.get(), tick.instrument.0, rupees(tick.price.get()))?;
    }
    Ok(())
}

/// How `import` is told of those columns.
pub const TICKS_MAP: &str = "time=ts_ns:ns,symbol=symbol,price=price,qty=qty";

fn rupees(price: i64) -> String {
    format!("{}.{:02}", price / 10_000, price % 10_000 / 100)
}

/// A tick in 56 bytes, little-endian: time, receipt, price, volume of the day, bid, ask, quantity, instrument.
fn record(tick: &Tick) -> [u8; 56] {
    let price = |price: Option<Price>| price.map_or(0, Price::get);
    let volume = tick.cum_volume.map_or(0, Qty::get);
    let wide = [tick.ts.get(), tick.recv.get(), tick.price.get(), volume, price(tick.bid), price(tick.ask)];
    let narrow = [tick.qty.map_or(0, |qty| qty.get() as u32), tick.instrument.0];
    let mut bytes = [0; 56];
    for (place, value) in bytes.chunks_exact_mut(8).zip(wide) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    for (place, value) in bytes[48..].chunks_exact_mut(4).zip(narrow) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// A bar of a minute, its values as the tape has them.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "a bench has no surface")]
pub struct MinuteBar {
    pub instrument: usize,
    pub start: i64,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i64,
}

/// Both sides of the comparison: the bars of the trades and the broker's edition.
pub fn sides() -> (Vec<MinuteBar>, Vec<MinuteBar>) {
    let bars = minute_bars(&trades(count()));
    let brokers = brokers(&bars);
    (bars, brokers)
}

/// What a comparison found, in the words that the peers use too.
pub fn counts(equal: u64, different: u64, ours: u64, theirs: u64) -> String {
    format!("{equal} equal, {different} different, {ours} only ours, {theirs} only theirs")
}

/// In the order of instrument and time; minutes without a trade have no bar.
fn minute_bars(trades: &[Tick]) -> Vec<MinuteBar> {
    let minutes = (SESSION / MINUTE) as usize;
    let mut bars: Vec<Option<MinuteBar>> = vec![None; INSTRUMENTS * minutes];
    for tick in trades {
        let (instrument, minute) = (tick.instrument.index(), (tick.ts.get() - OPEN) / MINUTE);
        let (price, start) = (tick.price.get(), OPEN + minute * MINUTE);
        let new = MinuteBar { instrument, start, open: price, high: price, low: price, close: price, volume: 0 };
        let bar = bars[instrument * minutes + minute as usize].get_or_insert(new);
        bar.high = bar.high.max(price);
        bar.low = bar.low.min(price);
        bar.close = price;
        bar.volume += tick.qty.map_or(0, Qty::get);
    }
    bars.into_iter().flatten().collect()
}

/// The broker's edition: four in five of those that differ in a high or a volume, the fifth is absent.
fn brokers(bars: &[MinuteBar]) -> Vec<MinuteBar> {
    let mut bars = bars.to_vec();
    let differs = |n: usize| n.is_multiple_of(ONE_IN);
    for (n, bar) in bars.iter_mut().enumerate().filter(|(n, _)| differs(*n)) {
        match n / ONE_IN % 2 {
            0 => bar.high += 500_000,
            _ => bar.volume = bar.volume * 2 + 10_000,
        }
    }
    let absent = |n: usize| differs(n) && (n / ONE_IN).is_multiple_of(5);
    let mut shuffled: Vec<_> = (0_u64..).zip(bars).filter(|(n, _)| !absent(*n as usize)).collect();
    shuffled.sort_by_key(|(n, _)| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    shuffled.into_iter().map(|(_, bar)| bar).collect()
}

fn bars_csv(out: &mut impl Write, bars: &[MinuteBar]) -> Result<()> {
    out.write_all(b"symbol,time,open,high,low,close,volume\n")?;
    for bar in bars {
        let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(rupees);
        let (k, start, volume) = (bar.instrument, bar.start / 1_000_000_000, bar.volume);
        writeln!(out, "S{k:03},{start},{open},{high},{low},{close},{volume}")?;
    }
    Ok(())
}

/// A file is there whole or not at all.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>) {
    let draft = path.with_extension("draft");
    let written = File::create(&draft).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        fill(&mut out)?;
        out.flush()
    });
    written.and_then(|()| std::fs::rename(&draft, path)).expect("room on the disk");
}
