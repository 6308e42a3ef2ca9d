//! The three files of the desk, read together.
//!
//! What it never does: judge whether a whitelist is today's. Who calls it: the daemon and `config check`.

use std::path::{Path, PathBuf};

use super::charges::ChargeTable;
use super::risk::RiskRules;
use super::whitelist::Whitelist;
use crate::orchestrator::config::Config;
use crate::orchestrator::document::Section;
use crate::orchestrator::finding::{Finding, Listed, Problem, sorted};

/// A file is refused beyond so many bytes: 10,000 pairs take a fiftieth of it.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The only version of the three files so far.
pub(super) const VERSION: i64 = 1;

/// Why a file of the desk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read: name another, or mend its permissions.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something in it is wrong: mend every finding.
    #[error("{file} is refused: {}", Listed(findings))]
    Refused {
        /// The file.
        file: String,
        /// All that is wrong with it.
        findings: Vec<Finding>,
    },
}

/// Where the files are; `None` is the built-in one, and of the whitelist none at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeskPaths {
    /// The whitelist.
    pub whitelist: Option<PathBuf>,
    /// The limits.
    pub risk: Option<PathBuf>,
    /// The charges.
    pub charges: Option<PathBuf>,
}

impl From<&Config> for DeskPaths {
    fn from(config: &Config) -> Self {
        let Config { pairs, risk, charges, .. } = config;
        Self { whitelist: pairs.file.clone(), risk: risk.file.clone(), charges: charges.file.clone() }
    }
}

/// What the files of the desk say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeskFiles {
    /// The pairs; or why there are none, in words.
    pub whitelist: Result<Whitelist, String>,
    /// The limits.
    pub risk: RiskRules,
    /// The charges.
    pub charges: ChargeTable,
}

impl DeskFiles {
    /// Reads the files. A whitelist that cannot be had is no error: it allows no entries.
    ///
    /// # Errors
    /// [`FileError`] when limits or charges cannot be used.
    pub fn load(paths: &DeskPaths) -> Result<Self, FileError> {
        let whitelist = match Whitelist::load(paths) {
            Ok(Some(whitelist)) => Ok(whitelist),
            Ok(None) => Err("none is named: set `file` in [pairs]".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let risk = match &paths.risk {
            Some(path) => load(path, RiskRules::from_toml)?,
            None => RiskRules::builtin()?,
        };
        let charges = match &paths.charges {
            Some(path) => load(path, ChargeTable::from_toml)?,
            None => ChargeTable::builtin()?,
        };
        Ok(Self { whitelist, risk, charges })
    }
}

impl Whitelist {
    /// Reads the file; `None` when none is named.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn load(paths: &DeskPaths) -> Result<Option<Self>, FileError> {
        paths.whitelist.as_deref().map(|path| load(path, Self::from_yaml)).transpose()
    }
}

/// Reads a file whole.
fn load<T>(path: &Path, read: impl FnOnce(&str, &str) -> Result<T, FileError>) -> Result<T, FileError> {
    let file = path.display().to_string();
    let unreadable = |source| FileError::Unreadable { file: file.clone(), source };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > BYTES_MAX {
        return Err(unreadable(std::io::Error::other(format!("it has {bytes} bytes, expected at most {BYTES_MAX}"))));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    read(&text, &file)
}

/// What a reader makes of a file, unless it had findings.
pub(super) fn parsed<T>(file: &str, read: impl FnOnce(&mut Vec<Finding>) -> Option<T>) -> Result<T, FileError> {
    let mut findings = Vec::new();
    match read(&mut findings) {
        Some(value) if findings.is_empty() => Ok(value),
        Some(_) | None => Err(FileError::Refused { file: file.to_owned(), findings: sorted(findings) }),
    }
}

/// Checks `version`.
pub(super) fn version(root: &Section<'_>, findings: &mut Vec<Finding>) {
    let Some(entry) = root.require("version", &VERSION.to_string(), findings) else { return };
    if let Some(found) = entry.integer(1, i64::from(u32::MAX), findings)
        && found != VERSION
    {
        findings.push(newer(found, |problem| entry.finding(problem)));
    }
}

/// The finding about a file of a later barkeep.
pub(super) fn newer(found: i64, finding: impl FnOnce(Problem) -> Finding) -> Finding {
    let expected = format!("{VERSION}, the only version that this barkeep reads: upgrade it, or write the file anew");
    finding(Problem::Unfit { found: found.to_string(), expected })
}
