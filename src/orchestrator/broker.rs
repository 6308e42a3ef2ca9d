//! The broker as the configuration names it: its REST, the token's file, the lists of instruments kept by date.
//!
//! What it never does: read a clock, decide when to ask, or send an order. Nothing that it says or logs holds a secret.
//! Who calls it: the daemon's edge, `login` and `backfill`.

mod lists;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use barkeep_schemas::SessionDate;
use barkeep_zerodha::instruments::Listing;
use barkeep_zerodha::rest::{Account, Client, ClientPlan, RestError, Trade};
use barkeep_zerodha::token::{self, AccessToken, Credentials, CredentialsError, TokenError};
use barkeep_zerodha::wire::OrderUpdate;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

use self::lists::Lists;
use super::config::KiteConfig;

/// The token's file in the data directory, where the configuration names no other.
const TOKEN_FILE: &str = "kite_token.json";

/// Kite's own page to log in on, the default of `login_url`.
const LOGIN_URL: &str = "https://kite.zerodha.com/connect/login";

/// Where a simulator has that page, under its root of REST.
const LOGIN_PATH: &str = "/connect/login";

/// Where key and secret stand in the environment.
const CREDENTIAL_VARIABLES: [&str; 2] = ["KITE_API_KEY", "KITE_API_SECRET"];

/// Why there can be no broker.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BrokerError {
    /// A root of the configuration is no address.
    #[error(
        "[kite] {key} of the configuration is \"{found}\": expected {expected} and a host, without a slash at the end"
    )]
    Root {
        /// The key.
        key: &'static str,
        /// What stands there.
        found: String,
        /// How it should begin.
        expected: &'static str,
    },
}

/// One broker.
pub struct Broker {
    config: KiteConfig,
    token_file: PathBuf,
    lists: Lists,
    attempts: Option<u32>,
    /// Made when it is first needed: it reads the host's certificates.
    client: OnceCell<Client>,
}

