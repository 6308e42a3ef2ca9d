//! A signal done again: whether the thresholds, the hours and the holding time give the same reason.

use barkeep_schemas::{ClassDay, InstrumentId, PairSpec, PairState, Phase, Seq, Signal, SignalAction, SignalReason};

use super::read::DeskDay;
use super::{Checked, real, sum};

/// Does a signal again.
pub(super) fn redo(day: &DeskDay, at: Seq, signal: &Signal) -> Option<Checked> {
    let spec = day.spec(signal.pair, at)?;
    let mark = signal.mark.and_then(|mark| day.marks.get(&mark));
    let before = signal.mark.and_then(|mark| mark_before(day, signal, mark)).map(|(_, mark)| mark);
    let told = |real: Option<barkeep_schemas::Real>| real.map(barkeep_schemas::Real::get);
    let mut sums = Vec::new();
    if let Some(mark) = mark {
        sums.push(real("z", told(signal.z), told(mark.z)));
        if signal.reason == SignalReason::Entry {
            sums.push(real("z before", told(signal.z_before), before.and_then(|before| told(before.z))));
        }
    }
    let (action, reason) = match signal.reason {
        // An operator's, or a limit's: no number of the pair is behind it.
        SignalReason::Kill => (SignalAction::Exit, SignalReason::Kill),
        SignalReason::Entry
        | SignalReason::Revert
        | SignalReason::Stop
        | SignalReason::Timeout
        | SignalReason::Flatten
        | SignalReason::Stale => decide(day, spec, at, signal),
    };
    sums.push(sum("action", signal.action, action));
    sums.push(sum("reason", signal.reason, reason));
    Some(Checked { seq: at, of: format!("signal of {}: why", spec.name), sums })
}

/// What the numbers ask for.
fn decide(day: &DeskDay, spec: &PairSpec, at: Seq, signal: &Signal) -> (SignalAction, SignalReason) {
    let number = |real: Option<barkeep_schemas::Real>| real.map(barkeep_schemas::Real::get);
    let (z, before) = (number(signal.z), number(signal.z_before));
    let (entry, exit, stop) = (spec.entry.get(), spec.exit.get(), spec.stop.get());
    if let (SignalReason::Entry, Some(z), Some(before)) = (signal.reason, z, before) {
        let back = before.abs() > entry && z.abs() <= entry && z.abs() > exit && before.signum() == z.signum();
        let action = if z < 0.0 { SignalAction::EnterLong } else { SignalAction::EnterShort };
        return if back { (action, SignalReason::Entry) } else { (SignalAction::Exit, SignalReason::Revert) };
    }
    let reason = match z.map(f64::abs) {
        Some(z) if z <= exit => SignalReason::Revert,
        Some(z) if z >= stop => SignalReason::Stop,
        Some(_) | None => by_time(day, spec, at, signal),
    };
    (SignalAction::Exit, reason)
}

fn by_time(day: &DeskDay, spec: &PairSpec, at: Seq, signal: &Signal) -> SignalReason {
    let now = signal.ts.get();
    let held = held_since(day, signal, at);
    let end = [spec.leg_a, spec.leg_b].into_iter().filter_map(|leg| end_of_trading(day, leg)).min();
    if held.is_some_and(|since| now.saturating_sub(since) >= spec.max_hold_ns) {
        SignalReason::Timeout
    } else if end.is_some_and(|end| now >= end.saturating_sub(spec.flatten_before_ns)) {
        SignalReason::Flatten
    } else {
        SignalReason::Stale
    }
}

/// When the position was entered that is held: in this session, or before it.
pub(super) fn held_since(day: &DeskDay, signal: &Signal, at: Seq) -> Option<i64> {
    let entered = day.pair_moves.iter().rev().find(|(seq, moved)| {
        *seq < at && moved.pair == signal.pair && moved.from == PairState::Flat && moved.to == PairState::Entering
    });
    let carried = || {
        let desk = day.opened.desk.as_ref()?;
        desk.carried.pairs.iter().find(|carried| carried.pair == signal.pair)?.held_since
    };
    entered.map(|(_, moved)| moved.ts).or_else(carried).map(|ts| ts.get())
}

/// When the continuous trading of an instrument ends.
fn end_of_trading(day: &DeskDay, leg: InstrumentId) -> Option<i64> {
    let class = day.opened.instruments.get(leg.index())?.class;
    let of_class = |day: &&ClassDay| day.class == class;
    let phases = &day.opened.calendar.classes.iter().find(of_class)?.phases;
    phases.iter().filter(|span| span.phase == Phase::Continuous).map(|span| span.end.get()).max()
}

/// The newest mark of the pair's bucket before a mark's, as known at it: where it lies and the mark.
pub(super) fn mark_before<'a>(
    day: &'a DeskDay,
    signal: &Signal,
    mark: Seq,
) -> Option<(Seq, &'a barkeep_schemas::PairMark)> {
    let own = day.marks.get(&mark)?;
    let before = day.marks.range(..mark).filter(|(_, one)| one.pair == signal.pair && one.start < own.start);
    before.max_by_key(|(seq, one)| (one.start, **seq)).map(|(seq, one)| (*seq, one))
}
