//! The socket and the wire against the simulator's server, over loopback.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

#[path = "../../../sim/tests/partner/mod.rs"]
mod partner;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barkeep_schemas::Ts;
use barkeep_sim::broker::BrokerPlan;
use barkeep_sim::market::Market;
use barkeep_sim::server::Pace;
use barkeep_zerodha::socket::{FromSocket, SocketPlan, Stamped, ToSocket, run};
use barkeep_zerodha::wire::{Frame, Mode, Packet, TextFrame, frame, mode, text};
use secrecy::SecretString;
use tokio::sync::mpsc;

use partner::{clock, date, log_in, plan, serve};

fn now() -> Ts {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Ts::new(since.as_nanos() as i64)
}

struct Socket {
    inbox: mpsc::Sender<ToSocket>,
    events: mpsc::Receiver<Stamped>,
}

impl Socket {
    fn open(address: SocketAddr, token: &str) -> Self {
        let url = format!("ws://{address}/?api_key={}&access_token={token}", BrokerPlan::drawn(11).api_key);
        let (inbox, told) = mpsc::channel(16);
        let (out, events) = mpsc::channel(16);
        tokio::spawn(run(SocketPlan::new(1, SecretString::from(url)), now, told, out));
        Self { inbox, events }
    }

    async fn next(&mut self) -> FromSocket {
        let next = tokio::time::timeout(Duration::from_secs(30), self.events.recv()).await;
        next.expect("an event in time").expect("an event before the end").event
    }

    async fn next_text(&mut self) -> TextFrame {
        loop {
            match self.next().await {
                FromSocket::Text(words) => return text(&words),
                FromSocket::Binary(_) => {}
                other @ (FromSocket::Opened | FromSocket::Refused { .. } | FromSocket::Closed(_)) => {
                    panic!("{other:?}")
                }
            }
        }
    }

    async fn next_packets(&mut self) -> Vec<Packet> {
        loop {
            match self.next().await {
                FromSocket::Binary(bytes) => match frame(&bytes).expect("a whole frame") {
                    Frame::Heartbeat => {}
                    Frame::Packets(packets) => return packets.collect(),
                },
                FromSocket::Text(_) => {}
                other @ (FromSocket::Opened | FromSocket::Refused { .. } | FromSocket::Closed(_)) => {
                    panic!("{other:?}")
                }
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_403() {
    let serving = serve(plan(Pace::Free { speed: 1.0 }, &[(clock(date(), 9, 20, 0), clock(date(), 9, 30, 0))], &[]));
    let mut socket = Socket::open(serving.address, "nonsense");
    let FromSocket::Refused { status: 403, body } = socket.next().await else { panic!("not refused") };
    assert!(!body.contains("nonsense"), "{body}");
    assert_eq!(socket.events.recv().await, None);
}

#[tokio::test]
async fn a_subscription_brings_ticks_of_what_was_asked_until_it_is_closed() {
    let start = clock(date(), 9, 20, 0);
    let planned = plan(Pace::Free { speed: 4.0 }, &[(start, clock(date(), 9, 30, 0))], &[]);
    let market = Market::new(planned.world.market.clone()).expect("a market");
    let tokens: Vec<u32> = (0..market.count()).map(|number| market.listing(number, date()).token).collect();
    let serving = serve(planned);
    let address = serving.address;
    let token = tokio::task::spawn_blocking(move || log_in(address, |_| {})).await.expect("a login");
    let mut socket = Socket::open(address, &token);
    assert_eq!(socket.next().await, FromSocket::Opened);
    let TextFrame::InstrumentsMeta { count, .. } = socket.next_text().await else { panic!("another text") };
    assert_eq!(count as usize, tokens.len());
    socket.inbox.send(ToSocket::Text(mode(Mode::Full, &tokens))).await.expect("an open socket");
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    while counts.len() < tokens.len() || counts.values().sum::<u32>() < 200 {
        for packet in socket.next_packets().await {
            assert!(matches!(packet, Packet::Full(_) | Packet::IndexFull(_)), "{packet:?}");
            let snapshot = packet.snapshot().expect("prices of stocks are exact");
            assert!(snapshot.exchange_time.is_some() && snapshot.price.get() > 0, "{snapshot:?}");
            assert!(tokens.contains(&snapshot.token));
            *counts.entry(snapshot.token).or_default() += 1;
        }
    }
    socket.inbox.send(ToSocket::Text("what".to_owned())).await.expect("an open socket");
    let TextFrame::Error(_) = socket.next_text().await else { panic!("another text") };
    socket.inbox.send(ToSocket::Close).await.expect("an open socket");
    loop {
        match socket.next().await {
            FromSocket::Binary(_) | FromSocket::Text(_) => {}
            FromSocket::Closed(why) => break assert_eq!(why, "closed by this side"),
            other @ (FromSocket::Opened | FromSocket::Refused { .. }) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_planned_cut_and_a_truncated_frame_are_told() {
    let start = clock(date(), 9, 20, 0);
    let faults = ["truncate at=09:20:40 count=1", "disconnect at=09:20:48 for=5s"];
    // Five seconds to log in and subscribe before anything breaks.
    let planned = plan(Pace::Free { speed: 8.0 }, &[(start, clock(date(), 9, 30, 0))], &faults);
    let market = Market::new(planned.world.market.clone()).expect("a market");
    let tokens: Vec<u32> = (0..market.count()).map(|number| market.listing(number, date()).token).collect();
    let serving = serve(planned);
    let address = serving.address;
    let token = tokio::task::spawn_blocking(move || log_in(address, |_| {})).await.expect("a login");
    let mut socket = Socket::open(address, &token);
    assert_eq!(socket.next().await, FromSocket::Opened);
    socket.inbox.send(ToSocket::Text(mode(Mode::Full, &tokens))).await.expect("an open socket");
    let mut truncated = 0;
    let why = loop {
        match socket.next().await {
            FromSocket::Binary(bytes) => truncated += u32::from(frame(&bytes).is_err()),
            FromSocket::Text(_) => {}
            FromSocket::Closed(why) => break why,
            other @ (FromSocket::Opened | FromSocket::Refused { .. }) => panic!("{other:?}"),
        }
    };
    assert_eq!(truncated, 1);
    assert!(why.contains("without a closing frame") || why.contains("broke"), "{why}");
}
