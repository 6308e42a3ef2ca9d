//! Packets: every number the simulator writes is read where it stands.

use barkeep_schemas::Ts;
use barkeep_sim::kite::packet as sim;
use barkeep_sim::kite::{self};
use proptest::prelude::*;

use super::super::{Full, IndexFull, IndexQuote, Ltp, Packet, Quote, RawLevel};
use super::bytes;

fn quote(theirs: &sim::QuotePacket) -> Quote {
    let sim::QuotePacket { token, last_price, last_qty, average_price, volume, .. } = *theirs;
    let sim::QuotePacket { total_buy_qty, total_sell_qty, open, high, low, close, .. } = *theirs;
    Quote { token, last_price, last_qty, average_price, volume, total_buy_qty, total_sell_qty, open, high, low, close }
}

fn index(theirs: &sim::IndexQuotePacket) -> IndexQuote {
    let sim::IndexQuotePacket { token, last_price, high, low, open, close, change } = *theirs;
    IndexQuote { token, last_price, high, low, open, close, change }
}

fn levels(theirs: &[sim::DepthRow; 5]) -> [RawLevel; 5] {
    theirs.map(|sim::DepthRow { qty, price, orders }| RawLevel { qty, price, orders })
}

/// What the simulator says it wrote, in our words.
fn ours(theirs: &kite::Packet) -> Packet {
    match theirs {
        kite::Packet::Ltp(ltp) => Packet::Ltp(Ltp { token: ltp.token, last_price: ltp.last_price }),
        kite::Packet::Quote(packet) => Packet::Quote(quote(packet)),
        kite::Packet::Full(full) => Packet::Full(Full {
            quote: quote(&full.quote),
            last_trade_secs: full.last_trade_secs,
            oi: full.oi,
            oi_day_high: full.oi_day_high,
            oi_day_low: full.oi_day_low,
            exchange_secs: full.exchange_secs,
            bids: levels(&full.bids),
            asks: levels(&full.asks),
        }),
        kite::Packet::IndexQuote(packet) => Packet::IndexQuote(index(packet)),
        kite::Packet::IndexFull(full) => {
            Packet::IndexFull(IndexFull { quote: index(&full.quote), exchange_secs: full.exchange_secs })
        }
    }
}

#[test]
fn numbers_with_the_highest_bit_are_unsigned_but_the_change_of_an_index() {
    for (len, fields) in [(8, 2), (28, 7), (32, 8), (44, 11), (184, 46)] {
        let all = vec![0xff; len];
        match Packet::read(&all) {
            Packet::Ltp(packet) => assert_eq!((packet.token, packet.last_price, fields), (u32::MAX, u32::MAX, 2)),
            Packet::Quote(packet) => assert_eq!((packet.volume, packet.close, fields), (u32::MAX, u32::MAX, 11)),
            Packet::Full(packet) => {
                assert_eq!((packet.exchange_secs, packet.asks[4].orders, fields), (u32::MAX, u16::MAX, 46));
            }
            Packet::IndexQuote(packet) => assert_eq!((packet.close, packet.change, fields), (u32::MAX, -1, 7)),
            Packet::IndexFull(packet) => {
                assert_eq!((packet.quote.change, packet.exchange_secs, fields), (-1, u32::MAX, 8));
            }
            unknown @ Packet::Unknown { .. } => panic!("{unknown:?}"),
        }
    }
}

#[test]
fn a_time_of_zero_is_no_time() {
    let full = Full { last_trade_secs: 0, exchange_secs: 1_625_461_887, ..Full::default() };
    assert_eq!((full.last_trade(), full.exchange_time()), (None, Some(Ts::from_secs(1_625_461_887))));
    assert_eq!(IndexFull::default().exchange_time(), None);
    let last = Full { last_trade_secs: u32::MAX, ..Full::default() };
    assert_eq!(last.last_trade(), Some(Ts::from_secs(4_294_967_295)));
}

#[test]
fn every_other_length_is_unknown() {
    for len in 0..=300_u16 {
        let packet = Packet::read(&vec![1; usize::from(len)]);
        let token = (len >= 4).then_some(0x0101_0101);
        match len {
            8 | 28 | 32 | 44 | 184 => assert!(!matches!(packet, Packet::Unknown { .. }), "{len}"),
            _ => assert_eq!(packet, Packet::Unknown { length: len, token }),
        }
        assert_eq!(packet.token(), token);
    }
}

#[test]
fn the_padding_of_a_level_is_nothing() {
    let mut padded = vec![0; 184];
    for level in 0..10 {
        padded[64 + level * 12 + 10] = 0xff;
        padded[64 + level * 12 + 11] = 0xff;
    }
    assert_eq!(Packet::read(&padded), Packet::Full(Full::default()));
}

proptest! {
    /// Random bytes of each known length, read by the simulator's decoder, written by its encoder, read by ours.
    #[test]
    fn every_packet_of_the_simulator_is_read_as_it_was_meant(
        kind in prop::sample::select(vec![8_usize, 28, 32, 44, 184]),
        body in prop::collection::vec(any::<u8>(), 184),
    ) {
        let theirs = kite::Packet::decode(&body[..kind]).unwrap();
        prop_assert_eq!(Packet::read(&bytes(&theirs)), ours(&theirs));
        prop_assert_eq!(Packet::read(&body[..kind]), ours(&theirs));
    }
}
