//! The broker's minutes of a day, by the import that brought them and the time at which it was fetched.
//!
//! What it never does: fetch. Who calls it: `heal`.

use std::collections::{BTreeMap, HashMap};

use barkeep_schemas::{BarOrigin, Event, EventKind, Input, Ohlcv, Seq, SessionDate, Timeframe, Ts};
use barkeep_storage::{Filter, ReadError, Tape};

use crate::monitoring::daily_recon::{Roll, SymbolIndex, SymbolTable};

/// A bar of the broker's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candle {
    /// Where it lies.
    pub seq: Seq,
    /// The import that brought it.
    pub import: Seq,
    /// Its numbers.
    pub values: Ohlcv,
}

/// Whether a bar of the broker's may be trusted as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It came by a file that the operator gave, or was fetched twice, long enough apart, and was the same.
    Sound,
    /// It was not yet fetched twice, long enough apart: a fetch from this time on will do.
    Once {
        /// From when a second fetch counts.
        again_from: Ts,
    },
    /// An earlier fetch gave other numbers.
    Revised,
}

/// The broker's minutes of a day.
#[derive(Clone, Debug, Default)]
pub struct BrokerBars {
    candles: HashMap<(SymbolIndex, Ts), Vec<Candle>>,
    /// When each import was fetched; absent for a file.
    fetched: BTreeMap<Seq, Ts>,
}

impl BrokerBars {
    /// Reads what the broker gave for `date`, wherever it lies, for the symbols.
    ///
    /// # Errors
    /// [`ReadError`] when the tape cannot be read.
    pub fn read(tape: &Tape, date: SessionDate, symbols: &SymbolTable) -> Result<Self, ReadError> {
        let [opened, listed] = Roll::<SymbolIndex>::KINDS;
        let kinds = Filter::kinds([opened, listed, EventKind::OutsideBar, EventKind::ImportStarted]);
        let mut bars = Self::default();
        for segment in tape.segments() {
            let mut roll = Roll::default();
            for event in tape.scan_segment(segment, &kinds) {
                let (seq, Event::Input(input)) = event? else { continue };
                roll.take(&input, |instrument| symbols.get(&instrument.symbol));
                if let Input::ImportStarted(begun) = &input {
                    bars.begin(seq, begun.fetched);
                } else if let Input::OutsideBar(bar) = input
                    && bar.origin == BarOrigin::Broker
                    && bar.tf == Timeframe::M1
                    && bar.session_date == date
                    && let Some(symbol) = roll.get(bar.instrument)
                {
                    let (open, high, low, close) = (bar.open, bar.high, bar.low, bar.close);
                    let values = Ohlcv { open, high, low, close, volume: bar.volume };
                    bars.take(*symbol, bar.start, Candle { seq, import: bar.import, values });
                }
            }
        }
        Ok(bars)
    }

    /// Notes an import.
    pub(super) fn begin(&mut self, import: Seq, fetched: Option<Ts>) {
        if let Some(fetched) = fetched {
            self.fetched.insert(import, fetched);
        }
    }

    /// Notes a bar; they come in the order of the tape.
    pub(super) fn take(&mut self, symbol: SymbolIndex, start: Ts, candle: Candle) {
        self.candles.entry((symbol, start)).or_default().push(candle);
    }

    /// When an import was fetched; `None` for a file.
    pub fn fetched(&self, import: Seq) -> Option<Ts> {
        self.fetched.get(&import).copied()
    }

    /// The bar that an import brought: of several the last.
    pub fn of_import(&self, import: Seq, symbol: SymbolIndex, start: Ts) -> Option<&Candle> {
        self.candles.get(&(symbol, start))?.iter().rfind(|candle| candle.import == import)
    }

    /// Every bar that an import brought, in no order.
    pub fn all_of_import(&self, import: Seq) -> impl Iterator<Item = (SymbolIndex, Ts, &Candle)> {
        self.candles.iter().filter_map(move |((symbol, start), candles)| {
            Some((*symbol, *start, candles.iter().rfind(|candle| candle.import == import)?))
        })
    }

    /// Whether a bar of an import is sound: two fetches that hold it lie `apart` nanoseconds apart or more, and from the
    /// earlier of them on every fetch gave the same.
    pub fn standing(&self, candle: &Candle, symbol: SymbolIndex, start: Ts, apart: i64) -> Standing {
        let Some(own) = self.fetched(candle.import) else { return Standing::Sound };
        let all = self.candles.get(&(symbol, start)).map_or(&[][..], Vec::as_slice);
        let fetches = || {
            let others = all.iter().filter(|other| other.import != candle.import);
            others.filter_map(|other| Some((self.fetched(other.import)?, &other.values)))
        };
        let is_apart = |at: Ts| at.get().saturating_sub(own.get()).saturating_abs() >= apart;
        let Some(second) = fetches().map(|(at, _)| at).filter(|at| is_apart(*at)).max() else {
            let first = fetches().map(|(at, _)| at).chain([own]).min().unwrap_or(own);
            return Standing::Once { again_from: Ts::new(first.get().saturating_add(apart)) };
        };
        let since = second.min(own);
        if fetches().any(|(at, values)| at >= since && *values != candle.values) {
            return Standing::Revised;
        }
        Standing::Sound
    }
}
