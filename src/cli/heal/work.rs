//! What a heal works on: the reconciliation, the bars of both sides with their editions, and the plan.
//!
//! What it never does: write. Who calls it: `heal`, before anything is decided.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use barkeep_engine::CorrectedClose;
use barkeep_schemas::{InstrumentId, NANOS, Ohlcv, ReconCause, Seq, SessionDate, Timeframe, Ts};
use barkeep_storage::{SegmentInfo, Tape};

use super::Args;
use crate::cli::Context;
use crate::monitoring::daily_recon::{SessionRecord, SymbolIndex, SymbolTable, corrections, sessions};
use crate::monitoring::recon_autoheal::{
    BrokerBars, Case, DayBars, Followed, Key, Parts, Plan, Policy, heal_runs, plan, revert,
};
use crate::orchestrator::config::{Deed, HealConfig};

/// Symbols named in a sentence.
const NAMED: usize = 5;

/// Everything that a heal or a revert needs.
pub(super) struct Work {
    pub(super) followed: Followed,
    /// The session's segment; `None` where the date has none.
    pub(super) segment: Option<SegmentInfo>,
    pub(super) plan: Plan,
    /// Coarser bars over corrected minutes that stay as they are: without a session nothing says how they are cut.
    pub(super) coarse_left: u64,
    /// The policy as text.
    pub(super) policy: String,
    /// The closes that the pair watch would have been shown; empty where the session has no desk, and for a revert.
    pub(super) closes: Vec<CorrectedClose>,
}

impl Work {
    pub(super) fn read(tape: &Tape, date: SessionDate, args: &Args, context: &Context) -> Result<Self> {
        let reverted = args.revert.map(|run| reverted(tape, date, Seq(run))).transpose()?;
        let followed = Followed::newest(tape, date, reverted.or(args.run))?;
        let session_run = followed.run.session_run;
        let is_it = |name: barkeep_storage::SegmentName| name.date == date && name.run == session_run;
        let session = sessions(tape)?.into_iter().find(|session| is_it(session.segment.name));
        if session.as_ref().is_some_and(|session| session.closed.is_none()) {
            bail!("the session of {date} is still open: heal after its close, and after a reconciliation then");
        }
        let segment = session.as_ref().map(|session| session.segment.clone());
        let symbols = &followed.symbols;
        let known = corrections(tape, date, session_run, None)?;
        let bars = DayBars::read(tape, segment.as_ref(), date, symbols, &known)?;
        let parts =
            session.as_ref().map(|session| Parts::of(&session.opened, &session.listed, symbols)).unwrap_or_default();
        let config = &context.config.heal;
        let (plan, policy) = match args.revert {
            Some(run) => {
                let of_run = known.iter().filter(|correction| correction.bar.run_id == Seq(run));
                let left_out = SymbolTable::new(
                    of_run.map(|correction| correction.symbol.as_str()).filter(|symbol| symbols.get(symbol).is_none()),
                );
                if !left_out.is_empty() {
                    let names: Vec<&str> = left_out.iter().take(NAMED).collect();
                    bail!(
                        "run {run} corrected bars of {} symbols that the newest reconciliation of {date} does not cover \
                         ({}{}): reconcile all of them first, then take the run back whole",
                        left_out.len(),
                        names.join(", "),
                        if left_out.len() > NAMED { ", …" } else { "" }
                    );
                }
                let corrections = revert(date, Seq(run), &bars, &known, symbols, &parts)?;
                (Plan { corrections, ..Plan::default() }, format!("revert {run}"))
            }
            None => {
                let broker = BrokerBars::read(tape, date, symbols)?;
                let case = Case { followed: &followed, bars: &bars, broker: &broker, parts: &parts };
                let forced = if args.force { " force" } else { "" };
                (plan(&case, &policy(config)), format!("{}{forced}", policy_text(config)))
            }
        };
        let traded = session.as_ref().filter(|session| session.opened.desk.is_some() && args.revert.is_none());
        let closes = traded.map(|session| closes(session, symbols, &bars, &plan, &parts)).unwrap_or_default();
        let corrected = plan.corrections.iter().map(|bar| bar.key);
        let coarse_left = if segment.is_some() { 0 } else { bars.coarser_over(corrected).len() as u64 };
        Ok(Self { followed, segment, plan, coarse_left, policy, closes })
    }
}

