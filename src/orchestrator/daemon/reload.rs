//! Reading the configuration again while the daemon runs: what may change without a restart, and what may not.
//!
//! It changes nothing: a file with a mistake is an error with all that is wrong, and everything stays as it was. The
//! daemon's command calls it on SIGHUP.

use std::path::Path;

use crate::orchestrator::config::{Config, ConfigError};
use crate::orchestrator::desk::{DeskFiles, DeskPaths, FileError};
use crate::orchestrator::live::shift::Settings;
use crate::orchestrator::universe::{Universe, UniverseError};

/// Why what was read again cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The universe.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// Limits or charges.
    #[error(transparent)]
    Desk(#[from] FileError),
}

/// What was read again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reloaded {
    /// What takes effect at once.
    pub settings: Settings,
    /// Sections that differ from those the daemon began with and take effect with its next start.
    pub waits: Vec<&'static str>,
}

/// Reads the file again that a daemon began with.
///
/// # Errors
/// [`ReloadError`]; nothing has changed then.
pub fn reload(begun: &Config, file: Option<&Path>) -> Result<Reloaded, ReloadError> {
    let read = Config::load(file)?;
    let settings = Settings::load(&read)?;
    let sections = [
        ("data_dir", begun.data_dir != read.data_dir),
        ("[tape]", begun.tape != read.tape),
        ("[calendar] file", begun.calendar.file != read.calendar.file),
        ("[kite]", begun.kite != read.kite),
        ("[feed]", begun.feed != read.feed),
        ("[session]", begun.session != read.session),
        ("[risk] kill_file", begun.risk.kill_file != read.risk.kill_file),
        ("[ports]", begun.ports != read.ports),
        ("[log]", begun.log != read.log),
    ];
    let waits = sections.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    Ok(Reloaded { settings, waits })
}

impl Settings {
    /// What the files that a configuration names say.
    ///
    /// # Errors
    /// [`ReloadError`].
    pub fn load(config: &Config) -> Result<Self, ReloadError> {
        let universe = Universe::load(config.calendar.universe.as_deref())?;
        let paths = DeskPaths::from(config);
        let desk = DeskFiles::load(&paths)?;
        Ok(Self { universe, engine: config.engine.into(), paths, desk })
    }
}
