//! A sheet: rows of cells under named columns, written as CSV, NDJSON or Parquet.
//!
//! What it is: the one place that knows the file formats. What it never does: hold more rows than one Parquet row
//! group, or know what a row means. Who calls it: the projections.
//!
//! Decimals are exact text in CSV and NDJSON and doubles in Parquet. Empty cells are nothing in CSV, `null` elsewhere.

mod csv;
mod ndjson;
mod parquet;

use std::fmt;
use std::io;
use std::path::Path;

use barkeep_schemas::{FineMoney, Price, Real, Seq};

pub(super) use self::csv::CsvSheet;
pub(super) use self::ndjson::NdjsonSheet;
pub(super) use self::parquet::ParquetSheet;
use super::draft::Output;

/// The format of an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated, with a header line.
    Csv,
    /// Apache Parquet, zstd.
    Parquet,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Parquet, Self::Ndjson];

    /// The name on the surface, which is also the extension: `csv`, `parquet`, `ndjson`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
        }
    }

    /// Reads [`Self::name`], in capitals or not.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| text.eq_ignore_ascii_case(format.name()))
    }

    /// The format that a file's extension names; `None` for any other.
    pub fn of(path: &Path) -> Option<Self> {
        Self::parse(path.extension()?.to_str()?)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a column's cells hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// UTF-8 text.
    Text,
    /// A signed 64-bit integer.
    Int,
    /// A price, or an amount of money.
    Decimal,
    /// A real number.
    Real,
}

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name in the header.
    pub name: &'static str,
    /// What its cells hold.
    pub form: Form,
    /// Whether cells may be empty.
    pub optional: bool,
}

impl Column {
    pub(super) const fn text(name: &'static str) -> Self {
        Self { name, form: Form::Text, optional: false }
    }

    pub(super) const fn int(name: &'static str) -> Self {
        Self { name, form: Form::Int, optional: false }
    }

    pub(super) const fn decimal(name: &'static str) -> Self {
        Self { name, form: Form::Decimal, optional: false }
    }

    pub(super) const fn real(name: &'static str) -> Self {
        Self { name, form: Form::Real, optional: false }
    }

    pub(super) const fn optional(self) -> Self {
        Self { name: self.name, form: self.form, optional: true }
    }
}

/// A cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cell<'a> {
    /// Nothing.
    Empty,
    /// Text.
    Text(&'a str),
    /// A number of things, seconds or nanoseconds.
    Int(i64),
    /// A price.
    Decimal(Price),
    /// An amount of money, to eight decimals.
    Money(FineMoney),
    /// A real number, in as many digits as tell it from every other.
    Real(Real),
}

/// Money as an exact decimal without trailing zeros.
struct Exact(FineMoney);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SCALE: u64 = 100_000_000;
        let raw = self.0.get();
        let (sign, magnitude) = (if raw < 0 { "-" } else { "" }, raw.unsigned_abs());
        let part = format!("{:08}", magnitude % SCALE);
        let part = part.trim_end_matches('0');
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{sign}{}{point}{part}", magnitude / SCALE)
    }
}

impl Cell<'_> {
    /// A price, where there is one.
    pub(super) fn price(price: Option<Price>) -> Self {
        price.map_or(Self::Empty, Self::Decimal)
    }

    /// A real number, where there is one.
    pub(super) fn real(real: Option<Real>) -> Self {
        real.map_or(Self::Empty, Self::Real)
    }

    /// A number, where there is one.
    pub(super) fn int(number: Option<i64>) -> Self {
        number.map_or(Self::Empty, Self::Int)
    }

    /// A position.
    pub(super) fn seq(seq: Seq) -> Self {
        Self::Int(i64::try_from(seq.0).unwrap_or(i64::MAX))
    }
}

/// Why a row could not be written.
#[derive(Debug)]
pub(super) enum SheetError {
    Io(io::Error),
    Parquet(::parquet::errors::ParquetError),
}

impl From<io::Error> for SheetError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<::parquet::errors::ParquetError> for SheetError {
    fn from(error: ::parquet::errors::ParquetError) -> Self {
        Self::Parquet(error)
    }
}

/// A sheet being written.
pub(super) enum Sheet {
    Csv(CsvSheet),
    Ndjson(NdjsonSheet),
    Parquet(ParquetSheet),
}

impl Sheet {
    /// Begins a sheet in an empty output.
    pub(super) fn new(format: Format, file: Output, columns: &'static [Column]) -> Result<Self, SheetError> {
        Ok(match format {
            Format::Csv => Self::Csv(CsvSheet::new(file, columns)?),
            Format::Ndjson => Self::Ndjson(NdjsonSheet::new(file, columns)),
            Format::Parquet => Self::Parquet(ParquetSheet::new(file, columns)?),
        })
    }

    /// Writes a row; it has a cell for every column, of the column's form.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), SheetError> {
        match self {
            Self::Csv(sheet) => sheet.row(cells),
            Self::Ndjson(sheet) => sheet.row(cells),
            Self::Parquet(sheet) => sheet.row(cells),
        }
    }

    /// Writes what is left and gives the output back.
    pub(super) fn finish(self) -> Result<Output, SheetError> {
        match self {
            Self::Csv(sheet) => sheet.finish(),
            Self::Ndjson(sheet) => sheet.finish(),
            Self::Parquet(sheet) => sheet.finish(),
        }
    }
}
