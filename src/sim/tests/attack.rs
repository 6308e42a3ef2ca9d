//! The server under attack: whatever comes over its sockets, it stays up, serves the next honest client, and its memory
//! stays what it was.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it expects"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, NANOS, Phase, PhaseSpan, SessionDate, Ts};
use barkeep_sim::broker::BrokerPlan;
use barkeep_sim::faults::FaultPlan;
use barkeep_sim::kite::orders::session_checksum;
use barkeep_sim::market::{DayHours, MarketPlan};
use barkeep_sim::server::{Pace, Server, ServerPlan, Stay};
use barkeep_sim::world::WorldPlan;
use tokio::runtime::Runtime;

/// Friday, 2026-07-31.
const DATE: SessionDate = SessionDate(20_665);

/// NIFTY 50, in bytes of a subscription.
const SUBSCRIBE: &[u8] = br#"{"a":"mode","v":["full",[256265]]}"#;

fn at(minute: i64) -> Ts {
    Ts::new((i64::from(DATE.0) * 86_400 - 19_800 + minute * 60) * NANOS)
}

fn plan(pace: Pace) -> ServerPlan {
    let phases = vec![PhaseSpan { phase: Phase::Continuous, start: at(555), end: at(930) }];
    let class = |class| ClassDay { class, phases: phases.clone() };
    let calendar = DayCalendar {
        kind: CalendarKind::Nse,
        zone: "Asia/Kolkata".into(),
        name: "regular".into(),
        day_start: at(0),
        day_end: at(1_440),
        tradable: true,
        classes: vec![class(InstrumentClass::Derivatives), class(InstrumentClass::Cash)],
    };
    let days = vec![DayHours { date: DATE, calendar }];
    let world = WorldPlan {
        seed: 7,
        market: MarketPlan { seed: 7, instruments: 20, days, first: DATE, busy: true },
        broker: BrokerPlan { limits: None, ..BrokerPlan::drawn(7) },
        faults: FaultPlan::default(),
        spans: Vec::new(),
        start: at(600),
        tells_time: false,
    };
    let stays = vec![Stay { from: at(540), until: at(1_000) }];
    ServerPlan { world, pace, stays, port: 0, control_port: 0, ledger: None }
}

/// A server at work on threads of its own.
struct Attacked {
    _runtime: Runtime,
    address: SocketAddr,
    control: Option<SocketAddr>,
    access: (String, String),
}

impl Attacked {
    fn start(pace: Pace) -> Self {
        let plan = plan(pace);
        let BrokerPlan { api_key, api_secret, request_token, .. } = plan.world.broker.clone();
        let runtime = Runtime::new().expect("a runtime");
        let server = runtime.block_on(Server::start(plan)).expect("a server");
        let (address, control) = (server.address(), server.control());
        runtime.spawn(server.serve());
        let mut attacked = Self { _runtime: runtime, address, control, access: (api_key, String::new()) };
        if control.is_none() {
            let checksum = session_checksum(&attacked.access.0, &request_token, &api_secret);
            let form = format!("api_key={}&request_token={request_token}&checksum={checksum}", attacked.access.0);
            let answer = attacked.answer(&posted("POST /session/token", &form));
            attacked.access.1 = answer.split("\"access_token\":\"").nth(1).expect("a token")[..32].to_owned();
        }
        attacked
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server takes connections");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        stream
    }

