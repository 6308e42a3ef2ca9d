//! The money of orders and fills done again: sizing, charges, positions, what was realised, and the risk manager's checks.

use barkeep_schemas::{
    BucketLimits, ChargeRates, Charges, FineMoney, Leg, OrderCreated, OrderId, PairSpec, Price, Purpose, RiskCheck,
    RiskRule, Seq, Side, Unit, Verdict,
};
use serde::Serialize;

use super::read::DeskDay;
use super::{Checked, sum};
use crate::monitoring::explain::Sum;

/// Raw fine money in one raw unit of price times one share.
const FINE: i128 = 10_000;

/// To the nearest, halves away from zero.
fn nearest(value: i128, unit: i128) -> i128 {
    let half = unit / 2;
    (if value < 0 { value - half } else { value + half }) / unit
}

fn fine(raw: i128) -> FineMoney {
    FineMoney::new(i64::try_from(raw).unwrap_or(if raw < 0 { i64::MIN } else { i64::MAX }))
}

/// To the last digit that is kept: charges are finer than a paisa.
fn exact(money: FineMoney) -> String {
    let raw = money.get();
    let (sign, magnitude) = (if raw < 0 { "-" } else { "" }, raw.unsigned_abs());
    format!("{sign}{}.{:08}", magnitude / 100_000_000, magnitude % 100_000_000)
}

/// Charges of a turnover, both in raw units of price times shares.
fn charge(rates: &ChargeRates, before: i128, turnover: i128) -> Charges {
    // A turnover in 1e-4 INR times billionths, in 1e-8 INR.
    let part = |turnover: i128, ppb: u32| nearest(turnover * i128::from(ppb), 100_000);
    let cap = i128::from(rates.brokerage_cap.get()) * FINE;
    let brokerage = |turnover: i128| part(turnover, rates.brokerage_ppb).min(cap);
    let brokerage = brokerage(before + turnover) - brokerage(before);
    let (exchange, sebi) = (part(turnover, rates.exchange_ppb), part(turnover, rates.sebi_ppb));
    Charges {
        brokerage: fine(brokerage),
        stt: fine(part(turnover, rates.stt_ppb)),
        exchange: fine(exchange),
        sebi: fine(sebi),
        stamp: fine(part(turnover, rates.stamp_ppb)),
        gst: fine(nearest((brokerage + exchange + sebi) * i128::from(rates.gst_bps), 10_000)),
    }
}

/// A leg's shares and what they cost, in raw fine money.
#[derive(Clone, Copy, Default)]
struct Held {
    qty: i128,
    cost: i128,
}

impl Held {
    /// Books signed shares at a price and returns what they realised.
    fn book(&mut self, shares: i128, price: Price) -> i128 {
        let price = i128::from(price.get()) * FINE;
        if self.qty == 0 || (self.qty > 0) == (shares > 0) {
            self.qty += shares;
            self.cost += price * shares;
            return 0;
        }
        let closing = shares.abs().min(self.qty.abs()) * shares.signum();
        let released = nearest(self.cost * closing.abs(), self.qty.abs());
        self.qty += closing;
        self.cost -= released;
        let opening = shares - closing;
        if opening != 0 {
            (self.qty, self.cost) = (opening, price * opening);
        }
        -price * closing - released
    }

    fn average(self) -> Price {
        if self.qty == 0 {
            return Price::ZERO;
        }
        let raw = nearest(self.cost.abs(), self.qty.abs() * FINE);
        Price::new(i64::try_from(raw).unwrap_or(i64::MAX))
    }
}

/// What a leg held before a position, from what was carried over and its fills.
fn held(day: &DeskDay, id: OrderId, at: Seq) -> Held {
    let desk = day.opened.desk.as_ref();
    let carried = desk.and_then(|desk| desk.carried.pairs.iter().find(|carried| carried.pair == id.pair));
    let mut held = carried.map_or_else(Held::default, |carried| {
        let leg = match id.leg {
            Leg::A => &carried.a,
            Leg::B => &carried.b,
        };
        Held { qty: i128::from(leg.qty), cost: if leg.qty == 0 { 0 } else { i128::from(leg.cost.get()) } }
    });
    for (_, fill) in day.fills_before(id.pair, id.leg, at) {
        held.book(i128::from(fill.side.sign() * fill.qty.get()), fill.price);
    }
    held
}

