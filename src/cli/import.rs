//! `barkeep import`: recorded files onto the tape.

mod held;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{BarOrigin, FileKind, Timeframe, TradeRule};
use jiff::tz::TimeZone;
use serde_json::json;

use super::screen::{self, count, say, say_json};
use super::{Context, Verdict, moment};
use crate::ingestion::files::{FileOptions, Format, Kept, Mapping, Scan, parse_conditions};
use crate::orchestrator::appliance::Pace;
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::import::{
    CalendarChoice, ImportReport, ImportRequest, Pass, Surroundings, import, import_scanned,
};
use crate::orchestrator::universe::Universe;

/// Import recorded ticks or bars
///
/// Files are scanned first; then each date becomes a session of its own, through the engine, onto the tape. The same
/// files under the same mapping are known again: importing them twice adds nothing, and an import that was killed goes
/// on where the tape ends.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep import HDFCBANK.csv --kind ticks --symbol HDFCBANK \\
      --map time=timestamp,price=ltp,cum_volume=volume
  barkeep import HDFC.csv ICICI.csv --kind ticks \\
      --symbol HDFCBANK,ICICIBANK
  barkeep import ticks.zip --kind ticks --symbol AIG --no-header \\
      --calendar always --tz America/New_York --date 2013-10-07 \\
      --map time=1:ms_of_day,price=2:1e4,qty=3

Fields of ticks: time recv_time symbol price qty cum_volume bid ask
  condition. Fields of bars: time symbol open high low close volume.
Units of times: iso (default), s ms us ns (epoch), ms_of_day (with
  --date). Of prices: a divisor such as 1e4. Of condition: hex.
Trade rules: all (every row is a trade), qty (rows with a quantity
  above zero), kite (the volume rose or the last trade moved).
Conditions, a TOML file: [[rule]] with mask = \"0x20\" and effects, a
  list of \"no_ohlc\", \"no_open\", \"volume_to_previous\".")]
pub struct Args {
    /// The files; several are merged by time, ties by their order here
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What the files hold
    #[arg(long, value_name = "ticks|bars", value_parser = parse_kind)]
    pub kind: FileKind,
    /// How the files and their columns are read
    #[command(flatten)]
    pub reading: Reading,
    /// When a row is a trade [default: qty where a quantity is mapped, else all]
    #[arg(long, value_name = "all|qty|kite", value_parser = parse_rule)]
    pub trade_rule: Option<TradeRule>,
    /// TOML file with the effects of condition flags
    #[arg(long, value_name = "FILE")]
    pub conditions: Option<PathBuf>,
    /// Whose bars they are [default: broker]
    #[arg(long = "as", value_name = "broker|internal", value_parser = parse_origin)]
    pub origin: Option<BarOrigin>,
    /// Timeframe of bars [default: 1]
    #[arg(long, value_name = "1s|1|3|5|15|30|60", value_parser = parse_tf)]
    pub tf: Option<Timeframe>,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// How a file of rows is read; the same for import and recon.
#[derive(Clone, Debug, clap::Args)]
pub struct Reading {
    /// Format of the files
    #[arg(long, value_name = "csv|kite|parquet", default_value = "csv", value_parser = parse_format)]
    pub format: Format,
    /// Symbol of every row, where no column holds it; for several files one for each, in their order
    #[arg(long, value_name = "SYMBOL[,SYMBOL...]", value_delimiter = ',')]
    pub symbol: Vec<String>,
    /// Columns of fields, by name or by number from 1, with units: time=ts:ms,price=2:1e4
    #[arg(long, value_name = "FIELD=COLUMN[:UNIT],...")]
    pub map: Option<String>,
    /// The first line of a CSV is data
    #[arg(long)]
    pub no_header: bool,
    /// Zone of times that carry none
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Whose sessions: the dated NSE calendar, or one for each calendar day
    #[arg(long, value_name = "nse|always", default_value = "nse", value_parser = parse_calendar)]
    pub calendar: CalendarChoice,
    /// Date of times of day (unit ms_of_day)
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<String>,
}

impl Reading {
    /// The first flag given that only matters for a file.
    pub(super) fn file_flag(&self) -> Option<&'static str> {
        let given = [
            ("--symbol", !self.symbol.is_empty()),
            ("--map", self.map.is_some()),
            ("--no-header", self.no_header),
            ("--format", self.format != Format::Csv),
        ];
        given.into_iter().find_map(|(flag, given)| given.then_some(flag))
    }
}

