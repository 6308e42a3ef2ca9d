//! Where the events of a segment are cut into blocks, and what is then written: blocks, their index, the tail.
//!
//! A value of its own pages takes a power of two of them, so a block is filled until it is just under 32 KiB. How many
//! events that takes is learnt from the block before. Invariant: cuts depend on the events from the segment's first on,
//! never on how they came in batches. Never touches a file. Called by the open segment.

use barkeep_schemas::{Event, Hash32, Seq};

use crate::chain::Chain;
use crate::columns::Encoder;
use crate::index::{entry, links_between};
use crate::row;

/// The largest value that fits eight pages: redb adds 16 bytes to a value alone on its pages.
pub(crate) const VALUE_BYTES_MAX: usize = 8 * 4_096 - 16;

/// The size aimed at, in bytes: a margin is left, since a block that turns out too large is encoded again.
const VALUE_BYTES_AIM: usize = VALUE_BYTES_MAX / 40 * 39;

/// Events of a segment's first block, unless they turn out too large.
const COUNT_FIRST: usize = 2_048;

/// The bounds of what is learnt from a block.
const COUNT_MIN: usize = 64;
const COUNT_MAX: usize = 16_384;

/// A block as it is written.
pub(crate) struct Block {
    pub(crate) first: Seq,
    pub(crate) row: Vec<u8>,
    pub(crate) entry: Vec<u8>,
}

/// What a commit writes.
#[derive(Default)]
pub(crate) struct Rows {
    /// Where there is a block, the tail that was there before is drained: all its events lie in blocks or in `tail`.
    pub(crate) blocks: Vec<Block>,
    pub(crate) tail: Option<(Seq, Vec<u8>)>,
}

/// The events up to some position need more bytes in one row than a row may hold.
pub(crate) struct TooLarge {
    pub(crate) seq: Seq,
    pub(crate) bytes: usize,
}

/// The events of a commit that are not gathered and in no block yet; the last of them may not be in the chain yet.
struct Rest<'a> {
    events: &'a [Event],
    unchained: &'a [Event],
}

/// The events of a segment that are in no block yet, and all that decides about the next one.
pub(crate) struct Cutter {
    segment_first: Seq,
    /// The position after the last block.
    start: Seq,
    /// The events of the tail. Invariant: fewer than `wanted`.
    gathered: Vec<Event>,
    /// Events that the next block takes if they fit.
    wanted: usize,
    chain: Chain,
    /// Links that end after the last block.
    links: Vec<Hash32>,
    encoder: Encoder,
}

impl Cutter {
    /// The cutter of a segment that begins at `segment_first`; its last block, if it has one, ends before `start` and
    /// holds `last` events in a row of some bytes. `chain` stands where the blocks end.
    pub(crate) fn new(segment_first: Seq, start: Seq, last: Option<(u32, usize)>, chain: Chain) -> Self {
        let wanted = last.map_or(COUNT_FIRST, |(count, bytes)| count_after(count as usize, bytes));
        let (gathered, links, encoder) = (Vec::new(), Vec::new(), Encoder::new());
        Self { segment_first, start, gathered, wanted, chain, links, encoder }
    }

    /// Takes up the events of the tail, which are in rows already.
    pub(crate) fn resume(&mut self, tail: Vec<Event>) {
        let links = &mut self.links;
        self.chain.extend(&tail, |_, link| links.push(link));
        self.gathered = tail;
    }

    /// The position after the last event.
    pub(crate) fn end(&self) -> Seq {
        self.start.plus(self.gathered.len() as u64)
    }

    /// The hash of the chain at the last event.
    pub(crate) fn chain_hash(&self) -> Hash32 {
        self.chain.hash_at_end()
    }

    /// Takes the next events and lays them out in rows.
    pub(crate) fn take(&mut self, events: &[Event]) -> Result<Rows, TooLarge> {
        let mut rows = Rows::default();
        let mut rest = Rest { events, unchained: events };
        while self.gathered.len() + rest.events.len() >= self.wanted {
            let missing = self.wanted.saturating_sub(self.gathered.len());
            // Hashed just before they are encoded: they are in the processor's cache then.
            self.chain(&mut rest, missing);
            if self.gathered.is_empty() {
                let count = self.cut(rest.events, &mut rows)?;
                rest.events = rest.events.get(count..).unwrap_or(&[]);
            } else {
                let (head, behind) = rest.events.split_at_checked(missing).unwrap_or((rest.events, &[]));
                self.gathered.extend_from_slice(head);
                rest.events = behind;
                self.cut_gathered(&mut rows)?;
            }
        }
        self.chain(&mut rest, usize::MAX);
        // What a block left of the tail before is written again, since the transaction drains the tail.
        let first = if rows.blocks.is_empty() { self.end() } else { self.start };
        self.gathered.extend_from_slice(rest.events);
        let tail = if rows.blocks.is_empty() { events } else { &self.gathered };
        if !tail.is_empty() {
            let row = row::tail_row(first, tail, &mut self.encoder);
            rows.tail = Some((first, row.map_err(|bytes| TooLarge { seq: first, bytes })?));
        }
        Ok(rows)
    }

    /// Adds the first `count` of the rest to the chain, those that are not in it yet.
    fn chain(&mut self, rest: &mut Rest<'_>, count: usize) {
        let chained = rest.events.len() - rest.unchained.len();
        let more = count.saturating_sub(chained).min(rest.unchained.len());
        let (now, later) = rest.unchained.split_at_checked(more).unwrap_or((rest.unchained, &[]));
        let links = &mut self.links;
        self.chain.extend(now, |_, link| links.push(link));
        rest.unchained = later;
    }

    /// Lays out what is left as a last block, however short; for a segment that is sealed.
    pub(crate) fn finish(&mut self) -> Result<Rows, TooLarge> {
        let mut rows = Rows::default();
        while !self.gathered.is_empty() {
            self.cut_gathered(&mut rows)?;
        }
        Ok(rows)
    }

    /// Cuts a block off the front of what is gathered.
    fn cut_gathered(&mut self, rows: &mut Rows) -> Result<(), TooLarge> {
        let mut gathered = std::mem::take(&mut self.gathered);
        let count = self.cut(&gathered, rows);
        if let Ok(count) = count {
            gathered.drain(..count);
        }
        self.gathered = gathered;
        count.map(drop)
    }

    /// Cuts a block off the front of these events, which begin where the last block ends; how many events it took. None
    /// when as many as were wanted do not fit: fewer are wanted then.
    fn cut(&mut self, events: &[Event], rows: &mut Rows) -> Result<usize, TooLarge> {
        let first = self.start;
        let events = events.get(..self.wanted).unwrap_or(events);
        let count = events.len();
        let block = row::block(first, events, &mut self.encoder);
        let (header, row) = block.map_err(|bytes| TooLarge { seq: first, bytes })?;
        if row.len() > VALUE_BYTES_MAX && count > 1 {
            self.wanted = (count * VALUE_BYTES_AIM / row.len()).clamp(1, count - 1);
            return Ok(0);
        }
        let ended = links_between(self.segment_first, first, header.end()) as usize;
        let entry = entry(&header, events, self.links.get(..ended).unwrap_or(&self.links));
        self.links.drain(..ended.min(self.links.len()));
        self.start = header.end();
        self.wanted = count_after(count, row.len());
        rows.blocks.push(Block { first, row, entry });
        Ok(count)
    }
}

/// How many events the block after one of `count` events in `bytes` takes.
fn count_after(count: usize, bytes: usize) -> usize {
    (count * VALUE_BYTES_AIM / bytes.max(1)).clamp(COUNT_MIN, COUNT_MAX)
}
