//! `barkeep tape cat`: events as lines, or as NDJSON.
//!
//! Never holds more than one event. Called by [`super::run`].

use anyhow::{Context as _, Result};
use barkeep_schemas::{Event, Seq};
use barkeep_storage::{Filter, Tape};

use super::line;
use super::select::{Raw, Selection};
use crate::cli::{Context, Verdict};
use crate::mirrors::symbols::SymbolBook;

/// Prints events, one line each: position, time, kind, symbol, fields
#[derive(Debug, clap::Args)]
#[command(after_help = "--seq shows an event and, where it is an input, all that was derived from it.\n\n\
Example:
  barkeep tape cat --date 2021-06-04 --kind bar --symbol INFY \\
      --from 09:15 --to 09:20")]
pub struct Args {
    /// Which events.
    #[command(flatten)]
    pub raw: Raw,
    /// This event and what it derived
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..),
          conflicts_with_all = ["kind", "symbol", "from", "to", "date", "run", "limit"])]
    pub seq: Option<u64>,
    /// At most this many events
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// One JSON object a line: seq, kind, symbol and the event's own fields, times in nanoseconds UTC
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let tape = Tape::open(&context.dir)?;
    let mut book = SymbolBook::new(&tape);
    if let Some(seq) = args.seq {
        group(&tape, Seq(seq), &mut |at, event| {
            line::print(at, event, name(&mut book, at, event)?.as_deref(), args.json)
        })?;
        return Ok(Verdict::Fine);
    }
    let selection = Selection::new(&args.raw, &tape, &mut book)?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    for item in tape.scan(selection.from, selection.to, &selection.filter) {
        if left == 0 {
            break;
        }
        let (seq, event) = item?;
        let symbol = name(&mut book, seq, &event)?;
        if selection.admits(&event, symbol.as_deref()) {
            line::print(seq, &event, symbol.as_deref(), args.json)?;
            left -= 1;
        }
    }
    Ok(Verdict::Fine)
}

/// The symbol that an event is about.
pub(super) fn name(book: &mut SymbolBook<'_>, seq: Seq, event: &Event) -> Result<Option<std::sync::Arc<str>>> {
    Ok(match event.instrument() {
        Some(id) => Some(book.symbol(seq, id)?.name),
        None => None,
    })
}

/// Shows an event and the derived events that follow it at once when it is an input.
fn group(tape: &Tape, seq: Seq, show: &mut dyn FnMut(Seq, &Event) -> Result<()>) -> Result<()> {
    let mut events = tape.scan(seq, None, &Filter::ALL);
    // Where segments were pruned a scan goes on behind the hole.
    let found = events.next().transpose()?.filter(|(at, _)| *at == seq);
    let (at, event) = found.with_context(|| {
        let first = tape.first_seq().map_or_else(|| "nothing".to_owned(), |first| format!("seq {first}"));
        format!("there is no event at seq {seq}: the tape holds {first} to {}", tape.last_seq())
    })?;
    show(at, &event)?;
    if matches!(event, Event::Derived(_)) {
        return Ok(());
    }
    for item in events {
        let (at, event) = item?;
        if matches!(event, Event::Input(_)) {
            break;
        }
        show(at, &event)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirrors::scene;

    #[track_caller]
    fn check(seq: u64, expected: &[u64]) {
        let (_folder, dir) = scene::tape();
        let mut seen = Vec::new();
        let mut show = |seq: Seq, _: &Event| {
            seen.push(seq.0);
            Ok(())
        };
        group(&Tape::open(&dir).unwrap(), Seq(seq), &mut show).unwrap();
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_input_is_shown_with_what_it_derived_and_a_derived_event_alone() {
        check(3, &[3, 4, 5, 6, 7, 8]);
        check(5, &[5]);
        check(10, &[10]);
        check(23, &[23]);
    }

    #[test]
    fn a_position_that_is_not_there_is_refused() {
        let (_folder, dir) = scene::tape();
        let told = group(&Tape::open(&dir).unwrap(), Seq(24), &mut |_, _| Ok(())).unwrap_err().to_string();
        assert_eq!(told, "there is no event at seq 24: the tape holds seq 1 to 23");
    }
}
