//! Waits between attempts: doubled each time up to a longest, less a random part of up to a half.
//!
//! The random part keeps many clients from coming back in step; it comes from a seed, so that a run repeats.

/// The waits of one connection.
#[derive(Clone, Debug)]
pub struct Backoff {
    first_ns: i64,
    max_ns: i64,
    attempt: u32,
    state: u64,
}

impl Backoff {
    /// Waits from `first_ns` to `max_ns`, both above zero.
    pub const fn new(first_ns: i64, max_ns: i64, seed: u64) -> Self {
        Self { first_ns, max_ns, attempt: 0, state: seed }
    }

    /// The next wait: between a half and the whole of the attempt's length.
    pub fn next_ns(&mut self) -> i64 {
        let whole = self.first_ns.saturating_mul(1_i64 << self.attempt.min(40)).clamp(1, self.max_ns.max(1));
        self.attempt = self.attempt.saturating_add(1);
        let half = whole / 2;
        let part = self.random() % (half.unsigned_abs() + 1);
        whole - part.cast_signed()
    }

    /// The longest wait.
    pub const fn longest_ns(&self) -> i64 {
        self.max_ns
    }

    /// Attempts since the last success.
    pub const fn attempts(&self) -> u32 {
        self.attempt
    }

    /// The connection holds: the next wait is the first again.
    pub const fn succeed(&mut self) {
        self.attempt = 0;
    }

    /// SplitMix64, Steele, Lea and Flood, OOPSLA 2014.
    const fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;

    const MS: i64 = 1_000_000;

    #[test]
    fn waits_double_up_to_the_longest_and_lose_up_to_a_half() {
        let mut backoff = Backoff::new(500 * MS, 30_000 * MS, 7);
        for whole in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000] {
            let wait = backoff.next_ns();
            assert!((whole * MS / 2..=whole * MS).contains(&wait), "{wait} of {whole} ms");
        }
        backoff.succeed();
        assert!(backoff.next_ns() <= 500 * MS);
    }

    #[test]
    fn a_thousand_attempts_overflow_nothing() {
        let mut backoff = Backoff::new(i64::MAX / 2, i64::MAX, u64::MAX);
        assert!((0..1_000).all(|_| backoff.next_ns() > 0));
    }

    #[test]
    fn seeds_wait_differently_and_the_same_seed_alike() {
        let waits = |seed| {
            let mut backoff = Backoff::new(500 * MS, 30_000 * MS, seed);
            (0..8).map(|_| backoff.next_ns()).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
