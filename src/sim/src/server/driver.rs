//! The thread that owns the world: takes commands, lets virtual time pass at its pace, carries deliveries out.
//!
//! Invariant, with a shared pace: commands are handled between two quanta only, at the virtual time of the mark that was
//! sent last, so that what the partner sends before its word to go on always meets the same moment.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::ServerError;
use super::control::{Ack, Mark, SocketMark, Texts};
use super::pace::{Pace, Stay};
use crate::broker::{Rendered, Request};
use crate::world::{ConnectionId, Delivery, Refusal, RequestId, STEP_NS, World};

/// Commands that wait at most; more make their senders wait.
pub(super) const COMMANDS_MAX: usize = 1_024;

/// Messages that wait for a socket at most. With a free pace a socket that falls further behind is cut, as Kite does.
const SOCKET_MESSAGES_MAX: usize = 4_096;

/// Bytes that wait for a socket at most, with a free pace: half a minute of 3,000 instruments in mode full.
const SOCKET_BYTES_MAX: usize = 64 << 20;

/// Blanks of an answer without end that wait for a socket at most.
const BLANKS_MAX: usize = 1_024;

/// How much virtual time may be made up for, in the clock's time; a machine that is further behind stays behind.
const BEHIND_MAX: Duration = Duration::from_millis(200);

/// What the sockets ask of the world.
pub(super) enum Command {
    /// An upgrade with these parameters.
    Connect(Vec<(String, String)>, oneshot::Sender<Result<Connected, Refusal>>),
    /// A text message; answered when it is handled.
    Text(ConnectionId, String, oneshot::Sender<()>),
    /// A websocket is gone.
    Gone(ConnectionId),
    /// A REST request.
    Request(Request, oneshot::Sender<Replied>),
    /// The partner of a shared pace is there.
    Partner(mpsc::Sender<Mark>),
    /// The partner's word to go on.
    Ack(Ack),
    /// The partner has left.
    PartnerGone,
}

/// A websocket that was taken.
pub(super) struct Connected {
    pub(super) id: ConnectionId,
    pub(super) messages: mpsc::Receiver<ToSocket>,
    /// Told when the socket is too slow and is to go whatever still waits for it.
    pub(super) too_slow: oneshot::Receiver<()>,
    /// Bytes of the messages that wait; whoever takes one takes its bytes off.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// A websocket as the driver sees it.
struct Socket {
    messages: mpsc::Sender<ToSocket>,
    too_slow: oneshot::Sender<()>,
    waiting: Arc<AtomicUsize>,
    sent: u64,
    texts: u64,
}

/// What a websocket has to do.
pub(super) enum ToSocket {
    Binary(Vec<u8>),
    Text(String),
    Mute(bool),
    Cut,
}

impl ToSocket {
    /// Bytes that it has to send.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
            Self::Mute(_) | Self::Cut => 0,
        }
    }
}

/// The answer to a request.
pub(super) enum Replied {
    Whole(Rendered),
    /// Send a blank for each that comes; cut when none will come.
    Endless(mpsc::Receiver<()>),
    Hangup,
}

/// Starts the thread. Needs a tokio runtime.
pub(super) fn start(
    world: World,
    pace: Pace,
    stays: Vec<Stay>,
    ledger: Option<PathBuf>,
    inbox: mpsc::Receiver<Command>,
) -> Result<Running, ServerError> {
    let ledger = ledger.map(LedgerFile::create).transpose()?;
    let (told, ended) = oneshot::channel();
    let driver = Driver {
        runtime: tokio::runtime::Handle::current(),
        world,
        stays,
        inbox,
        ledger,
        sockets: BTreeMap::new(),
        requests: HashMap::new(),
        endless: HashMap::new(),
        requests_ever: 0,
        answered: 0,
        texts: 0,
        held: Vec::new(),
        ack: None,
        partner: None,
        pace,
    };
    let run = move || {
        // Nobody waits for it when the server was dropped.
        let _ = told.send(driver.run());
    };
    let thread = std::thread::Builder::new().name("virtual-time".to_owned()).spawn(run).map_err(ServerError::Thread)?;
    Ok(Running { ended, thread })
}

