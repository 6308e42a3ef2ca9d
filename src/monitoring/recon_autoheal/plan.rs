//! The plan of a heal: of each difference whether the broker's bar is taken, and why not where it is not.
//!
//! What it never does: write, or choose a bar that the reconciliation did not name, except the one that holds the shares of a
//! hole before it. Who calls it: `heal`.

use std::collections::BTreeMap;
use std::fmt;

use barkeep_schemas::{HealAction, Ohlcv, ReconCause, ReconStatus, Seq, Timeframe, Ts};

use super::broker::{BrokerBars, Standing};
use super::day_bars::{DayBars, Key};
use super::followed::{Followed, Row};
use super::policy::{Policy, is_never};
use super::rebuild::{Parts, rebuilt};
use super::refusal::{Refusal, refusals};
use crate::monitoring::daily_recon::SymbolIndex;

/// All that a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The reconciliation that is followed.
    pub followed: &'a Followed,
    /// Our bars.
    pub bars: &'a DayBars,
    /// The broker's.
    pub broker: &'a BrokerBars,
    /// The parts of the day.
    pub parts: &'a Parts,
}

/// A correction that is about to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planned {
    /// Of which bar.
    pub key: Key,
    /// What is done.
    pub action: HealAction,
    /// Why the bars differed; absent for what follows from others.
    pub cause: Option<ReconCause>,
    /// The bar as it counts now.
    pub before: Option<Ohlcv>,
    /// The bar from then on.
    pub after: Option<Ohlcv>,
    /// Its revision.
    pub revision: u16,
    /// Where the broker's bar lies that is taken.
    pub source: Option<Seq>,
}

/// A difference that is left as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// Whose.
    pub symbol: SymbolIndex,
    /// Start of the minute.
    pub start: Ts,
    /// How it failed.
    pub status: ReconStatus,
    /// Why.
    pub cause: ReconCause,
    /// Why it is left.
    pub why: WhyLeft,
}

/// Why a difference is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhyLeft {
    /// The broker has no such bar, and a bar of ours is never taken away.
    NoBrokerBar,
    /// The policy says so for this cause.
    Policy,
    /// The cause speaks against the broker's bar.
    Cause,
    /// The broker's bar was fetched once only, or twice in too short a time.
    FetchedOnce {
        /// From when a second fetch counts.
        again_from: Ts,
    },
    /// The broker changed its bar between two fetches.
    BrokerRevised,
    /// Our bar is no longer the one that was compared.
    Moved,
    /// The import no longer holds the broker's bar that was compared.
    NoSource,
    /// It lies outside the hours of continuous trading, where no bar of ours begins.
    OutsideHours,
    /// The session does not have the symbol.
    NotInSession,
}

impl WhyLeft {
    /// The sentence; `clock` shows times.
    pub fn sentence(self, clock: fn(Ts) -> String) -> String {
        match self {
            Self::NoBrokerBar => "the broker has no such bar, and a bar of ours is never taken away".to_owned(),
            Self::Policy => "the policy leaves this cause ([heal] of the configuration)".to_owned(),
            Self::Cause => "the broker's bar is not to be trusted".to_owned(),
            Self::FetchedOnce { again_from } => {
                let at = clock(whole_second(again_from));
                format!("fetched once: reconcile again at {at} IST or later, a second fetch has to agree")
            }
            Self::BrokerRevised => "the broker changed its bar between two fetches (broker_revised)".to_owned(),
            Self::Moved => "our bar has changed since it was compared: reconcile again".to_owned(),
            Self::NoSource => "the broker's bar that was compared is not on the tape: reconcile again".to_owned(),
            Self::OutsideHours => "outside continuous trading, where no bar of ours begins".to_owned(),
            Self::NotInSession => "the session does not have this symbol".to_owned(),
        }
    }
}

/// The first whole second at or after a moment.
pub const fn whole_second(at: Ts) -> Ts {
    let secs = at.get().div_euclid(barkeep_schemas::NANOS);
    let is_whole = at.get().rem_euclid(barkeep_schemas::NANOS) == 0;
    Ts::from_secs(if is_whole { secs } else { secs + 1 })
}

