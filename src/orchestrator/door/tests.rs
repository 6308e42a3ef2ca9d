//! The door against the engine thread and the tape as they are: both ways of it, and what clients do wrong.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};

use barkeep_engine::BEHAVIOUR;
use barkeep_schemas::{
    BarOrigin, ClockMark, CloseReason, FeedId, FeedSpec, FileKind, Hash32, ImportStarted, InstrumentClass,
    OperatorAction, OperatorCommand, OutsideBar, Price, Qty, SessionClosed, SessionOpened, Timeframe, TradeRule, Ts,
    VolumeSource,
};
use barkeep_storage::{Filter, Lock, SessionDigest, Tape};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::message::{Hello, PROTOCOL, Reply, Request, line};
use super::*;
use crate::orchestrator::appliance::SessionDraft;
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::config::Config;
use crate::orchestrator::engine_thread::{EngineHandle, EngineThread, EngineThreadConfig, Work};

const PACE: Pace = Pace { commit_events: 500, snapshot_events: 100_000 };

/// A daemon without feeds: the engine on its thread and the door, on a data directory of its own.
struct Daemon {
    folder: TempDir,
    runtime: Runtime,
    engine: EngineHandle,
    thread: EngineThread,
    server: DoorServer,
}

impl Daemon {
    fn start() -> Self {
        Self::on(tempfile::tempdir().unwrap())
    }

    fn on(folder: TempDir) -> Self {
        let dir = DataDir::new(folder.path());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let appliance = Appliance::open(&dir, PACE, DAEMON).unwrap();
        let config = EngineThreadConfig { commit_after: Duration::from_millis(20), queue_inputs: 10_000 };
        let (engine, thread) = EngineThread::start(appliance, config).unwrap();
        let server = runtime.block_on(async { DoorServer::start(&dir, engine.clone()) }).unwrap();
        Self { folder, runtime, engine, thread, server }
    }

    fn dir(&self) -> DataDir {
        DataDir::new(self.folder.path())
    }

    fn door(&self, access: Access) -> Door {
        Door::open(&self.dir(), PACE, "test", access).unwrap()
    }

    #[track_caller]
    fn refused(&self, access: Access) -> (Why, String) {
        match Door::open(&self.dir(), PACE, "test", access) {
            Err(DoorError::Refused { why, text }) => (why, text),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was let in"),
        }
    }

    /// A client that says whatever it likes.
    fn client(&self, access: Access) -> Client {
        let mut client = self.stranger();
        assert!(matches!(client.ask(&line(&Hello::of("test", access))), Reply::Welcome { .. }));
        client
    }

    fn stranger(&self) -> Client {
        Client { stream: BufReader::new(UnixStream::connect(self.dir().socket()).unwrap()) }
    }

    fn open_live_session(&self) {
        let draft = SessionDraft {
            date: SessionDate(20_000),
            calendar: Calendar::always(SessionDate(20_000), &TimeZone::UTC),
            config: Config::builtin().unwrap().engine.into(),
            feeds: feeds(),
            instruments: vec![draft("LIVE")],
            opening: Vec::new(),
            desk: None,
        };
        self.runtime.block_on(self.engine.open_session(draft)).unwrap();
    }

    /// Ends as a daemon does: the door first, then the engine.
    fn stop(self) -> TempDir {
        self.runtime.block_on(self.server.stop());
        assert!(!DataDir::new(self.folder.path()).socket().exists(), "the socket is taken away");
        self.engine.blocking_send(Work::Stop).unwrap();
        self.thread.join().unwrap();
        self.folder
    }
}

struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    fn send(&mut self, line: &[u8]) {
        self.stream.get_mut().write_all(line).unwrap();
    }

    /// The next line; none when the daemon has closed.
    fn hear(&mut self) -> Option<Reply> {
        let mut line = Vec::new();
        let _ = self.stream.read_until(b'\n', &mut line);
        (!line.is_empty()).then(|| Reply::parse(&line).unwrap())
    }

    fn ask(&mut self, line: &[u8]) -> Reply {
        self.send(line);
        self.hear().expect("an answer")
    }

    #[track_caller]
    fn refused(&mut self, line: &[u8]) -> (Why, String) {
        let reply = self.ask(line);
        let Reply::Refused { why, text } = reply else { panic!("{reply:?}") };
        (why, text)
    }

    #[track_caller]
    fn not_now(&mut self, request: &Request) -> String {
        let (why, text) = self.refused(&line(request));
        assert_eq!(why, Why::NotNow, "{text}");
        text
    }
}

