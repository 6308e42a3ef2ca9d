//! Lists of instruments: every row is found, counted as unknown or as repeated; packed and plain are one; two lists are
//! compared.
//!
//! The first byte chooses: the bytes as they are, rows below a header, the same packed, or two lists.

use barkeep_sim::kite::instruments::{INSTRUMENT_COLUMNS, gzip};
use barkeep_zerodha::instruments::Listing;

use crate::bytes::Bytes;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    match bytes.u8() % 4 {
        0 => drop(Listing::read(bytes.rest())),
        1 => drop(rows(bytes.rest()).map(|listing| found(&listing, bytes.rest()))),
        2 => {
            let csv = under_header(bytes.rest());
            assert_eq!(Listing::read(&gzip(&csv)), Listing::read(&csv));
        }
        _ => {
            let before = bytes.until(0xff);
            if let (Some(before), Some(after)) = (rows(before), rows(bytes.rest())) {
                compared(&before, &after, &String::from_utf8_lossy(data));
            }
        }
    }
}

fn under_header(rows: &[u8]) -> Vec<u8> {
    [INSTRUMENT_COLUMNS.as_bytes(), b"\n", rows].concat()
}

fn rows(rows: &[u8]) -> Option<Listing> {
    let csv = under_header(rows);
    let listing =
        Listing::read(&csv).inspect_err(|why| assert!(why.to_string().contains("list of instruments"))).ok()?;
    assert_eq!(listing.len() as u64 + listing.unknown + listing.repeated, listing.rows);
    assert_eq!(listing.is_empty(), listing.rows == listing.unknown + listing.repeated);
    Some(listing)
}

/// A row that stands alone with its exchange and symbol is found, with its token.
fn found(listing: &Listing, rows: &[u8]) {
    let Ok(text) = std::str::from_utf8(rows) else { return };
    if text.contains(['"', '\r']) {
        return;
    }
    let cells = |line: &str| line.split(',').map(|cell| cell.trim().to_owned()).collect::<Vec<String>>();
    let rows: Vec<Vec<String>> = text.lines().filter(|line| !line.is_empty()).map(cells).collect();
    assert_eq!(rows.len() as u64, listing.rows);
    for row in &rows {
        let known = ["NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO"].contains(&row[11].as_str())
            && ["EQ", "FUT", "CE", "PE"].contains(&row[9].as_str());
        let alone = rows.iter().filter(|other| (&other[2], &other[11]) == (&row[2], &row[11])).count() == 1;
        if !known || !alone {
            continue;
        }
        let listed = listing.get(&format!("{}:{}", row[11], row[2])).expect("a row that stands alone");
        assert_eq!(row[0].parse(), Ok(listed.token));
        if row[11] == "NSE" && !row[2].contains(':') {
            assert_eq!(listing.get(&row[2]), Some(listed));
        }
    }
}

/// Symbols are told in the order asked for, and nothing changes from a list to itself.
fn compared(before: &Listing, after: &Listing, text: &str) {
    let wanted: Vec<&str> = text.split([',', '\n']).filter(|cell| !cell.is_empty()).take(64).collect();
    assert!(before.changes(before, &wanted).is_empty());
    for change in before.changes(after, &wanted) {
        assert!(wanted.contains(&change.symbol.as_str()));
        assert_ne!(change.before, change.after);
        let there = (before.get(&change.symbol).is_some(), after.get(&change.symbol).is_some());
        assert_ne!(there, (false, false));
    }
}
