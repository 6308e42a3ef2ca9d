//! How files are to be read, and the identity of reading them so.
//!
//! What it is: the checked options of one command, their canonical line and the import's id. What it never does: open
//! a file. Who calls it: the command line builds it; readers, scan and import take it.

use barkeep_schemas::{FileKind, Hash32, NANOS, SessionDate};
use jiff::tz::TimeZone;

use super::error::OptionsError;
use super::mapping::{Field, Mapping, TimeUnit, Unit};
use super::symbols::clean_symbol;

/// How far a row may step back before it is refused, unless said otherwise: 120 s.
pub const MAX_STEP_BACK_NS: i64 = 120 * NANOS;

/// The format of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// Comma-separated text; also a zip archive that holds exactly one such file.
    Csv,
    /// The JSON of Kite's historical candles.
    Kite,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Kite, Self::Parquet];

    /// The name on the surface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Kite => "kite",
            Self::Parquet => "parquet",
        }
    }

    /// Reads [`Format::name`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == text)
    }
}

/// How the files of one command are read.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The format of all of them.
    pub format: Format,
    /// Ticks or bars.
    pub kind: FileKind,
    /// Columns of fields. A required field (and the symbol) that it does not name, and without a mapping every field,
    /// is looked up by its usual header names.
    pub mapping: Option<Mapping>,
    /// Whether the first line of a CSV names its columns.
    pub has_header: bool,
    /// The zone of times that carry none, and of calendar dates.
    pub zone: TimeZone,
    /// The date of times of day.
    pub date: Option<SessionDate>,
    /// Whose rows they are, when no column says so: one symbol for all files, or one for each.
    pub symbols: Vec<String>,
    /// The zone of calendar dates, where it is not [`FileOptions::zone`].
    pub date_zone: Option<TimeZone>,
    /// A tick farther than this before the latest time of its file is refused; nanoseconds, default
    /// [`MAX_STEP_BACK_NS`].
    pub max_step_back_ns: i64,
}

impl FileOptions {
    /// Options with a header, without mapping, date and symbol.
    pub fn new(format: Format, kind: FileKind, zone: TimeZone) -> Self {
        Self {
            format,
            kind,
            mapping: None,
            has_header: true,
            zone,
            date: None,
            symbols: Vec::new(),
            date_zone: None,
            max_step_back_ns: MAX_STEP_BACK_NS,
        }
    }

    /// Whether any time counts from the midnight of [`FileOptions::date`].
    pub fn counts_from_midnight(&self) -> bool {
        let by_day = |mapping: &Mapping| mapping.iter().any(|mapped| mapped.unit == Unit::Time(TimeUnit::MsOfDay));
        self.mapping.as_ref().is_some_and(by_day)
    }

    /// The options of one of `count` files: with its own symbol where each file has one.
    ///
    /// # Errors
    ///
    /// [`OptionsError::SymbolCount`] when there are several symbols, and not as many as files.
    pub fn of_file(&self, file: usize, count: usize) -> Result<Self, OptionsError> {
        let mut own = self.clone();
        if self.symbols.len() > 1 {
            if self.symbols.len() != count {
                return Err(OptionsError::SymbolCount { symbols: self.symbols.len(), files: count });
            }
            own.symbols = self.symbols.get(file).cloned().into_iter().collect();
        }
        Ok(own)
    }

    /// Checks what can be checked without a file.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] names the options that contradict each other.
    pub fn check(&self) -> Result<(), OptionsError> {
        for symbol in &self.symbols {
            clean_symbol(symbol.as_bytes()).map_err(|why| OptionsError::Symbol { symbol: symbol.clone(), why })?;
        }
        if self.format == Format::Kite {
            return self.check_kite();
        }
        let Some(mapping) = &self.mapping else {
            return if self.format == Format::Csv && !self.has_header {
                Err(OptionsError::NoHeaderNoMapping { example: example_by_number(self.kind) })
            } else {
                Ok(())
            };
        };
        mapping.iter().try_for_each(|mapped| {
            if !Field::of(self.kind).contains(&mapped.field) {
                let fields: Vec<&str> = Field::of(self.kind).iter().map(|field| field.name()).collect();
                Err(OptionsError::FieldOfOtherKind { field: mapped.field, kind: self.kind, fields: fields.join(" ") })
            } else if mapped.unit == Unit::Time(TimeUnit::MsOfDay) && self.date.is_none() {
                Err(OptionsError::NoDate { field: mapped.field })
            } else {
                Ok(())
            }
        })
    }

    fn check_kite(&self) -> Result<(), OptionsError> {
        if self.kind != FileKind::Bars {
            Err(OptionsError::KiteTicks)
        } else if self.mapping.is_some() {
            Err(OptionsError::KiteMapping)
        } else {
            Ok(())
        }
    }
}