fn inputs(events: Vec<Input>) -> Request {
    Request::Inputs { events, more: false }
}

fn draft(symbol: &str) -> Instrument {
    Instrument {
        id: InstrumentId(0),
        feed: FeedId(0),
        token: 1,
        symbol: symbol.to_owned(),
        class: InstrumentClass::Always,
        tick_size: Price::new(100),
        lot_size: 1,
    }
}

fn feeds() -> Vec<FeedSpec> {
    let (id, name) = (FeedId(0), "test".to_owned());
    let (trade_rule, volume) = (TradeRule::All, VolumeSource::Cumulative);
    vec![FeedSpec { id, name, trade_rule, volume, conditions: Vec::new() }]
}

fn opened(date: SessionDate, run: u32, import: Option<Hash32>) -> Input {
    Input::SessionOpened(Box::new(SessionOpened {
        date,
        run,
        behaviour: BEHAVIOUR,
        import,
        calendar: Calendar::always(date, &TimeZone::UTC),
        config: Config::builtin().unwrap().engine.into(),
        feeds: feeds(),
        instruments: vec![draft("A"), Instrument { id: InstrumentId(1), ..draft("B") }],
        opening: Vec::new(),
        desk: None,
    }))
}

fn started(id: Hash32, kind: FileKind) -> Input {
    Input::ImportStarted(Box::new(ImportStarted { id, kind, files: Vec::new(), mapping: String::new(), fetched: None }))
}

fn mark(date: SessionDate, second: i64) -> Input {
    Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::from_secs(i64::from(date.0) * 86_400 + second) })
}

fn tick(date: SessionDate, n: i64) -> Tick {
    let ts = Ts::new((i64::from(date.0) * 86_400 + n / 10) * barkeep_schemas::NANOS + n % 10);
    Tick {
        instrument: InstrumentId((n % 2) as u32),
        feed: FeedId(0),
        ts,
        recv: ts,
        price: Price::new(1_000_000 + n * 7 % 1_000 * 100),
        qty: None,
        cum_volume: Some(Qty::new(n)),
        bid: None,
        ask: None,
        last_trade: None,
        condition: 0,
        depth: None,
    }
}

fn bar(instrument: InstrumentId, import: Seq, minute: i64) -> Input {
    let price = Price::new(1_000_000);
    Input::OutsideBar(OutsideBar {
        origin: BarOrigin::Broker,
        session_date: SessionDate(20_000),
        instrument,
        tf: Timeframe::M1,
        start: Ts::from_secs(20_000 * 86_400 + minute * 60),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Qty::new(minute),
        import,
    })
}

fn command(uid: u32) -> Input {
    Input::OperatorCommand(Box::new(OperatorCommand {
        action: OperatorAction::ALL[0],
        bucket: None,
        flatten: false,
        reason: "a test".to_owned(),
        uid,
        ts: Ts::from_secs(1),
    }))
}

/// Every event of the tape with its position: how many, and what their canonical bytes come to.
fn digest(dir: &DataDir) -> (u64, Hash32) {
    let (mut digest, mut count) = (SessionDigest::new(), 0);
    for item in Tape::open(dir).unwrap().scan(Seq(1), None, &Filter::ALL) {
        let (seq, event) = item.unwrap();
        digest.update(seq, &event);
        count += 1;
    }
    (count, digest.finish())
}

/// What a command does at the door.
#[derive(Clone, Debug)]
enum Deed {
    /// A session of so many ticks; whether it is closed.
    Session { day: i32, ticks: i64, closes: bool },
    /// Bars of so many minutes for each symbol.
    Bars { symbols: u8, minutes: i64 },
}

