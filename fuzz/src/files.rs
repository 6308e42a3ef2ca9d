//! Recorded files: whatever they hold, every row becomes an event or a rejection, twice the same.
//!
//! The input is two bytes of options, a mapping, and the file behind the first line's end; where a byte asks for it, two
//! files, cut at the first 0xff. Parquet is left out: its decoder panics on damaged bytes and the reader catches that,
//! while libFuzzer counts every panic.

use std::path::{Path, PathBuf};

use barkeep::ingestion::files::{Entry, FileOptions, Format, Mapping, Merge, Scan, scan};
use barkeep_schemas::{FileKind, SessionDate, Ts};
use jiff::tz::TimeZone;

use crate::bytes::Bytes;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (format, times) = (bytes.u8(), bytes.u8());
    let Some(options) = options(format, times, bytes.until(b'\n')) else { return };
    let first = if format & 32 != 0 { bytes.until(0xff) } else { bytes.rest() };
    let folder = Folder::of_this_process();
    let mut files = vec![folder.write("a.csv", first)];
    if format & 32 != 0 {
        files.push(folder.write(if format & 64 != 0 { "b.zip" } else { "b.csv" }, bytes.rest()));
    }
    if let Ok(scan) = scan(&files, &options, |_| {}) {
        read_again(&files, &options, &scan);
    }
}

/// The options of the first two bytes and the mapping; `None` where the command line would refuse them.
fn options(format: u8, times: u8, mapping: &[u8]) -> Option<FileOptions> {
    let kind = if format & 1 == 0 { FileKind::Ticks } else { FileKind::Bars };
    let zone = match times & 3 {
        0 => TimeZone::UTC,
        1 => TimeZone::get("Asia/Kolkata").ok()?,
        2 => TimeZone::get("America/New_York").ok()?,
        _ => TimeZone::get("Europe/London").ok()?,
    };
    let mut options = FileOptions::new(if format & 2 == 0 { Format::Csv } else { Format::Kite }, kind, zone);
    options.has_header = format & 4 == 0;
    options.symbols = match format & 24 {
        0 => Vec::new(),
        8 => vec!["A".to_owned()],
        _ => vec!["A".to_owned(), "B".to_owned()],
    };
    options.date = (times & 4 != 0).then(|| SessionDate(20_665 + i32::from(times >> 5)));
    options.date_zone = (times & 8 != 0).then_some(TimeZone::UTC);
    options.max_step_back_ns = if times & 16 == 0 { 120_000_000_000 } else { i64::MAX };
    let mapping = std::str::from_utf8(mapping).ok()?;
    options.mapping = if mapping.is_empty() { None } else { Some(Mapping::parse(mapping).ok()?) };
    options.check().ok()?;
    Some(options)
}

/// The second reading of an import finds what the first one counted.
fn read_again(files: &[PathBuf], options: &FileOptions, scan: &Scan) {
    let (mut rows, mut rejected, mut times) = (0, 0, (None::<Ts>, None::<Ts>));
    let mut merge = Merge::open_scanned(files, options, scan).expect("what was scanned opens again");
    while let Some(merged) = merge.step().expect("what was scanned reads again") {
        rows += 1;
        let ts = match merged.entry {
            Entry::Tick(tick) => tick.ts,
            Entry::Bar(bar) => bar.start,
            Entry::Rejected(_) => {
                rejected += 1;
                continue;
            }
        };
        times = (Some(times.0.map_or(ts, |first| first.min(ts))), times.1.max(Some(ts)));
    }
    assert_eq!((rows, rejected), (scan.rows(), scan.rejected()));
    assert_eq!(scan.accepted(), rows - rejected);
    assert_eq!(times, (scan.first(), scan.last()));
    let by_date: u64 = scan.dates.iter().map(|date| date.rows).sum();
    let by_symbol: u64 = scan.symbols.iter().map(|symbol| symbol.rows).sum();
    assert_eq!((by_date, by_symbol), (scan.accepted(), scan.accepted()));
}

/// A folder in memory for the files of this process; libFuzzer runs several.
struct Folder(PathBuf);

impl Folder {
    fn of_this_process() -> Self {
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let folder = root.join(format!("barkeep-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for files");
        Self(folder)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
