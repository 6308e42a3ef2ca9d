//! The command over a tape of its own: ticks are imported, then reconciled with files typed here.

mod real;

use std::fmt::Write as _;
use std::fs;

use barkeep_schemas::{BarOrigin, Event, EventKind, FileKind, Input, Seq};
use barkeep_storage::{DataDir, Filter};
use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::cli::moment;
use crate::ingestion::files::FileOptions;
use crate::orchestrator::Appliance;
use crate::orchestrator::config::Config;
use crate::orchestrator::import::{CalendarChoice, ImportRequest};

#[derive(Parser)]
#[command(name = "recon")]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// A tape with the session of 2021-06-04: A and B from 09:15:00 to 09:20:59, a trade of 10 shares each second.
struct Desk {
    root: TempDir,
    context: Context,
}

/// Price of a second of the session, in paise.
fn paise(second: i64) -> i64 {
    100_000 + second / 60 * 100 + second % 10 * 5
}

fn clock(minute: i64) -> String {
    format!("2021-06-04 09:{:02}:00", 15 + minute)
}

/// The bars that the broker would give: `symbol,time,open,high,low,close,volume`.
fn broker_rows() -> Vec<String> {
    let mut rows = Vec::new();
    for symbol in ["A", "B"] {
        for minute in 0..6 {
            let (low, high) = (1_000 + minute, format!("{}.45", 1_000 + minute));
            rows.push(format!("{symbol},{},{low},{high},{low},{high},600", clock(minute)));
        }
    }
    rows
}

impl Desk {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let context = Context { config: Config::builtin().unwrap(), dir: DataDir::new(root.path().join("data")) };
        let desk = Self { root, context };
        let mut ticks = "time,symbol,price,qty\n".to_owned();
        for second in 0..360 {
            for symbol in ["A", "B"] {
                let (minute, price) = (15 + second / 60, paise(second));
                let time = format!("2021-06-04 09:{minute:02}:{:02}", second % 60);
                writeln!(ticks, "{time},{symbol},{}.{:02},10", price / 100, price % 100).unwrap();
            }
        }
        desk.import("ticks.csv", &ticks, FileKind::Ticks, BarOrigin::Broker);
        desk
    }

    fn path(&self, name: &str) -> String {
        self.root.path().join(name).display().to_string()
    }

    fn import(&self, name: &str, text: &str, kind: FileKind, origin: BarOrigin) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        let zone = moment::zone("Asia/Kolkata").unwrap();
        let options = FileOptions::new(crate::ingestion::files::Format::Csv, kind, zone);
        let request = ImportRequest {
            files: vec![path.into()],
            options,
            calendar: CalendarChoice::Nse,
            trade_rule: None,
            conditions: Vec::new(),
            origin,
            tf: Timeframe::M1,
        };
        import::run_request(&request, &self.context).unwrap();
    }

    fn write_bars(&self, rows: &[String]) {
        let text = format!("symbol,time,open,high,low,close,volume\n{}\n", rows.join("\n"));
        fs::write(self.path("bars.csv"), text).unwrap();
    }

    fn recon(&self, more: &[&str]) -> Result<Report> {
        let source = self.path("bars.csv");
        let mut line = vec!["recon", "--source", &source, "--date", "2021-06-04"];
        line.extend(more);
        reconcile(&Line::try_parse_from(line)?.args, &self.context).map(|outcome| outcome.report)
    }

    fn refused(&self, more: &[&str]) -> String {
        match self.recon(more) {
            Ok(report) => panic!("expected a refusal, found {report:?}"),
            Err(error) => error.to_string().replace(&self.root.path().display().to_string(), "."),
        }
    }

    fn events(&self, kind: EventKind) -> Vec<Input> {
        let tape = Tape::open(&self.context.dir).unwrap();
        let events = tape.scan(Seq::FIRST, None, &Filter::kinds([kind]));
        let inputs = events.map(|event| match event.unwrap().1 {
            Event::Input(input) => input,
            Event::Derived(derived) => panic!("{derived:?} is no input"),
        });
        inputs.collect()
    }
}

