//! `barkeep backfill` and `recon --source kite` against a simulator that was started: what is missing is fetched, once,
//! also after a kill; a day that is reconciled is fetched anew.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::Duration;

use barkeep_schemas::{Event, EventKind, Input, Seq, SessionDate, Ts};
use barkeep_storage::{DataDir, Filter, Tape};
use barkeep_zerodha::rest::{Candle, Client, ClientPlan, Interval};
use barkeep_zerodha::token;
use serde_json::{Value, json};
use stage::Stage;

/// A simulator that ends with the test, a configuration that names it, and a login.
struct Sim {
    child: Child,
    rest: String,
}

impl Sim {
    fn start(stage: &Stage, more: &str) -> Self {
        let sim = format!("sim --json --port 0 --date 2026-07-31 --start 10:00 --history 70 {more}");
        let mut child = stage.command(&sim).stdout(Stdio::piped()).spawn().expect("the simulator starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let text = |name: &str| told[name].as_str().expect("text").to_owned();
        let config = format!("[kite]\nrest = \"{}\"\nws = \"{}\"\n", text("rest"), text("ws"));
        stage.write("barkeep.toml", &config);
        let mut login = stage.command("--config barkeep.toml login --json");
        login.env("KITE_API_KEY", text("api_key")).env("KITE_API_SECRET", text("api_secret"));
        let mut login = login.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("login");
        login.stdin.take().expect("its input").write_all(text("request_token").as_bytes()).expect("a reader");
        assert!(login.wait().expect("its end").success());
        Self { child, rest: text("rest") }
    }

    /// The symbols that the broker lists.
    fn symbols(&self) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let csv = runtime.block_on(async {
            let client = Client::new(ClientPlan::new(self.rest.clone())).await.expect("a client");
            client.instruments(None, None).await.expect("a list")
        });
        let csv = String::from_utf8(csv).expect("text");
        csv.lines().skip(1).map(|row| row.split(',').nth(2).expect("a symbol").to_owned()).collect()
    }

    /// What the broker says of a token's days.
    fn candles(&self, stage: &Stage, token: u32, from: &str, to: &str) -> Vec<Candle> {
        let access = token::read(&stage.path("data/kite_token.json")).expect("the file").expect("a token");
        let midnight = |text: &str| i64::from(SessionDate::parse(text).expect("a date").0) * 86_400 - 19_800;
        let (from, to) = (Ts::from_secs(midnight(from)), Ts::from_secs(midnight(to) + 86_399));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let client = Client::new(ClientPlan::new(self.rest.clone())).await.expect("a client");
            let account = client.account(&access).expect("a header");
            account.historical(token, Interval::Minute, from, to, false).await.expect("candles").candles
        })
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn backfill(stage: &Stage, code: i32, args: &str) -> Value {
    stage.json(code, &format!("--config barkeep.toml backfill --json {args}"))
}

/// The bars from outside on the tape, as candles, by their start.
fn on_tape(stage: &Stage) -> Vec<Candle> {
    let tape = Tape::open(&DataDir::new(stage.path("data"))).expect("a tape");
    let bars = tape.scan(Seq::FIRST, None, &Filter::kinds([EventKind::OutsideBar]));
    let mut candles: Vec<Candle> = bars
        .filter_map(|event| match event.expect("an event").1 {
            Event::Input(Input::OutsideBar(bar)) => Some(Candle {
                start: bar.start,
                open: bar.open,
                high: bar.high,
                low: bar.low,
                close: bar.close,
                volume: bar.volume,
                open_interest: None,
            }),
            Event::Input(_) | Event::Derived(_) => None,
        })
        .collect();
    candles.sort_by_key(|candle| candle.start);
    candles
}

