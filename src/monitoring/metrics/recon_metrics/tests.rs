//! The projection over tapes that were written by hand.

use barkeep_schemas::{
    BarCorrection, CalendarKind, DayCalendar, EngineConfig, HealRun, InstrumentId, Price, SessionOpened,
};

use super::*;
use crate::monitoring::metrics::{EventMetrics, Service};

fn date(day: u8) -> SessionDate {
    SessionDate::from_ymd(2026, 7, day).unwrap()
}

/// A run of minutes of a day of July 2026, made `at` seconds.
fn run_of(run_id: u64, day: u8, matched: u64, differences: [u64; 4], at: i64) -> ReconRun {
    ReconRun {
        run_id: Seq(run_id),
        session_date: date(day),
        session_run: 1,
        tf: Timeframe::M1,
        symbols: vec![InstrumentId(0)],
        import: Seq(1),
        from: Ts::ZERO,
        to: Ts::ZERO,
        tolerance: "strict".to_owned(),
        compared: matched + differences.iter().sum::<u64>(),
        matched,
        differences: differences.to_vec(),
        at: Some(Ts::from_secs(at)),
    }
}

fn event(run: ReconRun) -> Event {
    Event::Input(Input::ReconRun(Box::new(run)))
}

fn run(run_id: u64, day: u8, matched: u64, differences: [u64; 4], at: i64) -> Event {
    event(run_of(run_id, day, matched, differences, at))
}

fn row(run_id: u64, cause: ReconCause) -> Event {
    Event::Input(Input::ReconDifference(Box::new(ReconDifference {
        run_id: Seq(run_id),
        session_date: date(30),
        instrument: InstrumentId(0),
        tf: Timeframe::M1,
        ts: Ts::ZERO,
        status: ReconStatus::Price,
        cause,
        internal: None,
        broker: None,
        diff_max: Price::new(0),
    })))
}

fn heal(run_id: u64) -> Event {
    Event::Input(Input::HealRun(Box::new(HealRun {
        run_id: Seq(run_id),
        recon: Seq(1),
        session_date: date(30),
        session_run: 1,
        policy: String::new(),
        corrections: 2,
        left: 0,
        reverts: None,
        at: None,
    })))
}

fn correction(action: HealAction) -> Event {
    Event::Input(Input::BarCorrection(Box::new(BarCorrection {
        run_id: Seq(1),
        session_date: date(30),
        session_run: 1,
        instrument: InstrumentId(0),
        tf: Timeframe::M1,
        start: Ts::ZERO,
        action,
        cause: None,
        before: None,
        after: None,
        revision: 1,
        source: None,
    })))
}

fn opened() -> Event {
    let (open, close) = (Ts::ZERO, Ts::from_secs(86_400));
    Event::Input(Input::SessionOpened(Box::new(SessionOpened {
        date: date(31),
        run: 1,
        behaviour: 3,
        import: None,
        calendar: DayCalendar {
            kind: CalendarKind::Nse,
            zone: "Asia/Kolkata".into(),
            name: "regular".into(),
            day_start: open,
            day_end: close,
            tradable: true,
            classes: Vec::new(),
        },
        config: EngineConfig { grace_ns: 0, ahead_ns: 0, horizon_ns: 0, reset_after_ns: 0 },
        feeds: Vec::new(),
        instruments: Vec::new(),
        opening: Vec::new(),
        desk: None,
    })))
}

/// The lines of the page that are about reconciliation, without `recon_`.
fn lines(metrics: &Metrics) -> Vec<String> {
    let page = metrics.page(Service::ReconExporter).unwrap();
    page.lines().filter_map(|line| line.strip_prefix("recon_").map(str::to_owned)).collect()
}

fn is_shown(metrics: &Metrics, line: &str) -> bool {
    lines(metrics).iter().any(|found| found.starts_with(line))
}

/// Counts events after those counted already, as a batch.
fn follow(recon: &mut ReconMetrics, events: &[Event]) {
    for (seq, event) in (recon.after.0 + 1..).map(Seq).zip(events) {
        recon.take(seq, event);
    }
    recon.settle().unwrap();
}

fn of(events: &[Event]) -> (Metrics, ReconMetrics) {
    let metrics = Metrics::new([]).unwrap();
    let mut recon = ReconMetrics::anew(&metrics);
    follow(&mut recon, events);
    (metrics, recon)
}