const fn example_by_number(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Ticks => "time=1,price=2,qty=3",
        FileKind::Bars => "time=1,open=2,high=3,low=4,close=5,volume=6",
    }
}

/// The options in one line, with the columns that they came to ([`super::Scan::columns`]): the same meaning gives the same
/// line, however it was typed. It goes into [`import_id`] and onto the tape.
pub fn describe(options: &FileOptions, columns: &str) -> String {
    let mut line = format!("kind={} format={}", options.kind.name(), options.format.name());
    line.push_str(&format!(" columns={columns}"));
    if options.format == Format::Csv {
        line.push_str(if options.has_header { " header=yes" } else { " header=no" });
    }
    line.push_str(&format!(" tz={}", zone_name(&options.zone)));
    if let Some(date) = options.date {
        line.push_str(&format!(" date={date}"));
    }
    if !options.symbols.is_empty() {
        let clean = options.symbols.iter().map(|symbol| clean_symbol(symbol.as_bytes()).unwrap_or(symbol));
        line.push_str(&format!(" symbol={}", clean.collect::<Vec<_>>().join(",")));
    }
    if options.kind == FileKind::Ticks {
        line.push_str(&format!(" max_step_back_ns={}", options.max_step_back_ns));
    }
    line
}

fn zone_name(zone: &TimeZone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => offset.to_string(),
        (None, Err(_)) => "unnamed".to_owned(),
    }
}

/// The identity of an import: the same files in the same order, read under the same canonical options.
pub fn import_id(kind: FileKind, hashes: &[Hash32], canonical_options: &str) -> Hash32 {
    let mut hasher = blake3::Hasher::new_derive_key("barkeep 2026 import id, version 1");
    hasher.update(&[kind.code()]);
    hasher.update(&(hashes.len() as u64).to_le_bytes());
    for hash in hashes {
        hasher.update(&hash.0);
    }
    hasher.update(canonical_options.as_bytes());
    Hash32(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> FileOptions {
        FileOptions::new(Format::Csv, FileKind::Ticks, TimeZone::get("America/New_York").unwrap())
    }

    #[test]
    fn the_description_is_one_canonical_line() {
        let mut options = options();
        assert_eq!(
            describe(&options, "time@1:iso"),
            "kind=ticks format=csv columns=time@1:iso header=yes tz=America/New_York max_step_back_ns=120000000000"
        );
        options.mapping = Some(Mapping::parse("price=2:10000,time=1:ms_of_day").unwrap());
        options.has_header = false;
        options.date = SessionDate::from_ymd(2013, 10, 7);
        options.symbols = vec![" NSE:AIG ".to_owned()];
        assert_eq!(
            describe(&options, "time@1:ms_of_day+price@2:1e4"),
            "kind=ticks format=csv columns=time@1:ms_of_day+price@2:1e4 header=no tz=America/New_York date=2013-10-07 \
             symbol=AIG max_step_back_ns=120000000000"
        );
    }

    #[test]
    fn the_id_changes_with_everything_that_changes_the_meaning() {
        let (a, b) = (Hash32([1; 32]), Hash32([2; 32]));
        let ids = [
            import_id(FileKind::Ticks, &[a, b], "x"),
            import_id(FileKind::Bars, &[a, b], "x"),
            import_id(FileKind::Ticks, &[b, a], "x"),
            import_id(FileKind::Ticks, &[a], "x"),
            import_id(FileKind::Ticks, &[a, b], "y"),
        ];
        for (at, id) in ids.iter().enumerate() {
            assert!(ids.iter().skip(at + 1).all(|other| other != id));
        }
        assert_eq!(ids[0], import_id(FileKind::Ticks, &[a, b], "x"));
    }

    fn check(change: impl FnOnce(&mut FileOptions), expected: &str) {
        let mut options = options();
        change(&mut options);
        assert_eq!(options.check().map_or_else(|error| error.to_string(), |()| "fine".to_owned()), expected);
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        check(|_| {}, "fine");
        check(|o| o.format = Format::Kite, "--format kite holds candles; give --kind bars");
        check(
            |o| o.has_header = false,
            "a file without a header needs --map with column numbers, such as `--map time=1,price=2,qty=3`",
        );
        check(
            |o| o.mapping = Mapping::parse("open=1").ok(),
            "the field open is not one of --kind ticks; its fields are: time recv_time symbol price qty cum_volume bid \
             ask condition",
        );
        check(
            |o| o.mapping = Mapping::parse("time=1:ms_of_day").ok(),
            "time counts milliseconds of a day; say which day: --date YYYY-MM-DD",
        );
        check(
            |o| o.symbols = vec![" ".to_owned()],
            "--symbol ` ` is empty; a tradingsymbol such as HDFCBANK was expected",
        );
    }
}
