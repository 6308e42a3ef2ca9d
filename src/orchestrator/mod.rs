//! Wires everything: configuration, calendar, the appliance that joins engine and tape.

pub mod appliance;
pub mod backfill;
pub mod broker;
pub mod calendar;
pub mod config;
pub mod daemon;
pub mod desk;
mod document;
pub mod door;
pub mod engine_thread;
pub mod finding;
pub mod import;
pub mod kill_file;
pub mod live;
pub mod pairs_paper_entry;
pub mod rederive;
pub mod replay;
mod sheet;
pub mod stage_clock;
pub mod universe;
mod yaml;

pub use appliance::{Appliance, ApplianceError};
