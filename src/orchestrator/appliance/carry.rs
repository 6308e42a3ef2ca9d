//! What the pairs desk carries into the next session.
//!
//! The engine knows it while its last session had a desk. Behind an import, whose sessions have none, and behind a restart
//! it is found on the tape: the newest session with a desk is derived again, and the switches that operators threw since
//! are thrown on it. Called when a live session is opened.

use std::collections::BTreeSet;

use barkeep_engine::{DeskCarry, Engine, NoProbe};
use barkeep_schemas::{Event, EventKind, Input, KillLatched, OperatorAction, OperatorCommand, Scope};
use barkeep_storage::{Filter, SegmentInfo, Tape};

use super::{Appliance, ApplianceError};

impl Appliance {
    /// What the desk carries into the next session; `None` where no session ever had one and no switch is on.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written or read.
    pub fn carry_desk(&mut self) -> Result<Option<DeskCarry>, ApplianceError> {
        if let Some(carry) = self.engine.carry_desk() {
            return Ok(Some(carry));
        }
        self.flush()?;
        let tape = Tape::open(&self.dir)?;
        let (mut carry, mut later) = (None, Vec::new());
        for segment in tape.segments().iter().rev() {
            if has_desk(&tape, segment)? {
                carry = derived_again(&tape, segment)?;
                break;
            }
            later.push(segment);
        }
        let mut switches = carry.as_ref().map(|carry| carry.kills.clone()).unwrap_or_default();
        for segment in later.into_iter().rev() {
            for event in tape.scan_segment(segment, &Filter::kinds([EventKind::OperatorCommand])) {
                if let (_, Event::Input(Input::OperatorCommand(command))) = event? {
                    throw(&mut switches, &command);
                }
            }
        }
        if carry.is_none() && switches.is_empty() {
            return Ok(None);
        }
        Ok(Some(DeskCarry { kills: switches, ..carry.unwrap_or_default() }))
    }
}

impl Appliance {
    /// The symbols of positions that the next session carries over.
    ///
    /// # Errors
    /// [`ApplianceError`] when the tape cannot be written or read.
    pub fn held(&mut self) -> Result<BTreeSet<String>, ApplianceError> {
        let pairs = self.carry_desk()?.unwrap_or_default().pairs;
        let held = pairs.into_iter().filter(|pair| pair.carried.a.qty != 0 || pair.carried.b.qty != 0);
        Ok(held.flat_map(|pair| [pair.symbol_a, pair.symbol_b]).collect())
    }
}

fn has_desk(tape: &Tape, segment: &SegmentInfo) -> Result<bool, ApplianceError> {
    for event in tape.scan_segment(segment, &Filter::kinds([EventKind::SessionOpened])) {
        if let (_, Event::Input(Input::SessionOpened(opened))) = event?
            && opened.desk.is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Everything of a segment, from its session's opening to its end, through an engine of its own.
fn derived_again(tape: &Tape, segment: &SegmentInfo) -> Result<Option<DeskCarry>, ApplianceError> {
    tracing::info!(date = %segment.name.date, "the desk of this session is derived again, for what it carries over");
    let mut engine = Engine::new(NoProbe);
    let mut derived = Vec::new();
    for event in tape.scan_segment(segment, &Filter::ALL) {
        let (seq, Event::Input(input)) = event? else { continue };
        engine.step(seq, &input, &mut derived);
        derived.clear();
    }
    Ok(engine.carry_desk())
}

/// Throws a switch. One that is on stays as it is, but that it may begin to flatten.
fn throw(switches: &mut Vec<KillLatched>, command: &OperatorCommand) {
    let scope = match &command.bucket {
        None => Scope::Global,
        Some(name) => match barkeep_schemas::Bucket::parse(name) {
            Some(bucket) => bucket.scope(),
            None => return,
        },
    };
    let on = switches.iter_mut().find(|switch| switch.scope == scope);
    match (command.action, on) {
        (OperatorAction::KillOff, _) => switches.retain(|switch| switch.scope != scope),
        (OperatorAction::KillOn, Some(switch)) => switch.flatten |= command.flatten,
        (OperatorAction::KillOn, None) => switches.push(KillLatched {
            scope,
            flatten: command.flatten,
            since: command.ts,
            reason: command.reason.clone(),
        }),
    }
}

#[cfg(test)]
mod tests;
