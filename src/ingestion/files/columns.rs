//! The fields of one file, each bound to a column.
//!
//! What it is: a mapping (or the usual header names) matched with the columns that a file has. What it never does: read
//! a row. Who calls it: a reader, once, when it opens a file.

use barkeep_schemas::FileKind;

use super::error::{FileError, nearest_of};
use super::mapping::{ColumnName, Field, MappedColumn, TimeUnit, Unit};
use super::options::{FileOptions, Format};
use super::symbols::{SymbolId, Symbols, clean_symbol};

/// The column of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    /// Its number, from 0.
    pub(super) column: usize,
    /// Its unit.
    pub(super) unit: Unit,
}

impl Slot {
    /// The unit of a time column.
    pub(super) fn time_unit(self) -> TimeUnit {
        if let Unit::Time(unit) = self.unit { unit } else { TimeUnit::Iso }
    }

    /// The power of ten that a price column is divided by.
    pub(super) fn divisor(self) -> u8 {
        if let Unit::Divisor(power) = self.unit { power } else { 0 }
    }
}

/// Where a row's symbol comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SymbolSlot {
    /// From the options: all rows have this one.
    Fixed(SymbolId),
    /// From a column.
    Column(usize),
}

/// The columns of one file.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    slots: Vec<(Field, Slot)>,
    /// The symbol's place.
    pub(super) symbol: SymbolSlot,
}

/// A file as far as binding needs to know it.
pub(super) struct Header<'a> {
    /// The file as typed.
    pub(super) file: &'a str,
    /// The names of its columns; `None` without a header.
    pub(super) names: Option<&'a [String]>,
    /// How many columns it has.
    pub(super) width: usize,
}

impl Columns {
    /// Binds the fields of `options.kind` to the columns of a file.
    pub(super) fn bind(header: &Header<'_>, options: &FileOptions, symbols: &mut Symbols) -> Result<Self, FileError> {
        let mut slots = Vec::new();
        for field in Field::of(options.kind).iter().copied().filter(|field| *field != Field::Symbol) {
            if let Some(slot) = header.slot(field, options)? {
                slots.push((field, slot));
            }
        }
        let symbol = header.symbol(options, symbols)?;
        Ok(Self { slots, symbol })
    }

    /// The slot of a field, if it is bound.
    pub(super) fn get(&self, field: Field) -> Option<Slot> {
        self.slots.iter().find(|(bound, _)| *bound == field).map(|(_, slot)| *slot)
    }

    /// The bound fields with their slots, the symbol's included.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Field, Slot)> {
        let symbol = match self.symbol {
            SymbolSlot::Fixed(_) => None,
            SymbolSlot::Column(column) => Some((Field::Symbol, Slot { column, unit: Unit::Plain })),
        };
        self.slots.iter().copied().chain(symbol)
    }
}

