//! `barkeep completions` and `barkeep man`: what a package ships beside the binary.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::screen::{Out, say};
use super::{Cli, Verdict};

/// Print shell completions
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  barkeep completions bash > /etc/bash_completion.d/barkeep")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Print the manual page, or write one for every command
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  barkeep man | man -l -\n  barkeep man --out man1")]
pub struct ManArgs {
    /// Folder for the pages of all commands [default: the main page on stdout]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Prints completions.
///
/// # Errors
/// When stdout cannot be written.
pub fn completions(args: &CompletionsArgs) -> Result<Verdict> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "barkeep", &mut script);
    Out.lock().write_all(&script)?;
    Ok(Verdict::Fine)
}

/// Prints or writes manual pages.
///
/// # Errors
/// When they cannot be written.
pub fn man(args: &ManArgs) -> Result<Verdict> {
    let command = Cli::command();
    match &args.out {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            clap_mangen::generate_to(command, folder).with_context(|| format!("{}", folder.display()))?;
            say(format!("Manual pages written to {}", folder.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            Out.lock().write_all(&page)?;
        }
    }
    Ok(Verdict::Fine)
}
