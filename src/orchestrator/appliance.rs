//! The appliance: the engine and the tape behind one door.
//!
//! What it is: the only place where an input meets the engine and both go onto the tape, in one transaction. What it
//! never does: show or send anything before it is durable. Who calls it: every command that adds inputs, and the
//! daemon, through its engine thread.
//!
//! Invariant: on the tape each input is followed at once by all that it derived, and a transaction holds whole groups.

mod carry;
mod live_session;
mod standing;

use std::collections::HashMap;

use barkeep_engine::{BEHAVIOUR, Engine, NoProbe};
use barkeep_schemas::{
    CloseReason, Derived, Event, EventKind, Hash32, Input, Instrument, InstrumentId, OpeningState, Seq, SessionClosed,
    SessionDate, Tick,
};
use barkeep_storage::{
    CommitError, Committer, DataDir, Filter, HaltReason, OpenError, Publisher, ReadError, SegmentName, Tape, Writer,
    snapshot,
};

use super::config::TapeConfig;
use super::rederive::{Difference, Rederivation};
use super::stage_clock::{StageClock, StageTimes};

pub use live_session::{LiveSession, SessionDraft};
pub use standing::Standing;

/// Why the appliance cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ApplianceError {
    /// The tape cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The tape cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The tape cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A snapshot cannot be written.
    #[error(transparent)]
    Snapshot(#[from] snapshot::SnapshotError),
    /// The system gave no thread.
    #[error("no thread could be started to write the tape: check the limits of this user (ulimit -u)")]
    Thread(#[source] std::io::Error),
    /// The engine no longer derives what the tape holds.
    #[error(
        "recovery re-derived {kind} at {seq} (input {cause}) differently under the same behaviour {BEHAVIOUR}: the \
         tape or this binary is damaged; run `barkeep replay --verify` for the difference"
    )]
    Divergent {
        /// Where.
        seq: Seq,
        /// The input.
        cause: Seq,
        /// What differs.
        kind: &'static str,
        /// The difference.
        difference: Box<Difference>,
    },
    /// The open session was recorded by an engine of another behaviour.
    #[error(
        "the session of {date} is open and was recorded with behaviour {recorded}, this engine has {BEHAVIOUR}: finish \
         it with the barkeep that began it, and upgrade between sessions"
    )]
    OtherBehaviour {
        /// The session.
        date: SessionDate,
        /// The behaviour on the tape.
        recorded: u32,
    },
}

impl ApplianceError {
    /// The reason word when going on is forbidden (exit code 3); `None` for usage and environment errors.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Commit(error) => error.halt_reason().map(HaltReason::word),
            Self::Divergent { .. } => Some("divergent_recovery"),
            Self::Read(error) => error.fatal_reason(),
            Self::Open(error) => error.fatal_reason(),
            Self::Snapshot(error) => Some(HaltReason::of_io(&error.source).word()),
            Self::Thread(_) | Self::OtherBehaviour { .. } => None,
        }
    }
}

/// Room in a batch for what the last input derives.
const SPARE: usize = 256;

/// How often the tape is committed and the engine saved.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Events in a transaction before it is committed.
    pub commit_events: usize,
    /// Events between snapshots.
    pub snapshot_events: u64,
}

impl From<&TapeConfig> for Pace {
    fn from(config: &TapeConfig) -> Self {
        Self { commit_events: config.commit_events as usize, snapshot_events: config.snapshot_events }
    }
}

/// The session that the open segment holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenedSession {
    /// Its date.
    pub date: SessionDate,
    /// The import that made it.
    pub import: Option<Hash32>,
    /// Whether it has not been closed.
    pub open: bool,
}

/// Engine and tape of one data directory.
pub struct Appliance {
    dir: DataDir,
    committer: Committer,
    engine: Engine<StageClock>,
    next: Seq,
    batch: Vec<Event>,
    derived: Vec<Derived>,
    pace: Pace,
    since_snapshot: u64,
    /// Whether the open batch holds what must not wait.
    urgent: bool,
    roll: Roll,
    segment: Option<Segment>,
    counts: Counts,
}

/// The session of the open segment and its instruments, by symbol.
#[derive(Default)]
struct Roll {
    session: Option<OpenedSession>,
    instruments: HashMap<String, InstrumentId>,
}

