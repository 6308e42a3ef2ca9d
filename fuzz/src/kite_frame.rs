//! Binary messages of the feed: what decodes is written again as the same bytes, and what is written decodes.
//!
//! The first byte chooses: 0 to 127 a message as it came, else packets built from what follows.

use barkeep_sim::kite::frame::MAX_PACKETS;
use barkeep_sim::kite::packet::{FULL_LEN, INDEX_FULL_LEN, INDEX_QUOTE_LEN, LTP_LEN, QUOTE_LEN, divisor};
use barkeep_sim::kite::{BinaryMessage, FrameWriter, Packet};

use crate::bytes::Bytes;

pub fn run(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    if *which < 128 { read(rest) } else { write(&mut Bytes::new(rest)) }
}

fn read(bytes: &[u8]) {
    match BinaryMessage::decode(bytes) {
        Ok(BinaryMessage::Heartbeat) => assert!(bytes.len() < 2),
        Ok(BinaryMessage::Packets(packets)) if packets.is_empty() => assert_eq!(bytes, [0, 0]),
        Ok(BinaryMessage::Packets(packets)) => {
            let again = written(&packets).concat();
            if packets.len() <= usize::from(MAX_PACKETS) {
                assert_eq!(BinaryMessage::decode(&again), Ok(BinaryMessage::Packets(packets.clone())));
                assert_eq!(again.len(), bytes.len());
            }
            // A level of a full packet ends with padding, which is written as zero.
            assert!(
                again == bytes
                    || packets.len() > usize::from(MAX_PACKETS)
                    || packets.iter().any(|packet| packet.encoded_len() == FULL_LEN)
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn written(packets: &[Packet]) -> Vec<Vec<u8>> {
    let mut writer = FrameWriter::new();
    packets.iter().for_each(|packet| writer.push(packet));
    writer.finish()
}

/// Packets of the kinds that the bytes choose, among them some that nobody knows.
fn write(bytes: &mut Bytes<'_>) {
    let (mut writer, mut packets, mut unknown) = (FrameWriter::new(), Vec::new(), false);
    while !bytes.rest().is_empty() {
        let choice = bytes.u8();
        let kinds = [LTP_LEN, INDEX_QUOTE_LEN, INDEX_FULL_LEN, QUOTE_LEN, FULL_LEN];
        let mut body = vec![0; kinds.get(usize::from(choice)).copied().unwrap_or(usize::from(choice))];
        body.iter_mut().for_each(|byte| *byte = bytes.u8());
        match Packet::decode(&body) {
            Ok(packet) => {
                assert_eq!(packet.encoded_len(), body.len());
                assert!(divisor(packet.token()) > 0);
                writer.push(&packet);
                packets.push(packet);
            }
            Err(_) => {
                unknown = true;
                writer.push_bytes(&body);
            }
        }
    }
    let mut read = Vec::new();
    for frame in writer.finish() {
        match BinaryMessage::decode(&frame) {
            Ok(BinaryMessage::Packets(packets)) => read.extend(packets),
            Ok(BinaryMessage::Heartbeat) => panic!("a frame of packets reads as a heartbeat"),
            Err(error) => assert!(unknown, "{error}"),
        }
    }
    if !unknown {
        assert_eq!(read, packets);
    }
}
