//! The live session: from the broker's websockets and answers to inputs of the engine.
//!
//! ```text
//! sockets, broker, token file  ->  driver (by_clock | by_mark)  ->  desk (pure)  ->  actions  ->  shift  ->  engine, sockets, broker
//! ```
//!
//! The desk decides, the shift does, a driver gives it the time: the clock of this host, or the time that a simulator
//! shares. What it never does: keep a tick, or add anything to the tape but through the engine's thread.

pub mod by_clock;
pub mod by_mark;
pub mod desk;
pub mod resumed;
pub mod schedule;
pub mod shift;
pub mod sockets;