fn one_of<T>(found: Option<T>, text: &str, expected: &str) -> Result<T, String> {
    found.ok_or_else(|| format!("'{text}' is none of {expected}"))
}

fn parse_kind(text: &str) -> Result<FileKind, String> {
    one_of(FileKind::parse(text), text, "ticks, bars")
}

fn parse_rule(text: &str) -> Result<TradeRule, String> {
    one_of(TradeRule::parse(text), text, "all, qty, kite")
}

fn parse_origin(text: &str) -> Result<BarOrigin, String> {
    let found = match text {
        "broker" => Some(BarOrigin::Broker),
        "internal" => Some(BarOrigin::Import),
        _ => None,
    };
    one_of(found, text, "broker, internal")
}

/// Reads a timeframe as the surface names it.
///
/// # Errors
/// A sentence that names the timeframes.
pub fn parse_tf(text: &str) -> Result<Timeframe, String> {
    one_of(Timeframe::parse(text), text, "1s, 1, 3, 5, 15, 30, 60 (minutes)")
}

fn parse_format(text: &str) -> Result<Format, String> {
    one_of(Format::parse(text), text, "csv, kite, parquet")
}

fn parse_calendar(text: &str) -> Result<CalendarChoice, String> {
    let found = match text {
        "nse" => Some(CalendarChoice::Nse),
        "always" => Some(CalendarChoice::Always),
        _ => None,
    };
    one_of(found, text, "nse, always")
}

impl Reading {
    /// The zone of times: as given, else IST for NSE and UTC for round-the-clock data.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn zone(&self) -> Result<TimeZone> {
        let default = match self.calendar {
            CalendarChoice::Nse => "Asia/Kolkata",
            CalendarChoice::Always => "UTC",
        };
        moment::zone(self.tz.as_deref().unwrap_or(default))
    }

    /// The checked options.
    ///
    /// # Errors
    /// When an option is wrong or they contradict each other.
    pub fn options(&self, kind: FileKind, context: &Context) -> Result<FileOptions> {
        let mut options = FileOptions::new(self.format, kind, self.zone()?);
        options.mapping = self.map.as_deref().map(Mapping::parse).transpose()?;
        options.has_header = !self.no_header;
        options.date = self.date.as_deref().map(moment::date).transpose()?;
        options.symbols.clone_from(&self.symbol);
        if self.calendar == CalendarChoice::Nse {
            // A session's date is IST's, whatever zone the file's times are in.
            options.date_zone = Some(moment::zone("Asia/Kolkata")?);
        }
        options.max_step_back_ns = i64::from(context.config.import.max_step_back_s) * barkeep_schemas::NANOS;
        options.check()?;
        Ok(options)
    }
}

/// Runs the command.
///
/// # Errors
/// When the files cannot be read or the tape cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let report = run_request(&request(args, context)?, context)?;
    if args.json {
        say_json(&as_json(&report))?
    } else {
        say(as_text(&report, args.kind, context.dir.root()))?
    }
    Ok(Verdict::Fine)
}

