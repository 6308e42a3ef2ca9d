//! The Parquet form of a sheet: flat columns, row groups of 131,072 rows, zstd. Prices and money are doubles, which
//! hold every price of four decimals up to the highest that the tape takes, and money of eight up to 90 million.

use std::sync::Arc;

use barkeep_schemas::{FINE_PER_MONEY, PRICE_SCALE};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::{Cell, Column, Form, Output, SheetError};

/// Rows in a row group: what is held in memory.
const GROUP_ROWS: usize = 131_072;

/// The gathered cells of one column.
struct Gathered {
    values: Values,
    /// 1 for a cell with a value, 0 for an empty one; `None` where cells are never empty.
    levels: Option<Vec<i16>>,
}

enum Values {
    Text(Vec<ByteArray>),
    Int(Vec<i64>),
    Double(Vec<f64>),
}

pub(in super::super) struct ParquetSheet {
    writer: SerializedFileWriter<Output>,
    columns: Vec<Gathered>,
    rows: usize,
}

impl ParquetSheet {
    pub(super) fn new(file: Output, columns: &[Column]) -> Result<Self, SheetError> {
        let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder("barkeep").with_fields(fields).build()?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { writer, columns: columns.iter().map(Gathered::new).collect(), rows: 0 })
    }

    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), SheetError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(*cell);
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS { self.write_group() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<Output, SheetError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        Ok(self.writer.into_inner()?)
    }

    fn write_group(&mut self) -> Result<(), SheetError> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            if let Some(writer) = group.next_column()? {
                column.write(writer)?;
            }
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl Gathered {
    fn new(column: &Column) -> Self {
        let values = match column.form {
            Form::Text => Values::Text(Vec::new()),
            Form::Int => Values::Int(Vec::new()),
            Form::Decimal | Form::Real => Values::Double(Vec::new()),
        };
        Self { values, levels: column.optional.then(Vec::new) }
    }

    /// Invariant: the columns of a kind and its rows agree in form, and only optional columns get empty cells; a row
    /// that breaks it is refused by the writer, since the column then has too few values.
    fn push(&mut self, cell: Cell<'_>) {
        let known = match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(text)) => {
                values.push(ByteArray::from(text));
                true
            }
            (Values::Int(values), Cell::Int(number)) => {
                values.push(number);
                true
            }
            (Values::Double(values), Cell::Decimal(price)) => {
                values.push(price.get() as f64 / PRICE_SCALE as f64);
                true
            }
            (Values::Double(values), Cell::Money(money)) => {
                values.push(money.get() as f64 / (PRICE_SCALE * FINE_PER_MONEY) as f64);
                true
            }
            (Values::Double(values), Cell::Real(real)) => {
                values.push(real.get());
                true
            }
            (Values::Text(_) | Values::Int(_) | Values::Double(_), _) => false,
        };
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(known));
        }
    }

    fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.levels.as_deref();
        match &mut self.values {
            Values::Text(values) => {
                writer.typed::<ByteArrayType>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Int(values) => {
                writer.typed::<Int64Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Double(values) => {
                writer.typed::<DoubleType>().write_batch(values, levels, None)?;
                values.clear();
            }
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
        writer.close()
    }
}

fn field(column: &Column) -> Result<Arc<Type>, ParquetError> {
    let (physical, logical) = match column.form {
        Form::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Form::Int => (Physical::INT64, None),
        Form::Decimal | Form::Real => (Physical::DOUBLE, None),
    };
    let repetition = if column.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let builder = Type::primitive_type_builder(column.name, physical);
    builder.with_logical_type(logical).with_repetition(repetition).build().map(Arc::new)
}
