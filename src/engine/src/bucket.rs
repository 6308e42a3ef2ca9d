//! One bucket of one timeframe: the bar in the making, what has been published of it and passed on from it.

use barkeep_schemas::{Bar, InstrumentId, Price, Qty, Seq, Timeframe, Ts};

use crate::schedule::Slot;
use crate::state::wire_fields;

/// What a trade may do to a bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Effects {
    pub(crate) no_ohlc: bool,
    pub(crate) no_open: bool,
    pub(crate) to_previous: bool,
}

/// A trade on its way into a bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trade {
    pub(crate) t: i64,
    pub(crate) price: Price,
    pub(crate) volume: i64,
    /// Whether the tick counts as a trade; otherwise only its volume does.
    pub(crate) counts: bool,
    pub(crate) effects: Effects,
    pub(crate) seq: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Whether a trade has set the prices.
    pub(crate) priced: bool,
    open: Price,
    high: Price,
    low: Price,
    close: Price,
    open_at: i64,
    close_at: i64,
    pub(crate) volume: i64,
    trades: u32,
    first_tick: u64,
    last_tick: u64,
    /// Every trade so far asks for its volume to go to the bar before.
    pub(crate) all_to_previous: bool,
    revision: u16,
    pub(crate) closed: bool,
    published: bool,
    /// Changed since it was last published or passed on.
    pub(crate) dirty: bool,
    passed_volume: i64,
    passed_trades: u32,
}
wire_fields!(Bucket {
    start,
    end,
    priced,
    open,
    high,
    low,
    close,
    open_at,
    close_at,
    volume,
    trades,
    first_tick,
    last_tick,
    all_to_previous,
    revision,
    closed,
    published,
    dirty,
    passed_volume,
    passed_trades,
});

/// What a finer bucket has gained since it last passed something on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gain {
    /// Start of the finer bucket.
    pub(crate) at: i64,
    prices: Option<[Price; 4]>,
    volume: i64,
    trades: u32,
    first_tick: u64,
    last_tick: u64,
}

impl Bucket {
    #[inline]
    pub(crate) fn new(slot: Slot) -> Self {
        Self {
            start: slot.start,
            end: slot.end,
            priced: false,
            open: Price::ZERO,
            high: Price::ZERO,
            low: Price::ZERO,
            close: Price::ZERO,
            open_at: 0,
            close_at: 0,
            volume: 0,
            trades: 0,
            first_tick: 0,
            last_tick: 0,
            all_to_previous: false,
            revision: 0,
            closed: false,
            published: false,
            dirty: false,
            passed_volume: 0,
            passed_trades: 0,
        }
    }

    pub(crate) fn slot(&self) -> Slot {
        Slot { start: self.start, end: self.end }
    }

    /// Adds a trade. Open and close follow the trades' own times, ties their order on the tape.
    #[inline]
    pub(crate) fn add(&mut self, trade: &Trade) {
        self.volume = self.volume.saturating_add(trade.volume);
        self.touch(trade.seq, trade.seq);
        if !trade.counts {
            return;
        }
        self.all_to_previous = trade.effects.to_previous && (self.all_to_previous || self.trades == 0);
        self.trades = self.trades.saturating_add(1);
        if trade.effects.no_ohlc || (trade.effects.no_open && !self.priced) {
            return;
        }
        let price = trade.price;
        if !self.priced {
            return self.price([price; 4], trade.t);
        }
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        if trade.t < self.open_at && !trade.effects.no_open {
            (self.open, self.open_at) = (price, trade.t);
        }
        if trade.t >= self.close_at {
            (self.close, self.close_at) = (price, trade.t);
        }
    }

    /// Adds volume that has no price of its own.
    pub(crate) fn add_volume(&mut self, volume: i64, seq: u64) {
        self.volume = self.volume.saturating_add(volume);
        self.touch(seq, seq);
    }

    /// Takes the volume and trades of a bucket after this one that may not have a bar of its own.
    pub(crate) fn inherit(&mut self, later: &mut Self) {
        self.volume = self.volume.saturating_add(later.volume);
        self.trades = self.trades.saturating_add(later.trades);
        self.touch(later.first_tick, later.last_tick);
        (later.volume, later.trades) = (0, 0);
    }

    /// Adds what a finer bucket gained.
    #[inline]
    pub(crate) fn absorb(&mut self, gain: &Gain) {
        self.volume = self.volume.saturating_add(gain.volume);
        self.trades = self.trades.saturating_add(gain.trades);
        self.touch(gain.first_tick, gain.last_tick);
        let Some([open, high, low, close]) = gain.prices else { return };
        if !self.priced {
            return self.price([open, high, low, close], gain.at);
        }
        self.high = self.high.max(high);
        self.low = self.low.min(low);
        if gain.at <= self.open_at {
            (self.open, self.open_at) = (open, gain.at);
        }
        if gain.at >= self.close_at {
            (self.close, self.close_at) = (close, gain.at);
        }
    }

    /// What has come since the last call, for the coarser buckets.
    #[inline]
    pub(crate) fn gain(&mut self) -> Gain {
        let gain = Gain {
            at: self.start,
            prices: self.priced.then_some([self.open, self.high, self.low, self.close]),
            volume: self.volume - self.passed_volume,
            trades: self.trades - self.passed_trades,
            first_tick: self.first_tick,
            last_tick: self.last_tick,
        };
        (self.passed_volume, self.passed_trades) = (self.volume, self.trades);
        gain
    }

    /// Takes out the volume of a bucket without a price, once it has been passed on.
    pub(crate) fn give_up_volume(&mut self) -> i64 {
        let volume = self.volume;
        (self.volume, self.passed_volume) = (0, 0);
        volume
    }

    /// The next edition of the bar: revision 0 when the bucket closes with a price, a higher one for all that follows.
    #[inline]
    pub(crate) fn publish(&mut self, instrument: InstrumentId, tf: Timeframe, first: bool, cause: Seq) -> Bar {
        if !first {
            self.revision = self.revision.saturating_add(1);
        }
        self.published = true;
        Bar {
            instrument,
            tf,
            start: Ts::new(self.start),
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            volume: Qty::new(self.volume),
            n_trades: self.trades,
            revision: self.revision,
            cause,
            first_tick: Seq(self.first_tick),
            last_tick: Seq(self.last_tick),
        }
    }

    #[inline]
    fn price(&mut self, [open, high, low, close]: [Price; 4], at: i64) {
        (self.open, self.high, self.low, self.close) = (open, high, low, close);
        (self.open_at, self.close_at) = (at, at);
        self.priced = true;
    }

    #[inline]
    fn touch(&mut self, first: u64, last: u64) {
        self.first_tick = if self.first_tick == 0 { first } else { self.first_tick.min(first) };
        self.last_tick = self.last_tick.max(last);
    }
}
