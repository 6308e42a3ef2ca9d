//! The broker's edge: Kite's websocket and REST protocols turned into checked facts.
//!
//! Everything but `socket`, the client of `rest` and the files of `token` is pure: time is an argument, bytes go in and
//! facts come out. It names schemas alone. The orchestrator and the command line call it.

pub mod account;
mod decimal;
pub mod feed;
pub mod instruments;
mod ist;
mod private_file;
mod redaction;
pub mod rest;
pub mod socket;
mod tls;
pub mod token;
pub mod wire;
