//! The rows of a scan, kept for the import that follows it, so that no file is read and no number is parsed twice.
//!
//! What it is: ticks, bars and rejections in merged order, a dozen bytes a tick, in bounded memory and an unnamed file. What it
//! never does: fail an import: where rows cannot be kept there are none, and the files are read again. Who calls it: the
//! scan fills it, an import takes the rows back.

use std::io;
use std::path::Path;

use barkeep_schemas::{Price, Qty, Ts};

use super::error::FileError;
use super::kept_blocks::{BLOCK, BlocksIn, BlocksOut};
use super::merge::Merged;
use super::row::{BarRow, Entry, Rejection, TickRow};
use super::symbols::SymbolId;

// A row is a head of 16 bits and what the head says: the widths of four numbers, and bits for what else there is.
const DUPLICATE: u16 = 1 << 8;
const STEP_BACK: u16 = 1 << 9;
const QTY: u16 = 1 << 10;
/// A second head follows, with the fields that few files have.
const MORE: u16 = 1 << 11;
/// The row is not on the line after the row before: its file and line follow.
const PLACE: u16 = 1 << 12;
const REJECTED: u16 = 1 << 13;
/// No row: the block ends here.
const END: u16 = 1 << 14;
/// A bar: the widths are those of its start, symbol, open and volume; high, low and close follow in eight bytes each.
const BAR: u16 = 1 << 15;

// The second head: the widths of five numbers, and which of the first four are there.
const RECV: u16 = 1 << 10;
const CUM_VOLUME: u16 = 1 << 11;
const BID: u16 = 1 << 12;
const ASK: u16 = 1 << 13;

/// Room for any tick: two heads, a place, nine numbers, and eight bytes since every number is written as eight.
const ROOM: usize = 2 + 2 + 12 + 9 * 8 + 8;

/// Where in the files the row before was, and its time: rows tell what changed.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    file: u32,
    line: u64,
    ts: i64,
}

/// Takes rows in the order of the merged files.
#[derive(Debug)]
pub(super) struct Keeper {
    blocks: BlocksOut,
    block: Vec<u8>,
    at: usize,
    before: Before,
    /// Set when a row could not be kept.
    failed: bool,
}

impl Keeper {
    /// Keeps rows of files of `bytes` bytes; what memory does not hold goes to the disk of `folder`.
    pub(super) fn new(folder: &Path, bytes: u64) -> Self {
        /// Rows of the tersest files take more than they do there; a flood of rejections, each with its reason, would take
        /// a disk.
        const GROWTH_MAX: u64 = 4;
        let blocks = BlocksOut::new(folder, bytes.saturating_mul(GROWTH_MAX));
        Self { blocks, block: vec![0; BLOCK], at: 0, before: Before::default(), failed: false }
    }

    /// Keeps the next row; `symbol` is the number that the import knows its symbol by.
    #[inline]
    pub(super) fn keep(&mut self, merged: Merged<'_>, symbol: SymbolId) {
        if self.failed {
            return;
        }
        let file = merged.file as u32;
        match merged.entry {
            Entry::Tick(tick) => self.tick(file, symbol, tick),
            Entry::Rejected(rejection) => self.rejection(file, rejection),
            Entry::Bar(bar) => self.bar(file, symbol, bar),
        }
    }

