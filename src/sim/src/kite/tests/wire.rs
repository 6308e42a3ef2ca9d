//! Packets and frames.

use proptest::prelude::*;

use super::super::packet::{FULL_LEN, divisor};
use super::super::snapshot::{packet, wire_price};
use super::super::{BinaryMessage, FrameError, FrameWriter, HEARTBEAT, Mode, Packet, PacketError};
use super::{price, quote, rupees};
use crate::market::Segment;

fn bytes(packet: &Packet) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode_into(&mut out);
    assert_eq!(out.len(), packet.encoded_len());
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_last_price_is_a_token_and_paise() {
    let packet = packet(408_065, Segment::Nse, &quote(), Mode::Ltp);
    assert_eq!(hex(&bytes(&packet)), "00063a01000266ba");
}

#[test]
fn a_quote_is_44_bytes_without_a_time() {
    let packet = packet(408_065, Segment::Nse, &quote(), Mode::Quote);
    let expected = "00063a01000266ba000000070002656d001232170003e9bb00058a01\
                    000264f30002673c000261c90002646c";
    assert_eq!(hex(&bytes(&packet)), expected);
}

#[test]
fn a_full_packet_has_times_and_ten_rows_with_two_bytes_of_padding() {
    let packet = packet(408_065, Segment::Nse, &quote(), Mode::Full);
    let bytes = bytes(&packet);
    assert_eq!(bytes.len(), FULL_LEN);
    assert_eq!(hex(&bytes[44..64]), "60e2947f00000000000000000000000060e2947f");
    assert_eq!(hex(&bytes[64..88]), "000000050002669c000100000000008c0002667400020000");
    assert_eq!(hex(&bytes[88..124]), "0".repeat(72));
    assert_eq!(hex(&bytes[124..136]), "000000ac000266ba00030000");
}

#[test]
fn an_index_keeps_its_own_order_of_prices_and_a_signed_change() {
    let mut quote = quote();
    (quote.last_price, quote.close) = (rupees(24_000), price(240_100_500));
    (quote.open, quote.high, quote.low) = (rupees(24_005), rupees(24_020), rupees(23_990));
    let packet = packet(256_265, Segment::Indices, &quote, Mode::Full);
    let fields = [2_400_000, 2_402_000, 2_399_000, 2_400_500, 2_401_005];
    let expected: String = fields.iter().map(|field: &u32| format!("{field:08x}")).collect();
    assert_eq!(hex(&bytes(&packet)), format!("0003e909{expected}{}60e2947f", hex(&(-1_005_i32).to_be_bytes())));
    let quote = super::super::snapshot::packet(256_265, Segment::Indices, &quote, Mode::Quote);
    assert_eq!(hex(&bytes(&quote)), format!("0003e909{expected}{}", hex(&(-1_005_i32).to_be_bytes())));
}

#[test]
fn an_instrument_that_never_traded_shows_the_time_zero() {
    let mut quote = quote();
    quote.last_trade_time = None;
    let Packet::Full(full) = packet(408_065, Segment::Nse, &quote, Mode::Full) else { panic!("a full packet") };
    assert_eq!(full.last_trade_secs, 0);
}

#[test]
fn the_segment_in_the_token_decides_the_units() {
    assert_eq!(
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 12].map(|segment| divisor(256 + segment)),
        [100, 100, 10_000_000, 100, 100, 10_000, 100, 100, 100, 10_000]
    );
    assert_eq!(wire_price(256 + 3, price(727_550)), 727_550_000);
    assert_eq!(wire_price(256 + 1, price(49)), 0);
    assert_eq!(wire_price(256 + 1, price(50)), 1);
    assert_eq!(wire_price(256 + 1, price(-5)), 0);
    assert_eq!(wire_price(256 + 1, price(i64::MAX)), u32::MAX);
}

#[test]
fn a_frame_is_a_count_and_lengths_and_packets() {
    let mut writer = FrameWriter::new();
    writer.push(&packet(408_065, Segment::Nse, &quote(), Mode::Ltp));
    writer.push_bytes(&[1, 2, 3]);
    assert_eq!(writer.finish(), [[0, 2, 0, 8, 0, 6, 0x3a, 1, 0, 2, 0x66, 0xba, 0, 3, 1, 2, 3]]);
    assert!(FrameWriter::new().finish().is_empty());
}

#[test]
fn more_packets_than_a_frame_holds_go_into_the_next() {
    let one = packet(408_065, Segment::Nse, &quote(), Mode::Ltp);
    let mut writer = FrameWriter::new();
    (0..3_001).for_each(|_| writer.push(&one));
    let frames = writer.finish();
    let counts = frames.iter().map(|frame| match BinaryMessage::decode(frame) {
        Ok(BinaryMessage::Packets(packets)) => packets.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(counts.collect::<Vec<_>>(), [3_000, 1]);
}

#[test]
fn a_heartbeat_is_one_byte() {
    assert_eq!(BinaryMessage::decode(&HEARTBEAT), Ok(BinaryMessage::Heartbeat));
    assert_eq!(BinaryMessage::decode(&[0, 0]), Ok(BinaryMessage::Packets(Vec::new())));
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let decode = |bytes: &[u8]| BinaryMessage::decode(bytes).unwrap_err();
    assert_eq!(
        decode(&[0, 1, 0]).to_string(),
        "the frame ends at byte 3: expected 2 bytes of a packet's length at byte 2"
    );
    assert_eq!(
        decode(&[0, 1, 0, 8, 1]).to_string(),
        "the frame ends at byte 5: expected 8 bytes of a packet at byte 4"
    );
    let unknown = FrameError::Packet { number: 1, offset: 4, source: PacketError::UnknownLength { len: 3 } };
    assert_eq!(decode(&[0, 1, 0, 3, 1, 2, 3]), unknown);
    assert_eq!(decode(&[0, 0, 9]), FrameError::Trailing { offset: 2, count: 1 });
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_packets_come_back_as_they_were(
        body in proptest::collection::vec(any::<u8>(), 0..400),
        kind in prop_oneof![Just(8), Just(28), Just(32), Just(44), Just(184), 0_usize..200],
    ) {
        let _ = BinaryMessage::decode(&body);
        let mut packet_bytes = body;
        packet_bytes.resize(kind, 7);
        // The padding of a full packet's rows is read over, so it is zero here.
        for row in 0..10 {
            if kind == FULL_LEN {
                packet_bytes[64 + row * 12 + 10] = 0;
                packet_bytes[64 + row * 12 + 11] = 0;
            }
        }
        match Packet::decode(&packet_bytes) {
            Ok(packet) => prop_assert_eq!(bytes(&packet), packet_bytes),
            Err(error) => prop_assert_eq!(error, PacketError::UnknownLength { len: kind }),
        }
    }
}
