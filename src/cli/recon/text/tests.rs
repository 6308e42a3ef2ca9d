//! The text of a report, as it is read.

use barkeep_schemas::{ReconCause, ReconStatus, Seq, SessionDate, Timeframe, Ts};

use super::*;
use crate::monitoring::daily_recon::{CauseCount, ClassCount, Exact, GapCount, Heat, HeatLine};

fn side(prices: [i64; 4], volume: i64) -> Option<Side> {
    let [open, high, low, close] = prices.map(|price| Price::new(price * 100));
    Some(Side { open, high, low, close, volume: Qty::new(volume) })
}

fn minute(minute: i64) -> Ts {
    Ts::from_secs(1_622_778_300 + minute * 60)
}

fn row(symbol: &str, at: i64, status: ReconStatus, internal: Option<Side>, broker: Option<Side>) -> WorstRow {
    let both = internal.is_some() && broker.is_some();
    WorstRow {
        symbol: symbol.to_owned(),
        ts: minute(at),
        status,
        cause: ReconCause::Unexplained,
        internal,
        broker,
        diff_max: if both { Price::new(9_500) } else { Price::ZERO },
        price_error_bp: if both { 6.257 } else { 0.0 },
    }
}

fn symbol(name: &str, missing: u64, price: u64) -> SymbolReport {
    SymbolReport {
        symbol: name.to_owned(),
        compared: 120,
        matched: 120 - missing - price,
        missing_internal: missing,
        missing_broker: 0,
        price,
        volume: 0,
        price_error_bp: if price == 0 { 0.0 } else { 6.257 },
        causes: [(missing, ReconCause::FeedGap), (price, ReconCause::Unexplained)]
            .into_iter()
            .filter(|(bars, _)| *bars > 0)
            .map(|(bars, cause)| CauseCount { cause, bars })
            .collect(),
    }
}

fn missing(symbol: &str, status: ReconStatus, first: i64, bars: u64) -> MissingRun {
    let (from, to) = (minute(first), minute(first + bars as i64 - 1));
    MissingRun { symbol: symbol.to_owned(), status, from, to, bars }
}

/// What the command would tell of a report.
fn told(report: Report) -> String {
    super::report(&Outcome {
        report,
        differences: Vec::new(),
        rejected: Vec::new(),
        notes: Vec::new(),
        flags: Flags::default(),
        whole: true,
    })
}

fn found() -> Report {
    Report {
        run_id: Seq(48_211),
        date: SessionDate::from_ymd(2021, 6, 4).unwrap(),
        compared: 240,
        matched: 238,
        missing_internal: 1,
        missing_broker: 0,
        price: 1,
        volume: 0,
        explained: 0,
        healed: 0,
        seconds: 0.25,
        source: "bars.csv".to_owned(),
        tf: Timeframe::M1,
        rejected: 1,
        exact: Exact { open: 229, high: 238, low: 232, close: 230, volume: 0, ohlc: 220, of: 239 },
        inside_range: 239,
        volume_internal: 4_012_345,
        volume_broker: 4_012_400,
        unhealed: 2,
        imported: 0,
        price_error_bp: 6.257,
        tolerance: "price=1tick,3bp;volume=3%,100".to_owned(),
        from: Ts::from_secs(1_622_777_820),
        to: Ts::from_secs(1_622_785_440),
        symbols: vec![symbol("HDFCBANK", 1, 1), symbol("ICICIBANK", 0, 0)],
        run: Some(1),
        explained_ratio: Some(0.0),
        causes: vec![CauseCount { cause: ReconCause::Unexplained, bars: 2 }],
        classes: Vec::new(),
        gaps: Vec::new(),
        heat: Heat::default(),
        missing: vec![missing("HDFCBANK", ReconStatus::MissingInternal, -8, 1)],
        worst: vec![
            row("HDFCBANK", -8, ReconStatus::MissingInternal, None, side([151_600; 4], 25_096)),
            row(
                "HDFCBANK",
                0,
                ReconStatus::Price,
                side([151_745, 151_985, 151_100, 151_800], 69_546),
                side([151_840, 151_985, 151_100, 151_800], 69_600),
            ),
        ],
    }
}

