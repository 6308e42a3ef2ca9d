//! Takes a payload apart: whole events in order, all or those that are wanted, or the columns of its ticks.
//!
//! Never unpacks a column that the question does not touch. Called by every reader of blocks.

use barkeep_schemas::{ClockMark, Derived, Event, EventKind, Input, InstrumentId, Seq, Tick, Timeframe};

use super::bar_reader::BarSection;
use super::cursor::Cursor;
use super::depth::DepthSection;
use super::error::ColumnsError;
use super::kinds::{Kinds, Road};
use super::tick_columns::{TickColumnSet, TickColumns};
use super::tick_reader::{Rows, TickSection};
use super::{LAYOUT, SECTIONS, marks, present};
use crate::filter::KindSet;

/// Takes payloads apart into events, with memory that it keeps from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    ticks: TickColumns,
    bars: BarSection,
}

impl Decoder {
    /// No memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`super::decode_filtered`], and of the bars only those of `tf`, where it is given.
    ///
    /// # Errors
    /// As there.
    pub fn decode_filtered(
        &mut self,
        first_seq: Seq,
        payload: &[u8],
        kinds: Option<KindSet>,
        instrument: Option<InstrumentId>,
        tf: Option<Timeframe>,
        out: &mut Vec<(Seq, Event)>,
    ) -> Result<u32, ColumnsError> {
        let payload = Payload::open(first_seq, payload)?;
        payload.events(kinds, instrument, tf, self, out)?;
        Ok(payload.count)
    }
}

/// Where the sections of a payload are.
pub(super) struct Payload<'a> {
    first: Seq,
    count: u32,
    kinds: Kinds,
    ticks: &'a [u8],
    depths: &'a [u8],
    bars: &'a [u8],
    marks: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Payload<'a> {
    pub(super) fn open(first: Seq, payload: &'a [u8]) -> Result<Self, ColumnsError> {
        let mut cursor = Cursor::new(payload);
        match cursor.u8()? {
            LAYOUT => {}
            layout => return Err(ColumnsError::Layout { layout }),
        }
        let count = cursor.u32()?;
        if first.0.checked_add(u64::from(count)).is_none() {
            return Err(ColumnsError::OutOfRange { what: "the first position", value: first.0 });
        }
        let mut lengths = [0; SECTIONS];
        for length in &mut lengths {
            *length = cursor.u32()? as usize;
        }
        let mut sections = [payload; SECTIONS];
        for (section, length) in sections.iter_mut().zip(lengths) {
            *section = cursor.slice(length)?;
        }
        cursor.end("sections")?;
        let [kinds, ticks, depths, bars, marks, bytes] = sections;
        let kinds = Kinds::take(Cursor::new(kinds), count, payload.len())?;
        for (road, section, name) in
            [(Road::Ticks, ticks, "ticks"), (Road::Bars, bars, "bars"), (Road::Marks, marks, "clock marks")]
        {
            if kinds.count(road) == 0 {
                Cursor::new(section).end(name)?;
            }
        }
        Ok(Self { first, count, kinds, ticks, depths, bars, marks, bytes })
    }

    /// Fills the wanted columns of the ticks, all or those of one instrument.
    pub(super) fn ticks(
        &self,
        instrument: Option<InstrumentId>,
        set: TickColumnSet,
        out: &mut TickColumns,
    ) -> Result<usize, ColumnsError> {
        let count = self.kinds.count(Road::Ticks);
        if self.kinds.runs.iter().any(|run| run.kind == EventKind::Tick && run.road != Road::Ticks) {
            return Err(ColumnsError::Count { what: "ticks outside columns", count: count as u64 });
        }
        let places = match instrument {
            _ if count == 0 => Some((Vec::new(), 0)),
            None => None,
            Some(instrument) => Some(self.places(instrument, count, out)?),
        };
        if places.as_ref().is_some_and(|(places, _)| places.is_empty()) {
            out.keep(TickColumnSet::EMPTY);
            return Ok(0);
        }
        let section = TickSection::take(Cursor::new(self.ticks), count)?;
        let rows = places.as_ref().map_or(Rows::All, |(places, number)| Rows::Of(places, *number));
        section.decode(rows, set, out)?;
        if set.contains(TickColumnSet::SEQ) {
            out.seq.clear();
            for (start, count, _) in self.kinds.runs_of(Road::Ticks, self.first) {
                out.seq.extend(start..start + u64::from(count));
            }
            if let Some((places, _)) = &places {
                let seqs = places.iter().filter_map(|place| out.seq.get(*place as usize).copied());
                out.seq = seqs.collect();
            }
        }
        out.keep(set);
        Ok(places.map_or(count, |(places, _)| places.len()))
    }

    /// The places of an instrument's ticks among all ticks, and the number that it has in the section.
    fn places(
        &self,
        instrument: InstrumentId,
        count: usize,
        out: &mut TickColumns,
    ) -> Result<(Vec<u32>, u32), ColumnsError> {
        let section = TickSection::take(Cursor::new(self.ticks), count)?;
        let Ok(number) = section.ids.binary_search(&instrument.0) else { return Ok((Vec::new(), 0)) };
        Ok((section.places_of(number as u32, &mut out.work)?, number as u32))
    }

    /// Appends the wanted events in order.
    fn events(
        &self,
        kinds: Option<KindSet>,
        instrument: Option<InstrumentId>,
        tf: Option<Timeframe>,
        memory: &mut Decoder,
        out: &mut Vec<(Seq, Event)>,
    ) -> Result<(), ColumnsError> {
        let wanted = |kind: EventKind| kinds.is_none_or(|kinds| kinds.contains(kind));
        let about_one = instrument.is_some();
        let mut ticks = if wanted(EventKind::Tick) { Ticks::take(self, instrument, &mut memory.ticks)? } else { None };
        let mut bars = if wanted(EventKind::Bar) { Bars::take(self, instrument, tf, &mut memory.bars)? } else { None };
        let marked = wanted(EventKind::ClockMark) && !about_one;
        let marks = if marked { self.marks()? } else { Vec::new() };
        let mut marks = marks.into_iter();
        let mut bytes = Cursor::new(self.bytes);
        let mut seq = self.first.0;
        for run in &self.kinds.runs {
            let seqs = seq..seq + u64::from(run.count);
            seq = seqs.end;
            match run.road {
                Road::Ticks => {
                    if let Some(ticks) = &mut ticks {
                        ticks.emit(seqs, out)?;
                    }
                }
                Road::Bars => {
                    if let Some(bars) = &mut bars {
                        bars.emit(seqs, out);
                    }
                }
                Road::Marks if marked => {
                    let run = seqs.zip(marks.by_ref());
                    out.extend(run.map(|(seq, mark)| (Seq(seq), Event::Input(Input::ClockMark(mark)))));
                }
                Road::Marks => {}
                Road::Bytes => {
                    for seq in seqs {
                        let length = bytes.u32()? as usize;
                        let event = bytes.slice(length)?;
                        if wanted(run.kind) {
                            let event = decode_bytes(Seq(seq), run.kind, event)?;
                            if (!about_one || event.instrument() == instrument) && is_of(tf, &event) {
                                out.push((Seq(seq), event));
                            }
                        }
                    }
                }
            }
        }
        bytes.end("canonical bytes")
    }

    fn marks(&self) -> Result<Vec<ClockMark>, ColumnsError> {
        match self.kinds.count(Road::Marks) {
            0 => Ok(Vec::new()),
            count => marks::take(Cursor::new(self.marks), count),
        }
    }
}

