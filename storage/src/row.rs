//! The bytes of one value: a header, then the events, as canonical bytes in tail rows and as columns in blocks.
//!
//! Never touches a file and never panics, whatever the bytes. Called by the writer to build values, by every reader to
//! take them apart, and by fuzz targets.

use std::ops::Range;

use barkeep_schemas::{DecodeError, Event, Seq, Ts, Wire};

use crate::columns::{ColumnsError, Encoder, decode_filtered};
use crate::filter::KindSet;

/// Bytes of a row's header.
pub const HEADER_BYTES: usize = 74;

/// How a row holds its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// Each event is its length (u32) and its canonical bytes. Tail rows have it, and blocks of the first builds.
    Canonical,
    /// [`crate::columns`]. Blocks have it.
    Columns,
}

impl Encoding {
    /// The code on disk.
    pub const fn code(self) -> u8 {
        match self {
            Self::Canonical => 0,
            Self::Columns => 1,
        }
    }

    /// The encoding of a code.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Canonical),
            1 => Some(Self::Columns),
            _ => None,
        }
    }
}

/// The most payload that one row may hold, in bytes (1 GiB; redb itself refuses 3).
pub const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// The header's own checksum covers everything before it.
const HEADER_CRC_AT: usize = HEADER_BYTES - 4;

/// Set when the row holds an event with a time; the two times mean nothing otherwise.
const HAS_TIMES: u8 = 1;

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
    /// A segment header that contradicts itself, or is missing.
    #[error("the segment header is missing or contradicts itself")]
    SegmentHeader,
}

/// What a row holds, known without reading its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowHeader {
    /// How the events are held.
    pub encoding: Encoding,
    /// Position of the first event.
    pub first: Seq,
    /// Number of events, at least one.
    pub count: u32,
    /// The smallest and the largest [`Event::ts`]; `None` when no event has a time.
    pub times: Option<(Ts, Ts)>,
    /// The kinds present.
    pub kinds: KindSet,
    /// Bytes of the payload.
    pub payload_bytes: u32,
    /// CRC-32 (IEEE) of the payload.
    pub payload_crc: u32,
}

impl RowHeader {
    /// The position after the last event.
    pub const fn end(&self) -> Seq {
        self.first.plus(self.count as u64)
    }

    /// Splits a value into its header and its payload. The header's checksum and the payload's length are checked here,
    /// the payload's checksum by [`Self::check`].
    ///
    /// # Errors
    /// [`Damage`] when the value cannot be a row of this version.
    pub fn parse(value: &[u8]) -> Result<(Self, &[u8]), Damage> {
        let short = Damage::Length { bytes: value.len(), expected: HEADER_BYTES };
        let (head, payload) = value.split_at_checked(HEADER_BYTES).ok_or(short)?;
        let (fields, crc) = head.split_at_checked(HEADER_CRC_AT).ok_or(short)?;
        let stored = u32::take(&mut &*crc).map_err(|_| short)?;
        let computed = crc32fast::hash(fields);
        if stored != computed {
            return Err(Damage::HeaderCrc { stored, computed });
        }
        let header = Self::take_fields(fields).map_err(|_| short)??;
        let expected = HEADER_BYTES.saturating_add(header.payload_bytes as usize);
        if value.len() != expected {
            return Err(Damage::Length { bytes: value.len(), expected });
        }
        if header.count == 0 || header.first.0.checked_add(u64::from(header.count)).is_none() {
            let (first, count) = (header.first, header.count);
            return Err(Damage::Place { first, count, expected_first: first, expected_count: 1 });
        }
        Ok((header, payload))
    }

    /// Reads the fields before the checksum; the outer error is a lack of bytes.
    fn take_fields(mut fields: &[u8]) -> Result<Result<Self, Damage>, DecodeError> {
        let input = &mut fields;
        let (encoding, flags) = (u8::take(input)?, u8::take(input)?);
        let (Some(encoding), true) = (Encoding::from_code(encoding), flags & !HAS_TIMES == 0) else {
            return Ok(Err(Damage::Encoding { encoding, flags }));
        };
        let count = u32::take(input)?;
        let first = Seq::take(input)?;
        let (min, max) = (i64::take(input)?, i64::take(input)?);
        let mut words = [0; 4];
        for word in &mut words {
            *word = u64::take(input)?;
        }
        Ok(Ok(Self {
            encoding,
            first,
            count,
            times: (flags & HAS_TIMES != 0).then(|| (Ts::new(min), Ts::new(max))),
            kinds: KindSet::from_words(words),
            payload_bytes: u32::take(input)?,
            payload_crc: u32::take(input)?,
        }))
    }

