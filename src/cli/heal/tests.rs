//! The command over a tape of its own: ticks with holes are imported, reconciled with files typed here, and healed.

use std::fmt::Write as _;
use std::fs;

use barkeep_schemas::{BarOrigin, Event, EventKind, FileKind, Hash32, ImportStarted, OutsideBar, Price, Qty, Ts};
use barkeep_storage::{DataDir, Filter};
use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::cli::import;
use crate::cli::recon;
use crate::ingestion::files::{FileOptions, Format};
use crate::mirrors::export::{Destination, ExportKind, ExportRequest, export};
use crate::monitoring::explain::{BarQuestion, explain_bar, find_day};
use crate::orchestrator::config::{Config, Deed};
use crate::orchestrator::import::{CalendarChoice, ImportRequest};

#[derive(Parser)]
#[command(name = "heal")]
struct Line {
    #[command(flatten)]
    args: Args,
}

#[derive(Parser)]
#[command(name = "recon")]
struct ReconLine {
    #[command(flatten)]
    args: recon::Args,
}

/// 2021-06-04 09:15:00 IST.
const OPEN: i64 = 1_622_778_300;

/// Minutes of the session, from 09:15.
const MINUTES: i64 = 60;

/// A tape with the session of 2021-06-04: A and B for an hour from 09:15, a trade of 10 shares each second; of A the ticks
/// of 09:20 and 09:21 are missing.
struct Desk {
    root: TempDir,
    context: Context,
}

/// Price of a second of the session, in paise.
fn paise(second: i64) -> i64 {
    100_000 + second / 60 * 100 + second % 10 * 5
}

fn clock(minute: i64) -> String {
    format!("2021-06-04 {:02}:{:02}:00", 9 + (15 + minute) / 60, (15 + minute) % 60)
}

fn row(symbol: &str, minute: i64, volume: i64) -> String {
    let low = 1_000 + minute;
    format!("{symbol},{},{low},{low}.45,{low},{low}.45,{volume}", clock(minute))
}

/// The bars that the broker would give.
fn broker_rows() -> Vec<String> {
    ["A", "B"].into_iter().flat_map(|symbol| (0..MINUTES).map(move |minute| row(symbol, minute, 600))).collect()
}

/// [`broker_rows`] with one row in place of another.
fn with_row(symbol: &str, minute: i64, text: &str) -> Vec<String> {
    let start = format!("{symbol},{}", clock(minute));
    let changed = |row: String| if row.starts_with(&start) { text.to_owned() } else { row };
    broker_rows().into_iter().map(changed).collect()
}

