//! `barkeep tape stat`: what is on the tape, segment by segment, who writes it, and what a restart would find.
//!
//! What it is: one pass over each segment that leaves the ticks undecoded and counts them as what is left. What it
//! never does: verify; `tape verify` does. Called by [`super::run`].

use anyhow::Result;
use barkeep_schemas::{Event, EventKind, Hash32, Input, Seq, SessionDate, Ts};
use barkeep_storage::{DataDir, Filter, Lock, SegmentInfo, Tape};
use comfy_table::Table;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::{Context, Verdict, moment, screen};

/// Shows the segments, the lock and the snapshots
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads the whole tape to count its events. OUT-SIDE counts bars from outside: the broker's and \
imported ones. BYTES/EVENT is the file's size on the disk over its events.

Examples:
  barkeep tape stat
  barkeep tape stat --wide"
)]
pub struct Args {
    /// All columns: also the first position, behaviour, import, instruments and clock of each segment
    #[arg(long)]
    pub wide: bool,
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
    /// Bars from outside: the broker's and imported ones.
    outside: u64,
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
    outside: u64,
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
    /// Events that it has seen and the tape no longer holds.
    lost: u64,
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
        screen::say(text(&report, args.wide))?
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
        outside: sum(|row| row.outside),
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
        outside: 0,
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
            Input::OutsideBar(_) => self.outside += 1,
            Input::ImportStarted(started) => self.import = self.import.or(Some(started.id)),
            Input::ClockMark(mark) => {
                self.first_mark_ns = self.first_mark_ns.or(Some(mark.ts));
                self.last_mark_ns = self.last_mark_ns.max(Some(mark.ts));
            }
            Input::Tick(_)
            | Input::FeedGap(_)
            | Input::ConfigChanged(_)
            | Input::ImportFinished(_)
            | Input::OperatorCommand(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_)
            | Input::FeedReport(_)
            | Input::InstrumentsFetched(_)
            | Input::DeskChanged(_)
            | Input::GatewayReport(_)
            | Input::BrokerOrder(_)
            | Input::BrokerTrade(_)
            | Input::HealRun(_)
            | Input::BarCorrection(_) => {}
        }
    }

    fn cells(&self, wide: bool) -> Vec<String> {
        let dash = || "-".to_owned();
        let mut cells = vec![format!("{}.{}", self.date, self.run), self.state.to_owned()];
        if wide {
            cells.push(self.first_seq.to_string());
        }
        cells.extend([
            self.last_seq.map_or_else(dash, |seq| seq.to_string()),
            screen::count(self.events),
            screen::count(self.ticks),
            screen::count(self.bars),
            screen::count(self.outside),
            screen::bytes(self.bytes),
            self.bytes_per_event.map_or_else(dash, |bytes| format!("{bytes:.1}")),
            self.session.name().to_owned(),
        ]);
        if wide {
            cells.extend([
                self.behaviour.map_or_else(dash, |behaviour| behaviour.to_string()),
                self.import.map_or_else(dash, super::line::short),
                screen::count(self.instruments),
                self.clock().unwrap_or_else(dash),
            ]);
        }
        cells
    }

    /// The first and the last clock mark, with their dates where they lie on two days in IST.
    fn clock(&self) -> Option<String> {
        let (first, last) = (self.first_mark_ns?, self.last_mark_ns?);
        Some(if moment::ist_date(first) == moment::ist_date(last) {
            format!("{} to {} IST", moment::ist_clock(first), moment::ist_clock(last))
        } else {
            format!("{} to {}", moment::ist(first), moment::ist(last))
        })
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
        files.extend(seq.map(|seq| SnapshotFile {
            seq: Seq(seq),
            behind: last.0.saturating_sub(seq),
            lost: u64::saturating_sub(seq, last.0),
        }));
    }
    files.sort_unstable_by_key(|file| std::cmp::Reverse(file.seq));
    Ok(files)
}

/// The segments. The narrow form leaves out what people seldom need, so that a tape of tens of millions of events fits
/// into 100 columns; the first position is the last one of the segment before and one.
fn segments(rows: &[Row], wide: bool) -> Table {
    let mut header = vec!["SEGMENT", "STATE"];
    if wide {
        header.push("FIRST");
    }
    header.extend(["LAST", "EVENTS", "TICKS", "BARS", "OUT-\nSIDE", "ON DISK", "BYTES/\nEVENT", "SESSION"]);
    if wide {
        header.extend(["BEHAVIOUR", "IMPORT", "INSTRUMENTS", "CLOCK"]);
    }
    let texts = ["SEGMENT", "STATE", "SESSION", "IMPORT", "CLOCK"];
    let right: Vec<usize> = (0..).zip(&header).filter(|(_, name)| !texts.contains(*name)).map(|(at, _)| at).collect();
    let mut table = screen::table(&header, &right);
    if !wide {
        for column in table.column_iter_mut() {
            column.set_padding((0, 1));
        }
    }
    for row in rows {
        table.add_row(row.cells(wide));
    }
    table
}

fn text(report: &Report, wide: bool) -> String {
    let totals = &report.totals;
    let mut out = screen::lines(&segments(&report.segments, wide));
    out.push_str(&format!(
        "\n\n  total      {}, {}, {}\n             {} ticks, {} bars, {} from outside, {} others",
        screen::counted(totals.segments, "segment"),
        screen::counted(totals.events, "event"),
        screen::bytes(totals.bytes),
        screen::count(totals.ticks),
        screen::count(totals.bars),
        screen::count(totals.outside),
        screen::count(totals.events.saturating_sub(totals.ticks + totals.bars + totals.outside)),
    ));
    out.push_str("\n  lock       ");
    match &report.lock {
        Some(Writing { pid, command }) => out.push_str(&format!("held by process {pid} ({command})")),
        None => out.push_str("free"),
    }
    out.push_str("\n  snapshots  ");
    let files: Vec<String> = report.snapshots.iter().map(snapshot).collect();
    out.push_str(&if files.is_empty() { "none".to_owned() } else { files.join("\n             ") });
    out
}

fn snapshot(file: &SnapshotFile) -> String {
    if file.lost > 0 {
        let lost = screen::counted(file.lost, "event");
        return format!("seq {}: THE TAPE LOST {lost} before it; run tape verify", file.seq);
    }
    format!("seq {} ({} behind)", file.seq, screen::counted(file.behind, "event"))
}

#[cfg(test)]
mod tests;