fn decode_bytes(seq: Seq, kind: EventKind, bytes: &[u8]) -> Result<Event, ColumnsError> {
    let event = Event::decode(bytes).map_err(|source| ColumnsError::Event { seq, source })?;
    match event.kind() {
        found if found == kind => Ok(event),
        found => Err(ColumnsError::Kind { seq, code: found.code() }),
    }
}

/// The wanted ticks of a payload, taken run by run.
struct Ticks<'m> {
    columns: &'m TickColumns,
    /// Whether some tick has a depth.
    deep: bool,
    depths: DepthSection,
    /// The place of each wanted tick among all ticks, and of its depth among all depths; `None` when all are wanted.
    places: Option<Vec<u32>>,
    depth_places: Option<Vec<u32>>,
    /// Ticks passed by, rows taken, depths taken.
    passed: usize,
    row: usize,
    depth: usize,
}

impl<'m> Ticks<'m> {
    fn take(
        payload: &Payload<'_>,
        instrument: Option<InstrumentId>,
        columns: &'m mut TickColumns,
    ) -> Result<Option<Self>, ColumnsError> {
        let count = payload.kinds.count(Road::Ticks);
        if count == 0 {
            return Ok(None);
        }
        let section = TickSection::take(Cursor::new(payload.ticks), count)?;
        let mut places = None;
        let mut depth_places = None;
        let rows = match instrument {
            None => Rows::All,
            Some(instrument) => {
                let Ok(number) = section.ids.binary_search(&instrument.0) else { return Ok(None) };
                let matching = section.places_of(number as u32, &mut columns.work)?;
                if matching.is_empty() {
                    return Ok(None);
                }
                depth_places = Some(section.present.places(present::DEPTH, &matching));
                Rows::Of(places.insert(matching), number as u32)
            }
        };
        let set = section.held();
        section.decode(rows, set, columns)?;
        columns.keep(set);
        let deep = section.present.count(present::DEPTH) > 0;
        let depths = match section.present.count(present::DEPTH) {
            0 => DepthSection::NONE,
            _ if depth_places.as_ref().is_some_and(Vec::is_empty) => DepthSection::NONE,
            count => DepthSection::take(Cursor::new(payload.depths), count)?,
        };
        Ok(Some(Self { columns, deep, depths, places, depth_places, passed: 0, row: 0, depth: 0 }))
    }

