//! Puts the events of a block into columns: sorts them onto their roads, has each section written, joins the sections.
//!
//! Never fails and never changes an event. Called by whoever writes blocks; [`super::decode`] is the way back.

use barkeep_schemas::{Derived, Event, Input, Seq, Tick};

use super::bar_writer::BarWriter;
use super::column_writer::ColumnWriter;
use super::depth::DepthWriter;
use super::kinds::{Kinds, Road};
use super::marks::MarkWriter;
use super::tick_writer::TickWriter;
use super::{LAYOUT, SECTIONS};
use crate::framed::put_framed;

/// Encodes payloads one after the other and reuses its memory.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    writer: ColumnWriter,
    ticks: TickWriter,
    depths: DepthWriter,
    bars: BarWriter,
    marks: MarkWriter,
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the payload of these events, the first of which is at `first`.
    pub fn encode(&mut self, first: Seq, events: &[Event], out: &mut Vec<u8>) {
        let kinds = Kinds::of(events);
        self.gather(first, events, &kinds);
        let start = out.len();
        out.push(LAYOUT);
        out.extend((events.len() as u32).to_le_bytes());
        out.extend([0; SECTIONS * 4]);
        let directory = start + 5;
        for section in 0..SECTIONS {
            let from = out.len();
            self.put_section(section, &kinds, out);
            let bytes = (out.len() - from) as u32;
            if let Some(entry) = out.get_mut(directory + section * 4..).and_then(<[u8]>::first_chunk_mut) {
                *entry = bytes.to_le_bytes();
            }
        }
    }

    /// In the order of the directory.
    fn put_section(&mut self, section: usize, kinds: &Kinds, out: &mut Vec<u8>) {
        let writer = &mut self.writer;
        match section {
            0 => kinds.put(writer, out),
            1 => self.ticks.put(writer, out),
            2 => self.depths.put(writer, out),
            3 => self.bars.put(writer, out),
            4 => self.marks.put(writer, out),
            _ => out.extend_from_slice(&self.bytes),
        }
    }

    fn gather(&mut self, first: Seq, events: &[Event], kinds: &Kinds) {
        self.ticks.begin(kinds.count(Road::Ticks));
        self.depths.begin();
        self.bars.begin(first.0.wrapping_sub(1));
        self.marks.begin();
        self.bytes.clear();
        let (mut rest, mut seq) = (events, first.0);
        for run in &kinds.runs {
            let Some((now, later)) = rest.split_at_checked(run.count as usize) else { return };
            match run.road {
                Road::Ticks => self.extend_ticks(now),
                Road::Bars | Road::Marks | Road::Bytes => now.iter().for_each(|event| self.push(run.road, event)),
            }
            rest = later;
            seq = seq.wrapping_add(u64::from(run.count));
            if run.kind.is_input() {
                self.bars.after(seq.wrapping_sub(1));
            }
        }
    }

    fn extend_ticks(&mut self, events: &[Event]) {
        self.ticks.extend(events);
        for event in events {
            if let Event::Input(Input::Tick(Tick { depth: Some(depth), price, .. })) = event {
                self.depths.push(depth, *price);
            }
        }
    }

    #[inline]
    fn push(&mut self, road: Road, event: &Event) {
        match (road, event) {
            (Road::Bars, Event::Derived(Derived::Bar(bar))) => self.bars.push(bar),
            (Road::Marks, Event::Input(Input::ClockMark(mark))) => self.marks.push(mark),
            (Road::Ticks | Road::Bars | Road::Marks | Road::Bytes, Event::Input(_) | Event::Derived(_)) => {
                put_framed(event, &mut self.bytes);
            }
        }
    }
}
