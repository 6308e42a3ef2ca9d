#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use alloc::vec;

use barkeep_schemas::*;
use proptest::prelude::*;

use super::*;

const RUPEE: i64 = 10_000;

fn money(rupees: i64) -> Money {
    Money::new(rupees * RUPEE)
}

fn setup() -> DeskSetup {
    let bucket = |bucket| BucketLimits {
        bucket,
        split_bps: 3_333,
        max_gross: money(1_000_000),
        max_net: money(300_000),
        max_symbol: money(600_000),
        max_order: money(250_000),
        max_pairs: 3,
        orders_per_minute: 6,
        max_drawdown_bps: 500,
        max_daily_loss: money(50_000),
    };
    DeskSetup {
        whitelist_date: None,
        pairs: Vec::new(),
        limits: RiskLimits {
            total_cash: money(5_000_000),
            holdback_bps: 1_000,
            leverage_bps: 20_000,
            max_gross: money(3_000_000),
            max_net: money(500_000),
            max_symbol: money(800_000),
            orders_per_second: 4,
            orders_per_minute: 10,
            collar_bps: 100,
            duplicate_window_ns: 10 * NANOS,
            price_stale_ns: 30 * NANOS,
            resize_min_bps: 5_000,
            max_drawdown_bps: 400,
            max_daily_loss: money(100_000),
            on_kill: OnKill::Flatten,
            buckets: Bucket::ALL.iter().copied().map(bucket).collect(),
        },
        execution: ExecutionRules {
            protection_bps: 50,
            entry_timeout_ns: NANOS,
            exit_timeout_ns: NANOS,
            symbol_throttle_ns: 0,
            bucket_throttle_ns: 0,
            max_hedge_error_bps: 500,
            approval_ttl_ns: NANOS,
        },
        gateway: GatewayRules { route: Route::Paper, per_second: 10, per_minute: 400, per_day: 5_000 },
        paper: PaperRules { latency_ns: 0, slippage_bps: 0, volume_share_bps: 0, circuit_bps: 1_000 },
        charges: Vec::new(),
    }
}

/// 100 shares of A at 1,000 bought, 100 of B at 1,000 sold.
fn unit() -> UnitAsked {
    let price = Price::new(1_000 * RUPEE);
    let leg = |side| Asked {
        side,
        price,
        reference: price,
        age_ns: 0,
        in_hours: true,
        symbol: Sides::default(),
        bucket_symbol: Sides::default(),
    };
    UnitAsked {
        bucket: Bucket::Med,
        hedge: Hedge { beta: 1.0, price_a: price, price_b: price, lot_a: 1, lot_b: 1 },
        qty_a: 100,
        legs: [leg(Side::Buy), leg(Side::Sell)],
        whitelisted: true,
        now: 1_000 * NANOS,
        bucket_pairs: 0,
        in_bucket: Sides::default(),
        in_account: Sides::default(),
        bucket_capital: Some(i128::from(1_000_000 * RUPEE)),
        since_same: None,
        killed: false,
    }
}

fn sides(long: i64, short: i64) -> Sides {
    Sides { long: i128::from(long * RUPEE), short: i128::from(short * RUPEE) }
}

#[test]
fn what_is_within_every_limit_is_approved_with_all_checks_and_its_money_reserved() {
    let decided = Risk::new().decide(&unit(), &setup());
    assert_eq!((decided.verdict, decided.rules, decided.allowed), (Verdict::Approved, [None; 2], [100, 100]));
    assert_eq!(decided.reserved, [money(100_000); 2]);
    let rules: Vec<RiskRule> = decided.checks[0].iter().map(|check| check.rule).collect();
    assert_eq!(rules, RiskRule::ALL[..18]);
    assert!(decided.checks.iter().flatten().all(|check| check.passed));
}

