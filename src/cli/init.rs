//! `barkeep init`: the first files of a desk, and whether this host will do.
//!
//! What it never does: change a file that is there. Run again it says what it left alone and checks the host again.

mod check;

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use self::check::{Check, Status};
use super::screen::{say, say_json, wrapped};
use super::{Context, Verdict};
use crate::orchestrator::config::{Config, DEFAULT_PATH};
use crate::orchestrator::desk::charges::ChargeTable;
use crate::orchestrator::desk::risk::RiskRules;
use crate::orchestrator::desk::whitelist::Whitelist;
use crate::orchestrator::desk::{DeskFiles, DeskPaths};
use crate::orchestrator::universe::Universe;

/// Write a commented configuration, check this host, say what comes next
///
/// Writes barkeep.toml, universe.csv and the pairs desk's files (risk.toml, charges.toml, pairs_next_day.yaml) into a folder,
/// makes the data directory, and checks clock, disk, permissions and ports. Files that are there are left alone, so that it may be run again at any time.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep init
  barkeep init desk --data-dir /srv/barkeep --json")]
pub struct Args {
    /// Folder of the configuration
    #[arg(value_name = "FOLDER", default_value = "configs")]
    pub folder: PathBuf,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// What was done and found.
#[derive(Debug, Serialize)]
struct Report {
    written: Vec<PathBuf>,
    kept: Vec<PathBuf>,
    data_dir: PathBuf,
    checks: Vec<Check>,
    next: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// When a file or folder cannot be made.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    make_folder(&args.folder, 0o755)?;
    let file = args.folder.join("barkeep.toml");
    let universe = args.folder.join("universe.csv");
    let data_dir = context.dir.root().to_owned();
    let mut report = Report {
        written: Vec::new(),
        kept: Vec::new(),
        data_dir: data_dir.clone(),
        checks: Vec::new(),
        next: next(&file),
    };
    let own = |name: &str| args.folder.join(name);
    let desk = [
        ("pairs", own("pairs_next_day.yaml"), Whitelist::builtin_text()),
        ("risk", own("risk.toml"), RiskRules::builtin_text()),
        ("charges", own("charges.toml"), ChargeTable::builtin_text()),
    ];
    let text = config_text(&data_dir, &universe, &desk)?;
    let files = desk.iter().map(|(_, path, text)| (path, (*text).to_owned()));
    for (path, text) in files.chain([(&universe, Universe::builtin_text().to_owned()), (&file, text)]) {
        if write_new(path, &text)? { &mut report.written } else { &mut report.kept }.push(path.clone());
    }
    let config = Config::load(Some(&file))?;
    Universe::load(config.calendar.universe.as_deref())?;
    DeskFiles::load(&DeskPaths::from(&config))?;
    make_folder(&data_dir, 0o700)?;
    report.checks = check::host(&config, &data_dir);
    let fine = report.checks.iter().all(|check| check.status != Status::Fail);
    if args.json {
        say_json(&report)?
    } else {
        tell(&report)?
    }
    Ok(Verdict::fine_if(fine))
}

/// The commented defaults with this data directory, this universe and these files of the pairs desk, by section.
fn config_text(data_dir: &Path, universe: &Path, desk: &[(&str, PathBuf, &str)]) -> Result<String> {
    let default = Config::builtin()?;
    let pairs = default.pairs.file.clone().unwrap_or_default();
    let mut settings =
        vec![("", "data_dir", default.data_dir.as_path(), data_dir), ("calendar", "universe", Path::new(""), universe)];
    for (section, own, _) in desk {
        let default = if *section == "pairs" { pairs.as_path() } else { Path::new("") };
        settings.push((section, "file", default, own));
    }
    let mut text = Config::builtin_text().to_owned();
    for (section, key, value, own) in settings {
        let Some(own) = own.to_str() else { bail!("{} is no UTF-8: choose another folder", own.display()) };
        let (line, mine) = (setting(key, &value.display().to_string()), setting(key, own));
        let from = if section.is_empty() { Some(0) } else { text.find(&format!("\n[{section}]\n")) };
        let found = from.and_then(|from| Some(from + text.get(from..)?.find(&line)?));
        let Some(at) = found else { bail!("the built-in configuration has no line `{}`: this is a bug", line.trim()) };
        text.replace_range(at..at + line.len(), &mine);
    }
    Config::from_toml(&text, "the new barkeep.toml")?;
    Ok(text)
}

fn setting(key: &str, value: &str) -> String {
    format!("\n{key} = {}\n", toml::Value::from(value))
}

/// Writes a file that is not there; `false` where one is.
fn write_new(path: &Path, text: &str) -> Result<bool> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be written", path.display())),
    };
    file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(true)
}

fn make_folder(folder: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(mode).create(folder);
    made.with_context(|| format!("the folder {} cannot be made", folder.display()))
}

/// What to type next. The default file need not be named.
fn next(file: &Path) -> Vec<String> {
    let named = if file == Path::new(DEFAULT_PATH) { String::new() } else { format!(" --config '{}'", file.display()) };
    ["config check", "login", "run --profile paper"].iter().map(|command| format!("barkeep {command}{named}")).collect()
}

fn tell(report: &Report) -> Result<()> {
    for path in &report.written {
        say(format!("wrote {}", path.display()))?;
    }
    for path in &report.kept {
        say(format!("left {} as it is", path.display()))?;
    }
    say(format!("the tape goes to {}\n", report.data_dir.display()))?;
    for check in &report.checks {
        say(format!("  {:<7}  {:<11}  {}", check.status.name(), check.name, check.why))?;
        if !check.fix.is_empty() {
            say(wrapped(&check.fix, "                        "))?;
        }
    }
    say("\nNext, with KITE_API_KEY and KITE_API_SECRET in the environment:")?;
    report.next.iter().try_for_each(|command| say(format!("  {command}")))
}
