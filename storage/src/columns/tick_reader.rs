//! Reads the section of ticks, for all ticks or for some, and only the columns that are wanted.
//!
//! Never builds events and never trusts a count: a column is only as long as the kind stream says. Called by
//! [`super::decode_ticks`] and by the decoding of events; [`super::tick_writer`] made the bytes.

use super::column::Column;
use super::cursor::Cursor;
use super::dictionary::{narrow, take_ids};
use super::error::ColumnsError;
use super::present::{self, Present};
use super::tick_columns::{TickColumnSet, TickColumns, Work};
use super::times::Times;

/// Which ticks of a section: all, or those of one instrument.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows<'a> {
    All,
    /// Their places, ascending, and the number that their instrument has in the section.
    Of(&'a [u32], u32),
}

/// A section's columns, not yet unpacked.
#[derive(Clone, Debug)]
pub(super) struct TickSection<'a> {
    count: usize,
    pub(super) ids: Vec<u32>,
    numbers: Column<'a>,
    feed: Column<'a>,
    pub(super) present: Present,
    times: Times<'a>,
    first_price: Column<'a>,
    price: Column<'a>,
    first_volume: Column<'a>,
    volume: Column<'a>,
    qty: Column<'a>,
    qty_beyond_volume: bool,
    bid: Column<'a>,
    ask: Column<'a>,
    ask_from_bid: bool,
    last_trade: Column<'a>,
    flags: Option<Column<'a>>,
    condition: Column<'a>,
}

impl<'a> TickSection<'a> {
    /// Reads where the columns of `count` ticks are.
    pub(super) fn take(mut cursor: Cursor<'a>, count: usize) -> Result<Self, ColumnsError> {
        let from = &mut cursor;
        let ids = take_ids(from, count)?;
        let numbers = Column::take(from, count)?;
        let feed = Column::take(from, count)?;
        let present = Present::of_column(&Column::take(from, count)?, count)?;
        let times = Times::take(from, count)?;
        let first_price = Column::take(from, ids.len())?;
        let price = Column::take(from, count)?;
        let volumes = present.count(present::CUM_VOLUME);
        let first_volume = Column::take(from, if volumes == 0 { 0 } else { ids.len() })?;
        let volume = Column::take(from, volumes)?;
        let (qty_beyond_volume, qty) = take_either(from, present.count(present::QTY))?;
        let bid = Column::take(from, present.count(present::BID))?;
        let (ask_from_bid, ask) = take_either(from, present.count(present::ASK))?;
        let last_trade = Column::take(from, present.count(present::LAST_TRADE))?;
        let conditions = present.count(present::CONDITION);
        let flags = if conditions > 0 { take_flags(from)? } else { None };
        let condition = Column::take(from, conditions)?;
        cursor.end("ticks")?;
        Ok(Self {
            count,
            ids,
            numbers,
            feed,
            present,
            times,
            first_price,
            price,
            first_volume,
            volume,
            qty,
            qty_beyond_volume,
            bid,
            ask,
            ask_from_bid,
            last_trade,
            flags,
            condition,
        })
    }

    /// The places of the ticks of the instrument with this number.
    pub(super) fn places_of(&self, number: u32, work: &mut Work) -> Result<Vec<u32>, ColumnsError> {
        self.numbers.places_of(u64::from(number), &mut work.raw)
    }

    /// Fills the columns in `set`, all but [`TickColumnSet::SEQ`], and those that they depend on.
    pub(super) fn decode(&self, rows: Rows<'_>, set: TickColumnSet, out: &mut TickColumns) -> Result<(), ColumnsError> {
        let want = self.needs(set);
        let mut work = core::mem::take(&mut out.work);
        let done = self.decode_with(rows, want, out, &mut work);
        out.work = work;
        done
    }

    /// The columns of what every tick has and of the optional fields that some tick has.
    pub(super) fn held(&self) -> TickColumnSet {
        let optional = [
            (present::QTY, TickColumnSet::QTY),
            (present::CUM_VOLUME, TickColumnSet::CUM_VOLUME),
            (present::BID, TickColumnSet::BID),
            (present::ASK, TickColumnSet::ASK),
            (present::LAST_TRADE, TickColumnSet::LAST_TRADE),
            (present::CONDITION, TickColumnSet::CONDITION),
        ];
        let some = optional.into_iter().filter(|(field, _)| self.present.count(*field) > 0);
        some.fold(TickColumnSet::OF_EVERY_TICK, |set, (_, column)| set.with(column))
    }

