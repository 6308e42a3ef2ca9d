//! The configuration: `configs/barkeep.toml` holds every default, and a file of the operator's overrides it key by key.
//!
//! What it never does: hold a default in code, let an unknown key pass, or read the environment. Who calls it: the
//! commands, once at their start; each part of barkeep is handed its own section.

mod heal;
mod live;
mod reader;
mod tolerance;
mod tolerances;

use std::path::{Path, PathBuf};

use barkeep_schemas::{EngineConfig, NANOS};
use serde::{Serialize, Serializer};

use super::finding::{Finding, Listed};

pub use heal::{Deed, HealConfig};
pub use live::{FeedConfig, KiteConfig, PortsConfig, SessionConfig, TimeOfDay};
pub use tolerance::{Tolerance, ToleranceError};
pub use tolerances::Tolerances;

const BUILTIN: &str = include_str!("../../configs/barkeep.toml");
const BUILTIN_NAME: &str = "configs/barkeep.toml (built in)";

/// The configuration file that is read when none is named.
pub const DEFAULT_PATH: &str = "configs/barkeep.toml";

/// The checked configuration. Its fields have the names and units of the file's keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Config {
    /// The operator's file, when one was read; not part of the printed form.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// Where tape, snapshots and lock live. Never empty.
    #[serde(serialize_with = "shown")]
    pub data_dir: PathBuf,
    /// The tape.
    pub tape: TapeConfig,
    /// The engine.
    pub engine: EngineSettings,
    /// Import of recorded files.
    pub import: ImportConfig,
    /// Reconciliation.
    pub recon: ReconConfig,
    /// Healing.
    pub heal: HealConfig,
    /// The exchange's calendar and instruments.
    pub calendar: CalendarConfig,
    /// The broker.
    pub kite: KiteConfig,
    /// The feed.
    pub feed: FeedConfig,
    /// The session.
    pub session: SessionConfig,
    /// The whitelist.
    pub pairs: PairsConfig,
    /// Limits and the kill file.
    pub risk: RiskConfig,
    /// The charges.
    pub charges: ChargesConfig,
    /// Ports of the daemon.
    pub ports: PortsConfig,
    /// Logs.
    pub log: LogConfig,
}

/// `[tape]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct TapeConfig {
    /// Events after which a commit closes, 1 to 1,000,000.
    pub commit_events: u32,
    /// Milliseconds after which a commit closes, 1 to 10,000.
    pub commit_ms: u32,
    /// Events between snapshots, 1,000 to 1,000,000,000.
    pub snapshot_events: u64,
    /// Levels of the order book kept with a tick.
    pub depth: DepthKept,
}

/// How much of the order book is kept with a tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DepthKept {
    /// Best bid and ask.
    Best,
    /// Five levels.
    Five,
}

/// `[engine]`, in event time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EngineSettings {
    /// Wait for stragglers after a bar's end, milliseconds, 0 to 60,000.
    pub grace_ms: u32,
    /// How far ahead a tick may be, milliseconds, 0 to 600,000.
    pub ahead_ms: u32,
    /// Age at which a one-second bar is no longer revised, seconds, 0 to 120.
    pub horizon_s: u32,
    /// How long a fallen counter stays low before it is a reset, seconds, 1 to 86,400.
    pub reset_after_s: u32,
}

/// `[import]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ImportConfig {
    /// The longest step back in time that is not rejected, seconds, 0 to 86,400.
    pub max_step_back_s: u32,
}

/// `[recon]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ReconConfig {
    /// By how much a bar may differ and still match, by class of instrument.
    pub tolerance: Tolerances,
}

/// `[calendar]`. A file that is not named is the one built in, and printed as `""`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CalendarConfig {
    /// The dated calendar.
    #[serde(serialize_with = "shown_or_empty")]
    pub file: Option<PathBuf>,
    /// The instruments.
    #[serde(serialize_with = "shown_or_empty")]
    pub universe: Option<PathBuf>,
}

/// `[pairs]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PairsConfig {
    /// The whitelist; `None`, printed as `""`: none, and no entries.
    #[serde(serialize_with = "shown_or_empty")]
    pub file: Option<PathBuf>,
}

/// `[risk]`. Limits that are not named are those built in, and printed as `""`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RiskConfig {
    /// The limits.
    #[serde(serialize_with = "shown_or_empty")]
    pub file: Option<PathBuf>,
    /// The file whose presence throws the kill switch; `None`, printed as `""`: none is watched.
    #[serde(serialize_with = "shown_or_empty")]
    pub kill_file: Option<PathBuf>,
}

/// `[charges]`. A file that is not named is the one built in, and printed as `""`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ChargesConfig {
    /// The charges.
    #[serde(serialize_with = "shown_or_empty")]
    pub file: Option<PathBuf>,
}

/// `[log]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct LogConfig {
    /// How a line is written.
    pub format: LogFormat,
    /// The least severity that is written.
    pub level: LogLevel,
}

