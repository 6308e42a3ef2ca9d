//! The bytes of one value: a header, then the events, as canonical bytes in short tail rows and as columns in blocks.
//!
//! Never touches a file and never panics, whatever the bytes. Called by the writer to build values, by every reader to
//! take them apart, and by fuzz targets.

use std::ops::Range;

use barkeep_schemas::{DecodeError, Event, Seq, Wire};

use crate::columns::{ColumnsError, Decoder, Encoder};
use crate::filter::Filter;
use crate::framed::put_framed;

mod header;

pub use header::{HEADER_0_BYTES, HEADER_BYTES, RowHeader, RowVersion};

/// How a row holds its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// Each event is its length (u32) and its canonical bytes. Short tail rows have it, and blocks of the first builds.
    Canonical,
    /// [`crate::columns`]. Blocks and long tail rows have it.
    Columns,
}

/// The most payload that one row may hold, in bytes (1 GiB; redb itself refuses 3).
pub const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// Why stored bytes are not what they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// The value ends inside its header or holds another number of bytes than its header says.
    #[error("the value has {bytes} bytes, its header asks for {expected}")]
    Length {
        /// Bytes found.
        bytes: usize,
        /// Bytes that should be there.
        expected: usize,
    },
    /// The header's checksum does not fit.
    #[error("the header's CRC-32 is {computed:#010x}, stored is {stored:#010x}")]
    HeaderCrc {
        /// The stored checksum.
        stored: u32,
        /// The checksum of the bytes found.
        computed: u32,
    },
    /// The payload's checksum does not fit.
    #[error("the payload's CRC-32 is {computed:#010x}, stored is {stored:#010x}")]
    PayloadCrc {
        /// The stored checksum.
        stored: u32,
        /// The checksum of the bytes found.
        computed: u32,
    },
    /// An encoding or a flag that this build does not know.
    #[error("encoding {encoding} with flags {flags:#04x} is not known to this build: upgrade barkeep")]
    Encoding {
        /// The encoding found.
        encoding: u8,
        /// The flags found.
        flags: u8,
    },
    /// The header speaks of other positions than its key or table allows.
    #[error(
        "the header says {count} events from seq {first}, its place asks for {expected_count} from seq {expected_first}"
    )]
    Place {
        /// First position by the header.
        first: Seq,
        /// Events by the header.
        count: u32,
        /// First position by the key.
        expected_first: Seq,
        /// Events by the table; 1 stands for "at least one".
        expected_count: u32,
    },
    /// An event's length reaches past the payload, or bytes are left over after the last event.
    #[error("the event at byte {offset} of the payload does not end where it should")]
    Bounds {
        /// Where the event begins, in bytes from the start of the payload.
        offset: usize,
    },
    /// An event is of a kind that the header does not list.
    #[error("the event at seq {seq} has kind {code}, which the header does not list")]
    Kind {
        /// The event's position.
        seq: Seq,
        /// The kind's code.
        code: u8,
    },
    /// The bytes of an event are no event.
    #[error("the event at seq {seq} cannot be decoded")]
    Event {
        /// The event's position.
        seq: Seq,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// The columns of a block cannot be read.
    #[error("the columns cannot be read")]
    Columns(#[source] ColumnsError),
    /// The index speaks of a block that is not there.
    #[error("the index speaks of a block that is not there")]
    NoBlock,
    /// The index says other things of a block than the block itself.
    #[error("the index and the block differ in what the block holds")]
    OtherBlock,
    /// The index holds no link where one ends.
    #[error("the link of the chain that ends before seq {end} is missing")]
    NoLink {
        /// The position after the link's last event.
        end: Seq,
    },
    /// A segment header that contradicts itself, or is missing.
    #[error("the segment header is missing or contradicts itself")]
    SegmentHeader,
}

/// Takes the events of a checked payload of canonical bytes one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Events {
    header: RowHeader,
    offset: usize,
    seq: Seq,
}

impl Events {
    /// Starts before the first event.
    pub const fn new(header: RowHeader) -> Self {
        Self { header, offset: 0, seq: header.first }
    }

    /// The next event's position and where its canonical bytes lie in `payload`, which must be the payload of the
    /// header given to [`Self::new`]; `None` after the last.
    ///
    /// # Errors
    /// [`Damage::Bounds`] when the lengths do not add up.
    pub fn next_in(&mut self, payload: &[u8]) -> Result<Option<(Seq, Range<usize>)>, Damage> {
        let offset = self.offset;
        let bad = Damage::Bounds { offset };
        let mut rest = payload.get(offset..).ok_or(bad)?;
        if self.seq == self.header.end() {
            return if rest.is_empty() { Ok(None) } else { Err(bad) };
        }
        let len = u32::take(&mut rest).map_err(|_| bad)? as usize;
        if len > rest.len() {
            return Err(bad);
        }
        let (start, seq) = (offset + 4, self.seq);
        self.offset = start + len;
        self.seq = seq.plus(1);
        Ok(Some((seq, start..start + len)))
    }
}

