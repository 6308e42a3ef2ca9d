//! Minute rows: what is kept of a day's trades, and how candles of any interval are made of them.
//!
//! It never sees an auction but in the day's total. `live.rs` and `past.rs` fill rows; `market.rs` asks for candles.

use barkeep_schemas::{NANOS, Phase, Price, Qty, Ts};

use super::facts::adjusted;
use super::hours::ClassHours;
use super::quote::Candle;

/// Paise in the unit of `Price`.
const PAISA: i64 = 100;

/// A minute of one part of the session in which there was a trade. Prices in paise, which every tick size is whole in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MinuteRow {
    part: u8,
    minute: u16,
    open: u32,
    high: u32,
    low: u32,
    close: u32,
    volume: u32,
}

/// A day's trades so far, auctions counted. Prices in ten-thousandths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct DayTotal {
    /// First price; 0 before the first trade.
    pub(super) open: i64,
    /// Highest.
    pub(super) high: i64,
    /// Lowest.
    pub(super) low: i64,
    /// Last.
    pub(super) close: i64,
    /// Shares.
    pub(super) volume: i64,
}

impl DayTotal {
    /// Counts a trade.
    pub(super) fn add(&mut self, price: i64, qty: i64) {
        if self.open == 0 {
            (self.open, self.high, self.low) = (price, price, price);
        }
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.close = price;
        self.volume += qty;
    }
}

/// Counts a trade of the `second`-th second of a part into the rows.
pub(super) fn count_in(rows: &mut Vec<MinuteRow>, part: u8, second: u32, price: i64, qty: i64) {
    let minute = u16::try_from(second / 60).unwrap_or(u16::MAX);
    let price = u32::try_from(price / PAISA).unwrap_or(u32::MAX);
    let volume = u32::try_from(qty).unwrap_or(u32::MAX);
    match rows.last_mut() {
        Some(last) if last.part == part && last.minute == minute => {
            last.high = last.high.max(price);
            last.low = last.low.min(price);
            last.close = price;
            last.volume = last.volume.saturating_add(volume);
        }
        Some(_) | None => {
            rows.push(MinuteRow { part, minute, open: price, high: price, low: price, close: price, volume });
        }
    }
}

/// In which shares candles are given: so many of the asked date's for so many of the day's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shares {
    /// Of the day of the trades.
    pub(super) then: i64,
    /// Of the date on which is asked.
    pub(super) now: i64,
}

impl Shares {
    fn price(self, paise: u32) -> Price {
        Price::new(adjusted(i64::from(paise) * PAISA, self.then, self.now))
    }

    fn qty(self, qty: i64) -> Qty {
        Qty::new(qty * self.now / self.then.max(1))
    }
}

/// Candles of `minutes` minutes each, counted from the start of each part, whose start lies within `from..=to`.
pub(super) fn grouped(
    rows: &[MinuteRow],
    hours: &ClassHours,
    minutes: u16,
    (from, to): (Ts, Ts),
    shares: Shares,
    into: &mut Vec<Candle>,
) {
    let minutes = minutes.max(1);
    let parts: Vec<i64> = hours
        .segments
        .iter()
        .filter(|segment| segment.phase == Phase::Continuous)
        .map(|segment| segment.start)
        .collect();
    let mut group = None;
    for row in rows {
        let Some(start) = parts.get(usize::from(row.part)) else { continue };
        let start = Ts::new(start + i64::from(row.minute / minutes * minutes) * 60 * NANOS);
        if start < from || start > to {
            continue;
        }
        let candle = Candle {
            start,
            open: shares.price(row.open),
            high: shares.price(row.high),
            low: shares.price(row.low),
            close: shares.price(row.close),
            volume: shares.qty(i64::from(row.volume)),
        };
        match into.last_mut() {
            Some(last) if group == Some((row.part, row.minute / minutes)) => {
                last.high = last.high.max(candle.high);
                last.low = last.low.min(candle.low);
                last.close = candle.close;
                last.volume = Qty::new(last.volume.get() + candle.volume.get());
            }
            Some(_) | None => into.push(candle),
        }
        group = Some((row.part, row.minute / minutes));
    }
}

/// The candle of a whole day, stamped at its midnight; `None` without a trade.
pub(super) fn of_day(total: &DayTotal, midnight: i64, shares: Shares) -> Option<Candle> {
    let price = |price: i64| Price::new(adjusted(price, shares.then, shares.now));
    (total.open > 0).then(|| Candle {
        start: Ts::new(midnight),
        open: price(total.open),
        high: price(total.high),
        low: price(total.low),
        close: price(total.close),
        volume: shares.qty(total.volume),
    })
}
