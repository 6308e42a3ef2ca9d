//! Quotes, candles and the instruments' dump.
//!
//! It changes nothing. `broker` calls it.

use barkeep_schemas::{SessionDate, Ts};
use serde::Serialize;

use super::exchange::Exchange;
use super::params::Params;
use super::request::{Answer, CandleAnswer};
use crate::kite::KiteError;
use crate::kite::instruments::{gzip, instruments_csv};
use crate::kite::quotes::Keyed;
use crate::kite::stamp::{DAY_SECS, DayEnd, parse};
use crate::market::{Interval, Listing, Quote};

/// Instruments in one `/quote`, at most.
pub(super) const QUOTE_MAX: usize = 500;
/// Instruments in one `/quote/ohlc` or `/quote/ltp`, at most.
pub(super) const PRICE_MAX: usize = 1_000;

/// A body for every instrument that `i` names, as `NSE:INFY` or as a token; unknown ones are left out, as Kite does.
pub(super) fn quotes<T: Serialize>(
    query: Params<'_>,
    market: &dyn Exchange,
    max: usize,
    body: impl Fn(&Listing, &Quote) -> T,
) -> Result<Answer, KiteError> {
    let mut names: Vec<&str> = Vec::new();
    for name in query.all("i") {
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() > max {
            return Err(KiteError::input(format!("Too many instruments: at most {max} in one request")));
        }
    }
    if names.is_empty() {
        return Err(KiteError::input("Missing or empty field `i`"));
    }
    let one = |name: &str| {
        let instrument = named(name, market)?;
        let listing = market.listing(instrument, market.date());
        Some((name.to_owned(), body(&listing, &market.quote(instrument))))
    };
    Ok(Answer::success(Keyed(names.into_iter().filter_map(one).collect())))
}

fn named(name: &str, market: &dyn Exchange) -> Option<usize> {
    match name.strip_prefix("NSE:") {
        Some(symbol) => market.by_symbol(symbol, market.date()),
        None => market.by_token(name.parse().ok()?),
    }
}

/// The dump of one exchange or of all; of an exchange that the market has not, the header alone.
pub(super) fn instruments(exchange: Option<&str>, market: &dyn Exchange) -> Result<Answer, KiteError> {
    const KNOWN: [&str; 9] = ["NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO", "MF"];
    let exchange = exchange.unwrap_or("NSE");
    if !KNOWN.contains(&exchange) {
        return Err(KiteError::input("Invalid `exchange`."));
    }
    let (count, date): (usize, SessionDate) = (if exchange == "NSE" { market.count() } else { 0 }, market.date());
    let listings: Vec<Listing> = (0..count).map(|instrument| market.listing(instrument, date)).collect();
    Ok(Answer::Csv { gzip: gzip(instruments_csv(listings.iter()).as_bytes()) })
}

/// An interval by its name, with the days that one request may span.
fn interval(name: &str) -> Option<(Interval, i64)> {
    Some(match name {
        "minute" => (Interval::Minutes(1), 60),
        "3minute" => (Interval::Minutes(3), 100),
        "5minute" => (Interval::Minutes(5), 100),
        "10minute" => (Interval::Minutes(10), 100),
        "15minute" => (Interval::Minutes(15), 200),
        "30minute" => (Interval::Minutes(30), 200),
        "60minute" => (Interval::Minutes(60), 400),
        "day" => (Interval::Day, 2_000),
        _ => return None,
    })
}

/// Candles that start from `from` to `to`, both inclusive, with the forming one. `continuous` is read and, as the market
/// has no expired futures, changes nothing.
pub(super) fn candles(token: &str, name: &str, query: Params<'_>, market: &dyn Exchange) -> Result<Answer, KiteError> {
    let instrument = token.parse().ok().and_then(|token| market.by_token(token));
    let instrument = instrument.ok_or_else(|| KiteError::input("invalid token"))?;
    let (interval, max_days) = interval(name).ok_or_else(|| KiteError::input("invalid interval"))?;
    let (from, to) = range(query, max_days)?;
    let oi = query.switch("oi")?;
    query.switch("continuous")?;
    let candles = market.candles(instrument, interval, from, to);
    Ok(Answer::Candles(CandleAnswer { instrument, interval, candles, oi }))
}

/// The bounds of a request. A `to` without a time stands for the end of its day, and for its start when days are counted.
fn range(query: Params<'_>, max_days: i64) -> Result<(Ts, Ts), KiteError> {
    let moment = |name: &str, end| {
        let read = query.get(name).and_then(|text| parse(text, end));
        read.ok_or_else(|| KiteError::input(format!("invalid {name} date")))
    };
    let (from, to) = (moment("from", DayEnd::First)?, moment("to", DayEnd::Last)?);
    if from > to {
        return Err(KiteError::input("from date should be before to date"));
    }
    if moment("to", DayEnd::First)?.secs().saturating_sub(from.secs()) > max_days * DAY_SECS {
        return Err(KiteError::input(format!("interval exceeds max limit: {max_days} days")));
    }
    Ok((from, to))
}