#[test]
fn before_the_tape_was_read_nothing_is_shown_and_then_counters_at_zero() {
    let metrics = Metrics::new([]).unwrap();
    let mut recon = ReconMetrics::anew(&metrics);
    recon.take(Seq(1), &run(1, 30, 5, [0; 4], 9));
    assert_eq!(lines(&metrics), [""; 0], "a counter on its way up is no count");
    let (metrics, recon) = of(&[]);
    assert!(!recon.has_any());
    insta::assert_snapshot!(lines(&metrics).join("\n"), @r#"
    healed_bars_total{action="insert_broker"} 0
    healed_bars_total{action="rebuild"} 0
    healed_bars_total{action="revert"} 0
    healed_bars_total{action="take_broker"} 0
    runs_total{result="cut_off"} 0
    runs_total{result="differences"} 0
    runs_total{result="matched"} 0
    "#);
}

#[test]
fn a_run_is_shown_once_all_that_it_found_is_there() {
    let (metrics, mut recon) = of(&[run(7, 30, 96, [1, 0, 2, 1], 1_000), row(7, ReconCause::FeedGap)]);
    assert!(recon.has_any());
    assert!(!is_shown(&metrics, "bars{") && !is_shown(&metrics, "explained_ratio"));
    follow(&mut recon, &[row(6, ReconCause::FeedGap), row(7, ReconCause::Auction), row(7, ReconCause::Unexplained)]);
    assert!(is_shown(&metrics, "runs_total{result=\"differences\"} 0"), "a row is missing");
    follow(&mut recon, &[row(7, ReconCause::LateTicks), row(7, ReconCause::LateTicks)]);
    insta::assert_snapshot!(lines(&metrics).join("\n"), @r#"
    bars{status="matched"} 96
    bars{status="missing_broker"} 0
    bars{status="missing_internal"} 1
    bars{status="price"} 2
    bars{status="volume"} 1
    explained_ratio 0.75
    healed_bars_total{action="insert_broker"} 0
    healed_bars_total{action="rebuild"} 0
    healed_bars_total{action="revert"} 0
    healed_bars_total{action="take_broker"} 0
    last_run_timestamp_seconds 1000
    runs_total{result="cut_off"} 0
    runs_total{result="differences"} 1
    runs_total{result="matched"} 0
    unhealed 4
    "#);
}

#[test]
fn where_all_match_no_share_is_explained() {
    let (metrics, mut recon) = of(&[run(7, 30, 9, [0, 0, 1, 0], 1_000), row(7, ReconCause::FeedGap)]);
    assert!(is_shown(&metrics, "explained_ratio 1"));
    follow(&mut recon, &[run(9, 30, 10, [0; 4], 2_000)]);
    assert!(is_shown(&metrics, "unhealed 0") && is_shown(&metrics, "last_run_timestamp_seconds 2000"));
    assert!(is_shown(&metrics, "runs_total{result=\"matched\"} 1") && !is_shown(&metrics, "explained_ratio"));
}

#[test]
fn an_old_date_an_old_session_and_coarser_bars_hide_nothing() {
    let (metrics, mut recon) = of(&[event(ReconRun { session_run: 2, ..run_of(7, 30, 10, [0; 4], 1_000) })]);
    follow(&mut recon, &[run(8, 29, 20, [0; 4], 2_000), run(9, 30, 30, [0; 4], 3_000)]);
    let coarse = ReconRun { session_run: 2, tf: Timeframe::M5, ..run_of(10, 30, 40, [0; 4], 4_000) };
    follow(&mut recon, &[event(coarse)]);
    assert!(is_shown(&metrics, "bars{status=\"matched\"} 10"), "{:?}", lines(&metrics));
    assert!(is_shown(&metrics, "last_run_timestamp_seconds 1000"));
    assert!(is_shown(&metrics, "runs_total{result=\"matched\"} 4"), "all are counted");
    follow(&mut recon, &[event(ReconRun { at: None, ..run_of(11, 31, 50, [0; 4], 0) })]);
    assert!(is_shown(&metrics, "bars{status=\"matched\"} 50"));
    assert!(!is_shown(&metrics, "last_run_timestamp_seconds"), "the run does not say when");
}

#[test]
fn who_looks_at_less_or_without_tolerance_takes_no_difference_away() {
    let (metrics, mut recon) = of(&[event(ReconRun { tolerance: String::new(), ..run_of(7, 30, 90, [0; 4], 1_000) })]);
    let later = |tolerance: &str, matched| {
        event(ReconRun { tolerance: tolerance.to_owned(), ..run_of(8, 30, matched, [0; 4], 2_000) })
    };
    follow(&mut recon, &[later("", 80)]);
    assert!(is_shown(&metrics, "bars{status=\"matched\"} 90"), "fewer than nine tenths of the bars");
    follow(&mut recon, &[later("strict", 90)]);
    assert!(is_shown(&metrics, "last_run_timestamp_seconds 1000"), "strict is another question");
    follow(&mut recon, &[later("", 81)]);
    assert!(is_shown(&metrics, "bars{status=\"matched\"} 81"));
}

#[test]
fn a_run_that_was_cut_off_counts_when_the_next_begins_and_is_never_shown() {
    let begun = [run(7, 30, 9, [0, 0, 2, 0], 1_000), row(7, ReconCause::FeedGap)];
    for next in [run(8, 29, 10, [0; 4], 2_000), heal(8)] {
        let (metrics, mut recon) = of(&begun);
        assert!(is_shown(&metrics, "runs_total{result=\"cut_off\"} 0"));
        follow(&mut recon, &[next, row(7, ReconCause::FeedGap)]);
        assert!(is_shown(&metrics, "runs_total{result=\"cut_off\"} 1"));
        assert!(is_shown(&metrics, "runs_total{result=\"differences\"} 0"));
        assert!(!is_shown(&metrics, "bars{status=\"matched\"} 9"));
    }
}

/// A tape of two sessions, with runs of all results and corrections of all actions.
fn history() -> Vec<Event> {
    let mut events = vec![
        opened(),
        run(1, 30, 9, [0, 0, 2, 0], 1_000),
        row(1, ReconCause::FeedGap),
        row(1, ReconCause::Unexplained),
        heal(4),
    ];
    events.extend(HealAction::ALL.iter().map(|action| correction(*action)));
    events.extend([
        correction(HealAction::Rebuild),
        run(10, 30, 10, [0, 0, 0, 1], 2_000),
        row(10, ReconCause::Auction),
    ]);
    events.extend([opened(), run(13, 30, 0, [9, 0, 0, 0], 3_000), row(13, ReconCause::FeedGap)]);
    events.extend([run(14, 29, 11, [0; 4], 4_000), opened()]);
    events
}

#[test]
fn read_from_the_tape_and_followed_in_any_batches_the_numbers_are_the_same() {
    let events = history();
    let (metrics, _) = of(&events);
    let expected = lines(&metrics);
    assert!(expected.contains(&"healed_bars_total{action=\"rebuild\"} 2".to_owned()), "{expected:?}");
    assert!(expected.contains(&"explained_ratio 1".to_owned()), "{expected:?}");
    assert!(expected.contains(&"last_run_timestamp_seconds 2000".to_owned()), "{expected:?}");
    let numbered = || (1..).map(Seq).zip(&events);
    for cut in 0..=events.len() {
        let metrics = Metrics::new([]).unwrap();
        let mut recon = ReconMetrics::anew(&metrics);
        // The scan lets other kinds out.
        for (seq, event) in numbered().take(cut).filter(|(_, event)| ReconMetrics::KINDS.contains(&event.kind())) {
            recon.take(seq, event);
        }
        recon.settle().unwrap();
        // What was read comes once more.
        for (seq, event) in numbered().skip(cut.saturating_sub(3)) {
            recon.take(seq, event);
            recon.settle().unwrap();
        }
        assert_eq!(lines(&metrics), expected, "read up to {cut}");
    }
}

#[test]
fn no_session_resets_it_and_beginning_anew_counts_nothing_twice() {
    let metrics = Metrics::new([]).unwrap();
    let (mut session, mut recon) = (EventMetrics::new(&metrics).unwrap(), ReconMetrics::anew(&metrics));
    let play = |session: &mut EventMetrics, recon: &mut ReconMetrics| {
        for (seq, event) in (1..).map(Seq).zip(history()) {
            session.take(seq, &event).unwrap();
            recon.take(seq, &event);
            session.settle();
            recon.settle().unwrap();
        }
    };
    play(&mut session, &mut recon);
    let expected = lines(&of(&history()).0);
    assert_eq!(lines(&metrics), expected);
    let _anew = EventMetrics::anew(&metrics).unwrap();
    assert_eq!(lines(&metrics), expected);
    let mut again = ReconMetrics::anew(&metrics);
    assert_eq!(lines(&metrics), [""; 0]);
    play(&mut session, &mut again);
    assert_eq!(lines(&metrics), expected);
}

#[test]
fn numbers_that_no_writer_of_ours_makes_are_taken_as_they_are() {
    let odd = ReconRun { differences: vec![u64::MAX; 7], ..run_of(1, 30, 0, [0; 4], 0) };
    let (metrics, mut recon) = of(&[event(odd), row(1, ReconCause::FeedGap)]);
    follow(&mut recon, &[event(ReconRun { differences: Vec::new(), ..run_of(2, 30, 3, [0; 4], 1) })]);
    assert!(is_shown(&metrics, "runs_total{result=\"cut_off\"} 1") && is_shown(&metrics, "unhealed 0"));
}
