//! Recorded files as rows: CSV, zipped CSV, Parquet and Kite's candles, checked, scanned and merged.
//!
//! What it is: the door through which recorded markets come in. What it never does: sort rows, repair them, write to
//! the tape or know a session. Who calls it: import, and reconciliation over a file.

mod cell;
mod check;
mod clock;
mod columns;
mod conditions;
mod csv_rows;
mod error;
mod input;
mod kept;
mod kept_blocks;
mod kite_rows;
mod mapping;
mod merge;
mod number;
mod options;
mod parquet_rows;
mod reader;
mod row;
mod scan;
mod separators;
mod symbol_reader;
mod symbols;
mod value;
mod zone;

#[cfg(test)]
mod tests;

pub use conditions::{ConditionsError, parse_conditions};
pub use error::{FileError, OptionsError};
pub use kept::Kept;
pub use mapping::{ColumnName, Field, MappedColumn, Mapping, MappingError, Radix, TimeUnit, Unit};
pub use merge::{Merge, Merged};
pub use options::{FileOptions, Format, MAX_STEP_BACK_NS, describe, import_id};
pub use reader::RowReader;
pub use row::{BarRow, Entry, RAW_MAX, Rejection, TickRow};
pub use scan::{DateScan, FileScan, Place, Progress, Scan, SymbolScan, scan, scan_and_keep};
pub use symbols::{SYMBOLS_MAX, SymbolId, Symbols, clean_symbol};