    fn bar(&mut self, file: u32, symbol: SymbolId, bar: &BarRow) {
        self.make_room(ROOM);
        let before = std::mem::replace(&mut self.before, Before { file, line: bar.line, ts: bar.start.get() });
        let Some(room) = self.block.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut()) else { return };
        let mut pen = Pen { room, at: 2 };
        let mut head = BAR | pen.place(file, bar.line, before);
        head |= pen.number(zigzag(bar.start.get().wrapping_sub(before.ts)));
        head |= pen.number(u64::from(symbol.0)) << 2;
        head |= pen.number(bar.open.get() as u64) << 4;
        head |= pen.number(bar.volume.get() as u64) << 6;
        [bar.high, bar.low, bar.close].iter().for_each(|price| pen.put(price.get().to_le_bytes()));
        pen.put_at(0, head.to_le_bytes());
        self.at += pen.at;
    }

    #[inline]
    fn tick(&mut self, file: u32, symbol: SymbolId, tick: &TickRow) {
        self.make_room(ROOM);
        let before = std::mem::replace(&mut self.before, Before { file, line: tick.line, ts: tick.ts.get() });
        let Some(room) = self.block.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut()) else { return };
        let mut pen = Pen { room, at: 2 };
        let bit = |on: bool, bit: u16| if on { bit } else { 0 };
        let mut head = bit(tick.duplicate, DUPLICATE) | bit(tick.step_back, STEP_BACK) | bit(tick.qty.is_some(), QTY);
        head |= pen.place(file, tick.line, before);
        head |= pen.number(zigzag(tick.ts.get().wrapping_sub(before.ts)));
        head |= pen.number(u64::from(symbol.0)) << 2;
        head |= pen.number(tick.price.get() as u64) << 4;
        if let Some(qty) = tick.qty {
            head |= pen.number(qty.get() as u64) << 6;
        }
        let has_more = tick.recv.is_some() | tick.cum_volume.is_some() | tick.bid.is_some() | tick.ask.is_some();
        if has_more || tick.condition != 0 {
            head |= MORE;
            pen.more(tick);
        }
        pen.put_at(0, head.to_le_bytes());
        self.at += pen.at;
    }

    #[cold]
    fn rejection(&mut self, file: u32, rejection: &Rejection) {
        let mut bytes = REJECTED.to_le_bytes().to_vec();
        bytes.extend_from_slice(&file.to_le_bytes());
        bytes.extend_from_slice(&rejection.line.to_le_bytes());
        bytes.push(u8::from(rejection.column.is_some()));
        let column = rejection.column.as_deref().unwrap_or_default();
        for text in [rejection.file.as_str(), column, &rejection.why, &rejection.raw] {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        self.make_room(bytes.len());
        self.before = Before { file, line: rejection.line, ..self.before };
        match self.block.get_mut(self.at..self.at + bytes.len()) {
            Some(room) => room.copy_from_slice(&bytes),
            // A header may name a column with more letters than a block has bytes.
            None => self.failed = true,
        }
        self.at += bytes.len();
    }

    /// Puts the block away when it has no room for so many bytes and its end.
    #[inline]
    fn make_room(&mut self, bytes: usize) {
        if self.at + bytes + 2 > BLOCK {
            self.put_away();
        }
    }

    #[cold]
    fn put_away(&mut self) {
        if let Some(end) = self.block.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut()) {
            *end = END.to_le_bytes();
        }
        self.at = 0;
        self.failed |= self.blocks.put(&mut self.block).is_err();
    }

    /// What was kept; `None` when not every row could be.
    pub(super) fn finish(mut self) -> Option<Kept> {
        self.put_away();
        let blocks = if self.failed { None } else { self.blocks.finish().ok() };
        let entry = Entry::Tick(TickRow::default());
        blocks.map(|blocks| Kept { blocks, block: Vec::new(), at: 0, before: Before::default(), entry })
    }
}

/// Writes one tick.
struct Pen<'a> {
    room: &'a mut [u8; ROOM],
    at: usize,
}

impl Pen<'_> {
    #[inline]
    fn put_at<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        if let Some(place) = self.room.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = bytes;
        }
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.put_at(self.at, bytes);
        self.at += N;
    }

    /// Writes a number in one, two, four or eight bytes; the width is 0, 1, 2 or 3.
    #[inline]
    fn number(&mut self, number: u64) -> u16 {
        let bits = u64::BITS - number.leading_zeros();
        let width = u16::from(bits > 8) + u16::from(bits > 16) + u16::from(bits > 32);
        self.put_at(self.at, number.to_le_bytes());
        self.at += 1 << width;
        width
    }

    /// Writes a place that does not follow from the one before.
    #[inline]
    fn place(&mut self, file: u32, line: u64, before: Before) -> u16 {
        if file == before.file && line == before.line.wrapping_add(1) {
            return 0;
        }
        self.put(file.to_le_bytes());
        self.put(line.to_le_bytes());
        PLACE
    }

    fn more(&mut self, tick: &TickRow) {
        let start = self.at;
        self.at += 2;
        let mut head = 0;
        if let Some(recv) = tick.recv {
            head |= RECV | self.number(zigzag(recv.get().wrapping_sub(tick.ts.get())));
        }
        if let Some(volume) = tick.cum_volume {
            head |= CUM_VOLUME | self.number(volume.get() as u64) << 2;
        }
        if let Some(bid) = tick.bid {
            head |= BID | self.number(bid.get() as u64) << 4;
        }
        if let Some(ask) = tick.ask {
            head |= ASK | self.number(ask.get() as u64) << 6;
        }
        head |= self.number(u64::from(tick.condition)) << 8;
        self.put_at(start, head.to_le_bytes());
    }
}

/// The rows of a scan, as they were read.
#[derive(Debug)]
pub struct Kept {
    blocks: BlocksIn,
    block: Vec<u8>,
    at: usize,
    before: Before,
    entry: Entry,
}

