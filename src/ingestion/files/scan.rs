//! All files of a command, read once to learn what they hold.
//!
//! What it is: the first pass of an import: hashes, counts, symbols, dates, all from one reading. What it never does:
//! judge a row, or stop at a bad one. Who calls it: import and reconciliation, before anything goes onto the tape.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use barkeep_schemas::{Hash32, Price, SessionDate, Ts};

use super::error::FileError;
use super::kept::{Keeper, Kept};
use super::mapping::Field;
use super::merge::{Merge, Merged};
use super::options::FileOptions;
use super::reader::RowReader;
use super::row::{Entry, Rejection};
use super::symbols::{SymbolId, Symbols};
use super::zone::Zone;

/// Rows between two reports of progress.
const PROGRESS_EVERY: u64 = 16_384;

/// How many rejections of each file are kept as examples.
const EXAMPLES_MAX: usize = 5;

/// A row's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which file, by argument order from 0.
    pub file: usize,
    /// Line of the file, from 1; for Parquet the row and for Kite the candle.
    pub line: u64,
}

/// What one file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileScan {
    /// Its name, without folders.
    pub name: String,
    /// BLAKE3 of its bytes as they lie on the disk.
    pub hash: Hash32,
    /// Its size in bytes.
    pub bytes: u64,
    /// Data rows read, the rejected ones included.
    pub rows: u64,
    /// Rows refused.
    pub rejected: u64,
    /// Ticks identical to the accepted one before of the same symbol.
    pub duplicates: u64,
    /// Ticks before the latest time of the file.
    pub steps_back: u64,
    /// The earliest accepted time; absent when no row was accepted.
    pub first: Option<Ts>,
    /// The latest accepted time.
    pub last: Option<Ts>,
    /// The first five rejections.
    pub examples: Vec<Rejection>,
}

impl FileScan {
    fn new() -> Self {
        Self {
            name: String::new(),
            hash: Hash32::default(),
            bytes: 0,
            rows: 0,
            rejected: 0,
            duplicates: 0,
            steps_back: 0,
            first: None,
            last: None,
            examples: Vec::new(),
        }
    }
}

/// What the files hold of one symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SymbolScan {
    /// The symbol.
    pub symbol: String,
    /// Accepted rows.
    pub rows: u64,
    /// The lowest price; of bars the lowest low.
    pub min_price: Price,
}

/// What the files hold of one calendar date of the options' zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DateScan {
    /// The date.
    pub date: SessionDate,
    /// Accepted rows.
    pub rows: u64,
    /// The first row of the date in merged order.
    pub first: Place,
    /// The earliest wall-clock time of day, nanoseconds since midnight, 0 up to a day.
    pub earliest_ns: i64,
    /// The latest wall-clock time of day, nanoseconds since midnight, 0 up to a day.
    pub latest_ns: i64,
    /// Accepted rows by half hour of the wall clock, 00:00 first.
    pub half_hours: [u64; 48],
}

const HALF_HOUR_NS: i64 = 1_800_000_000_000;

impl DateScan {
    fn new(date: SessionDate, first: Place, time_ns: i64) -> Self {
        Self { date, rows: 0, first, earliest_ns: time_ns, latest_ns: time_ns, half_hours: [0; 48] }
    }
}

/// What all files of a command hold. Counts are sums over the files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// The files, in argument order.
    pub files: Vec<FileScan>,
    /// The symbols of accepted rows, in order of first appearance in the merged stream.
    pub symbols: Vec<SymbolScan>,
    /// The dates, earliest first.
    pub dates: Vec<DateScan>,
    /// Of bars: the widest grid that all starts lie on, nanoseconds of the wall clock; 0 for ticks.
    pub grid_ns: i64,
    /// The fields that a column of the first file fills.
    pub fields: Vec<Field>,
    /// The fields with the numbers and units of their columns, file after file where they differ.
    pub columns: String,
}

impl Scan {
    /// Data rows read, the rejected ones included.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Rows accepted.
    pub fn accepted(&self) -> u64 {
        self.rows() - self.rejected()
    }

    /// Rows refused.
    pub fn rejected(&self) -> u64 {
        self.files.iter().map(|file| file.rejected).sum()
    }

    /// Ticks identical to the accepted one before of the same symbol and file.
    pub fn duplicates(&self) -> u64 {
        self.files.iter().map(|file| file.duplicates).sum()
    }

    /// Ticks before the latest time of their file.
    pub fn steps_back(&self) -> u64 {
        self.files.iter().map(|file| file.steps_back).sum()
    }

