//! `barkeep recon`: our bars of a day against the broker's.
//!
//! What it is: the broker's candles, of a file or asked for now, onto the tape; both sides off the tape; the comparison
//! onto the tape and to the reader. What it never does: change a bar, or look at a clock for anything but how long it
//! took and when the broker was asked.

mod broker;
mod compared;
mod day;
mod plan;
mod terms;
mod text;

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{ReconStatus, Seq, Timeframe, Ts};
use barkeep_storage::Tape;

use self::compared::Compared;
use self::plan::Plan;
pub(super) use self::terms::Terms;
use super::import::{self, Reading};
use super::screen::{say, say_json};
use super::{Context, Verdict};
use crate::monitoring::daily_recon::{Difference, Facts, Report, import_start};
use crate::orchestrator::appliance::Pace;
use crate::orchestrator::backfill::record_day;
use crate::orchestrator::config;
use crate::orchestrator::door::{Access, Door};

/// Reconcile our bars of a day with the broker's
///
/// The broker's candles, of a file or asked for now (--source kite), go onto the tape, are compared with the newest
/// edition of our bars, and every bar that does not match is recorded. Compared are the symbols of the file, from its
/// first to its last stamp, or those of the session over its whole day; --symbols, --from and --to narrow it. The same
/// file twice adds nothing; what the broker gives is recorded each time. Exit code 1 while any bar outside tolerance is
/// not healed, 2 when all others are in order and some could not be fetched.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep recon --date 2026-07-31 --source kite
  barkeep recon --date 2021-06-04 --source HDFCBANK_1m.csv \\
      --map time=datetime
  barkeep recon --date 2013-10-07 --source aig_minute.zip --symbol AIG \\
      --no-header --calendar always --tz America/New_York \\
      --from 09:30 --to 16:00 --map \\
      time=1:ms_of_day,open=2:1e4,high=3:1e4,low=4:1e4,close=5:1e4,volume=6")]
pub struct Args {
    /// The broker's bars: a file, or kite for its candles over REST (needs the day's token: barkeep login)
    #[arg(long, value_name = "FILE|kite", default_value = "kite")]
    pub source: String,
    /// How the file and its columns are read
    #[command(flatten)]
    pub reading: DatedReading,
    /// Which session of that date [default: the newest that has a symbol of the file]
    #[arg(long, value_name = "K")]
    pub run: Option<u32>,
    /// Only these symbols [default: all of the file, or of the session]
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// How far apart values may be: the larger part counts; a volume also passes where the sums of the day agree within 0.5%
    /// (another share: volume=3%,100,0.2%day). One for a class of instruments follows a bar: "... | cash: price=2tick,5bp;volume=5%,500"
    /// [default: recon.tolerance of the configuration]
    #[arg(long, value_name = "price=1tick,3bp;volume=3%,100", conflicts_with = "strict")]
    pub tolerance: Option<config::Tolerances>,
    /// No tolerance: any difference at all counts
    #[arg(long)]
    pub strict: bool,
    /// Timeframe of the file's bars, and of ours
    #[arg(long, value_name = "1s|1|3|5|15|30|60", default_value = "1", value_parser = import::parse_tf)]
    pub tf: Timeframe,
    /// First start compared, such as 09:30 [default: the file's first; of kite the day's]
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Bars that start at this time or later are not compared, such as 16:00 [default: after the file's last; of kite the day's end]
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
    Ok(match (outcome.report.unhealed, outcome.whole) {
        (0, true) => Verdict::Fine,
        (0, false) => Verdict::CannotTell,
        (1.., true | false) => Verdict::Found,
    })
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
    /// Whether every symbol asked for was compared.
    whole: bool,
}

/// What a command about this reconciliation must be told beside the date.
#[derive(Clone, Default, Debug)]
struct Flags {
    /// The session's run, where the date has several.
    run: Option<u32>,
    /// The folder of the tape, where the configuration names another.
    data_dir: Option<String>,
}

/// The broker's side on the tape.
struct Brought {
    /// Where its `ImportStarted` lies.
    import: Seq,
    /// Its name for people.
    source: String,
    /// Rows that were refused.
    rejected: u64,
}

/// Reconciles without printing.
pub(super) fn reconcile(args: &Args, context: &Context) -> Result<Outcome> {
    let began = Instant::now();
    let (plan, brought, mut door) = bring(args, context)?;
    let compared = Compared::read(&plan, brought.import, args.tf, door.durable()?, context)?;
    compared.record(&plan, context, args.tf, &mut door)?;
    door.close()?;
    let facts = Facts {
        run_id: compared.run_id,
        date: plan.day.date,
        run: plan.day.run(),
        tf: args.tf,
        source: brought.source,
        tolerance: plan.terms.to_string(),
        rejected: brought.rejected,
        imported: compared.internal.imported,
        healed: compared.internal.healed(plan.window, &compared.comparison.differences),
        from: compared.from,
        to: compared.to,
        seconds: began.elapsed().as_secs_f64(),
    };
    let named = |row: &Difference| Some((plan.symbols.name(row.symbol)?.to_owned(), row.start, row.status));
    let differences = compared.comparison.differences.iter().filter_map(named).collect();
    let report = Report::new(facts, &compared.comparison, &plan.symbols, compared.insight);
    let notes = plan.day.note.iter().cloned().chain(outside(args, &plan, compared.held));
    let notes = notes.chain(plan.unfetched.iter().map(broker::note)).collect();
    let root = context.dir.root();
    let flags = Flags {
        run: plan.day.run().filter(|_| plan.day.several),
        data_dir: (root != context.config.data_dir.as_path()).then(|| root.display().to_string()),
    };
    Ok(Outcome { report, differences, rejected: plan.examples, notes, flags, whole: plan.unfetched.is_empty() })
}

/// Puts the broker's bars onto the tape. The door stays open for what comes after.
fn bring(args: &Args, context: &Context) -> Result<(Plan, Brought, Door)> {
    let open = || Door::open(&context.dir, Pace::from(&context.config.tape), "recon", Access::Records);
    if args.source == broker::NAME {
        if let Some(flag) = args.reading.0.file_flag() {
            bail!("{flag} says how a file is read: leave it out with --source {}", broker::NAME);
        }
        let (plan, day) = Plan::of_broker(args, context)?;
        let mut door = open()?;
        let added = record_day(&mut door, &day)?;
        let brought = Brought { import: added.import, source: broker::source(&day), rejected: added.refused };
        return Ok((plan, brought, door));
    }
    let request = plan::request(args, context)?;
    let (plan, scanned) = Plan::of_file(args, context, &request)?;
    let rejected = scanned.0.rejected();
    let id = import::run_scanned(&request, context, scanned)?.id;
    let door = open()?;
    let import = import_start(&Tape::open(&context.dir)?, id)?
        .with_context(|| format!("the import {id} is not on the tape: run the command again"))?;
    let source = plan.source.clone();
    Ok((plan, Brought { import, source, rejected }, door))
}

/// Says so where --from or --to reach outside what the broker's side holds of the day.
fn outside(args: &Args, plan: &Plan, held: Option<(Ts, Ts)>) -> Option<String> {
    let whose = if args.source == broker::NAME { "the broker" } else { "the file" };
    let holds = if args.source == broker::NAME { "has" } else { "holds" };
    let Some((first, last)) = held else {
        return Some(format!("of {} {whose} {holds} no bar of these symbols", plan.day.date));
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
    Some(format!("{flags} outside: {whose} {holds} {} to {}", days.at(first), days.at(last)))
}

#[cfg(test)]
mod tests;
