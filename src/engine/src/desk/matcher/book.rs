//! Our orders in one instrument, and what a snapshot does to them.

use alloc::vec::Vec;

use barkeep_schemas::{Depth, Level, Liquidity, OrderId, OrderWhy, PaperRules, Price, Qty, Side, Validity};

use super::super::types::{Matched, Snapshot};
use super::order::{Stage, Working};
use crate::state::wire_fields;

/// Levels that a book displays.
const LEVELS: usize = 5;

/// Hundredths of a percent in the whole.
const BPS: i128 = 10_000;

/// Our orders in one instrument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Book {
    tick_size: Price,
    previous_close: Option<Price>,
    /// Those that have not met a book yet, oldest first.
    coming: Vec<Working>,
    /// Those in the book: buys before sells, better prices first, then older first.
    resting: Vec<Working>,
}
wire_fields!(Book { tick_size, previous_close, coming, resting });

/// What our own orders have taken of one snapshot already, so that nothing is had twice.
struct Taken {
    bids: [i64; LEVELS],
    asks: [i64; LEVELS],
    /// Of the shares traded, by resting orders and without a book.
    traded: i64,
    /// Of the share of them that may be had without a book.
    unseen: i64,
}

/// Whether an order still works after it met a snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Ended,
    Comes,
    Rests,
}

impl Book {
    pub(super) fn new(tick_size: Price) -> Self {
        Self { tick_size, previous_close: None, coming: Vec::new(), resting: Vec::new() }
    }

    pub(super) fn previous_close(&mut self, close: Option<Price>) {
        self.previous_close = close.filter(|close| *close > Price::ZERO);
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.coming.len() + self.resting.len()
    }

    pub(super) fn holds(&self, id: OrderId) -> bool {
        self.coming.iter().chain(&self.resting).any(|order| order.id == id)
    }

    pub(super) fn submit(&mut self, order: Working) {
        self.coming.push(order);
    }

    /// Whether the order is one of this book. The first cancellation asked for counts.
    pub(super) fn cancel(&mut self, id: OrderId, at: i64) -> bool {
        match self.coming.iter_mut().chain(&mut self.resting).find(|order| order.id == id) {
            Some(order) => {
                order.cancelled_at.get_or_insert(at);
                true
            }
            None => false,
        }
    }

    /// Ends what has been cancelled by `now`.
    pub(super) fn cancels(&mut self, now: i64, out: &mut Vec<Matched>) {
        let mut stays = |order: &mut Working| {
            let over = order.cancelled_at.is_some_and(|at| at <= now);
            if over {
                out.push(Matched::Cancelled(order.id, OrderWhy::Cancelled));
            }
            !over
        };
        self.coming.retain_mut(&mut stays);
        self.resting.retain_mut(&mut stays);
    }

    /// Trading ended.
    pub(super) fn close(&mut self, out: &mut Vec<Matched>) {
        let gone = self.coming.drain(..).chain(self.resting.drain(..));
        out.extend(gone.map(|order| Matched::Expired(order.id)));
    }

    pub(super) fn tick(&mut self, snapshot: &Snapshot<'_>, rules: &PaperRules, out: &mut Vec<Matched>) {
        if !snapshot.continuous || snapshot.price <= Price::ZERO {
            return;
        }
        let mut taken = Taken { bids: [0; LEVELS], asks: [0; LEVELS], traded: 0, unseen: 0 };
        self.resting.retain_mut(|order| {
            passive(order, snapshot, &mut taken, out);
            order.open > 0
        });
        let mut arrived = Vec::new();
        let (tick_size, close) = (self.tick_size, self.previous_close);
        self.coming.retain_mut(|order| match meet(order, snapshot, rules, tick_size, close, &mut taken, out) {
            After::Ended => false,
            After::Comes => true,
            After::Rests => {
                order.stage = Stage::Resting;
                order.ahead = ahead_on_arrival(order, snapshot);
                arrived.push(order.clone());
                false
            }
        });
        for order in arrived {
            let place = self.resting.partition_point(|other| other.priority(&order).is_le());
            self.resting.insert(place, order);
        }
    }
}

