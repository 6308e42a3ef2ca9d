//! Against answers of the real broker, where `BARKEEP_SHARED_DATA` names their folder.

use std::path::PathBuf;

use barkeep_schemas::{Price, Qty, Ts};

use super::super::{candles, orders, quotes, session, trades};
use crate::instruments::Listing;
use crate::ist;

/// An answer; without the folder a test says that it was skipped.
fn sample(test: &str, name: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("BARKEEP_SHARED_DATA") else {
        eprintln!("skipped {test}: BARKEEP_SHARED_DATA does not name the folder of real market data");
        return None;
    };
    Some(std::fs::read(PathBuf::from(folder).join("kite_mocks").join(name)).unwrap())
}

#[test]
fn the_brokers_own_candles_are_read_exactly() {
    let test = "the_brokers_own_candles_are_read_exactly";
    let (Some(plain), Some(with_interest)) =
        (sample(test, "historical_minute.json"), sample(test, "historical_oi.json"))
    else {
        return;
    };
    let (read, refused) = candles(200, &plain).unwrap();
    assert_eq!((read.len(), refused.len()), (6, 0));
    assert_eq!(Some(read[0].start), ist::parse("2017-12-15 09:15:00"));
    assert_eq!(
        (read[0].open, read[0].low, read[0].volume),
        (Price::new(17_045_000), Price::new(16_992_500), Qty::new(2_499))
    );
    let (read, refused) = candles(200, &with_interest).unwrap();
    assert_eq!((read.len(), refused.len()), (6, 0));
    assert_eq!(read[5].open_interest, Some(Qty::new(13_777_050)));
}

#[test]
fn the_brokers_own_account_is_read() {
    let test = "the_brokers_own_account_is_read";
    let [Some(login), Some(order_book), Some(trade_book), Some(quote)] =
        ["generate_session.json", "orders.json", "trades.json", "quote.json"].map(|name| sample(test, name))
    else {
        return;
    };
    let token = session(200, &login, Ts::ZERO).unwrap();
    assert_eq!((token.user_id.as_deref(), Some(token.login)), (Some("XX0000"), ist::parse("2021-01-01 16:15:14")));
    let orders = orders(200, &order_book).unwrap();
    assert_eq!((orders[0].status.as_str(), orders[0].price), ("CANCELLED", Some(Price::new(720_000))));
    let trades = trades(200, &trade_book).unwrap();
    assert_eq!((trades[1].price, trades[1].exchange.as_str()), (Price::new(727_550), "CDS"));
    let quotes = quotes(200, &quote).unwrap();
    assert_eq!((quotes[0].token, quotes[0].depth.asks[0].orders, quotes[0].depth.bids.len()), (408_065, 13, 0));
}

#[test]
fn the_brokers_own_list_of_instruments_is_read() {
    let Some(csv) = sample("the_brokers_own_list_of_instruments_is_read", "instruments_nse.csv") else { return };
    let listing = Listing::read(&csv).unwrap();
    assert_eq!((listing.rows, listing.unknown, listing.repeated, listing.len()), (99, 0, 0, 99));
    let listed = listing.get("CENTRALBK-BE").unwrap();
    assert_eq!((listed.token, listed.tick_size, listed.lot_size), (3_813_889, Price::new(500), 1));
}