impl Desk {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let context = Context { config: Config::builtin().unwrap(), dir: DataDir::new(root.path().join("data")) };
        let desk = Self { root, context };
        let mut ticks = "time,symbol,price,qty\n".to_owned();
        for second in 0..MINUTES * 60 {
            for symbol in ["A", "B"] {
                if symbol == "A" && (300..420).contains(&second) {
                    continue;
                }
                let (at, price) = (15 + second / 60, paise(second));
                let time = format!("2021-06-04 {:02}:{:02}:{:02}", 9 + at / 60, at % 60, second % 60);
                writeln!(ticks, "{time},{symbol},{}.{:02},10", price / 100, price % 100).unwrap();
            }
        }
        desk.import("ticks.csv", &ticks, FileKind::Ticks);
        desk
    }

    fn path(&self, name: &str) -> String {
        self.root.path().join(name).display().to_string()
    }

    fn import(&self, name: &str, text: &str, kind: FileKind) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        let options = FileOptions::new(Format::Csv, kind, moment::zone("Asia/Kolkata").unwrap());
        let request = ImportRequest {
            files: vec![path.into()],
            options,
            calendar: CalendarChoice::Nse,
            trade_rule: None,
            conditions: Vec::new(),
            origin: BarOrigin::Broker,
            tf: Timeframe::M1,
        };
        import::run_request(&request, &self.context).unwrap();
    }

    fn recon(&self, rows: &[String]) -> crate::monitoring::daily_recon::Report {
        let source = self.path("bars.csv");
        let text = format!("symbol,time,open,high,low,close,volume\n{}\n", rows.join("\n"));
        fs::write(&source, text).unwrap();
        let line = ReconLine::try_parse_from(["recon", "--source", &source, "--date", "2021-06-04"]).unwrap();
        recon::reconcile(&line.args, &self.context).unwrap().report
    }

    fn heal(&self, more: &[&str]) -> Result<Report> {
        let mut line = vec!["heal", "--date", "2021-06-04"];
        line.extend(more);
        heal(&Line::try_parse_from(line)?.args, &self.context)
    }

    fn told(&self, more: &[&str]) -> Report {
        self.heal(more).unwrap()
    }

    /// The reasons that stand against it, of a run that wrote nothing.
    fn refused(&self, more: &[&str]) -> Vec<String> {
        let before = self.last();
        let report = self.told(more);
        assert_eq!((self.last(), report.applied), (before, false), "nothing is written");
        report.refusals.iter().filter(|refusal| !refusal.overruled).map(|refusal| refusal.why.clone()).collect()
    }

    fn last(&self) -> Seq {
        Tape::open(&self.context.dir).unwrap().last_seq()
    }

    fn count(&self, kind: EventKind) -> usize {
        let tape = Tape::open(&self.context.dir).unwrap();
        tape.scan(Seq::FIRST, None, &Filter::kinds([kind])).count()
    }

    /// The rows of a timeframe, less the column of positions.
    fn bars(&self, tf: Timeframe, as_of: Option<Seq>) -> Vec<String> {
        let date = Some(moment::date("2021-06-04").unwrap());
        let kind = ExportKind::Bars(tf);
        let request = ExportRequest { kind, date, run: None, symbols: Vec::new(), as_of, all: false, format: None };
        let path = self.root.path().join("out.csv");
        let tape = Tape::open(&self.context.dir).unwrap();
        export(&tape, &request, Destination::File { path: path.clone(), force: true }, &mut |_, _| {}).unwrap();
        let text = fs::read_to_string(path).unwrap();
        let mut rows: Vec<String> =
            text.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect();
        rows.sort();
        rows
    }

    /// Puts a bar as a fetch of `minute` minutes after the close of trading brought it.
    fn fetched(&self, door: &mut Door, at: Ts, symbol: &str, bars: &[(i64, i64)]) -> Seq {
        let import = door
            .place(Input::ImportStarted(Box::new(ImportStarted {
                id: Hash32([at.secs() as u8; 32]),
                kind: FileKind::Bars,
                files: Vec::new(),
                mapping: String::new(),
                fetched: Some(at),
            })))
            .unwrap();
        let draft = crate::mirrors::scene::instrument(0, symbol);
        let instrument = door.instrument(draft).unwrap();
        for (minute, volume) in bars {
            let low = Price::new((1_000 + minute) * 10_000);
            let high = low.get() + 4_500;
            door.input(Input::OutsideBar(OutsideBar {
                origin: BarOrigin::Broker,
                session_date: moment::date("2021-06-04").unwrap(),
                instrument,
                tf: Timeframe::M1,
                start: Ts::from_secs(OPEN + minute * 60),
                open: low,
                high: Price::new(high),
                low,
                close: Price::new(high),
                volume: Qty::new(*volume),
                import,
            }))
            .unwrap();
        }
        import
    }

    /// Rewrites the newest reconciliation as one of the bars of `import`.
    fn recon_of(&self, door: &mut Door, import: Seq) {
        let tape = Tape::open(&self.context.dir).unwrap();
        let date = moment::date("2021-06-04").unwrap();
        let followed = crate::monitoring::recon_autoheal::Followed::newest(&tape, date, None).unwrap();
        let run_id = door.durable().unwrap();
        let symbols: Vec<InstrumentId> = followed
            .symbols
            .iter()
            .map(|symbol| door.instrument(followed.instruments[symbol].clone()).unwrap())
            .collect();
        let run = barkeep_schemas::ReconRun { run_id, import, symbols: symbols.clone(), ..followed.run.clone() };
        door.input(Input::ReconRun(Box::new(run))).unwrap();
        for row in &followed.rows {
            door.input(Input::ReconDifference(Box::new(barkeep_schemas::ReconDifference {
                run_id,
                session_date: date,
                instrument: symbols[row.symbol.index()],
                tf: Timeframe::M1,
                ts: row.start,
                status: row.status,
                cause: row.cause,
                internal: row.internal.clone(),
                broker: row.broker.clone(),
                diff_max: Price::ZERO,
            })))
            .unwrap();
        }
    }

    fn door(&self) -> Door {
        Door::open(&self.context.dir, Pace::from(&self.context.config.tape), "test", Access::Records).unwrap()
    }
}

