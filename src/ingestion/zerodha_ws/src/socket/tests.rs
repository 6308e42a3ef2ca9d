//! A socket against a server that behaves, and against listeners that do not.

mod listener;
mod refusals;
mod tls;
mod wrongs;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use barkeep_schemas::Ts;
use futures_util::{SinkExt as _, StreamExt as _};
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::{FromSocket, SocketPlan, Stamped, ToSocket, run};
use listener::{Listener, upgraded};

/// Stands in each URL; nothing that is said may hold it.
const TOKEN: &str = "s3cr+t tok/en";
const TOKEN_WRITTEN: &str = "s3cr%2Bt%20tok%2Fen";

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

fn plan(scheme: &str, authority: &str) -> SocketPlan {
    let url = format!("{scheme}://{authority}/?api_key=k1234567&access_token={TOKEN_WRITTEN}");
    SocketPlan { message_bytes_max: 1 << 20, ..SocketPlan::new(7, SecretString::from(url)) }
}

/// A socket in a task.
struct Running {
    inbox: mpsc::Sender<ToSocket>,
    events: mpsc::Receiver<Stamped>,
    task: JoinHandle<()>,
    clock: Arc<AtomicI64>,
}

impl Running {
    fn start(plan: SocketPlan) -> Self {
        Self::with_queue(plan, 16)
    }

    fn with_queue(plan: SocketPlan, places: usize) -> Self {
        let (inbox, told) = mpsc::channel(4);
        let (out, events) = mpsc::channel(places);
        let clock = Arc::new(AtomicI64::new(1));
        let stamps = Arc::clone(&clock);
        let task = tokio::spawn(run(plan, move || Ts::new(stamps.load(Ordering::SeqCst)), told, out));
        Self { inbox, events, task, clock }
    }

    async fn stamped(&mut self) -> Stamped {
        let next = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        next.expect("an event in time").expect("an event before the end")
    }

    async fn next(&mut self) -> FromSocket {
        let Stamped { id, event, .. } = self.stamped().await;
        assert_eq!(id, 7);
        event
    }

    async fn say(&self, told: ToSocket) {
        self.inbox.send(told).await.expect("a socket that listens");
    }

    /// Why it closed, after which there must be nothing more.
    async fn closed(&mut self) -> String {
        let FromSocket::Closed(why) = self.next().await else { panic!("it did not close") };
        self.ends().await;
        assert!(!why.contains(TOKEN) && !why.contains(TOKEN_WRITTEN) && !why.contains("k1234567"), "{why}");
        why
    }

    async fn ends(&mut self) {
        let end = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        assert_eq!(end.expect("an end in time"), None);
    }
}

fn text(words: &str) -> ToSocket {
    ToSocket::Text(words.to_owned())
}

#[tokio::test]
async fn messages_go_both_ways_in_order_and_closing_is_told() {
    let listener = Listener::bind().await;
    let mut socket = Running::start(plan("ws", &listener.authority()));
    let server = listener.serve(async |stream| {
        let mut peer = upgraded(stream).await;
        assert_eq!(peer.next().await.unwrap().unwrap(), Message::text("subscribe"));
        peer.send(Message::binary(vec![0])).await.unwrap();
        peer.send(Message::text("{}")).await.unwrap();
        peer.send(Message::binary(vec![0, 0])).await.unwrap();
        assert!(matches!(peer.next().await, Some(Ok(Message::Close(_)))), "a closing frame comes");
    });
    assert_eq!(socket.next().await, FromSocket::Opened);
    socket.say(text("subscribe")).await;
    assert_eq!(socket.next().await, FromSocket::Binary(vec![0].into()));
    assert_eq!(socket.next().await, FromSocket::Text("{}".to_owned()));
    assert_eq!(socket.next().await, FromSocket::Binary(vec![0, 0].into()));
    socket.say(ToSocket::Close).await;
    assert_eq!(socket.closed().await, "closed by this side");
    server.await.unwrap();
}

