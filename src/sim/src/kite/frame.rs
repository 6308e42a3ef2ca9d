//! Binary messages of the feed: a count, then packets with their lengths; and the heartbeat of one byte.
//!
//! It never looks into a packet when it writes and never panics on what it reads. The world writes frames, tests and
//! tools read them.

use super::packet::{Packet, PacketError};

/// The binary message that says the connection lives: one byte, which clients ignore.
pub const HEARTBEAT: [u8; 1] = [0];

/// Packets in one frame at most: as many as one connection may subscribe to, so that one flush is one frame. The count's
/// two bytes would allow 65,535.
pub const MAX_PACKETS: u16 = 3_000;

/// Writes packets one after the other into as few frames as they fit in.
#[derive(Debug, Default)]
pub struct FrameWriter {
    done: Vec<Vec<u8>>,
    open: Vec<u8>,
    count: u16,
}

impl FrameWriter {
    /// A writer without a frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a packet.
    pub fn push(&mut self, packet: &Packet) {
        self.begin(packet.encoded_len() as u16);
        packet.encode_into(&mut self.open);
    }

    /// Adds bytes as a packet, whatever they are; of more than 65,535 the first 65,535.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes);
        self.begin(bytes.len() as u16);
        self.open.extend_from_slice(bytes);
    }

    fn begin(&mut self, len: u16) {
        if self.count == MAX_PACKETS {
            self.close();
        }
        if self.open.is_empty() {
            self.open.extend_from_slice(&[0, 0]);
        }
        self.count += 1;
        self.open.extend_from_slice(&len.to_be_bytes());
    }

    fn close(&mut self) {
        if let Some(count) = self.open.first_chunk_mut::<2>() {
            *count = self.count.to_be_bytes();
            self.done.push(core::mem::take(&mut self.open));
        }
        self.count = 0;
    }

    /// The frames in order; none when nothing was pushed.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        self.close();
        self.done
    }
}

/// What a binary message is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BinaryMessage {
    /// One byte (or none): the connection lives.
    Heartbeat,
    /// Packets, in order.
    Packets(Vec<Packet>),
}

/// Why a binary message cannot be read. Offsets count from its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// The message ends inside a length or a packet.
    #[error("the frame ends at byte {have}: expected {wanted} bytes of {what} at byte {offset}")]
    Truncated {
        /// Where the missing part starts.
        offset: usize,
        /// Bytes expected there.
        wanted: usize,
        /// Bytes of the message.
        have: usize,
        /// What was expected.
        what: &'static str,
    },
    /// Bytes stand after the last packet.
    #[error("{count} bytes stand after the last packet, at byte {offset}: expected the end of the frame")]
    Trailing {
        /// Where they start.
        offset: usize,
        /// How many.
        count: usize,
    },
    /// A packet cannot be read.
    #[error("packet {number} at byte {offset} cannot be read")]
    Packet {
        /// Its place in the frame, from 1.
        number: u16,
        /// Where it starts, behind its length.
        offset: usize,
        /// Why.
        #[source]
        source: PacketError,
    },
}

impl BinaryMessage {
    /// Reads a binary message, strictly: a client would skip a packet of unknown length, this tells of it.
    ///
    /// # Errors
    ///
    /// [`FrameError`], with the place and what was expected there.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() < 2 {
            return Ok(Self::Heartbeat);
        }
        let (count, mut offset) = (u16_at(bytes, 0, "a packet count")?, 2);
        let mut packets = Vec::with_capacity(usize::from(count).min(bytes.len() / 2));
        for number in 1..=count {
            let len = usize::from(u16_at(bytes, offset, "a packet's length")?);
            offset += 2;
            let truncated = FrameError::Truncated { offset, wanted: len, have: bytes.len(), what: "a packet" };
            let body = bytes.get(offset..offset + len).ok_or(truncated)?;
            packets.push(Packet::decode(body).map_err(|source| FrameError::Packet { number, offset, source })?);
            offset += len;
        }
        match bytes.len() - offset {
            0 => Ok(Self::Packets(packets)),
            count => Err(FrameError::Trailing { offset, count }),
        }
    }
}

fn u16_at(bytes: &[u8], offset: usize, what: &'static str) -> Result<u16, FrameError> {
    let pair = bytes.get(offset..).and_then(|rest| rest.first_chunk::<2>());
    pair.map(|pair| u16::from_be_bytes(*pair)).ok_or(FrameError::Truncated {
        offset,
        wanted: 2,
        have: bytes.len(),
        what,
    })
}
