//! The control socket: the server and its partner share virtual time over lines of JSON.
//!
//! The server says [`Mark`] after each quantum, when all that the quantum sent is on its way; the partner says [`Ack`] when
//! it has dealt with everything up to there. The next quantum begins when the ack has reached the mark and everything that
//! the partner says it has sent has been handled. One partner at a time; while there is none, time stands. Between two
//! days virtual time jumps.
//!
//! Sockets are not in step with each other: a mark says how many messages each websocket was sent and how many requests
//! were answered, so that a partner can wait for them, and an ack how many texts and requests the partner sent, so that
//! the server can. A partner that counts gets the same bytes every time on a machine however busy. Requests whose order
//! matters are sent one after the other. An ack is no promise ahead: it counts for marks that were sent.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::driver::Command;
use crate::world::ConnectionId;

/// Bytes of a line of the partner at most: room for a number for each of thousands of websockets.
const LINE_BYTES_MAX: usize = 65_536;

/// The server's word: virtual time has come this far.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Nanoseconds since 1970 UTC.
    pub now: i64,
    /// Whether the last day is over; time stands then, and the server ends when the partner leaves.
    pub end: bool,
    /// The open websockets, in the order of their coming. One that was cut is missing: it ends behind its last message.
    pub sockets: Vec<SocketMark>,
    /// Websockets taken so far: the next one gets the next number.
    #[serde(default)]
    pub connections: u32,
    /// Requests that have come so far.
    pub requests: u64,
    /// Requests whose answer has been given to the end, or cut off.
    pub answered: u64,
}

/// A websocket at a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SocketMark {
    /// Its number, from 1 in the order of their coming.
    pub id: ConnectionId,
    /// Messages sent to it so far.
    pub sent: u64,
    /// Text messages of it that have been handled.
    pub texts: u64,
    /// Whether it is mute: nothing of it is read, and it is not told the time.
    pub mute: bool,
}

/// The partner's word to go on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Everything up to here is dealt with, nanoseconds since 1970 UTC.
    pub ack: i64,
    /// Text messages sent.
    #[serde(default)]
    pub texts: Texts,
    /// Requests sent in all, without those that never come to the simulated Kite: bodies of more than 64 KiB and more than
    /// 2,048 parameters. Needed where an answer may take its time, which it cannot while nobody acknowledges; whoever waits
    /// for every answer leaves it out.
    #[serde(default)]
    pub requests: u64,
    /// Websockets that the partner has closed: they are gone at this moment and at no other.
    #[serde(default)]
    pub closed: Vec<ConnectionId>,
}

/// How many text messages a partner has sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Texts {
    /// In all, over all websockets; good as long as none goes to a websocket that is mute or was cut.
    All(u64),
    /// On each websocket, in the order of their coming. A mute one is waited for when it speaks again, one that was cut
    /// is not.
    Each(Vec<u64>),
}

impl Default for Texts {
    fn default() -> Self {
        Self::All(0)
    }
}

/// Takes partners, one after the other.
pub(super) async fn serve(listener: TcpListener, commands: mpsc::Sender<Command>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => talk(stream, &commands).await,
            Err(error) => tracing::warn!(%error, "a partner could not be taken"),
        }
        if commands.send(Command::PartnerGone).await.is_err() {
            return;
        }
    }
}

/// Talks with a partner until it leaves or says what cannot be understood.
async fn talk(stream: TcpStream, commands: &mpsc::Sender<Command>) {
    // Without delay: a quantum waits for each word.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the control socket keeps its delay");
    }
    let (from, mut to) = stream.into_split();
    let (marks, waiting) = mpsc::channel(4);
    if commands.send(Command::Partner(marks)).await.is_err() {
        return;
    }
    // Hearing and telling do not wait for each other: the driver may wait for either.
    let error = tokio::select! {
        error = hear(from, commands) => error,
        () = tell(&mut to, waiting) => None,
    };
    if let Some(error) = error {
        let text = serde_json::json!({ "error": format!("{error}: expected {{\"ack\":NS,\"texts\":N}}") });
        if let Err(error) = to.write_all(format!("{text}\n").as_bytes()).await {
            tracing::debug!(%error, "a partner left before it was told what is wrong");
        }
    }
}

/// Passes on what the partner says; ends with what is wrong with it, or with nothing when the partner leaves.
async fn hear(from: OwnedReadHalf, commands: &mpsc::Sender<Command>) -> Option<String> {
    let mut from = BufReader::new(from);
    while let Some(line) = read_line(&mut from).await {
        let read = line.and_then(|line| serde_json::from_slice::<Ack>(&line).map_err(|error| error.to_string()));
        match read {
            Ok(ack) => commands.send(Command::Ack(ack)).await.ok()?,
            Err(error) => return Some(error),
        }
    }
    None
}

async fn tell(to: &mut OwnedWriteHalf, mut waiting: mpsc::Receiver<Mark>) {
    while let Some(mark) = waiting.recv().await {
        let text = serde_json::to_string(&mark).unwrap_or_default() + "\n";
        if to.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next line, an error when it is too long; `None` at the end.
async fn read_line(from: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<Result<Vec<u8>, String>> {
    let mut line = Vec::new();
    loop {
        let available = from.fill_buf().await.ok()?;
        if available.is_empty() {
            return None;
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |end| end + 1);
        line.extend_from_slice(available.get(..taken).unwrap_or(&[]));
        from.consume(taken);
        if line.len() > LINE_BYTES_MAX {
            return Some(Err(format!("the line is longer than {LINE_BYTES_MAX} bytes")));
        }
        if end.is_some() {
            return Some(Ok(line));
        }
    }
}
