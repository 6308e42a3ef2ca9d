//! Reads the section of bars.
//!
//! Never builds a bar that was not asked for: columns first, bars one by one. Called by the decoding of events;
//! [`super::bar_writer`] made the bytes.

use core::ops::Range;

use barkeep_schemas::{Bar, Derived, Event, InstrumentId, Price, Qty, Seq, Timeframe, Ts};

use super::column::Column;
use super::cursor::Cursor;
use super::dictionary::{narrow, take_ids};
use super::error::ColumnsError;

/// The bars of a payload, field by field. Its memory is reused from one payload to the next.
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
    work: Work,
}

/// Memory that reading reuses.
#[derive(Clone, Debug, Default)]
struct Work {
    wide: Vec<u64>,
    numbers: Vec<u32>,
    /// The last price of each instrument.
    states: Vec<u64>,
    open: Vec<u64>,
    spread: Spread,
    late: Vec<u64>,
    age: Vec<u64>,
}

/// The columns that only bars of more or fewer trades than one have.
#[derive(Clone, Debug, Default)]
struct Spread {
    close: Vec<u64>,
    high: Vec<u64>,
    low: Vec<u64>,
    ticks: Vec<u64>,
}

impl BarSection {
    /// Reads `count` bars; `runs` are their runs, each with the position of the last input before it.
    pub(super) fn read(
        &mut self,
        cursor: Cursor<'_>,
        count: usize,
        first: Seq,
        runs: impl Iterator<Item = (u64, u32, Option<u64>)>,
    ) -> Result<(), ColumnsError> {
        let mut work = core::mem::take(&mut self.work);
        let done = self.read_with(cursor, count, &mut work).map(|()| {
            self.set_causes(&work.late, first, runs);
            self.set_prices(&mut work);
            self.set_ticks(&work.age, &work.spread.ticks);
        });
        self.work = work;
        done
    }

    fn read_with(&mut self, mut cursor: Cursor<'_>, count: usize, work: &mut Work) -> Result<(), ColumnsError> {
        let (from, wide) = (&mut cursor, &mut work.wide);
        let ids = take_ids(from, count)?;
        take_numbers(from, count, ids.len(), wide, &mut work.numbers)?;
        self.instrument.clear();
        let instruments = work.numbers.iter().map(|number| ids.get(*number as usize).copied().unwrap_or(0));
        self.instrument.extend(instruments);
        take_timeframes(from, count, wide, &mut self.tf)?;
        take_narrow(from, count, "a number of trades", wide, &mut self.n_trades)?;
        take_starts(from, &self.tf, wide, &mut self.start)?;
        take(from, ids.len(), &mut work.states)?;
        take(from, count, &mut work.open)?;
        let several = self.n_trades.iter().filter(|trades| **trades != 1).count();
        let Spread { close, high, low, ticks } = &mut work.spread;
        for column in [close, high, low, ticks] {
            take(from, several, column)?;
        }
        take(from, count, &mut self.volume)?;
        take_narrow(from, count, "a revision", wide, &mut self.revision)?;
        take(from, count, &mut work.late)?;
        take(from, count, &mut work.age)?;
        cursor.end("bars")
    }

    /// Whether the section's list of instruments has this one.
    pub(super) fn may_hold(
        mut cursor: Cursor<'_>,
        count: usize,
        instrument: InstrumentId,
    ) -> Result<bool, ColumnsError> {
        take_ids(&mut cursor, count).map(|ids| ids.binary_search(&instrument.0).is_ok())
    }

    /// Whether the section has a bar of a timeframe. No other column is unpacked.
    pub(super) fn holds(&mut self, mut cursor: Cursor<'_>, count: usize, tf: Timeframe) -> Result<bool, ColumnsError> {
        let from = &mut cursor;
        take_ids(from, count)?;
        from.signed()?;
        from.u8()?;
        Column::take(from, count)?;
        take(from, count, &mut self.work.wide)?;
        Ok(self.work.wide.contains(&u64::from(tf.index())))
    }

