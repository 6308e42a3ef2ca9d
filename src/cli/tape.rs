//! `barkeep tape`: looking at the tape and working on it.
//!
//! What it is: one file a subcommand, below. What it never does: change an event. `seal` alone takes the lock.

mod cat;
mod line;
mod seal;
mod select;
mod stat;
mod tail;

use anyhow::Result;

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
}

/// Runs the command.
///
/// # Errors
/// When the tape cannot be read, an argument names nothing that is there, or sealing is refused.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    match &args.verb {
        Verb::Stat(args) => stat::run(args, context),
        Verb::Cat(args) => cat::run(args, context),
        Verb::Tail(args) => tail::run(args, context),
        Verb::Seal(args) => seal::run(args, context),
    }
}
