//! The instruments' dump: CSV, gzipped, the same bytes for the same listings.
//!
//! It reads no listing itself; the broker hands them in.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

use crate::market::{Listing, Segment};

/// The columns of the dump.
pub const INSTRUMENT_COLUMNS: &str = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,\
                                      tick_size,lot_size,instrument_type,segment,exchange";

/// The dump as CSV. As in Kite's own, the last price is 0 and stands with a point.
pub fn instruments_csv<'a>(listings: impl Iterator<Item = &'a Listing>) -> String {
    let mut csv = format!("{INSTRUMENT_COLUMNS}\n");
    for listing in listings {
        let segment = match listing.segment {
            Segment::Nse => "NSE",
            Segment::Indices => "INDICES",
        };
        let Listing { token, tick_size, .. } = listing;
        let (symbol, name) = (cell(&listing.symbol), cell(&listing.name));
        csv.push_str(&format!("{token},{},{symbol},{name},0.0,,0.0,{tick_size},1,EQ,{segment},NSE\n", token >> 8));
    }
    csv
}

/// A cell, quoted where CSV asks for it.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The bytes gzipped, with no time and no name in the header, so that equal text gives equal bytes.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(6));
    // Writing into memory does not fail; what could is given up and leaves an empty body for the client to refuse.
    if encoder.write_all(bytes).is_err() {
        return Vec::new();
    }
    encoder.finish().unwrap_or_default()
}
