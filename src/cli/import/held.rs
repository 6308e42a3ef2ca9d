//! What a file that is imported again had brought: is it there still?
//!
//! Never adds or changes anything. Called by [`super::run_request`].

use anyhow::Result;
use barkeep_schemas::{Event, EventKind, Hash32, Input, Seq};
use barkeep_storage::{DataDir, Filter, Tape};

/// Reads what an import had brought, with every checksum: who brings a file again wants to know that it is there. Takes
/// a small part of what reading the file took.
///
/// # Errors
/// When it cannot be read as it was written.
pub(super) fn read(dir: &DataDir, id: Hash32) -> Result<()> {
    let tape = Tape::open(dir)?;
    let marks = Filter::kinds([EventKind::ImportStarted, EventKind::ImportFinished]);
    let mut from = None;
    for item in tape.scan(Seq::FIRST, None, &marks) {
        match item? {
            (seq, Event::Input(Input::ImportStarted(started))) if started.id == id => from = from.or(Some(seq)),
            (seq, Event::Input(Input::ImportFinished(finished))) if finished.id == id => {
                for item in tape.scan(from.unwrap_or(Seq::FIRST), Some(seq), &Filter::ALL) {
                    item?;
                }
                return Ok(());
            }
            (_, Event::Input(_) | Event::Derived(_)) => {}
        }
    }
    Ok(())
}
