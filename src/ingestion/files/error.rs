//! Why a whole file, a mapping or a set of options cannot be used.
//!
//! What it is: the fatal errors of reading recorded files. What it never does: speak of one bad row; that is a
//! [`super::Rejection`] and never stops a file. Who calls it: everything under `files`, and who opens files with it.

use std::io;

use barkeep_schemas::FileKind;
use thiserror::Error;

use super::mapping::Field;

/// A file cannot be read, or cannot be read as it was asked to be.
#[derive(Debug, Error)]
pub enum FileError {
    /// There is no such file.
    #[error("{file}: there is no such file; check the name and the folder")]
    Missing {
        /// The file as typed.
        file: String,
    },
    /// A pipe, a device or the like.
    #[error("{file} is not a regular file; a file is read twice, so write what comes through it to one first")]
    NotAFile {
        /// The path as typed.
        file: String,
    },
    /// It is a directory.
    #[error("{file}: this is a directory; name the files in it")]
    Directory {
        /// The file as typed.
        file: String,
    },
    /// It has no bytes.
    #[error("{file}: the file is empty (0 bytes); a header and rows were expected, was it fully copied?")]
    Empty {
        /// The file as typed.
        file: String,
    },
    /// It cannot be opened.
    #[error("{file}: the file cannot be opened; check its permissions")]
    Unreadable {
        /// The file as typed.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed midway: the medium, or an archive that is cut short or damaged.
    #[error("{file}, line {line}: reading stopped here; the file is damaged or cut short, copy it anew")]
    Read {
        /// The file as typed.
        file: String,
        /// The line (from 1) that could not be read.
        line: u64,
        /// What the system or the archive said.
        source: io::Error,
    },
    /// The archive cannot be opened.
    #[error("{file}: not a whole zip archive ({detail}); it may be cut short, copy it anew")]
    Zip {
        /// The file as typed.
        file: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The archive holds no CSV.
    #[error("{file}: the archive must hold one .csv file and holds none (it holds: {entries})")]
    ZipWithoutCsv {
        /// The file as typed.
        file: String,
        /// The entries' names.
        entries: String,
    },
    /// The archive holds several CSV files.
    #[error("{file}: the archive must hold one .csv file and holds several ({entries}); unpack it and name them")]
    ZipWithSeveral {
        /// The file as typed.
        file: String,
        /// The CSV entries' names.
        entries: String,
    },
    /// The first bytes are those of another format.
    #[error("{file}: this looks like {looks}, not {expected}; {hint}")]
    OtherFormat {
        /// The file as typed.
        file: String,
        /// What it looks like.
        looks: &'static str,
        /// What was asked for.
        expected: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The header is not text.
    #[error("{file}, line 1: the header is not UTF-8 text; save the file as UTF-8 CSV")]
    HeaderNotUtf8 {
        /// The file as typed.
        file: String,
    },
    /// The header cannot be split into columns.
    #[error("{file}, line 1: {why}")]
    Header {
        /// The file as typed.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A field's column is not in the file.
    #[error("{file}: no column {wanted} for the field {field}{}; the file has: {columns}", nearest(suggestion))]
    MissingColumn {
        /// The file as typed.
        file: String,
        /// The field that needs a column.
        field: Field,
        /// The column asked for, or the names looked for.
        wanted: String,
        /// The nearest name in the file.
        suggestion: Option<String>,
        /// The columns that the file has.
        columns: String,
    },
    /// Two columns bear the mapped name.
    #[error("{file}: two columns are named `{column}` (numbers {first} and {second}); map {field} by number")]
    TwoColumns {
        /// The file as typed.
        file: String,
        /// The field.
        field: Field,
        /// The name.
        column: String,
        /// The first's number, from 1.
        first: usize,
        /// The second's number, from 1.
        second: usize,
    },
    /// A name was mapped in a file without a header.
    #[error("{file}: {field}={column} names a column, but the file is read without a header; give its number from 1")]
    NameWithoutHeader {
        /// The file as typed.
        file: String,
        /// The field.
        field: Field,
        /// The name.
        column: String,
    },
    /// A `volume` column of ticks may be a quantity or a running total.
    #[error(
        "{file}: the column `{column}` may be each trade's quantity or the day's running total; say which: \
         `--map time={time},price={price},qty={column}` or `--map time={time},price={price},cum_volume={column}`"
    )]
    AmbiguousVolume {
        /// The file as typed.
        file: String,
        /// The column's name.
        column: String,
        /// The column of the time.
        time: String,
        /// The column of the price.
        price: String,
    },
    /// Neither a symbol column nor a symbol.
    #[error("{file}: nothing says whose rows these are; give --symbol S, or map a column: `--map symbol=COLUMN`")]
    NoSymbol {
        /// The file as typed.
        file: String,
    },
    /// Both a symbol column and a symbol.
    #[error("{file}: both --symbol {symbol} and the column `{column}` say whose rows these are; drop one of them")]
    TwoSymbols {
        /// The file as typed.
        file: String,
        /// The symbol typed.
        symbol: String,
        /// The mapped column.
        column: String,
    },
    /// The options contradict each other or lack something.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// Too many symbols for a symbol column.
    #[error("{file}, line {line}: more than {limit} different symbols; is `{column}` the column of the symbol?")]
    TooManySymbols {
        /// The file as typed.
        file: String,
        /// The line (from 1).
        line: u64,
        /// The mapped column.
        column: String,
        /// The most there may be.
        limit: usize,
    },
    /// A Parquet file that cannot be decoded.
    #[error("{file}: not a whole Parquet file ({detail}); write or copy it anew")]
    Parquet {
        /// The file as typed.
        file: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A Parquet column of a type that the field cannot be read from.
    #[error("{file}: the column `{column}` is {found}; {field} needs {expected}")]
    ColumnType {
        /// The file as typed.
        file: String,
        /// The column.
        column: String,
        /// The field.
        field: Field,
        /// The column's type.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// The broker answered with an error, and that was saved.
    #[error("{file}: the file holds an error of the broker, not candles: {message}; download the candles again")]
    KiteEnvelope {
        /// The file as typed.
        file: String,
        /// The broker's message.
        message: String,
    },
    /// Not the JSON of historical candles.
    #[error(
        "{file}, line {line}, column {column}: {detail}; expected \
         {{\"status\":\"success\",\"data\":{{\"candles\":[[time,open,high,low,close,volume],…]}}}}"
    )]
    KiteJson {
        /// The file as typed.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The byte in the line, from 1.
        column: usize,
        /// What is wrong there.
        detail: String,
    },
    /// The file is larger than a file of its format may be.
    #[error("{file}: {bytes} bytes are more than the {limit} that a file of candles may have; split it")]
    TooLarge {
        /// The file as typed.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The file is not what it was when it was scanned.
    #[error("{file}: the file changed between the scan and the reading ({detail}); start again when it is complete")]
    Changed {
        /// The file as typed.
        file: String,
        /// What differs.
        detail: String,
    },
    /// The rows that a scan kept on the disk cannot be read back.
    #[error(
        "the rows of the files were put on the disk beside the tape and do not come back: check the disk, then start again"
    )]
    Kept {
        /// What the system said.
        source: io::Error,
    },
}

/// Options that cannot be used together, whatever the file.
#[derive(Debug, Error)]
pub enum OptionsError {
    /// Kite candles are bars.
    #[error("--format kite holds candles; give --kind bars")]
    KiteTicks,
    /// Kite candles need no mapping.
    #[error("--format kite has fixed fields; drop --map (it is for csv and parquet)")]
    KiteMapping,
    /// No header and no mapping.
    #[error("a file without a header needs --map with column numbers, such as `--map {example}`")]
    NoHeaderNoMapping {
        /// A mapping that would do for the kind.
        example: &'static str,
    },
    /// A field of the other kind.
    #[error("the field {field} is not one of --kind {kind}; its fields are: {fields}")]
    FieldOfOtherKind {
        /// The field.
        field: Field,
        /// The kind.
        kind: FileKind,
        /// The kind's fields.
        fields: String,
    },
    /// `ms_of_day` without a date.
    #[error("{field} counts milliseconds of a day; say which day: --date YYYY-MM-DD")]
    NoDate {
        /// The field with that unit.
        field: Field,
    },
    /// Several symbols, and not one for each file.
    #[error("--symbol names {symbols} symbols for {files} files; give one for all, or one for each in their order")]
    SymbolCount {
        /// How many symbols.
        symbols: usize,
        /// How many files.
        files: usize,
    },
    /// Not a symbol.
    #[error("--symbol `{symbol}` {why}")]
    Symbol {
        /// As typed.
        symbol: String,
        /// What is wrong.
        why: &'static str,
    },
}

/// A suggestion, when there is one, for the middle of a sentence.
pub(super) fn nearest(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

/// The candidate nearest to `text` regardless of case, when any is near enough to be a slip of the pen.
pub(super) fn nearest_of<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let wanted = text.to_lowercase();
    candidates
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}
