//! The checked rows of a file, and the rows that were refused.
//!
//! What it is: plain values. What it never does: read or check anything. Who calls it: the readers make them, an import
//! or a reconciliation takes them.

use std::fmt;

use barkeep_schemas::{Price, Qty, Ts};

use super::symbols::SymbolId;

/// The longest part of a refused row that is kept, in characters.
pub const RAW_MAX: usize = 200;

/// One tick or trade, checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TickRow {
    /// Line of the file, from 1; for Parquet the row, from 1.
    pub line: u64,
    /// Whose.
    pub symbol: SymbolId,
    /// Exchange time, 1990 to 2100.
    pub ts: Ts,
    /// Time of receipt, where a column holds it.
    pub recv: Option<Ts>,
    /// Last traded price, above zero, at most [`Price::MAX`].
    pub price: Price,
    /// Quantity, 0 to 10^12; absent when not mapped or the cell is empty.
    pub qty: Option<Qty>,
    /// The day's volume so far, 0 to 10^12; absent when not mapped or the cell is empty.
    pub cum_volume: Option<Qty>,
    /// Best bid; absent when not mapped, empty or zero.
    pub bid: Option<Price>,
    /// Best ask; absent when not mapped, empty or zero.
    pub ask: Option<Price>,
    /// Condition flags; 0 when not mapped or empty.
    pub condition: u32,
    /// Whether all values equal those of the accepted row before it of the same symbol in the same file.
    pub duplicate: bool,
    /// Whether its time is before the latest seen in its file.
    pub step_back: bool,
}

/// One bar, checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BarRow {
    /// Line of the file, from 1; for Parquet the row and for Kite the candle, from 1.
    pub line: u64,
    /// Whose.
    pub symbol: SymbolId,
    /// Start of the bar, 1990 to 2100.
    pub start: Ts,
    /// First trade.
    pub open: Price,
    /// Highest trade; no other price of the bar is above it.
    pub high: Price,
    /// Lowest trade; no other price of the bar is below it.
    pub low: Price,
    /// Last trade.
    pub close: Price,
    /// Shares traded, 0 to 10^12.
    pub volume: Qty,
}

/// A row that was refused. It stops nothing; whoever reads the file writes it beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// The file's name, without folders.
    pub file: String,
    /// Line of the file, from 1; for Parquet the row and for Kite the candle, from 1.
    pub line: u64,
    /// The column at fault, where it is one.
    pub column: Option<String>,
    /// What was found, what was expected, what to do.
    pub why: String,
    /// The row as it stands in the file, cut to [`RAW_MAX`] characters.
    pub raw: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.why)
    }
}

/// What a reader gives for one row of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A row of a file of ticks.
    Tick(TickRow),
    /// A row of a file of bars.
    Bar(BarRow),
    /// A row that was refused.
    Rejected(Rejection),
}

impl Entry {
    /// The tick in its place, to be written field by field; it becomes one when it is none.
    #[inline]
    pub(super) fn tick_mut(&mut self) -> Option<&mut TickRow> {
        if !matches!(self, Self::Tick(_)) {
            *self = Self::Tick(TickRow::default());
        }
        if let Self::Tick(tick) = self { Some(tick) } else { None }
    }
}

/// The row's text for people: valid UTF-8, at most [`RAW_MAX`] characters.
pub(super) fn raw_text(bytes: &[u8]) -> String {
    let head = bytes.get(..RAW_MAX * 4).unwrap_or(bytes);
    String::from_utf8_lossy(head).chars().take(RAW_MAX).collect()
}
