//! Columns in blocks of 4,096 events: encoding, decoding, filtering; `cargo bench -p barkeep-storage` shows items a second.
#![allow(missing_docs, reason = "a bench has no surface")]

#[path = "../src/columns/samples.rs"]
mod samples;

use barkeep_schemas::{Event, InstrumentId, Seq};
use barkeep_storage::columns::{Encoder, TickColumnSet, TickColumns, decode, decode_filtered, decode_ticks};
use divan::Bencher;
use divan::counter::ItemsCount;
use samples::{Receipt, mixed, plain, ticks};

const BLOCK: usize = 4_096;
const BLOCKS: usize = 25;

fn main() {
    for receipt in [Receipt::Jitter, Receipt::Micros, Receipt::Same] {
        let events = plain(ticks(BLOCK * BLOCKS, receipt));
        println!("{receipt:?}: {:.3} bytes a tick", bytes(&events) / events.len() as f64);
        let ticks = events.len() as f64;
        let events = with_bars(receipt);
        println!("{receipt:?} with bars: {:.3} bytes a tick, {} events", bytes(&events) / ticks, events.len());
    }
    divan::main();
}

fn with_bars(receipt: Receipt) -> Vec<Event> {
    mixed(ticks(BLOCK * BLOCKS, receipt))
}

fn bytes(events: &[Event]) -> f64 {
    payloads(events).iter().map(|(_, payload)| payload.len()).sum::<usize>() as f64
}

fn payloads(events: &[Event]) -> Vec<(Seq, Vec<u8>)> {
    let mut encoder = Encoder::new();
    let blocks = (0..).zip(events.chunks(BLOCK)).map(|(n, block)| {
        let (first, mut payload) = (Seq(1 + n * BLOCK as u64), Vec::new());
        encoder.encode(first, block, &mut payload);
        (first, payload)
    });
    blocks.collect()
}

fn encode_all(bencher: Bencher<'_, '_>, events: &[Event]) {
    let (mut encoder, mut payload) = (Encoder::new(), Vec::new());
    bencher.counter(ItemsCount::new(events.len())).bench_local(|| {
        for block in events.chunks(BLOCK) {
            payload.clear();
            encoder.encode(Seq(1), block, &mut payload);
        }
        payload.len()
    });
}

fn columns(bencher: Bencher<'_, '_>, receipt: Receipt, set: TickColumnSet) {
    let payloads = payloads(&plain(ticks(BLOCK * BLOCKS, receipt)));
    let mut out = TickColumns::new();
    bencher.counter(ItemsCount::new(BLOCK * BLOCKS)).bench_local(|| {
        payloads.iter().map(|(first, payload)| decode_ticks(*first, payload, set, &mut out).unwrap_or(0)).sum::<usize>()
    });
}

#[divan::bench(args = [Receipt::Jitter, Receipt::Micros, Receipt::Same])]
fn encode_ticks(bencher: Bencher<'_, '_>, receipt: Receipt) {
    encode_all(bencher, &plain(ticks(BLOCK * BLOCKS, receipt)));
}

#[divan::bench]
fn encode_ticks_and_bars(bencher: Bencher<'_, '_>) {
    encode_all(bencher, &with_bars(Receipt::Jitter));
}

#[divan::bench(args = [Receipt::Jitter, Receipt::Micros, Receipt::Same])]
fn decode_all_columns(bencher: Bencher<'_, '_>, receipt: Receipt) {
    columns(bencher, receipt, TickColumnSet::ALL);
}

#[divan::bench]
fn decode_instrument_time_and_price(bencher: Bencher<'_, '_>) {
    let set = TickColumnSet::INSTRUMENT.with(TickColumnSet::TS).with(TickColumnSet::PRICE);
    columns(bencher, Receipt::Jitter, set);
}

#[divan::bench]
fn decode_tick_events(bencher: Bencher<'_, '_>) {
    events(bencher, &plain(ticks(BLOCK * BLOCKS, Receipt::Jitter)));
}

#[divan::bench]
fn decode_tick_and_bar_events(bencher: Bencher<'_, '_>) {
    events(bencher, &with_bars(Receipt::Jitter));
}

fn events(bencher: Bencher<'_, '_>, events: &[Event]) {
    let payloads = payloads(events);
    bencher.counter(ItemsCount::new(events.len())).bench_local(|| {
        let counts = payloads.iter().map(|(first, payload)| decode(*first, payload).map_or(0, |events| events.len()));
        counts.sum::<usize>()
    });
}

#[divan::bench(args = [0, 100, 199, 10_000])]
fn filter_by_instrument(bencher: Bencher<'_, '_>, instrument: u32) {
    let payloads = payloads(&plain(ticks(BLOCK * BLOCKS, Receipt::Jitter)));
    let mut found = Vec::new();
    bencher.counter(ItemsCount::new(BLOCK * BLOCKS)).bench_local(|| {
        found.clear();
        for (first, payload) in &payloads {
            let _ = decode_filtered(*first, payload, None, Some(InstrumentId(instrument)), &mut found);
        }
        found.len()
    });
}
