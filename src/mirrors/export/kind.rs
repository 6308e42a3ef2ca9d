//! What can be exported: the kinds by name, and the columns of each. Never reads anything; called by the commands and
//! by every projection.

use std::fmt;

use barkeep_schemas::Timeframe;

use super::sheet::Column;

/// What an export holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportKind {
    /// The ticks of a session as they came.
    Ticks,
    /// The newest edition of each bar of a timeframe.
    Bars(Timeframe),
    /// Orders.
    Orders,
    /// Fills.
    Fills,
    /// Signals.
    Signals,
    /// Statistics of the pairs, bucket by bucket.
    PairMarks,
    /// The bars that do not match the broker's.
    Recon,
}

impl ExportKind {
    /// Every kind, in the order in which they are listed for people.
    pub const ALL: [Self; 13] = [
        Self::Ticks,
        Self::Bars(Timeframe::S1),
        Self::Bars(Timeframe::M1),
        Self::Bars(Timeframe::M3),
        Self::Bars(Timeframe::M5),
        Self::Bars(Timeframe::M15),
        Self::Bars(Timeframe::M30),
        Self::Bars(Timeframe::M60),
        Self::Orders,
        Self::Fills,
        Self::Signals,
        Self::PairMarks,
        Self::Recon,
    ];

    /// The name on the surface: `ticks`, `bars_1s`, `bars_15m`, `recon`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticks => "ticks",
            Self::Bars(Timeframe::S1) => "bars_1s",
            Self::Bars(Timeframe::M1) => "bars_1m",
            Self::Bars(Timeframe::M3) => "bars_3m",
            Self::Bars(Timeframe::M5) => "bars_5m",
            Self::Bars(Timeframe::M15) => "bars_15m",
            Self::Bars(Timeframe::M30) => "bars_30m",
            Self::Bars(Timeframe::M60) => "bars_60m",
            Self::Orders => "orders",
            Self::Fills => "fills",
            Self::Signals => "signals",
            Self::PairMarks => "pair_marks",
            Self::Recon => "recon",
        }
    }

    /// Reads [`Self::name`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text)
    }

    /// The columns, in order.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Ticks => TICKS,
            Self::Bars(_) => BARS,
            Self::Orders => ORDERS,
            Self::Fills => FILLS,
            Self::Signals => SIGNALS,
            Self::PairMarks => PAIR_MARKS,
            Self::Recon => RECON,
        }
    }

    /// Whether the rows are of the pairs desk.
    pub const fn is_of_desk(self) -> bool {
        match self {
            Self::Orders | Self::Fills | Self::Signals | Self::PairMarks => true,
            Self::Ticks | Self::Bars(_) | Self::Recon => false,
        }
    }
}

impl fmt::Display for ExportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `ts_ns` and `recv_ns` are nanoseconds since 1970 UTC, since a second holds many ticks.
const TICKS: &[Column] = &[
    Column::text("symbol"),
    Column::int("ts_ns"),
    Column::int("recv_ns"),
    Column::decimal("price"),
    Column::int("qty").optional(),
    Column::int("cum_volume").optional(),
    Column::decimal("bid").optional(),
    Column::decimal("ask").optional(),
    Column::int("condition"),
    Column::int("seq"),
];

/// `ts` is the start of the bar in epoch seconds UTC; `source` is `engine`, `import` or `heal`. A bar from a file or from
/// the broker tells no number of trades.
const BARS: &[Column] = &[
    Column::text("symbol"),
    Column::int("ts"),
    Column::decimal("open"),
    Column::decimal("high"),
    Column::decimal("low"),
    Column::decimal("close"),
    Column::int("volume"),
    Column::int("n_trades").optional(),
    Column::int("revision"),
    Column::text("source"),
    Column::int("seq"),
];

