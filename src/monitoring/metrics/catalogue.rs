//! The catalogue: every metric once, with its kind, home, labels, origin and help.
//!
//! What it never does: count. There is no other place where the name of a metric is written; whoever counts names a value
//! of [`CounterName`], [`GaugeName`] or [`HistogramName`], so that a metric cannot be misspelt, used as another kind or be exported
//! twice. The names are fixed: dashboards and alerts of the desk hang on them.

use super::service::Service;

/// Where a metric is exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    /// On one port.
    Of(Service),
    /// On every port, with the label `service`.
    Common,
}

/// What a metric follows from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A projection of the open session's events: equal on replay. Begins at zero with `session_opened`.
    Tape,
    /// A projection of all events that the tape holds, whatever their session: equal wherever counting begins. No session
    /// resets it; of what `prune` took away, the next process knows nothing.
    WholeTape,
    /// This run of the process alone.
    Process,
}

/// The kind of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Observations in buckets.
    Histogram(Buckets),
}

/// The buckets of a histogram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Buckets {
    /// Work in memory, 1 us to 100 ms.
    Work,
    /// Road to the disk, 100 us to 10 s.
    Road,
    /// From the exchange or a bar's end to here, 10 ms to 2 min.
    Lag,
    /// How many, 1 to 16,384.
    Count,
}

impl Buckets {
    /// Upper bounds.
    pub const fn bounds(self) -> &'static [f64] {
        match self {
            Self::Work => {
                &[1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1]
            }
            Self::Road => &[
                1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 2.0,
                5.0, 10.0,
            ],
            Self::Lag => &[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 10.0, 30.0, 60.0, 120.0],
            Self::Count => {
                &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0]
            }
        }
    }
}

/// One metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Where it is exported.
    pub home: Home,
    /// What it follows from.
    pub origin: Origin,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// Declares the metrics, a line each: value, name, home, origin, labels, for histograms buckets, help.
