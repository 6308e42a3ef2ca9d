//! `barkeep tape`: looking at the tape and working on it.
//!
//! What it is: one file a subcommand, below. What it never does: change an event. `seal`, `prune` and `restore` take
//! the lock, the last two only to apply what they planned.

mod backup;
mod cat;
mod drill;
pub(super) mod line;
mod prune;
mod restore;
mod seal;
mod select;
mod stat;
mod tail;
mod verify;

use std::io::ErrorKind;

use anyhow::{Context as _, Result, bail};
use barkeep_storage::{DataDir, SegmentName};

use super::{Context, Verdict};

/// Looks at the tape and works on it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Shows the segments, the lock and the snapshots
    Stat(stat::Args),
    /// Prints events, one line each
    Cat(cat::Args),
    /// Prints the last events, and those that come
    Tail(tail::Args),
    /// Seals the open segment
    Seal(seal::Args),
    /// Checks every row, the chain, the neighbours and the snapshots; changes nothing
    Verify(verify::Args),
    /// Plans which of the oldest segments go; removes them with --apply
    Prune(prune::Args),
    /// Plans a backup of the tape and its snapshots; makes it with --apply
    Backup(backup::Args),
    /// Checks a backup and plans its restore; restores it with --apply
    Restore(restore::Args),
}

/// Runs the command.
///
/// # Errors
/// When the tape cannot be read, an argument names nothing that is there, or sealing is refused.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    if args.verb.needs_tape() {
        check_tape(&context.dir)?;
    }
    match &args.verb {
        Verb::Stat(args) => stat::run(args, context),
        Verb::Cat(args) => cat::run(args, context),
        Verb::Tail(args) => tail::run(args, context),
        Verb::Seal(args) => seal::run(args, context),
        Verb::Verify(args) => verify::run(args, context),
        Verb::Prune(args) => prune::run(args, context),
        Verb::Backup(args) => backup::run(args, context),
        Verb::Restore(args) => restore::run(args, context),
    }
}

impl Verb {
    /// Whether there must be a tape: a restore brings one, and `tail --follow` may be there before the first import.
    const fn needs_tape(&self) -> bool {
        match self {
            Self::Restore(_) => false,
            Self::Tail(args) => !args.follow,
            Self::Stat(_) | Self::Cat(_) | Self::Seal(_) | Self::Verify(_) | Self::Prune(_) | Self::Backup(_) => true,
        }
    }
}

/// Refuses a data directory without a tape: it is the wrong one more often than an empty one.
fn check_tape(dir: &DataDir) -> Result<()> {
    match std::fs::metadata(dir.tape()) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => bail!("{} is no folder: check --data-dir", dir.tape().display()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{} holds no tape: check --data-dir", dir.root().display())
        }
        Err(error) => Err(error).with_context(|| format!("{} could not be looked at", dir.tape().display())),
    }
}

/// A segment as people name it: its file's name without the extension.
fn segment_name(name: SegmentName) -> String {
    format!("{}.{}", name.date, name.run)
}
