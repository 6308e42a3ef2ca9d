//! `barkeep tape backup`: the tape and its snapshots into another folder, as planned and printed.
//!
//! Never takes the lock and never touches the tape. Called by [`super::run`].

use std::path::PathBuf;

use anyhow::Result;
use barkeep_schemas::Seq;
use barkeep_storage::backup::{BackupFolder, BackupPlan, SegmentCopy, Transfer};
use serde::Serialize;

use super::segment_name;
use crate::cli::{Context, Verdict, screen};

/// Plans a backup of the tape and its snapshots; makes it with --apply
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Works while a daemon or an import writes: what it takes ends at one position. Sealed segments \
that the backup holds already are compared and not copied again; those that the tape has pruned stay in it. Nothing \
else of the data directory is taken, so no token can be in a backup. One that was killed goes on when it is run again. \
Sealed segments are copied as they are: `tape verify` before and `tape restore --drill` after tell whether they are \
whole. A folder on the disk of the data directory is shown in the plan, and refused with --apply unless there is --force.

Examples:
  barkeep tape backup --to /mnt/backup
  barkeep tape backup --to /mnt/backup --apply"
)]
pub struct Args {
    /// The backup's folder, on another file system
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Carry the plan out
    #[arg(long)]
    pub apply: bool,
    /// With --apply: allow the file system that the data directory lies on
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    applied: bool,
    to: PathBuf,
    /// Whether it lies on the file system of the data directory, where `--apply` wants `--force`.
    same_disk: bool,
    last_seq: Seq,
    segments: Vec<Row>,
    /// Segments that the backup alone has.
    kept: Vec<String>,
    snapshots: Vec<Seq>,
    /// Copied, or to be copied; an estimate for open segments.
    bytes: u64,
}

#[derive(Serialize)]
struct Row {
    segment: String,
    ordinal: u64,
    first_seq: Seq,
    last_seq: Option<Seq>,
    bytes: u64,
    transfer: &'static str,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let folder = if args.apply {
        BackupFolder::open(&args.to, &context.dir, args.force)?
    } else {
        BackupFolder::look(&args.to, &context.dir)?
    };
    let bar = screen::spinner("comparing");
    let plan = BackupPlan::make(&context.dir, &folder, |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let plan = plan?;
    if !args.json {
        screen::say(text(&plan, args, context))?;
    }
    let mut bytes = plan.bytes();
    if args.apply {
        let bar = screen::progress(plan.bytes(), "copying");
        let manifest = plan.apply(&folder, |piece| bar.inc(piece));
        bytes = bar.position();
        bar.finish_and_clear();
        let manifest = manifest?;
        if !args.json {
            screen::say(format!(
                "\nBacked up to seq {}: the folder holds {} and {} in {}.\nTo see that it can be restored:\n  barkeep tape \
                 restore --drill --from {}",
                manifest.last_seq,
                screen::counted(manifest.segments.len() as u64, "segment"),
                screen::counted(manifest.snapshots.len() as u64, "snapshot"),
                screen::bytes(manifest.bytes()),
                args.to.display(),
            ))?;
        }
    } else if !args.json {
        screen::say(closing(&folder, args))?;
    }
    if args.json {
        screen::say_json(&report(&plan, &folder, args, bytes))?;
    }
    Ok(Verdict::Fine)
}

fn closing(folder: &BackupFolder, args: &Args) -> String {
    if !folder.shares_disk() {
        return "\nNothing was copied: add --apply.".to_owned();
    }
    let warning = format!(
        "WARNING: {} lies on the disk of the data directory, so that both are lost at once: name a folder on another one.",
        args.to.display()
    );
    let flags = if args.force { "--apply" } else { "--apply, and --force to have it there all the same" };
    format!("\n{}\nNothing was copied: add {flags}.", screen::wrapped(&warning, ""))
}

const fn word(transfer: &Transfer) -> &'static str {
    match transfer {
        Transfer::Held(_) => "held",
        Transfer::File => "file",
        Transfer::Rows => "rows",
    }
}

fn text(plan: &BackupPlan, args: &Args, context: &Context) -> String {
    let mut table = screen::table(&["SEGMENT", "LAST", "EVENTS", "ON DISK", ""], &[1, 2, 3]);
    for (info, transfer) in plan.segments() {
        let how = match transfer {
            Transfer::Held(_) => "held already",
            Transfer::File => "its file is copied",
            Transfer::Rows if info.sealed => "its rows are copied: it was not closed cleanly",
            Transfer::Rows => "its rows are copied: it is open",
        };
        table.add_row([
            segment_name(info.name),
            info.last_seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string()),
            screen::count(info.end().0.saturating_sub(info.first_seq.0)),
            screen::bytes(info.file_bytes),
            how.to_owned(),
        ]);
    }
    for copy in plan.kept() {
        table.add_row([
            bare(copy),
            copy.last_seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string()),
            screen::count(copy.last_seq.map_or(0, |last| (last + 1).saturating_sub(copy.first_seq))),
            screen::bytes(copy.copy.bytes),
            "in the backup alone, stays there".to_owned(),
        ]);
    }
    let snapshots: Vec<String> = plan.snapshots().map(|seq| format!("seq {seq}")).collect();
    format!(
        "Backup of {} up to seq {} into {}\n\n{}\n\n  snapshots  {}\n  to copy    about {}",
        context.dir.root().display(),
        plan.last_seq(),
        args.to.display(),
        screen::lines(&table),
        if snapshots.is_empty() { "none".to_owned() } else { snapshots.join(", ") },
        screen::bytes(plan.bytes()),
    )
}

fn bare(copy: &SegmentCopy) -> String {
    copy.name.strip_suffix(".redb").unwrap_or(&copy.name).to_owned()
}

fn report(plan: &BackupPlan, folder: &BackupFolder, args: &Args, bytes: u64) -> Report {
    Report {
        applied: args.apply,
        to: args.to.clone(),
        same_disk: folder.shares_disk(),
        last_seq: plan.last_seq(),
        segments: plan
            .segments()
            .iter()
            .map(|(info, transfer)| Row {
                segment: segment_name(info.name),
                ordinal: info.ordinal,
                first_seq: info.first_seq,
                last_seq: info.last_seq,
                bytes: info.file_bytes,
                transfer: word(transfer),
            })
            .collect(),
        kept: plan.kept().iter().map(bare).collect(),
        snapshots: plan.snapshots().collect(),
        bytes,
    }
}
