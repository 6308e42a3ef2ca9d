//! Bars as rows: of each (symbol, start) the newest edition that was known.
//!
//! What it is: two passes, the first of which notes the editions and the second of which writes the newest. What it
//! never does: hold bars, corrected ones aside. Bars brought in as our own for the date, wherever they lie, take the
//! place of the engine's, and corrections that of both. Called by [`super::export`].

use std::collections::BTreeMap;

use barkeep_schemas::{
    Bar, BarCorrection, BarOrigin, Derived, Event, EventKind, Input, OutsideBar, Seq, SessionDate, Timeframe, Ts,
};
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
    let healed = Healed::read(scope, book, tf)?;
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
        let replaced = imported.contains(symbol.number, bar.start) || healed.contains(symbol.number, bar.start);
        let shown = built.is_newest(symbol.number, bar.start, seq) && !replaced;
        if shown && rows.wants(&symbol.name) { rows.push(&built_row(seq, symbol, bar)) } else { Ok(()) }
    })?;
    each_imported(scope, book, tf, |seq, symbol, bar| {
        let newest = imported.is_newest(symbol.number, bar.start, seq) && !healed.contains(symbol.number, bar.start);
        if newest && rows.wants(&symbol.name) { rows.push(&imported_row(seq, symbol, bar)) } else { Ok(()) }
    })?;
    healed.write(rows)
}

/// The newest correction of each bar of the session that has one, by its position.
struct Healed {
    newest: BTreeMap<Seq, (Symbol, Box<BarCorrection>)>,
    /// Where the newest of each (symbol, start) lies.
    places: BTreeMap<(u32, Ts), Seq>,
}

impl Healed {
    fn read(scope: &mut Scope<'_>, book: &mut SymbolBook<'_>, tf: Timeframe) -> Result<Self, ExportError> {
        let mut healed = Self { newest: BTreeMap::new(), places: BTreeMap::new() };
        let (date, run) = (scope.date, scope.segment.as_ref().map_or(0, |info| info.name.run));
        scope.each(Stretch::Tape, &Filter::kinds([EventKind::BarCorrection]), |seq, event| match event {
            Event::Input(Input::BarCorrection(bar))
                if (bar.session_date, bar.session_run, bar.tf) == (date, run, tf) =>
            {
                let symbol = book.symbol(seq, bar.instrument)?;
                if let Some(older) = healed.places.insert((symbol.number, bar.start), seq) {
                    healed.newest.remove(&older);
                }
                healed.newest.insert(seq, (symbol, bar));
                Ok(())
            }
            Event::Input(_) | Event::Derived(_) => Ok(()),
        })?;
        Ok(healed)
    }

    fn contains(&self, symbol: u32, start: Ts) -> bool {
        self.places.contains_key(&(symbol, start))
    }

    /// The rows; a correction after which there is no bar has none.
    fn write(&self, rows: &mut Rows) -> Result<(), ExportError> {
        for (seq, (symbol, bar)) in &self.newest {
            let Some(after) = bar.after.as_ref().filter(|_| rows.wants(&symbol.name)) else { continue };
            rows.push(&[
                Cell::Text(&symbol.name),
                Cell::Int(bar.start.secs()),
                Cell::Decimal(after.open),
                Cell::Decimal(after.high),
                Cell::Decimal(after.low),
                Cell::Decimal(after.close),
                Cell::Int(after.volume.get()),
                Cell::Empty,
                Cell::Int(i64::from(bar.revision)),
                Cell::Text("heal"),
                Cell::seq(*seq),
            ])?;
        }
        Ok(())
    }
}

/// The engine's bars of the session.
fn each_built(
    scope: &mut Scope<'_>,
    book: &mut SymbolBook<'_>,
    tf: Timeframe,
    mut take: impl FnMut(Seq, &Symbol, &Bar) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let filter = Filter { tf: Some(tf), ..Filter::kinds([EventKind::Bar]) };
    scope.each(Stretch::Segment, &filter, |seq, event| match event {
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
