//! Both sides off the tape: our bars as known at a position, and the broker's of one import.
//!
//! What it never does: judge a bar, or build one anew. Who calls it: `recon`.

use std::collections::BTreeMap;

use barkeep_schemas::{
    BarOrigin, Derived, Event, EventKind, Hash32, HealAction, Input, Instrument, InstrumentClass, InstrumentId, Ohlcv,
    OutsideBar, Price, Seq, SessionDate, Timeframe, Ts,
};
use barkeep_storage::{Filter, ReadError, SegmentInfo, Tape};

use super::bars::{KeyedBar, SymbolIndex, SymbolTable, Window, keep_newest};
use super::compare::Difference;
use super::corrections::{Correction, corrections};
use super::sessions::Roll;

/// The bar in its compact form; its symbol is filled in from the roll.
macro_rules! keyed {
    ($bar:expr) => {
        KeyedBar {
            symbol: SymbolIndex::default(),
            start: $bar.start,
            open: $bar.open,
            high: $bar.high,
            low: $bar.low,
            close: $bar.close,
            volume: $bar.volume,
        }
    };
}
/// Bars of one side, ready to be compared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BarSide {
    /// The newest edition of each, sorted by key.
    pub bars: Vec<KeyedBar>,
    /// The smallest price step by symbol; zero for a symbol that the side does not know.
    pub tick_sizes: Vec<Price>,
    /// The class by symbol; `None` for a symbol that the side does not know.
    pub classes: Vec<Option<InstrumentClass>>,
    /// Bars that came from a file, replaced ones included.
    pub imported: u64,
    /// Keys whose newest edition is a correction, those included that a correction took away, in order.
    pub corrected: Vec<Corrected>,
}

/// A key whose newest edition is a correction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Corrected {
    /// Whose.
    pub symbol: SymbolIndex,
    /// Start of the bar.
    pub start: Ts,
    /// What was done last; a revert took back what was done before.
    pub action: HealAction,
}

/// Reads our bars of `date` and `tf` for the symbols of the table, from events at or before `as_of` (`None`: all).
///
/// The engine's bars are those of `session`; a later edition replaces an earlier one. Bars that were imported as our own
/// for that date, in any segment, replace the engine's of the same key, and the newest correction of a bar, in any
/// segment, replaces both; after one that says so there is no bar.
///
/// # Errors
/// [`ReadError`] when the tape cannot be read.
pub fn internal_bars(
    tape: &Tape,
    session: Option<&SegmentInfo>,
    date: SessionDate,
    tf: Timeframe,
    symbols: &SymbolTable,
    as_of: Option<Seq>,
) -> Result<BarSide, ReadError> {
    let mut side = Reading { tf: Some(tf), ..Reading::new(tape, symbols, as_of) };
    if let Some(segment) = session {
        side.read(segment, EventKind::Bar, |event| match event {
            Event::Derived(Derived::Bar(bar)) if bar.tf == tf => Some((bar.instrument, keyed!(bar))),
            Event::Derived(_) | Event::Input(_) => None,
        })?;
    }
    let own = |bar: &OutsideBar| bar.origin == BarOrigin::Import && bar.session_date == date && bar.tf == tf;
    let mut side = side.read_outside(Seq::FIRST, own)?;
    let session_run = session.map_or(0, |segment| segment.name.run);
    side.correct(&corrections(tape, date, session_run, as_of)?, tf, symbols);
    Ok(side)
}

impl BarSide {
    /// Keys that start in the window, are not among the differences, and would be another bar, or none, without a
    /// correction. Invariant: the differences are sorted by key.
    pub fn healed(&self, window: Window, differences: &[Difference]) -> u64 {
        let is_healed = |key: &&Corrected| {
            let differs =
                || differences.binary_search_by_key(&(key.symbol, key.start), |row| (row.symbol, row.start)).is_ok();
            key.action != HealAction::Revert && window.contains(key.start) && !differs()
        };
        self.corrected.iter().filter(is_healed).count() as u64
    }