    fn set_causes(&mut self, late: &[u64], first: Seq, runs: impl Iterator<Item = (u64, u32, Option<u64>)>) {
        let mut late = late.iter();
        let mut cause = first.0.wrapping_sub(1);
        self.cause.clear();
        for (_, count, input) in runs {
            cause = input.unwrap_or(cause);
            self.cause.extend(late.by_ref().take(count as usize).map(|late| {
                cause = cause.wrapping_add(*late);
                cause
            }));
        }
    }

    fn set_prices(&mut self, work: &mut Work) {
        let Work { numbers, states, open: opens, spread, .. } = work;
        for column in [&mut self.open, &mut self.high, &mut self.low, &mut self.close] {
            column.resize(numbers.len(), 0);
        }
        let prices = self.open.iter_mut().zip(&mut self.high).zip(&mut self.low).zip(&mut self.close);
        let bars = numbers.iter().zip(opens.iter()).zip(&self.n_trades);
        let mut spread_at = 0;
        for ((((to_open, to_high), to_low), to_close), ((number, change), trades)) in prices.zip(bars) {
            let Some(state) = states.get_mut(*number as usize) else { continue };
            let open = state.wrapping_add(*change);
            // No branch: whether a bar has one trade is as good as chance.
            let several = u64::from(*trades != 1).wrapping_neg();
            let of = |column: &[u64]| column.get(spread_at).map_or(0, |value| value & several);
            let (rise, above, below) = (of(&spread.close), of(&spread.high), of(&spread.low));
            spread_at += usize::from(*trades != 1);
            let close = open.wrapping_add(rise);
            *state = close;
            let (open, close) = (open as i64, close as i64);
            *to_open = open;
            *to_high = open.max(close).wrapping_add(above as i64);
            *to_low = open.min(close).wrapping_sub(below as i64);
            *to_close = close;
        }
    }

    fn set_ticks(&mut self, age: &[u64], ticks: &[u64]) {
        for column in [&mut self.first_tick, &mut self.last_tick] {
            column.resize(self.cause.len(), 0);
        }
        let bounds = self.first_tick.iter_mut().zip(&mut self.last_tick);
        let bars = self.cause.iter().zip(age).zip(&self.n_trades);
        let mut at = 0;
        for ((to_first, to_last), ((cause, age), trades)) in bounds.zip(bars) {
            let first = cause.wrapping_sub(*age);
            let several = u64::from(*trades != 1).wrapping_neg();
            *to_first = first;
            *to_last = first.wrapping_add(ticks.get(at).map_or(0, |more| more & several));
            at += usize::from(*trades != 1);
        }
    }

    /// The instrument of the bar at `place`.
    pub(super) fn instrument(&self, place: usize) -> Option<InstrumentId> {
        self.instrument.get(place).copied().map(InstrumentId)
    }

