//! Watching over the tape: what follows it and judges it. Names schemas and storage alone.

pub mod daily_recon;
pub mod disk_room;
pub mod explain;
pub mod metrics;
pub mod recon_autoheal;
