//! When the instruments of each class are in continuous trading.

use alloc::vec::Vec;

use barkeep_schemas::{ClassDay, DayCalendar, InstrumentClass, Phase};

use crate::state::wire_fields;

/// Continuous trading of one class: parts `start <= t < end` in nanoseconds, in order.
#[derive(Clone, Debug)]
pub(crate) struct Hours {
    pub(crate) class: InstrumentClass,
    parts: Vec<Part>,
    /// Whether it has been told that its trading ended.
    closed: bool,
}
wire_fields!(Hours { class, parts, closed });

#[derive(Clone, Copy, Debug)]
struct Part {
    start: i64,
    end: i64,
}
wire_fields!(Part { start, end });

impl Hours {
    /// The hours of every class of a day, in the calendar's order.
    pub(crate) fn of(calendar: &DayCalendar) -> Vec<Self> {
        let continuous = |class: &ClassDay| {
            let spans = class.phases.iter().filter(|span| match span.phase {
                Phase::Continuous => true,
                Phase::PreOpen | Phase::ClosingAuction | Phase::PostClose => false,
            });
            let parts = spans.map(|span| Part { start: span.start.get(), end: span.end.get() }).collect();
            Self { class: class.class, parts, closed: false }
        };
        calendar.classes.iter().map(continuous).collect()
    }

    /// Whether `t` is in continuous trading.
    pub(crate) fn holds(&self, t: i64) -> bool {
        self.parts.iter().any(|part| part.start <= t && t < part.end)
    }

    /// The first moment of the first part.
    pub(crate) fn open(&self) -> i64 {
        self.parts.first().map_or(i64::MAX, |part| part.start)
    }

    /// The first moment after the last part; the earliest possible for a class without trading.
    pub(crate) fn end(&self) -> i64 {
        self.parts.last().map_or(i64::MIN, |part| part.end)
    }

    /// Whether trading has ended by `now`; true once.
    pub(crate) fn ends(&mut self, now: i64) -> bool {
        let ended = !self.closed && now >= self.end();
        self.closed |= ended;
        ended
    }
}
