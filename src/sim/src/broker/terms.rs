//! The terms of an order: what a client asks for, read from a form and checked against the instrument.
//!
//! It knows no order that exists and no money. Whatever is wrong here is answered at once, with 400 and no order id;
//! what needs the account or the exchange is rejected later, with one. `desk` calls it.

use barkeep_schemas::Price;

use super::exchange::Exchange;
use super::params::{Params, invalid};
use crate::kite::KiteError;
use crate::market::{Listing, Segment};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub(super) enum $name {
            $($(#[$case_doc])* $case,)+
        }

        impl $name {
            /// The word in forms and bodies.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$case => $text,)+
                }
            }

            /// The value of a word.
            pub(super) fn parse(text: &str) -> Option<Self> {
                [$(Self::$case),+].into_iter().find(|word| word.name() == text)
            }
        }
    };
}

words! {
    /// Which way shares go.
    Side {
        Buy = "BUY",
        Sell = "SELL",
    }
}

words! {
    /// How the price is found.
    OrderType {
        Market = "MARKET",
        Limit = "LIMIT",
        /// Stop loss with a limit.
        Sl = "SL",
        /// Stop loss at the market.
        SlM = "SL-M",
    }
}

words! {
    /// How long it stands.
    Validity {
        Day = "DAY",
        Ioc = "IOC",
        Ttl = "TTL",
    }
}

words! {
    /// Which part of the account it belongs to.
    Product {
        Cnc = "CNC",
        Nrml = "NRML",
        Mis = "MIS",
        Mtf = "MTF",
    }
}

words! {
    /// The kind of order that the path names.
    Variety {
        Regular = "regular",
        /// Placed outside hours for the next session.
        Amo = "amo",
        Co = "co",
        Iceberg = "iceberg",
        Auction = "auction",
    }
}

impl OrderType {
    /// Whether it waits for a trigger.
    pub(super) const fn is_stop(self) -> bool {
        match self {
            Self::Sl | Self::SlM => true,
            Self::Market | Self::Limit => false,
        }
    }

    /// Whether it has no limit of its own.
    pub(super) const fn is_market(self) -> bool {
        match self {
            Self::Market | Self::SlM => true,
            Self::Limit | Self::Sl => false,
        }
    }
}

/// Shares in one order, at most.
const QTY_MAX: i64 = 10_000_000;

/// Characters of a tag, at most.
const TAG_MAX: usize = 20;

/// Minutes that an order of validity TTL may stand, at most.
const TTL_MINUTES_MAX: i64 = 24 * 60;

/// The terms of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Terms {
    pub(super) side: Side,
    pub(super) order_type: OrderType,
    pub(super) product: Product,
    pub(super) validity: Validity,
    /// Minutes, for TTL; else 0.
    pub(super) ttl_minutes: i64,
    pub(super) qty: i64,
    pub(super) disclosed: i64,
    /// Zero for market types.
    pub(super) price: Price,
    /// Zero without a trigger.
    pub(super) trigger: Price,
    /// Percent in units of 0.0001; -10,000 for automatic, 0 for none.
    pub(super) protection: i64,
    pub(super) tag: Option<String>,
}

impl Terms {
    /// Reads the terms of a new order.
    pub(super) fn read(form: Params<'_>) -> Result<Self, KiteError> {
        let required = |name: &str| form.required(name).map(|_| ());
        for name in ["transaction_type", "order_type", "product", "quantity"] {
            required(name)?;
        }
        let tag = form.get("tag").map(str::to_owned);
        if tag.as_ref().is_some_and(|tag| tag.chars().count() > TAG_MAX) {
            return Err(KiteError::input(format!("Invalid `tag`. Expected at most {TAG_MAX} characters")));
        }
        Ok(Self {
            side: form.word("transaction_type", Side::parse)?.ok_or_else(|| invalid("transaction_type"))?,
            order_type: form.word("order_type", OrderType::parse)?.ok_or_else(|| invalid("order_type"))?,
            product: form.word("product", Product::parse)?.ok_or_else(|| invalid("product"))?,
            validity: form.word("validity", Validity::parse)?.unwrap_or(Validity::Day),
            ttl_minutes: form.whole("validity_ttl")?.unwrap_or(0),
            qty: form.whole("quantity")?.unwrap_or(0),
            disclosed: form.whole("disclosed_quantity")?.unwrap_or(0),
            price: Price::new(form.amount("price")?.unwrap_or(0)),
            trigger: Price::new(form.amount("trigger_price")?.unwrap_or(0)),
            protection: form.amount("market_protection")?.unwrap_or(0),
            tag,
        }
        .tidied())
    }

    /// Reads what a change says; what it does not say stays.
    pub(super) fn changed(&self, form: Params<'_>) -> Result<Self, KiteError> {
        Ok(Self {
            order_type: form.word("order_type", OrderType::parse)?.unwrap_or(self.order_type),
            validity: form.word("validity", Validity::parse)?.unwrap_or(self.validity),
            ttl_minutes: form.whole("validity_ttl")?.unwrap_or(self.ttl_minutes),
            qty: form.whole("quantity")?.unwrap_or(self.qty),
            disclosed: form.whole("disclosed_quantity")?.unwrap_or(self.disclosed),
            price: form.amount("price")?.map_or(self.price, Price::new),
            trigger: form.amount("trigger_price")?.map_or(self.trigger, Price::new),
            protection: form.amount("market_protection")?.unwrap_or(self.protection),
            ..self.clone()
        }
        .tidied())
    }