/// The thread at work.
pub(super) struct Running {
    ended: oneshot::Receiver<Result<(), ServerError>>,
    thread: std::thread::JoinHandle<()>,
}

impl Running {
    /// What it ends with; its panic, if it panics, goes on here.
    pub(super) async fn end(self) -> Result<(), ServerError> {
        match self.ended.await {
            Ok(result) => result,
            Err(_) => self.thread.join().map_or_else(|panic| std::panic::resume_unwind(panic), Ok),
        }
    }
}

struct Driver {
    /// For its clock alone.
    runtime: tokio::runtime::Handle,
    world: World,
    pace: Pace,
    stays: Vec<Stay>,
    inbox: mpsc::Receiver<Command>,
    ledger: Option<LedgerFile>,
    sockets: BTreeMap<ConnectionId, Socket>,
    /// Looked up by number, never walked.
    requests: HashMap<RequestId, oneshot::Sender<Replied>>,
    endless: HashMap<RequestId, mpsc::Sender<()>>,
    requests_ever: RequestId,
    /// Requests whose answer was given to the end, or cut off.
    answered: u64,
    /// Text messages handled so far, over all websockets.
    texts: u64,
    /// Text messages that were read of a websocket that was mute already: whether they are depends on the host.
    held: Vec<(ConnectionId, String, oneshot::Sender<()>)>,
    ack: Option<Ack>,
    partner: Option<mpsc::Sender<Mark>>,
}

/// Nobody will ever send a command again.
struct Closed;

impl Driver {
    fn run(mut self) -> Result<(), ServerError> {
        match self.pace {
            Pace::Free { speed } => self.run_free(speed),
            Pace::Shared { quantum_ns } => self.run_shared((quantum_ns / STEP_NS).max(1)),
        }
    }

