//! The hash chain: one BLAKE3 link for each 1,024 events of a segment, by position.
//!
//! A link is the hash of its events, each as its length and canonical bytes, and of its first position, keyed by the link
//! before it; before the first link of a segment stands the last hash of the segment before. Batches and storage form do not show in
//! it, and whoever changes, removes or adds an event changes every hash after it. Never touches a file. Called by the
//! writer, which makes links, and by verification and snapshots, which compare them.

use barkeep_schemas::{Event, Hash32, Seq};

use crate::framed::put_framed;

/// Events in a link; the last one of a sealed segment may have fewer.
pub const LINK_EVENTS: u64 = 1_024;

/// Bytes gathered before they are hashed: BLAKE3 is fastest over the whole of a usual link.
const PIECE_BYTES: usize = 128 << 10;

/// The chain of one segment up to some position.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The last whole link.
    link: Hash32,
    next: Seq,
    /// Events that the link being made still takes. Invariant: 1 to [`LINK_EVENTS`].
    room: u64,
    /// The events of the link being made, keyed by the last whole link.
    hasher: blake3::Hasher,
    piece: Vec<u8>,
}

impl Chain {
    /// The chain at the start of a segment, before the event at `first`, or at any later place where a link ends:
    /// `link` is the last hash before it.
    pub fn new(first: Seq, link: Hash32) -> Self {
        Self { link, next: first, room: LINK_EVENTS, hasher: blake3::Hasher::new_keyed(&link.0), piece: Vec::new() }
    }

    /// The position of the next event.
    pub const fn next(&self) -> Seq {
        self.next
    }

    /// Adds the next events; `on_link` is told each link that they complete and the position of its last event.
    pub fn extend(&mut self, events: &[Event], mut on_link: impl FnMut(Seq, Hash32)) {
        let mut rest = events;
        while !rest.is_empty() {
            let count = rest.len().min(usize::try_from(self.room).unwrap_or(usize::MAX));
            let Some((now, later)) = rest.split_at_checked(count) else { return };
            self.hash(now);
            rest = later;
            if self.room == 0 {
                self.link = self.hash_at_end();
                self.hasher = blake3::Hasher::new_keyed(&self.link.0);
                self.room = LINK_EVENTS;
                on_link(Seq(self.next.0.saturating_sub(1)), self.link);
            }
        }
    }

    /// Adds events that do not reach beyond the link being made.
    fn hash(&mut self, events: &[Event]) {
        for event in events {
            put_framed(event, &mut self.piece);
            if self.piece.len() >= PIECE_BYTES {
                self.hasher.update(&self.piece);
                self.piece.clear();
            }
        }
        self.hasher.update(&self.piece);
        self.piece.clear();
        self.next = self.next.plus(events.len() as u64);
        self.room -= events.len() as u64;
    }

    /// The hash of everything so far: the last link, or what the link being made would be if it ended here.
    pub fn hash_at_end(&self) -> Hash32 {
        if self.room == LINK_EVENTS {
            return self.link;
        }
        let first = self.next.0 - (LINK_EVENTS - self.room);
        // The position stands last, so that the events begin where BLAKE3 hashes many blocks at once.
        Hash32(*self.hasher.clone().update(&first.to_le_bytes()).finalize().as_bytes())
    }
}
