//! What an instrument shows at one moment, and the trades and candles behind it.

use barkeep_schemas::{Level, Price, Qty, Ts};

/// The state of an instrument at a moment: what a snapshot of the feed and a REST quote are made of.
#[derive(Clone, PartialEq, Debug)]
pub struct Quote {
    /// The last trade's price; before the first trade of a day, the previous close. For an index its level.
    pub last_price: Price,
    /// The last trade's quantity; 0 before the first trade of the day.
    pub last_qty: Qty,
    /// Volume-weighted average price of the day's trades; the previous close before the first.
    pub average_price: Price,
    /// The day's cumulative volume, the auctions included.
    pub volume: Qty,
    /// Shares on offer in the whole book, bids and asks.
    pub total_buy_qty: Qty,
    /// See `total_buy_qty`.
    pub total_sell_qty: Qty,
    /// The day's open, high, low: of all trades, the opening auction included; zero before the first.
    pub open: Price,
    /// See `open`.
    pub high: Price,
    /// See `open`.
    pub low: Price,
    /// The close of the day before.
    pub close: Price,
    /// When the last trade was; `None` when there was none yet, ever.
    pub last_trade_time: Option<Ts>,
    /// The exchange's clock at the last change of anything here.
    pub exchange_time: Ts,
    /// Five bids, best first; levels that are not there are missing.
    pub bids: Vec<Level>,
    /// Five asks, best first.
    pub asks: Vec<Level>,
}

/// A true trade of the simulated exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Print {
    /// When.
    pub ts: Ts,
    /// Price on the tick grid.
    pub price: Price,
    /// Shares, at least 1.
    pub qty: Qty,
    /// Whether it is the one print of an auction.
    pub auction: bool,
}

/// A candle made of true trades, the auctions left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candle {
    /// First moment of its interval.
    pub start: Ts,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Shares.
    pub volume: Qty,
}

/// The intervals in which candles are had.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Interval {
    /// So many minutes, counted from the open of the session's part: 1, 3, 5, 10, 15, 30 or 60.
    Minutes(u16),
    /// One candle a day, the auctions counted, stamped at midnight IST.
    Day,
}
