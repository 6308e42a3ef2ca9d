//! What the pairs desk trades by, from its three files to the event that a session begins with.
//!
//! What it is: the whitelist, the limits and the charges, read and checked, and put together for a session's date and
//! instruments. What it never does: decide about a trade, look at a clock, or let a limit be missing. Who calls it: the
//! daemon when it opens a session and when it reads its configuration again, and `config check`.

pub mod charges;
mod files;
pub mod open;
pub mod risk;
mod setup;
pub mod whitelist;

#[cfg(test)]
mod scene;

pub use files::{DeskFiles, DeskPaths, FileError};
pub use setup::{Missing, Refusal, Setup, setup};
