//! Wires everything: configuration, calendar, the appliance that joins engine and tape.

pub mod calendar;
pub mod config;
