//! A Parquet file as rows of cells.
//!
//! What it is: the mapped columns, decoded row group by row group in batches. What it never does: decode a column that
//! is not mapped, or read nested or repeated ones. Who calls it: the reader.
//!
//! The decoder may panic on damaged bytes. A damaged file is an error here, so every call of it is caught.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::basic::{ConvertedType, LogicalType, TimeUnit as StoredUnit, Type as Stored};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, Int96};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::cell::{Cell, Cells};
use super::columns::{Columns, Slot};
use super::csv_rows::Step;
use super::error::FileError;
use super::mapping::{Field, TimeUnit, Unit};

/// Rows decoded at a time.
const BATCH: usize = 4_096;

/// The most decimals of a stored decimal.
const DECIMALS_MAX: i32 = 18;

/// A whole Parquet file, opened: its metadata is read, no column is yet.
pub(super) struct ParquetFile {
    reader: SerializedFileReader<File>,
    file: String,
}

impl ParquetFile {
    pub(super) fn open(handle: File, file: &str) -> Result<Self, FileError> {
        let reader = caught(|| SerializedFileReader::new(handle)).map_err(|detail| damaged(file, detail))?;
        Ok(Self { reader, file: file.to_owned() })
    }

    /// The names of the columns; a nested one is `outer.inner`.
    pub(super) fn names(&self) -> Vec<String> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        schema.columns().iter().map(|column| column.path().string()).collect()
    }

    /// Starts reading the bound columns.
    pub(super) fn rows(self, columns: &Columns) -> Result<ParquetRows, FileError> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let mut streams: Vec<Stream> = Vec::new();
        let mut places = vec![None; schema.num_columns()];
        for (field, slot) in columns.iter() {
            let Some(described) = schema.columns().get(slot.column) else { continue };
            let meaning = meaning(described, field, slot, &self.file)?;
            if let Some(place) = places.get_mut(slot.column)
                && place.is_none()
            {
                *place = Some(streams.len());
                streams.push(Stream::new(slot.column, described.max_def_level(), meaning));
            }
        }
        let rows_total = u64::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0);
        Ok(ParquetRows {
            reader: self.reader,
            file: self.file,
            streams,
            places,
            group: 0,
            left_in_group: 0,
            batch: 0,
            at: 0,
            row: 0,
            rows_total,
        })
    }
}

/// The rows of a Parquet file.
pub(super) struct ParquetRows {
    reader: SerializedFileReader<File>,
    file: String,
    streams: Vec<Stream>,
    /// The stream of each file column, where it is bound.
    places: Vec<Option<usize>>,
    /// The next row group.
    group: usize,
    /// Rows of the present group that are not decoded.
    left_in_group: usize,
    /// Rows in the decoded batch, and how many were handed out.
    batch: usize,
    at: usize,
    row: u64,
    rows_total: u64,
}

impl std::fmt::Debug for ParquetRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetRows").field("file", &self.file).field("row", &self.row).finish_non_exhaustive()
    }
}

impl ParquetRows {
    /// Steps to the next row.
    pub(super) fn next_row(&mut self) -> Result<Step, FileError> {
        while self.at >= self.batch {
            if !self.next_batch().map_err(|detail| damaged(&self.file, detail))? {
                return Ok(Step::End);
            }
        }
        self.at += 1;
        self.row += 1;
        Ok(Step::Row)
    }

    /// Decodes the next batch, of the next row group where one has ended. False at the end of the file.
    fn next_batch(&mut self) -> Result<bool, String> {
        while self.left_in_group == 0 {
            if self.group >= self.reader.num_row_groups() {
                return Ok(false);
            }
            self.open_group()?;
            self.group += 1;
        }
        let wanted = self.left_in_group.min(BATCH);
        for stream in &mut self.streams {
            let read = caught(|| stream.decode(wanted))?;
            if read != wanted {
                return Err(format!("row group {} is short of rows", self.group));
            }
        }
        self.left_in_group -= wanted;
        (self.batch, self.at) = (wanted, 0);
        Ok(true)
    }

    fn open_group(&mut self) -> Result<(), String> {
        let (reader, streams, at) = (&self.reader, &mut self.streams, self.group);
        let rows = caught(|| {
            let group = reader.get_row_group(at)?;
            for stream in streams.iter_mut() {
                stream.reader = Some(group.get_column_reader(stream.column)?);
            }
            Ok(group.metadata().num_rows())
        })?;
        self.left_in_group = usize::try_from(rows).map_err(|_| format!("row group {} has {rows} rows", at + 1))?;
        Ok(())
    }

    /// The row of the last step, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.row
    }

    /// Rows handed out of how many.
    pub(super) const fn progress(&self) -> (u64, u64) {
        (self.row, self.rows_total)
    }

    /// The bound cells of the last row, in the file's column order.
    pub(super) fn raw(&self) -> String {
        let bound = (0..self.places.len()).filter(|column| matches!(self.places.get(*column), Some(Some(_))));
        let cells: Vec<String> = bound.map(|column| self.cell(column).text()).collect();
        super::row::raw_text(cells.join(",").as_bytes())
    }
}

