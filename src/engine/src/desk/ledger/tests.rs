//! The ledger against sums that are made another way.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use barkeep_schemas::*;
use proptest::prelude::*;

use super::*;
use crate::desk::charges::{charge, nse};

const fn rupees(amount: i64) -> Money {
    Money::new(amount * 10_000)
}

const fn price(paise: i64) -> Price {
    Price::new(paise * 100)
}

fn pair(id: u16, bucket: Bucket) -> PairSpec {
    PairSpec {
        id: PairId(id),
        name: String::from("X_Y_1m"),
        leg_a: InstrumentId(u32::from(id) * 2),
        leg_b: InstrumentId(u32::from(id) * 2 + 1),
        tf: Timeframe::M1,
        beta: Real::new(1.0).unwrap(),
        intercept: Real::ZERO,
        entry: Real::new(2.0).unwrap(),
        exit: Real::new(0.5).unwrap(),
        stop: Real::new(3.0).unwrap(),
        lookback: 100,
        max_hold_ns: 3_600 * NANOS,
        entry_from_ns: 0,
        entry_until_ns: 0,
        flatten_before_ns: 600 * NANOS,
        stale_after_ns: 300 * NANOS,
        max_stops: 1,
        bucket,
        gross_notional: rupees(200_000),
        product: Product::Mis,
        exit_only: false,
    }
}

/// A setup of four pairs: one LOW, one MED, two HIGH; a capital of a million in parts of a half, 30% and 20%.
pub(in crate::desk) fn setup() -> DeskSetup {
    let all = rupees(1_000_000);
    let bucket = |bucket, split_bps| BucketLimits {
        bucket,
        split_bps,
        max_gross: all,
        max_net: all,
        max_symbol: all,
        max_order: all,
        max_pairs: 10,
        orders_per_minute: 100,
        max_drawdown_bps: 500,
        max_daily_loss: all,
    };
    DeskSetup {
        whitelist_date: None,
        pairs: [Bucket::Low, Bucket::Med, Bucket::High, Bucket::High]
            .into_iter()
            .zip(0..)
            .map(|(bucket, id)| pair(id, bucket))
            .collect(),
        limits: RiskLimits {
            total_cash: all,
            holdback_bps: 0,
            leverage_bps: 10_000,
            max_gross: all,
            max_net: all,
            max_symbol: all,
            orders_per_second: 10,
            orders_per_minute: 100,
            collar_bps: 200,
            duplicate_window_ns: 0,
            price_stale_ns: 0,
            resize_min_bps: 0,
            max_drawdown_bps: 500,
            max_daily_loss: all,
            on_kill: OnKill::Flatten,
            buckets: [bucket(Bucket::Low, 5_000), bucket(Bucket::Med, 3_000), bucket(Bucket::High, 2_000)].into(),
        },
        execution: ExecutionRules {
            protection_bps: 50,
            entry_timeout_ns: NANOS,
            exit_timeout_ns: NANOS,
            symbol_throttle_ns: 0,
            bucket_throttle_ns: 0,
            max_hedge_error_bps: 500,
            approval_ttl_ns: 5 * NANOS,
        },
        gateway: GatewayRules { route: Route::Gateway, per_second: 10, per_minute: 400, per_day: 5_000 },
        paper: PaperRules { latency_ns: 0, slippage_bps: 0, volume_share_bps: 0, circuit_bps: 0 },
        charges: [nse(Product::Mis, Side::Buy), nse(Product::Mis, Side::Sell)].into(),
    }
}

fn nothing() -> DeskCarried {
    DeskCarried { pairs: Vec::new(), scopes: Vec::new(), kills: Vec::new() }
}

fn ledger() -> Ledger {
    Ledger::new(&setup(), &nothing())
}

fn fill(ledger: &mut Ledger, side: Side, qty: i64, paise: i64) -> (i64, String, String) {
    let booked = ledger.fill(PairId(0), Leg::A, side, Qty::new(qty), price(paise), &Charges::ZERO);
    (booked.position, booked.average.to_string(), booked.realised.to_string())
}

fn told(position: i64, average: &str, realised: &str) -> (i64, String, String) {
    (position, String::from(average), String::from(realised))
}

#[test]
fn a_long_position_averages_realises_and_turns_short() {
    let mut ledger = ledger();
    assert_eq!(fill(&mut ledger, Side::Buy, 100, 150_000), told(100, "1500", "0.00"));
    assert_eq!(fill(&mut ledger, Side::Buy, 50, 150_300), told(150, "1501", "0.00"));
    assert_eq!(fill(&mut ledger, Side::Sell, 60, 150_600), told(90, "1501", "300.00"));
    assert_eq!(fill(&mut ledger, Side::Sell, 100, 150_000), told(-10, "1500", "-90.00"));
    assert_eq!(fill(&mut ledger, Side::Buy, 10, 149_900), told(0, "0", "10.00"));
}

