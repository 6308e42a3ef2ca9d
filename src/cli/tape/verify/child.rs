//! The process that checks one segment, and what becomes of it.
//!
//! Never trusts it to live: when it dies, that is a finding with the place where it was, and another one is sent behind
//! that place. Called by the survey.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use barkeep_schemas::Seq;
use barkeep_storage::verify::{BodyFacts, Finding, Remedy, Table, Told};
use barkeep_storage::{DataDir, SegmentName};
use indicatif::ProgressBar;

use super::Checked;

/// How many processes may die of one segment before the rest of it is given up.
const DEATHS_MAX: u32 = 20;

/// Bytes of a dead process's last words that are kept.
const WORDS_BYTES_MAX: usize = 600;

/// The end of a process that did not get to its end.
struct Death {
    at: Option<(Table, u64)>,
    how: String,
    /// Whether somebody else ended it.
    was_killed: bool,
}

/// Checks a segment.
pub(super) fn check(program: &Path, dir: &DataDir, name: SegmentName, wanted: &[Seq], bar: &ProgressBar) -> Checked {
    let mut checked = Checked { name, header: None, body: None, findings: Vec::new() };
    let mut from = None;
    let mut body: Option<BodyFacts> = None;
    for _ in 0..DEATHS_MAX {
        let death = match run(program, dir, &mut checked, wanted, from, bar) {
            Err(finding) => {
                checked.findings.push(finding);
                break;
            }
            Ok(death) => death,
        };
        body = merged(body, checked.body.take());
        let Some(death) = death else {
            checked.body = body;
            return checked;
        };
        // The first one reads many blocks at a time: the second finds the place.
        if let (Some((Table::Blocks, key)), None, false) = (death.at, from, death.was_killed) {
            from = Some(key);
            checked.findings.push(finding_of(name, &death));
            continue;
        }
        checked.findings.push(finding_of(name, &death));
        match death.at {
            Some((Table::Blocks, key)) if !death.was_killed => from = Some(key.saturating_add(1)),
            Some(_) | None => break,
        }
    }
    checked.body = body;
    checked
}

/// Two walks through parts of one segment.
fn merged(one: Option<BodyFacts>, next: Option<BodyFacts>) -> Option<BodyFacts> {
    match (one, next) {
        (Some(mut one), Some(next)) => {
            one.events += next.events;
            one.last_seq = next.last_seq.or(one.last_seq);
            one.chains.extend(next.chains);
            Some(one)
        }
        (one, next) => one.or(next),
    }
}

fn finding_of(name: SegmentName, death: &Death) -> Finding {
    let file = format!("tape/{name}");
    let finding = if death.was_killed {
        let what = format!("the process that checked it was ended by another: {}", death.how);
        Finding::unknown(&file, what, Remedy::Access)
    } else {
        Finding::damage(&file, format!("the process that checked it died of it: {}", death.how))
    };
    match death.at {
        Some((Table::Blocks | Table::Tail | Table::Index, 0)) => finding,
        Some((table @ (Table::Blocks | Table::Tail | Table::Index), key)) => {
            finding.at(table, Some(key)).seqs(key, None)
        }
        Some((table @ (Table::Meta | Table::Pages), _)) => finding.at(table, None),
        None => finding,
    }
}

/// Runs one process to its end; a finding when there could be none.
fn run(
    program: &Path,
    dir: &DataDir,
    checked: &mut Checked,
    wanted: &[Seq],
    from: Option<u64>,
    bar: &ProgressBar,
) -> Result<Option<Death>, Finding> {
    let name = checked.name;
    let cannot = |error: std::io::Error| {
        let what = format!("the process that should check it could not be run: {error}");
        Finding::unknown(&format!("tape/{name}"), what, Remedy::Access)
    };
    let mut command = Command::new(program);
    command.arg("--data-dir").arg(dir.root()).args(["tape", "verify", "--segment", &name.to_string()]);
    if let Some(from) = from {
        command.args(["--from-key", &from.to_string()]);
    }
    if !wanted.is_empty() {
        let seqs: Vec<String> = wanted.iter().map(Seq::to_string).collect();
        command.args(["--chain-at", &seqs.join(",")]);
    }
    // The panic's own words are wanted, not the whole way to it.
    command.env("RUST_BACKTRACE", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(cannot)?;
    let words = child.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut words = Vec::new();
            // What cannot be read is not told; the status stands.
            let _ = stderr.read_to_end(&mut words);
            words
        })
    });
    let mut at = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(Told::At(table, key)) => {
                    at = Some((table, key));
                    bar.set_message(format!("{name} {} {key}", table.name()));
                }
                Ok(Told::Finding(finding)) => checked.findings.push(finding),
                Ok(Told::Header(header)) => checked.header = Some(header),
                Ok(Told::Body(body)) => checked.body = Some(body),
                // The last line of a process that died while it wrote.
                Err(_) => {}
            }
        }
    }
    let status = child.wait().map_err(cannot)?;
    let words = words.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Ok((!status.success()).then(|| Death { at, how: how(status, &words), was_killed: was_killed(status) }))
}

fn was_killed(status: ExitStatus) -> bool {
    const SIGINT: i32 = 2;
    const SIGKILL: i32 = 9;
    const SIGTERM: i32 = 15;
    status.signal().is_some_and(|signal| [SIGINT, SIGKILL, SIGTERM].contains(&signal))
}

/// How it ended, with its last words.
fn how(status: ExitStatus, words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    let lines: Vec<&str> = words.lines().filter(|line| !line.is_empty() && !line.starts_with("note: ")).collect();
    let mut text = lines.join(" ");
    if let Some((end, _)) = text.char_indices().find(|(at, _)| *at >= WORDS_BYTES_MAX) {
        text.truncate(end);
    }
    if text.is_empty() { status.to_string() } else { format!("{status}, {}", text.trim()) }
}
