//! Ticks as a structure of arrays: what a scan works on when events would be too slow.
//!
//! Never reads bytes. Filled by [`super::decode_ticks`], which reuses the memory from one payload to the next, and from
//! events by those who have no columns.

use core::ops::Range;

use barkeep_schemas::{Event, FeedId, Input, InstrumentId, Price, Qty, Seq, Tick, Ts};

/// Which columns of ticks a reader wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TickColumnSet(u16);

impl TickColumnSet {
    /// No column.
    pub const EMPTY: Self = Self(0);
    /// [`TickColumns::seq`].
    pub const SEQ: Self = Self(1);
    /// [`TickColumns::instrument`].
    pub const INSTRUMENT: Self = Self(1 << 1);
    /// [`TickColumns::feed`].
    pub const FEED: Self = Self(1 << 2);
    /// [`TickColumns::ts`].
    pub const TS: Self = Self(1 << 3);
    /// [`TickColumns::recv`].
    pub const RECV: Self = Self(1 << 4);
    /// [`TickColumns::price`].
    pub const PRICE: Self = Self(1 << 5);
    /// [`TickColumns::present`].
    pub const PRESENT: Self = Self(1 << 6);
    /// [`TickColumns::qty`].
    pub const QTY: Self = Self(1 << 7);
    /// [`TickColumns::cum_volume`].
    pub const CUM_VOLUME: Self = Self(1 << 8);
    /// [`TickColumns::bid`].
    pub const BID: Self = Self(1 << 9);
    /// [`TickColumns::ask`].
    pub const ASK: Self = Self(1 << 10);
    /// [`TickColumns::last_trade`].
    pub const LAST_TRADE: Self = Self(1 << 11);
    /// [`TickColumns::condition`].
    pub const CONDITION: Self = Self(1 << 12);
    /// The columns of the fields that no tick lacks, and which others it has.
    pub(super) const OF_EVERY_TICK: Self =
        Self::INSTRUMENT.with(Self::FEED).with(Self::TS).with(Self::RECV).with(Self::PRICE).with(Self::PRESENT);
    /// Every column.
    pub const ALL: Self = Self((1 << 13) - 1);

    /// The columns of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all columns of `other` are members.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The ticks of one payload, column by column. Every column that was wanted has one entry for each tick, the others are
/// empty. An entry of an optional field is 0 where the tick has none; [`Self::present`] tells.
#[derive(Clone, Debug, Default)]
pub struct TickColumns {
    /// Positions on the tape.
    pub seq: Vec<u64>,
    /// Instruments.
    pub instrument: Vec<u32>,
    /// Feeds.
    pub feed: Vec<u8>,
    /// Exchange times in nanoseconds.
    pub ts: Vec<i64>,
    /// Times of receipt in nanoseconds.
    pub recv: Vec<i64>,
    /// Last traded prices, raw.
    pub price: Vec<i64>,
    /// Which optional fields a tick has: the bits `HAS_…`.
    pub present: Vec<u8>,
    /// Last traded quantities.
    pub qty: Vec<i64>,
    /// Volumes of the day so far.
    pub cum_volume: Vec<i64>,
    /// Best bids, raw.
    pub bid: Vec<i64>,
    /// Best asks, raw.
    pub ask: Vec<i64>,
    /// Times of the last trade in nanoseconds.
    pub last_trade: Vec<i64>,
    /// Condition flags.
    pub condition: Vec<u32>,
    /// Memory.
    pub(super) work: Work,
}

/// Memory that decoding reuses.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    pub(super) raw: Vec<u64>,
    pub(super) states: Vec<u64>,
    pub(super) numbers: Vec<u32>,
    pub(super) rises: Vec<i64>,
    pub(super) beside: Vec<i64>,
}

impl TickColumns {
    /// The tick has a last traded quantity.
    pub const HAS_QTY: u8 = super::present::QTY;
    /// The tick has the day's volume.
    pub const HAS_CUM_VOLUME: u8 = super::present::CUM_VOLUME;
    /// The tick has a best bid.
    pub const HAS_BID: u8 = super::present::BID;
    /// The tick has a best ask.
    pub const HAS_ASK: u8 = super::present::ASK;
    /// The tick has the time of the last trade.
    pub const HAS_LAST_TRADE: u8 = super::present::LAST_TRADE;
    /// The tick has condition flags.
    pub const HAS_CONDITION: u8 = super::present::CONDITION;
    /// The tick has five-level depth, which these columns leave out.
    pub const HAS_DEPTH: u8 = super::present::DEPTH;

    /// No ticks, no memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties every column that is not in `set`.
    pub(crate) fn keep(&mut self, set: TickColumnSet) {
        let unless = |column: TickColumnSet| !set.contains(column);
        if unless(TickColumnSet::SEQ) {
            self.seq.clear();
        }
        if unless(TickColumnSet::INSTRUMENT) {
            self.instrument.clear();
        }
        if unless(TickColumnSet::FEED) {
            self.feed.clear();
        }
        if unless(TickColumnSet::PRESENT) {
            self.present.clear();
        }
        if unless(TickColumnSet::CONDITION) {
            self.condition.clear();
        }
        let numbers = [
            (TickColumnSet::TS, &mut self.ts),
            (TickColumnSet::RECV, &mut self.recv),
            (TickColumnSet::PRICE, &mut self.price),
            (TickColumnSet::QTY, &mut self.qty),
            (TickColumnSet::CUM_VOLUME, &mut self.cum_volume),
            (TickColumnSet::BID, &mut self.bid),
            (TickColumnSet::ASK, &mut self.ask),
            (TickColumnSet::LAST_TRADE, &mut self.last_trade),
        ];
        numbers.into_iter().filter(|(column, _)| unless(*column)).for_each(|(_, numbers)| numbers.clear());
    }

