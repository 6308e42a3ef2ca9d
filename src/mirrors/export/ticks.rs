//! Ticks as rows: one a tick, as it came, whether or not it moved a bar. Called by [`super::export`].

use barkeep_schemas::{Event, EventKind, Input, Qty};
use barkeep_storage::Filter;

use super::Rows;
use super::error::ExportError;
use super::scope::{Scope, Stretch};
use super::sheet::Cell;
use crate::mirrors::symbols::SymbolBook;

pub(super) fn write(scope: &mut Scope<'_>, book: &mut SymbolBook<'_>, rows: &mut Rows) -> Result<(), ExportError> {
    scope.each(Stretch::Segment, &Filter::kinds([EventKind::Tick]), |seq, event| {
        let Event::Input(Input::Tick(tick)) = event else { return Ok(()) };
        let symbol = book.symbol(seq, tick.instrument)?;
        if !rows.wants(&symbol.name) {
            return Ok(());
        }
        rows.push(&[
            Cell::Text(&symbol.name),
            Cell::Int(tick.ts.get()),
            Cell::Int(tick.recv.get()),
            Cell::Decimal(tick.price),
            Cell::int(tick.qty.map(Qty::get)),
            Cell::int(tick.cum_volume.map(Qty::get)),
            Cell::price(tick.bid),
            Cell::price(tick.ask),
            Cell::Int(i64::from(tick.condition)),
            Cell::seq(seq),
        ])
    })
}
