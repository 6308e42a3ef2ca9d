//! One file, row by row.
//!
//! What it is: a stream of checked rows and rejections in file order, in bounded memory. What it never does: sort, drop
//! or repair a row, or write anywhere. Who calls it: scan and merge.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use barkeep_schemas::Hash32;

use super::cell::Cells;
use super::check::{Checker, Refusal};
use super::columns::{Columns, Header};
use super::csv_rows::{CsvRows, HeaderError, Step};
use super::error::FileError;
use super::input::{Input, Tap, Unzipped, hash_file};
use super::kite_rows::{KITE_BYTES_MAX, KITE_COLUMNS, KiteRows};
use super::mapping::Field;
use super::options::{FileOptions, Format};
use super::parquet_rows::{ParquetFile, ParquetRows};
use super::row::{Entry, Rejection, TickRow};
use super::symbols::{SYMBOLS_MAX, Symbols};

/// Reads one file.
#[derive(Debug)]
pub struct RowReader {
    /// The file as typed.
    file: String,
    /// Its name without folders.
    name: String,
    bytes_total: u64,
    /// The hash, where it was taken before the rows.
    hash: Option<Hash32>,
    /// The names of the columns; empty without a header.
    columns: Vec<String>,
    /// The fields that a column fills.
    fields: Vec<Field>,
    /// The same with the numbers and units of their columns.
    bound: String,
    rows: Rows,
    checker: Checker,
}

#[derive(Debug)]
enum Rows {
    /// The flag says that the row already stepped to has not been handed out.
    Csv(Box<CsvRows<Input>>, bool),
    Kite(KiteRows),
    Parquet(Box<ParquetRows>),
}

impl RowReader {
    /// Opens a file, reads its header and binds its columns.
    ///
    /// # Errors
    ///
    /// Any [`FileError`] but those of rows: the file cannot be read, is of another format, or lacks a column.
    pub fn open(path: &Path, options: &FileOptions, symbols: &mut Symbols) -> Result<Self, FileError> {
        Self::open_with(path, options, symbols, false)
    }

    /// [`RowReader::open`], and with `hash` the BLAKE3 of the file's bytes is taken on the way.
    pub(super) fn open_with(
        path: &Path,
        options: &FileOptions,
        symbols: &mut Symbols,
        hash: bool,
    ) -> Result<Self, FileError> {
        options.check()?;
        let file = path.display().to_string();
        let (handle, bytes_total) = open_file(path, &file)?;
        let name = path.file_name().map_or_else(|| file.clone(), |name| name.to_string_lossy().into_owned());
        let opening = Opening { file: &file, options, hash };
        let opened = match options.format {
            Format::Csv => opening.csv(handle, path, symbols)?,
            Format::Kite => opening.kite(handle, bytes_total, symbols)?,
            Format::Parquet => opening.parquet(handle, symbols)?,
        };
        let checker = Checker::new(&opened.bound, options).ok_or_else(|| FileError::Header {
            file: file.clone(),
            why: "a required field has no column".to_owned(),
        })?;
        let fields = opened.bound.iter().map(|(field, _)| field).collect();
        let bound: Vec<String> =
            opened.bound.iter().map(|(field, slot)| format!("{field}@{}:{}", slot.column + 1, slot.unit)).collect();
        let bound = bound.join("+");
        let Opened { columns, rows, hash, .. } = opened;
        Ok(Self { file, name, bytes_total, hash, columns, fields, bound, rows, checker })
    }

    /// Reads the next row, checked or refused, into `entry`; at the end `None`. Where a row lies in memory does not
    /// change from one to the next: a row is wide, and moving it costs as much as reading it.
    ///
    /// # Errors
    ///
    /// [`FileError::Read`], [`FileError::Parquet`] or [`FileError::TooManySymbols`]: nothing more can be read.
    #[inline]
    pub fn next_row(&mut self, symbols: &mut Symbols, entry: &mut Option<Entry>) -> Result<(), FileError> {
        let step = self.rows.next_row(&self.file)?;
        let line = self.rows.line();
        let refusal = match step {
            Step::End => {
                *entry = None;
                return Ok(());
            }
            Step::Bad(why) => Refusal::Row { column: None, why },
            Step::Row => {
                let entry = entry.get_or_insert_with(|| Entry::Tick(TickRow::default()));
                let checked = match &self.rows {
                    Rows::Csv(rows, _) => check(&mut self.checker, line, rows.as_ref(), symbols, entry),
                    Rows::Kite(rows) => check(&mut self.checker, line, rows, symbols, entry),
                    Rows::Parquet(rows) => check(&mut self.checker, line, rows.as_ref(), symbols, entry),
                };
                match checked {
                    Ok(()) => return Ok(()),
                    Err(refusal) => refusal,
                }
            }
        };
        *entry = Some(self.refuse(line, refusal)?);
        Ok(())
    }

