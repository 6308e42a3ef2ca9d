//! Faults of single ticks, on the tape: twice, later, or not there.
//!
//! A packet of an instrument goes out every 250 ms at most, so that a receipt names one packet where the quantum is not
//! longer; where it is, others of the same second and volume may stand beside the one that is meant.

use barkeep_schemas::{FeedHappening, FeedId, Ts};
use barkeep_sim::faults::FaultKind;

use super::ledger::Injected;
use super::seen::{Occurrence, Seen};
use super::{Verdict, Watchdogs};

/// Nanoseconds between two packets of an instrument.
const CONFLATED_NS: i64 = 250_000_000;

/// A step of the simulator: what is held back comes a step later at the earliest.
const STEP_NS: i64 = 50_000_000;

/// The longest that a reordered tick waits for the next one of its instrument before it is looked for in vain.
const PATIENCE_NS: i64 = 3_600_000_000_000;

/// As what a tick's fault was seen.
pub(super) fn verdict(fault: &Injected, ledger: &[Injected], seen: &Seen, watch: Watchdogs) -> Verdict {
    let Some(key) = fault.key() else { return Err("the ledger does not name the tick".to_owned()) };
    let Some((_, feed)) = seen.instruments.get(&key.0) else { return Ok("on an instrument that nobody watches") };
    if fault.lost {
        return Ok("held back until the websocket ended, and lost with it");
    }
    let none: Vec<Occurrence> = Vec::new();
    let ticks = seen.ticks.get(&key).unwrap_or(&none);
    let at = fault.at.get();
    let came = |from: i64, until: i64| ticks.iter().filter(move |of| from <= of.recv.get() && of.recv.get() <= until);
    let until = at.saturating_add(watch.quantum_ns);
    let also_lost = || {
        ledger
            .iter()
            .any(|other| other.lost && other.kind == fault.kind && other.key() == Some(key) && other.at >= fault.at)
    };
    let same = |kind: FaultKind| {
        let same = ledger.iter().filter(move |other| other.kind == kind && other.key() == Some(key) && !other.lost);
        same.filter(move |other| other.at.get().abs_diff(at) < watch.quantum_ns.unsigned_abs()).count()
    };
    match fault.kind {
        FaultKind::Duplicate => {
            if came(at, until).filter(|of| of.repeated).count() >= same(FaultKind::Duplicate) {
                return Ok("twice on the tape");
            }
            lost_otherwise(seen, *feed, fault.at, Ts::new(until))
                .ok_or_else(|| "it is not twice on the tape".to_owned())
        }
        FaultKind::Delay => {
            let due = at.saturating_add(fault.by_ns.unwrap_or_default().max(STEP_NS));
            let due = (due, spoken_again(ledger, fault.connection, due));
            if came(due.0, due.1.saturating_add(watch.quantum_ns)).next().is_some() {
                return Ok("on the tape, later");
            }
            if also_lost() || due.1 > seen.end.get() {
                return Ok("held back until the websocket ended, and lost with it");
            }
            let until = Ts::new(due.1.saturating_add(watch.quantum_ns));
            lost_otherwise(seen, *feed, Ts::new(due.0), until).ok_or_else(|| "it did not come later".to_owned())
        }
        FaultKind::Reorder => {
            if came(at, at.saturating_add(PATIENCE_NS)).any(|of| of.overtaken) {
                return Ok("on the tape, behind the next one");
            }
            if also_lost() {
                return Ok("held back until the websocket ended, and lost with it");
            }
            // Where the next one carried the same second and volume their order does not show.
            if came(at, at.saturating_add(PATIENCE_NS)).next().is_some() {
                return Ok("on the tape");
            }
            let until = Ts::new(at.saturating_add(CONFLATED_NS * 4 + watch.quantum_ns));
            lost_otherwise(seen, *feed, fault.at, until).ok_or_else(|| "it did not come".to_owned())
        }
        FaultKind::Drop => {
            // Others of the same second and volume may have come in the same quantum.
            let slots = usize::try_from(watch.quantum_ns.div_euclid(CONFLATED_NS)).unwrap_or(usize::MAX).max(1);
            let others = slots.saturating_sub(same(FaultKind::Drop))
                + 2 * same(FaultKind::Duplicate)
                + ledger.iter().filter(|of| of.key() == Some(key) && of.kind == FaultKind::Delay).count()
                + ledger.iter().filter(|of| of.key() == Some(key) && of.kind == FaultKind::Reorder).count();
            if came(at, until.saturating_sub(1)).count() <= others {
                return Ok("not on the tape");
            }
            Err("it is on the tape".to_owned())
        }
        FaultKind::Disconnect
        | FaultKind::Mute
        | FaultKind::Silent
        | FaultKind::RefuseUpgrade
        | FaultKind::Truncate
        | FaultKind::Garbage
        | FaultKind::UnknownLength
        | FaultKind::ClockSkew
        | FaultKind::RestError
        | FaultKind::Slow
        | FaultKind::Endless
        | FaultKind::TokenDeath
        | FaultKind::LostAnswer
        | FaultKind::PostbackEarly
        | FaultKind::PostbackTwice
        | FaultKind::PostbackNever
        | FaultKind::CandleWrong
        | FaultKind::CandleMissing
        | FaultKind::CandleDuplicate
        | FaultKind::CandleRevised => Err("it is about no tick".to_owned()),
    }
}

/// When a websocket that is mute or silent at a moment speaks again: what was due meanwhile comes then.
fn spoken_again(ledger: &[Injected], connection: Option<u32>, mut at: i64) -> i64 {
    let pauses = ledger.iter().filter(|of| of.kind == FaultKind::Mute || of.kind == FaultKind::Silent);
    let pauses = pauses.filter(|of| of.connection.is_none() || of.connection == connection);
    while let Some(pause) = pauses.clone().find(|of| of.at.get() <= at && at < of.end().get()) {
        at = pause.end().get();
    }
    at
}

/// What else took a tick away: a frame that could not be read, or the websocket's end.
fn lost_otherwise(seen: &Seen, feed: FeedId, from: Ts, until: Ts) -> Option<&'static str> {
    let mut here = seen.reports.iter().filter(|(_, of)| of.feed == feed && from <= of.ts && of.ts <= until);
    if here.any(|(_, of)| of.what == FeedHappening::BadFrame) {
        return Some("lost with a frame that could not be read, in a gap");
    }
    (seen.is_down(feed, from) || seen.is_down(feed, until)).then_some("lost with its websocket, in a gap")
}
