//! Metrics that follow from the tape: the same whether counted as events become durable or from a scan, and equal to a
//! plain count.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects"
)]

mod stage;

use std::collections::BTreeMap;
use std::time::Duration;

use barkeep::monitoring::metrics::catalogue::{Origin, entries};
use barkeep::monitoring::metrics::{EventMetrics, Metrics, Service};
use barkeep::orchestrator::pairs_paper_entry::{Clock, MetricsFollower};
use barkeep_schemas::{Derived, Event, Input, OrderStatus, PairState, Seq, Side, SignalAction, Timeframe, Ts, Verdict};
use barkeep_storage::{Committer, DataDir, Delivery, Filter, Tape, Writer};
use stage::desk::traded;
use stage::{Stage, day, write_ticks};

/// An imported day with late ticks, as it lies on the tape, traded.
fn recorded() -> (Stage, Vec<(Seq, Event)>) {
    let stage = Stage::new();
    write_ticks(&day(3, 12), &stage.path("ticks.csv"));
    stage.expect(0, "import ticks.csv --kind ticks");
    let tape = Tape::open(&DataDir::new(stage.path("data"))).expect("the tape");
    let events: Vec<_> = tape.scan(Seq::FIRST, None, &Filter::ALL).map(|event| event.expect("an event")).collect();
    (stage, traded(&events))
}

/// The lines of all metrics that follow from the tape.
fn tape_lines(metrics: &Metrics) -> Vec<String> {
    let names: Vec<&str> = entries().filter(|entry| entry.origin == Origin::Tape).map(|entry| entry.name).collect();
    let union = metrics.union().expect("a page");
    let of_tape = |line: &&str| names.iter().any(|name| line.starts_with(name));
    union.lines().filter(of_tape).map(str::to_owned).collect()
}

fn symbols() -> [String; 2] {
    ["HDFCBANK".to_owned(), "ICICIBANK".to_owned()]
}

fn scanned(events: &[(Seq, Event)]) -> Metrics {
    let metrics = Metrics::new(symbols()).expect("metrics");
    let mut counted = EventMetrics::new(&metrics).expect("handles");
    for (seq, event) in events {
        counted.take(*seq, event).expect("counted");
    }
    counted.settle();
    metrics
}

/// Where an input begins, so that a batch may be cut there.
fn cuts(events: &[(Seq, Event)], step: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = (step..events.len()).step_by(step).collect();
    for cut in &mut cuts {
        while *cut < events.len() && matches!(events[*cut].1, Event::Derived(_)) {
            *cut += 1;
        }
    }
    cuts.push(events.len());
    cuts.dedup();
    cuts
}

/// Writes the events again, in other batches, and counts them as they become durable.
fn live(events: &[(Seq, Event)], step: usize) -> Metrics {
    let dir = DataDir::in_memory();
    let mut writer = Writer::open(&dir, "test").expect("a writer");
    let Event::Input(Input::SessionOpened(opened)) =
        &events.iter().find(|(_, event)| matches!(event, Event::Input(Input::SessionOpened(_)))).expect("a session").1
    else {
        panic!("no session")
    };
    writer.begin_segment(opened.date).expect("a segment");
    let mut committer = Committer::start(writer).expect("a thread");
    let mut follower = committer.publisher().follow(Seq(0), 4);
    let timed = Metrics::new([]).expect("metrics");
    timed.time_commits(committer.publisher()).expect("handles");
    let following = std::thread::spawn(move || {
        let metrics = Metrics::new(symbols()).expect("metrics");
        let mut counted = EventMetrics::new(&metrics).expect("handles");
        loop {
            match follower.next(Duration::from_secs(5)).expect("the tape can be read") {
                Delivery::Batch(batch) => {
                    for (seq, event) in batch.iter() {
                        counted.take(seq, event).expect("counted");
                    }
                }
                Delivery::Nothing => {}
                Delivery::Ended => break,
            }
        }
        counted.settle();
        metrics
    });
    let mut from = 0;
    for cut in cuts(events, step) {
        committer.submit(events[from..cut].iter().map(|(_, event)| event.clone()).collect()).expect("submitted");
        from = cut;
    }
    committer.finish().expect("durable").close().expect("closed");
    let page = timed.page(Service::Appliance).expect("a page");
    for name in ["tape_append_seconds_count", "tape_sync_seconds_count", "tape_commit_seconds_count"] {
        assert!(page.contains(&format!("{name} {}\n", cuts(events, step).len())), "{page}");
    }
    assert!(!page.contains("tape_bytes_total 0\n") && !page.contains("tape_blocks_total 0\n"), "{page}");
    following.join().expect("the follower")
}

