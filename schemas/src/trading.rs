//! What the desk made of its inputs: marks, signals, orders, decisions, fills and accounts. All are derived.

use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{names, record};
use crate::desk::{Bucket, Scope};
use crate::orders::{OrderId, OrderStatus, OrderType, Product, Purpose, Side, Validity};
use crate::scalar::{FineMoney, InstrumentId, Money, PairId, Price, Qty, Real, Seq, Ts};

record! {
    /// The statistics of a pair after a bucket in which both legs made a bar. Not a decision.
    ///
    /// `spread = ln close_a - beta ln close_b`; mean and population deviation over the window, this spread included;
    /// `z = (spread - mean) / deviation`.
    pub struct PairMark {
        /// The pair.
        pub pair: PairId,
        /// Start of the bucket.
        pub start: Ts,
        /// Leg A's close.
        pub close_a: Price,
        /// Leg B's close.
        pub close_b: Price,
        /// Where leg A's bar lies.
        pub bar_a: Seq,
        /// Where leg B's bar lies.
        pub bar_b: Seq,
        /// The spread.
        pub spread: Real,
        /// Mean of the window; absent until it is full.
        pub mean: Option<Real>,
        /// Population deviation of the window; absent until it is full.
        pub deviation: Option<Real>,
        /// Absent until the window is full, and while the deviation is zero.
        pub z: Option<Real>,
        /// How far the window carried over was moved at the session's first mark, so that the step over the night does not
        /// count; absent at other marks.
        pub night_step: Option<Real>,
        /// Whether both bars are first editions, which alone can make a signal.
        pub first_edition: bool,
        /// The input that completed it.
        pub cause: Seq,
    }
}

names! {
    /// What a signal asks for.
    pub enum SignalAction {
        /// Buy A, sell B: the spread is low.
        EnterLong = 1 "enter_long",
        /// Sell A, buy B: the spread is high.
        EnterShort = 2 "enter_short",
        /// Leave.
        Exit = 3 "exit",
    }
}

names! {
    /// Why a signal was made.
    pub enum SignalReason {
        /// The z came back to the entry band.
        Entry = 1 "entry",
        /// `|z|` is at or below the exit.
        Revert = 2 "revert",
        /// `|z|` is at or above the stop.
        Stop = 3 "stop",
        /// Held too long.
        Timeout = 4 "timeout",
        /// The day is about to end.
        Flatten = 5 "flatten",
        /// Its legs made no pair of bars for too long: it cannot be watched.
        Stale = 6 "stale",
        /// A kill switch that flattens.
        Kill = 7 "kill",
    }
}

