//! Reconciliation as rows: of each (run of the date, timeframe, symbol, start) that ever failed to match, what the
//! newest run that found it said, while it is open; resolved ones too when they are asked for.
//!
//! A row is open when the newest run that covers its bar reports it. A later run that covers the bar and says nothing
//! of it has found it in order. A run that was cut off before all its differences were on the tape resolves nothing.
//! Called by [`super::export`].

use std::collections::{BTreeMap, BTreeSet};

use barkeep_schemas::{
    Event, EventKind, HealAction, Input, Ohlcv, ReconDifference, ReconRun, Seq, SessionDate, Timeframe, Ts,
};
use barkeep_storage::Filter;

use super::editions::Editions;
use super::error::ExportError;
use super::scope::{Scope, Stretch};
use super::sheet::Cell;
use super::{ExportRequest, Rows};
use crate::mirrors::symbols::{Symbol, SymbolBook};

/// What one reconciliation covers.
struct Run {
    id: Seq,
    session_run: u32,
    tf: Timeframe,
    from: Ts,
    to: Ts,
    /// The numbers of its symbols in the book, and their names.
    symbols: BTreeSet<u32>,
    names: BTreeSet<String>,
    /// Differences that are not on the tape; more than none when the run was cut off.
    missing: u64,
}

impl Run {
    fn covers(&self, session_run: u32, symbol: &Symbol, difference: &ReconDifference) -> bool {
        self.session_run == session_run
            && self.tf == difference.tf
            && (self.from..=self.to).contains(&difference.ts)
            && self.symbols.contains(&symbol.number)
    }
}

/// The reconciliations of a date.
pub(super) struct Recon {
    date: SessionDate,
    /// The run of the date that is shown; `None` for every one.
    only: Option<u32>,
    all: bool,
    /// In the order of the tape.
    runs: Vec<Run>,
    /// The newest difference of each bar, by run of the date.
    editions: BTreeMap<u32, Editions>,
    /// When each run of the healer was made, by its id.
    heal_times: BTreeMap<Seq, Option<Ts>>,
    /// What was done last with each bar that was ever corrected, by run of the date, series and start, and where.
    healed: BTreeMap<(u32, u32, Ts), (Seq, Healed)>,
}

impl Recon {
    /// The first pass: who ran over what, and which difference of each bar is the newest.
    pub(super) fn read(
        scope: &mut Scope<'_>,
        book: &mut SymbolBook<'_>,
        request: &ExportRequest,
    ) -> Result<Self, ExportError> {
        let date = scope.date;
        let mut recon = Self {
            date,
            only: request.run,
            all: request.all,
            runs: Vec::new(),
            editions: BTreeMap::new(),
            heal_times: BTreeMap::new(),
            healed: BTreeMap::new(),
        };
        let kinds = [EventKind::ReconRun, EventKind::ReconDifference, EventKind::HealRun, EventKind::BarCorrection];
        let kinds = Filter::kinds(kinds);
        scope.each(Stretch::Tape, &kinds, |seq, event| match event {
            Event::Input(Input::ReconRun(run)) if run.session_date == date => recon.note_run(seq, &run, book),
            Event::Input(Input::ReconDifference(difference)) if difference.session_date == date => {
                let symbol = book.symbol(seq, difference.instrument)?;
                recon.note(seq, &symbol, &difference);
                Ok(())
            }
            Event::Input(Input::HealRun(run)) if run.session_date == date => {
                recon.heal_times.insert(run.run_id, run.at);
                Ok(())
            }
            Event::Input(Input::BarCorrection(bar)) if bar.session_date == date => {
                let series = series(&book.symbol(seq, bar.instrument)?, bar.tf);
                let at = recon.heal_times.get(&bar.run_id).copied().flatten();
                recon.healed.insert((bar.session_run, series, bar.start), (seq, Healed { action: bar.action, at }));
                Ok(())
            }
            Event::Input(_) | Event::Derived(_) => Ok(()),
        })?;
        request.symbols.iter().try_for_each(|symbol| recon.check(symbol))?;
        Ok(recon)
    }

    /// Reconciliations of the date, or of the run of it that was asked for.
    pub(super) fn count(&self) -> u64 {
        self.runs.iter().filter(|run| self.shows(run.session_run)).count() as u64
    }

    fn shows(&self, session_run: u32) -> bool {
        self.only.is_none_or(|only| only == session_run)
    }

    fn note_run(&mut self, seq: Seq, run: &ReconRun, book: &mut SymbolBook<'_>) -> Result<(), ExportError> {
        let (mut symbols, mut names) = (BTreeSet::new(), BTreeSet::new());
        for id in &run.symbols {
            let symbol = book.symbol(seq, *id)?;
            symbols.insert(symbol.number);
            names.insert(symbol.name.to_string());
        }
        self.runs.push(Run {
            id: run.run_id,
            session_run: run.session_run,
            tf: run.tf,
            from: run.from,
            to: run.to,
            symbols,
            names,
            missing: run.differences.iter().sum(),
        });
        Ok(())
    }

