//! barkeep keeps the tape and keeps the bars honest: see `src/ARCHITECTURE.md` for the map.

pub mod cli;
pub mod ingestion;
pub mod mirrors;
pub mod monitoring;
pub mod orchestrator;