/// Charges, position and profit of a fill.
pub(super) fn fill(day: &DeskDay, at: Seq) -> Option<Checked> {
    let (_, fill) = day.fills.iter().find(|(seq, _)| *seq == at)?;
    let (_, order) = day.orders.get(&fill.order)?;
    let (_, setup) = day.setup(at)?;
    let rates = setup.charges.iter().find(|rates| rates.product == order.product && rates.side == fill.side);
    let turnover = |price: Price, qty: i64| i128::from(price.get()) * i128::from(qty);
    let earlier = day.fills.iter().filter(|(seq, other)| *seq < at && other.order == fill.order);
    let before: i128 = earlier.map(|(_, other)| turnover(other.price, other.qty.get())).sum();
    let charges = rates.map_or(Charges::ZERO, |rates| charge(rates, before, turnover(fill.price, fill.qty.get())));
    let mut held = held(day, fill.order, at);
    let realised = held.book(i128::from(fill.side.sign() * fill.qty.get()), fill.price);
    let money = |field, recorded: FineMoney, again: FineMoney| sum(field, exact(recorded), exact(again));
    let sums = vec![
        money("brokerage", fill.charges.brokerage, charges.brokerage),
        money("transaction tax", fill.charges.stt, charges.stt),
        money("exchange", fill.charges.exchange, charges.exchange),
        money("regulator", fill.charges.sebi, charges.sebi),
        money("stamp duty", fill.charges.stamp, charges.stamp),
        money("GST", fill.charges.gst, charges.gst),
        money("charges", fill.charges.total(), charges.total()),
        sum("position", fill.position, held.qty),
        sum("average price", fill.average, held.average()),
        money("realised", fill.realised, fine(realised)),
    ];
    Some(Checked { seq: at, of: format!("fill {}: charges, position and profit", fill.trade), sums })
}

/// The shares of an order: of an entry from money and hedge ratio, of one that reduces from what was held.
pub(super) fn size(day: &DeskDay, id: OrderId) -> Option<Checked> {
    let (seq, order) = day.orders.get(&id)?;
    let of = |what: &str| format!("order {id}: {what}");
    let sums = match order.purpose {
        Purpose::Entry => {
            let spec = day.spec(id.pair, *seq)?;
            let other = OrderId { leg: id.leg.other(), ..id };
            let (_, other) = day.orders.get(&other)?;
            let (a, b) = match id.leg {
                Leg::A => (order, other),
                Leg::B => (other, order),
            };
            let (qty_a, qty_b) = hedged(day, spec, a, b);
            match id.leg {
                Leg::A => vec![sum("shares of A", order.qty, qty_a)],
                Leg::B => vec![sum("shares of A", a.qty, qty_a), sum("shares of B", order.qty, qty_b)],
            }
        }
        Purpose::Exit | Purpose::Unwind => {
            let held = held(day, id, *seq).qty;
            let side = if held > 0 { Side::Sell } else { Side::Buy };
            vec![
                sum("side", order.side, side),
                Sum {
                    field: "shares held",
                    recorded: order.qty.to_string(),
                    again: held.abs().to_string(),
                    agrees: i128::from(order.qty.get()) <= held.abs(),
                },
            ]
        }
    };
    Some(Checked { seq: *seq, of: of("its size"), sums })
}

/// `A = floor(gross / (1 + beta) / price A)`, `B = round(beta A price A / price B)`, in whole lots.
fn hedged(day: &DeskDay, spec: &PairSpec, a: &OrderCreated, b: &OrderCreated) -> (i64, i64) {
    let beta = spec.beta.get();
    let (price_a, price_b) = (a.reference.get() as f64, b.reference.get() as f64);
    let (lot_a, lot_b) = (day.lot(a.instrument), day.lot(b.instrument));
    let qty_a = (spec.gross_notional.get() as f64 / (1.0 + beta) / price_a).floor() as i64 / lot_a * lot_a;
    let lots_b = (beta * qty_a as f64 * price_a / price_b / lot_b as f64).round() as i64;
    (qty_a, lots_b * lot_b)
}

/// A decision with every check, as `risk why` shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Decision {
    /// The order.
    pub order: OrderId,
    /// Its pair's name.
    pub pair: String,
    /// Its symbol.
    pub symbol: String,
    /// Which way.
    pub side: Side,
    /// What for.
    pub purpose: Purpose,
    /// The decision.
    pub verdict: Verdict,
    /// The check that decided; absent for an approval.
    pub rule: Option<RiskRule>,
    /// Shares asked for.
    pub asked: barkeep_schemas::Qty,
    /// Shares allowed.
    pub allowed: barkeep_schemas::Qty,
    /// Money reserved.
    pub reserved: barkeep_schemas::Money,
    /// When.
    pub ts: barkeep_schemas::Ts,
    /// Where the decision lies.
    pub seq: Seq,
    /// Every check, in the order in which they were made.
    pub checks: Vec<Check>,
    /// Whether the checks done again give the same.
    pub agrees: bool,
}

/// One check with what was left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Check {
    /// Which.
    pub rule: RiskRule,
    /// What limit, value and headroom count.
    pub unit: Unit,
    /// The limit, in raw units.
    pub limit: i64,
    /// What was measured.
    pub value: i64,
    /// How far the value was from the limit, on its good side; negative beyond it.
    pub headroom: i64,
    /// Whether it passed.
    pub passed: bool,
    /// Whether it decided.
    pub decided: bool,
}

/// A check is passed up to its limit; the time since a like order must have reached it.
fn headroom(check: &RiskCheck) -> i64 {
    if check.rule == RiskRule::Duplicate {
        check.value.saturating_sub(check.limit)
    } else {
        check.limit.saturating_sub(check.value)
    }
}

