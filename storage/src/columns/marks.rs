//! The section of clock marks: feed and time, each as a column.
//!
//! Never assumes one mark a second. Called by [`super::Encoder`] and by the decoding of events.

use barkeep_schemas::{ClockMark, FeedId, Ts};

use super::column::Column;
use super::column_writer::ColumnWriter;
use super::cursor::Cursor;
use super::delta::{self, Delta};
use super::error::ColumnsError;

/// The clock marks of a payload, field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct MarkWriter {
    feed: Vec<u64>,
    ts: Vec<u64>,
}

impl MarkWriter {
    pub(super) fn begin(&mut self) {
        self.feed.clear();
        self.ts.clear();
    }

    pub(super) fn push(&mut self, mark: &ClockMark) {
        self.feed.push(u64::from(mark.feed.0));
        self.ts.push(mark.ts.get() as u64);
    }

    pub(super) fn put(&self, writer: &mut ColumnWriter, out: &mut Vec<u8>) {
        if self.ts.is_empty() {
            return;
        }
        writer.put(&self.feed, out);
        let mut steps = Vec::with_capacity(self.ts.len());
        let start = delta::differences(&self.ts, &mut steps);
        delta::put(start, &steps, writer, out);
    }
}

/// Reads `count` clock marks.
pub(super) fn take(mut cursor: Cursor<'_>, count: usize) -> Result<Vec<ClockMark>, ColumnsError> {
    let (mut feeds, mut raw, mut times) = (Vec::new(), Vec::new(), Vec::new());
    Column::take(&mut cursor, count)?.values(&mut feeds)?;
    Delta::take(&mut cursor, count)?.values(&mut raw, &mut times)?;
    cursor.end("clock marks")?;
    let marks = feeds.into_iter().zip(times).map(|(feed, ts)| {
        let narrow =
            u8::try_from(feed).map_err(|_| ColumnsError::OutOfRange { what: "a feed's number", value: feed })?;
        Ok(ClockMark { feed: FeedId(narrow), ts: Ts::new(ts) })
    });
    marks.collect()
}