    /// The tick of a row, without its depth; `None` past the last. Of the optional fields only the columns need be there
    /// that some tick has.
    pub(super) fn tick(&self, row: usize) -> Option<Tick> {
        let present = *self.present.get(row)?;
        let field = |bit: u8, column: &[i64]| (present & bit != 0).then(|| column.get(row).copied()).flatten();
        Some(Tick {
            instrument: InstrumentId(*self.instrument.get(row)?),
            feed: FeedId(*self.feed.get(row)?),
            ts: Ts::new(*self.ts.get(row)?),
            recv: Ts::new(*self.recv.get(row)?),
            price: Price::new(*self.price.get(row)?),
            qty: field(Self::HAS_QTY, &self.qty).map(Qty::new),
            cum_volume: field(Self::HAS_CUM_VOLUME, &self.cum_volume).map(Qty::new),
            bid: field(Self::HAS_BID, &self.bid).map(Price::new),
            ask: field(Self::HAS_ASK, &self.ask).map(Price::new),
            last_trade: field(Self::HAS_LAST_TRADE, &self.last_trade).map(Ts::new),
            condition: self.condition.get(row).copied().unwrap_or(0),
            depth: None,
        })
    }

    /// Appends the ticks from a row on as events at these positions, [`Self::tick`] of each: none when there are not as
    /// many. Each is written where it stays, and the ends of the columns are looked at once and not for every tick.
    pub(super) fn events(&self, row: usize, seqs: Range<u64>, out: &mut Vec<(Seq, Event)>) {
        fn some<'a, T>(column: &'a [T], rows: &Range<usize>) -> &'a [T] {
            column.get(rows.clone()).unwrap_or(&[])
        }
        let count = (seqs.end - seqs.start) as usize;
        let rows = row..row.saturating_add(count);
        let (Some(present), Some(instrument)) = (self.present.get(rows.clone()), self.instrument.get(rows.clone()))
        else {
            return;
        };
        let (Some(feed), Some(price)) = (self.feed.get(rows.clone()), self.price.get(rows.clone())) else { return };
        let (Some(ts), Some(recv)) = (self.ts.get(rows.clone()), self.recv.get(rows.clone())) else { return };
        let (qty, cum_volume) = (some(&self.qty, &rows), some(&self.cum_volume, &rows));
        let (bid, ask) = (some(&self.bid, &rows), some(&self.ask, &rows));
        let (last_trade, condition) = (some(&self.last_trade, &rows), some(&self.condition, &rows));
        let number = |column: &[i64], row: usize| column.get(row).copied().unwrap_or(0);
        out.extend((0..count).map(|row| {
            let present = present.get(row).copied().unwrap_or(0);
            let field = |bit: u8, column: &[i64]| if present & bit != 0 { Some(number(column, row)) } else { None };
            let tick = Tick {
                instrument: InstrumentId(instrument.get(row).copied().unwrap_or(0)),
                feed: FeedId(feed.get(row).copied().unwrap_or(0)),
                ts: Ts::new(number(ts, row)),
                recv: Ts::new(number(recv, row)),
                price: Price::new(number(price, row)),
                qty: field(Self::HAS_QTY, qty).map(Qty::new),
                cum_volume: field(Self::HAS_CUM_VOLUME, cum_volume).map(Qty::new),
                bid: field(Self::HAS_BID, bid).map(Price::new),
                ask: field(Self::HAS_ASK, ask).map(Price::new),
                last_trade: field(Self::HAS_LAST_TRADE, last_trade).map(Ts::new),
                condition: condition.get(row).copied().unwrap_or(0),
                depth: None,
            };
            (Seq(seqs.start + row as u64), Event::Input(Input::Tick(tick)))
        }));
    }

    /// Keeps the ticks for which `keep` has a `true`.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        fn retain<T>(column: &mut Vec<T>, keep: &[bool]) {
            let mut flags = keep.iter();
            column.retain(|_| flags.next().copied().unwrap_or(false));
        }
        retain(&mut self.seq, keep);
        retain(&mut self.instrument, keep);
        retain(&mut self.feed, keep);
        retain(&mut self.present, keep);
        retain(&mut self.condition, keep);
        let numbers =
            [&mut self.ts, &mut self.recv, &mut self.price, &mut self.qty, &mut self.cum_volume, &mut self.bid];
        numbers.into_iter().for_each(|column| retain(column, keep));
        retain(&mut self.ask, keep);
        retain(&mut self.last_trade, keep);
    }

    /// Fills the columns in `set` from events; returns how many of them are ticks.
    pub(crate) fn fill(&mut self, events: &[(Seq, Event)], set: TickColumnSet) -> usize {
        *self = Self { work: core::mem::take(&mut self.work), ..Self::default() };
        let mut count = 0;
        for (seq, event) in events {
            if let Event::Input(Input::Tick(tick)) = event {
                self.push(*seq, tick);
                count += 1;
            }
        }
        self.keep(set);
        count
    }

    fn push(&mut self, seq: Seq, tick: &Tick) {
        self.seq.push(seq.0);
        self.instrument.push(tick.instrument.0);
        self.feed.push(tick.feed.0);
        self.ts.push(tick.ts.get());
        self.recv.push(tick.recv.get());
        self.price.push(tick.price.get());
        self.present.push(super::present::of(tick));
        self.qty.push(tick.qty.map_or(0, Qty::get));
        self.cum_volume.push(tick.cum_volume.map_or(0, Qty::get));
        self.bid.push(tick.bid.map_or(0, Price::get));
        self.ask.push(tick.ask.map_or(0, Price::get));
        self.last_trade.push(tick.last_trade.map_or(0, Ts::get));
        self.condition.push(tick.condition);
    }
}