    /// Drops what the type has no use for, as clients send prices of 0 and old triggers along.
    fn tidied(mut self) -> Self {
        if self.order_type.is_market() {
            self.price = Price::ZERO;
        }
        if !self.order_type.is_stop() {
            self.trigger = Price::ZERO;
        }
        match self.validity {
            Validity::Day | Validity::Ioc => self.ttl_minutes = 0,
            Validity::Ttl => {}
        }
        self
    }

    /// Checks the numbers by themselves and against the instrument's grid and circuits.
    pub(super) fn check(&self, listing: &Listing) -> Result<(), KiteError> {
        if !(1..=QTY_MAX).contains(&self.qty) {
            return Err(invalid("quantity"));
        }
        if !(0..=self.qty).contains(&self.disclosed) {
            return Err(invalid("disclosed_quantity"));
        }
        if self.validity == Validity::Ttl && !(1..=TTL_MINUTES_MAX).contains(&self.ttl_minutes) {
            return Err(invalid("validity_ttl"));
        }
        if self.protection != -10_000 && !(0..=1_000_000).contains(&self.protection) {
            return Err(invalid("market_protection"));
        }
        if !self.order_type.is_market() {
            check_price("price", self.price, listing)?;
        }
        if self.order_type.is_stop() {
            check_price("trigger_price", self.trigger, listing)?;
            self.check_trigger_side()?;
        }
        Ok(())
    }

    /// A stop with a limit must be able to trade once it is triggered.
    fn check_trigger_side(&self) -> Result<(), KiteError> {
        let message = match (self.order_type, self.side) {
            (OrderType::Sl, Side::Buy) if self.trigger > self.price => {
                "Trigger price for stoploss buy orders cannot be above the limit price."
            }
            (OrderType::Sl, Side::Sell) if self.trigger < self.price => {
                "Trigger price for stoploss sell orders cannot be below the limit price."
            }
            (OrderType::Sl | OrderType::SlM | OrderType::Market | OrderType::Limit, Side::Buy | Side::Sell) => {
                return Ok(());
            }
        };
        Err(KiteError::input(message))
    }
}

fn check_price(name: &str, price: Price, listing: &Listing) -> Result<(), KiteError> {
    let (raw, tick) = (price.get(), listing.tick_size.get().max(1));
    if raw <= 0 {
        return Err(invalid(name));
    }
    if raw % tick != 0 {
        return Err(KiteError::input(format!(
            "Tick size for this script is {}. Kindly enter price in the multiple of tick size for this script",
            listing.tick_size
        )));
    }
    let bound = if price > listing.upper_circuit {
        ("higher", "upper", listing.upper_circuit)
    } else if price < listing.lower_circuit {
        ("lower", "lower", listing.lower_circuit)
    } else {
        return Ok(());
    };
    let (than, which, limit) = bound;
    Err(KiteError::input(format!(
        "Your order price is {than} than the current {which} circuit limit of {limit}. You can place an order within the \
         daily range."
    )))
}

/// The instrument that a new order names.
pub(super) fn instrument(form: Params<'_>, market: &dyn Exchange) -> Result<usize, KiteError> {
    const KNOWN: [&str; 8] = ["NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO"];
    let (exchange, symbol) = (form.required("exchange")?, form.required("tradingsymbol")?);
    if !KNOWN.contains(&exchange) {
        return Err(invalid("exchange"));
    }
    let found = if exchange == "NSE" { market.by_symbol(symbol, market.date()) } else { None };
    let tradable = found.filter(|found| match market.listing(*found, market.date()).segment {
        Segment::Nse => true,
        Segment::Indices => false,
    });
    tradable.ok_or_else(|| {
        KiteError::input("The instrument you are placing an order for has either expired or does not exist.")
    })
}

/// The variety that a path names, when the simulator knows its life.
pub(super) fn variety(name: &str) -> Result<Variety, KiteError> {
    match Variety::parse(name) {
        Some(variety @ (Variety::Regular | Variety::Amo)) => Ok(variety),
        Some(Variety::Co | Variety::Iceberg | Variety::Auction) => {
            Err(KiteError::input(format!("Orders of variety `{name}` are not simulated: use `regular` or `amo`")))
        }
        None => Err(invalid("variety")),
    }
}

/// The limit that protects an order without one of its own: so many percent from the last price, on the grid and within
/// the circuits. Automatic protection is 2 % under 100 rupees, 1 % to 500, else 0.5 %, as Zerodha tells for stocks.
pub(super) fn protected_limit(side: Side, protection: i64, last: Price, listing: &Listing) -> Price {
    let percent = match (protection, last.get() / 10_000) {
        (1.., _) => protection,
        (_, ..100) => 20_000,
        (_, 100..=500) => 10_000,
        (_, 501..) => 5_000,
    };
    let (last, tick) = (last.get(), listing.tick_size.get().max(1));
    let away = (i128::from(last) * i128::from(percent) / 1_000_000) as i64;
    let raw = match side {
        Side::Buy => (last + away).div_euclid(tick) * tick,
        Side::Sell => (last - away + tick - 1).div_euclid(tick) * tick,
    };
    let (low, high) = (listing.lower_circuit.get(), listing.upper_circuit.get());
    Price::new(raw.min(high).max(low))
}