/// Each rule, and what breaks it.
#[test]
fn each_rule_rejects_what_breaks_it_and_says_limit_and_value() {
    let base = unit();
    let leg_a = base.legs[0];
    let with_a = |leg: Asked| UnitAsked { legs: [leg, base.legs[1]], ..base };
    let far = Price::new(1_011 * RUPEE);
    let cases: Vec<(RiskRule, UnitAsked, i64, i64)> = vec![
        (RiskRule::KillSwitch, UnitAsked { killed: true, ..base }, 0, 1),
        (RiskRule::Whitelist, UnitAsked { whitelisted: false, ..base }, 0, 1),
        (RiskRule::MarketHours, with_a(Asked { in_hours: false, ..leg_a }), 0, 1),
        (RiskRule::Duplicate, UnitAsked { since_same: Some(NANOS), ..base }, 10 * NANOS, NANOS),
        (RiskRule::PriceCollar, with_a(Asked { price: far, ..leg_a }), 100, 110),
        (RiskRule::StalePrice, with_a(Asked { age_ns: 31 * NANOS, ..leg_a }), 30 * NANOS, 31 * NANOS),
        (RiskRule::BucketPairs, UnitAsked { bucket_pairs: 3, ..base }, 3, 4),
        (
            RiskRule::SymbolExposure,
            with_a(Asked { symbol: sides(760_000, 0), ..leg_a }),
            800_000 * RUPEE,
            860_000 * RUPEE,
        ),
        (
            RiskRule::BucketSymbolExposure,
            with_a(Asked { bucket_symbol: sides(560_000, 0), ..leg_a }),
            600_000 * RUPEE,
            660_000 * RUPEE,
        ),
        (
            RiskRule::BucketGross,
            UnitAsked { in_bucket: sides(500_000, 410_000), bucket_capital: Some(i128::MAX), ..base },
            1_000_000 * RUPEE,
            1_110_000 * RUPEE,
        ),
        (
            RiskRule::BucketNet,
            UnitAsked { in_bucket: sides(400_000, 50_000), ..base },
            300_000 * RUPEE,
            350_000 * RUPEE,
        ),
        (
            RiskRule::BucketCapital,
            UnitAsked { bucket_capital: Some(i128::from(90_000 * RUPEE)), ..base },
            90_000 * RUPEE,
            200_000 * RUPEE,
        ),
        (RiskRule::BucketCapital, UnitAsked { bucket_capital: None, ..base }, 0, 200_000 * RUPEE),
        (
            RiskRule::Gross,
            UnitAsked { in_account: sides(1_500_000, 1_450_000), ..base },
            3_000_000 * RUPEE,
            3_150_000 * RUPEE,
        ),
        (RiskRule::Net, UnitAsked { in_account: sides(900_000, 300_000), ..base }, 500_000 * RUPEE, 600_000 * RUPEE),
    ];
    for (rule, unit, limit, value) in cases {
        let decided = Risk::new().decide(&unit, &setup());
        assert_eq!(
            (decided.verdict, decided.rules[0], decided.allowed),
            (Verdict::Rejected, Some(rule), [0, 0]),
            "{rule}"
        );
        let check = decided.checks[0].iter().find(|check| check.rule == rule).unwrap();
        assert_eq!((check.limit, check.value, check.passed), (limit, value, false), "{rule}");
    }
}

#[test]
fn an_order_above_its_notional_is_resized_with_its_hedge_down_to_the_smallest_part() {
    let unit = UnitAsked { qty_a: 300, ..unit() };
    let decided = Risk::new().decide(&unit, &setup());
    assert_eq!(
        (decided.verdict, decided.rules, decided.allowed),
        (Verdict::Resized, [Some(RiskRule::OrderNotional); 2], [250, 250])
    );
    assert!(decided.checks.iter().flatten().all(|check| check.passed), "of what was allowed");
    let unit = UnitAsked { qty_a: 501, ..unit };
    let decided = Risk::new().decide(&unit, &setup());
    assert_eq!(
        (decided.verdict, decided.rules[1]),
        (Verdict::Rejected, Some(RiskRule::OrderNotional)),
        "less than half"
    );
}

