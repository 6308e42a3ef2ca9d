//! Writes the section of ticks: every field of a tick but its depth, each as a column.
//!
//! Never drops or orders anything. Called by [`super::Encoder`]; [`super::tick_reader`] reads the bytes back.

use barkeep_schemas::{Event, Input};

use super::column_writer::ColumnWriter;
use super::cursor::put_varint;
use super::dictionary::{Numbering, in_order};
use super::present;
use super::times;

/// Distinct condition flags of which a dictionary is made.
const CONDITIONS_MAX: usize = 256;

/// What is known of an instrument while its ticks are gathered.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    first_price: u64,
    price: u64,
    /// The counter before its first tick here, and at its last.
    first_volume: u64,
    volume: u64,
    counted: bool,
}

impl State {
    /// How far the counter rose to `volume`; before the instrument's first tick it stood lower by that tick's quantity.
    #[inline]
    const fn rise(&mut self, volume: u64, qty: u64) -> u64 {
        if !self.counted {
            self.counted = true;
            self.first_volume = volume.wrapping_sub(qty);
            self.volume = self.first_volume;
        }
        let rise = volume.wrapping_sub(self.volume);
        self.volume = volume;
        rise
    }
}

/// The ticks of a payload, field by field, in the form in which they are written.
///
/// The columns before `last_trade` have an entry for every tick until [`TickWriter::put`] takes out those of absent
/// fields; the last two, which few feeds have, only ever hold what is present.
#[derive(Clone, Debug, Default)]
pub(super) struct TickWriter {
    instruments: Numbering,
    states: Vec<State>,
    /// Ticks so far, and the fields that all of them have.
    count: usize,
    all: u64,
    numbers: Vec<u64>,
    feed: Vec<u64>,
    present: Vec<u64>,
    ts: Vec<u64>,
    recv: Vec<u64>,
    price: Vec<u64>,
    volume: Vec<u64>,
    qty: Vec<u64>,
    qty_beyond_volume: Vec<u64>,
    bid: Vec<u64>,
    ask_from_price: Vec<u64>,
    ask_from_bid: Vec<u64>,
    last_trade: Vec<u64>,
    condition: Vec<u64>,
}

impl TickWriter {
    /// Forgets all ticks and makes room for `count`.
    pub(super) fn begin(&mut self, count: usize) {
        self.instruments.clear();
        self.states.clear();
        self.count = 0;
        self.all = u64::MAX;
        for column in [
            &mut self.numbers,
            &mut self.feed,
            &mut self.present,
            &mut self.ts,
            &mut self.recv,
            &mut self.price,
            &mut self.volume,
            &mut self.qty,
            &mut self.qty_beyond_volume,
            &mut self.bid,
            &mut self.ask_from_price,
            &mut self.ask_from_bid,
        ] {
            column.resize(count, 0);
        }
        self.last_trade.clear();
        self.condition.clear();
    }

