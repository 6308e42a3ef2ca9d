//! The hours of one trading date as the generators need them: each class's segments second by second, and the grid of
//! all seconds of continuous trading of any class, along which the prices move.
//!
//! It knows no calendar of its own: a `DayCalendar` is given to it. The other files of the market call it.

use barkeep_schemas::{ClassDay, DayCalendar, InstrumentClass, NANOS, Phase, PhaseSpan, SessionDate};

/// One phase in which something happens to a book: pre-open, continuous trading or the closing auction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    /// Which phase.
    pub(super) phase: Phase,
    /// First nanosecond.
    pub(super) start: i64,
    /// First nanosecond after it.
    pub(super) end: i64,
    /// Whole seconds in it.
    pub(super) seconds: u32,
    /// Of continuous trading the place of its first second on the grid; else of the continuous trading that follows.
    pub(super) grid: u32,
    /// Which part of continuous trading it is, from 0; of another phase the number of parts before.
    pub(super) part: u8,
}

/// The day of one class.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ClassHours {
    /// The class as the calendar names it.
    pub(super) class: InstrumentClass,
    /// The trading date.
    pub(super) date: SessionDate,
    /// All phases.
    pub(super) spans: Vec<PhaseSpan>,
    /// What the generators walk through, in order.
    pub(super) segments: Vec<Segment>,
    /// Seconds of continuous trading.
    pub(super) seconds: u32,
}

/// The day of all classes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Hours {
    /// The trading date.
    pub(super) date: SessionDate,
    /// Midnight at its beginning.
    pub(super) start: i64,
    /// Midnight at its end.
    pub(super) end: i64,
    /// Each class's day.
    pub(super) classes: Vec<ClassHours>,
    /// Seconds of the grid.
    pub(super) grid: u32,
    parts: Vec<Part>,
}

/// A stretch of the grid without a break.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    start: i64,
    end: i64,
    grid: u32,
}

impl Hours {
    /// Reads a calendar.
    pub(super) fn new(date: SessionDate, calendar: &DayCalendar) -> Self {
        let (parts, grid) = grid(calendar);
        let classes = calendar.classes.iter().map(|day| ClassHours::new(date, day, &parts, grid)).collect();
        Self { date, start: calendar.day_start.get(), end: calendar.day_end.get(), classes, grid, parts }
    }

    /// The day of a class; of the class `always` where the calendar has only that.
    pub(super) fn class(&self, class: InstrumentClass) -> Option<&ClassHours> {
        let find = |class| self.classes.iter().find(|hours| hours.class == class);
        find(class).or_else(|| find(InstrumentClass::Always))
    }

    /// How the busyness and the moves are spread over the grid.
    pub(super) fn curve(&self) -> Curve {
        Curve::new(self.grid)
    }
}

/// All continuous parts of all classes, joined where they touch, and the seconds in them.
fn grid(calendar: &DayCalendar) -> (Vec<Part>, u32) {
    let spans = calendar.classes.iter().flat_map(|day| day.phases.iter());
    let mut spans: Vec<(i64, i64)> = spans
        .filter(|span| span.phase == Phase::Continuous && span.start < span.end)
        .map(|span| (span.start.get(), span.end.get()))
        .collect();
    spans.sort_unstable();
    let mut parts: Vec<Part> = Vec::new();
    for (start, end) in spans {
        match parts.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            Some(_) | None => parts.push(Part { start, end, grid: 0 }),
        }
    }
    let mut grid = 0;
    for part in &mut parts {
        part.grid = grid;
        grid += seconds(part.start, part.end);
    }
    (parts, grid)
}

fn seconds(start: i64, end: i64) -> u32 {
    u32::try_from((end - start) / NANOS).unwrap_or(0)
}

impl ClassHours {
    fn new(date: SessionDate, day: &ClassDay, parts: &[Part], grid: u32) -> Self {
        let mut segments = Vec::new();
        let mut part = 0;
        for span in &day.phases {
            let (start, end) = (span.start.get(), span.end.get());
            let continuous = span.phase == Phase::Continuous;
            if !(continuous || matches!(span.phase, Phase::PreOpen | Phase::ClosingAuction)) || end - start < NANOS {
                continue;
            }
            let seconds = seconds(start, end);
            segments.push(Segment { phase: span.phase, start, end, seconds, grid: place(parts, start, grid), part });
            part += u8::from(continuous);
        }
        let seconds = segments.iter().filter(|segment| segment.phase == Phase::Continuous);
        let seconds = seconds.map(|segment| segment.seconds).sum();
        Self { class: day.class, date, spans: day.phases.clone(), segments, seconds }
    }

    /// The phase at a moment.
    pub(super) fn phase(&self, at: i64) -> Option<Phase> {
        let here = |span: &&PhaseSpan| span.start.get() <= at && at < span.end.get();
        self.spans.iter().find(here).map(|span| span.phase)
    }
}

/// The place of a moment on the grid, or of the first one after it.
fn place(parts: &[Part], at: i64, grid: u32) -> u32 {
    let part = parts.iter().find(|part| at < part.end);
    part.map_or(grid, |part| part.grid + seconds(part.start, at.max(part.start)))
}

/// How a move over the whole grid is spread over its seconds, as the steps of a Brownian bridge that ends where it must:
/// `x += (end - x) * pull + deviation * kick * z`.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Curve {
    /// The share of the way left that one second takes.
    pub(super) pull: Vec<f64>,
    /// What one second strays, as a share of the whole day's deviation.
    pub(super) kick: Vec<f64>,
    /// How busy each minute of the grid is; about 1 on the day's average.
    pub(super) busy: Vec<f64>,
}

impl Curve {
    fn new(grid: u32) -> Self {
        let count = grid.div_ceil(60).max(1);
        let busy: Vec<f64> = (0..count).map(|minute| smile((f64::from(minute) + 0.5) / f64::from(count))).collect();
        let sum: f64 = (0..grid).filter_map(|second| busy.get(second as usize / 60)).sum();
        let (mut pull, mut kick) = (Vec::with_capacity(grid as usize), Vec::with_capacity(grid as usize));
        let mut left = sum;
        for second in 0..grid {
            let weight = busy.get(second as usize / 60).copied().unwrap_or(1.0);
            let after = left - weight;
            let last = second + 1 == grid;
            pull.push(if last { 1.0 } else { weight / left });
            kick.push(if last { 0.0 } else { libm::sqrt(weight * after.max(0.0) / (left * sum)) });
            left = after;
        }
        Self { pull, kick, busy }
    }
}

/// The day's smile at a fraction of its trading time: high at the open, low at noon, high at the close, about 1 on the
/// mean. The bounds keep a session of a few minutes alive.
fn smile(at: f64) -> f64 {
    (0.62 + 1.6 * libm::exp(-at / 0.06) + 0.9 * libm::exp((at - 1.0) / 0.08)) / 0.788
}
