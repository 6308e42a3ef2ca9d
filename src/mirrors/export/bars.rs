//! Bars as rows: of each (symbol, start) the newest edition that was known.
//!
//! What it is: two passes, the first of which notes the editions and the second of which writes the newest. What it
//! never does: hold bars. Bars brought in as our own for the date, wherever they lie, take the place of the engine's.
//! Called by [`super::export`].

use barkeep_schemas::{Bar, BarOrigin, Derived, Event, EventKind, Input, OutsideBar, Seq, SessionDate, Timeframe};
use barkeep_storage::Filter;

use super::Rows;
use super::editions::Editions;
use super::error::ExportError;
use super::scope::{Scope, Stretch};
use super::sheet::Cell;
use crate::mirrors::symbols::{Symbol, SymbolBook};

pub(super) fn write(
    scope: &mut Scope<'_>,
    book: &mut SymbolBook<'_>,
    tf: Timeframe,
    rows: &mut Rows,
) -> Result<(), ExportError> {
    let (mut built, mut imported) = (Editions::default(), Editions::default());
    each_built(scope, book, tf, |seq, symbol, bar| {
        built.note(symbol.number, bar.start, seq);
        Ok(())
    })?;
    each_imported(scope, book, tf, |seq, symbol, bar| {
        imported.note(symbol.number, bar.start, seq);
        Ok(())
    })?;
    each_built(scope, book, tf, |seq, symbol, bar| {
        let shown = built.is_newest(symbol.number, bar.start, seq) && !imported.contains(symbol.number, bar.start);
        if shown && rows.wants(&symbol.name) { rows.push(&built_row(seq, symbol, bar)) } else { Ok(()) }
    })?;
    each_imported(scope, book, tf, |seq, symbol, bar| {
        let shown = imported.is_newest(symbol.number, bar.start, seq) && rows.wants(&symbol.name);
        if shown { rows.push(&imported_row(seq, symbol, bar)) } else { Ok(()) }
    })
}

/// The engine's bars of the session.
fn each_built(
    scope: &mut Scope<'_>,
    book: &mut SymbolBook<'_>,
    tf: Timeframe,
    mut take: impl FnMut(Seq, &Symbol, &Bar) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    scope.each(Stretch::Segment, &Filter::kinds([EventKind::Bar]), |seq, event| match event {
        Event::Derived(Derived::Bar(bar)) if bar.tf == tf => take(seq, &book.symbol(seq, bar.instrument)?, &bar),
        Event::Derived(_) | Event::Input(_) => Ok(()),
    })
}

/// The bars brought in as our own for the date.
fn each_imported(
    scope: &mut Scope<'_>,
    book: &mut SymbolBook<'_>,
    tf: Timeframe,
    mut take: impl FnMut(Seq, &Symbol, &OutsideBar) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let date = scope.date;
    scope.each(Stretch::Tape, &Filter::kinds([EventKind::OutsideBar]), |seq, event| match event {
        Event::Input(Input::OutsideBar(bar)) if is_ours(&bar, date, tf) => {
            take(seq, &book.symbol(seq, bar.instrument)?, &bar)
        }
        Event::Input(_) | Event::Derived(_) => Ok(()),
    })
}

fn is_ours(bar: &OutsideBar, date: SessionDate, tf: Timeframe) -> bool {
    bar.origin == BarOrigin::Import && bar.session_date == date && bar.tf == tf
}

fn built_row<'a>(seq: Seq, symbol: &'a Symbol, bar: &Bar) -> [Cell<'a>; 11] {
    [
        Cell::Text(&symbol.name),
        Cell::Int(bar.start.secs()),
        Cell::Decimal(bar.open),
        Cell::Decimal(bar.high),
        Cell::Decimal(bar.low),
        Cell::Decimal(bar.close),
        Cell::Int(bar.volume.get()),
        Cell::Int(i64::from(bar.n_trades)),
        Cell::Int(i64::from(bar.revision)),
        Cell::Text("engine"),
        Cell::seq(seq),
    ]
}

/// A file counts no trades and no revisions.
fn imported_row<'a>(seq: Seq, symbol: &'a Symbol, bar: &OutsideBar) -> [Cell<'a>; 11] {
    [
        Cell::Text(&symbol.name),
        Cell::Int(bar.start.secs()),
        Cell::Decimal(bar.open),
        Cell::Decimal(bar.high),
        Cell::Decimal(bar.low),
        Cell::Decimal(bar.close),
        Cell::Int(bar.volume.get()),
        Cell::Empty,
        Cell::Int(0),
        Cell::Text("import"),
        Cell::seq(seq),
    ]
}
