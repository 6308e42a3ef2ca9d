//! The report of a reconciliation as a tired person reads it: what was compared, what came out, the worst, what to do.
//!
//! What it never does: count or decide anything. Who calls it: `recon`, once at its end.

use barkeep_schemas::{Price, Qty};

use crate::cli::moment::{ist, ist_clock, ist_date};
use crate::cli::screen::{count, lines, share, table};
use crate::monitoring::daily_recon::{Report, Side, SymbolReport, WorstRow};

/// A share of exact opens below one half speaks of a wrong clock only when there are as many keys.
const ENOUGH_KEYS: u64 = 10;

/// The whole report; `rejected` are the first refused rows of the file.
pub(super) fn report(report: &Report, rejected: &[String]) -> String {
    let mut parts = vec![heading(report, rejected), outcome(report), both_sides(report)];
    if report.symbols.len() > 1 {
        parts.push(by_symbol(&report.symbols));
    }
    parts.push(worst(report));
    parts.push(verdict(report));
    parts.join("\n\n")
}

fn heading(report: &Report, rejected: &[String]) -> String {
    let span = if ist_date(report.from) == ist_date(report.to) {
        format!("{} {} to {} IST", ist_date(report.from), ist_clock(report.from), ist_clock(report.to))
    } else {
        format!("{} to {}", ist(report.from), ist(report.to))
    };
    let mut out = vec![
        format!("Reconciliation of {}, {} bars", report.date, report.tf.label()),
        format!("  broker's   {}, rejected rows: {}", report.source, count(report.rejected)),
        format!("  ours       the tape at seq {} (run id), imported bars: {}", report.run_id, count(report.imported)),
        format!("  starts     {span}"),
        format!("  tolerance  {}", report.tolerance),
    ];
    out.extend(rejected.iter().map(|row| format!("  rejected:  {row}")));
    out.join("\n")
}

fn outcome(report: &Report) -> String {
    let mut table = table(&["outcome", "bars", "which are"], &[1]);
    let matched = format!("{} within tolerance", share(report.matched, report.compared));
    for (what, number, meaning) in [
        ("compared", report.compared, "on either side"),
        ("matched", report.matched, matched.as_str()),
        ("missing_internal", report.missing_internal, "the broker's, and not ours"),
        ("missing_broker", report.missing_broker, "ours, and not the broker's"),
        ("price", report.price, "on both sides, a price outside tolerance"),
        ("volume", report.volume, "on both sides, the volume outside tolerance"),
        ("explained", report.explained, "outside tolerance for a known cause"),
        ("healed", report.healed, "outside tolerance and healed"),
        ("unhealed", report.unhealed, "outside tolerance and not healed"),
    ] {
        table.add_row([what.to_owned(), count(number), meaning.to_owned()]);
    }
    lines(&table)
}

fn both_sides(report: &Report) -> String {
    let exact = &report.exact;
    let mut table = table(&["on both sides", "exactly equal"], &[]);
    for (field, number) in [
        ("open", exact.open),
        ("high", exact.high),
        ("low", exact.low),
        ("close", exact.close),
        ("volume", exact.volume),
    ] {
        table.add_row([field.to_owned(), share(number, exact.of)]);
    }
    table.add_row(["range inside".to_owned(), format!("{} the broker's range", share(report.inside_range, exact.of))]);
    table.add_row(["shares".to_owned(), shares(report.volume_internal, report.volume_broker)]);
    table.add_row(["worst price".to_owned(), format!("{} bp off", bp(report.price_error_bp))]);
    lines(&table)
}

fn shares(internal: i64, broker: i64) -> String {
    let number = |shares: i64| count(u64::try_from(shares).unwrap_or(0));
    let percent =
        if broker == 0 { String::new() } else { format!(", {:.3}%", 100.0 * internal as f64 / broker as f64) };
    format!("{} ours, {} the broker's{percent}", number(internal), number(broker))
}

fn by_symbol(symbols: &[SymbolReport]) -> String {
    let header =
        ["symbol", "compared", "matched", "missing\ninternal", "missing\nbroker", "price", "volume", "worst bp"];
    let mut table = table(&header, &[1, 2, 3, 4, 5, 6, 7]);
    for row in symbols {
        table.add_row([
            row.symbol.clone(),
            count(row.compared),
            count(row.matched),
            count(row.missing_internal),
            count(row.missing_broker),
            count(row.price),
            count(row.volume),
            bp(row.price_error_bp),
        ]);
    }
    lines(&table)
}

