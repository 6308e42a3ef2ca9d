//! The risk manager: what a pair's entry is measured against, and kill switches.
//!
//! What it is: a pure judge. It is handed what is held and reserved, and answers with every check that it made. What it
//! never does: hold positions, or stand in the way of an order that only reduces one: that is clamped, never blocked.
//!
//! Invariant: after an approval no exposure, at the prices of the moment and with all that is reserved, is above a limit.

mod kills;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use barkeep_schemas::{
    Bucket, BucketLimits, DeskSetup, Money, NANOS, Price, Qty, RiskCheck, RiskLimits, RiskRule, Side, Verdict,
};

use super::hedge::Hedge;
use crate::state::wire_fields;

pub(crate) use kills::{Kill, Kills};

/// Hundredths of a percent in a whole.
const WHOLE_BPS: i128 = 10_000;

const MINUTE_NS: i64 = 60 * NANOS;

/// One leg of an entry that asks to be allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) side: Side,
    /// Limit, or protection of a market order.
    pub(crate) price: Price,
    /// Last price.
    pub(crate) reference: Price,
    /// How old the last price is, in nanoseconds.
    pub(crate) age_ns: i64,
    /// Whether the instrument is in continuous trading.
    pub(crate) in_hours: bool,
    /// What is held and reserved in its symbol over all pairs.
    pub(crate) symbol: Sides,
    /// The same within the bucket.
    pub(crate) bucket_symbol: Sides,
}

/// Money held or reserved on either side, in raw units of [`Money`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sides {
    pub(crate) long: i128,
    pub(crate) short: i128,
}

impl Sides {
    /// Adds signed money.
    pub(crate) fn add(&mut self, signed: i128) {
        self.long += signed.max(0);
        self.short += (-signed).max(0);
    }

    /// Both sides together.
    pub(crate) fn gross(self) -> i128 {
        self.long + self.short
    }

    /// Long less short.
    pub(crate) fn net(self) -> i128 {
        self.long - self.short
    }

    fn with(mut self, side: Side, money: i128) -> Self {
        self.add(i128::from(side.sign()) * money);
        self
    }

    /// The larger side.
    fn larger(self) -> i128 {
        self.long.max(self.short)
    }
}

/// An entry that asks to be allowed, and what it is measured with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnitAsked {
    pub(crate) bucket: Bucket,
    pub(crate) hedge: Hedge,
    /// Shares of leg A asked for.
    pub(crate) qty_a: i64,
    pub(crate) legs: [Asked; 2],
    /// Whether the whitelist is today's.
    pub(crate) whitelisted: bool,
    pub(crate) now: i64,
    /// Pairs of the bucket that are not flat.
    pub(crate) bucket_pairs: u32,
    /// What is held and reserved in the bucket.
    pub(crate) in_bucket: Sides,
    /// What is held and reserved in the account.
    pub(crate) in_account: Sides,
    /// What the bucket may be exposed to: its part of the tradable equity, leveraged. `None` while equity is not known.
    pub(crate) bucket_capital: Option<i128>,
    /// Nanoseconds since the last entry of this pair in the same direction; `None` when there was none.
    pub(crate) since_same: Option<i64>,
    /// The kill switch that is on for it, if one is.
    pub(crate) killed: bool,
}

/// What was decided for both legs of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Decided {
    pub(crate) verdict: Verdict,
    /// The check of each leg that decided; [`RiskRule::OtherLeg`] of one that would have passed alone.
    pub(crate) rules: [Option<RiskRule>; 2],
    /// The checks of each leg.
    pub(crate) checks: [Vec<RiskCheck>; 2],
    /// Shares allowed of each leg.
    pub(crate) allowed: [i64; 2],
    /// Money reserved for each leg.
    pub(crate) reserved: [Money; 2],
}

/// The risk manager's own state.
#[derive(Clone, Debug)]
pub(crate) struct Risk {
    pub(crate) kills: Kills,
    /// Moments of entry orders of the last minute: of the account, then of each bucket.
    account: VecDeque<i64>,
    buckets: Vec<VecDeque<i64>>,
}
wire_fields!(Risk { kills, account, buckets });

/// The part of a limit's money that an order of `qty` shares at the worse of two prices takes up.
fn notional(asked: &Asked, qty: i64) -> i128 {
    i128::from(asked.price.max(asked.reference).get()) * i128::from(qty)
}

/// Saturates a sum of money to what a check can hold.
pub(crate) fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN + 1 } else { i64::MAX })
}

fn recent(moments: &VecDeque<i64>, now: i64, window: i64) -> i64 {
    moments.iter().rev().take_while(|moment| now.saturating_sub(**moment) < window).count() as i64
}

