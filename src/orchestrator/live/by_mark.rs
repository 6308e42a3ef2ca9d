//! Virtual time, shared with the simulator: the daemon lives from mark to mark, and the same seed gives the same tape.
//!
//! At each mark everything that the simulator says it has sent is taken in, in the order of its websockets; then time
//! passes for the desk, what it asks for is done, and the ack lets time go on. One websocket is dialled at a time and one
//! request is under way at a time, so that nothing depends on how busy the host is.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use barkeep_schemas::{FeedId, Ts};
use barkeep_zerodha::socket::{FromSocket, Stamped};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::desk::{Action, Happened};
use super::shift::{Question, Shift, ShiftError, Told};
use super::sockets::whose;

/// How often the token file is looked at, nanoseconds of virtual time.
const TOKEN_EVERY_NS: i64 = 5_000_000_000;

/// How long a shift that was told to stop waits for a simulator that says nothing.
const STALLED: Duration = Duration::from_secs(1);

/// The simulator's word: `src/sim/README.md` has the protocol.
#[derive(Debug, Deserialize)]
struct Mark {
    now: i64,
    end: bool,
    sockets: Vec<SocketMark>,
    #[serde(default)]
    connections: u32,
    requests: u64,
    answered: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct SocketMark {
    id: u32,
    sent: u64,
}

/// Our word.
#[derive(Debug, Serialize)]
struct Ack<'a> {
    ack: i64,
    texts: &'a [u64],
    requests: u64,
    closed: Vec<u32>,
}

/// A websocket of ours, by the simulator's number.
struct Line {
    feed: FeedId,
    dial: u64,
    received: u64,
    ended: bool,
    waiting: VecDeque<FromSocket>,
}

/// The line to the simulator.
struct Control {
    lines: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    address: SocketAddr,
}

/// The driver.
struct ByMark {
    shift: Shift,
    heard: mpsc::Receiver<Stamped>,
    told: mpsc::Receiver<Told>,
    control: Control,
    lines: BTreeMap<u32, Line>,
    /// Texts sent on each websocket ever, by the simulator's number less one.
    texts: Vec<u64>,
    /// Websockets taken so far, by the simulator's count.
    taken: u32,
    closed: Vec<u32>,
    /// Requests sent so far, by the simulator's count, and the one that is under way.
    requests: u64,
    under_way: bool,
    questions: VecDeque<Question>,
    token_at: i64,
    begun: bool,
    /// The moment of the last mark.
    now: Ts,
}

/// Lives through what the simulator has, until its time ends, the shift is told to stop, or it cannot go on. `progress` is
/// told the moment after each mark.
///
/// # Errors
/// [`ShiftError`].
pub async fn run(
    shift: Shift,
    heard: mpsc::Receiver<Stamped>,
    told: mpsc::Receiver<Told>,
    address: SocketAddr,
    mut progress: impl FnMut(Ts),
) -> Result<Shift, ShiftError> {
    let control = Control::connect(address).await?;
    let mut driver = ByMark {
        shift,
        heard,
        told,
        control,
        lines: BTreeMap::new(),
        texts: Vec::new(),
        taken: 0,
        closed: Vec::new(),
        requests: 0,
        under_way: false,
        questions: VecDeque::new(),
        token_at: i64::MIN,
        begun: false,
        now: Ts::ZERO,
    };
    let mut stop = driver.shift.stop_signal();
    loop {
        let ended = tokio::select! {
            ended = driver.next_mark(&mut progress) => ended?,
            () = stalled(&mut stop) => {
                tracing::warn!("the simulator says nothing: the tape ends where its time stands");
                true
            }
        };
        if ended {
            let now = driver.now;
            let actions = driver.shift.desk.stop(now);
            driver.act(actions, now).await?;
            break;
        }
    }
    Ok(driver.shift)
}

