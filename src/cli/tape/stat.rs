//! `barkeep tape stat`: what is on the tape, segment by segment, who writes it, and what a restart would find.
//!
//! What it is: one pass over each segment that leaves the ticks undecoded and counts them as what is left. What it
//! never does: verify; `tape verify` does. Called by [`super::run`].

use anyhow::Result;
use barkeep_schemas::{Event, EventKind, Hash32, Input, Seq, SessionDate, Ts};
use barkeep_storage::{DataDir, Filter, Lock, SegmentInfo, Tape};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::{Context, Verdict, moment, screen};

/// Shows the segments, the lock and the snapshots
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads the whole tape to count its events. BYTES/EVENT is the file's size on the disk over its \
events.\n\nExample:  barkeep tape stat"
)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What a segment holds of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
enum Session {
    /// No session was opened in it.
    #[default]
    None,
    /// Opened and not closed.
    Open,
    /// Closed at the end of its day.
    Closed,
    /// Closed because its import was given up.
    Abandoned,
}

impl Session {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// One segment.
#[derive(Debug, Serialize)]
struct Row {
    date: SessionDate,
    run: u32,
    state: &'static str,
    first_seq: Seq,
    last_seq: Option<Seq>,
    events: u64,
    ticks: u64,
    bars: u64,
    bytes: u64,
    bytes_per_event: Option<f64>,
    session: Session,
    behaviour: Option<u32>,
    import: Option<Hash32>,
    instruments: u64,
    /// First and last clock mark, nanoseconds since 1970 UTC.
    first_mark_ns: Option<Ts>,
    last_mark_ns: Option<Ts>,
}

#[derive(Debug, Serialize)]
struct Totals {
    segments: u64,
    events: u64,
    ticks: u64,
    bars: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Writing {
    pid: u32,
    command: String,
}

#[derive(Debug, Serialize)]
struct SnapshotFile {
    seq: Seq,
    /// Events that came after it.
    behind: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    segments: Vec<Row>,
    totals: Totals,
    lock: Option<Writing>,
    snapshots: Vec<SnapshotFile>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let report = survey(&context.dir)?;
    if args.json {
        screen::say_json(&report)?
    } else {
        screen::say(text(&report))?
    }
    Ok(Verdict::Fine)
}

fn survey(dir: &DataDir) -> Result<Report> {
    let tape = Tape::open(dir)?;
    let bar = screen::progress(tape.segments().iter().map(events).sum(), "counting events");
    let rows: Result<Vec<Row>> = tape.segments().iter().map(|info| row(&tape, info, &bar)).collect();
    bar.finish_and_clear();
    let segments = rows?;
    let sum = |part: fn(&Row) -> u64| segments.iter().map(part).sum();
    let totals = Totals {
        segments: segments.len() as u64,
        events: sum(|row| row.events),
        ticks: sum(|row| row.ticks),
        bars: sum(|row| row.bars),
        bytes: sum(|row| row.bytes),
    };
    let lock = Lock::holder(dir)?.map(|holder| Writing { pid: holder.pid, command: holder.command });
    Ok(Report { segments, totals, lock, snapshots: snapshots(dir, tape.last_seq())? })
}

fn events(info: &SegmentInfo) -> u64 {
    info.end().0.saturating_sub(info.first_seq.0)
}

/// Counts a segment's events.
fn row(tape: &Tape, info: &SegmentInfo, bar: &ProgressBar) -> Result<Row> {
    let events = events(info);
    let mut row = Row {
        date: info.name.date,
        run: info.name.run,
        state: if info.sealed { "sealed" } else { "open" },
        first_seq: info.first_seq,
        last_seq: info.last_seq,
        events,
        ticks: events,
        bars: 0,
        bytes: info.file_bytes,
        bytes_per_event: (events > 0).then(|| (info.file_bytes as f64 / events as f64 * 10.0).round() / 10.0),
        session: Session::None,
        behaviour: None,
        import: None,
        instruments: 0,
        first_mark_ns: None,
        last_mark_ns: None,
    };
    let done = bar.position();
    let all_but_ticks = Filter::kinds(EventKind::ALL.iter().copied().filter(|kind| *kind != EventKind::Tick));
    for item in tape.scan_segment(info, &all_but_ticks) {
        let (seq, event) = item?;
        row.take(&event);
        if row.ticks.is_multiple_of(4_096) {
            bar.set_position(done + seq.0.saturating_sub(info.first_seq.0));
        }
    }
    bar.set_position(done + events);
    Ok(row)
}

impl Row {
    /// Notes an event that is no tick.
    fn take(&mut self, event: &Event) {
        self.ticks = self.ticks.saturating_sub(1);
        self.bars += u64::from(event.kind() == EventKind::Bar);
        let Event::Input(input) = event else { return };
        match input {
            Input::SessionOpened(opened) => {
                self.session = Session::Open;
                self.behaviour = Some(opened.behaviour);
                self.import = opened.import;
                self.instruments += opened.instruments.len() as u64;
            }
            Input::SessionClosed(closed) => {
                self.session = match closed.reason {
                    barkeep_schemas::CloseReason::Complete => Session::Closed,
                    barkeep_schemas::CloseReason::Abandoned => Session::Abandoned,
                };
            }
            Input::InstrumentListed(_) => self.instruments += 1,
            Input::ImportStarted(started) => self.import = self.import.or(Some(started.id)),
            Input::ClockMark(mark) => {
                self.first_mark_ns = self.first_mark_ns.or(Some(mark.ts));
                self.last_mark_ns = self.last_mark_ns.max(Some(mark.ts));
            }
            Input::Tick(_)
            | Input::FeedGap(_)
            | Input::ConfigChanged(_)
            | Input::ImportFinished(_)
            | Input::OutsideBar(_)
            | Input::OperatorCommand(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_) => {}
        }
    }