/// Symbol, start and action of minutes.
fn minutes(report: &Report) -> Vec<String> {
    let minutes = report.corrections.iter().filter(|row| row.tf == Timeframe::M1);
    minutes.map(|row| format!("{} {} {}", row.symbol, moment::ist_clock(Ts::from_secs(row.ts)), row.action)).collect()
}

#[test]
fn what_is_missing_is_inserted_coarser_bars_follow_and_nothing_is_left() {
    let desk = Desk::new();
    assert_eq!(desk.recon(&broker_rows()).missing_internal, 2);
    let before = desk.last();
    let plan = desk.told(&[]);
    assert_eq!(minutes(&plan), ["A 09:20:00 insert_broker", "A 09:21:00 insert_broker"]);
    assert_eq!((desk.last(), plan.applied, plan.left.len()), (before, false, 0), "a plan writes nothing");

    let done = desk.told(&["--apply"]);
    assert_eq!((done.corrections.len(), done.refusals.len()), (plan.corrections.len(), 0));
    let again = done.again.unwrap();
    assert_eq!((again.compared, again.matched, again.unhealed), (120, 120, 0));
    assert_eq!(desk.count(EventKind::BarCorrection), done.corrections.len());

    // What the engine makes of B, whose ticks are whole, is what the healed bars of A come to.
    for tf in [Timeframe::M1, Timeframe::M3, Timeframe::M5, Timeframe::M15, Timeframe::M30, Timeframe::M60] {
        let numbers = |rows: &[String], symbol: &str| -> Vec<String> {
            let own = rows.iter().filter(|row| row.split(',').next() == Some(symbol));
            own.map(|row| row.split(',').skip(1).take(6).collect::<Vec<_>>().join(",")).collect()
        };
        let rows = desk.bars(tf, None);
        assert_eq!(numbers(&rows, "A"), numbers(&rows, "B"), "{tf:?}");
        assert!(rows.iter().any(|row| row.ends_with(",heal")), "{tf:?}");
        let then = desk.bars(tf, Some(before));
        assert!(then.iter().all(|row| row.ends_with(",engine")), "as known then: {tf:?}");
        assert_ne!(then, rows);
    }
    let after = desk.recon(&broker_rows());
    assert_eq!((after.matched, after.healed, after.unhealed), (120, 2, 0), "recon sees the healed bars");
}

