//! The vocabulary of orders: identities, states, and what a gateway or a broker reports about them (inputs).

use alloc::string::String;
use core::fmt;

use serde::{Serialize, Serializer};

use crate::codec::{DecodeError, Wire, names, record};
use crate::scalar::{InstrumentId, PairId, Price, Qty, Seq, Ts};

names! {
    /// Which way an order goes.
    pub enum Side {
        /// Buy.
        Buy = 1 "BUY",
        /// Sell.
        Sell = 2 "SELL",
    }
}

impl Side {
    /// +1 for a buy, -1 for a sell.
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

names! {
    /// A leg of a pair.
    pub enum Leg {
        /// The first.
        A = 1 "A",
        /// The second, of which `beta` hedges the first.
        B = 2 "B",
    }
}

impl Leg {
    /// 0 for A, 1 for B.
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

names! {
    /// How an order is priced. Source: Kite Connect, `order_type`.
    pub enum OrderType {
        /// At any price up to its protection.
        Market = 1 "MARKET",
        /// At its price or better.
        Limit = 2 "LIMIT",
        /// A limit order once the last price has reached its trigger.
        Sl = 3 "SL",
        /// A market order once the last price has reached its trigger.
        SlM = 4 "SL-M",
    }
}

names! {
    /// How long an order works. Source: Kite Connect, `validity`.
    pub enum Validity {
        /// To the end of the day.
        Day = 1 "DAY",
        /// What is not filled at once is cancelled.
        Ioc = 2 "IOC",
    }
}

names! {
    /// What a position is held as. Source: Kite Connect, `product`.
    pub enum Product {
        /// Delivery.
        Cnc = 1 "CNC",
        /// Intraday.
        Mis = 2 "MIS",
        /// Carried forward.
        Nrml = 3 "NRML",
    }
}

names! {
    /// What an order is for.
    pub enum Purpose {
        /// To build a position.
        Entry = 1 "entry",
        /// To leave one on a signal.
        Exit = 2 "exit",
        /// To leave what an entry or an exit left behind.
        Unwind = 3 "unwind",
    }
}

impl Purpose {
    /// Whether an order of this purpose only reduces a position.
    pub const fn reduces(self) -> bool {
        match self {
            Self::Entry => false,
            Self::Exit | Self::Unwind => true,
        }
    }
}

names! {
    /// Where an order stands.
    pub enum OrderStatus {
        /// Made by the executor.
        New = 1 "NEW",
        /// Allowed by the risk manager.
        Approved = 2 "APPROVED",
        /// Refused by the risk manager or the broker. Terminal.
        Rejected = 3 "REJECTED",
        /// On its way to the broker.
        Sent = 4 "SENT",
        /// The broker has it and works it.
        Acked = 5 "ACKED",
        /// Filled in part.
        Partial = 6 "PARTIAL",
        /// Filled. Terminal.
        Filled = 7 "FILLED",
        /// Cancelled. Terminal.
        Cancelled = 8 "CANCELLED",
        /// Its time was over. Terminal.
        Expired = 9 "EXPIRED",
        /// Sent, and nobody knows what became of it: to be looked up, never sent again.
        Unknown = 10 "UNKNOWN",
    }
}

impl OrderStatus {
    /// Whether an order ends here.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Rejected | Self::Filled | Self::Cancelled | Self::Expired => true,
            Self::New | Self::Approved | Self::Sent | Self::Acked | Self::Partial | Self::Unknown => false,
        }
    }
}

/// An order's identity: what it was made of. The same cause makes the same id, so nothing is ordered twice.
///
/// As text, which is also the broker's tag (at most 20 letters and digits): `bk`, the pair's number as three digits of
/// base 36, `a` or `b` for the leg, the cause's seq in base 36.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OrderId {
    /// The input that it was made on.
    pub cause: Seq,
    /// Its pair.
    pub pair: PairId,
    /// Its leg.
    pub leg: Leg,
}

const DIGITS: u64 = 36;

/// The highest number of a pair that fits into a tag.
const PAIR_MAX: u64 = DIGITS * DIGITS * DIGITS - 1;

fn digit(value: u64) -> char {
    char::from_digit((value % DIGITS) as u32, DIGITS as u32).unwrap_or('0')
}

fn number(text: &str) -> Option<u64> {
    // No sign, no upper case, no leading zero where one digit would do: one spelling for each id.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    if plain { u64::from_str_radix(text, DIGITS as u32).ok() } else { None }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = u64::from(self.pair.0);
        let leg = match self.leg {
            Leg::A => 'a',
            Leg::B => 'b',
        };
        write!(f, "bk{}{}{}{leg}", digit(pair / (DIGITS * DIGITS)), digit(pair / DIGITS), digit(pair))?;
        let mut power = 1_u64;
        while self.cause.0 / power >= DIGITS {
            power = power.saturating_mul(DIGITS);
        }
        while power > 0 {
            write!(f, "{}", digit(self.cause.0 / power))?;
            power /= DIGITS;
        }
        Ok(())
    }
}