macro_rules! catalogue {
    ($(#[$doc:meta])* enum $kind:ident;
        $($value:ident $name:literal $home:ident $origin:ident [$($label:literal),*] $(($buckets:ident))? $help:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $kind { $(#[doc = $help] $value,)* }

        impl $kind {
            /// Every metric of this kind; the position is its index.
            pub const ALL: &'static [Self] = &[$(Self::$value,)*];

            /// What the catalogue says of it.
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$value => Entry {
                        name: $name,
                        kind: catalogue!(@kind $kind $($buckets)?),
                        home: catalogue!(@home $home),
                        origin: Origin::$origin,
                        labels: &[$($label),*],
                        help: $help,
                    },)*
                }
            }
        }
    };
    (@kind HistogramName $buckets:ident) => { Kind::Histogram(Buckets::$buckets) };
    (@kind CounterName) => { Kind::Counter };
    (@kind GaugeName) => { Kind::Gauge };
    (@home Common) => { Home::Common };
    (@home $service:ident) => { Home::Of(Service::$service) };
}

catalogue! {
    /// What only rises.
    enum CounterName;
    Restarts "service_restarts_total" Common Process ["service"] "Restarts of the service's task after a panic or a stall";
    TapeEvents "tape_events_total" Appliance Tape ["kind"] "Events on the tape, by kind";
    TapeBlocks "tape_blocks_total" Appliance Process [] "Sealed blocks written to the tape";
    TapeBytes "tape_bytes_total" Appliance Process [] "Bytes of rows and blocks written to the tape";
    TicksReceived "zerodha_ticks_received_total" ZerodhaWs Tape ["symbol"] "Ticks received";
    TicksDropped "zerodha_ticks_dropped_total" ZerodhaWs Tape ["reason"]
        "Ticks that moved nothing: skipped or refused at the socket, or set aside by the engine";
    WsEvents "zerodha_ws_events_total" ZerodhaWs Tape ["event"] "What happened on the websockets";
    FeedGaps "zerodha_feed_gaps_total" ZerodhaWs Tape ["reason"] "Interruptions of the feed, by cause";
    SecondTicks "bars_1s_ticks_total" BarBuilder1s Tape [] "Ticks taken";
    SecondPublished "bars_1s_published_total" BarBuilder1s Tape [] "Bars of a second put on the tape, revisions included";
    SecondLateTicks "bars_1s_late_ticks_total" BarBuilder1s Tape []
        "Trades of a second that had already closed, too late ones included";
    MinutePublished "bars_1m_published_total" BarAggregator1m Tape []
        "Bars of a minute put on the tape, revisions included";
    MinuteRevised "bars_1m_revised_total" BarAggregator1m Tape [] "Revisions among the bars of a minute";
    MultiInput "bar_agg_input_total" BarAggregator1mToMulti Tape [] "Bars of a minute taken, revisions included";
    MultiOutput3 "bar_agg_output_3m_total" BarAggregator1mToMulti Tape [] "Bars of 3 minutes put on the tape";
    MultiOutput5 "bar_agg_output_5m_total" BarAggregator1mToMulti Tape [] "Bars of 5 minutes put on the tape";
    MultiOutput15 "bar_agg_output_15m_total" BarAggregator1mToMulti Tape [] "Bars of 15 minutes put on the tape";
    MultiOutput30 "bar_agg_output_30m_total" BarAggregator1mToMulti Tape [] "Bars of 30 minutes put on the tape";
    MultiOutput60 "bar_agg_output_60m_total" BarAggregator1mToMulti Tape [] "Bars of 60 minutes put on the tape";
    WatchBars "pairwatch_bars_ingested_total" PairWatchProducer Tape ["symbol", "tf"]
        "Bars of pairs' legs taken, revisions included";
    WatchSignals "pairwatch_signals_emitted_total" PairWatchProducer Tape ["pair_id", "tf", "action"] "Signals made";
    ExecutorSignals "pairs_signals_total" PairsExecutor Tape ["action"] "Signals taken";
    OrdersEmitted "orders_emitted_total" PairsExecutor Tape ["strategy"] "Orders made";
    PairsOrdersEmitted "pairs_orders_emitted_total" PairsExecutor Tape ["pair_id", "leg", "bucket", "action"]
        "Orders made, by what they are for: entry, exit, unwind";
    PairsRejects "pairs_rejects_total" PairsExecutor Tape ["reason"] "Signals to enter that were not followed";
    RiskApproved "risk_orders_approved_total" RiskManager Tape ["bucket"] "Orders allowed, those made smaller included";
    RiskRejected "risk_orders_rejected_total" RiskManager Tape ["bucket", "reason"]
        "Orders refused, by the check that failed";
    OrdersFilled "exec_orders_filled_total" PaperMatcher Tape ["side"] "Orders filled whole";
    ReconRuns "recon_runs_total" ReconExporter WholeTape ["result"]
        "Reconciliations on the tape, those after a heal too: matched, differences (some bars are outside tolerance) or \
         cut_off (not all that it found is there; known when recon or heal runs next)";
    HealedBars "recon_healed_bars_total" ReconExporter WholeTape ["action"]
        "Corrections of bars on the tape, by what was done; bars taken back count once more";
}

catalogue! {
    /// What rises and falls.
    enum GaugeName;
    Up "service_up" Common Process ["service"] "1 while the service is alive";
    Ready "service_ready" Common Process ["service"] "1 while nothing keeps the service from its work; /readyz says what does";
    Backlog "service_backlog" Common Process ["service"] "What waits for the service";
    Heartbeat "service_heartbeat_timestamp_seconds" Common Process ["service"]
        "When the service last made progress or had nothing to do";
    TapeDurableSeq "tape_durable_seq" Appliance Process [] "Last durable position of the tape";
    TapeFreeSpace "tape_free_space_bytes" Appliance Process [] "Free space on the disk of the tape";
    TapeSessionsToFull "tape_sessions_to_full" Appliance Process []
        "Trading days until the disk is full, each as large as the largest of the last month; +Inf while there is none";
    SessionPhase "nse_session_phase" Appliance Process ["class", "phase"] "1 for the phase in which the class is now";
    NextOpen "nse_session_next_open_timestamp_seconds" Appliance Process []
        "When the next session's first phase begins; 0 when the calendar does not say";
    TokenExpiry "kite_token_expiry_timestamp_seconds" Appliance Process [] "When the access token dies; 0 without one";
    WhitelistValid "pairs_whitelist_valid" Appliance Process [] "1 while the whitelist of pairs is of today's session";
    QueueDepth "zerodha_queue_depth" ZerodhaWs Process [] "Messages between the sockets and the engine";
    OpenSymbols "bars_1s_open_symbols" BarBuilder1s Tape [] "Instruments with a second still open, at the last clock mark";
    ActiveWindows "bar_agg_active_windows" BarAggregator1mToMulti Tape ["tf"]
        "Instruments with a minute in a window still open, by timeframe";
    PairReady "pairwatch_pair_ready" PairWatchProducer Tape ["pair_id", "tf"] "1 while the pair's window is full";
    PairZscore "pairwatch_zscore" PairWatchProducer Tape ["pair_id", "tf"]
        "z of the spread at the pair's last mark; absent while there is none";
    PairPosition "pairwatch_position_state" PairWatchProducer Tape ["pair_id", "tf"]
        "What the pair held when it moved last: 1 long of A and short of B, -1 the other way, 0 nothing";
    PairStaleness "pairwatch_last_bar_staleness_seconds" PairWatchProducer Tape ["pair_id", "tf"]
        "From the end of the last bucket with a bar of both legs to the last clock mark; absent before the first";
    OpenPairs "pairs_executor_open_pairs" PairsExecutor Tape [] "Pairs that hold something or are about to";
    RiskEquity "risk_manager_equity_inr" RiskManager Tape []
        "Capital and profit at the last mark; absent while a held leg has no fresh price";
    RiskTradableEquity "risk_manager_tradable_equity_inr" RiskManager Tape []
        "Equity less what is held back; absent with it";
    KillSwitch "risk_kill_switch" RiskManager Tape ["scope"] "1 while the kill switch is on";
    WorkingOrders "paper_matcher_working_orders" PaperMatcher Tape [] "Orders with the paper matcher that have not ended";
    ReconBars "recon_bars" ReconExporter WholeTape ["status"]
        "Bars that the newest run of the latest date reconciled has compared, by what it found; absent before the first";
    ReconLastRun "recon_last_run_timestamp_seconds" ReconExporter WholeTape []
        "When the run of recon_bars was made, by the host's clock; absent with it, and where the run does not say";
    ReconUnhealed "recon_unhealed" ReconExporter WholeTape []
        "Bars of recon_bars outside tolerance; one that was healed before the run is matched; absent with it";
    ReconExplained "recon_explained_ratio" ReconExporter WholeTape []
        "Share of recon_unhealed with a known cause, 0 to 1; absent while none is outside";
}

catalogue! {
    /// What is observed, in buckets.
    enum HistogramName;
    TapeAppend "tape_append_seconds" Appliance Process [] (Work) "Laying a batch out for the tape";
    TapeSync "tape_sync_seconds" Appliance Process [] (Road) "Writing and syncing a batch";
    TapeCommit "tape_commit_seconds" Appliance Process [] (Road) "From the close of a batch until it is durable";
    TickBatchSize "zerodha_tick_batch_size" ZerodhaWs Process [] (Count) "Ticks in a frame";
    TickLatency "zerodha_tick_latency_seconds" ZerodhaWs Process [] (Road) "From a tick's receipt until it is durable";
    SecondFlush "bars_1s_flush_seconds" BarBuilder1s Process [] (Work) "Closing the seconds that a clock mark ends";
    SecondTickLatency "bars_1s_tick_latency_seconds" BarBuilder1s Tape [] (Lag)
        "From a tick's exchange time to its receipt";
    SecondPublishLatency "bars_1s_publish_latency_seconds" BarBuilder1s Process [] (Lag)
        "From a second's end until its bar is durable, grace included";
    MinuteFlush "bars_1m_flush_seconds" BarAggregator1m Process [] (Work) "Closing the minutes that a clock mark ends";
    MinutePublishLatency "bars_1m_publish_latency_seconds" BarAggregator1m Process [] (Lag)
        "From a minute's end until its bar is durable, grace included";
    MultiFlush "bar_agg_flush_seconds" BarAggregator1mToMulti Process [] (Work)
        "Closing the windows that a clock mark ends";
    MultiLatency3 "bar_agg_bar_latency_3m_seconds" BarAggregator1mToMulti Process [] (Lag)
        "From the end of 3 minutes until their bar is durable, grace included";
    MultiLatency5 "bar_agg_bar_latency_5m_seconds" BarAggregator1mToMulti Process [] (Lag)
        "From the end of 5 minutes until their bar is durable, grace included";
    MultiLatency15 "bar_agg_bar_latency_15m_seconds" BarAggregator1mToMulti Process [] (Lag)
        "From the end of 15 minutes until their bar is durable, grace included";
    MultiLatency30 "bar_agg_bar_latency_30m_seconds" BarAggregator1mToMulti Process [] (Lag)
        "From the end of 30 minutes until their bar is durable, grace included";
    MultiLatency60 "bar_agg_bar_latency_60m_seconds" BarAggregator1mToMulti Process [] (Lag)
        "From the end of 60 minutes until their bar is durable, grace included";
    WatchDecision "pairwatch_decision_seconds" PairWatchProducer Process [] (Work)
        "Reading the bars of an input, or the clock for pairs that are held, for signals";
    ExecutorProcess "pairs_executor_process_seconds" PairsExecutor Process [] (Work)
        "Following the signals, fills and deadlines of an input";
    ExecutorLag "pairs_executor_signal_lag_seconds" PairsExecutor Process [] (Lag)
        "From a signal's event time until it, and what the executor made of it, is durable";
    RiskProcess "risk_manager_process_seconds" RiskManager Process [] (Work) "Judging the entries and losses of an input";
    RiskLag "risk_manager_order_lag_seconds" RiskManager Process [] (Lag)
        "From an order's event time until the decision on it is durable";
    MatcherProcess "paper_matcher_process_seconds" PaperMatcher Process [] (Work)
        "Matching the working orders with an input";
    MatcherLag "paper_matcher_order_lag_seconds" PaperMatcher Process [] (Lag)
        "From the event time at which the matcher took an order until that is durable";
}

impl GaugeName {
    /// Whether it is absent, not 0, while there is nothing to show.
    pub const fn may_be_absent(self) -> bool {
        matches!(
            self,
            Self::PairZscore
                | Self::PairStaleness
                | Self::RiskEquity
                | Self::RiskTradableEquity
                | Self::ReconBars
                | Self::ReconLastRun
                | Self::ReconUnhealed
                | Self::ReconExplained
        )
    }
}

/// Every metric.
pub fn entries() -> impl Iterator<Item = Entry> {
    let counters = CounterName::ALL.iter().map(|counter| counter.entry());
    let gauges = GaugeName::ALL.iter().map(|gauge| gauge.entry());
    let histograms = HistogramName::ALL.iter().map(|histogram| histogram.entry());
    counters.chain(gauges).chain(histograms)
}
