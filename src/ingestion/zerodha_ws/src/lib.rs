//! The broker's edge: Kite's websocket and REST protocols turned into checked facts.
//!
//! Everything but `socket` and the two files of `token` is pure: time is an argument, bytes go in and facts come out. It
//! names schemas alone. REST is to come; nothing calls the crate yet.

mod decimal;
pub mod feed;
pub mod instruments;
mod ist;
mod private_file;
pub mod socket;
pub mod token;
pub mod wire;
