//! A broker and a market to develop, demonstrate and break against. It names schemas alone.

mod chance;

pub mod broker;
pub mod day;
pub mod faults;
pub mod kite;
pub mod market;
pub mod server;
pub mod world;
