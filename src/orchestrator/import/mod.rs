//! `import`: recorded files onto the tape as inputs, through the engine.
//!
//! What it is: scan, plan, then feed. What it never does: sort or drop a row, or write anything before the plan stands.
//!
//! Invariant: the inputs of an import are a function of its files and options alone, so an import that was killed goes
//! on where the tape ends, by leaving out as many of its inputs as the tape holds.

mod feed;
mod known;
mod plan;
mod rejects;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use barkeep_schemas::{
    BarOrigin, ConditionRule, Derived, Event, EventKind, FileKind, Hash32, Input, Seq, SessionDate, Timeframe,
    TradeRule,
};
use barkeep_storage::{DataDir, Filter, HaltReason, OpenError, ReadError, SegmentName, Tape};

use super::appliance::Pace;
use super::calendar::{Calendar, CalendarError};
use super::config::EngineSettings;
use super::door::{Access, Door, DoorError};
use super::universe::Universe;
use crate::ingestion::files::{
    FileError, FileOptions, Kept, Progress, Rejection, Scan, describe, import_id, scan_and_keep,
};

pub use known::{Known, known};
pub use plan::PlanError;

/// Which calendar an import follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CalendarChoice {
    /// The dated NSE calendar.
    Nse,
    /// One session for each calendar day of the zone.
    Always,
}

impl CalendarChoice {
    /// The name on the surface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nse => "nse",
            Self::Always => "always",
        }
    }
}

/// What is to be imported, and how.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The files, in the order in which ties go.
    pub files: Vec<PathBuf>,
    /// How they are read.
    pub options: FileOptions,
    /// Whose hours and dates.
    pub calendar: CalendarChoice,
    /// When a row is a trade; by default a quantity decides where one is mapped, else every row is one.
    pub trade_rule: Option<TradeRule>,
    /// Effects of condition flags.
    pub conditions: Vec<ConditionRule>,
    /// Whose bars, for bars.
    pub origin: BarOrigin,
    /// The bars' timeframe, for bars.
    pub tf: Timeframe,
}

/// What an import needs of the appliance's surroundings.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// Where the tape is.
    pub dir: &'a DataDir,
    /// How often it is committed.
    pub pace: Pace,
    /// The engine's settings.
    pub engine: EngineSettings,
    /// The dated calendar.
    pub calendar: &'a Calendar,
    /// The classes of symbols.
    pub universe: &'a Universe,
}

/// Why an import did not happen, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The files do not fit the calendar.
    #[error(transparent)]
    Plan(Box<PlanError>),
    /// The calendar refuses a date.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// The way onto the tape.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The tape cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The tape cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The side file of refused rows cannot be written.
    #[error("{path} cannot be written: check the disk and its permissions, then import again", path = path.display())]
    Rejects {
        /// The side file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ImportError {
    /// The reason that goes with exit code 3 when going on is forbidden.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Door(error) => error.fatal_reason(),
            Self::Open(error) => error.fatal_reason(),
            Self::Read(error) => error.fatal_reason(),
            Self::Rejects { source, .. } => {
                Some(HaltReason::of_io(source)).filter(|reason| *reason == HaltReason::DiskFull).map(HaltReason::word)
            }
            Self::File(_) | Self::Plan(_) | Self::Calendar(_) => None,
        }
    }
}

impl From<PlanError> for ImportError {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}

/// What an import did.
#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    /// The import's id.
    pub id: Hash32,
    /// Rows of the files that became events by this command.
    pub events: u64,
    /// All inputs added, clock marks and session bounds included.
    pub inputs: u64,
    /// Events derived.
    pub derived: u64,
    /// Data rows read.
    pub rows: u64,
    /// Rows refused.
    pub rejected: u64,
    /// Rows identical to the one before; they are on the tape.
    pub duplicates: u64,
    /// Rows that step back in time; they are on the tape.
    pub steps_back: u64,
    /// Rows whose cumulative volume is below the highest seen.
    pub volume_falls: u64,
    /// Ticks on the tape outside continuous trading: they make no bar.
    pub outside_hours: u64,
    /// Ticks on the tape that moved nothing, by the engine's reason.
    pub set_aside: BTreeMap<&'static str, u64>,
    /// The side file of refused rows.
    pub rejects: Option<PathBuf>,
    /// The first refused rows.
    pub first_rejected: Vec<Rejection>,
    /// The sessions, with their rows.
    pub sessions: Vec<(SegmentName, u64)>,
    /// Whether the tape already held all of it.
    pub already: bool,
    /// Inputs that an interrupted run had already brought.
    pub resumed_after: u64,
    /// A session of another, interrupted import that was closed for this one.
    pub abandoned: Option<SessionDate>,
    /// Wall time.
    pub seconds: f64,
}

