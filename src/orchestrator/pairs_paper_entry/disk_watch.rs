//! Keeps the gauges of the disk: free space, and for how many days it lasts.
//!
//! What it never does: halt anything; a tape that cannot be written does that itself.

use std::time::Duration;

use barkeep_storage::DataDir;

use crate::monitoring::disk_room::DiskRoom;
use crate::monitoring::metrics::{GaugeName, Metrics, MetricsError};

/// How often the disk is looked at.
const EVERY: Duration = Duration::from_secs(30);

/// Looks at the disk twice a minute, for ever.
///
/// # Errors
/// [`MetricsError`], which tests exclude.
pub async fn watch_disk(metrics: Metrics, dir: DataDir) -> Result<(), MetricsError> {
    let free = metrics.gauge(GaugeName::TapeFreeSpace, &[])?;
    let days = metrics.gauge(GaugeName::TapeSessionsToFull, &[])?;
    loop {
        let dir = dir.clone();
        // A disk that does not answer must not keep a worker of the runtime.
        match tokio::task::spawn_blocking(move || DiskRoom::of(&dir)).await {
            Ok(Ok(room)) => {
                free.set(room.free_bytes as f64);
                days.set(room.days_to_full());
            }
            Ok(Err(error)) => tracing::warn!(%error, "the room on the disk cannot be told"),
            Err(_) => return Ok(()),
        }
        tokio::time::sleep(EVERY).await;
    }
}