/// One snapshot of an order that is not in the book.
fn meet(
    order: &mut Working,
    snapshot: &Snapshot<'_>,
    rules: &PaperRules,
    tick_size: Price,
    close: Option<Price>,
    taken: &mut Taken,
    out: &mut Vec<Matched>,
) -> After {
    if order.stage == Stage::Sent {
        if order.arrives > snapshot.ts || order.cause >= snapshot.seq {
            return After::Comes;
        }
        let inside = |price: Price| close.is_none_or(|close| in_band(price, close, rules.circuit_bps));
        if !inside(order.price) || !order.trigger.is_none_or(inside) {
            out.push(Matched::Rejected(order.id, OrderWhy::PriceBand));
            return After::Ended;
        }
        out.push(Matched::Accepted(order.id));
        if order.is_stop() {
            order.stage = if order.waits(snapshot.price) { Stage::Waiting } else { Stage::Triggered };
            return After::Comes;
        }
    }
    if order.stage == Stage::Waiting {
        if !order.waits(snapshot.price) {
            order.stage = Stage::Triggered;
        }
        return After::Comes;
    }
    let marketable = match snapshot.depth {
        Some(depth) => {
            displayed(order, depth, taken, out);
            false
        }
        None => unseen(order, snapshot, rules, tick_size, taken, out),
    };
    if order.open == 0 {
        return After::Ended;
    }
    match order.validity {
        Validity::Ioc => {
            out.push(Matched::Cancelled(order.id, OrderWhy::Ioc));
            After::Ended
        }
        Validity::Day if marketable => {
            order.stage = Stage::Taking;
            After::Comes
        }
        Validity::Day => After::Rests,
    }
}

/// Takes what the other side displays within the limit, best first, less what our orders of this snapshot took before.
fn displayed(order: &mut Working, depth: &Depth, taken: &mut Taken, out: &mut Vec<Matched>) {
    let (levels, taken) = match order.side {
        Side::Buy => (&depth.asks, &mut taken.asks),
        Side::Sell => (&depth.bids, &mut taken.bids),
    };
    for (level, taken) in levels.iter().zip(taken) {
        if order.open == 0 {
            return;
        }
        if !is_shown(level) || !order.within(level.price) {
            continue;
        }
        let qty = order.open.min(level.qty.get().saturating_sub(*taken));
        *taken = taken.saturating_add(qty.max(0));
        fill(order, qty, level.price, Liquidity::Aggressive, level.qty, out);
    }
}

/// Takes a share of what was traded since the snapshot before, at the last price made worse by the slippage, never better
/// than a best price that is told, never beyond the limit. Whether the order was marketable.
fn unseen(
    order: &mut Working,
    snapshot: &Snapshot<'_>,
    rules: &PaperRules,
    tick_size: Price,
    taken: &mut Taken,
    out: &mut Vec<Matched>,
) -> bool {
    let slipped = slipped(snapshot.price, order.side, rules.slippage_bps, tick_size);
    let (best, price) = match order.side {
        Side::Buy => (snapshot.ask, snapshot.ask.map_or(slipped, |ask| ask.max(slipped)).min(order.price)),
        Side::Sell => (snapshot.bid, snapshot.bid.map_or(slipped, |bid| bid.min(slipped)).max(order.price)),
    };
    if price <= Price::ZERO || !order.within(snapshot.price) || !best.is_none_or(|best| order.within(best)) {
        return false;
    }
    let traded = snapshot.traded.max(0);
    let share = part(traded, rules.volume_share_bps).min(traded);
    let left = share.saturating_sub(taken.unseen).min(traded.saturating_sub(taken.traded));
    let qty = order.open.min(left).max(0);
    taken.unseen = taken.unseen.saturating_add(qty);
    taken.traded = taken.traded.saturating_add(qty);
    fill(order, qty, price, Liquidity::Unseen, Qty::new(share), out);
    true
}

