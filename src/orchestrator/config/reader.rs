//! Reads the operator's file over the built-in one, key by key, and checks every value.
//!
//! What it never does: know a default, or a key that the built-in file does not show. Who calls it: [`Config`].

use std::net::IpAddr;
use std::path::PathBuf;

use super::super::document::{Document, Entry, Section};
use super::super::finding::{Finding, Problem, sorted};
use super::{
    CalendarConfig, ChargesConfig, Config, Deed, DepthKept, EngineSettings, FeedConfig, HealConfig, ImportConfig,
    KiteConfig, LogConfig, LogFormat, LogLevel, PairsConfig, PortsConfig, ReconConfig, RiskConfig, SessionConfig,
    TapeConfig, TimeOfDay, Tolerances,
};

const DAY_S: i64 = 86_400;

/// The engine keeps seconds no longer than this.
const HORIZON_MAX_S: i64 = 120;

/// Reads a configuration.
///
/// # Errors
/// Every finding, in the order of lines.
pub(super) fn read(text: &str, file: &str, builtin: &str, builtin_name: &str) -> Result<Config, Vec<Finding>> {
    let own = Document::parse(text, file)?;
    let defaults = Document::parse(builtin, builtin_name)?;
    let mut findings = Vec::new();
    let mut keys = Keys { sections: sections(&own, &defaults, &mut findings), section: "", findings: &mut findings };
    let config = config(&mut keys);
    match config {
        Some(config) if findings.is_empty() => Ok(config),
        Some(_) | None => Err(sorted(findings)),
    }
}

/// The operator's part of a section and the built-in one; the top level has the name "".
struct Layers<'d> {
    name: &'d str,
    own: Option<Section<'d>>,
    defaults: Section<'d>,
}

/// Hands out values: the operator's when there is one, else the default.
struct Keys<'d, 'f> {
    sections: Vec<Layers<'d>>,
    section: &'static str,
    findings: &'f mut Vec<Finding>,
}

impl<'d> Keys<'d, '_> {
    /// Goes to a section.
    fn of(&mut self, section: &'static str) -> &mut Self {
        self.section = section;
        self
    }

    fn get(&mut self, key: &str) -> Option<Entry<'d>> {
        let layers = self.sections.iter().find(|layers| layers.name == self.section)?;
        let own = layers.own.as_ref().and_then(|own| own.get(key));
        own.or_else(|| layers.defaults.require(key, "…", self.findings))
    }

    fn number<T: TryFrom<i64>>(&mut self, key: &str, least: i64, most: i64) -> Option<T> {
        let value = self.get(key)?.integer(least, most, self.findings)?;
        T::try_from(value).ok()
    }

    fn name<T: Copy>(&mut self, key: &str, what: &'static str, names: &[(&str, T)]) -> Option<T> {
        self.get(key)?.name(what, names, self.findings)
    }

    /// A path, `None` inside when the text is empty.
    fn path(&mut self, key: &str) -> Option<Option<PathBuf>> {
        let text = self.get(key)?.text(self.findings)?;
        Some((!text.is_empty()).then(|| PathBuf::from(text)))
    }

    fn data_dir(&mut self) -> Option<PathBuf> {
        let entry = self.get("data_dir")?;
        let text = entry.text(self.findings)?;
        if text.trim().is_empty() {
            self.findings.push(entry.unfit("the path of a directory"));
        }
        Some(PathBuf::from(text))
    }

    /// The start of addresses: a scheme of these, a host, and no slash at the end.
    fn root(&mut self, key: &str, schemes: &[&str]) -> Option<String> {
        let entry = self.get(key)?;
        let text = entry.text(self.findings)?;
        let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
        let fits = host.is_some_and(|host| {
            !host.is_empty() && !host.ends_with('/') && !host.contains(|c: char| c.is_whitespace() || "?#@".contains(c))
        });
        if !fits {
            let expected = format!("{} and a host, without a slash at the end", schemes.join(" or "));
            self.findings.push(entry.unfit(&expected));
        }
        Some(text.to_owned())
    }

    fn address(&mut self, key: &str) -> Option<IpAddr> {
        let entry = self.get(key)?;
        let address = entry.text(self.findings)?.parse().ok();
        if address.is_none() {
            self.findings.push(entry.unfit("an IP address such as 127.0.0.1"));
        }
        address
    }

    fn time_of_day(&mut self, key: &str) -> Option<TimeOfDay> {
        let entry = self.get(key)?;
        let time = TimeOfDay::parse(entry.text(self.findings)?);
        if time.is_none() {
            self.findings.push(entry.unfit("a time of day, \"HH:MM\""));
        }
        time
    }

    fn tolerance(&mut self) -> Option<Tolerances> {
        let entry = self.get("tolerance")?;
        match entry.text(self.findings)?.parse() {
            Ok(tolerance) => Some(tolerance),
            Err(error) => {
                self.findings.push(entry.finding(Problem::Syntax { message: format!("{error}") }));
                None
            }
        }
    }
}

