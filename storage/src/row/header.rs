//! The header of a row: what it holds, known without reading its events.
//!
//! Never touches a file and never panics, whatever the bytes. Called by the writer to build rows, by readers to take them
//! apart and to pass them over.

use barkeep_schemas::{DecodeError, Event, Input, Seq, Ts, Wire};

use super::{Damage, Encoding};
use crate::filter::KindSet;

/// Bytes of the header of version 1.
pub const HEADER_BYTES: usize = 90;

/// Bytes of the header of version 0, which knows no receive times.
pub const HEADER_0_BYTES: usize = 74;

/// Bytes of the checksum that ends a header; it covers everything before it.
const CRC_BYTES: usize = 4;

/// Set when the row holds an event with a time; the two times mean nothing otherwise.
const HAS_TIMES: u8 = 1;

/// The same for receive times.
const HAS_RECV_TIMES: u8 = 2;

/// The version of a row: it fixes the header's fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowVersion {
    /// Format 0: no receive times, blocks of exactly [`crate::BLOCK_0_EVENTS`] events.
    Zero,
    /// Format 1.
    One,
}

impl RowVersion {
    /// Bytes of the header.
    pub const fn header_bytes(self) -> usize {
        match self {
            Self::Zero => HEADER_0_BYTES,
            Self::One => HEADER_BYTES,
        }
    }

    const fn known_flags(self) -> u8 {
        match self {
            Self::Zero => HAS_TIMES,
            Self::One => HAS_TIMES | HAS_RECV_TIMES,
        }
    }

    /// Reads the first byte of a row.
    const fn from_code(code: u8) -> Option<(Self, Encoding)> {
        match code {
            0 => Some((Self::Zero, Encoding::Canonical)),
            1 => Some((Self::Zero, Encoding::Columns)),
            2 => Some((Self::One, Encoding::Canonical)),
            3 => Some((Self::One, Encoding::Columns)),
            _ => None,
        }
    }

    const fn code(self, encoding: Encoding) -> u8 {
        match (self, encoding) {
            (Self::Zero, Encoding::Canonical) => 0,
            (Self::Zero, Encoding::Columns) => 1,
            (Self::One, Encoding::Canonical) => 2,
            (Self::One, Encoding::Columns) => 3,
        }
    }
}

/// What a row holds, known without reading its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowHeader {
    /// Which header it has.
    pub version: RowVersion,
    /// How the events are held.
    pub encoding: Encoding,
    /// Position of the first event.
    pub first: Seq,
    /// Number of events, at least one.
    pub count: u32,
    /// The smallest and the largest [`Event::ts`]; `None` when no event has a time.
    pub times: Option<(Ts, Ts)>,
    /// The smallest and the largest receive time of a tick; `None` when there is no tick, and always in version 0.
    pub recv_times: Option<(Ts, Ts)>,
    /// The kinds present.
    pub kinds: KindSet,
    /// Bytes of the payload.
    pub payload_bytes: u32,
    /// CRC-32 (IEEE) of the payload.
    pub payload_crc: u32,
}

impl RowHeader {
    /// The header of these events with this payload; the payload must be shorter than 4 GiB.
    pub(crate) fn of(encoding: Encoding, first: Seq, events: &[Event], payload: &[u8]) -> Self {
        let mut header = Self {
            version: RowVersion::One,
            encoding,
            first,
            count: events.len() as u32,
            times: None,
            recv_times: None,
            kinds: KindSet::EMPTY,
            payload_bytes: payload.len() as u32,
            payload_crc: crc32fast::hash(payload),
        };
        for event in events {
            header.kinds.insert(event.kind());
            if let Some(ts) = event.ts() {
                header.times = Some(widened(header.times, ts));
            }
            if let Event::Input(Input::Tick(tick)) = event {
                header.recv_times = Some(widened(header.recv_times, tick.recv));
            }
        }
        header
    }

    /// The position after the last event.
    pub const fn end(&self) -> Seq {
        self.first.plus(self.count as u64)
    }

    /// Splits a value into its header and its payload. The header's checksum and the payload's length are checked here,
    /// the payload's checksum by [`Self::check`].
    ///
    /// # Errors
    /// [`Damage`] when the value cannot be a row of a version that this build knows.
    pub fn parse(value: &[u8]) -> Result<(Self, &[u8]), Damage> {
        let (header, payload) = Self::parse_front(value)?;
        let expected = header.version.header_bytes().saturating_add(header.payload_bytes as usize);
        if value.len() != expected {
            return Err(Damage::Length { bytes: value.len(), expected });
        }
        Ok((header, payload))
    }

