//! Re-derives recorded inputs and compares what comes out with what was recorded, event by event.
//!
//! What it is: the one comparison behind recovery and `replay --verify`. What it never does: change the tape.

use barkeep_engine::{Engine, NoProbe};
use barkeep_schemas::{Derived, Event, Seq};

/// A derived event that the engine of today makes differently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Where it lies, or would lie, on the tape.
    pub seq: Seq,
    /// The input that it was derived from.
    pub cause: Seq,
    /// What the tape holds; absent when only the engine makes it.
    pub recorded: Option<Derived>,
    /// What the engine makes; absent when only the tape holds it.
    pub rederived: Option<Derived>,
}

impl Difference {
    /// The kind of event that differs, by the tape where it has one.
    pub fn kind(&self) -> &'static str {
        self.recorded.as_ref().or(self.rederived.as_ref()).map_or("nothing", |event| event.kind().name())
    }

    /// The fields that differ, one a line: `volume: 120 on the tape, 118 re-derived`.
    pub fn fields(&self) -> String {
        let (Some(recorded), Some(rederived)) = (&self.recorded, &self.rederived) else {
            let side = if self.recorded.is_some() { "only the tape holds it" } else { "only the engine makes it" };
            return format!("{side}: {:?}", self.recorded.as_ref().or(self.rederived.as_ref()));
        };
        if recorded.kind() != rederived.kind() {
            return format!("{} on the tape, {} re-derived", recorded.kind().name(), rederived.kind().name());
        }
        let (Ok(serde_json::Value::Object(one)), Ok(serde_json::Value::Object(other))) =
            (serde_json::to_value(recorded), serde_json::to_value(rederived))
        else {
            return format!("{recorded:?} on the tape, {rederived:?} re-derived");
        };
        let differing = one.iter().filter_map(|(field, value)| {
            let now = other.get(field).filter(|now| *now != value)?;
            Some(format!("{field}: {value} on the tape, {now} re-derived"))
        });
        differing.collect::<Vec<_>>().join("\n")
    }
}

/// An engine that follows a recording.
#[derive(Debug)]
pub struct Rederivation {
    engine: Engine,
    /// What the engine made of the last input, and how much of it the tape has been seen to hold.
    derived: Vec<Derived>,
    seen: usize,
    cause: Seq,
    last: Seq,
}

impl Rederivation {
    /// Starts with an engine in the state that it had before the first event to come.
    pub fn new(engine: Engine) -> Self {
        Self { engine, derived: Vec::new(), seen: 0, cause: Seq(0), last: Seq(0) }
    }

    /// An engine before any session.
    pub fn from_scratch() -> Self {
        Self::new(Engine::new(NoProbe))
    }

    /// Takes the next recorded event and tells every difference that it shows.
    pub fn take(&mut self, seq: Seq, event: &Event, mut tell: impl FnMut(Difference)) {
        match event {
            Event::Input(input) => {
                self.finish(&mut tell);
                self.cause = seq;
                self.derived.clear();
                self.seen = 0;
                self.engine.step(seq, input, &mut self.derived);
            }
            Event::Derived(recorded) => {
                let rederived = self.derived.get(self.seen);
                if rederived != Some(recorded) {
                    let (cause, rederived) = (self.cause, rederived.cloned());
                    tell(Difference { seq, cause, recorded: Some(recorded.clone()), rederived });
                }
                self.seen += 1;
            }
        }
        self.last = seq;
    }

    /// What the engine made of the last input and the tape has not been seen to hold yet.
    pub fn pending(&self) -> &[Derived] {
        self.derived.get(self.seen..).unwrap_or(&[])
    }

    /// What the engine made that the tape does not hold; called after the last event.
    pub fn finish(&mut self, mut tell: impl FnMut(Difference)) {
        for (place, rederived) in (1_u64..).zip(self.pending()) {
            let (seq, cause) = (self.last.plus(place), self.cause);
            tell(Difference { seq, cause, recorded: None, rederived: Some(rederived.clone()) });
        }
        self.seen = self.derived.len();
    }

    /// The engine as it stands after the last input.
    pub fn into_engine(self) -> Engine {
        self.engine
    }
}
