//! The pairs desk: pair watch, executor, risk manager, orders, paper matcher and the money of it all.
//!
//! What it is: the engine's stages behind the bars, one after the other on the same thread, for the pairs of the session.
//! What it never does: look at anything but inputs and the bars that the stages before made. Who calls it: `Engine::step`.
//!
//! Invariants: a position follows fills alone; every order was decided by the risk manager before it goes anywhere; an
//! order made in one step is never matched against the input of that step.

mod charges;
mod executor;
mod ledger;
mod matcher;
mod oms;
mod risk;
mod types;
mod watch;
