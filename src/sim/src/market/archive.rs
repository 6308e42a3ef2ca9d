//! Days gone by, made on demand and kept for a while.
//!
//! Invariant: keeping one or not changes no answer. `market.rs` asks it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::past::PastDay;

/// Instrument-days kept: two queries of the most minutes that Kite gives at once, 60 days each, and room.
const KEPT: usize = 256;

/// The days kept.
#[derive(Debug, Default)]
pub(super) struct Archive(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    days: BTreeMap<(usize, usize), Arc<PastDay>>,
    order: VecDeque<(usize, usize)>,
}

impl Archive {
    /// The day of an instrument, if it is kept.
    pub(super) fn find(&self, instrument: usize, day: usize) -> Option<Arc<PastDay>> {
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.days.get(&(instrument, day)).cloned()
    }

    /// Keeps a day, and lets go of the one kept longest when there are too many.
    pub(super) fn keep(&self, instrument: usize, day: usize, made: PastDay) -> Arc<PastDay> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = Arc::new(made);
        if shelf.days.insert((instrument, day), Arc::clone(&made)).is_none() {
            shelf.order.push_back((instrument, day));
        }
        while shelf.order.len() > KEPT {
            if let Some(oldest) = shelf.order.pop_front() {
                shelf.days.remove(&oldest);
            }
        }
        made
    }
}
