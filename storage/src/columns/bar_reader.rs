//! Reads the section of bars.
//!
//! Never builds a bar that was not asked for: columns first, bars one by one. Called by the decoding of events;
//! [`super::bar_writer`] made the bytes.

use barkeep_schemas::{Bar, InstrumentId, Price, Qty, Seq, Timeframe, Ts};

use super::column::Column;
use super::cursor::Cursor;
use super::dictionary::{narrow, take_ids};
use super::error::ColumnsError;

/// The bars of a payload, field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct BarSection {
    instrument: Vec<u32>,
    tf: Vec<Timeframe>,
    n_trades: Vec<u32>,
    start: Vec<i64>,
    open: Vec<i64>,
    high: Vec<i64>,
    low: Vec<i64>,
    close: Vec<i64>,
    volume: Vec<u64>,
    revision: Vec<u16>,
    cause: Vec<u64>,
    first_tick: Vec<u64>,
    last_tick: Vec<u64>,
}

/// The columns that only bars of more or fewer trades than one have.
struct Spread {
    close: Vec<u64>,
    high: Vec<u64>,
    low: Vec<u64>,
    ticks: Vec<u64>,
}

impl BarSection {
    /// Reads `count` bars; `runs` are their runs, each with the position of the last input before it.
    pub(super) fn take(
        mut cursor: Cursor<'_>,
        count: usize,
        first: Seq,
        runs: impl Iterator<Item = (u64, u32, Option<u64>)>,
    ) -> Result<Self, ColumnsError> {
        let from = &mut cursor;
        let mut bars = Self::default();
        let ids = take_ids(from, count)?;
        let numbers = take_numbers(from, count, ids.len())?;
        bars.instrument = numbers.iter().map(|number| ids.get(*number as usize).copied().unwrap_or(0)).collect();
        bars.tf = take_timeframes(from, count)?;
        bars.n_trades = take_narrow(from, count, "a number of trades")?;
        bars.start = take_starts(from, &bars.tf)?;
        let mut states = take(from, ids.len())?;
        let open = take(from, count)?;
        let several = bars.n_trades.iter().filter(|trades| **trades != 1).count();
        let spread = Spread {
            close: take(from, several)?,
            high: take(from, several)?,
            low: take(from, several)?,
            ticks: take(from, several)?,
        };
        bars.volume = take(from, count)?;
        bars.revision = take_narrow(from, count, "a revision")?;
        let late = take(from, count)?;
        let age = take(from, count)?;
        cursor.end("bars")?;
        bars.set_causes(&late, first, runs);
        bars.set_prices(&numbers, &mut states, &open, &spread);
        bars.set_ticks(&age, &spread.ticks);
        Ok(bars)
    }

    /// Whether the section's list of instruments has this one.
    pub(super) fn may_hold(
        mut cursor: Cursor<'_>,
        count: usize,
        instrument: InstrumentId,
    ) -> Result<bool, ColumnsError> {
        take_ids(&mut cursor, count).map(|ids| ids.binary_search(&instrument.0).is_ok())
    }

    fn set_causes(&mut self, late: &[u64], first: Seq, runs: impl Iterator<Item = (u64, u32, Option<u64>)>) {
        let mut late = late.iter();
        let mut cause = first.0.wrapping_sub(1);
        for (_, count, input) in runs {
            cause = input.unwrap_or(cause);
            self.cause.extend(late.by_ref().take(count as usize).map(|late| {
                cause = cause.wrapping_add(*late);
                cause
            }));
        }
    }

    fn set_prices(&mut self, numbers: &[u32], states: &mut [u64], opens: &[u64], spread: &Spread) {
        let several = spread.close.iter().zip(&spread.high).zip(&spread.low);
        let mut several = several.map(|((close, high), low)| (*close, *high, *low));
        for ((number, change), trades) in numbers.iter().zip(opens).zip(&self.n_trades) {
            let Some(state) = states.get_mut(*number as usize) else { continue };
            let open = state.wrapping_add(*change);
            let (rise, above, below) = if *trades == 1 { (0, 0, 0) } else { several.next().unwrap_or((0, 0, 0)) };
            let close = open.wrapping_add(rise);
            *state = close;
            let (open, close) = (open as i64, close as i64);
            self.open.push(open);
            self.high.push(open.max(close).wrapping_add(above as i64));
            self.low.push(open.min(close).wrapping_sub(below as i64));
            self.close.push(close);
        }
    }

