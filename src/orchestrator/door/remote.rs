//! A command's side of the socket: what it adds goes to the daemon in requests of many inputs, some of them under way at a
//! time; what it asks is answered after all that it added before.
//!
//! What it never does: wait for a daemon without an end. Called by [`super::Door`] alone.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::mem;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use barkeep_schemas::{Input, Instrument, InstrumentId, OpeningState, Seq, SessionDate};
use barkeep_storage::{DataDir, Holder, SegmentName};

use super::message::{Access, BadMessage, Date, Hello, LINE_BYTES_MAX, Reply, Request, Why, line};
use super::{DoorError, PATIENCE, address};
use crate::orchestrator::appliance::{Counts, Standing};

/// How long a daemon that has let the command in may take for an answer, and for reading: a disk may hang for a while.
const ANSWER: Duration = Duration::from_secs(60);

/// Inputs of a request.
const INPUTS: usize = 4_096;

/// Requests under way: their answers are short, so that neither side waits for the other to read.
const UNDER_WAY: usize = 4;

/// Why a knock did not open.
pub(super) enum Knock {
    /// Nobody listens: there is no socket, or it is a dead daemon's.
    Nobody,
    /// Somebody does, and this came of it.
    Failed(DoorError),
}

/// A command with its turn at a daemon.
pub(super) struct Remote {
    stream: BufReader<UnixStream>,
    socket: PathBuf,
    pending: Vec<Input>,
    under_way: usize,
    /// Numbers in the open segment, which stays the same until this command begins another.
    ids: HashMap<String, InstrumentId>,
    counts: Counts,
}