    /// Sends bytes and no more, and reads until the server closes. Either may fail half-way: the server need not hear
    /// nonsense out.
    fn answer_to_bytes(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        let mut answer = Vec::new();
        if stream.write_all(bytes).is_ok() {
            drop(stream.shutdown(Shutdown::Write));
        }
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The answer to a whole request that asks to close.
    fn answer(&self, request: &str) -> String {
        let (mut stream, mut answer) = (self.connect(), Vec::new());
        stream.write_all(request.as_bytes()).expect("a request");
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 "), "{request:.200}\n{answer}");
        answer
    }

    fn asked(&self, head: &str) -> String {
        let (key, token) = &self.access;
        self.answer(&format!(
            "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: token {key}:{token}\r\n\r\n"
        ))
    }

    fn websocket(&self) -> TcpStream {
        let (key, token) = &self.access;
        let mut stream = self.connect();
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
        let nonce = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let target = format!("GET /?api_key={key}&access_token={token} HTTP/1.1");
        write!(stream, "{target}\r\nHost: x\r\n{upgrade}\r\n{nonce}\r\n\r\n").expect("an upgrade");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer to the upgrade");
            head.push(byte[0]);
        }
        // A place of the three may still be with one that was just dropped.
        if head.starts_with(b"HTTP/1.1 429") {
            std::thread::sleep(Duration::from_millis(10));
            return self.websocket();
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        stream
    }

    /// What an honest client does: reads its profile, and gets a tick over a new websocket.
    fn is_well(&self) {
        let profile = self.asked("GET /user/profile");
        assert!(profile.starts_with("HTTP/1.1 200") && profile.contains("\"user_id\""), "{profile}");
        let mut socket = self.websocket();
        socket.write_all(&frame(0x81, SUBSCRIBE)).expect("a subscription");
        loop {
            let mut head = [0; 2];
            socket.read_exact(&mut head).expect("the feed goes on");
            let mut body = vec![0; usize::from(head[1])];
            if head[1] == 126 {
                let mut len = [0; 2];
                socket.read_exact(&mut len).expect("a length");
                body.resize(usize::from(u16::from_be_bytes(len)), 0);
            }
            socket.read_exact(&mut body).expect("a frame");
            // One full packet of an index.
            if head[0] == 0x82 && body.len() == 36 {
                return;
            }
        }
    }
}

fn posted(head: &str, form: &str) -> String {
    let kind = "Content-Type: application/x-www-form-urlencoded";
    format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{kind}\r\nContent-Length: {}\r\n\r\n{form}", form.len())
}

/// A masked frame with a first byte; the mask is zero, so that the bytes stay what they are.
fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match body.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(body);
    bytes
}

/// Bytes that look like nothing, the same every time.
fn noise(mut state: u64, len: usize) -> Vec<u8> {
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Resident memory of this process, in MiB.
fn resident_mib() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statistics of this process");
    statm.split(' ').nth(1).expect("a field").parse::<usize>().expect("pages") / 256
}

#[test]
fn bytes_that_are_no_request_harm_nobody() {
    let attacked = Attacked::start(Pace::Free { speed: 1.0 });
    for round in 0..30 {
        attacked.answer_to_bytes(&noise(round, 1 << (round % 14)));
    }
    let long = "x".repeat(1 << 20);
    let many = "a: b\r\n".repeat(5_000);
    for bytes in [
        "GET / HTTP/1.1\r\nHost:".to_owned(),
        "GET /user/profile HTTP/1.1\r\nHost: x\r\n".to_owned(),
        "POST /session/token HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nabc".to_owned(),
        "POST /session/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(),
        "POST /session/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nA: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
        posted("POST /session/token", &long),
        posted("POST /session/token", &"a&".repeat(30_000)),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ] {
        let answer = attacked.answer_to_bytes(bytes.as_bytes());
        assert!(!answer.starts_with("HTTP/1.1 2"), "{bytes:.100}\n{answer}");
    }
    attacked.is_well();
}

#[test]
fn requests_of_odd_parameters_are_answered() {
    let attacked = Attacked::start(Pace::Free { speed: 1.0 });
    let many = "i=NSE:INFY&".repeat(2_000);
    for target in [
        "/quote?i=%00&i=%ff%fe&i=%",
        "/quote?i=NSE:INFY&i=NSE:INFY&i=-1&i=99999999999999999999",
        "/quote/ltp?i=%E0%A4%B9&%F0%9F%92%A9=%F0%9F%92%A9",
        "/instruments/historical/256265/minute?from=2026-07-31&to=9999-99-99",
        "/instruments/historical/256265/minute?from=-5877641-06-23&to=2026-07-31+25:00:00",
        "/instruments/historical/256265/day?from=0001-01-01&to=9999-12-31",
        "/instruments/historical/-1/minute?from=2026-07-31&to=2026-07-31",
        "/instruments/historical/18446744073709551616/%00?from=&to=",
        "/orders/%2e%2e/%2e%2e",
        "//",
        "/?",
        "/connect/login?api_key=%0d%0aSet-Cookie:x",
        "/user/margins/%F0%9F%92%A9",
        "*",
        &format!("/quote?{many}"),
    ] {
        attacked.asked(&format!("GET {target}"));
    }
    let (key, token) = attacked.access.clone();
    for value in
        ["-1", "0", "1e9", "NaN", "99999999999999", "9223372036854775807", "%00", "%F0%9F%92%A9", "", "0.00001"]
    {
        for name in ["quantity", "price", "trigger_price", "disclosed_quantity", "validity_ttl", "market_protection"] {
            let form = format!(
                "{name}={value}&exchange=NSE&tradingsymbol=HDFCBANK&transaction_type=BUY&order_type=SL&quantity=1&price=1\
                 &trigger_price=1&product=CNC&validity=TTL&tag=%00"
            );
            let head = format!("POST /orders/regular HTTP/1.1\r\nAuthorization: token {key}:{token}");
            attacked.answer(&posted(&head, &form).replacen(" HTTP/1.1\r\nHost", "\r\nHost", 1));
        }
    }
    attacked.is_well();
}