    /// Checks the payload's checksum.
    ///
    /// # Errors
    /// [`Damage::PayloadCrc`].
    pub fn check(&self, payload: &[u8]) -> Result<(), Damage> {
        let computed = crc32fast::hash(payload);
        let stored = self.payload_crc;
        if stored == computed { Ok(()) } else { Err(Damage::PayloadCrc { stored, computed }) }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        self.encoding.code().put(&mut out);
        (if self.times.is_some() { HAS_TIMES } else { 0 }).put(&mut out);
        self.count.put(&mut out);
        self.first.put(&mut out);
        let (min, max) = self.times.map_or((0, 0), |(min, max)| (min.get(), max.get()));
        min.put(&mut out);
        max.put(&mut out);
        self.kinds.words().iter().for_each(|word| word.put(&mut out));
        self.payload_bytes.put(&mut out);
        self.payload_crc.put(&mut out);
        crc32fast::hash(&out).put(&mut out);
        out
    }
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

/// The value of a tail row: events from position `first` on, as canonical bytes.
///
/// # Errors
/// The payload's size in bytes, when it is above [`PAYLOAD_BYTES_MAX`].
pub(crate) fn tail_row(first: Seq, events: &[Event]) -> Result<Vec<u8>, usize> {
    let mut value = vec![0; HEADER_BYTES];
    for event in events {
        let at = value.len();
        value.extend_from_slice(&[0; 4]);
        event.encode(&mut value);
        let len = (value.len() - at - 4) as u32;
        if let Some(prefix) = value.get_mut(at..at + 4) {
            prefix.copy_from_slice(&len.to_le_bytes());
        }
    }
    with_header(Encoding::Canonical, first, events, value)
}

/// The value of a block: events from position `first` on, as columns.
///
/// # Errors
/// The payload's size in bytes, when it is above [`PAYLOAD_BYTES_MAX`].
pub(crate) fn block(first: Seq, events: &[Event], encoder: &mut Encoder) -> Result<Vec<u8>, usize> {
    let mut value = vec![0; HEADER_BYTES];
    encoder.encode(first, events, &mut value);
    with_header(Encoding::Columns, first, events, value)
}

/// Writes the header into the room before the payload.
fn with_header(encoding: Encoding, first: Seq, events: &[Event], mut value: Vec<u8>) -> Result<Vec<u8>, usize> {
    let (head, payload) = value.split_at_mut(HEADER_BYTES);
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(payload.len());
    }
    let times = events.iter().filter_map(Event::ts);
    let times = times
        .fold(None, |seen: Option<(Ts, Ts)>, ts| Some(seen.map_or((ts, ts), |(min, max)| (min.min(ts), max.max(ts)))));
    let header = RowHeader {
        encoding,
        first,
        count: events.len() as u32,
        times,
        kinds: events.iter().map(Event::kind).collect(),
        payload_bytes: payload.len() as u32,
        payload_crc: crc32fast::hash(payload),
    };
    head.copy_from_slice(&header.bytes());
    Ok(value)
}

/// The events of a checked payload that `kinds` lets through.
///
/// # Errors
/// [`Damage`] when the payload is not what its header says.
pub fn events(header: &RowHeader, payload: &[u8], kinds: Option<KindSet>) -> Result<Vec<(Seq, Event)>, Damage> {
    match header.encoding {
        Encoding::Columns => {
            let mut out = Vec::new();
            decode_filtered(header.first, payload, kinds, None, &mut out).map_err(Damage::Columns)?;
            Ok(out)
        }
        Encoding::Canonical => {
            let (mut out, mut walk) = (Vec::new(), Events::new(*header));
            while let Some((seq, range)) = walk.next_in(payload)? {
                let bytes = payload.get(range).unwrap_or(&[]);
                let wanted = |code: u8| kinds.is_none_or(|kinds| kinds.contains_code(code));
                if bytes.first().is_none_or(|code| wanted(*code)) {
                    out.push((seq, decode(header, seq, bytes)?));
                }
            }
            Ok(out)
        }
    }
}
