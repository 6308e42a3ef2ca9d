//! Entering a pair: sized from money, lots and ticks, throttled, judged by the risk manager, both legs or none.

use alloc::boxed::Box;

use barkeep_schemas::{
    Bucket, Derived, DeskReason, EntryRefused, InstrumentId, Leg, OrderCreated, OrderId, OrderStatus, OrderType,
    OrderWhy, PairId, PairSpec, PairState, PairWhy, Price, Purpose, Qty, RiskDecision, Route, Seq, Side, Signal,
    SignalAction, Ts, Unit, Validity, Verdict,
};

use super::Desk;
use super::hedge::Hedge;
use super::ledger::PairCount;
use super::risk::{Asked, Sides, UnitAsked};
use crate::output::Output;
use crate::probe::{Probe, Stage};

/// Orders of an entry, and of leaving once.
const LEGS: i64 = 2;

/// Why an entry is not tried, with the limit and what was measured against it.
struct Refusal {
    reason: DeskReason,
    limit: i64,
    value: i64,
    unit: Unit,
}

const fn no(reason: DeskReason) -> Refusal {
    Refusal { reason, limit: 0, value: 1, unit: Unit::Flag }
}

/// A leg's market at the moment of a decision.
#[derive(Clone, Copy)]
struct LegQuote {
    instrument: InstrumentId,
    price: Price,
    tick: Seq,
    age_ns: i64,
    lot: i64,
}

/// What is held and reserved, for one decision.
struct Exposure {
    symbols: [Sides; 2],
    bucket_symbols: [Sides; 2],
    in_bucket: Sides,
    in_account: Sides,
    bucket_pairs: u32,
}

impl Desk {
    /// Enters a pair on a signal, or says why not.
    pub(super) fn enter(&mut self, seq: Seq, signal: &Signal, probe: &mut impl Probe, out: &mut Output<'_>) {
        let Some(spec) = self.spec(signal.pair).cloned() else { return };
        let sized = self.may_try(&spec).and_then(|()| self.size(&spec));
        let (hedge, quotes, qty_a) = match sized {
            Ok(sized) => sized,
            Err(refusal) => return self.refuse(seq, signal.pair, &refusal, out),
        };
        let side_a = match signal.action {
            SignalAction::EnterLong => Side::Buy,
            SignalAction::EnterShort | SignalAction::Exit => Side::Sell,
        };
        probe.enter(Stage::Risk);
        self.submit_unit(seq, &spec, hedge, quotes, qty_a, side_a, out);
    }

    fn refuse(&mut self, signal: Seq, pair: PairId, refusal: &Refusal, out: &mut Output<'_>) {
        let Refusal { reason, limit, value, unit } = *refusal;
        let (ts, cause) = (Ts::new(self.now), out.cause);
        out.push(Derived::EntryRefused(Box::new(EntryRefused { pair, signal, reason, limit, value, unit, ts, cause })));
    }

    /// Whether an entry may be tried at all.
    fn may_try(&self, spec: &PairSpec) -> Result<(), Refusal> {
        if !self.tradable {
            return Err(no(DeskReason::NotTradable));
        }
        if spec.exit_only {
            return Err(no(DeskReason::ExitOnly));
        }
        if self.pairs.get(spec.id.index()).is_none_or(|pair| pair.state != PairState::Flat) {
            return Err(no(DeskReason::NotFlat));
        }
        let rules = &self.setup.execution;
        let throttled = |reason, limit: i64, last: i64| {
            let value = self.now.saturating_sub(last);
            if value < limit { Err(Refusal { reason, limit, value, unit: Unit::Nanos }) } else { Ok(()) }
        };
        let bucket = self.bucket_entries.get(spec.bucket.index()).copied().unwrap_or(i64::MIN);
        throttled(DeskReason::BucketThrottle, rules.bucket_throttle_ns, bucket)?;
        throttled(DeskReason::SymbolThrottle, rules.symbol_throttle_ns, self.last_entry_in(spec))?;
        self.has_room()
    }

    /// Whether the day's quota has room for both legs, and to leave all that is held then, each leg twice over. Else a
    /// leg could stay alone, or a position could not be left.
    fn has_room(&self) -> Result<(), Refusal> {
        if self.setup.gateway.route == Route::Gateway {
            return Ok(());
        }
        let held = self.pairs.iter().filter(|pair| pair.state != PairState::Flat).count() as i64;
        let (needed, left) = (LEGS + 2 * LEGS * (held + 1), i64::from(self.limiter.left()));
        if left >= needed {
            return Ok(());
        }
        Err(Refusal { reason: DeskReason::Quota, limit: left, value: needed, unit: Unit::Count })
    }

