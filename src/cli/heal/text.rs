//! A heal in words and tables.
//!
//! What it never does: decide. Who calls it: `heal`.

use barkeep_schemas::{Ohlcv, Timeframe, Ts};

use super::{CorrectionRow, Flags, Report};
use crate::cli::moment;
use crate::cli::replay::why::what_if_text;
use crate::cli::screen::{self, count, counted};

/// Rows of a table at most; the JSON has all.
const SHOWN: usize = 20;

/// The report.
pub(super) fn report(report: &Report, flags: &Flags) -> String {
    let minutes = report.corrections.iter().filter(|row| row.tf == Timeframe::M1).count() as u64;
    let coarse = report.corrections.len() as u64 - minutes;
    let head = match report.reverts {
        Some(run) => format!("Run {run} of {}: {} taken back", report.date, counted(minutes, "minute")),
        None => format!(
            "Heal of {} after reconciliation {}: {} by the broker's bars",
            report.date,
            report.recon,
            counted(minutes, "minute")
        ),
    };
    let again = if coarse > 0 { format!(", {} made again", counted(coarse, "coarser bar")) } else { String::new() };
    let rest = match report.reverts {
        Some(_) => String::new(),
        None => format!(", {} left", count(report.left.len() as u64)),
    };
    let mut lines =
        vec![format!("{head}{again}{rest}"), screen::wrapped(&format!("it covers {}", report.covers), "  ")];
    if !report.corrections.is_empty() {
        lines.push(corrections(&report.corrections));
    }
    if !report.left.is_empty() {
        lines.push("Left as they are".to_owned());
        lines.push(left(report));
    }
    if report.coarse_left > 0 {
        let bars = counted(report.coarse_left, "coarser bar");
        lines.push(screen::wrapped(
            &format!(
                "note: {bars} brought in as our own over these minutes stay as they are: the date has no session that \
                 says how bars are cut"
            ),
            "  ",
        ));
    }
    for refusal in &report.refusals {
        let fate = if refusal.overruled { "overruled by --force" } else { "refused" };
        lines.push(screen::wrapped(&format!("{fate}: {}", refusal.text), "  "));
    }
    if let Some(what_if) = &report.what_if {
        if what_if.orders.is_empty() && what_if.signals.is_empty() {
            lines.push("With these bars no signal and no order would have been another.".to_owned());
        } else {
            lines.push(what_if_text(what_if));
        }
    }
    lines.push(end(report, flags));
    lines.join("\n")
}

fn corrections(rows: &[CorrectionRow]) -> String {
    let mut table = screen::table(&["symbol", "start", "bar", "what", "why", "from", "to", "source"], &[7]);
    for row in rows.iter().take(SHOWN) {
        table.add_row([
            row.symbol.clone(),
            moment::ist_clock(Ts::from_secs(row.ts)),
            row.tf.label().to_owned(),
            row.action.to_string(),
            row.cause.map_or_else(|| "-".to_owned(), |cause| cause.to_string()),
            numbers(row.before.as_ref()),
            numbers(row.after.as_ref()),
            row.source.map_or_else(|| "-".to_owned(), |seq| seq.to_string()),
        ]);
    }
    more(screen::lines(&table), rows.len())
}

fn left(report: &Report) -> String {
    let mut table = screen::table(&["symbol", "start", "status", "cause", "why"], &[]);
    for row in report.left.iter().take(SHOWN) {
        let start = moment::ist_clock(Ts::from_secs(row.ts));
        table.add_row([row.symbol.clone(), start, row.status.to_string(), row.cause.to_string(), row.text.clone()]);
    }
    more(screen::lines(&table), report.left.len())
}

fn more(table: String, rows: usize) -> String {
    match rows.saturating_sub(SHOWN) {
        0 => table,
        more => format!("{table}\n  and {} more: --json has all", count(more as u64)),
    }
}

fn numbers(bar: Option<&Ohlcv>) -> String {
    bar.map_or_else(
        || "none".to_owned(),
        |bar| format!("{} {} {} {} v {}", bar.open, bar.high, bar.low, bar.close, bar.volume),
    )
}

fn end(report: &Report, flags: &Flags) -> String {
    let date = report.date;
    let Some(again) = &report.again else {
        return match (report.refused(), report.corrections.is_empty()) {
            (true, _) => "Nothing is written.".to_owned(),
            (false, true) => match report.left.iter().filter_map(|row| row.again_from).max() {
                Some(at) => {
                    let waiting = report.left.iter().filter(|row| row.again_from.is_some()).count() as u64;
                    format!(
                        "Nothing is written: {} for a second fetch. At {} IST or later:\n  barkeep recon --date {date} --source kite{}{}",
                        if waiting == 1 {
                            "1 minute waits".to_owned()
                        } else {
                            format!("{} minutes wait", count(waiting))
                        },
                        moment::ist_clock(Ts::from_secs(at)),
                        flags.run,
                        flags.dir,
                    )
                }
                None => "Nothing to do, nothing is written.".to_owned(),
            },
            (false, false) => "Nothing is written yet: add --apply.".to_owned(),
        };
    };
    let verdict = match again.unhealed {
        0 => "no difference is left".to_owned(),
        _ => format!(
            "{} left: {} missing on our side, {} on the broker's, {} by price, {} by volume",
            counted(again.unhealed, "difference"),
            again.missing_internal,
            again.missing_broker,
            again.price,
            again.volume
        ),
    };
    let made = report.run_id.map_or_else(String::new, |run| {
        format!(
            "Written as run {run}: take it back with\n  barkeep heal --date {date} --revert {run} --apply{}\n",
            flags.dir
        )
    });
    let more = match again.healable {
        0 => String::new(),
        bars => format!("\n{} can be healed now: heal once more.", counted(bars, "minute")),
    };
    format!("{made}Compared again ({}): {} of {} match, {verdict}.{more}", again.run_id, again.matched, again.compared)
}
