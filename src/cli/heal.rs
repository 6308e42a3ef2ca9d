//! `barkeep heal`: corrections that follow from a reconciliation, planned, made or taken back.
//!
//! What it is: the plan of [`crate::monitoring::recon_autoheal`], by the door onto the tape, and the comparison made again.
//! What it never does: overwrite a bar, ask the broker, take away a bar that the engine made, or write without `--apply`.

mod again;
mod text;
mod work;

use std::time::Instant;

use anyhow::{Result, bail};
use barkeep_schemas::{BarCorrection, HealAction, HealRun, Input, InstrumentId, Ohlcv, ReconCause, ReconStatus, Seq};
use barkeep_schemas::{FeedId, Instrument, SessionDate, Timeframe};
use barkeep_storage::Tape;
use serde::Serialize;

use self::again::Again;
use self::work::Work;
use super::screen::{self, say, say_json};
use super::{Context, Verdict, moment};
use crate::monitoring::recon_autoheal::{Followed, Left, Planned, WhyLeft, whole_second};
use crate::orchestrator::appliance::Pace;
use crate::orchestrator::door::{Access, Door};
use crate::orchestrator::pairs_paper_entry::Clock;
use crate::orchestrator::replay::what_if::{WhatIf, with_corrections};

/// Events of the one transaction in which a run lies where no daemon has the tape.
const COMMIT_EVENTS: usize = 1 << 17;

/// Correct our bars of a day by the broker's
///
/// Follows the newest reconciliation of the date: says of every minute that differed whether the broker's bar is taken and
/// why, by the policy in [heal] of the configuration, which coarser bars are made again from the minutes, and which signals
/// and orders would have been others (they stay as they are). Nothing is written without --apply. A correction is a new edition beside the old ones; --revert takes a run back, and is planned
/// and applied the same way. Exit code 1 while any bar outside tolerance is not healed, 2 where nothing may be done.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep recon --date 2026-07-31 --source candles.csv
  barkeep heal --date 2026-07-31            # the plan
  barkeep heal --date 2026-07-31 --apply    # and recon again
  barkeep heal --date 2026-07-31 --revert 48211 --apply")]
pub struct Args {
    /// Date of the session, in its calendar's zone
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: String,
    /// Make the corrections
    #[arg(long)]
    pub apply: bool,
    /// Overrule what speaks against it, except where a day would shrink or raw bars would be mixed with adjusted ones
    #[arg(long, conflicts_with = "revert")]
    pub force: bool,
    /// Take a run of the healer back
    #[arg(long, value_name = "RUN", conflicts_with = "run")]
    pub revert: Option<u64>,
    /// Which session of that date [default: the one reconciled last]
    #[arg(long, value_name = "K")]
    pub run: Option<u32>,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The run of the healer; absent for a plan, and where nothing was to be done.
    pub run_id: Option<Seq>,
    /// The date.
    pub date: SessionDate,
    /// Which session of the date; 0 where it has none.
    pub session_run: u32,
    /// The reconciliation followed.
    pub recon: Seq,
    /// What it covers: symbols, hours and tolerance, for people.
    pub covers: String,
    /// Whether corrections were made.
    pub applied: bool,
    /// The run taken back.
    pub reverts: Option<Seq>,
    /// Corrections: minutes first, then what is made from them.
    pub corrections: Vec<CorrectionRow>,
    /// Differences that are left.
    pub left: Vec<LeftRow>,
    /// Differences that are in order by now.
    pub in_order: u64,
    /// Coarser bars over corrected minutes that stay as they are, since the date has no session that says how they are cut.
    pub coarse_left: u64,
    /// What speaks against it.
    pub refusals: Vec<RefusalRow>,
    /// The policy, as it goes onto the tape.
    pub policy: String,
    /// The comparison made again.
    pub again: Option<Again>,
    /// What the desk would have done with the bars as they are then; absent where the session has no desk, or no close
    /// would be another.
    pub what_if: Option<WhatIf>,
    /// Milliseconds that the whole took.
    pub millis: u64,
}

/// A correction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CorrectionRow {
    /// Whose.
    pub symbol: String,
    /// Start of the bar, epoch seconds UTC.
    pub ts: i64,
    /// Its timeframe.
    pub tf: Timeframe,
    /// What is done.
    pub action: HealAction,
    /// Why the bars differed; absent for what follows from others.
    pub cause: Option<ReconCause>,
    /// The edition before.
    pub before: Option<Ohlcv>,
    /// The edition from then on.
    pub after: Option<Ohlcv>,
    /// Its revision.
    pub revision: u16,
    /// Where the broker's bar lies that is taken.
    pub source: Option<Seq>,
}

