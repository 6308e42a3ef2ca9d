//! Coarser bars out of corrected minutes, cut as the engine cuts them.
//!
//! What it never does: touch a bar whose minutes are all as they were made, or one of a second. Who calls it: the plan of
//! a heal and that of a revert.
//!
//! A coarse bar may hold shares that no minute of it holds: the rise of the counter over a gap that lies inside it. They
//! stay in it, less what corrected minutes now bring.

use std::collections::{BTreeMap, BTreeSet};

use barkeep_schemas::{HealAction, Instrument, Ohlcv, Phase, Qty, SessionOpened, Timeframe, Ts};

use super::day_bars::{DayBars, Key};
use super::plan::Planned;
use crate::monitoring::daily_recon::{SymbolIndex, SymbolTable};

/// The timeframes that are made from minutes.
const COARSE: [Timeframe; 5] = [Timeframe::M3, Timeframe::M5, Timeframe::M15, Timeframe::M30, Timeframe::M60];

/// The parts of continuous trading of each symbol: buckets begin with a part and end with it.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    by_symbol: BTreeMap<SymbolIndex, Vec<(i64, i64)>>,
}

impl Parts {
    /// The parts that a session's calendar gives the symbols, those listed after it opened among them; a symbol that the
    /// session lacks has none, and no bars.
    pub fn of(opened: &SessionOpened, listed: &[Instrument], symbols: &SymbolTable) -> Self {
        let mut by_symbol = BTreeMap::new();
        for instrument in opened.instruments.iter().chain(listed) {
            let day = opened.calendar.classes.iter().find(|day| day.class == instrument.class);
            if let (Some(symbol), Some(day)) = (symbols.get(&instrument.symbol), day) {
                let continuous = day.phases.iter().filter(|span| span.phase == Phase::Continuous);
                by_symbol.insert(symbol, continuous.map(|span| (span.start.get(), span.end.get())).collect());
            }
        }
        Self { by_symbol }
    }

    /// The bucket of a timeframe that holds a moment: its start, and the first moment after it.
    pub fn bucket(&self, symbol: SymbolIndex, tf: Timeframe, at: Ts) -> Option<(Ts, Ts)> {
        let at = at.get();
        let parts = self.by_symbol.get(&symbol)?;
        let (from, until) = parts.iter().copied().find(|(from, until)| (*from..*until).contains(&at))?;
        let start = at - (at - from) % tf.nanos();
        Some((Ts::new(start), Ts::new(start.saturating_add(tf.nanos()).min(until))))
    }

    /// Whether nothing is known: the date has no session.
    pub fn is_empty(&self) -> bool {
        self.by_symbol.is_empty()
    }

    /// Whether the session has a symbol.
    pub fn has(&self, symbol: SymbolIndex) -> bool {
        self.by_symbol.contains_key(&symbol)
    }

    /// The end of the last part of all symbols.
    pub fn last(&self) -> Option<Ts> {
        self.by_symbol.values().flatten().map(|(_, until)| Ts::new(*until)).max()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(SymbolIndex, Vec<(i64, i64)>); N]> for Parts {
    /// Parts in seconds.
    fn from(parts: [(SymbolIndex, Vec<(i64, i64)>); N]) -> Self {
        const SECOND: i64 = barkeep_schemas::NANOS;
        let nanos = |parts: Vec<(i64, i64)>| parts.into_iter().map(|(from, to)| (from * SECOND, to * SECOND)).collect();
        Self { by_symbol: parts.into_iter().map(|(symbol, parts)| (symbol, nanos(parts))).collect() }
    }
}

/// The minutes as they are about to be: those planned, the others as they count now.
pub(super) struct Minutes<'a> {
    pub(super) bars: &'a DayBars,
    pub(super) planned: BTreeMap<Key, Option<Ohlcv>>,
}

impl<'a> Minutes<'a> {
    pub(super) fn new(bars: &'a DayBars, planned: &[Planned]) -> Self {
        Self { bars, planned: planned.iter().map(|bar| (bar.key, bar.after.clone())).collect() }
    }

    fn value(&self, key: Key) -> Option<&Ohlcv> {
        match self.planned.get(&key) {
            Some(after) => after.as_ref(),
            None => self.bars.latest(key),
        }
    }

    /// The keys of a symbol's minutes from `from` up to `until`, planned ones among them, in order.
    fn keys(&self, symbol: SymbolIndex, from: Ts, until: Ts) -> BTreeSet<Key> {
        let own = self.bars.keys(Timeframe::M1, symbol, from, until);
        let planned = self.planned.range((Timeframe::M1, symbol, from)..(Timeframe::M1, symbol, until));
        own.chain(planned.map(|(key, _)| *key)).collect()
    }

    /// The coarse bar of a bucket; `None` where there is none.
    pub(super) fn coarse(&self, tf: Timeframe, symbol: SymbolIndex, from: Ts, until: Ts) -> Option<Ohlcv> {
        let keys = self.keys(symbol, from, until);
        let made = self.bars.made((tf, symbol, from));
        if keys.iter().all(|key| self.value(*key) == self.bars.made(*key)) {
            return made.cloned();
        }
        let mut bar = fold(keys.iter().filter_map(|key| self.value(*key)))?;
        let shares = |value: Option<&Ohlcv>| value.map_or(0, |bar| bar.volume.get());
        let before: i64 = keys.iter().map(|key| shares(self.bars.made(*key))).sum();
        let gained = bar.volume.get().saturating_sub(before).max(0);
        let held_alone = shares(made).saturating_sub(before).saturating_sub(gained).max(0);
        bar.volume = Qty::new(bar.volume.get().saturating_add(held_alone));
        Some(bar)
    }
}

/// One bar out of several in order.
pub(super) fn fold<'a>(bars: impl Iterator<Item = &'a Ohlcv>) -> Option<Ohlcv> {
    bars.fold(None, |whole: Option<Ohlcv>, bar| {
        let Some(whole) = whole else { return Some(bar.clone()) };
        Some(Ohlcv {
            open: whole.open,
            high: whole.high.max(bar.high),
            low: whole.low.min(bar.low),
            close: bar.close,
            volume: Qty::new(whole.volume.get().saturating_add(bar.volume.get())),
        })
    })
}

/// The coarse bars that are no longer what their minutes give, once those planned are in place: of every minute that is
/// planned or was ever corrected.
pub(super) fn rebuilt(bars: &DayBars, planned: &[Planned], parts: &Parts, action: HealAction) -> Vec<Planned> {
    let minutes = Minutes::new(bars, planned);
    let mut buckets = BTreeSet::new();
    for key in minutes.planned.keys().copied().chain(bars.corrected_keys(Timeframe::M1)) {
        let (_, symbol, at) = key;
        for tf in COARSE {
            if let Some((from, until)) = parts.bucket(symbol, tf, at) {
                buckets.insert((tf, symbol, from, until));
            }
        }
    }
    let mut rebuilt = Vec::new();
    for (tf, symbol, from, until) in buckets {
        let key = (tf, symbol, from);
        let (before, after) = (bars.latest(key).cloned(), minutes.coarse(tf, symbol, from, until));
        if before != after {
            let revision = bars.next_revision(key);
            rebuilt.push(Planned { key, action, cause: None, before, after, revision, source: None });
        }
    }
    rebuilt
}
