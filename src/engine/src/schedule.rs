//! The hours of one class of instruments, and the buckets that they cut a day into.
//!
//! Invariant: spans are in order and never overlap, so a moment lies in one span at most and a bucket in one part.

use alloc::vec::Vec;

use barkeep_schemas::{ClassDay, InstrumentClass, Phase, Timeframe};

use crate::state::wire_fields;

/// One phase of the day in nanoseconds, `start <= t < end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) phase: Phase,
    pub(crate) start: i64,
    pub(crate) end: i64,
}
wire_fields!(Span { phase, start, end });

/// A bucket's place in time, `start <= t < end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Span {
    /// The bucket that holds `t`, which lies in this span. Buckets align to the start of the part and end with it.
    pub(crate) fn slot(&self, tf: Timeframe, t: i64) -> Slot {
        let length = tf.nanos();
        let start = t - (t - self.start) % length;
        Slot { start, end: start.saturating_add(length).min(self.end) }
    }

    fn holds(&self, t: i64) -> bool {
        self.start <= t && t < self.end
    }
}

/// The day of one class.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) class: InstrumentClass,
    spans: Vec<Span>,
}
wire_fields!(Schedule { class, spans });

impl Schedule {
    /// `None` when phases are empty, out of order or overlap.
    pub(crate) fn new(day: &ClassDay) -> Option<Self> {
        let spans: Vec<Span> = day
            .phases
            .iter()
            .map(|span| Span { phase: span.phase, start: span.start.get(), end: span.end.get() })
            .collect();
        let whole = spans.iter().all(|span| span.start < span.end);
        let ordered = spans.iter().zip(spans.iter().skip(1)).all(|(one, next)| one.end <= next.start);
        (whole && ordered).then_some(Self { class: day.class, spans })
    }

    /// The span that holds `t`; `hint` remembers where the last answer was.
    pub(crate) fn span(&self, t: i64, hint: &mut u32) -> Option<Span> {
        if let Some(span) = self.spans.get(*hint as usize)
            && span.holds(t)
        {
            return Some(*span);
        }
        let place = self.spans.iter().position(|span| span.holds(t))?;
        *hint = place as u32;
        self.spans.get(place).copied()
    }

    /// The first moment after the last phase.
    pub(crate) fn last(&self) -> Option<i64> {
        self.spans.last().map(|span| span.end)
    }

    /// The first moment of the first phase.
    pub(crate) fn first(&self) -> Option<i64> {
        self.spans.first().map(|span| span.start)
    }
}