    /// When the last entry was made in a symbol of the pair.
    fn last_entry_in(&self, spec: &PairSpec) -> i64 {
        let shares =
            |other: &PairSpec| [other.leg_a, other.leg_b].iter().any(|leg| *leg == spec.leg_a || *leg == spec.leg_b);
        let entered = self.setup.pairs.iter().zip(&self.pairs).filter(|(other, _)| shares(other));
        entered.map(|(_, pair)| pair.last_long.max(pair.last_short).unwrap_or(i64::MIN)).max().unwrap_or(i64::MIN)
    }

    fn leg_quote(&self, instrument: InstrumentId) -> Option<LegQuote> {
        let quote = self.quotes.get(instrument.index())?;
        let age_ns = self.now.saturating_sub(quote.ts).max(0);
        Some(LegQuote { instrument, price: quote.price?, tick: quote.seq, age_ns, lot: quote.lot })
    }

    /// Shares of leg A, and the hedge by which B follows.
    fn size(&self, spec: &PairSpec) -> Result<(Hedge, [LegQuote; 2], i64), Refusal> {
        let (Some(a), Some(b)) = (self.leg_quote(spec.leg_a), self.leg_quote(spec.leg_b)) else {
            return Err(no(DeskReason::NoPrice));
        };
        let beta = spec.beta.get();
        let hedge = Hedge { beta, price_a: a.price, price_b: b.price, lot_a: a.lot, lot_b: b.lot };
        let qty_a = hedge.qty_a(spec.gross_notional);
        let qty_b = hedge.qty_b(qty_a);
        if qty_a == 0 || qty_b == 0 {
            let (limit, value) = (1, qty_a.min(qty_b));
            return Err(Refusal { reason: DeskReason::TooSmall, limit, value, unit: Unit::Count });
        }
        let (limit, value) = (i64::from(self.setup.execution.max_hedge_error_bps), hedge.error_bps(qty_a, qty_b));
        if value > limit {
            return Err(Refusal { reason: DeskReason::HedgeError, limit, value, unit: Unit::Bps });
        }
        Ok((hedge, [a, b], qty_a))
    }

    /// What is held at last prices and what live entry orders have reserved.
    fn exposure(&self, bucket: Bucket, legs: [InstrumentId; 2]) -> Exposure {
        let mut exposure = Exposure {
            symbols: [Sides::default(); 2],
            bucket_symbols: [Sides::default(); 2],
            in_bucket: Sides::default(),
            in_account: Sides::default(),
            bucket_pairs: 0,
        };
        let mut add = |of: Bucket, instrument: InstrumentId, signed: i128| {
            exposure.in_account.add(signed);
            if of == bucket {
                exposure.in_bucket.add(signed);
            }
            for (at, leg) in legs.iter().enumerate().filter(|(_, leg)| **leg == instrument) {
                let _ = leg;
                if let Some(sides) = exposure.symbols.get_mut(at) {
                    sides.add(signed);
                }
                if let Some(sides) = exposure.bucket_symbols.get_mut(at).filter(|_| of == bucket) {
                    sides.add(signed);
                }
            }
        };
        let mut busy = 0;
        for (spec, pair) in self.setup.pairs.iter().zip(&self.pairs) {
            if pair.state == PairState::Flat {
                continue;
            }
            busy += u32::from(spec.bucket == bucket);
            for (leg, instrument) in [(Leg::A, spec.leg_a), (Leg::B, spec.leg_b)] {
                let price = self.quotes.get(instrument.index()).and_then(|quote| quote.price).unwrap_or_default();
                add(spec.bucket, instrument, i128::from(self.held(spec.id, leg)) * i128::from(price.get()));
            }
            for order in [pair.order_a, pair.order_b].into_iter().flatten().filter_map(|id| self.oms.get(id)) {
                if !order.status.is_terminal() && !order.purpose.reduces() {
                    let open = i128::from(order.qty.get().saturating_sub(order.filled.get()).max(0));
                    let price = i128::from(order.price.max(order.reference).get());
                    add(order.bucket, order.instrument, i128::from(order.side.sign()) * open * price);
                }
            }
        }
        exposure.bucket_pairs = busy;
        exposure
    }

