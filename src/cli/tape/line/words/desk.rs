//! The words for what the pairs desk is told, hears and makes.
//!
//! A pair is told by its number, and by its name where the event has it; an order by its id, which is the broker's tag.

use std::fmt::Display;

use barkeep_schemas::{
    BrokerOrder, BrokerTrade, CancelWanted, Charges, ContractNote, DeskOpened, DeskSetup, EntryRefused, EquityMark,
    Fill, FineMoney, ForeignUpdate, GatewayReport, KillSwitched, KillWhy, Money, MoveRefused, OrderCreated, OrderHeld,
    OrderMoved, PairDay, PairId, PairMark, PairMoved, Real, RiskDecision, RiskRule, Signal, Unit,
};

use super::{also, number, secs};

/// `none` where there is nothing.
fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// A number of the statistics to six decimals, as many as an eye compares.
fn real(value: Real) -> String {
    format!("{:.6}", value.get())
}

fn pair(pair: PairId) -> String {
    format!("pair {}", pair.0)
}

/// A limit or a value in its unit.
fn measured(value: i64, unit: Unit) -> String {
    match unit {
        Unit::Inr => format!("INR {}", Money::new(value)),
        Unit::Bps => format!("{value} bp"),
        Unit::Count => value.to_string(),
        Unit::Nanos => secs(value),
        Unit::Flag => if value == 0 { "no" } else { "yes" }.to_owned(),
    }
}

/// `, limit L, value V`, unless the check is yes or no and says no more than its name.
fn limits(limit: i64, value: i64, unit: Unit) -> String {
    if unit == Unit::Flag {
        return String::new();
    }
    format!(", limit {}, value {}", measured(limit, unit), measured(value, unit))
}

pub(super) fn opened(desk: &DeskOpened) -> String {
    let DeskOpened { setup, carried } = desk;
    let held = carried.pairs.iter().filter(|pair| pair.a.qty != 0 || pair.b.qty != 0).count();
    format!(
        "({}, {} carried over, {held} held, {} on)",
        self::setup(setup),
        number(carried.pairs.len() as u64, "pair"),
        number(carried.kills.len() as u64, "kill switch").replace("switchs", "switches"),
    )
}

pub(super) fn setup(setup: &DeskSetup) -> String {
    let DeskSetup { whitelist_date, pairs, limits, execution: _, gateway, paper: _, charges } = setup;
    let leaving = pairs.iter().filter(|pair| pair.exit_only).count();
    format!(
        "whitelist {}, {} ({leaving} to be left only), capital INR {}, {} route, {}",
        or_none(*whitelist_date),
        number(pairs.len() as u64, "pair"),
        limits.total_cash,
        gateway.route,
        number(charges.len() as u64, "charge rate"),
    )
}

pub(super) fn gateway_report(report: &GatewayReport) -> String {
    let GatewayReport { act, order, broker_order, words, ts: _ } = report;
    let mut out = act.to_string();
    also(&mut out, "order", *order);
    also(&mut out, "broker order", broker_order.as_ref());
    if !words.is_empty() {
        out.push_str(&format!(", {words:?}"));
    }
    out
}

pub(super) fn broker_order(order: &BrokerOrder) -> String {
    let BrokerOrder {
        source,
        broker_order,
        tag,
        instrument: _,
        symbol,
        side,
        status,
        words,
        qty,
        filled,
        average,
        ts: _,
    } = order;
    format!(
        "{status} {words:?}, {side} {qty} {symbol}, {filled} filled at {average}, tag {}, broker order {broker_order}, by \
         {source}",
        or_none(tag.as_ref()),
    )
}

pub(super) fn broker_trade(trade: &BrokerTrade) -> String {
    let BrokerTrade { source, trade, broker_order, tag, instrument: _, symbol, side, qty, price, ts: _ } = trade;
    format!(
        "{side} {qty} {symbol} at {price}, trade {trade}, tag {}, broker order {broker_order}, by {source}",
        or_none(tag.as_ref()),
    )
}

