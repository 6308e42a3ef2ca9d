//! `explain order`, `explain fill`, `explain signal`, `risk why`: what the desk did, walked back to ticks and operators,
//! with the arithmetic done again.
//!
//! What it is: a second reading of the desk's events by rules written apart from the engine's. What it never does: run
//! the engine, or write. Who calls it: the commands of those names.

mod chain;
mod find;
mod money;
mod read;
mod signal;
mod statistics;
mod words;

use barkeep_schemas::{Seq, SessionDate, Ts};
use serde::Serialize;

use super::{Node, Sum};
pub use chain::{explain_decision, explain_fill, explain_order, explain_signal};
pub use find::DeskError;
pub use money::{Check, Decision};
pub use read::DeskDay;

/// The answer: how something the desk did came about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Chain {
    /// The session's date.
    pub date: SessionDate,
    /// Which session of that date.
    pub run: u32,
    /// What was asked about on top; ticks and other inputs at the leaves.
    pub tree: Node,
    /// Whether all arithmetic that was done again gives what is recorded.
    pub agrees: bool,
    /// The arithmetic, by the event that it is of.
    pub arithmetic: Vec<Checked>,
    /// What else is worth a word.
    pub notes: Vec<String>,
}

/// The arithmetic of one event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Checked {
    /// Where the event lies.
    pub seq: Seq,
    /// What was done again, in words.
    pub of: String,
    /// Value by value.
    pub sums: Vec<Sum>,
}

/// How moments are shown.
pub type Clock = fn(Ts) -> String;

/// A value, recorded and done again, equal when both are the same text.
fn sum(field: &'static str, recorded: impl ToString, again: impl ToString) -> Sum {
    let (recorded, again) = (recorded.to_string(), again.to_string());
    let agrees = recorded == again;
    Sum { field, recorded, again, agrees }
}

/// A real number, recorded and done again, equal to nine digits.
fn real(field: &'static str, recorded: Option<f64>, again: Option<f64>) -> Sum {
    let agrees = match (recorded, again) {
        (Some(one), Some(two)) => (one - two).abs() <= 1e-9 * one.abs().max(two.abs()).max(1.0),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let told = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:.9}"));
    Sum { field, recorded: told(recorded), again: told(again), agrees }
}
