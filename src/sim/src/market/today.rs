//! The current date of a market: every stock and index of it, stepped together.
//!
//! Stocks do not touch each other; an index is taken of its stocks at the end of each second, so those are stepped from
//! second to second and all others in one go. `market.rs` owns it.

use barkeep_schemas::InstrumentClass;

use super::Fixed;
use super::facts::Facts;
use super::indices::{self, IndexLive};
use super::live::{Live, Stage};
use super::minutes::{DayTotal, MinuteRow};
use super::paths::Paths;
use super::quote::{Print, Quote};

/// The current date.
pub(super) struct Today {
    /// Its number in the plan.
    pub(super) number: usize,
    /// Stocks by number.
    pub(super) lives: Vec<Live>,
    /// Indices, numbered after the stocks.
    pub(super) indices: Vec<IndexLive>,
    /// Whose quote changed in the step.
    pub(super) changed: Vec<u32>,
    /// The step's trades by stock.
    pub(super) prints: Vec<Vec<Print>>,
    printed: Vec<u32>,
    next: Vec<i64>,
    units: Vec<Vec<(usize, f64)>>,
    members: Vec<usize>,
    paths: Option<Paths>,
}

impl Today {
    /// The date of a number at its midnight.
    pub(super) fn new(fixed: &Fixed, number: usize) -> Self {
        let mut members: Vec<usize> =
            fixed.universe.indices.iter().flat_map(|index| &index.weights).map(|of| of.0).collect();
        members.sort_unstable();
        members.dedup();
        let mut today = Self {
            number,
            lives: Vec::new(),
            indices: Vec::new(),
            changed: Vec::new(),
            prints: vec![Vec::new(); fixed.universe.stocks.len()],
            printed: Vec::new(),
            next: Vec::new(),
            units: Vec::new(),
            members,
            paths: None,
        };
        today.open(fixed, number);
        today.changed.clear();
        today
    }

    /// Goes to midnight of a date; the one before is let go.
    pub(super) fn open(&mut self, fixed: &Fixed, number: usize) {
        self.number = number;
        let Some(hours) = fixed.hours.get(number) else { return };
        let count = fixed.universe.stocks.len();
        let all: Vec<usize> = (0..count).collect();
        self.paths = fixed.paths(number, &all);
        let source = fixed.source();
        let live = |(place, stock)| {
            let mut days: Vec<Facts> = source.facts(place, number.saturating_sub(1), number);
            let facts = days.pop()?;
            let last_at = days.pop().map(|before| before.last_at);
            Some(Live::new(fixed.seed, hours.date, hours.start, place, stock, (facts, last_at)))
        };
        self.lives = fixed.universe.stocks.iter().enumerate().filter_map(live).collect();
        self.next = vec![i64::MIN; self.lives.len()];
        self.units = fixed.universe.indices.iter().map(|index| fixed.units(index, number)).collect();
        self.indices = self.open_indices(fixed, number, hours.start);
        self.changed = (0..(count + self.indices.len()) as u32).collect();
    }

    fn open_indices(&self, fixed: &Fixed, number: usize, midnight: i64) -> Vec<IndexLive> {
        let before = number.checked_sub(1);
        let last_at = before.and_then(|day| fixed.hours.get(day)?.class(InstrumentClass::Derivatives)?.segments.last());
        let last_at = last_at.map(|segment| segment.end - 1_000_000);
        let open = |index| {
            let units = fixed.units(index, before.unwrap_or(number));
            let traded = |(stock, unit): &(usize, f64)| {
                unit * self.lives.get(*stock).map_or(0, |live| live.facts.previous_traded) as f64
            };
            IndexLive::new(indices::level(units.iter().map(traded).sum()), midnight, last_at)
        };
        fixed.universe.indices.iter().map(open).collect()
    }

