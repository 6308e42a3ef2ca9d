//! The entry of the index that stands for one block: what a filter asks, and the links of the chain that end in it.
//!
//! Never touches a file and never panics, whatever the bytes. Called by the writer, by readers that pass blocks over, and
//! by verification.

use barkeep_schemas::{Event, Hash32, Seq, Wire};

use crate::chain::LINK_EVENTS;
use crate::instruments::{BITMAP_BYTES_MAX, InstrumentSet, put_bitmap};
use crate::row::{Damage, RowHeader};

/// Bytes of a link.
const LINK_BYTES: usize = 32;

/// Bytes of the checksum at the end.
const CRC_BYTES: usize = 4;

/// An entry where it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IndexEntry<'a> {
    /// The block's header.
    pub(crate) header: RowHeader,
    /// The instruments that its events are about.
    pub(crate) instruments: InstrumentSet<'a>,
    links: &'a [u8],
}

impl<'a> IndexEntry<'a> {
    /// Reads an entry.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, Damage> {
        let short = Damage::Length { bytes: value.len(), expected: CRC_BYTES };
        let at = value.len().checked_sub(CRC_BYTES).ok_or(short)?;
        let (fields, mut crc) = value.split_at_checked(at).ok_or(short)?;
        let (stored, computed) = (u32::take(&mut crc).map_err(|_| short)?, crc32fast::hash(fields));
        if stored != computed {
            return Err(Damage::HeaderCrc { stored, computed });
        }
        let (header, mut rest) = RowHeader::parse_front(fields)?;
        let bytes = usize::from(u16::take(&mut rest).map_err(|_| short)?);
        let split = rest.split_at_checked(bytes).filter(|_| bytes <= BITMAP_BYTES_MAX);
        let (instruments, links) = split.ok_or(Damage::Length { bytes: rest.len(), expected: bytes })?;
        if !links.len().is_multiple_of(LINK_BYTES) {
            return Err(Damage::Length { bytes: links.len(), expected: LINK_BYTES });
        }
        Ok(Self { header, instruments: InstrumentSet(instruments), links })
    }

    /// The links that end in the block, first to last.
    pub(crate) fn links(&self) -> impl DoubleEndedIterator<Item = Hash32> + ExactSizeIterator + use<'a> {
        self.links.chunks_exact(LINK_BYTES).map(|link| Hash32(link.first_chunk().copied().unwrap_or_default()))
    }
}

/// How many links end in the positions from `from` up to, but not including, `end` of a segment that begins at `first`.
pub(crate) const fn links_between(first: Seq, from: Seq, end: Seq) -> u64 {
    end.0.saturating_sub(first.0) / LINK_EVENTS - from.0.saturating_sub(first.0) / LINK_EVENTS
}

/// The entry of a block of these events with this header, in which these links end.
pub(crate) fn entry(header: &RowHeader, events: &[Event], links: &[Hash32]) -> Vec<u8> {
    let mut out = header.bytes();
    let at = out.len();
    0_u16.put(&mut out);
    put_bitmap(events, &mut out);
    let bytes = (out.len() - at - size_of::<u16>()) as u16;
    if let Some(front) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *front = bytes.to_le_bytes();
    }
    links.iter().for_each(|link| link.put(&mut out));
    crc32fast::hash(&out).put(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use barkeep_schemas::{ClockMark, FeedId, Input, InstrumentId, Price, Qty, Tick, Ts};

    use super::*;
    use crate::columns::Encoder;
    use crate::row;

    fn tick(instrument: u32) -> Event {
        Event::Input(Input::Tick(Tick {
            instrument: InstrumentId(instrument),
            feed: FeedId(0),
            ts: Ts::new(5),
            recv: Ts::new(7),
            price: Price::new(100),
            qty: Some(Qty::new(1)),
            cum_volume: None,
            bid: None,
            ask: None,
            last_trade: None,
            condition: 0,
            depth: None,
        }))
    }

    #[test]
    fn an_entry_survives_its_bytes_and_every_flipped_bit_is_noticed() {
        let mark = Event::Input(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::new(9) }));
        let events = [tick(3), mark, tick(8_191), tick(8_200)];
        let (header, _) = row::block(Seq(1_000), &events, &mut Encoder::new()).unwrap();
        let links = [Hash32([1; 32]), Hash32([2; 32])];
        let bytes = entry(&header, &events, &links);
        let parsed = IndexEntry::parse(&bytes).unwrap();
        assert_eq!(parsed.header, header);
        assert_eq!(parsed.header.times, Some((Ts::new(5), Ts::new(9))));
        assert_eq!(parsed.header.recv_times, Some((Ts::new(7), Ts::new(7))));
        assert!(parsed.links().eq(links));
        let found: Vec<u32> = (0..16_384).filter(|id| parsed.instruments.may_contain(InstrumentId(*id))).collect();
        assert_eq!(found, [3, 8, 8_191, 8_195, 8_200, 16_383]);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(IndexEntry::parse(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(IndexEntry::parse(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn links_are_counted_by_position_in_the_segment() {
        let first = Seq(101);
        assert_eq!(links_between(first, first, Seq(101 + 1_023)), 0);
        assert_eq!(links_between(first, first, Seq(101 + 1_024)), 1);
        assert_eq!(links_between(first, Seq(101 + 1_024), Seq(101 + 4_096)), 3);
        assert_eq!(links_between(first, Seq(101 + 500), Seq(101 + 1_500)), 1);
    }
}
