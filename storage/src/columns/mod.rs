//! Blocks as columns: the payload of encoding 1. Events in, bytes out, and the same events back.
//!
//! What it is: pure functions over events and bytes; `LAYOUT.md` beside this file draws the bytes. What it never does:
//! touch a file, panic on any bytes, change the order or a field of an event. Who calls it: whoever seals blocks
//! ([`Encoder`]) and every reader of them ([`decode`], [`decode_filtered`], [`decode_ticks`]).
//!
//! Ticks, bars and clock marks lie field by field, each field as a column of small differences in as few bits as fit.
//! Everything else, and what columns would hold badly, goes by canonical bytes in the same payload.

use barkeep_schemas::{Event, InstrumentId, Seq};

use crate::filter::KindSet;

mod bits;
mod cursor;
mod step;

mod column;
mod column_writer;
mod delta;
mod dictionary;

mod kinds;
mod present;
mod times;

mod tick_columns;
mod tick_reader;
mod tick_writer;

mod bar_reader;
mod bar_writer;
mod depth;
mod marks;

mod decoder;
mod encoder;

mod error;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::ColumnsError;
pub use tick_columns::{TickColumnSet, TickColumns};

/// The layout of the payload that this build writes, its first byte.
pub const LAYOUT: u8 = 1;

/// The most events that columns hold; a payload of more has all of them as canonical bytes.
pub const COLUMN_EVENTS_MAX: usize = 65_536;

/// Sections of a payload: kinds, ticks, depth, bars, clock marks, canonical bytes.
const SECTIONS: usize = 6;

/// The fewest bytes that an event takes as canonical bytes: its length, kind and version.
const EVENT_BYTES_MIN: usize = 6;

/// Appends the payload of these events, the first of which is at `first_seq`. [`Encoder`] does the same with memory that
/// it keeps.
pub fn encode(first_seq: Seq, events: &[Event], out: &mut Vec<u8>) {
    Encoder::new().encode(first_seq, events, out);
}

/// All events of a payload.
///
/// # Errors
/// [`ColumnsError`] when the bytes are no such payload.
pub fn decode(first_seq: Seq, payload: &[u8]) -> Result<Vec<(Seq, Event)>, ColumnsError> {
    let mut events = Vec::new();
    decode_filtered(first_seq, payload, None, None, &mut events)?;
    Ok(events)
}

/// Appends the events of the wanted kinds and about the wanted instrument, in order. Only the columns that the question
/// needs are unpacked; with an instrument only events that are about one can pass. Returns how many events the payload
/// holds, wanted or not. [`Decoder`] does the same with memory that it keeps.
///
/// # Errors
/// [`ColumnsError`] when the bytes looked at are no such payload; `out` may then hold some of the events.
pub fn decode_filtered(
    first_seq: Seq,
    payload: &[u8],
    kinds: Option<KindSet>,
    instrument: Option<InstrumentId>,
    out: &mut Vec<(Seq, Event)>,
) -> Result<u32, ColumnsError> {
    Decoder::new().decode_filtered(first_seq, payload, kinds, instrument, None, out)
}

/// Fills the wanted columns of the payload's ticks and returns how many ticks there are.
///
/// # Errors
/// [`ColumnsError`] when the bytes looked at are no such payload, or when it has more than [`COLUMN_EVENTS_MAX`] events
/// and so no columns; the columns then hold nothing of use.
pub fn decode_ticks(
    first_seq: Seq,
    payload: &[u8],
    columns: TickColumnSet,
    out: &mut TickColumns,
) -> Result<usize, ColumnsError> {
    decode_ticks_of(first_seq, payload, None, columns, out)
}

/// [`decode_ticks`], of all instruments or of one: then only its ticks are unpacked.
///
/// # Errors
/// As [`decode_ticks`].
pub fn decode_ticks_of(
    first_seq: Seq,
    payload: &[u8],
    instrument: Option<InstrumentId>,
    columns: TickColumnSet,
    out: &mut TickColumns,
) -> Result<usize, ColumnsError> {
    decoder::Payload::open(first_seq, payload)?.ticks(instrument, columns, out)
}
