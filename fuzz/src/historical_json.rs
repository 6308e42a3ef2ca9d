//! Answers of REST: candles are exact, in their bounds, and read the same when the simulator writes them again; whatever
//! the answer, an error is fit for a log.
//!
//! The first byte chooses the HTTP status, 0 to 199 a success.

use barkeep_schemas::Price;
use barkeep_sim::kite::quotes::candles_body;
use barkeep_sim::market;
use barkeep_zerodha::rest::{AnswerError, Candle, candles, orders, profile, quotes, session, trades};
use serde_json::Value;

/// The statuses that are no success.
const STATUSES: [u16; 8] = [400, 403, 404, 429, 500, 502, 503, 302];

pub fn run(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    let status = if *which < 200 { 200 } else { STATUSES[usize::from(*which) % STATUSES.len()] };
    let now = barkeep_schemas::Ts::from_secs(1_785_000_000);
    let others = [
        quotes(status, body).err(),
        orders(status, body).err(),
        trades(status, body).err(),
        profile(status, body).err(),
        session(status, body, now).err(),
    ];
    others.into_iter().flatten().for_each(|error| told(status, &error));
    match candles(status, body) {
        Ok((read, refused)) => {
            assert_eq!(status, 200);
            let json: Value = serde_json::from_slice(body).expect("JSON");
            let rows = json["data"]["candles"].as_array().expect("a list");
            assert_eq!(rows.len(), read.len() + refused.len());
            assert!(refused.iter().zip(refused.iter().skip(1)).all(|(one, next)| one.number < next.number));
            let good = rows.iter().enumerate().filter(|(place, _)| refused.iter().all(|row| row.number != place + 1));
            good.zip(&read).for_each(|((_, row), candle)| held(row, candle));
            again(&read);
        }
        Err(error) => told(status, &error),
    }
}

/// Each number is the one that stands there.
fn held(row: &Value, candle: &Candle) {
    let Candle { open, high, low, close, volume, open_interest, .. } = candle;
    for (place, price) in [(1, open), (2, high), (3, low), (4, close)] {
        let stands = row[place].as_f64().expect("a number");
        assert!((stands * 10_000.0 - price.get() as f64).abs() < 0.6, "{price} for {stands}");
        assert!(*price > Price::ZERO && *price <= Price::MAX && low <= price && price <= high);
    }
    let shares = row[5].as_f64().expect("a number");
    assert!((shares - volume.get() as f64).abs() <= shares * 1e-15, "{volume} for {shares}");
    assert!(volume.get() >= 0 && (open_interest.is_none() || row.get(6).is_some()));
}

fn again(read: &[Candle]) {
    let written: Vec<market::Candle> = read
        .iter()
        .map(|candle| {
            let Candle { start, open, high, low, close, volume, .. } = *candle;
            market::Candle { start, open, high, low, close, volume }
        })
        .collect();
    let (back, refused) = candles(200, &candles_body(&written, false)).expect("the simulator's answer");
    assert!(refused.is_empty());
    let plain: Vec<Candle> = read.iter().map(|candle| Candle { open_interest: None, ..*candle }).collect();
    assert_eq!(back, plain);
}

fn told(status: u16, error: &AnswerError) {
    match error {
        AnswerError::Api(error) => {
            assert_eq!(error.status, status);
            assert!(error.message.chars().count() <= 300 && !error.message.chars().any(char::is_control));
        }
        AnswerError::Malformed(why) => assert!(status == 200 && !why.is_empty(), "{status} {why}"),
    }
}
