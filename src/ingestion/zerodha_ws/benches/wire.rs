//! A frame of full packets as ticks: `cargo bench -p barkeep-zerodha --bench wire`. An item is a tick.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a bench has no surface and may panic")]

use barkeep_schemas::{FeedId, InstrumentId, Tick, Ts};
use barkeep_sim::kite::packet::{DepthRow, FullPacket, QuotePacket};
use barkeep_sim::kite::{self, FrameWriter};
use barkeep_zerodha::wire::{Frame, Packet, frame};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// A frame of so many stocks with full books.
fn framed(packets: u32) -> Vec<u8> {
    let mut writer = FrameWriter::new();
    for number in 0..packets {
        let row = |level: u32| DepthRow { qty: 100 + level, price: 241_500 + level * 5, orders: 3 };
        let quote = QuotePacket { token: number << 8 | 1, last_price: 241_550, last_qty: 25, ..QuotePacket::default() };
        writer.push(&kite::Packet::Full(FullPacket {
            quote: QuotePacket { volume: 1_025 + number, ..quote },
            last_trade_secs: 1_785_469_499,
            exchange_secs: 1_785_469_500,
            bids: [0, 1, 2, 3, 4].map(row),
            asks: [5, 6, 7, 8, 9].map(row),
            ..FullPacket::default()
        }));
    }
    writer.finish().swap_remove(0)
}

fn ticks(bytes: &[u8], deep: bool, mut take: impl FnMut(Tick)) {
    let Ok(Frame::Packets(packets)) = frame(bytes) else { panic!("no packets") };
    for packet in packets {
        let Packet::Full(full) = packet else { panic!("no full packet") };
        let depth = deep.then(|| full.depth().expect("prices of stocks are exact"));
        let snapshot = full.snapshot().expect("prices of stocks are exact");
        let ts = snapshot.exchange_time.expect("a time");
        take(snapshot.tick(InstrumentId(snapshot.token >> 8), FeedId(0), ts, Ts::new(1), depth));
    }
}

#[divan::bench(args = [1, 100, 3_000])]
fn full_packets(bencher: Bencher<'_, '_>, packets: u32) {
    let bytes = framed(packets);
    let bencher = bencher.counter(ItemsCount::new(packets));
    bencher.bench_local(|| ticks(black_box(&bytes), false, |tick| drop(black_box(tick))));
}

#[divan::bench(args = [1, 100, 3_000])]
fn full_packets_with_depth(bencher: Bencher<'_, '_>, packets: u32) {
    let bytes = framed(packets);
    let bencher = bencher.counter(ItemsCount::new(packets));
    bencher.bench_local(|| ticks(black_box(&bytes), true, |tick| drop(black_box(tick))));
}
