//! How much room the disk of a data directory has, and for how many more trading days.
//!
//! What it never does: free any. Who calls it: the metrics of the appliance, and `init`.

use std::io;
use std::path::Path;

use barkeep_storage::DataDir;

/// Room on the disk.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DiskRoom {
    /// Bytes that this user may still write.
    pub free_bytes: u64,
    /// Bytes of the largest of the newest segments; 0 while there is none.
    pub day_bytes: u64,
}

/// Segments that are looked at, the newest first: a month of trading days.
const SEGMENTS: usize = 22;

impl DiskRoom {
    /// Looks.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(dir: &DataDir) -> io::Result<Self> {
        let names = dir.segment_names()?;
        let sizes = names.iter().rev().take(SEGMENTS).map(|name| {
            // A segment may be pruned while it is looked at.
            dir.disk().stat(&dir.segment(*name)).map_or(0, |stat| stat.allocated_bytes)
        });
        Ok(Self { free_bytes: free_bytes(dir.root())?, day_bytes: sizes.max().unwrap_or(0) })
    }

    /// Trading days until the disk is full, if each takes what the largest took; infinite while there is none.
    pub fn days_to_full(&self) -> f64 {
        if self.day_bytes == 0 { f64::INFINITY } else { self.free_bytes as f64 / self.day_bytes as f64 }
    }
}

/// Bytes that this user may still write on the file system of a folder.
///
/// # Errors
/// What the system says.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_from_the_largest_day() {
        let room = DiskRoom { free_bytes: 1_000, day_bytes: 400 };
        assert!((room.days_to_full() - 2.5).abs() < 1e-9);
        assert!(DiskRoom { day_bytes: 0, ..room }.days_to_full().is_infinite());
    }

    #[test]
    fn a_folder_has_room_and_a_missing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let room = DiskRoom::of(&DataDir::new(folder.path())).unwrap();
        assert!(room.free_bytes > 0 && room.day_bytes == 0);
        assert!(free_bytes(Path::new("/no/such/folder")).is_err());
    }
}
