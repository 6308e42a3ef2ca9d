//! The broker's edge: Kite's websocket and REST protocols turned into checked facts.
//!
//! Everything but `socket` is pure: time is an argument, bytes go in and facts come out. It names
//! schemas alone; the orchestrator wires it to the tape.

pub mod feed;
pub mod socket;
pub mod wire;
