//! Comma-separated text as rows of cells.
//!
//! What it is: RFC 4180 with one row a line, in bounded memory: quoted cells, doubled quotes, CRLF, a byte-order mark.
//! What it never does: join lines (a cell that holds a line break is a refused row), copy a line or allocate for one. It is not
//! the `csv` crate because that crate keeps a record until its quotes close, be it the whole file; a test holds that
//! both read the same. Who calls it: the reader.

use std::io::{self, Read};

use super::cell::{Cell, Cells, Word};
use super::row::raw_text;
use super::separators::{BLOCK, separators};

/// The longest line, in bytes.
pub(super) const LINE_MAX: usize = 64 * 1024;

/// Bytes held of the input; several of the longest lines.
const HELD: usize = 3 * LINE_MAX;

/// The most columns.
const COLUMNS_MAX: usize = 4_096;

/// What lies behind the input: nothing that separates.
const FILLING: u8 = 0xff;

/// What a step to the next row found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// A row.
    Row,
    /// Something that is no row; why.
    Bad(String),
    /// The end.
    End,
}

/// What stands at the next place of the input.
enum Line {
    /// A line; without quotes its cells are known.
    Whole,
    /// More than [`LINE_MAX`] bytes, passed over.
    TooLong,
    /// Nothing more.
    End,
}

/// Lines of comma-separated text.
#[derive(Debug)]
pub(super) struct CsvRows<R> {
    input: R,
    /// What was read and not passed yet, then a block of [`FILLING`] at least, so that every block can be looked at whole.
    buffer: Vec<u8>,
    /// How much of the buffer came from the input.
    filled: usize,
    /// The block of the buffer looked at last, and what may be its separators and is not passed yet.
    block: usize,
    marks: u64,
    /// The present line in the buffer, without what ends it.
    start: usize,
    end: usize,
    /// Where the next line begins.
    next: usize,
    number: u64,
    /// Start and end of each cell, in the buffer or, for a line with quotes, in `unquoted`.
    cells: Vec<(usize, usize)>,
    unquoted: Vec<u8>,
    quotes: bool,
    /// Cells a row must have; 0 until the first row is read.
    width: usize,
    width_set_by: &'static str,
}

