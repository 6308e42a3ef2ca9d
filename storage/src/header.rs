//! The header of a segment: the value of `meta["header"]`.
//!
//! Never touches a file. Called by the writer, which makes and seals it, and by everything that opens a segment.

use barkeep_schemas::{DecodeError, Hash32, Seq, SessionDate, Wire};

use crate::paths::SegmentName;
use crate::row::Damage;

/// The format version that this build writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Bytes of a version 1 header with its checksum; one of version 0 ends 32 bytes earlier.
const HEADER_BYTES: usize = 113;

/// What a segment says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentHeader {
    /// Format version.
    pub format: u32,
    /// The session's date and run, as in the file's name.
    pub name: SegmentName,
    /// Place in the tape, from 1; the next segment has the next number, whatever its date.
    pub ordinal: u64,
    /// Position of the segment's first event.
    pub first_seq: Seq,
    /// The last position before this segment; 0 when there was none.
    pub previous_last: Seq,
    /// The chain hash at that position; zero when there was none and when the segment before has version 0.
    pub previous_chain: Hash32,
    /// Whether the segment takes no more events.
    pub sealed: bool,
    /// Once sealed: the last position, or the one before [`Self::first_seq`] when the segment is empty.
    pub last_seq: Seq,
    /// Once sealed: the chain hash at [`Self::last_seq`]; zero before, and in version 0.
    pub last_chain: Hash32,
}

/// Why a header cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeaderFault {
    /// Written by a newer barkeep.
    Newer(u32),
    /// Not a header.
    Damaged(Damage),
}

impl SegmentHeader {
    /// The header's bytes. In every version the first four bytes are the format and the last four the CRC-32 of all
    /// before them, so that a newer header can be told from a damaged one.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        self.format.put(&mut out);
        self.name.date.put(&mut out);
        self.name.run.put(&mut out);
        self.ordinal.put(&mut out);
        self.first_seq.put(&mut out);
        self.previous_last.put(&mut out);
        self.previous_chain.put(&mut out);
        self.sealed.put(&mut out);
        self.last_seq.put(&mut out);
        if self.format > 0 {
            self.last_chain.put(&mut out);
        }
        crc32fast::hash(&out).put(&mut out);
        out
    }

    /// Reads [`Self::bytes`].
    pub(crate) fn parse(value: &[u8]) -> Result<Self, HeaderFault> {
        let short = HeaderFault::Damaged(Damage::Length { bytes: value.len(), expected: HEADER_BYTES });
        let (mut fields, mut crc) =
            value.len().checked_sub(4).and_then(|at| value.split_at_checked(at)).ok_or(short)?;
        let stored = u32::take(&mut crc).map_err(|_| short)?;
        let computed = crc32fast::hash(fields);
        if stored != computed {
            return Err(HeaderFault::Damaged(Damage::HeaderCrc { stored, computed }));
        }
        let format = u32::take(&mut fields).map_err(|_| short)?;
        if format > FORMAT {
            return Err(HeaderFault::Newer(format));
        }
        let header = Self::take_fields(format, &mut fields).map_err(|_| short)?;
        if !fields.is_empty() {
            return Err(short);
        }
        if header.is_plausible() { Ok(header) } else { Err(HeaderFault::Damaged(Damage::SegmentHeader)) }
    }

    fn take_fields(format: u32, input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Self {
            format,
            name: SegmentName { date: SessionDate::take(input)?, run: u32::take(input)? },
            ordinal: u64::take(input)?,
            first_seq: Seq::take(input)?,
            previous_last: Seq::take(input)?,
            previous_chain: Hash32::take(input)?,
            sealed: bool::take(input)?,
            last_seq: Seq::take(input)?,
            last_chain: if format == 0 { Hash32::default() } else { Hash32::take(input)? },
        })
    }

    fn is_plausible(&self) -> bool {
        let follows = self.previous_last.0.checked_add(1) == Some(self.first_seq.0);
        let ends = !self.sealed || self.last_seq.0.checked_add(1).is_some_and(|end| end >= self.first_seq.0);
        self.ordinal > 0 && self.name.run > 0 && follows && ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            format: FORMAT,
            name: SegmentName { date: SessionDate(20_000), run: 2 },
            ordinal: 7,
            first_seq: Seq(101),
            previous_last: Seq(100),
            previous_chain: Hash32([5; 32]),
            sealed: true,
            last_seq: Seq(100),
            last_chain: Hash32([7; 32]),
        }
    }

    #[test]
    fn a_header_survives_its_bytes_and_every_flipped_bit_is_noticed() {
        let bytes = header().bytes();
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(SegmentHeader::parse(&bytes), Ok(header()));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::parse(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(SegmentHeader::parse(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_header_of_version_0_is_read_and_written_as_it_was() {
        let old = SegmentHeader { format: 0, last_chain: Hash32::default(), ..header() };
        let bytes = old.bytes();
        assert_eq!(bytes.len(), 81);
        assert_eq!(SegmentHeader::parse(&bytes), Ok(old));
    }

    #[test]
    fn a_newer_header_is_told_from_a_damaged_one_whatever_it_holds() {
        let mut bytes = 9_u32.to_le_bytes().to_vec();
        bytes.extend_from_slice(b"fields of another age");
        crc32fast::hash(&bytes).put(&mut bytes);
        assert_eq!(SegmentHeader::parse(&bytes), Err(HeaderFault::Newer(9)));
    }
}
