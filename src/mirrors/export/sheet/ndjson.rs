//! The NDJSON form of a sheet: one object a line, keys in the order of the columns, every key in every line.

use std::io::{BufWriter, Write};

use super::{Cell, Column, Exact, Output, SheetError};

/// Bytes gathered before a write to the file.
const BUFFER_BYTES: usize = 1 << 16;

pub(in super::super) struct NdjsonSheet {
    writer: BufWriter<Output>,
    columns: &'static [Column],
}

impl NdjsonSheet {
    pub(super) fn new(file: Output, columns: &'static [Column]) -> Self {
        Self { writer: BufWriter::with_capacity(BUFFER_BYTES, file), columns }
    }

    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), SheetError> {
        let mut lead = '{';
        for (column, cell) in self.columns.iter().zip(cells) {
            write!(self.writer, "{lead}\"{}\":", column.name)?;
            match cell {
                Cell::Empty => self.writer.write_all(b"null")?,
                Cell::Text(text) => serde_json::to_writer(&mut self.writer, text).map_err(std::io::Error::from)?,
                Cell::Int(number) => write!(self.writer, "{number}")?,
                Cell::Decimal(price) => write!(self.writer, "{price}")?,
                Cell::Money(money) => write!(self.writer, "{}", Exact(*money))?,
                Cell::Real(real) => write!(self.writer, "{real}")?,
            }
            lead = ',';
        }
        Ok(self.writer.write_all(b"}\n")?)
    }

    pub(super) fn finish(self) -> Result<Output, SheetError> {
        self.writer.into_inner().map_err(|error| SheetError::Io(error.into_error()))
    }
}