    fn cells(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let clock = match (self.first_mark_ns, self.last_mark_ns) {
            (Some(first), Some(last)) => format!("{} to {} IST", moment::ist_clock(first), moment::ist_clock(last)),
            (_, _) => dash(),
        };
        vec![
            format!("{}.{}", self.date, self.run),
            self.state.to_owned(),
            self.first_seq.to_string(),
            self.last_seq.map_or_else(dash, |seq| seq.to_string()),
            screen::count(self.events),
            screen::count(self.ticks),
            screen::count(self.bars),
            screen::bytes(self.bytes),
            self.bytes_per_event.map_or_else(dash, |bytes| format!("{bytes:.1}")),
            self.session.name().to_owned(),
            self.behaviour.map_or_else(dash, |behaviour| behaviour.to_string()),
            self.import.map_or_else(dash, super::line::short),
            screen::count(self.instruments),
            clock,
        ]
    }
}

/// The snapshot files by name, newest first; whether one can be used shows only when it is read.
fn snapshots(dir: &DataDir, last: Seq) -> Result<Vec<SnapshotFile>> {
    let entries = match std::fs::read_dir(dir.snapshots()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let seq = name.to_str().and_then(|name| name.strip_suffix(".snap")).and_then(|seq| seq.parse().ok());
        files.extend(seq.map(|seq| SnapshotFile { seq: Seq(seq), behind: last.0.saturating_sub(seq) }));
    }
    files.sort_unstable_by_key(|file| std::cmp::Reverse(file.seq));
    Ok(files)
}

fn text(report: &Report) -> String {
    let header = [
        "SEGMENT",
        "STATE",
        "FIRST",
        "LAST",
        "EVENTS",
        "TICKS",
        "BARS",
        "ON DISK",
        "BYTES/EVENT",
        "SESSION",
        "BEHAVIOUR",
        "IMPORT",
        "INSTRUMENTS",
        "CLOCK",
    ];
    let mut table = screen::table(&header, &[2, 3, 4, 5, 6, 7, 8, 10, 12]);
    for row in &report.segments {
        table.add_row(row.cells());
    }
    let totals = &report.totals;
    let mut out = screen::lines(&table);
    out.push_str(&format!(
        "\n\n  total      {} {}, {} events: {} ticks, {} bars, {} others; {}",
        screen::count(totals.segments),
        if totals.segments == 1 { "segment" } else { "segments" },
        screen::count(totals.events),
        screen::count(totals.ticks),
        screen::count(totals.bars),
        screen::count(totals.events.saturating_sub(totals.ticks + totals.bars)),
        screen::bytes(totals.bytes),
    ));
    out.push_str("\n  lock       ");
    match &report.lock {
        Some(Writing { pid, command }) => out.push_str(&format!("held by process {pid} ({command})")),
        None => out.push_str("free"),
    }
    out.push_str("\n  snapshots  ");
    let files = report.snapshots.iter();
    let files: Vec<String> =
        files.map(|file| format!("seq {} ({} events behind)", file.seq, screen::count(file.behind))).collect();
    out.push_str(&if files.is_empty() { "none".to_owned() } else { files.join(", ") });
    out
}

#[cfg(test)]
mod tests;
