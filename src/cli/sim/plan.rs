//! The options of `barkeep sim` as a plan of the simulator.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{DayCalendar, NANOS, Phase, PhaseSpan, SessionDate, Ts};
use barkeep_sim::broker::BrokerPlan;
use barkeep_sim::faults::{FaultPlan, SessionSpan};
use barkeep_sim::market::{DayHours, MarketPlan};
use barkeep_sim::server::{Pace, ServerPlan, Stay};
use barkeep_sim::world::WorldPlan;

use super::Args;
use crate::cli::{Context, moment};
use crate::orchestrator::calendar::{Calendar, DayKind};

/// What virtual time holds before the first phase of a day and behind the last one, in nanoseconds: time to connect, and
/// time for what is done after the close.
const BEFORE_NS: i64 = 60 * NANOS;
const AFTER_NS: i64 = 2 * 3_600 * NANOS;

/// How long before continuous trading virtual time starts when nobody shares it, in nanoseconds.
const SOON_NS: i64 = 30 * NANOS;

/// Days looked back for the last session up to today, and calendar days in which a number of sessions surely lies.
const LOOK_BACK_DAYS: i32 = 30;
const DAYS_OF_SESSIONS: i32 = 2;

/// A plan and what is told of it.
pub(in crate::cli) struct Planned {
    pub(in crate::cli) server: ServerPlan,
    pub(in crate::cli) date: SessionDate,
}

/// Reads a speed.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.001..=100_000.0).contains(&speed) => Ok(speed),
        Ok(_) | Err(_) => Err("expected a number from 0.001 to 100000".to_owned()),
    }
}

/// Reads a quantum.
pub(super) fn quantum(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(quantum) if (50..=1_000).contains(&quantum) && quantum % 50 == 0 => Ok(quantum),
        Ok(_) | Err(_) => Err("expected 50 to 1000 in steps of 50".to_owned()),
    }
}

/// Turns options into a plan.
pub(in crate::cli) fn plan(args: &Args, context: &Context) -> Result<Planned> {
    let calendar = Calendar::load(context.config.calendar.file.as_deref())?;
    let first = first_date(args, &calendar)?;
    let simulated = simulated(first, args.days, &calendar)?;
    let mut days = history(first, args.history, &calendar)?;
    days.extend(simulated.iter().cloned());
    let spans = simulated.iter().map(span).collect::<Result<Vec<_>>>()?;
    let mut stays = simulated.iter().map(stay).collect::<Result<Vec<_>>>()?;
    let start = start(args, &spans, &stays)?;
    if let Some(stay) = stays.first_mut() {
        stay.from = stay.from.min(start);
        if start >= stay.until {
            bail!("--start {} is after the session of {first}", args.start.as_deref().unwrap_or_default());
        }
    }
    let mut broker = BrokerPlan::drawn(args.seed);
    if args.no_limits {
        broker.limits = None;
    }
    let world = WorldPlan {
        seed: args.seed,
        market: MarketPlan { seed: args.seed, instruments: args.instruments, days, first, busy: args.busy },
        broker,
        faults: faults(args)?,
        spans,
        start,
        tells_time: false,
    };
    let pace = match args.control {
        Some(_) => Pace::Shared { quantum_ns: i64::from(args.quantum_ms) * 1_000_000 },
        None => Pace::Free { speed: args.speed },
    };
    let server = ServerPlan {
        world,
        pace,
        stays,
        port: args.port,
        control_port: args.control.unwrap_or_default(),
        ledger: args.ledger.clone(),
    };
    Ok(Planned { server, date: first })
}

fn faults(args: &Args) -> Result<FaultPlan> {
    let mut plan = match &args.faults {
        None => FaultPlan::default(),
        Some(file) => {
            let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
            FaultPlan::from_toml(&text, &file.display().to_string())?
        }
    };
    args.fault.iter().try_for_each(|text| plan.add_flag(text))?;
    Ok(plan)
}

