//! Exports: a session's ticks, bars, orders, fills, signals or reconciliation as one file for pandas, DuckDB or Excel.
//!
//! What it is: projections of the tape, in memory that does not grow with the session. What it never does: change the
//! tape, replace a file unasked, or leave half a file. Who calls it: `barkeep export`.
//!
//! Rows come in the order of the tape. For bars that is the order in which the engine emitted the editions shown (for
//! one symbol by time, revised bars where their revision stands), then the bars brought in from files, then the healed ones.

mod bars;
mod desk;
mod draft;
mod editions;
mod error;
mod kind;
mod recon;
mod scope;
mod sheet;
mod ticks;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use barkeep_schemas::{Seq, SessionDate};
use barkeep_storage::Tape;

pub use self::draft::Destination;
pub use self::error::ExportError;
pub use self::kind::ExportKind;
pub use self::sheet::{Column, Form, Format};

use self::draft::Draft;
use self::recon::Recon;
use self::scope::Scope;
use self::sheet::{Cell, Sheet, SheetError};
use super::symbols::{Found, SymbolBook};

/// What to export.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportRequest {
    /// What the rows are.
    pub kind: ExportKind,
    /// The session's date; `None` for the session that the tape recorded last.
    pub date: Option<SessionDate>,
    /// Which run of that date, from 1; `None` for the newest that has the symbols, and of reconciliations for all.
    pub run: Option<u32>,
    /// Only these symbols; all when empty.
    pub symbols: Vec<String>,
    /// Only what was known at this position; `None` for all that the tape holds.
    pub as_of: Option<Seq>,
    /// Of reconciliations also the differences that a later run no longer found.
    pub all: bool,
    /// The format; `None` for the one that the file's extension names.
    pub format: Option<Format>,
}

/// What was exported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exported {
    /// The session's date.
    pub date: SessionDate,
    /// The session's run; `None` where the date has no session of its own on this tape, and where reconciliations of
    /// every run are shown.
    pub run: Option<u32>,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The last position that was read: the same request with this as `as_of` gives the same rows for ever.
    pub as_of: Seq,
    /// How many reconciliations the rows are taken from; `None` for every other kind.
    pub reconciliations: Option<u64>,
}

/// Exports to a file or a stream. `progress` is told events done and events in all, now and then.
///
/// # Errors
/// [`ExportError`]; a file is then as it was.
pub fn export(
    tape: &Tape,
    request: &ExportRequest,
    destination: Destination,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    let format = format(request.format, &destination)?;
    let mut book = SymbolBook::new(tape);
    check_symbols(&mut book, &request.symbols)?;
    let mut scope = Scope::new(tape, request, &mut book, progress)?;
    let recon = match request.kind {
        ExportKind::Recon => Some(Recon::read(&mut scope, &mut book, request)?),
        ExportKind::Ticks
        | ExportKind::Bars(_)
        | ExportKind::Orders
        | ExportKind::Fills
        | ExportKind::Signals
        | ExportKind::PairMarks => None,
    };
    let reconciliations = recon.as_ref().map(Recon::count);
    let (draft, output) = Draft::new(destination)?;
    let columns = request.kind.columns();
    let sheet = Sheet::new(format, output, columns).map_err(|error| sheet_error(&draft, error))?;
    let mut rows = Rows { sheet, draft, wanted: request.symbols.iter().cloned().collect(), count: 0 };
    match (request.kind, &recon) {
        (ExportKind::Ticks, _) => ticks::write(&mut scope, &mut book, &mut rows)?,
        (ExportKind::Bars(tf), _) => bars::write(&mut scope, &mut book, tf, &mut rows)?,
        (ExportKind::Recon, Some(recon)) => recon.write(&mut scope, &mut book, &mut rows)?,
        (ExportKind::Orders, _) => desk::orders(&mut scope, &mut book, &mut rows)?,
        (ExportKind::Fills, _) => desk::fills(&mut scope, &mut book, &mut rows)?,
        (ExportKind::Signals, _) => desk::signals(&mut scope, &mut book, &mut rows)?,
        (ExportKind::PairMarks, _) => desk::pair_marks(&mut scope, &mut book, &mut rows)?,
        (ExportKind::Recon, None) => {}
    }
    if scope.segment.is_none() && rows.count == 0 && reconciliations.unwrap_or(0) == 0 && !scope.has_session {
        return Err(scope.no_session(request));
    }
    let Rows { sheet, draft, count, .. } = rows;
    let output = sheet.finish().map_err(|error| sheet_error(&draft, error))?;
    let bytes = draft.place(output)?;
    let run = scope.segment.as_ref().map(|info| info.name.run);
    Ok(Exported { date: scope.date, run, rows: count, bytes, as_of: scope.as_of, reconciliations })
}

/// The format asked for, else the one that the file's name chooses.
fn format(asked: Option<Format>, destination: &Destination) -> Result<Format, ExportError> {
    match (asked, destination) {
        (Some(Format::Parquet), Destination::Stream(_)) => Err(ExportError::NoStream),
        (Some(format), _) => Ok(format),
        (None, Destination::Stream(_)) => Err(ExportError::NoFormat),
        (None, Destination::File { path, .. }) => {
            Format::of(path).ok_or_else(|| ExportError::UnknownFormat { path: path.clone() })
        }
    }
}

/// Rows on their way into the output.
struct Rows {
    sheet: Sheet,
    draft: Draft,
    wanted: BTreeSet<String>,
    count: u64,
}

impl Rows {
    /// Whether rows of a symbol were asked for.
    fn wants(&self, symbol: &str) -> bool {
        self.wanted.is_empty() || self.wanted.contains(symbol)
    }

    fn push(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        self.count += 1;
        self.sheet.row(cells).map_err(|error| sheet_error(&self.draft, error))
    }
}

fn sheet_error(draft: &Draft, error: SheetError) -> ExportError {
    let path = draft.path().to_path_buf();
    match error {
        SheetError::Io(source) => ExportError::Write { path, source },
        SheetError::Parquet(source) => ExportError::Parquet { path, source },
    }
}

/// A symbol that the tape has never heard of is a slip of the hand, not an empty export.
fn check_symbols(book: &mut SymbolBook<'_>, symbols: &[String]) -> Result<(), ExportError> {
    for symbol in symbols {
        if let Found::No { nearest } = book.find(symbol)? {
            let nearest = nearest.map(|name| name.to_string());
            return Err(ExportError::UnknownSymbol { symbol: symbol.clone(), nearest });
        }
    }
    Ok(())
}
