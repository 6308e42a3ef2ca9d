//! The demo's report for people.

use super::Outcome;
use crate::cli::screen::{count, lines, share, table};

/// The whole report.
pub(super) fn report(outcome: &Outcome) -> String {
    let day = &outcome.day;
    let mut text = vec![
        format!(
            "barkeep demo, seed {}: {} instruments on {} (simulated), in {:.1} s",
            outcome.seed,
            day.listings.len(),
            day.date,
            outcome.seconds
        ),
        String::new(),
        "1 generate".to_owned(),
        format!(
            "  {} ticks and {} broker candles, {} faults injected, in {:.1} s",
            count(day.ticks.written),
            count(day.candles.written),
            count(day.ledger.len() as u64),
            outcome.generated_s
        ),
        "2 import".to_owned(),
        format!(
            "  {} ticks onto the tape, {} rejected, {} events derived, in {:.1} s",
            count(outcome.imported.events),
            count(outcome.imported.rejected),
            count(outcome.imported.derived),
            outcome.imported.seconds
        ),
        "3 bars".to_owned(),
        bars(outcome),
        "4 recon against the broker's candles".to_owned(),
        recon(outcome),
        "5 replay --verify".to_owned(),
        format!(
            "  {} inputs derive {} events again: {} differences, in {:.1} s",
            count(outcome.replayed.inputs),
            count(outcome.replayed.derived),
            count(outcome.replayed.differences),
            outcome.replayed.seconds
        ),
        format!("  digest {}", outcome.replayed.digest),
        String::new(),
        "The faults, and what became of them".to_owned(),
        faults(outcome),
        String::new(),
    ];
    text.push(verdict(outcome));
    text.push(String::new());
    text.push(next(outcome));
    text.join("\n")
}

fn bars(outcome: &Outcome) -> String {
    let mut table = table(&["timeframe", "bars", "revisions"], &[1, 2]);
    for row in &outcome.bars {
        table.add_row([row.tf.label().to_owned(), count(row.bars), count(row.revisions)]);
    }
    lines(&table)
}

fn recon(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let rows = [
        format!("  matched within tolerance  {}", share(report.matched, report.compared)),
        format!("  missing on our side       {}", count(report.missing_internal)),
        format!("  missing at the broker     {}", count(report.missing_broker)),
        format!("  price outside tolerance   {}", count(report.price)),
        format!("  volume outside tolerance  {}", count(report.volume)),
    ];
    rows.join("\n")
}

fn faults(outcome: &Outcome) -> String {
    let mut table = table(&["fault", "injected", "accounted for", "seen as"], &[1, 2]);
    for entry in &outcome.account.entries {
        table.add_row([
            entry.kind.replace('_', " "),
            count(entry.injected),
            count(entry.accounted_for),
            entry.seen_as.clone(),
        ]);
    }
    lines(&table)
}

fn verdict(outcome: &Outcome) -> String {
    let account = &outcome.account;
    if outcome.sound() {
        return format!(
            "Every fault is accounted for: all {} bars outside tolerance lie in minutes of injected faults.
The tape \
             replays bit for bit.",
            count(outcome.report.unhealed)
        );
    }
    format!(
        "NOT SOUND: {} faults or bars are not accounted for ({} bars differ without a fault), {} replay differences",
        account.open(),
        account.unexplained,
        outcome.replayed.differences
    )
}

/// What to look at next, ready to be pasted.
fn next(outcome: &Outcome) -> String {
    let dir = outcome.folder.display();
    let (date, symbol) = (outcome.day.date, outcome.day.symbols().next().unwrap_or("HDFCBANK"));
    [
        format!("Look around in {dir} (remove the folder when you are done):"),
        format!("  barkeep --data-dir {dir} tape stat"),
        format!("  barkeep --data-dir {dir} recon --date {date} --source {dir}/candles.csv"),
        format!("  barkeep --data-dir {dir} explain bar {symbol} '{date} 10:30'"),
        format!("  barkeep --data-dir {dir} export --kind bars_1m --out {dir}/bars_1m.csv"),
    ]
    .join("\n")
}