fn counts(report: &Report) -> [u64; 6] {
    [report.compared, report.matched, report.missing_internal, report.missing_broker, report.price, report.volume]
}

#[test]
fn equal_sides_match_and_the_same_file_adds_nothing_again() {
    let desk = Desk::new();
    desk.write_bars(&broker_rows());
    for run in 1..=2 {
        let report = desk.recon(&["--strict"]).unwrap();
        assert_eq!(counts(&report), [12, 12, 0, 0, 0, 0]);
        assert_eq!((report.exact.of, report.exact.close, report.inside_range), (12, 12, 12));
        assert_eq!((report.volume_internal, report.volume_broker), (7_200, 7_200));
        assert_eq!(desk.events(EventKind::OutsideBar).len(), 12);
        assert_eq!(desk.events(EventKind::ReconRun).len(), run);
        assert!(desk.events(EventKind::ReconDifference).is_empty());
    }
}

/// One row of each status: C is the broker's alone, B 09:20 ours alone, A 09:16 has a wrong low, B 09:17 a wrong volume.
fn damaged_rows() -> Vec<String> {
    let mut rows = broker_rows();
    rows.push(format!("C,{},5,5,5,5,5", clock(2)));
    rows.retain(|row| *row != format!("B,{},1005,1005.45,1005,1005.45,600", clock(5)));
    for row in &mut rows {
        if row.starts_with(&format!("A,{}", clock(1))) {
            *row = format!("A,{},1001,1001.45,1000.50,1001.45,600", clock(1));
        } else if row.starts_with(&format!("B,{}", clock(2))) {
            *row = format!("B,{},1002,1002.45,1002,1002.45,900", clock(2));
        }
    }
    rows
}

#[test]
fn every_difference_is_counted_and_recorded() {
    let desk = Desk::new();
    desk.write_bars(&damaged_rows());
    let report = desk.recon(&[]).unwrap();
    assert_eq!(counts(&report), [13, 9, 1, 1, 1, 1]);
    assert_eq!((report.unhealed, report.explained, report.healed, report.worst.len()), (4, 2, 0, 4));
    assert_eq!((report.exact.of, report.exact.low, report.exact.volume, report.inside_range), (11, 10, 10, 11));
    let runs = desk.events(EventKind::ReconRun);
    let [Input::ReconRun(run)] = runs.as_slice() else { panic!("{runs:?}") };
    assert_eq!((run.run_id, run.compared, run.matched), (report.run_id, 13, 9));
    assert_eq!(run.differences, [1, 1, 1, 1]);
    assert_eq!((run.session_run, run.symbols.len(), report.run), (1, 3, Some(1)));
    assert_eq!((moment::ist_clock(run.from), moment::ist_clock(run.to)), ("09:15:00".into(), "09:20:00".into()));
    let rows = desk.events(EventKind::ReconDifference);
    let told: Vec<String> = rows
        .iter()
        .map(|row| {
            let Input::ReconDifference(row) = row else { panic!("{row:?}") };
            format!("{} {} {}", moment::ist_clock(row.ts), row.status, row.diff_max)
        })
        .collect();
    let expected =
        ["09:16:00 price 0.5", "09:17:00 volume 0", "09:20:00 missing_broker 0", "09:17:00 missing_internal 0"];
    assert_eq!(told, expected, "by symbol, then by time");
}

