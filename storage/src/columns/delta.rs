//! A column of differences, each from the number before, with a start that makes the first as small as the others.
//!
//! Never interprets. Called for times.

use super::column::Column;
use super::column_writer::ColumnWriter;
use super::cursor::{Cursor, put_signed};
use super::error::ColumnsError;

/// The differences of `values` for `out`; returns the start. The first difference repeats the second.
pub(super) fn differences(values: &[u64], out: &mut Vec<u64>) -> u64 {
    out.clear();
    let mut after = values.iter().copied();
    let Some(first) = after.next() else { return 0 };
    let step = values.get(1).map_or(0, |second| second.wrapping_sub(first));
    out.push(step);
    let mut before = first;
    out.extend(after.map(|value| {
        let difference = value.wrapping_sub(before);
        before = value;
        difference
    }));
    first.wrapping_sub(step)
}

/// Writes start and differences.
pub(super) fn put(start: u64, differences: &[u64], writer: &mut ColumnWriter, out: &mut Vec<u8>) {
    put_signed(start, out);
    writer.put(differences, out);
}

/// A column of differences as read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delta<'a> {
    start: u64,
    column: Column<'a>,
}

impl<'a> Delta<'a> {
    pub(super) fn take(cursor: &mut Cursor<'a>, count: usize) -> Result<Self, ColumnsError> {
        Ok(Self { start: cursor.signed()?, column: Column::take(cursor, count)? })
    }

    /// The numbers, for `out`; `scratch` is memory.
    pub(super) fn values(&self, scratch: &mut Vec<u64>, out: &mut Vec<i64>) -> Result<(), ColumnsError> {
        self.column.raw(scratch)?;
        out.resize(scratch.len(), 0);
        let mut sum = self.start;
        self.column.map(scratch, out, |difference| {
            sum = sum.wrapping_add(difference);
            sum as i64
        });
        Ok(())
    }

    /// The numbers at `places`, which ascend.
    pub(super) fn gather(&self, places: &[u32], raw: &mut Vec<u64>, out: &mut Vec<i64>) -> Result<(), ColumnsError> {
        self.column.raw(raw)?;
        out.clear();
        let affine = self.column.affine();
        let (mut sum, mut from) = (self.start, 0);
        for place in places {
            let to = *place as usize + 1;
            sum = sum.wrapping_add(affine.sum(raw.get(from..to).unwrap_or(&[])));
            from = to;
            out.push(sum as i64);
        }
        Ok(())
    }
}
