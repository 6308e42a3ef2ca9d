//! A small desk for the tests.

use barkeep_schemas::{FeedId, Instrument, InstrumentClass, InstrumentId, Price, SessionDate};

use super::charges::ChargeTable;
use super::risk::RiskRules;
use super::whitelist::Whitelist;
use super::{DeskFiles, Setup, setup};

/// The session's date.
pub(super) fn date() -> SessionDate {
    SessionDate::parse("2026-07-31").unwrap()
}

/// Instruments by symbol, numbered from 0.
pub(super) fn instruments(symbols: &[&str]) -> Vec<Instrument> {
    let one = |(id, symbol): (usize, &&str)| Instrument {
        id: InstrumentId(id as u32),
        feed: FeedId(0),
        token: 1,
        symbol: (*symbol).to_owned(),
        class: InstrumentClass::Derivatives,
        tick_size: Price::new(500),
        lot_size: 1,
    };
    symbols.iter().enumerate().map(one).collect()
}

/// The files with a whitelist of a date, of pairs `A B beta`.
pub(super) fn files(date: &str, pairs: &[&str]) -> DeskFiles {
    let mut text = format!("version: 1\ndate: {date}\npairs:\n");
    for pair in pairs {
        let [a, b, beta] = pair.split(' ').collect::<Vec<_>>()[..] else { panic!("{pair}") };
        text.push_str(&format!(
            "  - {{a: {a}, b: {b}, tf: 5, beta: {beta}, intercept: 0, entry: 2, exit: 0.5, stop: 3, lookback: 60, \
             max_hold: 90m, bucket: LOW, gross_notional_inr: 100000, product: MIS}}\n"
        ));
    }
    DeskFiles {
        whitelist: Whitelist::from_yaml(&text, "w.yaml").map_err(|error| error.to_string()),
        risk: RiskRules::builtin().unwrap(),
        charges: ChargeTable::builtin().unwrap(),
    }
}

/// The desk of today with these pairs, over A, B, C and D.
pub(super) fn today(pairs: &[&str]) -> Setup {
    setup(date(), &files("2026-07-31", pairs), &instruments(&["A", "B", "C", "D"]))
}