#[test]
fn the_json_holds_the_promised_keys_first() {
    let desk = Desk::new();
    desk.write_bars(&damaged_rows());
    let text = serde_json::to_string(&desk.recon(&[]).unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let object = value.as_object().unwrap();
    for key in [
        "run_id",
        "date",
        "compared",
        "matched",
        "missing_internal",
        "missing_broker",
        "price",
        "volume",
        "explained",
        "healed",
        "seconds",
        "source",
        "tf",
        "rejected",
        "exact",
        "inside_range",
        "volume_internal",
        "volume_broker",
        "unhealed",
        "worst",
        "missing",
        "run",
    ] {
        assert!(object.contains_key(key), "{key} is missing");
    }
    assert_eq!((&value["date"], &value["tf"], &value["exact"]["of"]), (&"2021-06-04".into(), &"1".into(), &11.into()));
    assert!(text.starts_with("{\"run_id\":"), "{text}");
}

#[test]
fn the_tolerance_decides_what_passes() {
    let desk = Desk::new();
    let mut rows = broker_rows();
    rows[0] = format!("A,{},1000,1000.50,1000,1000.45,620", clock(0));
    desk.write_bars(&rows);
    assert_eq!(counts(&desk.recon(&[]).unwrap()), [12, 12, 0, 0, 0, 0]);
    assert_eq!(counts(&desk.recon(&["--strict"]).unwrap()), [12, 11, 0, 0, 1, 0]);
    assert_eq!(counts(&desk.recon(&["--tolerance", "price=1tick"]).unwrap()), [12, 11, 0, 0, 0, 1]);
    let both = desk.recon(&["--strict", "--tolerance", "price=1tick"]).unwrap_err().to_string();
    assert!(both.contains("cannot be used with"), "{both}");
}

#[test]
fn only_the_window_and_the_symbols_asked_for_are_compared() {
    let desk = Desk::new();
    let rows = broker_rows();
    desk.write_bars(&[rows[1].clone(), rows[3].clone()]);
    assert_eq!(counts(&desk.recon(&[]).unwrap()), [3, 2, 0, 1, 0, 0], "from the file's first stamp to its last");
    let report = desk.recon(&["--from", "09:15", "--to", "09:18"]).unwrap();
    assert_eq!(counts(&report), [3, 1, 0, 2, 0, 0], "09:15, 09:16 and 09:17, not 09:18");
    assert_eq!((moment::ist_clock(report.from), moment::ist_clock(report.to)), ("09:15:00".into(), "09:17:00".into()));
    desk.write_bars(&rows);
    assert_eq!(counts(&desk.recon(&["--symbols", "NSE:B"]).unwrap()), [6, 6, 0, 0, 0, 0]);
}

#[test]
fn bars_imported_as_our_own_replace_the_engines() {
    let desk = Desk::new();
    let own = format!("symbol,time,open,high,low,close,volume\nA,{},7,8,6,7,600\n", clock(0));
    desk.import("own.csv", &own, FileKind::Bars, BarOrigin::Import);
    desk.write_bars(&broker_rows());
    let report = desk.recon(&[]).unwrap();
    assert_eq!((counts(&report), report.imported), ([12, 11, 0, 0, 1, 0], 1));
    assert_eq!(report.worst[0].internal.unwrap().high.to_string(), "8");
}

#[test]
fn a_date_needs_no_session_where_its_bars_were_imported_as_our_own() {
    let desk = Desk::new();
    let rows = "symbol,time,open,high,low,close,volume\nA,2021-06-07 09:15:00,7,8,6,7,600\n";
    desk.import("own.csv", rows, FileKind::Bars, BarOrigin::Import);
    fs::write(desk.path("bars.csv"), rows).unwrap();
    let source = desk.path("bars.csv");
    let line = Line::try_parse_from(["recon", "--source", &source, "--date", "2021-06-07", "--strict"]).unwrap();
    let report = reconcile(&line.args, &desk.context).unwrap().report;
    assert_eq!((counts(&report), report.imported, report.run), ([1, 1, 0, 0, 0, 0], 1, None));
    fs::write(&source, rows.replace("\nA,", "\nB,")).unwrap();
    let told = reconcile(&line.args, &desk.context).err().unwrap().to_string();
    assert_eq!(told, "2021-06-07 has no session on the tape, and the bars imported for it have no B");
}

/// A session of its own for C, run 2 of the date.
fn second_run(desk: &Desk) {
    let text = "time,symbol,price,qty\n2021-06-04 09:15:00,C,5,5\n2021-06-04 09:16:30,C,5,5\n";
    desk.import("c.csv", text, FileKind::Ticks, BarOrigin::Broker);
}

fn outcome(desk: &Desk, more: &[&str]) -> Outcome {
    let source = desk.path("bars.csv");
    let mut line = vec!["recon", "--source", &source, "--date", "2021-06-04"];
    line.extend(more);
    reconcile(&Line::try_parse_from(line).unwrap().args, &desk.context).unwrap()
}

#[test]
fn of_several_runs_the_newest_that_has_a_symbol_of_the_file_is_compared() {
    let desk = Desk::new();
    second_run(&desk);
    desk.write_bars(&broker_rows());
    let found = outcome(&desk, &[]);
    assert_eq!((found.report.run, counts(&found.report)), (Some(1), [12, 12, 0, 0, 0, 0]));
    assert_eq!((found.flags.run, found.notes.len()), (Some(1), 0));
    let c = format!("C,{},5,5,5,5,5", clock(0));
    desk.write_bars(std::slice::from_ref(&c));
    assert_eq!(outcome(&desk, &[]).report.run, Some(2));
    desk.write_bars(&[c, broker_rows()[0].clone()]);
    let mixed = outcome(&desk, &[]);
    assert_eq!((mixed.report.run, counts(&mixed.report)), (Some(2), [2, 1, 1, 0, 0, 0]));
    assert_eq!(mixed.notes, ["run 1 has A, run 2 has not: see --run 1"]);
}

#[test]
fn a_session_without_any_symbol_of_the_file_is_refused_and_the_run_that_has_them_named() {
    let desk = Desk::new();
    second_run(&desk);
    let before = Tape::open(&desk.context.dir).unwrap().last_seq();
    desk.write_bars(&broker_rows());
    assert_eq!(
        desk.refused(&["--run", "2"]),
        "the session of 2021-06-04 run 2 has none of A, B; run 1 has some: add --run 1"
    );
    assert_eq!(
        desk.refused(&["--run", "2", "--symbols", "B"]),
        "the session of 2021-06-04 run 2 has no B; run 1 has it: add --run 1"
    );
    desk.write_bars(&[format!("Z,{},5,5,5,5,5", clock(0))]);
    assert_eq!(desk.refused(&[]), "the session of 2021-06-04 run 2 has no Z; it has C");
    assert_eq!(desk.refused(&["--run", "1"]), "the session of 2021-06-04 run 1 has no Z; it has A, B");
    assert_eq!(Tape::open(&desk.context.dir).unwrap().last_seq(), before);
}

#[test]
fn hours_outside_the_file_are_pointed_out_and_covered() {
    let desk = Desk::new();
    desk.write_bars(&broker_rows()[1..3]);
    let notes = |more: &[&str]| outcome(&desk, more).notes;
    assert!(notes(&[]).is_empty());
    assert!(notes(&["--from", "09:16", "--to", "09:18"]).is_empty(), "09:17 lasts until 09:18");
    assert_eq!(notes(&["--from", "09:15"]), ["--from reaches outside: the file holds 09:16 to 09:17"]);
    assert_eq!(notes(&["--to", "09:19"]), ["--to reaches outside: the file holds 09:16 to 09:17"]);
    assert_eq!(
        notes(&["--from", "09:00", "--to", "15:30"]),
        ["--from and --to reach outside: the file holds 09:16 to 09:17"]
    );
    let runs = desk.events(EventKind::ReconRun);
    let Some(Input::ReconRun(run)) = runs.last() else { panic!("{runs:?}") };
    assert_eq!((moment::ist_clock(run.from), moment::ist_clock(run.to)), ("09:00:00".into(), "15:29:59".into()));
}

#[test]
fn missing_bars_one_after_the_other_are_one_stretch() {
    let desk = Desk::new();
    let rows = broker_rows();
    desk.write_bars(&[&rows[0..2], &rows[4..7], &rows[8..]].concat());
    let report = desk.recon(&[]).unwrap();
    let told: Vec<String> = report
        .missing
        .iter()
        .map(|run| {
            let (from, to) = (moment::ist_clock(run.from), moment::ist_clock(run.to));
            format!("{} {} {from} to {to}, {} bars", run.status, run.symbol, run.bars)
        })
        .collect();
    let expected = ["missing_broker A 09:17:00 to 09:18:00, 2 bars", "missing_broker B 09:16:00 to 09:16:00, 1 bars"];
    assert_eq!(told, expected);
}

/// Symbols of the rows that `export --kind recon` writes.
fn exported(desk: &Desk, all: bool) -> Vec<String> {
    use crate::mirrors::export::{Destination, ExportKind, ExportRequest, export};
    let date = Some(moment::date("2021-06-04").unwrap());
    let (kind, symbols) = (ExportKind::Recon, Vec::new());
    let request = ExportRequest { kind, date, run: None, symbols, as_of: None, all, format: None };
    let path = desk.root.path().join("recon.csv");
    let tape = Tape::open(&desk.context.dir).unwrap();
    export(&tape, &request, Destination::File { path: path.clone(), force: true }, &mut |_, _| {}).unwrap();
    let text = fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().to_owned()).collect()
}

