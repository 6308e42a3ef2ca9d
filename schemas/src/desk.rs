//! What the pairs desk is told before it trades: pairs, limits, execution, charges, and what it carries over a night.
//! Parts of `SessionOpened`; an input of its own, [`DeskSetup`] as `desk_changed`, when they change within a session.

use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{names, record};
use crate::orders::{Product, Side};
use crate::scalar::{FineMoney, InstrumentId, Money, PairId, Real, SessionDate, Timeframe, Ts};

names! {
    /// A risk bucket: pairs that share capital and limits.
    pub enum Bucket {
        /// The least risk.
        Low = 1 "LOW",
        /// Between.
        Med = 2 "MED",
        /// The most risk.
        High = 3 "HIGH",
    }
}

names! {
    /// What a kill switch, a mark of equity or a limit is about.
    pub enum Scope {
        /// The whole account.
        Global = 1 "global",
        /// One bucket.
        Low = 2 "LOW",
        /// One bucket.
        Med = 3 "MED",
        /// One bucket.
        High = 4 "HIGH",
    }
}

impl Bucket {
    /// The scope that is this bucket alone.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Low => Scope::Low,
            Self::Med => Scope::Med,
            Self::High => Scope::High,
        }
    }

    /// Position in [`Bucket::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Low => 0,
            Self::Med => 1,
            Self::High => 2,
        }
    }
}

impl Scope {
    /// The bucket that it is; `None` for the whole account.
    pub const fn bucket(self) -> Option<Bucket> {
        match self {
            Self::Global => None,
            Self::Low => Some(Bucket::Low),
            Self::Med => Some(Bucket::Med),
            Self::High => Some(Bucket::High),
        }
    }

    /// Position in [`Scope::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Global => 0,
            Self::Low => 1,
            Self::Med => 2,
            Self::High => 3,
        }
    }
}

record! {
    /// One pair of the whitelist. Its spread is `ln A - beta ln B`.
    pub struct PairSpec {
        /// Dense number within the session; a number keeps its legs and timeframe until the session ends.
        pub id: PairId,
        /// Name on the surface: `{A}_{B}_{tf}m`.
        pub name: String,
        /// Leg A.
        pub leg_a: InstrumentId,
        /// Leg B.
        pub leg_b: InstrumentId,
        /// Whose bars it watches; never [`Timeframe::S1`].
        pub tf: Timeframe,
        /// Hedge ratio, above 0: shares of A are hedged by `beta` times their money in B.
        pub beta: Real,
        /// Intercept of the fit that chose the pair. It moves the spread's level, hence no z: for people alone.
        pub intercept: Real,
        /// `|z|` from outside of which a pair enters when it comes back to it. Above `exit`.
        pub entry: Real,
        /// `|z|` at or below which an open pair reverts. At least 0.
        pub exit: Real,
        /// `|z|` at or above which an open pair is stopped. Above `entry`.
        pub stop: Real,
        /// Bars in the window of mean and deviation, 2 to 10,000.
        pub lookback: u32,
        /// The longest time a pair is held, in nanoseconds of event time.
        pub max_hold_ns: i64,
        /// No entry before this time of day, in nanoseconds after the day's start.
        pub entry_from_ns: i64,
        /// No entry in the last this many nanoseconds before the flatten.
        pub entry_until_ns: i64,
        /// Flattened this many nanoseconds before the earlier leg's continuous trading ends.
        pub flatten_before_ns: i64,
        /// An open pair whose legs made no pair of bars for this many nanoseconds is left, reason `stale`.
        pub stale_after_ns: i64,
        /// Entries that may end in a stop within one session before there are no more.
        pub max_stops: u32,
        /// Its risk bucket. A pair that is held when this changes stays in the bucket that it was entered in.
        pub bucket: Bucket,
        /// Money of both legs together at entry.
        pub gross_notional: Money,
        /// What its orders are: intraday or for delivery.
        pub product: Product,
        /// Whether it may only be left: no longer on the whitelist, and still held.
        pub exit_only: bool,
    }
}

