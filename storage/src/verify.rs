//! The proof that the tape is what was written: every row, every link of the chain, every neighbour.
//!
//! What it is: a check that goes on after what it finds, so that all of it is told at once. What it never does: change a
//! byte, a time or a lock of what it checks, or stop a writer. Called by `barkeep tape verify`, which checks each segment
//! in a process of its own, since a damaged file may make redb panic or worse.

mod links;

mod neighbours;

mod segment;

mod snapshots;

mod walk;

mod words;

use serde::{Deserialize, Serialize};

pub use neighbours::{between, strays};
pub use segment::{CheckRequest, check_segment};
pub use snapshots::{SnapshotFile, Unread, check_snapshots, snapshot_files};

/// What a finding means for the verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; the tape is whole.
    Note,
    /// Something could not be checked.
    Unknown,
    /// Something is not what was written.
    Damage,
}

/// What helps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Nothing need be done.
    Nothing,
    /// Take the segment from a backup.
    RestoreSegment,
    /// Remove or move away a file that nothing needs.
    RemoveFile,
    /// Give the file the name in its header, or remove the copy.
    Rename,
    /// Use a newer barkeep.
    Upgrade,
    /// See to it that the file can be read, and verify again.
    Access,
    /// Write nothing, and bring back what the tape has lost.
    RestoreTape,
}

/// Where in a file something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// The segment's header.
    Meta,
    /// The blocks.
    Blocks,
    /// The index of the blocks.
    Index,
    /// The rows since the last block.
    Tail,
    /// redb's own pages.
    Pages,
}

impl Table {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Blocks => "blocks",
            Self::Index => "index",
            Self::Tail => "tail",
            Self::Pages => "pages",
        }
    }
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What it means.
    pub severity: Severity,
    /// The file, from the data directory on.
    pub file: String,
    /// The table in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// The row's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<u64>,
    /// The first position that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seq: Option<u64>,
    /// The last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// What was found and what was expected.
    pub what: String,
    /// What helps.
    pub remedy: Remedy,
}

impl Finding {
    /// Damage of a segment that a backup can mend.
    pub fn damage(file: &str, what: impl Into<String>) -> Self {
        Self::new(Severity::Damage, file, what, Remedy::RestoreSegment)
    }

    /// Something that could not be checked.
    pub fn unknown(file: &str, what: impl Into<String>, remedy: Remedy) -> Self {
        Self::new(Severity::Unknown, file, what, remedy)
    }

    /// Something worth knowing.
    pub fn note(file: &str, what: impl Into<String>, remedy: Remedy) -> Self {
        Self::new(Severity::Note, file, what, remedy)
    }

    fn new(severity: Severity, file: &str, what: impl Into<String>, remedy: Remedy) -> Self {
        let (file, what) = (file.to_owned(), what.into());
        Self { severity, file, table: None, key: None, first_seq: None, last_seq: None, what, remedy }
    }

    /// Adds the table and the row's key.
    #[must_use]
    pub fn at(mut self, table: Table, key: Option<u64>) -> Self {
        (self.table, self.key) = (Some(table), key);
        self
    }

    /// Adds the positions that it concerns.
    #[must_use]
    pub fn seqs(mut self, first: u64, last: Option<u64>) -> Self {
        (self.first_seq, self.last_seq) = (Some(first), last);
        self
    }
}

/// What a segment says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeaderFacts {
    /// Format.
    pub format: u32,
    /// Place in the tape.
    pub ordinal: u64,
    /// First position.
    pub first_seq: u64,
    /// The last position before it.
    pub previous_last: u64,
    /// The chain hash there, in hexadecimal; `None` where the header holds zero.
    pub previous_chain: Option<String>,
    /// Whether it is sealed.
    pub sealed: bool,
    /// The chain hash at its end, once sealed; `None` where the header holds zero.
    pub last_chain: Option<String>,
}

/// What was found in a segment when all of it had been read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BodyFacts {
    /// Events that were decoded and compared.
    pub events: u64,
    /// The last position; `None` in an empty segment, and when its end could not be read.
    pub last_seq: Option<u64>,
    /// The chain hash at some positions that were asked for, in hexadecimal.
    pub chains: Vec<(u64, String)>,
}

/// What a check of a segment tells, in this order: where it is, again and again, and what it finds; its header once; its
/// body once at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The row that is looked at next, by its key; for a process that dies of it.
    At(Table, u64),
    /// A finding.
    Finding(Finding),
    /// The header.
    Header(HeaderFacts),
    /// The body.
    Body(BodyFacts),
}
