//! Samples of what the pairs desk is told, hears and makes.

use barkeep_schemas::{
    BrokerOrder, BrokerStatus, BrokerTrade, Bucket, BucketLimits, CancelWanted, ChargeRates, Charges, ContractNote,
    Derived, DeskCarried, DeskOpened, DeskReason, DeskSetup, EntryRefused, EquityMark, ExecutionRules, Fill, FineMoney,
    ForeignUpdate, GatewayAct, GatewayReport, GatewayRules, Input, InstrumentId, KillLatched, KillSwitched, KillWhy,
    Leg, Liquidity, Money, MoveRefused, NANOS, OnKill, OrderCreated, OrderHeld, OrderId, OrderMoved, OrderStatus,
    OrderType, OrderWhy, PairCarried, PairDay, PairId, PairMark, PairMoved, PairSpec, PairState, PairWhy, PaperRules,
    PositionCarried, Product, Purpose, Real, RiskCheck, RiskDecision, RiskLimits, RiskRule, Route, Scope, ScopeCarried,
    Segment, Seq, SessionDate, Side, Signal, SignalAction, SignalReason, Timeframe, Ts, Unit, UpdateSource, Validity,
    Verdict,
};

use super::{Sample, at, derived, input, price, qty};

/// Every sample of the desk's kinds.
pub fn all() -> Vec<Sample> {
    let mut all = vec![
        input(1, "one pair", Input::DeskChanged(Box::new(setup()))),
        input(
            1,
            "nothing",
            Input::DeskChanged(Box::new(DeskSetup { whitelist_date: None, pairs: Vec::new(), ..setup() })),
        ),
        input(1, "started", gateway(GatewayAct::Started, None, None)),
        input(1, "answered", gateway(GatewayAct::Answered, Some(order()), Some("260731000012345"))),
        input(1, "open", broker_order(Some(order().to_string()), Some(InstrumentId(7)))),
        input(1, "foreign", broker_order(None, None)),
        input(1, "trade", broker_trade(Some(order().to_string()), Some(InstrumentId(7)))),
        input(1, "foreign", broker_trade(None, None)),
    ];
    all.extend(marks());
    all.extend(orders());
    all.extend(accounts());
    all
}

/// The desk of a session, with everything present.
pub fn opened() -> DeskOpened {
    let position = |qty, cost| PositionCarried { qty, cost: FineMoney::new(cost) };
    let pair = PairCarried {
        pair: PairId(3),
        spreads: vec![real(0.25), real(-0.125)],
        a: position(100, 241_550_000_000_000),
        b: position(-151, -241_000_000_000_000),
        held_since: Some(at(-86_400_000)),
    };
    let scope = |scope, profit| ScopeCarried {
        scope,
        profit: FineMoney::new(profit),
        high_profit: FineMoney::new(profit.max(0)),
        kill_high: FineMoney::new(profit),
    };
    let kill = KillLatched { scope: Scope::Med, flatten: true, since: at(-3_600_000), reason: "results".to_owned() };
    let carried = DeskCarried {
        pairs: vec![
            pair,
            PairCarried {
                pair: PairId(4),
                spreads: Vec::new(),
                a: position(0, 0),
                b: position(0, 0),
                held_since: None,
            },
        ],
        scopes: vec![scope(Scope::Global, -3_371), scope(Scope::Low, 1 << 40)],
        kills: vec![kill],
    };
    DeskOpened { setup: setup(), carried }
}

/// A desk without a whitelist that begins with nothing.
pub fn opened_empty() -> DeskOpened {
    let setup = DeskSetup { whitelist_date: None, pairs: Vec::new(), charges: Vec::new(), ..setup() };
    DeskOpened { setup, carried: DeskCarried { pairs: Vec::new(), scopes: Vec::new(), kills: Vec::new() } }
}

fn real(value: f64) -> Real {
    Real::new(value).expect("finite")
}

fn money(raw: i64) -> Money {
    Money::new(raw)
}

fn fine(raw: i64) -> FineMoney {
    FineMoney::new(raw)
}

fn order() -> OrderId {
    OrderId { cause: Seq(9_999), pair: PairId(3), leg: Leg::B }
}