#[test]
fn a_leg_that_would_have_passed_alone_says_that_it_is_the_other_s() {
    let base = unit();
    let stale = Asked { age_ns: 31 * NANOS, ..base.legs[1] };
    let decided = Risk::new().decide(&UnitAsked { legs: [base.legs[0], stale], ..base }, &setup());
    assert_eq!(decided.rules, [Some(RiskRule::OtherLeg), Some(RiskRule::StalePrice)]);
    let hedge = Hedge { beta: 2.0, ..base.hedge };
    let decided = Risk::new().decide(&UnitAsked { hedge, qty_a: 150, ..base }, &setup());
    assert_eq!(decided.verdict, Verdict::Resized);
    assert_eq!(decided.rules, [Some(RiskRule::OtherLeg), Some(RiskRule::OrderNotional)]);
    assert_eq!(decided.allowed, [125, 250]);
}

#[test]
fn entries_count_against_the_rates_of_the_account_and_of_the_bucket() {
    let (mut risk, setup) = (Risk::new(), setup());
    let at = |unit: UnitAsked, now: i64, bucket| UnitAsked { now: now * NANOS, bucket, ..unit };
    let mut ask = |now, bucket| risk.decide(&at(unit(), now, bucket), &setup).rules[0];
    assert_eq!(ask(0, Bucket::Low), None);
    assert_eq!(ask(0, Bucket::Low), None);
    assert_eq!(ask(0, Bucket::Low), Some(RiskRule::OrderRateSecond), "four orders went in this second");
    assert_eq!(ask(1, Bucket::Low), None);
    assert_eq!(ask(2, Bucket::Low), Some(RiskRule::BucketOrderRate), "six of the bucket within a minute");
    assert_eq!(ask(2, Bucket::High), None);
    assert_eq!(ask(4, Bucket::High), None);
    assert_eq!(ask(6, Bucket::High), Some(RiskRule::OrderRateMinute), "ten within a minute");
    assert_eq!(ask(60, Bucket::Low), None, "the first two went a minute ago");
}

#[test]
fn an_order_that_reduces_is_clamped_and_never_blocked() {
    let check = |asked, position, leaving| {
        let (check, allowed) = clamp(Qty::new(asked), position, leaving);
        (check.passed, allowed)
    };
    assert_eq!(check(100, 100, 0), (true, 100));
    assert_eq!(check(100, -100, 0), (true, 100));
    assert_eq!(check(100, 60, 0), (false, 60));
    assert_eq!(check(100, 100, 30), (false, 70));
    assert_eq!(check(100, 100, 130), (false, 0));
    assert_eq!(check(-5, i64::MIN, i64::MAX), (true, 0));
}

#[test]
fn an_operator_who_switches_off_has_seen_the_loss() {
    let mut kills = Kills::default();
    let fine = |rupees: i64| FineMoney::of(money(rupees));
    let measure = |kills: &mut Kills, profit| kills.measure(Scope::Global, fine(1_000_000), fine(profit), fine(profit));
    assert_eq!(measure(&mut kills, 0), (0, 0));
    assert_eq!(measure(&mut kills, 100_000).0, 0);
    let (drawdown, loss) = measure(&mut kills, -10_000);
    assert_eq!((drawdown, loss), (1_000, fine(10_000).get()), "a tenth below 1,100,000");
    kills.base(Scope::Global).unwrap().anew = true;
    assert_eq!(measure(&mut kills, -10_000), (0, 0));
    assert_eq!(measure(&mut kills, -20_000).1, fine(10_000).get());
}