    /// Appends the wanted ticks of the next run, which has these positions.
    fn emit(&mut self, seqs: core::ops::Range<u64>, out: &mut Vec<(Seq, Event)>) -> Result<(), ColumnsError> {
        let start = self.passed;
        self.passed += (seqs.end - seqs.start) as usize;
        if self.places.is_none() && !self.deep {
            self.columns.events(self.row, seqs, out);
            self.row = self.passed;
            return Ok(());
        }
        loop {
            let place = match &self.places {
                None => self.row,
                Some(places) => places.get(self.row).map_or(usize::MAX, |place| *place as usize),
            };
            if place >= self.passed {
                return Ok(());
            }
            let Some(tick) = self.tick()? else { return Ok(()) };
            self.row += 1;
            out.push((Seq(seqs.start + (place - start) as u64), Event::Input(Input::Tick(tick))));
        }
    }

    fn tick(&mut self) -> Result<Option<Tick>, ColumnsError> {
        let Some(mut tick) = self.columns.tick(self.row) else {
            return Ok(None);
        };
        if self.columns.present.get(self.row).is_some_and(|present| present & present::DEPTH != 0) {
            let place = match &self.depth_places {
                None => self.depth,
                Some(places) => places.get(self.depth).map_or(usize::MAX, |place| *place as usize),
            };
            self.depth += 1;
            tick.depth = Some(Box::new(self.depths.depth(place, tick.price)?));
        }
        Ok(Some(tick))
    }
}

/// Whether an event is none of the engine's bars, or one of a timeframe.
fn is_of(tf: Option<Timeframe>, event: &Event) -> bool {
    match event {
        Event::Derived(Derived::Bar(bar)) => tf.is_none_or(|tf| bar.tf == tf),
        Event::Derived(_) | Event::Input(_) => true,
    }
}

/// The bars of a payload, taken run by run.
struct Bars<'m> {
    section: &'m BarSection,
    instrument: Option<InstrumentId>,
    tf: Option<Timeframe>,
    row: usize,
}

impl<'m> Bars<'m> {
    fn take(
        payload: &Payload<'_>,
        instrument: Option<InstrumentId>,
        tf: Option<Timeframe>,
        section: &'m mut BarSection,
    ) -> Result<Option<Self>, ColumnsError> {
        let count = payload.kinds.count(Road::Bars);
        if count == 0 {
            return Ok(None);
        }
        if let Some(instrument) = instrument
            && !BarSection::may_hold(Cursor::new(payload.bars), count, instrument)?
        {
            return Ok(None);
        }
        if let Some(tf) = tf
            && !section.holds(Cursor::new(payload.bars), count, tf)?
        {
            return Ok(None);
        }
        let runs = payload.kinds.runs_of(Road::Bars, payload.first);
        section.read(Cursor::new(payload.bars), count, payload.first, runs)?;
        Ok(Some(Self { section, instrument, tf, row: 0 }))
    }

    /// Appends the wanted bars of the next run, which has these positions.
    fn emit(&mut self, seqs: core::ops::Range<u64>, out: &mut Vec<(Seq, Event)>) {
        if self.instrument.is_none() && self.tf.is_none() {
            let row = self.row;
            self.row += (seqs.end - seqs.start) as usize;
            return self.section.events(row, seqs, out);
        }
        for seq in seqs {
            let is_wanted = self.instrument.is_none_or(|wanted| self.section.instrument(self.row) == Some(wanted))
                && self.tf.is_none_or(|wanted| self.section.tf(self.row) == Some(wanted));
            if is_wanted && let Some(bar) = self.section.bar(self.row) {
                out.push((Seq(seq), Event::Derived(Derived::Bar(bar))));
            }
            self.row += 1;
        }
    }
}
