//! The broker's edge: Kite's websocket and REST protocols turned into checked facts.
//!
//! Everything but `socket` is pure: time is an argument, bytes go in and facts come out. It names schemas alone. REST and
//! the token are to come; nothing calls the crate yet.

mod decimal;
pub mod feed;
pub mod instruments;
pub mod socket;
pub mod wire;