    /// The earliest accepted time.
    pub fn first(&self) -> Option<Ts> {
        self.files.iter().filter_map(|file| file.first).min()
    }

    /// The latest accepted time.
    pub fn last(&self) -> Option<Ts> {
        self.files.iter().filter_map(|file| file.last).max()
    }

    /// The hashes of the files, in argument order.
    pub fn hashes(&self) -> Vec<Hash32> {
        self.files.iter().map(|file| file.hash).collect()
    }

    /// A table that numbers the symbols as [`Scan::symbols`] lists them.
    pub fn symbol_table(&self) -> Symbols {
        let mut table = Symbols::new();
        for symbol in &self.symbols {
            table.intern(&symbol.symbol);
        }
        table
    }
}

/// How far a scan is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes of all files read.
    pub bytes_read: u64,
    /// Bytes of all files.
    pub bytes_total: u64,
    /// Data rows read.
    pub rows: u64,
}

/// Reads all files once. `on_progress` is called every few thousand rows and once at the end.
///
/// # Errors
///
/// The [`FileError`] of the first file that cannot be read as asked. Refused rows are no error.
pub fn scan(
    files: &[impl AsRef<Path>],
    options: &FileOptions,
    on_progress: impl FnMut(Progress),
) -> Result<Scan, FileError> {
    let merge = Merge::open_with(files, options, Symbols::new(), true)?;
    read(merge, options, None, on_progress).map(|(scan, _)| scan)
}

/// [`scan`], with the rows themselves where they can be kept: as [`Merge::open_scanned`] would read them again.
/// What memory does not hold goes to the disk of `folder`.
///
/// # Errors
///
/// As [`scan`].
pub fn scan_and_keep(
    files: &[impl AsRef<Path>],
    options: &FileOptions,
    folder: &Path,
    on_progress: impl FnMut(Progress),
) -> Result<(Scan, Option<Kept>), FileError> {
    let merge = Merge::open_with(files, options, Symbols::new(), true)?;
    let keeper = Keeper::new(folder, merge.bytes_total());
    read(merge, options, Some(keeper), on_progress)
}

fn read(
    mut merge: Merge,
    options: &FileOptions,
    mut keeper: Option<Keeper>,
    mut on_progress: impl FnMut(Progress),
) -> Result<(Scan, Option<Kept>), FileError> {
    let mut tally = Tally::new(
        merge.readers().count(),
        Zone::new(options.date_zone.clone().unwrap_or_else(|| options.zone.clone())),
    );
    let mut rows = 0;
    while let Some(merged) = merge.step()? {
        let symbol = tally.take(merged);
        if let Some(keeper) = &mut keeper {
            keeper.keep(merged, symbol);
        }
        rows += 1;
        if rows % PROGRESS_EVERY == 0 {
            on_progress(Progress { bytes_read: merge.bytes_read(), bytes_total: merge.bytes_total(), rows });
        }
    }
    for (file, reader) in tally.files.iter_mut().zip(merge.readers()) {
        file.name = reader.name().to_owned();
        file.bytes = reader.bytes_total();
        file.hash = reader.hash().unwrap_or_default();
        if let Some(bytes) = reader.other_size() {
            let detail = format!("{} bytes, then {bytes}", reader.bytes_total());
            return Err(FileError::Changed { file: reader.file().to_owned(), detail });
        }
    }
    on_progress(Progress { bytes_read: merge.bytes_total(), bytes_total: merge.bytes_total(), rows });
    let fields = merge.readers().next().map(|reader| reader.fields().to_vec()).unwrap_or_default();
    let mut columns: Vec<&str> = merge.readers().map(RowReader::bound).collect();
    columns.dedup();
    let columns = columns.join(";");
    Ok((tally.finish(merge.symbols(), fields, columns), keeper.and_then(Keeper::finish)))
}

/// The greatest common divisor; `a` is 0 at first.
fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The accepted rows of one symbol, and its lowest price.
#[derive(Clone, Copy, Debug)]
struct SymbolCount {
    rows: u64,
    min_price: Price,
    /// Its place among those that have rows.
    place: SymbolId,
}

/// The counts while the rows pass.
struct Tally {
    zone: Zone,
    files: Vec<FileScan>,
    /// The symbols of accepted rows in order of first appearance, and what is counted of each by its number.
    seen: Vec<SymbolId>,
    counts: Vec<SymbolCount>,
    dates: Vec<DateScan>,
    grid_ns: i64,
    /// The place in `dates` of each date.
    date_places: BTreeMap<SessionDate, usize>,
    half_hour: HalfHour,
}