impl Cells for ParquetRows {
    fn cell(&self, column: usize) -> Cell<'_> {
        let stream = self.places.get(column).copied().flatten().and_then(|place| self.streams.get(place));
        match (stream, self.at.checked_sub(1)) {
            (Some(stream), Some(row)) => stream.cell(row).unwrap_or(Cell::Absent),
            (Some(_) | None, Some(_) | None) => Cell::Absent,
        }
    }
}

/// What a column's stored values stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    /// Numbers, divided by ten to this power, or text.
    Plain(i32),
    /// Whole numbers of at most 32 bits without a sign.
    Unsigned,
    /// Moments in units of so many nanoseconds.
    Moment(i64),
    /// Wall-clock times in units of so many nanoseconds.
    Local(i64),
}

/// The decoded values of a batch.
#[derive(Debug)]
enum Values {
    Nothing,
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Vec<ByteArray>),
}

/// One bound column.
struct Stream {
    column: usize,
    max_def_level: i16,
    meaning: Meaning,
    reader: Option<ColumnReader>,
    def_levels: Vec<i16>,
    values: Values,
    /// For each row of the batch the place of its value; `None` where it is null. Empty when there are no nulls.
    places: Vec<Option<u32>>,
}

impl Stream {
    fn new(column: usize, max_def_level: i16, meaning: Meaning) -> Self {
        let (def_levels, places) = (Vec::new(), Vec::new());
        Self { column, max_def_level, meaning, reader: None, def_levels, values: Values::Nothing, places }
    }

    /// Decodes up to `rows` rows and returns how many there were.
    fn decode(&mut self, rows: usize) -> Result<usize, ParquetError> {
        let levels = &mut self.def_levels;
        let (read, values) = match &mut self.reader {
            Some(ColumnReader::Int32ColumnReader(reader)) => {
                let (read, values) = read_batch(reader, levels, rows)?;
                (read, Values::Integers(values.into_iter().map(i64::from).collect()))
            }
            Some(ColumnReader::Int64ColumnReader(reader)) => {
                let (read, values) = read_batch(reader, levels, rows)?;
                (read, Values::Integers(values))
            }
            Some(ColumnReader::Int96ColumnReader(reader)) => {
                let (read, values) = read_batch(reader, levels, rows)?;
                (read, Values::Integers(values.iter().map(Int96::to_nanos).collect()))
            }
            Some(ColumnReader::FloatColumnReader(reader)) => {
                let (read, values) = read_batch(reader, levels, rows)?;
                (read, Values::Floats(values.into_iter().map(widen).collect()))
            }
            Some(ColumnReader::DoubleColumnReader(reader)) => {
                let (read, values) = read_batch(reader, levels, rows)?;
                (read, Values::Floats(values))
            }
            Some(ColumnReader::ByteArrayColumnReader(reader)) => {
                let (read, values) = read_batch(reader, levels, rows)?;
                (read, Values::Texts(values))
            }
            Some(ColumnReader::BoolColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_)) | None => {
                (0, Values::Nothing)
            }
        };
        self.values = values;
        self.place(read);
        Ok(read)
    }

    /// Finds each row's value: nulls are not stored.
    fn place(&mut self, read: usize) {
        self.places.clear();
        if self.max_def_level == 0 {
            return;
        }
        let mut next = 0;
        self.places.extend(self.def_levels.iter().take(read).map(|level| {
            let present = *level == self.max_def_level;
            let place = present.then_some(next);
            next += u32::from(present);
            place
        }));
    }

    fn cell(&self, row: usize) -> Option<Cell<'_>> {
        let place = if self.max_def_level == 0 { row } else { (*self.places.get(row)?)? as usize };
        match &self.values {
            Values::Nothing => None,
            Values::Integers(values) => {
                let value = *values.get(place)?;
                Some(match self.meaning {
                    Meaning::Plain(scale) => Cell::Integer { value, scale },
                    Meaning::Unsigned => Cell::Integer { value: value & i64::from(u32::MAX), scale: 0 },
                    Meaning::Moment(unit) => Cell::Moment(value.saturating_mul(unit)),
                    Meaning::Local(unit) => Cell::Local(value.saturating_mul(unit)),
                })
            }
            Values::Floats(values) => Some(Cell::Float(*values.get(place)?)),
            Values::Texts(values) => Some(Cell::Text(values.get(place)?.data().trim_ascii())),
        }
    }
}

fn read_batch<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    levels: &mut Vec<i16>,
    rows: usize,
) -> Result<(usize, Vec<T::T>), ParquetError> {
    let mut values = Vec::with_capacity(rows);
    levels.clear();
    let mut read = 0;
    while read < rows {
        let (records, _, _) = reader.read_records(rows - read, Some(levels), None, &mut values)?;
        if records == 0 {
            break;
        }
        read += records;
    }
    Ok((read, values))
}

