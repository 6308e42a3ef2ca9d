//! Rows of cells into checked ticks and bars.
//!
//! What it is: the judgement of whole rows, with the little memory that it needs: the latest time of the file, the last
//! row of each symbol, the bars seen. What it never does: read a file, or change the order of rows. Who calls it: a
//! reader, once for each row.

use std::collections::HashMap;

use barkeep_schemas::{FileKind, Price, Qty, Ts};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::cell::{Cell, Cells};
use super::clock::Clock;
use super::columns::{Columns, Slot};
use super::mapping::{Field, Radix, Unit};
use super::options::FileOptions;
use super::row::{BarRow, TickRow};
use super::symbol_reader::SymbolReader;
use super::symbols::{SymbolId, Symbols};
use super::value::{ValueError, flags, optional_qty, plain_price, plain_qty, price, qty, quote};
use super::zone::Zone;

/// Why a row gives no checked row.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The row is refused; `column` is from 0.
    Row { column: Option<usize>, why: String },
    /// The file is: its symbol column holds too many symbols.
    TooManySymbols { column: usize },
}

/// The cells of one row, with its place and what is known of its file.
struct Reading<'a, C> {
    cells: &'a C,
    clock: &'a mut Clock,
}

impl<C: Cells> Reading<'_, C> {
    #[inline]
    fn time(&mut self, slot: Slot) -> Result<Ts, Refusal> {
        let cell = self.cells.cell(slot.column);
        self.clock
            .moment(cell, slot.time_unit())
            .map_err(|error| Refusal::Row { column: Some(slot.column), why: error.why(&cell.text()) })
    }

    #[inline]
    fn value<T>(
        &self,
        field: Field,
        slot: Slot,
        read: impl FnOnce(Cell<'_>) -> Result<T, ValueError>,
    ) -> Result<T, Refusal> {
        let cell = self.cells.cell(slot.column);
        read(cell).map_err(|error| Refusal::Row { column: Some(slot.column), why: error.why(field, &cell.text()) })
    }

    #[inline]
    fn price(&self, field: Field, slot: Slot) -> Result<Price, Refusal> {
        match self.cells.word(slot.column).and_then(|word| plain_price(word, slot.divisor())) {
            Some(price) => Ok(price),
            None => self.any_price(field, slot),
        }
    }

    #[inline(never)]
    fn any_price(&self, field: Field, slot: Slot) -> Result<Price, Refusal> {
        self.value(field, slot, |cell| price(cell, slot.divisor()))
    }

    #[inline]
    fn quote(&self, field: Field, slot: Option<Slot>) -> Result<Option<Price>, Refusal> {
        let Some(slot) = slot else { return Ok(None) };
        match self.cells.word(slot.column).and_then(|word| plain_price(word, slot.divisor())) {
            Some(price) => Ok(Some(price)),
            None => self.any_quote(field, slot),
        }
    }

    #[inline(never)]
    fn any_quote(&self, field: Field, slot: Slot) -> Result<Option<Price>, Refusal> {
        self.value(field, slot, |cell| quote(cell, slot.divisor()))
    }

    #[inline]
    fn qty(&self, field: Field, slot: Option<Slot>) -> Result<Option<Qty>, Refusal> {
        let Some(slot) = slot else { return Ok(None) };
        match self.cells.word(slot.column).and_then(plain_qty) {
            Some(qty) => Ok(Some(qty)),
            None => self.any_qty(field, slot),
        }
    }

    #[inline(never)]
    fn any_qty(&self, field: Field, slot: Slot) -> Result<Option<Qty>, Refusal> {
        self.value(field, slot, optional_qty)
    }
}

/// Checks the rows of one file.
#[derive(Debug)]
pub(super) enum Checker {
    Ticks(Box<TickChecker>),
    Bars(Box<BarChecker>),
}

