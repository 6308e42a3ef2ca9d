//! `barkeep tape verify`: every row, link and neighbour of the tape, each segment in a process of its own.
//!
//! Never changes anything and needs no lock: a writer may be at work. Called by [`super::run`] and by a drill.

mod child;
mod text;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use barkeep_schemas::Seq;
use barkeep_storage::verify::{
    BodyFacts, CheckRequest, Finding, HeaderFacts, Remedy, Severity, between, check_segment, check_snapshots,
    snapshot_files, strays,
};
use barkeep_storage::{DataDir, Lock, SegmentName};
use indicatif::ProgressBar;

use crate::cli::{Context, Verdict, screen};

/// Checks every row, the chain, the neighbours and the snapshots; changes nothing
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each segment is checked in a process of its own, since a damaged file may make its reader die; \
that is then a finding too. All findings are told. A writer may be at work. Exit code 0: clean; 1: damaged; 2: something \
could not be checked.

Examples:
  barkeep tape verify
  barkeep tape verify --json"
)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Check this segment alone and tell everything line by line: what the command runs itself with
    #[arg(long, value_name = "FILE", hide = true)]
    pub segment: Option<String>,
    /// Begin at this key
    #[arg(long, value_name = "KEY", hide = true, requires = "segment")]
    pub from_key: Option<u64>,
    /// Tell the chain hash at these positions
    #[arg(long, value_name = "SEQ,…", value_delimiter = ',', hide = true, requires = "segment")]
    pub chain_at: Vec<u64>,
}

/// A segment that was checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) name: SegmentName,
    pub(super) header: Option<HeaderFacts>,
    pub(super) body: Option<BodyFacts>,
    /// Its own findings; those between segments come on top.
    pub(super) findings: Vec<Finding>,
}

/// What was found in all.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) segments: Vec<Checked>,
    /// All findings, segment by segment, then those between segments, of other files and of snapshots.
    pub(super) findings: Vec<Finding>,
    pub(super) snapshots: u64,
    pub(super) seconds: f64,
}

impl Survey {
    fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// The verdict, with its exit code.
    pub(super) fn verdict(&self) -> Verdict {
        match self.worst() {
            Some(Severity::Damage) => Verdict::Found,
            Some(Severity::Unknown) => Verdict::CannotTell,
            Some(Severity::Note) | None => Verdict::Fine,
        }
    }

    /// The verdict in a word.
    pub(super) fn word(&self) -> &'static str {
        match self.verdict() {
            Verdict::Fine => "clean",
            Verdict::Found => "damaged",
            Verdict::CannotTell => "cannot_tell",
        }
    }

    pub(super) fn events(&self) -> u64 {
        self.segments.iter().filter_map(|segment| segment.body.as_ref()).map(|body| body.events).sum()
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Verdict> {
    if let Some(segment) = &args.segment {
        return check_alone(segment, args, &context.dir);
    }
    let survey = survey(&context.dir)?;
    if args.json {
        screen::say_json(&text::report(&survey, &context.dir))?
    } else {
        screen::say(text::text(&survey, &context.dir))?
    }
    Ok(survey.verdict())
}

/// The child: one line of JSON for each thing that the check tells.
fn check_alone(segment: &str, args: &Args, dir: &DataDir) -> Result<Verdict> {
    let name = SegmentName::parse(segment).context("--segment takes the file name of a segment")?;
    let chain_at = args.chain_at.iter().copied().map(Seq).collect();
    let request = CheckRequest { name, from: args.from_key.map(Seq), chain_at };
    let mut told = Ok(());
    check_segment(dir, &request, &mut |line| {
        if told.is_ok() {
            told = screen::stream_json(&line);
        }
    });
    told?;
    Ok(Verdict::Fine)
}

/// A finding in lines of its own.
pub(super) fn lines(finding: &Finding) -> String {
    text::one(finding)
}

/// Checks the whole tape.
///
/// # Errors
/// When a folder cannot be listed, or this program cannot find itself.
pub(super) fn survey(dir: &DataDir) -> Result<Survey> {
    let began = Instant::now();
    let live = Lock::holder(dir)?.is_some();
    let snapshots = snapshot_files(dir).with_context(|| format!("{} cannot be read", dir.snapshots().display()))?;
    let names = dir.segment_names().with_context(|| format!("{} cannot be listed", dir.tape().display()))?;
    let bar = screen::spinner("verifying");
    let wanted: Vec<Seq> = snapshots.iter().map(|file| file.seq).collect();
    let segments = check_all(dir, &names, &wanted, &bar);
    bar.finish_and_clear();
    let segments = segments?;

    let mut findings: Vec<Finding> = segments.iter().flat_map(|segment| segment.findings.clone()).collect();
    let known: Vec<_> =
        segments.iter().filter_map(|one| Some((one.name, one.header.clone()?, one.body.clone()))).collect();
    findings.extend(between(&known, known.len() == segments.len()));
    match strays(dir, live) {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(Finding::unknown("tape", error.to_string(), Remedy::Access)),
    }
    findings.extend(check_snapshots(&snapshots, &known, !live && known.len() == segments.len()));
    let snapshots = snapshots.len() as u64;
    Ok(Survey { segments, findings, snapshots, seconds: began.elapsed().as_secs_f64() })
}

/// Checks segments, as many at once as there are cores.
fn check_all(dir: &DataDir, names: &[SegmentName], wanted: &[Seq], bar: &ProgressBar) -> Result<Vec<Checked>> {
    let program = std::env::current_exe().context("the path of this program cannot be found")?;
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(names.len())));
    let cores = thread::available_parallelism().map_or(1, usize::from).min(names.len());
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let checked = child::check(&program, dir, *name, wanted, bar);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(checked);
                }
            });
        }
    });
    let mut segments = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ordinal = |segment: &Checked| segment.header.as_ref().map_or(u64::MAX, |header| header.ordinal);
    segments.sort_by_key(|segment| (ordinal(segment), segment.name));
    Ok(segments)
}