    /// The columns in `set` and those that they are relative to.
    fn needs(&self, set: TickColumnSet) -> TickColumnSet {
        let mut want = set;
        let mut when = |column, needs| {
            if want.contains(column) {
                want = want.with(needs);
            }
        };
        when(TickColumnSet::ASK, if self.ask_from_bid { TickColumnSet::BID } else { TickColumnSet::PRICE });
        when(TickColumnSet::BID, TickColumnSet::PRICE);
        when(TickColumnSet::LAST_TRADE, TickColumnSet::TS);
        if self.times.ts_needs_recv() {
            when(TickColumnSet::TS, TickColumnSet::RECV);
        }
        want
    }

    fn decode_with(
        &self,
        rows: Rows<'_>,
        want: TickColumnSet,
        out: &mut TickColumns,
        work: &mut Work,
    ) -> Result<(), ColumnsError> {
        let wants = |column| want.contains(column);
        self.numbers(rows, work)?;
        if wants(TickColumnSet::INSTRUMENT) {
            self.instrument(&work.numbers, &mut out.instrument);
        }
        if wants(TickColumnSet::FEED) {
            self.feed(rows, work, &mut out.feed)?;
        }
        if wants(TickColumnSet::PRESENT) {
            self.fill_present(rows, &mut out.present);
        }
        if wants(TickColumnSet::RECV) {
            self.times.recv(rows, &mut work.raw, &mut out.recv)?;
        }
        if wants(TickColumnSet::TS) {
            self.times.ts(rows, &out.recv, &mut work.raw, &mut out.ts)?;
        }
        if wants(TickColumnSet::PRICE) {
            self.price(rows, work, &mut out.price)?;
        }
        let rises = self.qty_beyond_volume && wants(TickColumnSet::QTY);
        if rises || wants(TickColumnSet::CUM_VOLUME) {
            self.volume(rows, work, &mut out.cum_volume)?;
        }
        if wants(TickColumnSet::QTY) {
            self.qty(rows, work, &mut out.qty)?;
        }
        if wants(TickColumnSet::BID) {
            let add = |bid: u64, price: i64| price.wrapping_add(bid as i64);
            self.spread(&self.bid, present::BID, rows, &out.price, &mut work.raw, &mut out.bid, add)?;
        }
        if wants(TickColumnSet::ASK) {
            self.ask(rows, work, out)?;
        }
        if wants(TickColumnSet::LAST_TRADE) {
            let add = |after: u64, ts: i64| ts.wrapping_add(after as i64);
            let (raw, to) = (&mut work.raw, &mut out.last_trade);
            self.spread(&self.last_trade, present::LAST_TRADE, rows, &out.ts, raw, to, add)?;
        }
        if wants(TickColumnSet::CONDITION) {
            self.condition(rows, work, &mut out.condition)?;
        }
        Ok(())
    }

    fn numbers(&self, rows: Rows<'_>, work: &mut Work) -> Result<(), ColumnsError> {
        match rows {
            Rows::All => {
                self.numbers.values(&mut work.raw)?;
                narrow(&work.raw, self.ids.len(), &mut work.numbers)
            }
            Rows::Of(places, number) => {
                work.numbers.clear();
                work.numbers.resize(places.len(), number);
                Ok(())
            }
        }
    }

    fn instrument(&self, numbers: &[u32], out: &mut Vec<u32>) {
        let (first, last) = (self.ids.first().copied().unwrap_or(0), self.ids.last().copied().unwrap_or(0));
        out.clear();
        // Instruments ascend, so where the last is as far from the first as there are others none is left out between.
        if last - first == self.ids.len().saturating_sub(1) as u32 {
            out.extend(numbers.iter().map(|number| first.wrapping_add(*number)));
        } else {
            out.extend(numbers.iter().map(|number| self.ids.get(*number as usize).copied().unwrap_or(0)));
        }
    }

    fn feed(&self, rows: Rows<'_>, work: &mut Work, out: &mut Vec<u8>) -> Result<(), ColumnsError> {
        let count = self.len(rows);
        let narrow = |feed: u64| {
            u8::try_from(feed).map_err(|_| ColumnsError::OutOfRange { what: "a feed's number", value: feed })
        };
        out.clear();
        if let Some(feed) = self.feed.constant().filter(|_| count > 0) {
            out.resize(count, narrow(feed)?);
            return Ok(());
        }
        select(&self.feed, rows, &mut work.raw)?;
        for feed in &work.raw {
            out.push(narrow(*feed)?);
        }
        Ok(())
    }

