//! `barkeep config`: what is in force, and what is wrong with a file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use super::screen::{say, say_json};
use super::{Context, Verdict};
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::config::Config;
use crate::orchestrator::universe::Universe;

/// Show the configuration in force, or check a file
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Check a configuration file and the files that it names
    #[command(after_help = "Example:\n  barkeep config check configs/barkeep.toml")]
    Check {
        /// The file [default: the configuration in force]
        file: Option<PathBuf>,
    },
    /// Print every key in force, as TOML
    #[command(after_help = "Example:\n  barkeep config show --json")]
    Show {
        /// One JSON object on stdout
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// When a file is refused; the message lists all that is wrong with it.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    match &args.what {
        What::Check { file } => {
            let checked = match file {
                Some(file) => &Config::load(Some(file))?,
                None => &context.config,
            };
            let calendar = Calendar::load(checked.calendar.file.as_deref())?;
            let universe = Universe::load(checked.calendar.universe.as_deref())?;
            let name =
                checked.file.as_ref().map_or_else(|| "built-in defaults".to_owned(), |f| f.display().to_string());
            say(format!(
                "{name}: sound. Calendar {} ({} to {}), {} instruments",
                calendar.file(),
                calendar.from(),
                calendar.to(),
                universe.members().count()
            ))?;
        }
        What::Show { json: true } => say_json(&context.config)?,
        What::Show { json: false } => say(context.config.to_toml()?.trim_end())?,
    }
    Ok(Verdict::Fine)
}