/// A resting order meets what was traded since the snapshot before. While nobody is displayed on the other side (a
/// circuit) the queue moves, and nothing is filled.
fn passive(order: &mut Working, snapshot: &Snapshot<'_>, taken: &mut Taken, out: &mut Vec<Matched>) {
    let traded = snapshot.traded.max(0);
    let mut reached = 0;
    if traded > 0 && order.through(snapshot.price) {
        order.ahead = Some(0);
        reached = traded;
    } else if traded > 0
        && order.price == snapshot.price
        && let Some(ahead) = order.ahead
    {
        reached = traded.saturating_sub(ahead);
        order.ahead = Some(ahead.saturating_sub(traded).max(0));
    }
    let locked = snapshot.depth.is_some_and(|depth| {
        !match order.side {
            Side::Buy => depth.asks.iter(),
            Side::Sell => depth.bids.iter(),
        }
        .any(is_shown)
    });
    if !locked {
        let qty = order.open.min(reached.saturating_sub(taken.traded)).max(0);
        taken.traded = taken.traded.saturating_add(qty);
        let price = order.price;
        fill(order, qty, price, Liquidity::Passive, Qty::new(traded), out);
    }
    // What the level displays now holds everyone before us.
    if let Some(shown) = snapshot.depth.and_then(|depth| shown_at(order, depth)) {
        order.ahead = Some(order.ahead.map_or(shown, |ahead| ahead.min(shown)));
    }
}

fn fill(order: &mut Working, qty: i64, price: Price, liquidity: Liquidity, available: Qty, out: &mut Vec<Matched>) {
    if qty > 0 {
        order.open = order.open.saturating_sub(qty);
        out.push(Matched::Filled { order: order.id, qty: Qty::new(qty), price, liquidity, available });
    }
}

/// Shares queued at the order's price as it comes to rest.
fn ahead_on_arrival(order: &Working, snapshot: &Snapshot<'_>) -> Option<i64> {
    if let Some(depth) = snapshot.depth {
        return shown_at(order, depth);
    }
    let best = match order.side {
        Side::Buy => snapshot.bid,
        Side::Sell => snapshot.ask,
    };
    // Nobody waits at a price better than the best.
    best.filter(|best| *best > Price::ZERO && order.within(*best) && *best != order.price).map(|_| 0)
}

/// Shares that the order's own side displays at its price: none between the levels or before them, `None` behind the
/// last, which the book does not show.
fn shown_at(order: &Working, depth: &Depth) -> Option<i64> {
    let side = match order.side {
        Side::Buy => &depth.bids,
        Side::Sell => &depth.asks,
    };
    let mut at = None;
    let mut empty = true;
    let mut betters_one = false;
    for level in side.iter().filter(|level| is_shown(level)) {
        empty = false;
        if level.price == order.price {
            at = Some(at.unwrap_or(0_i64).saturating_add(level.qty.get()));
        }
        // A level of the own side that lies within the limit and is not at it is a worse one.
        betters_one |= order.within(level.price) && level.price != order.price;
    }
    at.or((empty || betters_one).then_some(0))
}

fn is_shown(level: &Level) -> bool {
    level.qty.get() > 0 && level.price > Price::ZERO
}

/// The last price made worse by the slippage and rounded to the tick size away from us.
fn slipped(last: Price, side: Side, slippage_bps: u32, tick_size: Price) -> Price {
    let last = i128::from(last.get());
    let tick = i128::from(tick_size.get().max(1)) * BPS;
    let slippage = i128::from(slippage_bps);
    let ticks = match side {
        Side::Buy => (last * (BPS + slippage) + tick - 1).div_euclid(tick),
        Side::Sell => (last * (BPS - slippage)).div_euclid(tick),
    };
    Price::new(saturated(ticks * (tick / BPS)))
}

/// So many hundredths of a percent of `whole`, rounded down.
fn part(whole: i64, bps: u32) -> i64 {
    saturated((i128::from(whole) * i128::from(bps)).div_euclid(BPS))
}

/// Whether a price lies in the band around the close before; its ends are inside.
fn in_band(price: Price, close: Price, circuit_bps: u32) -> bool {
    let width = i128::from(close.get()) * i128::from(circuit_bps);
    let away = (i128::from(price.get()) - i128::from(close.get())) * BPS;
    away.abs() <= width.abs()
}

fn saturated(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}
