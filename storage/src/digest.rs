//! The digest of a run of events: BLAKE3 over positions and canonical bytes.
//!
//! Never touches a file. Called by replay, tests and the close of a session. Batch size and storage form do not show
//! in it.

use barkeep_schemas::{Event, Hash32, Seq};

/// Takes events in order: for each, seq (u64), length (u32) and canonical bytes, little-endian.
#[derive(Clone, Debug, Default)]
pub struct SessionDigest {
    hasher: blake3::Hasher,
    bytes: Vec<u8>,
}

impl SessionDigest {
    /// The digest of no events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next event.
    pub fn update(&mut self, seq: Seq, event: &Event) {
        self.bytes.clear();
        event.encode(&mut self.bytes);
        self.hasher.update(&seq.0.to_le_bytes());
        self.hasher.update(&(self.bytes.len() as u32).to_le_bytes());
        self.hasher.update(&self.bytes);
    }

    /// The digest of the events so far.
    pub fn finish(&self) -> Hash32 {
        Hash32(*self.hasher.finalize().as_bytes())
    }
}
