//! The services on real sockets, and readiness by a table.

use std::time::Duration;

use barkeep_schemas::{NANOS, SessionDate, Ts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::facts::{Day, EngineState, Facts, SessionFacts, TokenFacts};
use super::*;
use crate::monitoring::metrics::Service;
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::config::{Config, PortsConfig};

/// A moment of an IST day, `HH:MM:SS`.
fn at(date: &str, time: &str) -> Ts {
    let date = SessionDate::parse(date).unwrap();
    let mut parts = time.split(':').map(|part| part.parse::<i64>().unwrap());
    let mut next = || parts.next().unwrap_or(0);
    let seconds = next() * 3_600 + next() * 60 + next();
    Ts::new((i64::from(date.0) * 86_400 - 19_800 + seconds) * NANOS)
}

const THURSDAY: &str = "2026-11-26";

/// A healthy appliance in the middle of continuous trading, seen at `now`.
fn healthy(now: Ts) -> Facts {
    let day = SessionDate(((now.secs() + 19_800).div_euclid(86_400)) as i32);
    let calendar = Calendar::builtin().unwrap();
    Facts {
        started: at("2026-11-20", "08:00"),
        engine: EngineFacts {
            state: EngineState::Running,
            turned: Some(Ts::new(now.get() - NANOS / 2)),
            durable: barkeep_schemas::Seq(7),
            backlog: 3,
        },
        feed: FeedFacts {
            wanted: 2,
            up: 2,
            instruments: 4_000,
            heard: Some(Ts::new(now.get() - NANOS)),
            tick: Some(Ts::new(now.get() - NANOS)),
            refusal: None,
            no_list: None,
            queue: 0,
        },
        session: Arc::new(SessionFacts::on(&calendar, day, true)),
        token: TokenFacts::Valid { until: Ts::new((i64::from(day.0) + 1) * 86_400 * NANOS) },
        recon: ReconFacts { state: ReconState::Following, behind: 0, any: true },
    }
}

/// What each service says: the reasons that block after `!`, the others after `~`.
fn said(facts: &Facts, now: Ts, service: Service) -> String {
    let reasons = readiness(facts, now, &Patience::default());
    let about = reasons.iter().filter(|reason| reason.concerns(service));
    let lines: Vec<String> =
        about.map(|reason| format!("{} {reason}", if reason.blocks() { '!' } else { '~' })).collect();
    lines.join("\n")
}

#[track_caller]
fn check(now: Ts, change: impl FnOnce(&mut Facts), service: Service, expected: &str) {
    let mut facts = healthy(now);
    change(&mut facts);
    assert_eq!(said(&facts, now, service), expected);
}

fn ago(now: Ts, seconds: i64) -> Option<Ts> {
    Some(Ts::new(now.get() - seconds * NANOS))
}

#[test]
fn nothing_is_said_of_a_healthy_appliance_in_session() {
    for service in Service::ALL {
        check(at(THURSDAY, "11:00"), |_| {}, service, "");
    }
}

#[test]
fn the_feed_is_judged_by_what_came_and_only_in_the_hours_in_which_it_must() {
    use Service::{BarBuilder1s, ZerodhaWs};
    let now = at(THURSDAY, "11:00");
    let silent = |facts: &mut Facts| facts.feed.tick = ago(now, 12);
    check(now, silent, ZerodhaWs, "! feed: no tick for 12 s in continuous trading");
    check(now, silent, BarBuilder1s, "");
    check(now, |facts| facts.feed.tick = ago(now, 9), ZerodhaWs, "");
    let mute = |facts: &mut Facts| (facts.feed.tick, facts.feed.heard) = (ago(now, 40), ago(now, 11));
    check(now, mute, ZerodhaWs, "! feed: nothing came for 11 s, not even heartbeats");
    let refused =
        |facts: &mut Facts| (facts.feed.up, facts.feed.refusal) = (0, Some("429 Too Many Requests".to_owned()));
    check(now, refused, ZerodhaWs, "! feed: 0 of 2 connections are up; the broker says: 429 Too Many Requests");
    check(now, |facts| facts.feed.up = 1, ZerodhaWs, "! feed: 1 of 2 connections are up");
    // The first seconds of continuous trading, and of the process.
    let opening = at(THURSDAY, "09:15:09");
    check(opening, |facts| facts.feed.tick = ago(opening, 600), ZerodhaWs, "");
    let opening = at(THURSDAY, "09:15:11");
    let expected = "! feed: no tick for 11 s in continuous trading";
    check(opening, |facts| facts.feed.tick = ago(opening, 600), ZerodhaWs, expected);
    check(
        now,
        |facts| (facts.started, facts.feed) = (Ts::new(now.get() - 9 * NANOS), FeedFacts::default()),
        ZerodhaWs,
        "! feed: it does not connect yet",
    );
    let young = |facts: &mut Facts| {
        facts.started = Ts::new(now.get() - 9 * NANOS);
        (facts.feed.heard, facts.feed.tick) = (None, None);
    };
    check(now, young, ZerodhaWs, "");
    // Pre-open: connections, and no ticks.
    let pre_open = at(THURSDAY, "09:05");
    check(pre_open, |facts| facts.feed.tick = ago(pre_open, 600), ZerodhaWs, "");
    check(pre_open, |facts| facts.feed.up = 0, ZerodhaWs, "! feed: 0 of 2 connections are up");
    // Cash stocks trade on while the others are in their closing auction, and nobody does afterwards.
    let cash = at(THURSDAY, "15:25");
    check(cash, |facts| facts.feed.tick = ago(cash, 60), ZerodhaWs, "! feed: no tick for 60 s in continuous trading");
    let auction = at(THURSDAY, "15:32");
    check(auction, |facts| facts.feed.tick = ago(auction, 60), ZerodhaWs, "");
    // The end of the day.
    let evening = at(THURSDAY, "16:30");
    let expected = "~ today's session ended at 2026-11-26 16:00 IST; next opens 2026-11-27 09:00 IST";
    check(evening, |facts| facts.feed = FeedFacts::default(), ZerodhaWs, expected);
}

#[test]
fn a_token_is_missed_when_it_is_needed_and_mentioned_before() {
    use Service::{Appliance, BarAggregator1m};
    let (early, soon) = (at(THURSDAY, "07:00"), at(THURSDAY, "08:31"));
    let died = TokenFacts::Expired { at: at(THURSDAY, "06:00") };
    check(
        early,
        |facts| facts.token = died.clone(),
        Appliance,
        "~ today's session begins at 2026-11-26 09:00 IST\n~ waiting for a token: run barkeep login (the last one died at \
         2026-11-26 06:00 IST)",
    );
    check(
        soon,
        |facts| facts.token = TokenFacts::Missing,
        Appliance,
        "~ today's session begins at 2026-11-26 09:00 IST\n! waiting for a token: run barkeep login",
    );
    check(
        soon,
        |facts| facts.token = TokenFacts::Valid { until: at(THURSDAY, "06:00") },
        Appliance,
        "~ today's session begins at 2026-11-26 09:00 IST\n! waiting for a token: run barkeep login (the last one died at \
         2026-11-26 06:00 IST)",
    );
    let now = at(THURSDAY, "11:00");
    let refused = TokenFacts::Refused { at: at(THURSDAY, "10:59:58") };
    check(
        now,
        |facts| facts.token = refused.clone(),
        Appliance,
        "! waiting for a token: run barkeep login (the broker refused the last one at 2026-11-26 10:59:58 IST)",
    );
    check(now, |facts| facts.token = refused.clone(), BarAggregator1m, "");
    check(now, |facts| facts.token = TokenFacts::NotNeeded, Appliance, "");
}

#[test]
fn a_day_without_a_session_is_quiet_and_says_why() {
    let holiday = at("2026-11-24", "11:00");
    for service in [Service::Appliance, Service::ZerodhaWs, Service::BarAggregator1mToMulti] {
        check(
            holiday,
            |facts| {
                facts.feed = FeedFacts::default();
                facts.session = Arc::new(SessionFacts { open_on_tape: false, ..(*facts.session).clone() });
            },
            service,
            "~ no session today: holiday Guru Nanak Jayanti; next opens 2026-11-25 09:00 IST",
        );
    }
    let saturday = at("2026-11-28", "11:00");
    let expected = "~ no session today: Saturday; next opens 2026-11-30 09:00 IST";
    check(saturday, |facts| facts.feed = FeedFacts::default(), Service::Appliance, expected);
    let beyond = at("2027-01-04", "11:00");
    let mut facts = healthy(beyond);
    facts.feed = FeedFacts::default();
    let text = said(&facts, beyond, Service::BarBuilder1s);
    assert!(text.starts_with("! 2027-01-04 is after the calendar "), "{text}");
    assert!(matches!(facts.session.day, Day::Unknown { .. }));
}

#[test]
fn the_engine_is_judged_by_its_turns_whatever_the_hour() {
    let night = at(THURSDAY, "02:00");
    let begins = "~ today's session begins at 2026-11-26 09:00 IST";
    let stuck = |facts: &mut Facts| facts.engine.turned = ago(night, 7);
    let expected = format!("! engine: no progress for 7 s with 3 inputs waiting\n{begins}");
    check(night, stuck, Service::BarBuilder1s, &expected);
    let behind = |facts: &mut Facts| facts.engine.backlog = 300_000;
    let expected = format!("! engine: 300000 inputs wait to become durable\n{begins}");
    check(night, behind, Service::Appliance, &expected);
    let halted = |facts: &mut Facts| facts.engine.state = EngineState::Halted { reason: "disk_full".to_owned() };
    check(night, halted, Service::BarAggregator1m, &format!("! halted: disk_full\n{begins}"));
    let opening = |facts: &mut Facts| facts.engine.state = EngineState::Opening;
    let expected = format!("! the tape is being opened: repaired, and its tail derived again\n{begins}");
    check(night, opening, Service::ZerodhaWs, &expected);
    let now = at(THURSDAY, "11:00");
    check(
        now,
        |facts| facts.session = Arc::new(SessionFacts { open_on_tape: false, ..(*facts.session).clone() }),
        Service::BarBuilder1s,
        "! no session is open on the tape, and the exchange has traded since 2026-11-26 09:00 IST",
    );
}

#[test]
fn what_was_reconciled_is_shown_when_the_tape_was_read_whatever_the_hour_and_the_engine() {
    use Service::{Appliance, ReconExporter};
    let now = at(THURSDAY, "11:00");
    let reading = |facts: &mut Facts| facts.recon.state = ReconState::Reading;
    check(now, reading, ReconExporter, "! the tape is being read for what was reconciled");
    check(now, reading, Appliance, "");
    let why = "the tape cannot be read for the metrics: it is damaged".to_owned();
    check(
        now,
        |facts| facts.recon.state = ReconState::Failed { why },
        ReconExporter,
        "! the tape cannot be read for the metrics: it is damaged; it is tried again, and `barkeep tape verify` says what is \
         wrong",
    );
    let behind = |facts: &mut Facts| facts.recon.behind = 200_001;
    check(now, behind, ReconExporter, "! 200001 events of the tape are not counted yet");
    let none = |facts: &mut Facts| facts.recon.any = false;
    check(now, none, ReconExporter, "~ nothing was reconciled yet: run barkeep recon --date YYYY-MM-DD --source kite");
    let night = at(THURSDAY, "02:00");
    check(night, |facts| facts.engine.turned = ago(night, 7), ReconExporter, "");
    let stopping =
        |facts: &mut Facts| (facts.engine.state, facts.recon.state) = (EngineState::Stopping, ReconState::Reading);
    check(night, stopping, ReconExporter, "! barkeep is stopping");
}

#[test]
fn no_moment_makes_judging_panic() {
    for now in [Ts::new(i64::MIN), Ts::ZERO, Ts::new(i64::MAX)] {
        let mut facts = healthy(at(THURSDAY, "11:00"));
        readiness(&facts, now, &Patience::default());
        facts.engine.turned = Some(Ts::new(i64::MIN));
        facts.token = TokenFacts::Expired { at: now };
        for reason in readiness(&facts, now, &Patience::default()) {
            let _ = reason.to_string();
        }
    }
}

fn free_ports() -> PortsConfig {
    PortsConfig {
        appliance: 0,
        zerodha_ws: 0,
        bar_builder_1s: 0,
        bar_aggregator_1m: 0,
        bar_aggregator_1m_to_multi: 0,
        pair_watch_producer: 0,
        pairs_executor: 0,
        risk_manager: 0,
        paper_matcher: 0,
        recon_exporter: 0,
        ..Config::builtin().unwrap().ports
    }
}

/// Status line and body of a page.
async fn page(services: &Services, service: Service, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(services.addresses().get(service).unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

const FINE: &str = "HTTP/1.1 200 OK";
const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable";

#[tokio::test]
async fn every_service_shows_its_pages_and_the_tellers_show_on_them() {
    let now = at("2026-11-24", "11:00");
    let calendar = Calendar::builtin().unwrap();
    let session = SessionFacts::on(&calendar, SessionDate::parse("2026-11-24").unwrap(), false);
    let (tellers, board) = board(now, session, TokenFacts::Missing);
    let metrics = Metrics::new(["INFY".to_owned()]).unwrap();
    let clock = Clock::new(move || now);
    let services = Services::start(Ports::bind(&free_ports()).unwrap(), metrics, board, clock).unwrap();
    let (status, body) = page(&services, Service::BarBuilder1s, "/readyz").await;
    assert_eq!(status, UNAVAILABLE);
    assert!(body.contains("\"reason\":\"tape_opening\""), "{body}");
    assert_eq!(page(&services, Service::BarBuilder1s, "/metrics").await.0, UNAVAILABLE, "too early");

    tellers.engine.state(EngineState::Running);
    tellers.engine.turned(now);
    tellers.engine.durable(barkeep_schemas::Seq(42));
    tellers.engine.backlog_is(Arc::new(|| 9));
    let (status, body) = page(&services, Service::ReconExporter, "/readyz").await;
    assert_eq!(status, UNAVAILABLE);
    assert!(body.contains("\"reason\":\"tape_unread\""), "{body}");
    tellers.recon.counted(barkeep_schemas::Seq(40), false);
    tellers.recon.state(ReconState::Following);
    for service in Service::ALL {
        let (status, body) = page(&services, service, "/readyz").await;
        assert_eq!(status, FINE, "{service:?} {body}");
        let why = match service {
            Service::ReconExporter => "nothing was reconciled yet: run barkeep recon",
            Service::Appliance
            | Service::ZerodhaWs
            | Service::BarBuilder1s
            | Service::BarAggregator1m
            | Service::BarAggregator1mToMulti
            | Service::PairWatchProducer
            | Service::PairsExecutor
            | Service::RiskManager
            | Service::PaperMatcher => "no session today: holiday Guru Nanak Jayanti",
        };
        assert!(body.contains(why), "{body}");
        let (status, body) = page(&services, service, "/healthz").await;
        assert_eq!(status, FINE, "{body}");
        let (status, body) = page(&services, service, "/metrics").await;
        assert_eq!(status, FINE);
        assert!(body.contains(&format!("service_up{{service=\"{}\"}} 1\n", service.name())), "{body}");
        assert_eq!(page(&services, service, "/no/such/page").await.0, "HTTP/1.1 404 Not Found");
    }
    let (_, body) = page(&services, Service::Appliance, "/metrics").await;
    for line in [
        "tape_durable_seq 42",
        "service_backlog{service=\"appliance\"} 9",
        "service_ready{service=\"appliance\"} 1",
        "nse_session_phase{class=\"cash\",phase=\"closed\"} 1",
        "nse_session_phase{class=\"cash\",phase=\"continuous\"} 0",
        "nse_session_next_open_timestamp_seconds 1795577400",
    ] {
        assert!(body.lines().any(|found| found == line), "{line} is not on\n{body}");
    }
    let (_, body) = page(&services, Service::ReconExporter, "/metrics").await;
    for line in ["service_backlog{service=\"recon_exporter\"} 2", "service_ready{service=\"recon_exporter\"} 1"] {
        assert!(body.lines().any(|found| found == line), "{line} is not on\n{body}");
    }
    let (status, body) = page(&services, Service::Appliance, "/").await;
    assert_eq!(status, FINE);
    for (service, address) in services.addresses().iter() {
        assert!(body.contains(service.name()) && body.contains(&format!("http://{address}/readyz")), "{body}");
    }
    let (status, body) = page(&services, Service::Appliance, "/metrics/all").await;
    assert_eq!(status, FINE);
    assert!(body.contains("service_up{service=\"paper_matcher\"} 1") && body.contains("zerodha_queue_depth 0"));

    tellers.engine.turned(Ts::new(now.get() - 6 * NANOS));
    let (status, body) = page(&services, Service::BarAggregator1m, "/healthz").await;
    assert_eq!((status.as_str(), body.contains("does not turn")), (UNAVAILABLE, true), "{body}");
    let addresses = services.addresses().clone();
    drop(services);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let address = addresses.get(Service::Appliance).unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "a port outlives its service");
}

#[tokio::test]
async fn the_engine_has_turned_when_it_answers_and_not_while_it_does_not() {
    let session = SessionFacts::on(&Calendar::builtin().unwrap(), SessionDate::parse(THURSDAY).unwrap(), true);
    let (tellers, board) = board(Ts::ZERO, session, TokenFacts::NotNeeded);
    let (answers, mut asked) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<()>>(1);
    let watching = tokio::spawn(watch_engine(Arc::new(tellers.engine), Clock::new(|| Ts::from_secs(5)), move || {
        let answers = answers.clone();
        async move {
            let (reply, answer) = tokio::sync::oneshot::channel();
            answers.send(reply).await.map_err(|_| "gone")?;
            answer.await.map_err(|_| "gone")
        }
    }));
    let reply = asked.recv().await.unwrap();
    assert_eq!(board.facts().engine.turned, None, "it was asked and has not answered");
    reply.send(()).unwrap();
    let next = asked.recv().await.unwrap();
    assert_eq!(board.facts().engine.turned, Some(Ts::from_secs(5)));
    drop((next, asked));
    assert_eq!(watching.await.unwrap(), "gone");
}

#[tokio::test]
async fn a_client_that_says_nothing_keeps_nobody_else_out() {
    let now = at(THURSDAY, "11:00");
    let session = SessionFacts::on(&Calendar::builtin().unwrap(), SessionDate::parse(THURSDAY).unwrap(), true);
    let (_tellers, board) = board(now, session, TokenFacts::Missing);
    let clock = Clock::new(move || now);
    let metrics = Metrics::new([]).unwrap();
    let services = Services::start(Ports::bind(&free_ports()).unwrap(), metrics, board, clock).unwrap();
    let address = services.addresses().get(Service::Appliance).unwrap();
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(page(&services, Service::Appliance, "/healthz").await.0, FINE);
}

/// Run by the test below in a process of its own, with `NOTIFY_SOCKET` in its environment.
#[tokio::test]
#[ignore = "a part of the test that systemd is told, which runs it"]
async fn systemd_is_told_by_this_process() {
    let now = at(THURSDAY, "11:00");
    let session = SessionFacts::on(&Calendar::builtin().unwrap(), SessionDate::parse(THURSDAY).unwrap(), true);
    let (tellers, board) = board(now, session, TokenFacts::Missing);
    systemd::ready();
    tellers.engine.state(EngineState::Running);
    tellers.engine.turned(now);
    let watching = tokio::spawn(systemd::watch(board, Clock::new(move || now)));
    tokio::time::sleep(Duration::from_millis(500)).await;
    tellers.engine.turned(Ts::new(now.get() - 6 * NANOS));
    tokio::time::sleep(Duration::from_millis(700)).await;
    watching.abort();
    systemd::stopping();
}

#[test]
fn systemd_is_told_that_barkeep_lives_only_while_the_engine_turns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    // Read while it is told, as systemd does: the socket holds a few messages only, and then makes the sender wait.
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let ended = std::sync::atomic::AtomicBool::new(false);
    let (output, told) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let (mut told, mut buffer) = (Vec::new(), [0; 4_096]);
            loop {
                let last = ended.load(std::sync::atomic::Ordering::SeqCst);
                match socket.recv(&mut buffer) {
                    Ok(length) => told.push(String::from_utf8_lossy(&buffer[..length]).into_owned()),
                    Err(_) if last => return told,
                    Err(_) => {}
                }
            }
        });
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["orchestrator::pairs_paper_entry::tests::systemd_is_told_by_this_process", "--exact", "--ignored"])
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "200000")
            .output()
            .unwrap();
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
        (output, reading.join().unwrap())
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(told.first().map(String::as_str), Some("READY=1\n"), "{told:?}");
    assert!(told.contains(&"STATUS=waiting for a token: run barkeep login\n".to_owned()), "{told:?}");
    let stuck = told.iter().position(|text| text == "STATUS=the engine makes no progress\n").expect("it is told");
    let alive = |told: &[String]| told.iter().filter(|text| *text == "WATCHDOG=1\n").count();
    assert!((2..=8).contains(&alive(&told[..stuck])), "every 100 ms: {told:?}");
    assert_eq!(alive(&told[stuck..]), 0, "{told:?}");
    assert!(told.last().unwrap().starts_with("STOPPING=1\n"), "{told:?}");
}

