//! The control socket: the server and its partner share virtual time over lines of JSON.
//!
//! The server says `{"now":NS,"end":false}` after each quantum, when all that the quantum sent is on its way; the partner
//! says `{"ack":NS,"texts":N}` when it has dealt with everything up to NS and has sent N text messages in all, over all
//! its websockets. The next quantum begins when the ack has reached `now` and N messages have been handled. One partner
//! at a time; while there is none, time stands.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::driver::Command;

/// Bytes of a line of the partner at most.
const LINE_BYTES_MAX: u64 = 1_024;

/// The server's word: virtual time has come this far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Nanoseconds since 1970 UTC.
    pub now: i64,
    /// Whether the last day is over; the server ends when the partner leaves.
    pub end: bool,
}

/// The partner's word to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Everything up to here is dealt with, nanoseconds since 1970 UTC.
    pub ack: i64,
    /// Text messages sent in all, over all websockets.
    #[serde(default)]
    pub texts: u64,
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
    let mut from = BufReader::new(from);
    let (marks, mut waiting) = mpsc::channel(4);
    if commands.send(Command::Partner(marks)).await.is_err() {
        return;
    }
    let mut line = Vec::new();
    loop {
        tokio::select! {
            mark = waiting.recv() => {
                let Some(mark) = mark else { return };
                let text = serde_json::to_string(&mark).unwrap_or_default() + "\n";
                if to.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            read = read_line(&mut from, &mut line) => match read.as_deref().map(serde_json::from_slice::<Ack>) {
                Some(Ok(ack)) => {
                    if commands.send(Command::Ack(ack)).await.is_err() {
                        return;
                    }
                }
                Some(Err(error)) => {
                    let text = serde_json::json!({ "error": format!("{error}: expected {{\"ack\":NS,\"texts\":N}}") });
                    let _ = to.write_all(format!("{text}\n").as_bytes()).await;
                    return;
                }
                None => return,
            },
        }
    }
}

/// The next line; `None` at the end or when it is too long. What was read of a line stays in `line` when the wait is
/// given up.
async fn read_line(from: &mut (impl tokio::io::AsyncBufRead + Unpin), line: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        let available = from.fill_buf().await.ok()?;
        if available.is_empty() || line.len() as u64 > LINE_BYTES_MAX {
            return None;
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |end| end + 1);
        line.extend_from_slice(available.get(..taken).unwrap_or(&[]));
        from.consume(taken);
        if end.is_some() {
            return Some(std::mem::take(line));
        }
    }
}