/// Does it and tells all that the door said.
fn perform(dir: &DataDir, number: u8, deed: &Deed) -> Vec<String> {
    let id = Hash32([number; 32]);
    let mut said = Vec::new();
    match *deed {
        Deed::Session { day, ticks, closes } => {
            let date = SessionDate(20_000 + day);
            let mut door = Door::open(dir, PACE, "test", Access::Session).unwrap();
            said.push(format!("{:?}", door.abandon_session().unwrap()));
            let name = door.begin_segment(date).unwrap();
            let at = door.place(started(id, FileKind::Ticks)).unwrap();
            let standing = door.standing().unwrap();
            assert!(standing.waits_for_session(at));
            said.push(format!("{name} {at} {standing:?}"));
            door.input(opened(date, name.run, Some(id))).unwrap();
            for n in 0..ticks {
                door.tick(tick(date, n)).unwrap();
                if n % 10 == 9 {
                    door.input(mark(date, n / 10 + 1)).unwrap();
                }
            }
            said.push(format!("{:?} {:?}", door.carry().unwrap(), door.durable().unwrap()));
            if closes {
                door.input(Input::SessionClosed(SessionClosed { date, reason: CloseReason::Complete })).unwrap();
            }
            said.push(format!("{:?}", door.standing().unwrap()));
            said.push(format!("{:?}", door.close().unwrap()));
        }
        Deed::Bars { symbols, minutes } => {
            let mut door = Door::open(dir, PACE, "test", Access::Records).unwrap();
            if door.standing().unwrap().segment.is_none() {
                said.push(door.begin_segment(SessionDate(20_000)).unwrap().to_string());
            }
            let import = door.place(started(id, FileKind::Bars)).unwrap();
            for minute in 0..minutes {
                for symbol in 0..symbols {
                    let number = door.instrument(draft(&format!("S{symbol}"))).unwrap();
                    said.push(format!("{number:?}"));
                    door.input(bar(number, import, minute)).unwrap();
                }
            }
            said.push(format!("{:?} {:?}", door.durable().unwrap(), door.standing().unwrap()));
            said.push(format!("{:?}", door.close().unwrap()));
        }
    }
    said
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let ticks = prop_oneof![0..60_i64, 4_000..9_000_i64];
    let session = (0..3, ticks, any::<bool>()).prop_map(|(day, ticks, closes)| Deed::Session { day, ticks, closes });
    let bars = (1..5_u8, 0..6_i64).prop_map(|(symbols, minutes)| Deed::Bars { symbols, minutes });
    prop::collection::vec(prop_oneof![session, bars], 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn with_a_daemon_and_without_the_door_says_the_same_and_the_tape_is_the_same(deeds in deeds()) {
        let alone = tempfile::tempdir().unwrap();
        let daemon = Daemon::start();
        for (number, deed) in (0..).zip(&deeds) {
            let expected = perform(&DataDir::new(alone.path()), number, deed);
            prop_assert_eq!(perform(&daemon.dir(), number, deed), expected);
        }
        // What a command returned for is durable and can be read while the daemon runs.
        let expected = digest(&DataDir::new(alone.path()));
        prop_assert_eq!(digest(&daemon.dir()), expected);
        let folder = daemon.stop();
        prop_assert_eq!(digest(&DataDir::new(folder.path())), expected);
    }
}

#[test]
fn no_import_of_ticks_comes_into_a_live_session_with_a_daemon_or_without() {
    let daemon = Daemon::start();
    daemon.open_live_session();
    let (why, told) = daemon.refused(Access::Session);
    assert_eq!(why, Why::LiveSession);
    assert!(told.starts_with("the live session of 2024-10-04 is open: import after its close"), "{told}");
    // Bars, and what an operator says, do.
    let mut door = daemon.door(Access::Records);
    let import = door.place(started(Hash32([1; 32]), FileKind::Bars)).unwrap();
    let id = door.instrument(draft("NEW")).unwrap();
    assert_eq!((id, door.instrument(draft("LIVE")).unwrap()), (InstrumentId(1), InstrumentId(0)));
    daemon.engine.blocking_send(Work::Inputs(vec![Input::Tick(tick(SessionDate(20_000), 0))])).unwrap();
    door.input(bar(id, import, 1)).unwrap();
    let uid = rustix::process::geteuid().as_raw();
    assert!(matches!(
        daemon.client(Access::Operator).ask(&line(&inputs(vec![command(uid)]))),
        Reply::Taken { durable: Some(_), .. }
    ));
    door.close().unwrap();
    let dir = daemon.dir();
    let folder = daemon.stop();
    match Door::open(&dir, PACE, "test", Access::Session) {
        Err(DoorError::Refused { why: Why::LiveSession, text }) => assert_eq!(text, told),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was let in"),
    }
    // The refusal gave the lock back.
    let daemon = Daemon::on(folder);
    daemon.runtime.block_on(daemon.engine.close_session()).unwrap();
    daemon.door(Access::Session).close().unwrap();
    daemon.stop();
}

#[test]
fn one_command_has_the_turn_and_an_operator_needs_none() {
    let daemon = Daemon::start();
    let mut first = daemon.door(Access::Session);
    let (why, told) = daemon.refused(Access::Records);
    assert_eq!(why, Why::Busy);
    let expected = format!("process {} (test) is adding to the tape through the daemon", std::process::id());
    assert!(told.starts_with(&expected), "{told}");
    let Reply::Status(status) = daemon.client(Access::Operator).ask(&line(&Request::Status {})) else { panic!() };
    assert_eq!(status.turn, Some(format!("process {} (test)", std::process::id())));
    assert_eq!((status.pid, status.durable), (std::process::id(), 0));
    first.begin_segment(SessionDate(20_000)).unwrap();
    first.close().unwrap();
    // A client that goes away without a word gives the turn back too.
    drop(daemon.door(Access::Records));
    daemon.door(Access::Session).close().unwrap();
    daemon.stop();
}

#[test]
fn who_waits_gets_the_turn_when_it_is_given_back() {
    let daemon = Daemon::start();
    let first = daemon.door(Access::Session);
    let dir = daemon.dir();
    let second = std::thread::spawn(move || Door::open(&dir, PACE, "test", Access::Records).map(|_| ()));
    sleep(Duration::from_millis(200));
    assert!(!second.is_finished());
    first.close().unwrap();
    second.join().unwrap().unwrap();
    daemon.stop();
}

#[test]
fn a_live_session_waits_for_a_command_with_patience_and_then_cuts_it_off() {
    let daemon = Daemon::start();
    let date = SessionDate(20_001);
    let mut door = daemon.door(Access::Session);
    let name = door.begin_segment(date).unwrap();
    door.place(opened(date, name.run, Some(Hash32([1; 32])))).unwrap();
    let turns = daemon.server.turns();
    let turn = daemon.runtime.block_on(turns.claim("the live session", Duration::from_millis(100)));
    daemon.open_live_session();
    drop(turn);
    match door.durable() {
        Err(DoorError::Refused { why: Why::Claimed, text }) => assert!(text.contains("live session"), "{text}"),
        other => panic!("{other:?}"),
    }
    // The import's session was given up for it, as one of a killed import is.
    let standing = daemon.door(Access::Records).standing().unwrap();
    assert_eq!(standing.live_session(), Some(SessionDate(20_000)));
    daemon.stop();
}

#[test]
fn what_does_not_fit_is_told_and_changes_nothing() {
    let daemon = Daemon::start();
    let date = SessionDate(20_000);
    let uid = rustix::process::geteuid().as_raw();
    let mut operator = daemon.client(Access::Operator);
    assert!(operator.not_now(&inputs(vec![command(uid)])).starts_with("no segment is open"));
    let mut client = daemon.client(Access::Records);
    assert!(client.not_now(&inputs(vec![bar(InstrumentId(0), Seq(1), 1)])).starts_with("no segment is open"));
    assert!(client.not_now(&Request::Instrument { instrument: draft("A") }).starts_with("no segment is open"));
    assert!(client.not_now(&Request::AbandonSession {}).contains("does not belong here"));
    let begin = Request::BeginSegment { date: message::Date(date) };
    assert!(matches!(client.ask(&line(&begin)), Reply::Segment { run: 1, .. }));
    let before = digest(&daemon.dir());
    assert!(client.not_now(&begin).contains("does not belong here"));
    // All of a request or none of it.
    let told = client.not_now(&inputs(vec![bar(InstrumentId(0), Seq(1), 1), mark(date, 1)]));
    assert_eq!(
        told,
        "event 2 (clock_mark): it does not belong here: this connection takes bars from outside and reconciliations"
    );
    assert!(client.not_now(&inputs(vec![command(uid)])).starts_with("event 1 (operator_command): it does not belong"));
    let listed = Input::InstrumentListed(Box::new(draft("A")));
    assert!(client.not_now(&inputs(vec![listed])).starts_with("event 1 (instrument_listed): it does not belong"));
    assert!(matches!(client.ask(&line(&Request::End {})), Reply::Durable { .. }));
    assert_eq!(client.hear(), None, "it is over");

    let told = operator.not_now(&inputs(vec![command(uid + 1)]));
    assert_eq!(told, format!("event 1 (operator_command): it says uid {}, and {uid} sent it", uid + 1));
    assert!(operator.not_now(&inputs(vec![bar(InstrumentId(0), Seq(1), 1)])).contains("an operator's commands"));
    assert!(operator.not_now(&begin).contains("does not belong here"));

    let mut client = daemon.client(Access::Session);
    let told = client.not_now(&inputs(vec![Input::Tick(tick(date, 1))]));
    assert_eq!(told, "event 1 (tick): no session of an import is open");
    let told = client.not_now(&inputs(vec![opened(date, 1, None)]));
    assert_eq!(told, "event 1 (session_opened): only the daemon opens a live session");
    let import = Some(Hash32([1; 32]));
    for (date, run) in [(date, 2), (date.plus_days(1), 1)] {
        let told = client.not_now(&inputs(vec![opened(date, run, import)]));
        assert!(told.ends_with("and the open segment is another"), "{told}");
    }
    let told = client.not_now(&inputs(vec![opened(date, 1, import), opened(date, 1, import)]));
    assert!(told.starts_with("event 2 (session_opened): a session opens in a segment of its own"), "{told}");
    let closed = Input::SessionClosed(SessionClosed { date, reason: CloseReason::Complete });
    let told = client.not_now(&inputs(vec![opened(date, 1, import), closed, mark(date, 1)]));
    assert!(told.starts_with("event 3 (clock_mark): no session"), "{told}");
    assert!(client.not_now(&Request::Instrument { instrument: draft("A") }).contains("does not belong here"));
    assert_eq!(digest(&daemon.dir()), before);
    assert!(matches!(client.ask(&line(&inputs(vec![opened(date, 1, import)]))), Reply::Taken { first: 1, .. }));
    assert!(client.not_now(&begin).starts_with("the session of 2024-10-04 is open"));
    daemon.stop();
}

#[test]
fn garbage_is_answered_and_ends_no_daemon() {
    let daemon = Daemon::start();
    let mut client = daemon.stranger();
    let (why, told) = client.refused(b"GET / HTTP/1.1\r\n");
    assert_eq!(why, Why::BadMessage);
    assert!(told.starts_with("not a greeting of barkeep's door"), "{told}");
    assert_eq!(client.hear(), None);
    let other = Hello { protocol: PROTOCOL + 1, ..Hello::of("test", Access::Records) };
    let (why, told) = daemon.stranger().refused(&line(&other));
    assert_eq!(why, Why::Version);
    assert!(told.contains("(protocol 2,") && told.contains("restart the daemon"), "{told}");
    let other = Hello { behaviour: BEHAVIOUR + 1, ..Hello::of("test", Access::Records) };
    assert_eq!(daemon.stranger().refused(&line(&other)).0, Why::Version);
    // After a line that is none the next is read as if nothing had been.
    let mut client = daemon.client(Access::Records);
    for garbage in [&b"\n"[..], b"\xff\xfe\x00\n", b"[[[[[[[[\n", b"{\"do\":\"inputs\",\"events\":\"zz\"}\n"] {
        assert_eq!(client.refused(garbage).0, Why::BadMessage);
    }
    assert!(matches!(client.ask(&line(&Request::Standing {})), Reply::Standing(_)));
    drop(client);
    // A line without an end is not waited for without one.
    let mut client = daemon.client(Access::Records);
    let endless = vec![b' '; 1 << 20];
    let refused = (0..64).find_map(|_| client.stream.get_mut().write_all(&endless).err());
    assert!(refused.is_some(), "64 MiB were read");
    drop(client);
    daemon.door(Access::Session).close().unwrap();
    assert_eq!(digest(&daemon.dir()).0, 0);
    daemon.stop();
}

#[test]
fn no_more_clients_than_there_is_room_for() {
    let daemon = Daemon::start();
    let crowd: Vec<Client> = (0..32).map(|_| daemon.client(Access::Operator)).collect();
    let mut client = daemon.stranger();
    let Some(Reply::Refused { why: Why::Busy, text }) = client.hear() else { panic!("there was room") };
    assert!(text.contains("32 clients"), "{text}");
    let (why, _) = daemon.refused(Access::Records);
    assert_eq!(why, Why::Busy);
    drop(crowd);
    let since = Instant::now();
    while Door::open(&daemon.dir(), PACE, "test", Access::Records).is_err() {
        assert!(since.elapsed() < Duration::from_secs(20), "their places are not free");
    }
    daemon.stop();
}

/// A daemon that does not answer, made so by `prepare` on a directory of its own.
fn silent<T>(prepare: impl FnOnce(&DataDir) -> T, why: &str) {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::new(folder.path());
    dir.create().unwrap();
    let lock = Lock::acquire(&dir, DAEMON).unwrap();
    let _kept = prepare(&dir);
    let since = Instant::now();
    let told = match Door::open(&dir, PACE, "test", Access::Records) {
        Err(error @ DoorError::Silent { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was let in"),
    };
    assert!(since.elapsed() < 3 * PATIENCE, "{:?}", since.elapsed());
    let (pid, path) = (std::process::id(), dir.lock());
    let begins = format!("{} is held by process {pid} (run), which does not answer at ", path.display());
    assert!(told.starts_with(&begins) && told.contains(why), "{told}");
    drop(lock);
    // With the lock free a dead daemon's socket is nobody's business.
    Door::open(&dir, PACE, "test", Access::Records).unwrap().close().unwrap();
}

#[test]
fn a_daemon_that_says_nothing_is_told_after_seconds() {
    std::thread::scope(|scope| {
        scope.spawn(|| silent(|_| (), "nobody listens there"));
        scope.spawn(|| silent(|dir| UnixListener::bind(dir.socket()).unwrap(), "no answer within 5 s"));
        scope.spawn(|| silent(|dir| drop(UnixListener::bind(dir.socket()).unwrap()), "nobody listens there"));
    });
}

#[test]
fn another_command_that_has_the_lock_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::new(folder.path());
    dir.create().unwrap();
    let _lock = Lock::acquire(&dir, "import").unwrap();
    let since = Instant::now();
    let Err(error) = Door::open(&dir, PACE, "test", Access::Records) else { panic!("it was let in") };
    assert!(error.to_string().contains("(import): wait for its end, or stop it"), "{error}");
    assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
}

#[test]
fn a_daemon_that_starts_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::new(folder.path());
    dir.create().unwrap();
    let lock = Lock::acquire(&dir, DAEMON).unwrap();
    let waits = {
        let dir = dir.clone();
        std::thread::spawn(move || Door::open(&dir, PACE, "test", Access::Records).map(|_| ()))
    };
    sleep(Duration::from_millis(300));
    assert!(!waits.is_finished());
    drop(lock);
    waits.join().unwrap().unwrap();
}

#[test]
fn the_end_of_the_engine_or_of_the_daemon_is_told() {
    let daemon = Daemon::start();
    let mut door = daemon.door(Access::Records);
    daemon.engine.blocking_send(Work::Stop).unwrap();
    match door.durable() {
        Err(DoorError::Refused { why: Why::Halted, text }) => {
            assert!(text.contains("the engine has stopped"), "{text}")
        }
        other => panic!("{other:?}"),
    }
    let Daemon { runtime, server, thread, .. } = daemon;
    runtime.block_on(server.stop());
    thread.join().unwrap();

    let daemon = Daemon::start();
    let mut door = daemon.door(Access::Records);
    let _folder = daemon.stop();
    match door.durable() {
        Err(DoorError::Refused { why: Why::Stopping, text }) => assert!(text.starts_with("the daemon stops"), "{text}"),
        other => panic!("{other:?}"),
    }
    match door.durable() {
        Err(error @ DoorError::Lost { .. }) => assert_eq!(error.fatal_reason(), None),
        other => panic!("{other:?}"),
    }
}
