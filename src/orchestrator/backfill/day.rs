//! One day of several instruments as the broker gives it now: one import, recorded anew each time it is asked for.
//!
//! What it never does: ask the broker, read a clock, or leave out what the tape holds already. Who calls it: `recon`.

use barkeep_schemas::{
    BarOrigin, FileKind, Hash32, ImportFinished, ImportStarted, Input, Instrument, NANOS, OutsideBar, Seq, SessionDate,
    SourceFile, Timeframe, Ts,
};
use barkeep_zerodha::rest::{Candle, Historical, Interval};

use crate::orchestrator::door::{Door, DoorError};

/// The broker's answer for one instrument.
#[derive(Clone, Debug)]
pub struct DayAnswer {
    /// What the symbol is listed as where the open segment does not know it; its number does not matter.
    pub instrument: Instrument,
    /// What came.
    pub historical: Historical,
}

/// The broker's day, before it is on the tape.
#[derive(Clone, Debug)]
pub struct BrokerDay {
    /// The date.
    pub date: SessionDate,
    /// First moment of the date.
    pub start: Ts,
    /// First moment after it.
    pub end: Ts,
    /// Timeframe of the candles.
    pub tf: Timeframe,
    /// When the last of the answers came, by this host's clock.
    pub fetched: Ts,
    /// An answer an instrument.
    pub answers: Vec<DayAnswer>,
}

/// What was put onto the tape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DayAdded {
    /// Where the `ImportStarted` lies.
    pub import: Seq,
    /// Candles.
    pub candles: u64,
    /// Candles that were refused: unreadable, of another day, or off the timeframe's grid of whole minutes.
    pub refused: u64,
}

/// The broker's name of a timeframe; it has none for seconds.
pub const fn interval(tf: Timeframe) -> Option<Interval> {
    match tf {
        Timeframe::S1 => None,
        Timeframe::M1 => Some(Interval::Minute),
        Timeframe::M3 => Some(Interval::Minutes3),
        Timeframe::M5 => Some(Interval::Minutes5),
        Timeframe::M15 => Some(Interval::Minutes15),
        Timeframe::M30 => Some(Interval::Minutes30),
        Timeframe::M60 => Some(Interval::Minutes60),
    }
}

/// Puts a day onto the tape as one import, each answer a file of it with its hash.
///
/// # Errors
/// [`DoorError`] when the tape cannot be written.
pub fn record_day(door: &mut Door, day: &BrokerDay) -> Result<DayAdded, DoorError> {
    if door.standing()?.segment.is_none() {
        door.begin_segment(day.date)?;
    }
    let name = interval(day.tf).map_or("none", Interval::name);
    let files = day.answers.iter().map(|answer| SourceFile {
        name: format!("historical/{}/{name}", answer.instrument.token),
        hash: answer.historical.hash,
        bytes: answer.historical.bytes,
    });
    let id = id(day, name);
    let import = door.place(Input::ImportStarted(Box::new(ImportStarted {
        id,
        kind: FileKind::Bars,
        files: files.collect(),
        mapping: format!("kite day {} {name}, {} instruments", day.date, day.answers.len()),
        fetched: Some(day.fetched),
    })))?;
    let mut done = nothing(id);
    for DayAnswer { instrument, historical } in &day.answers {
        let number = door.instrument(instrument.clone())?;
        done.rows += (historical.candles.len() + historical.refused.len()) as u64;
        done.rejected += historical.refused.len() as u64;
        let mut before: Option<&Candle> = None;
        for candle in &historical.candles {
            if !(day.start..day.end).contains(&candle.start) || candle.start.get() % (60 * NANOS) != 0 {
                done.rejected += 1;
                continue;
            }
            done.duplicates += u64::from(before == Some(candle));
            done.steps_back += u64::from(before.is_some_and(|before| candle.start < before.start));
            done.accepted += 1;
            before = Some(candle);
            door.input(Input::OutsideBar(OutsideBar {
                origin: BarOrigin::Broker,
                session_date: day.date,
                instrument: number,
                tf: day.tf,
                start: candle.start,
                open: candle.open,
                high: candle.high,
                low: candle.low,
                close: candle.close,
                volume: candle.volume,
                import,
            }))?;
        }
    }
    let (candles, refused) = (done.accepted, done.rejected);
    door.input(Input::ImportFinished(Box::new(done)))?;
    Ok(DayAdded { import, candles, refused })
}

const fn nothing(id: Hash32) -> ImportFinished {
    ImportFinished { id, rows: 0, accepted: 0, rejected: 0, duplicates: 0, steps_back: 0, volume_falls: 0 }
}

/// The same answers to the same questions have the same id, whenever they came.
fn id(day: &BrokerDay, interval: &str) -> Hash32 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"barkeep broker day 1\0");
    hasher.update(day.date.to_string().as_bytes());
    hasher.update(interval.as_bytes());
    for answer in &day.answers {
        hasher.update(&[0]);
        hasher.update(answer.instrument.symbol.as_bytes());
        hasher.update(&answer.historical.hash.0);
    }
    Hash32(*hasher.finalize().as_bytes())
}
