//! The money of the desk at the prices of the moment: marks, the limits that throw kill switches, and the day's sums.

use alloc::boxed::Box;
use alloc::format;

use barkeep_schemas::{
    Bucket, Derived, EquityMark, FineMoney, KillWhy, Leg, NANOS, OnKill, PairId, PairState, Price, Scope, Ts,
};

use super::Desk;
use super::ledger::ScopeValue;
use super::operator::Thrown;
use crate::output::Output;
use crate::probe::{Probe, Stage};

/// Marks of equity are made once in this many nanoseconds of event time.
const MARK_EVERY_NS: i64 = 60 * NANOS;

/// Hundredths of a percent in a whole, and ten-thousandths.
const WHOLE: i128 = 10_000;

impl Desk {
    /// A leg's last price, unless it is stale.
    fn fresh_price(&self, pair: PairId, leg: Leg) -> Option<Price> {
        let spec = self.spec(pair)?;
        let instrument = match leg {
            Leg::A => spec.leg_a,
            Leg::B => spec.leg_b,
        };
        self.quotes.get(instrument.index())?.fresh(self.now, self.setup.limits.price_stale_ns)
    }

    /// A leg's last price, however old.
    fn last_price(&self, pair: PairId, leg: Leg) -> Option<Price> {
        let spec = self.spec(pair)?;
        let instrument = match leg {
            Leg::A => spec.leg_a,
            Leg::B => spec.leg_b,
        };
        self.quotes.get(instrument.index())?.price
    }

    /// Positions carried over count for the day from the prices that the session before ended with.
    pub(super) fn open_ledger(&mut self) {
        let setup = &self.setup;
        let quotes = &self.quotes;
        let prices = |pair: PairId, leg: Leg| {
            let spec = setup.pairs.get(pair.index())?;
            let instrument = match leg {
                Leg::A => spec.leg_a,
                Leg::B => spec.leg_b,
            };
            quotes.get(instrument.index())?.price
        };
        self.ledger.opened_at(&prices);
    }

    fn marks(&self) -> [ScopeValue; 4] {
        self.ledger.marks(&|pair, leg| self.fresh_price(pair, leg))
    }

    /// What is not held back of an equity.
    fn tradable(&self, equity: FineMoney) -> FineMoney {
        let kept = WHOLE - i128::from(self.setup.limits.holdback_bps);
        FineMoney::new(super::risk::narrow(i128::from(equity.get()) * kept.max(0) / WHOLE))
    }

    /// What a bucket may be exposed to, in raw units of money: its part of the tradable equity, leveraged. `None` while
    /// equity is not known.
    pub(super) fn bucket_capital(&self, bucket: Bucket) -> Option<i128> {
        let [global, ..] = self.marks();
        let tradable = i128::from(self.tradable(global.equity?).get());
        let limits = &self.setup.limits;
        let split = limits.buckets.iter().find(|limits| limits.bucket == bucket)?.split_bps;
        let part = tradable * i128::from(split) / WHOLE * i128::from(limits.leverage_bps) / WHOLE;
        Some(part / i128::from(barkeep_schemas::FINE_PER_MONEY))
    }

    /// Marks the high-water marks, throws what limits throw, and once a minute says what everything is worth.
    pub(super) fn mark_equity(&mut self, probe: &mut impl Probe, out: &mut Output<'_>) {
        let minute = self.now.div_euclid(MARK_EVERY_NS);
        let due = minute > self.minute;
        let at_risk = self.pairs.iter().any(|pair| pair.state != PairState::Flat);
        if !due && !at_risk {
            return;
        }
        probe.enter(Stage::Risk);
        let marks = self.marks();
        self.ledger.note_high(&marks);
        if due {
            self.minute = minute;
            self.push_marks(&marks, out);
        }
        self.check_losses(&marks, probe, out);
    }

    fn push_marks(&mut self, marks: &[ScopeValue; 4], out: &mut Output<'_>) {
        for (scope, value) in Scope::ALL.iter().zip(marks) {
            let mark = EquityMark {
                scope: *scope,
                capital: value.capital,
                equity: value.equity,
                tradable: value.equity.map(|equity| self.tradable(equity)),
                high_water: self.ledger.high_water(*scope),
                drawdown_pct: value.equity.and_then(|equity| self.ledger.drawdown(*scope, equity)),
                gross: value.gross,
                net: value.net,
                realised: value.realised,
                unrealised: value.unrealised,
                charges: value.charges,
                ts: Ts::new(self.now),
                cause: out.cause,
            };
            out.push(Derived::EquityMark(Box::new(mark)));
        }
    }

    /// Throws the switch of every scope whose loss is beyond its limits. Without a price there is nothing to judge by.
    fn check_losses(&mut self, marks: &[ScopeValue; 4], probe: &mut impl Probe, out: &mut Output<'_>) {
        for (scope, value) in Scope::ALL.iter().zip(marks) {
            let (Some(profit), Some(daily)) = (value.profit, value.daily) else { continue };
            let limits = &self.setup.limits;
            let (max_bps, max_loss) = match scope.bucket() {
                None => (limits.max_drawdown_bps, limits.max_daily_loss),
                Some(bucket) => match limits.buckets.iter().find(|limits| limits.bucket == bucket) {
                    Some(limits) => (limits.max_drawdown_bps, limits.max_daily_loss),
                    None => continue,
                },
            };
            let flatten = limits.on_kill == OnKill::Flatten;
            let (drawdown, loss) = self.risk.kills.measure(*scope, value.capital, profit, daily);
            if self.risk.kills.get(*scope).is_some() {
                continue;
            }
            let max_loss = FineMoney::of(max_loss);
            let thrown = if drawdown >= i64::from(max_bps) {
                let reason = format!("drawdown of {drawdown} bps, the limit is {max_bps}");
                Some((KillWhy::Drawdown, i64::from(max_bps), drawdown, reason))
            } else if loss >= max_loss.get() {
                let reason = format!("loss of {} today, the limit is {max_loss}", FineMoney::new(loss));
                let (limit, value) = (max_loss.rounded().get(), FineMoney::new(loss).rounded().get());
                Some((KillWhy::DailyLoss, limit, value, reason))
            } else {
                None
            };
            if let Some((why, limit, value, reason)) = thrown {
                let thrown = Thrown { scope: *scope, why, flatten, limit, value, reason, ts: Ts::new(self.now) };
                self.kill(thrown, probe, out);
            }
        }
    }

    /// The day in numbers.
    pub(super) fn sum_up(&mut self, out: &mut Output<'_>) {
        let marks = self.ledger.marks(&|pair, leg| self.last_price(pair, leg));
        self.ledger.note_high(&marks);
        self.push_marks(&marks, out);
        for at in 0..self.pairs.len() {
            let day = self.ledger.pair_day(PairId(at as u16), &|pair, leg| self.last_price(pair, leg), out.cause);
            out.push(Derived::PairDay(Box::new(day)));
        }
        out.push(Derived::ContractNote(Box::new(self.note.total(out.cause))));
    }
}
