//! `barkeep tape restore`: a backup back into an empty data directory, as planned and printed.
//!
//! Never overwrites a tape. Called by [`super::run`].

use std::path::PathBuf;

use anyhow::Result;
use barkeep_schemas::Seq;
use barkeep_storage::restore::RestorePlan;
use serde::Serialize;

use super::drill;
use crate::cli::{Context, Verdict, screen};

/// Checks a backup and plans its restore; restores it with --apply
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every file is hashed before and after it is copied. The data directory must have no tape; the \
tape appears in it in one step, at the end. Exit code 1 when the backup is damaged: nothing is restored then. A drill \
restores into a folder of its own, verifies the tape, replays every session with verify and removes the folder; exit code \
1 when anything is wrong.

Examples:
  barkeep tape restore --from /mnt/backup --data-dir restored
  barkeep tape restore --from /mnt/backup --data-dir restored --apply"
)]
pub struct Args {
    /// The backup's folder
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// Carry the plan out
    #[arg(long, conflicts_with = "drill")]
    pub apply: bool,
    /// Restore elsewhere, verify, replay and remove: is the backup any good?
    #[arg(long)]
    pub drill: bool,
    /// Make the drill's folder in this one [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR", requires = "drill")]
    pub into: Option<PathBuf>,
    /// Replay the newest session alone
    #[arg(long, requires = "drill")]
    pub newest: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    applied: bool,
    from: PathBuf,
    to: PathBuf,
    segments: Vec<String>,
    snapshots: Vec<u64>,
    first_seq: Option<Seq>,
    last_seq: u64,
    bytes: u64,
    faults: Vec<Fault>,
}

#[derive(Serialize)]
struct Fault {
    path: PathBuf,
    why: String,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Verdict> {
    if args.drill {
        return drill::run(&args.from, args.into.as_deref(), args.newest, args.json);
    }
    let bar = screen::spinner("checking");
    let plan = RestorePlan::make(&args.from, &context.dir, |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let plan = plan?;
    if !args.json {
        screen::say(text(&plan, args, context))?;
    }
    let sound = plan.faults().is_empty();
    if args.apply && sound {
        // Each file is written and read again.
        let bar = screen::progress(plan.manifest().bytes().saturating_mul(2), "restoring");
        let restored = plan.apply("tape restore", |bytes| bar.inc(bytes));
        bar.finish_and_clear();
        restored?;
    }
    if args.json {
        screen::say_json(&report(&plan, args, context))?;
    } else {
        screen::say(closing(&plan, args, context))?;
    }
    Ok(Verdict::fine_if(sound))
}

fn text(plan: &RestorePlan, args: &Args, context: &Context) -> String {
    let manifest = plan.manifest();
    let segments = manifest.segments.iter();
    let names: Vec<&str> = segments.map(|copy| copy.name.strip_suffix(".redb").unwrap_or(&copy.name)).collect();
    let range = match (names.first(), names.last()) {
        (Some(first), Some(last)) if names.len() > 1 => format!("{} segments, {first} to {last}", names.len()),
        (Some(first), _) => format!("segment {first}"),
        (None, _) => "no segment".to_owned(),
    };
    let mut out = format!(
        "Restore of {} into {}\n\n  tape       {range}, {}\n  snapshots  {}\n  bytes      {}",
        args.from.display(),
        context.dir.root().display(),
        match manifest.first_seq() {
            Some(first) => format!("seq {first} to {}", manifest.last_seq),
            None => "without events".to_owned(),
        },
        manifest.snapshots.len(),
        screen::bytes(manifest.bytes()),
    );
    for file in plan.stale_snapshots() {
        out.push_str(&format!("\n  removes    snapshots/{file}, of a tape that is gone"));
    }
    out
}

fn closing(plan: &RestorePlan, args: &Args, context: &Context) -> String {
    let faults = plan.faults();
    if !faults.is_empty() {
        let lines: Vec<String> =
            faults.iter().map(|fault| format!("  {} {}", fault.path.display(), fault.why)).collect();
        return format!("\nDAMAGED: nothing was restored. Use another backup.\n{}", lines.join("\n"));
    }
    if args.apply {
        let dir = context.dir.root().display();
        return format!("\nRestored. To see that it is whole:\n  barkeep tape verify --data-dir {dir}");
    }
    "\nEvery file of the backup is what its manifest says.\nNothing was restored: add --apply.".to_owned()
}

fn report(plan: &RestorePlan, args: &Args, context: &Context) -> Report {
    let manifest = plan.manifest();
    let faults = plan.faults().iter();
    Report {
        applied: args.apply && plan.faults().is_empty(),
        from: args.from.clone(),
        to: context.dir.root().to_path_buf(),
        segments: manifest.segments.iter().map(|copy| copy.name.clone()).collect(),
        snapshots: manifest.snapshots.iter().map(|copy| copy.seq).collect(),
        first_seq: manifest.first_seq(),
        last_seq: manifest.last_seq,
        bytes: manifest.bytes(),
        faults: faults.map(|fault| Fault { path: fault.path.clone(), why: fault.why.to_string() }).collect(),
    }
}
