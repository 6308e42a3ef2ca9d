//! How virtual time passes.

use barkeep_schemas::Ts;

/// How virtual time passes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// So many virtual seconds a second; as many as it can when it cannot do more.
    Free {
        /// From 0.001 to 100,000.
        speed: f64,
    },
    /// Together with whoever is on the control socket: so much at a time, then it waits for the word to go on.
    Shared {
        /// Nanoseconds at a time, a multiple of a step, one second at most.
        quantum_ns: i64,
    },
}

impl Pace {
    /// Whether a partner decides.
    pub const fn is_shared(self) -> bool {
        match self {
            Self::Free { .. } => false,
            Self::Shared { .. } => true,
        }
    }
}

/// A time in which something happens: a session with what comes before and after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stay {
    /// First moment.
    pub from: Ts,
    /// First moment after.
    pub until: Ts,
}