record! {
    /// The limits of one bucket. All are limits: zero allows nothing.
    pub struct BucketLimits {
        /// Which.
        pub bucket: Bucket,
        /// Its part of the tradable equity, in hundredths of a percent.
        pub split_bps: u32,
        /// Gross exposure: sum of |position| at last prices and of what entries have reserved.
        pub max_gross: Money,
        /// Net exposure, either side.
        pub max_net: Money,
        /// Exposure in one symbol, either side.
        pub max_symbol: Money,
        /// One order's notional.
        pub max_order: Money,
        /// Pairs that are not flat at the same time.
        pub max_pairs: u32,
        /// Entry orders in any 60 s.
        pub orders_per_minute: u32,
        /// Drawdown that latches the bucket's kill switch, in hundredths of a percent of its high-water mark.
        pub max_drawdown_bps: u32,
        /// Loss since the session opened that latches the bucket's kill switch.
        pub max_daily_loss: Money,
    }
}

names! {
    /// What a kill switch does to positions, beside stopping entries and cancelling working entry orders.
    pub enum OnKill {
        /// They are left with reason `kill`.
        Flatten = 1 "flatten",
        /// They stay until their own exit.
        Hold = 2 "hold",
    }
}

record! {
    /// The limits of the risk manager.
    pub struct RiskLimits {
        /// The account's capital; its equity is this and all profit and loss since the tape began.
        pub total_cash: Money,
        /// What is never traded with, in hundredths of a percent of equity.
        pub holdback_bps: u32,
        /// How many times tradable equity may be exposed, in ten-thousandths: 10,000 is once.
        pub leverage_bps: u32,
        /// Gross exposure of the account.
        pub max_gross: Money,
        /// Net exposure of the account, either side.
        pub max_net: Money,
        /// Exposure in one symbol over all pairs, either side.
        pub max_symbol: Money,
        /// Entry orders in any second.
        pub orders_per_second: u32,
        /// Entry orders in any 60 s.
        pub orders_per_minute: u32,
        /// How far an order's price may lie from the last trade, in hundredths of a percent.
        pub collar_bps: u32,
        /// An entry order for the same pair, leg and side within this many nanoseconds is a duplicate.
        pub duplicate_window_ns: i64,
        /// A last price older than this many nanoseconds is stale: no entry by it, and no equity.
        pub price_stale_ns: i64,
        /// The smallest part of what was asked that a unit may be resized to, in hundredths of a percent; less is rejected.
        pub resize_min_bps: u32,
        /// Drawdown that latches the global kill switch, in hundredths of a percent of the high-water mark.
        pub max_drawdown_bps: u32,
        /// Loss since the session opened that latches the global kill switch.
        pub max_daily_loss: Money,
        /// What a kill that limits caused does to positions.
        pub on_kill: OnKill,
        /// One of each bucket, in the order of [`Bucket::ALL`].
        pub buckets: Vec<BucketLimits>,
    }
}

record! {
    /// How the executor works its orders.
    pub struct ExecutionRules {
        /// How far a market order's protection lies behind the last price, in hundredths of a percent.
        pub protection_bps: u32,
        /// How long an entry may take before what is unfilled is cancelled and what is filled unwound, in nanoseconds.
        pub entry_timeout_ns: i64,
        /// How long an exit or unwind order works before it is cancelled and sent anew at the price of then, in nanoseconds.
        pub exit_timeout_ns: i64,
        /// The least time between two entries in one symbol, in nanoseconds.
        pub symbol_throttle_ns: i64,
        /// The least time between two entries in one bucket, in nanoseconds.
        pub bucket_throttle_ns: i64,
        /// The largest rounding error of the hedge, in hundredths of a percent.
        pub max_hedge_error_bps: u32,
        /// An approval that was not sent for so many nanoseconds expires.
        pub approval_ttl_ns: i64,
    }
}

names! {
    /// Where approved orders go.
    pub enum Route {
        /// To the engine's own matcher.
        Paper = 1 "paper",
        /// To a gateway outside, which tells what it does and hears by inputs.
        Gateway = 2 "gateway",
    }
}

record! {
    /// The road of approved orders.
    pub struct GatewayRules {
        /// Where they go.
        pub route: Route,
        /// Requests (orders and cancellations) in any second.
        pub per_second: u32,
        /// Orders in any 60 s.
        pub per_minute: u32,
        /// Orders in a session.
        pub per_day: u32,
    }
}

