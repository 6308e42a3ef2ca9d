//! `barkeep run` by the clock, against a simulator that was started: the token, the services, reload, the door, the end.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use stage::{Stage, day, free_ports, write_candles, write_ticks};

/// How long something that takes a second or two may take on a busy host.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with the test.
struct Process {
    child: Child,
    told: Value,
}

impl Process {
    /// Starts a command whose first line is JSON; its log goes into a file of the stage.
    fn start(mut command: Command, stage: &Stage, log: &str) -> Self {
        let log = fs::File::create(stage.path(log)).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
        let told = serde_json::from_str(&line).unwrap_or_else(|_| panic!("expected JSON, found {line:?}"));
        Self { child, told }
    }

    fn text(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap_or_else(|| panic!("{name} in {}", self.told))
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
    }

    /// Tells it to end; its exit code and how long that took.
    fn stop(&mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        self.signal("-TERM");
        (self.child.wait().expect("its end").code(), begun.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A simulator in the middle of a day, and a configuration that names it.
fn simulator(stage: &Stage) -> Process {
    let sim = "sim --json --port 0 --date 2026-07-31 --start 10:00 --history 0 --instruments 5";
    let sim = Process::start(stage.command(sim), stage, "sim.log");
    let (rest, ws) = (sim.text("rest"), sim.text("ws"));
    let config = format!(
        "[calendar]\nuniverse = \"universe.csv\"\n[kite]\nrest = \"{rest}\"\nws = \"{ws}\"\n\
         login_url = \"{rest}/connect/login\"\n[feed]\nbackoff_first_ms = 50\n"
    );
    stage.write("barkeep.toml", &(config + &free_ports()));
    stage.write("universe.csv", &universe(&["HDFCBANK", "ICICIBANK"]));
    sim
}

fn universe(symbols: &[&str]) -> String {
    let rows: String = symbols.iter().map(|symbol| format!("NSE,{symbol},Banks,derivatives,true,false\n")).collect();
    format!("exchange,tradingsymbol,sector,class,subscribe,record_depth\n{rows}")
}

fn daemon(stage: &Stage, as_of: &str) -> Process {
    let run = format!("--config barkeep.toml run --json --as-of '{as_of}'");
    Process::start(stage.command(&run), stage, "run.log")
}

fn login(stage: &Stage, sim: &Process) {
    let mut login = stage.command("--config barkeep.toml login");
    login.env("KITE_API_KEY", sim.text("api_key")).env("KITE_API_SECRET", sim.text("api_secret"));
    let mut child = login.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    child.stdin.take().expect("its input").write_all(sim.text("request_token").as_bytes()).expect("a reader");
    assert!(child.wait().expect("its end").success());
}

/// Status and body of a page.
fn page(daemon: &Process, service: &str, path: &str) -> (u16, String) {
    let root = daemon.told["services"][service].as_str().expect("an address");
    let host = root.strip_prefix("http://").expect("a root");
    let mut stream = TcpStream::connect(host).expect("the port is bound");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("a reader");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// Waits until something holds.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} within {} s", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn log(stage: &Stage) -> String {
    fs::read_to_string(stage.path("run.log")).expect("a log")
}

#[test]
fn a_daemon_waits_for_a_token_takes_the_feed_reloads_and_ends() {
    let stage = Stage::new();
    let sim = simulator(&stage);
    let mut run = daemon(&stage, "2026-07-31 10:00:01");
    until("it says that it waits for a token", || {
        let (status, body) = page(&run, "appliance", "/readyz");
        status == 503 && body.contains("run barkeep login")
    });
    assert_eq!(page(&run, "appliance", "/healthz").0, 200, "it waits, and is well");

    login(&stage, &sim);
    let ticks = |symbol: &str| {
        let (_, metrics) = page(&run, "zerodha_ws", "/metrics");
        let name = format!("zerodha_ticks_received_total{{symbol=\"{symbol}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    until("ticks come", || ticks("HDFCBANK") > 5.0);
    until("it is ready", || page(&run, "appliance", "/readyz").0 == 200);

    stage.write("universe.csv", "exchange,tradingsymbol\nNSE,AXISBANK\n");
    run.signal("-HUP");
    until("a bad file is refused", || log(&stage).contains("is refused: nothing changes"));
    stage.write("universe.csv", &universe(&["HDFCBANK", "SBIN", "INFY"]));
    run.signal("-HUP");
    until("what is new joins the session", || {
        let shown = stage.run("tape cat --kind tick --symbol INFY --limit 1");
        String::from_utf8_lossy(&shown.stdout).contains("INFY")
    });

    stage.write("one.csv", "time,symbol,open,high,low,close,volume\n2026-07-31 09:15,HDFCBANK,1,2,1,2,100\n");
    let through = stage.json(0, "import one.csv --kind bars --json");
    assert_eq!(through["events"], 1, "the door takes it beside the feed");
    stage.write("two.csv", "time,symbol,price,cum_volume\n2026-07-30 10:00:00,HDFCBANK,1,2\n");
    let refused = stage.refused("import two.csv --kind ticks");
    assert!(refused.contains("live session"), "{refused}");

    let (code, took) = run.stop();
    assert_eq!(code, Some(0), "{}", log(&stage));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
    let reports = stage.expect(0, "tape cat --kind feed_report,feed_gap");
    for expected in ["connected", "whole", "no_token"] {
        assert!(reports.contains(expected), "{expected} in {reports}");
    }
    let token = fs::read(stage.path("data/kite_token.json")).expect("a token");
    let secret: Value = serde_json::from_slice(&token).expect("JSON");
    let secret = secret["access_token"].as_str().expect("a token");
    let all = stage.expect(0, "tape cat --json") + &log(&stage);
    assert!(!all.contains(secret) && !all.contains(sim.text("api_secret")), "no secret in log or tape");

    let mut again = daemon(&stage, "2026-07-31 10:02:00");
    until("the session goes on", || log(&stage).contains("whole"));
    assert_eq!(again.stop().0, Some(0));
    let gaps = stage.expect(0, "tape cat --kind feed_gap");
    assert!(gaps.contains("appliance_down"), "{gaps}");
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
}

#[test]
fn a_day_without_a_session_is_quiet_and_says_why() {
    let stage = Stage::new();
    let _sim = simulator(&stage);
    let mut run = daemon(&stage, "2026-08-15 10:00:00");
    until("it is ready", || page(&run, "appliance", "/readyz").0 == 200);
    let (_, body) = page(&run, "appliance", "/readyz");
    assert!(body.contains("no session today"), "{body}");
    assert_eq!(run.stop().0, Some(0));
    assert!(!stage.path("data/tape/2026-08-15.1.redb").exists(), "no session was opened");
}

#[test]
fn what_keeps_a_daemon_from_starting_is_told() {
    let stage = Stage::new();
    let _sim = simulator(&stage);
    let mut run = daemon(&stage, "2026-08-15 10:00:00");
    let second = stage.refused("--config barkeep.toml run --as-of '2026-08-15 10:00:00'");
    assert!(second.contains("holds the lock") || second.contains("is held by"), "{second}");
    let appliance = run.told["services"]["appliance"].as_str().expect("an address");
    let port = appliance.rsplit_once(':').expect("a port").1.to_owned();
    let config = fs::read_to_string(stage.path("barkeep.toml")).expect("a file");
    stage.write("taken.toml", &config.replace("appliance = 0", &format!("appliance = {port}")));
    let taken = stage.refused("--config taken.toml run --as-of '2026-08-15 10:00:00'");
    assert!(taken.contains(&port) && taken.contains("appliance"), "{taken}");
    let real = stage.refused("run --as-of '2026-08-15 10:00:00'");
    assert!(real.contains("simulator on this host"), "{real}");
    assert_eq!(run.stop().0, Some(0));
}

#[test]
fn a_daemon_that_stood_still_blames_nobody_else_and_goes_on() {
    let stage = Stage::new();
    let sim = simulator(&stage);
    let mut run = daemon(&stage, "2026-07-31 10:00:01");
    login(&stage, &sim);
    until("ticks come", || log(&stage).contains("whole"));
    run.signal("-STOP");
    std::thread::sleep(Duration::from_secs(12));
    run.signal("-CONT");
    until("it says so", || log(&stage).contains("stood still"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(run.stop().0, Some(0), "{}", log(&stage));
    let reports = stage.expect(0, "tape cat --kind feed_report,feed_gap");
    assert!(!reports.contains("mute") && !reports.contains("silence"), "{reports}");
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
}

#[test]
fn a_list_that_cannot_be_had_is_told_with_its_reason() {
    let stage = Stage::new();
    let sim = simulator(&stage);
    let config = fs::read_to_string(stage.path("barkeep.toml")).expect("a file");
    // Nobody listens there.
    stage.write("barkeep.toml", &config.replace(sim.text("rest"), "http://127.0.0.1:9"));
    let mut run = daemon(&stage, "2026-07-31 10:00:01");
    until("the log says why", || log(&stage).contains("list of instruments cannot be had"));
    until("so does the page", || page(&run, "appliance", "/readyz").1.contains("list of instruments cannot be had"));
    assert_eq!(run.stop().0, Some(0));
}

/// The lines of the page about reconciliations, without help and without `recon_`.
fn recon_lines(run: &Process) -> Vec<String> {
    let (status, page) = page(run, "recon_exporter", "/metrics");
    assert_eq!(status, 200, "{page}");
    page.lines().filter_map(|line| line.strip_prefix("recon_").map(str::to_owned)).collect()
}

#[test]
fn what_was_reconciled_and_healed_is_shown_at_once_and_after_a_restart() {
    let stage = Stage::new();
    let _sim = simulator(&stage);
    let recorded = day(5, 4);
    write_ticks(&recorded, &stage.path("ticks.csv"));
    write_candles(&recorded, &stage.path("candles.csv"));
    stage.expect(0, "import ticks.csv --kind ticks");
    // A holiday: no session is open, and the day's is not the newest segment's that a daemon counts from zero.
    let ready = |run: &Process| until("the tape was read", || page(run, "recon_exporter", "/readyz").0 == 200);
    let mut run = daemon(&stage, "2026-08-15 10:00:00");
    ready(&run);
    assert!(page(&run, "recon_exporter", "/readyz").1.contains("nothing_reconciled"));
    let shown = recon_lines(&run);
    assert!(shown.contains(&"runs_total{result=\"differences\"} 0".to_owned()), "{shown:?}");
    assert!(!shown.iter().any(|line| line.starts_with("bars{")), "{shown:?}");

    let recon = "recon --date 2026-07-31 --source candles.csv --json";
    let report = stage.json(1, recon);
    let is = |name: &str, value: &Value| format!("{name} {value}");
    until("the run is shown", || recon_lines(&run).contains(&is("unhealed", &report["unhealed"])));
    let shown = recon_lines(&run);
    for status in ["matched", "missing_internal", "missing_broker", "price", "volume"] {
        let line = is(&format!("bars{{status=\"{status}\"}}"), &report[status]);
        assert!(shown.contains(&line), "{line} is not among {shown:?}");
    }
    let number = |value: &Value| value.as_f64().expect("a number");
    let explained = number(&report["explained"]) / number(&report["unhealed"]);
    assert!(shown.contains(&format!("explained_ratio {explained}")), "{explained}: {shown:?}");
    let made = |lines: &[String]| -> f64 {
        lines.iter().find_map(|line| line.strip_prefix("last_run_timestamp_seconds ")).expect("a time").parse().unwrap()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs_f64();
    assert!((now - 120.0..=now).contains(&made(&shown)), "{shown:?} at {now}");

    let healed = stage.run("heal --date 2026-07-31 --apply --force --json");
    let healed: Value = serde_json::from_slice(&healed.stdout).expect("JSON");
    let again = &healed["again"];
    assert!(number(&again["unhealed"]) < number(&report["unhealed"]), "{healed}");
    until("the run after the heal is shown", || recon_lines(&run).contains(&is("unhealed", &again["unhealed"])));
    let shown = recon_lines(&run);
    assert!(shown.contains(&is("bars{status=\"matched\"}", &again["matched"])), "{shown:?}");
    let corrections = healed["corrections"].as_array().expect("a list");
    for action in ["insert_broker", "take_broker", "rebuild", "revert"] {
        let count = corrections.iter().filter(|row| row["action"] == action).count();
        assert!(shown.contains(&format!("healed_bars_total{{action=\"{action}\"}} {count}")), "{action}: {shown:?}");
    }
    assert_eq!(run.stop().0, Some(0));

    // While it is down.
    let report = stage.json(1, recon);
    let mut run = daemon(&stage, "2026-08-15 10:00:00");
    ready(&run);
    let then = recon_lines(&run);
    assert!(then.contains(&is("unhealed", &report["unhealed"])) && made(&then) > made(&shown), "{then:?}");
    assert!(then.contains(&"runs_total{result=\"differences\"} 3".to_owned()), "{then:?}");
    let mut again = daemon_after(&mut run, &stage);
    ready(&again);
    assert_eq!(recon_lines(&again), then);
    assert_eq!(again.stop().0, Some(0));
}

/// The next daemon, once one has ended.
fn daemon_after(run: &mut Process, stage: &Stage) -> Process {
    assert_eq!(run.stop().0, Some(0));
    daemon(stage, "2026-08-15 10:00:00")
}