#[test]
fn a_switch_stops_its_bucket_and_the_global_one_all() {
    let mut kills = Kills::default();
    let kill = |flatten| Some(Kill { flatten, since: 0, reason: "test".into() });
    kills.set(Scope::Low, kill(true));
    assert!(kills.stops(Bucket::Low) && kills.flattens(Bucket::Low) && !kills.stops(Bucket::Med));
    kills.set(Scope::Global, kill(false));
    assert!(kills.stops(Bucket::Med) && !kills.flattens(Bucket::Med));
    assert_eq!(kills.carry().iter().map(|kill| kill.scope).collect::<Vec<_>>(), [Scope::Global, Scope::Low]);
    let mut bytes = Vec::new();
    barkeep_schemas::Wire::put(&kills, &mut bytes);
    let again: Kills = barkeep_schemas::Wire::take(&mut bytes.as_slice()).unwrap();
    assert_eq!(again.carry(), kills.carry());
}

fn any_unit() -> impl Strategy<Value = UnitAsked> {
    let amount = || (0_i64..2_000_000, 0_i64..2_000_000).prop_map(|(long, short)| sides(long, short));
    let price = || 1_i64..50_000_000;
    let numbers = (0.05_f64..20.0, price(), price(), 1_i64..100_000, 1_i64..50, 1_i64..50);
    (numbers, amount(), amount(), amount(), amount(), 0_i64..5_000_000).prop_map(
        |((beta, price_a, price_b, qty_a, lot_a, lot_b), symbol, bucket_symbol, in_bucket, in_account, capital)| {
            let hedge = Hedge { beta, price_a: Price::new(price_a), price_b: Price::new(price_b), lot_a, lot_b };
            let leg = |side, price| Asked { side, price, reference: price, symbol, bucket_symbol, ..unit().legs[0] };
            UnitAsked {
                hedge,
                qty_a: qty_a / lot_a * lot_a,
                legs: [leg(Side::Buy, hedge.price_a), leg(Side::Sell, hedge.price_b)],
                in_bucket,
                in_account,
                bucket_capital: Some(i128::from(capital * RUPEE)),
                ..unit()
            }
        },
    )
}

proptest! {
    #[test]
    fn after_an_approval_no_exposure_is_above_a_limit(unit in any_unit()) {
        let setup = setup();
        let decided = Risk::new().decide(&unit, &setup);
        let [qty_a, qty_b] = decided.allowed;
        if decided.verdict == Verdict::Rejected {
            prop_assert_eq!(decided.allowed, [0, 0]);
            prop_assert!(decided.checks.iter().flatten().any(|check| !check.passed));
        } else {
            let (a, b) = (notional(&unit.legs[0], qty_a), notional(&unit.legs[1], qty_b));
            let inr = |limit: Money| i128::from(limit.get());
            let limits = &setup.limits;
            let bucket = &limits.buckets[1];
            prop_assert!(qty_a > 0 && qty_b > 0 && qty_a <= unit.qty_a);
            prop_assert!(a <= inr(bucket.max_order) && b <= inr(bucket.max_order));
            prop_assert!(unit.in_account.gross() + a + b <= inr(limits.max_gross));
            prop_assert!((unit.in_account.net() + a - b).abs() <= inr(limits.max_net));
            prop_assert!(unit.in_bucket.gross() + a + b <= inr(bucket.max_gross).min(unit.bucket_capital.unwrap()));
            prop_assert!((unit.in_bucket.net() + a - b).abs() <= inr(bucket.max_net));
            prop_assert!(unit.legs[0].symbol.long + a <= inr(limits.max_symbol));
            prop_assert!(unit.legs[1].symbol.short + b <= inr(limits.max_symbol));
            prop_assert_eq!(decided.reserved[0].get(), narrow(a));
            if decided.verdict == Verdict::Resized {
                prop_assert!(i128::from(qty_a) * 2 >= i128::from(unit.qty_a));
                prop_assert!(unit.hedge.error_bps(qty_a, qty_b) <= 500);
            }
        }
    }
}