impl Kept {
    /// Steps to the next row; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`FileError::Kept`]: the disk does not give back what was put there.
    #[inline]
    pub fn step(&mut self) -> Result<Option<Merged<'_>>, FileError> {
        let lost = |source| FileError::Kept { source };
        loop {
            let mut eye = Eye { bytes: &self.block, at: self.at };
            let Some(head) = eye.head().filter(|head| head & END == 0) else {
                if !self.blocks.take(&mut self.block).map_err(lost)? {
                    return Ok(None);
                }
                self.at = 0;
                continue;
            };
            let read = match head & (REJECTED | BAR) {
                0 => eye.tick(head, &mut self.before, &mut self.entry),
                BAR => eye.bar(head, &mut self.before, &mut self.entry),
                _ => eye.rejection(&mut self.before, &mut self.entry),
            };
            self.at = eye.at;
            return match read {
                Some(()) => Ok(Some(Merged { file: self.before.file as usize, entry: &self.entry })),
                None => Err(lost(io::Error::from(io::ErrorKind::InvalidData))),
            };
        }
    }
}

/// Reads a block. `None` where the block ends.
struct Eye<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Eye<'a> {
    #[inline]
    fn get<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(bytes)
    }

    #[inline]
    fn head(&mut self) -> Option<u16> {
        self.get().map(u16::from_le_bytes)
    }

    /// A number of the width in the lowest two bits.
    #[inline]
    fn number(&mut self, width: u16) -> Option<u64> {
        let bytes = self.bytes.get(self.at..)?.first_chunk()?;
        let count = 1 << (width & 3);
        self.at += count;
        Some(u64::from_le_bytes(*bytes) & u64::MAX >> (64 - 8 * count))
    }

    #[inline]
    fn number_if(&mut self, there: bool, width: u16) -> Option<Option<i64>> {
        if there { self.number(width).map(|number| Some(number as i64)) } else { Some(None) }
    }

    #[inline]
    fn place(&mut self, head: u16, before: &mut Before) -> Option<()> {
        before.line = before.line.wrapping_add(1);
        if head & PLACE != 0 {
            before.file = u32::from_le_bytes(self.get()?);
            before.line = u64::from_le_bytes(self.get()?);
        }
        Some(())
    }

    fn bar(&mut self, head: u16, before: &mut Before, entry: &mut Entry) -> Option<()> {
        self.place(head, before)?;
        before.ts = before.ts.wrapping_add(unzigzag(self.number(head)?));
        let symbol = SymbolId(self.number(head >> 2)? as u32);
        let open = Price::new(self.number(head >> 4)? as i64);
        let volume = Qty::new(self.number(head >> 6)? as i64);
        let mut price = || self.get().map(i64::from_le_bytes).map(Price::new);
        let (high, low, close) = (price()?, price()?, price()?);
        *entry =
            Entry::Bar(BarRow { line: before.line, symbol, start: Ts::new(before.ts), open, high, low, close, volume });
        Some(())
    }

    #[inline]
    fn tick(&mut self, head: u16, before: &mut Before, entry: &mut Entry) -> Option<()> {
        self.place(head, before)?;
        before.ts = before.ts.wrapping_add(unzigzag(self.number(head)?));
        // Field by field where it stays: a row put together elsewhere would be read before its parts have been written.
        let tick = entry.tick_mut()?;
        tick.line = before.line;
        tick.symbol = SymbolId(self.number(head >> 2)? as u32);
        tick.ts = Ts::new(before.ts);
        tick.price = Price::new(self.number(head >> 4)? as i64);
        tick.qty = self.number_if(head & QTY != 0, head >> 6)?.map(Qty::new);
        tick.duplicate = head & DUPLICATE != 0;
        tick.step_back = head & STEP_BACK != 0;
        if head & MORE == 0 {
            (tick.recv, tick.cum_volume, tick.bid, tick.ask, tick.condition) = (None, None, None, None, 0);
            return Some(());
        }
        self.more(tick)
    }

    fn more(&mut self, tick: &mut TickRow) -> Option<()> {
        let head = self.head()?;
        let recv = self.number_if(head & RECV != 0, head)?;
        tick.recv = recv.map(|after| Ts::new(tick.ts.get().wrapping_add(unzigzag(after as u64))));
        tick.cum_volume = self.number_if(head & CUM_VOLUME != 0, head >> 2)?.map(Qty::new);
        tick.bid = self.number_if(head & BID != 0, head >> 4)?.map(Price::new);
        tick.ask = self.number_if(head & ASK != 0, head >> 6)?.map(Price::new);
        tick.condition = self.number(head >> 8)? as u32;
        Some(())
    }

    #[cold]
    fn rejection(&mut self, before: &mut Before, entry: &mut Entry) -> Option<()> {
        before.file = u32::from_le_bytes(self.get()?);
        before.line = u64::from_le_bytes(self.get()?);
        let [has_column] = self.get()?;
        let (file, column) = (self.text()?, self.text()?);
        *entry = Entry::Rejected(Rejection {
            file,
            line: before.line,
            column: (has_column != 0).then_some(column),
            why: self.text()?,
            raw: self.text()?,
        });
        Some(())
    }

    fn text(&mut self) -> Option<String> {
        let length = u32::from_le_bytes(self.get()?) as usize;
        let bytes = self.bytes.get(self.at..)?.get(..length)?;
        self.at += length;
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    }
}

