//! One event as its length (u32, little-endian) and its canonical bytes: how tail rows, blocks and the chain hold it.
//!
//! Never fails. Called by whoever writes those.

use barkeep_schemas::{Event, EventKind};

/// Bytes of the length in front.
const LENGTH_BYTES: usize = 4;

// Invariant: what is read from a row and encoded again are the bytes that were written, and hashed. An event of an older
// version is brought up to the present when it is read, so that the chain made of it again would be another one: `tape
// verify` would call a sound segment damaged, and a writer that goes on in an open one would link to a wrong hash.
const _: () = assert!(
    every_kind_is_in_its_first_version(),
    "a kind has version 2: rows must first hand the chain the bytes that they hold (FORMAT.md, Versions of events)"
);

const fn every_kind_is_in_its_first_version() -> bool {
    let mut rest = EventKind::ALL;
    while let [kind, after @ ..] = rest {
        if kind.version() != 1 {
            return false;
        }
        rest = after;
    }
    true
}

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