impl Roll {
    /// Keeps the roll.
    #[inline]
    fn note(&mut self, input: &Input) {
        match input {
            Input::SessionOpened(opened) => {
                let numbered = opened.instruments.iter().map(|instrument| (instrument.symbol.clone(), instrument.id));
                self.instruments = numbered.collect();
                self.session = Some(OpenedSession { date: opened.date, import: opened.import, open: true });
            }
            Input::SessionClosed(closed) => {
                if let Some(session) = self.session.as_mut().filter(|session| session.date == closed.date) {
                    session.open = false;
                }
            }
            Input::InstrumentListed(instrument) => {
                self.instruments.insert(instrument.symbol.clone(), instrument.id);
            }
            Input::ClockMark(_)
            | Input::Tick(_)
            | Input::FeedGap(_)
            | Input::ConfigChanged(_)
            | Input::ImportStarted(_)
            | Input::ImportFinished(_)
            | Input::OutsideBar(_)
            | Input::OperatorCommand(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_)
            | Input::FeedReport(_)
            | Input::InstrumentsFetched(_)
            | Input::DeskChanged(_)
            | Input::GatewayReport(_)
            | Input::BrokerOrder(_)
            | Input::BrokerTrade(_)
            | Input::HealRun(_)
            | Input::BarCorrection(_) => {}
        }
    }
}

/// The segment that takes inputs.
#[derive(Clone, Copy, Debug)]
struct Segment {
    name: SegmentName,
    first: Seq,
}

/// What one command has added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Inputs.
    pub inputs: u64,
    /// Events derived from them.
    pub derived: u64,
}

impl Appliance {
    /// Takes the lock, opens the tape, repairs what a crash left, and brings the engine to where the tape ends.
    ///
    /// # Errors
    /// [`ApplianceError`]; one with a [`ApplianceError::fatal_reason`] forbids going on.
    pub fn open(dir: &DataDir, pace: Pace, command: &str) -> Result<Self, ApplianceError> {
        let writer = Writer::open(dir, command)?;
        let segment = writer.open_segment().map(|header| Segment { name: header.name, first: header.first_seq });
        let mut appliance = Self {
            dir: dir.clone(),
            next: writer.next_seq(),
            committer: Committer::start(writer).map_err(ApplianceError::Thread)?,
            engine: Engine::new(StageClock::default()),
            batch: Vec::with_capacity(pace.commit_events + SPARE),
            derived: Vec::new(),
            pace,
            since_snapshot: 0,
            urgent: false,
            roll: Roll::default(),
            segment,
            counts: Counts::default(),
        };
        appliance.recover()?;
        Ok(appliance)
    }

    /// Where the next input goes.
    pub fn next_seq(&self) -> Seq {
        self.next
    }

    /// The session of the open segment.
    pub fn session(&self) -> Option<&OpenedSession> {
        self.roll.session.as_ref()
    }

    /// The segment that is open to take inputs.
    pub fn segment(&self) -> Option<SegmentName> {
        self.segment.map(|segment| segment.name)
    }

    /// What this handle has added.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What instruments carry over from the last session, by symbol.
    pub fn carry(&self) -> Vec<(String, OpeningState)> {
        let states = self.engine.carry().into_iter();
        states.filter_map(|state| Some((self.engine.symbol(state.instrument)?.to_owned(), state))).collect()
    }

    /// Has `listener` told what every clock mark and the desk take from now on; it is called on this thread, so it must not wait.
    pub fn time_stages(&mut self, listener: impl FnMut(StageTimes) + Send + 'static) {
        self.engine.probe_mut().tell(listener);
    }

    /// Seals the open segment and opens the next one, for `date`.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written.
    pub fn begin_segment(&mut self, date: SessionDate) -> Result<SegmentName, ApplianceError> {
        self.flush()?;
        // A crash may have left a segment without events; it serves as well as a new one.
        if let Some(segment) = self.segment.filter(|open| open.first == self.next && open.name.date == date) {
            return Ok(segment.name);
        }
        let name = self.committer.begin_segment(date)?;
        tracing::debug!(date = %name.date, run = name.run, seq = self.next.0, "opened a segment");
        self.segment = Some(Segment { name, first: self.next });
        self.roll = Roll::default();
        Ok(name)
    }

    /// Puts an input through the engine and, with all that it derived, into the open transaction. It is durable after
    /// [`Appliance::flush`]. Returns its position.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written.
    pub fn input(&mut self, input: Input) -> Result<Seq, ApplianceError> {
        self.add(input)
    }