#[test]
fn counted_live_in_any_batches_and_from_a_scan_the_metrics_of_the_tape_are_equal() {
    let (_stage, events) = recorded();
    let expected = tape_lines(&scanned(&events));
    assert!(expected.len() > 200, "{expected:?}");
    for step in [61, 4_096] {
        assert_eq!(tape_lines(&live(&events, step)), expected, "batches of {step}");
    }
}

#[test]
fn a_daemon_that_starts_in_the_middle_of_a_session_counts_it_from_its_beginning() {
    let (_stage, events) = recorded();
    let expected = tape_lines(&scanned(&events));
    let dir = DataDir::in_memory();
    let date = events.iter().find_map(|(_, event)| match event {
        Event::Input(Input::SessionOpened(opened)) => Some(opened.date),
        Event::Input(_) | Event::Derived(_) => None,
    });
    let cuts = cuts(&events, events.len() / 5);
    let write = |committer: &mut Committer, from: usize, to: usize| {
        committer.submit(events[from..to].iter().map(|(_, event)| event.clone()).collect()).expect("submitted");
    };
    let mut writer = Writer::open(&dir, "test").expect("a writer");
    writer.begin_segment(date.expect("a session")).expect("a segment");
    let mut committer = Committer::start(writer).expect("a thread");
    write(&mut committer, 0, cuts[0]);
    write(&mut committer, cuts[0], cuts[1]);
    // Killed and begun anew, with and without what was counted before.
    let metrics = Metrics::new(symbols()).expect("metrics");
    committer.flush().expect("durable");
    let clock = || Clock::new(|| Ts::ZERO);
    let first = MetricsFollower::start(&dir, committer.publisher(), &metrics, clock()).expect("a thread");
    write(&mut committer, cuts[1], cuts[2]);
    committer.finish().expect("durable").close().expect("closed");
    first.join();
    assert!(!metrics.is_held());
    let mut committer = Committer::start(Writer::open(&dir, "test").expect("a writer")).expect("a thread");
    let second = MetricsFollower::start(&dir, committer.publisher(), &metrics, clock()).expect("a thread");
    for pair in cuts[2..].windows(2) {
        write(&mut committer, pair[0], pair[1]);
    }
    committer.finish().expect("durable").close().expect("closed");
    second.join();
    assert_eq!(tape_lines(&metrics), expected);
}

#[test]
fn a_second_session_begins_at_zero() {
    let (_stage, events) = recorded();
    let metrics = Metrics::new(symbols()).expect("metrics");
    let mut counted = EventMetrics::new(&metrics).expect("handles");
    let mut seqs = (1..).map(Seq);
    for _ in 0..2 {
        for ((_, event), seq) in events.iter().zip(&mut seqs) {
            counted.take(seq, event).expect("counted");
        }
        counted.settle();
    }
    // What comes before a session's opening in its segment belongs to no session.
    assert_eq!(tape_lines(&metrics), tape_lines(&scanned(&events)));
}

