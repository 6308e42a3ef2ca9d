//! Tests of whole files: each writes its own small file into a fresh folder.

mod formats;
mod merging;
mod reading;
mod recorded;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use barkeep_schemas::FileKind;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;

/// Options in IST with a symbol, and a mapping unless the text is empty.
fn options(format: Format, kind: FileKind, map: &str) -> FileOptions {
    let mut options = FileOptions::new(format, kind, TimeZone::get("Asia/Kolkata").unwrap());
    options.mapping = (!map.is_empty()).then(|| Mapping::parse(map).unwrap());
    options.symbols = vec!["A".to_owned()];
    options
}

fn ticks(map: &str) -> FileOptions {
    options(Format::Csv, FileKind::Ticks, map)
}

fn bars(map: &str) -> FileOptions {
    options(Format::Csv, FileKind::Bars, map)
}

/// A folder of its own with the given files.
fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let paths = files
        .iter()
        .map(|(name, bytes)| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        })
        .collect();
    (folder, paths)
}

/// The rows of one file as text, one a line; a fatal error is the last line, without the folder.
fn read(path: &Path, options: &FileOptions) -> String {
    show(&[path], options, false)
}

/// The rows of several files as text, with the file's number.
fn show(paths: &[impl AsRef<Path>], options: &FileOptions, numbered: bool) -> String {
    let mut text = String::new();
    let failed = |error: FileError| {
        let folder = paths.first().and_then(|path| path.as_ref().parent()).unwrap().display().to_string();
        let mut shown = format!("error: {error}");
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            write!(shown, ": {error}").unwrap();
            cause = error.source();
        }
        shown.replace(&format!("{folder}/"), "") + "\n"
    };
    let mut merge = match Merge::open(paths, options, Symbols::new()) {
        Ok(merge) => merge,
        Err(error) => return failed(error),
    };
    loop {
        let (file, entry) = match merge.step() {
            Ok(None) => return text,
            Ok(Some(merged)) => (merged.file, merged.entry.clone()),
            Err(error) => {
                text += &failed(error);
                continue;
            }
        };
        if numbered {
            write!(text, "{file} ").unwrap();
        }
        text += &line(&entry, merge.symbols());
        text.push('\n');
    }
}

/// All rows of a merge, up to its first error.
fn all(mut merge: Merge) -> Result<Vec<Entry>, FileError> {
    let mut entries = Vec::new();
    while let Some(merged) = merge.step()? {
        entries.push(merged.entry.clone());
    }
    Ok(entries)
}

fn line(entry: &Entry, symbols: &Symbols) -> String {
    let utc = |ts: barkeep_schemas::Ts| Timestamp::from_nanosecond(i128::from(ts.get())).unwrap().to_string();
    match entry {
        Entry::Tick(tick) => {
            let mut text =
                format!("{} {} {} {}", tick.line, symbols.name(tick.symbol).unwrap(), utc(tick.ts), tick.price);
            for (name, value) in [
                ("recv", tick.recv.map(utc)),
                ("qty", tick.qty.map(|qty| qty.to_string())),
                ("cum", tick.cum_volume.map(|qty| qty.to_string())),
                ("bid", tick.bid.map(|price| price.to_string())),
                ("ask", tick.ask.map(|price| price.to_string())),
                ("flags", (tick.condition != 0).then(|| format!("{:x}", tick.condition))),
                ("duplicate", tick.duplicate.then(String::new)),
                ("back", tick.step_back.then(String::new)),
            ] {
                if let Some(value) = value {
                    write!(text, " {name} {value}").unwrap();
                }
            }
            text.trim_end().to_owned()
        }
        Entry::Bar(bar) => format!(
            "{} {} {} {} {} {} {} {}",
            bar.line,
            symbols.name(bar.symbol).unwrap(),
            utc(bar.start),
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume
        ),
        Entry::Rejected(rejection) => format!("{rejection} [{}]", rejection.raw),
    }
}

/// Reads typed-in text as one file and compares its rows.
fn check(options: &FileOptions, text: &str, expected: &str) {
    let (_folder, paths) = folder(&[("f.csv", text.as_bytes())]);
    assert_eq!(read(&paths[0], options), expected, "{text}");
}
