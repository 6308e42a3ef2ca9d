//! The exchange's time as seen from here: the host's clock less what lies between an exchange's stamp and its receipt.
//!
//! Kite stamps whole seconds, so a packet's lag is its way plus up to a second. The estimate is the smallest lag of the
//! last minute; a packet whose lag is far from it neither moves it nor is believed, until nothing else has come for two
//! minutes: then a clock was set, and the estimate follows. That stamps stray is told once. Cached packets are not
//! to be shown to it.

use std::collections::VecDeque;

use barkeep_schemas::{NANOS, Ts};

/// How long lags are remembered.
const WINDOW_S: i64 = 60;

/// How long nothing but far lags must come before they are believed.
const BELIEVE_S: i64 = 120;

/// How many seconds with nothing but far lags are told: one may be a late packet.
const STRAY_S: usize = 3;

/// How many seconds with packets make the first estimate.
const FIRST_S: usize = 2;

/// The stamps moved by more than told to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The lag before, nanoseconds; zero for the first estimate.
    pub from_ns: i64,
    /// The lag now.
    pub to_ns: i64,
    /// Whether the estimate follows; it does not when stamps stray.
    pub believed: bool,
}

/// The smallest lags of a second.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    near: Option<i64>,
    far: Option<i64>,
}

/// The estimate of one feed.
#[derive(Clone, Debug)]
pub struct ExchangeClock {
    skew_ns: i64,
    lag_ns: Option<i64>,
    now: Second,
    near: VecDeque<(Ts, i64)>,
    far: VecDeque<(Ts, i64)>,
    far_since: Option<Ts>,
}

impl ExchangeClock {
    /// Lags within `skew_ns` of the estimate are near.
    pub const fn new(skew_ns: i64) -> Self {
        let now = Second { near: None, far: None };
        Self { skew_ns, lag_ns: None, now, near: VecDeque::new(), far: VecDeque::new(), far_since: None }
    }

    /// A packet came that was no cached one.
    pub fn hear(&mut self, stamped: Ts, received: Ts) {
        let lag = received.get().saturating_sub(stamped.get());
        let near = self.lag_ns.is_none_or(|known| lag.saturating_sub(known).saturating_abs() <= self.skew_ns);
        let least = if near { &mut self.now.near } else { &mut self.now.far };
        *least = Some(least.map_or(lag, |known| known.min(lag)));
    }

    /// A second of the host's clock is over. Tells when the estimate moved far, and when stamps have strayed for three seconds.
    pub fn turn(&mut self, now: Ts) -> Option<Moved> {
        let Second { near, far } = std::mem::take(&mut self.now);
        let oldest = now.get().saturating_sub(WINDOW_S * NANOS);
        for lags in [&mut self.near, &mut self.far] {
            while lags.front().is_some_and(|(at, _)| at.get() < oldest) {
                lags.pop_front();
            }
        }
        if let Some(lag) = far {
            self.far.push_back((now, lag));
        }
        if let Some(lag) = near {
            self.far_since = None;
            self.near.push_back((now, lag));
        } else if let Some(lag) = far {
            let since = *self.far_since.get_or_insert(now);
            if self.far.iter().filter(|(at, _)| *at >= since).count() == STRAY_S {
                return self.lag_ns.map(|known| Moved { from_ns: known, to_ns: lag, believed: false });
            }
            if now.get().saturating_sub(since.get()) >= BELIEVE_S * NANOS {
                self.far_since = None;
                self.near = std::mem::take(&mut self.far);
                return self.settle();
            }
        }
        if self.lag_ns.is_none() && self.near.len() < FIRST_S {
            return None;
        }
        self.settle()
    }

    /// The exchange's time at a moment of the host's clock; `None` before the first packets.
    pub fn at(&self, host: Ts) -> Option<Ts> {
        self.lag_ns.map(|lag| Ts::new(host.get().saturating_sub(lag)))
    }

    /// The lag, nanoseconds: the way of a packet plus the host's clock less the exchange's.
    pub const fn lag_ns(&self) -> Option<i64> {
        self.lag_ns
    }

