//! What is kept of an instrument to count its late trades and to say what it has open, read off the tape alone.
//!
//! What it never does: build a bar. It follows the engine's rules for what a trade is and when a second closes, and
//! takes from the tape which bars were published.

use barkeep_schemas::{Bar, Qty, Tick, Timeframe, TradeRule, Ts};
use prometheus::IntCounter;

/// Timeframes made of minutes.
pub(super) const MULTIS: [Timeframe; 5] =
    [Timeframe::M3, Timeframe::M5, Timeframe::M15, Timeframe::M30, Timeframe::M60];

const NEVER: i64 = i64::MIN;

/// A stretch of continuous trading, `start <= t < end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Stretch {
    const fn holds(self, t: i64) -> bool {
        self.start <= t && t < self.end
    }
}

/// An instrument of the session.
pub(super) struct InstrumentWatch {
    /// Its `zerodha_ticks_received_total`.
    pub(super) received: IntCounter,
    /// The feed that delivers it.
    pub(super) feed: u8,
    /// Which of the session's classes it is of.
    pub(super) class: usize,
    stretch: Stretch,
    watermark: i64,
    volume: Option<Qty>,
    last_trade: Option<Ts>,
    /// Start of the newest second with a trade.
    second: i64,
    /// Start of the newest minute published.
    minute: i64,
    /// Start of the newest window published, for each of [`MULTIS`].
    windows: [i64; MULTIS.len()],
}

impl InstrumentWatch {
    pub(super) fn new(received: IntCounter, feed: u8, class: usize) -> Self {
        Self {
            received,
            feed,
            class,
            stretch: Stretch { start: 0, end: 0 },
            watermark: NEVER,
            volume: None,
            last_trade: None,
            second: NEVER,
            minute: NEVER,
            windows: [NEVER; MULTIS.len()],
        }
    }

    /// The counter of the day stands here, by what was carried over or by a reset.
    pub(super) const fn volume_is(&mut self, volume: Option<Qty>) {
        self.volume = volume;
    }

    /// A tick came; whether it is a trade of a second that had closed.
    #[inline]
    pub(super) fn tick(&mut self, tick: &Tick, rule: TradeRule, hours: &[Stretch], clock: i64, grace: i64) -> bool {
        let before = self.watermark.max(clock);
        self.watermark = self.watermark.max(tick.ts.get());
        if !self.counts(tick, rule) {
            return false;
        }
        let at = match (rule, tick.last_trade) {
            (TradeRule::Kite, Some(last_trade)) => last_trade.get(),
            (TradeRule::Kite | TradeRule::All | TradeRule::Qty, _) => tick.ts.get(),
        };
        if !self.stretch.holds(at) {
            let Some(found) = hours.iter().find(|stretch| stretch.holds(at)) else { return false };
            self.stretch = *found;
        }
        let second = at - (at - self.stretch.start).rem_euclid(Timeframe::S1.nanos());
        let late = is_closed(second, before, grace);
        if !late {
            self.second = self.second.max(second);
        }
        late
    }

    #[inline]
    fn counts(&mut self, tick: &Tick, rule: TradeRule) -> bool {
        match rule {
            TradeRule::All => true,
            TradeRule::Qty => tick.qty.is_some_and(|qty| qty > Qty::ZERO),
            TradeRule::Kite => {
                let moved = tick.last_trade > self.last_trade;
                let rose = tick.cum_volume > self.volume;
                if moved {
                    self.last_trade = tick.last_trade;
                }
                if rose {
                    self.volume = tick.cum_volume;
                }
                moved || rose
            }
        }
    }

    /// A minute or a window was published.
    pub(super) fn bar(&mut self, bar: &Bar) {
        let start = bar.start.get();
        if bar.tf == Timeframe::M1 {
            self.minute = self.minute.max(start);
        } else if let Some(place) = MULTIS.iter().position(|tf| *tf == bar.tf)
            && let Some(window) = self.windows.get_mut(place)
        {
            *window = start.max(*window);
        }
    }

    /// Whether a second with a trade has not closed.
    pub(super) fn has_open_second(&self, clock: i64, grace: i64) -> bool {
        self.second != NEVER && !is_closed(self.second, self.watermark.max(clock), grace)
    }

    /// For each of [`MULTIS`], whether a published minute lies in a window that was not.
    pub(super) fn open_windows(&self) -> [bool; MULTIS.len()] {
        let mut open = [false; MULTIS.len()];
        if self.minute != NEVER {
            for ((open, tf), window) in open.iter_mut().zip(MULTIS).zip(self.windows) {
                *open = window == NEVER || self.minute >= window.saturating_add(tf.nanos());
            }
        }
        open
    }
}

/// A second closes when the watermark has passed its end by the grace.
const fn is_closed(second: i64, watermark: i64, grace: i64) -> bool {
    watermark != NEVER && second + Timeframe::S1.nanos() <= watermark.saturating_sub(grace)
}
