//! The bytes against Kite's own samples (where `BARKEEP_SHARED_DATA` names them) and against vectors typed here.

mod bodies;
mod recorded;
pub(crate) use recorded::samples;
mod text;
mod wire;

use barkeep_schemas::{InstrumentClass, Level, Price, Qty, Ts};

use crate::market::{Listing, Quote, Segment};

fn price(raw: i64) -> Price {
    Price::new(raw)
}

fn rupees(whole: i64) -> Price {
    Price::new(whole * 10_000)
}

/// 2021-07-05 10:41:27 IST.
fn at() -> Ts {
    Ts::from_secs(1_625_461_887)
}

fn listing() -> Listing {
    Listing {
        token: 408_065,
        segment: Segment::Nse,
        symbol: "INFY".to_owned(),
        name: "INFOSYS".to_owned(),
        sector: "IT".to_owned(),
        class: InstrumentClass::Derivatives,
        tick_size: price(500),
        previous_close: price(15_678_000),
        lower_circuit: price(14_110_500),
        upper_circuit: price(17_245_500),
    }
}

fn level(raw: i64, qty: i64, orders: u16) -> Level {
    Level { price: price(raw), qty: Qty::new(qty), orders }
}

fn quote() -> Quote {
    Quote {
        last_price: price(15_737_000),
        last_qty: Qty::new(7),
        average_price: price(15_703_700),
        volume: Qty::new(1_192_471),
        total_buy_qty: Qty::new(256_443),
        total_sell_qty: Qty::new(363_009),
        open: price(15_691_500),
        high: rupees(1_575),
        low: price(15_610_500),
        close: price(15_678_000),
        last_trade_time: Some(at()),
        exchange_time: at(),
        bids: vec![level(15_734_000, 5, 1), level(15_730_000, 140, 2)],
        asks: vec![level(15_737_000, 172, 3)],
    }
}
