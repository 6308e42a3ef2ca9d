//! One websocket to Kite's feed: dialled once, read until it ends.
//!
//! It holds no rule: what to subscribe to, when a silent socket is dead and when to dial again is decided by `feed`, which
//! gets everything that happens here with the time at which it was read. It drops nothing: where the queue is full it
//! stops reading, so that TCP holds the sender back; a side that takes nothing is given up before much waits for it. What it
//! says never holds the URL, in which the access token stands.

mod dial;

use core::time::Duration;

use barkeep_schemas::Ts;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::unconstrained;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub use crate::tls::Roots;
pub use tokio_tungstenite::tungstenite::Bytes;

use crate::redaction::Redaction;
use dial::{Dialled, UNSENT_BYTES_MAX, dial};

/// How long a closing frame may take, ours or the answer to theirs.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a websocket is to be.
#[derive(Clone, Debug)]
pub struct SocketPlan {
    /// The caller's number for it, which stands on everything that comes from it.
    pub id: u64,
    /// `wss://` or `ws://`, with the query that logs in.
    pub url: SecretString,
    /// Whose certificates are trusted for `wss://`.
    pub roots: Roots,
    /// How long the way to an open socket may take: name, TCP, TLS and upgrade together.
    pub dial_timeout: Duration,
    /// How long the other side may take none of a message, and none of the answers to its pings.
    pub send_timeout: Duration,
    /// Bytes of a message at most; a longer one ends the socket.
    pub message_bytes_max: usize,
}

impl SocketPlan {
    /// A plan with the usual limits: 10 s to dial, 10 s to send, 4 MiB for a message (3,000 full packets are 0.6 MB).
    pub const fn new(id: u64, url: SecretString) -> Self {
        let (dial_timeout, send_timeout) = (Duration::from_secs(10), Duration::from_secs(10));
        Self { id, url, roots: Roots::Native, dial_timeout, send_timeout, message_bytes_max: 4 << 20 }
    }
}

/// What happened on a websocket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FromSocket {
    /// It is open.
    Opened,
    /// The upgrade was answered with another status than 101. This is the end.
    Refused {
        /// The HTTP status: 403 for a bad token, 429 for too many connections.
        status: u16,
        /// As much of the body as came with the head, cut to some hundred characters.
        body: String,
    },
    /// A binary message.
    Binary(Bytes),
    /// A text message.
    Text(String),
    /// It is closed, or never opened, and why. This is the end.
    Closed(String),
}

/// What happened, where and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamped {
    /// [`SocketPlan::id`].
    pub id: u64,
    /// When it was read, before it waited in any queue.
    pub at: Ts,
    /// What.
    pub event: FromSocket,
}

/// What a websocket is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ToSocket {
    /// To send this.
    Text(String),
    /// To close.
    Close,
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Dials and carries messages until the socket ends, by itself, by [`ToSocket::Close`] or with the last sender of
/// `inbox`; the last event is [`FromSocket::Refused`] or [`FromSocket::Closed`]. Pings are answered, and one who pings
/// without taking the answers is given up.
pub async fn run(
    plan: SocketPlan,
    now: impl Fn() -> Ts,
    mut inbox: mpsc::Receiver<ToSocket>,
    out: mpsc::Sender<Stamped>,
) {
    let redaction = Redaction::of(&plan.url);
    let out = Outbox { id: plan.id, now, out };
    let dialled = tokio::select! {
        dialled = dial(&plan) => dialled,
        () = told_to_close(&mut inbox) => Dialled::Failed("it was given up before it was open".to_owned()),
    };
    let end = match dialled {
        Dialled::Open(stream) => converse(*stream, &plan, &mut inbox, &out).await.map(FromSocket::Closed),
        Dialled::Refused { status, body } => Some(FromSocket::Refused { status, body }),
        Dialled::Failed(why) => Some(FromSocket::Closed(why)),
    };
    match end {
        Some(FromSocket::Refused { status, body }) => {
            out.send(FromSocket::Refused { status, body: redaction.plain(&body) }).await;
        }
        Some(FromSocket::Closed(why)) => {
            out.send(FromSocket::Closed(redaction.plain(&why))).await;
        }
        // Nobody listens any more.
        Some(FromSocket::Opened | FromSocket::Binary(_) | FromSocket::Text(_)) | None => {}
    }
}

/// Where events go, stamped.
struct Outbox<F> {
    id: u64,
    now: F,
    out: mpsc::Sender<Stamped>,
}