/// Every close that is another once the plan is in place than the stages of the engine made it.
fn closes(
    session: &SessionRecord,
    symbols: &SymbolTable,
    bars: &DayBars,
    plan: &Plan,
    parts: &Parts,
) -> Vec<CorrectedClose> {
    let mut latest: BTreeMap<Key, Option<&Ohlcv>> = BTreeMap::new();
    for tf in Timeframe::ALL.into_iter().skip(1) {
        latest.extend(bars.corrected_keys(tf).map(|key| (key, bars.latest(key))));
    }
    latest.extend(plan.corrections.iter().map(|bar| (bar.key, bar.after.as_ref())));
    let instruments = session.opened.instruments.iter().chain(&session.listed);
    let numbers: BTreeMap<SymbolIndex, InstrumentId> =
        instruments.filter_map(|instrument| Some((symbols.get(&instrument.symbol)?, instrument.id))).collect();
    let mut closes = Vec::new();
    for (key, bar) in latest {
        let (tf, symbol, start) = key;
        let (Some(bar), Some(instrument), Some((_, end))) =
            (bar, numbers.get(&symbol), parts.bucket(symbol, tf, start))
        else {
            continue;
        };
        let made = bars.made(key);
        if made.is_some_and(|made| made.close == bar.close) {
            continue;
        }
        let grace = session.opened.config.grace_ns;
        let due = made.is_none().then(|| Ts::new(end.get().saturating_add(grace)));
        closes.push(CorrectedClose { instrument: *instrument, tf, start, close: bar.close, due });
    }
    closes
}

/// The session of the date that a run of the healer was about.
fn reverted(tape: &Tape, date: SessionDate, run: Seq) -> Result<u32> {
    let runs = heal_runs(tape, date)?;
    if let Some(found) = runs.iter().rfind(|known| known.run_id == run) {
        return Ok(found.session_run);
    }
    let known: Vec<String> = runs.iter().rev().take(8).map(|known| known.run_id.to_string()).collect();
    if known.is_empty() {
        bail!("{date} was never healed: there is no run {run} to take back");
    }
    bail!("{date} has no run {run} of the healer; the newest: {}", known.join(", "));
}

/// The causes that the configuration has a word for.
const fn deeds(config: &HealConfig) -> [(ReconCause, Deed); 10] {
    [
        (ReconCause::FeedGap, config.feed_gap),
        (ReconCause::ApplianceDown, config.appliance_down),
        (ReconCause::LateTicks, config.late_ticks),
        (ReconCause::Conflation, config.conflation),
        (ReconCause::VolumeBoundary, config.volume_boundary),
        (ReconCause::OpeningPrice, config.opening_price),
        (ReconCause::Auction, config.auction),
        (ReconCause::Halt, config.halt),
        (ReconCause::Duplicate, config.duplicate),
        (ReconCause::Unexplained, config.unexplained),
    ]
}

fn policy(config: &HealConfig) -> Policy {
    let taken = deeds(config).into_iter().filter(|(_, deed)| *deed == Deed::Take).map(|(cause, _)| cause);
    Policy {
        missing: config.missing_internal == Deed::Take,
        take: taken.collect::<BTreeSet<_>>(),
        refetch_ns: i64::from(config.refetch_min) * 60 * NANOS,
        max_share_percent: config.max_share_percent,
        max_jump_percent: config.max_jump_percent,
    }
}

/// The policy in one line, as it goes onto the tape.
fn policy_text(config: &HealConfig) -> String {
    let missing = (config.missing_internal == Deed::Take).then_some("missing_internal");
    let taken = deeds(config).into_iter().filter(|(_, deed)| *deed == Deed::Take).map(|(cause, _)| cause.name());
    let taken: Vec<&str> = missing.into_iter().chain(taken).collect();
    format!(
        "take={} refetch_min={} max_share_percent={} max_jump_percent={}",
        taken.join(","),
        config.refetch_min,
        config.max_share_percent,
        config.max_jump_percent
    )
}
