//! `barkeep tape restore --drill`: a backup restored into a folder of its own, verified, replayed, and removed again.
//!
//! Never touches the data directory. Called by [`super::restore`].

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use barkeep_schemas::SessionDate;
use barkeep_storage::restore::RestorePlan;
use barkeep_storage::verify::Finding;
use barkeep_storage::{DataDir, Tape};
use serde::Serialize;

use super::verify;
use crate::cli::{Verdict, screen};
use crate::orchestrator::replay::{ReplayError, replay};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    from: PathBuf,
    /// The folder that it was done in, which is gone.
    folder: PathBuf,
    sound: bool,
    segments: u64,
    events: u64,
    last_seq: u64,
    /// Files of the backup that are not what the manifest says; nothing was restored then.
    faults: Vec<String>,
    verify: Option<&'static str>,
    findings: Vec<Finding>,
    sessions: Vec<Session>,
    seconds: f64,
}

/// A session that was replayed.
#[derive(Serialize)]
struct Session {
    date: SessionDate,
    run: u32,
    closed: bool,
    events: u64,
    behaviour: u32,
    engine_behaviour: u32,
    differences: u64,
    /// Why it could not be replayed.
    error: Option<String>,
}

impl Session {
    /// Under another behaviour differences are no fault of the backup.
    fn is_sound(&self) -> bool {
        self.error.is_none() && (self.differences == 0 || self.behaviour != self.engine_behaviour)
    }
}

/// The folder of the drill; removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(into: Option<&Path>) -> Result<Self> {
        let above = into.map_or_else(std::env::temp_dir, Path::to_path_buf);
        fs::create_dir_all(&above).with_context(|| format!("{} could not be made", above.display()))?;
        let folder = above.join(format!("barkeep-drill-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the drill's folder could not be removed");
        }
    }
}

/// Runs the drill.
pub(super) fn run(from: &Path, into: Option<&Path>, newest: bool, json: bool) -> Result<Verdict> {
    let began = Instant::now();
    let scratch = Scratch::new(into)?;
    let dir = DataDir::new(scratch.0.join("data"));
    let mut report = drill(from, &dir, newest)?;
    (report.folder, report.seconds) = (scratch.0.clone(), began.elapsed().as_secs_f64());
    drop(scratch);
    if json {
        screen::say_json(&report)?
    } else {
        screen::say(text(&report))?
    }
    Ok(Verdict::fine_if(report.sound))
}

fn drill(from: &Path, dir: &DataDir, newest: bool) -> Result<Report> {
    let bar = screen::spinner("checking");
    let plan = RestorePlan::make(from, dir, |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let plan = plan?;
    let faults = plan.faults().iter().map(|fault| format!("{} {}", fault.path.display(), fault.why)).collect();
    let mut report = Report {
        from: from.to_path_buf(),
        folder: PathBuf::new(),
        sound: false,
        segments: plan.manifest().segments.len() as u64,
        events: 0,
        last_seq: plan.manifest().last_seq,
        faults,
        verify: None,
        findings: Vec::new(),
        sessions: Vec::new(),
        seconds: 0.0,
    };
    if !report.faults.is_empty() {
        return Ok(report);
    }
    let bar = screen::progress(plan.manifest().bytes().saturating_mul(2), "restoring");
    let restored = plan.apply("tape restore --drill", |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    restored?;
    let survey = verify::survey(dir)?;
    (report.verify, report.events) = (Some(survey.word()), survey.events());
    let clean = survey.verdict() == Verdict::Fine;
    report.findings = survey.findings;
    // A damaged file may make its reader die; then it is not replayed.
    if clean {
        report.sessions = sessions(dir, newest)?;
    }
    report.sound = clean && report.sessions.iter().all(Session::is_sound);
    Ok(report)
}

/// Replays the sessions, or the newest alone.
fn sessions(dir: &DataDir, newest: bool) -> Result<Vec<Session>> {
    let tape = Tape::open(dir)?;
    let mut sessions = Vec::new();
    for segment in tape.segments().iter().rev() {
        let events = segment.end().0.saturating_sub(segment.first_seq.0);
        let bar = screen::progress(events, &format!("replaying {}", segment.name.date));
        let replayed = replay(&tape, segment, true, |read| bar.set_position(read));
        bar.finish_and_clear();
        let (date, run) = (segment.name.date, segment.name.run);
        let mut session = Session {
            date,
            run,
            closed: false,
            events,
            behaviour: 0,
            engine_behaviour: 0,
            differences: 0,
            error: None,
        };
        match replayed {
            Err(ReplayError::NoSession { .. }) => continue,
            Err(error) => session.error = Some(error.to_string()),
            Ok(report) => {
                session.closed = report.closed;
                (session.behaviour, session.engine_behaviour) = (report.behaviour, report.engine_behaviour);
                session.differences = report.differences + report.after_close.differences;
            }
        }
        sessions.push(session);
        if newest {
            break;
        }
    }
    sessions.reverse();
    Ok(sessions)
}

fn text(report: &Report) -> String {
    let mut lines = vec![format!("Drill with {}", report.from.display()), String::new()];
    lines.extend(report.faults.iter().map(|fault| format!("  DAMAGED  {fault}")));
    if let Some(word) = report.verify {
        lines.push(format!(
            "  restored   {} up to seq {}, into {} (removed again)",
            screen::counted(report.segments, "segment"),
            report.last_seq,
            report.folder.display()
        ));
        lines.push(format!("  verified   {}: {}", screen::counted(report.events, "event"), word.replace('_', " ")));
    }
    lines.extend(report.findings.iter().map(verify::lines));
    for session in &report.sessions {
        let outcome = match (&session.error, session.differences) {
            (Some(error), _) => format!("could not be replayed: {error}"),
            (None, 0) => "0 differences".to_owned(),
            (None, count) if session.behaviour == session.engine_behaviour => {
                format!("DIVERGED: {} differences", screen::count(count))
            }
            (None, count) => format!(
                "{} differences, behaviour {} -> {}",
                screen::count(count),
                session.behaviour,
                session.engine_behaviour
            ),
        };
        let events = screen::count(session.events);
        lines.push(format!("  replayed   {} run {}, {events} events: {outcome}", session.date, session.run));
    }
    let verdict = if report.sound { "The backup can be relied on" } else { "THE BACKUP CANNOT BE RELIED ON" };
    lines.extend([String::new(), format!("{verdict} ({:.2} s).", report.seconds)]);
    lines.join("\n")
}
