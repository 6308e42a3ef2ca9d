//! The universe: the instruments that the desk watches, with their sector and class, and what is kept of each.
//!
//! What it never does: reach the network, or guess at a row. A symbol that it does not list counts as a cash stock. Who
//! calls it: whatever opens a session and needs the class of a symbol, and the feed, for what to subscribe.

use std::collections::BTreeMap;
use std::path::Path;

use barkeep_schemas::InstrumentClass;
use serde::Serialize;

use super::finding::{Finding, Known, Listed, Problem, sorted};
use super::sheet;

const BUILTIN: &str = include_str!("../../configs/universe.csv");
const BUILTIN_NAME: &str = "configs/universe.csv (built in)";
const COLUMNS: [&str; 6] = ["exchange", "tradingsymbol", "sector", "class", "subscribe", "record_depth"];
const EXCHANGES: [&str; 2] = ["NSE", "BSE"];
const CLASSES: [(&str, InstrumentClass); 2] =
    [("cash", InstrumentClass::Cash), ("derivatives", InstrumentClass::Derivatives)];
const TRUTHS: [(&str, bool); 2] = [("true", true), ("false", false)];

/// One instrument of the universe.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Member {
    /// Its symbol on the surface: the tradingsymbol for NSE, `EXCHANGE:SYMBOL` otherwise.
    pub symbol: String,
    /// Its exchange, `NSE` or `BSE`.
    pub exchange: String,
    /// The exchange's own name for it: `BAJAJ-AUTO`, `M&M`.
    pub tradingsymbol: String,
    /// Its sector, for people.
    pub sector: String,
    /// Whose hours it keeps.
    pub class: InstrumentClass,
    /// Whether the feed subscribes it.
    pub subscribe: bool,
    /// Whether five levels of its order book are kept.
    pub record_depth: bool,
}

/// The instruments by symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Universe {
    members: BTreeMap<String, Member>,
}

/// Why a universe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UniverseError {
    /// The file cannot be read: name another, or mend its permissions.
    #[error("cannot read the universe {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Rows are wrong: mend every finding.
    #[error("{file} is refused: {}", Listed(findings))]
    Refused {
        /// The file.
        file: String,
        /// All that is wrong with it.
        findings: Vec<Finding>,
    },
}

impl Universe {
    /// The list that this build carries.
    ///
    /// # Errors
    /// [`UniverseError::Refused`] when the file was built in with a mistake, which a test excludes.
    pub fn builtin() -> Result<Self, UniverseError> {
        Self::from_csv(BUILTIN, BUILTIN_NAME)
    }

    /// The commented text of the built-in list, for `init` to write.
    pub const fn builtin_text() -> &'static str {
        BUILTIN
    }

    /// Reads a file, or the built-in list when none is named.
    ///
    /// # Errors
    /// [`UniverseError::Unreadable`] and [`UniverseError::Refused`].
    pub fn load(file: Option<&Path>) -> Result<Self, UniverseError> {
        let Some(path) = file else { return Self::builtin() };
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::from_csv(&text, &file),
            Err(source) => Err(UniverseError::Unreadable { file, source }),
        }
    }

    /// Reads a CSV with the columns exchange, tradingsymbol, sector, class (`cash` or `derivatives`), subscribe and
    /// record_depth (`true` or `false`), in any order; `file_name` is its name in errors.
    ///
    /// # Errors
    /// [`UniverseError::Refused`] with every unknown column, wrong cell and repeated symbol, or when there is no row.
    pub fn from_csv(text: &str, file_name: &str) -> Result<Self, UniverseError> {
        let mut findings = Vec::new();
        let rows = sheet::read(text, file_name, COLUMNS, &mut findings);
        let mut members = BTreeMap::new();
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        for row in rows {
            let mut reader = RowReader { file: file_name, line: row.line, findings: &mut findings };
            let Some(member) = reader.member(row.cells) else { continue };
            if let Some(first_line) = lines.get(&member.symbol).copied() {
                reader.report("tradingsymbol", Problem::Repeated { name: member.symbol, first_line });
            } else {
                lines.insert(member.symbol.clone(), row.line);
                members.insert(member.symbol.clone(), member);
            }
        }
        if members.is_empty() && findings.is_empty() {
            let problem = Problem::Missing { expected: "at least one instrument".to_owned() };
            findings.push(Finding { file: file_name.to_owned(), line: None, place: String::new(), problem });
        }
        if findings.is_empty() {
            Ok(Self { members })
        } else {
            Err(UniverseError::Refused { file: file_name.to_owned(), findings: sorted(findings) })
        }
    }

    /// The instruments by rising symbol.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// An instrument by its symbol; `NSE:X` is read as `X`.
    pub fn get(&self, symbol: &str) -> Option<&Member> {
        self.members.get(symbol.strip_prefix("NSE:").unwrap_or(symbol))
    }

    /// The class of a symbol; cash when it is not listed.
    pub fn class_of(&self, symbol: &str) -> InstrumentClass {
        self.get(symbol).map_or(InstrumentClass::Cash, |member| member.class)
    }
}

/// Reads the cells of one row and reports what is wrong with them.
struct RowReader<'a> {
    file: &'a str,
    line: u64,
    findings: &'a mut Vec<Finding>,
}