    /// [`Appliance::input`] of what comes by the million.
    ///
    /// # Errors
    /// As [`Appliance::input`].
    #[inline(always)] // An input that is handed over is copied; this one is written where it stays.
    pub fn tick(&mut self, tick: Tick) -> Result<Seq, ApplianceError> {
        self.add(Input::Tick(tick))
    }

    #[inline(always)]
    fn add(&mut self, input: Input) -> Result<Seq, ApplianceError> {
        let seq = self.next;
        self.batch.push(Event::Input(input));
        let Some(Event::Input(input)) = self.batch.last() else { return Ok(seq) };
        self.roll.note(input);
        self.derived.clear();
        self.engine.step(seq, input, &mut self.derived);
        let count = self.derived.len() as u64;
        // Most inputs derive nothing, and to drain nothing is no small part of what they take.
        if count > 0 {
            self.urgent |= self.derived.iter().any(|derived| derived.kind().is_urgent());
            self.batch.extend(self.derived.drain(..).map(Event::Derived));
        }
        self.next = seq.plus(1 + count);
        self.counts.inputs += 1;
        self.counts.derived += count;
        self.since_snapshot += 1 + count;
        if self.batch.len() >= self.pace.commit_events {
            self.commit()?;
        }
        Ok(seq)
    }

    /// The number of a symbol in the open segment; a new one is listed first.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written.
    pub fn instrument(&mut self, draft: Instrument) -> Result<InstrumentId, ApplianceError> {
        if let Some(known) = self.roll.instruments.get(&draft.symbol) {
            return Ok(*known);
        }
        let id = InstrumentId(self.roll.instruments.len() as u32);
        self.input(Input::InstrumentListed(Box::new(Instrument { id, ..draft })))?;
        Ok(id)
    }

    /// Closes a session that an import left open and nobody resumed. Returns its date when there was one.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written.
    pub fn abandon_session(&mut self) -> Result<Option<SessionDate>, ApplianceError> {
        let Some(date) = self.roll.session.as_ref().filter(|session| session.open).map(|session| session.date) else {
            return Ok(None);
        };
        tracing::warn!(%date, "closing a session that an interrupted import left open");
        self.input(Input::SessionClosed(SessionClosed { date, reason: CloseReason::Abandoned }))?;
        Ok(Some(date))
    }

    /// Waits until everything is durable.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written.
    pub fn flush(&mut self) -> Result<(), ApplianceError> {
        self.commit()?;
        self.committer.flush()?;
        Ok(())
    }

