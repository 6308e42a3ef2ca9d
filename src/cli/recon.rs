//! `barkeep recon`: our bars of a day against the broker's.
//!
//! What it is: the broker's file onto the tape, both sides off the tape, the comparison onto the tape and to the reader.
//! What it never does: change a bar, or look at a clock for anything but how long it took.

mod compared;
mod day;
mod text;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{BarOrigin, FileKind, ReconStatus, Timeframe, Ts};
use barkeep_storage::Tape;

use self::compared::Compared;
use self::day::{Candidates, Day};
use super::import::{self, Reading};
use super::screen::{say, say_json};
use super::{Context, Verdict, moment};
use crate::ingestion::files::{FileOptions, Scan, TimeUnit, Unit, clean_symbol, scan};
use crate::monitoring::daily_recon::{Difference, Facts, Report, SymbolTable, Tolerance, Window};
use crate::orchestrator::appliance::Pace;
use crate::orchestrator::config;
use crate::orchestrator::door::{Access, Door};
use crate::orchestrator::import::ImportRequest;

/// Reconcile our bars of a day with the broker's
///
/// The file's candles go onto the tape as the broker's (the same file twice adds nothing), are compared with the newest
/// edition of our bars, and every bar that does not match is recorded. Compared are the symbols of the file, from its
/// first to its last stamp or --from to --to. Exit code 1 while any bar outside tolerance is not healed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep recon --date 2021-06-04 --source HDFCBANK_1m.csv \\
      --map time=datetime
  barkeep recon --date 2013-10-07 --source aig_minute.zip --symbol AIG \\
      --no-header --calendar always --tz America/New_York \\
      --from 09:30 --to 16:00 --map \\
      time=1:ms_of_day,open=2:1e4,high=3:1e4,low=4:1e4,close=5:1e4,volume=6")]
