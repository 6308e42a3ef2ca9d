//! The report of one reconciliation, as plain data: its JSON is the surface, its text is the command's.
//!
//! What it never does: compare, or format for people. Who calls it: `recon`, once after the comparison.

use barkeep_schemas::{Ohlcv, Price, Qty, ReconCause, ReconStatus, Seq, SessionDate, Timeframe, Ts};
use serde::Serialize;

use super::bars::{KeyedBar, SymbolIndex, SymbolTable};
use super::compare::{Comparison, Difference, Exact, Tally};
use super::insight::{ClassCount, GapCount, Heat, Insight};

/// How many of the worst rows a report holds.
pub const WORST_MAX: usize = 10;

/// Everything that a reconciliation found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// Identity of the run: the last position of the tape when the bars were compared.
    pub run_id: Seq,
    /// The date compared.
    pub date: SessionDate,
    /// Keys on either side.
    pub compared: u64,
    /// Keys that matched within tolerance.
    pub matched: u64,
    /// Keys that the broker has and we do not.
    pub missing_internal: u64,
    /// Keys that we have and the broker does not.
    pub missing_broker: u64,
    /// Keys with a price outside tolerance.
    pub price: u64,
    /// Keys whose prices pass and whose volume is outside tolerance.
    pub volume: u64,
    /// Keys outside tolerance whose cause is known.
    pub explained: u64,
    /// Keys that match by a correction: they were outside tolerance and are healed.
    pub healed: u64,
    /// How long the whole took.
    pub seconds: f64,
    /// The broker's file, without folders.
    pub source: String,
    /// The timeframe compared.
    pub tf: Timeframe,
    /// Rows of the file that were refused.
    pub rejected: u64,
    /// Fields that agree exactly, among the keys on both sides.
    pub exact: Exact,
    /// Keys on both sides whose built range lies inside the broker's.
    pub inside_range: u64,
    /// Our shares over the keys on both sides.
    pub volume_internal: i64,
    /// The broker's shares over the keys on both sides.
    pub volume_broker: i64,
    /// Keys outside tolerance that are not healed.
    pub unhealed: u64,
    /// Bars that were imported as our own.
    pub imported: u64,
    /// The worst price error, in basis points of the broker's price.
    pub price_error_bp: f64,
    /// The tolerance as typed.
    pub tolerance: String,
    /// The first start compared.
    #[serde(serialize_with = "epoch_seconds")]
    pub from: Ts,
    /// The last start compared.
    #[serde(serialize_with = "epoch_seconds")]
    pub to: Ts,
    /// By symbol, in alphabetical order.
    pub symbols: Vec<SymbolReport>,
    /// The worst rows, by status and then worst first.
    pub worst: Vec<WorstRow>,
    /// The longest stretches of bars that one side lacks, by status and then longest first.
    pub missing: Vec<MissingRun>,
    /// Which session of the date; `None` where the date has none and its bars were imported as our own.
    pub run: Option<u32>,
    /// The share of the keys outside tolerance whose cause is known; `None` where there is none.
    pub explained_ratio: Option<f64>,
    /// Keys outside tolerance by cause, those with most first.
    pub causes: Vec<CauseCount>,
    /// By class of bar: those that an interruption lies in, the first and last of the day, all others.
    pub classes: Vec<ClassCount>,
    /// Interruptions of the feeds, with the bars that they cost.
    pub gaps: Vec<GapCount>,
    /// The day of each symbol with differences as letters.
    pub heat: Heat,
}

/// Keys outside tolerance of one cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CauseCount {
    /// Why.
    pub cause: ReconCause,
    /// How many.
    pub bars: u64,
}

/// Bars that one side lacks, one after the other without a break.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MissingRun {
    /// Whose.
    pub symbol: String,
    /// Which side lacks them.
    pub status: ReconStatus,
    /// The first start.
    #[serde(serialize_with = "epoch_seconds")]
    pub from: Ts,
    /// The last start.
    #[serde(serialize_with = "epoch_seconds")]
    pub to: Ts,
    /// How many.
    pub bars: u64,
}

