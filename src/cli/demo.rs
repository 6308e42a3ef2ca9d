//! `barkeep demo`: the main job on nothing but the embedded tape.
//!
//! What it is: a simulated broker and the daemon over loopback for a whole day, faults included, pairs traded on paper; then
//! the very commands that a user would type, and an account of every fault. What it never does: skip a command's own road, or count a
//! fault that nobody saw.

mod live;
mod pairs;
mod recorded;
mod text;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{Derived, Event, EventKind, FeedHappening, GapCause, Input, NANOS, SessionDate, Timeframe};
use barkeep_storage::{DataDir, Filter, SegmentInfo, Tape};
use clap::Parser as _;
use serde_json::json;

use self::live::Lived;
use self::pairs::Trading;
use super::account::{Account, Watchdogs, read_ledger};
use super::screen::{say, say_json};
use super::{Cli, Command, Context, Verdict, heal, recon};
use crate::monitoring::daily_recon::Report;
use crate::orchestrator::config::FeedConfig;
use crate::orchestrator::replay::{ReplayReport, replay};

/// Show the main job: a simulated day with faults, lived through live, reconciled and replayed
///
/// Starts a simulated Kite and the daemon, connected by real sockets in the simulator's time: login, list of instruments,
/// feed, faults, bars, pairs on paper, close. Then it reconciles with the broker's candles, verifies the replay and accounts for every
/// fault. Needs nothing but a folder; the same seed gives the same digest.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep demo
  barkeep demo --seed 7 --instruments 50 --json")]
pub struct Args {
    /// What the day is drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many instruments trade, 1 to 200
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=200))]
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
    let lived = live::day(args, DATE, &folder, &context)?;
    let line = ["recon", "--date", &DATE.to_string(), "--source", &lived.candles.display().to_string()];
    let Command::Recon(recon_args) = typed(&line.map(str::to_owned))? else {
        bail!("the demo's own command line is no command");
    };
    let recon::Outcome { report, differences, .. } = recon::reconcile(&recon_args, &context)?;
    let line = ["heal", "--date", &DATE.to_string(), "--apply"];
    let Command::Heal(heal_args) = typed(&line.map(str::to_owned))? else {
        bail!("the demo's own command line is no command");
    };
    let healed = heal::heal(&heal_args, &context)?;
    let recon::Outcome { report: after, .. } = recon::reconcile(&recon_args, &context)?;
    let tape = Tape::open(&context.dir)?;
    let segment = tape.segment_of(DATE, None).context("the demo's session is not on its tape")?;
    let replayed = replay(&tape, segment, true, |_| {})?;
    let watchdogs = watchdogs(&context.config.feed);
    let account = Account::of(&read_ledger(&lived.ledger)?, &tape, segment, watchdogs, &differences)?;
    let ticks = recorded::write(&tape, segment, &folder.join("ticks.csv"))?;
    let counts = Counts { ticks, ..Counts::of(&tape, segment)? };
    let trading = Trading::of(&tape, segment)?;
    let seconds = started.elapsed().as_secs_f64();
    let seed = args.seed;
    let outcome = Outcome { seed, folder, lived, counts, trading, report, healed, after, replayed, account, seconds };
    if args.json {
        say_json(&outcome.as_json())?
    } else {
        say(text::report(&outcome))?
    }
    Ok(Verdict::fine_if(outcome.sound()))
}

/// The limits by which the day was watched.
fn watchdogs(feed: &FeedConfig) -> Watchdogs {
    Watchdogs {
        mute_ns: i64::from(feed.mute_s) * NANOS,
        silent_ns: i64::from(feed.silent_s) * NANOS,
        skew_ns: i64::from(feed.skew_ms) * (NANOS / 1_000),
        quantum_ns: i64::from(live::QUANTUM_MS) * (NANOS / 1_000),
    }
}

/// All that the demo has to tell.
struct Outcome {
    seed: u64,
    folder: PathBuf,
    lived: Lived,
    counts: Counts,
    trading: Trading,
    report: Report,
    healed: heal::Report,
    /// The reconciliation after the corrections.
    after: Report,
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

/// What the day left on the tape.
#[derive(Clone, Debug)]
struct Counts {
    ticks: u64,
    bytes: u64,
    events: u64,
    bars: Vec<BarCount>,
    /// Interruptions of the feed by cause, in the order of the causes.
    gaps: Vec<(GapCause, u64)>,
    reconnects: u64,
}

impl Outcome {
    /// Whether everything is accounted for, money too, and the replay agrees.
    fn sound(&self) -> bool {
        let account = &self.account;
        let better = self.after.unhealed <= self.report.unhealed;
        let explained = account.open.is_empty() && account.unexplained == 0;
        self.replayed.differences == 0 && explained && better && self.trading.balances()
    }

    fn as_json(&self) -> serde_json::Value {
        let bars: serde_json::Map<_, _> =
            self.counts.bars.iter().map(|b| (b.tf.name().to_owned(), b.bars.into())).collect();
        let gaps: serde_json::Map<_, _> =
            self.counts.gaps.iter().map(|(cause, count)| (cause.name().to_owned(), (*count).into())).collect();
        json!({
            "seed": self.seed,
            "digest": self.replayed.digest,
            "date": DATE,
            "data_dir": self.folder,
            "ticks": self.counts.ticks,
            "gaps": gaps,
            "bars": bars,
            "orders": self.trading.orders,
            "fills": self.trading.fills,
            "rejected": self.trading.rejected,
            "resized": self.trading.resized,
            "not_followed": self.trading.not_followed,
            "pnl_by_pair": self.trading.by_pair(),
            "recon": {"before": self.report, "after": self.after},
            "heal": self.healed,
            "replay": self.replayed,
            "faults": self.account.entries,
            "open": self.account.open,
            "seconds": self.seconds,
        })
    }
}

impl Counts {
    fn of(tape: &Tape, segment: &SegmentInfo) -> Result<Self> {
        let bars = Timeframe::ALL.into_iter().map(|tf| BarCount { tf, bars: 0, revisions: 0 }).collect();
        let bytes = segment.file_bytes;
        let events = segment.end().0.saturating_sub(segment.first_seq.0);
        let mut counts = Self { ticks: 0, bytes, events, bars, gaps: Vec::new(), reconnects: 0 };
        for event in
            tape.scan_segment(segment, &Filter::kinds([EventKind::Bar, EventKind::FeedGap, EventKind::FeedReport]))
        {
            match event?.1 {
                Event::Derived(Derived::Bar(bar)) => {
                    if let Some(count) = counts.bars.get_mut(usize::from(bar.tf.index())) {
                        count.bars += u64::from(bar.revision == 0);
                        count.revisions += u64::from(bar.revision > 0);
                    }
                }
                Event::Input(Input::FeedGap(gap)) => {
                    match counts.gaps.iter_mut().find(|(cause, _)| *cause == gap.cause) {
                        Some((_, count)) => *count += 1,
                        None => counts.gaps.push((gap.cause, 1)),
                    }
                }
                Event::Input(Input::FeedReport(report)) => {
                    counts.reconnects += u64::from(report.what == FeedHappening::Connected);
                }
                Event::Input(_) | Event::Derived(_) => {}
            }
        }
        counts.gaps.sort_by_key(|(cause, _)| cause.name());
        counts.reconnects = counts.reconnects.saturating_sub(1);
        Ok(counts)
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

/// The command of a line, as if a user had typed it.
fn typed(words: &[String]) -> Result<Command> {
    let line = std::iter::once("barkeep".to_owned()).chain(words.iter().cloned());
    Ok(Cli::try_parse_from(line)?.command)
}