/// The checked request of the raw arguments.
///
/// # Errors
/// When an option is wrong or they contradict each other.
pub fn request(args: &Args, context: &Context) -> Result<ImportRequest> {
    if args.kind == FileKind::Bars && (args.trade_rule.is_some() || args.conditions.is_some()) {
        bail!("--trade-rule and --conditions are for ticks, these are bars: leave them out");
    }
    if args.kind == FileKind::Ticks && (args.origin.is_some() || args.tf.is_some()) {
        bail!("--as and --tf are for bars, these are ticks: leave them out");
    }
    let options = args.reading.options(args.kind, context)?;
    if options.date.is_some() && !options.counts_from_midnight() {
        bail!("--date is for times of the unit ms_of_day (--map time=COLUMN:ms_of_day): leave it out");
    }
    let conditions = match &args.conditions {
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
            parse_conditions(&text).with_context(|| path.display().to_string())?
        }
        None => Vec::new(),
    };
    Ok(ImportRequest {
        files: args.files.clone(),
        options,
        calendar: args.reading.calendar,
        trade_rule: args.trade_rule,
        conditions,
        origin: args.origin.unwrap_or(BarOrigin::Broker),
        tf: args.tf.unwrap_or(Timeframe::M1),
    })
}

/// Imports with a progress bar.
///
/// # Errors
/// As [`import`].
pub fn run_request(request: &ImportRequest, context: &Context) -> Result<ImportReport> {
    run_with(request, context, None)
}

/// [`run_request`] for files that were scanned just now.
///
/// # Errors
/// As [`import`].
pub fn run_scanned(request: &ImportRequest, context: &Context, scanned: (Scan, Option<Kept>)) -> Result<ImportReport> {
    run_with(request, context, Some(scanned))
}

fn run_with(request: &ImportRequest, context: &Context, scanned: Option<(Scan, Option<Kept>)>) -> Result<ImportReport> {
    let calendar = Calendar::load(context.config.calendar.file.as_deref())?;
    let universe = Universe::load(context.config.calendar.universe.as_deref())?;
    let around = Surroundings {
        dir: &context.dir,
        pace: Pace::from(&context.config.tape),
        engine: context.config.engine,
        calendar: &calendar,
        universe: &universe,
    };
    let bar = screen::progress(0, "reading");
    let mut pass = None;
    let mut tell = |now, done, total| {
        if pass != Some(now) {
            pass = Some(now);
            bar.set_message(match now {
                Pass::Scan => "scanning the files",
                Pass::Feed => "onto the tape",
            });
        }
        bar.set_length(total);
        bar.set_position(done);
    };
    let report = match scanned {
        Some(scanned) => import_scanned(request, &around, scanned, &mut tell),
        None => import(request, &around, &mut tell),
    };
    bar.finish_and_clear();
    let report = report?;
    if report.already {
        held::read(&context.dir, report.id)?;
    }
    Ok(report)
}

fn as_json(report: &ImportReport) -> serde_json::Value {
    json!({
        "import_id": report.id,
        "events": report.events,
        "derived": report.derived,
        "inputs": report.inputs,
        "rows": report.rows,
        "rejected": report.rejected,
        "duplicates": report.duplicates,
        "steps_back": report.steps_back,
        "volume_falls": report.volume_falls,
        "outside_hours": report.outside_hours,
        "set_aside": report.set_aside,
        "rejects": report.rejects,
        "sessions": report.sessions.iter()
            .map(|(name, rows)| json!({"date": name.date, "run": name.run, "rows": rows}))
            .collect::<Vec<_>>(),
        "already": report.already,
        "resumed_after": report.resumed_after,
        "seconds": report.seconds,
    })
}

fn as_text(report: &ImportReport, kind: FileKind, dir: &Path) -> String {
    let mut lines = vec![headline(report)];
    if report.resumed_after > 0 {
        lines.push(format!("  went on after {} inputs of an interrupted run", count(report.resumed_after)));
    }
    if let Some(date) = report.abandoned {
        lines.push(format!("  closed the session of {date}, which an interrupted import had left open"));
    }
    for (name, rows) in &report.sessions {
        let beside = match name.run {
            1 => "",
            _ => "; the runs before it stay beside it (for one session, import its files in one command)",
        };
        lines.push(format!("  session {} run {}: {} rows{beside}", name.date, name.run, count(*rows)));
    }
    lines.push(fates(report, kind));
    for rejection in &report.first_rejected {
        lines.push(format!("  rejected: {rejection}"));
    }
    if let Some(path) = &report.rejects {
        lines.push(format!("  all rejected rows: {}", path.display()));
    }
    lines.extend(warnings(report));
    lines.push(next(report, kind, dir));
    lines.join("\n")
}

