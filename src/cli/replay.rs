//! `barkeep replay`: a recorded session through today's engine.

pub(in crate::cli) mod why;

use anyhow::{Result, bail};
use barkeep_storage::{SegmentInfo, Tape};

use super::screen::{self, count, say, say_json};
use super::{Context, Verdict, moment};
use crate::orchestrator::replay::what_if::Settings;
use crate::orchestrator::replay::{ReplayReport, replay};

/// Re-run the engine over a recorded session
///
/// With --verify every derived event is compared with the tape: zero differences, or the first one field by field. With
/// --until it stops at the first event of which an expression holds and shows what stands around it; exit code 1 when it
/// never holds. With --set it shows what other settings of the desk would have made of the session, beside the record.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep replay --verify                     the newest session, compared
  barkeep replay --date 2021-06-04 --verify --json
  barkeep replay --until 'order.status == \"REJECTED\"'
  barkeep replay --until 'pair.zscore > 3 and pair.id == \"INFY_TCS_5m\"'
  barkeep replay --set risk.max_order=50000 --diff

Expressions compare fields with \"text\" and numbers (== != < <= > >=), joined by
and, or, not and parentheses. A wrong field is answered with those there are,
and so is a wrong key of --set.")]
pub struct Args {
    /// Trading date of the session [default: the newest session]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<String>,
    /// Which session of that date [default: the newest]
    #[arg(long, value_name = "K")]
    pub run: Option<u32>,
    /// Compare every derived event with the tape
    #[arg(long)]
    pub verify: bool,
    /// Stop at the first event of which this holds, and show it
    #[arg(long, value_name = "EXPR", conflicts_with_all = ["verify", "accept_behaviour", "diff"])]
    pub until: Option<String>,
    /// A setting of the desk in place of the recorded one; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with_all = ["verify", "accept_behaviour"])]
    pub settings: Vec<String>,
    /// Compare what the settings make with the record; so does --set without --until
    #[arg(long, requires = "settings")]
    pub diff: bool,
    /// Accept a tape of this behaviour number: differences are counted and do not fail
    #[arg(long, value_name = "N")]
    pub accept_behaviour: Option<u32>,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// The segment of a session as asked for: by date and run, else the newest that has events.
///
/// # Errors
/// When there is no such segment; the message names those that are there.
pub fn segment<'a>(tape: &'a Tape, date: Option<&str>, run: Option<u32>) -> Result<&'a SegmentInfo> {
    let date = date.map(moment::date).transpose()?;
    let found = match date {
        Some(date) => tape.segment_of(date, run),
        None if run.is_some() => bail!("--run needs --date: a run is one session of a date"),
        None => tape.segments().iter().rev().find(|segment| segment.last_seq.is_some()),
    };
    if let Some(segment) = found {
        return Ok(segment);
    }
    let there: Vec<String> =
        tape.segments().iter().rev().take(8).map(|s| format!("{}.{}", s.name.date, s.name.run)).collect();
    let Some(date) = date.filter(|_| !there.is_empty()) else {
        bail!("the tape is empty: import a file or run the demo first");
    };
    let run = run.map(|run| format!(" run {run}")).unwrap_or_default();
    bail!("no session of {date}{run} on the tape; the newest there: {}", there.join(", "))
}

/// Runs the command.
///
/// # Errors
/// When the tape cannot be read or holds no such session.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let tape = Tape::open(&context.dir)?;
    let segment = segment(&tape, args.date.as_deref(), args.run)?;
    let settings = Settings::parse(&args.settings)?;
    let events = segment.last_seq.map_or(0, |last| last.0 + 1 - segment.first_seq.0);
    if let Some(until) = &args.until {
        return why::until(&tape, segment, until, &settings, events, args.json);
    }
    if !settings.is_empty() {
        return why::what_if(&tape, segment, &settings, events, args.json);
    }
    let bar = screen::progress(events, if args.verify { "verifying" } else { "replaying" });
    let report = replay(&tape, segment, args.verify, |read| bar.set_position(read));
    bar.finish_and_clear();
    let report = report?;
    if args.json {
        say_json(&report)?
    } else {
        say(as_text(&report))?
    }
    let accepted = args.accept_behaviour == Some(report.behaviour) && report.behaviour != report.engine_behaviour;
    let same = report.differences == 0 && report.after_close.differences == 0;
    Ok(Verdict::fine_if(!args.verify || same || accepted))
}

fn as_text(report: &ReplayReport) -> String {
    let rate = (report.inputs + report.derived) as f64 / report.seconds.max(1e-9);
    let mut lines = vec![
        format!("Session {} run {}, {}", report.date, report.run, if report.closed { "closed" } else { "still open" }),
        format!(
            "  {} inputs, {} derived events, in {:.2} s ({} events/s)",
            count(report.inputs),
            count(report.derived),
            report.seconds,
            count(rate as u64)
        ),
        format!("  digest {}", report.digest),
        format!("  after the close: {} events", count(report.after_close.events)),
    ];
    if report.behaviour != report.engine_behaviour {
        lines.push(format!("  behaviour {} -> {}", report.behaviour, report.engine_behaviour));
    }
    if report.verified {
        lines.push(verdict(report));
    }
    if let Some(first) = &report.first {
        lines.push(format!("  first at seq {} ({}), derived from input {}:", first.seq, first.kind(), first.cause));
        lines.extend(first.fields().lines().map(|line| format!("    {line}")));
    }
    lines.join("\n")
}

fn verdict(report: &ReplayReport) -> String {
    let total = report.differences + report.after_close.differences;
    if total == 0 {
        return "Verified: the engine derives every event again, bit for bit. 0 differences.".to_owned();
    }
    let kinds: Vec<String> =
        report.differences_by_kind.iter().map(|(kind, number)| format!("{kind} {}", count(*number))).collect();
    format!(
        "DIVERGED: {} differences in the session ({}), {} after the close",
        count(report.differences),
        if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") },
        count(report.after_close.differences)
    )
}
