//! The demo's report for people.

use std::collections::BTreeMap;

use barkeep_schemas::{FineMoney, Timeframe};

use super::{DATE, Outcome};
use crate::cli::screen::{bytes, count, counted, lines, share, table};
use crate::monitoring::daily_recon::Report;

/// Open items that are shown at most.
const OPEN_SHOWN: usize = 10;

/// The whole report.
pub(super) fn report(outcome: &Outcome) -> String {
    let (lived, counts) = (&outcome.lived, &outcome.counts);
    let injected: u64 = outcome.account.entries.iter().map(|entry| entry.injected).sum();
    let hours = lived.virtual_s as f64 / 3_600.0;
    let mut text = vec![
        format!(
            "barkeep demo, seed {}: {} instruments on {DATE} (simulated), in {:.1} s",
            outcome.seed, lived.instruments, outcome.seconds
        ),
        String::new(),
        "1 live: a simulated Kite and the daemon, over loopback sockets".to_owned(),
        format!(
            "  {} ticks in {hours:.1} hours of the market, {} injected, in {:.1} s",
            count(counts.ticks),
            counted(injected, "fault"),
            lived.seconds
        ),
        format!("  {}, {}", gaps(outcome), counted(counts.reconnects, "reconnect")),
        format!(
            "  on the tape: {} events, {}, {:.1} bytes an event",
            count(counts.events),
            bytes(counts.bytes),
            counts.bytes as f64 / counts.events.max(1) as f64
        ),
        "2 bars".to_owned(),
        bars(outcome),
        "3 pairs, on paper".to_owned(),
        pairs(outcome),
        format!("4 recon against the broker's {} candles, asked for over REST", count(lived.candle_count)),
        recon(&outcome.report),
        "5 heal, by the policy of the configuration".to_owned(),
        healed(outcome),
        "6 recon again".to_owned(),
        recon(&outcome.after),
        "7 replay --verify".to_owned(),
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

fn gaps(outcome: &Outcome) -> String {
    let all: u64 = outcome.counts.gaps.iter().map(|(_, count)| count).sum();
    let each: Vec<String> = outcome
        .counts
        .gaps
        .iter()
        .map(|(cause, count)| format!("{count} {}", cause.name().replace('_', " ")))
        .collect();
    if each.is_empty() {
        "no gap of the feed".to_owned()
    } else {
        format!("{} ({})", counted(all, "gap"), each.join(", "))
    }
}

fn bars(outcome: &Outcome) -> String {
    let mut table = table(&["timeframe", "bars", "revisions"], &[1, 2]);
    for row in &outcome.counts.bars {
        table.add_row([row.tf.label().to_owned(), count(row.bars), count(row.revisions)]);
    }
    lines(&table)
}

fn pairs(outcome: &Outcome) -> String {
    let trading = &outcome.trading;
    let header = ["pair", "bucket", "entries", "exits", "orders", "fills", "profit", "charges", "net"];
    let mut table = table(&header, &[2, 4, 5, 6, 7, 8]);
    for pair in &trading.pairs {
        table.add_row([
            pair.name.clone(),
            pair.bucket.name().to_owned(),
            pair.entries.to_string(),
            told(&pair.exits),
            pair.orders.to_string(),
            pair.fills.to_string(),
            FineMoney::new(pair.realised.get().saturating_add(pair.unrealised.get())).to_string(),
            pair.charges.to_string(),
            pair.net.to_string(),
        ]);
    }
    let mut text = vec![lines(&table)];
    if let Some((capital, equity)) = trading.account {
        text.push(format!("  in all {} on a capital of {capital}: equity {equity}", trading.sum(|pair| pair.net)));
    }
    let all = |of: &BTreeMap<&str, u64>| of.values().sum::<u64>();
    let each = [
        (all(&trading.rejected), "order rejected", "orders rejected", &trading.rejected),
        (all(&trading.resized), "order made smaller", "orders made smaller", &trading.resized),
        (all(&trading.not_followed), "signal not followed", "signals not followed", &trading.not_followed),
    ];
    for (count, one, many, reasons) in each.iter().filter(|(count, ..)| *count > 0) {
        text.push(format!("  {count} {}: {}", if *count == 1 { one } else { many }, told(reasons)));
    }
    text.join("\n")
}

/// How many there are of each, in words.
fn told(counts: &BTreeMap<&str, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {}", what.replace('_', " "))).collect();
    each.join(", ")
}

/// What was corrected, and what was left and why.
fn healed(outcome: &Outcome) -> String {
    let healed = &outcome.healed;
    let standing = healed.refusals.iter().filter(|refusal| !refusal.overruled).map(|refusal| refusal.text.as_str());
    let standing: Vec<&str> = standing.collect();
    if !standing.is_empty() {
        return format!("  nothing was healed: {}", standing.join("; "));
    }
    let (mut minutes, mut left) = (BTreeMap::new(), BTreeMap::new());
    let mut rebuilt = 0_u64;
    for row in &healed.corrections {
        match row.cause.filter(|_| row.tf == Timeframe::M1) {
            Some(cause) => *minutes.entry(cause.name()).or_insert(0) += 1,
            None => rebuilt += 1,
        }
    }
    for row in &healed.left {
        *left.entry(row.cause.name()).or_insert(0) += 1;
    }
    let corrected: u64 = minutes.values().sum();
    let healable = healed.again.as_ref().map_or(0, |again| again.healable);
    let more = match healable {
        0 => String::new(),
        bars => format!("\n  {} more can be healed by another run: the sums of the day have moved", count(bars)),
    };
    [
        format!("  {} corrected by the broker's: {}", counted(corrected, "minute"), nothing_or(&minutes)),
        format!("  {} made again from them", counted(rebuilt, "coarser bar")),
        format!("  left as they are: {}{more}", nothing_or(&left)),
    ]
    .join("\n")
}

fn nothing_or(counts: &BTreeMap<&str, u64>) -> String {
    if counts.is_empty() { "none".to_owned() } else { told(counts) }
}

fn recon(report: &Report) -> String {
    let causes: BTreeMap<&str, u64> = report.causes.iter().map(|count| (count.cause.name(), count.bars)).collect();
    let rows = [
        format!("  matched within tolerance  {}", share(report.matched, report.compared)),
        format!("  missing on our side       {}", count(report.missing_internal)),
        format!("  missing at the broker     {}", count(report.missing_broker)),
        format!("  price outside tolerance   {}", count(report.price)),
        format!("  volume outside tolerance  {}", count(report.volume)),
        format!("  why                       {}", nothing_or(&causes)),
    ];
    rows.join("\n")
}

fn faults(outcome: &Outcome) -> String {
    let mut table = table(&["fault", "injected", "accounted for", "seen as"], &[1, 2]);
    for entry in &outcome.account.entries {
        table.add_row([
            entry.kind.replace(['_', '-'], " "),
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
        return "Every fault is accounted for, every gap has its cause, every bar that differs its reason.\nWhat the \
                account gained is what its pairs made. The tape replays bit for bit."
            .to_owned();
    }
    let mut text = format!(
        "NOT SOUND: {} not accounted for, {} differ without a reason, {} replay differences, accounts that {}",
        counted(account.open.len() as u64, "item"),
        counted(account.unexplained, "bar"),
        outcome.replayed.differences,
        if outcome.trading.balances() { "balance" } else { "do not balance" }
    );
    for open in account.open.iter().take(OPEN_SHOWN) {
        text.push_str(&format!("\n  {open}"));
    }
    text
}

/// What to look at next, ready to be pasted.
fn next(outcome: &Outcome) -> String {
    let dir = outcome.folder.display();
    let mut lines = vec![
        format!("Look around in {dir} (remove the folder when you are done):"),
        format!("  barkeep --data-dir {dir} tape stat"),
        format!("  barkeep --data-dir {dir} tape cat --kind feed_gap,feed_report --limit 20"),
        format!("  barkeep --data-dir {dir} recon --date {DATE} --source {dir}/candles.csv"),
        format!("  barkeep --data-dir {dir} explain bar HDFCBANK '{DATE} 10:30'"),
        format!("  barkeep --data-dir {dir} export --kind bars_1m --out {dir}/bars_1m.csv"),
    ];
    if let Some(order) = outcome.trading.filled_order {
        lines.push(format!("  barkeep --data-dir {dir} explain order {order}"));
    }
    if let Some(order) = outcome.trading.judged_order.or(outcome.trading.filled_order) {
        lines.push(format!("  barkeep --data-dir {dir} risk why {order}"));
    }
    lines.join("\n")
}