fn headline(report: &ImportReport) -> String {
    let id = report.id.to_string();
    let short = id.get(..12).unwrap_or(&id);
    if report.already {
        return format!("Import {short} is on the tape already: nothing added. It had brought:");
    }
    let rate = report.events as f64 / report.seconds.max(1e-9);
    format!(
        "Import {short}: {} rows in, {} events derived, in {:.2} s ({} rows/s)",
        count(report.events),
        count(report.derived),
        report.seconds,
        count(rate as u64)
    )
}

/// What became of the rows.
fn fates(report: &ImportReport, kind: FileKind) -> String {
    let mut table = screen::table(&["rows", "count", "what became of them"], &[1]);
    let aside: u64 = report.set_aside.values().sum();
    let reasons: Vec<&str> = report.set_aside.keys().copied().collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let mut rows = vec![
        ("read", report.rows, "data rows of all files".to_owned()),
        ("rejected", report.rejected, "not on the tape, listed in the side file".to_owned()),
    ];
    if kind == FileKind::Ticks {
        rows.extend([
            ("identical", report.duplicates, "equal to the row before; on the tape".to_owned()),
            ("steps back", report.steps_back, "earlier than the row before; on the tape as late ticks".to_owned()),
            ("volume falls", report.volume_falls, "below the highest volume; on the tape, moved no volume".to_owned()),
            ("set aside", aside, format!("on the tape, moved nothing{reasons}")),
        ]);
        if !report.already {
            rows.push((
                "outside hours",
                report.outside_hours,
                "not in continuous trading; on the tape, no bar".to_owned(),
            ));
        }
    }
    for (what, number, fate) in rows {
        table.add_row([what.to_owned(), count(number), fate]);
    }
    screen::lines(&table)
}

/// What a careful reader would ask about.
fn warnings(report: &ImportReport) -> Vec<String> {
    let many = |part: u64| part > 0 && part * 20 > report.rows;
    let mut warnings = Vec::new();
    if many(report.rejected) {
        let share = screen::share(report.rejected, report.rows);
        warnings
            .push(format!("  warning: {share} of the rows were rejected: see the reasons above and in the side file"));
    }
    if many(report.volume_falls) {
        warnings.push(format!(
            "  warning: the cumulative volume falls in {}: are several instruments mixed under one symbol, or is the \
             column a quantity of each trade?",
            screen::share(report.volume_falls, report.rows)
        ));
    }
    if many(report.outside_hours) {
        let share = screen::share(report.outside_hours, report.rows);
        warnings.push(format!("  warning: outside continuous trading lie {share}: is --tz right?"));
    }
    if many(report.set_aside.values().sum()) {
        let share = screen::share(report.set_aside.values().sum(), report.rows);
        warnings.push(format!("  warning: the engine set aside {share}: are the times right?"));
    }
    warnings
}

/// What can be done with it now.
fn next(report: &ImportReport, kind: FileKind, dir: &Path) -> String {
    let dir = dir.display();
    match (kind, report.sessions.last()) {
        (FileKind::Bars, _) => format!(
            "Bars from outside are kept beside ours: compare them with `barkeep --data-dir {dir} recon`, list them with \
             `barkeep --data-dir {dir} tape cat --kind outside_bar`"
        ),
        (FileKind::Ticks, Some((name, _))) => {
            format!("Next: barkeep --data-dir {dir} export --kind bars_1m --date {} --out bars_1m.csv", name.date)
        }
        (FileKind::Ticks, None) => format!("Next: barkeep --data-dir {dir} tape stat"),
    }
}