/// Small magnitudes of either sign to small numbers.
const fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn any_tick() -> impl Strategy<Value = TickRow> {
        let number = prop_oneof![0..300_i64, 0..70_000_i64, 0..5_000_000_000_i64, any::<i64>()];
        let place = (prop_oneof![Just(0_u64), any::<u64>()], any::<u32>());
        let first = (place, number.clone(), number.clone(), option::of(number.clone()), option::of(number.clone()));
        let rest =
            (option::of(number.clone()), option::of(number.clone()), option::of(number), 0..2_u32, any::<[bool; 2]>());
        (first, rest).prop_map(|((place, ts, price, recv, qty), (volume, bid, ask, condition, flags))| TickRow {
            line: place.0,
            symbol: SymbolId(place.1),
            ts: Ts::new(ts),
            recv: recv.map(Ts::new),
            price: Price::new(price),
            qty: qty.map(Qty::new),
            cum_volume: volume.map(Qty::new),
            bid: bid.map(Price::new),
            ask: ask.map(Price::new),
            condition: condition.wrapping_mul(0x9000_0001),
            duplicate: flags[0],
            step_back: flags[1],
        })
    }

    fn any_entry() -> impl Strategy<Value = Entry> {
        let rejection = (any::<u64>(), option::of("\\PC{0,20}"), "\\PC{0,40}", "\\PC{0,20}")
            .prop_map(|(line, column, why, raw)| Rejection { file: "a.csv".to_owned(), line, column, why, raw });
        prop_oneof![
            5 => any_tick().prop_map(Entry::Tick),
            4 => (any_tick(), any::<[i64; 3]>()).prop_map(|(tick, rest)| Entry::Bar(any_bar(&tick, rest))),
            1 => rejection.prop_map(Entry::Rejected)
        ]
    }

    fn any_bar(tick: &TickRow, rest: [i64; 3]) -> BarRow {
        let [high, low, close] = rest.map(Price::new);
        let (line, symbol, start, open) = (tick.line, tick.symbol, tick.ts, tick.price);
        BarRow { line, symbol, start, open, high, low, close, volume: tick.qty.unwrap_or_default() }
    }

    fn symbol(entry: &Entry) -> SymbolId {
        match entry {
            Entry::Tick(tick) => tick.symbol,
            Entry::Bar(bar) => bar.symbol,
            Entry::Rejected(_) => SymbolId::default(),
        }
    }

    fn keep(rows: &[(usize, Entry)]) -> Option<Kept> {
        let mut keeper = Keeper::new(Path::new("/nowhere"), 0);
        rows.iter().for_each(|(file, entry)| keeper.keep(Merged { file: *file, entry }, symbol(entry)));
        keeper.finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_was_kept_comes_back(rows in proptest::collection::vec((0..3_usize, any_entry()), 0..40), follow in any::<bool>()) {
            let mut rows = rows;
            if follow {
                (2..).zip(&mut rows).for_each(|(line, row)| if let Entry::Tick(tick) = &mut row.1 { tick.line = line });
            }
            // Some three blocks.
            let rows: Vec<_> = rows.iter().cycle().take(20_000).cloned().collect();
            let mut kept = keep(&rows).unwrap();
            for (file, entry) in &rows {
                prop_assert_eq!(kept.step().unwrap(), Some(Merged { file: *file, entry }));
            }
            prop_assert_eq!(kept.step().unwrap(), None);
        }
    }

    #[test]
    fn rows_that_have_no_room_are_not_kept_at_all() {
        let huge = Rejection {
            file: "a.csv".to_owned(),
            line: 2,
            column: Some("x".repeat(BLOCK)),
            why: String::new(),
            raw: String::new(),
        };
        let tick = Entry::Tick(TickRow { line: 2, ..TickRow::default() });
        assert!(keep(&[(0, tick.clone()), (0, Entry::Rejected(huge)), (0, tick)]).is_none());
    }
}
