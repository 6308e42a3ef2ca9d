//! The tape: an append-only log of events in redb segments, with one writer and many followers.
//!
//! What it is: the only truth of an appliance; `FORMAT.md` beside this crate draws its bytes. What it never does: read
//! a clock, send anything anywhere, change an event, or delete a segment. Who calls it: the orchestrator and the
//! commands write; mirrors, monitors, replay and every screen read.
//!
//! Writing: [`Writer`] (or [`Committer`], the same on a thread of its own). Reading: [`Tape`] for what is there,
//! [`Follower`] for what comes. [`DataDir::in_memory`] is a tape without a disk, behind the same surface.

pub mod disk;

mod paths;

mod lock;

mod filter;

pub mod row;

pub mod columns;

mod header;

mod cow;

mod reader;

mod tape;

mod scan;

mod follower;

mod open_segment;

mod writer;

mod committer;

pub mod snapshot;

mod digest;

mod error;

#[doc(hidden)]
pub mod fuzzing;

pub use committer::Committer;
pub use digest::SessionDigest;
pub use error::{CommitError, HaltReason, OpenError, ReadError};
pub use filter::{Filter, KindSet};
pub use follower::Follower;
pub use header::{FORMAT, SegmentHeader};
pub use lock::{Holder, Lock, LockError};
pub use paths::{DataDir, SegmentName};
pub use scan::Scan;
pub use tape::{SegmentInfo, Tape};
pub use writer::Writer;

/// Events in one block: blocks are cut at every multiple of this, counted from the segment's first event.
pub const BLOCK_EVENTS: u32 = 4_096;