    /// Adds a run of ticks; at most as many in all as [`Self::begin`] made room for.
    pub(super) fn extend(&mut self, events: &[Event]) {
        let from = self.count;
        self.count += events.len();
        let numbers = self.numbers.iter_mut().skip(from);
        let names = numbers.zip(self.feed.iter_mut().skip(from)).zip(self.present.iter_mut().skip(from));
        let times = self.ts.iter_mut().skip(from).zip(self.recv.iter_mut().skip(from));
        let price = self.price.iter_mut().skip(from);
        let volume = self.volume.iter_mut().skip(from);
        let volumes = volume.zip(self.qty.iter_mut().skip(from)).zip(self.qty_beyond_volume.iter_mut().skip(from));
        let asks = self.ask_from_price.iter_mut().skip(from).zip(self.ask_from_bid.iter_mut().skip(from));
        let quotes = self.bid.iter_mut().skip(from).zip(asks);
        let entries = names.zip(times).zip(price).zip(volumes).zip(quotes);
        for (event, ((((names, times), rise), volumes), quotes)) in events.iter().zip(entries) {
            let Event::Input(Input::Tick(tick)) = event else { continue };
            let number = self.instruments.number(tick.instrument.0);
            let price = tick.price.get() as u64;
            if number as usize >= self.states.len() {
                self.states.push(State { first_price: price, price, ..State::default() });
            }
            let Some(state) = self.states.get_mut(number as usize) else { continue };
            let present = u64::from(present::of(tick));
            self.all &= present;
            *names.0.0 = u64::from(number);
            *names.0.1 = u64::from(tick.feed.0);
            *names.1 = present;
            *times.0 = tick.ts.get() as u64;
            *times.1 = tick.recv.get() as u64;
            *rise = price.wrapping_sub(state.price);
            state.price = price;
            let qty = tick.qty.map_or(0, |qty| qty.get() as u64);
            *volumes.0.0 = tick.cum_volume.map_or(0, |volume| state.rise(volume.get() as u64, qty));
            *volumes.0.1 = qty;
            *volumes.1 = qty.wrapping_sub(*volumes.0.0);
            let bid = tick.bid.map_or(price, |bid| bid.get() as u64);
            let ask = tick.ask.map_or(0, |ask| ask.get() as u64);
            *quotes.0 = bid.wrapping_sub(price);
            *quotes.1.0 = ask.wrapping_sub(price);
            *quotes.1.1 = ask.wrapping_sub(bid);
            if let Some(last_trade) = tick.last_trade {
                self.last_trade.push((last_trade.get() as u64).wrapping_sub(tick.ts.get() as u64));
            }
            if tick.condition != 0 {
                self.condition.push(u64::from(tick.condition));
            }
        }
    }

    /// Takes the entries of absent fields out.
    fn keep_present(&mut self) {
        for (field, column) in [
            (present::CUM_VOLUME, &mut self.volume),
            (present::QTY, &mut self.qty),
            (present::QTY, &mut self.qty_beyond_volume),
            (present::BID, &mut self.bid),
            (present::ASK, &mut self.ask_from_price),
            (present::ASK, &mut self.ask_from_bid),
        ] {
            if self.all & u64::from(field) == 0 {
                let mut present = self.present.iter();
                column.retain(|_| present.next().is_some_and(|present| present & u64::from(field) != 0));
            }
        }
    }

    /// Appends the section.
    pub(super) fn put(&mut self, writer: &mut ColumnWriter, out: &mut Vec<u8>) {
        if self.numbers.is_empty() {
            return;
        }
        self.keep_present();
        let places = self.instruments.put(writer, out);
        for number in &mut self.numbers {
            *number = places.get(*number as usize).map_or(0, |place| u64::from(*place));
        }
        writer.put(&self.numbers, out);
        writer.put(&self.feed, out);
        writer.put(&self.present, out);
        times::put(&self.recv, &self.ts, writer, out);
        writer.put(&in_order(self.states.iter().map(|state| state.first_price), &places), out);
        writer.put(&self.price, out);
        if !self.volume.is_empty() {
            let fill = self.states.iter().find(|state| state.counted).map_or(0, |state| state.first_volume);
            let firsts = self.states.iter().map(|state| if state.counted { state.first_volume } else { fill });
            writer.put(&in_order(firsts, &places), out);
            writer.put(&self.volume, out);
        }
        if !self.qty.is_empty() {
            writer.put_smallest(&[&self.qty, &self.qty_beyond_volume], out);
        }
        writer.put(&self.bid, out);
        if !self.ask_from_price.is_empty() {
            writer.put_smallest(&[&self.ask_from_price, &self.ask_from_bid], out);
        }
        writer.put(&self.last_trade, out);
        if !self.condition.is_empty() {
            put_conditions(&self.condition, writer, out);
        }
    }
}

/// Flags as they are, or as indexes of a dictionary.
fn put_conditions(flags: &[u64], writer: &mut ColumnWriter, out: &mut Vec<u8>) {
    let mut known = flags.to_vec();
    known.sort_unstable();
    known.dedup();
    if known.len() > CONDITIONS_MAX {
        out.push(0);
        writer.put(flags, out);
        return;
    }
    out.push(1);
    put_varint(known.len() as u64, out);
    writer.put(&known, out);
    let indexes: Vec<u64> = flags.iter().map(|flag| known.partition_point(|one| one < flag) as u64).collect();
    writer.put(&indexes, out);
}