impl Checker {
    /// A checker for a file whose columns are bound; `None` when a required field is not (binding refuses that first).
    pub(super) fn new(columns: &Columns, options: &FileOptions) -> Option<Self> {
        let clock = Clock::new(Zone::new(options.zone.clone()), options.date);
        let symbol = SymbolReader::new(columns.symbol);
        Some(match options.kind {
            FileKind::Ticks => Self::Ticks(Box::new(TickChecker {
                clock,
                symbol,
                time: columns.get(Field::Time)?,
                recv: columns.get(Field::RecvTime),
                price: columns.get(Field::Price)?,
                qty: columns.get(Field::Qty),
                cum_volume: columns.get(Field::CumVolume),
                bid: columns.get(Field::Bid),
                ask: columns.get(Field::Ask),
                condition: columns.get(Field::Condition),
                max_step_back_ns: options.max_step_back_ns,
                latest: None,
                last: Vec::new(),
            })),
            FileKind::Bars => Self::Bars(Box::new(BarChecker {
                clock,
                symbol,
                time: columns.get(Field::Time)?,
                open: columns.get(Field::Open)?,
                high: columns.get(Field::High)?,
                low: columns.get(Field::Low)?,
                close: columns.get(Field::Close)?,
                volume: columns.get(Field::Volume)?,
                seen: HashMap::new(),
            })),
        })
    }
}

/// Checks ticks. It remembers the latest time of the file and the last row of each symbol.
#[derive(Debug)]
pub(super) struct TickChecker {
    clock: Clock,
    symbol: SymbolReader,
    time: Slot,
    recv: Option<Slot>,
    price: Slot,
    qty: Option<Slot>,
    cum_volume: Option<Slot>,
    bid: Option<Slot>,
    ask: Option<Slot>,
    condition: Option<Slot>,
    max_step_back_ns: i64,
    /// The latest time so far and the line that set it.
    latest: Option<(Ts, u64)>,
    /// The last accepted row of each symbol.
    last: Vec<Option<TickRow>>,
}

impl TickChecker {
    /// Writes the checked row into `tick`; where the row is refused, what that holds is of no meaning.
    #[inline]
    pub(super) fn check(
        &mut self,
        line: u64,
        cells: &impl Cells,
        symbols: &mut Symbols,
        tick: &mut TickRow,
    ) -> Result<(), Refusal> {
        let mut row = Reading { cells, clock: &mut self.clock };
        tick.line = line;
        tick.ts = row.time(self.time)?;
        tick.recv = match self.recv {
            Some(slot) if !matches!(cells.cell(slot.column), Cell::Absent | Cell::Text([])) => Some(row.time(slot)?),
            Some(_) | None => None,
        };
        tick.qty = row.qty(Field::Qty, self.qty)?;
        tick.cum_volume = row.qty(Field::CumVolume, self.cum_volume)?;
        tick.condition = match self.condition {
            Some(slot) => row.value(Field::Condition, slot, |cell| flags(cell, radix(slot)))?,
            None => 0,
        };
        tick.price = row.price(Field::Price, self.price)?;
        tick.bid = row.quote(Field::Bid, self.bid)?;
        tick.ask = row.quote(Field::Ask, self.ask)?;
        tick.step_back = self.steps_back(tick)?;
        tick.symbol = self.symbol.read(cells, symbols)?;
        if !tick.step_back {
            self.latest = self.latest.filter(|(latest, _)| *latest == tick.ts).or(Some((tick.ts, line)));
        }
        tick.duplicate = self.remember(tick);
        Ok(())
    }

    /// Whether the row is before the latest time of the file; refused when it is too far before.
    #[inline]
    fn steps_back(&self, tick: &TickRow) -> Result<bool, Refusal> {
        let Some((latest, line)) = self.latest else { return Ok(false) };
        let back = latest.get().saturating_sub(tick.ts.get());
        if back <= self.max_step_back_ns {
            return Ok(back > 0);
        }
        Err(self.too_far_back(tick, back, latest, line))
    }

    #[cold]
    fn too_far_back(&self, tick: &TickRow, back: i64, latest: Ts, line: u64) -> Refusal {
        Refusal::Row {
            column: Some(self.time.column),
            why: format!(
                "the time {} is {} s before the latest so far, {} in line {line}; at most {} s are taken: if line \
                 {line} is wrong, remove it, otherwise sort the file by time",
                ist(tick.ts),
                seconds(back),
                ist(latest),
                seconds(self.max_step_back_ns),
            ),
        }
    }