#[test]
fn a_second_apply_does_nothing_and_a_run_is_taken_back_and_so_is_that() {
    let desk = Desk::new();
    desk.recon(&broker_rows());
    let start = desk.last();
    let run = desk.told(&["--apply"]).run_id.unwrap();
    let healed = desk.bars(Timeframe::M5, None);
    let end = desk.last();
    let nothing = desk.told(&["--apply"]);
    assert_eq!((nothing.corrections.len(), nothing.again, desk.last()), (0, None, end), "a second apply is no-op");

    let numbers = |rows: Vec<String>| -> Vec<String> {
        rows.iter().map(|row| row.split(',').take(7).collect::<Vec<_>>().join(",")).collect()
    };
    let plan = desk.told(&["--revert", &run.to_string()]);
    assert_eq!((minutes(&plan), desk.last()), (vec!["A 09:20:00 revert".into(), "A 09:21:00 revert".into()], end));
    let back = desk.told(&["--revert", &run.to_string(), "--apply"]);
    assert_eq!((back.again.unwrap().missing_internal, back.reverts), (2, Some(run)));
    for tf in [Timeframe::M1, Timeframe::M3, Timeframe::M60] {
        assert_eq!(numbers(desk.bars(tf, None)), numbers(desk.bars(tf, Some(start))), "as before the heal: {tf:?}");
    }
    let after = desk.recon(&broker_rows());
    assert_eq!((after.healed, after.unhealed), (0, 2), "what is taken back is not healed");
    let again = desk.told(&["--revert", &run.to_string(), "--apply"]);
    assert!(again.corrections.is_empty() && !again.applied, "it is taken back already");

    let forth = desk.told(&["--revert", &back.run_id.unwrap().to_string(), "--apply"]);
    assert_eq!(forth.again.unwrap().unhealed, 0);
    assert_eq!(numbers(desk.bars(Timeframe::M5, None)), numbers(healed));
    let revision = desk.bars(Timeframe::M1, None).into_iter().find(|row| row.ends_with(",heal")).unwrap();
    assert_eq!(revision.split(',').nth(8), Some("3"), "{revision}");
    let stale = desk.heal(&["--revert", &run.to_string(), "--apply"]).unwrap_err().to_string();
    assert!(stale.contains("corrected 2 of the bars"), "{stale}");
}

#[test]
fn a_run_that_was_cut_off_is_completed() {
    let desk = Desk::new();
    desk.recon(&broker_rows());
    let whole = desk.told(&[]);
    {
        // The first correction alone, as if the power went.
        let mut door = desk.door();
        let run_id = door.durable().unwrap();
        let tape = Tape::open(&desk.context.dir).unwrap();
        let args = Line::try_parse_from(["heal", "--date", "2021-06-04"]).unwrap().args;
        let mut work = Work::read(&tape, moment::date("2021-06-04").unwrap(), &args, &desk.context).unwrap();
        work.plan.corrections.truncate(1);
        record(&work, &planned(&work, &args), run_id, &mut door).unwrap();
        door.close().unwrap();
    }
    let rest = desk.told(&["--apply"]);
    assert_eq!((minutes(&rest), rest.in_order), (vec!["A 09:21:00 insert_broker".to_owned()], 1));
    assert_eq!(rest.corrections.len(), whole.corrections.len() - 1);
    assert_eq!(rest.again.unwrap().unhealed, 0);
    assert!(desk.told(&["--apply"]).corrections.is_empty());
}

#[test]
fn the_policy_says_what_is_taken_and_the_rest_is_told() {
    let mut desk = Desk::new();
    let mut rows = with_row("B", 30, "B,2021-06-04 09:45:00,1030,1031,1030,1030.45,600");
    rows.retain(|row| !row.starts_with(&format!("B,{}", clock(40))));
    desk.recon(&rows);
    let left = |report: &Report| -> Vec<String> {
        report.left.iter().map(|row| format!("{} {} {}", row.symbol, row.status, row.why)).collect()
    };
    let report = desk.told(&[]);
    let cause = report.left[0].cause;
    assert_eq!(left(&report), ["B price policy", "B missing_broker no_broker_bar"]);
    let done = desk.told(&["--apply"]);
    let again = done.again.unwrap();
    assert_eq!((again.price, again.missing_broker, again.missing_internal), (1, 1, 0), "what is left, and no more");
    assert_eq!(desk.told(&[]).left[0].cause, cause, "the causes stay");

    for deed in [&mut desk.context.config.heal.conflation, &mut desk.context.config.heal.unexplained] {
        *deed = Deed::Take;
    }
    desk.recon(&rows);
    assert_eq!(minutes(&desk.told(&["--apply"])), ["B 09:45:00 take_broker"]);
    desk.context.config.heal.missing_internal = Deed::Leave;
    assert_eq!(left(&desk.told(&[])), ["B missing_broker no_broker_bar"]);
}