/// The double nearest to a float's shortest decimal: 1517.45 stays 1517.45.
fn widen(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// Judges whether a field can be read from a column of its type.
fn meaning(column: &ColumnDescriptor, field: Field, slot: Slot, file: &str) -> Result<Meaning, FileError> {
    let refuse = |expected| {
        let logical = column.logical_type_ref().map_or_else(String::new, |logical| format!(" ({logical:?})"));
        Err(FileError::ColumnType {
            file: file.to_owned(),
            column: column.path().string(),
            field,
            found: format!("{}{logical}", column.physical_type()),
            expected,
        })
    };
    if column.max_rep_level() != 0 {
        return refuse("one value a row, not a list");
    }
    let meaning = stored_meaning(column);
    let time = match slot.unit {
        Unit::Time(unit) => Some(unit),
        Unit::Plain | Unit::Divisor(_) | Unit::Flags(_) => None,
    };
    let number = matches!(column.physical_type(), Stored::INT32 | Stored::INT64 | Stored::FLOAT | Stored::DOUBLE);
    let text = column.physical_type() == Stored::BYTE_ARRAY;
    match (meaning, time) {
        (None, _) => refuse("numbers, text or a timestamp"),
        (Some(Meaning::Moment(_) | Meaning::Local(_)), None) => refuse("numbers or text"),
        (Some(Meaning::Moment(_) | Meaning::Local(_)), Some(unit)) if unit != TimeUnit::Iso => {
            refuse("no unit in its mapping: a timestamp says its own")
        }
        (Some(Meaning::Plain(_) | Meaning::Unsigned), Some(TimeUnit::Iso)) if number => {
            refuse("a timestamp, or the unit of its numbers in the mapping, such as time=COLUMN:ms")
        }
        (Some(_), None) if field == Field::Symbol && !text => refuse("text"),
        (Some(meaning), _) => Ok(meaning),
    }
}

/// What a column's values stand for by its own account; `None` for types that are not read.
fn stored_meaning(column: &ColumnDescriptor) -> Option<Meaning> {
    let physical = column.physical_type();
    if !matches!(
        physical,
        Stored::INT32 | Stored::INT64 | Stored::INT96 | Stored::FLOAT | Stored::DOUBLE | Stored::BYTE_ARRAY
    ) {
        return None;
    }
    if physical == Stored::INT96 {
        // By custom of its writers a moment in UTC.
        return Some(Meaning::Moment(1));
    }
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(stamp)) => {
            let unit = match stamp.unit {
                StoredUnit::MILLIS => 1_000_000,
                StoredUnit::MICROS => 1_000,
                StoredUnit::NANOS => 1,
            };
            Some(if stamp.is_adjusted_to_u_t_c { Meaning::Moment(unit) } else { Meaning::Local(unit) })
        }
        Some(LogicalType::Decimal(_)) => stored_decimal(column),
        Some(LogicalType::Integer(integer)) if !integer.is_signed && integer.bit_width <= 32 => Some(Meaning::Unsigned),
        Some(LogicalType::String | LogicalType::Enum | LogicalType::Integer(_)) => Some(Meaning::Plain(0)),
        Some(_) => None,
        None => match column.converted_type() {
            ConvertedType::TIMESTAMP_MILLIS => Some(Meaning::Moment(1_000_000)),
            ConvertedType::TIMESTAMP_MICROS => Some(Meaning::Moment(1_000)),
            ConvertedType::DECIMAL => stored_decimal(column),
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 => Some(Meaning::Unsigned),
            ConvertedType::NONE
            | ConvertedType::UTF8
            | ConvertedType::ENUM
            | ConvertedType::UINT_64
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64 => Some(Meaning::Plain(0)),
            ConvertedType::MAP
            | ConvertedType::MAP_KEY_VALUE
            | ConvertedType::LIST
            | ConvertedType::DATE
            | ConvertedType::TIME_MILLIS
            | ConvertedType::TIME_MICROS
            | ConvertedType::JSON
            | ConvertedType::BSON
            | ConvertedType::INTERVAL => None,
        },
    }
}

fn stored_decimal(column: &ColumnDescriptor) -> Option<Meaning> {
    let integers = matches!(column.physical_type(), Stored::INT32 | Stored::INT64);
    let scale = column.type_scale();
    (integers && (0..=DECIMALS_MAX).contains(&scale)).then_some(Meaning::Plain(scale))
}

/// Runs the decoder; a panic of its is a damaged file.
fn caught<T>(decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("its bytes cannot be decoded".to_owned()),
    }
}

fn damaged(file: &str, detail: String) -> FileError {
    FileError::Parquet { file: file.to_owned(), detail }
}