#[test]
fn a_difference_that_a_later_run_no_longer_finds_is_not_exported() {
    let desk = Desk::new();
    desk.write_bars(&damaged_rows());
    desk.recon(&[]).unwrap();
    assert_eq!(exported(&desk, false), ["A", "B", "B", "C"]);
    desk.write_bars(&broker_rows());
    desk.recon(&["--symbols", "A"]).unwrap();
    assert_eq!(exported(&desk, false), ["B", "B", "C"], "the run looked at A alone");
    desk.recon(&[]).unwrap();
    assert_eq!(exported(&desk, false), ["C"], "the newer file says nothing of C");
    assert_eq!(exported(&desk, true), ["A", "B", "B", "C"]);
}

#[test]
fn the_newest_run_of_a_date_counts_unless_another_is_named() {
    let desk = Desk::new();
    desk.import(
        "again.csv",
        "time,symbol,price,qty\n2021-06-04 09:15:00,A,5,1\n2021-06-04 09:16:30,A,5,1\n",
        FileKind::Ticks,
        BarOrigin::Broker,
    );
    desk.write_bars(&broker_rows());
    assert_eq!(counts(&desk.recon(&["--run", "1"]).unwrap()), [12, 12, 0, 0, 0, 0]);
    assert_eq!(counts(&desk.recon(&[]).unwrap()), [12, 0, 10, 0, 2, 0]);
    assert_eq!(desk.refused(&["--run", "3"]), "2021-06-04 has no run 3 on the tape; its runs: 1, 2");
}

