//! What the broker asks of a market.
//!
//! The simulated market answers it, and so do the typed books of the tests: an order's life is told best against a book
//! of three lines. Nothing else may come to the broker from outside but requests and the time.

use barkeep_schemas::{Phase, SessionDate, Ts};

use crate::market::{Candle, Interval, Listing, Market, Print, Quote};

/// A market at a moment. Instruments have dense numbers, from 0.
pub trait Exchange {
    /// How many instruments there are.
    fn count(&self) -> usize;
    /// The trading date to which the current moment belongs.
    fn date(&self) -> SessionDate;
    /// The instrument as of a date.
    fn listing(&self, instrument: usize, date: SessionDate) -> Listing;
    /// The instrument of a token.
    fn by_token(&self, token: u32) -> Option<usize>;
    /// The instrument that has a symbol on a date.
    fn by_symbol(&self, symbol: &str, date: SessionDate) -> Option<usize>;
    /// What it shows now.
    fn quote(&self, instrument: usize) -> Quote;
    /// The true trades of the last step, in order.
    fn prints(&self, instrument: usize) -> &[Print];
    /// Candles that start within two moments, both inclusive.
    fn candles(&self, instrument: usize, interval: Interval, from: Ts, to: Ts) -> Vec<Candle>;
    /// The phase of the day at a moment; none outside all of them.
    fn phase(&self, instrument: usize, at: Ts) -> Option<Phase>;
    /// Whether its trading is halted now.
    fn halted(&self, instrument: usize) -> bool;
}

impl Exchange for Market {
    fn count(&self) -> usize {
        Self::count(self)
    }

    fn date(&self) -> SessionDate {
        Self::date(self)
    }

    fn listing(&self, instrument: usize, date: SessionDate) -> Listing {
        Self::listing(self, instrument, date)
    }

    fn by_token(&self, token: u32) -> Option<usize> {
        Self::by_token(self, token)
    }

    fn by_symbol(&self, symbol: &str, date: SessionDate) -> Option<usize> {
        Self::by_symbol(self, symbol, date)
    }

    fn quote(&self, instrument: usize) -> Quote {
        Self::quote(self, instrument)
    }

    fn prints(&self, instrument: usize) -> &[Print] {
        Self::prints(self, instrument)
    }

    fn candles(&self, instrument: usize, interval: Interval, from: Ts, to: Ts) -> Vec<Candle> {
        Self::candles(self, instrument, interval, from, to)
    }

    fn phase(&self, instrument: usize, at: Ts) -> Option<Phase> {
        Self::phase(self, instrument, at)
    }

    fn halted(&self, instrument: usize) -> bool {
        Self::halted(self, instrument)
    }
}