    /// Puts the newest correction of each bar in its place.
    fn correct(&mut self, corrections: &[Correction], tf: Timeframe, symbols: &SymbolTable) {
        let mut newest = BTreeMap::new();
        for Correction { symbol, bar, .. } in corrections.iter().filter(|correction| correction.bar.tf == tf) {
            if let Some(symbol) = symbols.get(symbol) {
                newest.insert((symbol, bar.start), (bar.after.as_ref(), bar.action));
            }
        }
        if newest.is_empty() {
            return;
        }
        let corrected = newest.iter().map(|((symbol, start), (_, action))| Corrected {
            symbol: *symbol,
            start: *start,
            action: *action,
        });
        self.corrected = corrected.collect();
        self.bars.retain(|bar| !newest.contains_key(&bar.key()));
        let kept = newest.into_iter().filter_map(|((symbol, start), (after, _))| {
            let Ohlcv { open, high, low, close, volume } = *after?;
            Some(KeyedBar { symbol, start, open, high, low, close, volume })
        });
        self.bars.extend(kept);
        keep_newest(&mut self.bars);
    }
}

/// Reads the bars of `tf` that one import brought as the broker's, of whatever date. `import` is where its
/// `ImportStarted` lies.
///
/// # Errors
/// [`ReadError`] when the tape cannot be read.
pub fn broker_bars(tape: &Tape, import: Seq, tf: Timeframe, symbols: &SymbolTable) -> Result<BarSide, ReadError> {
    let side = Reading::new(tape, symbols, None);
    side.read_outside(import, |bar| bar.origin == BarOrigin::Broker && bar.import == import && bar.tf == tf)
}

/// Where the `ImportStarted` of an import lies: the last one, when it was begun more than once.
///
/// # Errors
/// [`ReadError`] when the tape cannot be read.
pub fn import_start(tape: &Tape, id: Hash32) -> Result<Option<Seq>, ReadError> {
    let mut start = None;
    for event in tape.scan(Seq::FIRST, None, &Filter::kinds([EventKind::ImportStarted])) {
        if let (seq, Event::Input(Input::ImportStarted(begun))) = event?
            && begun.id == id
        {
            start = Some(seq);
        }
    }
    Ok(start)
}

/// The bars found so far.
struct Reading<'a> {
    tape: &'a Tape,
    symbols: &'a SymbolTable,
    as_of: Option<Seq>,
    /// The timeframe of the engine's bars; the others are passed by.
    tf: Option<Timeframe>,
    bars: Vec<KeyedBar>,
    tick_sizes: Vec<Price>,
    classes: Vec<Option<InstrumentClass>>,
}

impl<'a> Reading<'a> {
    fn new(tape: &'a Tape, symbols: &'a SymbolTable, as_of: Option<Seq>) -> Self {
        let (tick_sizes, classes) = (vec![Price::ZERO; symbols.len()], vec![None; symbols.len()]);
        Self { tape, symbols, as_of, tf: None, bars: Vec::new(), tick_sizes, classes }
    }

    /// Takes the bars that `pick` finds in the events of one kind of a segment.
    fn read(
        &mut self,
        segment: &SegmentInfo,
        kind: EventKind,
        pick: impl Fn(&Event) -> Option<(InstrumentId, KeyedBar)>,
    ) -> Result<(), ReadError> {
        let [opened, listed] = Roll::<SymbolIndex>::KINDS;
        let mut roll = Roll::default();
        let filter = Filter { tf: self.tf, ..Filter::kinds([opened, listed, kind]) };
        for event in self.tape.scan_segment(segment, &filter) {
            let (seq, event) = event?;
            if self.as_of.is_some_and(|as_of| seq > as_of) {
                break;
            }
            if let Event::Input(input) = &event {
                roll.take(input, |instrument| self.know(instrument));
            }
            if let Some((id, bar)) = pick(&event)
                && let Some(symbol) = roll.get(id)
            {
                self.bars.push(KeyedBar { symbol: *symbol, ..bar });
            }
        }
        Ok(())
    }

    /// Adds the bars from outside that are wanted, of all segments that reach beyond `from`, and completes the side.
    fn read_outside(mut self, from: Seq, wanted: impl Fn(&OutsideBar) -> bool) -> Result<BarSide, ReadError> {
        let built = self.bars.len();
        for segment in self.tape.segments().iter().filter(|segment| segment.end() > from) {
            self.read(segment, EventKind::OutsideBar, |event| match event {
                Event::Input(Input::OutsideBar(bar)) if wanted(bar) => Some((bar.instrument, keyed!(bar))),
                Event::Derived(_) | Event::Input(_) => None,
            })?;
        }
        let imported = (self.bars.len() - built) as u64;
        keep_newest(&mut self.bars);
        let Self { bars, tick_sizes, classes, .. } = self;
        Ok(BarSide { bars, tick_sizes, classes, imported, corrected: Vec::new() })
    }