    fn set_ticks(&mut self, age: &[u64], ticks: &[u64]) {
        let mut ticks = ticks.iter();
        for ((cause, age), trades) in self.cause.iter().zip(age).zip(&self.n_trades) {
            let first = cause.wrapping_sub(*age);
            let more = if *trades == 1 { 0 } else { ticks.next().copied().unwrap_or(0) };
            self.first_tick.push(first);
            self.last_tick.push(first.wrapping_add(more));
        }
    }

    /// The instrument of the bar at `place`.
    pub(super) fn instrument(&self, place: usize) -> Option<InstrumentId> {
        self.instrument.get(place).copied().map(InstrumentId)
    }

    /// The bar at `place`; `None` past the last.
    pub(super) fn bar(&self, place: usize) -> Option<Bar> {
        let price = |column: &Vec<i64>| column.get(place).copied().map(Price::new);
        Some(Bar {
            instrument: self.instrument(place)?,
            tf: *self.tf.get(place)?,
            start: Ts::new(*self.start.get(place)?),
            open: price(&self.open)?,
            high: price(&self.high)?,
            low: price(&self.low)?,
            close: price(&self.close)?,
            volume: Qty::new(*self.volume.get(place)? as i64),
            n_trades: *self.n_trades.get(place)?,
            revision: *self.revision.get(place)?,
            cause: Seq(*self.cause.get(place)?),
            first_tick: Seq(*self.first_tick.get(place)?),
            last_tick: Seq(*self.last_tick.get(place)?),
        })
    }
}

fn take(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<u64>, ColumnsError> {
    let mut values = Vec::new();
    Column::take(cursor, count)?.values(&mut values)?;
    Ok(values)
}

fn take_narrow<T: TryFrom<u64>>(
    cursor: &mut Cursor<'_>,
    count: usize,
    what: &'static str,
) -> Result<Vec<T>, ColumnsError> {
    let wide = take(cursor, count)?;
    wide.into_iter().map(|value| T::try_from(value).map_err(|_| ColumnsError::OutOfRange { what, value })).collect()
}

fn take_numbers(cursor: &mut Cursor<'_>, count: usize, instruments: usize) -> Result<Vec<u32>, ColumnsError> {
    let mut sum = cursor.signed()?;
    let form = cursor.u8()?;
    let mut wide = take(cursor, count)?;
    match form {
        0 => {}
        1 => wide.iter_mut().for_each(|step| {
            sum = sum.wrapping_add(*step);
            *step = sum;
        }),
        form => {
            return Err(ColumnsError::OutOfRange { what: "a form of instruments", value: u64::from(form) });
        }
    }
    let mut numbers = Vec::new();
    narrow(&wide, instruments, &mut numbers)?;
    Ok(numbers)
}

fn take_timeframes(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<Timeframe>, ColumnsError> {
    let timeframe = |value: u64| {
        let known = u8::try_from(value).ok().and_then(Timeframe::from_index);
        known.ok_or(ColumnsError::OutOfRange { what: "a timeframe", value })
    };
    take(cursor, count)?.into_iter().map(timeframe).collect()
}

fn take_starts(cursor: &mut Cursor<'_>, timeframes: &[Timeframe]) -> Result<Vec<i64>, ColumnsError> {
    let mut end = cursor.signed()?;
    let steps = take(cursor, timeframes.len())?;
    let starts = steps.into_iter().zip(timeframes).map(|(step, tf)| {
        end = end.wrapping_add(step);
        (end as i64).wrapping_sub(tf.nanos())
    });
    Ok(starts.collect())
}