#[test]
fn there_must_be_a_reconciliation_of_minutes() {
    let desk = Desk::new();
    let none = desk.heal(&[]).unwrap_err().to_string();
    assert!(none.starts_with("2021-06-04 was not reconciled") && none.contains("barkeep recon --date"), "{none}");
    assert_eq!(
        desk.heal(&["--revert", "5"]).unwrap_err().to_string(),
        "2021-06-04 was never healed: there is no run 5 to take back"
    );
    desk.recon(&broker_rows());
    desk.told(&["--apply"]);
    let unknown = desk.heal(&["--revert", "5"]).unwrap_err().to_string();
    assert!(unknown.starts_with("2021-06-04 has no run 5 of the healer; the newest: "), "{unknown}");
}

#[test]
fn a_share_that_is_too_large_is_refused_unless_forced() {
    let mut desk = Desk::new();
    desk.context.config.heal.max_share_percent = 1;
    desk.recon(&broker_rows());
    assert_eq!(desk.refused(&["--apply"]), ["large_share"]);
    let done = desk.told(&["--apply", "--force"]);
    assert!(done.applied && done.refusals[0].overruled && done.policy.ends_with(" force"), "{done:?}");
}

#[test]
fn a_broker_day_that_is_cut_short_is_refused_unless_forced() {
    let desk = Desk::new();
    let short: Vec<String> =
        ["A", "B"].into_iter().flat_map(|symbol| (0..50).map(move |minute| row(symbol, minute, 600))).collect();
    desk.recon(&short);
    assert_eq!(desk.refused(&["--apply"]), ["broker_incomplete"]);
    assert!(desk.told(&["--apply", "--force"]).applied);
}

#[test]
fn a_price_that_jumps_is_refused_unless_forced() {
    let desk = Desk::new();
    desk.recon(&with_row("A", 5, "A,2021-06-04 09:20:00,1200,1200,1200,1200,600"));
    assert_eq!(desk.refused(&["--apply"]), ["jump"]);
    assert!(desk.told(&["--apply", "--force"]).applied);
}

#[test]
fn a_day_never_shrinks_not_even_when_forced() {
    let mut desk = Desk::new();
    desk.context.config.heal.unexplained = Deed::Take;
    desk.context.config.heal.conflation = Deed::Take;
    desk.context.config.heal.volume_boundary = Deed::Take;
    desk.recon(&with_row("B", 5, &row("B", 5, 100)));
    assert_eq!(desk.refused(&["--apply", "--force"]), ["shrinks"]);
}

#[test]
fn adjusted_bars_are_never_taken_not_even_when_forced() {
    let desk = Desk::new();
    let halves = (0..MINUTES).map(|minute| {
        let low = format!("{}.50", (1_000 + minute) / 2);
        format!("A,{},{low},{low},{low},{low},1200", clock(minute))
    });
    desk.recon(&halves.chain((0..MINUTES).map(|minute| row("B", minute, 600))).collect::<Vec<_>>());
    let refused = desk.refused(&["--apply", "--force"]);
    assert!(refused.contains(&"constant_ratio".to_owned()), "{refused:?}");
}

/// A desk whose newest reconciliation is of bars fetched at `own`, beside fetches at other times with these volumes of
/// 09:20; times are minutes after 16:00.
fn refetched(own: i64, others: &[(i64, i64)]) -> Desk {
    let desk = Desk::new();
    desk.recon(&broker_rows());
    let mut door = desk.door();
    let at = |minute: i64| Ts::from_secs(OPEN + (405 + minute) * 60);
    for (minute, volume) in others {
        desk.fetched(&mut door, at(*minute), "A", &[(5, *volume), (6, 600)]);
    }
    let all: Vec<(i64, i64)> = (0..MINUTES).map(|minute| (minute, 600)).collect();
    let import = desk.fetched(&mut door, at(own), "A", &all);
    desk.recon_of(&mut door, import);
    door.close().unwrap();
    desk
}

