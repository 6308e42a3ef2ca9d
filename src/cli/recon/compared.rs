//! Both sides off the tape, compared, and the result back onto it.
//!
//! What it never does: read the broker's file or ask it, or change a bar. Who calls it: `recon`, once the file's
//! bars are on the tape.

use anyhow::{Result, bail};
use barkeep_schemas::{
    FeedId, Input, Instrument, InstrumentClass, InstrumentId, NANOS, Price, ReconDifference, ReconRun, ReconStatus,
    Seq, Timeframe, Ts,
};
use barkeep_storage::Tape;

use super::plan::Plan;
use crate::cli::{Context, moment};
use crate::monitoring::daily_recon::causes::{DayFacts, Sides, Wanted, explain};
use crate::monitoring::daily_recon::{
    BarSide, Comparison, Difference, Insight, SymbolIndex, broker_bars, compare, internal_bars,
};
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::door::Door;
use crate::orchestrator::import::CalendarChoice;
use crate::orchestrator::pairs_paper_entry::Clock;
use crate::orchestrator::universe::Universe;

/// Both sides as they stood at `run_id`, the last durable position then, compared.
pub(super) struct Compared {
    pub(super) run_id: Seq,
    import: Seq,
    pub(super) internal: BarSide,
    /// Where the differences lie.
    pub(super) insight: Insight,
    pub(super) comparison: Comparison,
    /// The first start compared.
    pub(super) from: Ts,
    /// The last start compared.
    pub(super) to: Ts,
    /// The first and the last start that the broker's side holds of the day; `None` where it holds none.
    pub(super) held: Option<(Ts, Ts)>,
}

impl Compared {
    pub(super) fn read(plan: &Plan, import: Seq, tf: Timeframe, run_id: Seq, context: &Context) -> Result<Self> {
        let tape = Tape::open(&context.dir)?;
        let segment = plan.day.session.as_ref().map(|session| &session.segment);
        let mut internal = internal_bars(&tape, segment, plan.day.date, tf, &plan.symbols, Some(run_id))?;
        let mut broker = broker_bars(&tape, import, tf, &plan.symbols)?;
        internal.bars.retain(|bar| plan.window.contains(bar.start));
        broker.bars.retain(|bar| plan.day.contains(bar.start));
        let starts = || broker.bars.iter().map(|bar| bar.start);
        let held = starts().min().zip(starts().max());
        broker.bars.retain(|bar| plan.window.contains(bar.start));
        let starts = || internal.bars.iter().chain(&broker.bars).map(|bar| bar.start);
        let (Some(from), Some(to)) = (starts().min(), starts().max()) else {
            bail!(
                "neither side has a {} bar that starts from {} until {}: check --from, --to and --tf",
                tf.label(),
                moment::ist(plan.window.from),
                moment::ist(plan.window.until)
            );
        };
        let tolerances = plan.terms.numbers(&internal.classes);
        let mut comparison = compare(&internal.bars, &broker.bars, &internal.tick_sizes, &tolerances);
        let mut insight = Insight::default();
        if !comparison.differences.is_empty() {
            let (date, symbols) = (plan.day.date, &plan.symbols);
            let wanted = Wanted { session: segment, date, tf, symbols, import };
            let facts = DayFacts::read(&tape, &wanted, &comparison.differences)?;
            let (ours, theirs, tick_sizes) = (&internal.bars, &broker.bars, &internal.tick_sizes);
            let sides = Sides { internal: ours, broker: theirs, tick_sizes, tolerances: &tolerances, tf };
            explain(&mut comparison.differences, &sides, &facts);
            let compared = comparison.total.compared;
            insight = Insight::of(&comparison.differences, compared, &sides, &facts, symbols, [from, to]);
        }
        Ok(Self { run_id, import, internal, comparison, insight, from, to, held })
    }

    /// Puts the run and every difference onto the tape.
    pub(super) fn record(&self, plan: &Plan, context: &Context, tf: Timeframe, door: &mut Door) -> Result<()> {
        if door.standing()?.segment.is_none() {
            door.begin_segment(plan.day.date)?;
        }
        let drafts = Drafts::load(plan, context)?;
        let mut symbols = Vec::with_capacity(plan.symbols.len());
        for index in (0..).map(SymbolIndex).take(plan.symbols.len()) {
            symbols.push(door.instrument(drafts.instrument(index))?);
        }
        let total = &self.comparison.total;
        let (from, to) = covered(plan);
        door.input(Input::ReconRun(Box::new(ReconRun {
            run_id: self.run_id,
            session_date: plan.day.date,
            session_run: plan.day.run().unwrap_or(0),
            tf,
            symbols: symbols.clone(),
            import: self.import,
            from,
            to,
            tolerance: plan.terms.to_string(),
            compared: total.compared,
            matched: total.matched,
            differences: ReconStatus::ALL.iter().map(|status| total.of_status(*status)).collect(),
            at: Some(Clock::host().now()),
        })))?;
        for row in &self.comparison.differences {
            let Some(instrument) = symbols.get(row.symbol.index()) else { continue };
            door.input(self.difference(plan, tf, *instrument, row))?;
        }
        Ok(())
    }

    fn difference(&self, plan: &Plan, tf: Timeframe, instrument: InstrumentId, row: &Difference) -> Input {
        Input::ReconDifference(Box::new(ReconDifference {
            run_id: self.run_id,
            session_date: plan.day.date,
            instrument,
            tf,
            ts: row.start,
            status: row.status,
            cause: row.cause,
            internal: row.internal.map(|bar| bar.values()),
            broker: row.broker.map(|bar| bar.values()),
            diff_max: row.diff_max,
        }))
    }
}

/// The first and the last start that are covered: what of the window lies in the day. Bars start at whole seconds.
fn covered(plan: &Plan) -> (Ts, Ts) {
    let until = plan.window.until.min(plan.day.end);
    let last = until.get().saturating_sub(1).div_euclid(NANOS);
    (plan.window.from.max(plan.day.start), Ts::from_secs(last))
}

/// What an instrument is listed as where the open segment does not know its symbol.
struct Drafts<'a> {
    plan: &'a Plan,
    calendar: Calendar,
    universe: Universe,
}

impl<'a> Drafts<'a> {
    fn load(plan: &'a Plan, context: &Context) -> Result<Self> {
        Ok(Self {
            plan,
            calendar: Calendar::load(context.config.calendar.file.as_deref())?,
            universe: Universe::load(context.config.calendar.universe.as_deref())?,
        })
    }

    /// As the session knew it, else as an import would list it.
    fn instrument(&self, index: SymbolIndex) -> Instrument {
        let symbol = self.plan.symbols.name(index).unwrap_or_default();
        let known = self.plan.day.session.as_ref().map(|session| &session.opened.instruments);
        if let Some(known) = known.and_then(|all| all.iter().find(|known| known.symbol == symbol)) {
            return Instrument { feed: FeedId(0), ..known.clone() };
        }
        let low = self.plan.lows.get(index.index()).copied();
        let (class, tick_size) = match self.plan.day.calendar {
            CalendarChoice::Nse => (
                self.universe.class_of(symbol),
                self.calendar.tick_size(self.plan.day.date, low.unwrap_or(Price::ZERO)),
            ),
            CalendarChoice::Always => (InstrumentClass::Always, Price::new(100)),
        };
        let symbol = symbol.to_owned();
        Instrument { id: InstrumentId(0), feed: FeedId(0), token: 0, symbol, class, tick_size, lot_size: 1 }
    }
}
