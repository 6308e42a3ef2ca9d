//! The reading of a list.

use std::io::{Cursor, Read};

use barkeep_schemas::{Hash32, Price};
use csv::StringRecord;
use flate2::read::MultiGzDecoder;

use super::{Entry, LIST_BYTES_MAX, Listed, Listing, ListingError, Span, text};
use crate::decimal::{decimal, price};

/// The exchanges that are read.
const EXCHANGES: [&str; 8] = ["NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO"];

/// The types that are read: stocks and indices, futures, options.
const TYPES: [&str; 4] = ["EQ", "FUT", "CE", "PE"];

/// The segment of indices; an index and a stock of an exchange may have one symbol, and then the stock is meant.
const INDICES: &str = "INDICES";

/// Characters of a wrong cell that an error repeats.
const FOUND_CHARS: usize = 40;

impl Listing {
    /// Reads a list: CSV, plain or gzipped. Columns are found by name, in any order; further ones are passed over.
    ///
    /// # Errors
    /// [`ListingError`], with the line, for bytes that are no such list and for a wrong cell in a row of a kind that is
    /// read.
    pub fn read(bytes: &[u8]) -> Result<Self, ListingError> {
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return if bytes.len() as u64 > LIST_BYTES_MAX { Err(ListingError::TooLong) } else { Self::parse(bytes) };
        }
        let mut csv = Vec::new();
        let mut unpacked = MultiGzDecoder::new(Cursor::new(bytes)).take(LIST_BYTES_MAX + 1);
        unpacked.read_to_end(&mut csv).map_err(|error| ListingError::Gzip(error.to_string()))?;
        if csv.len() as u64 > LIST_BYTES_MAX { Err(ListingError::TooLong) } else { Self::parse(&csv) }
    }

    fn parse(csv: &[u8]) -> Result<Self, ListingError> {
        let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
        let mut record = StringRecord::new();
        let mut next = |record: &mut StringRecord| rows.read_record(record).map_err(|error| refused(&error));
        let columns = if next(&mut record)? { Columns::of(&record) } else { Err(ListingError::Column(TOKEN)) }?;
        let mut listing = Self {
            hash: Hash32(*blake3::hash(csv).as_bytes()),
            rows: 0,
            unknown: 0,
            repeated: 0,
            texts: String::new(),
            exchanges: Vec::new(),
            series: Vec::new(),
            entries: Vec::new(),
        };
        while next(&mut record)? {
            listing.rows += 1;
            listing.add(&Row { record: &record, columns: &columns })?;
        }
        listing.arrange();
        Ok(listing)
    }

    fn add(&mut self, row: &Row<'_>) -> Result<(), ListingError> {
        let columns = row.columns;
        let (exchange, kind) = (row.cell(columns.exchange), row.cell(columns.kind));
        if !EXCHANGES.contains(&exchange) || !TYPES.contains(&kind) {
            self.unknown += 1;
            return Ok(());
        }
        let symbol = row.cell(columns.symbol);
        if symbol.is_empty() {
            return Err(row.wrong(SYMBOL, columns.symbol, "a tradingsymbol"));
        }
        let listed = Listed { token: row.token()?, tick_size: row.tick_size()?, lot_size: row.lot_size()? };
        let series = format!("{kind} {}", row.cell(columns.segment));
        let entry = Entry {
            listed,
            symbol: self.store(symbol),
            name: self.store(row.cell(columns.name)),
            exchange: number(&mut self.exchanges, exchange),
            series: number(&mut self.series, &series),
        };
        self.entries.push(entry);
        Ok(())
    }

    fn store(&mut self, text: &str) -> Span {
        // At most `LIST_BYTES_MAX` bytes come here.
        let span = Span { start: self.texts.len() as u32, length: text.len() as u32 };
        self.texts.push_str(text);
        span
    }

    /// Sorts, and leaves one row of an exchange and symbol, or none where several may be meant.
    fn arrange(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        let index = |entry: &Entry| text(&self.series, entry.series).ends_with(INDICES);
        entries.sort_by(|a, b| self.key(a).cmp(&self.key(b)).then_with(|| index(a).cmp(&index(b))));
        let mut kept = Vec::with_capacity(entries.len());
        let mut repeated = 0;
        for same in entries.chunk_by(|a, b| self.key(a) == self.key(b)) {
            match same {
                [only] => kept.push(*only),
                [stock, others @ ..] if !index(stock) && others.iter().all(index) => {
                    kept.push(*stock);
                    repeated += others.len() as u64;
                }
                several => repeated += several.len() as u64,
            }
        }
        self.repeated = repeated;
        self.entries = kept;
        self.texts.shrink_to_fit();
    }
}