impl<F: Fn() -> Ts> Outbox<F> {
    /// Stamps, then waits for room. Whether anybody listens.
    async fn send(&self, event: FromSocket) -> bool {
        self.out.send(Stamped { id: self.id, at: (self.now)(), event }).await.is_ok()
    }
}

/// Nothing can be said before the socket is open: texts that come too early are dropped, as the caller has not been told
/// of an open socket.
async fn told_to_close(inbox: &mut mpsc::Receiver<ToSocket>) {
    while let Some(ToSocket::Text(_)) = inbox.recv().await {}
}

/// Why the socket ended; `None` when nobody listens any more.
async fn converse<F: Fn() -> Ts>(
    stream: Stream,
    plan: &SocketPlan,
    inbox: &mut mpsc::Receiver<ToSocket>,
    out: &Outbox<F>,
) -> Option<String> {
    if !out.send(FromSocket::Opened).await {
        return None;
    }
    let (mut sink, mut stream) = stream.split();
    // Reading and sending go on beside each other: neither waits for the other side to do the other thing. What was not
    // finished when one of them ends is lost with the socket.
    let pinged = Notify::new();
    tokio::select! {
        biased;
        why = read(&mut stream, &pinged, out) => why,
        // It has its turn also where reading never has to wait.
        why = unconstrained(write(&mut sink, &pinged, inbox, plan.send_timeout)) => Some(why),
    }
}

async fn read<F: Fn() -> Ts>(stream: &mut SplitStream<Stream>, pinged: &Notify, out: &Outbox<F>) -> Option<String> {
    loop {
        let event = match stream.next().await {
            Some(Ok(Message::Binary(bytes))) => FromSocket::Binary(bytes),
            Some(Ok(Message::Text(text))) => FromSocket::Text(text.as_str().to_owned()),
            Some(Ok(Message::Ping(_))) => {
                // The library has written the answer; whether it goes out is seen to beside.
                pinged.notify_one();
                continue;
            }
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Close(frame))) => {
                // Reading on sends the closing frame that answers theirs; a peer that takes nothing more does without.
                let _ = timeout(FAREWELL, async { while let Some(Ok(_)) = stream.next().await {} }).await;
                return Some(frame.map_or_else(
                    || "closed by the other side".to_owned(),
                    |frame| format!("closed by the other side with {}: {}", u16::from(frame.code), frame.reason),
                ));
            }
            Some(Err(error)) => return Some(reason(&error)),
            None => return Some("the connection ended".to_owned()),
        };
        if !out.send(event).await {
            return None;
        }
    }
}

async fn write(
    sink: &mut SplitSink<Stream, Message>,
    pinged: &Notify,
    inbox: &mut mpsc::Receiver<ToSocket>,
    send_timeout: Duration,
) -> String {
    loop {
        let told = tokio::select! {
            biased;
            told = inbox.recv() => Some(told),
            () = pinged.notified() => None,
        };
        let (sent, what) = match told {
            Some(Some(ToSocket::Text(text))) => {
                (timeout(send_timeout, sink.send(Message::Text(text.into()))).await, "message")
            }
            Some(Some(ToSocket::Close) | None) => break,
            None => (timeout(send_timeout, sink.flush()).await, "answer to its pings"),
        };
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return reason(&error),
            Err(_) => return format!("the other side took no {what} for {} ms", send_timeout.as_millis()),
        }
    }
    // Whether the closing frame still went out changes nothing here.
    let _ = timeout(FAREWELL, sink.close()).await;
    "closed by this side".to_owned()
}

/// An error of the library in words.
fn reason(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the connection ended".to_owned(),
        Error::Io(error) => format!("the connection broke: {error}"),
        Error::Capacity(error) => format!("a message is too long: {error}"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::HandshakeIncomplete) => {
            "the other side hung up without a closing frame".to_owned()
        }
        Error::Protocol(error) => format!("the other side broke the protocol: {error}"),
        Error::Utf8(_) => "a text is not UTF-8".to_owned(),
        Error::WriteBufferFull(_) => format!(
            "the other side takes too little: more than {} KiB would wait to be sent to it",
            UNSENT_BYTES_MAX >> 10
        ),
        Error::Tls(_) | Error::AttackAttempt | Error::Url(_) | Error::Http(_) | Error::HttpFormat(_) => {
            error.to_string()
        }
    }
}

#[cfg(test)]
mod tests;
