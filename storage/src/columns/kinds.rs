//! The kind stream: for each event its kind and the road on which its fields lie, in order.
//!
//! Never holds a field of an event. Called first by encoding and by every decoding: it alone knows which position an
//! entry of a section has.

use barkeep_schemas::{Derived, Event, EventKind, Input, Seq};

use super::bar_writer;
use super::bits::width_of;
use super::column::Column;
use super::column_writer::ColumnWriter;
use super::cursor::{Cursor, put_varint};
use super::error::ColumnsError;
use super::{COLUMN_EVENTS_MAX, EVENT_BYTES_MIN};

/// The section that holds an event's fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Road {
    /// Canonical bytes.
    Bytes,
    /// Columns of ticks.
    Ticks,
    /// Columns of bars.
    Bars,
    /// Columns of clock marks.
    Marks,
}

impl Road {
    const ALL: [Self; 4] = [Self::Bytes, Self::Ticks, Self::Bars, Self::Marks];

    /// Position in [`Self::ALL`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Bytes => 0,
            Self::Ticks => 1,
            Self::Bars => 2,
            Self::Marks => 3,
        }
    }

    /// The road of an event. What columns cannot hold, or would hold badly, goes by canonical bytes.
    fn of(event: &Event) -> Self {
        match event {
            Event::Input(Input::Tick(_)) => Self::Ticks,
            Event::Derived(Derived::Bar(bar)) if bar_writer::fits(bar) => Self::Bars,
            Event::Input(Input::ClockMark(_)) => Self::Marks,
            Event::Input(_) | Event::Derived(_) => Self::Bytes,
        }
    }

    /// Whether events of this kind may take this road.
    const fn admits(self, kind: EventKind) -> bool {
        match self {
            Self::Bytes => true,
            Self::Ticks => matches!(kind, EventKind::Tick),
            Self::Bars => matches!(kind, EventKind::Bar),
            Self::Marks => matches!(kind, EventKind::ClockMark),
        }
    }
}

/// Events of one kind on one road, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) road: Road,
    pub(super) kind: EventKind,
    pub(super) count: u32,
}

/// All events of a payload as runs.
#[derive(Clone, Debug)]
pub(super) struct Kinds {
    pub(super) runs: Vec<Run>,
}

impl Kinds {
    /// Looks at every event.
    pub(super) fn of(events: &[Event]) -> Self {
        let only_bytes = events.len() > COLUMN_EVENTS_MAX;
        let of = |event: &Event| (if only_bytes { Road::Bytes } else { Road::of(event) }, event.kind());
        let runs = events.chunk_by(|one, next| of(one) == of(next)).map(|events| {
            let (road, kind) = events.first().map_or((Road::Bytes, EventKind::Tick), of);
            Run { road, kind, count: events.len() as u32 }
        });
        let runs = runs.collect();
        Self { runs }
    }

    /// Events on one road.
    pub(super) fn count(&self, road: Road) -> usize {
        self.runs.iter().filter(|run| run.road == road).map(|run| run.count as usize).sum()
    }

    /// The runs of one road, each with the position of its first event, its length, and the position of the last input
    /// between it and the run of that road before it.
    pub(super) fn runs_of(&self, road: Road, first: Seq) -> impl Iterator<Item = (u64, u32, Option<u64>)> {
        let (mut seq, mut input) = (first.0, None);
        self.runs.iter().filter_map(move |run| {
            let start = seq;
            seq += u64::from(run.count);
            if run.road == road {
                return Some((start, run.count, input.take()));
            }
            if run.kind.is_input() {
                input = Some(seq - 1);
            }
            None
        })
    }

