//! `barkeep tape tail`: the last events, then those that come while another process writes.
//!
//! What it is: a backward search for the last matches and a follower. What it never does: hold more than the lines
//! asked for, or hold up the writer. Called by [`super::run`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use barkeep_schemas::{Event, Seq};
use barkeep_storage::{DataDir, Follower, Tape};

use super::select::{Raw, Selection};
use super::{cat, line};
use crate::cli::{Context, Verdict};
use crate::mirrors::symbols::{Names, SymbolBook};

/// The pause after a poll that brought nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// Events taken in one poll.
const POLL_EVENTS: usize = 4_096;

/// How much further back each search reaches than the one before.
const REACH: u64 = 8;

/// Prints the last events, and with --follow those that come
#[derive(Debug, clap::Args)]
#[command(after_help = "--follow goes on until Ctrl-C, from one session into the next.\n\n\
Example:
  barkeep tape tail --follow --kind bar,recon_run --symbol INFY")]
pub struct Args {
    /// How many of the last events
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 20)]
    pub lines: usize,
    /// Go on with the events that come
    #[arg(short, long, conflicts_with_all = ["to", "date", "run"])]
    pub follow: bool,
    /// Which events.
    #[command(flatten)]
    pub raw: Raw,
    /// One JSON object a line, as `tape cat --json`
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let (selection, names, last) = {
        let tape = Tape::open(&context.dir)?;
        let mut book = SymbolBook::new(&tape);
        let selection = Selection::new(&args.raw, &tape, &mut book)?;
        for (seq, event) in last_matches(&tape, &mut book, &selection, args.lines)? {
            line::print(seq, &event, cat::name(&mut book, seq, &event)?.as_deref(), args.json)?;
        }
        let last = tape.last_seq();
        (selection, book.names_at(last)?, last)
    };
    if args.follow {
        let mut show = |seq: Seq, event: &Event, symbol: Option<&str>| line::print(seq, event, symbol, args.json);
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        ctrlc::set_handler(move || stop.store(true, Ordering::Relaxed))?;
        follow(&context.dir, last, names, &selection, &mut show, &|| stopped.load(Ordering::Relaxed))?;
    }
    Ok(Verdict::Fine)
}

/// The last `wanted` events of a selection: searched from the end, each time further back.
fn last_matches(
    tape: &Tape,
    book: &mut SymbolBook<'_>,
    selection: &Selection,
    wanted: usize,
) -> Result<VecDeque<(Seq, Event)>> {
    let first = selection.from.max(tape.first_seq().unwrap_or(Seq::FIRST));
    let last = selection.to.map_or(tape.last_seq(), |to| to.min(tape.last_seq()));
    let mut reach = wanted as u64;
    loop {
        let from = Seq(last.plus(1).0.saturating_sub(reach)).max(first);
        let mut found = VecDeque::new();
        for item in tape.scan(from, Some(last), &selection.filter) {
            let (seq, event) = item?;
            if !selection.admits(&event, cat::name(book, seq, &event)?.as_deref()) {
                continue;
            }
            found.push_back((seq, event));
            if found.len() > wanted {
                found.pop_front();
            }
        }
        if found.len() >= wanted || from <= first {
            return Ok(found);
        }
        reach = reach.saturating_mul(REACH);
    }
}

/// Takes an event with its position and symbol.
type Show<'a> = dyn FnMut(Seq, &Event, Option<&str>) -> Result<()> + 'a;

/// Shows what comes after `last` until `stop` says so or `show` fails. `names` are those that hold at `last`.
fn follow(
    dir: &DataDir,
    last: Seq,
    mut names: Names,
    selection: &Selection,
    show: &mut Show<'_>,
    stop: &dyn Fn() -> bool,
) -> Result<()> {
    let mut follower = Follower::new(dir, last);
    while !stop() {
        let events = follower.poll(POLL_EVENTS)?;
        if events.is_empty() {
            thread::sleep(PAUSE);
        }
        for (seq, event) in events {
            names.learn(&event);
            let symbol = event.instrument().map(|id| match names.get(id) {
                Some(name) => name.clone(),
                None => format!("#{}", id.0).into(),
            });
            if seq >= selection.from && selection.admits(&event, symbol.as_deref()) {
                show(seq, &event, symbol.as_deref())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