/// Pairs the sections of both files, and reports keys that the built-in file does not have.
fn sections<'d>(own: &'d Document<'d>, defaults: &'d Document<'d>, findings: &mut Vec<Finding>) -> Vec<Layers<'d>> {
    let (own, defaults) = (own.root(), defaults.root());
    own.allow_only(&defaults.keys().collect::<Vec<_>>(), findings);
    let mut layers = Vec::new();
    for name in defaults.keys() {
        // A default that is no table is a key of the top level.
        let Some(default) = defaults.get(name).and_then(|entry| entry.section(&mut Vec::new())) else { continue };
        let place = format!("[{name}]");
        let own = own.get(name).and_then(|entry| entry.section(findings)).map(|own| own.named(place.clone()));
        if let Some(own) = &own {
            own.allow_only(&default.keys().collect::<Vec<_>>(), findings);
        }
        layers.push(Layers { name, own, defaults: default.named(place) });
    }
    layers.push(Layers { name: "", own: Some(own), defaults });
    layers
}

/// Takes every key. All are asked for before any missing one ends the reading, so that each mistake is found.
fn config(keys: &mut Keys<'_, '_>) -> Option<Config> {
    let data_dir = keys.of("").data_dir();
    let tape = tape(keys.of("tape"));
    let engine = engine(keys.of("engine"));
    let max_step_back_s = keys.of("import").number("max_step_back_s", 0, DAY_S);
    let tolerance = keys.of("recon").tolerance();
    let heal = heal(keys.of("heal"));
    let (file, universe) = (keys.of("calendar").path("file"), keys.of("calendar").path("universe"));
    let kite = kite(keys.of("kite"));
    let feed = feed(keys.of("feed"));
    let session = session(keys.of("session"));
    let pairs = keys.of("pairs").path("file");
    let (risk, kill_file) = (keys.of("risk").path("file"), keys.of("risk").path("kill_file"));
    let charges = keys.of("charges").path("file");
    let ports = ports(keys.of("ports"));
    let log = log(keys.of("log"));
    Some(Config {
        file: None,
        data_dir: data_dir?,
        tape: tape?,
        engine: engine?,
        import: ImportConfig { max_step_back_s: max_step_back_s? },
        recon: ReconConfig { tolerance: tolerance? },
        heal: heal?,
        calendar: CalendarConfig { file: file?, universe: universe? },
        kite: kite?,
        feed: feed?,
        session: session?,
        pairs: PairsConfig { file: pairs? },
        risk: RiskConfig { file: risk?, kill_file: kill_file? },
        charges: ChargesConfig { file: charges? },
        ports: ports?,
        log: log?,
    })
}

fn tape(keys: &mut Keys<'_, '_>) -> Option<TapeConfig> {
    let commit_events = keys.number("commit_events", 1, 1_000_000);
    let commit_ms = keys.number("commit_ms", 1, 10_000);
    let snapshot_events = keys.number("snapshot_events", 1_000, 1_000_000_000);
    let depth = keys.name("depth", "depth", &[("best", DepthKept::Best), ("five", DepthKept::Five)]);
    Some(TapeConfig {
        commit_events: commit_events?,
        commit_ms: commit_ms?,
        snapshot_events: snapshot_events?,
        depth: depth?,
    })
}

fn engine(keys: &mut Keys<'_, '_>) -> Option<EngineSettings> {
    let grace_ms = keys.number("grace_ms", 0, 60_000);
    let ahead_ms = keys.number("ahead_ms", 0, 600_000);
    let horizon_s = keys.number("horizon_s", 0, HORIZON_MAX_S);
    let reset_after_s = keys.number("reset_after_s", 1, DAY_S);
    Some(EngineSettings {
        grace_ms: grace_ms?,
        ahead_ms: ahead_ms?,
        horizon_s: horizon_s?,
        reset_after_s: reset_after_s?,
    })
}

