//! The last snapshot of every instrument of the session, for the legs of pairs alone.

use barkeep_schemas::{Price, Seq, Tick};

use crate::state::wire_fields;

/// What is known of an instrument's market.
#[derive(Clone, Debug)]
pub(crate) struct Quote {
    /// Whether a pair watches it: the quote of another instrument is not kept.
    pub(crate) is_leg: bool,
    /// Last traded price; the close before until the first tick.
    pub(crate) price: Option<Price>,
    /// When it was seen, in nanoseconds; `i64::MIN` for the close before.
    pub(crate) ts: i64,
    /// Where its tick lies; 0 for the close before.
    pub(crate) seq: Seq,
    /// The highest volume counter seen; `None` until there is one and after a gap.
    counter: Option<i64>,
    /// The smallest price step in raw units, at least 1.
    pub(crate) tick_size: i64,
    /// Shares in one lot, at least 1.
    pub(crate) lot: i64,
    /// Whose hours it keeps: a position in the session's list of hours.
    pub(crate) hours: u32,
}
wire_fields!(Quote { is_leg, price, ts, seq, counter, tick_size, lot, hours });

impl Quote {
    pub(crate) fn new(tick_size: Price, lot: u32, hours: u32) -> Self {
        Self {
            is_leg: false,
            price: None,
            ts: i64::MIN,
            seq: Seq(0),
            counter: None,
            tick_size: tick_size.get().max(1),
            lot: i64::from(lot).max(1),
            hours,
        }
    }

    /// Takes a tick in that is not older than the one before. Returns the shares known to have been traded since the one before.
    #[inline]
    pub(crate) fn update(&mut self, tick: &Tick, seq: Seq) -> i64 {
        self.price = Some(tick.price);
        self.ts = tick.ts.get();
        self.seq = seq;
        match (tick.cum_volume, tick.qty) {
            (Some(counter), _) => {
                let counter = counter.get();
                let known = self.counter.replace(self.counter.map_or(counter, |known| known.max(counter)));
                known.map_or(0, |known| counter.saturating_sub(known).max(0))
            }
            (None, Some(qty)) => qty.get(),
            (None, None) => 0,
        }
    }

    /// The feed was interrupted: what the counter shows next was traded at nobody knows which prices.
    pub(crate) fn interrupted(&mut self) {
        self.counter = None;
    }

    /// The last price, unless it is older than `stale` nanoseconds at `now`.
    pub(crate) fn fresh(&self, now: i64, stale: i64) -> Option<Price> {
        self.price.filter(|_| now.saturating_sub(self.ts) <= stale)
    }

    /// The price nearest to `raw` on the grid of price steps, not below `raw` when `up`, else not above it; at least one step.
    pub(crate) fn on_grid(&self, raw: i64, up: bool) -> Price {
        let steps = if up { raw.saturating_add(self.tick_size - 1) } else { raw } / self.tick_size;
        Price::new(steps.max(1).saturating_mul(self.tick_size))
    }
}
