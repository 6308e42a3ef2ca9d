//! The instruments of one section, ascending, and the number of each within it.
//!
//! Never in the file twice: columns hold the small numbers. Called by the sections of ticks and of bars.

use std::collections::HashMap;

use super::column::Column;
use super::column_writer::ColumnWriter;
use super::cursor::{Cursor, put_varint};
use super::error::ColumnsError;

/// Instruments below this number are found in a table, others in a map.
const TABLE: usize = 1 << 16;

/// Not in the table.
const NONE: u32 = u32::MAX;

/// Numbers instruments in the order in which they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbering {
    table: Vec<u32>,
    map: HashMap<u32, u32>,
    /// Instruments by number.
    pub(super) ids: Vec<u32>,
}

impl Numbering {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        for id in self.ids.drain(..) {
            if let Some(number) = self.table.get_mut(id as usize) {
                *number = NONE;
            }
        }
        self.map.clear();
    }

    /// The number of an instrument, a new one at its first call.
    #[inline]
    pub(super) fn number(&mut self, id: u32) -> u32 {
        match self.table.get(id as usize) {
            Some(&number) if number != NONE => number,
            Some(_) | None => self.add(id),
        }
    }

    #[cold]
    fn add(&mut self, id: u32) -> u32 {
        let next = self.ids.len() as u32;
        if id as usize >= TABLE {
            let number = *self.map.entry(id).or_insert(next);
            if number == next {
                self.ids.push(id);
            }
            return number;
        }
        if self.table.len() <= id as usize {
            self.table.resize(id as usize + 1, NONE);
        }
        if let Some(number) = self.table.get_mut(id as usize) {
            *number = next;
        }
        self.ids.push(id);
        next
    }

    /// Writes the instruments in ascending order and returns, for each number given, its place in that order.
    pub(super) fn put(&self, writer: &mut ColumnWriter, out: &mut Vec<u8>) -> Vec<u32> {
        let mut sorted: Vec<(u32, u32)> = self.ids.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        put_varint(sorted.len() as u64, out);
        put_varint(sorted.first().map_or(0, |(id, _)| u64::from(*id)), out);
        let gaps: Vec<u64> =
            sorted.iter().zip(sorted.iter().skip(1)).map(|((one, _), (next, _))| u64::from(next - one - 1)).collect();
        writer.put(&gaps, out);
        let mut places = vec![0; sorted.len()];
        for ((_, number), place) in sorted.into_iter().zip(0..) {
            if let Some(to) = places.get_mut(number as usize) {
                *to = place;
            }
        }
        places
    }
}

/// Values by number in the order of `places`.
pub(super) fn in_order(values: impl Iterator<Item = u64>, places: &[u32]) -> Vec<u64> {
    let mut ordered = vec![0; places.len()];
    for (value, place) in values.zip(places) {
        if let Some(to) = ordered.get_mut(*place as usize) {
            *to = value;
        }
    }
    ordered
}

/// The instruments of a section, ascending.
pub(super) fn take_ids(cursor: &mut Cursor<'_>, entries: usize) -> Result<Vec<u32>, ColumnsError> {
    let count = cursor.varint()?;
    if count > entries as u64 || (count == 0 && entries > 0) {
        return Err(ColumnsError::Count { what: "instruments", count });
    }
    let mut id = cursor.varint()?;
    let mut gaps = Vec::new();
    Column::take(cursor, (count as usize).saturating_sub(1))?.values(&mut gaps)?;
    let mut ids = Vec::with_capacity(count as usize);
    let narrow = |id: u64| u32::try_from(id).map_err(|_| ColumnsError::OutOfRange { what: "an instrument", value: id });
    if count > 0 {
        ids.push(narrow(id)?);
    }
    for gap in gaps {
        id = id.saturating_add(gap).saturating_add(1);
        ids.push(narrow(id)?);
    }
    Ok(ids)
}

/// Narrows numbers of a dictionary with `len` entries.
pub(super) fn narrow(wide: &[u64], len: usize, out: &mut Vec<u32>) -> Result<(), ColumnsError> {
    let highest = wide.iter().fold(0, |highest: u64, number| highest.max(*number));
    if highest >= len as u64 && !wide.is_empty() {
        return Err(ColumnsError::OutOfRange { what: "an instrument's number", value: highest });
    }
    out.clear();
    out.extend(wide.iter().map(|number| *number as u32));
    Ok(())
}
