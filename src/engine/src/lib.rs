//! The engine: one input in, the events derived from it out.
//!
//! What it is: a pure state machine over logged events in `seq` order. What it never does: read a clock, a file, a
//! socket, the environment or a random number; iterate a hash map; use a float but for a pair's statistics. Who calls it: the orchestrator (live,
//! import) and replay, with the same bytes coming out of both.
//!
//! The stages run in a fixed order on one thread: 1s bars, 1m bars, multi-minute bars; and where the session has a desk,
//! the paper matcher with the orders of earlier steps, pair watch, executor, risk manager and orders.

#![no_std]

#[cfg(all(feature = "canary", not(debug_assertions)))]
compile_error!("the feature `canary` plants a bug: it is for tests/days.rs in debug builds, never for a release");

extern crate alloc;

mod bucket;
mod counter;
mod desk;
mod instrument;
mod output;
mod probe;
mod schedule;
mod session;
mod state;
mod track;

use alloc::vec::Vec;

use barkeep_schemas::{
    DecodeError, Derived, FeedGap, Input, InputRefused, Instrument, InstrumentId, OpeningState, RefusalReason, Seq,
    SessionClosed, SessionOpened, SetAsideReason, Tick, TickSetAside, Wire,
};

pub use probe::{NoProbe, Probe, Stage};

pub use desk::{CarriedPair, CorrectedClose, DeskCarry};

use desk::Desk;
use output::Output;
use session::Session;

/// The number of this engine's behaviour. It rises with every change that alters what a recorded session derives.
pub const BEHAVIOUR: u32 = 3;

/// The engine: all state that a session's inputs have made so far.
#[derive(Debug, Default)]
pub struct Engine<P: Probe = NoProbe> {
    session: Option<Session>,
    /// What trades in the session; `None` where it has no desk.
    desk: Option<Desk>,
    probe: P,
    /// What a what-if shows the pair watch; empty otherwise, and in no snapshot.
    corrections: Vec<CorrectedClose>,
}

impl<P: Probe> Engine<P> {
    /// An engine before its first session.
    pub fn new(probe: P) -> Self {
        Self { session: None, desk: None, probe, corrections: Vec::new() }
    }

    /// An engine for a what-if: in every session that it opens the pair watch is shown these closes in place of those of
    /// the bars' stages, and of buckets for which they make no bar. What it derives is then no session's record: never for
    /// a live session, an import, a recovery or a verifying replay.
    pub fn with_corrections(probe: P, corrections: Vec<CorrectedClose>) -> Self {
        Self { corrections, ..Self::new(probe) }
    }

    /// The same engine with another probe.
    pub fn with_probe<Q: Probe>(self, probe: Q) -> Engine<Q> {
        Engine { session: self.session, desk: self.desk, probe, corrections: self.corrections }
    }

    /// The probe.
    pub fn probe_mut(&mut self) -> &mut P {
        &mut self.probe
    }

    /// Takes the input at `seq` and appends what it derives to `out`. Never fails: an input that cannot be used derives
    /// an [`InputRefused`] that says why, and changes nothing.
    pub fn step(&mut self, seq: Seq, input: &Input, out: &mut Vec<Derived>) {
        let mut out = Output::new(seq, out);
        match input {
            Input::Tick(tick) => self.tick(tick, &mut out),
            Input::ClockMark(mark) => match &mut self.session {
                Some(session) if session.is_open() => {
                    self.probe.begin_mark();
                    let taken = session.clock_mark(mark, &mut self.probe, &mut out);
                    if let Some(desk) = self.desk.as_mut().filter(|_| taken) {
                        desk.clock_mark(mark, out.len(), &mut self.probe, &mut out);
                    }
                    self.probe.end_mark();
                }
                Some(_) | None => out.refuse(RefusalReason::NoSession),
            },
            Input::SessionOpened(opened) => self.open(opened, &mut out),
            Input::SessionClosed(closed) => self.close(closed, &mut out),
            Input::FeedGap(gap) => self.feed_gap(gap, &mut out),
            Input::InstrumentListed(instrument) => self.list(instrument, &mut out),
            Input::ConfigChanged(config) => match &mut self.session {
                Some(session) if session.is_open() => session.configure(config),
                Some(_) | None => out.refuse(RefusalReason::NoSession),
            },
            // Facts for people and for reconciliation: nothing in the engine depends on them.
            Input::ImportStarted(_)
            | Input::ImportFinished(_)
            | Input::OutsideBar(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_)
            | Input::FeedReport(_)
            | Input::InstrumentsFetched(_)
            | Input::HealRun(_)
            | Input::BarCorrection(_) => {}
            Input::OperatorCommand(command) => {
                // Also behind the close: a switch that is thrown then is on when the next session opens.
                let known = match &mut self.desk {
                    Some(desk) => {
                        self.probe.wake(Stage::Orders);
                        let known = desk.operator(command, &mut self.probe, &mut out);
                        self.probe.rest();
                        known
                    }
                    None => Some(()),
                };
                if known.is_none() {
                    out.refuse(RefusalReason::Contradiction);
                }
            }
            Input::DeskChanged(setup) => match &mut self.desk {
                Some(desk) if self.session.as_ref().is_some_and(Session::is_open) => {
                    if !desk.change(setup, &mut out) {
                        out.refuse(RefusalReason::Contradiction);
                    }
                }
                Some(_) | None => out.refuse(RefusalReason::NoSession),
            },
            Input::GatewayReport(report) => match &mut self.desk {
                Some(desk) => desk.gateway_report(report, &mut out),
                None => out.refuse(RefusalReason::NoSession),
            },
            Input::BrokerOrder(update) => match &mut self.desk {
                Some(desk) => desk.broker_order(update, &mut out),
                None => out.refuse(RefusalReason::NoSession),
            },
            Input::BrokerTrade(trade) => match &mut self.desk {
                Some(desk) => desk.broker_trade(trade, &mut out),
                None => out.refuse(RefusalReason::NoSession),
            },
        }
    }