impl Risk {
    pub(crate) fn new() -> Self {
        let buckets = Bucket::ALL.iter().map(|_| VecDeque::new()).collect();
        Self { kills: Kills::default(), account: VecDeque::new(), buckets }
    }

    /// Decides an entry of two legs as one unit: both are allowed, in the hedge's proportion, or neither.
    pub(crate) fn decide(&mut self, unit: &UnitAsked, setup: &DeskSetup) -> Decided {
        let limits = &setup.limits;
        let max_error = setup.execution.max_hedge_error_bps;
        let Some(bucket) = limits.buckets.iter().find(|limits| limits.bucket == unit.bucket) else {
            // A setup without limits of a bucket is refused when it comes in; nothing is ever unlimited.
            return rejected([Some(RiskRule::BucketCapital); 2], [Vec::new(), Vec::new()]);
        };
        self.forget(unit.now);
        let asked_b = unit.hedge.qty_b(unit.qty_a);
        let fixed = [Leg::First, Leg::Second].map(|leg| self.fixed_checks(unit, leg, limits, bucket));
        let sized = |qty: [i64; 2]| [Leg::First, Leg::Second].map(|leg| sized_checks(unit, leg, qty, limits, bucket));
        let asked = join(&fixed, sized([unit.qty_a, asked_b]));
        if fails(&fixed) {
            return rejected(deciders(&asked), asked);
        }
        if !fails(&asked) {
            return self.allow(unit, Verdict::Approved, [None; 2], asked, [unit.qty_a, asked_b]);
        }
        let rules = deciders(&asked);
        // The largest number of lots that passes; what is asked for does not, and nothing at all does.
        let lot = unit.hedge.lot_a;
        let (mut passes, mut too_many) = (0, unit.qty_a / lot);
        while too_many - passes > 1 {
            let middle = passes + (too_many - passes) / 2;
            let qty_a = middle * lot;
            let passed = !fails(&sized([qty_a, unit.hedge.qty_b(qty_a)]));
            if passed { passes = middle } else { too_many = middle }
        }
        let qty = [passes * lot, unit.hedge.qty_b(passes * lot)];
        let least = i128::from(unit.qty_a) * i128::from(limits.resize_min_bps);
        let enough = passes > 0 && qty.iter().all(|qty| *qty > 0) && i128::from(qty[0]) * WHOLE_BPS >= least;
        let checks = sized(qty);
        if !enough || fails(&checks) || unit.hedge.error_bps(qty[0], qty[1]) > i64::from(max_error) {
            return rejected(rules, asked);
        }
        self.allow(unit, Verdict::Resized, rules, join(&fixed, checks), qty)
    }

    fn allow(
        &mut self,
        unit: &UnitAsked,
        verdict: Verdict,
        rules: [Option<RiskRule>; 2],
        checks: [Vec<RiskCheck>; 2],
        allowed: [i64; 2],
    ) -> Decided {
        for _ in allowed {
            self.account.push_back(unit.now);
            if let Some(moments) = self.buckets.get_mut(unit.bucket.index()) {
                moments.push_back(unit.now);
            }
        }
        let [a, b] = &unit.legs;
        let [qty_a, qty_b] = allowed;
        let reserved = [Money::new(narrow(notional(a, qty_a))), Money::new(narrow(notional(b, qty_b)))];
        Decided { verdict, rules, checks, allowed, reserved }
    }

    fn forget(&mut self, now: i64) {
        for moments in self.buckets.iter_mut().chain([&mut self.account]) {
            while moments.front().is_some_and(|moment| now.saturating_sub(*moment) >= MINUTE_NS) {
                moments.pop_front();
            }
        }
    }

    /// The checks that no smaller order would pass either.
    fn fixed_checks(&self, unit: &UnitAsked, leg: Leg, limits: &RiskLimits, bucket: &BucketLimits) -> Vec<RiskCheck> {
        let asked = leg.of(&unit.legs);
        let flag = |rule, violated: bool| RiskCheck { rule, limit: 0, value: i64::from(violated), passed: !violated };
        let most = |rule, limit: i64, value: i64| RiskCheck { rule, limit, value, passed: value <= limit };
        let window = limits.duplicate_window_ns;
        let since = unit.since_same.map_or(window, |since| since.min(window));
        let reference = i128::from(asked.reference.get()).max(1);
        let away = i128::from(asked.price.get().abs_diff(asked.reference.get()));
        // Rounded up: a price a hair beyond the collar is beyond it.
        let away_bps = narrow((away * WHOLE_BPS + reference - 1) / reference);
        let count = unit.legs.len() as i64;
        let of_bucket = self.buckets.get(unit.bucket.index()).map_or(0, |moments| recent(moments, unit.now, MINUTE_NS));
        Vec::from([
            flag(RiskRule::KillSwitch, unit.killed),
            flag(RiskRule::Whitelist, !unit.whitelisted),
            flag(RiskRule::MarketHours, !asked.in_hours),
            RiskCheck { rule: RiskRule::Duplicate, limit: window, value: since, passed: since >= window },
            most(RiskRule::PriceCollar, i64::from(limits.collar_bps), away_bps),
            most(RiskRule::StalePrice, limits.price_stale_ns, asked.age_ns),
            most(
                RiskRule::OrderRateSecond,
                i64::from(limits.orders_per_second),
                recent(&self.account, unit.now, NANOS) + count,
            ),
            most(
                RiskRule::OrderRateMinute,
                i64::from(limits.orders_per_minute),
                recent(&self.account, unit.now, MINUTE_NS) + count,
            ),
            most(RiskRule::BucketOrderRate, i64::from(bucket.orders_per_minute), of_bucket + count),
            most(RiskRule::BucketPairs, i64::from(bucket.max_pairs), i64::from(unit.bucket_pairs) + 1),
        ])
    }
}

