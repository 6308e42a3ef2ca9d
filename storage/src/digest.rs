//! The digest of a run of events: BLAKE3 over positions and canonical bytes.
//!
//! Never touches a file. Called by replay, tests and the close of a session. Batch size and storage form do not show
//! in it.

use barkeep_schemas::{Derived, Event, Hash32, Seq};

/// Bytes that are hashed together. BLAKE3 takes sixteen chunks of 1,024 bytes at once where it is given so many; events
/// one by one would be hashed at a fifth of that speed.
const HASHED_TOGETHER: usize = 128 << 10;

/// Takes events in order: for each, seq (u64), length (u32) and canonical bytes, little-endian.
#[derive(Clone, Debug, Default)]
pub struct SessionDigest {
    hasher: blake3::Hasher,
    /// What has come and is not hashed yet.
    bytes: Vec<u8>,
}

impl SessionDigest {
    /// The digest of no events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next event.
    pub fn update(&mut self, seq: Seq, event: &Event) {
        self.add(seq, |bytes| event.encode(bytes));
    }

    /// Adds the next event, which is a derived one.
    pub fn update_derived(&mut self, seq: Seq, derived: &Derived) {
        self.add(seq, |bytes| derived.encode(bytes));
    }

    fn add(&mut self, seq: Seq, encode: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.extend_from_slice(&seq.0.to_le_bytes());
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        encode(&mut self.bytes);
        let len = (self.bytes.len() - at - 4) as u32;
        if let Some(prefix) = self.bytes.get_mut(at..at + 4) {
            prefix.copy_from_slice(&len.to_le_bytes());
        }
        if self.bytes.len() >= HASHED_TOGETHER {
            self.hash();
        }
    }

    /// Hashes what has come, but for the last bytes that fill no whole round.
    fn hash(&mut self) {
        let whole = self.bytes.len() - self.bytes.len() % HASHED_TOGETHER;
        self.hasher.update(self.bytes.get(..whole).unwrap_or(&[]));
        self.bytes.drain(..whole);
    }

    /// The digest of the events so far.
    pub fn finish(&self) -> Hash32 {
        Hash32(*self.hasher.clone().update(&self.bytes).finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use barkeep_schemas::{ClockMark, FeedId, Input, Ts};

    use super::*;

    #[test]
    fn the_digest_is_that_of_all_the_bytes_in_one() {
        let mut digest = SessionDigest::new();
        let mut whole = Vec::new();
        for n in 1..=10_000 {
            let event = Event::Input(Input::ClockMark(ClockMark { feed: FeedId(1), ts: Ts::from_secs(n) }));
            digest.update(Seq(n as u64), &event);
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            whole.extend_from_slice(&n.to_le_bytes());
            whole.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            whole.extend_from_slice(&bytes);
        }
        assert!(whole.len() > HASHED_TOGETHER && !whole.len().is_multiple_of(HASHED_TOGETHER));
        assert_eq!(digest.finish(), Hash32(*blake3::hash(&whole).as_bytes()));
    }
}