impl Header<'_> {
    fn slot(&self, field: Field, options: &FileOptions) -> Result<Option<Slot>, FileError> {
        let required = field.required(options.kind);
        let mapped = options.mapping.as_ref().map(|mapping| mapping.get(field));
        match mapped {
            Some(Some(mapped)) => self.mapped(mapped).map(Some),
            Some(None) if !required => Ok(None),
            Some(None) | None => {
                if mapped.is_none() && field == Field::Qty {
                    self.refuse_bare_volume(options.kind)?;
                }
                match self.usual(field, options.kind) {
                    Some(column) => Ok(Some(Slot { column, unit: field.default_unit() })),
                    None if required => Err(self.missing_usual(field, options)),
                    None => Ok(None),
                }
            }
        }
    }

    /// The column of an explicit mapping.
    fn mapped(&self, mapped: &MappedColumn) -> Result<Slot, FileError> {
        let (field, unit) = (mapped.field, mapped.unit);
        match (&mapped.column, self.names) {
            (ColumnName::Number(number), _) => match number.checked_sub(1).filter(|column| *column < self.width) {
                Some(column) => Ok(Slot { column, unit }),
                None => Err(self.missing(field, format!("number {number}"), None)),
            },
            (ColumnName::Name(name), None) => {
                Err(FileError::NameWithoutHeader { file: self.file.to_owned(), field, column: name.clone() })
            }
            (ColumnName::Name(name), Some(names)) => {
                let mut found = names.iter().enumerate().filter(|(_, other)| *other == name).map(|(at, _)| at);
                match (found.next(), found.next()) {
                    (Some(column), None) => Ok(Slot { column, unit }),
                    (Some(first), Some(second)) => Err(FileError::TwoColumns {
                        file: self.file.to_owned(),
                        field,
                        column: name.clone(),
                        first: first + 1,
                        second: second + 1,
                    }),
                    (None, _) => {
                        let suggestion = nearest_of(name, names.iter().map(String::as_str));
                        Err(self.missing(field, format!("`{name}`"), suggestion))
                    }
                }
            }
        }
    }

    /// The column with one of the field's usual names, the first name that is there, whatever its case.
    fn usual(&self, field: Field, kind: FileKind) -> Option<usize> {
        let names = self.names?;
        usual_names(field, kind).iter().find_map(|usual| names.iter().position(|name| name.eq_ignore_ascii_case(usual)))
    }

    fn refuse_bare_volume(&self, kind: FileKind) -> Result<(), FileError> {
        let bare = self.names.and_then(|names| names.iter().find(|name| name.eq_ignore_ascii_case("volume")));
        let (FileKind::Ticks, Some(column)) = (kind, bare) else { return Ok(()) };
        let name_of = |field: Field| {
            let column = self.usual(field, kind).and_then(|at| self.names?.get(at));
            column.map_or_else(|| "COLUMN".to_owned(), Clone::clone)
        };
        Err(FileError::AmbiguousVolume {
            file: self.file.to_owned(),
            column: column.clone(),
            time: name_of(Field::Time),
            price: name_of(Field::Price),
        })
    }

    fn symbol(&self, options: &FileOptions, symbols: &mut Symbols) -> Result<SymbolSlot, FileError> {
        let mapped = options.mapping.as_ref().map(|mapping| mapping.get(Field::Symbol));
        let column = match mapped {
            Some(Some(mapped)) => Some(self.mapped(mapped)?.column),
            // A mapping that names no symbol column and a symbol in the options: the options say it.
            Some(None) if !options.symbols.is_empty() => None,
            Some(None) | None => self.usual(Field::Symbol, options.kind),
        };
        let file = self.file.to_owned();
        match (options.symbols.first(), column) {
            (None, Some(column)) => Ok(SymbolSlot::Column(column)),
            (None, None) => Err(FileError::NoSymbol { file }),
            (Some(symbol), Some(column)) => {
                let column = self.column_name(column);
                Err(FileError::TwoSymbols { file, symbol: symbol.clone(), column })
            }
            (Some(symbol), None) => {
                let id = clean_symbol(symbol.as_bytes()).ok().and_then(|clean| symbols.intern(clean));
                id.map(SymbolSlot::Fixed).ok_or(FileError::NoSymbol { file })
            }
        }
    }

    /// The name of a column for people: its name, or `number N`.
    pub(super) fn column_name(&self, column: usize) -> String {
        let name = self.names.and_then(|names| names.get(column));
        name.map_or_else(|| format!("number {}", column + 1), Clone::clone)
    }

    fn missing(&self, field: Field, wanted: String, suggestion: Option<String>) -> FileError {
        const SHOWN_MAX: usize = 40;
        let shown = self.width.min(SHOWN_MAX);
        let mut columns = match self.names {
            Some(_) => (0..shown).map(|at| format!("`{}`", self.column_name(at))).collect::<Vec<_>>().join(" "),
            None => format!("{} columns without names", self.width),
        };
        if self.names.is_some() && self.width > shown {
            columns.push_str(&format!(" and {} more", self.width - shown));
        }
        if let Some([only]) = self.names
            && only.contains([';', '\t', '|'])
        {
            columns.push_str(" (one column; the separator must be a comma)");
        }
        FileError::MissingColumn { file: self.file.to_owned(), field, wanted, suggestion, columns }
    }

    fn missing_usual(&self, field: Field, options: &FileOptions) -> FileError {
        let usual = usual_names(field, options.kind);
        let names = self.names.unwrap_or_default();
        let suggestion = usual.iter().find_map(|usual| nearest_of(usual, names.iter().map(String::as_str)));
        let wanted: Vec<String> = usual.iter().map(|name| format!("`{name}`")).collect();
        let how = match options.format {
            Format::Csv | Format::Parquet => format!(", map it with --map {field}=COLUMN"),
            Format::Kite => String::new(),
        };
        self.missing(field, format!("{}{how}", wanted.join(" or ")), suggestion)
    }
}