impl fmt::Display for WhyLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBrokerBar => "no_broker_bar",
            Self::Policy => "policy",
            Self::Cause => "cause",
            Self::FetchedOnce { .. } => "fetched_once",
            Self::BrokerRevised => "broker_revised",
            Self::Moved => "moved",
            Self::NoSource => "no_source",
            Self::OutsideHours => "outside_hours",
            Self::NotInSession => "not_in_session",
        })
    }
}

/// What is to be done, what is left, and what speaks against all of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// Corrections: what is taken along, minutes in the order of the reconciliation, then what is made from them.
    pub corrections: Vec<Planned>,
    /// Differences that are left.
    pub left: Vec<Left>,
    /// Differences that are in order by now: our bar is the broker's.
    pub in_order: u64,
    /// Why nothing may be done.
    pub refusals: Vec<Refusal>,
}

/// Plans the corrections that follow from a reconciliation.
pub fn plan(case: &Case<'_>, policy: &Policy) -> Plan {
    let mut plan = Plan::default();
    for row in &case.followed.rows {
        let key = (Timeframe::M1, row.symbol, row.start);
        if row.broker.is_some() && case.bars.latest(key) == row.broker.as_ref() {
            plan.in_order += 1;
            continue;
        }
        match take(case, policy, row) {
            Ok(planned) => plan.corrections.push(planned),
            Err(why) => {
                let (symbol, start, status, cause) = (row.symbol, row.start, row.status, row.cause);
                plan.left.push(Left { symbol, start, status, cause, why });
            }
        }
    }
    take_other_halves(case, policy, &mut plan);
    // Before the minutes that let it be found: a heal that is cut off between the two is finished by the next.
    let held = held_by_the_next(case, policy, &plan.corrections);
    plan.corrections.splice(0..0, held);
    plan.refusals = refusals(case, policy, &plan.corrections);
    let coarse = rebuilt(case.bars, &plan.corrections, case.parts, HealAction::Rebuild);
    plan.corrections.extend(coarse);
    plan
}

/// The bars of ours that hold the shares of minutes which are about to be inserted before them: after a hole that nobody
/// logged the counter's rise over it stands in the first bar behind it. Where that bar has more than the broker's, by half
/// of what is inserted at least, the broker's is taken along, so that no share is counted twice.
fn held_by_the_next(case: &Case<'_>, policy: &Policy, planned: &[Planned]) -> Vec<Planned> {
    let shares = |bar: Option<&Ohlcv>| bar.map_or(0, |bar| bar.volume.get());
    let is_planned = |key: &Key| planned.iter().any(|bar| bar.key == *key);
    let mut held: Vec<Planned> = Vec::new();
    // By symbol, in the order of time.
    let mut inserted: Vec<&Planned> = planned.iter().filter(|bar| bar.before.is_none()).collect();
    inserted.sort_unstable_by_key(|bar| bar.key);
    let mut hole = 0_i64;
    for (place, bar) in inserted.iter().enumerate() {
        let (tf, symbol, start) = bar.key;
        hole = hole.saturating_add(shares(bar.after.as_ref()));
        let behind = Ts::new(start.get().saturating_add(1));
        let next = case.bars.keys(tf, symbol, behind, Ts::new(i64::MAX)).find(|key| case.bars.latest(*key).is_some());
        let follows = inserted.get(place + 1).filter(|other| other.key.1 == symbol);
        if follows.is_some_and(|other| next.is_none_or(|next| other.key.2 < next.2)) {
            continue;
        }
        let of_hole = std::mem::take(&mut hole);
        let Some(key) = next.filter(|key| !is_planned(key)) else { continue };
        let ours = case.bars.latest(key);
        let Some(candle) = case.broker.of_import(case.followed.run.import, symbol, key.2) else { continue };
        let more = shares(ours).saturating_sub(candle.values.volume.get());
        let is_sound = case.broker.standing(candle, symbol, key.2, policy.refetch_ns) == Standing::Sound;
        if more <= 0 || more.saturating_mul(2) < of_hole || !is_sound {
            continue;
        }
        held.push(Planned {
            key,
            action: HealAction::TakeBroker,
            cause: bar.cause,
            before: ours.cloned(),
            after: Some(candle.values.clone()),
            revision: case.bars.next_revision(key),
            source: Some(candle.seq),
        });
    }
    held
}