record! {
    /// A pair asks for a position or to leave one. Its seq is its identity.
    pub struct Signal {
        /// The pair.
        pub pair: PairId,
        /// What.
        pub action: SignalAction,
        /// Why.
        pub reason: SignalReason,
        /// The mark that it follows from: its position; absent where time or an operator is the reason.
        pub mark: Option<Seq>,
        /// z of that mark.
        pub z: Option<Real>,
        /// z of the mark before.
        pub z_before: Option<Real>,
        /// The threshold that was passed, in units of z; absent where none was.
        pub threshold: Option<Real>,
        /// When, in event time.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

names! {
    /// Why the executor did not follow a signal. What the risk manager refuses is in its decision.
    pub enum DeskReason {
        /// The day is recorded, not traded.
        NotTradable = 2 "not_tradable",
        /// The pair may only be left.
        ExitOnly = 4 "exit_only",
        /// Another entry in one of its symbols came too shortly before.
        SymbolThrottle = 5 "symbol_throttle",
        /// Another entry in its bucket came too shortly before.
        BucketThrottle = 6 "bucket_throttle",
        /// A leg has no price, or a stale one.
        NoPrice = 7 "no_price",
        /// The money is below one lot of a leg.
        TooSmall = 8 "too_small",
        /// Rounding to lots spoils the hedge.
        HedgeError = 9 "hedge_error",
        /// The pair is not flat.
        NotFlat = 10 "not_flat",
        /// The broker's quota for the day leaves no room to enter and to leave again.
        Quota = 12 "quota",
    }
}

names! {
    /// What a number in a decision counts.
    pub enum Unit {
        /// Ten-thousandths of the account currency.
        Inr = 1 "inr",
        /// Hundredths of a percent.
        Bps = 2 "bps",
        /// Orders, pairs or shares.
        Count = 3 "count",
        /// Nanoseconds.
        Nanos = 4 "ns",
        /// Nothing: the check is yes or no.
        Flag = 5 "flag",
    }
}

record! {
    /// A signal that was not followed.
    pub struct EntryRefused {
        /// The pair.
        pub pair: PairId,
        /// The signal.
        pub signal: Seq,
        /// Why.
        pub reason: DeskReason,
        /// The limit; zero where there is none.
        pub limit: i64,
        /// What was measured against it.
        pub value: i64,
        /// What both count.
        pub unit: Unit,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

record! {
    /// An order that the executor wants. Status NEW.
    pub struct OrderCreated {
        /// Its identity.
        pub id: OrderId,
        /// The instrument.
        pub instrument: InstrumentId,
        /// Which way.
        pub side: Side,
        /// Shares.
        pub qty: Qty,
        /// How it is priced.
        pub order_type: OrderType,
        /// Limit, or a market order's protection.
        pub price: Price,
        /// Trigger of a stop order.
        pub trigger: Option<Price>,
        /// How long it works.
        pub validity: Validity,
        /// What it is held as.
        pub product: Product,
        /// What for.
        pub purpose: Purpose,
        /// Its bucket.
        pub bucket: Bucket,
        /// The signal that it follows; absent for an unwind that no signal asked for.
        pub signal: Option<Seq>,
        /// The last price that it was sized and priced by.
        pub reference: Price,
        /// Where the tick of that price lies.
        pub reference_tick: Seq,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

names! {
    /// A check of the risk manager, in the order in which they are made.
    pub enum RiskRule {
        /// No kill switch is on for the account or the bucket.
        KillSwitch = 1 "kill_switch",
        /// The whitelist is today's.
        Whitelist = 2 "whitelist",
        /// Both legs are in continuous trading.
        MarketHours = 3 "market_hours",
        /// No order like it came shortly before.
        Duplicate = 4 "duplicate",
        /// The price is near the last trade.
        PriceCollar = 5 "price_collar",
        /// The last price is fresh.
        StalePrice = 6 "stale_price",
        /// Entry orders in a second.
        OrderRateSecond = 7 "order_rate_second",
        /// Entry orders in a minute.
        OrderRateMinute = 8 "order_rate_minute",
        /// Entry orders of the bucket in a minute.
        BucketOrderRate = 9 "bucket_order_rate",
        /// Pairs of the bucket that are not flat.
        BucketPairs = 10 "bucket_pairs",
        /// The order's notional, by the bucket's limit.
        OrderNotional = 11 "order_notional",
        /// Exposure in the symbol over all pairs.
        SymbolExposure = 12 "symbol_exposure",
        /// Exposure in the symbol within the bucket.
        BucketSymbolExposure = 13 "bucket_symbol_exposure",
        /// Gross exposure of the bucket.
        BucketGross = 14 "bucket_gross",
        /// Net exposure of the bucket.
        BucketNet = 15 "bucket_net",
        /// Gross exposure of the bucket against its part of the tradable equity times leverage.
        BucketCapital = 16 "bucket_capital",
        /// Gross exposure of the account.
        Gross = 17 "gross",
        /// Net exposure of the account.
        Net = 18 "net",
        /// The other leg was rejected or made smaller, and both are one unit.
        OtherLeg = 19 "other_leg",
        /// An order that reduces a position is never more than the position less what is working to leave it.
        ReduceClamp = 20 "reduce_clamp",
    }
}

impl RiskRule {
    /// What limit and value of this check count.
    pub const fn unit(self) -> Unit {
        match self {
            Self::KillSwitch | Self::Whitelist | Self::MarketHours | Self::OtherLeg => Unit::Flag,
            Self::Duplicate | Self::StalePrice => Unit::Nanos,
            Self::PriceCollar => Unit::Bps,
            Self::OrderRateSecond
            | Self::OrderRateMinute
            | Self::BucketOrderRate
            | Self::BucketPairs
            | Self::ReduceClamp => Unit::Count,
            Self::OrderNotional
            | Self::SymbolExposure
            | Self::BucketSymbolExposure
            | Self::BucketGross
            | Self::BucketNet
            | Self::BucketCapital
            | Self::Gross
            | Self::Net => Unit::Inr,
        }
    }
}

record! {
    /// One check: what was measured with the order as it was allowed (or, when it was rejected, as it was asked for).
    pub struct RiskCheck {
        /// Which.
        pub rule: RiskRule,
        /// The limit, in [`RiskRule::unit`].
        pub limit: i64,
        /// What was measured, in the same unit.
        pub value: i64,
        /// Whether it passed.
        pub passed: bool,
    }
}

names! {
    /// What the risk manager decided.
    pub enum Verdict {
        /// As asked for.
        Approved = 1 "approved",
        /// Fewer shares than asked for.
        Resized = 2 "resized",
        /// Nothing.
        Rejected = 3 "rejected",
    }
}

record! {
    /// A decision of the risk manager.
    pub struct RiskDecision {
        /// The order.
        pub order: OrderId,
        /// What.
        pub verdict: Verdict,
        /// The check that decided: that failed, or that made it smaller; absent for an approval.
        pub rule: Option<RiskRule>,
        /// Every check that was made, in order.
        pub checks: Vec<RiskCheck>,
        /// Shares asked for.
        pub asked: Qty,
        /// Shares allowed.
        pub allowed: Qty,
        /// Money reserved until it is filled or ends; zero for one that reduces.
        pub reserved: Money,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

names! {
    /// What moved an order.
    pub enum OrderWhy {
        /// The risk manager.
        Risk = 1 "risk",
        /// It was handed to the gateway.
        Routed = 2 "routed",
        /// The gateway is about to send it.
        SendAttempted = 3 "send_attempted",
        /// The exchange, or the matcher, works it.
        Accepted = 4 "accepted",
        /// A fill.
        Fill = 5 "fill",
        /// Its cancellation was asked for and made.
        Cancelled = 6 "cancelled",
        /// What an IOC order left unfilled.
        Ioc = 7 "ioc",
        /// Trading ended.
        SessionEnd = 8 "session_end",
        /// Its approval was too old.
        ApprovalExpired = 9 "approval_expired",
        /// The broker refused it.
        BrokerRejected = 10 "broker_rejected",
        /// Outside the day's price band.
        PriceBand = 11 "price_band",
        /// No answer came.
        AnswerLost = 12 "answer_lost",
        /// The gateway began anew.
        GatewayRestarted = 13 "gateway_restarted",
        /// The broker's own state of it.
        BrokerState = 14 "broker_state",
        /// It was looked up, and never reached the broker.
        NeverReached = 15 "never_reached",
        /// The broker's quota for the day is used up.
        Quota = 16 "quota",
    }
}

record! {
    /// An order moved from one state to the next.
    pub struct OrderMoved {
        /// The order.
        pub order: OrderId,
        /// From.
        pub from: OrderStatus,
        /// To.
        pub to: OrderStatus,
        /// Why.
        pub why: OrderWhy,
        /// Shares filled so far.
        pub filled: Qty,
        /// Shares that may be filled still.
        pub open: Qty,
        /// The broker's number, where there is one.
        pub broker_order: Option<String>,
        /// The broker's words, where there are any.
        pub words: String,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

record! {
    /// What one trade costs, unrounded. Sum of the parts: what leaves the account.
    pub struct Charges {
        /// The order's brokerage after this fill less what its earlier fills bore.
        pub brokerage: FineMoney,
        /// Securities transaction tax.
        pub stt: FineMoney,
        /// Exchange's transaction charge.
        pub exchange: FineMoney,
        /// Regulator's turnover fee.
        pub sebi: FineMoney,
        /// Stamp duty.
        pub stamp: FineMoney,
        /// Goods and services tax.
        pub gst: FineMoney,
    }
}

impl Charges {
    /// Nothing.
    pub const ZERO: Self = Self {
        brokerage: FineMoney::ZERO,
        stt: FineMoney::ZERO,
        exchange: FineMoney::ZERO,
        sebi: FineMoney::ZERO,
        stamp: FineMoney::ZERO,
        gst: FineMoney::ZERO,
    };

