//! The report of a reconciliation as a tired person reads it: what was compared, what came out, the worst, what to do.
//!
//! What it never does: count or decide anything. Who calls it: `recon`, once at its end.

use barkeep_schemas::{Price, Qty, ReconCause, ReconStatus, Timeframe, Ts};

use super::{Flags, Outcome};
use crate::cli::moment::{ist, ist_clock, ist_date};
use crate::cli::screen::{count, lines, quoted, share, table, wrapped};
use crate::monitoring::daily_recon::{CauseCount, MissingRun, Report, Side, SymbolReport, WORST_MAX, WorstRow};

mod why;

/// A share of exact opens below one half speaks of a wrong clock only when there are as many keys.
const ENOUGH_KEYS: u64 = 10;

/// The whole report.
pub(super) fn report(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let mut parts = vec![heading(outcome), counts(report)];
    if report.exact.of > 0 {
        parts.push(both_sides(report));
    }
    if report.symbols.len() > 1 {
        parts.push(by_symbol(&report.symbols));
    }
    if report.unhealed > 0 {
        parts.extend(why::parts(report));
        parts.push(worst(report));
    }
    parts.push(verdict(report, &outcome.flags));
    parts.join("\n\n")
}

/// Whether times need their date: where they lie on several days in IST.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Days {
    several: bool,
}

impl Days {
    pub(super) fn of(first: Ts, last: Ts) -> Self {
        Self { several: ist_date(first) != ist_date(last) }
    }

    /// `14:53`, with seconds where there are any, and with the date where times lie on several days.
    pub(super) fn at(self, ts: Ts) -> String {
        let clock = short_clock(ts);
        if self.several { format!("{} {clock}", ist_date(ts)) } else { clock }
    }
}

/// The clock in IST without seconds where there are none.
fn short_clock(ts: Ts) -> String {
    let clock = ist_clock(ts);
    clock.strip_suffix(":00").map_or_else(|| clock.clone(), str::to_owned)
}

fn heading(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let span = if ist_date(report.from) == ist_date(report.to) {
        format!("{} {} to {} IST", ist_date(report.from), ist_clock(report.from), ist_clock(report.to))
    } else {
        format!("{} to {}", ist(report.from), ist(report.to))
    };
    let run = report.run.map_or_else(String::new, |run| format!(" run {run}"));
    let imported = match report.imported {
        0 => String::new(),
        bars => format!(", imported bars: {}", count(bars)),
    };
    let mut out = vec![
        format!("Reconciliation of {}{run}, {} bars", report.date, report.tf.label()),
        format!("  broker's   {}, rejected rows: {}", report.source, count(report.rejected)),
        format!("  ours       the tape up to seq {}{imported}", report.run_id),
        format!("  starts     {span}"),
        format!("  tolerance  {}", report.tolerance),
    ];
    out.extend(outcome.notes.iter().map(|note| format!("  note       {note}")));
    out.extend(outcome.rejected.iter().map(|row| format!("  rejected:  {row}")));
    out.join("\n")
}

fn counts(report: &Report) -> String {
    let mut table = table(&["outcome", "bars", "which are"], &[1]);
    let matched = format!("{} within tolerance", share(report.matched, report.compared));
    for (what, number, meaning, shown) in [
        ("compared", report.compared, "on either side", true),
        ("matched", report.matched, matched.as_str(), true),
        ("healed", report.healed, "of the matched: by a correction", report.healed > 0),
        ("missing_internal", report.missing_internal, "the broker's, and not ours", true),
        ("missing_broker", report.missing_broker, "ours, and not the broker's", true),
        ("price", report.price, "on both sides, a price outside tolerance", true),
        ("volume", report.volume, "on both sides, the volume outside tolerance", true),
        ("explained", report.explained, "outside tolerance for a known cause", report.explained > 0),
        ("unhealed", report.unhealed, "outside tolerance and not healed", true),
    ] {
        if shown {
            table.add_row([what.to_owned(), count(number), meaning.to_owned()]);
        }
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
        let paired = row.compared > row.missing_internal + row.missing_broker;
        table.add_row([
            row.symbol.clone(),
            count(row.compared),
            count(row.matched),
            count(row.missing_internal),
            count(row.missing_broker),
            count(row.price),
            count(row.volume),
            if paired { bp(row.price_error_bp) } else { "-".to_owned() },
        ]);
    }
    lines(&table)
}

fn worst(report: &Report) -> String {
    let days = Days::of(report.from, report.to);
    let (missing, paired) = shown_rows(report);
    let shown = missing.iter().map(|run| run.bars).sum::<u64>() + paired.len() as u64;
    let mut out = vec![format!("Worst rows: {} of {}, times in IST", count(shown), count(report.unhealed))];
    out.extend(missing.into_iter().map(|run| format!("  {}", missing_line(run, days))));
    if paired.is_empty() {
        return out.join("\n");
    }
    let mut table = table(&["", "open", "high", "low", "close", "volume"], &[1, 2, 3, 4, 5]);
    for row in &paired {
        table.add_row(cells("ours", row.internal));
        table.add_row(cells("broker's", row.broker));
        table.add_row(apart(row));
    }
    let numbers = lines(&table);
    let mut numbers = numbers.lines();
    out.extend(numbers.next().map(str::to_owned));
    for row in paired {
        out.push(title(row, days));
        out.extend(numbers.by_ref().take(3).map(str::to_owned));
    }
    out.join("\n")
}