/// The half hour of the wall clock that the last row fell into: the next mostly does so too.
#[derive(Clone, Debug, Default)]
struct HalfHour {
    /// Those of its moments that have the offset of that row.
    moments: Range<i64>,
    /// The moment at which the day's wall clock would have begun with that offset.
    midnight: i64,
    /// The date's place in `dates`, and which half hour of it this is.
    date: usize,
    number: usize,
}

impl Tally {
    fn new(files: usize, zone: Zone) -> Self {
        Self {
            zone,
            files: (0..files).map(|_| FileScan::new()).collect(),
            seen: Vec::new(),
            counts: Vec::new(),
            dates: Vec::new(),
            grid_ns: 0,
            date_places: BTreeMap::new(),
            half_hour: HalfHour::default(),
        }
    }

    /// Counts a row. The number of its symbol as the second reading numbers symbols: in the order of this one.
    #[inline]
    fn take(&mut self, merged: Merged<'_>) -> SymbolId {
        let Some(file) = self.files.get_mut(merged.file) else { return SymbolId::default() };
        file.rows += 1;
        let (line, symbol, ts, price) = match merged.entry {
            Entry::Tick(tick) => {
                file.duplicates += u64::from(tick.duplicate);
                file.steps_back += u64::from(tick.step_back);
                (tick.line, tick.symbol, tick.ts, tick.price)
            }
            Entry::Bar(bar) => {
                self.grid_ns = gcd(self.grid_ns, self.zone.date_and_time(bar.start.get()).1);
                (bar.line, bar.symbol, bar.start, bar.low)
            }
            Entry::Rejected(rejection) => {
                file.rejected += 1;
                if file.examples.len() < EXAMPLES_MAX {
                    file.examples.push(rejection.clone());
                }
                return SymbolId::default();
            }
        };
        file.first = Some(file.first.map_or(ts, |first| first.min(ts)));
        file.last = file.last.max(Some(ts));
        self.take_date(Place { file: merged.file, line }, ts);
        self.take_symbol(symbol, price)
    }

    #[inline]
    fn take_symbol(&mut self, id: SymbolId, price: Price) -> SymbolId {
        if self.counts.len() <= id.index() {
            let none = SymbolCount { rows: 0, min_price: Price::MAX, place: SymbolId::default() };
            self.counts.resize(id.index() + 1, none);
        }
        let Some(count) = self.counts.get_mut(id.index()) else { return SymbolId::default() };
        if count.rows == 0 {
            count.place = SymbolId(self.seen.len() as u32);
            self.seen.push(id);
        }
        count.rows += 1;
        count.min_price = count.min_price.min(price);
        count.place
    }

    #[inline]
    fn take_date(&mut self, place: Place, ts: Ts) {
        if !self.half_hour.moments.contains(&ts.get()) {
            self.enter_half_hour(place, ts);
        }
        let HalfHour { date, number, midnight, .. } = self.half_hour;
        let time_ns = ts.get() - midnight;
        if let Some(seen) = self.dates.get_mut(date) {
            seen.rows += 1;
            seen.earliest_ns = seen.earliest_ns.min(time_ns);
            seen.latest_ns = seen.latest_ns.max(time_ns);
            if let Some(rows) = seen.half_hours.get_mut(number) {
                *rows += 1;
            }
        }
    }

    /// Takes the half hour of a moment as the present one.
    #[cold]
    fn enter_half_hour(&mut self, place: Place, ts: Ts) {
        let (date, time_ns) = self.zone.date_and_time(ts.get());
        let (next, dates) = (self.dates.len(), &mut self.dates);
        let at = *self.date_places.entry(date).or_insert_with(|| {
            dates.push(DateScan::new(date, place, time_ns));
            next
        });
        let (start, same) = (ts.get() - time_ns % HALF_HOUR_NS, self.zone.same_offset());
        self.half_hour = HalfHour {
            moments: start.max(same.start)..(start + HALF_HOUR_NS).min(same.end),
            midnight: ts.get() - time_ns,
            date: at,
            number: (time_ns / HALF_HOUR_NS) as usize,
        };
    }

    fn finish(mut self, symbols: &Symbols, fields: Vec<Field>, columns: String) -> Scan {
        self.dates.sort_by_key(|date| date.date);
        let named = self.seen.iter().filter_map(|id| {
            let SymbolCount { rows, min_price, .. } = *self.counts.get(id.index())?;
            Some(SymbolScan { symbol: symbols.name(*id)?.to_owned(), rows, min_price })
        });
        let symbols = named.collect();
        Scan { files: self.files, symbols, dates: self.dates, grid_ns: self.grid_ns, fields, columns }
    }
}