    /// Makes both orders, has them judged as one unit, and sends them or rejects them.
    #[expect(clippy::too_many_arguments, reason = "what a decision is made of, used once")]
    fn submit_unit(
        &mut self,
        seq: Seq,
        spec: &PairSpec,
        hedge: Hedge,
        quotes: [LegQuote; 2],
        qty_a: i64,
        side_a: Side,
        out: &mut Output<'_>,
    ) {
        let [a, b] = quotes;
        let exposure = self.exposure(spec.bucket, [a.instrument, b.instrument]);
        let [symbol_a, symbol_b] = exposure.symbols;
        let [in_bucket_a, in_bucket_b] = exposure.bucket_symbols;
        let ask = |quote: LegQuote, side, symbol, bucket_symbol| Asked {
            side,
            price: self.protection(quote.instrument, side, quote.price),
            reference: quote.price,
            age_ns: quote.age_ns,
            in_hours: self.is_continuous(quote.instrument, self.now),
            symbol,
            bucket_symbol,
        };
        let last = self.pairs.get(spec.id.index()).and_then(|pair| match side_a {
            Side::Buy => pair.last_long,
            Side::Sell => pair.last_short,
        });
        let unit = UnitAsked {
            bucket: spec.bucket,
            hedge,
            qty_a,
            legs: [ask(a, side_a, symbol_a, in_bucket_a), ask(b, side_a.other(), symbol_b, in_bucket_b)],
            whitelisted: self.setup.whitelist_date == Some(self.date),
            now: self.now,
            bucket_pairs: exposure.bucket_pairs,
            in_bucket: exposure.in_bucket,
            in_account: exposure.in_account,
            bucket_capital: self.bucket_capital(spec.bucket),
            since_same: last.map(|last| self.now.saturating_sub(last)),
            killed: self.risk.kills.stops(spec.bucket),
        };
        let decided = self.risk.decide(&unit, &self.setup);
        let rejected = decided.verdict == Verdict::Rejected;
        let ids = [Leg::A, Leg::B].map(|leg| OrderId { cause: out.cause, pair: spec.id, leg });
        let (ts, cause) = (Ts::new(self.now), out.cause);
        let asked_qty = [qty_a, hedge.qty_b(qty_a)];
        let [checks_a, checks_b] = decided.checks;
        let legs = ids.into_iter().zip(unit.legs).zip(quotes).zip(asked_qty);
        let allowed = decided.allowed.into_iter().zip(decided.reserved).zip([checks_a, checks_b]).zip(decided.rules);
        for ((((id, asked), quote), qty), (((allowed, reserved), checks), rule)) in legs.zip(allowed) {
            let created = OrderCreated {
                id,
                instrument: quote.instrument,
                side: asked.side,
                qty: Qty::new(qty),
                order_type: OrderType::Market,
                price: asked.price,
                trigger: None,
                validity: Validity::Day,
                product: spec.product,
                purpose: Purpose::Entry,
                bucket: spec.bucket,
                signal: Some(seq),
                reference: quote.price,
                reference_tick: quote.tick,
                ts,
                cause,
            };
            // A rejected order keeps the size that it asked for.
            let size = if rejected { qty } else { allowed };
            self.oms.create(&created, Qty::new(size));
            let decision = RiskDecision {
                order: id,
                verdict: decided.verdict,
                rule,
                checks,
                asked: created.qty,
                allowed: Qty::new(allowed),
                reserved,
                ts,
                cause,
            };
            out.push(Derived::OrderCreated(Box::new(created)));
            out.push(Derived::RiskDecision(Box::new(decision)));
            self.ledger.count(spec.id, PairCount::Order);
            if rejected {
                self.oms.go(id, OrderStatus::Rejected, OrderWhy::Risk, "", self.now, out);
            }
        }
        if !rejected {
            self.begin_entry(seq, spec, ids, side_a, out);
        }
    }

    /// An entry was approved: the pair is ENTERING, and its orders go.
    fn begin_entry(&mut self, seq: Seq, spec: &PairSpec, ids: [OrderId; 2], side_a: Side, out: &mut Output<'_>) {
        let now = self.now;
        if let Some(last) = self.bucket_entries.get_mut(spec.bucket.index()) {
            *last = now;
        }
        let Some(pair) = self.pairs.get_mut(spec.id.index()) else { return };
        let [a, b] = ids;
        (pair.order_a, pair.order_b) = (Some(a), Some(b));
        pair.signal = Some(seq);
        pair.held_since = Some(now);
        pair.entry_deadline = now.saturating_add(self.setup.execution.entry_timeout_ns);
        match side_a {
            Side::Buy => pair.last_long = Some(now),
            Side::Sell => pair.last_short = Some(now),
        }
        self.ledger.count(spec.id, PairCount::Entry);
        self.go(spec.id, PairState::Entering, PairWhy::Entry, out);
        for id in ids {
            self.approve(id, out);
        }
    }
}
