//! The part of a report that tells why and where: causes, classes of bars, interruptions, and the day as letters.
//!
//! What it never does: count or decide anything. Who calls it: the report's text, where there is a difference.

use barkeep_schemas::{GapCause, ReconCause};

use super::Days;
use crate::cli::screen::{count, counted, lines, share, table, wrapped};
use crate::monitoring::daily_recon::{CauseCount, LETTERS, Report};

/// Symbols whose causes are listed.
const SYMBOLS_MAX: usize = 20;

/// Interruptions that are listed.
const GAPS_MAX: usize = 5;

/// Letters of a symbol's name before its line.
const NAME_MAX: usize = 12;

pub(super) fn parts(report: &Report) -> Vec<String> {
    let mut parts = vec![causes(report)];
    if report.symbols.len() > 1 {
        parts.push(by_symbol(report));
    }
    if !report.classes.is_empty() {
        parts.push(classes(report));
    }
    if !report.gaps.is_empty() {
        parts.push(gaps(report));
    }
    if !report.heat.lines.is_empty() {
        parts.push(heat(report));
    }
    parts
}

fn causes(report: &Report) -> String {
    let mut table = table(&["cause", "bars", "which means"], &[1]);
    for CauseCount { cause, bars } in &report.causes {
        table.add_row([cause.to_string(), count(*bars), meaning(*cause).to_owned()]);
    }
    lines(&table)
}

/// A cause for somebody who has never seen one.
const fn meaning(cause: ReconCause) -> &'static str {
    match cause {
        ReconCause::FeedGap => "the feed was interrupted in it, or began late",
        ReconCause::ApplianceDown => "barkeep was not running",
        ReconCause::LateTicks => "ticks came too late to be counted",
        ReconCause::Conflation => "trades between two snapshots were not seen",
        ReconCause::VolumeBoundary => "shares stand in the bar beside it",
        ReconCause::OpeningPrice => "the broker opens at the auction's price",
        ReconCause::Auction => "an auction, which makes no bar of ours",
        ReconCause::Halt => "nothing was traded",
        ReconCause::Duplicate => "the broker gives it twice, differently",
        ReconCause::CorporateAction => "the broker's prices are adjusted by a factor",
        ReconCause::BrokerIncomplete => "the broker lacks a stretch of the day, or its end",
        ReconCause::BrokerRevised => "the broker has changed its mind",
        ReconCause::Unexplained => "no cause is known: look here first",
    }
}

fn by_symbol(report: &Report) -> String {
    let mut differing: Vec<_> = report.symbols.iter().filter(|symbol| !symbol.causes.is_empty()).collect();
    differing.sort_by_key(|symbol| std::cmp::Reverse(symbol.causes.iter().map(|cause| cause.bars).sum::<u64>()));
    let mut out = vec!["Causes by symbol".to_owned()];
    for symbol in differing.iter().take(SYMBOLS_MAX) {
        let told: Vec<String> =
            symbol.causes.iter().map(|cause| format!("{} {}", count(cause.bars), cause.cause)).collect();
        out.push(wrapped(&format!("  {}: {}", symbol.symbol, told.join(", ")), "    "));
    }
    if let more @ 1.. = differing.len().saturating_sub(SYMBOLS_MAX) {
        out.push(format!("  and {} more", counted(more as u64, "symbol")));
    }
    out.join("\n")
}

fn classes(report: &Report) -> String {
    let mut table = table(&["bars", "compared", "outside tolerance", ""], &[1, 2]);
    for class in &report.classes {
        let is = match class.class {
            "gap" => "an interruption lies in them",
            "edge" => "the first and last of continuous trading",
            _ => "all others",
        };
        let outside = if class.compared == 0 { "0".to_owned() } else { share(class.outside, class.compared) };
        table.add_row([class.class.to_owned(), count(class.compared), outside, is.to_owned()]);
    }
    lines(&table)
}

fn gaps(report: &Report) -> String {
    let days = Days::of(report.from, report.to);
    let mut worst: Vec<_> = report.gaps.iter().collect();
    worst.sort_by_key(|gap| std::cmp::Reverse(gap.bars));
    let mut out = vec![format!("Interruptions: {}, times in IST", count(worst.len() as u64))];
    for gap in worst.iter().take(GAPS_MAX) {
        let why = match gap.cause {
            GapCause::Disconnect => "connection lost",
            GapCause::Silence => "nothing came",
            GapCause::ApplianceDown => "barkeep was down",
            GapCause::BadFrame => "a message could not be read",
            GapCause::Declared => "declared by the operator",
            GapCause::NoToken => "no token",
        };
        let bars = counted(gap.bars, "bar");
        out.push(format!("  {} to {}, {why}: {bars} outside tolerance", days.at(gap.from), days.at(gap.to)));
    }
    if let more @ 1.. = worst.len().saturating_sub(GAPS_MAX) {
        out.push(format!("  and {} more", count(more as u64)));
    }
    out.join("\n")
}

fn heat(report: &Report) -> String {
    let days = Days::of(report.from, report.to);
    let heat = &report.heat;
    let width = heat.lines.iter().map(|line| line.symbol.chars().count()).max().unwrap_or(0).min(NAME_MAX);
    let cell = match heat.cell_seconds {
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    };
    let (from, to) = (days.at(report.from), days.at(report.to));
    let mut out = vec![format!("The day from {from} to {to} IST, a letter is {cell}")];
    for line in &heat.lines {
        let name: String = line.symbol.chars().take(width).collect();
        out.push(format!("  {name:<width$} {}", line.cells).trim_end().to_owned());
    }
    if heat.more > 0 {
        out.push(format!("  and {} more", counted(heat.more, "symbol")));
    }
    let used = |letter: &char| heat.lines.iter().any(|line| line.cells.contains(*letter));
    let legend = LETTERS.iter().filter(|(_, letter)| used(letter)).map(|(cause, letter)| format!("{letter} {cause}"));
    let legend: Vec<String> = std::iter::once(". in order".to_owned()).chain(legend).collect();
    out.push(wrapped(&format!("  {}", legend.join(", ")), "  "));
    out.join("\n")
}