    /// The timeframe of the bar at `place`.
    pub(super) fn tf(&self, place: usize) -> Option<Timeframe> {
        self.tf.get(place).copied()
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

    /// Appends the bars from a place on as events at these positions, [`Self::bar`] of each: none when there are not as
    /// many. Each is written where it stays, and the ends of the columns are looked at once and not for every bar.
    pub(super) fn events(&self, place: usize, seqs: Range<u64>, out: &mut Vec<(Seq, Event)>) {
        let count = (seqs.end - seqs.start) as usize;
        if let Some(bars) = self.from(place, count) {
            let price = |column: &[i64], row: usize| Price::new(column.get(row).copied().unwrap_or(0));
            let seq = |column: &[u64], row: usize| Seq(column.get(row).copied().unwrap_or(0));
            out.extend((0..count).map(|row| {
                let bar = Bar {
                    instrument: InstrumentId(bars.instrument.get(row).copied().unwrap_or(0)),
                    tf: bars.tf.get(row).copied().unwrap_or(Timeframe::S1),
                    start: Ts::new(bars.start.get(row).copied().unwrap_or(0)),
                    open: price(bars.open, row),
                    high: price(bars.high, row),
                    low: price(bars.low, row),
                    close: price(bars.close, row),
                    volume: Qty::new(bars.volume.get(row).copied().unwrap_or(0) as i64),
                    n_trades: bars.n_trades.get(row).copied().unwrap_or(0),
                    revision: bars.revision.get(row).copied().unwrap_or(0),
                    cause: seq(bars.cause, row),
                    first_tick: seq(bars.first_tick, row),
                    last_tick: seq(bars.last_tick, row),
                };
                (Seq(seqs.start + row as u64), Event::Derived(Derived::Bar(bar)))
            }));
        }
    }

    /// So many bars from a place on, in columns of one length.
    fn from(&self, place: usize, count: usize) -> Option<Columns<'_>> {
        let rows = place..place.checked_add(count)?;
        Some(Columns {
            instrument: self.instrument.get(rows.clone())?,
            tf: self.tf.get(rows.clone())?,
            n_trades: self.n_trades.get(rows.clone())?,
            start: self.start.get(rows.clone())?,
            open: self.open.get(rows.clone())?,
            high: self.high.get(rows.clone())?,
            low: self.low.get(rows.clone())?,
            close: self.close.get(rows.clone())?,
            volume: self.volume.get(rows.clone())?,
            revision: self.revision.get(rows.clone())?,
            cause: self.cause.get(rows.clone())?,
            first_tick: self.first_tick.get(rows.clone())?,
            last_tick: self.last_tick.get(rows)?,
        })
    }
}

/// Some bars, field by field.
struct Columns<'a> {
    instrument: &'a [u32],
    tf: &'a [Timeframe],
    n_trades: &'a [u32],
    start: &'a [i64],
    open: &'a [i64],
    high: &'a [i64],
    low: &'a [i64],
    close: &'a [i64],
    volume: &'a [u64],
    revision: &'a [u16],
    cause: &'a [u64],
    first_tick: &'a [u64],
    last_tick: &'a [u64],
}

fn take(cursor: &mut Cursor<'_>, count: usize, out: &mut Vec<u64>) -> Result<(), ColumnsError> {
    Column::take(cursor, count)?.values(out)
}

fn take_narrow<T: TryFrom<u64>>(
    cursor: &mut Cursor<'_>,
    count: usize,
    what: &'static str,
    wide: &mut Vec<u64>,
    out: &mut Vec<T>,
) -> Result<(), ColumnsError> {
    take(cursor, count, wide)?;
    out.clear();
    out.reserve(wide.len());
    for value in wide {
        out.push(T::try_from(*value).map_err(|_| ColumnsError::OutOfRange { what, value: *value })?);
    }
    Ok(())
}

fn take_numbers(
    cursor: &mut Cursor<'_>,
    count: usize,
    instruments: usize,
    wide: &mut Vec<u64>,
    out: &mut Vec<u32>,
) -> Result<(), ColumnsError> {
    let mut sum = cursor.signed()?;
    let form = cursor.u8()?;
    take(cursor, count, wide)?;
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
    narrow(wide, instruments, out)
}

fn take_timeframes(
    cursor: &mut Cursor<'_>,
    count: usize,
    wide: &mut Vec<u64>,
    out: &mut Vec<Timeframe>,
) -> Result<(), ColumnsError> {
    take(cursor, count, wide)?;
    out.clear();
    out.reserve(wide.len());
    for value in wide {
        let known = u8::try_from(*value).ok().and_then(Timeframe::from_index);
        out.push(known.ok_or(ColumnsError::OutOfRange { what: "a timeframe", value: *value })?);
    }
    Ok(())
}

fn take_starts(
    cursor: &mut Cursor<'_>,
    timeframes: &[Timeframe],
    wide: &mut Vec<u64>,
    out: &mut Vec<i64>,
) -> Result<(), ColumnsError> {
    let mut end = cursor.signed()?;
    take(cursor, timeframes.len(), wide)?;
    out.clear();
    out.extend(wide.iter().zip(timeframes).map(|(step, tf)| {
        end = end.wrapping_add(*step);
        (end as i64).wrapping_sub(tf.nanos())
    }));
    Ok(())
}