/// The decision on an order; `None` when there was none.
pub(super) fn decision(day: &DeskDay, id: OrderId) -> Option<Decision> {
    let (seq, decision) = day.decisions.get(&id)?;
    let (_, order) = day.orders.get(&id)?;
    let checks = decision.checks.iter().map(|check| Check {
        rule: check.rule,
        unit: check.rule.unit(),
        limit: check.limit,
        value: check.value,
        headroom: headroom(check),
        passed: check.passed,
        decided: decision.rule == Some(check.rule),
    });
    Some(Decision {
        order: id,
        pair: day.pair_name(id.pair),
        symbol: day.symbol(order.instrument).to_owned(),
        side: order.side,
        purpose: order.purpose,
        verdict: decision.verdict,
        rule: decision.rule,
        asked: decision.asked,
        allowed: decision.allowed,
        reserved: decision.reserved,
        ts: decision.ts,
        seq: *seq,
        checks: checks.collect(),
        agrees: checks_again(day, id).is_some_and(|checked| checked.sums.iter().all(|sum| sum.agrees)),
    })
}

/// The checks that can be done again from the order and the setup alone.
pub(super) fn checks_again(day: &DeskDay, id: OrderId) -> Option<Checked> {
    let (seq, decision) = day.decisions.get(&id)?;
    let (_, order) = day.orders.get(&id)?;
    let (_, setup) = day.setup(*seq)?;
    let limits = setup.limits.buckets.iter().find(|limits| limits.bucket == order.bucket)?;
    let passed = |passed: usize| format!("{passed} of {}", decision.checks.len());
    let again = decision.checks.iter().filter(|check| headroom(check) >= 0).count();
    let recorded = decision.checks.iter().filter(|check| check.passed).count();
    let mut sums = vec![sum("checks passed", passed(recorded), passed(again))];
    for check in &decision.checks {
        if let Some(limit) = limit(check.rule, setup, limits)
            && limit != check.limit
        {
            sums.push(sum(check.rule.name(), check.limit, limit));
        }
    }
    let qty = if decision.verdict == Verdict::Rejected { decision.asked } else { decision.allowed };
    let worse = i128::from(order.price.max(order.reference).get());
    let reference = i128::from(order.reference.get()).max(1);
    let away = i128::from(order.price.get().abs_diff(order.reference.get())) * 10_000;
    let again = [
        (RiskRule::OrderNotional, worse * i128::from(qty.get())),
        (RiskRule::PriceCollar, (away + reference - 1) / reference),
    ];
    for (rule, value) in again {
        if let Some(check) = decision.checks.iter().find(|check| check.rule == rule) {
            sums.push(sum(rule.name(), show(rule.unit(), check.value), show(rule.unit(), fine(value).get())));
        }
    }
    Some(Checked { seq: *seq, of: format!("risk decision on {id}"), sums })
}

/// The limit of a check where the setup alone says it.
fn limit(rule: RiskRule, setup: &barkeep_schemas::DeskSetup, bucket: &BucketLimits) -> Option<i64> {
    let limits = &setup.limits;
    match rule {
        RiskRule::Duplicate => Some(limits.duplicate_window_ns),
        RiskRule::PriceCollar => Some(i64::from(limits.collar_bps)),
        RiskRule::StalePrice => Some(limits.price_stale_ns),
        RiskRule::OrderRateSecond => Some(i64::from(limits.orders_per_second)),
        RiskRule::OrderRateMinute => Some(i64::from(limits.orders_per_minute)),
        RiskRule::BucketOrderRate => Some(i64::from(bucket.orders_per_minute)),
        RiskRule::BucketPairs => Some(i64::from(bucket.max_pairs)),
        RiskRule::OrderNotional => Some(bucket.max_order.get()),
        RiskRule::SymbolExposure => Some(limits.max_symbol.get()),
        RiskRule::BucketSymbolExposure => Some(bucket.max_symbol.get()),
        RiskRule::BucketGross => Some(bucket.max_gross.get()),
        RiskRule::BucketNet => Some(bucket.max_net.get()),
        RiskRule::Gross => Some(limits.max_gross.get()),
        RiskRule::Net => Some(limits.max_net.get()),
        RiskRule::KillSwitch
        | RiskRule::Whitelist
        | RiskRule::MarketHours
        | RiskRule::BucketCapital
        | RiskRule::OtherLeg
        | RiskRule::ReduceClamp => None,
    }
}

/// A number of a check for people.
pub(super) fn show(unit: Unit, value: i64) -> String {
    match unit {
        Unit::Inr => FineMoney::of(barkeep_schemas::Money::new(value)).to_string(),
        Unit::Bps => format!("{value} bps"),
        Unit::Count => value.to_string(),
        Unit::Nanos => format!("{} s", value as f64 / 1e9),
        Unit::Flag => if value == 0 { "no" } else { "yes" }.to_owned(),
    }
}

impl Check {
    /// Limit, value and headroom for people. A yes-or-no check has a value alone: whether what it forbids is so.
    pub fn told(&self) -> [String; 3] {
        let value = show(self.unit, self.value);
        if self.unit == Unit::Flag {
            return ["-".to_owned(), value, "-".to_owned()];
        }
        [show(self.unit, self.limit), value, show(self.unit, self.headroom)]
    }
}