#[test]
fn a_refused_row_is_counted_and_named() {
    let desk = Desk::new();
    let mut rows = broker_rows();
    rows[3] = format!("A,{},x,1,1,1,1", clock(3));
    desk.write_bars(&rows);
    let source = desk.path("bars.csv");
    let line = Line::try_parse_from(["recon", "--source", &source, "--date", "2021-06-04"]).unwrap();
    let outcome = reconcile(&line.args, &desk.context).unwrap();
    assert_eq!((counts(&outcome.report), outcome.report.rejected), ([12, 11, 0, 1, 0, 0], 1));
    assert!(outcome.rejected[0].starts_with("bars.csv, line 5, column open: "), "{:?}", outcome.rejected);
}

#[test]
fn what_cannot_be_compared_is_refused_before_anything_is_written() {
    let desk = Desk::new();
    desk.write_bars(&broker_rows());
    let before = Tape::open(&desk.context.dir).unwrap().last_seq();
    assert_eq!(desk.refused(&["--symbols", "A,TCS"]), "./bars.csv has no bar of TCS; it holds 2 symbols: A, B");
    assert_eq!(
        desk.refused(&["--calendar", "always"]),
        "the session of 2021-06-04 keeps the calendar nse (Asia/Kolkata), not always: give --calendar nse"
    );
    assert_eq!(
        desk.refused(&["--from", "09:20", "--to", "09:20"]),
        "nothing lies from 2021-06-04 09:20:00 IST to 2021-06-04 09:20:00 IST: --to must be after --from"
    );
    fs::write(desk.path("bars.csv"), "symbol,time,open,high,low,close,volume\nA,2021-06-07 09:15,1,1,1,1,1\n").unwrap();
    assert_eq!(
        desk.refused(&[]),
        "./bars.csv has no bar of 2021-06-04: it holds 2021-06-07 09:15:00 IST to 2021-06-07 09:15:00 IST; is --date or \
         --tz wrong?"
    );
    let refused = |line: [&str; 5]| match reconcile(&Line::try_parse_from(line).unwrap().args, &desk.context) {
        Ok(_) => panic!("expected a refusal"),
        Err(error) => error.to_string(),
    };
    let source = desk.path("bars.csv");
    assert_eq!(
        refused(["recon", "--source", &source, "--date", "2021-06-07"]),
        "the tape holds no session of 2021-06-07; it holds 1 dates, the newest: 2021-06-04"
    );
    let told = refused(["recon", "--source", "kite", "--date", "2021-06-04"]);
    assert!(told.contains("barkeep login"), "{told}");
    assert_eq!(Tape::open(&desk.context.dir).unwrap().last_seq(), before);
}

