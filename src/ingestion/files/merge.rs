//! The rows of several files as one stream.
//!
//! What it is: several readers, stepped through as one. Files of ticks are merged by the running maximum of each file's
//! time, ties by argument order; files of bars follow each other. What it never does: change the order of rows within a
//! file, or hold more than one row of each. Who calls it: the scan, and an import after it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use barkeep_schemas::Ts;

use super::error::FileError;
use super::options::FileOptions;
use super::reader::RowReader;
use super::row::{Entry, TickRow};
use super::scan::{FileScan, Scan};
use super::symbols::Symbols;

/// A row, or a refused one, with its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Merged<'a> {
    /// Which file, by argument order from 0.
    pub file: usize,
    /// The row.
    pub entry: &'a Entry,
}

/// The rows of several files in order. After an error it ends.
#[derive(Debug)]
pub struct Merge {
    sources: Vec<Source>,
    symbols: Symbols,
    /// The files whose next row is not read yet, the next one last.
    unread: Vec<usize>,
    /// The files that hold a row which waits, by the running maximum of their time and their number.
    heads: BinaryHeap<Reverse<(Ts, usize)>>,
}

#[derive(Debug)]
struct Source {
    reader: RowReader,
    latest: Ts,
    head: Option<Entry>,
    rows: u64,
    rejected: u64,
    /// What the scan found, where there was one.
    expected: Option<FileScan>,
}

impl Merge {
    /// Opens all files. New symbols are added to `symbols` as rows are read.
    ///
    /// # Errors
    ///
    /// The [`FileError`] of the first file that cannot be opened as asked.
    pub fn open(files: &[impl AsRef<Path>], options: &FileOptions, symbols: Symbols) -> Result<Self, FileError> {
        Self::open_with(files, options, symbols, false)
    }

    /// Opens the files of a scan again: symbols are numbered as in [`Scan::symbols`], and each file must turn out to
    /// hold the bytes that were scanned, else the stream ends with [`FileError::Changed`].
    ///
    /// # Errors
    ///
    /// As [`Merge::open`], and [`FileError::Changed`].
    pub fn open_scanned(files: &[impl AsRef<Path>], options: &FileOptions, scan: &Scan) -> Result<Self, FileError> {
        let mut merge = Self::open_with(files, options, scan.symbol_table(), true)?;
        for (source, expected) in merge.sources.iter_mut().zip(&scan.files) {
            if source.reader.bytes_total() != expected.bytes {
                return Err(source.changed(format!("{} bytes, then {}", expected.bytes, source.reader.bytes_total())));
            }
            source.expected = Some(expected.clone());
        }
        Ok(merge)
    }

    pub(super) fn open_with(
        files: &[impl AsRef<Path>],
        options: &FileOptions,
        mut symbols: Symbols,
        hash: bool,
    ) -> Result<Self, FileError> {
        let sources = files
            .iter()
            .enumerate()
            .map(|(file, path)| {
                let own = options.of_file(file, files.len())?;
                let reader = RowReader::open_with(path.as_ref(), &own, &mut symbols, hash)?;
                Ok(Source { reader, latest: Ts::new(i64::MIN), head: None, rows: 0, rejected: 0, expected: None })
            })
            .collect::<Result<Vec<Source>, FileError>>()?;
        let unread = (0..sources.len()).rev().collect();
        Ok(Self { sources, symbols, unread, heads: BinaryHeap::new() })
    }

    /// The symbols of the rows so far.
    pub const fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Bytes of all files read so far.
    pub fn bytes_read(&self) -> u64 {
        self.sources.iter().map(|source| source.reader.bytes_read()).sum()
    }

    /// Bytes of all files.
    pub fn bytes_total(&self) -> u64 {
        self.sources.iter().map(|source| source.reader.bytes_total()).sum()
    }

    /// The readers, in argument order.
    pub(super) fn readers(&self) -> impl Iterator<Item = &RowReader> {
        self.sources.iter().map(|source| &source.reader)
    }

    /// Steps to the next row; `None` at the end, and after an error.
    ///
    /// # Errors
    ///
    /// As [`RowReader::next_row`], and [`FileError::Changed`].
    #[inline]
    pub fn step(&mut self) -> Result<Option<Merged<'_>>, FileError> {
        match self.next_file() {
            Ok(None) => Ok(None),
            Ok(Some(file)) => {
                let entry = self.sources.get(file).and_then(|source| source.head.as_ref());
                Ok(entry.map(|entry| Merged { file, entry }))
            }
            Err(error) => {
                self.unread.clear();
                self.heads.clear();
                Err(error)
            }
        }
    }

    /// The file whose head is next; its row after that one is not read yet.
    #[inline]
    fn next_file(&mut self) -> Result<Option<usize>, FileError> {
        while let Some(file) = self.unread.pop() {
            let Some(source) = self.sources.get_mut(file) else { continue };
            source.reader.next_row(&mut self.symbols, &mut source.head)?;
            match &source.head {
                None => {
                    source.check_unchanged()?;
                    continue;
                }
                Some(Entry::Rejected(_)) => {
                    source.rows += 1;
                    source.rejected += 1;
                    self.unread.push(file);
                    return Ok(Some(file));
                }
                Some(Entry::Tick(TickRow { ts, .. })) => source.latest = source.latest.max(*ts),
                // Bars have no common order: their files follow each other.
                Some(Entry::Bar(_)) => {}
            }
            source.rows += 1;
            let order = (source.latest, file);
            if self.unread.is_empty() && self.heads.peek().is_none_or(|Reverse(first)| order < *first) {
                self.unread.push(file);
                return Ok(Some(file));
            }
            self.heads.push(Reverse(order));
        }
        let Some(Reverse((_, file))) = self.heads.pop() else { return Ok(None) };
        self.unread.push(file);
        Ok(Some(file))
    }
}

impl Source {
    fn check_unchanged(&self) -> Result<(), FileError> {
        let Some(expected) = &self.expected else { return Ok(()) };
        if self.rows != expected.rows {
            return Err(self.changed(format!("{} rows, then {}", expected.rows, self.rows)));
        }
        if self.rejected != expected.rejected {
            return Err(self.changed(format!("{} rejected rows, then {}", expected.rejected, self.rejected)));
        }
        match self.reader.hash() {
            Some(hash) if hash != expected.hash => Err(self.changed("its bytes differ".to_owned())),
            Some(_) | None => Ok(()),
        }
    }

    fn changed(&self, detail: String) -> FileError {
        FileError::Changed { file: self.reader.file().to_owned(), detail }
    }
}