#[tokio::test]
async fn a_socket_whose_owner_is_gone_closes() {
    let listener = Listener::bind().await;
    let mut socket = Running::start(plan("ws", &listener.authority()));
    let server = listener.serve(async |stream| {
        let mut peer = upgraded(stream).await;
        assert!(matches!(peer.next().await, Some(Ok(Message::Close(_)))), "a closing frame comes");
    });
    assert_eq!(socket.next().await, FromSocket::Opened);
    let Running { inbox, mut events, task, .. } = socket;
    drop(inbox);
    assert_eq!(events.recv().await.unwrap().event, FromSocket::Closed("closed by this side".to_owned()));
    task.await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_socket_whose_listener_is_gone_ends() {
    let listener = Listener::bind().await;
    let Running { inbox, events, task, .. } = Running::start(plan("ws", &listener.authority()));
    drop(events);
    let _server = listener.serve(async |stream| {
        let mut peer = upgraded(stream).await;
        while peer.send(Message::binary(vec![0])).await.is_ok() {}
    });
    tokio::time::timeout(PATIENCE, task).await.expect("an end in time").unwrap();
    drop(inbox);
}

#[tokio::test]
async fn pings_are_answered_and_told_to_nobody() {
    let listener = Listener::bind().await;
    let mut socket = Running::start(plan("ws", &listener.authority()));
    let server = listener.serve(async |stream| {
        let mut peer = upgraded(stream).await;
        peer.send(Message::Ping(vec![1, 2].into())).await.unwrap();
        assert_eq!(peer.next().await.unwrap().unwrap(), Message::Pong(vec![1, 2].into()));
        peer.close(None).await.unwrap();
        while let Some(Ok(_)) = peer.next().await {}
    });
    assert_eq!(socket.next().await, FromSocket::Opened);
    assert_eq!(socket.closed().await, "closed by the other side");
    server.await.unwrap();
}

#[tokio::test]
async fn a_closing_frame_is_answered_and_its_reason_told_without_the_token() {
    let listener = Listener::bind().await;
    let mut socket = Running::start(plan("ws", &listener.authority()));
    let server = listener.serve(async |stream| {
        let mut peer = upgraded(stream).await;
        let reason = format!("bye\n{TOKEN} {TOKEN_WRITTEN}").into();
        peer.close(Some(CloseFrame { code: 1013.into(), reason })).await.unwrap();
        assert!(matches!(peer.next().await, Some(Ok(Message::Close(_)))), "the answer comes");
    });
    assert_eq!(socket.next().await, FromSocket::Opened);
    assert_eq!(socket.closed().await, "closed by the other side with 1013: bye *** ***");
    server.await.unwrap();
}

/// A queue of one place holds the sender back: when the reader comes, the sender stands long before the end, and nothing
/// is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_makes_the_sender_wait_and_loses_nothing() {
    const MESSAGES: i64 = 400;
    let listener = Listener::bind().await;
    let mut socket = Running::with_queue(plan("ws", &listener.authority()), 1);
    let sent = Arc::new(AtomicI64::new(0));
    let counter = Arc::clone(&sent);
    let server = listener.serve(async move |stream| {
        let mut peer = upgraded(stream).await;
        for number in 0..MESSAGES {
            let mut message = vec![0; 200_000];
            message[..8].copy_from_slice(&number.to_le_bytes());
            peer.send(Message::binary(message)).await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
        }
        while let Some(Ok(_)) = peer.next().await {}
    });
    assert_eq!(socket.next().await, FromSocket::Opened);
    let mut before = -1;
    while before != sent.load(Ordering::SeqCst) || socket.events.is_empty() {
        before = sent.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(before < MESSAGES, "80 MB went out while nobody took a message");
    // What waits was read now; what is read later has the later time.
    socket.clock.store(2, Ordering::SeqCst);
    for number in 0..MESSAGES {
        let Stamped { at, event: FromSocket::Binary(bytes), .. } = socket.stamped().await else { panic!("no message") };
        assert_eq!(bytes[..8], number.to_le_bytes());
        match number {
            0 => assert_eq!(at, Ts::new(1), "what waited in the queue has the time at which it was read"),
            // It stood at the door of the queue, or was on its way there.
            1 => {}
            _ => assert_eq!(at, Ts::new(2), "message {number} was read before there was room for it"),
        }
    }
    socket.say(ToSocket::Close).await;
    assert_eq!(socket.closed().await, "closed by this side");
    server.await.unwrap();
}