record! {
    /// What the paper matcher assumes of the market.
    pub struct PaperRules {
        /// From sending to the exchange, in nanoseconds: an order meets the first snapshot at least this much later.
        pub latency_ns: i64,
        /// What a fill without a displayed book is worse than the last price, in hundredths of a percent.
        pub slippage_bps: u32,
        /// Without a displayed book: the part of the volume traded since the last snapshot that may be had, in hundredths
        /// of a percent.
        pub volume_share_bps: u32,
        /// The day's price band around the close before, in hundredths of a percent; an order outside is rejected.
        pub circuit_bps: u32,
    }
}

names! {
    /// A segment with charges of its own.
    pub enum Segment {
        /// Equity on NSE.
        NseEquity = 1 "NSE",
    }
}

record! {
    /// The charges of one segment, product and side on the session's date. Rates are in billionths of the turnover.
    pub struct ChargeRates {
        /// The segment.
        pub segment: Segment,
        /// The product.
        pub product: Product,
        /// The side.
        pub side: Side,
        /// Brokerage of an order over all its fills.
        pub brokerage_ppb: u32,
        /// The most brokerage of an order.
        pub brokerage_cap: Money,
        /// Securities transaction tax.
        pub stt_ppb: u32,
        /// The exchange's transaction charge.
        pub exchange_ppb: u32,
        /// The regulator's turnover fee.
        pub sebi_ppb: u32,
        /// Stamp duty.
        pub stamp_ppb: u32,
        /// Goods and services tax on brokerage, exchange and regulator's charges, in hundredths of a percent.
        pub gst_bps: u32,
    }
}

record! {
    /// Everything that the desk trades by.
    pub struct DeskSetup {
        /// The date that the whitelist is for; absent when there is no whitelist that could be read. Entries are allowed
        /// only while it is the session's.
        pub whitelist_date: Option<SessionDate>,
        /// Pairs by dense number.
        pub pairs: Vec<PairSpec>,
        /// Limits.
        pub limits: RiskLimits,
        /// How orders are worked.
        pub execution: ExecutionRules,
        /// Where they go.
        pub gateway: GatewayRules,
        /// What the paper matcher assumes.
        pub paper: PaperRules,
        /// Charges on the session's date.
        pub charges: Vec<ChargeRates>,
    }
}

record! {
    /// A position of one leg of a pair, carried over a night.
    pub struct PositionCarried {
        /// Shares, negative when short.
        pub qty: i64,
        /// What they cost: the sum of price times shares of the position that is held, negative when short.
        pub cost: FineMoney,
    }
}

record! {
    /// What a pair carries into a session.
    pub struct PairCarried {
        /// The pair, by its number in this session.
        pub pair: PairId,
        /// The last spreads of the window, oldest first, at most `lookback`.
        pub spreads: Vec<Real>,
        /// Leg A.
        pub a: PositionCarried,
        /// Leg B.
        pub b: PositionCarried,
        /// Since when the position is held, when there is one.
        pub held_since: Option<Ts>,
    }
}

record! {
    /// What a scope carries into a session.
    pub struct ScopeCarried {
        /// Which.
        pub scope: Scope,
        /// Realised profit and loss less charges of all sessions before. Of the whole account: the sum over the buckets.
        pub profit: FineMoney,
        /// The highest profit and loss, realised and not, ever marked; at least zero. The high-water mark is capital and this.
        pub high_profit: FineMoney,
        /// From where the drawdown that throws the switch is measured: the highest profit, or, since an operator who switches
        /// off has seen the loss, the highest since then.
        pub kill_high: FineMoney,
    }
}

record! {
    /// A kill switch that is on and stays on.
    pub struct KillLatched {
        /// What it is about.
        pub scope: Scope,
        /// Whether it closes positions.
        pub flatten: bool,
        /// Since when.
        pub since: Ts,
        /// Why, in words.
        pub reason: String,
    }
}

record! {
    /// What the desk carries into a session.
    pub struct DeskCarried {
        /// Pairs, each once.
        pub pairs: Vec<PairCarried>,
        /// Scopes, each once.
        pub scopes: Vec<ScopeCarried>,
        /// Kill switches that are on.
        pub kills: Vec<KillLatched>,
    }
}

record! {
    /// The desk of a session: what it trades by, and what it carries over.
    pub struct DeskOpened {
        /// What it trades by.
        pub setup: DeskSetup,
        /// What it carries over.
        pub carried: DeskCarried,
    }
}
