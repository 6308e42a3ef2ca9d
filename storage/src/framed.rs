//! One event as its length (u32, little-endian) and its canonical bytes: how tail rows, blocks and the chain hold it.
//!
//! Never fails. Called by whoever writes those.
//!
//! Invariant: what is read and encoded again are the bytes that were written, and hashed, in whatever version of its kind:
//! an event is written in the oldest version that can say it, and read in no other (`barkeep_schemas::Event::decode`).

use barkeep_schemas::Event;

/// Bytes of the length in front.
const LENGTH_BYTES: usize = 4;

/// Appends the event.
pub(crate) fn put_framed(event: &Event, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    event.encode(out);
    let length = (out.len() - at - LENGTH_BYTES) as u32;
    if let Some(front) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *front = length.to_le_bytes();
    }
}
