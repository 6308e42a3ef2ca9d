//! The sections that the daemon lives by: the broker, the feed, the session and the ports.
//!
//! Values alone: the reader checks them, the daemon acts on them.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::shown_or_empty;

/// `[kite]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KiteConfig {
    /// Root of REST: scheme and host, no slash at the end.
    pub rest: String,
    /// Root of the websocket: scheme and host, no slash at the end.
    pub ws: String,
    /// The page on which a person logs in.
    pub login_url: String,
    /// The file of the access token; `None` is `kite_token.json` in the data directory.
    #[serde(serialize_with = "shown_or_empty")]
    pub token_file: Option<PathBuf>,
    /// The file of key and secret; `None` takes them from the environment.
    #[serde(serialize_with = "shown_or_empty")]
    pub credentials_file: Option<PathBuf>,
}

/// `[feed]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct FeedConfig {
    /// Websockets at most, 1 to 3.
    pub connections: u8,
    /// Instruments on each, 1 to 3,000.
    pub instruments_per_connection: u16,
    /// Seconds without anything after which a connection is given up, 4 to 60.
    pub mute_s: u32,
    /// Seconds without a tick in continuous trading after which a connection is given up, 5 to 3,600.
    pub silent_s: u32,
    /// Seconds without a tick in continuous trading after which an instrument is stale, 10 to 86,400.
    pub stale_instrument_s: u32,
    /// Age in seconds from which a first tick is stale, 1 to 86,400.
    pub stale_first_tick_s: u32,
    /// Move of the exchange's clock against the host's that is told, milliseconds, 100 to 60,000.
    pub skew_ms: u32,
    /// The first wait between attempts to connect, milliseconds, 50 to 60,000.
    pub backoff_first_ms: u32,
    /// The longest wait between attempts to connect, seconds, 1 to 300.
    pub backoff_max_s: u32,
    /// Messages between sockets and engine at most, 16 to 1,000,000.
    pub queue: u32,
}

/// `[session]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SessionConfig {
    /// Seconds before the first phase at which a session is opened, 0 to 3,600.
    pub open_before_s: u32,
    /// Seconds after the last phase at which a session is closed, 0 to 3,600.
    pub close_after_s: u32,
    /// When the day's list of instruments is fetched, IST.
    pub instruments_at: TimeOfDay,
}

/// `[ports]`; 0 takes any free one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PortsConfig {
    /// The address that all bind to.
    pub bind: IpAddr,
    /// The appliance itself.
    pub appliance: u16,
    /// The feed.
    pub zerodha_ws: u16,
    /// Bars of a second.
    pub bar_builder_1s: u16,
    /// Bars of several minutes.
    pub bar_aggregator_1m_to_multi: u16,
    /// Signals.
    pub pair_watch_producer: u16,
    /// Orders.
    pub pairs_executor: u16,
    /// Limits.
    pub risk_manager: u16,
    /// Fills.
    pub paper_matcher: u16,
    /// Bars of a minute.
    pub bar_aggregator_1m: u16,
    /// Reconciliations.
    pub recon_exporter: u16,
}

/// A time of day, IST, to the minute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TimeOfDay {
    minutes: u16,
}

impl TimeOfDay {
    /// Reads `HH:MM`, 00:00 to 23:59.
    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let number = |text: &str, most: u16| {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|number| digits && *number <= most)
        };
        Some(Self { minutes: number(hours, 23)? * 60 + number(minutes, 59)? })
    }

    /// Seconds since midnight.
    pub const fn seconds(self) -> i64 {
        self.minutes as i64 * 60
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}:{:02}", self.minutes / 60, self.minutes % 60))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError};

    fn refused(text: &str) -> Vec<String> {
        match Config::from_toml(text, "f.toml") {
            Err(ConfigError::Refused { findings, .. }) => findings.iter().map(ToString::to_string).collect(),
            other => panic!("expected a refusal, found {other:?}"),
        }
    }

    #[test]
    fn roots_addresses_and_times_of_day_are_checked() {
        insta::assert_snapshot!(refused(
            "[kite]\nrest = \"api.kite.trade\"\nws = \"wss://ws.kite.trade/\"\n[session]\ninstruments_at = \"8:30\"\n\
             [ports]\nbind = \"localhost\"\nappliance = 70000\nzeroda_ws = 1\n[feed]\nconnections = 4\n"
        ).join("\n"), @r#"
        f.toml:2: [kite] rest: found "api.kite.trade", expected https:// or http:// and a host, without a slash at the end
        f.toml:3: [kite] ws: found "wss://ws.kite.trade/", expected wss:// or ws:// and a host, without a slash at the end
        f.toml:5: [session] instruments_at: found "8:30", expected a time of day, "HH:MM"
        f.toml:7: [ports] bind: found "localhost", expected an IP address such as 127.0.0.1
        f.toml:8: [ports] appliance: 70000 is outside 0 to 65535
        f.toml:9: [ports]: `zeroda_ws` is no known key: did you mean `zerodha_ws`?
        f.toml:11: [feed] connections: 4 is outside 1 to 3
        "#);
    }
}
