//! Reconciliation as rows: of each (timeframe, symbol, start) that ever failed to match on the date, what the newest
//! run that found it said.
//!
//! A run that finds a bar in order says nothing of it, so a row stays until a later run of the same bar disagrees
//! again; `run_id` tells how old it is. Called by [`super::export`].

use barkeep_schemas::{Event, EventKind, Input, Ohlcv, ReconDifference, Seq, SessionDate};
use barkeep_storage::Filter;

use super::Rows;
use super::editions::Editions;
use super::error::ExportError;
use super::scope::{Scope, Stretch};
use super::sheet::Cell;
use crate::mirrors::symbols::{Symbol, SymbolBook};

pub(super) fn write(scope: &mut Scope<'_>, book: &mut SymbolBook<'_>, rows: &mut Rows) -> Result<(), ExportError> {
    let date = scope.date.to_string();
    let mut editions = Editions::default();
    each(scope, book, |seq, symbol, difference| {
        editions.note(series(symbol, difference), difference.ts, seq);
        Ok(())
    })?;
    each(scope, book, |seq, symbol, difference| {
        let shown = editions.is_newest(series(symbol, difference), difference.ts, seq) && rows.wants(&symbol.name);
        if shown { rows.push(&row(seq, &date, symbol, difference)) } else { Ok(()) }
    })
}

/// The differences of the date, wherever they lie.
fn each(
    scope: &mut Scope<'_>,
    book: &mut SymbolBook<'_>,
    mut take: impl FnMut(Seq, &Symbol, &ReconDifference) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let date: SessionDate = scope.date;
    scope.each(Stretch::Tape, &Filter::kinds([EventKind::ReconDifference]), |seq, event| match event {
        Event::Input(Input::ReconDifference(difference)) if difference.session_date == date => {
            take(seq, &book.symbol(seq, difference.instrument)?, &difference)
        }
        Event::Input(_) | Event::Derived(_) => Ok(()),
    })
}

/// A symbol and a timeframe as one number: there are seven timeframes.
fn series(symbol: &Symbol, difference: &ReconDifference) -> u32 {
    symbol.number.wrapping_mul(8) + u32::from(difference.tf.index())
}

fn row<'a>(seq: Seq, date: &'a str, symbol: &'a Symbol, difference: &ReconDifference) -> [Cell<'a>; 19] {
    let [io, ih, il, ic, iv] = side(difference.internal.as_ref());
    let [bo, bh, bl, bc, bv] = side(difference.broker.as_ref());
    [
        Cell::Text(date),
        Cell::Text(&symbol.name),
        Cell::Int(difference.ts.secs()),
        Cell::Text(difference.tf.name()),
        Cell::Text(difference.status.name()),
        Cell::Text(difference.cause.name()),
        io,
        ih,
        il,
        ic,
        iv,
        bo,
        bh,
        bl,
        bc,
        bv,
        Cell::Decimal(difference.diff_max),
        Cell::seq(difference.run_id),
        Cell::seq(seq),
    ]
}

fn side(bar: Option<&Ohlcv>) -> [Cell<'static>; 5] {
    [
        Cell::price(bar.map(|bar| bar.open)),
        Cell::price(bar.map(|bar| bar.high)),
        Cell::price(bar.map(|bar| bar.low)),
        Cell::price(bar.map(|bar| bar.close)),
        Cell::int(bar.map(|bar| bar.volume.get())),
    ]
}
