//! The fields that an expression can name, each once, with its form and the words that it can be.

use barkeep_schemas::{
    Bucket, EventKind, KillWhy, Leg, Liquidity, OrderStatus, OrderType, OrderWhy, PairState, Purpose, RiskRule, Scope,
    Side, SignalAction, SignalReason, Timeframe, Validity, Verdict,
};

/// What the values of a field are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A name, compared for being the same.
    Name,
    /// One of the words that `Field::words` lists.
    Word,
    /// A number.
    Number,
    /// A time of day in IST, `HH:MM:SS`.
    Time,
    /// Yes or no.
    Flag,
}

/// Declares the fields: name in an expression, form, words where it has any, what it is.
macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal $form:ident $(of $words:expr)?;)*) => {
        /// A field of an event, or of what the event is about.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Field { $($(#[$doc])* $variant,)* }

        impl Field {
            /// Every field, in the order in which they are listed for people.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in an expression.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What its values are.
            pub const fn form(self) -> Form {
                match self { $(Self::$variant => Form::$form,)* }
            }

            /// The words that it can be; none for other forms.
            pub fn words(self) -> Vec<&'static str> {
                match self { $(Self::$variant => None::<Vec<&'static str>>$(.or(Some($words)))?.unwrap_or_default(),)* }
            }
        }
    };
}

/// The names of an enumeration of the schemas.
macro_rules! names_of {
    ($name:ident) => {
        $name::ALL.iter().map(|value| value.name()).collect()
    };
}

fields! {
    /// Its kind on the tape.
    EventKind = "event.kind" Word of names_of!(EventKind);
    /// Its position.
    EventSeq = "event.seq" Number;
    /// When, in IST.
    EventTime = "event.time" Time;
    /// The order's identity.
    OrderId = "order.id" Name;
    /// Its symbol.
    OrderSymbol = "order.symbol" Name;
    /// Its pair.
    OrderPair = "order.pair" Name;
    /// Its leg.
    OrderLeg = "order.leg" Word of names_of!(Leg);
    /// Which way.
    OrderSide = "order.side" Word of names_of!(Side);
    /// How it is priced.
    OrderType = "order.type" Word of names_of!(OrderType);
    /// How long it works.
    OrderValidity = "order.validity" Word of names_of!(Validity);
    /// What for.
    OrderPurpose = "order.purpose" Word of names_of!(Purpose);
    /// Its bucket.
    OrderBucket = "order.bucket" Word of names_of!(Bucket);
    /// Where it stands.
    OrderStatus = "order.status" Word of names_of!(OrderStatus);
    /// What moved it last.
    OrderWhy = "order.why" Word of names_of!(OrderWhy);
    /// Shares asked for.
    OrderQty = "order.qty" Number;
    /// Shares filled.
    OrderFilled = "order.filled" Number;
    /// Limit or protection.
    OrderPrice = "order.price" Number;
    /// The pair's name.
    PairId = "pair.id" Name;
    /// Its bucket.
    PairBucket = "pair.bucket" Word of names_of!(Bucket);
    /// Where it stands.
    PairState = "pair.state" Word of names_of!(PairState);
    /// z of its newest mark.
    PairZscore = "pair.zscore" Number;
    /// The spread of that mark.
    PairSpread = "pair.spread" Number;
    /// Mean of the window.
    PairMean = "pair.mean" Number;
    /// Deviation of the window.
    PairSd = "pair.sd" Number;
    /// Shares of leg A held.
    PairQtyA = "pair.qty_a" Number;
    /// Shares of leg B held.
    PairQtyB = "pair.qty_b" Number;
    /// The pair that asks.
    SignalPair = "signal.pair" Name;
    /// What for.
    SignalAction = "signal.action" Word of names_of!(SignalAction);
    /// Why.
    SignalReason = "signal.reason" Word of names_of!(SignalReason);
    /// z of its mark.
    SignalZscore = "signal.zscore" Number;
    /// The order decided on.
    RiskOrder = "risk.order" Name;
    /// The decision.
    RiskVerdict = "risk.verdict" Word of names_of!(Verdict);
    /// The check that decided.
    RiskRule = "risk.rule" Word of names_of!(RiskRule);
    /// Shares asked for.
    RiskAsked = "risk.asked" Number;
    /// Shares allowed.
    RiskAllowed = "risk.allowed" Number;
    /// The trade's identity.
    FillId = "fill.id" Name;
    /// Its order.
    FillOrder = "fill.order" Name;
    /// Its pair.
    FillPair = "fill.pair" Name;
    /// Its symbol.
    FillSymbol = "fill.symbol" Name;
    /// Which way.
    FillSide = "fill.side" Word of names_of!(Side);
    /// Shares.
    FillQty = "fill.qty" Number;
    /// Price.
    FillPrice = "fill.price" Number;
    /// How it came about.
    FillLiquidity = "fill.liquidity" Word of names_of!(Liquidity);
    /// Charges, in all.
    FillCharges = "fill.charges" Number;
    /// Profit that it realised, before charges.
    FillRealised = "fill.realised" Number;
    /// Shares of the leg held after it.
    FillPosition = "fill.position" Number;
    /// Whether its order had ended.
    FillLate = "fill.late" Flag;
    /// What the money is of.
    EquityScope = "equity.scope" Word of names_of!(Scope);
    /// Capital and profit.
    EquityValue = "equity.value" Number;
    /// Equity less what is held back.
    EquityTradable = "equity.tradable" Number;
    /// At most 0.
    EquityDrawdown = "equity.drawdown_pct" Number;
    /// Gross exposure.
    EquityGross = "equity.gross" Number;
    /// Net exposure.
    EquityNet = "equity.net" Number;
    /// Realised in this session.
    EquityRealised = "equity.realised" Number;
    /// Of positions held.
    EquityUnrealised = "equity.unrealised" Number;
    /// Charges of this session.
    EquityCharges = "equity.charges" Number;
    /// What the switch is about.
    KillScope = "kill.scope" Word of names_of!(Scope);
    /// Whether it was thrown on.
    KillOn = "kill.on" Flag;
    /// Who threw it.
    KillWhy = "kill.why" Word of names_of!(KillWhy);
    /// The bar's symbol.
    BarSymbol = "bar.symbol" Name;
    /// Its timeframe.
    BarTf = "bar.tf" Word of Timeframe::ALL.iter().map(|tf| tf.label()).collect();
    /// Open.
    BarOpen = "bar.open" Number;
    /// High.
    BarHigh = "bar.high" Number;
    /// Low.
    BarLow = "bar.low" Number;
    /// Close.
    BarClose = "bar.close" Number;
    /// Volume.
    BarVolume = "bar.volume" Number;
    /// 0 for the first edition.
    BarRevision = "bar.revision" Number;
}

impl Field {
    /// Reads [`Field::name`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == text)
    }

    /// The field whose name is nearest to a text.
    pub fn nearest(text: &str) -> &'static str {
        let names = Self::ALL.iter().map(|field| field.name());
        names.min_by_key(|name| strsim::damerau_levenshtein(text, name)).unwrap_or_default()
    }
}
