//! Which instruments a block holds events about: a bitmap that lets a filter pass the block over.
//!
//! Bit `id % 8,192`, so that the size is bounded; dense ids below that are exact, others may be taken for one another and
//! then cost a look into the block. Never misses one that is there. Called by the index.

use barkeep_schemas::{Event, InstrumentId};

/// Bits of the bitmap.
const BITS: u32 = 8_192;

/// The most bytes that a bitmap takes.
pub(crate) const BITMAP_BYTES_MAX: usize = (BITS / 8) as usize;

/// A bitmap where it is stored; zero bytes at its end are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InstrumentSet<'a>(pub(crate) &'a [u8]);

impl InstrumentSet<'_> {
    /// Whether there may be an event about this instrument; "no" is certain.
    pub(crate) fn may_contain(&self, instrument: InstrumentId) -> bool {
        let (byte, mask) = place(instrument);
        self.0.get(byte).is_some_and(|bits| bits & mask != 0)
    }
}

fn place(instrument: InstrumentId) -> (usize, u8) {
    let bit = instrument.0 % BITS;
    ((bit / 8) as usize, 1 << (bit % 8))
}

/// Appends the bitmap of these events.
pub(crate) fn put_bitmap(events: &[Event], out: &mut Vec<u8>) {
    let start = out.len();
    for instrument in events.iter().filter_map(Event::instrument) {
        let (byte, mask) = place(instrument);
        if start + byte >= out.len() {
            out.resize(start + byte + 1, 0);
        }
        if let Some(bits) = out.get_mut(start + byte) {
            *bits |= mask;
        }
    }
}