/// A difference that is left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LeftRow {
    /// Whose.
    pub symbol: String,
    /// Start of the minute, epoch seconds UTC.
    pub ts: i64,
    /// How it failed.
    pub status: ReconStatus,
    /// Why.
    pub cause: ReconCause,
    /// Why it is left, in a word.
    pub why: String,
    /// The same as a sentence.
    pub text: String,
    /// From when a second fetch counts, epoch seconds UTC; absent where none is waited for.
    pub again_from: Option<i64>,
}

/// What speaks against it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RefusalRow {
    /// In a word.
    pub why: String,
    /// As a sentence.
    pub text: String,
    /// Whether --force overruled it.
    pub overruled: bool,
}

/// Runs the command.
///
/// # Errors
/// When there is no reconciliation to follow, something speaks against the corrections, or the tape cannot be read or
/// written.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let report = heal(args, context)?;
    if args.json {
        say_json(&report)?;
    } else {
        say(text::report(&report, &Flags::of(args, context)))?;
    }
    let standing: Vec<&str> =
        report.refusals.iter().filter(|refusal| !refusal.overruled).map(|refusal| refusal.text.as_str()).collect();
    if !standing.is_empty() {
        bail!("nothing is healed: {}", standing.join("; "));
    }
    Ok(Verdict::fine_if(report.unhealed() == 0))
}

/// What a command about the same tape must be told beside the date.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Flags {
    /// The session's run, where one was asked for; a run of the healer names its own.
    run: String,
    /// The folder of the tape, where the configuration names another.
    dir: String,
}

impl Flags {
    fn of(args: &Args, context: &Context) -> Self {
        let run = args.run.map_or_else(String::new, |run| format!(" --run {run}"));
        let root = context.dir.root();
        let elsewhere = root != context.config.data_dir.as_path();
        let dir = elsewhere.then(|| format!(" --data-dir {}", screen::quoted(&root.display().to_string())));
        Self { run, dir: dir.unwrap_or_default() }
    }
}

impl Report {
    /// Bars outside tolerance that are not healed: what the comparison made again found, else what the plan holds.
    fn unhealed(&self) -> u64 {
        let planned = self.corrections.iter().filter(|row| row.tf == Timeframe::M1).count() + self.left.len();
        self.again.as_ref().map_or(planned as u64, |again| again.unhealed)
    }

    fn refused(&self) -> bool {
        self.refusals.iter().any(|refusal| !refusal.overruled)
    }
}

