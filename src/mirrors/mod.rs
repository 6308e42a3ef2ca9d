//! Projections of the tape into other forms: files today.
//!
//! What it is: followers and readers that turn events into what other tools read. What it never does: write to the
//! tape, or know the engine. Who calls it: the commands.

pub mod export;
pub mod sessions;
pub mod symbols;

#[cfg(test)]
pub(crate) mod scene;
