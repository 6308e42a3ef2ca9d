//! The catalogue against the surface that is promised, and the pages.

use std::collections::BTreeMap;

use barkeep_schemas::{Event, FeedGap, FeedHappening, FeedId, FeedReport, GapCause, Input, Seq, Ts};

use super::catalogue::{Home, Kind, entries};
use super::{CounterName, EventMetrics, Metrics, Service};

/// The names that dashboards hang on, as promised. `tf` stands for each of its values.
const PROMISED: &[(Option<Service>, &str)] = &[
    (None, "service_up service_ready service_backlog service_heartbeat_timestamp_seconds service_restarts_total"),
    (
        Some(Service::Appliance),
        "nse_session_phase nse_session_next_open_timestamp_seconds kite_token_expiry_timestamp_seconds \
         pairs_whitelist_valid",
    ),
    (
        Some(Service::ZerodhaWs),
        "zerodha_ticks_received_total zerodha_ticks_dropped_total zerodha_ws_events_total zerodha_feed_gaps_total \
         zerodha_queue_depth zerodha_tick_batch_size zerodha_tick_latency_seconds",
    ),
    (
        Some(Service::BarBuilder1s),
        "bars_1s_ticks_total bars_1s_published_total bars_1s_late_ticks_total bars_1s_flush_seconds \
         bars_1s_tick_latency_seconds bars_1s_publish_latency_seconds bars_1s_open_symbols",
    ),
    (
        Some(Service::BarAggregator1m),
        "bars_1m_published_total bars_1m_revised_total bars_1m_flush_seconds bars_1m_publish_latency_seconds",
    ),
    (
        Some(Service::BarAggregator1mToMulti),
        "bar_agg_input_total bar_agg_output_3m_total bar_agg_output_5m_total bar_agg_output_15m_total \
         bar_agg_output_30m_total bar_agg_output_60m_total bar_agg_flush_seconds bar_agg_bar_latency_3m_seconds \
         bar_agg_bar_latency_5m_seconds bar_agg_bar_latency_15m_seconds bar_agg_bar_latency_30m_seconds \
         bar_agg_bar_latency_60m_seconds bar_agg_active_windows",
    ),
    (
        Some(Service::PairWatchProducer),
        "pairwatch_bars_ingested_total pairwatch_signals_emitted_total pairwatch_pair_ready pairwatch_zscore \
         pairwatch_position_state pairwatch_last_bar_staleness_seconds pairwatch_decision_seconds",
    ),
    (
        Some(Service::PairsExecutor),
        "pairs_signals_total orders_emitted_total pairs_orders_emitted_total pairs_rejects_total \
         pairs_executor_process_seconds pairs_executor_signal_lag_seconds pairs_executor_open_pairs",
    ),
    (
        Some(Service::RiskManager),
        "risk_orders_approved_total risk_orders_rejected_total risk_manager_process_seconds \
         risk_manager_order_lag_seconds risk_manager_equity_inr risk_manager_tradable_equity_inr risk_kill_switch",
    ),
    (
        Some(Service::PaperMatcher),
        "exec_orders_filled_total paper_matcher_process_seconds paper_matcher_order_lag_seconds \
         paper_matcher_working_orders",
    ),
    (
        Some(Service::ReconExporter),
        "recon_bars recon_last_run_timestamp_seconds recon_unhealed recon_explained_ratio recon_runs_total \
         recon_healed_bars_total",
    ),
];

#[test]
fn the_catalogue_holds_the_promised_names_at_their_ports_and_no_others_but_the_tapes() {
    for (service, names) in PROMISED {
        let mut promised: Vec<&str> = names.split_whitespace().collect();
        let home = service.map_or(Home::Common, Home::Of);
        let here = entries().filter(|entry| entry.home == home && !entry.name.starts_with("tape_"));
        let mut found: Vec<&str> = here.map(|entry| entry.name).collect();
        promised.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, promised, "{service:?}");
    }
    let tape = entries().filter(|entry| entry.name.starts_with("tape_"));
    assert!(tape.into_iter().all(|entry| entry.home == Home::Of(Service::Appliance)));
}

