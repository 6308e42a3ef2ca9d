//! Writes the section of bars: every field of a bar as a column, most of them relative to what is known before it.
//!
//! Never holds a bar that contradicts itself: those go by canonical bytes. Called by [`super::Encoder`];
//! [`super::bar_reader`] reads the bytes back.

use barkeep_schemas::Bar;

use super::column_writer::ColumnWriter;
use super::cursor::put_signed;
use super::delta;
use super::dictionary::{Numbering, in_order};

/// Whether columns hold the bar. A bar of one trade has one price and one tick, and columns say so by leaving them out.
pub(super) fn fits(bar: &Bar) -> bool {
    bar.n_trades != 1
        || (bar.high == bar.open && bar.low == bar.open && bar.close == bar.open && bar.first_tick == bar.last_tick)
}

/// The bars of a payload, field by field, in the form in which they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct BarWriter {
    instruments: Numbering,
    /// For each instrument its first open and its latest close.
    states: Vec<(u64, u64)>,
    /// The cause expected of the next bar.
    cause: u64,
    numbers: Vec<u64>,
    tf: Vec<u64>,
    n_trades: Vec<u64>,
    end: Vec<u64>,
    open: Vec<u64>,
    close: Vec<u64>,
    high: Vec<u64>,
    low: Vec<u64>,
    ticks: Vec<u64>,
    volume: Vec<u64>,
    revision: Vec<u64>,
    late: Vec<u64>,
    age: Vec<u64>,
}

impl BarWriter {
    /// Forgets all bars; `cause` is what the first is expected to have.
    pub(super) fn begin(&mut self, cause: u64) {
        self.instruments.clear();
        self.states.clear();
        self.cause = cause;
        for column in [
            &mut self.numbers,
            &mut self.tf,
            &mut self.n_trades,
            &mut self.end,
            &mut self.open,
            &mut self.close,
            &mut self.high,
            &mut self.low,
            &mut self.ticks,
            &mut self.volume,
            &mut self.revision,
            &mut self.late,
            &mut self.age,
        ] {
            column.clear();
        }
    }

    /// A run of bars begins after the input at this position.
    pub(super) const fn after(&mut self, input: u64) {
        self.cause = input;
    }

    /// Adds a bar.
    pub(super) fn push(&mut self, bar: &Bar) {
        let number = self.instruments.number(bar.instrument.0);
        let open = bar.open.get() as u64;
        if number as usize >= self.states.len() {
            self.states.push((open, open));
        }
        let Some(state) = self.states.get_mut(number as usize) else { return };
        self.numbers.push(u64::from(number));
        self.tf.push(u64::from(bar.tf.index()));
        self.n_trades.push(u64::from(bar.n_trades));
        self.end.push(bar.start.get().wrapping_add(bar.tf.nanos()) as u64);
        self.open.push(open.wrapping_sub(state.1));
        state.1 = bar.close.get() as u64;
        if bar.n_trades != 1 {
            self.close.push(state.1.wrapping_sub(open));
            self.high.push((bar.high.get() as u64).wrapping_sub(bar.open.max(bar.close).get() as u64));
            self.low.push((bar.open.min(bar.close).get() as u64).wrapping_sub(bar.low.get() as u64));
            self.ticks.push(bar.last_tick.0.wrapping_sub(bar.first_tick.0));
        }
        self.volume.push(bar.volume.get() as u64);
        self.revision.push(u64::from(bar.revision));
        self.late.push(bar.cause.0.wrapping_sub(self.cause));
        self.cause = bar.cause.0;
        self.age.push(bar.cause.0.wrapping_sub(bar.first_tick.0));
    }

    /// Appends the section.
    pub(super) fn put(&mut self, writer: &mut ColumnWriter, out: &mut Vec<u8>) {
        if self.numbers.is_empty() {
            return;
        }
        let places = self.instruments.put(writer, out);
        for number in &mut self.numbers {
            *number = places.get(*number as usize).map_or(0, |place| u64::from(*place));
        }
        let mut steps = Vec::with_capacity(self.numbers.len());
        let start = delta::differences(&self.numbers, &mut steps);
        put_signed(start, out);
        writer.put_smallest(&[&self.numbers, &steps], out);
        writer.put(&self.tf, out);
        writer.put(&self.n_trades, out);
        let start = delta::differences(&self.end, &mut steps);
        delta::put(start, &steps, writer, out);
        writer.put(&in_order(self.states.iter().map(|state| state.0), &places), out);
        for column in [
            &self.open,
            &self.close,
            &self.high,
            &self.low,
            &self.ticks,
            &self.volume,
            &self.revision,
            &self.late,
            &self.age,
        ] {
            writer.put(column, out);
        }
    }
}
