//! One cell of a row, whatever the format.
//!
//! What it is: the common ground between the formats and the checks. What it never does: judge a value. Who calls it:
//! the formats hand cells out, the row checks take them.

/// A cell as its format stores it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Cell<'a> {
    /// Nothing: a null, or a column the row does not have.
    Absent,
    /// Text, trimmed; may be empty.
    Text(&'a [u8]),
    /// `value` divided by ten to the power of `scale`.
    Integer {
        /// The stored integer.
        value: i64,
        /// Decimals in it; 0 for a plain integer.
        scale: i32,
    },
    /// A binary floating-point number.
    Float(f64),
    /// Nanoseconds since the epoch, UTC.
    Moment(i64),
    /// Nanoseconds of wall-clock time since 1970-01-01T00:00:00.
    Local(i64),
}

impl Cell<'_> {
    /// The cell for people.
    pub(super) fn text(self) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Text(bytes) => super::row::raw_text(bytes),
            Self::Integer { value, scale: 0 } => value.to_string(),
            Self::Integer { value, scale } => format!("{value}e-{scale}"),
            Self::Float(value) => value.to_string(),
            Self::Moment(ns) => format!("{ns} ns"),
            Self::Local(ns) => format!("{ns} ns (local)"),
        }
    }
}

/// A row that hands out its cells by column number.
pub(super) trait Cells {
    /// The cell in a column, from 0.
    fn cell(&self, column: usize) -> Cell<'_>;

    /// The text of a cell of one to eight bytes as it stands, blanks and all; `None` says nothing.
    fn word(&self, _column: usize) -> Option<Word<u64>> {
        None
    }

    /// The text of a cell of one to 16 bytes as it stands, blanks and all; `None` says nothing.
    fn double_word(&self, _column: usize) -> Option<Word<u128>> {
        None
    }
}

/// Text as one number: its first byte is the lowest, and above the last are zeros. To make one of a short slice takes a
/// branch on its length, which no processor foresees; a format that knows what lies behind its cells needs none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word<T> {
    pub(super) bytes: T,
    /// How many bytes the text has.
    pub(super) length: usize,
}
