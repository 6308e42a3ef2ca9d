//! What the desk's events say in a line, for people who are tired: names instead of numbers, and the numbers that count.

use barkeep_schemas::{
    Depth, Derived, EntryRefused, Event, Fill, FineMoney, Input, Leg, Liquidity, OrderCreated, OrderType, PairMark,
    Price, Purpose, RiskDecision, RiskRule, Seq, Side, Signal, SignalAction, SignalReason, Tick, Unit, Verdict,
};

use super::Clock;
use super::money::{self, Decision};
use super::read::DeskDay;
use super::statistics::Redone;

/// Two decimals at least.
fn price(price: Price) -> String {
    let text = price.to_string();
    match text.split_once('.') {
        None => format!("{text}.00"),
        Some((_, decimals)) if decimals.len() == 1 => format!("{text}0"),
        Some(_) => text,
    }
}

fn real(real: Option<barkeep_schemas::Real>) -> String {
    real.map_or_else(|| "unknown".to_owned(), |real| format!("{:.4}", real.get()))
}

/// `BUY 120 INFY`.
fn trade(day: &DeskDay, side: Side, qty: barkeep_schemas::Qty, instrument: barkeep_schemas::InstrumentId) -> String {
    format!("{side} {qty} {}", day.symbol(instrument))
}

/// What a limit is called in an order.
fn priced(order: &OrderCreated) -> String {
    let limit = price(order.price);
    let trigger = order.trigger.map(|trigger| format!(", trigger {}", price(trigger))).unwrap_or_default();
    let until = match order.side {
        Side::Buy => "up to",
        Side::Sell => "down to",
    };
    match order.order_type {
        OrderType::Market => format!("at market {until} {limit}"),
        OrderType::Limit => format!("limit {limit}"),
        OrderType::Sl => format!("stop, limit {limit}{trigger}"),
        OrderType::SlM => format!("stop at market {until} {limit}{trigger}"),
    }
}

/// Where an order stands at the end.
fn ended(day: &DeskDay, order: &OrderCreated) -> String {
    match day.moves.iter().rev().find(|(_, moved)| moved.order == order.id) {
        Some((_, moved)) if moved.filled.get() > 0 => format!("{}, {} filled", moved.to, moved.filled),
        Some((_, moved)) => format!("{} ({})", moved.to, moved.why),
        None => "NEW".to_owned(),
    }
}

/// One line of a list of orders.
pub(super) fn order_short(day: &DeskDay, order: &OrderCreated, clock: Clock) -> String {
    let what = trade(day, order.side, order.qty, order.instrument);
    format!("{}: {what}, {}, {}, {}", order.id, order.purpose, clock(order.ts), ended(day, order))
}

pub(super) fn order(day: &DeskDay, order: &OrderCreated, clock: Clock) -> String {
    let leg = match order.id.leg {
        Leg::A => "leg A",
        Leg::B => "leg B",
    };
    let purpose = match order.purpose {
        Purpose::Entry => "enters",
        Purpose::Exit => "leaves",
        Purpose::Unwind => "unwinds",
    };
    format!(
        "order {} at {}: {} {} {} {}, {purpose} {} ({leg}, bucket {}); priced by the last {}; now {}",
        order.id,
        clock(order.ts),
        trade(day, order.side, order.qty, order.instrument),
        priced(order),
        order.validity,
        order.product,
        day.pair_name(order.id.pair),
        order.bucket,
        price(order.reference),
        ended(day, order),
    )
}

/// The road of an order: every move with its reason.
pub(super) fn road(day: &DeskDay, order: &OrderCreated, clock: Clock) -> Vec<String> {
    let moves = day.moves.iter().filter(|(_, moved)| moved.order == order.id);
    let told = moves.map(|(seq, moved)| {
        let words = if moved.words.is_empty() { String::new() } else { format!(", \"{}\"", moved.words) };
        let (from, to, why) = (moved.from, moved.to, moved.why);
        let filled = if moved.filled.get() > 0 { format!(", {} filled", moved.filled) } else { String::new() };
        format!("order {}: {from} to {to} at {} ({why}{filled}{words}), seq {seq}", moved.order, clock(moved.ts))
    });
    told.collect()
}

pub(super) fn fill_short(day: &DeskDay, fill: &Fill) -> String {
    format!("{}: {} at {}", fill.trade, trade(day, fill.side, fill.qty, fill.instrument), price(fill.price))
}

