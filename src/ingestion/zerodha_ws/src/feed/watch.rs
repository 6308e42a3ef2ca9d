//! The hours for which a connection answers: when a gap counts, and when silence is no accident.

use barkeep_schemas::{DayCalendar, InstrumentClass, Phase, Ts};

/// The hours of one session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watch {
    /// First moment of the first phase of any class.
    pub from: Ts,
    /// First moment after the last phase of any class.
    pub until: Ts,
    continuous: Vec<(InstrumentClass, Ts, Ts)>,
}

impl Watch {
    /// The hours of a day; `None` for a day without phases.
    pub fn of(calendar: &DayCalendar) -> Option<Self> {
        let spans = || calendar.classes.iter().flat_map(|day| day.phases.iter().map(move |span| (day.class, span)));
        let continuous = spans().filter(|(_, span)| span.phase == Phase::Continuous);
        Some(Self {
            from: spans().map(|(_, span)| span.start).min()?,
            until: spans().map(|(_, span)| span.end).max()?,
            continuous: continuous.map(|(class, span)| (class, span.start, span.end)).collect(),
        })
    }

    /// Since when continuous trading of a class has been going on; `None` outside.
    pub fn trading_since(&self, class: InstrumentClass, now: Ts) -> Option<Ts> {
        let spans = self.continuous.iter().filter(|(of, from, until)| *of == class && *from <= now && now < *until);
        spans.map(|(_, from, _)| *from).min()
    }

    /// Since when continuous trading of any of these classes has been going on; `None` outside.
    pub fn any_trading_since(&self, classes: &[InstrumentClass], now: Ts) -> Option<Ts> {
        classes.iter().filter_map(|class| self.trading_since(*class, now)).min()
    }
}