    #[cold]
    fn refuse(&self, line: u64, refusal: Refusal) -> Result<Entry, FileError> {
        let column_name = |at: usize| self.columns.get(at).map_or_else(|| format!("number {}", at + 1), Clone::clone);
        match refusal {
            Refusal::TooManySymbols { column } => Err(FileError::TooManySymbols {
                file: self.file.clone(),
                line,
                column: column_name(column),
                limit: SYMBOLS_MAX,
            }),
            Refusal::Row { column, why } => Ok(Entry::Rejected(Rejection {
                file: self.name.clone(),
                line,
                column: column.map(column_name),
                why,
                raw: self.rows.raw(),
            })),
        }
    }

    /// The fields that a column fills.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The fields with the numbers and units of their columns: `time@1:iso+price@2:1e4`.
    pub fn bound(&self) -> &str {
        &self.bound
    }

    /// The file's name, without folders.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file as typed.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Bytes of the file, when it was opened.
    pub const fn bytes_total(&self) -> u64 {
        self.bytes_total
    }

    /// Bytes of the file read so far, for a progress bar; never more than [`RowReader::bytes_total`].
    pub fn bytes_read(&self) -> u64 {
        let read = match &self.rows {
            Rows::Csv(rows, _) => rows.input().bytes_read(),
            Rows::Kite(rows) if rows.remaining() > 0 => 0,
            Rows::Kite(_) => self.bytes_total,
            Rows::Parquet(rows) => {
                let (done, total) = rows.progress();
                let share = u128::from(self.bytes_total) * u128::from(done) / u128::from(total.max(1));
                u64::try_from(share).unwrap_or(self.bytes_total)
            }
        };
        read.min(self.bytes_total)
    }

    /// At the end of a plain CSV: the bytes it held, when they are not as many as when it was opened.
    pub(super) fn other_size(&self) -> Option<u64> {
        match &self.rows {
            Rows::Csv(rows, _) => rows.input().plain_bytes().filter(|bytes| *bytes != self.bytes_total),
            Rows::Kite(_) | Rows::Parquet(_) => None,
        }
    }

    /// The BLAKE3 of the file's bytes, at its end, where one was asked for.
    pub(super) fn hash(&self) -> Option<Hash32> {
        match &self.rows {
            Rows::Csv(rows, _) => self.hash.or_else(|| rows.input().hash()),
            Rows::Kite(_) | Rows::Parquet(_) => self.hash,
        }
    }
}

/// Checks a row and writes it into `entry`.
#[inline]
fn check(
    checker: &mut Checker,
    line: u64,
    cells: &impl Cells,
    symbols: &mut Symbols,
    entry: &mut Entry,
) -> Result<(), Refusal> {
    match checker {
        Checker::Ticks(checker) => match entry.tick_mut() {
            Some(tick) => checker.check(line, cells, symbols, tick),
            None => Ok(()),
        },
        Checker::Bars(checker) => checker.check(line, cells, symbols).map(|bar| *entry = Entry::Bar(bar)),
    }
}

impl Rows {
    #[inline]
    fn next_row(&mut self, file: &str) -> Result<Step, FileError> {
        match self {
            Self::Csv(_, held) if *held => {
                *held = false;
                Ok(Step::Row)
            }
            Self::Csv(rows, _) => {
                let step = rows.next_row();
                step.map_err(|source| FileError::Read { file: file.to_owned(), line: rows.line() + 1, source })
            }
            Self::Kite(rows) => Ok(rows.next_row()),
            Self::Parquet(rows) => rows.next_row(),
        }
    }

    fn line(&self) -> u64 {
        match self {
            Self::Csv(rows, _) => rows.line(),
            Self::Kite(rows) => rows.line(),
            Self::Parquet(rows) => rows.line(),
        }
    }

    fn raw(&self) -> String {
        match self {
            Self::Csv(rows, _) => rows.raw(),
            Self::Kite(rows) => rows.raw(),
            Self::Parquet(rows) => rows.raw(),
        }
    }
}

/// Opens an existing file that has bytes.
fn open_file(path: &Path, file: &str) -> Result<(File, u64), FileError> {
    let unreadable = |source: io::Error| {
        let file = file.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            FileError::Missing { file }
        } else {
            FileError::Unreadable { file, source }
        }
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(FileError::Directory { file: file.to_owned() });
    }
    if !metadata.is_file() {
        return Err(FileError::NotAFile { file: file.to_owned() });
    }
    let handle = File::open(path).map_err(unreadable)?;
    if metadata.is_file() && metadata.len() == 0 {
        return Err(FileError::Empty { file: file.to_owned() });
    }
    Ok((handle, metadata.len()))
}

/// What is known while a file is opened.
struct Opening<'a> {
    file: &'a str,
    options: &'a FileOptions,
    hash: bool,
}

/// A file whose columns are bound.
struct Opened {
    columns: Vec<String>,
    bound: Columns,
    rows: Rows,
    hash: Option<Hash32>,
}

