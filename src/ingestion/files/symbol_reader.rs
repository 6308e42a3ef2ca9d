//! The symbol of a row, from its cell or from the options.
//!
//! What it is: a small memory of cells already judged, in front of the table of symbols: a file holds the same few
//! symbols over and over. What it never does: number a symbol itself. Who calls it: the row checks.

use super::cell::{Cell, Cells};
use super::check::Refusal;
use super::columns::SymbolSlot;
use super::number::word;
use super::symbols::{SymbolId, Symbols, clean_symbol};

/// How many cells are remembered, a power of two: an NSE session has about 2,500 symbols.
const REMEMBERED: usize = 4_096;

/// A cell of up to 16 bytes as two words and its length.
type Key = (u64, u64, u8);

/// Reads symbols.
#[derive(Debug)]
pub(super) struct SymbolReader {
    slot: SymbolSlot,
    /// Cells and their symbols, each in the place that its bytes say. No cell has no bytes.
    remembered: Vec<(Key, SymbolId)>,
}

impl SymbolReader {
    pub(super) fn new(slot: SymbolSlot) -> Self {
        let places = match slot {
            SymbolSlot::Fixed(_) => 0,
            SymbolSlot::Column(_) => REMEMBERED,
        };
        Self { slot, remembered: vec![((0, 0, 0), SymbolId::default()); places] }
    }

    #[inline]
    pub(super) fn read(&mut self, cells: &impl Cells, symbols: &mut Symbols) -> Result<SymbolId, Refusal> {
        let column = match self.slot {
            SymbolSlot::Fixed(id) => return Ok(id),
            SymbolSlot::Column(column) => column,
        };
        let known = cells.double_word(column).map(|word| {
            let key = (word.bytes as u64, (word.bytes >> 64) as u64, word.length as u8);
            self.remembered.get(place(key)).filter(|known| known.0 == key)
        });
        match known.flatten() {
            Some((_, id)) => Ok(*id),
            None => self.search(cells, column, symbols),
        }
    }

    /// The symbol of a cell that is not remembered as it stands.
    #[inline(never)]
    fn search(&mut self, cells: &impl Cells, column: usize, symbols: &mut Symbols) -> Result<SymbolId, Refusal> {
        let cell = cells.cell(column);
        let key = if let Cell::Text(text) = cell { key(text) } else { None };
        match key.and_then(|key| self.remembered.get(place(key)).filter(|known| known.0 == key)) {
            Some((_, id)) => Ok(*id),
            None => self.judge(cell, key, column, symbols),
        }
    }

    /// Judges a cell that is not remembered.
    #[cold]
    fn judge(
        &mut self,
        cell: Cell<'_>,
        key: Option<Key>,
        column: usize,
        symbols: &mut Symbols,
    ) -> Result<SymbolId, Refusal> {
        let refuse = |why: &str| Refusal::Row { column: Some(column), why: format!("the symbol {why}") };
        let Cell::Text(text) = cell else {
            return Err(refuse("is empty; a tradingsymbol such as HDFCBANK was expected"));
        };
        let symbol = clean_symbol(text).map_err(refuse)?;
        let id = symbols.intern(symbol).ok_or(Refusal::TooManySymbols { column })?;
        if let Some(key) = key
            && let Some(known) = self.remembered.get_mut(place(key))
        {
            *known = (key, id);
        }
        Ok(id)
    }
}

/// The key of a cell that is neither empty nor longer than 16 bytes.
#[inline]
fn key(text: &[u8]) -> Option<Key> {
    let count = u8::try_from(text.len()).ok().filter(|count| *count > 0)?;
    match text.split_first_chunk::<8>() {
        Some((head, tail)) => Some((u64::from_le_bytes(*head), word(tail)?, count)),
        None => Some((word(text)?, 0, count)),
    }
}

/// The place of a key among [`REMEMBERED`].
#[inline]
fn place((head, tail, _): Key) -> usize {
    let mixed = (head ^ tail.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - REMEMBERED.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Row<'a>(&'a [u8]);

    impl Cells for Row<'_> {
        fn cell(&self, _: usize) -> Cell<'_> {
            Cell::Text(self.0)
        }
    }

    #[test]
    fn cells_of_one_symbol_have_one_number_and_empty_ones_none() {
        let (mut reader, mut symbols) = (SymbolReader::new(SymbolSlot::Column(0)), Symbols::new());
        let mut read = |cell: &[u8]| reader.read(&Row(cell), &mut symbols).map(|id| id.0).ok();
        assert_eq!([read(b"A"), read(b"NSE:A"), read(b"B"), read(b"A"), read(b"NSE:A")], [0, 0, 1, 0, 0].map(Some));
        assert_eq!([read(b""), read(b"NSE:"), read(b"A\0"), read(b"\0"), read(b"\0")], [None; 5]);
    }

    proptest! {
        #[test]
        fn the_memory_changes_no_number(cells in proptest::collection::vec("[A-C]{0,2}(NIFTYBANK)?[A-C]{0,9}", 1..60)) {
            let (mut reader, mut symbols) = (SymbolReader::new(SymbolSlot::Column(0)), Symbols::new());
            let mut plain = Symbols::new();
            for cell in cells {
                let found = reader.read(&Row(cell.as_bytes()), &mut symbols).ok();
                prop_assert_eq!(found, clean_symbol(cell.as_bytes()).ok().and_then(|symbol| plain.intern(symbol)));
            }
        }
    }
}
