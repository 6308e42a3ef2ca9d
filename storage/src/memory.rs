//! A tape without a disk, for tests and simulation. Never touches a file; nothing is durable.

use barkeep_schemas::{Event, Seq};

use crate::filter::Filter;

/// Events in memory, from [`Seq::FIRST`] on.
#[derive(Clone, Debug, Default)]
pub struct MemoryTape {
    events: Vec<Event>,
}

impl MemoryTape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// The position that the next event takes.
    pub fn next_seq(&self) -> Seq {
        Seq::FIRST.plus(self.events.len() as u64)
    }

    /// The last position; 0 when there is no event.
    pub fn last_seq(&self) -> Seq {
        Seq(self.events.len() as u64)
    }

    /// Appends the events in order; the last position, or `None` for no events.
    pub fn commit(&mut self, events: &[Event]) -> Option<Seq> {
        self.events.extend_from_slice(events);
        (!events.is_empty()).then(|| self.last_seq())
    }

    /// The events from position `from` to position `to` (both included; `None`: to the end) that `filter` lets through.
    pub fn scan(&self, from: Seq, to: Option<Seq>, filter: &Filter) -> MemoryScan<'_> {
        let to = to.unwrap_or(self.last_seq()).min(self.last_seq());
        MemoryScan { events: &self.events, next: from.max(Seq::FIRST), to, filter: *filter }
    }
}

/// Iterates over a [`MemoryTape`].
#[derive(Clone, Debug)]
pub struct MemoryScan<'a> {
    events: &'a [Event],
    next: Seq,
    to: Seq,
    filter: Filter,
}

impl Iterator for MemoryScan<'_> {
    type Item = (Seq, Event);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next <= self.to {
            let seq = self.next;
            self.next = seq.plus(1);
            let event = usize::try_from(seq.0.checked_sub(1)?).ok().and_then(|at| self.events.get(at))?;
            if self.filter.admits(event) {
                return Some((seq, event.clone()));
            }
        }
        None
    }
}
