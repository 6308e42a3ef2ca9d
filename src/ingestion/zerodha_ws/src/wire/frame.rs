//! Binary messages of the feed: a count, then packets with their lengths; or the heartbeat of one byte.
//!
//! The structure is checked before the first packet is handed out, so that a frame counts as a whole or not at all: of
//! one that was cut nobody can say which bytes are the packet's own. It never allocates.

use super::packet::Packet;

/// Bytes of a count and of a length.
const NUMBER_LEN: usize = 2;

/// What a binary message is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// One byte, whatever it is: the connection lives.
    Heartbeat,
    /// Packets in order.
    Packets(Packets<'a>),
}

/// Why a binary message is refused. Offsets count from its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// It has no bytes.
    #[error("the frame is empty: expected a heartbeat of one byte, or a count of packets")]
    Empty,
    /// It ends inside a length or a packet.
    #[error("the frame ends at byte {have}, in packet {number} of {count}: expected {wanted} bytes at byte {offset}")]
    Truncated {
        /// The packet's place in the frame, from 1.
        number: u16,
        /// Packets that the frame is said to hold.
        count: u16,
        /// Where the missing part starts.
        offset: usize,
        /// Bytes expected there.
        wanted: usize,
        /// Bytes of the message.
        have: usize,
    },
    /// Bytes stand after the last packet.
    #[error("{len} bytes stand after the last of {count} packets: expected the end of the frame at byte {offset}")]
    Trailing {
        /// Packets that the frame holds.
        count: u16,
        /// Where the bytes start.
        offset: usize,
        /// How many.
        len: usize,
    },
}

/// Reads a binary message.
///
/// # Errors
///
/// [`FrameError`] when its length, its count and the lengths of its packets do not agree to the byte.
pub fn frame(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    match bytes {
        [] => Err(FrameError::Empty),
        [_] => Ok(Frame::Heartbeat),
        [high, low, body @ ..] => {
            let count = u16::from_be_bytes([*high, *low]);
            check(body, count)?;
            Ok(Frame::Packets(Packets { rest: body, left: count }))
        }
    }
}

fn check(body: &[u8], count: u16) -> Result<(), FrameError> {
    let have = body.len() + NUMBER_LEN;
    let mut rest = body;
    for number in 1..=count {
        let truncated = |missing: &[u8], wanted| {
            let offset = have - missing.len();
            FrameError::Truncated { number, count, offset, wanted, have }
        };
        let (len, after) = rest.split_first_chunk().ok_or_else(|| truncated(rest, NUMBER_LEN))?;
        let len = usize::from(u16::from_be_bytes(*len));
        rest = after.get(len..).ok_or_else(|| truncated(after, len))?;
    }
    match rest.len() {
        0 => Ok(()),
        len => Err(FrameError::Trailing { count, offset: have - len, len }),
    }
}

/// The packets of a frame in order, read as they are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packets<'a> {
    /// Invariant: holds `left` lengths, each with its packet, and nothing else.
    rest: &'a [u8],
    left: u16,
}

impl<'a> Packets<'a> {
    /// The bytes of the next packet.
    fn take(&mut self) -> Option<&'a [u8]> {
        let (len, after) = self.rest.split_first_chunk()?;
        let (packet, rest) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        self.rest = rest;
        self.left = self.left.checked_sub(1)?;
        Some(packet)
    }
}

impl Iterator for Packets<'_> {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        self.take().map(Packet::read)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for Packets<'_> {}
impl core::iter::FusedIterator for Packets<'_> {}