#[test]
fn what_is_missing_is_fetched_and_what_is_there_is_not_asked_for_again() {
    let stage = Stage::new();
    let sim = Sim::start(&stage, "--instruments 5");
    let first = backfill(&stage, 0, "--from 2026-07-20 --to 2026-07-24 --symbols INFY");
    let told = |report: &Value, names: [&str; 5]| names.map(|name| report[name].as_u64().expect("a number"));
    let names = ["sessions", "held", "requests", "days", "empty_days"];
    assert_eq!(told(&first, names), [5, 0, 1, 5, 0]);
    assert!(first["candles"].as_u64() > Some(1_500) && first["refused"] == json!(0), "{first}");
    let tape = on_tape(&stage);
    assert_eq!(tape, sim.candles(&stage, 408_065, "2026-07-20", "2026-07-24"));
    assert_eq!(first["candles"].as_u64(), Some(tape.len() as u64));

    let again = backfill(&stage, 0, "--from 2026-07-20 --to 2026-07-24 --symbols INFY");
    assert_eq!(told(&again, names), [5, 5, 0, 0, 0]);
    // Days on both sides of those that are there: one request, and nothing twice.
    let wider = backfill(&stage, 0, "--from 2026-07-16 --to 2026-07-28 --symbols NSE:INFY");
    assert_eq!(told(&wider, names), [9, 5, 1, 4, 0]);
    assert_eq!(on_tape(&stage), sim.candles(&stage, 408_065, "2026-07-16", "2026-07-28"));
    // More than sixty days are two requests; days before the market began have no candle, and are asked for once.
    let long = backfill(&stage, 0, "--from 2026-03-02 --to 2026-07-28 --symbols INFY");
    assert!(long["requests"].as_u64() >= Some(2) && long["empty_days"].as_u64() > Some(10), "{long}");
    let nothing = backfill(&stage, 0, "--from 2026-03-02 --to 2026-07-28 --symbols INFY");
    assert_eq!((&nothing["requests"], &nothing["days"]), (&json!(0), &json!(0)));
    let before = on_tape(&stage).len() as u64;
    let anew = backfill(&stage, 0, "--from 2026-07-20 --to 2026-07-24 --symbols INFY --again");
    assert_eq!((&anew["held"], &anew["requests"], &anew["candles"]), (&json!(0), &json!(1), &first["candles"]));
    assert_eq!(on_tape(&stage).len() as u64, before + first["candles"].as_u64().expect("a number"));
    stage.expect(0, "tape verify");
}

#[test]
fn what_cannot_be_fetched_is_told_by_symbol_and_asked_for_by_the_same_command() {
    let stage = Stage::new();
    let sim = Sim::start(&stage, "--instruments 5");
    let report = backfill(&stage, 2, "--from 2026-07-30 --to 2026-07-30 --symbols 'INFY,NOPE,NIFTY 50'");
    let errors = json!({"NOPE": "not in the broker's list of instruments"});
    assert_eq!((&report["errors"], &report["requests"], &report["days"]), (&errors, &json!(2), &json!(2)));
    let text = stage.expect(2, "--config barkeep.toml backfill --from 2026-07-30 --to 2026-07-30 --symbols INFY,NOPE");
    assert!(text.contains("NOPE: not in the broker's list") && text.contains("there already: 1 symbol-day"), "{text}");
    assert!(text.contains("correct the symbol") && !text.contains("asks for these alone"), "{text}");
    // The tape is not asked for; the broker is gone.
    drop(sim);
    let held = backfill(&stage, 0, "--from 2026-07-30 --to 2026-07-30 --symbols INFY");
    assert_eq!((&held["held"], &held["errors"]), (&json!(1), &json!({})));
}

#[test]
fn what_is_wrong_is_said_before_anything_is_asked() {
    let stage = Stage::new();
    stage.write("barkeep.toml", "[kite]\nrest = \"http://127.0.0.1:1\"\n");
    let refused = |args: &str| stage.refused(&format!("--config barkeep.toml backfill {args}"));
    assert!(refused("--from 2026-07-30 --to 2026-07-29").contains("exchange them"));
    assert!(refused("--from 2026-07-30 --to 2031-07-29").contains("calendar"));
    assert!(refused("--from yesterday --to 2026-07-29").contains("YYYY-MM-DD"));
    assert!(refused("--from 2026-07-30 --to 2026-07-30").contains("barkeep login"));
}

