//! Comma-separated text as rows of cells.
//!
//! What it is: RFC 4180 with one row a line, in bounded memory: quoted cells, doubled quotes, CRLF, a byte-order mark.
//! What it never does: join lines (a cell that holds a line break is a refused row), or allocate for a row. It is not
//! the `csv` crate because that crate keeps a record until its quotes close, be it the whole file; a test holds that
//! both read the same. Who calls it: the reader.

use std::io::{self, BufRead, Read as _};

use super::cell::{Cell, Cells};
use super::row::raw_text;

/// The longest line, in bytes.
pub(super) const LINE_MAX: usize = 64 * 1024;

/// The most columns.
const COLUMNS_MAX: usize = 4_096;

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

/// Lines of comma-separated text.
#[derive(Debug)]
pub(super) struct CsvRows<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    /// Start and end of each cell, in `line` or, for a line with quotes, in `unquoted`.
    cells: Vec<(usize, usize)>,
    unquoted: Vec<u8>,
    quotes: bool,
    /// Cells a row must have; 0 until the first row is read.
    width: usize,
    width_set_by: &'static str,
}

impl<R: BufRead> CsvRows<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
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
    pub(super) fn next_row(&mut self) -> io::Result<Step> {
        loop {
            self.line.clear();
            let read = (&mut self.input).take(LINE_MAX as u64 + 1).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(Step::End);
            }
            self.number += 1;
            if self.line.last() == Some(&b'\n') {
                self.line.pop();
                if self.line.last() == Some(&b'\r') {
                    self.line.pop();
                }
            } else if self.line.len() > LINE_MAX {
                self.skip_line()?;
                return Ok(Step::Bad(format!("the line is longer than {LINE_MAX} bytes; is this a CSV file?")));
            }
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(self.split());
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        self.input.skip_until(b'\n').map(|_| ())
    }

    fn split(&mut self) -> Step {
        self.cells.clear();
        self.quotes = false;
        let mut start = 0;
        for (at, byte) in self.line.iter().enumerate() {
            match byte {
                b',' => {
                    self.cells.push((start, at));
                    start = at + 1;
                }
                b'"' => {
                    self.quotes = true;
                    break;
                }
                _ => {}
            }
        }
        if self.quotes {
            if let Err(why) = self.split_quoted() {
                return Step::Bad(why.to_owned());
            }
        } else {
            self.cells.push((start, self.line.len()));
        }
        self.check_width()
    }

    fn check_width(&mut self) -> Step {
        let found = self.cells.len();
        if self.width == 0 && found <= COLUMNS_MAX {
            self.width = found;
        }
        if found == self.width {
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
    fn split_quoted(&mut self) -> Result<(), &'static str> {
        self.cells.clear();
        self.unquoted.clear();
        let mut rest = self.line.as_slice();
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
        raw_text(&self.line)
    }

    /// The input.
    pub(super) const fn input(&self) -> &R {
        &self.input
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
    fn cell(&self, column: usize) -> Cell<'_> {
        let text = if self.quotes { &self.unquoted } else { &self.line };
        match self.cells.get(column).and_then(|(start, end)| text.get(*start..*end)) {
            Some(cell) => Cell::Text(cell.trim_ascii()),
            None => Cell::Absent,
        }
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