/// Decodes one event of a row and checks that the row's header lists its kind.
///
/// # Errors
/// [`Damage::Event`] and [`Damage::Kind`].
pub fn decode(header: &RowHeader, seq: Seq, bytes: &[u8]) -> Result<Event, Damage> {
    let event = Event::decode(bytes).map_err(|source| Damage::Event { seq, source })?;
    let code = event.kind().code();
    if header.kinds.contains_code(code) { Ok(event) } else { Err(Damage::Kind { seq, code }) }
}

/// Fewest events of a tail row that lie as columns: below, canonical bytes are as good and quicker made.
const TAIL_COLUMNS_EVENTS_MIN: usize = 1_024;

/// The value of a tail row: events from position `first` on, as canonical bytes or, when they are many, as columns.
///
/// # Errors
/// The payload's size in bytes, when it is above [`PAYLOAD_BYTES_MAX`].
pub(crate) fn tail_row(first: Seq, events: &[Event], encoder: &mut Encoder) -> Result<Vec<u8>, usize> {
    if events.len() >= TAIL_COLUMNS_EVENTS_MIN {
        return block(first, events, encoder).map(|(_, value)| value);
    }
    let mut value = vec![0; HEADER_BYTES];
    events.iter().for_each(|event| put_framed(event, &mut value));
    with_header(Encoding::Canonical, first, events, value).map(|(_, value)| value)
}

/// The header and the value of a block: events from position `first` on, as columns.
///
/// # Errors
/// The payload's size in bytes, when it is above [`PAYLOAD_BYTES_MAX`].
pub(crate) fn block(first: Seq, events: &[Event], encoder: &mut Encoder) -> Result<(RowHeader, Vec<u8>), usize> {
    let mut value = vec![0; HEADER_BYTES];
    encoder.encode(first, events, &mut value);
    with_header(Encoding::Columns, first, events, value)
}

/// Writes the header into the room before the payload.
fn with_header(
    encoding: Encoding,
    first: Seq,
    events: &[Event],
    mut value: Vec<u8>,
) -> Result<(RowHeader, Vec<u8>), usize> {
    let (head, payload) = value.split_at_mut(HEADER_BYTES);
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(payload.len());
    }
    let header = RowHeader::of(encoding, first, events, payload);
    head.copy_from_slice(&header.bytes());
    Ok((header, value))
}

/// Appends the events of a checked payload that `filter` lets through.
///
/// # Errors
/// [`Damage`] when the payload is not what its header says; `out` may then hold some of the events.
pub fn events(header: &RowHeader, payload: &[u8], filter: &Filter, out: &mut Vec<(Seq, Event)>) -> Result<(), Damage> {
    events_with(header, payload, filter, &mut Decoder::new(), out)
}

/// [`events`], with the decoder of those who take many rows apart.
pub(crate) fn events_with(
    header: &RowHeader,
    payload: &[u8],
    filter: &Filter,
    decoder: &mut Decoder,
    out: &mut Vec<(Seq, Event)>,
) -> Result<(), Damage> {
    let before = out.len();
    match header.encoding {
        Encoding::Columns => decoder
            .decode_filtered(header.first, payload, filter.kinds, filter.instrument, filter.tf, out)
            .map_err(Damage::Columns)
            .and_then(|count| check_count(header, count))?,
        Encoding::Canonical => {
            let mut walk = Events::new(*header);
            while let Some((seq, range)) = walk.next_in(payload)? {
                let bytes = payload.get(range).unwrap_or(&[]);
                if bytes.first().is_none_or(|code| filter.admits_code(*code)) {
                    let event = decode(header, seq, bytes)?;
                    if filter.admits_instrument(event.instrument()) && filter.admits_tf(&event) {
                        out.push((seq, event));
                    }
                }
            }
        }
    }
    if filter.has_times() {
        let mut at = 0;
        out.retain(|(_, event)| {
            at += 1;
            at <= before || filter.admits_time(event.ts())
        });
    }
    Ok(())
}

/// Sees to it that a payload of columns holds as many events as its header says.
fn check_count(header: &RowHeader, count: u32) -> Result<(), Damage> {
    if header.count == count {
        return Ok(());
    }
    let (first, expected_count) = (header.first, header.count);
    Err(Damage::Place { first, count, expected_first: first, expected_count })
}
