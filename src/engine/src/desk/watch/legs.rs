//! The bars of a pair's legs, and what waits for the other leg's.
//!
//! What it never does: look at a bar that lacks the other leg's of the same bucket. Who calls it: the pair.

use alloc::collections::VecDeque;

use barkeep_schemas::{Leg, PRICE_SCALE, Price, Real, Seq};

use super::window::held;
use crate::state::wire_fields;

/// Bars of a leg that wait for the other leg's; more than a leg can lag while its clock goes on.
const WAITING: usize = 8;

/// A leg's newest bar of one bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LegBar {
    /// Start of the bucket, in nanoseconds.
    pub(super) start: i64,
    /// Close, above zero.
    pub(super) close: Price,
    /// Where the bar lies.
    pub(super) seq: Seq,
    /// Whether this is the close of the first edition.
    pub(super) first: bool,
}
wire_fields!(LegBar { start, close, seq, first });

/// Both legs' bars of one bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Both {
    /// A's.
    pub(super) a: LegBar,
    /// B's.
    pub(super) b: LegBar,
}
wire_fields!(Both { a, b });

impl Both {
    /// The bar of one leg.
    pub(super) fn leg(&mut self, leg: Leg) -> &mut LegBar {
        match leg {
            Leg::A => &mut self.a,
            Leg::B => &mut self.b,
        }
    }

    /// `ln close_a - beta ln close_b`, prices in the quote currency; `None` when that is no number of a market.
    pub(super) fn spread(&self, beta: Real) -> Option<Real> {
        let log = |bar: &LegBar| libm::log(bar.close.get() as f64 / PRICE_SCALE as f64);
        held(log(&self.a) - beta.get() * log(&self.b))
    }
}

/// Bars of buckets that one leg alone has so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Waiting {
    a: VecDeque<LegBar>,
    b: VecDeque<LegBar>,
}
wire_fields!(Waiting { a, b });

impl Waiting {
    /// Keeps a bar until the other leg's comes. A revision that leaves the close alone is none.
    pub(super) fn put(&mut self, leg: Leg, bar: LegBar) {
        let waiting = match leg {
            Leg::A => &mut self.a,
            Leg::B => &mut self.b,
        };
        match waiting.iter_mut().find(|kept| kept.start == bar.start) {
            Some(kept) if kept.close == bar.close => {}
            Some(kept) => *kept = bar,
            None => {
                if waiting.len() >= WAITING {
                    waiting.pop_front();
                }
                waiting.push_back(bar);
            }
        }
    }

    /// Takes out the bucket that starts at `start`, and forgets those before it, when both legs have it.
    pub(super) fn take(&mut self, start: i64) -> Option<Both> {
        let find = |waiting: &VecDeque<LegBar>| waiting.iter().find(|bar| bar.start == start).copied();
        let both = Both { a: find(&self.a)?, b: find(&self.b)? };
        self.a.retain(|bar| bar.start > start);
        self.b.retain(|bar| bar.start > start);
        Some(both)
    }
}