    /// Forgets what the last step brought.
    pub(super) fn forget_step(&mut self) {
        self.changed.clear();
        for number in self.printed.drain(..) {
            if let Some(prints) = self.prints.get_mut(number as usize) {
                prints.clear();
            }
        }
    }

    /// Brings what the step changed into order.
    pub(super) fn sort_step(&mut self) {
        self.changed.sort_unstable();
        self.changed.dedup();
    }

    /// Makes everything up to and including a moment of this date.
    pub(super) fn advance(&mut self, fixed: &Fixed, to: i64, keep_from: i64) {
        let Some(paths) = self.paths.take() else { return };
        let step = Step { fixed, paths: &paths, keep_from, number: self.number };
        self.step_indices(&step, to);
        for number in 0..self.lives.len() {
            self.step_stock(&step, number, to);
        }
        self.paths = Some(paths);
    }

    fn step_stock(&mut self, step: &Step<'_>, number: usize, to: i64) {
        if self.next.get(number).is_none_or(|next| *next > to) {
            return;
        }
        let (Some(stock), Some(live), Some(prints), Some(next)) = (
            step.fixed.universe.stocks.get(number),
            self.lives.get_mut(number),
            self.prints.get_mut(number),
            self.next.get_mut(number),
        ) else {
            return;
        };
        let Some(stage) = step.stage(stock.class) else { return };
        let before = prints.len();
        if live.advance(&stage, stock, to, prints) {
            self.changed.push(number as u32);
        }
        if before == 0 && !prints.is_empty() {
            self.printed.push(number as u32);
        }
        *next = live.next();
    }

    /// Takes every level of the indices that is due, with their stocks stepped to its moment.
    fn step_indices(&mut self, step: &Step<'_>, to: i64) {
        let Some(hours) = step.fixed.hours.get(step.number) else { return };
        let Some(class) = hours.class(InstrumentClass::Derivatives) else { return };
        loop {
            let next = self.indices.iter().map(|index| index.next(class)).min().unwrap_or(i64::MAX);
            if next > to || next == i64::MAX {
                return;
            }
            for place in 0..self.members.len() {
                if let Some(number) = self.members.get(place).copied() {
                    self.step_stock(step, number, next);
                }
            }
            for (place, (index, units)) in self.indices.iter_mut().zip(&self.units).enumerate() {
                let last = |stock: &usize| self.lives.get(*stock).map_or(0, |live| live.last) as f64;
                let level = indices::level(units.iter().map(|(stock, unit)| unit * last(stock)).sum());
                if index.take(class, level) {
                    self.changed.push((self.lives.len() + place) as u32);
                }
            }
        }
    }

    /// What an instrument shows now.
    pub(super) fn quote(&self, instrument: usize) -> Quote {
        if let Some(live) = self.lives.get(instrument) {
            return live.quote();
        }
        let index = self.indices.get(instrument - self.lives.len()).or(self.indices.last());
        index.map_or_else(|| IndexLive::new(0, 0, None).quote(), IndexLive::quote)
    }

    /// The minutes of an instrument and its day, so far.
    pub(super) fn rows(&self, instrument: usize) -> (&[MinuteRow], DayTotal) {
        if let Some(live) = self.lives.get(instrument) {
            return (&live.rows, live.total);
        }
        let index = self.indices.get(instrument - self.lives.len());
        index.map_or((&[], DayTotal::default()), |index| (index.rows.as_slice(), index.total))
    }
}

/// What one step of a date is made with.
struct Step<'a> {
    fixed: &'a Fixed,
    paths: &'a Paths,
    keep_from: i64,
    number: usize,
}

impl<'a> Step<'a> {
    fn stage(&self, class: InstrumentClass) -> Option<Stage<'a>> {
        let hours = self.fixed.hours.get(self.number)?.class(class)?;
        let Fixed { sizes, busy, .. } = self.fixed;
        Some(Stage { paths: self.paths, hours, sizes, busy: *busy, keep_from: self.keep_from })
    }
}
