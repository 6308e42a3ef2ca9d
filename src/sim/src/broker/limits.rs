//! How many requests a key may make: windows that slide over virtual time.
//!
//! It looks at no request; the broker says the class. Source: Kite's documentation, "Exceptions and errors", with the
//! limits of orders of 2026. A request that is let through counts against its second, whatever comes of it; an order
//! request counts against its minute and, when it places, its day even when it is answered 429.

use std::collections::VecDeque;

use barkeep_schemas::{NANOS, SessionDate, Ts};

use crate::kite::stamp::ist_date;

/// The class of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateClass {
    /// `/quote` and what is under it.
    Quote,
    /// Candles.
    Historical,
    /// A new order.
    Place,
    /// A change or a cancellation of one.
    Change,
    /// Everything else.
    Other,
}

/// The limits. Zero forbids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimits {
    /// Quote requests a second.
    pub quote_per_second: usize,
    /// Candle requests a second.
    pub historical_per_second: usize,
    /// Order requests a second.
    pub orders_per_second: usize,
    /// All other requests a second, together.
    pub other_per_second: usize,
    /// Order requests a minute.
    pub orders_per_minute: usize,
    /// New orders a day of IST.
    pub orders_per_day: usize,
}

impl Default for RateLimits {
    /// Kite's.
    fn default() -> Self {
        Self {
            quote_per_second: 1,
            historical_per_second: 3,
            orders_per_second: 10,
            other_per_second: 10,
            orders_per_minute: 400,
            orders_per_day: 5_000,
        }
    }
}

/// Moments within the last while, as many as a limit needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Window(VecDeque<Ts>);

impl Window {
    /// Forgets what is older than `span_ns` and says whether there is room for one more.
    fn has_room(&mut self, now: Ts, span_ns: i64, limit: usize) -> bool {
        while self.0.front().is_some_and(|oldest| now.get().saturating_sub(oldest.get()) >= span_ns) {
            self.0.pop_front();
        }
        self.0.len() < limit
    }

    /// Counts one; no more are kept than tell that a limit is reached.
    fn count(&mut self, now: Ts, limit: usize) {
        self.0.push_back(now);
        if self.0.len() > limit {
            self.0.pop_front();
        }
    }
}

/// What a key has asked for lately.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RateMeter {
    limits: RateLimits,
    quote: Window,
    historical: Window,
    orders: Window,
    other: Window,
    orders_minute: Window,
    day: SessionDate,
    orders_day: usize,
}

impl RateMeter {
    /// A key that has asked for nothing.
    pub(super) fn new(limits: RateLimits) -> Self {
        let (quote, historical, orders) = (Window::default(), Window::default(), Window::default());
        let (other, orders_minute) = (Window::default(), Window::default());
        Self { limits, quote, historical, orders, other, orders_minute, day: SessionDate(0), orders_day: 0 }
    }

    /// Counts a request and says whether it may pass.
    pub(super) fn admit(&mut self, class: RateClass, now: Ts) -> bool {
        match class {
            RateClass::Quote => second(&mut self.quote, now, self.limits.quote_per_second),
            RateClass::Historical => second(&mut self.historical, now, self.limits.historical_per_second),
            RateClass::Other => second(&mut self.other, now, self.limits.other_per_second),
            RateClass::Place => {
                let (minute, day) = (self.admit_minute(now), self.admit_day(now));
                minute && day && second(&mut self.orders, now, self.limits.orders_per_second)
            }
            RateClass::Change => self.admit_minute(now) && second(&mut self.orders, now, self.limits.orders_per_second),
        }
    }

    fn admit_minute(&mut self, now: Ts) -> bool {
        let limit = self.limits.orders_per_minute;
        let room = self.orders_minute.has_room(now, 60 * NANOS, limit);
        self.orders_minute.count(now, limit);
        room
    }

    fn admit_day(&mut self, now: Ts) -> bool {
        let today = ist_date(now);
        if today != self.day {
            (self.day, self.orders_day) = (today, 0);
        }
        self.orders_day = self.orders_day.saturating_add(1);
        self.orders_day <= self.limits.orders_per_day
    }
}

fn second(window: &mut Window, now: Ts, limit: usize) -> bool {
    let room = window.has_room(now, NANOS, limit);
    if room {
        window.count(now, limit);
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: i64) -> Ts {
        Ts::new(ms * 1_000_000)
    }

    #[test]
    fn a_second_slides_and_a_request_that_was_stopped_does_not_lengthen_it() {
        let mut meter = RateMeter::new(RateLimits::default());
        let admitted = [0, 500, 999, 1_000, 1_001].map(|at| meter.admit(RateClass::Quote, ms(at)));
        assert_eq!(admitted, [true, false, false, true, false]);
        assert!(meter.admit(RateClass::Other, ms(1_001)), "classes do not share");
    }

    #[test]
    fn orders_have_a_minute_in_which_stopped_ones_count() {
        let limits = RateLimits { orders_per_minute: 3, orders_per_second: 1, ..RateLimits::default() };
        let mut meter = RateMeter::new(limits);
        let admitted = [0, 1, 2, 3_000, 62_000, 63_000].map(|at| meter.admit(RateClass::Change, ms(at)));
        assert_eq!(admitted, [true, false, false, false, true, true]);
    }

    #[test]
    fn changes_do_not_count_to_the_day_and_a_new_day_starts_over() {
        let limits = RateLimits { orders_per_day: 2, ..RateLimits::default() };
        let mut meter = RateMeter::new(limits);
        let classes = [RateClass::Place, RateClass::Change, RateClass::Change, RateClass::Place, RateClass::Place];
        assert_eq!(classes.map(|class| meter.admit(class, ms(0))), [true, true, true, true, false]);
        assert!(meter.admit(RateClass::Place, ms(86_400_000)));
    }
}