#[test]
fn the_counters_are_what_a_plain_count_gives() {
    let (_stage, events) = recorded();
    let metrics = scanned(&events);
    let value = |service, line: &str| -> u64 {
        let page = metrics.page(service).expect("a page");
        let found = page.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' ')).map(str::to_owned);
        found.unwrap_or_else(|| panic!("{line} is not on\n{page}")).parse().expect("a whole number")
    };
    let count = |holds: &dyn Fn(&Event) -> bool| events.iter().filter(|(_, event)| holds(event)).count() as u64;
    let ticks = count(&|event| matches!(event, Event::Input(Input::Tick(_))));
    assert_eq!(value(Service::BarBuilder1s, "bars_1s_ticks_total"), ticks);
    assert_eq!(value(Service::Appliance, "tape_events_total{kind=\"tick\"}"), ticks);
    let mut by_symbol: BTreeMap<&str, u64> = BTreeMap::new();
    let mut names: BTreeMap<u32, &str> = BTreeMap::new();
    for (_, event) in &events {
        match event {
            Event::Input(Input::InstrumentListed(listed)) => drop(names.insert(listed.id.0, listed.symbol.as_str())),
            Event::Input(Input::SessionOpened(opened)) => {
                names.extend(opened.instruments.iter().map(|listed| (listed.id.0, listed.symbol.as_str())));
            }
            Event::Input(Input::Tick(tick)) => {
                let name = names[&tick.instrument.0];
                let label = if symbols().iter().any(|known| known == name) { name } else { "other" };
                *by_symbol.entry(label).or_default() += 1;
            }
            Event::Input(_) | Event::Derived(_) => {}
        }
    }
    assert_eq!(by_symbol.len(), 3, "two symbols are configured");
    for (label, expected) in by_symbol {
        let line = format!("zerodha_ticks_received_total{{symbol=\"{label}\"}}");
        assert_eq!(value(Service::ZerodhaWs, &line), expected);
    }
    let bars = |tf| count(&|event| matches!(event, Event::Derived(Derived::Bar(bar)) if bar.tf == tf));
    assert_eq!(value(Service::BarBuilder1s, "bars_1s_published_total"), bars(Timeframe::S1));
    assert_eq!(value(Service::BarAggregator1m, "bars_1m_published_total"), bars(Timeframe::M1));
    assert_eq!(value(Service::BarAggregator1mToMulti, "bar_agg_input_total"), bars(Timeframe::M1));
    assert_eq!(value(Service::BarAggregator1mToMulti, "bar_agg_output_15m_total"), bars(Timeframe::M15));
    let revised = count(
        &|event| matches!(event, Event::Derived(Derived::Bar(bar)) if bar.tf == Timeframe::M1 && bar.revision > 0),
    );
    assert_eq!(value(Service::BarAggregator1m, "bars_1m_revised_total"), revised);
    // Each revision of a second is of at least one late tick.
    let revisions = count(
        &|event| matches!(event, Event::Derived(Derived::Bar(bar)) if bar.tf == Timeframe::S1 && bar.revision > 0),
    );
    let late = value(Service::BarBuilder1s, "bars_1s_late_ticks_total");
    assert!(revisions > 0 && late >= revisions, "{late} late ticks, {revisions} revisions");
    for tf in ["3", "60"] {
        let line = format!("bar_agg_active_windows{{tf=\"{tf}\"}}");
        assert_eq!(value(Service::BarAggregator1mToMulti, &line), 0, "the session is closed");
    }
    assert_eq!(value(Service::BarBuilder1s, "bars_1s_open_symbols"), 0, "the session is closed");
}

#[test]
fn in_the_middle_of_a_session_what_is_open_is_what_closes_later() {
    let (_stage, events) = recorded();
    let marks: Vec<usize> =
        (0..events.len()).filter(|place| matches!(events[*place].1, Event::Input(Input::ClockMark(_)))).collect();
    let middle = marks[marks.len() / 2];
    let end = (middle + 1..events.len()).find(|place| matches!(events[*place].1, Event::Input(_))).unwrap();
    let metrics = scanned(&events[..end]);
    let page = metrics.page(Service::BarAggregator1mToMulti).expect("a page");
    let shown = |tf: &str| -> usize {
        let line = format!("bar_agg_active_windows{{tf=\"{tf}\"}} ");
        page.lines().find_map(|found| found.strip_prefix(&line)).expect("a line").parse().expect("a number")
    };
    for (name, tf) in [("15", Timeframe::M15), ("60", Timeframe::M60)] {
        let mut minutes: BTreeMap<u32, i64> = BTreeMap::new();
        for (_, event) in &events[..end] {
            if let Event::Derived(Derived::Bar(bar)) = event
                && bar.tf == Timeframe::M1
            {
                let newest = minutes.entry(bar.instrument.0).or_insert(i64::MIN);
                *newest = bar.start.get().max(*newest);
            }
        }
        // A window that holds the newest minute and is first published later was open.
        let open = minutes.iter().filter(|(instrument, minute)| {
            events[end..].iter().any(|(_, event)| {
                matches!(event, Event::Derived(Derived::Bar(bar)) if bar.tf == tf && bar.revision == 0
                    && bar.instrument.0 == **instrument
                    && (bar.start.get()..bar.start.get() + tf.nanos()).contains(*minute))
            })
        });
        assert_eq!(shown(name), open.count(), "{name} minutes");
    }
}

/// The derived events of a kind.
fn derived<'a, T>(events: &'a [(Seq, Event)], of: impl Fn(&'a Derived) -> Option<T>) -> Vec<T> {
    let derived = events.iter().filter_map(|(_, event)| match event {
        Event::Derived(derived) => Some(derived),
        Event::Input(_) => None,
    });
    derived.filter_map(of).collect()
}

