//! What is said through the door: one JSON object a line, events as the hexadecimal digits of their canonical bytes.
//!
//! What it never does: touch a socket or the tape; whether a request may be done now is decided on the engine's thread.
//! Who calls it: both sides of the socket.
//!
//! A line that parses is the only spelling of what it means, but for white space, the order of names and escapes. One that
//! does not parse is refused with a sentence that says what was wrong, and has changed nothing.

mod digits;

use std::fmt;

use barkeep_engine::BEHAVIOUR;
use barkeep_schemas::{Hash32, Input, Instrument, OpeningState, Seq, SessionDate};
use barkeep_storage::SegmentName;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

use super::super::appliance::{OpenedSession, Standing};

/// The protocol's version; both sides must have the same.
pub const PROTOCOL: u32 = 1;

/// The longest line, its newline included, in bytes: room for the opening of a session of some 50,000 instruments.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// The most inputs in a request.
pub const INPUTS_MAX: usize = 16_384;

/// What a command is going to add.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Whole sessions, in segments of their own: an import of ticks. Refused while a live session is open.
    Session,
    /// What belongs to no session: bars from outside, reconciliations. Goes into the open segment.
    Records,
    /// An operator's commands, and questions. Needs no turn.
    Operator,
}

/// The first line of a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The client's version, for people.
    pub barkeep: String,
    /// The protocol that it speaks.
    pub protocol: u32,
    /// The engine's behaviour that it was built with.
    pub behaviour: u32,
    /// The command that it runs.
    pub command: String,
    /// What it is going to add.
    pub access: Access,
}

impl Hello {
    /// What this build says of itself.
    pub fn of(command: &str, access: Access) -> Self {
        let command = command.to_owned();
        Self {
            barkeep: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            behaviour: BEHAVIOUR,
            command,
            access,
        }
    }
}

/// Every line of a client after the first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Inputs, in order, all of them or none.
    Inputs {
        /// Them.
        #[serde(with = "digits::inputs")]
        events: Vec<Input>,
        /// More follow at once: the answer need not wait until these are durable.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
    /// The number of a symbol in the open segment; a new one is listed first.
    Instrument {
        /// As it is to be listed.
        #[serde(with = "digits::wire")]
        instrument: Instrument,
    },
    /// Seals the open segment and opens the next one.
    BeginSegment {
        /// For this date.
        date: Date,
    },
    /// Closes a session that an import left open.
    AbandonSession {},
    /// What instruments carry over from the last session.
    Carry {},
    /// Where the tape stands.
    Standing {},
    /// How the daemon fares.
    Status {},
    /// Makes all before it durable.
    Commit {},
    /// As [`Request::Commit`]; then the turn is given back.
    End {},
}

/// Every line of the daemon.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// The answer to [`Hello`].
    Welcome {
        /// The daemon's version, for people.
        barkeep: String,
        /// Its process id.
        pid: u32,
        /// Where its tape stands.
        standing: Told,
    },
    /// Inputs were taken.
    Taken {
        /// The position of the first.
        first: u64,
        /// The position of the last.
        last: u64,
        /// How many they were.
        inputs: u64,
        /// How many events they derived.
        derived: u64,
        /// The last durable position, where the answer waited for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        durable: Option<u64>,
    },
    /// The number of a symbol.
    Instrument {
        /// It.
        id: u32,
        /// How many inputs it took: one where the symbol was new.
        inputs: u64,
        /// How many events they derived.
        derived: u64,
    },
    /// A segment was begun.
    Segment {
        /// Its date.
        date: Date,
        /// Which of that date.
        run: u32,
    },
    /// What was left open was closed.
    Abandoned {
        /// The date of its session; absent where none was open.
        date: Option<Date>,
        /// How many events that derived.
        derived: u64,
    },
    /// What instruments carry over.
    Carried {
        /// Their states.
        #[serde(with = "digits::wire")]
        states: Vec<OpeningState>,
    },
    /// All before it is durable.
    Durable {
        /// The last durable position.
        seq: u64,
    },
    /// Where the tape stands.
    Standing(Told),
    /// How the daemon fares.
    Status(Status),
    /// Nothing was done.
    Refused {
        /// The reason in one word.
        why: Why,
        /// The reason in a sentence, and what to do.
        text: String,
    },
}