impl RowReader<'_> {
    fn report(&mut self, column: &str, problem: Problem) {
        let (file, line, place) = (self.file.to_owned(), Some(self.line), column.to_owned());
        self.findings.push(Finding { file, line, place, problem });
    }

    /// The instrument; every cell is looked at before a wrong one ends the reading.
    fn member(&mut self, [exchange, tradingsymbol, sector, class, subscribe, depth]: [String; 6]) -> Option<Member> {
        let exchanges = EXCHANGES.map(|name| (name, ()));
        let known_exchange = self.name("exchange", "exchange", &exchange, &exchanges);
        let named = self.tradingsymbol(&tradingsymbol);
        let class = self.name("class", "class", &class, &CLASSES);
        let subscribe = self.name("subscribe", "value", &subscribe, &TRUTHS);
        let record_depth = self.name("record_depth", "value", &depth, &TRUTHS);
        known_exchange?;
        named?;
        let symbol = if exchange == "NSE" { tradingsymbol.clone() } else { format!("{exchange}:{tradingsymbol}") };
        Some(Member {
            symbol,
            exchange,
            tradingsymbol,
            sector,
            class: class?,
            subscribe: subscribe?,
            record_depth: record_depth?,
        })
    }

    fn name<T: Copy>(&mut self, column: &str, what: &'static str, cell: &str, names: &[(&str, T)]) -> Option<T> {
        let found = names.iter().find(|(name, _)| *name == cell).map(|(_, value)| *value);
        if found.is_none() {
            let known = Known::near(cell, names.iter().map(|(name, _)| name));
            self.report(column, Problem::UnknownName { name: cell.to_owned(), what, known });
        }
        found
    }

    fn tradingsymbol(&mut self, cell: &str) -> Option<()> {
        let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"&-_.".contains(&byte);
        if !cell.is_empty() && cell.bytes().all(fits) {
            return Some(());
        }
        let found = format!("\"{}\"", cell.escape_debug());
        let expected = "a tradingsymbol of A-Z, 0-9, &, -, _ and . alone".to_owned();
        self.report("tradingsymbol", Problem::Unfit { found, expected });
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "exchange,tradingsymbol,sector,class,subscribe,record_depth\n";

    fn refused(rows: &str, expected: &[&str]) {
        let findings = match Universe::from_csv(&format!("{HEADER}{rows}"), "u.csv") {
            Err(UniverseError::Refused { findings, .. }) => findings,
            other => panic!("expected a refusal, found {other:?}"),
        };
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_built_in_list_holds_the_stocks_that_the_desk_knows() {
        let universe = Universe::builtin().unwrap();
        for symbol in ["HDFCBANK", "ICICIBANK", "RELIANCE", "INFY", "TCS", "BAJAJ-AUTO", "M&M", "SBIN", "NSE:LT"] {
            assert_eq!(universe.class_of(symbol), InstrumentClass::Derivatives, "{symbol}");
        }
        for symbol in ["JUNIORBEES", "NO-SUCH-STOCK", ""] {
            assert_eq!(universe.class_of(symbol), InstrumentClass::Cash, "{symbol}");
        }
        let cash = universe.members().filter(|member| member.class == InstrumentClass::Cash).count();
        assert_eq!((universe.members().count(), cash), (70, 10));
    }

    #[test]
    fn an_instrument_of_another_exchange_keeps_its_prefix() {
        let universe = Universe::from_csv(
            "class,exchange,tradingsymbol,sector,subscribe,record_depth\nderivatives,BSE,SENSEX.1,,true,false\n",
            "u.csv",
        );
        let universe = universe.unwrap();
        assert_eq!(universe.class_of("BSE:SENSEX.1"), InstrumentClass::Derivatives);
        assert_eq!(universe.class_of("SENSEX.1"), InstrumentClass::Cash);
    }

    #[test]
    fn every_wrong_cell_is_reported_with_its_line() {
        refused(
            "NSE,SBIN,Banks,derivatives,true,false\nNES,sbin,Banks,derivative,yes,\n# pause\nNSE,SBIN,Banks,cash,true,true\n",
            &[
                "u.csv:3: exchange: `NES` is no known exchange: expected one of `NSE`, `BSE`",
                "u.csv:3: tradingsymbol: found \"sbin\", expected a tradingsymbol of A-Z, 0-9, &, -, _ and . alone",
                "u.csv:3: class: `derivative` is no known class: did you mean `derivatives`?",
                "u.csv:3: subscribe: `yes` is no known value: expected one of `true`, `false`",
                "u.csv:3: record_depth: `` is no known value: expected one of `true`, `false`",
                "u.csv:5: tradingsymbol: `SBIN` is already on line 2: keep one of the two",
            ],
        );
        refused(
            "NSE,BTC,,always,true,true\n",
            &["u.csv:2: class: `always` is no known class: expected one of `cash`, `derivatives`"],
        );
    }

    #[test]
    fn a_list_without_instruments_is_refused() {
        refused("", &["u.csv: missing: expected at least one instrument"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC*", rows in "[A-Z,\"\r\n#é]{0,60}") {
            let _ = Universe::from_csv(&text, "u.csv");
            let _ = Universe::from_csv(&format!("{HEADER}{rows}"), "u.csv");
        }
    }
}