/// Heals without printing. A report with a refusal that was not overruled: nothing was written.
pub(super) fn heal(args: &Args, context: &Context) -> Result<Report> {
    let began = Instant::now();
    let date = moment::date(&args.date)?;
    let (mut report, work) = if args.apply {
        let pace = Pace { commit_events: COMMIT_EVENTS, ..Pace::from(&context.config.tape) };
        let mut door = Door::open(&context.dir, pace, "heal", Access::Records)?;
        let run_id = door.durable()?;
        // The error of the work goes before that of the door.
        let done = applied(args, context, date, run_id, &mut door)?;
        door.close()?;
        done
    } else {
        let work = Work::read(&Tape::open(&context.dir)?, date, args, context)?;
        (planned(&work, args), work)
    };
    if !report.refused() && !report.corrections.is_empty() {
        report.what_if = what_if(work, context)?;
    }
    report.millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// Makes the corrections, and compares again where bars have changed since the reconciliation.
fn applied(args: &Args, context: &Context, date: SessionDate, run_id: Seq, door: &mut Door) -> Result<(Report, Work)> {
    let work = Work::read(&Tape::open(&context.dir)?, date, args, context)?;
    let mut report = planned(&work, args);
    if report.refused() {
        return Ok((report, work));
    }
    if !work.plan.corrections.is_empty() {
        record(&work, &report, run_id, door)?;
        report.run_id = Some(run_id);
        report.applied = true;
    }
    if report.applied || report.in_order > 0 {
        let mut again = again::compared(&work, context, door)?;
        if again.unhealed > 0 && args.revert.is_none() {
            // The sums of the day have moved: what passed by them before may be told now.
            let next = Work::read(&Tape::open(&context.dir)?, date, args, context)?;
            let refused = next.plan.refusals.iter().any(|refusal| !(args.force && refusal.may_be_forced()));
            let minutes = next.plan.corrections.iter().filter(|bar| bar.key.0 == Timeframe::M1);
            again.healable = if refused { 0 } else { minutes.count() as u64 };
        }
        report.again = Some(again);
    }
    Ok((report, work))
}

/// The session with the bars as healed: which orders and signals would have been others. Touches nothing.
fn what_if(work: Work, context: &Context) -> Result<Option<WhatIf>> {
    let Some(segment) = work.segment.filter(|_| !work.closes.is_empty()) else { return Ok(None) };
    let events = segment.end().0.saturating_sub(segment.first_seq.0);
    let bar = screen::progress(events, "what if");
    let tape = Tape::open(&context.dir)?;
    let what_if = with_corrections(&tape, &segment, work.closes, |read| bar.set_position(read));
    bar.finish_and_clear();
    Ok(Some(what_if?))
}

fn planned(work: &Work, args: &Args) -> Report {
    let refusals = work.plan.refusals.iter().map(|refusal| RefusalRow {
        why: refusal.to_string(),
        text: refusal.sentence(moment::ist_clock),
        overruled: args.force && refusal.may_be_forced(),
    });
    Report {
        run_id: None,
        date: work.followed.run.session_date,
        session_run: work.followed.run.session_run,
        recon: work.followed.run.run_id,
        covers: covers(&work.followed),
        applied: false,
        reverts: args.revert.map(Seq),
        corrections: work.plan.corrections.iter().map(|bar| correction_row(work, bar)).collect(),
        left: work.plan.left.iter().map(|left| left_row(work, left)).collect(),
        in_order: work.plan.in_order,
        coarse_left: work.coarse_left,
        refusals: refusals.collect(),
        policy: work.policy.clone(),
        again: None,
        what_if: None,
        millis: 0,
    }
}

/// What a reconciliation looked at: who heals after a narrow one is to see that it was.
fn covers(followed: &Followed) -> String {
    let run = &followed.run;
    let symbols = match (followed.symbols.len(), followed.symbols.iter().next()) {
        (1, Some(symbol)) => symbol.to_owned(),
        (count, _) => screen::counted(count as u64, "symbol"),
    };
    let (from, to) = (moment::ist_clock(run.from), moment::ist_clock(run.to));
    format!("{symbols}, {} bars, {from} to {to} IST, tolerance {}", screen::count(run.compared), run.tolerance)
}

fn correction_row(work: &Work, bar: &Planned) -> CorrectionRow {
    let (tf, symbol, start) = bar.key;
    CorrectionRow {
        symbol: work.followed.symbols.name(symbol).unwrap_or_default().to_owned(),
        ts: start.secs(),
        tf,
        action: bar.action,
        cause: bar.cause,
        before: bar.before.clone(),
        after: bar.after.clone(),
        revision: bar.revision,
        source: bar.source,
    }
}

fn left_row(work: &Work, left: &Left) -> LeftRow {
    LeftRow {
        symbol: work.followed.symbols.name(left.symbol).unwrap_or_default().to_owned(),
        ts: left.start.secs(),
        status: left.status,
        cause: left.cause,
        why: left.why.to_string(),
        text: left.why.sentence(moment::ist_clock),
        again_from: match left.why {
            WhyLeft::FetchedOnce { again_from } => Some(whole_second(again_from).secs()),
            WhyLeft::NoBrokerBar
            | WhyLeft::Policy
            | WhyLeft::Cause
            | WhyLeft::BrokerRevised
            | WhyLeft::Moved
            | WhyLeft::NoSource
            | WhyLeft::OutsideHours
            | WhyLeft::NotInSession => None,
        },
    }
}

/// The number of a symbol in the open segment.
fn number(work: &Work, symbol: &str, door: &mut Door) -> Result<InstrumentId> {
    let Some(known) = work.followed.instruments.get(symbol) else {
        bail!("the tape does not list {symbol} where its reconciliation lies: run recon again");
    };
    Ok(door.instrument(Instrument { feed: FeedId(0), ..known.clone() })?)
}

/// Puts the run and its corrections onto the tape.
fn record(work: &Work, report: &Report, run_id: Seq, door: &mut Door) -> Result<()> {
    let run = &work.followed.run;
    if door.standing()?.segment.is_none() {
        door.begin_segment(run.session_date)?;
    }
    let mut events = Vec::with_capacity(work.plan.corrections.len() + 1);
    events.push(Input::HealRun(Box::new(HealRun {
        run_id,
        recon: run.run_id,
        session_date: run.session_date,
        session_run: run.session_run,
        policy: report.policy.clone(),
        corrections: work.plan.corrections.len() as u64,
        left: work.plan.left.len() as u64,
        reverts: report.reverts,
        at: Some(Clock::host().now()),
    })));
    for bar in &work.plan.corrections {
        let (tf, symbol, start) = bar.key;
        let instrument = number(work, work.followed.symbols.name(symbol).unwrap_or_default(), door)?;
        events.push(Input::BarCorrection(Box::new(BarCorrection {
            run_id,
            session_date: run.session_date,
            session_run: run.session_run,
            instrument,
            tf,
            start,
            action: bar.action,
            cause: bar.cause,
            before: bar.before.clone(),
            after: bar.after.clone(),
            revision: bar.revision,
            source: bar.source,
        })));
    }
    events.into_iter().try_for_each(|event| door.input(event))?;
    door.durable()?;
    Ok(())
}

#[cfg(test)]
mod tests;
