//! `barkeep tape seal`: the open segment takes no more events and its file becomes read-only.
//!
//! Never closes a session: while one is open in the segment, sealing is refused. Called by [`super::run`].

use anyhow::{Result, bail};
use barkeep_schemas::{Event, EventKind, Input, Seq, SessionDate};
use barkeep_storage::{DataDir, Filter, OpenError, SegmentHeader, SegmentInfo, SegmentName, Tape, Writer};
use serde::Serialize;

use crate::cli::{Context, Verdict, screen};
use crate::orchestrator::ApplianceError;

/// Seals the open segment: it takes no more events, its file becomes read-only
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs the lock, so no daemon may run. A segment whose session is still open is not sealed. Work \
that comes later opens a segment of its own.\n\nExample:  barkeep tape seal"
)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `--json` prints; without a segment there was nothing to seal.
#[derive(Default, Serialize)]
struct Report {
    sealed: bool,
    date: Option<SessionDate>,
    run: Option<u32>,
    first_seq: Option<Seq>,
    last_seq: Option<Seq>,
    events: u64,
    bytes: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let sealed = seal(&context.dir)?;
    if args.json {
        screen::say_json(&sealed.as_ref().map(Report::of).unwrap_or_default())?;
        return Ok(Verdict::Fine);
    }
    let text = match sealed {
        None => "no segment is open: there is nothing to seal".to_owned(),
        Some(info) => {
            let (events, bytes) = (screen::count(events(&info)), screen::bytes(info.file_bytes));
            let SegmentName { date, run } = info.name;
            format!("sealed {date} run {run}: {events} events up to seq {}, {bytes}", last(&info))
        }
    };
    screen::say(text)?;
    Ok(Verdict::Fine)
}

/// Seals the open segment; `None` when there is none.
fn seal(dir: &DataDir) -> Result<Option<SegmentInfo>> {
    // Without an open segment neither folders nor the lock are touched.
    if Tape::open(dir).map_err(fatal)?.segments().last().is_none_or(|info| info.sealed) {
        return Ok(None);
    }
    let mut writer = Writer::open(dir, "tape seal").map_err(fatal)?;
    let Some(header) = writer.open_segment().copied() else { return Ok(None) };
    let SegmentName { date, run } = header.name;
    if let Some(session) = open_session(dir, &header)? {
        bail!(
            "the session of {session} is still open in segment {date} run {run}: finish the import that made it, or \
             let the daemon close it, and seal then"
        );
    }
    writer.seal().map_err(ApplianceError::from)?;
    writer.close().map_err(ApplianceError::from)?;
    Ok(Tape::open(dir).map_err(fatal)?.segment_of(date, Some(run)).cloned())
}

/// The date of the session that was opened in a segment and not closed.
fn open_session(dir: &DataDir, header: &SegmentHeader) -> Result<Option<SessionDate>> {
    let marks = Filter::kinds([EventKind::SessionOpened, EventKind::SessionClosed]);
    let tape = Tape::open(dir).map_err(fatal)?;
    let mut open = None;
    for item in tape.scan(header.first_seq, None, &marks) {
        match item.map_err(ApplianceError::from)?.1 {
            Event::Input(Input::SessionOpened(opened)) => open = Some(opened.date),
            Event::Input(Input::SessionClosed(closed)) if open == Some(closed.date) => open = None,
            Event::Input(_) | Event::Derived(_) => {}
        }
    }
    Ok(open)
}

fn fatal(error: OpenError) -> ApplianceError {
    ApplianceError::from(error)
}

fn events(info: &SegmentInfo) -> u64 {
    info.end().0.saturating_sub(info.first_seq.0)
}

fn last(info: &SegmentInfo) -> Seq {
    Seq(info.end().0.saturating_sub(1))
}

impl Report {
    fn of(info: &SegmentInfo) -> Self {
        Self {
            sealed: info.sealed,
            date: Some(info.name.date),
            run: Some(info.name.run),
            first_seq: Some(info.first_seq),
            last_seq: info.last_seq,
            events: events(info),
            bytes: info.file_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirrors::scene;

    #[test]
    fn a_segment_is_sealed_once_and_never_with_a_session_open_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::new(folder.path().join("data"));
        assert!(seal(&dir).unwrap().is_none());
        assert!(!dir.root().exists(), "nothing to seal leaves nothing behind");
        scene::write(&dir, 4, &[scene::opened(4, &["INFY"]), scene::mark(0)]);
        let told = seal(&dir).unwrap_err().to_string();
        assert!(told.starts_with("the session of 2021-06-04 is still open in segment 2021-06-04 run 1: "), "{told}");
        let mut writer = Writer::open(&dir, "test").unwrap();
        writer.commit(&[scene::closed(4)]).unwrap();
        let held = seal(&dir).unwrap_err().to_string();
        assert!(held.contains("is held by process"), "{held}");
        writer.close().unwrap();
        let info = seal(&dir).unwrap().unwrap();
        assert_eq!((info.sealed, events(&info), last(&info)), (true, 3, Seq(3)));
        assert!(seal(&dir).unwrap().is_none());
    }
}
