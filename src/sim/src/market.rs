//! The simulated exchange: instruments, true trades and the book, as a function of a seed and of virtual time.
//!
//! It knows no clock, file, socket or broker: whoever calls it says what time it is. The same plan gives the same market
//! on every machine, steps of any size give the same trades and quotes, and asking never changes an answer.

mod actions;
mod archive;
mod book;
mod facts;
mod flow;
mod hours;
mod indices;
mod levels;
mod listing;
mod live;
mod minutes;
mod names;
mod past;
mod paths;
mod plan;
mod quote;
mod ticks;
mod today;
mod universe;

use std::sync::Arc;

use barkeep_schemas::{InstrumentClass, NANOS, Phase, Price, SessionDate, Ts};

use actions::Actions;
pub use actions::{ActionKind, CorporateAction, Rename};
use archive::Archive;
use facts::{Facts, Source};
use flow::{Flow, Sizes};
use hours::{ClassHours, Hours};
use levels::{Factors, Levels};
pub use listing::{Listing, Segment};
use minutes::Shares;
use past::{PastDay, Walker};
use paths::Paths;
pub use plan::{DayHours, MarketError, MarketPlan};
pub use quote::{Candle, Interval, Print, Quote};
use today::Today;
pub use universe::MAX_STOCKS;
use universe::Universe;

/// How far back the prints of one advance are kept, in nanoseconds: a longer step forgets its older ones.
pub const PRINTS_KEPT_NS: i64 = 600 * NANOS;

/// The price step of an index, 0.05.
const INDEX_TICK: Price = Price::new(500);

/// A simulated exchange at a moment of virtual time.
pub struct Market {
    fixed: Fixed,
    today: Today,
    now: i64,
    archive: Archive,
}

/// What never changes in a market.
struct Fixed {
    seed: u64,
    busy: bool,
    universe: Universe,
    actions: Actions,
    levels: Levels,
    hours: Vec<Hours>,
    sizes: Sizes,
}

impl Fixed {
    fn source(&self) -> Source<'_> {
        Source { levels: &self.levels, universe: &self.universe, actions: &self.actions, hours: &self.hours }
    }

    /// The number of the last date that begins at or before a moment; 0 before the first.
    fn day_of(&self, at: i64) -> usize {
        self.hours.partition_point(|hours| hours.start <= at).saturating_sub(1)
    }

    /// The number of a date; of the last one before it when it is none of the plan's.
    fn number_of(&self, date: SessionDate) -> usize {
        self.levels.dates.partition_point(|listed| *listed <= date).saturating_sub(1)
    }

    fn class(&self, instrument: usize) -> InstrumentClass {
        self.universe.stocks.get(instrument).map_or(InstrumentClass::Derivatives, |stock| stock.class)
    }

    fn class_hours(&self, instrument: usize, day: usize) -> Option<&ClassHours> {
        self.hours.get(day)?.class(self.class(instrument))
    }

    /// The units of an index's stocks on a date.
    fn units(&self, index: &universe::Index, day: usize) -> Vec<(usize, f64)> {
        let date = |day: usize| self.levels.dates.get(day).copied().unwrap_or_default();
        let (first, day) = (date(self.levels.first), date(day));
        let shares =
            |number: usize| self.actions.shares(number, day) as f64 / self.actions.shares(number, first) as f64;
        indices::units(index, &self.universe, shares)
    }

    /// The level of an index after the date before.
    fn index_close_before(&self, index: &universe::Index, day: usize) -> i64 {
        let source = self.source();
        let close = |(number, unit): &(usize, f64)| {
            let traded = source.facts(*number, day, day).first().map_or(0, |facts| facts.previous_traded);
            unit * traded as f64
        };
        indices::level(self.units(index, day.saturating_sub(1)).iter().map(close).sum())
    }

    fn paths(&self, day: usize, stocks: &[usize]) -> Option<Paths> {
        let stocks = stocks.iter().filter_map(|number| self.universe.stocks.get(*number));
        Some(Paths::new(self.seed, self.hours.get(day)?, self.levels.factors.get(day)?, stocks))
    }
}