    fn settle(&mut self) -> Option<Moved> {
        let least = self.near.iter().map(|(_, lag)| *lag).min()?;
        let from_ns = self.lag_ns.replace(least).unwrap_or(0);
        let far = least.saturating_sub(from_ns).saturating_abs() > self.skew_ns;
        far.then_some(Moved { from_ns, to_ns: least, believed: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Shows the clock packets of `lag` at every fourth of a second, `seconds` long; the moves that it told.
    fn run(clock: &mut ExchangeClock, from_s: i64, seconds: i64, lag_ms: i64) -> Vec<Moved> {
        let mut moves = Vec::new();
        for second in from_s..from_s + seconds {
            for quarter in 0..4 {
                let received = second * NANOS + quarter * 250 * MS;
                let sent = received - lag_ms * MS;
                clock.hear(Ts::new(sent - sent.rem_euclid(NANOS)), Ts::new(received));
            }
            moves.extend(clock.turn(Ts::from_secs(second + 1)));
        }
        moves
    }

    #[test]
    fn the_estimate_is_the_smallest_lag_and_is_there_after_two_seconds() {
        let mut clock = ExchangeClock::new(2_000 * MS);
        assert_eq!(run(&mut clock, 100, 1, 300), []);
        assert_eq!(clock.at(Ts::from_secs(101)), None);
        assert_eq!(run(&mut clock, 101, 5, 300), []);
        // Packets leave at fourths of a second less 300 ms: 200 ms past a second at best, 500 ms before they come.
        assert_eq!(clock.lag_ns(), Some(500 * MS));
        assert_eq!(clock.at(Ts::from_secs(106)), Some(Ts::new(106 * NANOS - 500 * MS)));
    }

    #[test]
    fn a_minute_of_wrong_stamps_moves_nothing() {
        let mut clock = ExchangeClock::new(2_000 * MS);
        run(&mut clock, 0, 90, 300);
        for wrong in [-10_000, 10_000] {
            let stray = Moved { from_ns: 500 * MS, to_ns: wrong * MS, believed: false };
            assert_eq!(run(&mut clock, 90, 60, wrong), [stray], "told once");
            assert_eq!(clock.lag_ns(), Some(500 * MS));
            assert_eq!(run(&mut clock, 150, 90, 300), []);
            assert_eq!(clock.lag_ns(), Some(500 * MS));
        }
    }

    #[test]
    fn a_late_packet_alone_is_no_clock_that_strays() {
        let mut clock = ExchangeClock::new(2_000 * MS);
        run(&mut clock, 0, 90, 300);
        assert_eq!(run(&mut clock, 90, 2, 9_000), []);
        assert_eq!(run(&mut clock, 92, 60, 300), []);
    }

    #[test]
    fn a_clock_that_was_set_is_followed_after_two_minutes_and_told() {
        let mut clock = ExchangeClock::new(2_000 * MS);
        run(&mut clock, 0, 90, 300);
        let moved = run(&mut clock, 90, 130, -9_700);
        let told = |believed| Moved { from_ns: 500 * MS, to_ns: -9_500 * MS, believed };
        assert_eq!(moved, [told(false), told(true)]);
    }

    #[test]
    fn wrong_stamps_of_some_instruments_are_never_believed() {
        let mut clock = ExchangeClock::new(2_000 * MS);
        run(&mut clock, 0, 10, 300);
        for second in 10..400 {
            clock.hear(Ts::from_secs(second + 60), Ts::from_secs(second));
            assert_eq!(run(&mut clock, second, 1, 300), []);
        }
        assert_eq!(clock.lag_ns(), Some(500 * MS));
    }

    #[test]
    fn a_host_clock_that_is_off_from_the_start_is_told_at_once() {
        let mut clock = ExchangeClock::new(2_000 * MS);
        assert_eq!(run(&mut clock, 0, 5, 8_300), [Moved { from_ns: 0, to_ns: 8_500 * MS, believed: true }]);
    }
}
