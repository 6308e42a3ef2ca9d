//! A pair's mark done again: the spread from the closes of the bars, mean, deviation and z over the window that the marks
//! before it and the spreads carried over make. Written apart from the engine's running sums: two passes over the values.

use std::collections::{BTreeMap, BTreeSet};

use barkeep_schemas::{Bar, Derived, Event, EventKind, PRICE_SCALE, PairMark, Seq};
use barkeep_storage::{Filter, ReadError, Tape};

use super::read::DeskDay;
use super::{Checked, real, sum};

/// A deviation below this is of rounding alone.
const ROUNDING: f64 = 1e-12;

/// What a mark is made of.
#[derive(Debug)]
pub(super) struct Redone {
    pub(super) checked: Checked,
    /// How many spreads of the window were carried over, and how many there are.
    pub(super) carried: usize,
    pub(super) window: usize,
    pub(super) lookback: u32,
    /// Legs' bars.
    pub(super) bars: [Option<Bar>; 2],
}

/// Does a mark again; `None` when the session has no such pair.
pub(super) fn redo(tape: &Tape, day: &DeskDay, at: Seq, mark: &PairMark) -> Result<Option<Redone>, ReadError> {
    let Some(spec) = day.spec(mark.pair, at) else { return Ok(None) };
    let begins = window_begins(day, mark, at);
    let members = members(day, mark, begins, at);
    let wanted = members.values().flat_map(|(_, mark)| [mark.bar_a, mark.bar_b]).collect();
    let bars = bars(tape, day, &wanted)?;
    let close = |seq: Seq| bars.get(&seq).map(|bar| bar.close.get() as f64 / PRICE_SCALE as f64);
    let spread = |mark: &PairMark| Some(close(mark.bar_a)?.ln() - spec.beta.get() * close(mark.bar_b)?.ln());
    let (mut values, mut step) = (carried(day, mark, begins), None);
    // The window carried over is moved by the step from its last spread to the session's first.
    if let Some((first, last)) = first_mark(day, mark, begins).zip(values.last().copied()) {
        step = first.night_step.map(|recorded| (recorded.get(), first.spread.get() - last));
        let night = step.map_or(0.0, |(recorded, _)| recorded);
        values.iter_mut().for_each(|value| *value += night);
    }
    let carried_over = values.len();
    values.extend(members.values().filter_map(|(_, mark)| spread(mark)));
    let lookback = spec.lookback as usize;
    let from = values.len().saturating_sub(lookback);
    let window = values.get(from..).unwrap_or_default();
    let statistics = (window.len() == lookback).then(|| statistics(window));
    let (mean, sd) = statistics.unzip();
    let own = spread(mark);
    let z = own.zip(statistics).and_then(|(own, (mean, sd))| (sd > 0.0).then(|| (own - mean) / sd));
    let told = |value: Option<barkeep_schemas::Real>| value.map(barkeep_schemas::Real::get);
    let [bar_a, bar_b] = [mark.bar_a, mark.bar_b].map(|seq| bars.get(&seq).cloned());
    let closing =
        |bar: &Option<Bar>| bar.as_ref().map_or_else(|| "no such bar".to_owned(), |bar| bar.close.to_string());
    let mut sums = vec![
        sum("close A", mark.close_a, closing(&bar_a)),
        sum("close B", mark.close_b, closing(&bar_b)),
        real("spread", Some(mark.spread.get()), own),
        real("mean", told(mark.mean), mean),
        real("deviation", told(mark.deviation), sd),
        real("z", told(mark.z), z),
    ];
    if let (Some(_), Some((recorded, again))) = (mark.night_step, step) {
        sums.push(real("night step", Some(recorded), Some(again)));
    }
    Ok(Some(Redone {
        checked: Checked { seq: at, of: format!("mark of {}: spread, window and z", spec.name), sums },
        carried: carried_over.saturating_sub(from),
        window: window.len(),
        lookback: spec.lookback,
        bars: [bar_a, bar_b],
    }))
}

/// Mean and population deviation.
fn statistics(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let first = values.first().copied().unwrap_or_default();
    let mean = first + values.iter().map(|value| value - first).sum::<f64>() / count;
    let sd = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    (mean, if sd < ROUNDING { 0.0 } else { sd })
}

/// Where the window began anew: at the last setup that changed its length or the hedge ratio; else at the session's own.
fn window_begins(day: &DeskDay, mark: &PairMark, at: Seq) -> Seq {
    let mut begins = day.opened_at;
    let mut last = None;
    for (seq, setup) in day.setups.range(..=at) {
        let now = setup.pairs.iter().find(|spec| spec.id == mark.pair).map(|spec| (spec.lookback, spec.beta));
        if last.is_some() && now != last {
            begins = *seq;
        }
        last = now.or(last);
    }
    begins
}

/// The newest mark of every bucket up to the mark's own, as known at the mark, by start.
fn members<'a>(day: &'a DeskDay, mark: &PairMark, begins: Seq, at: Seq) -> BTreeMap<i64, (Seq, &'a PairMark)> {
    let of_window = day.marks.range(begins..=at).filter(|(_, one)| one.pair == mark.pair && one.start <= mark.start);
    of_window.map(|(seq, one)| (one.start.get(), (*seq, one))).collect()
}

fn first_mark<'a>(day: &'a DeskDay, mark: &PairMark, begins: Seq) -> Option<&'a PairMark> {
    day.marks.range(begins..).map(|(_, one)| one).find(|one| one.pair == mark.pair)
}

/// The spreads that the session carried over, where the window still begins with them.
fn carried(day: &DeskDay, mark: &PairMark, begins: Seq) -> Vec<f64> {
    let desk = day.opened.desk.as_ref().filter(|_| begins == day.opened_at);
    let of_pair = desk.and_then(|desk| desk.carried.pairs.iter().find(|carried| carried.pair == mark.pair));
    let lookback = day.spec(mark.pair, day.opened_at).map_or(0, |spec| spec.lookback as usize);
    let spreads = of_pair.map(|carried| carried.spreads.as_slice()).unwrap_or_default();
    let from = spreads.len().saturating_sub(lookback);
    spreads.iter().skip(from).map(|spread| spread.get()).collect()
}

/// The bars at some positions.
fn bars(tape: &Tape, day: &DeskDay, wanted: &BTreeSet<Seq>) -> Result<BTreeMap<Seq, Bar>, ReadError> {
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Ok(BTreeMap::new()) };
    let (first, last) = (*first.max(&day.segment.first_seq), *last);
    let mut found = BTreeMap::new();
    for item in tape.scan(first, Some(last), &Filter::kinds([EventKind::Bar])) {
        if let (seq, Event::Derived(Derived::Bar(bar))) = item?
            && wanted.contains(&seq)
        {
            found.insert(seq, bar);
        }
    }
    Ok(found)
}