pub(super) fn fill(day: &DeskDay, fill: &Fill, clock: Clock) -> String {
    let how = match fill.liquidity {
        Liquidity::Aggressive => format!("took {} of the {} displayed there", fill.qty, fill.available),
        Liquidity::Unseen => {
            format!("no book was displayed: last price and slippage, from the {} that may be had", fill.available)
        }
        Liquidity::Passive => format!("rested, and was filled of {} traded at or through its price", fill.available),
        Liquidity::Broker => "as the broker told".to_owned(),
    };
    let realised =
        if fill.realised == FineMoney::ZERO { String::new() } else { format!(", realised {}", fill.realised) };
    format!(
        "fill {} at {}: {} at {}, {how}; charges {}{realised}, position {} at {}{}",
        fill.trade,
        clock(fill.ts),
        trade(day, fill.side, fill.qty, fill.instrument),
        price(fill.price),
        fill.charges.total(),
        fill.position,
        price(fill.average),
        if fill.late { ", after its order had ended" } else { "" },
    )
}

pub(super) fn signal(day: &DeskDay, at: Seq, signal: &Signal, clock: Clock) -> String {
    let spec = day.spec(signal.pair, at);
    let pair = day.pair_name(signal.pair);
    let what = match signal.action {
        SignalAction::EnterLong => "enter long (buy A, sell B)",
        SignalAction::EnterShort => "enter short (sell A, buy B)",
        SignalAction::Exit => "exit",
    };
    let z = real(signal.z);
    let threshold = |of: fn(&barkeep_schemas::PairSpec) -> barkeep_schemas::Real| {
        spec.map_or_else(|| "?".to_owned(), |spec| of(spec).to_string())
    };
    let why = match signal.reason {
        SignalReason::Entry => {
            format!(
                "z came back from {} to {z}, inside the entry {}",
                real(signal.z_before),
                threshold(|spec| spec.entry)
            )
        }
        SignalReason::Revert => format!("|z| of {z} is at or below the exit {}", threshold(|spec| spec.exit)),
        SignalReason::Stop => format!("|z| of {z} is at or above the stop {}", threshold(|spec| spec.stop)),
        SignalReason::Timeout => {
            let hours = spec.map_or(0.0, |spec| spec.max_hold_ns as f64 / 60e9);
            let since = super::signal::held_since(day, signal, at);
            let since = since.map(|ts| format!(" since {}", clock(barkeep_schemas::Ts::new(ts)))).unwrap_or_default();
            format!("held{since}, {hours} min and no longer")
        }
        SignalReason::Flatten => "the day's trading is about to end".to_owned(),
        SignalReason::Stale => "its legs made no pair of bars for too long".to_owned(),
        SignalReason::Kill => "a kill switch that leaves positions".to_owned(),
    };
    format!("signal of {pair} at {}: {what}, {}: {why}", clock(signal.ts), signal.reason)
}

/// Why a signal was not followed.
pub(super) fn refused(refused: &EntryRefused) -> String {
    let EntryRefused { reason, limit, value, unit, .. } = refused;
    let numbers = match unit {
        Unit::Flag => String::new(),
        Unit::Inr | Unit::Bps | Unit::Count | Unit::Nanos => {
            format!(": {} against {}", money::show(*unit, *value), money::show(*unit, *limit))
        }
    };
    format!("it was not followed, {reason}{numbers}")
}

pub(super) fn mark(day: &DeskDay, mark: &PairMark, redone: Option<&Redone>, clock: Clock) -> String {
    let window = redone.map_or_else(String::new, |redone| {
        let own = redone.window.saturating_sub(redone.carried);
        format!(
            "; window {} of {}: {own} of this session, {} carried over",
            redone.window, redone.lookback, redone.carried
        )
    });
    let edition = if mark.first_edition { "" } else { ", revised" };
    format!(
        "mark of {} for {}{edition}: closes {} and {}, spread {:.6}, mean {}, deviation {}, z {}{window}",
        day.pair_name(mark.pair),
        clock(mark.start),
        price(mark.close_a),
        price(mark.close_b),
        mark.spread.get(),
        mark.mean.map_or_else(|| "unknown".to_owned(), |mean| format!("{:.6}", mean.get())),
        mark.deviation.map_or_else(|| "unknown".to_owned(), |sd| format!("{:.6}", sd.get())),
        real(mark.z),
    )
}

