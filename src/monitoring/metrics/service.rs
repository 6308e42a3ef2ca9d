//! The services of the appliance: their names and the ports on which they are looked for.
//!
//! One list for everything that names a service: ports, labels, scrape targets, the console.

use serde::{Serialize, Serializer};

/// A service. All run in one process; each has a port of its own, as when they were processes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Service {
    /// The appliance itself: tape, session, token.
    Appliance,
    /// The feed from the broker.
    ZerodhaWs,
    /// Ticks into bars of a second.
    BarBuilder1s,
    /// Seconds into minutes.
    BarAggregator1m,
    /// Minutes into 3, 5, 15, 30 and 60.
    BarAggregator1mToMulti,
    /// Signals of pairs.
    PairWatchProducer,
    /// Signals into orders.
    PairsExecutor,
    /// Limits.
    RiskManager,
    /// Fills on paper.
    PaperMatcher,
    /// What reconciliation and healing found and did.
    ReconExporter,
}

impl Service {
    /// Every service, in the order of the road that a tick takes, what looks on behind; the position is its [`Service::index`].
    pub const ALL: [Self; 10] = [
        Self::Appliance,
        Self::ZerodhaWs,
        Self::BarBuilder1s,
        Self::BarAggregator1m,
        Self::BarAggregator1mToMulti,
        Self::PairWatchProducer,
        Self::PairsExecutor,
        Self::RiskManager,
        Self::PaperMatcher,
        Self::ReconExporter,
    ];

    /// Position in [`Service::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name on the surface: label, job, and key of `[ports]`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Appliance => "appliance",
            Self::ZerodhaWs => "zerodha_ws",
            Self::BarBuilder1s => "bar_builder_1s",
            Self::BarAggregator1m => "bar_aggregator_1m",
            Self::BarAggregator1mToMulti => "bar_aggregator_1m_to_multi",
            Self::PairWatchProducer => "pair_watch_producer",
            Self::PairsExecutor => "pairs_executor",
            Self::RiskManager => "risk_manager",
            Self::PaperMatcher => "paper_matcher",
            Self::ReconExporter => "recon_exporter",
        }
    }

    /// What it does, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Appliance => "tape, session, token",
            Self::ZerodhaWs => "ticks from the broker",
            Self::BarBuilder1s => "bars of a second",
            Self::BarAggregator1m => "bars of a minute",
            Self::BarAggregator1mToMulti => "bars of 3, 5, 15, 30 and 60 minutes",
            Self::PairWatchProducer => "signals of pairs",
            Self::PairsExecutor => "signals into orders",
            Self::RiskManager => "limits",
            Self::PaperMatcher => "fills on paper",
            Self::ReconExporter => "reconciliations and what was healed",
        }
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