/// The number of a text in a short list, to which it is added. Exchanges, types and segments are few: beyond 65,535 the
/// last stands for all.
fn number(texts: &mut Vec<String>, text: &str) -> u16 {
    let place = texts.iter().position(|known| known == text);
    let place = place.unwrap_or_else(|| {
        if texts.len() < usize::from(u16::MAX) {
            texts.push(text.to_owned());
        }
        texts.len() - 1
    });
    place as u16
}

const TOKEN: &str = "instrument_token";
const SYMBOL: &str = "tradingsymbol";
const TICK_SIZE: &str = "tick_size";
const LOT_SIZE: &str = "lot_size";

/// Where the columns stand.
struct Columns {
    token: usize,
    symbol: usize,
    name: usize,
    tick_size: usize,
    lot_size: usize,
    kind: usize,
    segment: usize,
    exchange: usize,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, ListingError> {
        let place = |name: &'static str| {
            let cells = header.iter().map(|cell| cell.trim_start_matches('\u{feff}').trim());
            cells.into_iter().position(|cell| cell == name).ok_or(ListingError::Column(name))
        };
        Ok(Self {
            token: place(TOKEN)?,
            symbol: place(SYMBOL)?,
            name: place("name")?,
            tick_size: place(TICK_SIZE)?,
            lot_size: place(LOT_SIZE)?,
            kind: place("instrument_type")?,
            segment: place("segment")?,
            exchange: place("exchange")?,
        })
    }
}

struct Row<'a> {
    record: &'a StringRecord,
    columns: &'a Columns,
}

impl<'a> Row<'a> {
    fn cell(&self, column: usize) -> &'a str {
        self.record.get(column).unwrap_or_default().trim()
    }

    fn token(&self) -> Result<u32, ListingError> {
        let column = self.columns.token;
        let token = self.cell(column).parse().ok().filter(|token| *token > 0);
        token.ok_or_else(|| self.wrong(TOKEN, column, "a whole number from 1 to 4294967295"))
    }

    fn tick_size(&self) -> Result<Price, ListingError> {
        let column = self.columns.tick_size;
        price(self.cell(column)).ok_or_else(|| self.wrong(TICK_SIZE, column, "a price with at most four decimals"))
    }

    /// Whole, also where it is written with a point.
    fn lot_size(&self) -> Result<u32, ListingError> {
        let column = self.columns.lot_size;
        let lot_size = decimal(self.cell(column), 0).and_then(|lot_size| u32::try_from(lot_size).ok());
        lot_size.ok_or_else(|| self.wrong(LOT_SIZE, column, "a whole number"))
    }

    fn wrong(&self, name: &'static str, column: usize, expected: &'static str) -> ListingError {
        let found: String = self.cell(column).chars().take(FOUND_CHARS).collect();
        let line = self.record.position().map_or(0, csv::Position::line);
        ListingError::Cell { line, column: name, found: found.escape_debug().to_string(), expected }
    }
}

fn refused(error: &csv::Error) -> ListingError {
    let line = error.position().map_or(0, csv::Position::line);
    let detail = if let csv::ErrorKind::UnequalLengths { expected_len, len, .. } = error.kind() {
        format!("found {len} cells, expected {expected_len} as in line 1")
    } else if let csv::ErrorKind::Utf8 { .. } = error.kind() {
        "it is not UTF-8".to_owned()
    } else {
        error.to_string()
    };
    ListingError::Row { line, detail }
}
