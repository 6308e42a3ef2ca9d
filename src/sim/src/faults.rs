//! What is broken on purpose, when, and the ledger of it.
//!
//! A plan comes from a file, from flags or is drawn from the seed; everything is scheduled in virtual time, so that one
//! seed breaks the same things on an idle and on a loaded machine. It sends nothing: the world asks it about each packet,
//! frame, request, candle and postback, does what it answers, and writes what it did into the ledger.

mod chance;
mod kind;
mod ledger;
mod plan;
mod schedule;

pub use chance::Hash;
pub use kind::{FaultKind, Setting};
pub use ledger::{Entry, Ledger};
pub use plan::{FaultPlan, PlanError, SessionSpan};
pub use schedule::{Fault, Faults, PacketFate, Target};

#[cfg(test)]
mod tests;