#[test]
fn what_a_clock_mark_closes_is_timed_for_each_service_and_a_tick_is_not() {
    use crate::mirrors::scene;
    use crate::orchestrator::Appliance;
    use barkeep_schemas::{ClassDay, Event, Input, InstrumentClass, Phase, PhaseSpan};

    let dir = barkeep_storage::DataDir::in_memory();
    let pace = (&Config::builtin().unwrap().tape).into();
    let mut appliance = Appliance::open(&dir, pace, "test").unwrap();
    let metrics = Metrics::new([]).unwrap();
    appliance.time_stages(stage_metrics(&metrics).unwrap());
    let input = |event: Event| match event {
        Event::Input(input) => input,
        Event::Derived(derived) => panic!("{derived:?} is no input"),
    };
    appliance.begin_segment(scene::date(4)).unwrap();
    let Input::SessionOpened(mut opened) = input(scene::opened(4, &["INFY"])) else { panic!("no session") };
    let (start, end) = (opened.calendar.day_start, opened.calendar.day_end);
    let phases = vec![PhaseSpan { phase: Phase::Continuous, start, end }];
    opened.calendar.classes = vec![ClassDay { class: InstrumentClass::Cash, phases }];
    appliance.input(Input::SessionOpened(opened)).unwrap();
    for second in 0..240 {
        appliance.input(Input::Tick(scene::tick(0, second, 151_700 + second))).unwrap();
        appliance.input(input(scene::mark(second + 1))).unwrap();
    }
    assert!(appliance.counts().derived > 200, "bars were made");
    for (service, name) in [
        (Service::BarBuilder1s, "bars_1s_flush_seconds"),
        (Service::BarAggregator1m, "bars_1m_flush_seconds"),
        (Service::BarAggregator1mToMulti, "bar_agg_flush_seconds"),
    ] {
        let page = metrics.page(service).unwrap();
        let count = page.lines().find_map(|line| line.strip_prefix(&format!("{name}_count "))).unwrap();
        let count: u32 = count.parse().unwrap();
        assert!((3..=240).contains(&count), "{count} of 240 marks\n{page}");
    }
}

