//! What a person and a program read of a survey.
//!
//! Never decides what a finding means.

use std::path::Path;

use barkeep_schemas::Seq;
use barkeep_storage::DataDir;
use barkeep_storage::verify::{Finding, Remedy, Severity};
use serde::Serialize;

use super::{Checked, Survey};
use crate::cli::tape::segment_name;
use crate::cli::{Verdict, screen};

/// What `--json` prints.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    verdict: &'static str,
    segments: Vec<Row>,
    snapshots: u64,
    events: u64,
    findings: Vec<Told<'a>>,
    seconds: f64,
}

#[derive(Serialize)]
struct Row {
    segment: String,
    state: &'static str,
    format: Option<u32>,
    ordinal: Option<u64>,
    first_seq: Option<Seq>,
    last_seq: Option<Seq>,
    events: u64,
    findings: u64,
}

/// A finding and what to do.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

pub(super) fn report<'a>(survey: &'a Survey, dir: &DataDir) -> Report<'a> {
    let told = |finding| Told { finding, advice: advice(finding, survey, dir) };
    Report {
        verdict: survey.word(),
        segments: survey.segments.iter().map(|segment| row(segment, survey)).collect(),
        snapshots: survey.snapshots,
        events: survey.events(),
        findings: survey.findings.iter().map(told).collect(),
        seconds: survey.seconds,
    }
}

fn of<'a>(segment: &Checked, survey: &'a Survey) -> impl Iterator<Item = &'a Finding> + use<'a> {
    let file = format!("tape/{}", segment.name);
    survey.findings.iter().filter(move |finding| finding.file == file)
}

fn row(segment: &Checked, survey: &Survey) -> Row {
    let (header, body) = (segment.header.as_ref(), segment.body.as_ref());
    Row {
        segment: segment_name(segment.name),
        state: match header {
            Some(header) if header.sealed => "sealed",
            Some(_) => "open",
            None => "unread",
        },
        format: header.map(|header| header.format),
        ordinal: header.map(|header| header.ordinal),
        first_seq: header.map(|header| Seq(header.first_seq)),
        last_seq: body.and_then(|body| body.last_seq).map(Seq),
        events: body.map_or(0, |body| body.events),
        findings: of(segment, survey).count() as u64,
    }
}

/// What to type, or do, about a finding.
pub(crate) fn advice(finding: &Finding, survey: &Survey, dir: &DataDir) -> Option<String> {
    let path = dir.root().join(&finding.file);
    let open = survey
        .segments
        .iter()
        .any(|segment| format!("tape/{}", segment.name) == finding.file && takes_events(segment, &path));
    let path = path.display();
    match finding.remedy {
        Remedy::Nothing => None,
        Remedy::RestoreSegment if open => Some(
            "this segment takes events: barkeep tape restore --from BACKUP --data-dir FOLDER --apply, then import again \
             what came after the backup"
                .to_owned(),
        ),
        Remedy::RestoreSegment => Some(format!("install -m 0444 BACKUP/{} {path}", finding.file)),
        Remedy::RemoveFile => Some(format!("rm {path}")),
        Remedy::Rename => Some(format!("give {path} the name in its header, or move it away")),
        Remedy::Upgrade => Some("use a newer barkeep".to_owned()),
        Remedy::RestoreTape => Some(
            "write nothing to this tape; put the segment back, or restore all: barkeep tape restore --from BACKUP \
             --data-dir FOLDER --apply. Only if that snapshot was copied here from another tape: remove it"
                .to_owned(),
        ),
        Remedy::Access => Some(format!("check that this user may read {path}, and verify again")),
    }
}

/// Whether a segment is open, so that no older copy may take its place without what came after. Where its header could
/// not be read, the file's mode says it: sealing takes every write permission off.
fn takes_events(segment: &Checked, path: &Path) -> bool {
    match &segment.header {
        Some(header) => !header.sealed,
        None => std::fs::metadata(path).is_ok_and(|meta| !meta.permissions().readonly()),
    }
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Damage => "DAMAGED",
        Severity::Unknown => "CANNOT TELL",
        Severity::Note => "note",
    }
}