fn heal(keys: &mut Keys<'_, '_>) -> Option<HealConfig> {
    let mut deed = |key| keys.name(key, "deed", &[("take", Deed::Take), ("leave", Deed::Leave)]);
    let missing_internal = deed("missing_internal");
    let (feed_gap, appliance_down, late_ticks) = (deed("feed_gap"), deed("appliance_down"), deed("late_ticks"));
    let (conflation, volume_boundary) = (deed("conflation"), deed("volume_boundary"));
    let (opening_price, auction, halt) = (deed("opening_price"), deed("auction"), deed("halt"));
    let (duplicate, unexplained) = (deed("duplicate"), deed("unexplained"));
    let refetch_min = keys.number("refetch_min", 0, 1_440);
    let max_share_percent = keys.number("max_share_percent", 1, 100);
    let max_jump_percent = keys.number("max_jump_percent", 1, 100);
    Some(HealConfig {
        missing_internal: missing_internal?,
        feed_gap: feed_gap?,
        appliance_down: appliance_down?,
        late_ticks: late_ticks?,
        conflation: conflation?,
        volume_boundary: volume_boundary?,
        opening_price: opening_price?,
        auction: auction?,
        halt: halt?,
        duplicate: duplicate?,
        unexplained: unexplained?,
        refetch_min: refetch_min?,
        max_share_percent: max_share_percent?,
        max_jump_percent: max_jump_percent?,
    })
}

fn kite(keys: &mut Keys<'_, '_>) -> Option<KiteConfig> {
    let rest = keys.root("rest", &["https://", "http://"]);
    let ws = keys.root("ws", &["wss://", "ws://"]);
    let login_url = keys.root("login_url", &["https://", "http://"]);
    let (token_file, credentials_file) = (keys.path("token_file"), keys.path("credentials_file"));
    Some(KiteConfig {
        rest: rest?,
        ws: ws?,
        login_url: login_url?,
        token_file: token_file?,
        credentials_file: credentials_file?,
    })
}

fn feed(keys: &mut Keys<'_, '_>) -> Option<FeedConfig> {
    let connections = keys.number("connections", 1, 3);
    let instruments_per_connection = keys.number("instruments_per_connection", 1, 3_000);
    let mute_s = keys.number("mute_s", 4, 60);
    let silent_s = keys.number("silent_s", 5, 3_600);
    let stale_instrument_s = keys.number("stale_instrument_s", 10, DAY_S);
    let stale_first_tick_s = keys.number("stale_first_tick_s", 1, DAY_S);
    let skew_ms = keys.number("skew_ms", 100, 60_000);
    let backoff_first_ms = keys.number("backoff_first_ms", 50, 60_000);
    let backoff_max_s = keys.number("backoff_max_s", 1, 300);
    let queue = keys.number("queue", 16, 1_000_000);
    Some(FeedConfig {
        connections: connections?,
        instruments_per_connection: instruments_per_connection?,
        mute_s: mute_s?,
        silent_s: silent_s?,
        stale_instrument_s: stale_instrument_s?,
        stale_first_tick_s: stale_first_tick_s?,
        skew_ms: skew_ms?,
        backoff_first_ms: backoff_first_ms?,
        backoff_max_s: backoff_max_s?,
        queue: queue?,
    })
}

fn session(keys: &mut Keys<'_, '_>) -> Option<SessionConfig> {
    let open_before_s = keys.number("open_before_s", 0, 3_600);
    let close_after_s = keys.number("close_after_s", 0, 3_600);
    let instruments_at = keys.time_of_day("instruments_at");
    Some(SessionConfig {
        open_before_s: open_before_s?,
        close_after_s: close_after_s?,
        instruments_at: instruments_at?,
    })
}

fn ports(keys: &mut Keys<'_, '_>) -> Option<PortsConfig> {
    let bind = keys.address("bind");
    let mut port = |key| keys.number(key, 0, i64::from(u16::MAX));
    let appliance = port("appliance");
    let zerodha_ws = port("zerodha_ws");
    let bar_builder_1s = port("bar_builder_1s");
    let bar_aggregator_1m_to_multi = port("bar_aggregator_1m_to_multi");
    let pair_watch_producer = port("pair_watch_producer");
    let pairs_executor = port("pairs_executor");
    let risk_manager = port("risk_manager");
    let paper_matcher = port("paper_matcher");
    let bar_aggregator_1m = port("bar_aggregator_1m");
    let recon_exporter = port("recon_exporter");
    Some(PortsConfig {
        bind: bind?,
        appliance: appliance?,
        zerodha_ws: zerodha_ws?,
        bar_builder_1s: bar_builder_1s?,
        bar_aggregator_1m_to_multi: bar_aggregator_1m_to_multi?,
        pair_watch_producer: pair_watch_producer?,
        pairs_executor: pairs_executor?,
        risk_manager: risk_manager?,
        paper_matcher: paper_matcher?,
        bar_aggregator_1m: bar_aggregator_1m?,
        recon_exporter: recon_exporter?,
    })
}

fn log(keys: &mut Keys<'_, '_>) -> Option<LogConfig> {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
    let format = keys.name("format", "format", &formats);
    let level = keys.name("level", "level", &levels.map(|level| (level.name(), level)));
    Some(LogConfig { format: format?, level: level? })
}