/// How a line of the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severity that is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Errors alone.
    Error,
    /// And warnings.
    Warn,
    /// And what happens.
    Info,
    /// And why.
    Debug,
    /// And each step.
    Trace,
}

impl LogLevel {
    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read: name another, or mend its permissions.
    #[error("cannot read the configuration {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Keys or values are wrong: mend every finding.
    #[error("{file} is refused: {}", Listed(findings))]
    Refused {
        /// The file.
        file: String,
        /// All that is wrong with it.
        findings: Vec<Finding>,
    },
}

impl Config {
    /// Every default.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] when the file was built in with a mistake, which a test excludes.
    pub fn builtin() -> Result<Self, ConfigError> {
        Self::from_toml("", BUILTIN_NAME)
    }

    /// The commented text of every default, for `init` to write.
    pub const fn builtin_text() -> &'static str {
        BUILTIN
    }

    /// Reads the file named, which must exist; without a name `configs/barkeep.toml` when it exists, else the defaults.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] and [`ConfigError::Refused`].
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let named = path.is_some();
        let path = path.unwrap_or(Path::new(DEFAULT_PATH));
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { file: Some(path.to_owned()), ..Self::from_toml(&text, &file)? }),
            Err(source) if !named && source.kind() == std::io::ErrorKind::NotFound => Self::builtin(),
            Err(source) => Err(ConfigError::Unreadable { file, source }),
        }
    }

    /// Reads the text of an operator's file over the defaults; `file_name` is its name in errors.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] with every unknown key and every value out of range.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        reader::read(text, file_name, BUILTIN, BUILTIN_NAME)
            .map_err(|findings| ConfigError::Refused { file: file_name.to_owned(), findings })
    }

    /// The configuration in force as TOML, every key; [`Config::from_toml`] reads it back.
    ///
    /// # Errors
    /// The serializer's, which no value of this type provokes.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The engine's settings as they go onto the tape.
    pub const fn engine_config(&self) -> EngineConfig {
        self.engine.to_event()
    }
}

impl EngineSettings {
    /// The settings in nanoseconds, as they go onto the tape.
    pub const fn to_event(self) -> EngineConfig {
        EngineConfig {
            grace_ns: self.grace_ms as i64 * (NANOS / 1_000),
            ahead_ns: self.ahead_ms as i64 * (NANOS / 1_000),
            horizon_ns: self.horizon_s as i64 * NANOS,
            reset_after_ns: self.reset_after_s as i64 * NANOS,
        }
    }
}

impl From<EngineSettings> for EngineConfig {
    fn from(settings: EngineSettings) -> Self {
        settings.to_event()
    }
}

/// A path as text; bytes that are no UTF-8 are replaced, as on a screen.
fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

