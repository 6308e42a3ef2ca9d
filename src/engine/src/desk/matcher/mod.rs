//! The paper matcher: what an exchange would have done with our orders, told from market snapshots alone.
//!
//! An order reaches the exchange a latency after it was sent and meets the first snapshot of its instrument behind that:
//! it takes what the book displays within its limit, and what is left rests behind the queue of its price. From then on
//! it is filled by traded volume alone, never by what a book displays. The queue ahead is told by the books as in the
//! risk-averse model of hftbacktest (nkaz001): trades at the price work it off, a displayed level smaller than the queue
//! cuts it to the level, cancellations are otherwise taken to be behind us.
//!
//! What it never does: fill an order from the input that it was made on, fill at a price worse than its limit, or fill
//! more than was displayed or traded, over all our orders of an instrument and snapshot. Who calls it: the desk, with
//! approved orders, cancellations, every snapshot of an instrument with working orders, and clock marks.

mod book;
mod order;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use barkeep_schemas::{InstrumentId, OrderId, OrderType, PaperRules, Price, Qty, Seq, Side, Validity};

use super::types::{Matched, Snapshot};
use crate::state::wire_fields;
use book::Book;
use order::{Stage, Working};

/// Our working orders at the paper exchange.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Matcher {
    rules: PaperRules,
    /// By number of the instrument.
    books: Vec<Book>,
    working: u32,
}
wire_fields!(Matcher { rules, books, working });

impl Matcher {
    /// A matcher with so many instruments of the smallest tick size there is; [`Matcher::list`] adds those that come with
    /// their own, in the order of their numbers.
    pub(crate) fn new(rules: PaperRules, instruments: usize) -> Self {
        let books = (0..instruments).map(|_| Book::new(Price::ZERO)).collect();
        Self { rules, books, working: 0 }
    }

    /// One more instrument. A tick size of zero or less is taken as the smallest price there is.
    pub(crate) fn list(&mut self, tick_size: Price) {
        self.books.push(Book::new(tick_size));
    }

    /// The close that the price band of an instrument lies around; without one there is no band.
    pub(crate) fn previous_close(&mut self, instrument: InstrumentId, close: Option<Price>) {
        if let Some(book) = self.books.get_mut(instrument.index()) {
            book.previous_close(close);
        }
    }

    /// Other rules from now on. What was sent before keeps its time of arrival.
    pub(crate) fn rules(&mut self, rules: PaperRules) {
        self.rules = rules;
    }

    /// Sends an order of `qty` shares at `now` (nanoseconds), made on the input at `cause`. `price` is the limit, of a market
    /// order its protection; `trigger` is for stop orders, which without one act at once. Nothing is done when the
    /// instrument is not listed, when an order of this id works already, or when there is nothing to fill.
    #[expect(clippy::too_many_arguments, reason = "an order as the exchange takes it, field by field")]
    pub(crate) fn submit(
        &mut self,
        id: OrderId,
        instrument: InstrumentId,
        side: Side,
        qty: Qty,
        order_type: OrderType,
        price: Price,
        trigger: Option<Price>,
        validity: Validity,
        now: i64,
        cause: Seq,
    ) {
        let arrives = now.saturating_add(self.rules.latency_ns);
        let Some(book) = self.books.get_mut(instrument.index()) else { return };
        if qty.get() <= 0 || book.holds(id) {
            return;
        }
        book.submit(Working {
            id,
            side,
            open: qty.get(),
            order_type,
            price,
            trigger,
            validity,
            arrives,
            cause,
            stage: Stage::Sent,
            cancelled_at: None,
            ahead: None,
        });
        self.working = self.working.saturating_add(1);
    }

    /// Asks at `now` for an order's cancellation, which takes as long as sending does. An order that has ended is left.
    pub(crate) fn cancel(&mut self, id: OrderId, now: i64) {
        let at = now.saturating_add(self.rules.latency_ns);
        for book in &mut self.books {
            if book.cancel(id, at) {
                return;
            }
        }
    }

    /// Whether an order of ours works in this instrument, or is on its way.
    #[inline]
    pub(crate) fn is_working(&self, instrument: InstrumentId) -> bool {
        self.working > 0 && self.books.get(instrument.index()).is_some_and(|book| book.len() > 0)
    }

    /// How many orders work or are on their way.
    pub(crate) fn working(&self) -> usize {
        self.working as usize
    }

    /// A snapshot: cancellations that have arrived, then resting orders, then those that arrive, oldest first.
    pub(crate) fn tick(&mut self, snapshot: &Snapshot<'_>, out: &mut Vec<Matched>) {
        if !self.is_working(snapshot.instrument) {
            return;
        }
        let Some(book) = self.books.get_mut(snapshot.instrument.index()) else { return };
        let before = book.len();
        book.cancels(snapshot.ts, out);
        book.tick(snapshot, &self.rules, out);
        let ended = before.saturating_sub(book.len());
        self.working = self.working.saturating_sub(ended as u32);
    }

    /// The time is `now`: cancellations that have arrived by then, by instrument.
    pub(crate) fn clock(&mut self, now: i64, out: &mut Vec<Matched>) {
        if self.working == 0 {
            return;
        }
        let mut ended = 0_usize;
        for book in &mut self.books {
            let before = book.len();
            book.cancels(now, out);
            ended = ended.saturating_add(before.saturating_sub(book.len()));
        }
        self.working = self.working.saturating_sub(ended as u32);
    }

    /// The instrument's continuous trading has ended: its orders expire.
    pub(crate) fn close_instrument(&mut self, instrument: InstrumentId, out: &mut Vec<Matched>) {
        let Some(book) = self.books.get_mut(instrument.index()) else { return };
        self.working = self.working.saturating_sub(book.len() as u32);
        book.close(out);
    }
}