#[test]
fn a_session_is_reconciled_once_it_is_closed_whatever_others_are_open() {
    let desk = Desk::new();
    let opened = desk.events(EventKind::SessionOpened);
    let [Input::SessionOpened(opened)] = opened.as_slice() else { panic!("{opened:?}") };
    let date = opened.date.plus_days(3);
    let mut appliance = Appliance::open(&desk.context.dir, Pace::from(&desk.context.config.tape), "test").unwrap();
    appliance.begin_segment(date).unwrap();
    let next = barkeep_schemas::SessionOpened { date, import: None, ..(**opened).clone() };
    appliance.input(Input::SessionOpened(Box::new(next))).unwrap();
    appliance.close().unwrap();
    desk.write_bars(&broker_rows());
    assert_eq!(counts(&desk.recon(&[]).unwrap()), [12, 12, 0, 0, 0, 0], "that session is closed");
    let moved: Vec<String> = broker_rows().iter().map(|row| row.replace("2021-06-04", "2021-06-07")).collect();
    desk.write_bars(&moved);
    let source = desk.path("bars.csv");
    let line = Line::try_parse_from(["recon", "--source", &source, "--date", "2021-06-07"]).unwrap();
    let told = reconcile(&line.args, &desk.context).err().unwrap().to_string();
    assert!(told.starts_with("the session of 2021-06-07 is still open: reconcile after its close"), "{told}");
}

#[test]
fn an_empty_tape_says_so() {
    let root = tempfile::tempdir().unwrap();
    let context = Context { config: Config::builtin().unwrap(), dir: DataDir::new(root.path()) };
    let line = Line::try_parse_from(["recon", "--source", "x.csv", "--date", "2021-06-04"]).unwrap();
    let error = reconcile(&line.args, &context).err().unwrap().to_string();
    assert_eq!(error, "the tape holds no session of 2021-06-04, nor of any other date: import its ticks first");
}

#[test]
fn the_date_is_asked_for() {
    let error = Line::try_parse_from(["recon", "--source", "x.csv"]).err().unwrap().to_string();
    assert!(error.contains("--date <YYYY-MM-DD>"), "{error}");
    let help = Line::try_parse_from(["recon", "--help"]).err().unwrap().to_string();
    assert!(help.contains("Date of the session, in its calendar's zone") && help.contains("Examples:"), "{help}");
}
