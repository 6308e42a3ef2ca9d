//! What comes on the wire, made by the simulator's writer, by hand, by chance, or recorded.

mod frames;
mod packets;
mod recorded;
mod requests;
mod snapshots;
mod texts;

use barkeep_sim::kite;

/// The bytes of a packet as the simulator writes it.
fn bytes(packet: &kite::Packet) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode_into(&mut bytes);
    bytes
}

/// A frame around packets, whatever they are.
fn framed(packets: &[&[u8]]) -> Vec<u8> {
    let mut frame = (packets.len() as u16).to_be_bytes().to_vec();
    for packet in packets {
        frame.extend_from_slice(&(packet.len() as u16).to_be_bytes());
        frame.extend_from_slice(packet);
    }
    frame
}