    /// Takes the row as its symbol's last and says whether it repeats the one before.
    #[inline]
    fn remember(&mut self, tick: &TickRow) -> bool {
        let at = tick.symbol.index();
        if self.last.len() <= at {
            self.last.resize(at + 1, None);
        }
        let Some(last) = self.last.get_mut(at) else { return false };
        let duplicate = last.as_ref().is_some_and(|last| same_values(last, tick));
        *last = Some(*tick);
        duplicate
    }
}

fn same_values(a: &TickRow, b: &TickRow) -> bool {
    (a.ts, a.price, a.qty, a.cum_volume) == (b.ts, b.price, b.qty, b.cum_volume)
        && (a.recv, a.bid, a.ask, a.condition) == (b.recv, b.bid, b.ask, b.condition)
}

/// Checks bars. It remembers the start of each bar of the file, to refuse a second one.
#[derive(Debug)]
pub(super) struct BarChecker {
    clock: Clock,
    symbol: SymbolReader,
    time: Slot,
    open: Slot,
    high: Slot,
    low: Slot,
    close: Slot,
    volume: Slot,
    /// The line of each bar seen.
    seen: HashMap<(SymbolId, Ts), u64>,
}

impl BarChecker {
    pub(super) fn check(&mut self, line: u64, cells: &impl Cells, symbols: &mut Symbols) -> Result<BarRow, Refusal> {
        let mut row = Reading { cells, clock: &mut self.clock };
        let start = row.time(self.time)?;
        let mut bar = BarRow {
            line,
            symbol: SymbolId::default(),
            start,
            open: row.price(Field::Open, self.open)?,
            high: row.price(Field::High, self.high)?,
            low: row.price(Field::Low, self.low)?,
            close: row.price(Field::Close, self.close)?,
            volume: row.value(Field::Volume, self.volume, qty)?,
        };
        self.in_range(&bar)?;
        bar.symbol = self.symbol.read(cells, symbols)?;
        if let Some(first) = self.seen.get(&(bar.symbol, start)) {
            return Err(Refusal::Row {
                column: Some(self.time.column),
                why: format!(
                    "line {first} already holds the bar of this symbol that starts at {}; keep one of the two",
                    ist(start)
                ),
            });
        }
        self.seen.insert((bar.symbol, start), line);
        Ok(bar)
    }

    /// Low <= open, close <= high.
    fn in_range(&self, bar: &BarRow) -> Result<(), Refusal> {
        let (low, high) = (bar.low, bar.high);
        let refuse = |slot: Slot, what: &str, value: Price| {
            Err(Refusal::Row {
                column: Some(slot.column),
                why: format!(
                    "the {what} {value} is outside low {low} to high {high}; low <= open, close <= high was expected, \
                     are the columns mapped rightly?"
                ),
            })
        };
        if !(low..=high).contains(&bar.open) {
            refuse(self.open, "open", bar.open)
        } else if !(low..=high).contains(&bar.close) {
            refuse(self.close, "close", bar.close)
        } else {
            Ok(())
        }
    }
}

fn radix(slot: Slot) -> Radix {
    if let Unit::Flags(radix) = slot.unit { radix } else { Radix::Decimal }
}

fn ist(ts: Ts) -> String {
    /// India is this far east of Greenwich, seconds.
    const IST: i32 = 19_800;
    let zone = Offset::from_seconds(IST).map(TimeZone::fixed);
    let at = Timestamp::from_nanosecond(i128::from(ts.get()));
    at.and_then(|at| zone.map(|zone| at.to_zoned(zone).strftime("%F %T%.f IST").to_string()))
        .unwrap_or_else(|_| format!("{ts:?}"))
}

/// Nanoseconds as seconds for people, without trailing zeros.
fn seconds(ns: i64) -> String {
    let text = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