pub struct Args {
    /// The broker's bars: a file; kite (the live broker) is not there yet
    #[arg(long, value_name = "FILE|kite")]
    pub source: String,
    /// How the file and its columns are read
    #[command(flatten)]
    pub reading: DatedReading,
    /// Which session of that date [default: the newest that has a symbol of the file]
    #[arg(long, value_name = "K")]
    pub run: Option<u32>,
    /// Only these symbols of the file
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// How far apart values may be: the larger part counts [default: recon.tolerance of the configuration]
    #[arg(long, value_name = "price=1tick,3bp;volume=3%,100", conflicts_with = "strict")]
    pub tolerance: Option<config::Tolerance>,
    /// No tolerance: any difference at all counts
    #[arg(long)]
    pub strict: bool,
    /// Timeframe of the file's bars, and of ours
    #[arg(long, value_name = "1s|1|3|5|15|30|60", default_value = "1", value_parser = import::parse_tf)]
    pub tf: Timeframe,
    /// First start compared, such as 09:30 [default: the file's first]
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Bars that start at this time or later are not compared, such as 16:00 [default: after the file's last]
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// [`Reading`] with a date that must be given: that of the session.
#[derive(Clone, Debug)]
pub struct DatedReading(Reading);

impl DatedReading {
    fn required(command: clap::Command) -> clap::Command {
        command.mut_arg("date", |date| date.required(true).help("Date of the session, in its calendar's zone"))
    }
}

impl clap::Args for DatedReading {
    fn augment_args(command: clap::Command) -> clap::Command {
        Self::required(Reading::augment_args(command))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::required(Reading::augment_args_for_update(command))
    }
}

impl clap::FromArgMatches for DatedReading {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        Reading::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// Runs the command.
///
/// # Errors
/// When the file cannot be read, the date is not on the tape or not in the file, or the tape cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let outcome = reconcile(args, context)?;
    if args.json {
        outcome.rejected.iter().for_each(|row| eprintln!("rejected: {row}"));
        outcome.notes.iter().for_each(|note| eprintln!("note: {note}"));
        say_json(&outcome.report)?;
    } else {
        say(text::report(&outcome))?;
    }
    Ok(Verdict::fine_if(outcome.report.unhealed == 0))
}

/// What a reconciliation tells.
pub(super) struct Outcome {
    pub(super) report: Report,
    /// Every bar that did not match: its symbol, start and status.
    pub(super) differences: Vec<(String, Ts, ReconStatus)>,
    /// The first refused rows of the file, with their lines.
    rejected: Vec<String>,
    /// What a reader should know of the choice of the session and the hours.
    notes: Vec<String>,
    /// What the next commands need beside the date.
    flags: Flags,
}

/// What a command about this reconciliation must be told beside the date.
#[derive(Clone, Default, Debug)]
struct Flags {
    /// The session's run, where the date has several.
    run: Option<u32>,
    /// The folder of the tape, where the configuration names another.
    data_dir: Option<String>,
}

/// What is compared, before anything is written.
struct Plan {
    day: Day,
    file: Scan,
    symbols: SymbolTable,
    window: Window,
    tolerance: Tolerance,
    /// The tolerance as text, for the tape and for people.
    tolerance_text: String,
}

/// Reconciles without printing.
pub(super) fn reconcile(args: &Args, context: &Context) -> Result<Outcome> {
    let began = Instant::now();
    if args.source == "kite" {
        bail!(
            "--source kite asks the live broker, which barkeep cannot do yet: save the candles to a file and give \
             --source FILE (--format kite reads Kite's JSON)"
        );
    }
    let request = request(args, context)?;
    let plan = plan(args, context, &request)?;
    let import = import::run_request(&request, context)?;
    let mut door = Door::open(&context.dir, Pace::from(&context.config.tape), "recon", Access::Records)?;
    let compared = Compared::read(&plan, &import, &request, door.durable()?, context)?;
    compared.record(&plan, context, request.tf, &mut door)?;
    door.close()?;
    let facts = Facts {
        run_id: compared.run_id,
        date: plan.day.date,
        run: plan.day.run(),
        tf: args.tf,
        source: plan.file.files.first().map(|file| file.name.clone()).unwrap_or_default(),
        tolerance: plan.tolerance_text.clone(),
        rejected: plan.file.rejected(),
        imported: compared.internal.imported,
        from: compared.from,
        to: compared.to,
        seconds: began.elapsed().as_secs_f64(),
    };
    let rejected = plan.file.files.iter().flat_map(|file| &file.examples).map(ToString::to_string).collect();
    let named = |row: &Difference| Some((plan.symbols.name(row.symbol)?.to_owned(), row.start, row.status));
    let differences = compared.comparison.differences.iter().filter_map(named).collect();
    let report = Report::new(facts, &compared.comparison, &plan.symbols);
    let notes = plan.day.note.iter().cloned().chain(outside(args, &plan, compared.held)).collect();
    let root = context.dir.root();
    let flags = Flags {
        run: plan.day.run().filter(|_| plan.day.several),
        data_dir: (root != context.config.data_dir.as_path()).then(|| root.display().to_string()),
    };
    Ok(Outcome { report, differences, rejected, notes, flags })
}

/// Says so where --from or --to reach outside what the file holds of the day.
fn outside(args: &Args, plan: &Plan, held: Option<(Ts, Ts)>) -> Option<String> {
    let Some((first, last)) = held else {
        return Some(format!("of {} the file holds no bar of these symbols", plan.day.date));
    };
    let before = args.from.is_some() && plan.window.from < first;
    let after = args.to.is_some() && plan.window.until.get() > last.get().saturating_add(args.tf.nanos());
    let flags = match (before, after) {
        (false, false) => return None,
        (true, false) => "--from reaches",
        (false, true) => "--to reaches",
        (true, true) => "--from and --to reach",
    };
    let days = text::Days::of(first, last);
    Some(format!("{flags} outside: the file holds {} to {}", days.at(first), days.at(last)))
}

/// The file as an import of the broker's bars. The date is part of what the file means only where its times need one.
fn request(args: &Args, context: &Context) -> Result<ImportRequest> {
    let mut options = args.reading.0.options(FileKind::Bars, context)?;
    let needs_date = |options: &FileOptions| {
        options
            .mapping
            .as_ref()
            .is_some_and(|map| map.iter().any(|column| column.unit == Unit::Time(TimeUnit::MsOfDay)))
    };
    if !needs_date(&options) {
        options.date = None;
    }
    Ok(ImportRequest {
        files: vec![PathBuf::from(&args.source)],
        options,
        calendar: args.reading.0.calendar,
        trade_rule: None,
        conditions: Vec::new(),
        origin: BarOrigin::Broker,
        tf: args.tf,
    })
}

fn plan(args: &Args, context: &Context, request: &ImportRequest) -> Result<Plan> {
    let date = args.reading.0.date.as_deref().context("--date is missing: give the date of the session")?;
    let zone = &request.options.zone;
    let tape = Tape::open(&context.dir)?;
    let candidates = Candidates::find(&tape, moment::date(date)?, args.run)?;
    let file = scan(&request.files, &request.options, |_| {})?;
    let (Some(first), Some(last)) = (file.first(), file.last()) else { bail!(nothing_readable(&file)) };
    let symbols = symbols(&args.symbols, &file, &args.source)?;
    let day = candidates.choose(&tape, &symbols, args.reading.0.calendar, zone)?;
    if !day.is_touched(&file, zone) {
        bail!(
            "{} has no bar of {}: it holds {} to {}; is --date or --tz wrong?",
            args.source,
            day.date,
            moment::ist(first),
            moment::ist(last)
        );
    }
    let typed =
        |text: &Option<String>| text.as_deref().map(|text| moment::moment(text, Some(day.date), zone)).transpose();
    let window = Window {
        from: typed(&args.from)?.unwrap_or(first.max(day.start)),
        until: typed(&args.to)?.unwrap_or(Ts::new(last.get().saturating_add(1)).min(day.end)),
    };
    if window.from >= window.until {
        bail!(
            "nothing lies from {} to {}: --to must be after --from",
            moment::ist(window.from),
            moment::ist(window.until)
        );
    }
    let (tolerance, tolerance_text) = tolerance(args, context);
    Ok(Plan { day, file, symbols, window, tolerance, tolerance_text })
}

fn nothing_readable(file: &Scan) -> String {
    let rejected = file.files.iter().flat_map(|file| &file.examples);
    match rejected.into_iter().next() {
        Some(first) => format!("none of the {} rows could be read; the first: {first}", file.rows()),
        None => "the file has no rows: expected at least one below the header".to_owned(),
    }
}

/// The symbols of the file, or those of them that were asked for.
fn symbols(wanted: &[String], file: &Scan, source: &str) -> Result<SymbolTable> {
    let held = SymbolTable::new(file.symbols.iter().map(|symbol| symbol.symbol.as_str()));
    if wanted.is_empty() {
        return Ok(held);
    }
    let mut names = Vec::new();
    for text in wanted {
        let name = clean_symbol(text.as_bytes()).map_err(|why| anyhow::anyhow!("--symbols: '{text}' {why}"))?;
        if held.get(name).is_none() {
            const SHOWN: usize = 12;
            let there: Vec<&str> = held.iter().take(SHOWN).collect();
            let more = if held.len() > SHOWN { ", …" } else { "" };
            bail!("{source} has no bar of {name}; it holds {} symbols: {}{more}", held.len(), there.join(", "));
        }
        names.push(name);
    }
    Ok(SymbolTable::new(names))
}

fn tolerance(args: &Args, context: &Context) -> (Tolerance, String) {
    let typed = args.tolerance.unwrap_or(context.config.recon.tolerance);
    if args.strict {
        return (Tolerance::STRICT, "strict".to_owned());
    }
    let numbers = Tolerance {
        price_ticks: typed.price_ticks,
        price_bp_thousandths: typed.price_bp_thousandths,
        volume_percent_thousandths: typed.volume_percent_thousandths,
        volume_shares: typed.volume_shares,
    };
    (numbers, typed.to_string())
}

#[cfg(test)]
mod tests;
