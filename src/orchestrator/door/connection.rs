//! One client of the door: its greeting, its turn, its requests one after the other, each answered when it is done.
//!
//! What it never does: decide what fits (the desk does, on the engine's thread), hold a turn for a client that is silent or
//! gone, or end the daemon for what a client sent. Called by the server, a task for each connection.

use std::time::Duration;

use barkeep_engine::BEHAVIOUR;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::timeout;

use super::desk;
use super::lines::{Lines, NoLine};
use super::message::{Access, Hello, LINE_BYTES_MAX, PROTOCOL, Reply, Request, Status, Why, line};
use super::turns::{Turn, Turns};
use crate::orchestrator::appliance::Appliance;
use crate::orchestrator::engine_thread::{EngineGone, EngineHandle};

/// How long a client may take for its greeting.
const GREETING: Duration = Duration::from_secs(5);

/// How long a client waits for its turn before it is told who has it: less than it waits for an answer.
const WAITS_FOR_TURN: Duration = Duration::from_secs(2);

/// How long a client may say nothing while it has the turn, and take for reading an answer.
const SILENCE_WITH_TURN: Duration = Duration::from_secs(60);

/// How long a client may say nothing without it.
const SILENCE: Duration = Duration::from_secs(600);

/// Who is at the other end, by what the system says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) uid: u32,
    pub(super) pid: Option<i32>,
}

/// What every connection shares.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) engine: EngineHandle,
    pub(super) turns: Turns,
    pub(super) stop: watch::Receiver<bool>,
}

/// The end of a connection, with the last line for its client.
struct Over(Option<Reply>);

impl Over {
    fn with(why: Why, text: impl Into<String>) -> Self {
        Self(Some(Reply::refused(why, text)))
    }
}

impl From<EngineGone> for Over {
    fn from(gone: EngineGone) -> Self {
        Self::with(Why::Halted, gone.to_string())
    }
}

/// Waits until the daemon stops; a daemon that has gone without a word has stopped.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Serves one client to its end.
pub(super) async fn serve(stream: UnixStream, peer: Peer, common: Common) {
    let (from, to) = stream.into_split();
    let mut connection = Connection { lines: Lines::new(BufReader::new(from), LINE_BYTES_MAX), to, peer, common };
    let Over(last) = match connection.run().await {
        Ok(()) => return,
        Err(over) => over,
    };
    if let Some(reply) = last {
        tracing::info!(uid = peer.uid, pid = peer.pid, ?reply, "a client of the door was turned away");
        // It may have gone away.
        let _ = connection.say(&reply).await;
    }
}

struct Connection {
    lines: Lines<BufReader<OwnedReadHalf>>,
    to: OwnedWriteHalf,
    peer: Peer,
    common: Common,
}

/// What a client does: its access, and its turn where that needs one.
struct Visit {
    access: Access,
    turn: Option<Turn>,
}

impl Connection {
    async fn run(&mut self) -> Result<(), Over> {
        let hello = self.greeting().await?;
        let (uid, pid) = (self.peer.uid, self.peer.pid);
        tracing::info!(uid, pid, command = hello.command, access = ?hello.access, "a command at the door");
        let mut visit = self.admit(&hello).await?;
        loop {
            let line = self.line(&visit).await?;
            let request = match Request::parse(&line) {
                Ok(request) => request,
                Err(bad) => {
                    tracing::warn!(uid, pid, %bad, "a client of the door said what is no request");
                    self.say(&Reply::refused(Why::BadMessage, bad.to_string())).await?;
                    continue;
                }
            };
            drop(line);
            let ends = matches!(request, Request::End {});
            let reply = self.answer(request, visit.access).await?;
            if ends {
                // Whoever gets the answer finds the turn free.
                visit.turn = None;
            }
            self.say(&reply).await?;
            if ends {
                tracing::info!(uid, pid, command = hello.command, "a command has left the door");
                return Ok(());
            }
        }
    }

    async fn greeting(&mut self) -> Result<Hello, Over> {
        let line = match timeout(GREETING, self.lines.next()).await {
            Ok(line) => line.map_err(no_line)?,
            Err(_) => return Err(Over::with(Why::Idle, format!("no greeting came within {} s", GREETING.as_secs()))),
        };
        let hello = Hello::parse(&line).map_err(|bad| Over::with(Why::BadMessage, bad.to_string()))?;
        if hello.protocol != PROTOCOL || hello.behaviour != BEHAVIOUR {
            return Err(Over::with(
                Why::Version,
                format!(
                    "the daemon is barkeep {} (protocol {PROTOCOL}, behaviour {BEHAVIOUR}), this command is barkeep {} \
                     (protocol {}, behaviour {}): restart the daemon with the barkeep that is installed, between sessions",
                    env!("CARGO_PKG_VERSION"),
                    hello.barkeep,
                    hello.protocol,
                    hello.behaviour
                ),
            ));
        }
        Ok(hello)
    }

