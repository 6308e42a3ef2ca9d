//! The CSV form of a sheet: a header line, `\n` line ends, quotes only where a cell needs them.

use std::fmt::Write as _;
use std::io;

use super::{Cell, Column, Exact, Output, SheetError};

/// Bytes gathered before a write to the file.
const BUFFER_BYTES: usize = 1 << 16;

pub(in super::super) struct CsvSheet {
    writer: csv::Writer<Output>,
    cell: String,
}

impl CsvSheet {
    pub(super) fn new(file: Output, columns: &[Column]) -> Result<Self, SheetError> {
        let mut writer = csv::WriterBuilder::new().buffer_capacity(BUFFER_BYTES).from_writer(file);
        writer.write_record(columns.iter().map(|column| column.name)).map_err(io_error)?;
        Ok(Self { writer, cell: String::new() })
    }

    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), SheetError> {
        for cell in cells {
            self.cell.clear();
            // Writing to a string cannot fail.
            let field = match cell {
                Cell::Empty => "",
                Cell::Text(text) => text,
                Cell::Int(number) => write!(self.cell, "{number}").map_or("", |()| self.cell.as_str()),
                Cell::Decimal(price) => write!(self.cell, "{price}").map_or("", |()| self.cell.as_str()),
                Cell::Money(money) => write!(self.cell, "{}", Exact(*money)).map_or("", |()| self.cell.as_str()),
                Cell::Real(real) => write!(self.cell, "{real}").map_or("", |()| self.cell.as_str()),
            };
            self.writer.write_field(field).map_err(io_error)?;
        }
        self.writer.write_record(None::<&[u8]>).map_err(io_error)
    }

    pub(super) fn finish(self) -> Result<Output, SheetError> {
        self.writer.into_inner().map_err(|error| SheetError::Io(error.into_error()))
    }
}

/// The system's own error, which csv would hide.
fn io_error(error: csv::Error) -> SheetError {
    let text = error.to_string();
    let own = if let csv::ErrorKind::Io(own) = error.into_kind() { own } else { io::Error::other(text) };
    SheetError::Io(own)
}