fn setup() -> DeskSetup {
    let pair = PairSpec {
        id: PairId(3),
        name: "HDFCBANK_ICICIBANK_5m".to_owned(),
        leg_a: InstrumentId(7),
        leg_b: InstrumentId(300),
        tf: Timeframe::M5,
        beta: real(1.5),
        intercept: real(-0.75),
        entry: real(2.0),
        exit: real(0.5),
        stop: real(3.0),
        lookback: 60,
        max_hold_ns: 5_400 * NANOS,
        entry_from_ns: 33_600 * NANOS,
        entry_until_ns: 1_800 * NANOS,
        flatten_before_ns: 600 * NANOS,
        stale_after_ns: 900 * NANOS,
        max_stops: 1,
        bucket: Bucket::Med,
        gross_notional: money(2_000_000_000),
        product: Product::Mis,
        exit_only: true,
    };
    let bucket = |bucket, split_bps| BucketLimits {
        bucket,
        split_bps,
        max_gross: money(1),
        max_net: money(2),
        max_symbol: money(3),
        max_order: money(4),
        max_pairs: 5,
        orders_per_minute: 6,
        max_drawdown_bps: 7,
        max_daily_loss: money(8),
    };
    DeskSetup {
        whitelist_date: Some(SessionDate(20_665)),
        pairs: vec![pair],
        limits: RiskLimits {
            total_cash: money(10_000_000_000),
            holdback_bps: 2_000,
            leverage_bps: 20_000,
            max_gross: money(11),
            max_net: money(12),
            max_symbol: money(13),
            orders_per_second: 14,
            orders_per_minute: 15,
            collar_bps: 16,
            duplicate_window_ns: 17,
            price_stale_ns: 18,
            resize_min_bps: 19,
            max_drawdown_bps: 20,
            max_daily_loss: money(21),
            on_kill: OnKill::Hold,
            buckets: vec![bucket(Bucket::Low, 5_000), bucket(Bucket::Med, 3_000), bucket(Bucket::High, 2_000)],
        },
        execution: ExecutionRules {
            protection_bps: 22,
            entry_timeout_ns: 23,
            exit_timeout_ns: 24,
            symbol_throttle_ns: 25,
            bucket_throttle_ns: 26,
            max_hedge_error_bps: 27,
            approval_ttl_ns: 28,
        },
        gateway: GatewayRules { route: Route::Gateway, per_second: 29, per_minute: 30, per_day: 31 },
        paper: PaperRules { latency_ns: 32, slippage_bps: 33, volume_share_bps: 34, circuit_bps: 35 },
        charges: vec![ChargeRates {
            segment: Segment::NseEquity,
            product: Product::Mis,
            side: Side::Sell,
            brokerage_ppb: 300_000,
            brokerage_cap: money(200_000),
            stt_ppb: 250_000,
            exchange_ppb: 30_700,
            sebi_ppb: 1_000,
            stamp_ppb: 36,
            gst_bps: 1_800,
        }],
    }
}

fn gateway(act: GatewayAct, order: Option<OrderId>, broker_order: Option<&str>) -> Input {
    let (broker_order, words) = (broker_order.map(str::to_owned), "success".to_owned());
    Input::GatewayReport(Box::new(GatewayReport { act, order, broker_order, words, ts: at(61_000) }))
}

fn broker_order(tag: Option<String>, instrument: Option<InstrumentId>) -> Input {
    Input::BrokerOrder(Box::new(BrokerOrder {
        source: UpdateSource::Postback,
        broker_order: "260731000012345".to_owned(),
        tag,
        instrument,
        symbol: "HDFCBANK".to_owned(),
        side: Side::Buy,
        status: BrokerStatus::Update,
        words: "UPDATE".to_owned(),
        qty: qty(100),
        filled: qty(40),
        average: price(24_155_000),
        ts: at(62_000),
    }))
}

fn broker_trade(tag: Option<String>, instrument: Option<InstrumentId>) -> Input {
    Input::BrokerTrade(Box::new(BrokerTrade {
        source: UpdateSource::Rest,
        trade: "77001234".to_owned(),
        broker_order: "260731000012345".to_owned(),
        tag,
        instrument,
        symbol: "HDFCBANK".to_owned(),
        side: Side::Sell,
        qty: qty(40),
        price: price(24_155_000),
        ts: at(62_000),
    }))
}