    fn fill_present(&self, rows: Rows<'_>, out: &mut Vec<u8>) {
        out.clear();
        match (rows, &self.present) {
            (_, Present::Same { bits, .. }) => out.resize(self.len(rows), *bits),
            (Rows::All, Present::Each(each)) => out.extend_from_slice(each),
            (Rows::Of(places, _), Present::Each(_)) => {
                out.extend(places.iter().map(|place| self.present.at(*place as usize)));
            }
        }
    }

    fn price(&self, rows: Rows<'_>, work: &mut Work, out: &mut Vec<i64>) -> Result<(), ColumnsError> {
        self.first_price.values(&mut work.states)?;
        out.resize(self.len(rows), 0);
        let states = &mut work.states;
        let step = |change: u64, number: u32| {
            let state = states.get_mut(number as usize);
            state.map_or(0, |state| {
                *state = state.wrapping_add(change);
                *state as i64
            })
        };
        match rows {
            Rows::All => {
                self.price.raw(&mut work.raw)?;
                self.price.zip(&work.raw, &work.numbers, out, step);
            }
            Rows::Of(places, _) => {
                self.price.gather(places, &mut work.raw)?;
                let mut step = step;
                let all = out.iter_mut().zip(&work.raw).zip(&work.numbers);
                all.for_each(|((out, change), number)| *out = step(*change, *number));
            }
        }
        Ok(())
    }

    /// Fills the volumes, and their rises in `work` for the quantities.
    fn volume(&self, rows: Rows<'_>, work: &mut Work, out: &mut Vec<i64>) -> Result<(), ColumnsError> {
        let Work { raw, states, numbers, rises, .. } = work;
        self.first_volume.values(states)?;
        self.spread(&self.volume, present::CUM_VOLUME, rows, numbers, raw, rises, |rise, _| rise as i64)?;
        out.resize(rises.len(), 0);
        if self.present.count(present::CUM_VOLUME) == 0 {
            out.fill(0);
            return Ok(());
        }
        let all = out.iter_mut().zip(rises.iter()).zip(numbers.iter());
        all.for_each(|((out, rise), number)| {
            *out = states.get_mut(*number as usize).map_or(0, |state| {
                *state = state.wrapping_add(*rise as u64);
                *state as i64
            });
        });
        self.blank(present::CUM_VOLUME, rows, out);
        Ok(())
    }

    /// Puts 0 where a tick lacks the field.
    fn blank(&self, field: u8, rows: Rows<'_>, out: &mut [i64]) {
        let Present::Each(each) = &self.present else { return };
        let lacks = |bits: u8| bits & field == 0;
        match rows {
            Rows::All => {
                out.iter_mut().zip(each).filter(|(_, bits)| lacks(**bits)).for_each(|(out, _)| *out = 0);
            }
            Rows::Of(places, _) => {
                let all = out.iter_mut().zip(places);
                all.filter(|(_, place)| lacks(self.present.at(**place as usize))).for_each(|(out, _)| *out = 0);
            }
        }
    }

    fn qty(&self, rows: Rows<'_>, work: &mut Work, out: &mut Vec<i64>) -> Result<(), ColumnsError> {
        let Work { raw, rises, numbers, .. } = work;
        if self.qty_beyond_volume {
            let add = |beyond: u64, rise: i64| rise.wrapping_add(beyond as i64);
            self.spread(&self.qty, present::QTY, rows, rises, raw, out, add)
        } else {
            self.spread(&self.qty, present::QTY, rows, numbers, raw, out, |qty, _| qty as i64)
        }
    }

    fn ask(&self, rows: Rows<'_>, work: &mut Work, out: &mut TickColumns) -> Result<(), ColumnsError> {
        let add = |ask: u64, near: i64| near.wrapping_add(ask as i64);
        let Work { raw, beside, .. } = work;
        let near = match &self.present {
            _ if !self.ask_from_bid => &out.price,
            Present::Same { bits, .. } if bits & present::BID == 0 => &out.price,
            Present::Same { .. } => &out.bid,
            Present::Each(_) => {
                beside.clear();
                beside.extend_from_slice(&out.price);
                for (row, near) in beside.iter_mut().enumerate() {
                    let place = match rows {
                        Rows::All => row,
                        Rows::Of(places, _) => places.get(row).map_or(0, |place| *place as usize),
                    };
                    if self.present.at(place) & present::BID != 0 {
                        *near = out.bid.get(row).copied().unwrap_or(0);
                    }
                }
                &*beside
            }
        };
        self.spread(&self.ask, present::ASK, rows, near, raw, &mut out.ask, add)
    }

