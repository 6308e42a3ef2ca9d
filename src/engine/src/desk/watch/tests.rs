//! The pair watch: every rule of entry and exit, bars that lack, come late or are revised, the night, and restarts.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test says what it expects")]

mod bars;
mod restart;
mod rules;
mod stage;
mod statistics;
