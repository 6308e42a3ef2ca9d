//! The five-level book of one stock: how wide it is around the last price, and what stands on each level.
//!
//! Invariant: best bid < best ask, and the last price lies between them or on one. It never makes a trade. `live.rs`
//! moves it; quotes are made of it.

use barkeep_schemas::{Level, Price, Qty};

use super::facts::Facts;

/// Levels on each side.
const LEVELS: usize = 5;

/// The book of one stock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Book {
    /// Whether there is one: not outside the sessions and not in a halt.
    pub(super) present: bool,
    bid_gap: u8,
    ask_gap: u8,
    bids: [u8; LEVELS],
    asks: [u8; LEVELS],
}

/// One side as a quote shows it.
pub(super) struct Side {
    /// Best first.
    pub(super) levels: Vec<Level>,
    /// Shares of the whole side, the levels beyond the fifth included.
    pub(super) total: Qty,
}

impl Book {
    /// A fresh book.
    pub(super) fn open(&mut self, bits: u64, widest: u8) {
        let bytes = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        self.present = true;
        for (level, byte) in self.bids.iter_mut().chain(&mut self.asks).zip(bytes.iter().cycle()) {
            *level = level.wrapping_add(*byte | 1);
        }
        self.spread(bits, widest);
    }

    /// After a trade: it was the ask's or the bid's, and the other side stands a spread away.
    pub(super) fn trade(&mut self, bits: u64, widest: u8) {
        let width = width(bits, widest);
        let byte = (bits >> 8) as u8;
        if bits & 1 == 0 {
            (self.bid_gap, self.ask_gap) = (width, 0);
            eat(&mut self.asks, byte);
        } else {
            (self.bid_gap, self.ask_gap) = (0, width);
            eat(&mut self.bids, byte);
        }
    }

    /// One level changes; now and then both best prices do.
    pub(super) fn shift(&mut self, bits: u64, widest: u8) {
        let place = (bits % 10) as usize;
        let by = ((bits >> 8) as u8).max(1);
        if let Some(level) = self.bids.iter_mut().chain(&mut self.asks).nth(place) {
            *level = level.wrapping_add(by);
        }
        if bits >> 20 & 7 == 0 {
            self.spread(bits, widest);
        }
    }

    fn spread(&mut self, bits: u64, widest: u8) {
        let width = width(bits, widest);
        self.bid_gap = (bits >> 28 & 0xff) as u8 % (width + 1);
        self.ask_gap = width - self.bid_gap;
    }

    /// The bids below a last price, down to the lower circuit.
    pub(super) fn bid_side(&self, last: i64, facts: &Facts) -> Side {
        let best = last.div_euclid(facts.tick) - i64::from(self.bid_gap);
        side(self, &self.bids, best, -1, facts)
    }

    /// The asks above a last price, up to the upper circuit.
    pub(super) fn ask_side(&self, last: i64, facts: &Facts) -> Side {
        let best = (last + facts.tick - 1).div_euclid(facts.tick) + i64::from(self.ask_gap);
        side(self, &self.asks, best, 1, facts)
    }
}

/// The spread in ticks: one as a rule, sometimes more, up to the widest.
fn width(bits: u64, widest: u8) -> u8 {
    let drawn = (bits >> 12 & 0xff) as u8;
    if widest <= 2 { 1 + u8::from(drawn < 40) } else { 1 + drawn % widest }
}

/// The best level is eaten into; what stood behind may come forward.
fn eat(side: &mut [u8; LEVELS], byte: u8) {
    if let Some(best) = side.first_mut() {
        *best = best.wrapping_sub(byte.max(1));
    }
}

fn side(book: &Book, codes: &[u8; LEVELS], best: i64, direction: i64, facts: &Facts) -> Side {
    if !book.present {
        return Side { levels: Vec::new(), total: Qty::ZERO };
    }
    let mut levels = Vec::with_capacity(LEVELS);
    let (mut sum, mut rest) = (0, 40.0);
    for (depth, code) in codes.iter().enumerate() {
        let price = (best + direction * depth as i64) * facts.tick;
        let size = f64::from(*code) / 255.0;
        let qty = libm::ceil(facts.median_qty * (0.3 + 5.0 * size * size) * (1.0 + 0.5 * depth as f64)) as i64;
        rest += f64::from(*code);
        if price >= facts.lower.max(1) && price <= facts.upper {
            sum += qty;
            let orders = 1 + (qty as f64 / (facts.median_qty * 1.5)) as u16 + u16::from(*code & 1);
            levels.push(Level { price: Price::new(price), qty: Qty::new(qty), orders });
        }
    }
    Side { levels, total: Qty::new(sum + libm::ceil(rest * facts.median_qty) as i64) }
}