/// Comes back when the shift was told to stop and nothing has come of it for long.
async fn stalled(stop: &mut watch::Receiver<bool>) {
    Shift::stopped(stop).await;
    sleep(STALLED).await;
}

impl ByMark {
    /// Waits for a mark and lives through it; `true` when there is no more to come.
    async fn next_mark(&mut self, progress: &mut impl FnMut(Ts)) -> Result<bool, ShiftError> {
        let Some(mark) = self.control.mark().await? else {
            tracing::info!("the simulator has left");
            return Ok(true);
        };
        self.now = Ts::new(mark.now);
        let ended = self.live_through(&mark, self.now).await?;
        progress(self.now);
        Ok(ended)
    }

    /// Everything up to a mark; `true` when there is no more to come.
    async fn live_through(&mut self, mark: &Mark, now: Ts) -> Result<bool, ShiftError> {
        (self.taken, self.requests) = (self.taken.max(mark.connections), self.requests.max(mark.requests));
        self.receive(mark).await?;
        self.take_in(now).await?;
        if !std::mem::replace(&mut self.begun, true) {
            // Behind what the mark says of websockets: it knows of none that is dialled now.
            let actions = self.shift.begin(now).await?;
            self.act(actions, now).await?;
        }
        if self.under_way && mark.answered >= self.requests {
            self.answer(now).await?;
        }
        if mark.now >= self.token_at {
            self.token_at = mark.now.saturating_add(TOKEN_EVERY_NS);
            if let Some(token) = self.shift.token() {
                let actions = self.shift.desk.happened(Happened::Token(token), now);
                self.act(actions, now).await?;
            }
        }
        let actions = self.shift.take_settings(now);
        self.act(actions, now).await?;
        let actions = self.shift.desk.happened(Happened::Time, now);
        self.act(actions, now).await?;
        self.shift.passed(now);
        if self.shift.is_stopping() || mark.end {
            return Ok(true);
        }
        let ack = Ack {
            ack: mark.now,
            texts: &self.texts,
            requests: self.requests,
            closed: std::mem::take(&mut self.closed),
        };
        self.control.ack(&ack).await?;
        Ok(false)
    }

    /// Waits until all that the simulator has sent is here.
    async fn receive(&mut self, mark: &Mark) -> Result<(), ShiftError> {
        let sent: BTreeMap<u32, u64> = mark.sockets.iter().map(|socket| (socket.id, socket.sent)).collect();
        loop {
            let lacks = self
                .lines
                .iter()
                .any(|(id, line)| !line.ended && sent.get(id).is_none_or(|sent| line.received < *sent));
            if !lacks {
                return Ok(());
            }
            let Some(heard) = self.heard.recv().await else { return Ok(()) };
            self.note(heard);
        }
    }

    /// Keeps what came on a websocket for its turn.
    fn note(&mut self, heard: Stamped) {
        let whose = whose(heard.id);
        let Some(line) = self.lines.values_mut().find(|line| (line.feed, line.dial) == whose) else { return };
        line.received += u64::from(matches!(heard.event, FromSocket::Binary(_) | FromSocket::Text(_)));
        line.ended |= matches!(heard.event, FromSocket::Closed(_));
        line.waiting.push_back(heard.event);
    }

    /// Hands on what is kept, websocket by websocket.
    async fn take_in(&mut self, now: Ts) -> Result<(), ShiftError> {
        let ids: Vec<u32> = self.lines.keys().copied().collect();
        for id in ids {
            while let Some((feed, dial, what)) =
                self.lines.get_mut(&id).and_then(|line| Some((line.feed, line.dial, line.waiting.pop_front()?)))
            {
                let actions = self.shift.heard(feed, dial, &what, now);
                self.act(actions, now).await?;
            }
        }
        self.lines.retain(|_, line| !line.ended);
        Ok(())
    }

