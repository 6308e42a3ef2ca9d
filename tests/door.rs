//! Commands that add to the tape, with a daemon and without: the same tape, the same words, the same exit codes; and what
//! becomes of them where the daemon or the command itself does not do its part.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use barkeep::orchestrator::appliance::{Appliance, Pace, SessionDraft};
use barkeep::orchestrator::calendar::Calendar;
use barkeep::orchestrator::config::Config;
use barkeep::orchestrator::door::message::{Access, Hello, Reply, Request, line};
use barkeep::orchestrator::door::{DAEMON, DoorServer};
use barkeep::orchestrator::engine_thread::{EngineHandle, EngineThread, EngineThreadConfig, Work};
use barkeep_schemas::{
    ClockMark, Event, FeedId, FeedSpec, Input, Instrument, InstrumentClass, InstrumentId, Price, Seq, SessionDate,
    TradeRule, Ts, VolumeSource,
};
use barkeep_storage::{DataDir, Filter, Lock, SessionDigest, Tape};
use stage::{Run, Stage, day, torture, write_candles, write_ticks};
use tokio::runtime::Runtime;

/// A daemon without feeds: the engine on its thread, and the door.
struct Daemon {
    runtime: Runtime,
    engine: EngineHandle,
    thread: EngineThread,
    server: DoorServer,
}

impl Daemon {
    fn start(dir: &DataDir) -> Self {
        let pace = Pace { commit_events: 4_096, snapshot_events: 1_000_000 };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let appliance = Appliance::open(dir, pace, DAEMON).expect("the lock is free");
        let config = EngineThreadConfig { commit_after: Duration::from_millis(20), queue_inputs: 65_536 };
        let (engine, thread) = EngineThread::start(appliance, config).expect("a thread");
        let server = runtime.block_on(async { DoorServer::start(dir, engine.clone()) }).expect("a socket");
        Self { runtime, engine, thread, server }
    }

    fn open_live_session(&self, date: SessionDate) {
        let listed = Instrument {
            id: InstrumentId(0),
            feed: FeedId(0),
            token: 1,
            symbol: "LIVE".to_owned(),
            class: InstrumentClass::Always,
            tick_size: Price::new(100),
            lot_size: 1,
        };
        let feed = FeedSpec {
            id: FeedId(0),
            name: "test".to_owned(),
            trade_rule: TradeRule::All,
            volume: VolumeSource::Cumulative,
            conditions: Vec::new(),
        };
        let draft = SessionDraft {
            date,
            calendar: Calendar::always(date, &jiff::tz::TimeZone::UTC),
            config: Config::builtin().expect("defaults").engine.into(),
            feeds: vec![feed],
            instruments: vec![listed],
            opening: Vec::new(),
            desk: None,
        };
        let turns = self.server.turns();
        self.runtime.block_on(async {
            let _turn = turns.claim("the live session", Duration::from_secs(1)).await;
            self.engine.open_session(draft).await.expect("a session");
            self.engine.commit().await.expect("an engine");
        });
    }

    /// Ends as a daemon does: the door first, then the engine.
    fn stop(self) {
        self.runtime.block_on(self.server.stop());
        self.engine.blocking_send(Work::Stop).expect("an engine");
        self.thread.join().expect("its end");
    }
}

/// Every event of the tape with its position: how many, and what their canonical bytes come to, less the hours at which
/// reconciliations and heals were run.
fn digest(dir: &DataDir) -> (u64, String) {
    let (mut digest, mut count) = (SessionDigest::new(), 0);
    for item in Tape::open(dir).expect("a tape").scan(Seq::FIRST, None, &Filter::ALL) {
        let (seq, mut event) = item.expect("an event");
        match &mut event {
            Event::Input(Input::ReconRun(run)) => run.at = None,
            Event::Input(Input::HealRun(run)) => run.at = None,
            Event::Input(_) | Event::Derived(_) => {}
        }
        digest.update(seq, &event);
        count += 1;
    }
    (count, digest.finish().to_string())
}