/// Why something was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The line is not a message.
    BadMessage,
    /// The message cannot be done here and now.
    NotNow,
    /// The other side has another protocol or another behaviour.
    Version,
    /// Another command has its turn.
    Busy,
    /// A live session is open.
    LiveSession,
    /// The tape was needed for something that does not wait.
    Claimed,
    /// The client said nothing for too long.
    Idle,
    /// The daemon stops.
    Stopping,
    /// The daemon's engine has ended.
    Halted,
}

/// Where the tape stands ([`Standing`]).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The session of the open segment.
    pub session: Option<ToldSession>,
    /// The segment that takes inputs.
    pub segment: Option<ToldSegment>,
    /// Where the next input goes.
    pub next: u64,
}

/// A session as it is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldSession {
    /// Its date.
    pub date: Date,
    /// The import that made it; absent for a live one.
    pub import: Option<Id>,
    /// Whether it has not been closed.
    pub open: bool,
}

/// A segment as it is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldSegment {
    /// Its date.
    pub date: Date,
    /// Which of that date, from 1.
    pub run: u32,
    /// Its first position.
    pub first: u64,
}

/// How the daemon fares.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Its version.
    pub barkeep: String,
    /// Its process id.
    pub pid: u32,
    /// Where its tape stands.
    pub standing: Told,
    /// The last durable position.
    pub durable: u64,
    /// Inputs that wait for the engine.
    pub backlog_inputs: u64,
    /// Transactions that are closed and not durable.
    pub backlog_batches: u64,
    /// Who has the turn to add, such as `process 4711 (import)`.
    pub turn: Option<String>,
}

impl From<Standing> for Told {
    fn from(standing: Standing) -> Self {
        let session = standing.session.map(|session| ToldSession {
            date: Date(session.date),
            import: session.import.map(Id),
            open: session.open,
        });
        let segment = standing.segment.zip(standing.first).map(|(name, first)| ToldSegment {
            date: Date(name.date),
            run: name.run,
            first: first.0,
        });
        Self { session, segment, next: standing.next.0 }
    }
}

impl From<Told> for Standing {
    fn from(told: Told) -> Self {
        let session = told.session.map(|session| OpenedSession {
            date: session.date.0,
            import: session.import.map(|id| id.0),
            open: session.open,
        });
        let (segment, first) = match told.segment {
            Some(segment) => (Some(SegmentName { date: segment.date.0, run: segment.run }), Some(Seq(segment.first))),
            None => (None, None),
        };
        Self { session, segment, first, next: Seq(told.next) }
    }
}

/// A date, as `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Date(pub SessionDate);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        SessionDate::parse(&text)
            .filter(|date| date.to_string() == text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected a date as YYYY-MM-DD"))
    }
}

/// An import's id, as 64 digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id(pub Hash32);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        digits::wire::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        digits::wire::deserialize(deserializer).map(Self)
    }
}

/// Why a line is not a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadMessage {
    what: &'static str,
    why: String,
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {}: {}", self.what, self.why)
    }
}

impl std::error::Error for BadMessage {}

impl Hello {
    /// Reads a line, with or without its newline.
    ///
    /// # Errors
    /// [`BadMessage`]
    pub fn parse(line: &[u8]) -> Result<Self, BadMessage> {
        parse("a greeting of barkeep's door", line)
    }
}

impl Request {
    /// Reads a line, with or without its newline.
    ///
    /// # Errors
    /// [`BadMessage`]
    pub fn parse(line: &[u8]) -> Result<Self, BadMessage> {
        parse("a request", line)
    }
}

impl Reply {
    /// Reads a line, with or without its newline.
    ///
    /// # Errors
    /// [`BadMessage`]
    pub fn parse(line: &[u8]) -> Result<Self, BadMessage> {
        parse("an answer", line)
    }

    /// A refusal.
    pub fn refused(why: Why, text: impl Into<String>) -> Self {
        Self::Refused { why, text: text.into() }
    }
}

fn parse<'a, T: Deserialize<'a>>(what: &'static str, line: &'a [u8]) -> Result<T, BadMessage> {
    serde_json::from_slice(line).map_err(|error| BadMessage { what, why: error.to_string() })
}

/// A message as its line.
pub fn line(message: &impl Serialize) -> Vec<u8> {
    // Nothing here has a map with keys that are no text, which is all that JSON refuses.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests;