#[test]
fn a_short_position_averages_realises_and_turns_long() {
    let mut ledger = ledger();
    assert_eq!(fill(&mut ledger, Side::Sell, 30, 10_000), told(-30, "100", "0.00"));
    assert_eq!(fill(&mut ledger, Side::Sell, 10, 10_400), told(-40, "101", "0.00"));
    assert_eq!(fill(&mut ledger, Side::Buy, 10, 10_000), told(-30, "101", "10.00"));
    assert_eq!(fill(&mut ledger, Side::Buy, 50, 10_200), told(20, "102", "-30.00"));
}

#[test]
fn what_rounding_leaves_stays_in_the_cost() {
    let mut ledger = ledger();
    fill(&mut ledger, Side::Buy, 1, 10_000);
    fill(&mut ledger, Side::Buy, 2, 10_005);
    // 300.10 / 3 has no end: three single sales release it whole.
    for left in [2, 1, 0] {
        assert_eq!(fill(&mut ledger, Side::Sell, 1, 10_000).0, left);
    }
    let [global, ..] = ledger.marks(&|_, _| None);
    assert_eq!(global.realised.to_string(), "-0.10");
    assert_eq!(global.realised, FineMoney::new(-10_000_000));
}

#[test]
fn money_that_needs_a_held_price_is_absent_without_it() {
    let mut ledger = ledger();
    let charges = charge(&nse(Product::Mis, Side::Buy), Money::ZERO, rupees(150_000));
    ledger.fill(PairId(1), Leg::B, Side::Buy, Qty::new(100), price(150_000), &charges);
    let [global, low, med, high] = ledger.marks(&|_, _| None);
    assert_eq!(
        (global.equity, med.equity, med.gross, med.net, med.unrealised, med.daily),
        (None, None, None, None, None, None)
    );
    assert_eq!(low.equity, Some(FineMoney::of(rupees(500_000))));
    assert_eq!(high.gross, Some(Money::ZERO));
    assert_eq!(med.charges.to_string(), "33.71");
    let [global, _, med, _] = ledger.marks(&|pair, leg| (pair == PairId(1) && leg == Leg::B).then(|| price(151_000)));
    assert_eq!(med.unrealised.unwrap().to_string(), "1000.00");
    assert_eq!(med.equity.unwrap().to_string(), "300966.29");
    assert_eq!(global.equity.unwrap().to_string(), "1000966.29");
    assert_eq!(global.daily.unwrap().to_string(), "966.29");
    assert_eq!((med.gross, med.net), (Some(rupees(151_000)), Some(rupees(151_000))));
}

#[test]
fn high_water_marks_only_rise_and_drawdown_is_measured_from_them() {
    let mut ledger = ledger();
    fill(&mut ledger, Side::Buy, 100, 100_000);
    let at = |paise: i64| move |_: PairId, _: Leg| Some(price(paise));
    ledger.note_high(&ledger.marks(&at(200_000)));
    assert_eq!(ledger.high_water(Scope::Global).to_string(), "1100000.00");
    assert_eq!(ledger.high_water(Scope::Low).to_string(), "600000.00");
    assert_eq!(ledger.high_water(Scope::High).to_string(), "200000.00");
    let marks = ledger.marks(&at(145_000));
    ledger.note_high(&marks);
    let [global, low, ..] = marks.map(|mark| mark.equity.unwrap());
    assert_eq!(ledger.drawdown_bps(Scope::Global, global), -500);
    assert_eq!(ledger.drawdown_bps(Scope::Low, low), -916);
    assert_eq!(ledger.drawdown(Scope::Global, global), Real::new(-5.0));
    assert_eq!(ledger.drawdown(Scope::Global, ledger.high_water(Scope::Global)), Some(Real::ZERO));
    let mut poor = setup();
    poor.limits.total_cash = Money::ZERO;
    let poor = Ledger::new(&poor, &nothing());
    assert_eq!(poor.drawdown(Scope::Global, FineMoney::new(-1)), None);
    assert_eq!(poor.drawdown_bps(Scope::Global, FineMoney::new(-1)), -10_000);
    assert_eq!(poor.drawdown_bps(Scope::Global, FineMoney::ZERO), 0);
}