pub(super) fn decision(day: &DeskDay, made: &RiskDecision) -> String {
    let shares = match made.verdict {
        Verdict::Approved => format!("{} shares", made.allowed),
        Verdict::Resized => format!("{} of {} shares", made.allowed, made.asked),
        Verdict::Rejected => format!("none of {} shares", made.asked),
    };
    let decided = made.rule.and_then(|rule| made.checks.iter().find(|check| check.rule == rule)).map(|check| {
        let unit = check.rule.unit();
        let (value, limit) = (money::show(unit, check.value), money::show(unit, check.limit));
        let what = if check.passed { "made smaller by" } else { "failed" };
        format!("; {what} {}: {value} against {limit}", check.rule)
    });
    let rule = made.rule.map(|rule| {
        if rule == RiskRule::OtherLeg {
            "; for the other leg, since both are one unit".to_owned()
        } else {
            format!("; by {rule}")
        }
    });
    let tight = tightest(&money::decision(day, made.order)).unwrap_or_default();
    let passed = made.checks.iter().filter(|check| check.passed).count();
    format!(
        "risk manager {}: {shares}, {passed} of {} checks passed{}{tight}",
        made.verdict,
        made.checks.len(),
        decided.or(rule).unwrap_or_default(),
    )
}

/// The money check that was nearest to its limit.
fn tightest(decision: &Option<Decision>) -> Option<String> {
    let decision = decision.as_ref().filter(|decision| decision.rule.is_none())?;
    let of_limit = |limit: i64, value: i64| i128::from(value) * 1_000 / i128::from(limit.max(1));
    let money = decision.checks.iter().filter(|check| check.unit == Unit::Inr);
    let tight = money.max_by_key(|check| of_limit(check.limit, check.value))?;
    let [limit, value, _] = tight.told();
    Some(format!(", nearest to its limit {}: {value} of {limit}", tight.rule))
}

fn tick(day: &DeskDay, tick: &Tick, clock: Clock) -> String {
    let mut text = format!("{} {} last {}", clock(tick.ts), day.symbol(tick.instrument), price(tick.price));
    if let Some(volume) = tick.cum_volume {
        text.push_str(&format!(", day's volume {volume}"));
    } else if let Some(qty) = tick.qty {
        text.push_str(&format!(", qty {qty}"));
    }
    if let Some(depth) = &tick.depth {
        text.push_str(&book(depth));
    }
    text
}

fn book(depth: &Depth) -> String {
    let side = |levels: &[barkeep_schemas::Level]| {
        let levels: Vec<String> = levels.iter().map(|level| format!("{}x{}", price(level.price), level.qty)).collect();
        if levels.is_empty() { "nobody".to_owned() } else { levels.join(" ") }
    };
    format!("; bids {}; asks {}", side(&depth.bids), side(&depth.asks))
}

/// An input at a leaf.
pub(super) fn leaf(day: &DeskDay, event: &Event, clock: Clock) -> String {
    match event {
        Event::Input(Input::Tick(tick)) => self::tick(day, tick, clock),
        Event::Input(Input::ClockMark(mark)) => format!("the clock, {}", clock(mark.ts)),
        Event::Input(Input::SessionOpened(opened)) => {
            format!("session of {} run {} opened with its pairs, limits and charges", opened.date, opened.run)
        }
        Event::Input(Input::DeskChanged(_)) => "pairs, limits or charges were changed".to_owned(),
        Event::Input(Input::OperatorCommand(command)) => {
            format!("operator {} at {}: {}, \"{}\"", command.uid, clock(command.ts), command.action, command.reason)
        }
        Event::Input(Input::BrokerTrade(trade)) => {
            format!(
                "the broker's trade {} of order {}: {} at {}",
                trade.trade,
                trade.broker_order,
                trade.qty,
                price(trade.price)
            )
        }
        Event::Input(input) => {
            let at = Event::Input(input.clone()).ts().map(|ts| format!(" at {}", clock(ts))).unwrap_or_default();
            format!("{}{at}", input.kind().name())
        }
        Event::Derived(Derived::Bar(bar)) => format!("bar of {}", day.symbol(bar.instrument)),
        Event::Derived(derived) => derived.kind().name().to_owned(),
    }
}
