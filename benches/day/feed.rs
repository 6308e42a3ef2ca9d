//! The simulator's feed under load: 9,000 stocks whose books move in every quarter of a second, served by `barkeep sim`
//! pinned to one core, over three websockets in mode full, for twenty seconds of the clock.
//!
//! The clients run on this process's core and decode every frame. Each stock is owed a packet in every slot of 250 ms; a
//! step of 50 ms holds a fifth of the stocks, so that the frames tell how far virtual time falls behind the clock.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use barkeep_sim::kite::orders::session_checksum;
use barkeep_sim::kite::{BinaryMessage, Packet};
use flate2::read::GzDecoder;
use serde_json::Value;
use tungstenite::{Message, WebSocket};

use crate::{binary, measure};

const SOCKETS: usize = 3;
const STEP: Duration = Duration::from_millis(50);

pub fn main() {
    let (stocks, seconds) = (measure::sized(9_000, 90), measure::sized(20, 2));
    let folder = measure::scratch();
    let sim = Sim::start(folder.path(), stocks);
    let access_token = sim.log_in();
    let tokens = sim.tokens(&access_token);
    assert_eq!(tokens.len(), stocks);
    let share = stocks / SOCKETS;
    let clients: Vec<_> = (0..SOCKETS)
        .map(|number| sim.subscribed(&access_token, &tokens[number * share..(number + 1) * share]))
        .map(|socket| thread::spawn(move || watch(socket, Duration::from_secs(seconds as u64))))
        .collect();
    // A second to settle, as the clients take.
    thread::sleep(SETTLE);
    let before = sim.cpu_seconds();
    let seen: Vec<Seen> = clients.into_iter().map(|client| client.join().expect("a client")).collect();
    let core = (sim.cpu_seconds() - before) / seconds as f64;
    let packets: usize = seen.iter().map(|seen| seen.packets).sum();
    let missing: usize = seen.iter().map(|seen| seen.missing).sum();
    let lag = seen.iter().map(|seen| seen.lag).max().unwrap_or_default();
    let note = format!(
        "{stocks} stocks, 3 websockets in mode full: {core:.2} of a core, {missing} slots of 250 ms missing, at most {} ms \
         behind the clock",
        lag.as_millis()
    );
    measure::rate("sim feed", packets, "packets", seconds as f64, &note, "");
}

const SETTLE: Duration = Duration::from_secs(2);

/// The simulator at work; it ends with this.
struct Sim {
    child: Child,
    line: Value,
}

impl Drop for Sim {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Sim {
    /// On core 0, or the one that `BARKEEP_BENCH_SIM_CORE` names.
    fn start(folder: &std::path::Path, stocks: usize) -> Self {
        let stocks = stocks.to_string();
        let words =
            ["sim", "--json", "--port", "0", "--busy", "--no-limits", "--date", "2026-11-20", "--start", "10:00"];
        let bare = binary::command(folder, &[&words[..], &["--instruments", &stocks]].concat());
        let core = std::env::var("BARKEEP_BENCH_SIM_CORE").unwrap_or_else(|_| "0".to_owned());
        let mut command = Command::new("taskset");
        command.args(["-c", &core]).arg(bare.get_program()).args(bare.get_args()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("taskset and the simulator start");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        Self { child, line: serde_json::from_str(&line).expect("a line of JSON") }
    }

    fn told(&self, name: &str) -> &str {
        self.line[name].as_str().expect("a text of the first line")
    }

    fn host(&self) -> &str {
        self.told("rest").trim_start_matches("http://")
    }

    fn asked(&self, head: &str, body: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.host()).expect("the simulator takes connections");
        let (host, length) = (self.host(), body.len());
        let form = "application/x-www-form-urlencoded";
        let common = format!("Host: {host}\r\nConnection: close\r\nContent-Type: {form}\r\nContent-Length: {length}");
        write!(stream, "{head}\r\n{common}\r\n\r\n{body}").expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a body");
        answer.split_off(head + 4)
    }