impl Remote {
    /// Greets the daemon and waits for the turn.
    pub(super) fn knock(dir: &DataDir, holder: &Holder, command: &str, access: Access) -> Result<Self, Knock> {
        let socket = dir.socket();
        let silent = |why: String| {
            Knock::Failed(DoorError::Silent { lock: dir.lock(), holder: holder.clone(), socket: dir.socket(), why })
        };
        let stream = match address::dial(&socket, PATIENCE) {
            Ok(stream) => stream,
            Err(error) => {
                let kind = error.kind();
                return Err(if matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
                    Knock::Nobody
                } else if kind == io::ErrorKind::WouldBlock {
                    silent("its queue is full".to_owned())
                } else {
                    silent(error.to_string())
                });
            }
        };
        let prepared = stream.set_read_timeout(Some(PATIENCE));
        let mut remote = Self {
            stream: BufReader::new(stream),
            socket,
            pending: Vec::new(),
            under_way: 0,
            ids: HashMap::new(),
            counts: Counts::default(),
        };
        let greeted = prepared
            .and_then(|()| remote.stream.get_mut().write_all(&line(&Hello::of(command, access))))
            .and_then(|()| remote.read());
        let error = match greeted {
            Ok(reply) => return remote.admitted(reply).map_err(Knock::Failed),
            Err(error) => error,
        };
        let kind = error.kind();
        Err(if is_slow(kind) {
            silent(format!("no answer within {} s", PATIENCE.as_secs()))
        } else if is_gone(kind) {
            // Between two daemons, or in the moment of its end: whether one comes is looked at again.
            Knock::Nobody
        } else {
            silent(error.to_string())
        })
    }

    /// What comes of the daemon's answer to the greeting.
    fn admitted(self, reply: Reply) -> Result<Self, DoorError> {
        if let Reply::Refused { why, text } = reply {
            return Err(DoorError::Refused { why, text });
        }
        let Reply::Welcome { .. } = reply else { return Err(self.misunderstood(&reply)) };
        let stream = self.stream.get_ref();
        match stream.set_read_timeout(Some(ANSWER)).and_then(|()| stream.set_write_timeout(Some(ANSWER))) {
            Ok(()) => Ok(self),
            Err(error) => Err(self.lost(&error)),
        }
    }

    pub(super) fn standing(&mut self) -> Result<Standing, DoorError> {
        self.ask(&Request::Standing {}, |reply| {
            let Reply::Standing(told) = reply else { return None };
            Some(told.clone().into())
        })
    }

    pub(super) fn input(&mut self, input: Input) -> Result<(), DoorError> {
        self.pending.push(input);
        if self.pending.len() >= INPUTS { self.send_pending() } else { Ok(()) }
    }

    pub(super) fn place(&mut self, input: Input) -> Result<Seq, DoorError> {
        let (first, counts) = self.ask(&Request::Inputs { events: vec![input], more: false }, |reply| {
            let Reply::Taken { first, inputs, derived, .. } = *reply else { return None };
            Some((Seq(first), Counts { inputs, derived }))
        })?;
        self.count(counts);
        Ok(first)
    }

    pub(super) fn instrument(&mut self, draft: Instrument) -> Result<InstrumentId, DoorError> {
        if let Some(known) = self.ids.get(&draft.symbol) {
            return Ok(*known);
        }
        let symbol = draft.symbol.clone();
        let (id, counts) = self.ask(&Request::Instrument { instrument: draft }, |reply| {
            let Reply::Instrument { id, inputs, derived } = *reply else { return None };
            Some((InstrumentId(id), Counts { inputs, derived }))
        })?;
        self.count(counts);
        self.ids.insert(symbol, id);
        Ok(id)
    }

    pub(super) fn begin_segment(&mut self, date: SessionDate) -> Result<SegmentName, DoorError> {
        self.ids.clear();
        self.ask(&Request::BeginSegment { date: Date(date) }, |reply| {
            let Reply::Segment { date, run } = *reply else { return None };
            Some(SegmentName { date: date.0, run })
        })
    }

    pub(super) fn abandon_session(&mut self) -> Result<Option<SessionDate>, DoorError> {
        let (date, derived) = self.ask(&Request::AbandonSession {}, |reply| {
            let Reply::Abandoned { date, derived } = *reply else { return None };
            Some((date.map(|date| date.0), derived))
        })?;
        self.count(Counts { inputs: u64::from(date.is_some()), derived });
        Ok(date)
    }

    pub(super) fn carry(&mut self) -> Result<Vec<OpeningState>, DoorError> {
        self.ask(&Request::Carry {}, |reply| {
            let Reply::Carried { states } = reply else { return None };
            Some(states.clone())
        })
    }

    pub(super) fn durable(&mut self) -> Result<Seq, DoorError> {
        self.ask(&Request::Commit {}, durable)
    }

    pub(super) fn close(mut self) -> Result<Counts, DoorError> {
        self.ask(&Request::End {}, durable)?;
        Ok(self.counts)
    }

    /// Asks, after all that was added before, and waits for the answer that `pick` knows. A refusal is an error.
    fn ask<T>(&mut self, request: &Request, pick: impl FnOnce(&Reply) -> Option<T>) -> Result<T, DoorError> {
        if !self.pending.is_empty() {
            self.send_pending()?;
        }
        self.send(request)?;
        while self.under_way > 0 {
            self.taken()?;
        }
        let reply = self.answer()?;
        pick(&reply).ok_or_else(|| self.misunderstood(&reply))
    }

    /// Sends what has gathered; its answer is read later.
    fn send_pending(&mut self) -> Result<(), DoorError> {
        while self.under_way >= UNDER_WAY {
            self.taken()?;
        }
        let events = mem::replace(&mut self.pending, Vec::with_capacity(INPUTS));
        self.send(&Request::Inputs { events, more: true })?;
        self.under_way += 1;
        Ok(())
    }

    /// Reads the answer to the oldest request of inputs.
    fn taken(&mut self) -> Result<(), DoorError> {
        self.under_way = self.under_way.saturating_sub(1);
        let reply = self.answer()?;
        let Reply::Taken { inputs, derived, .. } = reply else { return Err(self.misunderstood(&reply)) };
        self.count(Counts { inputs, derived });
        Ok(())
    }

    const fn count(&mut self, counts: Counts) {
        self.counts.inputs += counts.inputs;
        self.counts.derived += counts.derived;
    }

    fn send(&mut self, request: &Request) -> Result<(), DoorError> {
        let line = line(request);
        if line.len() > LINE_BYTES_MAX {
            let text = format!(
                "a single event of {} bytes is more than a daemon takes ({LINE_BYTES_MAX}): stop the daemon for this command",
                line.len()
            );
            return Err(DoorError::Refused { why: Why::BadMessage, text });
        }
        match self.stream.get_mut().write_all(&line) {
            Ok(()) => Ok(()),
            // Why it closed may still lie there to be read.
            Err(error) => Err(match self.last_words() {
                Some(refused) => refused,
                None => self.lost(&error),
            }),
        }
    }

    /// The refusal with which the daemon closed.
    fn last_words(&mut self) -> Option<DoorError> {
        loop {
            if let Reply::Refused { why, text } = self.read().ok()? {
                return Some(DoorError::Refused { why, text });
            }
        }
    }

    fn answer(&mut self) -> Result<Reply, DoorError> {
        match self.read() {
            Ok(Reply::Refused { why, text }) => Err(DoorError::Refused { why, text }),
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Reads one line.
    fn read(&mut self) -> io::Result<Reply> {
        let mut line = Vec::new();
        (&mut self.stream).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Reply::parse(&line).map_err(|bad: BadMessage| io::Error::new(io::ErrorKind::InvalidData, bad))
    }

    fn lost(&self, error: &io::Error) -> DoorError {
        let kind = error.kind();
        let why = if is_gone(kind) {
            "it has closed".to_owned()
        } else if is_slow(kind) {
            format!("no answer within {} s", ANSWER.as_secs())
        } else {
            error.to_string()
        };
        DoorError::Lost { socket: self.socket.clone(), why }
    }

    fn misunderstood(&self, reply: &Reply) -> DoorError {
        let reply: String = format!("{reply:?}").chars().take(200).collect();
        DoorError::Lost { socket: self.socket.clone(), why: format!("an answer to another question: {reply}") }
    }
}

fn durable(reply: &Reply) -> Option<Seq> {
    let Reply::Durable { seq } = *reply else { return None };
    Some(Seq(seq))
}

/// Whether a failure says that the other side has closed.
const fn is_gone(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Whether a failure says that the time ran out.
const fn is_slow(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
