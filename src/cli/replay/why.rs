//! `replay --until` and `replay --set`: what is found, in words.

use anyhow::Result;
use barkeep_schemas::{FineMoney, Ts};
use barkeep_storage::{SegmentInfo, Tape};

use crate::cli::screen::{self, count, say, say_json};
use crate::cli::tape::line;
use crate::cli::{Verdict, moment};
use crate::mirrors::symbols::SymbolBook;
use crate::orchestrator::replay::until::{Around, Until};
use crate::orchestrator::replay::what_if::{
    self, Compared, OrderDifference, OrderEnd, Settings, SignalDifference, Totals, WhatIf,
};
use crate::orchestrator::replay::{Found, Stopped, stop};

/// Orders that are shown one by one; the JSON has all.
const SHOWN: usize = 20;

/// Stops at the first event of which an expression holds.
pub(super) fn until(
    tape: &Tape,
    segment: &SegmentInfo,
    text: &str,
    settings: &Settings,
    events: u64,
    json: bool,
) -> Result<Verdict> {
    let until = Until::parse(text)?;
    let bar = screen::progress(events, "replaying");
    let stopped = stop(tape, segment, &until, settings, |read| bar.set_position(read));
    bar.finish_and_clear();
    let stopped = stopped?;
    if json {
        say_json(&stopped)?;
    } else {
        say(stopped_text(tape, &stopped, settings)?)?;
    }
    Ok(Verdict::fine_if(stopped.found))
}

fn stopped_text(tape: &Tape, stopped: &Stopped, settings: &Settings) -> Result<String> {
    let mut lines = vec![format!("Session {} run {}, times in IST", stopped.date, stopped.run)];
    if !settings.is_empty() {
        lines.push(format!("  with {settings}: positions of derived events are those that they would have"));
    }
    let Some(found) = &stopped.at else {
        let (inputs, derived) = (count(stopped.inputs), count(stopped.derived));
        lines.push(format!("It never holds: {inputs} inputs and {derived} derived events were read."));
        return Ok(lines.join("\n"));
    };
    let when = found.ts.map(|ts| format!(", {}", moment::ist_clock(ts))).unwrap_or_default();
    let cause = found.cause.map(|cause| format!(", derived from the input at {cause}")).unwrap_or_default();
    lines.push(format!("It holds first at seq {} ({}){when}{cause}:", found.seq, found.kind.name()));
    lines.push(format!("  {}", event_line(tape, found)?));
    lines.extend(around(&found.around));
    Ok(lines.join("\n"))
}

/// The event as `tape cat` shows it; symbols are those that hold at the input.
fn event_line(tape: &Tape, found: &Found) -> Result<String> {
    let at = found.cause.unwrap_or(found.seq);
    let symbol = match found.event.instrument() {
        Some(instrument) => Some(SymbolBook::new(tape).symbol(at, instrument)?.name.to_string()),
        None => None,
    };
    Ok(line::text(found.seq, &found.event, symbol.as_deref()))
}

fn around(around: &Around) -> Vec<String> {
    let mut lines = vec!["Around it".to_owned()];
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let mut pairs = screen::table(&["pair", "state", "z", "spread", "A held", "B held"], &[2, 3, 4, 5]);
    for pair in &around.pairs {
        pairs.add_row([
            pair.pair.clone(),
            pair.state.to_string(),
            number(pair.zscore),
            number(pair.spread),
            pair.qty_a.to_string(),
            pair.qty_b.to_string(),
        ]);
    }
    let mut orders = screen::table(&["order", "symbol", "side", "filled", "of", "price", "status"], &[3, 4, 5]);
    for order in &around.orders {
        orders.add_row([
            order.order.to_string(),
            order.symbol.clone(),
            order.side.to_string(),
            order.filled.to_string(),
            order.qty.to_string(),
            order.price.to_string(),
            order.status.to_string(),
        ]);
    }
    let mut equity = screen::table(&["money of", "equity", "drawdown %"], &[1, 2]);
    for mark in &around.equity {
        let money = mark.equity.map_or_else(|| "a price is stale".to_owned(), |money| money.to_string());
        equity.add_row([mark.scope.to_string(), money, number(mark.drawdown_pct)]);
    }
    let tables = [(pairs, around.pairs.len()), (orders, around.orders.len()), (equity, around.equity.len())];
    lines.extend(tables.iter().filter(|(_, rows)| *rows > 0).map(|(table, _)| screen::lines(table)));
    lines.extend(around.kills.iter().map(|(scope, reason)| format!("  kill switch of {scope} is on: {reason}")));
    if lines.len() == 1 {
        lines.push("  no position, no order, no kill switch".to_owned());
    }
    lines
}