#[test]
fn a_bar_that_was_fetched_is_taken_when_two_fetches_twenty_minutes_apart_agree() {
    let whys = |desk: &Desk| -> Vec<String> { desk.told(&[]).left.iter().map(|row| row.why.clone()).collect() };
    let once = refetched(0, &[]);
    assert_eq!(whys(&once), ["fetched_once", "fetched_once"]);
    assert!(once.told(&[]).left[0].text.contains("16:20:00"), "{:?}", once.told(&[]).left[0]);
    assert_eq!(whys(&refetched(19, &[(0, 600)])), ["fetched_once", "fetched_once"]);
    let twice = refetched(20, &[(0, 600)]);
    assert_eq!(minutes(&twice.told(&[])), ["A 09:20:00 insert_broker", "A 09:21:00 insert_broker"]);
    let revised = refetched(20, &[(0, 599)]);
    assert_eq!((whys(&revised), minutes(&revised.told(&[])).len()), (vec!["broker_revised".to_owned()], 1));
    assert!(whys(&refetched(45, &[(0, 599), (20, 600)])).is_empty(), "the last two that are apart agree");
    assert_eq!(whys(&refetched(45, &[(20, 600), (30, 599)])), ["broker_revised"]);
}

#[test]
fn a_day_fetched_before_the_close_is_refused() {
    let desk = refetched(-60, &[(-90, 600)]);
    assert_eq!(desk.refused(&["--apply"]), ["broker_incomplete"]);
}

#[test]
fn explain_tells_of_the_heal_and_keeps_the_arithmetic_of_the_engine() {
    let mut desk = Desk::new();
    desk.context.config.heal.unexplained = Deed::Take;
    desk.context.config.heal.conflation = Deed::Take;
    desk.recon(&with_row("B", 30, "B,2021-06-04 09:45:00,1030,1031,1030,1030.45,650"));
    let run = desk.told(&["--apply"]).run_id.unwrap();
    let tape = Tape::open(&desk.context.dir).unwrap();
    let ask = |symbol: &str, minute: i64, as_of: Option<Seq>| {
        let at = Ts::from_secs(OPEN + minute * 60);
        let day = find_day(&tape, symbol, at, None).unwrap();
        explain_bar(&day, &BarQuestion { at, tf: Timeframe::M1, as_of, clock: moment::ist_clock })
    };
    let taken = ask("B", 30, None).unwrap();
    let healed = taken.healed.unwrap();
    assert_eq!((healed.run_id, healed.action, healed.revision), (run, HealAction::TakeBroker, 1));
    assert!(healed.text.contains("h=1030.45 l=1030.00 c=1030.45 v=600 to o=1030.00 h=1031.00"), "{}", healed.text);
    assert!(taken.agrees && taken.arithmetic.len() == 6, "the engine's edition from its ticks");
    let inserted = ask("A", 5, None).unwrap();
    assert!(inserted.arithmetic.is_empty() && inserted.tree.kind == "bar_correction", "{:?}", inserted.tree);
    assert_eq!(inserted.tree.inputs[0].kind, "outside_bar");
    assert!(ask("B", 30, Some(run)).unwrap().healed.is_none());
    assert!(ask("A", 5, Some(run)).is_err());
}

#[test]
fn the_text_names_every_bar_and_the_way_back() {
    let desk = Desk::new();
    desk.recon(&broker_rows());
    let text = text::report(&desk.told(&[]), &Flags::default());
    assert!(text.contains("A       09:20:00  1m   insert_broker"), "{text}");
    assert!(text.ends_with("Nothing is written yet: add --apply."), "{text}");
    let done = desk.told(&["--apply"]);
    let flags = Flags { run: " --run 2".to_owned(), dir: " --data-dir mine".to_owned() };
    let text = text::report(&done, &flags);
    let back =
        format!("\n  barkeep heal --date 2021-06-04 --revert {} --apply --data-dir mine\n", done.run_id.unwrap());
    assert!(text.contains(&back) && text.ends_with("120 of 120 match, no difference is left."), "{text}");
}

