//! The text of a report, as it is read.

use barkeep_schemas::{ReconCause, ReconStatus, Seq, SessionDate, Timeframe, Ts};

use super::*;
use crate::monitoring::daily_recon::Exact;

fn side(prices: [i64; 4], volume: i64) -> Option<Side> {
    let [open, high, low, close] = prices.map(|price| Price::new(price * 100));
    Some(Side { open, high, low, close, volume: Qty::new(volume) })
}

fn row(symbol: &str, minute: i64, status: ReconStatus, internal: Option<Side>, broker: Option<Side>) -> WorstRow {
    let both = internal.is_some() && broker.is_some();
    WorstRow {
        symbol: symbol.to_owned(),
        ts: Ts::from_secs(1_622_778_300 + minute * 60),
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
    }
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
    let text = report(&found(), &["bars.csv, line 7, column open: the price `x` is not a number".to_owned()]);
    insta::assert_snapshot!(text, @r#"
    Reconciliation of 2021-06-04, 1m bars
      broker's   bars.csv, rejected rows: 1
      ours       the tape at seq 48211 (run id), imported bars: 0
      starts     2021-06-04 09:07:00 to 11:14:00 IST
      tolerance  price=1tick,3bp;volume=3%,100
      rejected:  bars.csv, line 7, column open: the price `x` is not a number

       outcome           bars  which are
       compared           240  on either side
       matched            238  99.2% (238 of 240) within tolerance
       missing_internal     1  the broker's, and not ours
       missing_broker       0  ours, and not the broker's
       price                1  on both sides, a price outside tolerance
       volume               0  on both sides, the volume outside tolerance
       explained            0  outside tolerance for a known cause
       healed               0  outside tolerance and healed
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

    Worst rows: 2 of 2
                    open     high      low    close  volume
      HDFCBANK 2021-06-04 09:07:00 IST: missing_internal, unexplained
       ours         none     none     none     none    none
       broker's  1516.00  1516.00  1516.00  1516.00  25,096
       apart           -        -        -        -       -
      HDFCBANK 2021-06-04 09:15:00 IST: price, 6.26 bp off, unexplained
       ours      1517.45  1519.85  1511.00  1518.00  69,546
       broker's  1518.40  1519.85  1511.00  1518.00  69,600
       apart       -0.95     0.00     0.00     0.00     -54

    Found: 2 of 240 bars outside tolerance and not healed (0 explained).
    Next: look at the worst rows above, ours against the broker's.
    "#);
}

#[test]
fn no_line_of_a_report_is_wider_than_eighty_columns() {
    for line in report(&found(), &[]).lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn a_report_without_differences_shows_its_zeros() {
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
        ..found()
    };
    insta::assert_snapshot!(report(&fine, &[]), @r#"
    Reconciliation of 2021-06-04, 1m bars
      broker's   bars.csv, rejected rows: 0
      ours       the tape at seq 48211 (run id), imported bars: 0
      starts     2021-06-04 09:07:00 to 11:14:00 IST
      tolerance  strict

       outcome           bars  which are
       compared           120  on either side
       matched            120  100.0% (120 of 120) within tolerance
       missing_internal     0  the broker's, and not ours
       missing_broker       0  ours, and not the broker's
       price                0  on both sides, a price outside tolerance
       volume               0  on both sides, the volume outside tolerance
       explained            0  outside tolerance for a known cause
       healed               0  outside tolerance and healed
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

    Worst rows: 0 of 0

    Fine: all 120 bars match within tolerance. Nothing to do.
    "#);
}

#[test]
fn the_advice_follows_what_prevails() {
    let check = |change: fn(&mut Report), expected: &str| {
        let mut report = found();
        change(&mut report);
        let told = verdict(&report);
        assert!(told.contains(expected), "{told}");
    };
    check(|report| report.exact = Exact::default(), "no bar is on both sides");
    check(|report| report.exact.open = 100, "a wrong clock");
    check(|report| report.missing_internal = 9, "bars that we lack");
    check(|report| report.missing_broker = 9, "bars that it lacks");
    check(|_| {}, "look at the worst rows above");
}
