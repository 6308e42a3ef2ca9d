//! The commands: raw arguments turned once into checked ones, one file a command, the exit code decided here alone.
//!
//! What it is: the edge towards people. What it never does: keep state, or decide anything about data. Results go to
//! stdout, logs and progress to stderr.

pub mod account;
pub mod backfill;
pub mod calendar;
pub mod config;
pub mod demo;
pub mod explain;
pub mod export;
pub mod heal;
pub mod import;
pub mod init;
pub mod kill_switch;
pub mod login;
pub mod moment;
mod panic;
pub mod paper;
pub mod recon;
pub mod replay;
pub mod risk;
mod run;
pub mod screen;
pub mod sim;
pub mod tape;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr as _;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use barkeep_schemas::Ts;
use barkeep_storage::backup::BackupError;
use barkeep_storage::prune::PruneError;
use barkeep_storage::{CommitError, DataDir, HaltReason, OpenError, ReadError};
use clap::{Parser, Subcommand, ValueEnum};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::mirrors::export::ExportError;
use crate::monitoring::explain::ExplainError;
use crate::monitoring::explain::desk::DeskError;
use crate::monitoring::recon_autoheal::FollowError;
use crate::orchestrator::ApplianceError;
use crate::orchestrator::config::{Config, LogFormat as ConfiguredFormat};
use crate::orchestrator::daemon::DaemonError;
use crate::orchestrator::door::DoorError;
use crate::orchestrator::import::ImportError;
use crate::orchestrator::replay::ReplayError;

/// Keeps the tape and keeps the bars honest.
#[derive(Debug, Parser)]
#[command(name = "barkeep", version, about, long_about = None, propagate_version = true, max_term_width = 110)]
#[command(after_help = "Exit codes: 0 fine, 1 the check found something, 2 usage, configuration or environment, \
3 fatal: going on is forbidden.\n\nStart with:  barkeep demo")]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// Configuration file [default: configs/barkeep.toml where it exists, else the built-in defaults]
    #[arg(long, global = true, env = "BARKEEP_CONFIG", value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Folder of the tape and its snapshots [default: data_dir of the configuration]
    #[arg(long, global = true, value_name = "PATH")]
    pub data_dir: Option<PathBuf>,
    /// Form of the log on stderr [default: log.format of the configuration]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Form of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "each command's Args say what it does, and clap shows that")]
pub enum Command {
    Init(init::Args),
    Demo(demo::Args),
    Sim(sim::Args),
    Login(login::Args),
    Backfill(backfill::Args),
    Import(import::Args),
    Export(export::Args),
    Replay(replay::Args),
    Run(run::Args),
    Explain(explain::Args),
    KillSwitch(kill_switch::Args),
    Risk(risk::Args),
    Recon(recon::Args),
    Heal(heal::Args),
    Tape(tape::Args),
    Calendar(calendar::Args),
    Config(config::Args),
    Completions(paper::CompletionsArgs),
    Man(paper::ManArgs),
}

/// What a command that ran to its end has to say with its exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Exit code 0.
    Fine,
    /// Exit code 1: the check found something.
    Found,
    /// Exit code 2: the check found nothing and could not look at everything.
    CannotTell,
}

impl Verdict {
    /// Fine when nothing was found.
    pub fn fine_if(fine: bool) -> Self {
        if fine { Self::Fine } else { Self::Found }
    }
}

/// What a command works on.
#[derive(Debug)]
pub struct Context {
    /// The checked configuration.
    pub config: Config,
    /// The data directory.
    pub dir: DataDir,
}

impl Context {
    fn new(global: &Global) -> Result<Self> {
        let config = Config::load(global.config.as_deref())?;
        let level = LevelFilter::from_str(config.log.level.name()).unwrap_or(LevelFilter::WARN);
        log_to_stderr(global.log_format, &config, level);
        Self::with(global, config)
    }

    /// One for a command that shows all that it has to say itself: the log has errors alone.
    fn quiet(global: &Global) -> Result<Self> {
        let config = Config::load(global.config.as_deref())?;
        log_to_stderr(global.log_format, &config, LevelFilter::ERROR);
        Self::with(global, config)
    }