pub(super) fn pair_mark(mark: &PairMark) -> String {
    let PairMark {
        pair: of,
        start: _,
        close_a,
        close_b,
        bar_a,
        bar_b,
        spread,
        mean,
        deviation,
        z,
        night_step,
        first_edition,
        cause,
    } = mark;
    let mut out = format!(
        "{}, z {}, spread {}, mean {}, deviation {}, closes {close_a} {close_b}, bars {bar_a} {bar_b}",
        pair(*of),
        or_none(z.map(real)),
        real(*spread),
        or_none(mean.map(real)),
        or_none(deviation.map(real)),
    );
    also(&mut out, "step over the night", night_step.map(real));
    if !first_edition {
        out.push_str(", revised");
    }
    also(&mut out, "cause", Some(cause));
    out
}

pub(super) fn equity_mark(mark: &EquityMark) -> String {
    let EquityMark {
        scope,
        capital,
        equity,
        tradable,
        high_water,
        drawdown_pct,
        gross,
        net,
        realised,
        unrealised,
        charges,
        ts: _,
        cause,
    } = mark;
    let stale = |money: Option<FineMoney>| money.map_or_else(|| "stale".to_owned(), |money| money.to_string());
    let mut out = format!(
        "{scope}, equity {}, tradable {}, capital {capital}, high water {high_water}",
        stale(*equity),
        stale(*tradable),
    );
    also(&mut out, "drawdown", drawdown_pct.map(|percent| format!("{:.4} %", percent.get())));
    also(&mut out, "gross", *gross);
    also(&mut out, "net", *net);
    format!("{out}, realised {realised}, unrealised {}, charges {charges}, cause {cause}", stale(*unrealised))
}

pub(super) fn pair_day(day: &PairDay) -> String {
    let PairDay { pair: of, entries, exits, orders, fills, qty_a, qty_b, realised, unrealised, charges, cause } = *day;
    let entries = number(u64::from(entries), "entry").replace("entrys", "entries");
    let [exits, orders, fills] =
        [(exits, "exit"), (orders, "order"), (fills, "fill")].map(|(count, one)| number(u64::from(count), one));
    format!(
        "{}, {entries}, {exits}, {orders}, {fills}, holds {qty_a} A {qty_b} B, realised {realised}, unrealised \
         {unrealised}, charges {charges}, cause {cause}",
        pair(of),
    )
}

fn parts(charges: &Charges) -> String {
    let Charges { brokerage, stt, exchange, sebi, stamp, gst } = charges;
    format!("brokerage {brokerage}, stt {stt}, exchange {exchange}, sebi {sebi}, stamp {stamp}, gst {gst}")
}

pub(super) fn contract_note(note: &ContractNote) -> String {
    let ContractNote { orders, trades, bought, sold, charges, stt_rounded, total, cause } = note;
    format!(
        "{}, {}, bought {bought}, sold {sold}, charges {total} ({}, stt on the note {stt_rounded}), cause {cause}",
        number(u64::from(*orders), "order"),
        number(u64::from(*trades), "trade"),
        parts(charges),
    )
}

pub(super) fn signal(signal: &Signal) -> String {
    let Signal { pair: of, action, reason, mark, z, z_before, threshold, ts: _, cause } = signal;
    let mut out = format!("{}, {action} ({reason})", pair(*of));
    also(&mut out, "z", z.map(real));
    also(&mut out, "before", z_before.map(real));
    also(&mut out, "threshold", *threshold);
    also(&mut out, "mark", *mark);
    also(&mut out, "cause", Some(cause));
    out
}

pub(super) fn entry_refused(refused: &EntryRefused) -> String {
    let EntryRefused { pair: of, signal, reason, limit, value, unit, ts: _, cause } = *refused;
    format!("{}, {reason}{}, signal {signal}, cause {cause}", pair(of), limits(limit, value, unit))
}