fn first_date(args: &Args, calendar: &Calendar) -> Result<SessionDate> {
    let Some(text) = &args.date else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock of this host stands before 1970")?;
        let today = moment::ist_date(Ts::from_secs(now.as_secs() as i64));
        let summary = calendar.summary();
        // A host's clock beyond the calendar is no reason not to simulate: the last session that is known will do.
        let until = today.min(summary.to);
        let recent = calendar.sessions(summary.from.max(until.plus_days(-LOOK_BACK_DAYS)), until)?;
        return recent.last().copied().context("the calendar holds no session up to today: give --date");
    };
    let date = moment::date(text)?;
    match calendar.day(date)? {
        DayKind::Session(_) => Ok(date),
        DayKind::Closed { .. } => match calendar.next_session(date) {
            Some(next) => bail!("the exchange is closed on {date}; the next session is on {next}"),
            None => bail!("the exchange is closed on {date}"),
        },
    }
}

fn simulated(first: SessionDate, count: u32, calendar: &Calendar) -> Result<Vec<DayHours>> {
    let mut dates = vec![first];
    while dates.len() < count as usize {
        let last = dates.last().copied().unwrap_or(first);
        let next = calendar.next_session(last);
        dates.push(next.with_context(|| format!("the calendar ends before {count} sessions from {first}"))?);
    }
    dates.into_iter().map(|date| hours(date, calendar)).collect()
}

/// As many sessions before the first as are wanted and the calendar holds.
fn history(first: SessionDate, count: u32, calendar: &Calendar) -> Result<Vec<DayHours>> {
    let from = first.plus_days(-(count as i32 * DAYS_OF_SESSIONS + LOOK_BACK_DAYS)).max(calendar.summary().from);
    let before = calendar.sessions(from, first)?;
    let before: Vec<_> = before.into_iter().filter(|date| *date < first).collect();
    let start = before.len().saturating_sub(count as usize);
    before.into_iter().skip(start).map(|date| hours(date, calendar)).collect()
}

fn hours(date: SessionDate, calendar: &Calendar) -> Result<DayHours> {
    match calendar.day(date)? {
        DayKind::Session(calendar) => Ok(DayHours { date, calendar }),
        DayKind::Closed { .. } => bail!("the exchange is closed on {date}"),
    }
}

fn phases(calendar: &DayCalendar) -> impl Iterator<Item = &PhaseSpan> {
    calendar.classes.iter().flat_map(|class| &class.phases)
}

/// The continuous trading of a day, from the first class to open to the last one to close.
fn span(day: &DayHours) -> Result<SessionSpan> {
    let continuous = || phases(&day.calendar).filter(|span| span.phase == Phase::Continuous);
    let (open, close) = (continuous().map(|span| span.start).min(), continuous().map(|span| span.end).max());
    let none = || format!("{} has no continuous trading", day.date);
    let (open, close) = (open.with_context(none)?, close.with_context(none)?);
    Ok(SessionSpan { date: day.date, midnight: day.calendar.day_start, open, close })
}

fn stay(day: &DayHours) -> Result<Stay> {
    let (start, end) =
        (phases(&day.calendar).map(|span| span.start).min(), phases(&day.calendar).map(|span| span.end).max());
    let none = || format!("{} has no hours", day.date);
    let (start, end) = (start.with_context(none)?, end.with_context(none)?);
    Ok(Stay { from: Ts::new(start.get() - BEFORE_NS), until: Ts::new(end.get() + AFTER_NS) })
}

fn start(args: &Args, spans: &[SessionSpan], stays: &[Stay]) -> Result<Ts> {
    let (Some(span), Some(stay)) = (spans.first(), stays.first()) else { bail!("there is no session to simulate") };
    match &args.start {
        Some(text) => {
            let clock = text.split_once(':').filter(|_| !text.contains('-'));
            clock.with_context(|| format!("--start {text}: expected a time of day, like 09:00 or 09:14:30"))?;
            moment::moment(text, Some(span.date), &moment::zone("Asia/Kolkata")?)
        }
        None if args.control.is_some() => Ok(stay.from),
        None => Ok(Ts::new(span.open.get() - SOON_NS)),
    }
}