    /// Does what the desk asks for, and what comes of it, until it asks for nothing more.
    async fn act(&mut self, actions: Vec<Action>, now: Ts) -> Result<(), ShiftError> {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Dial(feed, dial) => {
                    // What stood behind the dial comes after what the dial brings, as it would by the clock.
                    let more = self.dial(feed, dial, now).await?;
                    actions.extend(more);
                }
                Action::Send(feed, text) => self.send(feed, text).await,
                Action::HangUp(feed) => self.hang_up(feed),
                Action::Fetch(date) => self.questions.push_back(Question::Instruments(date)),
                Action::Doubt => self.questions.push_back(Question::TokenHolds),
                Action::Book => self.questions.push_back(Question::Book),
                Action::Inputs(_) | Action::Open(_) | Action::Close(_) => self.shift.put(action, now).await?,
            }
        }
        if !self.under_way
            && let Some(question) = self.questions.pop_front()
        {
            self.requests += self.shift.ask(question);
            self.under_way = true;
        }
        Ok(())
    }

    /// Dials and waits for what comes of it, while time stands.
    async fn dial(&mut self, feed: FeedId, dial: u64, now: Ts) -> Result<Vec<Action>, ShiftError> {
        if !self.shift.dial(feed, dial) {
            return Ok(self.shift.desk.happened(Happened::Lost(feed, dial, "no token"), now));
        }
        while let Some(heard) = self.heard.recv().await {
            if whose(heard.id) != (feed, dial) {
                self.note(heard);
                continue;
            }
            if matches!(heard.event, FromSocket::Opened) {
                self.taken += 1;
                let line = Line { feed, dial, received: 0, ended: false, waiting: VecDeque::new() };
                self.lines.insert(self.taken, line);
                self.texts.resize(self.taken as usize, 0);
            }
            return Ok(self.shift.heard(feed, dial, &heard.event, now));
        }
        Ok(Vec::new())
    }

    async fn send(&mut self, feed: FeedId, text: String) {
        let id = self.lines.iter().rev().find(|(_, line)| line.feed == feed && !line.ended).map(|(id, _)| *id);
        if self.shift.sockets.send(feed, text).await
            && let Some(count) = id.and_then(|id| self.texts.get_mut(id as usize - 1))
        {
            *count += 1;
        }
    }

    fn hang_up(&mut self, feed: FeedId) {
        if self.shift.sockets.hang_up(feed).is_none() {
            return;
        }
        let id = self.lines.iter().rev().find(|(_, line)| line.feed == feed).map(|(id, _)| *id);
        if let Some(id) = id {
            self.lines.remove(&id);
            self.closed.push(id);
        }
    }

    async fn answer(&mut self, now: Ts) -> Result<(), ShiftError> {
        let Some(told) = self.told.recv().await else { return Ok(()) };
        self.under_way = false;
        let actions = self.shift.told(told, now);
        self.act(actions, now).await
    }
}

impl Control {
    async fn connect(address: SocketAddr) -> Result<Self, ShiftError> {
        let failed = |source| ShiftError::Control { address, source };
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (from, to) = stream.into_split();
        Ok(Self { lines: BufReader::new(from), to, address })
    }

    /// The next mark; `None` when the simulator has left.
    async fn mark(&mut self) -> Result<Option<Mark>, ShiftError> {
        let mut line = String::new();
        let address = self.address;
        let read = self.lines.read_line(&mut line).await;
        if read.map_err(|source| ShiftError::Control { address, source })? == 0 {
            return Ok(None);
        }
        match serde_json::from_str(&line) {
            Ok(mark) => Ok(Some(mark)),
            Err(_) => Err(ShiftError::NoMark { address, line: line.chars().take(200).collect() }),
        }
    }

    async fn ack(&mut self, ack: &Ack<'_>) -> Result<(), ShiftError> {
        let text = serde_json::to_string(ack).unwrap_or_default() + "\n";
        let address = self.address;
        self.to.write_all(text.as_bytes()).await.map_err(|source| ShiftError::Control { address, source })
    }
}