fn marks() -> Vec<Sample> {
    let mark = |full: bool| {
        let of = |value| full.then(|| real(value));
        Derived::PairMark(Box::new(PairMark {
            pair: PairId(3),
            start: at(300_000),
            close_a: price(24_155_000),
            close_b: price(16_000_000),
            bar_a: Seq(9_001),
            bar_b: Seq(9_002),
            spread: real(0.25),
            mean: of(0.125),
            deviation: of(0.0625),
            z: of(2.0),
            night_step: of(-0.5),
            first_edition: full,
            cause: Seq(9_000),
        }))
    };
    let signal = |full: bool| {
        let of = |value| full.then(|| real(value));
        Derived::Signal(Box::new(Signal {
            pair: PairId(3),
            action: if full { SignalAction::EnterShort } else { SignalAction::Exit },
            reason: if full { SignalReason::Entry } else { SignalReason::Flatten },
            mark: full.then_some(Seq(9_003)),
            z: of(1.75),
            z_before: of(2.125),
            threshold: of(2.0),
            ts: at(600_000),
            cause: Seq(9_000),
        }))
    };
    vec![
        derived(1, "window not full", mark(false)),
        derived(1, "first of the day", mark(true)),
        derived(1, "entry", signal(true)),
        derived(1, "flatten", signal(false)),
        derived(
            1,
            "throttle",
            Derived::EntryRefused(Box::new(EntryRefused {
                pair: PairId(3),
                signal: Seq(9_004),
                reason: DeskReason::SymbolThrottle,
                limit: 60 * NANOS,
                value: 5 * NANOS,
                unit: Unit::Nanos,
                ts: at(600_000),
                cause: Seq(9_000),
            })),
        ),
    ]
}

fn orders() -> Vec<Sample> {
    let (ts, cause) = (at(600_000), Seq(9_999));
    let created = |full: bool| {
        Derived::OrderCreated(Box::new(OrderCreated {
            id: order(),
            instrument: InstrumentId(300),
            side: Side::Buy,
            qty: qty(151),
            order_type: if full { OrderType::Sl } else { OrderType::Market },
            price: price(16_080_000),
            trigger: full.then(|| price(16_070_000)),
            validity: if full { Validity::Ioc } else { Validity::Day },
            product: Product::Mis,
            purpose: if full { Purpose::Entry } else { Purpose::Unwind },
            bucket: Bucket::High,
            signal: full.then_some(Seq(9_004)),
            reference: price(16_000_000),
            reference_tick: Seq(9_990),
            ts,
            cause,
        }))
    };
    let check = |rule, limit, value, passed| RiskCheck { rule, limit, value, passed };
    let decision = |verdict, rule, allowed, reserved, checks| {
        let (order, asked, allowed, reserved) = (order(), qty(151), qty(allowed), money(reserved));
        Derived::RiskDecision(Box::new(RiskDecision {
            order,
            verdict,
            rule,
            checks,
            asked,
            allowed,
            reserved,
            ts,
            cause,
        }))
    };
    let checks = vec![
        check(RiskRule::KillSwitch, 0, 0, true),
        check(RiskRule::OrderNotional, 2_000_000_000, 2_416_000_000, false),
    ];
    let moved = |from, to, why, broker: Option<&str>, words: &str| {
        let (broker_order, words) = (broker.map(str::to_owned), words.to_owned());
        let (order, filled, open) = (order(), qty(40), qty(111));
        Derived::OrderMoved(Box::new(OrderMoved { order, from, to, why, filled, open, broker_order, words, ts, cause }))
    };
    let (from, to) = (OrderStatus::Filled, OrderStatus::Cancelled);
    vec![
        derived(1, "market", created(false)),
        derived(1, "stop", created(true)),
        derived(1, "approved", decision(Verdict::Approved, None, 151, 2_416_000_000, Vec::new())),
        derived(1, "resized", decision(Verdict::Resized, Some(RiskRule::OrderNotional), 125, 2_000_000_000, checks)),
        derived(1, "paper", moved(OrderStatus::Sent, OrderStatus::Acked, OrderWhy::Accepted, None, "")),
        derived(
            1,
            "broker",
            moved(OrderStatus::Acked, OrderStatus::Partial, OrderWhy::Fill, Some("260731000012345"), "UPDATE"),
        ),
        derived(
            1,
            "ended",
            Derived::MoveRefused(Box::new(MoveRefused {
                order: order(),
                from,
                to,
                why: OrderWhy::BrokerState,
                ts,
                cause,
            })),
        ),
        derived(1, "passive", Derived::Fill(Box::new(fill(ts, cause)))),
        derived(
            1,
            "rate",
            Derived::OrderHeld(Box::new(OrderHeld { order: order(), limit: 10, window_ns: NANOS, ts, cause })),
        ),
        derived(
            1,
            "leg",
            Derived::CancelWanted(Box::new(CancelWanted { order: order(), why: PairWhy::LegRejected, ts, cause })),
        ),
        derived(1, "no tag", foreign(None)),
        derived(1, "other tag", foreign(Some("algo7"))),
    ]
}

