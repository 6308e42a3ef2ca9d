//! The lists of instruments that are kept: `instruments/DATE.csv.gz` in the data directory, the newest thirty.
//!
//! It keeps none that does not hold, and puts each in place whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use barkeep_schemas::SessionDate;
use barkeep_zerodha::instruments::Listing;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The folder.
const FOLDER: &str = "instruments";

/// The folder's permissions: its owner's alone, as those of its neighbours.
const FOLDER_MODE: u32 = 0o700;

/// What stands behind the date.
const SUFFIX: &str = ".csv.gz";

/// Lists that are kept.
const KEPT_MAX: usize = 30;

/// Bytes of a file at most; a real one has two million.
const FILE_BYTES_MAX: u64 = 64 << 20;

#[derive(Clone)]
pub(super) struct Lists {
    folder: PathBuf,
}

impl Lists {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join(FOLDER) }
    }

    fn path(&self, date: SessionDate) -> PathBuf {
        self.folder.join(format!("{date}{SUFFIX}"))
    }

    /// The list of a date, when it is there and holds.
    pub(super) fn read(&self, date: SessionDate) -> Option<Listing> {
        let path = self.path(date);
        let read = || -> Result<Option<Listing>, String> {
            match fs::metadata(&path) {
                Ok(metadata) if metadata.len() > FILE_BYTES_MAX => return Err("it is too long".to_owned()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error.to_string()),
            }
            let bytes = fs::read(&path).map_err(|error| error.to_string())?;
            let listing = Listing::read(&bytes).map_err(|error| error.to_string())?;
            Ok(Some(listing))
        };
        read().unwrap_or_else(|why| {
            tracing::warn!(file = %path.display(), why, "a kept list of instruments is passed over");
            None
        })
    }

    /// Reads a list, keeps it as that of a date, and lets the oldest go.
    pub(super) fn keep(&self, date: SessionDate, csv: &[u8]) -> Result<Listing, String> {
        let listing = Listing::read(csv).map_err(|error| error.to_string())?;
        if listing.is_empty() {
            return Err(format!("the list of instruments has {} rows and no instrument that is known", listing.rows));
        }
        self.write(date, csv).map_err(|error| format!("{} cannot be written: {error}", self.path(date).display()))?;
        for old in self.dates().into_iter().rev().skip(KEPT_MAX) {
            if let Err(error) = fs::remove_file(self.path(old)) {
                tracing::warn!(file = %self.path(old).display(), %error, "an old list of instruments stays");
            }
        }
        Ok(listing)
    }

    /// The newest list of `date` or before that holds.
    pub(super) fn newest(&self, date: SessionDate) -> Option<(SessionDate, Listing)> {
        let dates = self.dates().into_iter().rev().filter(|kept| *kept <= date);
        dates.into_iter().find_map(|kept| Some((kept, self.read(kept)?)))
    }

    /// The dates of the lists that are kept, rising.
    fn dates(&self) -> Vec<SessionDate> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let date = |name: &str| SessionDate::parse(name.strip_suffix(SUFFIX)?);
        let mut dates: Vec<SessionDate> = entries.filter_map(|entry| date(entry.ok()?.file_name().to_str()?)).collect();
        dates.sort();
        dates
    }

    fn write(&self, date: SessionDate, csv: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.folder)?;
        let draft = self.folder.join(format!(".{date}.{}.new", std::process::id()));
        let written = || {
            let mut packed = GzEncoder::new(File::create(&draft)?, Compression::new(6));
            packed.write_all(csv)?;
            packed.finish()?.sync_all()?;
            fs::rename(&draft, self.path(date))?;
            File::open(&self.folder)?.sync_all()
        };
        let result = written();
        if result.is_err() {
            // It may not be there; what went wrong before is what counts.
            let _ = fs::remove_file(&draft);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const CSV: &str = "instrument_token,tradingsymbol,name,tick_size,lot_size,instrument_type,segment,exchange\n\
                       408065,INFY,INFOSYS,0.1,1,EQ,NSE,NSE\n";

    fn date(days: i32) -> SessionDate {
        SessionDate::from_ymd(2026, 11, 20).unwrap().plus_days(days)
    }

    #[test]
    fn the_newest_thirty_are_kept_and_the_newest_that_holds_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let lists = Lists::new(folder.path());
        assert!(lists.newest(date(0)).is_none() && lists.read(date(0)).is_none());
        for days in 0..33 {
            assert_eq!(lists.keep(date(days), CSV.as_bytes()).unwrap().rows, 1);
        }
        assert_eq!(lists.dates(), (3..33).map(date).collect::<Vec<_>>());
        assert_eq!(lists.read(date(32)), Listing::read(CSV.as_bytes()).ok());
        fs::write(lists.path(date(10)), "damaged").unwrap();
        fs::write(lists.folder.join("notes.csv.gz"), CSV).unwrap();
        assert_eq!(lists.newest(date(10)).map(|(date, _)| date), Some(date(9)));
        assert_eq!(lists.newest(date(99)).map(|(date, _)| date), Some(date(32)));
        assert!(lists.newest(date(2)).is_none() && lists.read(date(10)).is_none());
        assert_eq!(fs::read_dir(&lists.folder).unwrap().count(), 31, "no draft is left");
        assert_eq!(fs::metadata(&lists.folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_does_not_hold_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let lists = Lists::new(folder.path());
        let header = CSV.lines().next().unwrap();
        for (csv, why) in [
            ("<html>", "the list of instruments: line 1 has no column `instrument_token`"),
            (header, "the list of instruments has 0 rows and no instrument that is known"),
        ] {
            assert_eq!(lists.keep(date(0), csv.as_bytes()).unwrap_err(), why);
        }
        assert!(lists.dates().is_empty());
        fs::write(folder.path().join(FOLDER), "a file").unwrap();
        assert!(lists.keep(date(0), CSV.as_bytes()).unwrap_err().contains("cannot be written"));
    }
}