#[test]
fn the_desks_metrics_are_what_a_plain_count_gives() {
    let (_stage, events) = recorded();
    let metrics = scanned(&events);
    let page = metrics.union().expect("a page");
    let show = |line: &str, value: f64| {
        let expected = format!("{line} {value}");
        assert!(page.lines().any(|found| found == expected), "{expected} is not on\n{page}");
    };
    let signals = derived(&events, |derived| if let Derived::Signal(of) = derived { Some(of) } else { None });
    let orders = derived(&events, |derived| if let Derived::OrderCreated(of) = derived { Some(of) } else { None });
    let decisions = derived(&events, |derived| if let Derived::RiskDecision(of) = derived { Some(of) } else { None });
    let moves = derived(&events, |derived| if let Derived::OrderMoved(of) = derived { Some(of) } else { None });
    let refused = derived(&events, |derived| if let Derived::EntryRefused(of) = derived { Some(of) } else { None });
    let marks = derived(&events, |derived| if let Derived::PairMark(of) = derived { Some(of) } else { None });
    let equity = derived(&events, |derived| if let Derived::EquityMark(of) = derived { Some(of) } else { None });
    let count = |count: usize| count as f64;
    assert!(signals.len() > 20 && orders.len() > 20, "{} signals, {} orders", signals.len(), orders.len());
    let exits = signals.iter().filter(|signal| signal.action == SignalAction::Exit).count();
    show("pairs_signals_total{action=\"exit\"}", count(exits));
    let own = signals.iter().filter(|signal| signal.pair.0 == 0 && signal.action == SignalAction::Exit).count();
    show("pairwatch_signals_emitted_total{action=\"exit\",pair_id=\"HDFCBANK_ICICIBANK_1m\",tf=\"1\"}", count(own));
    show("orders_emitted_total{strategy=\"pairs\"}", count(orders.len()));
    let allowed = decisions.iter().filter(|of| of.verdict != Verdict::Rejected && of.order.pair.0 == 0).count();
    show("risk_orders_approved_total{bucket=\"LOW\"}", count(allowed));
    let throttled = refused.iter().filter(|of| of.reason.name() == "symbol_throttle").count();
    show("pairs_rejects_total{reason=\"symbol_throttle\"}", count(throttled));
    let bought = |order| orders.iter().any(|of| of.id == order && of.side == Side::Buy);
    let filled = moves.iter().filter(|of| of.to == OrderStatus::Filled && bought(of.order)).count();
    assert!(filled > 5, "{filled} orders to buy were filled");
    show("exec_orders_filled_total{side=\"BUY\"}", count(filled));
    // A session that was closed.
    show("paper_matcher_working_orders", 0.0);
    show("pairs_executor_open_pairs", 0.0);
    let z = marks.iter().rfind(|mark| mark.pair.0 == 1).and_then(|mark| mark.z).expect("a z").get();
    show("pairwatch_zscore{pair_id=\"INFY_HDFCBANK_1m\",tf=\"1\"}", z);
    show("pairwatch_pair_ready{pair_id=\"INFY_HDFCBANK_1m\",tf=\"1\"}", 1.0);
    show("risk_kill_switch{scope=\"global\"}", 0.0);
    let last = equity.iter().rfind(|mark| mark.scope.bucket().is_none()).expect("a mark");
    show("risk_manager_equity_inr", last.equity.expect("all prices are known").get() as f64 / 1e8);
}

#[test]
fn what_the_desk_does_not_know_is_absent_and_not_zero() {
    let (_stage, events) = recorded();
    let metrics = scanned(&[]);
    let shown = |name: &str| metrics.union().expect("a page").lines().any(|line| line.starts_with(name));
    let absent = ["pairwatch_zscore", "pairwatch_last_bar_staleness_seconds", "risk_manager_equity_inr"];
    assert!(!absent.iter().any(|name| shown(name)), "before a session");
    let mut counted = EventMetrics::new(&metrics).expect("handles");
    let mut states = BTreeMap::new();
    for (seq, event) in &events {
        counted.take(*seq, event).expect("counted");
        match event {
            Event::Derived(Derived::PairMoved(moved)) => {
                states.insert(moved.pair, moved.to);
                let busy = states.values().filter(|state| **state != PairState::Flat).count();
                let line = format!("pairs_executor_open_pairs {busy}");
                assert!(metrics.page(Service::PairsExecutor).expect("a page").contains(&line), "{line}");
            }
            Event::Derived(Derived::EquityMark(mark)) if mark.scope.bucket().is_none() => {
                assert_eq!(shown("risk_manager_equity_inr "), mark.equity.is_some());
            }
            Event::Derived(Derived::PairMark(mark)) if mark.pair.0 == 0 => {
                assert_eq!(shown("pairwatch_zscore{pair_id=\"HDFCBANK_ICICIBANK_1m\""), mark.z.is_some());
            }
            Event::Input(_) | Event::Derived(_) => {}
        }
    }
}