    fn with(global: &Global, config: Config) -> Result<Self> {
        let root = global.data_dir.clone().unwrap_or_else(|| config.data_dir.clone());
        if root.metadata().is_ok_and(|meta| !meta.is_dir()) {
            bail!("{} is a file, not a folder: check --data-dir, or data_dir of the configuration", root.display());
        }
        Ok(Self { config, dir: DataDir::new(root) })
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own code for usage errors is 2, help and version are 0.
            drop(error.print());
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let result = match panic::catch(|| run(cli)) {
        Ok(result) => result,
        Err(panicked) => {
            // Whoever closed stderr does not want to be told; the exit code stands.
            let _ = writeln!(io::stderr(), "fatal {}", panicked.sentence());
            return ExitCode::from(3);
        }
    };
    match result {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Found) => ExitCode::from(1),
        Ok(Verdict::CannotTell) => ExitCode::from(2),
        Err(error) if screen::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// Sends the log of this process to stderr. A second call, as the demo makes, changes nothing.
fn log_to_stderr(format: Option<LogFormat>, config: &Config, level: LevelFilter) {
    let json = match format {
        Some(format) => format == LogFormat::Json,
        None => config.log.format == ConfiguredFormat::Json,
    };
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_max_level(level);
    // For people: the time as they live by it, and no names of the code.
    let _ = if json { log.json().try_init() } else { log.with_timer(IstTime).with_target(false).try_init() };
}

/// The host's time in India, to the millisecond.
struct IstTime;

impl FormatTime for IstTime {
    fn format_time(&self, w: &mut Writer<'_>) -> std::fmt::Result {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since.as_millis()).unwrap_or_default();
        write!(w, "{}", moment::ist(Ts::new(millis.saturating_mul(1_000_000))))
    }
}

/// Prints an error with its causes and chooses between exit codes 2 and 3.
fn report(error: &anyhow::Error) -> ExitCode {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str("\n  because ");
            text.push_str(&cause);
        }
    }
    // Whoever closed stderr does not want to be told; the exit code stands.
    let mut err = io::stderr().lock();
    match fatal_reason(error) {
        Some(reason) => {
            let _ = writeln!(err, "fatal {reason}: {}", text.replace("\n  ", "; ").replace('\n', " "));
            ExitCode::from(3)
        }
        None => {
            let _ = writeln!(err, "error: {text}");
            ExitCode::from(2)
        }
    }
}

/// The word that goes with exit code 3, when going on is forbidden: the tape cannot be written, is damaged, or no longer
/// derives what it holds. Every error that can carry such a reason is asked, since transparent ones hide their inner one.
fn fatal_reason(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(|cause| {
        let appliance = cause.downcast_ref::<ApplianceError>().map(ApplianceError::fatal_reason);
        let door = || cause.downcast_ref::<DoorError>().map(DoorError::fatal_reason);
        let import = || cause.downcast_ref::<ImportError>().map(ImportError::fatal_reason);
        let replay = || cause.downcast_ref::<ReplayError>().map(ReplayError::fatal_reason);
        let export = || {
            cause
                .downcast_ref::<ExportError>()
                .map(|error| if let ExportError::Read(error) = error { error.fatal_reason() } else { None })
        };
        let explain = || cause.downcast_ref::<ExplainError>().map(ExplainError::fatal_reason);
        let desk = || cause.downcast_ref::<DeskError>().map(DeskError::fatal_reason);
        let follow = || cause.downcast_ref::<FollowError>().map(FollowError::fatal_reason);
        let open = || cause.downcast_ref::<OpenError>().map(OpenError::fatal_reason);
        let read = || cause.downcast_ref::<ReadError>().map(ReadError::fatal_reason);
        let prune = || cause.downcast_ref::<PruneError>().map(PruneError::fatal_reason);
        let backup = || cause.downcast_ref::<BackupError>().map(BackupError::fatal_reason);
        let daemon = || cause.downcast_ref::<DaemonError>().map(DaemonError::fatal_reason);
        let commit = || cause.downcast_ref::<CommitError>().map(|error| error.halt_reason().map(HaltReason::word));
        appliance
            .or_else(door)
            .or_else(import)
            .or_else(replay)
            .or_else(export)
            .or_else(explain)
            .or_else(desk)
            .or_else(follow)
            .or_else(open)
            .or_else(read)
            .or_else(prune)
            .or_else(backup)
            .or_else(commit)
            .or_else(daemon)
            .flatten()
    })
}

fn run(cli: Cli) -> Result<Verdict> {
    let context = || Context::new(&cli.global);
    match &cli.command {
        Command::Init(args) => init::run(args, &context()?),
        Command::Demo(args) => demo::run(args, cli.global.data_dir.clone(), &Context::quiet(&cli.global)?),
        Command::Sim(args) => sim::run(args, &context()?),
        Command::Login(args) => login::run(args, &context()?),
        Command::Backfill(args) => backfill::run(args, &context()?),
        Command::Import(args) => import::run(args, &context()?),
        Command::Export(args) => export::run(args, &context()?),
        Command::Recon(args) => recon::run(args, &context()?),
        Command::Heal(args) => heal::run(args, &context()?),
        Command::Tape(args) => tape::run(args, &context()?),
        Command::Replay(args) => replay::run(args, &context()?),
        Command::Run(args) => run::run(args, &context()?),
        Command::Explain(args) => explain::run(args, &context()?),
        Command::KillSwitch(args) => kill_switch::run(args, &context()?),
        Command::Risk(args) => risk::run(args, &context()?),
        Command::Calendar(args) => calendar::run(args, &context()?),
        Command::Config(args) => config::run(args, &context()?),
        Command::Completions(args) => paper::completions(args),
        Command::Man(args) => paper::man(args),
    }
}