#[test]
fn connections_that_are_held_open_keep_nobody_out() {
    let attacked = Attacked::start(Pace::Free { speed: 1.0 });
    let held: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = attacked.connect();
            stream.write_all(&b"POST /orders/regular HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"[..number % 54]).unwrap();
            stream
        })
        .collect();
    attacked.is_well();
    drop(held);
    attacked.is_well();
}

#[test]
fn frames_that_break_the_protocol_end_their_websocket_alone() {
    let attacked = Attacked::start(Pace::Free { speed: 1.0 });
    let million = format!(r#"{{"a":"subscribe","v":[{}1]}}"#, "256265,".repeat(1_000_000));
    let deep = "[".repeat(100_000);
    let mut fragments = frame(0x01, &SUBSCRIBE[..9]);
    fragments.extend(frame(0x89, b"ping between"));
    fragments.extend(frame(0x80, &SUBSCRIBE[9..]));
    let attacks: Vec<Vec<u8>> = vec![
        fragments,
        frame(0x82, &noise(1, 5_000)),
        frame(0x81, b"\xff\xfe\x00"),
        frame(0x81, deep.as_bytes()),
        frame(0x81, million.as_bytes()),
        frame(0x81, br#"{"a":"mode","v":["full",[256265,-1,1e99,null,"256265"]]}"#),
        frame(0x83, b"no such opcode"),
        frame(0xF1, b"reserved bits"),
        frame(0x80, b"goes on with nothing"),
        frame(0x88, b"\x00"),
        vec![0x81, 0x05, b'h', b'e', b'l', b'l', b'o'],
        [&[0x81, 0xFF][..], &(1_u64 << 62).to_be_bytes(), &[0; 4]].concat(),
        [&[0x89, 0xFE][..], &[0xFF; 200]].concat(),
        frame(0x89, b"ping").repeat(20_000),
        frame(0x81, SUBSCRIBE)[..20].to_vec(),
        frame(0x01, b"begins").repeat(3),
    ];
    let round = || {
        for attack in &attacks {
            let mut socket = attacked.websocket();
            // The server may hang up before all is said.
            drop(socket.write_all(attack));
            drop(socket.shutdown(Shutdown::Write));
            drop(socket);
        }
        attacked.is_well();
    };
    (0..2).for_each(|_| round());
    let before = resident_mib();
    (0..4).for_each(|_| round());
    let after = resident_mib();
    assert!(after < before + 48, "{before} MiB before, {after} MiB after four rounds more");
}

#[test]
fn a_partner_that_talks_nonsense_makes_room_for_the_next() {
    let attacked = Attacked::start(Pace::Shared { quantum_ns: NANOS });
    let control = attacked.control.expect("a control socket");
    let long = vec![b'1'; 1 << 20];
    let deep = vec![b'['; 1_000];
    for bytes in [&noise(5, 4_096)[..], b"{\"ack\":1e400}\n", b"{\"ack\":-1,\"texts\":-1}\n", b"\n", b"", &long, &deep]
    {
        let mut partner = TcpStream::connect(control).expect("the server takes partners");
        drop(partner.write_all(bytes));
        drop(partner.shutdown(Shutdown::Write));
        drop(partner.read_to_end(&mut Vec::new()));
    }
    let mut partner = TcpStream::connect(control).expect("the server takes partners");
    let mut marks = BufReader::new(partner.try_clone().expect("the same socket"));
    for _ in 0..2 {
        let mut mark = String::new();
        marks.read_line(&mut mark).expect("a mark");
        assert!(mark.starts_with("{\"now\":"), "{mark}");
        partner.write_all(b"{\"ack\":9223372036854775807}\n").expect("an ack");
    }
}
