//! The broker's side: websockets on loopback that send full packets at a steady rate.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use barkeep_sim::kite::packet::FULL_LEN;
use tungstenite::Message;

/// How often a connection sends.
const EVERY: Duration = Duration::from_millis(10);

/// Seconds from 1970 to 2026-07-31 10:00:00 IST, the time at which the daemon's clock begins.
const BEGINS: u64 = 1_785_472_200;

/// What is sent.
#[derive(Clone, Copy)]
pub struct Load {
    pub instruments: u32,
    pub ticks_per_s: u32,
}

pub struct Feeder {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
}

/// The token of an instrument: `number << 8 | 1`.
pub fn token(number: u32) -> u32 {
    (number + 1) << 8 | 1
}

impl Feeder {
    pub fn start(load: Load) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let sent = Arc::new(AtomicU64::new(0));
        let (count, begun) = (sent.clone(), Instant::now());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = count.clone();
                std::thread::spawn(move || serve(stream, load, begun, &count));
            }
        });
        Self { address, sent }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// Waits for the subscription, then sends its instruments in turn.
fn serve(stream: TcpStream, load: Load, begun: Instant, count: &AtomicU64) {
    stream.set_nodelay(true).expect("an option");
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    let tokens: Vec<u32> = loop {
        let Ok(Message::Text(text)) = socket.read() else { return };
        let value: serde_json::Value = serde_json::from_str(text.as_str()).expect("JSON");
        if value["a"] == "subscribe" {
            let list = value["v"].as_array().expect("a list");
            break list.iter().filter_map(serde_json::Value::as_u64).map(|token| token as u32).collect();
        }
    };
    let share = f64::from(load.ticks_per_s) * tokens.len() as f64 / f64::from(load.instruments);
    let packets: Vec<[u8; FULL_LEN]> = tokens.iter().map(|token| packet(*token)).collect();
    let (mut packets, mut next, mut owed) = (packets, 0, 0.0);
    let mut due = Instant::now();
    loop {
        due += EVERY;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        owed += share * EVERY.as_secs_f64();
        let now = BEGINS + begun.elapsed().as_secs();
        let whole = owed as usize;
        owed -= whole as f64;
        for chunk in split(whole) {
            let mut body = Vec::with_capacity(2 + chunk * (2 + FULL_LEN));
            body.extend((chunk as u16).to_be_bytes());
            for _ in 0..chunk {
                let packet = &mut packets[next];
                advance(packet, now as u32);
                body.extend((FULL_LEN as u16).to_be_bytes());
                body.extend(&*packet);
                next = (next + 1) % tokens.len();
            }
            if socket.get_mut().write_all(&framed(&body)).is_err() {
                return;
            }
            count.fetch_add(chunk as u64, Ordering::Relaxed);
        }
    }
}

/// Frames of at most 500 packets.
fn split(count: usize) -> impl Iterator<Item = usize> {
    (0..count.div_ceil(500)).map(move |at| (count - at * 500).min(500))
}

/// A server's frame is its head and the bytes as they are.
fn framed(body: &[u8]) -> Vec<u8> {
    [&[0x82, 127][..], &(body.len() as u64).to_be_bytes(), body].concat()
}

fn packet(token: u32) -> [u8; FULL_LEN] {
    let mut bytes = [0; FULL_LEN];
    let mut put = |at: usize, value: u32| bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    put(0, token);
    put(4, 100_000 + token % 5_000);
    for at in [8, 12, 20, 24] {
        put(at, 100);
    }
    for at in [28, 32, 36, 40] {
        put(at, 100_000);
    }
    for level in 0..10 {
        put(64 + 12 * level, 50);
        put(68 + 12 * level, 100_000);
    }
    bytes
}

/// A trade of a few shares at a price near the last one, now.
fn advance(packet: &mut [u8; FULL_LEN], now: u32) {
    let read = |packet: &[u8; FULL_LEN], at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().expect("four"));
    let (price, volume) = (read(packet, 4), read(packet, 16));
    let step = [0, 5, 0, u32::MAX - 4][(volume / 7 % 4) as usize];
    packet[4..8].copy_from_slice(&price.wrapping_add(step).to_be_bytes());
    packet[16..20].copy_from_slice(&(volume + 7).to_be_bytes());
    packet[44..48].copy_from_slice(&now.to_be_bytes());
    packet[60..64].copy_from_slice(&now.to_be_bytes());
}