fn worst(report: &Report) -> String {
    let mut out = vec![format!("Worst rows: {} of {}", report.worst.len(), count(report.unhealed + report.healed))];
    if report.worst.is_empty() {
        return out.concat();
    }
    let mut table = table(&["", "open", "high", "low", "close", "volume"], &[1, 2, 3, 4, 5]);
    for row in &report.worst {
        table.add_row(cells("ours", row.internal));
        table.add_row(cells("broker's", row.broker));
        table.add_row(apart(row));
    }
    let numbers = lines(&table);
    let mut numbers = numbers.lines();
    out.extend(numbers.next().map(str::to_owned));
    for row in &report.worst {
        out.push(title(row));
        out.extend(numbers.by_ref().take(3).map(str::to_owned));
    }
    out.join("\n")
}

fn title(row: &WorstRow) -> String {
    let error = if row.internal.is_some() && row.broker.is_some() {
        format!(", {} bp off", bp(row.price_error_bp))
    } else {
        String::new()
    };
    format!("  {} {}: {}{error}, {}", row.symbol, ist(row.ts), row.status, row.cause)
}

fn cells(whose: &str, side: Option<Side>) -> Vec<String> {
    let mut cells = vec![whose.to_owned()];
    match side {
        Some(side) => {
            cells.extend([side.open, side.high, side.low, side.close].map(price));
            cells.push(shares_of(side.volume));
        }
        None => cells.extend(["none"; 5].map(str::to_owned)),
    }
    cells
}

fn shares_of(volume: Qty) -> String {
    u64::try_from(volume.get()).map_or_else(|_| volume.to_string(), count)
}

/// Ours less the broker's.
fn apart(row: &WorstRow) -> Vec<String> {
    let mut cells = vec!["apart".to_owned()];
    match (row.internal, row.broker) {
        (Some(ours), Some(theirs)) => {
            let less = |a: Price, b: Price| signed(price(Price::new(a.get().saturating_sub(b.get()))));
            cells.extend([
                less(ours.open, theirs.open),
                less(ours.high, theirs.high),
                less(ours.low, theirs.low),
                less(ours.close, theirs.close),
            ]);
            cells.push(signed(ours.volume.get().saturating_sub(theirs.volume.get()).to_string()));
        }
        (Some(_) | None, Some(_) | None) => cells.extend(["-"; 5].map(str::to_owned)),
    }
    cells
}

/// A price with two decimals at least, so that a column lines up.
fn price(price: Price) -> String {
    let text = price.to_string();
    match text.split_once('.') {
        None => format!("{text}.00"),
        Some((_, decimals)) if decimals.len() < 2 => format!("{text}0"),
        Some(_) => text,
    }
}

/// A difference with its sign; nothing differs where it is zero.
fn signed(number: String) -> String {
    let is_zero = number.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if is_zero || number.starts_with('-') { number } else { format!("+{number}") }
}

fn bp(basis_points: f64) -> String {
    format!("{basis_points:.2}")
}

fn verdict(report: &Report) -> String {
    if report.unhealed == 0 && report.healed == 0 {
        return format!("Fine: all {} bars match within tolerance. Nothing to do.", count(report.compared));
    }
    if report.unhealed == 0 {
        return format!("Fine: all that did not match ({} bars) is healed. Nothing to do.", count(report.healed));
    }
    format!(
        "Found: {} of {} bars outside tolerance and not healed ({} explained).\nNext: {}.",
        count(report.unhealed),
        count(report.compared),
        count(report.explained),
        advice(report)
    )
}

fn advice(report: &Report) -> &'static str {
    if report.exact.of == 0 {
        "check --date, --tz, --tf and the symbol: no bar is on both sides"
    } else if report.exact.of >= ENOUGH_KEYS && report.exact.open * 2 < report.exact.of {
        "check --tz and --tf: so few equal opens are the mark of a wrong clock"
    } else if report.missing_internal > report.price + report.volume + report.missing_broker {
        "look for gaps in what was recorded: most are bars that we lack"
    } else if report.missing_broker > report.price + report.volume + report.missing_internal {
        "check that the broker's file is complete: most are bars that it lacks"
    } else {
        "look at the worst rows above, ours against the broker's"
    }
}

#[cfg(test)]
mod tests;
