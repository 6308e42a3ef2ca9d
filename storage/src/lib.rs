//! The tape: an append-only log of events in redb segments, with one writer and many followers.
//!
//! What it is: the only truth of an appliance; `FORMAT.md` beside this crate draws its bytes. What it never does: read
//! a clock, send anything anywhere, or change an event; [`prune`] alone removes segments. Who calls it: the orchestrator
//! and the commands write; mirrors, monitors, replay and every screen read.
//!
//! Writing: [`Writer`] (or [`Committer`], the same on a thread of its own). Reading: [`Tape`] for what is there,
//! [`Follower`] for what comes, [`DurableEvents`] for the same inside the writer's process. [`DataDir::in_memory`] is a tape without a disk, behind the same surface.

pub mod disk;

mod paths;

mod lock;

mod filter;

mod instruments;

mod framed;

pub mod row;

pub mod columns;

mod header;

pub mod chain;

mod index;

mod cut;

mod cow;

mod raw_row;

mod tables;

mod reader;

mod tape;

mod row_scan;

mod scan;

mod tick_scan;

mod follower;

mod open_segment;

mod writer;

mod durable;

mod commit_report;

mod committer;

pub mod snapshot;

pub mod backup;

pub mod restore;

pub mod prune;

pub mod verify;

mod digest;

mod error;

#[doc(hidden)]
pub mod fuzzing;

pub use commit_report::CommitReport;
pub use committer::Committer;
pub use digest::SessionDigest;
pub use durable::{Delivery, DurableBatch, DurableEvents, Publisher};
pub use error::{CommitError, FileError, HaltReason, OpenError, ReadError};
pub use filter::{Filter, KindSet};
pub use follower::Follower;
pub use header::{FORMAT, SegmentHeader};
pub use lock::{Holder, Lock, LockError};
pub use paths::{DataDir, SegmentName};
pub use scan::Scan;
pub use tape::{SegmentInfo, Tape};
pub use tick_scan::TickScan;
pub use writer::Writer;

/// Events in one block of format 0, which was cut at every multiple of this.
pub const BLOCK_0_EVENTS: u32 = 4_096;