    fn log_in(&self) -> String {
        let (key, token) = (self.told("api_key"), self.told("request_token"));
        let checksum = session_checksum(key, token, self.told("api_secret"));
        let form = format!("api_key={key}&request_token={token}&checksum={checksum}");
        let body: Value = serde_json::from_slice(&self.asked("POST /session/token HTTP/1.1", &form)).expect("JSON");
        body["data"]["access_token"].as_str().expect("a token").to_owned()
    }

    /// The tokens of the stocks, in the dump's order.
    fn tokens(&self, access_token: &str) -> Vec<u32> {
        let head = format!("GET /instruments HTTP/1.1\r\nAuthorization: token {}:{access_token}", self.told("api_key"));
        let mut csv = String::new();
        GzDecoder::new(&self.asked(&head, "")[..]).read_to_string(&mut csv).expect("gzip of text");
        let stocks = csv.lines().skip(1).filter(|line| !line.contains("INDICES"));
        stocks.map(|line| line.split(',').next().unwrap_or_default().parse().expect("a token")).collect()
    }

    fn subscribed(&self, access_token: &str, tokens: &[u32]) -> WebSocket<TcpStream> {
        let stream = TcpStream::connect(self.host()).expect("the simulator takes connections");
        let url = format!("{}/?api_key={}&access_token={access_token}", self.told("ws"), self.told("api_key"));
        let (mut socket, _) = tungstenite::client(url, stream).expect("a websocket");
        let text = format!(r#"{{"a":"mode","v":["full",{tokens:?}]}}"#);
        socket.send(Message::text(text)).expect("a subscription");
        socket
    }

    /// Seconds of the processor, all threads.
    fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its statistics");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        // utime and stime, fields 14 and 15 by proc(5), in hundredths.
        [11, 12].map(|field| fields[field].parse::<f64>().expect("a number")).iter().sum::<f64>() / 100.0
    }
}

/// What a client saw.
struct Seen {
    packets: usize,
    /// Slots of 250 ms of some stock without a packet.
    missing: usize,
    lag: Duration,
}

fn watch(mut socket: WebSocket<TcpStream>, span: Duration) -> Seen {
    let settled = Instant::now() + SETTLE;
    let mut arrivals: Vec<Duration> = Vec::new();
    let mut by_token: HashMap<u32, usize> = HashMap::new();
    loop {
        let message = socket.read().expect("the feed goes on");
        let now = Instant::now();
        if now >= settled + span {
            break;
        }
        let Message::Binary(bytes) = message else { continue };
        let BinaryMessage::Packets(packets) = BinaryMessage::decode(&bytes).expect("a sound frame") else { continue };
        if now < settled {
            by_token.extend(packets.iter().map(|packet| (packet.token(), 0)));
            continue;
        }
        arrivals.push(now - settled);
        for packet in &packets {
            assert!(matches!(packet, Packet::Full(_)), "{packet:?}");
            *by_token.entry(packet.token()).or_insert(0) += 1;
        }
    }
    let packets = by_token.values().sum();
    // A span holds as many slots as it is long, give or take one at its ends.
    let owed = (span.as_millis() / (5 * STEP.as_millis())) as usize - 1;
    let missing = by_token.values().map(|count| owed.saturating_sub(*count)).sum();
    Seen { packets, missing, lag: lag(&arrivals) }
}

/// How far frames, one a step, came later than the earliest of them would have it.
fn lag(arrivals: &[Duration]) -> Duration {
    let offset = |(step, arrival): (usize, &Duration)| arrival.as_secs_f64() - step as f64 * STEP.as_secs_f64();
    let earliest = arrivals.iter().enumerate().map(offset).fold(f64::MAX, f64::min);
    let latest = arrivals.iter().enumerate().map(offset).fold(f64::MIN, f64::max);
    Duration::from_secs_f64((latest - earliest).max(0.0))
}