    /// Takes a header from the front of some bytes; with what follows it.
    pub(crate) fn parse_front(value: &[u8]) -> Result<(Self, &[u8]), Damage> {
        let short = Damage::Length { bytes: value.len(), expected: HEADER_0_BYTES };
        let (code, flags) = (*value.first().ok_or(short)?, *value.get(1).ok_or(short)?);
        let unknown = Damage::Encoding { encoding: code, flags };
        // A wrong first byte is told from a newer one by nothing: the checksum's place depends on it.
        let (version, encoding) = RowVersion::from_code(code).ok_or(unknown)?;
        let short = Damage::Length { bytes: value.len(), expected: version.header_bytes() };
        let (head, payload) = value.split_at_checked(version.header_bytes()).ok_or(short)?;
        let (fields, crc) = head.split_at_checked(head.len() - CRC_BYTES).ok_or(short)?;
        let stored = u32::take(&mut &*crc).map_err(|_| short)?;
        let computed = crc32fast::hash(fields);
        if stored != computed {
            return Err(Damage::HeaderCrc { stored, computed });
        }
        if flags & !version.known_flags() != 0 {
            return Err(unknown);
        }
        let header = Self::take_fields(version, encoding, flags, fields.get(2..).unwrap_or(&[])).map_err(|_| short)?;
        if header.count == 0 || header.first.0.checked_add(u64::from(header.count)).is_none() {
            let (first, count) = (header.first, header.count);
            return Err(Damage::Place { first, count, expected_first: first, expected_count: 1 });
        }
        Ok((header, payload))
    }

    fn take_fields(version: RowVersion, encoding: Encoding, flags: u8, mut fields: &[u8]) -> Result<Self, DecodeError> {
        let input = &mut fields;
        let count = u32::take(input)?;
        let first = Seq::take(input)?;
        let times = take_times(input, flags & HAS_TIMES != 0)?;
        let recv_times = match version {
            RowVersion::Zero => None,
            RowVersion::One => take_times(input, flags & HAS_RECV_TIMES != 0)?,
        };
        let mut words = [0; 4];
        for word in &mut words {
            *word = u64::take(input)?;
        }
        Ok(Self {
            version,
            encoding,
            first,
            count,
            times,
            recv_times,
            kinds: KindSet::from_words(words),
            payload_bytes: u32::take(input)?,
            payload_crc: u32::take(input)?,
        })
    }

    /// Checks the payload against its checksum.
    ///
    /// # Errors
    /// [`Damage::PayloadCrc`].
    pub fn check(&self, payload: &[u8]) -> Result<(), Damage> {
        let computed = crc32fast::hash(payload);
        let stored = self.payload_crc;
        if stored == computed { Ok(()) } else { Err(Damage::PayloadCrc { stored, computed }) }
    }

    /// The header as stored.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.version.header_bytes());
        self.version.code(self.encoding).put(&mut out);
        let flag = |times: Option<(Ts, Ts)>, flag: u8| if times.is_some() { flag } else { 0 };
        (flag(self.times, HAS_TIMES) | flag(self.recv_times, HAS_RECV_TIMES)).put(&mut out);
        self.count.put(&mut out);
        self.first.put(&mut out);
        put_times(self.times, &mut out);
        match self.version {
            RowVersion::Zero => {}
            RowVersion::One => put_times(self.recv_times, &mut out),
        }
        self.kinds.words().iter().for_each(|word| word.put(&mut out));
        self.payload_bytes.put(&mut out);
        self.payload_crc.put(&mut out);
        crc32fast::hash(&out).put(&mut out);
        out
    }
}

fn widened(range: Option<(Ts, Ts)>, ts: Ts) -> (Ts, Ts) {
    range.map_or((ts, ts), |(min, max)| (min.min(ts), max.max(ts)))
}

fn take_times(input: &mut &[u8], present: bool) -> Result<Option<(Ts, Ts)>, DecodeError> {
    let (min, max) = (i64::take(input)?, i64::take(input)?);
    Ok(present.then(|| (Ts::new(min), Ts::new(max))))
}

fn put_times(times: Option<(Ts, Ts)>, out: &mut Vec<u8>) {
    let (min, max) = times.map_or((0, 0), |(min, max)| (min.get(), max.get()));
    min.put(out);
    max.put(out);
}
