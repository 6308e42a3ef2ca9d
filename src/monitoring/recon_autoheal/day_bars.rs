//! A day's bars of one minute and coarser, with what was made first and what corrections made of it.
//!
//! What it never does: judge a bar, or hold those of one second. Who calls it: `heal`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use barkeep_schemas::{BarOrigin, Derived, Event, EventKind, Input, InstrumentId, Ohlcv, SessionDate, Timeframe, Ts};
use barkeep_storage::{Filter, ReadError, SegmentInfo, Tape};

use crate::monitoring::daily_recon::{Correction, Roll, SymbolIndex, SymbolTable};

/// Whose bar, of which length, from when.
pub type Key = (Timeframe, SymbolIndex, Ts);

/// An edition of a bar.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edition {
    /// Its numbers.
    pub values: Ohlcv,
    /// Its revision.
    pub revision: u16,
}

/// The bars of a day.
#[derive(Clone, Debug, Default)]
pub struct DayBars {
    /// The newest edition of the engine, or of a file brought in as our own.
    made: BTreeMap<Key, Edition>,
    /// The newest correction, with the highest revision that any had; without values there is no bar.
    corrected: BTreeMap<Key, (Option<Ohlcv>, u16)>,
}

impl DayBars {
    /// Reads the bars of the symbols: the engine's of `session`, those brought in as our own for `date`, and
    /// `corrections`.
    ///
    /// # Errors
    /// [`ReadError`] when the tape cannot be read.
    pub fn read(
        tape: &Tape,
        session: Option<&SegmentInfo>,
        date: SessionDate,
        symbols: &SymbolTable,
        corrections: &[Correction],
    ) -> Result<Self, ReadError> {
        let mut bars = Self::default();
        if let Some(segment) = session {
            bars.read_segment(tape, segment, EventKind::Bar, symbols, |event| match event {
                Event::Derived(Derived::Bar(bar)) if bar.tf != Timeframe::S1 => {
                    let (open, high, low, close) = (bar.open, bar.high, bar.low, bar.close);
                    let values = Ohlcv { open, high, low, close, volume: bar.volume };
                    Some((bar.instrument, bar.tf, bar.start, Edition { values, revision: bar.revision }))
                }
                Event::Derived(_) | Event::Input(_) => None,
            })?;
        }
        for segment in tape.segments() {
            bars.read_segment(tape, segment, EventKind::OutsideBar, symbols, |event| match event {
                Event::Input(Input::OutsideBar(bar))
                    if bar.origin == BarOrigin::Import && bar.session_date == date && bar.tf != Timeframe::S1 =>
                {
                    let (open, high, low, close) = (bar.open, bar.high, bar.low, bar.close);
                    let values = Ohlcv { open, high, low, close, volume: bar.volume };
                    Some((bar.instrument, bar.tf, bar.start, Edition { values, revision: 0 }))
                }
                Event::Input(_) | Event::Derived(_) => None,
            })?;
        }
        for correction in corrections {
            if let Some(symbol) = symbols.get(&correction.symbol) {
                let bar = &correction.bar;
                bars.correct((bar.tf, symbol, bar.start), bar.after.clone(), bar.revision);
            }
        }
        Ok(bars)
    }

    fn read_segment(
        &mut self,
        tape: &Tape,
        segment: &SegmentInfo,
        kind: EventKind,
        symbols: &SymbolTable,
        pick: impl Fn(&Event) -> Option<(InstrumentId, Timeframe, Ts, Edition)>,
    ) -> Result<(), ReadError> {
        let [opened, listed] = Roll::<SymbolIndex>::KINDS;
        let mut roll = Roll::default();
        for event in tape.scan_segment(segment, &Filter::kinds([opened, listed, kind])) {
            let (_, event) = event?;
            if let Event::Input(input) = &event {
                roll.take(input, |instrument| symbols.get(&instrument.symbol));
            }
            if let Some((id, tf, start, edition)) = pick(&event)
                && let Some(symbol) = roll.get(id)
            {
                self.make((tf, *symbol, start), edition);
            }
        }
        Ok(())
    }

    /// Puts the next edition that no correction made.
    pub(super) fn make(&mut self, key: Key, mut edition: Edition) {
        if let Some(before) = self.made.get(&key) {
            edition.revision = edition.revision.max(before.revision);
        }
        self.made.insert(key, edition);
    }

    /// Puts the next correction.
    pub(super) fn correct(&mut self, key: Key, after: Option<Ohlcv>, revision: u16) {
        let highest = self.corrected.get(&key).map_or(revision, |(_, before)| revision.max(*before));
        self.corrected.insert(key, (after, highest));
    }

    /// The bar as it counts now.
    pub fn latest(&self, key: Key) -> Option<&Ohlcv> {
        match self.corrected.get(&key) {
            Some((after, _)) => after.as_ref(),
            None => self.made(key),
        }
    }

    /// The bar before any correction.
    pub fn made(&self, key: Key) -> Option<&Ohlcv> {
        self.made.get(&key).map(|edition| &edition.values)
    }

    /// The revision of the next correction: one more than the highest, and never the 0 of a first edition.
    pub fn next_revision(&self, key: Key) -> u16 {
        let made = self.made.get(&key).map(|edition| edition.revision);
        let corrected = self.corrected.get(&key).map(|(_, revision)| *revision);
        made.max(corrected).map_or(1, |highest| highest.saturating_add(1))
    }

    /// The keys of a symbol's bars, corrected or not, that start from `from` up to but not including `until`, in order;
    /// those that corrections took away are among them.
    pub fn keys(&self, tf: Timeframe, symbol: SymbolIndex, from: Ts, until: Ts) -> impl Iterator<Item = Key> {
        let range = (Bound::Included((tf, symbol, from)), Bound::Excluded((tf, symbol, until)));
        let mut keys: Vec<Key> = self.made.range(range).map(|(key, _)| *key).collect();
        keys.extend(self.corrected.range(range).map(|(key, _)| *key));
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter()
    }

    /// All keys of a symbol's bars.
    pub fn all_keys(&self, tf: Timeframe, symbol: SymbolIndex) -> impl Iterator<Item = Key> {
        self.keys(tf, symbol, Ts::new(i64::MIN), Ts::new(i64::MAX))
    }

    /// The coarser bars that hold one of these minutes, wherever they begin.
    pub fn coarser_over(&self, minutes: impl Iterator<Item = Key>) -> BTreeSet<Key> {
        let mut over = BTreeSet::new();
        for (_, symbol, at) in minutes {
            for tf in Timeframe::ALL.into_iter().filter(|tf| tf.nanos() > Timeframe::M1.nanos()) {
                let from = Ts::new(at.get().saturating_sub(tf.nanos()).saturating_add(1));
                over.extend(self.keys(tf, symbol, from, Ts::new(at.get().saturating_add(1))));
            }
        }
        over
    }

    /// The keys that have a correction.
    pub fn corrected_keys(&self, tf: Timeframe) -> impl Iterator<Item = Key> {
        self.corrected.keys().copied().filter(move |key| key.0 == tf)
    }
}