/// A leg of a unit.
#[derive(Clone, Copy, Debug)]
enum Leg {
    First,
    Second,
}

impl Leg {
    fn of<T>(self, both: &[T; 2]) -> &T {
        let [first, second] = both;
        match self {
            Self::First => first,
            Self::Second => second,
        }
    }
}

/// The checks that a smaller order may pass.
fn sized_checks(
    unit: &UnitAsked,
    leg: Leg,
    qty: [i64; 2],
    limits: &RiskLimits,
    bucket: &BucketLimits,
) -> Vec<RiskCheck> {
    let [a, b] = &unit.legs;
    let [qty_a, qty_b] = qty;
    let asked = leg.of(&unit.legs);
    let own = notional(asked, *leg.of(&qty));
    let with = |sides: Sides| sides.with(a.side, notional(a, qty_a)).with(b.side, notional(b, qty_b));
    let most = |rule, limit: i128, value: i128| RiskCheck {
        rule,
        limit: narrow(limit),
        value: narrow(value),
        passed: value <= limit,
    };
    let inr = |limit: Money| i128::from(limit.get());
    let (in_bucket, in_account) = (with(unit.in_bucket), with(unit.in_account));
    Vec::from([
        most(RiskRule::OrderNotional, inr(bucket.max_order), own),
        most(RiskRule::SymbolExposure, inr(limits.max_symbol), asked.symbol.with(asked.side, own).larger()),
        most(
            RiskRule::BucketSymbolExposure,
            inr(bucket.max_symbol),
            asked.bucket_symbol.with(asked.side, own).larger(),
        ),
        most(RiskRule::BucketGross, inr(bucket.max_gross), in_bucket.gross()),
        most(RiskRule::BucketNet, inr(bucket.max_net), in_bucket.net().abs()),
        most(RiskRule::BucketCapital, unit.bucket_capital.unwrap_or(0).max(0), in_bucket.gross()),
        most(RiskRule::Gross, inr(limits.max_gross), in_account.gross()),
        most(RiskRule::Net, inr(limits.max_net), in_account.net().abs()),
    ])
}

fn fails(checks: &[Vec<RiskCheck>; 2]) -> bool {
    checks.iter().flatten().any(|check| !check.passed)
}

/// The first check that each leg fails; of one that fails none, that it is the other leg's.
fn deciders(checks: &[Vec<RiskCheck>; 2]) -> [Option<RiskRule>; 2] {
    checks.each_ref().map(|of_leg| {
        let failed = of_leg.iter().find(|check| !check.passed).map(|check| check.rule);
        Some(failed.unwrap_or(RiskRule::OtherLeg))
    })
}

fn join(fixed: &[Vec<RiskCheck>; 2], sized: [Vec<RiskCheck>; 2]) -> [Vec<RiskCheck>; 2] {
    let [mut a, mut b] = fixed.clone();
    let [more_a, more_b] = sized;
    a.extend(more_a);
    b.extend(more_b);
    [a, b]
}

fn rejected(rules: [Option<RiskRule>; 2], checks: [Vec<RiskCheck>; 2]) -> Decided {
    Decided { verdict: Verdict::Rejected, rules, checks, allowed: [0; 2], reserved: [Money::ZERO; 2] }
}

/// Clamps an order that reduces a position to what is left of it. Returns the check and the shares allowed.
pub(crate) fn clamp(asked: Qty, position: i64, leaving: i64) -> (RiskCheck, i64) {
    let left = narrow(i128::from(position.unsigned_abs()) - i128::from(leaving)).max(0);
    let allowed = asked.get().min(left).max(0);
    let check = RiskCheck { rule: RiskRule::ReduceClamp, limit: left, value: asked.get(), passed: asked.get() <= left };
    (check, allowed)
}