impl Opening<'_> {
    fn csv(&self, mut handle: File, path: &Path, symbols: &mut Symbols) -> Result<Opened, FileError> {
        let named_zip = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"));
        let zipped = self.sniff(&mut handle)? || named_zip;
        let mut hash = None;
        let input = if zipped {
            hash = self.hash_now(&mut handle)?;
            Input::Zipped(Unzipped::open(handle, self.file)?)
        } else {
            Input::Plain(Tap::new(handle, self.hash))
        };
        let mut rows = Box::new(CsvRows::new(input));
        let columns = if self.options.has_header { self.header(&mut rows)? } else { Vec::new() };
        if !self.options.has_header {
            self.first_row(&mut rows)?;
        }
        let names = self.options.has_header.then_some(columns.as_slice());
        let bound = self.bind(names, rows.width(), symbols)?;
        Ok(Opened { columns, bound, rows: Rows::Csv(rows, !self.options.has_header), hash })
    }

    /// The columns' names of the first line.
    fn header(&self, rows: &mut CsvRows<Input>) -> Result<Vec<String>, FileError> {
        let file = self.file.to_owned();
        match rows.read_header() {
            Ok(Ok(names)) => Ok(names),
            Ok(Err(HeaderError::NotUtf8)) => Err(FileError::HeaderNotUtf8 { file }),
            Ok(Err(HeaderError::NotCells(why))) => Err(FileError::Header { file, why }),
            Err(source) => Err(FileError::Read { file, line: rows.line() + 1, source }),
        }
    }

    /// The first row of a file without a header: it says how many columns there are.
    fn first_row(&self, rows: &mut CsvRows<Input>) -> Result<(), FileError> {
        let file = self.file.to_owned();
        match rows.next_row() {
            Ok(Step::Row) => Ok(()),
            Ok(Step::Bad(why)) => Err(FileError::Header { file, why }),
            Ok(Step::End) => Err(FileError::Header { file, why: "there is no row; all lines are blank".to_owned() }),
            Err(source) => Err(FileError::Read { file, line: rows.line() + 1, source }),
        }
    }

    /// Whether the file is a zip archive; other formats that are known by their first bytes are refused by name.
    fn sniff(&self, handle: &mut File) -> Result<bool, FileError> {
        let mut head = [0; 4];
        let read = read_up_to(handle, &mut head).and_then(|read| handle.rewind().map(|()| read));
        let read = read.map_err(|source| self.unreadable(source))?;
        let other =
            |looks, hint| Err(FileError::OtherFormat { file: self.file.to_owned(), looks, expected: "CSV", hint });
        match head.get(..read).unwrap_or_default() {
            [b'P', b'K', 3 | 5, 4 | 6] => Ok(true),
            b"PAR1" => other("Parquet", "give --format parquet"),
            [0x1f, 0x8b, ..] => other("a gzip file", "unpack it first (gunzip)"),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => other("UTF-16 text", "save it as UTF-8 CSV"),
            [b'{', ..] => other("JSON", "give --format kite if it holds Kite's candles"),
            _ => Ok(false),
        }
    }

    fn kite(&self, mut handle: File, bytes: u64, symbols: &mut Symbols) -> Result<Opened, FileError> {
        if bytes > KITE_BYTES_MAX {
            return Err(FileError::TooLarge { file: self.file.to_owned(), bytes, limit: KITE_BYTES_MAX });
        }
        let mut text = Vec::new();
        (&mut handle).take(KITE_BYTES_MAX).read_to_end(&mut text).map_err(|source| self.unreadable(source))?;
        let hash = self.hash.then(|| Hash32(*blake3::hash(&text).as_bytes()));
        let rows = Rows::Kite(KiteRows::parse(&text, self.file)?);
        let columns: Vec<String> = KITE_COLUMNS.iter().map(|name| (*name).to_owned()).collect();
        let bound = self.bind(Some(&columns), columns.len(), symbols)?;
        Ok(Opened { columns, bound, rows, hash })
    }

    fn parquet(&self, mut handle: File, symbols: &mut Symbols) -> Result<Opened, FileError> {
        let hash = self.hash_now(&mut handle)?;
        let file = ParquetFile::open(handle, self.file)?;
        let columns = file.names();
        let bound = self.bind(Some(&columns), columns.len(), symbols)?;
        let rows = Rows::Parquet(Box::new(file.rows(&bound)?));
        Ok(Opened { columns, bound, rows, hash })
    }

    fn bind(&self, names: Option<&[String]>, width: usize, symbols: &mut Symbols) -> Result<Columns, FileError> {
        Columns::bind(&Header { file: self.file, names, width }, self.options, symbols)
    }

    fn hash_now(&self, handle: &mut File) -> Result<Option<Hash32>, FileError> {
        if !self.hash {
            return Ok(None);
        }
        hash_file(handle).map(Some).map_err(|source| self.unreadable(source))
    }

    fn unreadable(&self, source: io::Error) -> FileError {
        FileError::Unreadable { file: self.file.to_owned(), source }
    }
}

/// Fills the buffer as far as the file goes.
fn read_up_to(handle: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match handle.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
