//! What a market is to be, and why a plan cannot be one.
//!
//! It makes nothing. Callers build a plan; `market.rs` checks and reads it.

use barkeep_schemas::{DayCalendar, InstrumentClass, SessionDate};

use super::hours::Hours;
use super::universe::{MAX_STOCKS, Universe};

/// A trading date and its hours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayHours {
    /// The date.
    pub date: SessionDate,
    /// Its hours by class.
    pub calendar: DayCalendar,
}

/// What a market is to be. The same plan gives the same market.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MarketPlan {
    /// Where the numbers come from.
    pub seed: u64,
    /// How many stocks, 1 to [`MAX_STOCKS`]; the indices come on top.
    pub instruments: u32,
    /// Trading dates, ascending: as much history as wanted, then the simulated ones. More history changes no price of the
    /// dates that were there before, once there is a date of the month before, whose close sets the tick size.
    pub days: Vec<DayHours>,
    /// The date on which virtual time starts; one of `days`.
    pub first: SessionDate,
    /// Whether the book of every stock moves in every quarter of a second, for load: it changes no trade.
    pub busy: bool,
}

/// Why a plan cannot be a market.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MarketError {
    /// More or fewer stocks than there can be.
    #[error("a market lists 1 to {MAX_STOCKS} stocks, not {given}; give such a number")]
    Instruments {
        /// What the plan says.
        given: u32,
    },
    /// The dates do not ascend.
    #[error("the dates of a market must ascend, and {date} does not come after the one before it; sort them")]
    NotAscending {
        /// The date at fault.
        date: SessionDate,
    },
    /// The first simulated date is not among the dates.
    #[error("virtual time is to start on {date}, which is not among the market's dates; add it to them")]
    FirstMissing {
        /// The first simulated date.
        date: SessionDate,
    },
    /// A date without hours for a class that is listed.
    #[error("{date} has no continuous trading for stocks of the class {}; leave the date out", class.name())]
    NoTrading {
        /// The date.
        date: SessionDate,
        /// The class.
        class: InstrumentClass,
    },
}

impl MarketPlan {
    /// The number of the first simulated date.
    pub(super) fn check(&self) -> Result<usize, MarketError> {
        if !(1..=MAX_STOCKS).contains(&self.instruments) {
            return Err(MarketError::Instruments { given: self.instruments });
        }
        let mut before = None;
        for day in &self.days {
            if before.is_some_and(|before| before >= day.date) {
                return Err(MarketError::NotAscending { date: day.date });
            }
            before = Some(day.date);
        }
        let first = self.days.iter().position(|day| day.date == self.first);
        first.ok_or(MarketError::FirstMissing { date: self.first })
    }
}

/// Whether every class that is listed trades on every date.
pub(super) fn check_hours(universe: &Universe, hours: &[Hours]) -> Result<(), MarketError> {
    for class in [InstrumentClass::Derivatives, InstrumentClass::Cash] {
        if !universe.stocks.iter().any(|stock| stock.class == class) {
            continue;
        }
        let idle = hours.iter().find(|hours| hours.class(class).is_none_or(|day| day.seconds == 0));
        if let Some(hours) = idle {
            return Err(MarketError::NoTrading { date: hours.date, class });
        }
    }
    Ok(())
}