impl Broker {
    /// The broker of a configuration; `data_dir` is where the token and the lists are kept. Nothing is asked or written.
    ///
    /// # Errors
    /// [`BrokerError::Root`].
    pub fn new(config: &KiteConfig, data_dir: &Path) -> Result<Self, BrokerError> {
        let roots = [
            ("rest", &config.rest, ["https://", "http://"], "https:// or http://"),
            ("ws", &config.ws, ["wss://", "ws://"], "wss:// or ws://"),
        ];
        for (key, root, schemes, expected) in roots {
            let host = schemes.into_iter().find_map(|scheme| root.strip_prefix(scheme));
            if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', '@'])) {
                return Err(BrokerError::Root { key, found: root.clone(), expected });
            }
        }
        Ok(Self {
            config: config.clone(),
            token_file: config.token_file.clone().unwrap_or_else(|| data_dir.join(TOKEN_FILE)),
            lists: Lists::new(data_dir),
            attempts: None,
            client: OnceCell::new(),
        })
    }

    /// The same broker, asked so many times at most, from 1, where a request may be repeated. One who shares time with a
    /// simulator asks once: time stands meanwhile, and the same would come of it again.
    #[must_use]
    pub fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts: Some(attempts.max(1)), ..self }
    }

    /// The token's file.
    pub fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// The token as the file holds it now; `None` when there is none.
    ///
    /// # Errors
    /// [`TokenError`], above all when others could read the file.
    pub fn read_token(&self) -> Result<Option<AccessToken>, TokenError> {
        token::read(&self.token_file)
    }

    /// Whether the token's file could be written now; its folder is made, the file stays as it is.
    ///
    /// # Errors
    /// [`TokenError`] when the system refuses, or a folder stands in its place.
    pub fn check_token_file(&self) -> Result<(), TokenError> {
        token::check(&self.token_file)
    }

    /// Puts a token in place of the one in the file.
    ///
    /// # Errors
    /// [`TokenError`] when the system refuses.
    pub fn write_token(&self, token: &AccessToken) -> Result<(), TokenError> {
        token::write(&self.token_file, token)
    }

    /// Key and secret, from the file that the configuration names or else from the environment, which `variable` reads.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn credentials(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Credentials, CredentialsError> {
        if let Some(file) = &self.config.credentials_file {
            return Credentials::from_file(file);
        }
        let [api_key, api_secret] = CREDENTIAL_VARIABLES.map(variable);
        Credentials::from_values(api_key, api_secret)
    }

    /// The page on which a person logs in: the configuration's, and the simulator's own where REST is on loopback and the
    /// configuration has the default, Kite's, which knows no app of a simulator.
    pub fn login_url(&self, api_key: &str) -> String {
        if self.config.login_url == LOGIN_URL && is_loopback(&self.config.rest) {
            return token::login_url(&format!("{}{LOGIN_PATH}", self.config.rest), api_key);
        }
        token::login_url(&self.config.login_url, api_key)
    }

    /// Where the feed is, with the query that logs in.
    pub fn websocket(&self, token: &AccessToken) -> SecretString {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("api_key", &token.api_key)
            .append_pair("access_token", token.access_token.expose_secret())
            .finish();
        format!("{}/?{query}", self.config.ws).into()
    }

    /// The client of REST; all that this broker is asked shares its pace.
    ///
    /// # Errors
    /// [`RestError::Setup`], above all where the host has no certificates to trust; the next call tries again.
    pub async fn client(&self) -> Result<&Client, RestError> {
        let mut plan = ClientPlan::new(self.config.rest.clone());
        plan.attempts = self.attempts.unwrap_or(plan.attempts);
        self.client.get_or_try_init(|| Client::new(plan)).await
    }

    /// The requests that need a login.
    ///
    /// # Errors
    /// [`RestError::Setup`].
    pub async fn account(&self, token: &AccessToken) -> Result<Account, RestError> {
        self.client().await?.account(token)
    }

    /// The list of instruments of a date: the one that is kept, else fetched and kept. The broker gives today's alone, so
    /// `date` is today's. The oldest lists go.
    ///
    /// # Errors
    /// In words: it could not be fetched, read or kept.
    pub async fn instruments(&self, date: SessionDate, token: Option<&AccessToken>) -> Result<Listing, String> {
        let lists = self.lists.clone();
        if let Some(kept) = blocking(move || lists.read(date)).await? {
            return Ok(kept);
        }
        let client = self.client().await.map_err(|error| error.to_string())?;
        let csv = client.instruments(None, token).await.map_err(|error| error.to_string())?;
        let lists = self.lists.clone();
        blocking(move || lists.keep(date, &csv)).await?
    }

    /// Whether the list of a date is kept, so that nothing need be asked for it.
    pub fn keeps(&self, date: SessionDate) -> bool {
        self.lists.read(date).is_some()
    }

    /// The newest list that is kept of a date or one before it. One that cannot be read is passed over.
    pub fn newest_cached(&self, date: SessionDate) -> Option<(SessionDate, Listing)> {
        self.lists.newest(date)
    }

    /// Whether the broker takes a token: not when it says so, with 403 and TokenException; `None` when it could not be
    /// asked.
    pub async fn token_holds(&self, token: &AccessToken) -> Option<bool> {
        match self.account(token).await.ok()?.profile().await {
            Ok(_) => Some(true),
            Err(error) if error.is_token_refused() => Some(false),
            Err(error) => {
                tracing::debug!(%error, "it is not known whether the token holds");
                None
            }
        }
    }

    /// The account's orders and trades of the day, orders first: a trade is known by its order's number.
    ///
    /// # Errors
    /// In words, why they could not be asked for.
    pub async fn book(&self, token: &AccessToken) -> Result<AccountBook, String> {
        let account = self.account(token).await.map_err(|error| error.to_string())?;
        let orders = account.orders().await.map_err(|error| error.to_string())?;
        let trades = account.trades().await.map_err(|error| error.to_string())?;
        Ok(AccountBook { orders, trades })
    }
}

/// What the broker has of the account's day.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AccountBook {
    /// Orders, each as it stands now.
    pub orders: Vec<OrderUpdate>,
    /// Trades.
    pub trades: Vec<Trade>,
}

/// Whether a root, scheme and host with or without a port, is on this host alone.
fn is_loopback(root: &str) -> bool {
    let authority = root.split_once("://").map_or(root, |(_, authority)| authority);
    if let Some((host, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    }
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
}

/// Runs what reads files or much text beside the sockets.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("the list of instruments: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orchestrator::config::Config;

    /// A simulator's key means nothing to Kite's own page.
    #[test]
    fn a_broker_on_loopback_has_its_own_page_to_log_in_on_unless_another_is_named() {
        let defaults = Config::builtin().unwrap().kite;
        let page = |rest: &str, login_url: &str| {
            let config = KiteConfig { rest: rest.to_owned(), login_url: login_url.to_owned(), ..defaults.clone() };
            Broker::new(&config, Path::new("data")).unwrap().login_url("k")
        };
        assert_eq!(defaults.login_url, LOGIN_URL);
        for (rest, host) in [
            (defaults.rest.as_str(), "https://kite.zerodha.com"),
            ("http://127.0.0.1:8120", "http://127.0.0.1:8120"),
            ("http://localhost", "http://localhost"),
            ("http://[::1]:8120", "http://[::1]:8120"),
            ("http://127.0.0.1.example.com", "https://kite.zerodha.com"),
            ("http://192.168.1.2:8120", "https://kite.zerodha.com"),
        ] {
            assert_eq!(page(rest, LOGIN_URL), format!("{host}/connect/login?v=3&api_key=k"));
        }
        assert_eq!(page("http://127.0.0.1:8120", "http://else.where/in"), "http://else.where/in?v=3&api_key=k");
    }
}