#[test]
fn a_report_with_differences_reads_so() {
    let outcome = Outcome {
        report: found(),
        differences: Vec::new(),
        rejected: vec!["bars.csv, line 7, column open: the price `x` is not a number".to_owned()],
        notes: vec!["--from reaches outside: the file holds 09:07 to 11:14".to_owned()],
        flags: Flags { run: Some(1), data_dir: Some("my tape".to_owned()) },
        whole: true,
    };
    insta::assert_snapshot!(super::report(&outcome), @r"
    Reconciliation of 2021-06-04 run 1, 1m bars
      broker's   bars.csv, rejected rows: 1
      ours       the tape up to seq 48211
      starts     2021-06-04 09:07:00 to 11:14:00 IST
      tolerance  price=1tick,3bp;volume=3%,100
      note       --from reaches outside: the file holds 09:07 to 11:14
      rejected:  bars.csv, line 7, column open: the price `x` is not a number

       outcome           bars  which are
       compared           240  on either side
       matched            238  99.2% (238 of 240) within tolerance
       missing_internal     1  the broker's, and not ours
       missing_broker       0  ours, and not the broker's
       price                1  on both sides, a price outside tolerance
       volume               0  on both sides, the volume outside tolerance
       unhealed             2  outside tolerance and not healed

       on both sides  exactly equal
       open           95.8% (229 of 239)
       high           99.6% (238 of 239)
       low            97.1% (232 of 239)
       close          96.2% (230 of 239)
       volume         0.0% (0 of 239)
       range inside   100.0% (239 of 239) the broker's range
       shares         4,012,345 ours, 4,012,400 the broker's, 99.999%
       worst price    6.26 bp off

       symbol     compared  matched   missing  missing  price  volume  worst bp
                                     internal   broker
       HDFCBANK        120      118         1        0      1       0      6.26
       ICICIBANK       120      120         0        0      0       0      0.00

       cause        bars  which means
       unexplained     2  no cause is known: look here first

    Causes by symbol
        HDFCBANK: 1 feed_gap, 1 unexplained

    Worst rows: 2 of 2, times in IST
      HDFCBANK 09:07, 1 bar missing on our side
                    open     high      low    close  volume
      HDFCBANK 09:15: price, 6.26 bp off
       ours      1517.45  1519.85  1511.00  1518.00  69,546
       broker's  1518.40  1519.85  1511.00  1518.00  69,600
       apart       -0.95     0.00     0.00     0.00     -54

    Found: 2 of 240 bars outside tolerance and not healed.
    Advice: look at the worst rows above, ours against the broker's.
    Next:
      barkeep heal --date 2021-06-04 --run 1 --data-dir 'my tape'
      barkeep explain bar HDFCBANK '2021-06-04 09:15' --run 1 --data-dir 'my tape'
      barkeep export --kind recon --date 2021-06-04 --run 1 --out recon.csv --data-dir 'my tape'
    ");
}

#[test]
fn no_line_of_a_report_is_wider_than_eighty_columns() {
    for line in told(found()).lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn a_report_without_differences_is_short() {
    let fine = Report {
        compared: 120,
        matched: 120,
        missing_internal: 0,
        price: 0,
        rejected: 0,
        unhealed: 0,
        exact: Exact { open: 120, high: 120, low: 120, close: 120, volume: 120, ohlc: 120, of: 120 },
        inside_range: 120,
        volume_internal: 0,
        volume_broker: 0,
        price_error_bp: 0.0,
        tolerance: "strict".to_owned(),
        symbols: vec![symbol("HDFCBANK", 0, 0)],
        worst: Vec::new(),
        missing: Vec::new(),
        imported: 3,
        run: None,
        ..found()
    };
    insta::assert_snapshot!(told(fine), @r"
    Reconciliation of 2021-06-04, 1m bars
      broker's   bars.csv, rejected rows: 0
      ours       the tape up to seq 48211, imported bars: 3
      starts     2021-06-04 09:07:00 to 11:14:00 IST
      tolerance  strict

       outcome           bars  which are
       compared           120  on either side
       matched            120  100.0% (120 of 120) within tolerance
       missing_internal     0  the broker's, and not ours
       missing_broker       0  ours, and not the broker's
       price                0  on both sides, a price outside tolerance
       volume               0  on both sides, the volume outside tolerance
       unhealed             0  outside tolerance and not healed

       on both sides  exactly equal
       open           100.0% (120 of 120)
       high           100.0% (120 of 120)
       low            100.0% (120 of 120)
       close          100.0% (120 of 120)
       volume         100.0% (120 of 120)
       range inside   100.0% (120 of 120) the broker's range
       shares         0 ours, 0 the broker's
       worst price    0.00 bp off

    Fine: all 120 bars match within tolerance. Nothing to do.
    ");
}

#[test]
fn where_nothing_is_on_both_sides_nothing_is_said_of_both_sides() {
    let lacking = |name: &str, bars| SymbolReport { compared: bars, matched: 0, ..symbol(name, bars, 0) };
    let alone = Report {
        compared: 20,
        matched: 0,
        missing_internal: 20,
        price: 0,
        unhealed: 20,
        exact: Exact::default(),
        inside_range: 0,
        volume_internal: 0,
        volume_broker: 0,
        price_error_bp: 0.0,
        symbols: vec![lacking("INFY", 5), lacking("SBIN", 15)],
        worst: vec![row("SBIN", 0, ReconStatus::MissingInternal, None, side([151_600; 4], 25_096))],
        missing: vec![
            missing("SBIN", ReconStatus::MissingInternal, 0, 15),
            missing("INFY", ReconStatus::MissingInternal, 3, 5),
        ],
        ..found()
    };
    insta::assert_snapshot!(told(alone), @r"
    Reconciliation of 2021-06-04 run 1, 1m bars
      broker's   bars.csv, rejected rows: 1
      ours       the tape up to seq 48211
      starts     2021-06-04 09:07:00 to 11:14:00 IST
      tolerance  price=1tick,3bp;volume=3%,100

       outcome           bars  which are
       compared            20  on either side
       matched              0  0.0% (0 of 20) within tolerance
       missing_internal    20  the broker's, and not ours
       missing_broker       0  ours, and not the broker's
       price                0  on both sides, a price outside tolerance
       volume               0  on both sides, the volume outside tolerance
       unhealed            20  outside tolerance and not healed

       symbol  compared  matched   missing  missing  price  volume  worst bp
                                  internal   broker
       INFY           5        0         5        0      0       0         -
       SBIN          15        0        15        0      0       0         -

       cause        bars  which means
       unexplained     2  no cause is known: look here first

    Causes by symbol
        SBIN: 15 feed_gap
        INFY: 5 feed_gap

    Worst rows: 20 of 20, times in IST
      SBIN 09:15 to 09:29, 15 bars missing on our side
      INFY 09:18 to 09:22, 5 bars missing on our side

    Found: 20 of 20 bars outside tolerance and not healed.
    Advice: check --date, --tz, --tf and the symbol: no bar is on both sides.
    Next:
      barkeep export --kind recon --date 2021-06-04 --out recon.csv
    ");
}

#[test]
fn missing_bars_take_a_line_a_stretch_and_the_sides_take_turns() {
    let many = |status| (0..10).map(move |n| missing("SBIN", status, n * 9, 10 - n as u64));
    let shown = |ours: usize, theirs: usize, most| {
        let missing: Vec<MissingRun> = many(ReconStatus::MissingInternal)
            .take(ours)
            .chain(many(ReconStatus::MissingBroker).take(theirs))
            .collect();
        let of = |status| longest(&missing, most).iter().filter(|run| run.status == status).count();
        (of(ReconStatus::MissingInternal), of(ReconStatus::MissingBroker))
    };
    assert_eq!(shown(10, 10, 10), (5, 5));
    assert_eq!(shown(10, 2, 10), (8, 2));
    assert_eq!(shown(1, 10, 10), (1, 9));
    assert_eq!(shown(10, 10, 1), (1, 0));
    let one_day = Days::of(minute(0), minute(1));
    let line = |run: &MissingRun, days| missing_line(run, days);
    let two = missing("SBIN", ReconStatus::MissingInternal, 338, 2);
    assert_eq!(line(&two, one_day), "SBIN 14:53 to 14:54, 2 bars missing on our side");
    let one = missing("M&M", ReconStatus::MissingBroker, 0, 1);
    assert_eq!(line(&one, one_day), "M&M 09:15, 1 bar missing on the broker's side");
    let over_midnight = Days::of(minute(0), minute(1_440));
    assert_eq!(line(&one, over_midnight), "M&M 2021-06-04 09:15, 1 bar missing on the broker's side");
}

#[test]
fn the_next_commands_explain_the_first_row_that_we_have_and_export_all_of_them() {
    let commands = |change: fn(&mut Report), flags: &Flags| {
        let mut report = found();
        change(&mut report);
        next(&report, flags)
    };
    let export = "barkeep export --kind recon --date 2021-06-04 --out recon.csv";
    let heal = "barkeep heal --date 2021-06-04";
    let none = Flags::default();
    assert_eq!(commands(|_| {}, &none), [heal, "barkeep explain bar HDFCBANK '2021-06-04 09:15'", export]);
    let other = |report: &mut Report| {
        report.tf = Timeframe::S1;
        report.worst[1].symbol = "M&M".to_owned();
        report.worst[1].ts = Ts::from_secs(1_622_778_307);
    };
    assert_eq!(commands(other, &none)[0], "barkeep explain bar 'M&M' '2021-06-04 09:15:07' --tf 1s");
    let lacking: fn(&mut Report) = |report| drop(report.worst.pop());
    assert_eq!(commands(lacking, &none), [heal, export], "a bar that we lack cannot be explained");
    assert_eq!(commands(|report| report.run = None, &none), [heal, export]);
    let theirs = |report: &mut Report| report.missing.push(missing("SBIN", ReconStatus::MissingBroker, 338, 2));
    assert_eq!(commands(theirs, &none)[1], "barkeep explain bar SBIN '2021-06-04 14:53'");
    let shifted = |report: &mut Report| report.exact.open = 3;
    assert_eq!(commands(shifted, &none).len(), 2, "a wrong clock is not healed");
    let flags = Flags { run: Some(2), data_dir: Some("my tape".to_owned()) };
    assert_eq!(
        commands(|_| {}, &flags),
        [
            "barkeep heal --date 2021-06-04 --run 2 --data-dir 'my tape'",
            "barkeep explain bar HDFCBANK '2021-06-04 09:15' --run 2 --data-dir 'my tape'",
            "barkeep export --kind recon --date 2021-06-04 --run 2 --out recon.csv --data-dir 'my tape'",
        ]
    );
}

#[test]
fn causes_and_healed_bars_are_told_once_there_are_any() {
    let mut report = found();
    report.explained = 1;
    report.worst[1].cause = ReconCause::LateTicks;
    let text = told(report);
    for line in [
        " explained            1  outside tolerance for a known cause",
        "HDFCBANK 09:15: price, 6.26 bp off, late_ticks",
        "Found: 2 of 240 bars outside tolerance and not healed, 50.0% (1 of 2) explained.",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn the_advice_follows_what_prevails() {
    let check = |change: fn(&mut Report), expected: &str| {
        let mut report = found();
        change(&mut report);
        let told = verdict(&report, &Flags::default());
        assert!(told.contains(expected), "{told}");
    };
    check(|report| report.exact = Exact::default(), "no bar is on both sides");
    check(|report| report.exact.open = 100, "a wrong clock");
    check(|report| report.missing_internal = 9, "bars that we lack");
    check(|report| report.missing_broker = 9, "bars that it lacks");
    check(|_| {}, "look at the worst rows above");
}

#[test]
fn the_reasons_and_their_places_read_so() {
    let gap = |from: i64, to: i64, cause, bars| GapCount { from: minute(from), to: minute(to), cause, bars };
    let line = |symbol: &str, cells: &str| HeatLine { symbol: symbol.to_owned(), cells: cells.to_owned() };
    let class = |class, compared, outside| ClassCount { class, compared, outside };
    let report = Report {
        causes: vec![
            CauseCount { cause: ReconCause::FeedGap, bars: 1 },
            CauseCount { cause: ReconCause::Unexplained, bars: 1 },
        ],
        classes: vec![class("gap", 4, 1), class("edge", 2, 0), class("other", 234, 1)],
        gaps: vec![
            gap(3, 5, barkeep_schemas::GapCause::Disconnect, 0),
            gap(9, 12, barkeep_schemas::GapCause::Silence, 1),
        ],
        heat: Heat {
            cell_seconds: 120,
            lines: vec![line("HDFCBANK", "....g.....!..  ..."), line("A-VERY-LONG-NAME", "...")],
            more: 3,
        },
        ..found()
    };
    let told = why::parts(&report).join("\n\n");
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    insta::assert_snapshot!(told, @r"
       cause        bars  which means
       feed_gap        1  the feed was interrupted in it, or began late
       unexplained     1  no cause is known: look here first

    Causes by symbol
        HDFCBANK: 1 feed_gap, 1 unexplained

       bars   compared  outside tolerance
       gap           4     25.0% (1 of 4)  an interruption lies in them
       edge          2      0.0% (0 of 2)  the first and last of continuous trading
       other       234    0.4% (1 of 234)  all others

    Interruptions: 2, times in IST
      09:24 to 09:27, nothing came: 1 bar outside tolerance
      09:18 to 09:20, connection lost: 0 bars outside tolerance

    The day from 09:07 to 11:14 IST, a letter is 2 min
      HDFCBANK     ....g.....!..  ...
      A-VERY-LONG- ...
      and 3 symbols more
      . in order, ! unexplained, g feed_gap
    ");
}
