//! The day's cumulative volume as a running maximum.
//!
//! Invariant: the rises it hands out sum to the maximum (plus, after resets, the maxima before them).

use barkeep_schemas::{Qty, Ts};

use crate::state::wire_fields;

/// What a value of the counter says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rise {
    /// Nothing new.
    None,
    /// So many shares since the last value.
    Shares(i64),
    /// The first value seen: traded at some time before.
    First(i64),
    /// The counter fell to `after` and stayed low since `since`: it counts anew from zero.
    Reset { before: i64, after: i64, since: i64 },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Counter {
    max: Option<Qty>,
    low_since: Option<Ts>,
}
wire_fields!(Counter { max, low_since });

impl Counter {
    pub(crate) fn starting_at(max: Option<Qty>) -> Self {
        Self { max, low_since: None }
    }

    /// The highest value seen.
    pub(crate) fn max(&self) -> Option<Qty> {
        self.max
    }

    /// Takes a value read at event time `t`.
    pub(crate) fn update(&mut self, value: i64, t: i64, reset_after: i64) -> Rise {
        let Some(max) = self.max.map(Qty::get) else {
            self.max = Some(Qty::new(value));
            return Rise::First(value);
        };
        if value >= max {
            self.max = Some(Qty::new(value));
            self.low_since = None;
            return if value > max { Rise::Shares(value - max) } else { Rise::None };
        }
        let since = self.low_since.get_or_insert(Ts::new(t)).get();
        if t.saturating_sub(since) < reset_after {
            return Rise::None;
        }
        self.max = Some(Qty::new(value));
        self.low_since = None;
        Rise::Reset { before: max, after: value, since }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_fall_is_no_trade_and_a_long_one_is_a_reset() {
        let mut counter = Counter::default();
        assert_eq!(counter.update(100, 0, 60), Rise::First(100));
        assert_eq!(counter.update(90, 1, 60), Rise::None);
        assert_eq!(counter.update(130, 2, 60), Rise::Shares(30));
        assert_eq!(counter.update(20, 3, 60), Rise::None);
        assert_eq!(counter.update(25, 62, 60), Rise::None);
        assert_eq!(counter.update(26, 63, 60), Rise::Reset { before: 130, after: 26, since: 3 });
        assert_eq!(counter.update(30, 64, 60), Rise::Shares(4));
    }
}