/// Runs the session with other settings and compares.
pub(super) fn what_if(
    tape: &Tape,
    segment: &SegmentInfo,
    settings: &Settings,
    events: u64,
    json: bool,
) -> Result<Verdict> {
    let bar = screen::progress(events, "what if");
    let report = what_if::what_if(tape, segment, settings, |read| bar.set_position(read));
    bar.finish_and_clear();
    let report = report?;
    if json {
        say_json(&report)?;
    } else {
        say(what_if_text(&report))?;
    }
    Ok(Verdict::Fine)
}

/// The record beside what would have been, in tables.
pub(in crate::cli) fn what_if_text(report: &WhatIf) -> String {
    let mut lines = vec![format!("Session {} run {}, what if {}", report.date, report.run, report.settings)];
    if report.behaviour != report.engine_behaviour {
        lines.push(format!(
            "  the tape is of behaviour {}, this engine of {}: a part of the difference may be the engine's",
            report.behaviour, report.engine_behaviour
        ));
    }
    lines.push(totals(&report.total));
    let mut pairs = screen::table(&["pair", "recorded", "what if", "difference", "orders", "fills"], &[1, 2, 3, 4, 5]);
    for (name, sums) in &report.pairs {
        let Compared { recorded, what_if, difference } = sums;
        let moved = |from: i64, to: i64| if from == to { from.to_string() } else { format!("{from} -> {to}") };
        pairs.add_row([
            name.clone(),
            recorded.net.to_string(),
            what_if.net.to_string(),
            signed(difference.net),
            moved(recorded.orders, what_if.orders),
            moved(recorded.fills, what_if.fills),
        ]);
    }
    lines.push("Profit and loss by pair, after charges".to_owned());
    lines.push(screen::lines(&pairs));
    if !report.signals.is_empty() {
        lines.push(signals(&report.signals));
    }
    if report.orders.is_empty() {
        lines.push("Every order is the same in both.".to_owned());
        return lines.join("\n");
    }
    lines.push(format!("Orders that are not the same in both: {}", count(report.orders.len() as u64)));
    let mut orders = screen::table(&["order", "pair", "symbol", "side", "recorded", "what if"], &[]);
    for OrderDifference { order, pair, symbol, side, recorded, what_if } in report.orders.iter().take(SHOWN) {
        let [recorded, what_if] = [recorded, what_if].map(|end| end.as_ref().map_or_else(|| "-".to_owned(), end_text));
        orders.add_row([order.to_string(), pair.clone(), symbol.clone(), side.to_string(), recorded, what_if]);
    }
    lines.push(screen::lines(&orders));
    if report.orders.len() > SHOWN {
        lines.push(format!("  and {} more: --json has all", count((report.orders.len() - SHOWN) as u64)));
    }
    lines.join("\n")
}

fn signals(differing: &[SignalDifference]) -> String {
    let mut table = screen::table(&["at", "pair", "recorded", "what if"], &[]);
    for SignalDifference { ts_ns, pair, recorded, what_if } in differing.iter().take(SHOWN) {
        let [recorded, what_if] = [recorded, what_if].map(|text| text.clone().unwrap_or_else(|| "-".to_owned()));
        table.add_row([moment::ist_clock(Ts::new(*ts_ns)), pair.clone(), recorded, what_if]);
    }
    let more = match differing.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("\n  and {} more: --json has all", count(more as u64)),
    };
    let all = count(differing.len() as u64);
    format!("Signals that are not the same in both: {all}\n{}{more}", screen::lines(&table))
}

fn end_text(end: &OrderEnd) -> String {
    let of =
        if end.allowed == end.asked { end.allowed.to_string() } else { format!("{} of {}", end.allowed, end.asked) };
    let rule = end.rule.map(|rule| format!(" by {rule}")).unwrap_or_default();
    format!("{} {}/{of} at {}{rule}", end.status, end.filled, end.price)
}

fn signed(money: FineMoney) -> String {
    if money.get() > 0 { format!("+{money}") } else { money.to_string() }
}

fn totals(sums: &Compared) -> String {
    let mut table = screen::table(&["", "recorded", "what if", "difference"], &[1, 2, 3]);
    let Compared { recorded, what_if, difference } = sums;
    let counts = |of: &Totals| [of.signals, of.orders, of.rejected, of.fills, of.shares];
    let names = ["signals", "orders", "rejected", "fills", "shares filled"];
    let rows = names.into_iter().zip(counts(recorded)).zip(counts(what_if)).zip(counts(difference));
    for (((name, recorded), what_if), difference) in rows {
        let sign = if difference > 0 { "+" } else { "" };
        table.add_row([name.to_owned(), recorded.to_string(), what_if.to_string(), format!("{sign}{difference}")]);
    }
    let money = |of: &Totals| [of.realised, of.unrealised, of.charges, of.net];
    let names = ["realised", "unrealised", "charges", "net"];
    let rows = names.into_iter().zip(money(recorded)).zip(money(what_if)).zip(money(difference));
    for (((name, recorded), what_if), difference) in rows {
        table.add_row([name.to_owned(), recorded.to_string(), what_if.to_string(), signed(difference)]);
    }
    screen::lines(&table)
}