    /// Lets a client in: with its turn, on a tape where all before is durable.
    async fn admit(&mut self, hello: &Hello) -> Result<Visit, Over> {
        let turn = match hello.access {
            Access::Operator => None,
            Access::Session | Access::Records => Some(self.turn(hello).await?),
        };
        self.common.engine.commit().await?;
        let standing = self.common.engine.ask(|appliance| Ok(appliance.standing())).await?;
        if let (Access::Session, Some(date)) = (hello.access, standing.live_session()) {
            return Err(Over::with(Why::LiveSession, super::live_session(date)));
        }
        let barkeep = env!("CARGO_PKG_VERSION").to_owned();
        self.say(&Reply::Welcome { barkeep, pid: std::process::id(), standing: standing.into() }).await?;
        Ok(Visit { access: hello.access, turn })
    }

    async fn turn(&self, hello: &Hello) -> Result<Turn, Over> {
        // What a client calls itself is for people, and a line of a log is short.
        let command: String = hello.command.chars().filter(|c| !c.is_control()).take(40).collect();
        let name = match self.peer.pid {
            Some(pid) => format!("process {pid} ({command})"),
            None => format!("a process ({command})"),
        };
        match self.common.turns.take(&name, WAITS_FOR_TURN).await {
            Some(turn) => Ok(turn),
            None => {
                let holder = self.common.turns.holder().unwrap_or_else(|| "another command".to_owned());
                Err(Over::with(
                    Why::Busy,
                    format!("{holder} is adding to the tape through the daemon: give the command again after its end"),
                ))
            }
        }
    }

    /// The next line of a client that is let in.
    async fn line(&mut self, visit: &Visit) -> Result<Vec<u8>, Over> {
        let has_turn = visit.turn.is_some();
        let silence = if has_turn { SILENCE_WITH_TURN } else { SILENCE };
        tokio::select! {
            biased;
            () = self.common.turns.claimed(), if has_turn => Err(Over::with(
                Why::Claimed,
                "the daemon needs the tape for its live session: give the command again, where that is refused after \
                 the session's close; what it had added stays",
            )),
            () = stopped(&mut self.common.stop) => {
                Err(Over::with(Why::Stopping, "the daemon stops: give the command again; what it had added stays"))
            }
            line = timeout(silence, self.lines.next()) => match line {
                Ok(line) => line.map_err(no_line),
                Err(_) => Err(Over::with(Why::Idle, format!("nothing was said for {} s", silence.as_secs()))),
            },
        }
    }

    async fn answer(&self, request: Request, access: Access) -> Result<Reply, EngineGone> {
        let engine = &self.common.engine;
        let (weight, waits) = match &request {
            Request::Status {} => return Ok(Reply::Status(self.status().await?)),
            Request::Commit {} | Request::End {} => return Ok(Reply::Durable { seq: engine.commit().await?.0 }),
            Request::Inputs { events, more } => (u32::try_from(events.len()).unwrap_or(u32::MAX), !more),
            Request::Instrument { .. }
            | Request::BeginSegment { .. }
            | Request::AbandonSession {}
            | Request::Carry {}
            | Request::Standing {} => (1, false),
        };
        let uid = self.peer.uid;
        let task = move |appliance: &mut Appliance| desk::answer(appliance, access, uid, request);
        let mut reply = engine.ask_weighing(weight, task).await?.await.map_err(|_| EngineGone)?;
        if let Reply::Taken { durable, .. } = &mut reply
            && waits
        {
            *durable = Some(engine.commit().await?.0);
        }
        Ok(reply)
    }

    async fn status(&self) -> Result<Status, EngineGone> {
        let backlog = self.common.engine.backlog();
        Ok(Status {
            barkeep: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            standing: self.common.engine.ask(|appliance| Ok(appliance.standing())).await?.into(),
            durable: self.common.engine.publisher().durable_seq().0,
            backlog_inputs: backlog.inputs as u64,
            backlog_batches: backlog.batches as u64,
            turn: self.common.turns.holder(),
        })
    }

    async fn say(&mut self, reply: &Reply) -> Result<(), Over> {
        match timeout(SILENCE_WITH_TURN, self.to.write_all(&line(reply))).await {
            Ok(Ok(())) => Ok(()),
            // A client that has gone or does not read has nobody to tell.
            Ok(Err(_)) | Err(_) => Err(Over(None)),
        }
    }
}

fn no_line(no_line: NoLine) -> Over {
    match no_line {
        NoLine::End => Over(None),
        NoLine::TooLong => Over::with(Why::BadMessage, format!("a line is longer than {LINE_BYTES_MAX} bytes")),
    }
}
