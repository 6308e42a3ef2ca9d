//! What the fuzz targets try: each module takes bytes and holds what must be true of whatever they are.
//!
//! A target fails by a panic, by running for longer than libFuzzer's `-timeout`, or by asking for more memory than
//! [`bounds`] allows. `README.md` says how to run them and what to do with a finding.

pub mod block;
pub mod config;
pub mod door_message;
pub mod event;
pub mod fault_plan;
pub mod files;
pub mod historical_json;
pub mod instruments_csv;
pub mod kite_frame;
pub mod kite_request;
pub mod kite_text;
pub mod segment;
pub mod tape;
pub mod ws_frame;
pub mod ws_text;

mod bounds;
mod bytes;
mod simulated;