impl OrderId {
    /// Reads an id as it is shown; `None` for any other text, such as the tag of another program.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("bk")?;
        let (pair, rest) = rest.split_at_checked(3)?;
        let (leg, seq) = rest.split_at_checked(1)?;
        let leg = match leg {
            "a" => Leg::A,
            "b" => Leg::B,
            _ => return None,
        };
        let pair = number(pair).filter(|pair| *pair <= PAIR_MAX)?;
        let cause = number(seq).filter(|_| seq.len() == 1 || !seq.starts_with('0'))?;
        Some(Self { cause: Seq(cause), pair: PairId(u16::try_from(pair).ok()?), leg })
    }
}

impl Serialize for OrderId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Wire for OrderId {
    fn put(&self, out: &mut alloc::vec::Vec<u8>) {
        self.cause.put(out);
        self.pair.put(out);
        self.leg.put(out);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { cause: Wire::take(input)?, pair: Wire::take(input)?, leg: Wire::take(input)? })
    }
}

names! {
    /// What a gateway did.
    pub enum GatewayAct {
        /// It came up: what it had sent and heard no answer to is unknown.
        Started = 1 "started",
        /// It is about to send an order; durable before the call.
        SendAttempted = 2 "send_attempted",
        /// The broker answered with its number.
        Answered = 3 "answered",
        /// The broker refused the order.
        Refused = 4 "refused",
        /// No answer came: the order may be with the broker or not.
        AnswerLost = 5 "answer_lost",
        /// It is about to cancel an order; durable before the call.
        CancelAttempted = 6 "cancel_attempted",
        /// The order was looked up by its tag, and the broker has never had it.
        NeverReached = 7 "never_reached",
    }
}

record! {
    /// A gateway tells what it does. An input; none in paper trading.
    pub struct GatewayReport {
        /// What.
        pub act: GatewayAct,
        /// The order that it is about.
        pub order: Option<OrderId>,
        /// The broker's number of it.
        pub broker_order: Option<String>,
        /// The broker's words.
        pub words: String,
        /// When, by this host's clock.
        pub ts: Ts,
    }
}

names! {
    /// How we heard.
    pub enum UpdateSource {
        /// The broker told us: a postback, or a text on the websocket.
        Postback = 1 "postback",
        /// We asked over REST.
        Rest = 2 "rest",
    }
}

names! {
    /// What a broker says of an order. Source: Kite Connect, order statuses, of which all but the last three mean that
    /// it is live.
    pub enum BrokerStatus {
        /// On its way within the broker, or any status that says no more than that it is live.
        Pending = 1 "PENDING",
        /// In the exchange's book.
        Open = 2 "OPEN",
        /// Waits for its trigger.
        TriggerPending = 3 "TRIGGER PENDING",
        /// Filled in part, or modified.
        Update = 4 "UPDATE",
        /// Filled.
        Complete = 5 "COMPLETE",
        /// Cancelled.
        Cancelled = 6 "CANCELLED",
        /// Refused.
        Rejected = 7 "REJECTED",
    }
}

record! {
    /// The state of an order as the broker tells it. An input. One without a tag of ours is foreign.
    pub struct BrokerOrder {
        /// How we heard.
        pub source: UpdateSource,
        /// The broker's number.
        pub broker_order: String,
        /// Its tag.
        pub tag: Option<String>,
        /// The instrument, where it is one of the session's.
        pub instrument: Option<InstrumentId>,
        /// The broker's symbol.
        pub symbol: String,
        /// Which way.
        pub side: Side,
        /// Where it stands.
        pub status: BrokerStatus,
        /// The broker's words for it.
        pub words: String,
        /// Shares ordered.
        pub qty: Qty,
        /// Shares filled so far.
        pub filled: Qty,
        /// Their average price; zero where the broker does not say.
        pub average: Price,
        /// When, by the broker.
        pub ts: Ts,
    }
}

record! {
    /// A trade as the broker tells it. An input. A trade number is booked once.
    pub struct BrokerTrade {
        /// How we heard.
        pub source: UpdateSource,
        /// The exchange's number of the trade.
        pub trade: String,
        /// The broker's number of its order.
        pub broker_order: String,
        /// The order's tag, where the broker tells it.
        pub tag: Option<String>,
        /// The instrument, where it is one of the session's.
        pub instrument: Option<InstrumentId>,
        /// The broker's symbol.
        pub symbol: String,
        /// Which way.
        pub side: Side,
        /// Shares.
        pub qty: Qty,
        /// Price of each.
        pub price: Price,
        /// When, by the broker.
        pub ts: Ts,
    }
}
