//! What a recorded session would have been with other settings of the desk (`replay --set KEY=VALUE --diff`), or with
//! corrected bars (`heal`).
//!
//! What it is: the recorded inputs through the engine with a changed setup or changed closes, and the orders, signals,
//! fills and money of the record beside those that come out. What it never does: touch the tape. Who calls it: the `replay`
//! and `heal` commands.

mod outcome;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Instant;

use barkeep_engine::{BEHAVIOUR, CorrectedClose};
use barkeep_schemas::{Derived, Event, FineMoney, Input, OrderId, SessionDate, Side};
use barkeep_storage::{Filter, SegmentInfo, Tape};
use serde::Serialize;

use super::ReplayError;
use super::rerun::rerun;
pub use outcome::{OrderEnd, Outcome, Totals};
pub use settings::{SettingError, Settings};

/// The record beside what would have been.
#[derive(Debug, Serialize)]
pub struct WhatIf {
    /// The session's date.
    pub date: SessionDate,
    /// Which session of that date.
    pub run: u32,
    /// The settings in place of the recorded ones.
    pub settings: String,
    /// The behaviour on the tape; where it is not this engine's, a part of the difference may be the engine's.
    pub behaviour: u32,
    /// This engine's behaviour.
    pub engine_behaviour: u32,
    /// All pairs together.
    pub total: Compared,
    /// By pair's name.
    pub pairs: BTreeMap<String, Compared>,
    /// Orders that are not the same in both, by their identity.
    pub orders: Vec<OrderDifference>,
    /// Signals that are on one side alone, or other on the other, in the order of time.
    pub signals: Vec<SignalDifference>,
    /// Wall time.
    pub seconds: f64,
}

/// One sum on both sides, and the second less the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Compared {
    /// As the tape has it.
    pub recorded: Totals,
    /// With the settings.
    pub what_if: Totals,
    /// What the settings change.
    pub difference: Totals,
}

/// An order that is not the same in both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OrderDifference {
    /// Its identity: what it was made of, hence the same in both.
    pub order: OrderId,
    /// Its pair's name.
    pub pair: String,
    /// Its symbol.
    pub symbol: String,
    /// Which way.
    pub side: Side,
    /// As the tape has it; absent where it was never made.
    pub recorded: Option<OrderEnd>,
    /// With the settings; absent where it would not have been made.
    pub what_if: Option<OrderEnd>,
}

/// A signal that is not the same in both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SignalDifference {
    /// When, in event time, in nanoseconds since 1970 UTC.
    pub ts_ns: i64,
    /// Its pair's name.
    pub pair: String,
    /// As the tape has it: what and why; absent where there was none.
    pub recorded: Option<String>,
    /// As it would have been; absent where there would have been none.
    pub what_if: Option<String>,
}

/// Runs the session of a segment with other settings and compares.
///
/// # Errors
/// [`ReplayError`] when the tape cannot be read, the session has no desk, or a setting does not fit.
pub fn what_if(
    tape: &Tape,
    segment: &SegmentInfo,
    settings: &Settings,
    progress: impl FnMut(u64),
) -> Result<WhatIf, ReplayError> {
    run(tape, segment, settings, settings.to_string(), Vec::new(), progress)
}

/// Runs the session of a segment with corrected closes before the pair watch, and compares.
///
/// # Errors
/// [`ReplayError`] when the tape cannot be read, or the session has no desk.
pub fn with_corrections(
    tape: &Tape,
    segment: &SegmentInfo,
    corrected: Vec<CorrectedClose>,
    progress: impl FnMut(u64),
) -> Result<WhatIf, ReplayError> {
    let settings = Settings::parse(&[])?;
    run(tape, segment, &settings, "corrected bars".to_owned(), corrected, progress)
}