/// A desk with one pair of these two symbols, on minutes.
fn desk_of(date: SessionDate, instruments: &[barkeep_schemas::Instrument]) -> barkeep_schemas::DeskOpened {
    use crate::orchestrator::desk::whitelist::Whitelist;
    use crate::orchestrator::desk::{DeskFiles, charges::ChargeTable, open::open, risk::RiskRules, setup};

    let text = format!(
        "version: 1\ndate: {date}\npairs:\n  - {{a: A, b: B, tf: 1, beta: 1, intercept: 0, entry: 2, exit: 0.5, stop: 3, \
         lookback: 2, max_hold: 90m, bucket: LOW, gross_notional_inr: 100000, product: MIS}}\n"
    );
    let files = DeskFiles {
        whitelist: Whitelist::from_yaml(&text, "w.yaml").map_err(|error| error.to_string()),
        risk: RiskRules::builtin().unwrap(),
        charges: ChargeTable::builtin().unwrap(),
    };
    open(setup(date, &files, instruments).desk, None, instruments).0
}

#[test]
fn a_tick_that_wakes_the_desk_is_timed_and_no_other() {
    use crate::mirrors::scene;
    use crate::orchestrator::Appliance;
    use barkeep_schemas::{ClassDay, Event, Input, InstrumentClass, Phase, PhaseSpan};

    let dir = barkeep_storage::DataDir::in_memory();
    let pace = (&Config::builtin().unwrap().tape).into();
    let mut appliance = Appliance::open(&dir, pace, "test").unwrap();
    let metrics = Metrics::new([]).unwrap();
    appliance.time_stages(stage_metrics(&metrics).unwrap());
    appliance.begin_segment(scene::date(4)).unwrap();
    let Event::Input(Input::SessionOpened(mut opened)) = scene::opened(4, &["A", "B"]) else { panic!("no session") };
    let (start, end) = (opened.calendar.day_start, opened.calendar.day_end);
    let phases = vec![PhaseSpan { phase: Phase::Continuous, start, end }];
    opened.calendar.classes = vec![ClassDay { class: InstrumentClass::Cash, phases }];
    let desk = desk_of(opened.date, &opened.instruments);
    assert_eq!(desk.setup.pairs.len(), 1);
    opened.desk = Some(Box::new(desk));
    appliance.input(Input::SessionOpened(opened)).unwrap();
    for second in 0..300 {
        for leg in 0..2 {
            appliance.input(Input::Tick(scene::tick(leg, second, 151_700 + second))).unwrap();
        }
    }
    let count = |service, name: &str| -> u32 {
        let page = metrics.page(service).unwrap();
        let found = page.lines().find_map(|line| line.strip_prefix(&format!("{name}_count "))).map(str::to_owned);
        found.unwrap().parse().unwrap()
    };
    // Four minutes of either leg have closed, by ticks alone.
    assert_eq!(count(Service::PairWatchProducer, "pairwatch_decision_seconds"), 8);
    for name in ["bars_1s_flush_seconds", "bars_1m_flush_seconds", "bar_agg_flush_seconds"] {
        let services = [Service::BarBuilder1s, Service::BarAggregator1m, Service::BarAggregator1mToMulti];
        let page: String = services.map(|service| metrics.page(service).unwrap()).concat();
        assert!(page.contains(&format!("{name}_count 0\n")), "{page}");
    }
    assert_eq!(count(Service::PaperMatcher, "paper_matcher_process_seconds"), 0, "there is no order");
}