    /// The sum; saturates at the ends of [`FineMoney`].
    pub const fn total(&self) -> FineMoney {
        FineMoney::new(
            self.brokerage
                .get()
                .saturating_add(self.stt.get())
                .saturating_add(self.exchange.get())
                .saturating_add(self.sebi.get())
                .saturating_add(self.stamp.get())
                .saturating_add(self.gst.get()),
        )
    }
}

names! {
    /// How a fill came about.
    pub enum Liquidity {
        /// Against what the book displayed.
        Aggressive = 1 "aggressive",
        /// Against the last price with slippage, since no book was displayed.
        Unseen = 2 "unseen",
        /// From volume that was traded at or through its price.
        Passive = 3 "passive",
        /// The broker told it.
        Broker = 4 "broker",
    }
}

record! {
    /// A trade of ours.
    pub struct Fill {
        /// The order.
        pub order: OrderId,
        /// The trade's identity: the exchange's number, or `ORDER-N` for the n-th paper fill of an order.
        pub trade: String,
        /// The instrument.
        pub instrument: InstrumentId,
        /// Which way.
        pub side: Side,
        /// Shares.
        pub qty: Qty,
        /// Price of each.
        pub price: Price,
        /// How it came about.
        pub liquidity: Liquidity,
        /// What was there to be filled from: the level's displayed shares, or the volume at or through the price.
        pub available: Qty,
        /// Whether its order had ended before.
        pub late: bool,
        /// What it cost.
        pub charges: Charges,
        /// The leg's position after it, negative when short.
        pub position: i64,
        /// The average price of that position, rounded; zero when flat.
        pub average: Price,
        /// Profit that it realised, before charges.
        pub realised: FineMoney,
        /// When.
        pub ts: Ts,
        /// The input: the snapshot, or the broker's word.
        pub cause: Seq,
    }
}

names! {
    /// Where a pair stands.
    pub enum PairState {
        /// No position, no order.
        Flat = 1 "FLAT",
        /// Entry orders are under way.
        Entering = 2 "ENTERING",
        /// Both legs are held.
        Open = 3 "OPEN",
        /// Exit orders are under way.
        Exiting = 4 "EXITING",
        /// What an entry or a late fill left is being sold or bought back.
        Unwinding = 5 "UNWINDING",
    }
}

names! {
    /// What moved a pair.
    pub enum PairWhy {
        /// Its entry was approved.
        Entry = 1 "entry",
        /// Both legs are filled.
        Filled = 2 "filled",
        /// A leg was rejected.
        LegRejected = 3 "leg_rejected",
        /// A leg was not filled in time.
        LegUnfilled = 4 "leg_unfilled",
        /// A leg ended unfilled.
        LegEnded = 5 "leg_ended",
        /// An exit signal.
        Exit = 6 "exit",
        /// Nothing is held and nothing works.
        Flat = 7 "flat",
        /// A fill came after its order had ended.
        LateFill = 8 "late_fill",
        /// A kill switch.
        Killed = 9 "killed",
        /// Carried over from the session before.
        Carried = 10 "carried",
    }
}

record! {
    /// A pair moved from one state to the next.
    pub struct PairMoved {
        /// The pair.
        pub pair: PairId,
        /// From.
        pub from: PairState,
        /// To.
        pub to: PairState,
        /// Why.
        pub why: PairWhy,
        /// Shares of leg A.
        pub qty_a: i64,
        /// Shares of leg B.
        pub qty_b: i64,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

names! {
    /// Who threw a kill switch.
    pub enum KillWhy {
        /// An operator.
        Command = 1 "command",
        /// A drawdown beyond its limit.
        Drawdown = 2 "drawdown",
        /// A day's loss beyond its limit.
        DailyLoss = 3 "daily_loss",
        /// It was on when the session opened.
        Carried = 4 "carried",
    }
}

record! {
    /// A kill switch was thrown.
    pub struct KillSwitched {
        /// What it is about.
        pub scope: Scope,
        /// On or off.
        pub on: bool,
        /// By whom.
        pub why: KillWhy,
        /// Whether positions are left.
        pub flatten: bool,
        /// The limit that was passed, in [`Unit::Bps`] for a drawdown and [`Unit::Inr`] for a loss; zero for a command.
        pub limit: i64,
        /// What was measured against it.
        pub value: i64,
        /// In words.
        pub reason: String,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

record! {
    /// An order update without a tag of ours. It touches nothing.
    pub struct ForeignUpdate {
        /// The broker's number.
        pub broker_order: String,
        /// Its tag, where it has one.
        pub tag: Option<String>,
        /// The broker's symbol.
        pub symbol: String,
        /// Which way.
        pub side: Side,
        /// Shares.
        pub qty: Qty,
        /// The broker's words for its state.
        pub words: String,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

record! {
    /// A change of an order's state that the table of states does not allow. It changed nothing.
    pub struct MoveRefused {
        /// The order.
        pub order: OrderId,
        /// Where it stands.
        pub from: OrderStatus,
        /// Where it was to go.
        pub to: OrderStatus,
        /// What wanted it.
        pub why: OrderWhy,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

record! {
    /// An approved order waits, since the broker's rate is used up.
    pub struct OrderHeld {
        /// The order.
        pub order: OrderId,
        /// The rate: requests or orders.
        pub limit: u32,
        /// Within how many nanoseconds.
        pub window_ns: i64,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

record! {
    /// The executor wants a working order cancelled.
    pub struct CancelWanted {
        /// The order.
        pub order: OrderId,
        /// Why: what moves its pair.
        pub why: PairWhy,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

record! {
    /// The money of a scope at a minute of event time.
    pub struct EquityMark {
        /// What it is about.
        pub scope: Scope,
        /// Capital: of the account, or the bucket's part of it.
        pub capital: FineMoney,
        /// Capital and profit; absent while a held leg's price is stale.
        pub equity: Option<FineMoney>,
        /// Equity less what is held back; absent with it.
        pub tradable: Option<FineMoney>,
        /// The highest equity so far.
        pub high_water: FineMoney,
        /// `100 (equity - high_water) / high_water`, at most 0; absent with equity.
        pub drawdown_pct: Option<Real>,
        /// Sum of |position| at last prices; absent while one is stale.
        pub gross: Option<Money>,
        /// Sum of positions at last prices; absent while one is stale.
        pub net: Option<Money>,
        /// Profit realised in this session, before charges.
        pub realised: FineMoney,
        /// Profit of positions held; absent while a price is stale.
        pub unrealised: Option<FineMoney>,
        /// Charges of this session.
        pub charges: FineMoney,
        /// When.
        pub ts: Ts,
        /// The input.
        pub cause: Seq,
    }
}

record! {
    /// A pair's session in numbers, at its close.
    pub struct PairDay {
        /// The pair.
        pub pair: PairId,
        /// Entries: times it left FLAT for ENTERING.
        pub entries: u32,
        /// Exits by signal.
        pub exits: u32,
        /// Orders.
        pub orders: u32,
        /// Fills.
        pub fills: u32,
        /// Shares of leg A held.
        pub qty_a: i64,
        /// Shares of leg B held.
        pub qty_b: i64,
        /// Profit realised in this session, before charges.
        pub realised: FineMoney,
        /// Profit of what is held, at last prices.
        pub unrealised: FineMoney,
        /// Charges.
        pub charges: FineMoney,
        /// The input.
        pub cause: Seq,
    }
}

record! {
    /// The day's contract note: all trades of the session, each charge as the note rounds it.
    pub struct ContractNote {
        /// Orders that were filled, in part or whole.
        pub orders: u32,
        /// Trades.
        pub trades: u32,
        /// Money bought.
        pub bought: Money,
        /// Money sold.
        pub sold: Money,
        /// Charges unrounded.
        pub charges: Charges,
        /// Securities transaction tax as the note has it: to the rupee, halves up.
        pub stt_rounded: Money,
        /// All charges as the note has them: tax to the rupee, the rest to the paisa.
        pub total: Money,
        /// The input.
        pub cause: Seq,
    }
}
