//! Why a payload is not one of columns. Never says where a file lies; the caller knows.

use barkeep_schemas::{DecodeError, Seq};

/// What is wrong with a payload. Its checksum is checked before, so that each of these means a newer or a faulty writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ColumnsError {
    /// The bytes end before the columns do.
    #[error("the payload ends inside its columns")]
    Short,
    /// Bytes are left over.
    #[error("{bytes} bytes are left over after the columns of {section}")]
    Trailing {
        /// How many.
        bytes: usize,
        /// In which section.
        section: &'static str,
    },
    /// A layout that this build does not know.
    #[error("column layout {layout} is not known to this build: upgrade barkeep")]
    Layout {
        /// The layout found.
        layout: u8,
    },
    /// More events than such a payload can hold, or counts that contradict each other.
    #[error("{count} {what} cannot be")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many were claimed.
        count: u64,
    },
    /// A code, width or index outside its range.
    #[error("{value} is out of range for {what}")]
    OutOfRange {
        /// What it should have been.
        what: &'static str,
        /// The value found.
        value: u64,
    },
    /// Canonical bytes that are no event.
    #[error("the event at seq {seq} cannot be decoded")]
    Event {
        /// The event's position.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// Canonical bytes of another kind than the kind stream says.
    #[error("the event at seq {seq} has kind {code}, which the kind stream does not say")]
    Kind {
        /// The event's position.
        seq: Seq,
        /// The kind's code.
        code: u8,
    },
}
