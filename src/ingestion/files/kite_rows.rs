//! Kite's historical candles as rows of cells.
//!
//! What it is: the JSON `{"status","data":{"candles":[[time,o,h,l,c,volume(,oi)],…]}}`, parsed whole (a response holds
//! at most some ten thousand candles). What it never does: take part of a file that is not such JSON. Who calls it: the
//! reader.

use serde::Deserialize;
use serde_json::Value;

use super::cell::{Cell, Cells};
use super::csv_rows::Step;
use super::error::FileError;
use super::row::raw_text;

/// The largest file, in bytes.
pub(super) const KITE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The names of a candle's cells; more cells (open interest) are passed over.
pub(super) const KITE_COLUMNS: [&str; 6] = ["time", "open", "high", "low", "close", "volume"];

#[derive(Deserialize)]
struct Envelope {
    status: Option<String>,
    message: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    candles: Vec<Value>,
}

/// Candles.
#[derive(Debug)]
pub(super) struct KiteRows {
    candles: std::vec::IntoIter<Value>,
    candle: Value,
    cells: Vec<String>,
    number: u64,
}

impl KiteRows {
    /// Parses a whole file. `file` is its name as typed.
    pub(super) fn parse(bytes: &[u8], file: &str) -> Result<Self, FileError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let file = || file.to_owned();
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| FileError::KiteJson {
            file: file(),
            line: error.line(),
            column: error.column(),
            detail: without_place(&error),
        })?;
        if envelope.status.as_deref().is_some_and(|status| status != "success") {
            let message = envelope.message.unwrap_or_else(|| "without a message".to_owned());
            return Err(FileError::KiteEnvelope { file: file(), message });
        }
        let Some(data) = envelope.data else {
            let detail = "there is no `data`".to_owned();
            return Err(FileError::KiteJson { file: file(), line: 1, column: 1, detail });
        };
        Ok(Self { candles: data.candles.into_iter(), candle: Value::Null, cells: Vec::new(), number: 0 })
    }

    /// Steps to the next candle.
    pub(super) fn next_row(&mut self) -> Step {
        let Some(candle) = self.candles.next() else { return Step::End };
        self.number += 1;
        self.candle = candle;
        self.cells.clear();
        let Value::Array(values) = &self.candle else {
            return Step::Bad("the candle is not a list; [time,open,high,low,close,volume] was expected".to_owned());
        };
        if values.len() < KITE_COLUMNS.len() {
            let found = values.len();
            return Step::Bad(format!("the candle has {found} values; [time,open,high,low,close,volume] was expected"));
        }
        // A JSON number's shortest text is what was written, up to 15 digits; a price has at most 13.
        self.cells.extend(values.iter().take(KITE_COLUMNS.len()).map(|value| match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Null => String::new(),
            Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
        }));
        Step::Row
    }

    /// The candle of the last step, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.number
    }

    /// How many candles remain.
    pub(super) fn remaining(&self) -> usize {
        self.candles.len()
    }

    /// The last candle as JSON.
    pub(super) fn raw(&self) -> String {
        raw_text(self.candle.to_string().as_bytes())
    }
}

/// The error's text; its line and column are told apart from it.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map_or_else(|| text.clone(), str::to_owned)
}

impl Cells for KiteRows {
    fn cell(&self, column: usize) -> Cell<'_> {
        self.cells.get(column).map_or(Cell::Absent, |cell| Cell::Text(cell.as_bytes()))
    }
}
