//! The values of the tape's tables: rows with their headers, canonical payloads and columns.
//!
//! The first byte chooses how far the input is trusted: as a whole value with its checksums, as one whose checksums are
//! made to fit, or as a payload alone, so that the fuzzer need not find a CRC-32.

use barkeep_schemas::{Event, EventKind, Input, InstrumentId, Seq, Tick};
use barkeep_storage::columns::{TickColumnSet, TickColumns, decode, decode_filtered, decode_ticks, encode};
use barkeep_storage::row::{Damage, Encoding, RowHeader, RowVersion};
use barkeep_storage::{Filter, KindSet};

use crate::bytes::Bytes;

/// The events of a payload that are of the wanted kinds.
fn events(header: &RowHeader, payload: &[u8], kinds: Option<KindSet>) -> Result<Vec<(Seq, Event)>, Damage> {
    let mut out = Vec::new();
    barkeep_storage::row::events(header, payload, &Filter { kinds, ..Filter::ALL }, &mut out).map(|()| out)
}

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    match bytes.u8() % 4 {
        0 => value(bytes.rest()),
        1 => canonical(bytes),
        2 => columns(bytes),
        _ => value(&fitted(bytes.rest())),
    }
}

/// A value with the length and the checksums that its header should have; they are the header's last twelve bytes.
fn fitted(value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    let version = if value.first().is_some_and(|code| *code < 2) { RowVersion::Zero } else { RowVersion::One };
    if let Some((head, payload)) = value.split_at_mut_checked(version.header_bytes()) {
        let (fields, crc) = head.split_at_mut(version.header_bytes() - 4);
        let at = fields.len() - 8;
        fields[at..at + 4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        fields[at + 4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
        crc.copy_from_slice(&crc32fast::hash(fields).to_le_bytes());
    }
    value
}

/// A value as it stands.
fn value(value: &[u8]) {
    let Ok((header, payload)) = RowHeader::parse(value) else { return };
    if header.check(payload).is_ok() {
        let _ = events(&header, payload, None).map(|all| check_rows(&header, &all));
    }
}

/// A payload of canonical bytes.
fn canonical(mut bytes: Bytes<'_>) {
    let (count, first) = (u32::from(bytes.u8()), Seq(bytes.u64()));
    if first.0.checked_add(u64::from(count)).is_none() {
        return;
    }
    let payload = bytes.rest();
    let header = RowHeader {
        version: RowVersion::One,
        encoding: Encoding::Canonical,
        first,
        count,
        times: None,
        recv_times: None,
        kinds: EventKind::ALL.iter().copied().collect(),
        payload_bytes: payload.len() as u32,
        payload_crc: crc32fast::hash(payload),
    };
    let Ok(all) = events(&header, payload, None) else { return };
    check_rows(&header, &all);
    for kind in EventKind::ALL {
        let kinds: KindSet = [*kind].into_iter().collect();
        let of_kind = events(&header, payload, Some(kinds)).expect("what decodes whole decodes in part");
        assert!(of_kind.iter().eq(all.iter().filter(|(_, event)| event.kind() == *kind)), "{kind:?}");
    }
}

fn check_rows(header: &RowHeader, all: &[(Seq, Event)]) {
    assert_eq!(all.len(), header.count as usize);
    assert!(all.iter().zip(header.first.0..).all(|((seq, _), expected)| seq.0 == expected));
}

/// A payload of columns: read whole, in parts, as ticks alone, and written again.
fn columns(mut bytes: Bytes<'_>) {
    let (first, instrument) = (Seq(bytes.u64()), InstrumentId(bytes.u32()));
    let payload = bytes.rest();
    let whole = decode(first, payload);
    let mut ticks = TickColumns::new();
    let counted = decode_ticks(first, payload, TickColumnSet::ALL, &mut ticks);
    let mut about_one = Vec::new();
    let filtered = decode_filtered(first, payload, None, Some(instrument), &mut about_one);
    let Ok(all) = whole else { return };
    assert!(all.iter().zip(first.0..).all(|((seq, _), expected)| seq.0 == expected));

    filtered.expect("what decodes whole decodes in part");
    assert!(about_one.iter().eq(all.iter().filter(|(_, event)| event.instrument() == Some(instrument))));
    for kind in EventKind::ALL {
        let mut of_kind = Vec::new();
        let kinds: KindSet = [*kind].into_iter().collect();
        decode_filtered(first, payload, Some(kinds), None, &mut of_kind).expect("what decodes whole decodes in part");
        assert!(of_kind.iter().eq(all.iter().filter(|(_, event)| event.kind() == *kind)), "{kind:?}");
    }
    if counted.is_ok() {
        check_ticks(&all, &ticks);
    }
    let events: Vec<Event> = all.iter().map(|(_, event)| event.clone()).collect();
    let mut again = Vec::new();
    encode(first, &events, &mut again);
    assert_eq!(decode(first, &again).as_ref(), Ok(&all), "written and read again");
}

fn check_ticks(all: &[(Seq, Event)], columns: &TickColumns) {
    let ticks = all.iter().filter_map(|(seq, event)| match event {
        Event::Input(Input::Tick(tick)) => Some((*seq, tick)),
        Event::Input(_) | Event::Derived(_) => None,
    });
    let mut count = 0;
    for (row, (seq, tick)) in ticks.enumerate() {
        assert_eq!(columns.seq[row], seq.0);
        assert_eq!(row_of(columns, row), numbers_of(tick), "{tick:?}");
        count += 1;
    }
    assert_eq!(columns.price.len(), count);
}

fn row_of(columns: &TickColumns, row: usize) -> [i64; 11] {
    [
        i64::from(columns.instrument[row]),
        i64::from(columns.feed[row]),
        columns.ts[row],
        columns.recv[row],
        columns.price[row],
        columns.qty[row],
        columns.cum_volume[row],
        columns.bid[row],
        columns.ask[row],
        columns.last_trade[row],
        i64::from(columns.condition[row]),
    ]
}

fn numbers_of(tick: &Tick) -> [i64; 11] {
    [
        i64::from(tick.instrument.0),
        i64::from(tick.feed.0),
        tick.ts.get(),
        tick.recv.get(),
        tick.price.get(),
        tick.qty.map_or(0, |qty| qty.get()),
        tick.cum_volume.map_or(0, |qty| qty.get()),
        tick.bid.map_or(0, |price| price.get()),
        tick.ask.map_or(0, |price| price.get()),
        tick.last_trade.map_or(0, |ts| ts.get()),
        i64::from(tick.condition),
    ]
}