    /// The symbol's number if it is wanted. Of several tick sizes and classes the first known holds: the session's own.
    fn know(&mut self, instrument: &Instrument) -> Option<SymbolIndex> {
        let symbol = self.symbols.get(&instrument.symbol)?;
        if let Some(tick_size) = self.tick_sizes.get_mut(symbol.index()).filter(|size| **size == Price::ZERO) {
            *tick_size = instrument.tick_size;
        }
        if let Some(class) = self.classes.get_mut(symbol.index()) {
            class.get_or_insert(instrument.class);
        }
        Some(symbol)
    }
}

#[cfg(test)]
mod tests {
    use barkeep_schemas::{Bar, BarCorrection, FeedId, Qty};
    use barkeep_storage::{DataDir, Writer};

    use super::*;

    const DATE: SessionDate = SessionDate(20_000);

    fn listed(id: u32, symbol: &str) -> Event {
        Event::Input(Input::InstrumentListed(Box::new(Instrument {
            id: InstrumentId(id),
            feed: FeedId(0),
            token: 0,
            symbol: symbol.to_owned(),
            class: InstrumentClass::Cash,
            tick_size: Price::new(500),
            lot_size: 1,
        })))
    }

    fn built(id: u32, start: i64, revision: u16, volume: i64) -> Event {
        let price = Price::new(1_000_000);
        Event::Derived(Derived::Bar(Bar {
            instrument: InstrumentId(id),
            tf: Timeframe::M1,
            start: Ts::from_secs(start),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Qty::new(volume),
            n_trades: 1,
            revision,
            cause: Seq(1),
            first_tick: Seq(1),
            last_tick: Seq(1),
        }))
    }

    fn outside(origin: BarOrigin, date: SessionDate, id: u32, start: i64, volume: i64) -> Event {
        let price = Price::new(1_000_000);
        Event::Input(Input::OutsideBar(OutsideBar {
            origin,
            session_date: date,
            instrument: InstrumentId(id),
            tf: Timeframe::M1,
            start: Ts::from_secs(start),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Qty::new(volume),
            import: Seq(1),
        }))
    }

    /// Two segments: positions 1 to 7 are of the session, 8 to 13 came later; the numbers of the instruments differ.
    fn tape(dir: &DataDir) -> Tape {
        let mut writer = Writer::open(dir, "test").unwrap();
        writer.begin_segment(DATE).unwrap();
        let session = [
            listed(0, "TCS"),
            listed(1, "INFY"),
            built(0, 60, 0, 10),
            built(1, 60, 0, 20),
            built(0, 120, 0, 30),
            built(0, 60, 1, 11),
            outside(BarOrigin::Broker, DATE, 0, 60, 99),
        ];
        writer.commit(&session).unwrap();
        writer.begin_segment(DATE.plus_days(1)).unwrap();
        let later = [
            listed(0, "INFY"),
            listed(1, "SBIN"),
            outside(BarOrigin::Import, DATE, 0, 60, 21),
            outside(BarOrigin::Import, DATE, 1, 60, 41),
            outside(BarOrigin::Import, DATE.plus_days(1), 0, 120, 51),
            outside(BarOrigin::Import, DATE, 0, 60, 22),
        ];
        writer.commit(&later).unwrap();
        drop(writer);
        Tape::open(dir).unwrap()
    }

    fn volumes(symbols: &[&str], as_of: Option<u64>) -> (Vec<(u32, i64, i64)>, u64) {
        let root = tempfile::tempdir().unwrap();
        let tape = tape(&DataDir::new(root.path()));
        let symbols = SymbolTable::new(symbols.iter().copied());
        let segment = tape.segment_of(DATE, None);
        let side = internal_bars(&tape, segment, DATE, Timeframe::M1, &symbols, as_of.map(Seq)).unwrap();
        assert!(side.tick_sizes.iter().all(|size| *size == Price::new(500)));
        let bars = side.bars.iter().map(|bar| (bar.symbol.0, bar.start.secs(), bar.volume.get()));
        (bars.collect(), side.imported)
    }

    #[test]
    fn the_newest_edition_counts_and_an_imported_bar_replaces_ours() {
        let all = ["INFY", "SBIN", "TCS"];
        assert_eq!(volumes(&all, None), (vec![(0, 60, 22), (1, 60, 41), (2, 60, 11), (2, 120, 30)], 3));
        assert_eq!(volumes(&["TCS"], None), (vec![(0, 60, 11), (0, 120, 30)], 0));
    }