impl Market {
    /// The market of a plan at midnight before its first date.
    ///
    /// # Errors
    ///
    /// [`MarketError`] tells what is wrong with the plan.
    pub fn new(plan: MarketPlan) -> Result<Self, MarketError> {
        let first = plan.check()?;
        let universe = Universe::new(plan.seed, plan.instruments as usize);
        let hours: Vec<Hours> = plan.days.iter().map(|day| Hours::new(day.date, &day.calendar)).collect();
        plan::check_hours(&universe, &hours)?;
        let dates: Vec<SessionDate> = plan.days.iter().map(|day| day.date).collect();
        let factors = hours.iter().map(|hours| Factors::new(plan.seed, hours.date, hours.grid)).collect();
        let actions = Actions::new(plan.seed, &universe, &dates, first);
        let levels = Levels { seed: plan.seed, dates, first, factors };
        let fixed = Fixed { seed: plan.seed, busy: plan.busy, universe, actions, levels, hours, sizes: Sizes::new() };
        let today = Today::new(&fixed, first);
        let now = fixed.hours.get(first).map_or(0, |hours| hours.start);
        Ok(Self { fixed, today, now, archive: Archive::default() })
    }

    /// How many instruments there are: stocks numbered from 0, then the two indices.
    pub fn count(&self) -> usize {
        self.fixed.universe.stocks.len() + self.fixed.universe.indices.len()
    }

    /// What an instrument is on a date: for a date that is none of the plan's, on the last one before it, and on the first
    /// for an earlier one. A number that is none of this market's reads as the last index.
    pub fn listing(&self, instrument: usize, date: SessionDate) -> Listing {
        let day = self.fixed.number_of(date);
        let Some(stock) = self.fixed.universe.stocks.get(instrument) else {
            return self.index_listing(instrument, day);
        };
        let made;
        let facts = if day == self.today.number {
            self.today.lives.get(instrument).map(|live| &live.facts)
        } else {
            made = self.fixed.source().facts(instrument, day, day);
            made.first()
        };
        let price = |read: fn(&Facts) -> i64| Price::new(facts.map_or(0, read));
        let rename = self.fixed.actions.rename(instrument).filter(|rename| rename.date <= date);
        Listing {
            token: stock.token,
            segment: Segment::Nse,
            symbol: rename.map_or_else(|| stock.symbol.clone(), |rename| rename.new.clone()),
            name: stock.name.clone(),
            sector: stock.sector.name().to_string(),
            class: stock.class,
            tick_size: price(|facts| facts.tick),
            previous_close: price(|facts| facts.previous_close),
            lower_circuit: price(|facts| facts.lower),
            upper_circuit: price(|facts| facts.upper),
        }
    }

    fn index_listing(&self, instrument: usize, day: usize) -> Listing {
        let place = instrument.saturating_sub(self.fixed.universe.stocks.len());
        let [nifty, bank] = &self.fixed.universe.indices;
        let index = if place == 0 { nifty } else { bank };
        let live = self.today.indices.get(place).filter(|_| day == self.today.number);
        let close = live.map_or_else(|| self.fixed.index_close_before(index, day), |live| live.previous_close);
        Listing {
            token: index.token,
            segment: Segment::Indices,
            symbol: index.symbol.to_string(),
            name: index.symbol.to_string(),
            sector: "Indices".to_string(),
            class: InstrumentClass::Derivatives,
            tick_size: INDEX_TICK,
            previous_close: Price::new(close),
            lower_circuit: Price::ZERO,
            upper_circuit: Price::ZERO,
        }
    }

    /// The number behind a token.
    pub fn by_token(&self, token: u32) -> Option<usize> {
        self.fixed.universe.by_token(token)
    }