/// A session after one that left 10 A short at a cost of 1,000 and a profit in MED.
fn carried() -> DeskCarried {
    let flat = PositionCarried { qty: 0, cost: FineMoney::ZERO };
    let short = PositionCarried { qty: -10, cost: FineMoney::of(rupees(-1_000)) };
    let scope = |scope, profit, high| ScopeCarried {
        scope,
        profit: FineMoney::of(rupees(profit)),
        high_profit: FineMoney::of(rupees(high)),
        kill_high: FineMoney::of(rupees(high)),
    };
    DeskCarried {
        pairs: [PairCarried { pair: PairId(1), spreads: Vec::new(), a: short, b: flat, held_since: None }].into(),
        scopes: [scope(Scope::Global, 500, 900), scope(Scope::Med, 500, 800)].into(),
        kills: Vec::new(),
    }
}

#[test]
fn a_session_begins_with_what_the_one_before_left() {
    let mut ledger = Ledger::new(&setup(), &carried());
    assert_eq!(ledger.position(PairId(1), Leg::A), -10);
    ledger.opened_at(&|_, _| Some(price(11_000)));
    let [global, _, med, _] = ledger.marks(&|_, _| Some(price(11_500)));
    assert_eq!(med.unrealised.unwrap().to_string(), "-150.00");
    assert_eq!(med.daily.unwrap().to_string(), "-50.00");
    assert_eq!(ledger.daily_profit(Scope::Global, &|_, _| Some(price(11_500))), med.daily);
    assert_eq!((med.profit.unwrap().to_string(), global.profit), ("350.00".to_string(), med.profit));
    assert_eq!(ledger.high_water(Scope::Global).to_string(), "1000900.00");

    ledger.fill(PairId(1), Leg::A, Side::Buy, Qty::new(10), price(11_500), &Charges::ZERO);
    ledger.count(PairId(1), PairCount::Exit);
    let (pairs, scopes) = ledger.carry();
    assert_eq!(pairs.len(), 4);
    assert!(pairs.iter().all(|(_, a, b)| a.qty == 0 && a.cost == FineMoney::ZERO && b.qty == 0));
    let profits: Vec<_> = scopes.iter().map(|scope| (scope.scope, scope.profit.to_string())).collect();
    assert_eq!(profits[0], (Scope::Global, "350.00".to_string()));
    assert_eq!(profits[2], (Scope::Med, "350.00".to_string()));
    let day = ledger.pair_day(PairId(1), &|_, _| None, Seq(7));
    assert_eq!((day.exits, day.fills, day.qty_a, day.realised.to_string()), (1, 1, 0, "-150.00".to_string()));
}

#[test]
fn a_reload_adds_pairs_and_keeps_positions() {
    let mut ledger = Ledger::new(&setup(), &carried());
    let mut changed = setup();
    changed.pairs.push(pair(4, Bucket::Low));
    changed.limits.total_cash = rupees(2_000_000);
    ledger.resize(&changed);
    assert_eq!(ledger.position(PairId(1), Leg::A), -10);
    assert_eq!(ledger.carry().0.len(), 5);
    assert_eq!(ledger.marks(&|_, _| Some(price(10_000)))[1].capital, FineMoney::of(rupees(1_000_000)));
}

#[derive(Clone, Debug)]
struct Trade {
    pair: u16,
    leg: Leg,
    side: Side,
    qty: i64,
    paise: i64,
    marks: i64,
}

fn trades() -> impl Strategy<Value = Vec<Trade>> {
    let one = (0_u16..4, any::<bool>(), any::<bool>(), 1_i64..2_000, 1_i64..500_000, 1_i64..500_000);
    let one = one.prop_map(|(pair, a, buy, qty, paise, marks)| Trade {
        pair,
        leg: if a { Leg::A } else { Leg::B },
        side: if buy { Side::Buy } else { Side::Sell },
        qty,
        paise,
        marks,
    });
    prop::collection::vec(one, 1..60)
}