#[test]
fn a_run_that_was_killed_is_given_once_more_and_then_all_is_there() {
    let stage = Stage::new();
    let sim = Sim::start(&stage, "--instruments 20");
    let symbols = sim.symbols();
    assert_eq!(symbols.len(), 22, "with the two indices");
    let args = format!("--from 2026-07-01 --to 2026-07-30 --symbols '{}'", symbols.join(","));
    let mut command = stage.command(&format!("--config barkeep.toml backfill --json {args}"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    // Sixteen answers of some 8,000 minutes are added together; six are still to come.
    while on_tape(&stage).len() < 20_000 {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it still ran");
    child.wait().expect("its end");
    let there = on_tape(&stage).len();
    let rest = backfill(&stage, 0, &args);
    assert!(rest["held"].as_u64() > Some(0), "{rest}");
    assert_eq!(on_tape(&stage).len() as u64, there as u64 + rest["candles"].as_u64().expect("a number"));
    let key = |candle: &Candle| (candle.start, candle.open, candle.high, candle.low, candle.close, candle.volume);
    let tape: HashSet<_> = on_tape(&stage).iter().map(key).collect();
    for token in [341_249, 408_065] {
        let candles = sim.candles(&stage, token, "2026-07-01", "2026-07-30");
        assert!(candles.len() > 7_000 && candles.iter().all(|candle| tape.contains(&key(candle))), "{token}");
    }
    let again = backfill(&stage, 0, &args);
    assert_eq!((&again["requests"], &again["candles"]), (&json!(0), &json!(0)));
    stage.expect(0, "tape verify");
}

/// Candles as bars that `import --as internal` takes.
fn csv(symbol: &str, candles: &[Candle]) -> String {
    let row = |c: &Candle| {
        format!("{symbol},{},{},{},{},{},{}\n", c.start.secs(), c.open, c.high, c.low, c.close, c.volume.get())
    };
    let rows: String = candles.iter().map(row).collect();
    format!("symbol,time,open,high,low,close,volume\n{rows}")
}

#[test]
fn a_day_is_reconciled_with_the_brokers_candles_as_it_gives_them_now() {
    let stage = Stage::new();
    let sim = Sim::start(&stage, "--instruments 5");
    let candles = sim.candles(&stage, 408_065, "2026-07-30", "2026-07-30");
    stage.write("own.csv", &csv("INFY", &candles[..candles.len() - 1]));
    stage.expect(0, "--config barkeep.toml import own.csv --kind bars --as internal --map time=time:s");
    let recon = |code: i32, more: &str| {
        stage.json(code, &format!("--config barkeep.toml recon --date 2026-07-30 --source kite --json {more}"))
    };
    let compared = candles.len() as u64;
    for _ in 1..=2 {
        let report = recon(1, "");
        let found = ["compared", "matched", "missing_internal"].map(|key| report[key].as_u64().expect("a number"));
        assert_eq!(found, [compared, compared - 1, 1], "{report}");
        assert!(report["source"].as_str().is_some_and(|source| source.starts_with("kite, fetched ")), "{report}");
    }
    let tape = Tape::open(&DataDir::new(stage.path("data"))).expect("a tape");
    let started = tape.scan(Seq::FIRST, None, &Filter::kinds([EventKind::ImportStarted]));
    let fetched: Vec<(Ts, _)> = started
        .filter_map(|event| match event.expect("an event").1 {
            Event::Input(Input::ImportStarted(import)) => Some((import.fetched?, import.files)),
            Event::Input(_) | Event::Derived(_) => None,
        })
        .collect();
    let [(first, files), (second, again)] = fetched.as_slice() else { panic!("{fetched:?}") };
    assert!(first < second && files == again, "the same answer, at two times");
    // Up to the bar that we lack all is in order.
    let until = ist_clock(candles[candles.len() - 1].start);
    recon(0, &format!("--to {until}"));
    // What the broker does not list is told, and nothing else is called in order for it.
    let partly = recon(2, &format!("--symbols INFY,NOPE --to {until}"));
    assert_eq!(partly["symbols"].as_array().map(Vec::len), Some(1), "{partly}");
    let refused = |more: &str| stage.refused(&format!("--config barkeep.toml recon --source kite {more}"));
    assert!(refused("--date 2026-07-30 --tf 1s").contains("no candles of 1s"));
    assert!(refused("--date 2026-07-30 --no-header").contains("--no-header says how a file is read"));
    stage.expect(0, "tape verify");
}

/// `15:29` in IST.
fn ist_clock(ts: Ts) -> String {
    let second = (ts.secs() + 19_800).rem_euclid(86_400);
    format!("{:02}:{:02}", second / 3_600, second / 60 % 60)
}
