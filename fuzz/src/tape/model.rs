//! What the tape must hold: a map of acknowledged events, and a batch in doubt.

use std::collections::BTreeMap;

use barkeep_schemas::{Event, Seq};
use barkeep_storage::Filter;

#[derive(Default)]
pub struct Model {
    /// What was acknowledged.
    durable: BTreeMap<u64, Event>,
    /// The batch whose commit failed or was interrupted, behind the acknowledged events.
    doubtful: Vec<Event>,
}

impl Model {
    /// The last acknowledged position; 0 when there is none.
    pub fn last(&self) -> u64 {
        self.durable.len() as u64
    }

    /// The batch became durable.
    pub fn acknowledge(&mut self, events: Vec<Event>) {
        assert!(self.doubtful.is_empty(), "a writer went on over a batch in doubt");
        let first = self.last() + 1;
        self.durable.extend((first..).zip(events));
    }

    /// The batch may have become durable, or not.
    pub fn doubt(&mut self, events: Vec<Event>) {
        assert!(self.doubtful.is_empty(), "a writer went on over a batch in doubt");
        self.doubtful = events;
    }

    /// Whether the tape may end at this position.
    pub fn may_end_at(&self, last: u64) -> bool {
        last == self.last() || last == self.last() + self.doubtful.len() as u64
    }

    /// A writer has opened the tape and found its end: the doubt is over.
    pub fn settle(&mut self, last: u64) {
        assert!(self.may_end_at(last), "the tape ends at {last}, {} were acknowledged", self.last());
        let doubtful = std::mem::take(&mut self.doubtful);
        if last > self.last() {
            self.acknowledge(doubtful);
        }
    }

    /// The event at a position, if it may be there.
    pub fn at(&self, seq: Seq) -> Option<&Event> {
        let beyond = || seq.0.checked_sub(self.last() + 1).and_then(|at| self.doubtful.get(at as usize));
        self.durable.get(&seq.0).or_else(beyond)
    }

    /// The events that a scan must give when the tape ends at `last`.
    pub fn scan(&self, from: Seq, to: Seq, filter: &Filter) -> Vec<(Seq, Event)> {
        let doubtful = (self.last() + 1..).zip(&self.doubtful);
        let all = self.durable.iter().map(|(seq, event)| (*seq, event)).chain(doubtful);
        let wanted = all.skip_while(|(seq, _)| *seq < from.0).take_while(|(seq, _)| *seq <= to.0);
        wanted.filter(|(_, event)| filter.admits(event)).map(|(seq, event)| (Seq(seq), event.clone())).collect()
    }
}