/// Takes the files in. `progress` is told how far the two passes have come.
///
/// # Errors
/// [`ImportError`]; what was durable before it stays, and the same command goes on from there.
pub fn import(
    request: &ImportRequest,
    around: &Surroundings<'_>,
    progress: &mut dyn FnMut(Pass, u64, u64),
) -> Result<ImportReport, ImportError> {
    let started = Instant::now();
    let scanned = scan_and_keep(&request.files, &request.options, around.dir.root(), |at: Progress| {
        progress(Pass::Scan, at.bytes_read, at.bytes_total);
    })?;
    let mut report = import_scanned(request, around, scanned, progress)?;
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// [`import`] of files that were scanned just now, with their rows where the scan kept them.
///
/// # Errors
/// As [`import`].
pub fn import_scanned(
    request: &ImportRequest,
    around: &Surroundings<'_>,
    (scanned, kept): (Scan, Option<Kept>),
    progress: &mut dyn FnMut(Pass, u64, u64),
) -> Result<ImportReport, ImportError> {
    let started = Instant::now();
    let mapping = canonical(request, &scanned.columns);
    let hashes = scanned.hashes();
    let id = import_id(request.options.kind, &hashes, &mapping);
    let plan = plan::Plan::new(request, around, &scanned)?;
    let access = match request.options.kind {
        FileKind::Ticks => Access::Session,
        FileKind::Bars => Access::Records,
    };
    let door = Door::open(around.dir, around.pace, "import", access)?;
    let known = known(&Tape::open(around.dir)?, id)?;
    let mut report = match known {
        Known::Finished(finished) => {
            door.close()?;
            ImportReport {
                rows: finished.rows,
                rejected: finished.rejected,
                duplicates: finished.duplicates,
                steps_back: finished.steps_back,
                volume_falls: finished.volume_falls,
                already: true,
                ..ImportReport::default()
            }
        }
        Known::Nothing => {
            feed::Feed::new(request, around, (&scanned, kept), plan, door, id, mapping, 0).run(progress)?
        }
        Known::Begun { inputs, started } => {
            let mut feed = feed::Feed::new(request, around, (&scanned, kept), plan, door, id, mapping, inputs);
            feed.started = started;
            feed.run(progress)?
        }
    };
    report.id = id;
    report.set_aside = set_aside(around.dir, id)?;
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// Ticks of an import that moved nothing, by reason.
fn set_aside(dir: &DataDir, id: Hash32) -> Result<BTreeMap<&'static str, u64>, ImportError> {
    let mut counts = BTreeMap::new();
    let mut ours = false;
    let kinds = Filter::kinds([EventKind::SessionOpened, EventKind::TickSetAside]);
    for event in Tape::open(dir)?.scan(Seq::FIRST, None, &kinds) {
        match event?.1 {
            Event::Input(Input::SessionOpened(opened)) => ours = opened.import == Some(id),
            Event::Derived(Derived::TickSetAside(aside)) if ours => {
                *counts.entry(aside.reason.name()).or_insert(0) += 1;
            }
            Event::Input(_) | Event::Derived(_) => {}
        }
    }
    Ok(counts)
}

/// Which pass over the files is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// The first: hashes, symbols and dates.
    Scan,
    /// The second: rows onto the tape.
    Feed,
}

/// Everything that changes what the files mean, in one line.
fn canonical(request: &ImportRequest, columns: &str) -> String {
    let mut line = describe(&request.options, columns);
    line.push_str(" calendar=");
    line.push_str(request.calendar.name());
    match request.options.kind {
        FileKind::Ticks => {
            line.push_str(" trade_rule=");
            line.push_str(request.trade_rule.map_or("default", TradeRule::name));
            for rule in &request.conditions {
                let effects: Vec<&str> = rule.effects.iter().map(|effect| effect.name()).collect();
                line.push_str(&format!(" condition={:#x}:{}", rule.mask, effects.join("+")));
            }
        }
        FileKind::Bars => {
            line.push_str(" as=");
            line.push_str(request.origin.name());
            line.push_str(" tf=");
            line.push_str(request.tf.name());
        }
    }
    line
}