/// What a command said and how it ended, less the time that it took, the hour of a run and the folder that it named.
fn told(output: &Output, data: &str) -> (Option<i32>, String, String) {
    let calm = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace(&format!("/{data}"), "/DATA");
        // "..., in 0.01 s (500 rows/s)", "... in 0.01 s"
        let lines = text.lines().map(|line| match line.rsplit_once(" in ") {
            Some((before, after)) if after.ends_with('s') || after.ends_with("/s)") => before,
            Some(_) | None => line,
        });
        // "run 160 of 2026-07-31 16:00:00.123456789 IST, session ..."
        let lines = lines.map(|line| match (line.find("recon_run"), line.find(" IST, session")) {
            (Some(_), Some(end)) => {
                let start = line[..end].rfind(" of ").expect("when");
                format!("{}{}", &line[..start], &line[end..])
            }
            (_, _) => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    (output.status.code(), calm(&output.stdout), calm(&output.stderr))
}

/// Commands that add, one after the other, and what is tried again.
const COMMANDS: &[&str] = &[
    // Bars on an empty tape, then ticks in a session, the broker's candles, all of it again, and round-the-clock days.
    "import early.csv --kind bars --calendar always",
    "import ticks.csv --kind ticks",
    "recon --date 2026-07-31 --source candles.csv",
    "recon --date 2026-07-31 --source candles.csv --strict",
    "heal --date 2026-07-31",
    "heal --date 2026-07-31 --apply",
    "heal --date 2026-07-31 --apply --force",
    "heal --date 2026-07-31 --apply --force",
    "import ticks.csv --kind ticks",
    "import candles.csv --kind bars --as internal",
    "import crypto.csv --kind ticks --calendar always",
    "import nothing.csv --kind ticks",
    "import bad.csv --kind ticks",
    "recon --date 2026-07-30 --source candles.csv",
    "recon --date 2026-07-31 --source candles.csv --symbols NOBODY",
    "tape stat",
    "tape cat --limit 50 --kind recon_run",
    "replay --verify --date 2026-07-31",
];

fn write_files(stage: &Stage) {
    let day = day(11, 6);
    write_ticks(&day, &stage.path("ticks.csv"));
    write_candles(&day, &stage.path("candles.csv"));
    stage.write(
        "early.csv",
        "symbol,time,open,high,low,close,volume\nBTC,2026-07-01 10:00,1,2,1,2,5\nETH,2026-07-01 10:01,1,2,1,2,5\n",
    );
    let crypto: String = (0..50)
        .map(|n| format!("2026-07-{:02} 23:{:02}:00,BTC,{},{}\n", 1 + n / 25, 10 + n % 25, 100 + n, 10 * n))
        .collect();
    stage.write("crypto.csv", &format!("time,symbol,price,cum_volume\n{crypto}"));
    stage.write("bad.csv", "time,symbol,price,qty\n2026-07-31 10:00:00,A,x,1\n");
}

#[test]
fn with_a_daemon_and_without_commands_make_the_same_tape_and_say_the_same() {
    let stage = Stage::new();
    write_files(&stage);
    let (alone, beside) = (DataDir::new(stage.path("alone")), DataDir::new(stage.path("beside")));
    beside.create().expect("a folder");
    let daemon = Daemon::start(&beside);
    assert_eq!(fs::metadata(beside.socket()).expect("a socket").permissions().mode() & 0o777, 0o600);
    let (mut codes, mut all) = (Vec::new(), Vec::new());
    for command in COMMANDS {
        let run = |data: &str| stage.command_on(data, command).output().expect("the command runs");
        let (expected, output) = (told(&run("alone"), "alone"), told(&run("beside"), "beside"));
        // The open segment's state and size on disk are the writer's business.
        if !command.starts_with("tape stat") {
            assert_eq!(output, expected, "barkeep {command}");
        }
        assert_eq!(output.0, expected.0, "barkeep {command}");
        codes.push(output.0.expect("an exit code"));
        all.push(digest(&beside));
        assert_eq!(all.last(), Some(&digest(&alone)), "barkeep {command}");
    }
    assert_eq!(codes, [0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 2, 2, 2, 2, 0, 0, 0]);
    assert!(all[4].0 == all[3].0 && all[5].0 > all[4].0 && all[7].0 == all[6].0, "plan, apply, no-op: {all:?}");
    assert!(all[0].0 < all[1].0 && all[1].0 < all[2].0 && all[2].0 < all[3].0, "they added: {all:?}");
    let timeless = |line: &str| {
        let mut event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if ["recon_run", "heal_run"].iter().any(|kind| event["kind"] == *kind) {
            let at = event.as_object_mut().and_then(|event| event.remove("at"));
            assert!(at.is_some_and(|at| at.is_i64()), "a run tells when: {line}");
        }
        event.to_string()
    };
    let cat =
        |data: &str| -> Vec<String> { stage.expect_on(data, 0, "tape cat --json").lines().map(timeless).collect() };
    assert_eq!(cat("beside"), cat("alone"));
    daemon.stop();
    assert_eq!(digest(&beside), digest(&alone));
    assert_eq!(cat("beside"), cat("alone"));
    stage.expect_on("beside", 0, "tape verify");
}

#[test]
fn what_needs_the_tape_for_itself_is_refused_while_a_daemon_runs() {
    let stage = Stage::new();
    write_files(&stage);
    stage.expect(0, "import ticks.csv --kind ticks");
    let daemon = Daemon::start(&DataDir::new(stage.path("data")));
    for command in ["tape seal", "tape prune --keep-days 1 --apply"] {
        let refused = stage.refused(command);
        assert!(refused.contains(&format!("is held by process {} (run): ", std::process::id())), "{refused}");
    }
    daemon.stop();
    stage.expect(0, "tape seal");
}

#[test]
fn during_a_live_session_bars_come_in_and_ticks_are_refused() {
    let stage = Stage::new();
    write_files(&stage);
    let dir = DataDir::new(stage.path("data"));
    stage.expect(0, "import ticks.csv --kind ticks");
    let daemon = Daemon::start(&dir);
    let date = SessionDate::from_ymd(2026, 8, 3).expect("a date");
    daemon.open_live_session(date);
    let before = digest(&dir);
    let refused = stage.refused("import crypto.csv --kind ticks --calendar always");
    assert!(refused.contains("the live session of 2026-08-03 is open: import after its close"), "{refused}");
    assert_eq!(digest(&dir), before);
    // Live inputs go on meanwhile.
    let live = daemon.engine.clone();
    let ticking = std::thread::spawn(move || {
        for second in 0..200 {
            let ts = Ts::from_secs(i64::from(date.0) * 86_400 + second);
            let mark = Input::ClockMark(ClockMark { feed: FeedId(0), ts });
            live.blocking_send(Work::Inputs(vec![mark])).expect("an engine");
            sleep(Duration::from_millis(5));
        }
    });
    stage.expect(0, "import candles.csv --kind bars");
    assert_eq!(stage.json(0, "import candles.csv --kind bars --json")["already"], true);
    ticking.join().expect("marks");
    // A session that is closed is compared while another is open.
    stage.expect(1, "recon --date 2026-07-31 --source candles.csv");
    daemon.runtime.block_on(daemon.engine.close_session()).expect("an engine");
    daemon.runtime.block_on(daemon.engine.commit()).expect("an engine");
    stage.expect(1, "recon --date 2026-07-31 --source candles.csv");
    stage.expect(0, "import crypto.csv --kind ticks --calendar always");
    daemon.stop();
    assert_eq!(stage.json(0, "replay --verify --date 2026-08-03 --json")["differences"], 0);
    // Without the daemon a session that it left open is as well protected.
    let daemon = Daemon::start(&dir);
    daemon.open_live_session(date);
    daemon.stop();
    let before = digest(&dir);
    let refused = stage.refused(
        "import early.csv --kind ticks --map time=time,symbol=symbol,price=open,cum_volume=volume --calendar always",
    );
    assert!(refused.contains("the live session of 2026-08-03 is open: import after its close"), "{refused}");
    assert_eq!(digest(&dir), before);
}

fn kill(child: &mut Child) {
    child.kill().expect("SIGKILL");
    child.wait().expect("its end");
}

#[test]
fn an_import_through_the_door_that_is_killed_goes_on_as_one_without_a_daemon() {
    let kills_wanted = if torture() { 100 } else { 6 };
    let import = "import ticks.csv --kind ticks --json";
    let calm = Stage::new();
    write_ticks(&day(5, 8), &calm.path("ticks.csv"));
    calm.expect(0, import);
    let (mut kills, mut midway) = (0, 0);
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    while kills < kills_wanted {
        let stage = Stage::new();
        write_ticks(&day(5, 8), &stage.path("ticks.csv"));
        let dir = DataDir::new(stage.path("data"));
        dir.create().expect("a folder");
        let daemon = Daemon::start(&dir);
        for patience_ms in (300..).step_by(150) {
            let mut child = stage.command(import).stdout(Stdio::null()).spawn().expect("an import");
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            sleep(Duration::from_millis(30 + random % patience_ms));
            if child.try_wait().expect("a child").is_some() {
                break;
            }
            kill(&mut child);
            kills += 1;
            let last = Tape::open(&dir).map_or(Seq(0), |tape| tape.last_seq());
            midway += u32::from(last > Seq(0));
        }
        assert_eq!(stage.json(0, import)["already"], true);
        assert_eq!(digest(&dir), digest(&DataDir::new(calm.path("data"))));
        daemon.stop();
        assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
    }
    assert!(midway > 0, "no import was killed midway");
}

#[test]
fn two_imports_at_once_take_turns_and_both_are_whole() {
    let stage = Stage::new();
    write_files(&stage);
    let dir = DataDir::new(stage.path("data"));
    dir.create().expect("a folder");
    let daemon = Daemon::start(&dir);
    let start = |command: &str| stage.command(command).output().expect("the command runs");
    let outputs = std::thread::scope(|scope| {
        let commands =
            ["import ticks.csv --kind ticks", "import candles.csv --kind bars", "import ticks.csv --kind ticks"];
        let running: Vec<_> = commands.map(|command| scope.spawn(move || start(command))).into_iter().collect();
        running.into_iter().map(|one| one.join().expect("a command")).collect::<Vec<_>>()
    });
    for output in outputs {
        let err = String::from_utf8_lossy(&output.stderr);
        // One that waited too long is told who has the turn.
        let is_told = output.status.code() == Some(2) && err.contains("is adding to the tape through the daemon");
        assert!(output.status.code() == Some(0) || is_told, "{err}");
    }
    assert_eq!(stage.json(0, "import ticks.csv --kind ticks --json")["already"], true);
    stage.expect(0, "import candles.csv --kind bars");
    let started = stage.expect(0, "tape cat --json --kind import_started");
    let parsed = started.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let mut started: Vec<String> = parsed.map(|event| event["id"].as_str().expect("an id").to_owned()).collect();
    started.sort();
    let count = started.len();
    started.dedup();
    assert_eq!((count, started.len()), (2, 2), "each import came once");
    daemon.stop();
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
}

#[test]
fn a_dead_daemons_socket_is_no_hindrance_and_a_hung_daemon_is_told() {
    let stage = Stage::new();
    write_files(&stage);
    let dir = DataDir::new(stage.path("data"));
    dir.create().expect("a folder");
    drop(UnixListener::bind(dir.socket()).expect("a socket"));
    stage.expect(0, "import ticks.csv --kind ticks");
    let before = digest(&dir);

    let lock = Lock::acquire(&dir, DAEMON).expect("the lock");
    fs::remove_file(dir.socket()).expect("a socket");
    let _hung = UnixListener::bind(dir.socket()).expect("a socket");
    for command in ["import candles.csv --kind bars", "recon --date 2026-07-31 --source candles.csv"] {
        let since = Instant::now();
        let refused = stage.refused(command);
        let begins = format!("is held by process {} (run), which does not answer at ", std::process::id());
        assert!(refused.contains(&begins) && refused.contains("no answer within 5 s"), "{refused}");
        assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    }
    drop(lock);
    assert_eq!(digest(&dir), before);
    stage.expect(0, "import candles.csv --kind bars");
}

#[test]
fn a_stranger_who_talks_nonsense_disturbs_no_command() {
    let stage = Stage::new();
    write_files(&stage);
    let dir = DataDir::new(stage.path("data"));
    dir.create().expect("a folder");
    let daemon = Daemon::start(&dir);
    let ask = |words: &[u8]| {
        let mut stream = BufReader::new(UnixStream::connect(dir.socket()).expect("a socket"));
        stream.get_mut().write_all(words).expect("it is read");
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).expect("an answer");
        (stream, Reply::parse(&line).expect("an answer"))
    };
    let (_open, reply) = ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n");
    assert!(matches!(reply, Reply::Refused { .. }), "{reply:?}");
    // Who holds the turn and says nothing is cut off in time; here it goes away.
    let (held, reply) = ask(&line(&Hello::of("a program of mine", Access::Records)));
    assert!(matches!(reply, Reply::Welcome { .. }), "{reply:?}");
    let refused = stage.refused("import ticks.csv --kind ticks");
    let expected = format!("process {} (a program of mine) is adding to the tape", std::process::id());
    assert!(refused.contains(&expected), "{refused}");
    drop(held);
    stage.expect(0, "import ticks.csv --kind ticks");
    daemon.stop();
}

#[test]
fn the_daemon_itself_takes_what_commands_add_while_it_waits_for_a_token() {
    let (stage, calm) = (Stage::new(), Stage::new());
    for stage in [&stage, &calm] {
        write_files(stage);
    }
    let mut run = Run::start(&stage, "data");
    for (code, command) in [(0, "import ticks.csv --kind ticks"), (1, "recon --date 2026-07-31 --source candles.csv")] {
        assert_eq!(stage.expect(code, command).lines().count(), calm.expect(code, command).lines().count());
    }
    let dirs = [DataDir::new(stage.path("data")), DataDir::new(calm.path("data"))];
    assert_eq!(digest(&dirs[0]), digest(&dirs[1]));
    run.signal("STOP");
    let refused = stage.refused("import early.csv --kind bars --calendar always");
    let begins = format!("is held by process {} (run), which does not answer at ", run.child.id());
    assert!(refused.contains(&begins), "{refused}");
    run.signal("CONT");
    stage.expect(0, "import early.csv --kind bars --calendar always");
    run.signal("TERM");
    assert!(run.child.wait().expect("its end").success());
    assert!(!dirs[0].socket().exists(), "it takes its socket away");
    calm.expect(0, "import early.csv --kind bars --calendar always");
    assert_eq!(digest(&dirs[0]), digest(&dirs[1]));
}

#[test]
fn an_import_whose_daemon_is_killed_is_told_and_goes_on_without_it() {
    let (stage, calm) = (Stage::new(), Stage::new());
    for stage in [&stage, &calm] {
        write_ticks(&day(5, 8), &stage.path("ticks.csv"));
    }
    let import = "import ticks.csv --kind ticks";
    calm.expect(0, import);
    let dir = DataDir::new(stage.path("data"));
    let mut run = Run::start(&stage, "data");
    let mut command = stage.command(import);
    let importing = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("an import");
    let mut operator = BufReader::new(UnixStream::connect(dir.socket()).expect("a socket"));
    let mut ask = |words: &[u8]| {
        operator.get_mut().write_all(words).expect("it is read");
        let mut line = Vec::new();
        operator.read_until(b'\n', &mut line).expect("an answer");
        Reply::parse(&line).expect("an answer")
    };
    ask(&line(&Hello::of("test", Access::Operator)));
    let since = Instant::now();
    loop {
        let Reply::Status(status) = ask(&line(&Request::Status {})) else { panic!("no status") };
        if status.durable > 1_000 {
            assert_eq!(status.turn, Some(format!("process {} (import)", importing.id())));
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "nothing comes onto the tape");
        sleep(Duration::from_millis(1));
    }
    kill(&mut run.child);
    let output = importing.wait_with_output().expect("its end");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("is lost in the middle of the command (it has closed): what it acknowledged is on"), "{err}");
    assert!(dir.socket().exists(), "a daemon that is killed leaves its socket");
    // Its successor takes the place of the dead one's socket; the command goes on where the tape ends.
    let run = Run::start(&stage, "data");
    stage.expect(0, import);
    assert_eq!(digest(&dir), digest(&DataDir::new(calm.path("data"))));
    drop(run);
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
}
