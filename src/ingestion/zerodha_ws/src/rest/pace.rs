//! How fast requests may follow each other.
//!
//! It reads no clock and does not wait; `client` does both.

use barkeep_schemas::NANOS;

/// What a request counts to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RequestClass {
    /// Quotes: 1 a second.
    Quote,
    /// Candles: 3 a second.
    Historical,
    /// All others together: 10 a second.
    Other,
}

impl RequestClass {
    /// The broker's limit, requests a second for each key.
    pub const fn per_second(self) -> u32 {
        match self {
            Self::Quote => 1,
            Self::Historical => 3,
            Self::Other => 10,
        }
    }
}

/// Requests go out evenly, a twentieth further apart than allowed: the broker counts when they arrive, and on the way
/// they come closer together.
const MARGIN: i64 = 20;

/// A token bucket of one class that holds one token.
#[derive(Clone, Debug)]
pub struct Bucket {
    every_ns: i64,
    free_at: i64,
}

impl Bucket {
    /// A full bucket.
    pub const fn new(class: RequestClass) -> Self {
        let every_ns = NANOS / class.per_second() as i64;
        Self { every_ns: every_ns + every_ns / MARGIN, free_at: i64::MIN }
    }

    /// Takes the next token: how long whoever takes it at `now` has to wait for it, nanoseconds. `now` counts from any
    /// moment and never falls.
    pub fn take(&mut self, now: i64) -> i64 {
        let at = self.free_at.max(now);
        self.free_at = at.saturating_add(self.every_ns);
        at.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_goes_at_once_and_the_others_follow_evenly() {
        let mut bucket = Bucket::new(RequestClass::Historical);
        let waits: Vec<i64> = (0..4).map(|_| bucket.take(0) / 1_000_000).collect();
        assert_eq!(waits, [0, 349, 699, 1_049]);
        assert_eq!(bucket.take(5 * NANOS), 0);
    }

    proptest! {
        #[test]
        fn no_second_holds_more_than_are_allowed(steps in proptest::collection::vec(0_i64..900_000_000, 1..60)) {
            for class in [RequestClass::Quote, RequestClass::Historical, RequestClass::Other] {
                let (mut bucket, mut now) = (Bucket::new(class), 0);
                let sent: Vec<i64> = steps.iter().map(|step| { now += step; now + bucket.take(now) }).collect();
                for first in &sent {
                    let within = sent.iter().filter(|at| (*first..*first + NANOS).contains(*at)).count();
                    prop_assert!(within <= class.per_second() as usize, "{within} of {class:?}");
                }
            }
        }
    }
}
