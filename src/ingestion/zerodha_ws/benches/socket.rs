//! A socket on one core: `cargo bench -p barkeep-zerodha --bench socket`, a JSON line each.
//!
//! A thread sends frames of full packets as fast as they are taken; a runtime of one thread holds the socket and turns every
//! packet into a tick. Ticks a second are what one core can carry from the kernel to ticks.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a bench has no surface and may panic")]

use std::hint::black_box;
use std::io::Write as _;
use std::net::TcpListener;
use std::time::Instant;

use barkeep_schemas::{FeedId, InstrumentId, Ts};
use barkeep_zerodha::socket::{FromSocket, SocketPlan, run};
use barkeep_zerodha::wire::{Frame, Packet, frame};
use secrecy::SecretString;
use tokio::sync::mpsc;

const TICKS: usize = 3_000_000;

/// A websocket message, as it goes over the wire, of so many full packets.
fn message(packets: usize) -> Vec<u8> {
    let packet = [&[0, 184, 0, 5, 53, 1][..], &[1; 180]].concat();
    let body = [&(packets as u16).to_be_bytes()[..], &packet.repeat(packets)].concat();
    [&[0x82, 127][..], &(body.len() as u64).to_be_bytes(), &body].concat()
}

/// Sends the ticks, then ends.
fn serve(listener: TcpListener, packets: usize) {
    let (stream, _) = listener.accept().expect("a connection");
    let mut stream = tungstenite::accept(stream).expect("an upgrade");
    let message = message(packets);
    for _ in 0..TICKS / packets {
        stream.get_mut().write_all(&message).expect("a socket that reads");
    }
}

fn ticks(bytes: &[u8], recv: Ts) -> usize {
    let Ok(Frame::Packets(packets)) = frame(bytes) else { panic!("no packets") };
    let tick = |packet: Packet| {
        let snapshot = packet.snapshot().expect("prices of stocks are exact");
        let ts = snapshot.exchange_time.expect("a time");
        drop(black_box(snapshot.tick(InstrumentId(snapshot.token >> 8), FeedId(0), ts, recv, None)));
    };
    packets.map(tick).count()
}

async fn measure(packets: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || serve(listener, packets));
    let (_inbox, told) = mpsc::channel(1);
    let (out, mut events) = mpsc::channel(256);
    tokio::spawn(run(SocketPlan::new(0, SecretString::from(url)), || Ts::new(1), told, out));
    let (mut start, mut count) = (Instant::now(), 0);
    while let Some(stamped) = events.recv().await {
        match stamped.event {
            FromSocket::Opened => start = Instant::now(),
            FromSocket::Binary(bytes) => count += ticks(&bytes, stamped.at),
            FromSocket::Closed(_) => break,
            other @ (FromSocket::Refused { .. } | FromSocket::Text(_)) => panic!("{other:?}"),
        }
    }
    let secs = start.elapsed().as_secs_f64();
    server.join().expect("a server");
    assert_eq!(count, TICKS);
    let per_sec = (count as f64 / secs).round();
    println!(r#"{{"bench":"socket_to_ticks","packets_a_frame":{packets},"ticks":{count},"ticks_per_s":{per_sec}}}"#);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for packets in [1, 10, 100, 3_000] {
        runtime.block_on(measure(packets));
    }
}
