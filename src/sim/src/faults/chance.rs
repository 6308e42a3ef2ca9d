//! Yes or no for one thing out of many, as a function of what it is about: neither order nor number of the questions
//! changes an answer. Called by the schedule.

/// A running mix of numbers: the finalizer of SplitMix64 (Steele, Lea, Flood 2014), over each number in turn.
#[derive(Clone, Copy, Debug)]
pub struct Hash(u64);

impl Hash {
    /// Starts from a seed.
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// Adds a number.
    #[must_use]
    pub const fn with(self, number: u64) -> Self {
        Self(mix(self.0 ^ number))
    }

    /// The number so far.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this one is among a share of all, given in millionths.
    pub const fn among(self, millionths: u32) -> bool {
        self.0 % 1_000_000 < millionths as u64
    }
}

const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