    /// Virtual time against the clock.
    fn run_free(&mut self, speed: f64) -> Result<(), ServerError> {
        let mut step = Duration::from_nanos((STEP_NS as f64 / speed) as u64);
        let mut due = Instant::now();
        loop {
            while let Some(rest) = due.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
                match self.receive(Some(rest)) {
                    Ok(Some(command)) => self.handle(command)?,
                    Ok(None) => break,
                    Err(Closed) => return Ok(()),
                }
            }
            while let Ok(command) = self.inbox.try_recv() {
                self.handle(command)?;
            }
            if !self.leap() {
                // The last day is over: what is left is heartbeats and requests, at the clock's pace.
                step = Duration::from_nanos(STEP_NS.unsigned_abs());
            }
            self.world.step();
            self.carry_out()?;
            // A machine too slow for the speed falls behind in time, never in what happens.
            due = (due + step).max(Instant::now().checked_sub(BEHIND_MAX).unwrap_or(due));
        }
    }

    /// Virtual time together with a partner.
    fn run_shared(&mut self, steps: i64) -> Result<(), ServerError> {
        loop {
            let mark = self.world.now();
            self.hear_held()?;
            while !self.may_pass(mark.get()) {
                match self.receive(None) {
                    Ok(Some(Command::PartnerGone)) if !self.more_to_come() => return Ok(()),
                    Ok(Some(command)) => self.handle(command)?,
                    Ok(None) => {}
                    Err(Closed) => return Ok(()),
                }
            }
            if self.leap() && self.world.now() == mark {
                for _ in 0..steps {
                    self.world.step();
                    self.carry_out()?;
                }
            }
            self.world.tell_time();
            self.carry_out()?;
            self.tell_partner();
        }
    }

    /// Whether there is time to pass, the partner has dealt with the mark, and what it has sent has been handled.
    fn may_pass(&self, mark_ns: i64) -> bool {
        let Some(ack) = self.ack.as_ref().filter(|_| self.partner.is_some() && self.more_to_come()) else {
            return false;
        };
        let texts = match &ack.texts {
            Texts::All(count) => *count <= self.texts,
            Texts::Each(counts) => (1..).zip(counts).all(|(id, count)| {
                let heard = self.sockets.get(&id).filter(|_| !self.world.is_mute(id));
                heard.is_none_or(|socket| *count <= socket.texts)
            }),
        };
        ack.ack >= mark_ns && texts && ack.requests <= self.requests_ever
    }

    fn more_to_come(&self) -> bool {
        self.stays.last().is_some_and(|stay| self.world.now() < stay.until)
    }

    /// Jumps to the next stay when the one before is over; `false` when there is none.
    fn leap(&mut self) -> bool {
        let now = self.world.now();
        if self.stays.iter().any(|stay| stay.from <= now && now < stay.until) {
            return true;
        }
        let Some(next) = self.stays.iter().find(|stay| now < stay.from).copied() else { return false };
        self.world.skip_to(next.from);
        true
    }

    fn tell_partner(&mut self) {
        let socket = |(id, socket): (&ConnectionId, &Socket)| SocketMark {
            id: *id,
            sent: socket.sent,
            texts: socket.texts,
            mute: self.world.is_mute(*id),
        };
        let mark = Mark {
            now: self.world.now().get(),
            end: !self.more_to_come(),
            sockets: self.sockets.iter().map(socket).collect(),
            connections: self.world.connections_ever(),
            requests: self.requests_ever,
            answered: self.answered,
        };
        if self.partner.as_ref().is_some_and(|partner| partner.blocking_send(mark).is_err()) {
            self.partner = None;
        }
    }

    fn receive(&mut self, within: Option<Duration>) -> Result<Option<Command>, Closed> {
        let Some(within) = within else { return self.inbox.blocking_recv().map(Some).ok_or(Closed) };
        let inbox = &mut self.inbox;
        match self.runtime.block_on(async { tokio::time::timeout(within, inbox.recv()).await }) {
            Ok(Some(command)) => Ok(Some(command)),
            Ok(None) => Err(Closed),
            Err(_) => Ok(None),
        }
    }

    fn handle(&mut self, command: Command) -> Result<(), ServerError> {
        match command {
            Command::Connect(query, reply) => self.connect(&query, reply),
            Command::Text(id, text, done) if self.pace.is_shared() && self.world.is_mute(id) => {
                self.held.push((id, text, done));
            }
            Command::Text(id, text, done) => self.hear(id, &text, done),
            Command::Gone(id) => self.forget(id),
            Command::Request(request, reply) => {
                self.requests_ever += 1;
                self.requests.insert(self.requests_ever, reply);
                self.world.request(self.requests_ever, &request);
            }
            Command::Partner(partner) => {
                self.partner = Some(partner);
                self.ack = None;
                self.tell_partner();
            }
            Command::Ack(ack) => {
                ack.closed.iter().for_each(|id| self.forget(*id));
                // Nobody has dealt with what has not been.
                self.ack = Some(Ack { ack: ack.ack.min(self.world.now().get()), ..ack });
            }
            Command::PartnerGone => self.partner = None,
        }
        self.carry_out()
    }

    fn hear(&mut self, id: ConnectionId, text: &str, done: oneshot::Sender<()>) {
        self.world.text(id, text);
        self.texts += 1;
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.texts += 1;
        }
        // A socket that is gone meanwhile wants no answer.
        let _ = done.send(());
    }

    /// Handles what was held of websockets that speak again, at the moment at which it would be read of them now.
    fn hear_held(&mut self) -> Result<(), ServerError> {
        for (id, text, done) in std::mem::take(&mut self.held) {
            if self.world.is_mute(id) && self.sockets.contains_key(&id) {
                self.held.push((id, text, done));
            } else {
                self.hear(id, &text, done);
            }
        }
        self.carry_out()
    }

    fn forget(&mut self, id: ConnectionId) {
        self.sockets.remove(&id);
        self.world.disconnected(id);
    }

    fn connect(&mut self, query: &[(String, String)], reply: oneshot::Sender<Result<Connected, Refusal>>) {
        let taken = self.world.connect(query).map(|id| {
            let (sender, messages) = mpsc::channel(SOCKET_MESSAGES_MAX);
            let (cut, too_slow) = oneshot::channel();
            let waiting = Arc::new(AtomicUsize::new(0));
            self.sockets.insert(
                id,
                Socket { messages: sender, too_slow: cut, waiting: Arc::clone(&waiting), sent: 0, texts: 0 },
            );
            Connected { id, messages, too_slow, waiting }
        });
        if let Err(Ok(connected)) = reply.send(taken) {
            self.forget(connected.id);
        }
    }

    /// Carries out what the world wants done, and writes the ledger.
    fn carry_out(&mut self) -> Result<(), ServerError> {
        while let Some(delivery) = self.world.next_delivery() {
            match delivery {
                Delivery::Binary(id, bytes) => self.send(id, ToSocket::Binary(bytes)),
                Delivery::Text(id, text) => self.send(id, ToSocket::Text(text)),
                Delivery::Mute(id, mute) => self.send(id, ToSocket::Mute(mute)),
                Delivery::Cut(id) => {
                    self.send(id, ToSocket::Cut);
                    self.sockets.remove(&id);
                }
                Delivery::Reply(id, rendered) => {
                    self.answered += 1;
                    self.reply(id, Replied::Whole(rendered));
                }
                Delivery::Endless(id) => {
                    let (sender, blanks) = mpsc::channel(BLANKS_MAX);
                    self.endless.insert(id, sender);
                    self.reply(id, Replied::Endless(blanks));
                }
                Delivery::Blank(id) => self.blank(id),
                Delivery::Hangup(id) => {
                    self.answered += 1;
                    if self.endless.remove(&id).is_none() {
                        self.reply(id, Replied::Hangup);
                    }
                }
            }
        }
        let injected = self.world.injected();
        match &mut self.ledger {
            Some(ledger) if !injected.is_empty() => ledger.write(&injected),
            Some(_) | None => Ok(()),
        }
    }

    /// With a shared pace a slow socket makes virtual time wait; with a free one it is cut.
    fn send(&mut self, id: ConnectionId, message: ToSocket) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let before = socket.waiting.fetch_add(message.len(), Ordering::Relaxed);
        socket.sent += u64::from(matches!(message, ToSocket::Binary(_) | ToSocket::Text(_)));
        let sent = if self.pace.is_shared() {
            socket.messages.blocking_send(message).is_ok()
        } else {
            before < SOCKET_BYTES_MAX && socket.messages.try_send(message).is_ok()
        };
        if !sent {
            tracing::warn!(connection = id, "a websocket is gone or too slow: cut");
            if let Some(socket) = self.sockets.remove(&id) {
                // One that is gone already wants no cut.
                let _ = socket.too_slow.send(());
            }
            self.world.disconnected(id);
        }
    }

    /// With a free pace a reader that is too slow misses blanks.
    fn blank(&mut self, id: RequestId) {
        if let Some(blanks) = self.endless.get(&id) {
            // Who asked may have gone away.
            let _ = if self.pace.is_shared() { blanks.blocking_send(()).is_ok() } else { blanks.try_send(()).is_ok() };
        }
    }

    fn reply(&mut self, id: RequestId, reply: Replied) {
        if let Some(waiting) = self.requests.remove(&id) {
            // Who asked may have gone away.
            let _ = waiting.send(reply);
        }
    }
}

/// The file of the ledger.
struct LedgerFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl LedgerFile {
    fn create(path: PathBuf) -> Result<Self, ServerError> {
        match File::create(&path) {
            Ok(file) => Ok(Self { path, out: BufWriter::new(file) }),
            Err(source) => Err(ServerError::Ledger { path, source }),
        }
    }

    fn write(&mut self, entries: &[crate::faults::Entry]) -> Result<(), ServerError> {
        let written = entries.iter().try_for_each(|entry| {
            serde_json::to_writer(&mut self.out, entry)?;
            self.out.write_all(b"\n")
        });
        written
            .and_then(|()| self.out.flush())
            .map_err(|source| ServerError::Ledger { path: self.path.clone(), source })
    }
}