pub(super) fn text(survey: &Survey, dir: &DataDir) -> String {
    let mut table = screen::table(&["SEGMENT", "STATE", "FORMAT", "FIRST", "LAST", "EVENTS", "VERDICT"], &[2, 3, 4, 5]);
    let dash = || "-".to_owned();
    for segment in &survey.segments {
        let row = row(segment, survey);
        let worst = of(segment, survey).map(|finding| finding.severity).max();
        let verdict = match worst {
            None | Some(Severity::Note) => "clean".to_owned(),
            Some(worst) => format!("{}, {}", severity(worst), screen::counted(row.findings, "finding")),
        };
        table.add_row([
            row.segment,
            row.state.to_owned(),
            row.format.map_or_else(dash, |format| format.to_string()),
            row.first_seq.map_or_else(dash, |seq| seq.to_string()),
            row.last_seq.map_or_else(dash, |seq| seq.to_string()),
            screen::count(row.events),
            verdict,
        ]);
    }
    let mut out = if survey.segments.is_empty() { "  no segment".to_owned() } else { screen::lines(&table) };
    if !survey.findings.is_empty() {
        out.push('\n');
    }
    for finding in &survey.findings {
        out.push_str(&format!("\n{}", one(finding)));
        if let Some(advice) = advice(finding, survey, dir) {
            out.push_str(&format!("\n{}", told(finding.remedy, &format!("do: {advice}"))));
        }
    }
    format!("{out}\n\n{}", closing(survey))
}

/// Sentences are wrapped, what is to be typed stays on one line.
fn told(remedy: Remedy, advice: &str) -> String {
    match remedy {
        Remedy::RestoreSegment | Remedy::RemoveFile if !advice.contains(", then ") => format!("      {advice}"),
        Remedy::RestoreSegment
        | Remedy::RemoveFile
        | Remedy::RestoreTape
        | Remedy::Nothing
        | Remedy::Rename
        | Remedy::Upgrade
        | Remedy::Access => screen::wrapped(advice, "      "),
    }
}

/// A finding: its place on a line, then what was found.
pub(crate) fn one(finding: &Finding) -> String {
    let mut place = finding.file.clone();
    if let Some(table) = finding.table {
        place.push_str(&format!(", {}", table.name()));
    }
    if let Some(key) = finding.key {
        place.push_str(&format!(" key {key}"));
    }
    match (finding.first_seq, finding.last_seq) {
        (Some(first), Some(last)) => place.push_str(&format!(", seq {first} to {last}")),
        (Some(first), None) => place.push_str(&format!(", from seq {first} on")),
        (None, _) => {}
    }
    format!("  {}  {place}\n{}", severity(finding.severity), screen::wrapped(&finding.what, "      "))
}

fn closing(survey: &Survey) -> String {
    let segments = survey.segments.len() as u64;
    let whole = format!(
        "{}, {}, {}, in {:.2} s",
        screen::counted(segments, "segment"),
        screen::counted(survey.events(), "event"),
        screen::counted(survey.snapshots, "snapshot"),
        survey.seconds
    );
    let count = |wanted| survey.findings.iter().filter(|finding| finding.severity == wanted).count() as u64;
    let (damage, unknown) = (count(Severity::Damage), count(Severity::Unknown));
    let closing = match survey.verdict() {
        Verdict::Fine => format!("Clean: {whole}."),
        Verdict::Found => format!("DAMAGED: {} of damage; {whole}.", screen::counted(damage, "finding")),
        Verdict::CannotTell => {
            format!(
                "CANNOT TELL: {unknown} {} not be checked; {whole}.",
                if unknown == 1 { "thing could" } else { "things could" }
            )
        }
    };
    screen::wrapped(&closing, "")
}