    pub(super) fn put(&self, writer: &mut ColumnWriter, out: &mut Vec<u8>) {
        let mut entries: Vec<(Road, EventKind)> = Vec::new();
        let mut indexes = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            let entry = (run.road, run.kind);
            let index = entries.iter().position(|known| *known == entry).unwrap_or_else(|| {
                entries.push(entry);
                entries.len() - 1
            });
            indexes.push(index as u64);
        }
        put_varint(entries.len() as u64, out);
        entries.iter().for_each(|(road, kind)| out.extend([road.index() as u8, kind.code()]));
        let events: u64 = self.runs.iter().map(|run| u64::from(run.count)).sum();
        let longest = self.runs.iter().map(|run| run.count).max().unwrap_or(0);
        let width = u64::from(width_of(entries.len() as u64 - u64::from(!entries.is_empty())));
        if self.runs.len() as u64 * (width + u64::from(width_of(u64::from(longest)))) <= events * width + 64 {
            out.push(0);
            put_varint(self.runs.len() as u64, out);
            writer.put(&indexes, out);
            let lengths: Vec<u64> = self.runs.iter().map(|run| u64::from(run.count)).collect();
            writer.put(&lengths, out);
        } else {
            out.push(1);
            let each = self.runs.iter().zip(&indexes);
            let all: Vec<u64> =
                each.flat_map(|(run, index)| core::iter::repeat_n(*index, run.count as usize)).collect();
            writer.put(&all, out);
        }
    }

    /// Reads the kinds of `count` events of a payload of `bytes` bytes.
    pub(super) fn take(mut cursor: Cursor<'_>, count: u32, bytes: usize) -> Result<Self, ColumnsError> {
        let too_many = |what| ColumnsError::Count { what, count: u64::from(count) };
        if count as usize > COLUMN_EVENTS_MAX.max(bytes / EVENT_BYTES_MIN) {
            return Err(too_many("events"));
        }
        let entries = take_entries(&mut cursor)?;
        let runs = match cursor.u8()? {
            0 => take_runs(&mut cursor, &entries, count)?,
            1 => take_each(&mut cursor, &entries, count)?,
            form => return Err(ColumnsError::OutOfRange { what: "a kind stream's form", value: u64::from(form) }),
        };
        cursor.end("kinds")?;
        if runs.iter().map(|run| u64::from(run.count)).sum::<u64>() != u64::from(count) {
            return Err(too_many("events beside the lengths of their runs"));
        }
        if count as usize > COLUMN_EVENTS_MAX && runs.iter().any(|run| run.road != Road::Bytes) {
            return Err(too_many("events in columns"));
        }
        Ok(Self { runs })
    }
}

fn take_entries(cursor: &mut Cursor<'_>) -> Result<Vec<(Road, EventKind)>, ColumnsError> {
    let count = cursor.varint()?;
    if count > (EventKind::ALL.len() * Road::ALL.len()) as u64 {
        return Err(ColumnsError::Count { what: "kinds", count });
    }
    (0..count)
        .map(|_| {
            let (road, code) = (cursor.u8()?, cursor.u8()?);
            let kind = EventKind::from_code(code);
            let kind = kind.ok_or(ColumnsError::OutOfRange { what: "an event kind", value: u64::from(code) })?;
            let known = Road::ALL.get(usize::from(road)).copied().filter(|road| road.admits(kind));
            let road = known.ok_or(ColumnsError::OutOfRange { what: "a kind's road", value: u64::from(road) })?;
            Ok((road, kind))
        })
        .collect()
}

/// The run of the entry at `index`.
fn run(entries: &[(Road, EventKind)], index: u64, count: u32) -> Result<Run, ColumnsError> {
    let entry = usize::try_from(index).ok().and_then(|index| entries.get(index));
    let (road, kind) = *entry.ok_or(ColumnsError::OutOfRange { what: "a kind's index", value: index })?;
    Ok(Run { road, kind, count })
}

fn take_runs(cursor: &mut Cursor<'_>, entries: &[(Road, EventKind)], events: u32) -> Result<Vec<Run>, ColumnsError> {
    let count = cursor.varint()?;
    if count > u64::from(events) {
        return Err(ColumnsError::Count { what: "runs of kinds", count });
    }
    let (mut indexes, mut lengths) = (Vec::new(), Vec::new());
    Column::take(cursor, count as usize)?.values(&mut indexes)?;
    Column::take(cursor, count as usize)?.values(&mut lengths)?;
    let pairs = indexes.into_iter().zip(lengths);
    pairs
        .map(|(index, length)| match u32::try_from(length) {
            Ok(count @ 1..) => run(entries, index, count),
            Ok(0) | Err(_) => Err(ColumnsError::Count { what: "events of a run", count: length }),
        })
        .collect()
}

fn take_each(cursor: &mut Cursor<'_>, entries: &[(Road, EventKind)], events: u32) -> Result<Vec<Run>, ColumnsError> {
    let mut indexes = Vec::new();
    Column::take(cursor, events as usize)?.values(&mut indexes)?;
    let same = indexes.chunk_by(|one, next| one == next);
    same.map(|chunk| run(entries, chunk.first().copied().unwrap_or(0), chunk.len() as u32)).collect()
}
