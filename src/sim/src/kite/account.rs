//! The bodies of the account: session, profile, margins, positions and holdings.
//!
//! It adds nothing up; the broker does. Fields are those of Kite's samples.

use serde::Serialize;

use super::rupees::Rupees;

/// Exchanges of the account. The market has NSE alone.
pub const EXCHANGES: [&str; 1] = ["NSE"];
/// Products of the account.
pub const PRODUCTS: [&str; 4] = ["CNC", "NRML", "MIS", "MTF"];
/// Order types of the account.
pub const ORDER_TYPES: [&str; 4] = ["MARKET", "LIMIT", "SL", "SL-M"];

/// What the demat account agreed to.
#[derive(Clone, Debug, Serialize)]
pub struct UserMeta {
    demat_consent: &'static str,
}

/// Who the user is; a session says it as well.
#[derive(Clone, Debug, Serialize)]
pub struct Profile<'a> {
    user_id: &'a str,
    user_type: &'static str,
    email: &'static str,
    user_name: &'static str,
    user_shortname: &'static str,
    broker: &'static str,
    exchanges: [&'static str; 1],
    products: [&'static str; 4],
    order_types: [&'static str; 4],
    avatar_url: Option<&'static str>,
    meta: UserMeta,
}

impl<'a> Profile<'a> {
    /// The profile of a user.
    pub fn new(user_id: &'a str) -> Self {
        Self {
            user_id,
            user_type: "individual",
            email: "sim@example.com",
            user_name: "Simulated User",
            user_shortname: "Simulated",
            broker: "ZERODHA",
            exchanges: EXCHANGES,
            products: PRODUCTS,
            order_types: ORDER_TYPES,
            avatar_url: None,
            meta: UserMeta { demat_consent: "physical" },
        }
    }
}

/// The answer to a login.
#[derive(Clone, Debug, Serialize)]
pub struct SessionBody<'a> {
    /// The user.
    #[serde(flatten)]
    pub profile: Profile<'a>,
    /// The app.
    pub api_key: &'a str,
    /// What signs every further request until 06:00 IST of the next day.
    pub access_token: &'a str,
    /// Not used here.
    pub public_token: &'a str,
    /// Not used here.
    pub enctoken: &'a str,
    /// Empty: individuals get none.
    pub refresh_token: &'static str,
    /// Empty.
    pub silo: &'static str,
    /// When, IST.
    pub login_time: String,
}

/// Money that is there.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Available {
    /// Given for a day.
    pub adhoc_margin: Rupees,
    /// Cash as of the start of the day.
    pub cash: Rupees,
    /// The same.
    pub opening_balance: Rupees,
    /// Cash less what is used.
    pub live_balance: Rupees,
    /// Pledged shares.
    pub collateral: Rupees,
    /// Paid in today.
    pub intraday_payin: Rupees,
}

/// Money in use.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Utilised {
    /// All of it.
    pub debits: Rupees,
    /// Margin of positions.
    pub exposure: Rupees,
    /// Result of closed trades today.
    pub m2m_realised: Rupees,
    /// Result of open positions.
    pub m2m_unrealised: Rupees,
    /// Not for stocks.
    pub option_premium: Rupees,
    /// Paid out.
    pub payout: Rupees,
    /// Not for stocks.
    pub span: Rupees,
    /// Proceeds of holdings sold.
    pub holding_sales: Rupees,
    /// Not used.
    pub turnover: Rupees,
    /// Not used.
    pub liquid_collateral: Rupees,
    /// Not used.
    pub stock_collateral: Rupees,
    /// Margin blocked for deliveries.
    pub delivery: Rupees,
}

/// The margins of one segment.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct SegmentMargins {
    /// Whether the segment is switched on.
    pub enabled: bool,
    /// What can be used now.
    pub net: Rupees,
    /// What is there.
    pub available: Available,
    /// What is in use.
    pub utilised: Utilised,
}

/// The margins of both segments.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MarginsBody {
    /// Stocks.
    pub equity: SegmentMargins,
    /// Always empty here.
    pub commodity: SegmentMargins,
}

/// A position in one instrument and product.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PositionRow {
    /// Symbol.
    pub tradingsymbol: String,
    /// Always NSE here.
    pub exchange: &'static str,
    /// Token.
    pub instrument_token: u32,
    /// Product.
    pub product: &'static str,
    /// Shares, negative when short.
    pub quantity: i64,
    /// Shares carried over night.
    pub overnight_quantity: i64,
    /// 1 for stocks.
    pub multiplier: i64,
    /// Average price of the side that is open; 0 when flat.
    pub average_price: Rupees,
    /// The close of the day before.
    pub close_price: Rupees,
    /// Last price.
    pub last_price: Rupees,
    /// Sold less bought.
    pub value: Rupees,
    /// Value and what is open at the last price.
    pub pnl: Rupees,
    /// The same since yesterday's close.
    pub m2m: Rupees,
    /// Equal to `pnl`, as Kite has it for stocks.
    pub unrealised: Rupees,
    /// 0, as Kite has it for stocks.
    pub realised: Rupees,
    /// Shares bought.
    pub buy_quantity: i64,
    /// Average.
    pub buy_price: Rupees,
    /// Sum.
    pub buy_value: Rupees,
    /// Sum at yesterday's close where carried.
    pub buy_m2m: Rupees,
    /// Shares sold.
    pub sell_quantity: i64,
    /// Average.
    pub sell_price: Rupees,
    /// Sum.
    pub sell_value: Rupees,
    /// Sum at yesterday's close where carried.
    pub sell_m2m: Rupees,
    /// Shares bought today.
    pub day_buy_quantity: i64,
    /// Average.
    pub day_buy_price: Rupees,
    /// Sum.
    pub day_buy_value: Rupees,
    /// Shares sold today.
    pub day_sell_quantity: i64,
    /// Average.
    pub day_sell_price: Rupees,
    /// Sum.
    pub day_sell_value: Rupees,
}

/// Positions of the account.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct PositionsBody {
    /// What is open, with what was carried over night.
    pub net: Vec<PositionRow>,
    /// What today's trades made.
    pub day: Vec<PositionRow>,
}

/// Shares in the demat account.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct HoldingRow {
    /// Symbol.
    pub tradingsymbol: String,
    /// Always NSE here.
    pub exchange: &'static str,
    /// Token.
    pub instrument_token: u32,
    /// Not a real one: the market's companies have none.
    pub isin: String,
    /// `CNC`.
    pub product: &'static str,
    /// 0, as Kite has it.
    pub price: Rupees,
    /// Shares that can be sold.
    pub quantity: i64,
    /// Shares sold today.
    pub used_quantity: i64,
    /// Shares bought the trading day before, not delivered yet.
    pub t1_quantity: i64,
    /// Shares delivered.
    pub realised_quantity: i64,
    /// Not used.
    pub authorised_quantity: i64,
    /// Today, 00:00:00 IST.
    pub authorised_date: String,
    /// Shares at the start of the day.
    pub opening_quantity: i64,
    /// Not used.
    pub collateral_quantity: i64,
    /// Empty.
    pub collateral_type: &'static str,
    /// False.
    pub discrepancy: bool,
    /// What they cost.
    pub average_price: Rupees,
    /// Last price.
    pub last_price: Rupees,
    /// The close of the day before.
    pub close_price: Rupees,
    /// Result so far.
    pub pnl: Rupees,
    /// Last less close.
    pub day_change: Rupees,
    /// The same in percent of the close.
    pub day_change_percentage: f64,
}