/// One row an order, as it stands at the position up to which the tape was read: `qty` is what the risk manager allowed,
/// of `asked`; `seq` is where the order was made, `status_seq` where it moved last. `ts` is in epoch seconds UTC, `ts_ns`
/// in nanoseconds.
const ORDERS: &[Column] = &[
    Column::text("client_order_id"),
    Column::text("symbol"),
    Column::text("side"),
    Column::int("qty"),
    Column::decimal("price"),
    Column::text("status"),
    Column::int("ts"),
    Column::text("pair_id"),
    Column::int("seq"),
    Column::int("ts_ns"),
    Column::text("leg"),
    Column::text("purpose"),
    Column::text("order_type"),
    Column::text("validity"),
    Column::text("product"),
    Column::text("bucket"),
    Column::int("asked"),
    Column::int("filled"),
    Column::text("why").optional(),
    Column::text("rule").optional(),
    Column::int("signal_seq").optional(),
    Column::decimal("reference"),
    Column::int("status_seq"),
];

/// `status` is the order's after the fill; charges, `realised` and `position` are exact.
const FILLS: &[Column] = &[
    Column::text("client_order_id"),
    Column::text("symbol"),
    Column::text("side"),
    Column::int("qty"),
    Column::decimal("price"),
    Column::text("status"),
    Column::int("ts"),
    Column::text("pair_id"),
    Column::int("seq"),
    Column::int("ts_ns"),
    Column::text("leg"),
    Column::text("trade_id"),
    Column::text("liquidity"),
    Column::decimal("brokerage"),
    Column::decimal("stt"),
    Column::decimal("exchange"),
    Column::decimal("sebi"),
    Column::decimal("stamp"),
    Column::decimal("gst"),
    Column::decimal("charges"),
    Column::decimal("realised"),
    Column::int("position"),
    Column::decimal("average_price"),
];

/// `mark_seq`, `z` and `threshold` are empty where time or an operator is the reason.
const SIGNALS: &[Column] = &[
    Column::text("pair_id"),
    Column::text("action"),
    Column::text("reason"),
    Column::int("ts"),
    Column::real("z").optional(),
    Column::real("z_before").optional(),
    Column::real("threshold").optional(),
    Column::int("mark_seq").optional(),
    Column::int("seq"),
    Column::int("ts_ns"),
];

/// `ts` is the start of the bucket in epoch seconds UTC; a bucket has another row for every revision of it.
const PAIR_MARKS: &[Column] = &[
    Column::text("pair_id"),
    Column::int("ts"),
    Column::decimal("close_a"),
    Column::decimal("close_b"),
    Column::real("spread"),
    Column::real("mean").optional(),
    Column::real("sd").optional(),
    Column::real("z").optional(),
    Column::real("night_step").optional(),
    Column::int("first_edition"),
    Column::int("bar_a_seq"),
    Column::int("bar_b_seq"),
    Column::int("seq"),
];

/// The side that lacks the bar has empty cells; `run` is empty where the date has no session. `healed_at` is in epoch
/// seconds UTC, `resolved_run` the first later run that looked at the bar and found it in order.
const RECON: &[Column] = &[
    Column::text("session_date"),
    Column::int("run").optional(),
    Column::text("symbol"),
    Column::int("ts"),
    Column::text("tf"),
    Column::text("status"),
    Column::text("cause"),
    Column::decimal("internal_o").optional(),
    Column::decimal("internal_h").optional(),
    Column::decimal("internal_l").optional(),
    Column::decimal("internal_c").optional(),
    Column::int("internal_vol").optional(),
    Column::decimal("broker_o").optional(),
    Column::decimal("broker_h").optional(),
    Column::decimal("broker_l").optional(),
    Column::decimal("broker_c").optional(),
    Column::int("broker_vol").optional(),
    Column::decimal("diff_max"),
    Column::int("run_id"),
    Column::int("healed_at").optional(),
    Column::text("heal_action").optional(),
    Column::int("resolved_run").optional(),
    Column::int("seq"),
];