#[test]
fn a_name_stands_once_and_is_spelt_as_its_kind_is() {
    let mut seen = BTreeMap::new();
    for entry in entries() {
        assert!(seen.insert(entry.name, entry).is_none(), "{} stands twice", entry.name);
        assert_eq!(entry.kind == Kind::Counter, entry.name.ends_with("_total"), "{}", entry.name);
        assert!(entry.help.len() > 10 && !entry.help.ends_with('.'), "{}: {}", entry.name, entry.help);
        assert_eq!(entry.home == Home::Common, entry.labels.contains(&"service"), "{}", entry.name);
    }
}

fn families(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

#[test]
fn a_metric_stands_on_its_own_page_alone_and_the_common_ones_on_each() {
    let metrics = Metrics::new([]).unwrap();
    let _counted = EventMetrics::new(&metrics).unwrap();
    let mut pages: BTreeMap<&str, Vec<Service>> = BTreeMap::new();
    let texts: Vec<(Service, String)> =
        Service::ALL.iter().map(|service| (*service, metrics.page(*service).unwrap())).collect();
    for (service, text) in &texts {
        for family in families(text) {
            pages.entry(family).or_default().push(*service);
        }
    }
    for (family, services) in &pages {
        let expected = if family.starts_with("service_") { Service::ALL.len() } else { 1 };
        assert_eq!(services.len(), expected, "{family}");
    }
    let union = metrics.union().unwrap();
    let (mut all, mut each): (Vec<_>, Vec<_>) = (families(&union), pages.into_keys().collect());
    all.sort_unstable();
    each.sort_unstable();
    assert_eq!(all, each);
    let page = metrics.page(Service::RiskManager).unwrap();
    assert!(page.contains("service_up{service=\"risk_manager\"} 0"), "{page}");
    assert!(!page.contains("zerodha_ws"), "{page}");
}

#[test]
fn labels_other_than_the_catalogues_are_refused() {
    let metrics = Metrics::new([]).unwrap();
    let told = metrics.counter(CounterName::FeedGaps, &[]).err().unwrap().to_string();
    assert_eq!(told, "the metric zerodha_feed_gaps_total cannot be used so");
}

#[test]
fn symbols_that_are_not_configured_share_a_label() {
    let metrics = Metrics::new(["INFY".to_owned()]).unwrap();
    assert_eq!((metrics.symbol_label("INFY"), metrics.symbol_label("X\"Y")), ("INFY", "other"));
}

#[test]
fn the_feeds_happenings_are_counted_by_their_number_and_a_skew_once() {
    let metrics = Metrics::new([]).unwrap();
    let mut counted = EventMetrics::new(&metrics).unwrap();
    let report = |what, count| {
        let report = FeedReport { feed: FeedId(0), ts: Ts::ZERO, what, count, detail: String::new() };
        Event::Input(Input::FeedReport(Box::new(report)))
    };
    let gap = FeedGap { feed: FeedId(0), from: Ts::ZERO, to: Ts::ZERO, cause: GapCause::NoToken };
    let events = [
        report(FeedHappening::UnknownPacket, 7),
        report(FeedHappening::ClockSkew, 2_500),
        report(FeedHappening::Lost, 1),
        Event::Input(Input::FeedGap(gap)),
    ];
    for (seq, event) in (1..).map(Seq).zip(&events) {
        counted.take(seq, event).unwrap();
        counted.take(seq, event).unwrap();
    }
    let page = metrics.page(Service::ZerodhaWs).unwrap();
    for line in [
        "zerodha_ws_events_total{event=\"unknown_packet\"} 7",
        "zerodha_ticks_dropped_total{reason=\"unknown_packet\"} 7",
        "zerodha_ws_events_total{event=\"clock_skew\"} 1",
        "zerodha_ws_events_total{event=\"lost\"} 1",
        "zerodha_feed_gaps_total{reason=\"no_token\"} 1",
        "zerodha_feed_gaps_total{reason=\"disconnect\"} 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not on\n{page}");
    }
    let page = metrics.page(Service::Appliance).unwrap();
    assert!(page.contains("tape_events_total{kind=\"feed_report\"} 3"), "an event that comes twice counts once");
}