impl<R: Read> CsvRows<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![FILLING; HELD + BLOCK],
            filled: 0,
            block: 0,
            marks: 0,
            start: 0,
            end: 0,
            next: 0,
            number: 0,
            cells: Vec::new(),
            unquoted: Vec::new(),
            quotes: false,
            width: 0,
            width_set_by: "the first row",
        }
    }

    /// The names of the columns: the cells of the first line that is not blank.
    ///
    /// The outer error is the input's; the inner one says why the line is no header.
    pub(super) fn read_header(&mut self) -> io::Result<Result<Vec<String>, HeaderError>> {
        match self.next_row()? {
            Step::Row => {}
            Step::Bad(why) => return Ok(Err(HeaderError::NotCells(why))),
            Step::End => {
                return Ok(Err(HeaderError::NotCells("there is no header; columns' names were expected".into())));
            }
        }
        self.width_set_by = "the header";
        let names = (0..self.cells.len()).map(|at| match self.cell(at) {
            Cell::Text(text) => std::str::from_utf8(text).map(str::to_owned).map_err(|_| HeaderError::NotUtf8),
            Cell::Absent | Cell::Integer { .. } | Cell::Float(_) | Cell::Moment(_) | Cell::Local(_) => {
                Err(HeaderError::NotUtf8)
            }
        });
        Ok(names.collect())
    }

    /// Steps to the next line that is not blank.
    #[inline(always)] // Handing the step back by memory costs a tenth of the reading.
    pub(super) fn next_row(&mut self) -> io::Result<Step> {
        loop {
            match self.next_line()? {
                Line::End => return Ok(Step::End),
                Line::TooLong => {
                    return Ok(Step::Bad(format!("the line is longer than {LINE_MAX} bytes; is this a CSV file?")));
                }
                Line::Whole => {}
            }
            if self.number == 1 && self.whole_line().starts_with(b"\xef\xbb\xbf") {
                self.start += 3;
                if let Some(first) = self.cells.first_mut() {
                    first.0 = self.start;
                }
            }
            // Only a line of one cell can be blank.
            if self.cells.len() == 1 && self.whole_line().trim_ascii().is_empty() {
                continue;
            }
            if self.quotes
                && let Err(why) = self.split_quoted()
            {
                return Ok(Step::Bad(why.to_owned()));
            }
            if self.cells.len() == self.width {
                return Ok(Step::Row);
            }
            return Ok(self.other_width());
        }
    }

    /// Steps to the next line.
    #[inline(always)]
    fn next_line(&mut self) -> io::Result<Line> {
        self.begin_line(self.next);
        let (mut cell, mut ended) = (self.start, false);
        loop {
            let Some(at) = self.next_mark() else {
                if self.filled - self.start > LINE_MAX {
                    return self.skip_line();
                }
                if ended {
                    if self.start == self.filled {
                        return Ok(Line::End);
                    }
                    self.end_line(cell, self.filled, self.filled);
                    return Ok(Line::Whole);
                }
                ended = self.fill()? == 0;
                cell = self.start;
                continue;
            };
            match self.buffer.get(at) {
                Some(b',') => {
                    if !self.quotes {
                        self.cells.push((cell, at));
                    }
                    cell = at + 1;
                }
                Some(b'\n') if at - self.start > LINE_MAX => return self.skip_line(),
                Some(b'\n') => {
                    let returns = at > cell && self.buffer.get(at - 1) == Some(&b'\r');
                    self.end_line(cell, at - usize::from(returns), at + 1);
                    return Ok(Line::Whole);
                }
                Some(b'"') => self.quotes = true,
                Some(_) | None => {}
            }
        }
    }

    fn begin_line(&mut self, at: usize) {
        self.start = at;
        self.cells.clear();
        self.quotes = false;
    }

    fn end_line(&mut self, cell: usize, end: usize, next: usize) {
        if !self.quotes {
            self.cells.push((cell, end));
        }
        (self.end, self.next) = (end, next);
        self.number += 1;
    }

    /// The next separator in the buffer.
    #[inline(always)]
    fn next_mark(&mut self) -> Option<usize> {
        while self.marks == 0 {
            let block = self.block + BLOCK;
            if block >= self.filled {
                return None;
            }
            self.block = block;
            self.marks = self.look(block);
        }
        let at = self.block + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(at)
    }

    /// The separators of a block.
    #[inline]
    fn look(&self, block: usize) -> u64 {
        self.buffer.get(block..).and_then(|rest| rest.first_chunk()).map_or(0, separators)
    }

    /// Looks for separators from a place in the buffer on.
    fn seek(&mut self, at: usize) {
        self.block = at - at % BLOCK;
        self.marks = self.look(self.block) & u64::MAX << (at % BLOCK);
    }

    /// Moves the line that is not whole to the front of the buffer, reads on behind it and begins the line again. How
    /// many bytes came; none at the end.
    #[cold]
    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.next = 0;
        self.begin_line(0);
        let room = self.buffer.get_mut(self.filled..HELD).unwrap_or_default();
        let read = loop {
            match self.input.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.filled += read.as_ref().map_or(0, |read| *read);
        self.buffer.iter_mut().skip(self.filled).take(BLOCK).for_each(|byte| *byte = FILLING);
        self.seek(0);
        read
    }

    /// Passes over a line that is too long; its beginning stays, to be shown.
    #[cold]
    fn skip_line(&mut self) -> io::Result<Line> {
        loop {
            let kept = self.start + LINE_MAX + 1;
            let rest = self.buffer.get(kept..self.filled).unwrap_or_default();
            let feed = rest.iter().position(|byte| *byte == b'\n');
            if feed.is_none() {
                self.filled = kept;
            }
            if feed.is_some() || self.fill()? == 0 {
                self.end = self.start + LINE_MAX + 1;
                self.next = feed.map_or(self.filled, |feed| kept + feed + 1);
                self.number += 1;
                self.seek(self.next);
                return Ok(Line::TooLong);
            }
        }
    }

    /// A row of another width than the ones before; the first sets it.
    #[cold]
    fn other_width(&mut self) -> Step {
        let found = self.cells.len();
        if self.width == 0 && found <= COLUMNS_MAX {
            self.width = found;
            return Step::Row;
        }
        if self.width == 0 {
            return Step::Bad(format!("the line has {found} cells; at most {COLUMNS_MAX} were expected"));
        }
        Step::Bad(format!(
            "the row has {found} cells, {} has {}; every row must have as many",
            self.width_set_by, self.width
        ))
    }

    /// Splits a line that holds quotes: a cell that begins with one ends at the next single one.
    #[cold]
    fn split_quoted(&mut self) -> Result<(), &'static str> {
        self.cells.clear();
        self.unquoted.clear();
        let mut rest = self.buffer.get(self.start..self.end).unwrap_or_default();
        loop {
            let start = self.unquoted.len();
            let after = match rest.trim_ascii_start().split_first() {
                Some((b'"', cell)) => take_quoted(cell, &mut self.unquoted)?,
                Some(_) | None => {
                    let end = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
                    let (cell, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                    self.unquoted.extend_from_slice(cell);
                    after
                }
            };
            self.cells.push((start, self.unquoted.len()));
            match after.split_first() {
                Some((b',', after)) => rest = after,
                Some(_) => return Err("text follows a closing quote; a comma was expected there"),
                None => return Ok(()),
            }
        }
    }

    /// The line of the last step, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.number
    }

    /// How many cells a row has; 0 before the first.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// The last line as it stands in the file.
    pub(super) fn raw(&self) -> String {
        raw_text(self.whole_line())
    }

    /// The input.
    pub(super) const fn input(&self) -> &R {
        &self.input
    }

    fn whole_line(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

/// Copies a quoted cell from behind its opening quote and returns what follows its closing one and blanks.
fn take_quoted<'a>(cell: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], &'static str> {
    let mut rest = cell;
    loop {
        let Some(end) = rest.iter().position(|byte| *byte == b'"') else {
            return Err("a quoted cell does not end on its line; line breaks inside cells are not read");
        };
        let (text, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        out.extend_from_slice(text);
        match after {
            [b'"', b'"', more @ ..] => {
                out.push(b'"');
                rest = more;
            }
            [b'"', more @ ..] => return Ok(more.trim_ascii_start()),
            _ => return Ok(after),
        }
    }
}

impl<R> Cells for CsvRows<R> {
    #[inline]
    fn cell(&self, column: usize) -> Cell<'_> {
        let text = if self.quotes { &self.unquoted } else { &self.buffer };
        match self.cells.get(column).and_then(|(start, end)| text.get(*start..*end)) {
            Some(cell) => Cell::Text(cell.trim_ascii()),
            None => Cell::Absent,
        }
    }

    #[inline]
    fn word(&self, column: usize) -> Option<Word<u64>> {
        let (bytes, length) = self.bytes(column)?;
        Some(Word { bytes: u64::from_le_bytes(bytes) & u64::MAX >> (64 - 8 * length), length })
    }

    #[inline]
    fn double_word(&self, column: usize) -> Option<Word<u128>> {
        let (bytes, length) = self.bytes(column)?;
        Some(Word { bytes: u128::from_le_bytes(bytes) & u128::MAX >> (128 - 8 * length), length })
    }
}

impl<R> CsvRows<R> {
    /// The bytes from where a cell of one to `N` bytes begins; only the cell's own are of meaning.
    #[inline]
    fn bytes<const N: usize>(&self, column: usize) -> Option<([u8; N], usize)> {
        let (start, end) = *self.cells.get(column).filter(|_| !self.quotes)?;
        let length = end.wrapping_sub(start);
        // The buffer goes on behind every cell, be it with what separates nothing.
        let bytes = self.buffer.get(start..)?.first_chunk()?;
        (1..=N).contains(&length).then_some((*bytes, length))
    }
}

/// Why the first line is no header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum HeaderError {
    /// Not text.
    NotUtf8,
    /// Not a row of cells; why.
    NotCells(String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &[u8]) -> Vec<String> {
        let mut rows = CsvRows::new(text);
        let mut all = Vec::new();
        loop {
            match rows.next_row().unwrap() {
                Step::Row => {
                    let cells: Vec<String> = (0..rows.width()).map(|at| rows.cell(at).text()).collect();
                    all.push(format!("{}: {}", rows.line(), cells.join("|")));
                }
                Step::Bad(why) => all.push(format!("{}: refused, {why}", rows.line())),
                Step::End => return all,
            }
        }
    }

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(rows(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn a_row_is_a_line_and_cells_are_trimmed() {
        check("a,b\n1, 2 \r\n\n3,4", &["1: a|b", "2: 1|2", "4: 3|4"]);
        check("\u{feff}a,b\n", &["1: a|b"]);
        check(",\n", &["1: |"]);
    }

    #[test]
    fn a_short_cell_is_a_word_too() {
        let mut rows =
            CsvRows::new(b"12345678,123456789,,a\n\"a\",b,c,d\nABCDEFGHIJKLMNOP,ABCDEFGHIJKLMNOPQ,x,z".as_slice());
        let word = |rows: &CsvRows<_>, at: usize| rows.word(at).map(|word| (word.bytes.to_le_bytes(), word.length));
        let double = |rows: &CsvRows<_>, at: usize| rows.double_word(at).map(|word| word.bytes.to_le_bytes());
        rows.next_row().unwrap();
        assert_eq!([word(&rows, 0), word(&rows, 1), word(&rows, 2)], [Some((*b"12345678", 8)), None, None]);
        assert_eq!(word(&rows, 3), Some((*b"a\0\0\0\0\0\0\0", 1)));
        assert_eq!(double(&rows, 1), Some(*b"123456789\0\0\0\0\0\0\0"));
        rows.next_row().unwrap();
        assert_eq!((word(&rows, 0), double(&rows, 1)), (None, None));
        rows.next_row().unwrap();
        assert_eq!((double(&rows, 0), double(&rows, 1)), (Some(*b"ABCDEFGHIJKLMNOP"), None));
        assert_eq!(word(&rows, 3), Some((*b"z\0\0\0\0\0\0\0", 1)));
    }

    #[test]
    fn quoted_cells_may_hold_commas_and_doubled_quotes() {
        check("\"a,b\",\"c \"\"d\"\"\"\n", &["1: a,b|c \"d\""]);
        check("1, \"x\" ,2\n", &["1: 1|x|2"]);
        check("a\"b,c\n", &["1: a\"b|c"]);
    }

    #[test]
    fn rows_that_are_no_rows_are_refused_and_the_next_is_read() {
        check(
            "a,b\n1\n1,2,3\n1,2\n",
            &[
                "1: a|b",
                "2: refused, the row has 1 cells, the first row has 2; every row must have as many",
                "3: refused, the row has 3 cells, the first row has 2; every row must have as many",
                "4: 1|2",
            ],
        );
        check(
            "a,b\n\"1,2\n3,4\n\"5\"x,6\n",
            &[
                "1: a|b",
                "2: refused, a quoted cell does not end on its line; line breaks inside cells are not read",
                "3: 3|4",
                "4: refused, text follows a closing quote; a comma was expected there",
            ],
        );
        let long = format!("a,b\n{}\n1,2\n", "x".repeat(LINE_MAX * 3));
        check(&long, &["1: a|b", "2: refused, the line is longer than 65536 bytes; is this a CSV file?", "3: 1|2"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = rows(&text);
        }

        #[test]
        fn it_reads_what_the_csv_crate_reads(
            cells in proptest::collection::vec(proptest::collection::vec("[a-c,\"]{0,4}", 3), 1..5)
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &cells {
                writer.write_record(row).unwrap();
            }
            let expected: Vec<String> =
                cells.iter().enumerate().map(|(at, row)| format!("{}: {}", at + 1, row.join("|"))).collect();
            prop_assert_eq!(rows(&writer.into_inner().unwrap()), expected);
        }
    }
}
