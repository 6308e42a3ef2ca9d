//! `barkeep tape prune`: the oldest whole segments go, as planned and printed.
//!
//! Never removes without `--apply`, and then only what the printed plan says. Called by [`super::run`].

use std::path::{Path, PathBuf};

use anyhow::Result;
use barkeep_schemas::{Seq, SessionDate};
use barkeep_storage::backup::Manifest;
use barkeep_storage::prune::{PrunePlan, Stays};
use barkeep_storage::{DataDir, SegmentInfo, Tape, Writer};
use serde::Serialize;

use super::segment_name;
use crate::cli::{Context, Verdict, moment, screen};

/// Plans which of the oldest segments go; removes them with --apply
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("which").required(true),
    after_help = "Only whole sealed segments go, the oldest ones, never the open one, the newest session or an import \
that is not finished. With --apply no daemon may run, and what was printed is what is removed. A file whose import was \
pruned is no longer known: importing it again adds it again. Restore brings back what a backup holds.

Examples:
  barkeep tape prune --keep-days 90
  barkeep tape prune --before 2026-01-01 --backed-up-in /mnt/backup --apply"
)]
pub struct Args {
    /// Segments older than so many days before the newest date on the tape may go
    #[arg(long, value_name = "N", group = "which", value_parser = days)]
    pub keep_days: Option<u32>,
    /// Segments of dates before this one may go
    #[arg(long, value_name = "YYYY-MM-DD", group = "which", value_parser = moment::date)]
    pub before: Option<SessionDate>,
    /// Only segments that the backup in this folder holds, byte for byte
    #[arg(long, value_name = "DIR")]
    pub backed_up_in: Option<PathBuf>,
    /// Carry the plan out
    #[arg(long)]
    pub apply: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The most days that may be asked for.
const DAYS_MAX: u32 = 100_000;

fn days(text: &str) -> Result<u32, String> {
    let days = text.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days));
    days.ok_or_else(|| format!("expected a number of days from 1 to {DAYS_MAX}, such as 90"))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    applied: bool,
    /// None where days are counted from the newest date and there is none.
    before: Option<SessionDate>,
    goes: Vec<Row>,
    stays: Vec<Row>,
    freed_bytes: u64,
    /// The first position that is left.
    first_seq: Option<Seq>,
}

