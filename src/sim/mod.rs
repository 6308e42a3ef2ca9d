//! The market simulator. It names schemas alone.

pub mod day;
