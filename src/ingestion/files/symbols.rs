//! The symbols of one command, numbered.
//!
//! What it is: a table from a symbol's text to a dense number in order of first appearance, shared by all files of one
//! command. What it never does: know an instrument, a class or a session. Who calls it: the readers while they read,
//! and the importer to turn numbers back into names.

use std::collections::HashMap;

/// The dense number of a symbol within one command, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SymbolId(pub u32);

impl SymbolId {
    /// The number as an array index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The most symbols one command may hold: more of them mean that a wrong column was mapped.
pub const SYMBOLS_MAX: usize = 100_000;

/// The longest symbol, in bytes.
const SYMBOL_BYTES_MAX: usize = 64;

/// The table of symbols.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    ids: HashMap<Box<str>, SymbolId>,
    names: Vec<Box<str>>,
}

impl Symbols {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a symbol already clean; a new one gets the next number. `None` when there are [`SYMBOLS_MAX`].
    pub fn intern(&mut self, symbol: &str) -> Option<SymbolId> {
        if let Some(id) = self.ids.get(symbol) {
            return Some(*id);
        }
        if self.names.len() >= SYMBOLS_MAX {
            return None;
        }
        let id = SymbolId(u32::try_from(self.names.len()).ok()?);
        self.ids.insert(symbol.into(), id);
        self.names.push(symbol.into());
        Some(id)
    }

    /// The number of a symbol, if it has one.
    pub fn get(&self, symbol: &str) -> Option<SymbolId> {
        self.ids.get(symbol).copied()
    }

    /// The symbol of a number.
    pub fn name(&self, id: SymbolId) -> Option<&str> {
        self.names.get(id.index()).map(AsRef::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The symbols in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }
}

/// Reads a symbol as typed in a cell or an option: trimmed, `NSE:X` as `X`, other `EXCHANGE:SYMBOL` as they stand.
///
/// # Errors
///
/// A phrase that says what is wrong: empty, not text, too long, control characters.
pub fn clean_symbol(cell: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(cell).map_err(|_| "is not UTF-8 text")?.trim();
    let symbol = text.strip_prefix("NSE:").unwrap_or(text).trim();
    if symbol.is_empty() {
        Err("is empty; a tradingsymbol such as HDFCBANK was expected")
    } else if symbol.len() > SYMBOL_BYTES_MAX {
        Err("is longer than 64 bytes; a tradingsymbol such as HDFCBANK was expected")
    } else if symbol.chars().any(is_unprintable) {
        Err("holds control characters; a tradingsymbol such as HDFCBANK was expected")
    } else {
        Ok(symbol)
    }
}

/// Control characters, and those that hide or turn the text around them.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cell: &str, expected: Option<&str>) {
        assert_eq!(clean_symbol(cell.as_bytes()).ok(), expected, "{cell:?}");
    }

    #[test]
    fn a_symbol_is_trimmed_and_loses_the_nse_prefix_alone() {
        check(" HDFCBANK ", Some("HDFCBANK"));
        check("NSE:HDFCBANK", Some("HDFCBANK"));
        check("BSE:HDFCBANK", Some("BSE:HDFCBANK"));
        check("M&M", Some("M&M"));
        check("NIFTY 50", Some("NIFTY 50"));
        check("NSE:", None);
        check("  ", None);
        check("A\u{7}B", None);
    }

    #[test]
    fn numbers_are_dense_in_order_of_first_appearance() {
        let mut symbols = Symbols::new();
        assert_eq!(symbols.intern("B"), Some(SymbolId(0)));
        assert_eq!(symbols.intern("A"), Some(SymbolId(1)));
        assert_eq!(symbols.intern("B"), Some(SymbolId(0)));
        assert_eq!(symbols.iter().collect::<Vec<_>>(), ["B", "A"]);
        assert_eq!(symbols.name(SymbolId(1)), Some("A"));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut symbols = Symbols::new();
        for n in 0..SYMBOLS_MAX {
            assert!(symbols.intern(&n.to_string()).is_some());
        }
        assert_eq!(symbols.intern("one more"), None);
        assert_eq!(symbols.intern("7"), Some(SymbolId(7)));
    }
}
