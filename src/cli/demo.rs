//! `barkeep demo`: the main job on nothing but the embedded tape.
//!
//! What it is: a generated day with faults, taken through the very commands that a user would type, and an account of
//! every fault. What it never does: skip a command's own road, or count a fault that nobody saw.

mod account;
mod text;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{Derived, Event, EventKind, Phase, Seq, SessionDate, Timeframe, Ts};
use barkeep_storage::{DataDir, Filter, Tape};
use clap::Parser as _;
use serde_json::json;

use self::account::Account;
use super::screen::{say, say_json};
use super::{Cli, Command, Context, Verdict, import, recon};
use crate::monitoring::daily_recon::Report;
use crate::orchestrator::calendar::{Calendar, DayKind};
use crate::orchestrator::import::ImportReport;
use crate::orchestrator::replay::{ReplayReport, replay};
use barkeep_sim::day::{Day, DayPlan, INSTRUMENTS};

/// Show the main job: a simulated day with faults, through bars, reconciliation and replay
///
/// Generates a day of ticks and the broker's candles from a seed, injects faults, imports, builds bars, reconciles,
/// verifies the replay and accounts for every fault. Needs nothing but a folder; the same seed gives the same digest.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep demo
  barkeep demo --seed 7 --instruments 50 --json")]
pub struct Args {
    /// What the day is drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many instruments trade, 1 to 200
    #[arg(long, value_name = "N", default_value_t = INSTRUMENTS, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub instruments: u32,
    /// The report as one JSON object on the last line of stdout
    #[arg(long)]
    pub json: bool,
}

/// The day that is simulated: the last Friday of July 2026, with the usual hours for every class.
const DATE: SessionDate = SessionDate(20_665);

/// Runs the command.
///
/// # Errors
/// When the folder cannot be written, or a step fails.
pub fn run(args: &Args, global: Option<PathBuf>, context: &Context) -> Result<Verdict> {
    let started = Instant::now();
    let folder = folder(global, args.seed)?;
    let context = Context { config: context.config.clone(), dir: DataDir::new(&folder) };
    let day = generate(args)?;
    let (ticks, candles) = (folder.join("ticks.csv"), folder.join("candles.csv"));
    write(&ticks, |out| day.write_ticks(out))?;
    write(&candles, |out| day.write_candles(out))?;
    let generated_s = started.elapsed().as_secs_f64();

    let import_line = vec!["import".to_owned(), ticks.display().to_string(), "--kind".into(), "ticks".into()];
    let recon_line =
        vec!["recon".into(), "--date".into(), DATE.to_string(), "--source".into(), candles.display().to_string()];
    let (Command::Import(import_args), Command::Recon(recon_args)) = (typed(&import_line)?, typed(&recon_line)?) else {
        bail!("the demo's own command lines are not commands");
    };
    let imported = import::run_request(&import::request(&import_args, &context)?, &context)?;
    let recon::Outcome { report, differences, .. } = recon::reconcile(&recon_args, &context)?;
    let tape = Tape::open(&context.dir)?;
    let segment = tape.segment_of(DATE, None).context("the demo's session is not on its tape")?;
    let replayed = replay(&tape, segment, true, |_| {})?;
    let account = Account::of(&day, &imported, &differences);
    let outcome = Outcome {
        seed: args.seed,
        folder,
        day,
        generated_s,
        imported,
        bars: count_bars(&tape, segment.first_seq)?,
        report,
        replayed,
        account,
        seconds: started.elapsed().as_secs_f64(),
    };
    if args.json {
        say_json(&outcome.as_json())?
    } else {
        say(text::report(&outcome))?
    }
    Ok(Verdict::fine_if(outcome.sound()))
}

/// All that the demo has to tell.
struct Outcome {
    seed: u64,
    folder: PathBuf,
    day: Day,
    generated_s: f64,
    imported: ImportReport,
    bars: Vec<BarCount>,
    report: Report,
    replayed: ReplayReport,
    account: Account,
    seconds: f64,
}

/// Bars of one timeframe.
#[derive(Clone, Copy, Debug)]
struct BarCount {
    tf: Timeframe,
    bars: u64,
    revisions: u64,
}

impl Outcome {
    /// Whether everything is accounted for and the replay agrees.
    fn sound(&self) -> bool {
        self.replayed.differences == 0 && self.account.open() == 0
    }

    fn as_json(&self) -> serde_json::Value {
        let bars: serde_json::Map<_, _> = self.bars.iter().map(|b| (b.tf.name().to_owned(), b.bars.into())).collect();
        json!({
            "seed": self.seed,
            "digest": self.replayed.digest,
            "date": DATE,
            "data_dir": self.folder,
            "ticks": self.imported.events,
            "rejected": self.imported.rejected,
            "bars": bars,
            "orders": 0,
            "fills": 0,
            "pnl_by_pair": {},
            "recon": {"before": self.report, "after": null},
            "replay": self.replayed,
            "faults": self.account,
            "seconds": self.seconds,
        })
    }
}

/// A folder that is not there yet, or is empty: a demo never mixes with a tape of yours.
fn folder(asked: Option<PathBuf>, seed: u64) -> Result<PathBuf> {
    let folder = match asked {
        Some(folder) => {
            let taken = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
            if taken {
                bail!("{} is not empty: the demo wants a folder of its own, name another", folder.display());
            }
            folder
        }
        None => {
            let named = |n: u32| std::env::temp_dir().join(format!("barkeep-demo-{seed}-{n}"));
            (1..).map(named).find(|folder| !folder.exists()).unwrap_or_else(std::env::temp_dir)
        }
    };
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

fn generate(args: &Args) -> Result<Day> {
    let DayKind::Session(calendar) = Calendar::builtin()?.day(DATE)? else { bail!("{DATE} is no session") };
    let spans: Vec<(Phase, Ts, Ts)> = calendar
        .classes
        .first()
        .map(|class| class.phases.iter().map(|span| (span.phase, span.start, span.end)).collect())
        .unwrap_or_default();
    let of =
        |wanted: Phase| spans.iter().filter(move |(phase, _, _)| *phase == wanted).map(|(_, from, to)| (*from, *to));
    let mut plan = DayPlan::new(args.seed, DATE, of(Phase::Continuous).collect(), of(Phase::PreOpen).next());
    plan.instruments = args.instruments;
    Ok(Day::generate(&plan))
}

fn write(path: &PathBuf, fill: impl FnOnce(BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    fill(BufWriter::new(File::create(path).with_context(failed)?)).with_context(failed)
}

/// The command of a line, as if a user had typed it.
fn typed(words: &[String]) -> Result<Command> {
    let line = std::iter::once("barkeep".to_owned()).chain(words.iter().cloned());
    Ok(Cli::try_parse_from(line)?.command)
}

/// First editions and revisions of each timeframe.
fn count_bars(tape: &Tape, from: Seq) -> Result<Vec<BarCount>> {
    let mut counts: Vec<BarCount> =
        Timeframe::ALL.into_iter().map(|tf| BarCount { tf, bars: 0, revisions: 0 }).collect();
    for event in tape.scan(from, None, &Filter::kinds([EventKind::Bar])) {
        let (_, Event::Derived(Derived::Bar(bar))) = event? else { continue };
        if let Some(count) = counts.get_mut(usize::from(bar.tf.index())) {
            count.bars += u64::from(bar.revision == 0);
            count.revisions += u64::from(bar.revision > 0);
        }
    }
    Ok(counts)
}
