//! An answer of the broker onto the tape: an import with its candles as bars from outside.

use std::collections::BTreeSet;

use barkeep_schemas::{
    BarOrigin, FileKind, Hash32, ImportFinished, ImportStarted, Input, Instrument, InstrumentId, NANOS, OutsideBar,
    Seq, SessionDate, SourceFile, Timeframe, Ts,
};
use barkeep_zerodha::rest::{Candle, Historical, Interval};

use super::{Chunk, Held};
use crate::orchestrator::door::{Door, DoorError};

/// IST is five and a half hours ahead of UTC.
const IST_SECS: i64 = 19_800;

/// An answer and what it is about.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked for.
    pub chunk: Chunk,
    /// What the symbol is listed as where the open segment does not know it; its number does not matter.
    pub instrument: Instrument,
    /// What came.
    pub historical: Historical,
}

/// What answers have added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Added {
    /// Candles on the tape.
    pub candles: u64,
    /// Candles that were refused: unreadable, of a day without a session, or off the minute.
    pub refused: u64,
    /// Days with a candle at least.
    pub days: u64,
    /// Days for which the broker has none.
    pub empty_days: u64,
}

impl Added {
    /// Counts another one's to this.
    pub const fn add(&mut self, other: &Self) {
        self.candles += other.candles;
        self.refused += other.refused;
        self.days += other.days;
        self.empty_days += other.empty_days;
    }
}

/// What an import of this module asked for: the mapping on the tape, readable again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Covered<'a> {
    pub(super) symbol: &'a str,
    pub(super) from: SessionDate,
    pub(super) to: SessionDate,
}

/// What a mapping of this module begins with.
const MAPPING: &str = "kite historical minute";

impl<'a> Covered<'a> {
    fn text(&self) -> String {
        let Self { symbol, from, to } = self;
        format!("{MAPPING} {from} {to} {symbol}")
    }

    pub(super) fn parse(mapping: &'a str) -> Option<Self> {
        let mut parts = mapping.strip_prefix(MAPPING)?.strip_prefix(' ')?.splitn(3, ' ');
        let (from, to) = (SessionDate::parse(parts.next()?)?, SessionDate::parse(parts.next()?)?);
        Some(Self { symbol: parts.next().filter(|symbol| !symbol.is_empty())?, from, to })
    }
}

/// Adds an answer; of days that are there it adds nothing. It is durable when the door is closed.
///
/// # Errors
/// [`DoorError`] when the tape cannot be written.
pub fn record(door: &mut Door, held: &Held, answer: &Answer) -> Result<Added, DoorError> {
    let Answer { chunk, instrument, historical } = answer;
    let covered = Covered { symbol: &instrument.symbol, from: chunk.from, to: chunk.to };
    let id = id(&covered, historical);
    if door.standing()?.segment.is_none() {
        door.begin_segment(chunk.from)?;
    }
    let interval = Interval::Minute.name();
    let import = door.place(Input::ImportStarted(Box::new(ImportStarted {
        id,
        kind: FileKind::Bars,
        files: vec![SourceFile {
            name: format!("historical/{}/{interval}", instrument.token),
            hash: historical.hash,
            bytes: historical.bytes,
        }],
        mapping: covered.text(),
        fetched: None,
    })))?;
    let number = door.instrument(instrument.clone())?;
    let mut added = Added { refused: historical.refused.len() as u64, ..Added::default() };
    let (mut days, mut rows) = (BTreeSet::new(), added.refused);
    let (mut duplicates, mut steps_back) = (0, 0);
    let mut before: Option<&Candle> = None;
    for candle in &historical.candles {
        let date = ist_date(candle.start);
        let is_minute = candle.start.get() % (60 * NANOS) == 0;
        if is_minute && (chunk.from..=chunk.to).contains(&date) && held.has(chunk.symbol, date) {
            // It was asked for because days on both sides of it are missing.
            continue;
        }
        rows += 1;
        if !is_minute || chunk.days.binary_search(&date).is_err() {
            added.refused += 1;
            continue;
        }
        duplicates += u64::from(before == Some(candle));
        steps_back += u64::from(before.is_some_and(|before| candle.start < before.start));
        before = Some(candle);
        days.insert(date);
        added.candles += 1;
        door.input(Input::OutsideBar(bar(candle, date, number, import)))?;
    }
    added.days = days.len() as u64;
    added.empty_days = (chunk.days.len() - days.len()) as u64;
    let (accepted, rejected) = (added.candles, added.refused);
    let finished = ImportFinished { id, rows, accepted, rejected, duplicates, steps_back, volume_falls: 0 };
    door.input(Input::ImportFinished(Box::new(finished)))?;
    Ok(added)
}

fn bar(candle: &Candle, session_date: SessionDate, instrument: InstrumentId, import: Seq) -> OutsideBar {
    OutsideBar {
        origin: BarOrigin::Broker,
        session_date,
        instrument,
        tf: Timeframe::M1,
        start: candle.start,
        open: candle.open,
        high: candle.high,
        low: candle.low,
        close: candle.close,
        volume: candle.volume,
        import,
    }
}

/// The same answer to the same question has the same id.
fn id(covered: &Covered<'_>, historical: &Historical) -> Hash32 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"barkeep backfill 1\0");
    hasher.update(covered.text().as_bytes());
    hasher.update(&historical.hash.0);
    Hash32(*hasher.finalize().as_bytes())
}

fn ist_date(ts: Ts) -> SessionDate {
    SessionDate(ts.secs().saturating_add(IST_SECS).div_euclid(86_400) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_read_back_from_the_tape() {
        let (from, to) = (SessionDate(20_000), SessionDate(20_059));
        for symbol in ["INFY", "NIFTY 50", "M&M", "BSE:SENSEX"] {
            let covered = Covered { symbol, from, to };
            assert_eq!(Covered::parse(&covered.text()), Some(covered), "{symbol}");
        }
        for mapping in ["", "time=ts", "kite historical minute", "kite historical minute 2026-01-01 2026-01-02", "kite"]
        {
            assert_eq!(Covered::parse(mapping), None, "{mapping}");
        }
    }
}