    /// What the desk of the current or last session would carry into the next one; `None` where it had none.
    pub fn carry_desk(&self) -> Option<DeskCarry> {
        self.desk.as_ref().map(Desk::carry)
    }

    /// Whether a session is open.
    pub fn is_open(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_open)
    }

    /// What the instruments of the current or last session would carry into a session that continues it.
    pub fn carry(&self) -> Vec<OpeningState> {
        self.session.as_ref().map(Session::carry).unwrap_or_default()
    }

    /// The symbol of an instrument of the current or last session.
    pub fn symbol(&self, id: InstrumentId) -> Option<&str> {
        self.session.as_ref()?.symbol(id)
    }

    /// The whole state in canonical bytes, for a snapshot.
    pub fn save(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.session.put(&mut bytes);
        self.desk.put(&mut bytes);
        bytes
    }

    /// Rebuilds an engine from [`Engine::save`].
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not such a state.
    pub fn restore(mut bytes: &[u8], probe: P) -> Result<Self, DecodeError> {
        let (session, desk) = (Wire::take(&mut bytes)?, Wire::take(&mut bytes)?);
        if !bytes.is_empty() {
            return Err(DecodeError::Trailing { bytes: bytes.len() });
        }
        Ok(Self { session, desk, probe, corrections: Vec::new() })
    }

    fn tick(&mut self, tick: &Tick, out: &mut Output<'_>) {
        match &mut self.session {
            Some(session) if session.is_open() => {
                let believed = session.tick(tick, &mut self.probe, out);
                if let Some(desk) = self.desk.as_mut().filter(|_| believed) {
                    desk.tick(tick, out.len(), &mut self.probe, out);
                }
            }
            Some(_) | None => out.push(Derived::TickSetAside(TickSetAside {
                instrument: tick.instrument,
                ts: tick.ts,
                reason: SetAsideReason::NoSession,
                cause: out.cause,
            })),
        }
    }

    fn open(&mut self, opened: &SessionOpened, out: &mut Output<'_>) {
        if self.is_open() {
            return out.refuse(RefusalReason::SessionOpen);
        }
        let Some(session) = Session::open(opened) else { return out.refuse(RefusalReason::Contradiction) };
        let mut desk = Desk::open(opened, out);
        if let Some(desk) = desk.as_mut().filter(|_| !self.corrections.is_empty()) {
            desk.correct(&self.corrections);
        }
        if desk.is_none() && opened.desk.is_some() {
            return out.refuse(RefusalReason::Contradiction);
        }
        (self.session, self.desk) = (Some(session), desk);
    }

    fn close(&mut self, closed: &SessionClosed, out: &mut Output<'_>) {
        match &mut self.session {
            Some(session) if session.is_open() && session.date() == closed.date => {
                session.close(&mut self.probe, out);
                if let Some(desk) = &mut self.desk {
                    desk.close(out.len(), &mut self.probe, out);
                }
            }
            Some(session) if session.is_open() => out.refuse(RefusalReason::Contradiction),
            Some(_) | None => out.refuse(RefusalReason::NoSession),
        }
    }

    fn feed_gap(&mut self, gap: &FeedGap, out: &mut Output<'_>) {
        match &mut self.session {
            Some(session) if session.is_open() => {
                let taken = session.feed_gap(gap, out);
                if let Some(desk) = self.desk.as_mut().filter(|_| taken) {
                    desk.interrupted(gap.feed);
                }
            }
            Some(_) | None => out.refuse(RefusalReason::NoSession),
        }
    }

    /// Outside a session an instrument joins the segment's list alone, so that broker bars can name it.
    fn list(&mut self, instrument: &Instrument, out: &mut Output<'_>) {
        match &mut self.session {
            Some(session) if session.is_open() => {
                if !session.list(instrument) {
                    out.refuse(RefusalReason::Contradiction);
                } else if let Some(desk) = &mut self.desk {
                    desk.list(instrument);
                }
            }
            Some(_) | None => {}
        }
    }
}

impl Output<'_> {
    fn refuse(&mut self, reason: RefusalReason) {
        let cause = self.cause;
        self.push(Derived::InputRefused(InputRefused { reason, cause }));
    }
}