pub(super) fn order_created(order: &OrderCreated) -> String {
    let OrderCreated {
        id,
        instrument: _,
        side,
        qty,
        order_type,
        price,
        trigger,
        validity,
        product,
        purpose,
        bucket,
        signal,
        reference,
        reference_tick,
        ts: _,
        cause,
    } = order;
    let mut out = format!("{id}, {purpose} {side} {qty} {order_type} {price}");
    also(&mut out, "trigger", *trigger);
    out.push_str(&format!(", {validity} {product} {bucket}, {}", pair(id.pair)));
    also(&mut out, "signal", *signal);
    format!("{out}, reference {reference} of tick {reference_tick}, cause {cause}")
}

pub(super) fn risk_decision(decision: &RiskDecision) -> String {
    let RiskDecision { order, verdict, rule, checks, asked, allowed, reserved, ts: _, cause } = decision;
    let mut out = format!("{order}, {verdict} {allowed} of {asked}");
    if let Some(rule) = rule {
        let check = checks.iter().rfind(|check| check.rule == *rule);
        let against = check.map_or_else(String::new, |check| limits(check.limit, check.value, RiskRule::unit(*rule)));
        out.push_str(&format!(" by {rule}{against}"));
    }
    format!("{out}, reserved {reserved}, {}, cause {cause}", number(checks.len() as u64, "check"))
}

pub(super) fn order_moved(moved: &OrderMoved) -> String {
    let OrderMoved { order, from, to, why, filled, open, broker_order, words, ts: _, cause } = moved;
    let mut out = format!("{order}, {from} -> {to} ({why}), {filled} filled, {open} open");
    also(&mut out, "broker order", broker_order.as_ref());
    if !words.is_empty() {
        out.push_str(&format!(", {words:?}"));
    }
    also(&mut out, "cause", Some(cause));
    out
}

pub(super) fn move_refused(refused: &MoveRefused) -> String {
    let MoveRefused { order, from, to, why, ts: _, cause } = *refused;
    format!("{order}, {from} stays, not {to} ({why}), cause {cause}")
}

pub(super) fn fill(fill: &Fill) -> String {
    let Fill {
        order,
        trade,
        instrument: _,
        side,
        qty,
        price,
        liquidity,
        available,
        late,
        charges,
        position,
        average,
        realised,
        ts: _,
        cause,
    } = fill;
    let late = if *late { ", late" } else { "" };
    format!(
        "{order}, {side} {qty} at {price}, {liquidity} of {available}{late}, charges {}, position {position} at {average}, \
         realised {realised}, trade {trade}, cause {cause}",
        charges.total(),
    )
}

pub(super) fn pair_moved(moved: &PairMoved) -> String {
    let PairMoved { pair: of, from, to, why, qty_a, qty_b, ts: _, cause } = *moved;
    format!("{}, {from} -> {to} ({why}), holds {qty_a} A {qty_b} B, cause {cause}", pair(of))
}

pub(super) fn kill_switched(switched: &KillSwitched) -> String {
    let KillSwitched { scope, on, why, flatten, limit, value, reason, ts: _, cause } = switched;
    let state = if *on { "on" } else { "off" };
    let flatten = if *flatten { ", flatten" } else { "" };
    let against = match why {
        KillWhy::Drawdown => limits(*limit, *value, Unit::Bps),
        KillWhy::DailyLoss => limits(*limit, *value, Unit::Inr),
        KillWhy::Command | KillWhy::Carried => String::new(),
    };
    format!("{scope} {state} ({why}){flatten}{against}, {reason:?}, cause {cause}")
}

pub(super) fn foreign_update(update: &ForeignUpdate) -> String {
    let ForeignUpdate { broker_order, tag, symbol, side, qty, words, ts: _, cause } = update;
    format!(
        "{side} {qty} {symbol} {words:?}, tag {}, broker order {broker_order}, cause {cause}",
        or_none(tag.as_ref()),
    )
}

pub(super) fn order_held(held: &OrderHeld) -> String {
    let OrderHeld { order, limit, window_ns, ts: _, cause } = *held;
    format!("{order}, the broker's rate of {limit} in {} is used up, cause {cause}", secs(window_ns))
}

pub(super) fn cancel_wanted(wanted: &CancelWanted) -> String {
    let CancelWanted { order, why, ts: _, cause } = *wanted;
    format!("{order}, {why}, cause {cause}")
}