    /// The number behind a symbol as it is on a date.
    pub fn by_symbol(&self, symbol: &str, date: SessionDate) -> Option<usize> {
        let renames = &self.fixed.actions.renames;
        if let Some(rename) = renames.iter().find(|rename| rename.new == symbol) {
            return (rename.date <= date).then_some(rename.instrument);
        }
        let gone = renames.iter().any(|rename| rename.old == symbol && rename.date <= date);
        self.fixed.universe.by_symbol(symbol).filter(|_| !gone)
    }

    /// The pairs of which log b - beta * log a keeps coming back: a, b, beta.
    pub fn pairs(&self) -> Vec<(usize, usize, f64)> {
        self.fixed.universe.pairs.iter().copied().flatten().collect()
    }

    /// The corporate actions of the plan's dates.
    pub fn corporate_actions(&self) -> &[CorporateAction] {
        &self.fixed.actions.corporate
    }

    /// The renames of the plan's dates.
    pub fn renames(&self) -> &[Rename] {
        &self.fixed.actions.renames
    }

    /// Stocks that are halted at some time of a date: number, from, up to but not including.
    pub fn halts(&self, date: SessionDate) -> Vec<(usize, Ts, Ts)> {
        let hours = self.fixed.hours.iter().find(|hours| hours.date == date);
        let halts = hours.map(|hours| facts::halts(self.fixed.seed, &self.fixed.universe, hours)).unwrap_or_default();
        halts.into_iter().map(|(number, from, to)| (number, Ts::new(from), Ts::new(to))).collect()
    }

    /// The current virtual time.
    pub fn now(&self) -> Ts {
        Ts::new(self.now)
    }

    /// The trading date of the current virtual time; between two dates the one before.
    pub fn date(&self) -> SessionDate {
        self.fixed.levels.dates.get(self.today.number).copied().unwrap_or_default()
    }

    /// Makes everything that happens up to and including a moment. Steps of any size give the same; a moment that is not
    /// after the current one is a step of no size.
    pub fn advance(&mut self, to: Ts) {
        self.today.forget_step();
        let to = to.get();
        if to <= self.now {
            return;
        }
        let target = self.fixed.day_of(to);
        let keep_from = to.saturating_sub(PRINTS_KEPT_NS);
        let seen = |day: usize| self.fixed.hours.get(day).is_some_and(|hours| hours.end >= keep_from);
        while self.today.number < target {
            let number = self.today.number;
            if seen(number)
                && let Some(hours) = self.fixed.hours.get(number)
            {
                self.today.advance(&self.fixed, hours.end, keep_from);
            }
            let next = (number + 1..target).find(|day| seen(*day)).unwrap_or(target);
            self.today.open(&self.fixed, next);
        }
        self.today.advance(&self.fixed, to, keep_from);
        self.today.sort_step();
        self.now = to;
    }

    /// Instruments whose quote changed in the last advance, ascending. At the begin of a date all do.
    pub fn changed(&self) -> &[u32] {
        &self.today.changed
    }

    /// What an instrument shows now. A number that is none of this market's reads as the last index.
    pub fn quote(&self, instrument: usize) -> Quote {
        self.today.quote(instrument)
    }

    /// The true trades of the last advance, of its last [`PRINTS_KEPT_NS`] alone. Indices have none.
    pub fn prints(&self, instrument: usize) -> &[Print] {
        self.today.prints.get(instrument).map_or(&[], Vec::as_slice)
    }