#[test]
fn what_was_healed_leaves_no_trace_in_the_session() {
    let desk = Desk::new();
    desk.recon(&broker_rows());
    let tape = Tape::open(&desk.context.dir).unwrap();
    let engine = |tape: &Tape| -> Vec<Event> {
        let bars = tape.scan(Seq::FIRST, None, &Filter::kinds([EventKind::Bar]));
        bars.map(|event| event.unwrap().1).collect()
    };
    let before = engine(&tape);
    desk.told(&["--apply"]);
    assert_eq!(engine(&Tape::open(&desk.context.dir).unwrap()), before, "the old editions stay");
}

#[test]
fn a_run_is_taken_back_whole_or_not_at_all() {
    let mut desk = Desk::new();
    desk.context.config.heal.unexplained = Deed::Take;
    let mut rows = with_row("B", 30, &row("B", 30, 6_000));
    desk.recon(&rows);
    let run = desk.told(&["--apply"]).run_id.unwrap();
    // A reconciliation of one symbol is the newest now.
    rows.retain(|row| row.starts_with("A,"));
    desk.recon(&rows);
    let refused = desk.heal(&["--revert", &run.to_string(), "--apply"]).unwrap_err().to_string();
    assert!(
        refused.contains("corrected bars of 1 symbols that the newest reconciliation") && refused.contains("(B)"),
        "{refused}"
    );
}

#[test]
fn nothing_is_inserted_outside_the_hours_or_for_a_symbol_that_the_session_lacks() {
    let desk = Desk::new();
    let mut rows = broker_rows();
    rows.insert(0, row("A", -8, 25_000));
    rows.push(row("Z", 3, 600));
    desk.recon(&rows);
    let plan = desk.told(&[]);
    assert_eq!(minutes(&plan), ["A 09:20:00 insert_broker", "A 09:21:00 insert_broker"]);
    let left: Vec<(&str, &str)> = plan.left.iter().map(|row| (row.symbol.as_str(), row.why.as_str())).collect();
    assert_eq!(left, [("A", "outside_hours"), ("Z", "not_in_session")]);
}

#[test]
fn shares_of_a_silent_hole_are_counted_once() {
    let root = tempfile::tempdir().unwrap();
    let context = Context { config: Config::builtin().unwrap(), dir: DataDir::new(root.path().join("data")) };
    let desk = Desk { root, context };
    // A counter of the day: ten shares a second, and nothing from 09:20 to 09:22, of which no gap tells.
    let mut ticks = "time,symbol,price,cum_volume\n".to_owned();
    for second in (0..MINUTES * 60).filter(|second| !(300..420).contains(second)) {
        let (at, price) = (15 + second / 60, paise(second));
        let time = format!("2021-06-04 {:02}:{:02}:{:02}", 9 + at / 60, at % 60, second % 60);
        writeln!(ticks, "{time},A,{}.{:02},{}", price / 100, price % 100, second * 10).unwrap();
    }
    desk.import("ticks.csv", &ticks, FileKind::Ticks);
    let rows: Vec<String> = (0..MINUTES).map(|minute| row("A", minute, if minute == 0 { 590 } else { 600 })).collect();
    desk.recon(&rows);
    let sum = |desk: &Desk| -> i64 {
        let volume = |row: &String| row.split(',').nth(6).unwrap().parse::<i64>().unwrap();
        desk.bars(Timeframe::M1, None).iter().map(volume).sum()
    };
    let before = sum(&desk);
    let done = desk.told(&["--apply"]);
    assert_eq!(minutes(&done), ["A 09:22:00 take_broker", "A 09:20:00 insert_broker", "A 09:21:00 insert_broker"]);
    assert_eq!((sum(&desk), before), (35_990, 35_990), "what the counter ends at");
    assert_eq!(done.again.unwrap().unhealed, 0);
}

#[test]
fn a_step_that_no_market_takes_is_not_overruled() {
    let desk = Desk::new();
    let half = "A,2021-06-04 09:20:00,502.5,502.95,502.5,502.95,600";
    desk.recon(&with_row("A", 5, half));
    assert_eq!(desk.refused(&["--apply"]), ["jump"]);
    assert_eq!(desk.refused(&["--apply", "--force"]), ["jump"]);
}
