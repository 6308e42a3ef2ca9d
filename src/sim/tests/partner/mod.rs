//! What the tests of the server share: a plan of short days, a server in a thread, and clients over plain sockets.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, Phase, PhaseSpan, SessionDate, Ts};
use barkeep_sim::broker::BrokerPlan;
use barkeep_sim::faults::{FaultPlan, SessionSpan};
use barkeep_sim::kite::orders::session_checksum;
use barkeep_sim::market::{DayHours, MarketPlan};
use barkeep_sim::server::{Ack, Mark, Pace, Server, ServerError, ServerPlan, Stay};
use barkeep_sim::world::WorldPlan;
use tungstenite::{Message, WebSocket};

/// Friday 2026-11-20; Monday 2026-11-23 comes after it.
pub fn date() -> SessionDate {
    SessionDate::from_ymd(2026, 11, 20).expect("a date")
}

/// A second of a date's day, IST.
pub fn clock(date: SessionDate, hour: i64, minute: i64, second: i64) -> Ts {
    Ts::from_secs(i64::from(date.0) * 86_400 - 19_800 + (hour * 60 + minute) * 60 + second)
}

/// Pre-open 09:10 to 09:15, continuous to 09:35.
fn hours(date: SessionDate) -> DayHours {
    let phases = [(Phase::PreOpen, 10, 15), (Phase::Continuous, 15, 35)];
    let span = |(phase, from, to)| PhaseSpan { phase, start: clock(date, 9, from, 0), end: clock(date, 9, to, 0) };
    let class = |class| ClassDay { class, phases: phases.map(span).to_vec() };
    let calendar = DayCalendar {
        kind: CalendarKind::Nse,
        zone: "Asia/Kolkata".into(),
        name: "regular".into(),
        day_start: clock(date, 0, 0, 0),
        day_end: clock(date, 24, 0, 0),
        tradable: true,
        classes: vec![class(InstrumentClass::Derivatives), class(InstrumentClass::Cash)],
    };
    DayHours { date, calendar }
}

/// A plan whose stays are the given seconds of the first days.
pub fn plan(pace: Pace, stays: &[(Ts, Ts)], faults: &[&str]) -> ServerPlan {
    let mut planned = FaultPlan::default();
    faults.iter().for_each(|fault| planned.add_flag(fault).expect("a fault"));
    let dates = [-1, 0, 3].map(|days| date().plus_days(days));
    let span = |date: &SessionDate| SessionSpan {
        date: *date,
        midnight: clock(*date, 0, 0, 0),
        open: clock(*date, 9, 15, 0),
        close: clock(*date, 9, 35, 0),
    };
    let days = dates.map(hours).to_vec();
    let world = WorldPlan {
        seed: 11,
        market: MarketPlan { seed: 11, instruments: 20, days, first: date(), busy: false },
        broker: BrokerPlan { limits: None, ..BrokerPlan::drawn(11) },
        faults: planned,
        spans: dates[1..].iter().map(span).collect(),
        start: stays[0].0,
        tells_time: false,
    };
    let stays = stays.iter().map(|(from, until)| Stay { from: *from, until: *until }).collect();
    ServerPlan { world, pace, stays, port: 0, control_port: 0, ledger: None }
}

/// A server in a thread.
pub struct Serving {
    pub address: SocketAddr,
    pub control: Option<SocketAddr>,
    pub thread: JoinHandle<Result<(), ServerError>>,
}

pub fn serve(plan: ServerPlan) -> Serving {
    let (told, ready) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = Server::start(plan).await?;
            told.send((server.address(), server.control())).expect("a test that waits");
            server.serve().await
        })
    });
    let (address, control) = ready.recv().expect("a server that starts");
    Serving { address, control, thread }
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a server");
    stream.set_nodelay(true).expect("no delay");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit, so that a test that waits in vain fails");
    stream
}

/// Sends a request on a connection of its own.
pub fn send(address: SocketAddr, method: &str, path: &str, token: &str, form: &str) -> TcpStream {
    let mut stream = connected(address);
    let key = BrokerPlan::drawn(11).api_key;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\nauthorization: token {key}:{token}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(head.as_bytes()).expect("a server that reads");
    stream
}

/// Everything that comes on a connection, up to its end or its cut.
pub fn finish(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "no answer came"),
    }
    bytes
}

/// Logs in with a token that a login in the browser brings.
pub fn log_in(address: SocketAddr, mut heard: impl FnMut(&[u8])) -> String {
    let BrokerPlan { api_key, api_secret, .. } = BrokerPlan::drawn(11);
    let redirect = finish(send(address, "GET", &format!("/connect/login?v=3&api_key={api_key}"), "", ""));
    heard(&redirect);
    let redirect = String::from_utf8(redirect).expect("text");
    let (_, rest) = redirect.split_once("request_token=").expect("a request token");
    let request_token: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    let checksum = session_checksum(&api_key, &request_token, &api_secret);
    let form = format!("api_key={api_key}&request_token={request_token}&checksum={checksum}");
    let session = finish(send(address, "POST", "/session/token", "", &form));
    heard(&session);
    let session = String::from_utf8(session).expect("text");
    let (_, rest) = session.split_once("\"access_token\":\"").unwrap_or_else(|| panic!("{session}"));
    rest.chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// A websocket, or what was answered instead: a status, or 0 for a cut.
pub fn connect(address: SocketAddr, token: &str) -> Result<WebSocket<TcpStream>, u16> {
    let url = format!("ws://{address}/?api_key={}&access_token={token}", BrokerPlan::drawn(11).api_key);
    match tungstenite::client(url, connected(address)) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer.status().as_u16()),
        Err(_) => Err(0),
    }
}

/// The line to the control socket.
pub struct Control {
    lines: BufReader<TcpStream>,
}

impl Control {
    pub fn new(address: SocketAddr) -> Self {
        Self { lines: BufReader::new(connected(address)) }
    }

    /// The next line, empty at the end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line in time");
        line
    }

    pub fn mark(&mut self) -> Mark {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    pub fn say(&mut self, line: &str) {
        self.lines.get_mut().write_all(format!("{line}\n").as_bytes()).expect("a server that listens");
    }

    pub fn ack(&mut self, ack: &Ack) {
        self.say(&serde_json::to_string(ack).expect("an ack"));
    }
}

/// The next message; `None` when the socket has ended.
pub fn read(socket: &mut WebSocket<TcpStream>) -> Option<Message> {
    match socket.read() {
        Ok(message) => Some(message),
        Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("nothing came on a websocket for a minute")
        }
        Err(_) => None,
    }
}
