//! Why a number is what it is: the chain from a bar, or from what the desk did, down to ticks, with the arithmetic done
//! again.
//!
//! What it is: a second reading of the recorded ticks by rules written apart from the engine's, so that agreement means
//! something. What it never does: run the engine, or write. Who calls it: the `explain` commands.

mod bar;
mod day;
pub mod desk;
mod healed;
mod second;

use barkeep_schemas::{Seq, SessionDate, Timeframe, Ts};
use barkeep_storage::ReadError;
use serde::Serialize;

pub use bar::{BarQuestion, Explained, Sum, explain_bar};
pub use day::{InstrumentDay, find_day};
pub use healed::HealedBar;

/// One step of the chain. Leaves are ticks, or what an operator, a broker or the clock brought.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Node {
    /// Where the event lies on the tape.
    pub seq: Seq,
    /// Its kind: `fill`, `order`, `bar_5m`, `bar_1s`, `tick`.
    pub kind: String,
    /// What it says, in a line.
    pub text: String,
    /// What it was made of.
    pub inputs: Vec<Node>,
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The tape cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No session holds the moment.
    #[error("no session on the tape holds that moment for {symbol}; the tape has {known}")]
    NoSession {
        /// The symbol.
        symbol: String,
        /// The sessions there are.
        known: String,
    },
    /// The session has no such instrument.
    #[error("the session of {date} run {run} has no {symbol}; it has {known}")]
    NoSymbol {
        /// The symbol.
        symbol: String,
        /// The session's date.
        date: SessionDate,
        /// The session's run.
        run: u32,
        /// Symbols there are, the nearest first.
        known: String,
    },
    /// No bar covers the moment.
    #[error("there is no {tf} bar of {symbol} there: {why}", tf = tf.label())]
    NoBar {
        /// The symbol.
        symbol: String,
        /// The timeframe.
        tf: Timeframe,
        /// The moment asked for.
        at: Ts,
        /// What is known about the interval.
        why: String,
    },
}

impl ExplainError {
    /// The reason that goes with exit code 3 when the tape itself is wrong.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Read(error) => error.fatal_reason(),
            Self::NoSession { .. } | Self::NoSymbol { .. } | Self::NoBar { .. } => None,
        }
    }
}