fn take(case: &Case<'_>, policy: &Policy, row: &Row) -> Result<Planned, WhyLeft> {
    let broker = row.broker.as_ref().ok_or(WhyLeft::NoBrokerBar)?;
    if is_never(row.cause) {
        return Err(WhyLeft::Cause);
    }
    if row.status == ReconStatus::MissingInternal && !case.parts.is_empty() {
        if !case.parts.has(row.symbol) {
            return Err(WhyLeft::NotInSession);
        }
        if case.parts.bucket(row.symbol, Timeframe::M1, row.start).is_none() {
            return Err(WhyLeft::OutsideHours);
        }
    }
    if !policy.takes(row.status, row.cause) {
        return Err(WhyLeft::Policy);
    }
    brokers(case, policy, row, broker)
}

/// The other half of a boundary: a bar that lacks, or has too much, what stands in the minute beside it is left by the
/// policy as long as that one is. Where that one is taken, so is this, else the shares would be in neither or in both.
fn take_other_halves(case: &Case<'_>, policy: &Policy, plan: &mut Plan) {
    /// Two bars of a few shares differ by as many.
    const FEW: i64 = 100;
    let minute = Timeframe::M1.nanos();
    let shares = |bar: Option<&Ohlcv>| bar.map_or(0, |bar| bar.volume.get());
    let change = |before: Option<&Ohlcv>, after: Option<&Ohlcv>| shares(after).saturating_sub(shares(before));
    let changes: BTreeMap<Key, i64> =
        plan.corrections.iter().map(|bar| (bar.key, change(bar.before.as_ref(), bar.after.as_ref()))).collect();
    let is_half = |row: &Row| {
        let own = change(row.internal.as_ref(), row.broker.as_ref());
        let beside = |step: i64| {
            let key = (Timeframe::M1, row.symbol, Ts::new(row.start.get().saturating_add(step)));
            changes.get(&key).copied().unwrap_or(0)
        };
        let mirrors = |other: i64| {
            let is_opposite = (own > 0 && other < 0) || (own < 0 && other > 0);
            is_opposite && own.saturating_add(other).saturating_abs() <= FEW.max(own.saturating_abs() / 10)
        };
        // What the minute before lost by an interruption may be more than what stands in this one.
        mirrors(beside(-minute)) || mirrors(beside(minute)) || (own < 0 && beside(-minute) >= own.saturating_neg())
    };
    let rows: BTreeMap<(SymbolIndex, Ts), &Row> =
        case.followed.rows.iter().map(|row| ((row.symbol, row.start), row)).collect();
    let mut halves = Vec::new();
    plan.left.retain(|left| {
        let is_left = left.cause == ReconCause::VolumeBoundary && left.why == WhyLeft::Policy;
        let half = rows.get(&(left.symbol, left.start)).filter(|row| is_left && is_half(row));
        let taken = half.and_then(|row| brokers(case, policy, row, row.broker.as_ref()?).ok());
        let stays = taken.is_none();
        halves.extend(taken);
        stays
    });
    // First, as what is taken along: the bars beside them are what they are found by.
    plan.corrections.splice(0..0, halves);
}

/// The broker's bar of a row, where it is sound.
fn brokers(case: &Case<'_>, policy: &Policy, row: &Row, broker: &Ohlcv) -> Result<Planned, WhyLeft> {
    let key = (Timeframe::M1, row.symbol, row.start);
    let before = case.bars.latest(key);
    if before != row.internal.as_ref() {
        return Err(WhyLeft::Moved);
    }
    let candle = case.broker.of_import(case.followed.run.import, row.symbol, row.start);
    let candle = candle.filter(|candle| candle.values == *broker).ok_or(WhyLeft::NoSource)?;
    match case.broker.standing(candle, row.symbol, row.start, policy.refetch_ns) {
        Standing::Sound => {}
        Standing::Once { again_from } => return Err(WhyLeft::FetchedOnce { again_from }),
        Standing::Revised => return Err(WhyLeft::BrokerRevised),
    }
    Ok(Planned {
        key,
        action: if before.is_some() { HealAction::TakeBroker } else { HealAction::InsertBroker },
        cause: Some(row.cause),
        before: before.cloned(),
        after: Some(broker.clone()),
        revision: case.bars.next_revision(key),
        source: Some(candle.seq),
    })
}