/// The header names under which a field is looked up without a mapping, best first; case does not matter.
const fn usual_names(field: Field, kind: FileKind) -> &'static [&'static str] {
    match field {
        Field::Time => &["time", "timestamp", "datetime", "date", "ts"],
        Field::RecvTime => &["recv_time"],
        Field::Symbol => &["symbol"],
        Field::Price => &["price", "ltp", "last_price", "last_traded_price"],
        Field::Qty => &["qty"],
        Field::CumVolume => &["cum_volume"],
        Field::Bid => &["bid"],
        Field::Ask => &["ask"],
        Field::Condition => &["condition"],
        Field::Open => &["open", "o"],
        Field::High => &["high", "h"],
        Field::Low => &["low", "l"],
        Field::Close => &["close", "c"],
        Field::Volume => match kind {
            FileKind::Bars => &["volume", "vol", "v"],
            FileKind::Ticks => &[],
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::ingestion::files::mapping::Mapping;

    fn check(kind: FileKind, map: &str, symbol: Option<&str>, header: &str, expected: &str) {
        let mut options = FileOptions::new(Format::Csv, kind, TimeZone::UTC);
        options.mapping = (!map.is_empty()).then(|| Mapping::parse(map).unwrap());
        options.symbols = symbol.map(str::to_owned).into_iter().collect();
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let header = Header { file: "f.csv", names: Some(&names), width: names.len() };
        let shown = match Columns::bind(&header, &options, &mut Symbols::new()) {
            Ok(columns) => columns.iter().map(|(field, slot)| format!("{field}={} ", slot.column)).collect(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown.trim(), expected, "{header}", header = names.join(","));
    }

    #[test]
    fn usual_names_are_found_whatever_their_case() {
        use FileKind::{Bars, Ticks};
        check(Ticks, "", None, "Timestamp,Symbol,LTP,qty", "time=0 price=2 qty=3 symbol=1");
        check(Bars, "", Some("A"), "Date,Open,High,Low,Close,Volume", "time=0 open=1 high=2 low=3 close=4 volume=5");
        check(Bars, "", Some("A"), "ts,o,h,l,c,vol", "time=0 open=1 high=2 low=3 close=4 volume=5");
        check(Ticks, "time=t", Some("A"), "t,ltp,qty", "time=0 price=1");
    }

    #[test]
    fn a_bare_volume_of_ticks_is_refused_with_both_ways_out() {
        check(
            FileKind::Ticks,
            "",
            Some("A"),
            "timestamp,ltp,volume",
            "f.csv: the column `volume` may be each trade's quantity or the day's running total; say which: \
             `--map time=timestamp,price=ltp,qty=volume` or `--map time=timestamp,price=ltp,cum_volume=volume`",
        );
    }

    #[test]
    fn a_missing_column_is_named_with_what_the_file_has() {
        check(
            FileKind::Ticks,
            "time=time,price=prize",
            Some("A"),
            "time,price",
            "f.csv: no column `prize` for the field price (did you mean `price`?); the file has: `time` `price`",
        );
        check(
            FileKind::Ticks,
            "time=1,price=3",
            Some("A"),
            "time,price",
            "f.csv: no column number 3 for the field price; the file has: `time` `price`",
        );
        check(
            FileKind::Bars,
            "",
            Some("A"),
            "time;open;high;low;close;volume",
            "f.csv: no column `time` or `timestamp` or `datetime` or `date` or `ts`, map it with --map time=COLUMN for \
             the field time (did you mean `time;open;high;low;close;volume`?); the file has: \
             `time;open;high;low;close;volume` (one column; the separator must be a comma)",
        );
    }

    #[test]
    fn the_symbol_comes_from_one_place() {
        check(
            FileKind::Ticks,
            "",
            None,
            "time,price",
            "f.csv: nothing says whose rows these are; give --symbol S, or map a column: `--map symbol=COLUMN`",
        );
        check(
            FileKind::Ticks,
            "",
            Some("A"),
            "time,price,symbol",
            "f.csv: both --symbol A and the column `symbol` say whose rows these are; drop one of them",
        );
        check(FileKind::Ticks, "time=time,price=price", Some("A"), "time,price,symbol", "time=0 price=1");
        check(FileKind::Ticks, "time=time,price=price", None, "time,price,symbol", "time=0 price=1 symbol=2");
    }

    #[test]
    fn a_name_borne_twice_is_mapped_by_number() {
        check(
            FileKind::Ticks,
            "time=time,price=p",
            Some("A"),
            "time,p,p",
            "f.csv: two columns are named `p` (numbers 2 and 3); map price by number",
        );
    }
}
