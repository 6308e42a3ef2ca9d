//! `barkeep kill-switch`: stops the pairs desk, and lets it go on.
//!
//! What it is: an operator's command as an input by the door, with a daemon or without one. What it never does: touch an
//! order itself: the engine does, for this reason, on the tape.

use anyhow::{Result, bail};
use barkeep_schemas::{Input, OperatorAction, OperatorCommand, Seq};
use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::screen::{say, say_json};
use super::{Context, Verdict, moment};
use crate::orchestrator::appliance::Pace;
use crate::orchestrator::door::{Access, Door};
use crate::orchestrator::kill_file::{self, KillFile};
use crate::orchestrator::pairs_paper_entry::Clock;

/// The longest reason, in bytes: it goes onto the tape, into the log and onto screens.
const REASON_MAX: usize = 500;

/// Stop the pairs desk: no new entries, working entry orders cancelled; or let it go on
///
/// Goes onto the tape, with the daemon up or not. A switch that is on stays on over nights and restarts until it is thrown
/// off, with a reason. Orders that reduce a position are never stopped.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep kill-switch on --reason 'results at noon'
  barkeep kill-switch on --bucket HIGH --flatten --reason 'spreads run away'
  barkeep kill-switch off --reason 'prices are sound again'")]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Throw the switch
    On {
        /// How far
        #[command(flatten)]
        scope: Scope,
        /// Close positions too
        #[arg(long)]
        flatten: bool,
    },
    /// Throw it off
    Off {
        /// How far
        #[command(flatten)]
        scope: Scope,
    },
}

/// What the switch is about, and why it is thrown.
#[derive(Clone, Debug, clap::Args)]
pub struct Scope {
    /// One bucket of pairs alone [default: the whole account]
    #[arg(long, value_enum, ignore_case = true)]
    pub bucket: Option<Bucket>,
    /// Why, in your words
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// A risk bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Bucket {
    /// The least risk.
    Low,
    /// Between.
    Med,
    /// The most risk.
    High,
}

/// What came of it.
#[derive(Serialize)]
struct Report {
    seq: Seq,
    action: OperatorAction,
    bucket: Option<&'static str>,
    flatten: bool,
    reason: String,
    /// Whether a live session is open, in which it took effect at once.
    session_open: bool,
}

/// Runs the command.
///
/// # Errors
/// When the reason is none, the tape cannot take it, or the kill file holds the switch on.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let (action, scope, flatten) = match &args.what {
        What::On { scope, flatten } => (OperatorAction::KillOn, scope, *flatten),
        What::Off { scope } => (OperatorAction::KillOff, scope, false),
    };
    let reason = scope.reason.trim();
    if reason.is_empty() || reason.len() > REASON_MAX || reason.chars().any(char::is_control) {
        bail!("--reason {:?}: expected 1 to {REASON_MAX} bytes of plain text on one line", scope.reason);
    }
    let bucket = scope.bucket.map(|bucket| match bucket {
        Bucket::Low => barkeep_schemas::Bucket::Low.name(),
        Bucket::Med => barkeep_schemas::Bucket::Med.name(),
        Bucket::High => barkeep_schemas::Bucket::High.name(),
    });
    if action == OperatorAction::KillOff
        && let Some(path) = &context.config.risk.kill_file
        && let KillFile::On(why) = kill_file::look(path)
    {
        bail!("{why}, and holds the kill switch on: take the file away first");
    }
    let now = Clock::host().now();
    let mut door = Door::open(&context.dir, Pace::from(&context.config.tape), "kill-switch", Access::Operator)?;
    let standing = door.standing()?;
    if standing.segment.is_none() {
        door.begin_segment(moment::ist_date(now))?;
    }
    let command = OperatorCommand {
        action,
        bucket: bucket.map(str::to_owned),
        flatten,
        reason: reason.to_owned(),
        uid: rustix::process::geteuid().as_raw(),
        ts: now,
    };
    let seq = door.place(Input::OperatorCommand(Box::new(command)))?;
    door.close()?;
    let session_open = standing.live_session().is_some();
    let report = Report { seq, action, bucket, flatten, reason: reason.to_owned(), session_open };
    if scope.json {
        say_json(&report)?;
    } else {
        say(words(&report))?;
    }
    Ok(Verdict::Fine)
}

fn words(report: &Report) -> String {
    let state = match report.action {
        OperatorAction::KillOn => "on",
        OperatorAction::KillOff => "off",
    };
    let whose = report.bucket.map_or_else(|| "the whole account".to_owned(), |bucket| format!("bucket {bucket}"));
    let when = if report.session_open { "" } else { "; no session is open: so it is when the next one opens" };
    format!("the kill switch of {whose} is {state}: event {}{when}", report.seq)
}