    fn note(&mut self, seq: Seq, symbol: &Symbol, difference: &ReconDifference) {
        let Some(run) = self.runs.iter_mut().rfind(|run| run.id == difference.run_id) else { return };
        run.missing = run.missing.saturating_sub(1);
        let editions = self.editions.entry(run.session_run).or_default();
        editions.note(series(symbol, difference.tf), difference.ts, seq);
    }

    /// A symbol that nobody compared has no rows, which must not read as all being well with it.
    fn check(&self, symbol: &str) -> Result<(), ExportError> {
        let having = self.runs.iter().filter(|run| run.names.contains(symbol));
        let mut runs: Vec<u32> = having.map(|run| run.session_run).collect();
        if runs.iter().any(|run| self.shows(*run)) {
            return Ok(());
        }
        runs.retain(|run| *run > 0);
        runs.sort_unstable_by(|a, b| b.cmp(a));
        runs.dedup();
        Err(ExportError::NotReconciled { date: self.date, run: self.only, symbol: symbol.to_owned(), runs })
    }

    /// The second pass: the rows.
    pub(super) fn write(
        &self,
        scope: &mut Scope<'_>,
        book: &mut SymbolBook<'_>,
        rows: &mut Rows,
    ) -> Result<(), ExportError> {
        let text = self.date.to_string();
        scope.each(Stretch::Tape, &Filter::kinds([EventKind::ReconDifference]), |seq, event| match event {
            Event::Input(Input::ReconDifference(difference)) if difference.session_date == self.date => {
                let symbol = book.symbol(seq, difference.instrument)?;
                match self.fate(seq, &symbol, &difference) {
                    Some(fate) if rows.wants(&symbol.name) => rows.push(&row(seq, &text, &symbol, &difference, fate)),
                    Some(_) | None => Ok(()),
                }
            }
            Event::Input(_) | Event::Derived(_) => Ok(()),
        })
    }

    /// What became of a difference; `None` where it is not shown.
    fn fate(&self, seq: Seq, symbol: &Symbol, difference: &ReconDifference) -> Option<Fate> {
        let place = self.runs.iter().rposition(|run| run.id == difference.run_id)?;
        let session_run = self.runs.get(place)?.session_run;
        let editions = self.editions.get(&session_run)?;
        if !self.shows(session_run) || !editions.is_newest(series(symbol, difference.tf), difference.ts, seq) {
            return None;
        }
        // It is the newest, so no later run reports this bar.
        let mut later = self.runs.iter().skip(place + 1).filter(|run| run.missing == 0);
        let resolved = later.find(|run| run.covers(session_run, symbol, difference)).map(|run| run.id);
        let corrected = self.healed.get(&(session_run, series(symbol, difference.tf), difference.ts));
        let healed = corrected.filter(|(at, _)| *at > seq).map(|(_, healed)| *healed);
        (self.all || resolved.is_none()).then_some(Fate { session_run, resolved, healed })
    }
}

/// What became of a difference.
struct Fate {
    session_run: u32,
    /// The first later run that covers the bar.
    resolved: Option<Seq>,
    /// What was last done with the bar after that.
    healed: Option<Healed>,
}

/// What a correction did, and when, where its run says so.
#[derive(Clone, Copy)]
struct Healed {
    action: HealAction,
    at: Option<Ts>,
}

/// A symbol and a timeframe as one number: there are seven timeframes.
fn series(symbol: &Symbol, tf: Timeframe) -> u32 {
    symbol.number.wrapping_mul(8) + u32::from(tf.index())
}

fn row<'a>(
    seq: Seq,
    date: &'a str,
    symbol: &'a Symbol,
    difference: &ReconDifference,
    Fate { session_run, resolved, healed }: Fate,
) -> [Cell<'a>; 23] {
    let [io, ih, il, ic, iv] = side(difference.internal.as_ref());
    let [bo, bh, bl, bc, bv] = side(difference.broker.as_ref());
    let healed_at = Cell::int(healed.and_then(|healed| healed.at).map(Ts::secs));
    let heal_action = healed.map_or(Cell::Empty, |healed| Cell::Text(healed.action.name()));
    [
        Cell::Text(date),
        Cell::int((session_run > 0).then_some(i64::from(session_run))),
        Cell::Text(&symbol.name),
        Cell::Int(difference.ts.secs()),
        Cell::Text(difference.tf.name()),
        Cell::Text(difference.status.name()),
        Cell::Text(difference.cause.name()),
        io,
        ih,
        il,
        ic,
        iv,
        bo,
        bh,
        bl,
        bc,
        bv,
        Cell::Decimal(difference.diff_max),
        Cell::seq(difference.run_id),
        healed_at,
        heal_action,
        resolved.map_or(Cell::Empty, Cell::seq),
        Cell::seq(seq),
    ]
}

fn side(bar: Option<&Ohlcv>) -> [Cell<'static>; 5] {
    [
        Cell::price(bar.map(|bar| bar.open)),
        Cell::price(bar.map(|bar| bar.high)),
        Cell::price(bar.map(|bar| bar.low)),
        Cell::price(bar.map(|bar| bar.close)),
        Cell::int(bar.map(|bar| bar.volume.get())),
    ]
}