/// What is shown of the worst: stretches of missing bars, then bars on both sides.
fn shown_rows(report: &Report) -> (Vec<&MissingRun>, Vec<&WorstRow>) {
    let is_paired = |row: &&WorstRow| row.internal.is_some() && row.broker.is_some();
    let paired: Vec<&WorstRow> = report.worst.iter().filter(is_paired).collect();
    (longest(&report.missing, WORST_MAX.saturating_sub(paired.len())), paired)
}

/// The longest stretches, ours and the broker's in turns, ours first.
fn longest(missing: &[MissingRun], most: usize) -> Vec<&MissingRun> {
    let of = |status: ReconStatus| missing.iter().filter(move |run| run.status == status);
    let (ours, theirs) = (of(ReconStatus::MissingInternal).count(), of(ReconStatus::MissingBroker).count());
    let their_share = theirs.min((most / 2).max(most.saturating_sub(ours)));
    let our_share = most.saturating_sub(their_share);
    of(ReconStatus::MissingInternal).take(our_share).chain(of(ReconStatus::MissingBroker).take(their_share)).collect()
}

fn missing_line(run: &MissingRun, days: Days) -> String {
    let side = match run.status {
        ReconStatus::MissingBroker => "the broker's",
        ReconStatus::MissingInternal | ReconStatus::Price | ReconStatus::Volume => "our",
    };
    let span =
        if run.from == run.to { days.at(run.from) } else { format!("{} to {}", days.at(run.from), days.at(run.to)) };
    let bars = if run.bars == 1 { "bar" } else { "bars" };
    format!("{} {span}, {} {bars} missing on {side} side", run.symbol, count(run.bars))
}

fn title(row: &WorstRow, days: Days) -> String {
    let cause = if row.cause == ReconCause::Unexplained { String::new() } else { format!(", {}", row.cause) };
    format!("  {} {}: {}, {} bp off{cause}", row.symbol, days.at(row.ts), row.status, bp(row.price_error_bp))
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

fn verdict(report: &Report, flags: &Flags) -> String {
    if report.unhealed == 0 {
        let healed = match report.healed {
            0 => String::new(),
            healed => format!(", {} by a correction", count(healed)),
        };
        return format!("Fine: all {} bars match within tolerance{healed}. Nothing to do.", count(report.compared));
    }
    let explained = match report.explained {
        0 => String::new(),
        explained => format!(", {} explained", share(explained, report.unhealed)),
    };
    let mut out = vec![
        wrapped(
            &format!(
                "Found: {} of {} bars outside tolerance and not healed{explained}.",
                count(report.unhealed),
                count(report.compared)
            ),
            "",
        ),
        format!("Advice: {}.", advice(report)),
        "Next:".to_owned(),
    ];
    out.extend(next(report, flags).into_iter().map(|line| format!("  {line}")));
    out.join("\n")
}

/// The commands that go on from here.
fn next(report: &Report, flags: &Flags) -> Vec<String> {
    let run = flags.run.map_or_else(String::new, |run| format!(" --run {run}"));
    let data_dir = flags.data_dir.as_ref().map_or_else(String::new, |dir| format!(" --data-dir {}", quoted(dir)));
    let mut commands = Vec::new();
    if report.tf == Timeframe::M1 && report.exact.of > 0 && !is_wrong_clock(report) {
        commands.push(format!("barkeep heal --date {}{run}{data_dir}", report.date));
    }
    // Only the engine's bars of a session can be explained.
    let ours = report.run.and_then(|_| first_of_ours(report));
    if let Some((symbol, ts)) = ours {
        let tf = if report.tf == Timeframe::M1 { String::new() } else { format!(" --tf {}", report.tf.name()) };
        let (symbol, date, clock) = (quoted(symbol), ist_date(ts), short_clock(ts));
        commands.push(format!("barkeep explain bar {symbol} '{date} {clock}'{tf}{run}{data_dir}"));
    }
    commands.push(format!("barkeep export --kind recon --date {}{run} --out recon.csv{data_dir}", report.date));
    commands
}

/// The first of the rows shown where we have a bar.
fn first_of_ours(report: &Report) -> Option<(&str, Ts)> {
    let (missing, paired) = shown_rows(report);
    let theirs = missing.into_iter().find(|run| run.status == ReconStatus::MissingBroker);
    let theirs = theirs.map(|run| (run.symbol.as_str(), run.from));
    theirs.or_else(|| paired.first().map(|row| (row.symbol.as_str(), row.ts)))
}

/// Whether so few opens are equal that the bars of one side are labelled with other times. Adjusted prices speak for no
/// clock.
fn is_wrong_clock(report: &Report) -> bool {
    let of = report.exact.of.saturating_sub(adjusted(report));
    of >= ENOUGH_KEYS && report.exact.open * 2 < of
}

/// Bars whose prices the broker has adjusted.
fn adjusted(report: &Report) -> u64 {
    let is_it = |count: &&CauseCount| count.cause == ReconCause::CorporateAction;
    report.causes.iter().filter(is_it).map(|count| count.bars).sum()
}

fn advice(report: &Report) -> &'static str {
    if report.exact.of == 0 {
        "check --date, --tz, --tf and the symbol: no bar is on both sides"
    } else if is_wrong_clock(report) {
        "check --tz and --tf: so few equal opens are the mark of a wrong clock"
    } else if adjusted(report) * 2 > report.unhealed {
        "reconcile without the symbols that the broker adjusted (--symbols)"
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
