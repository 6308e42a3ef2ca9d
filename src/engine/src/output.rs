//! Where derived events go, with the cause they all share.

use alloc::vec::Vec;

use barkeep_schemas::{Derived, Seq};

/// The events derived from one input.
#[allow(dead_code, reason = "the desk's stages are being put together")]
pub(crate) struct Output<'a> {
    /// The position of the input.
    pub(crate) cause: Seq,
    events: &'a mut Vec<Derived>,
    /// How many events of earlier inputs lie before them.
    before: usize,
}

#[allow(dead_code, reason = "the desk's stages are being put together")]
impl<'a> Output<'a> {
    pub(crate) fn new(cause: Seq, events: &'a mut Vec<Derived>) -> Self {
        let before = events.len();
        Self { cause, events, before }
    }

    pub(crate) fn push(&mut self, event: Derived) {
        self.events.push(event);
    }

    /// How many events this input has derived so far.
    pub(crate) fn len(&self) -> usize {
        self.events.len().saturating_sub(self.before)
    }

    /// Where the next event will lie on the tape.
    pub(crate) fn next_seq(&self) -> Seq {
        self.cause.plus(1 + self.len() as u64)
    }

    /// The `at`-th event that this input has derived, from 0.
    pub(crate) fn get(&self, at: usize) -> Option<&Derived> {
        self.events.get(self.before + at)
    }
}