proptest! {
    #[test]
    fn cash_and_positions_less_charges_are_equity_less_capital(trades in trades(), carries: bool) {
        let setup = setup();
        let carried = if carries { carried() } else { nothing() };
        let mut ledger = Ledger::new(&setup, &carried);
        // Raw 1e-8 of the currency: cash of each bucket, shares of each leg, by sums alone.
        let mut cash = [0_i128; 3];
        let mut shares = [[0_i128; 2]; 4];
        if carries {
            cash[1] = i128::from(rupees(500 + 1_000).get()) * 10_000;
            shares[1][0] = -10;
        }
        for trade in &trades {
            let spec = &setup.pairs[usize::from(trade.pair)];
            let turnover = Money::new(price(trade.paise).get() * trade.qty);
            let charges = charge(&nse(Product::Mis, trade.side), Money::ZERO, turnover);
            let at = price(trade.paise);
            let booked = ledger.fill(spec.id, trade.leg, trade.side, Qty::new(trade.qty), at, &charges);
            let bucket = &mut cash[spec.bucket.index()];
            *bucket -= i128::from(turnover.get()) * 10_000 * i128::from(trade.side.sign());
            *bucket -= i128::from(charges.total().get());
            let held = &mut shares[usize::from(trade.pair)][trade.leg.index()];
            *held += i128::from(trade.qty * trade.side.sign());
            prop_assert_eq!(i128::from(booked.position), *held);
            prop_assert_eq!(ledger.position(spec.id, trade.leg), booked.position);
            prop_assert_eq!(booked.average == Price::ZERO, booked.position == 0);

            let at = |pair: PairId, leg: Leg| price(trade.marks + i64::from(pair.0) * 7 + leg.index() as i64);
            let marks = ledger.marks(&|pair, leg| Some(at(pair, leg)));
            for bucket in Bucket::ALL {
                let mut wealth = cash[bucket.index()];
                for spec in setup.pairs.iter().filter(|spec| spec.bucket == *bucket) {
                    for leg in [Leg::A, Leg::B] {
                        let held = shares[spec.id.index()][leg.index()];
                        wealth += held * i128::from(at(spec.id, leg).get()) * 10_000;
                    }
                }
                let mark = marks[bucket.scope().index()];
                prop_assert_eq!(i128::from(mark.equity.unwrap().get() - mark.capital.get()), wealth);
            }
            let [global, buckets @ ..] = marks;
            let sum = |of: fn(&ScopeValue) -> i64| buckets.iter().map(of).sum::<i64>();
            prop_assert_eq!(global.profit.unwrap().get(), sum(|mark| mark.profit.unwrap().get()));
            prop_assert_eq!(global.daily.unwrap().get(), sum(|mark| mark.daily.unwrap().get()));
            prop_assert_eq!(global.realised.get(), sum(|mark| mark.realised.get()));
            prop_assert_eq!(global.unrealised.unwrap().get(), sum(|mark| mark.unrealised.unwrap().get()));
            prop_assert_eq!(global.charges.get(), sum(|mark| mark.charges.get()));
            prop_assert_eq!(global.gross.unwrap().get(), sum(|mark| mark.gross.unwrap().get()));
            prop_assert_eq!(global.net.unwrap().get(), sum(|mark| mark.net.unwrap().get()));
        }
        let days = setup.pairs.iter().map(|spec| ledger.pair_day(spec.id, &|_, _| None, Seq(1)));
        let days = days.fold((0, 0), |sum, day| (sum.0 + day.realised.get(), sum.1 + day.fills));
        prop_assert_eq!(days.0, ledger.marks(&|_, _| None)[0].realised.get());
        prop_assert_eq!(days.1 as usize, trades.len());
    }

    #[test]
    fn a_restored_ledger_and_one_carried_over_go_on_alike(trades in trades(), cut in 0_usize..60) {
        let mut ledger = Ledger::new(&setup(), &carried());
        let prices = |_: PairId, _: Leg| Some(price(9_999));
        for (at, trade) in trades.iter().enumerate() {
            if at == cut {
                let mut bytes = Vec::new();
                ledger.put(&mut bytes);
                let restored = Ledger::take(&mut bytes.as_slice()).unwrap();
                let mut again = Vec::new();
                restored.put(&mut again);
                prop_assert_eq!(&bytes, &again);
                prop_assert_eq!(restored.marks(&prices), ledger.marks(&prices));
                // What is carried over a night is worth the same in the morning.
                let (pairs, scopes) = ledger.carry();
                let pairs = pairs.into_iter().map(|(pair, a, b)| {
                    PairCarried { pair, spreads: Vec::new(), a, b, held_since: None }
                });
                let carried = DeskCarried { pairs: pairs.collect(), scopes, kills: Vec::new() };
                let morning = Ledger::new(&setup(), &carried).marks(&prices).map(|mark| mark.equity);
                prop_assert_eq!(morning, ledger.marks(&prices).map(|mark| mark.equity));
                ledger = restored;
            }
            let (id, qty, at) = (PairId(trade.pair), Qty::new(trade.qty), price(trade.paise));
            ledger.fill(id, trade.leg, trade.side, qty, at, &Charges::ZERO);
        }
    }

    #[test]
    fn no_fill_panics(fills in prop::collection::vec((any::<u16>(), any::<bool>(), any::<i64>(), any::<i64>()), 0..20)) {
        let mut ledger = ledger();
        for (pair, buy, qty, raw) in fills {
            let side = if buy { Side::Buy } else { Side::Sell };
            ledger.fill(PairId(pair % 8), Leg::A, side, Qty::new(qty), Price::new(raw), &Charges::ZERO);
            let marks = ledger.marks(&|_, _| Some(Price::new(raw)));
            ledger.note_high(&marks);
            ledger.drawdown(Scope::Global, FineMoney::new(raw));
            ledger.drawdown_bps(Scope::Global, FineMoney::new(raw));
        }
        ledger.carry();
    }
}