fn run(
    tape: &Tape,
    segment: &SegmentInfo,
    settings: &Settings,
    named: String,
    corrected: Vec<CorrectedClose>,
    mut progress: impl FnMut(u64),
) -> Result<WhatIf, ReplayError> {
    let started = Instant::now();
    let (date, run) = (segment.name.date, segment.name.run);
    let (recorded, behaviour) = recorded(tape, segment)?;
    let mut other = Outcome::default();
    let (mut desks, mut refused) = (0_u32, false);
    let edit = |setup: &mut barkeep_schemas::DeskSetup| {
        desks += 1;
        settings.apply(setup).map_err(ReplayError::from)
    };
    let mut of_setup = false;
    let take = |_, event: &Event| {
        if let Event::Input(input) = event {
            of_setup = matches!(input, Input::SessionOpened(_) | Input::DeskChanged(_));
        }
        refused |= of_setup && matches!(event, Event::Derived(Derived::InputRefused(_)));
        other.take(event);
        if refused { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    rerun(tape, segment, corrected, edit, take, &mut progress)?;
    if desks == 0 {
        return Err(ReplayError::NoDesk { date, run });
    }
    if refused {
        return Err(ReplayError::SettingsRefused { settings: settings.to_string() });
    }
    let names: BTreeSet<String> = recorded.pairs().chain(other.pairs()).cloned().collect();
    let compared = |recorded: Totals, what_if: Totals| Compared { recorded, what_if, difference: what_if - recorded };
    let pairs = names.into_iter().map(|name| {
        let sums = compared(recorded.of_pair(&name), other.of_pair(&name));
        (name, sums)
    });
    Ok(WhatIf {
        date,
        run,
        settings: named,
        behaviour,
        engine_behaviour: BEHAVIOUR,
        total: compared(recorded.total(), other.total()),
        pairs: pairs.collect(),
        orders: differing(&recorded, &other),
        signals: differing_signals(&recorded, &other),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// What the tape has, up to the close and what it derived.
fn recorded(tape: &Tape, segment: &SegmentInfo) -> Result<(Outcome, u32), ReplayError> {
    let mut outcome = Outcome::default();
    let (mut behaviour, mut closed) = (None, false);
    let mut scan = tape.scan_segment(segment, &Filter::kinds(outcome::KINDS));
    let mut events = Vec::new();
    while scan.next_batch(&mut events)? {
        for (_, event) in events.drain(..) {
            if closed && matches!(event, Event::Input(_)) {
                break;
            }
            if let Event::Input(Input::SessionOpened(opened)) = &event {
                behaviour = Some(opened.behaviour);
            }
            closed |= matches!(event, Event::Input(Input::SessionClosed(_)));
            outcome.take(&event);
        }
    }
    let (date, run) = (segment.name.date, segment.name.run);
    Ok((outcome, behaviour.ok_or(ReplayError::NoSession { date, run })?))
}

fn differing_signals(recorded: &Outcome, other: &Outcome) -> Vec<SignalDifference> {
    let keys: BTreeSet<_> = recorded.signals().chain(other.signals()).cloned().collect();
    let both = keys.into_iter().map(|(ts_ns, pair)| {
        let key = (ts_ns, pair);
        let (recorded, what_if) = (recorded.signal(&key).cloned(), other.signal(&key).cloned());
        let (ts_ns, pair) = key;
        SignalDifference { ts_ns, pair, recorded, what_if }
    });
    both.filter(|row| row.recorded != row.what_if).collect()
}

fn differing(recorded: &Outcome, other: &Outcome) -> Vec<OrderDifference> {
    let ids: BTreeSet<OrderId> = recorded.orders().chain(other.orders()).collect();
    let mut differing = Vec::new();
    for id in ids {
        let (one, two) = (recorded.order(id), other.order(id));
        if let Some(made) = one.or(two)
            && one.map(|order| &order.end) != two.map(|order| &order.end)
        {
            differing.push(OrderDifference {
                order: id,
                pair: made.pair.clone(),
                symbol: made.symbol.clone(),
                side: made.side,
                recorded: one.map(|order| order.end.clone()),
                what_if: two.map(|order| order.end.clone()),
            });
        }
    }
    differing
}

/// Money of a pair: `realised + unrealised - charges`.
pub(super) const fn net(realised: FineMoney, unrealised: FineMoney, charges: FineMoney) -> FineMoney {
    FineMoney::new(realised.get().saturating_add(unrealised.get()).saturating_sub(charges.get()))
}