fn shown_or_empty<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.as_deref().unwrap_or(Path::new("")).display())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> Vec<String> {
        match Config::from_toml(text, "f.toml") {
            Err(ConfigError::Refused { findings, .. }) => findings.iter().map(ToString::to_string).collect(),
            other => panic!("expected a refusal, found {other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_file_and_print_as_themselves() {
        let config = Config::builtin().unwrap();
        insta::assert_snapshot!(config.to_toml().unwrap(), @r#"
        data_dir = "barkeep-data"

        [tape]
        commit_events = 16384
        commit_ms = 20
        snapshot_events = 2000000
        depth = "best"

        [engine]
        grace_ms = 3000
        ahead_ms = 5000
        horizon_s = 120
        reset_after_s = 60

        [import]
        max_step_back_s = 120

        [recon]
        tolerance = "price=1tick,3bp;volume=3%,100"

        [heal]
        missing_internal = "take"
        feed_gap = "take"
        appliance_down = "take"
        late_ticks = "take"
        conflation = "leave"
        volume_boundary = "leave"
        opening_price = "leave"
        auction = "leave"
        halt = "leave"
        duplicate = "leave"
        unexplained = "leave"
        refetch_min = 20
        max_share_percent = 20
        max_jump_percent = 10

        [calendar]
        file = ""
        universe = ""

        [kite]
        rest = "https://api.kite.trade"
        ws = "wss://ws.kite.trade"
        login_url = "https://kite.zerodha.com/connect/login"
        token_file = ""
        credentials_file = ""

        [feed]
        connections = 3
        instruments_per_connection = 3000
        mute_s = 9
        silent_s = 20
        stale_instrument_s = 900
        stale_first_tick_s = 60
        skew_ms = 2000
        backoff_first_ms = 500
        backoff_max_s = 30
        queue = 4096

        [session]
        open_before_s = 900
        close_after_s = 120
        instruments_at = "08:30"

        [pairs]
        file = "configs/pairs_next_day.yaml"

        [risk]
        file = ""
        kill_file = ""

        [charges]
        file = ""

        [ports]
        bind = "127.0.0.1"
        appliance = 8110
        zerodha_ws = 8111
        bar_builder_1s = 8112
        bar_aggregator_1m_to_multi = 8113
        pair_watch_producer = 8114
        pairs_executor = 8115
        risk_manager = 8116
        paper_matcher = 8117
        bar_aggregator_1m = 8118
        recon_exporter = 8021

        [log]
        format = "text"
        level = "info"
        "#);
    }

    #[test]
    fn every_key_of_the_built_in_file_is_printed_and_no_other() {
        let printed: toml::Table = Config::builtin().unwrap().to_toml().unwrap().parse().unwrap();
        let builtin: toml::Table = BUILTIN.parse().unwrap();
        assert_eq!(printed, builtin);
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        let text = "data_dir = \"/var/lib/barkeep\"\n[tape]\ndepth = \"five\"\n[log]\nlevel = \"trace\"\nformat = \
                    \"json\"\n[calendar]\nfile = \"my \\\"own\\\".toml\"\n[recon]\ntolerance = \"price=0.5bp | cash: \
                    price=1bp\"\n";
        let config = Config::from_toml(text, "f.toml").unwrap();
        assert_eq!(config.tape.depth, DepthKept::Five);
        assert_eq!(config.tape.commit_ms, 20, "a key that is not overridden keeps its default");
        assert_eq!(config.calendar.file.as_deref(), Some(Path::new("my \"own\".toml")));
        assert_eq!(Config::from_toml(&config.to_toml().unwrap(), "g.toml").unwrap(), config);
    }

    #[test]
    fn the_engine_gets_nanoseconds() {
        let expected = EngineConfig {
            grace_ns: 3_000_000_000,
            ahead_ns: 5_000_000_000,
            horizon_ns: 120_000_000_000,
            reset_after_ns: 60_000_000_000,
        };
        assert_eq!(Config::builtin().unwrap().engine_config(), expected);
    }

    #[test]
    fn all_mistakes_are_reported_at_once_with_line_key_value_and_range() {
        let text = "data_dir = \"\"\ntap = 1\n[tape]\ncommit_event = 5\ncommit_ms = 0\ncommit_events = \"many\"\n\
                    [engine]\nhorizon_s = 121\n[log]\nlevel = \"inf\"\n[recon]\ntolerance = \"price=1tock\"\n[zzz]\n";
        insta::assert_snapshot!(refused(text).join("\n"), @r#"
        f.toml:1: data_dir: found "", expected the path of a directory
        f.toml:2: `tap` is no known key: did you mean `tape`?
        f.toml:4: [tape]: `commit_event` is no known key: did you mean `commit_events`?
        f.toml:5: [tape] commit_ms: 0 is outside 1 to 10000
        f.toml:6: [tape] commit_events: found "many", expected a whole number from 1 to 1000000
        f.toml:8: [engine] horizon_s: 121 is outside 0 to 120
        f.toml:10: [log] level: `inf` is no known level: did you mean `info`?
        f.toml:12: [recon] tolerance: `1tock` in the tolerance `price=1tock`: expected a number with its unit: `1tick` or `3bp` for a price, `3%`, `100` (shares) or `0.5%day` for a volume; an example is `price=1tick,3bp;volume=3%,100`
        f.toml:13: `zzz` is no known key: expected one of `calendar`, `charges`, `data_dir`, `engine`, `feed`, `heal`, `import`, `kite`, `log`, `pairs`, `ports`, `recon`, `risk`, `session`, `tape`
        "#);
    }

    #[test]
    fn a_section_that_is_no_table_is_refused() {
        assert_eq!(refused("tape = 3\n"), ["f.toml:1: tape: found 3, expected a table"]);
        assert_eq!(refused("[[tape]]\n").len(), 1);
    }

    #[test]
    fn a_file_that_is_named_must_exist() {
        let missing = Config::load(Some(Path::new("/no/such/barkeep.toml"))).unwrap_err().to_string();
        assert!(missing.starts_with("cannot read the configuration /no/such/barkeep.toml: "), "{missing}");
    }

    #[test]
    fn a_file_that_is_there_is_read_and_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.toml");
        std::fs::write(&path, "[tape]\ncommit_ms = 7\n").unwrap();
        let config = Config::load(Some(&path)).unwrap();
        assert_eq!((config.tape.commit_ms, config.file), (7, Some(path.clone())));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(Config::load(Some(&path)), Err(ConfigError::Unreadable { .. })));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC*", value in "[-0-9a-z\"'{}\\[\\],=._ ]{0,12}") {
            let _ = Config::from_toml(&text, "f.toml");
            let _ = Config::from_toml(&format!("[tape]\ncommit_ms = {value}\n{text}"), "f.toml");
        }

        #[test]
        fn a_number_is_taken_exactly_within_its_range(ms in -5_i64..20_000) {
            let read = Config::from_toml(&format!("[tape]\ncommit_ms = {ms}"), "f.toml");
            prop_assert_eq!(read.ok().map(|config| i64::from(config.tape.commit_ms)),
                (1..=10_000).contains(&ms).then_some(ms));
        }
    }
}
