//! Where derived events go, with the cause they all share.

use alloc::vec::Vec;

use barkeep_schemas::{Derived, Seq};

/// The events derived from one input.
pub(crate) struct Output<'a> {
    /// The position of the input.
    pub(crate) cause: Seq,
    events: &'a mut Vec<Derived>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(cause: Seq, events: &'a mut Vec<Derived>) -> Self {
        Self { cause, events }
    }

    pub(crate) fn push(&mut self, event: Derived) {
        self.events.push(event);
    }
}