fn charges() -> Charges {
    Charges {
        brokerage: fine(2_000_000_000),
        stt: fine(3_752_500_000),
        exchange: fine(460_807_000),
        sebi: fine(15_010_000),
        stamp: fine(0),
        gst: fine(445_647_060),
    }
}

fn fill(ts: Ts, cause: Seq) -> Fill {
    Fill {
        order: order(),
        trade: format!("{}-2", order()),
        instrument: InstrumentId(300),
        side: Side::Sell,
        qty: qty(40),
        price: price(15_990_000),
        liquidity: Liquidity::Passive,
        available: qty(75),
        late: true,
        charges: charges(),
        position: -40,
        average: price(15_990_000),
        realised: fine(-1),
        ts,
        cause,
    }
}

fn foreign(tag: Option<&str>) -> Derived {
    Derived::ForeignUpdate(Box::new(ForeignUpdate {
        broker_order: "260731000099999".to_owned(),
        tag: tag.map(str::to_owned),
        symbol: "SBIN".to_owned(),
        side: Side::Buy,
        qty: qty(1),
        words: "OPEN".to_owned(),
        ts: at(61_000),
        cause: Seq(9_999),
    }))
}

fn accounts() -> Vec<Sample> {
    let (ts, cause) = (at(660_000), Seq(9_999));
    let (from, to) = (PairState::Flat, PairState::Entering);
    let moved = PairMoved { pair: PairId(3), from, to, why: PairWhy::Entry, qty_a: 100, qty_b: -151, ts, cause };
    let switched = KillSwitched {
        scope: Scope::Global,
        on: true,
        why: KillWhy::Drawdown,
        flatten: true,
        limit: 500,
        value: 512,
        reason: "drawdown 5.12 %".to_owned(),
        ts,
        cause,
    };
    let mark = |full: bool| {
        Derived::EquityMark(Box::new(EquityMark {
            scope: Scope::High,
            capital: fine(1 << 50),
            equity: full.then(|| fine((1 << 50) - 7)),
            tradable: full.then(|| fine(1 << 49)),
            high_water: fine(1 << 50),
            drawdown_pct: full.then(|| real(-0.25)),
            gross: full.then(|| money(4_000_000_000)),
            net: full.then(|| money(-5)),
            realised: fine(-3),
            unrealised: full.then(|| fine(-4)),
            charges: fine(3_371_000_000),
            ts,
            cause,
        }))
    };
    let day = PairDay {
        pair: PairId(3),
        entries: 2,
        exits: 1,
        orders: 6,
        fills: 9,
        qty_a: 0,
        qty_b: -1,
        realised: fine(1_234),
        unrealised: fine(-5),
        charges: fine(3_371_000_000),
        cause,
    };
    let note = ContractNote {
        orders: 4,
        trades: 7,
        bought: money(1_500_000_000),
        sold: money(1_501_000_000),
        charges: charges(),
        stt_rounded: money(380_000),
        total: money(1_010_000),
        cause,
    };
    vec![
        derived(1, "entry", Derived::PairMoved(Box::new(moved))),
        derived(1, "drawdown", Derived::KillSwitched(Box::new(switched))),
        derived(1, "stale", mark(false)),
        derived(1, "full", mark(true)),
        derived(1, "day", Derived::PairDay(Box::new(day))),
        derived(1, "note", Derived::ContractNote(Box::new(note))),
    ]
}
