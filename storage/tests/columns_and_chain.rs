//! The tape read column by column, filters through the index, and the chain, each against the plain pass over events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use barkeep_schemas::{Event, EventKind, Hash32, Input, InstrumentId, Seq, Tick, Ts};
use barkeep_storage::chain::Chain;
use barkeep_storage::columns::{TickColumnSet, TickColumns};
use barkeep_storage::{DataDir, Filter, Tape, Writer};
use support::{DAY, T0, data_dir, event_at, events, timeless};

/// Two segments: one sealed, one with blocks and a tail.
fn tape() -> (tempfile::TempDir, DataDir) {
    let (temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    for (first, count) in [(1, 9_000), (9_001, 11_111)] {
        writer.begin_segment(DAY).unwrap();
        for batch in events(first, count).chunks(1_234) {
            writer.commit(batch).unwrap();
        }
    }
    writer.close().unwrap();
    (temp, dir)
}

/// The ticks of a scan as (seq, tick), by their events.
fn plain(tape: &Tape, from: u64, to: u64, filter: &Filter) -> Vec<(u64, Tick)> {
    let events = tape.scan(Seq(from), Some(Seq(to)), &Filter::ALL).map(Result::unwrap);
    let ticks = events.filter(|(_, event)| filter.admits(event)).filter_map(|(seq, event)| match event {
        Event::Input(Input::Tick(tick)) => Some((seq.0, tick)),
        Event::Input(_) | Event::Derived(_) => None,
    });
    ticks.collect()
}

#[test]
fn columns_hold_what_events_hold() {
    let (_temp, dir) = tape();
    let tape = Tape::open(&dir).unwrap();
    let (early, late) = (Ts::new(T0 + 3_000_000_000), Ts::new(T0 + 12_345_000_000));
    for filter in [
        Filter::ALL,
        Filter { instrument: Some(InstrumentId(17)), ..Filter::ALL },
        Filter { instrument: Some(InstrumentId(999)), ..Filter::ALL },
        Filter { from: Some(early), until: Some(late), ..Filter::ALL },
        Filter { from: Some(early), instrument: Some(InstrumentId(2)), ..Filter::ALL },
    ] {
        for (from, to) in [(1, 20_111), (77, 77), (4_000, 9_500), (8_999, 9_002), (15_000, 30_000), (500, 400)] {
            let expected = plain(&tape, from, to, &filter);
            let mut scan = tape.scan_ticks(Seq(from), Some(Seq(to)), TickColumnSet::ALL, &filter);
            let (mut columns, mut at) = (TickColumns::new(), 0);
            while let Some(count) = scan.next_batch(&mut columns).unwrap() {
                for row in 0..count {
                    let (seq, tick) = &expected[at + row];
                    assert_eq!(columns.seq[row], *seq);
                    assert_eq!(columns.instrument[row], tick.instrument.0);
                    assert_eq!((columns.ts[row], columns.recv[row]), (tick.ts.get(), tick.recv.get()));
                    assert_eq!(columns.price[row], tick.price.get());
                    assert_eq!(columns.qty[row], tick.qty.map_or(0, |qty| qty.get()));
                    assert_eq!(columns.present[row] & TickColumns::HAS_QTY != 0, tick.qty.is_some());
                    assert_eq!(columns.cum_volume[row], tick.cum_volume.map_or(0, |volume| volume.get()));
                    assert_eq!(columns.bid[row], tick.bid.map_or(0, |bid| bid.get()));
                    assert_eq!(columns.ask[row], tick.ask.map_or(0, |ask| ask.get()));
                }
                assert_eq!(columns.ask.len(), count);
                at += count;
            }
            assert_eq!(at, expected.len(), "{filter:?} {from}..={to}");
            let mut scan = tape.scan_ticks(Seq(from), Some(Seq(to)), TickColumnSet::PRICE, &filter);
            let mut prices = Vec::new();
            while let Some(count) = scan.next_batch(&mut columns).unwrap() {
                assert_eq!((columns.price.len(), columns.seq.len(), columns.ts.len()), (count, 0, 0));
                prices.extend_from_slice(&columns.price);
            }
            assert!(prices.iter().eq(expected.iter().map(|(_, tick)| tick.price.get()).collect::<Vec<_>>().iter()));
        }
    }
}

#[test]
fn batches_of_a_scan_are_its_events() {
    let (_temp, dir) = tape();
    let tape = Tape::open(&dir).unwrap();
    let mut scan = tape.scan(Seq(100), Some(Seq(15_000)), &Filter::ALL);
    assert_eq!(scan.next().unwrap().unwrap(), (Seq(100), event_at(100)));
    let (mut batch, mut next) = (Vec::new(), 101);
    while scan.next_batch(&mut batch).unwrap() {
        for (seq, event) in &batch {
            assert_eq!((*seq, event), (Seq(next), &event_at(next)));
            next += 1;
        }
    }
    assert_eq!(next, 15_001);
    assert!(!scan.next_batch(&mut batch).unwrap() && batch.is_empty());
}

#[test]
fn a_rare_kind_and_a_rare_instrument_are_found_through_the_index() {
    let (_temp, dir) = data_dir();
    let mut all = events(1, 60_000);
    all[31_234] = timeless();
    let rare = Event::Input(Input::Tick(Tick { instrument: InstrumentId(5_000), ..support::tick(4, Ts::new(T0)) }));
    all[45_678] = rare.clone();
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    writer.commit(&all).unwrap();
    let tape = Tape::open(&dir).unwrap();
    let found = |filter: &Filter| tape.scan(Seq(1), None, filter).map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(found(&Filter::kinds([EventKind::SessionClosed])), [(Seq(31_235), timeless())]);
    let filter = Filter { instrument: Some(InstrumentId(5_000)), ..Filter::ALL };
    assert_eq!(found(&filter), [(Seq(45_679), rare)]);
}

#[test]
fn the_chain_is_the_same_from_scratch_from_the_index_and_in_the_next_segment() {
    let (_temp, dir) = tape();
    let tape = Tape::open(&dir).unwrap();
    let mut chain = Chain::new(Seq(1), Hash32::default());
    for (first, count) in [(1_u64, 9_000_u64), (9_001, 11_111)] {
        for seq in first..first + count {
            chain.extend(&[event_at(seq)], |_, _| {});
            if seq % 512 < 2 || seq + 2 > first + count {
                assert_eq!(tape.chain_at(Seq(seq)).unwrap(), Some(chain.hash_at_end()), "at {seq}");
            }
        }
        chain = Chain::new(Seq(first + count), chain.hash_at_end());
    }
    assert_eq!(tape.chain_at(Seq(20_112)).unwrap(), None);
    let writer = Writer::open(&dir, "test").unwrap();
    assert_eq!(Some(writer.chain_hash()), tape.chain_at(Seq(20_111)).unwrap());
}

#[test]
fn one_changed_event_changes_every_later_hash() {
    let plain = events(1, 3_000);
    let mut changed = plain.clone();
    changed[700] = timeless();
    let links = |events: &[Event]| {
        let (mut chain, mut links) = (Chain::new(Seq(1), Hash32::default()), Vec::new());
        chain.extend(events, |last, link| links.push((last, link)));
        (links, chain.hash_at_end())
    };
    let (one, other) = (links(&plain), links(&changed));
    assert_eq!(one.0.iter().map(|(last, _)| last.0).collect::<Vec<_>>(), [1_024, 2_048]);
    assert!(one.0.iter().zip(&other.0).all(|(one, other)| one.1 != other.1) && one.1 != other.1);
}