    /// Candles whose start lies within `from..=to`, ascending; the forming one included, nothing after the current moment,
    /// none for an interval without a trade. Prices and volumes are in shares of the current date.
    pub fn candles(&self, instrument: usize, interval: Interval, from: Ts, to: Ts) -> Vec<Candle> {
        let mut candles = Vec::new();
        if instrument >= self.count() || from > to {
            return candles;
        }
        let (low, high) = (self.fixed.day_of(from.get()), self.fixed.day_of(to.get()).min(self.today.number));
        let now = self.fixed.actions.shares(instrument, self.date());
        let past = self.past_days(instrument, low, high.min(self.today.number.saturating_sub(1)));
        for day in low..=high {
            let (Some(hours), Some(class)) = (self.fixed.hours.get(day), self.fixed.class_hours(instrument, day))
            else {
                continue;
            };
            let shares = Shares { then: self.fixed.actions.shares(instrument, hours.date), now };
            let kept = day.checked_sub(low).and_then(|place| past.get(place)).filter(|_| day < self.today.number);
            let (rows, total) = match kept {
                Some(past) => (past.rows.as_slice(), past.total),
                None => self.today.rows(instrument),
            };
            match interval {
                Interval::Minutes(minutes) => {
                    minutes::grouped(rows, class, minutes, (from, to), shares, &mut candles);
                }
                Interval::Day if (from.get()..=to.get()).contains(&hours.start) => {
                    candles.extend(minutes::of_day(&total, hours.start, shares));
                }
                Interval::Day => {}
            }
        }
        candles
    }

    /// The days numbered `low..=high`, all of them gone by.
    fn past_days(&self, instrument: usize, low: usize, high: usize) -> Vec<Arc<PastDay>> {
        if low > high || high >= self.today.number {
            return Vec::new();
        }
        let kept: Vec<Option<Arc<PastDay>>> = (low..=high).map(|day| self.archive.find(instrument, day)).collect();
        if kept.iter().all(Option::is_some) {
            return kept.into_iter().flatten().collect();
        }
        let index = instrument.checked_sub(self.fixed.universe.stocks.len());
        let index = index.and_then(|place| self.fixed.universe.indices.get(place));
        let members: Vec<usize> = match index {
            Some(index) => index.weights.iter().map(|(number, _)| *number).collect(),
            None => vec![instrument],
        };
        let source = self.fixed.source();
        let facts: Vec<Vec<Facts>> = members.iter().map(|number| source.facts(*number, low, high)).collect();
        let days = kept.into_iter().enumerate().map(|(place, kept)| {
            kept.unwrap_or_else(|| {
                let facts: Vec<&Facts> = facts.iter().filter_map(|facts| facts.get(place)).collect();
                let made = self.past_day(instrument, low + place, index, &members, &facts).unwrap_or_default();
                self.archive.keep(instrument, low + place, made)
            })
        });
        days.collect()
    }

    fn past_day(
        &self,
        instrument: usize,
        day: usize,
        index: Option<&universe::Index>,
        members: &[usize],
        facts: &[&Facts],
    ) -> Option<PastDay> {
        let fixed = &self.fixed;
        let (paths, class) = (fixed.paths(day, members)?, fixed.class_hours(instrument, day)?);
        let date = *fixed.levels.dates.get(day)?;
        let mut walkers: Vec<Walker<'_>> = members
            .iter()
            .zip(facts)
            .filter_map(|(number, facts)| {
                let stock = fixed.universe.stocks.get(*number)?;
                Some(Walker::new(stock, facts, Flow::new(fixed.seed, date, *number)))
            })
            .collect();
        let Some(index) = index else {
            return Some(PastDay::of_stock(class, &paths, &fixed.sizes, walkers.pop()?));
        };
        let units = fixed.units(index, day);
        let level = |walkers: &[Walker<'_>]| {
            indices::level(units.iter().zip(walkers).map(|((_, unit), walker)| unit * walker.last as f64).sum())
        };
        Some(PastDay::of_index(class, &paths, &fixed.sizes, &mut walkers, level))
    }

    /// The phase of an instrument's session at a moment; `None` outside of all, and on dates that are none of the plan's.
    pub fn phase(&self, instrument: usize, at: Ts) -> Option<Phase> {
        let day = self.fixed.day_of(at.get());
        self.fixed.class_hours(instrument, day)?.phase(at.get())
    }

    /// Whether an instrument is halted now.
    pub fn halted(&self, instrument: usize) -> bool {
        self.today.lives.get(instrument).is_some_and(|live| live.halted)
    }
}

#[cfg(test)]
mod tests;
