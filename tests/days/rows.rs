//! Minutes of one side by their key, and the comparison as the contract has it, in numbers of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A symbol and the start of a minute, epoch seconds.
pub type Key = (String, i64);

/// Minutes by their key.
pub type Rows = BTreeMap<Key, Row>;

/// Open, high, low and close in ten-thousandths of a rupee, and shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    pub prices: [i64; 4],
    pub volume: i64,
}

/// A decimal number as ten-thousandths.
pub fn price(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<4}");
    whole.parse::<i64>().expect("a number") * 10_000 + part.parse::<i64>().expect("a fraction")
}

/// The rows of an export of minutes.
pub fn exported(csv: &str) -> Rows {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let prices = [2, 3, 4, 5].map(|at| price(cells[at]));
        let volume = cells[6].parse().expect("a volume");
        ((cells[0].to_owned(), cells[1].parse().expect("a time")), Row { prices, volume })
    };
    csv.lines().skip(1).map(row).collect()
}

/// A line of a broker's file.
pub fn line(symbol: &str, start: i64, row: &Row) -> String {
    let ist = start + 19_800;
    let (hour, minute) = (ist.rem_euclid(86_400) / 3_600, ist.rem_euclid(3_600) / 60);
    let mut line = format!("2026-07-31 {hour:02}:{minute:02}:00,{symbol}");
    for price in row.prices {
        write!(line, ",{}.{:04}", price / 10_000, price % 10_000).expect("memory");
    }
    writeln!(line, ",{}", row.volume).expect("memory");
    line
}

/// The head of a broker's file.
pub const HEAD: &str = "time,symbol,open,high,low,close,volume\n";

/// A broker's file of rows.
pub fn file(rows: &Rows) -> String {
    let lines: String = rows.iter().map(|((symbol, start), row)| line(symbol, *start, row)).collect();
    format!("{HEAD}{lines}")
}

/// Every key outside the default tolerance with its status: a price within a tick or 3 bp of the broker's, a volume within
/// 3% or 100 shares, or where the sums of the day up to and with it are within 0.5%. `ticks` by symbol, ten-thousandths.
pub fn compared(ours: &Rows, theirs: &Rows, ticks: &BTreeMap<String, i64>) -> BTreeMap<Key, &'static str> {
    let mut keys: Vec<&Key> = ours.keys().chain(theirs.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut found = BTreeMap::new();
    let (mut symbol, mut day) = ("", [0, 0]);
    for key in keys {
        if key.0 != symbol {
            (symbol, day) = (&key.0, [0, 0]);
        }
        let (our, their) = (ours.get(key), theirs.get(key));
        let volume = |row: Option<&Row>| row.map_or(0, |row| row.volume);
        day = [day[0] + volume(our), day[1] + volume(their)];
        let status = match (our, their) {
            (None, _) => "missing_internal",
            (_, None) => "missing_broker",
            (Some(our), Some(their)) => {
                let tick = ticks[symbol];
                let apart = |(a, b): (&i64, &i64)| (a - b).abs() > tick && (a - b).abs() * 10_000 > b * 3;
                let shares = (our.volume - their.volume).abs();
                if our.prices.iter().zip(&their.prices).any(apart) {
                    "price"
                } else if shares > 100 && shares * 100 > their.volume * 3 && (day[0] - day[1]).abs() * 200 > day[1] {
                    "volume"
                } else {
                    continue;
                }
            }
        };
        found.insert(key.clone(), status);
    }
    found
}