/// The counts of one symbol.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SymbolReport {
    /// Whose.
    pub symbol: String,
    /// Keys on either side.
    pub compared: u64,
    /// Keys that matched within tolerance.
    pub matched: u64,
    /// Keys that the broker has and we do not.
    pub missing_internal: u64,
    /// Keys that we have and the broker does not.
    pub missing_broker: u64,
    /// Keys with a price outside tolerance.
    pub price: u64,
    /// Keys whose prices pass and whose volume is outside tolerance.
    pub volume: u64,
    /// The worst price error, in basis points of the broker's price.
    pub price_error_bp: f64,
    /// Keys outside tolerance by cause, those with most first.
    pub causes: Vec<CauseCount>,
}

/// The five numbers of one side of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Side {
    /// First trade.
    pub open: Price,
    /// Highest trade.
    pub high: Price,
    /// Lowest trade.
    pub low: Price,
    /// Last trade.
    pub close: Price,
    /// Shares traded.
    pub volume: Qty,
}

/// One bar that did not match.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct WorstRow {
    /// Whose.
    pub symbol: String,
    /// Start of the bar.
    #[serde(serialize_with = "epoch_seconds")]
    pub ts: Ts,
    /// How it failed.
    pub status: ReconStatus,
    /// Why.
    pub cause: ReconCause,
    /// Our side.
    pub internal: Option<Side>,
    /// The broker's side.
    pub broker: Option<Side>,
    /// The largest price difference; zero where a side is missing.
    pub diff_max: Price,
    /// The largest price difference in basis points of the broker's price; zero where a side is missing.
    pub price_error_bp: f64,
}

/// What a report says beside the comparison itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// [`Report::run_id`].
    pub run_id: Seq,
    /// [`Report::date`].
    pub date: SessionDate,
    /// [`Report::run`].
    pub run: Option<u32>,
    /// [`Report::tf`].
    pub tf: Timeframe,
    /// [`Report::source`].
    pub source: String,
    /// [`Report::tolerance`].
    pub tolerance: String,
    /// [`Report::rejected`].
    pub rejected: u64,
    /// [`Report::imported`].
    pub imported: u64,
    /// [`Report::healed`].
    pub healed: u64,
    /// [`Report::from`].
    pub from: Ts,
    /// [`Report::to`].
    pub to: Ts,
    /// [`Report::seconds`].
    pub seconds: f64,
}

impl Report {
    /// Puts a comparison and the facts around it into words and numbers.
    pub fn new(facts: Facts, comparison: &Comparison, symbols: &SymbolTable, insight: Insight) -> Self {
        let Tally { compared, matched, exact, inside_range, .. } = comparison.total;
        let total = &comparison.total;
        let outside = comparison.differences.len() as u64;
        let causes = causes(comparison.differences.iter());
        let unexplained = causes.iter().filter(|count| count.cause == ReconCause::Unexplained).map(|count| count.bars);
        let explained = outside - unexplained.sum::<u64>();
        Self {
            run_id: facts.run_id,
            date: facts.date,
            compared,
            matched,
            missing_internal: total.of_status(ReconStatus::MissingInternal),
            missing_broker: total.of_status(ReconStatus::MissingBroker),
            price: total.of_status(ReconStatus::Price),
            volume: total.of_status(ReconStatus::Volume),
            explained,
            healed: facts.healed,
            seconds: facts.seconds,
            source: facts.source,
            tf: facts.tf,
            rejected: facts.rejected,
            exact,
            inside_range,
            volume_internal: saturated(total.volume_internal),
            volume_broker: saturated(total.volume_broker),
            unhealed: outside,
            imported: facts.imported,
            price_error_bp: basis_points(total.price_error_max),
            tolerance: facts.tolerance,
            from: facts.from,
            to: facts.to,
            symbols: symbols
                .iter()
                .zip(&comparison.symbols)
                .zip((0..).map(SymbolIndex))
                .map(|((symbol, tally), index)| SymbolReport::new(symbol, tally, of_symbol(comparison, index)))
                .collect(),
            worst: comparison.worst(WORST_MAX).into_iter().map(|row| WorstRow::new(row, symbols)).collect(),
            missing: missing_runs(&comparison.differences, facts.tf, symbols),
            run: facts.run,
            explained_ratio: (outside > 0).then(|| explained as f64 / outside as f64),
            causes,
            classes: insight.classes,
            gaps: insight.gaps,
            heat: insight.heat,
        }
    }
}