    fn condition(&self, rows: Rows<'_>, work: &mut Work, out: &mut Vec<u32>) -> Result<(), ColumnsError> {
        out.clear();
        if self.present.count(present::CONDITION) == 0 {
            out.resize(self.len(rows), 0);
            return Ok(());
        }
        let Work { raw, numbers, beside, states, .. } = work;
        self.spread(&self.condition, present::CONDITION, rows, numbers, raw, beside, |flags, _| flags as i64)?;
        if let Some(flags) = &self.flags {
            flags.values(states)?;
            for (row, index) in beside.iter_mut().enumerate() {
                if self.present_at(rows, row) & present::CONDITION != 0 {
                    let value = *index as u64;
                    let flags = usize::try_from(value).ok().and_then(|index| states.get(index));
                    *index = *flags.ok_or(ColumnsError::OutOfRange { what: "an index of flags", value })? as i64;
                }
            }
        }
        for flags in beside.iter() {
            let wide = ColumnsError::OutOfRange { what: "condition flags", value: *flags as u64 };
            out.push(u32::try_from(*flags).map_err(|_| wide)?);
        }
        Ok(())
    }

    /// The bits of the tick at a row of the output.
    fn present_at(&self, rows: Rows<'_>, row: usize) -> u8 {
        match rows {
            Rows::All => self.present.at(row),
            Rows::Of(places, _) => places.get(row).map_or(0, |place| self.present.at(*place as usize)),
        }
    }

    const fn len(&self, rows: Rows<'_>) -> usize {
        match rows {
            Rows::All => self.count,
            Rows::Of(places, _) => places.len(),
        }
    }

    /// Fills an optional field: `map` of its number and its neighbour in `beside`, 0 where a tick lacks it.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "a loop over borrowed parts of one structure")]
    fn spread<A: Copy>(
        &self,
        column: &Column<'_>,
        field: u8,
        rows: Rows<'_>,
        beside: &[A],
        raw: &mut Vec<u64>,
        out: &mut Vec<i64>,
        mut map: impl FnMut(u64, A) -> i64,
    ) -> Result<(), ColumnsError> {
        out.resize(self.len(rows), 0);
        match (&self.present, rows) {
            (Present::Same { bits, .. }, _) if bits & field == 0 => out.fill(0),
            (Present::Same { .. }, Rows::All) => match column.constant() {
                Some(number) => out.iter_mut().zip(beside).for_each(|(out, a)| *out = map(number, *a)),
                None => {
                    column.raw(raw)?;
                    column.zip(raw, beside, out, map);
                }
            },
            (Present::Same { .. }, Rows::Of(places, _)) => {
                column.gather(places, raw)?;
                out.iter_mut().zip(raw).zip(beside).for_each(|((out, number), a)| *out = map(*number, *a));
            }
            (Present::Each(_), _) => {
                match rows {
                    Rows::All => column.values(raw)?,
                    Rows::Of(places, _) => column.gather(&self.present.places(field, places), raw)?,
                }
                let mut numbers = raw.iter();
                for (row, (out, a)) in out.iter_mut().zip(beside).enumerate() {
                    let has = self.present_at(rows, row) & field != 0;
                    *out = if has { numbers.next().map_or(0, |number| map(*number, *a)) } else { 0 };
                }
            }
        }
        Ok(())
    }
}

/// The numbers of the rows.
fn select(column: &Column<'_>, rows: Rows<'_>, out: &mut Vec<u64>) -> Result<(), ColumnsError> {
    match rows {
        Rows::All => column.values(out),
        Rows::Of(places, _) => column.gather(places, out),
    }
}

/// A column in the second of two forms or in the first, as a byte before it says; nothing where it has no numbers.
fn take_either<'a>(cursor: &mut Cursor<'a>, count: usize) -> Result<(bool, Column<'a>), ColumnsError> {
    let form = if count == 0 { 0 } else { cursor.u8()? };
    match form {
        0 | 1 => Ok((form == 1, Column::take(cursor, count)?)),
        form => Err(ColumnsError::OutOfRange { what: "a column's relation", value: u64::from(form) }),
    }
}

/// The dictionary of condition flags, where there is one.
fn take_flags<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Column<'a>>, ColumnsError> {
    match cursor.u8()? {
        0 => Ok(None),
        1 => match cursor.varint()? {
            count @ 1..=256 => Column::take(cursor, count as usize).map(Some),
            count => Err(ColumnsError::Count { what: "condition flags", count }),
        },
        form => Err(ColumnsError::OutOfRange { what: "a form of conditions", value: u64::from(form) }),
    }
}
