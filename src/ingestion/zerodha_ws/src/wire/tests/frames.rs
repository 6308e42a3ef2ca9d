//! Frames: whole or refused, packets in order.

use barkeep_sim::kite::{self, FrameWriter};
use proptest::prelude::*;

use super::super::{Frame, FrameError, Ltp, Packet, frame};
use super::{bytes, framed};

const LTP: Packet = Packet::Ltp(Ltp { token: 408_065, last_price: 241_550 });

fn ltp() -> Vec<u8> {
    bytes(&kite::Packet::Ltp(kite::packet::LtpPacket { token: 408_065, last_price: 241_550 }))
}

fn packets(bytes: &[u8]) -> Vec<Packet> {
    match frame(bytes) {
        Ok(Frame::Packets(packets)) => packets.collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_byte_is_a_heartbeat_whatever_it_is() {
    for byte in 0..=u8::MAX {
        assert_eq!(frame(&[byte]), Ok(Frame::Heartbeat));
    }
}

#[test]
fn no_bytes_are_no_heartbeat() {
    assert_eq!(frame(&[]), Err(FrameError::Empty));
}

#[test]
fn a_frame_of_no_packets_is_one() {
    assert_eq!(packets(&[0, 0]), []);
}

#[test]
fn packets_come_in_order_and_say_how_many_are_left() {
    let other = [0, 0, 1, 9, 0, 0, 0, 7];
    let bytes = framed(&[&ltp(), &other, &ltp()]);
    let Ok(Frame::Packets(mut packets)) = frame(&bytes) else { panic!("no packets") };
    assert_eq!(packets.len(), 3);
    assert_eq!(packets.next(), Some(LTP));
    assert_eq!(packets.len(), 2);
    assert_eq!(packets.next(), Some(Packet::Ltp(Ltp { token: 265, last_price: 7 })));
    assert_eq!((packets.next(), packets.next(), packets.len()), (Some(LTP), None, 0));
}

#[test]
fn a_packet_of_an_unknown_length_is_passed_over_with_its_token_and_the_rest_is_read() {
    let bytes = framed(&[&ltp(), &[0, 6, 58, 1, 9], &[1, 2, 3], &[], &ltp()]);
    let unknown = |length, token| Packet::Unknown { length, token };
    assert_eq!(packets(&bytes), [LTP, unknown(5, Some(408_065)), unknown(3, None), unknown(0, None), LTP]);
}

#[test]
fn a_frame_that_ends_too_early_is_refused_as_a_whole_wherever_it_ends() {
    let whole = framed(&[&ltp(), &[1, 2, 3], &ltp()]);
    for len in 2..whole.len() {
        let refused = frame(&whole[..len]);
        assert!(matches!(refused, Err(FrameError::Truncated { count: 3, have, .. }) if have == len), "{refused:?}");
    }
    assert_eq!(
        frame(&whole[..13]),
        Err(FrameError::Truncated { number: 2, count: 3, offset: 12, wanted: 2, have: 13 })
    );
    assert_eq!(
        frame(&whole[..15]),
        Err(FrameError::Truncated { number: 2, count: 3, offset: 14, wanted: 3, have: 15 })
    );
    assert_eq!(
        frame(&whole[..18]),
        Err(FrameError::Truncated { number: 3, count: 3, offset: 17, wanted: 2, have: 18 })
    );
}

#[test]
fn bytes_behind_the_last_packet_are_refused_with_the_frame() {
    let mut frame_bytes = framed(&[&ltp()]);
    frame_bytes.extend_from_slice(&[0, 0, 0]);
    let refused = frame(&frame_bytes);
    assert_eq!(refused, Err(FrameError::Trailing { count: 1, offset: 12, len: 3 }));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "3 bytes stand after the last of 1 packets: expected the end of the frame at byte 12"
    );
}

#[test]
fn a_count_that_the_bytes_do_not_hold_is_refused_without_asking_for_memory() {
    assert_eq!(
        frame(&[0xff, 0xff]),
        Err(FrameError::Truncated { number: 1, count: 65_535, offset: 2, wanted: 2, have: 2 })
    );
}

#[test]
fn a_frame_of_the_most_packets_is_read() {
    let none: &[u8] = &[];
    let bytes = framed(&vec![none; 65_535]);
    assert_eq!(packets(&bytes).len(), 65_535);
}

/// The simulator's strict reader says the same of a message: whether it is whole.
fn agrees(bytes: &[u8]) {
    let theirs = kite::BinaryMessage::decode(bytes);
    match (frame(bytes), theirs) {
        (Err(FrameError::Empty) | Ok(Frame::Heartbeat), Ok(kite::BinaryMessage::Heartbeat)) => {}
        (Ok(Frame::Packets(ours)), Ok(kite::BinaryMessage::Packets(theirs))) => assert_eq!(ours.len(), theirs.len()),
        (Ok(Frame::Packets(mut ours)), Err(kite::FrameError::Packet { .. })) => {
            assert!(ours.any(|packet| matches!(packet, Packet::Unknown { .. })));
        }
        (
            Err(FrameError::Truncated { .. }),
            Err(kite::FrameError::Truncated { .. } | kite::FrameError::Packet { .. }),
        ) => {}
        (
            Err(FrameError::Trailing { .. }),
            Err(kite::FrameError::Trailing { .. } | kite::FrameError::Packet { .. }),
        ) => {}
        (ours, theirs) => panic!("{ours:?}, {theirs:?}"),
    }
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        agrees(&bytes);
    }

    /// Small numbers, so that counts and lengths often fit.
    #[test]
    fn bytes_that_are_nearly_a_frame_have_an_answer(bytes in prop::collection::vec(0_u8..9, 0..60)) {
        agrees(&bytes);
    }

    #[test]
    fn what_is_framed_is_read_to_the_last_byte(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut writer = FrameWriter::new();
        bodies.iter().for_each(|body| writer.push_bytes(body));
        for bytes in writer.finish() {
            let expected: Vec<Packet> = bodies.iter().map(|body| Packet::read(body)).collect();
            prop_assert_eq!(packets(&bytes), expected);
        }
    }
}