/// The longest stretches of each status. Invariant: the differences are sorted by key.
fn missing_runs(differences: &[Difference], tf: Timeframe, symbols: &SymbolTable) -> Vec<MissingRun> {
    let mut longest = Vec::new();
    for status in [ReconStatus::MissingInternal, ReconStatus::MissingBroker] {
        let mut runs: Vec<(SymbolIndex, MissingRun)> = Vec::new();
        for row in differences.iter().filter(|row| row.status == status) {
            match runs.last_mut() {
                Some((symbol, run)) if *symbol == row.symbol && run.to.get() + tf.nanos() == row.start.get() => {
                    run.to = row.start;
                    run.bars += 1;
                }
                Some(_) | None => {
                    let symbol = symbols.name(row.symbol).unwrap_or_default().to_owned();
                    runs.push((row.symbol, MissingRun { symbol, status, from: row.start, to: row.start, bars: 1 }));
                }
            }
        }
        runs.sort_by_key(|(_, run)| std::cmp::Reverse(run.bars));
        longest.extend(runs.into_iter().take(WORST_MAX).map(|(_, run)| run));
    }
    longest
}

impl SymbolReport {
    fn new(symbol: &str, tally: &Tally, rows: &[Difference]) -> Self {
        Self {
            symbol: symbol.to_owned(),
            compared: tally.compared,
            matched: tally.matched,
            missing_internal: tally.of_status(ReconStatus::MissingInternal),
            missing_broker: tally.of_status(ReconStatus::MissingBroker),
            price: tally.of_status(ReconStatus::Price),
            volume: tally.of_status(ReconStatus::Volume),
            price_error_bp: basis_points(tally.price_error_max),
            causes: causes(rows.iter()),
        }
    }
}

/// The differences of a symbol. Invariant: they are sorted by key.
fn of_symbol(comparison: &Comparison, symbol: SymbolIndex) -> &[Difference] {
    let rows = &comparison.differences;
    let from = rows.partition_point(|row| row.symbol < symbol);
    let until = rows.partition_point(|row| row.symbol <= symbol);
    rows.get(from..until).unwrap_or_default()
}

/// The causes that there are, those with most first.
fn causes<'a>(rows: impl Iterator<Item = &'a Difference> + Clone) -> Vec<CauseCount> {
    let of = |cause: ReconCause| rows.clone().filter(|row| row.cause == cause).count() as u64;
    let mut counts: Vec<CauseCount> =
        ReconCause::ALL.iter().map(|cause| CauseCount { cause: *cause, bars: of(*cause) }).collect();
    counts.retain(|count| count.bars > 0);
    counts.sort_by_key(|count| std::cmp::Reverse(count.bars));
    counts
}

impl WorstRow {
    fn new(row: &Difference, symbols: &SymbolTable) -> Self {
        Self {
            symbol: symbols.name(row.symbol).unwrap_or_default().to_owned(),
            ts: row.start,
            status: row.status,
            cause: row.cause,
            internal: row.internal.map(Side::from),
            broker: row.broker.map(Side::from),
            diff_max: row.diff_max,
            price_error_bp: basis_points(row.price_error),
        }
    }
}

impl From<KeyedBar> for Side {
    fn from(bar: KeyedBar) -> Self {
        let Ohlcv { open, high, low, close, volume } = bar.values();
        Self { open, high, low, close, volume }
    }
}

/// For people alone: no verdict hangs on it.
fn basis_points(thousandths: u64) -> f64 {
    thousandths as f64 / 1_000.0
}

fn saturated(shares: i128) -> i64 {
    i64::try_from(shares).unwrap_or(if shares < 0 { i64::MIN } else { i64::MAX })
}

pub(super) fn epoch_seconds<S: serde::Serializer>(ts: &Ts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(ts.secs())
}