#[derive(Serialize)]
struct Row {
    segment: String,
    ordinal: u64,
    first_seq: Seq,
    last_seq: Option<Seq>,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Verdict> {
    // With the lock held nothing changes between the plan and what is done.
    let writer = if args.apply { Some(Writer::open(&context.dir, "tape prune")?) } else { None };
    let plan = plan(&context.dir, args)?;
    if !args.json {
        screen::say(text(&plan, args, &context.dir))?;
    }
    if let Some(writer) = writer {
        plan.apply(&writer, |info| {
            tracing::debug!(segment = %segment_name(info.name), "removed");
        })?;
        writer.close()?;
    }
    if args.json {
        screen::say_json(&Report::of(&plan, args))?;
    } else {
        screen::say(closing(&plan, args.apply))?;
    }
    Ok(Verdict::Fine)
}

fn plan(dir: &DataDir, args: &Args) -> Result<PrunePlan> {
    let before = match (args.before, args.keep_days) {
        (Some(before), _) => before,
        (None, keep) => {
            let newest = Tape::open(dir)?.segments().iter().map(|info| info.name.date).max();
            // Without a segment nothing goes, whatever the date.
            newest.unwrap_or_default().plus_days(1 - keep.map_or(1, |days| days as i32))
        }
    };
    let manifest = args.backed_up_in.as_deref().map(Manifest::read).transpose()?;
    let bar = screen::progress(manifest.as_ref().map_or(0, Manifest::bytes), "comparing");
    let plan =
        PrunePlan::make(dir, before, args.backed_up_in.as_deref().zip(manifest.as_ref()), |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    Ok(plan?)
}

/// Why a segment stays.
fn sentence(why: Stays, backup: Option<&Path>) -> String {
    let backup = || backup.map_or_else(String::new, |folder| folder.display().to_string());
    match why {
        Stays::Open => "stays: it takes events".to_owned(),
        Stays::Recovery => "stays: recovery needs the newest session".to_owned(),
        Stays::Import => "stays: an import that began here is not finished".to_owned(),
        Stays::Recent => "stays".to_owned(),
        Stays::NotBackedUp => format!("stays: {} does not hold it", backup()),
        Stays::BackupDiffers => format!("stays: {} holds other bytes; run tape verify", backup()),
        Stays::Behind(name) => format!("stays: the older {} stays", segment_name(name)),
    }
}

fn is_empty(plan: &PrunePlan) -> bool {
    plan.goes.is_empty() && plan.stays.is_empty()
}

fn text(plan: &PrunePlan, args: &Args, dir: &DataDir) -> String {
    if is_empty(plan) {
        return format!("{} holds no segment", dir.tape().display());
    }
    let mut table = screen::table(&["SEGMENT", "FIRST", "LAST", "EVENTS", "ON DISK", ""], &[1, 2, 3, 4]);
    let mut add = |info: &SegmentInfo, fate: String| {
        table.add_row([
            segment_name(info.name),
            info.first_seq.to_string(),
            info.last_seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string()),
            screen::count(info.end().0.saturating_sub(info.first_seq.0)),
            screen::bytes(info.file_bytes),
            fate,
        ]);
    };
    plan.goes.iter().for_each(|info| add(info, "goes".to_owned()));
    for (info, why) in &plan.stays {
        add(info, sentence(*why, args.backed_up_in.as_deref()));
    }
    let mut out = format!("Segments of dates before {} may go", plan.before);
    if let Some(days) = args.keep_days {
        out.push_str(&format!(" ({days} {} up to the newest date stay)", if days == 1 { "day" } else { "days" }));
    }
    out.push_str(&format!("\n\n{}", screen::lines(&table)));
    out
}

fn closing(plan: &PrunePlan, applied: bool) -> String {
    let count = plan.goes.len() as u64;
    if count == 0 {
        return "\nNothing goes.".to_owned();
    }
    let segments = screen::counted(count, "segment");
    let (freed, first) = (screen::bytes(plan.freed_bytes()), plan.first_seq_after());
    let first = first.map_or_else(|| "is empty".to_owned(), |seq| format!("begins at seq {seq}"));
    if applied {
        format!("\nRemoved {segments}, which frees {freed}; the tape now {first}.")
    } else {
        format!("\n{segments} would go and free {freed}; the tape then {first}.\nNothing was touched: add --apply.")
    }
}

impl Report {
    fn of(plan: &PrunePlan, args: &Args) -> Self {
        let row = |info: &SegmentInfo, why: Option<Stays>| Row {
            segment: segment_name(info.name),
            ordinal: info.ordinal,
            first_seq: info.first_seq,
            last_seq: info.last_seq,
            bytes: info.file_bytes,
            why: why.map(|why| word(why).to_owned()),
        };
        Self {
            applied: args.apply,
            before: args.before.or((!is_empty(plan)).then_some(plan.before)),
            goes: plan.goes.iter().map(|info| row(info, None)).collect(),
            stays: plan.stays.iter().map(|(info, why)| row(info, Some(*why))).collect(),
            freed_bytes: plan.freed_bytes(),
            first_seq: plan.first_seq_after(),
        }
    }
}

/// The reason in one word, for programs.
const fn word(why: Stays) -> &'static str {
    match why {
        Stays::Open => "open",
        Stays::Recovery => "recovery",
        Stays::Import => "import",
        Stays::Recent => "recent",
        Stays::NotBackedUp => "not_backed_up",
        Stays::BackupDiffers => "backup_differs",
        Stays::Behind(_) => "behind",
    }
}