    #[test]
    fn what_came_after_the_position_asked_for_is_not_known() {
        assert_eq!(volumes(&["INFY", "TCS"], Some(5)), (vec![(0, 60, 20), (1, 60, 10), (1, 120, 30)], 0));
        assert_eq!(volumes(&["INFY", "TCS"], Some(10)), (vec![(0, 60, 21), (1, 60, 11), (1, 120, 30)], 1));
    }

    fn correction(id: u32, start: i64, volume: Option<i64>) -> Event {
        let price = Price::new(1_000_000);
        let after =
            volume.map(|volume| Ohlcv { open: price, high: price, low: price, close: price, volume: Qty::new(volume) });
        Event::Input(Input::BarCorrection(Box::new(BarCorrection {
            run_id: Seq(13),
            session_date: DATE,
            session_run: 1,
            instrument: InstrumentId(id),
            tf: Timeframe::M1,
            start: Ts::from_secs(start),
            action: HealAction::TakeBroker,
            cause: None,
            before: None,
            after,
            revision: 1,
            source: None,
        })))
    }

    #[test]
    fn the_newest_correction_replaces_any_bar_wherever_it_lies() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::new(root.path());
        drop(tape(&dir));
        let mut writer = Writer::open(&dir, "test").unwrap();
        writer.begin_segment(DATE.plus_days(2)).unwrap();
        let other_run = |event: Event| {
            let Event::Input(Input::BarCorrection(mut bar)) = event else { panic!() };
            bar.session_run = 2;
            Event::Input(Input::BarCorrection(bar))
        };
        let corrections = [
            listed(0, "TCS"),
            listed(7, "INFY"),
            correction(7, 60, Some(70)),
            correction(0, 120, Some(71)),
            correction(7, 180, Some(72)),
            correction(0, 120, None),
            other_run(correction(0, 60, Some(99))),
        ];
        writer.commit(&corrections).unwrap();
        drop(writer);
        let tape = Tape::open(&dir).unwrap();
        let symbols = SymbolTable::new(["INFY", "TCS"]);
        let volumes = |as_of: Option<u64>| -> (Vec<(u32, i64, i64)>, usize) {
            let segment = tape.segment_of(DATE, None);
            let side = internal_bars(&tape, segment, DATE, Timeframe::M1, &symbols, as_of.map(Seq)).unwrap();
            let bars = side.bars.iter().map(|bar| (bar.symbol.0, bar.start.secs(), bar.volume.get()));
            (bars.collect(), side.corrected.len())
        };
        assert_eq!(volumes(None), (vec![(0, 60, 70), (0, 180, 72), (1, 60, 11)], 3));
        assert_eq!(volumes(Some(17)), (vec![(0, 60, 70), (1, 60, 11), (1, 120, 71)], 2));
        assert_eq!(volumes(Some(15)), (vec![(0, 60, 22), (1, 60, 11), (1, 120, 30)], 0));
    }

    #[test]
    fn imported_bars_need_no_session() {
        let root = tempfile::tempdir().unwrap();
        let tape = tape(&DataDir::new(root.path()));
        let symbols = SymbolTable::new(["INFY"]);
        let date = DATE.plus_days(1);
        let side = internal_bars(&tape, None, date, Timeframe::M1, &symbols, None).unwrap();
        assert_eq!(side.bars.iter().map(|bar| bar.volume.get()).collect::<Vec<_>>(), [51]);
        let dates = super::super::sessions::imported_dates(&tape).unwrap();
        assert_eq!(dates.into_iter().collect::<Vec<_>>(), [DATE, date]);
    }

    #[test]
    fn the_brokers_bars_are_those_of_one_import() {
        let root = tempfile::tempdir().unwrap();
        let tape = tape(&DataDir::new(root.path()));
        let symbols = SymbolTable::new(["INFY", "TCS"]);
        let volumes = |import: u64, tf: Timeframe| -> Vec<i64> {
            let side = broker_bars(&tape, Seq(import), tf, &symbols).unwrap();
            side.bars.iter().map(|bar| bar.volume.get()).collect()
        };
        assert_eq!(volumes(1, Timeframe::M1), [99]);
        assert_eq!((volumes(2, Timeframe::M1), volumes(1, Timeframe::M5)), (vec![], vec![]));
    }
}