    /// Hands what has gathered to the writer as one transaction; does not wait for it to be durable, only for room where
    /// several are waiting. Nothing happens when nothing has gathered.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written.
    pub fn commit(&mut self) -> Result<(), ApplianceError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.urgent = false;
        let next = Vec::with_capacity(self.pace.commit_events + SPARE);
        self.committer.submit(std::mem::replace(&mut self.batch, next))?;
        if self.since_snapshot >= self.pace.snapshot_events {
            self.committer.flush()?;
            self.save()?;
        }
        Ok(())
    }

    /// The first position of what has gathered for the next transaction; `None` when nothing has.
    pub fn gathered_from(&self) -> Option<Seq> {
        let count = self.batch.len() as u64;
        (count > 0).then(|| Seq(self.next.0.saturating_sub(count)))
    }

    /// Whether what has gathered holds a signal, an order, a decision or a fill, which must not wait.
    pub fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Where it is told what has become durable.
    pub fn publisher(&self) -> &Publisher {
        self.committer.publisher()
    }

    /// Whether the tape could be written so far.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), ApplianceError> {
        Ok(self.committer.check()?)
    }

    /// Makes everything durable, saves the engine when much has happened since, and gives the lock back.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape or the snapshot cannot be written.
    pub fn close(mut self) -> Result<(), ApplianceError> {
        const WORTH_SAVING: u64 = 4_096;
        self.flush()?;
        if self.since_snapshot >= WORTH_SAVING {
            self.save()?;
        }
        self.committer.finish()?.close()?;
        Ok(())
    }

    /// Saves the engine as it stands after the last durable event.
    fn save(&mut self) -> Result<(), ApplianceError> {
        let seq = Seq(self.next.0.saturating_sub(1));
        let chain = self.committer.chain_hash()?;
        let snapshot = snapshot::Snapshot { seq, chain, behaviour: BEHAVIOUR, bytes: self.engine.save() };
        snapshot::save(&self.dir, &snapshot)?;
        self.since_snapshot = 0;
        tracing::debug!(seq = seq.0, "saved a snapshot of the engine");
        Ok(())
    }

    /// Brings the engine to where the tape ends: the newest valid snapshot, then the tail re-derived and compared. A
    /// snapshot that does not fit the tape is ignored, as if it were not there.
    fn recover(&mut self) -> Result<(), ApplianceError> {
        let tape = Tape::open(&self.dir)?;
        let Some(first) = self.read_roll(&tape)? else { return Ok(()) };
        let last = Seq(self.next.0.saturating_sub(1));
        let saved = snapshot::newest(&self.dir, BEHAVIOUR, last).filter(|saved| saved.seq >= first);
        if let Some(saved) = saved
            && let Some(engine) = self.restore(&tape, &saved)?
            && self.rederive(&tape, Rederivation::new(engine), saved.seq.plus(1))?.is_none()
        {
            return Ok(());
        }
        match self.rederive(&tape, Rederivation::from_scratch(), first)? {
            None => Ok(()),
            Some(difference) => Err(ApplianceError::Divergent {
                seq: difference.seq,
                cause: difference.cause,
                kind: difference.kind(),
                difference: Box::new(difference),
            }),
        }
    }

    /// Reads the roll of the open segment. Returns the first position of the newest segment that holds a session, which
    /// may lie before it: a segment that a crash left without one carries on from there.
    fn read_roll(&mut self, tape: &Tape) -> Result<Option<Seq>, ApplianceError> {
        let roll = Filter::kinds([EventKind::SessionOpened, EventKind::SessionClosed, EventKind::InstrumentListed]);
        for segment in tape.segments().iter().rev() {
            let is_open = self.segment.is_some_and(|open| open.name == segment.name);
            let mut behaviour = None;
            for event in tape.scan_segment(segment, &roll) {
                let (_, Event::Input(input)) = event? else { continue };
                if let Input::SessionOpened(opened) = &input {
                    behaviour = Some(opened.behaviour);
                }
                if is_open {
                    self.roll.note(&input);
                }
            }
            if let Some(recorded) = behaviour {
                return self.check_behaviour(recorded).map(|same| same.then_some(segment.first_seq));
            }
        }
        Ok(None)
    }

    /// The engine of a snapshot, when the tape has the same chain hash at its position.
    fn restore(&self, tape: &Tape, saved: &snapshot::Snapshot) -> Result<Option<Engine>, ApplianceError> {
        if tape.chain_at(saved.seq)? != Some(saved.chain) {
            return Ok(None);
        }
        Ok(Engine::restore(&saved.bytes, NoProbe).ok())
    }

    /// Re-derives from a position to the end; the engine is then where the tape is. The first difference, if any.
    fn rederive(
        &mut self,
        tape: &Tape,
        mut rederivation: Rederivation,
        from: Seq,
    ) -> Result<Option<Difference>, ApplianceError> {
        self.since_snapshot = self.next.0.saturating_sub(from.0);
        tracing::debug!(from = from.0, to = self.next.0, "re-deriving the tail of the tape");
        let mut first = None;
        let (mut scan, mut events) = (tape.scan(from, None, &Filter::ALL), Vec::new());
        while scan.next_batch(&mut events)? {
            for (seq, event) in &events {
                rederivation.take(*seq, event, |difference| first = first.take().or(Some(difference)));
                if first.is_some() {
                    return Ok(first);
                }
            }
        }
        rederivation.finish(|difference| first = first.take().or(Some(difference)));
        self.engine = rederivation.into_engine().with_probe(StageClock::default());
        Ok(first)
    }

    /// Whether the newest session was recorded by an engine of this behaviour. One of another behaviour is left alone when
    /// it is closed, and not gone on with when it is open.
    fn check_behaviour(&self, recorded: u32) -> Result<bool, ApplianceError> {
        match &self.roll.session {
            Some(session) if session.open && recorded != BEHAVIOUR => {
                Err(ApplianceError::OtherBehaviour { date: session.date, recorded })
            }
            Some(_) | None => Ok(recorded == BEHAVIOUR),
        }
    }
}
