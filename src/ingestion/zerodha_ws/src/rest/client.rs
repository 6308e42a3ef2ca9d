//! The client: requests over HTTP within the broker's limits, asked again where that is safe.
//!
//! It sends what reads alone, and logs in. An error tells the path and never the query, a header or a token.

mod attempt;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use barkeep_schemas::{Hash32, NANOS, Ts};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::account::{self, Profile, Trade};
use super::answer::{AnswerError, ApiError, is_passing};
use super::candles::{Candle, Interval, RefusedCandle, candles};
use super::pace::{Bucket, RequestClass};
use super::quotes::{Quote, quotes};
use attempt::{Answered, Asked, Failed, Limits, chain};

use crate::feed::Backoff;
use crate::instruments::LIST_BYTES_MAX;
use crate::redaction::Redaction;
use crate::socket::Roots;
use crate::token::{AccessToken, Credentials, checksum};
use crate::wire::OrderUpdate;
use crate::{ist, tls};

/// Instruments in one request for quotes, at most.
const QUOTES_MAX: usize = 500;

/// Waits between attempts: half a second, doubled up to ten.
const WAIT_FIRST_NS: i64 = NANOS / 2;
const WAIT_MAX_NS: i64 = 10 * NANOS;

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// Scheme and host of the broker, without a slash at the end.
    pub root: String,
    /// Whose certificates are trusted for `https://`; read when the client is made.
    pub roots: Roots,
    /// How long a name and a connection may take.
    pub connect_timeout: Duration,
    /// How long one attempt may take as a whole; the list of instruments takes four times as long.
    pub timeout: Duration,
    /// Bytes of an answer at most, unpacked; the list of instruments may have [`LIST_BYTES_MAX`].
    pub answer_bytes_max: u64,
    /// How often a request is sent at most, from 1, where it is safe to send it again.
    pub attempts: u32,
    /// Whether requests keep the broker's limits. Only a simulator without limits may be asked faster.
    pub paced: bool,
}

impl ClientPlan {
    /// A plan with the usual limits: 10 s to connect, 30 s an attempt, 32 MiB (60 days of
    /// minutes have three), five attempts.
    pub const fn new(root: String) -> Self {
        let (connect_timeout, timeout) = (Duration::from_secs(10), Duration::from_secs(30));
        Self {
            root,
            roots: Roots::Native,
            connect_timeout,
            timeout,
            answer_bytes_max: 32 << 20,
            attempts: 5,
            paced: true,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RestError {
    /// The client cannot be made.
    #[error("no requests can be sent: {0}")]
    Setup(String),
    /// No whole answer came, however often it was asked for.
    #[error("{request}: no answer after {attempts} attempt{}: {why}", if *attempts == 1 { "" } else { "s" })]
    Network {
        /// Method and path.
        request: String,
        /// How often it was sent.
        attempts: u32,
        /// What went wrong the last time.
        why: String,
    },
    /// The answer is longer than it may be.
    #[error("{request}: the answer is longer than {bytes_max} bytes")]
    TooLong {
        /// Method and path.
        request: String,
        /// The most.
        bytes_max: u64,
    },
    /// The answer holds no data.
    #[error("{request}: {answer}")]
    Answer {
        /// Method and path.
        request: String,
        /// Why.
        #[source]
        answer: AnswerError,
    },
}

impl RestError {
    /// What the broker answered, when it refused.
    pub const fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Answer { answer: AnswerError::Api(error), .. } => Some(error),
            Self::Answer { answer: AnswerError::Malformed(_), .. }
            | Self::Setup(_)
            | Self::Network { .. }
            | Self::TooLong { .. } => None,
        }
    }

    /// Whether only a new login helps.
    pub fn is_token_refused(&self) -> bool {
        self.api().is_some_and(ApiError::is_token_refused)
    }
}

/// Candles of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Historical {
    /// As they stand in the answer.
    pub candles: Vec<Candle>,
    /// Those that cannot be used.
    pub refused: Vec<RefusedCandle>,
    /// BLAKE3 of the answer's body, unpacked.
    pub hash: Hash32,
    /// Bytes of that body.
    pub bytes: u64,
}

/// A client of one broker's REST. Copies share its pace, which is the app's.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    plan: ClientPlan,
    start: Instant,
    pace: Mutex<Pace>,
}

struct Pace {
    quote: Bucket,
    historical: Bucket,
    other: Bucket,
}

impl Client {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// [`RestError::Setup`], above all where the host has no certificates to trust.
    pub async fn new(plan: ClientPlan) -> Result<Self, RestError> {
        let tls = if plan.root.starts_with("https://") { tls::tls(&plan.roots).await } else { tls::no_tls() };
        let mut headers = HeaderMap::new();
        headers.insert("x-kite-version", HeaderValue::from_static("3"));
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.map_err(RestError::Setup)?)
            .default_headers(headers)
            .user_agent(concat!("barkeep/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(plan.connect_timeout)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .map_err(|error| RestError::Setup(chain(&error)))?;
        let pace = Pace {
            quote: Bucket::new(RequestClass::Quote),
            historical: Bucket::new(RequestClass::Historical),
            other: Bucket::new(RequestClass::Other),
        };
        Ok(Self { inner: Arc::new(Inner { http, plan, start: Instant::now(), pace: Mutex::new(pace) }) })
    }

    /// The list of instruments as CSV, of one exchange or of all. It is given without a login; a token is sent along
    /// where there is one, and where the broker does not take it the list is asked for without.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn instruments(&self, exchange: Option<&str>, token: Option<&AccessToken>) -> Result<Vec<u8>, RestError> {
        let path = exchange.map_or_else(|| "/instruments".to_owned(), |exchange| format!("/instruments/{exchange}"));
        let limits = Limits { bytes_max: LIST_BYTES_MAX, timeout: self.inner.plan.timeout.saturating_mul(4) };
        let mut login = token.map(Login::new).transpose()?;
        loop {
            let answer = self.get(&path, "", login.as_ref(), RequestClass::Other, limits).await?;
            if (200..300).contains(&answer.status) {
                return Ok(answer.body);
            }
            match answer.read(|status, body| super::answer::data(status, body).map(|_| Vec::new())) {
                Err(error) if error.is_token_refused() && login.is_some() => login = None,
                told => return told,
            }
        }
    }

    /// Trades what a login brought for an access token. It is asked once: a request token can be used once.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn session(
        &self,
        credentials: &Credentials,
        request_token: &SecretString,
    ) -> Result<AccessToken, RestError> {
        let Credentials { api_key, api_secret } = credentials;
        let proof = checksum(api_key, request_token.expose_secret(), api_secret.expose_secret());
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("api_key", api_key)
            .append_pair("request_token", request_token.expose_secret())
            .append_pair("checksum", &proof)
            .finish();
        let secrets = [request_token.expose_secret().to_owned(), api_secret.expose_secret().to_owned(), proof];
        let asked = Asked {
            request: "POST /session/token".to_owned(),
            redaction: Redaction::new(secrets.into_iter()),
            limits: self.limits(),
        };
        self.wait(RequestClass::Other).await;
        let url = format!("{}/session/token", self.inner.plan.root);
        let builder = self.inner.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        match asked.once(builder).await {
            Ok((status, body)) => {
                Answered { asked, status, body }.read(|status, body| account::session(status, body, now()))
            }
            Err(failed) => Err(asked.failed(failed, 1)),
        }
    }

    /// The requests that need a login.
    ///
    /// # Errors
    /// [`RestError::Setup`] when key or token hold characters that no header can.
    pub fn account(&self, token: &AccessToken) -> Result<Account, RestError> {
        Ok(Account { client: self.clone(), login: Login::new(token)? })
    }

    async fn wait(&self, class: RequestClass) {
        if !self.inner.plan.paced {
            return;
        }
        let now = i64::try_from(self.inner.start.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let wait = {
            let mut pace = self.inner.pace.lock().unwrap_or_else(PoisonError::into_inner);
            match class {
                RequestClass::Quote => pace.quote.take(now),
                RequestClass::Historical => pace.historical.take(now),
                RequestClass::Other => pace.other.take(now),
            }
        };
        tokio::time::sleep(Duration::from_nanos(wait.unsigned_abs())).await;
    }

    /// Asks until there is an answer that a further attempt would not better.
    async fn get(
        &self,
        path: &str,
        query: &str,
        login: Option<&Login>,
        class: RequestClass,
        limits: Limits,
    ) -> Result<Answered, RestError> {
        let redaction = login.map_or_else(|| Redaction::new(std::iter::empty()), |login| login.redaction.clone());
        let asked = Asked { request: format!("GET {path}"), redaction, limits };
        let question = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{question}{query}", self.inner.plan.root);
        let mut backoff = Backoff::new(WAIT_FIRST_NS, WAIT_MAX_NS, seed());
        let attempts = self.inner.plan.attempts.max(1);
        let mut attempt = 1;
        loop {
            self.wait(class).await;
            let mut builder = self.inner.http.get(&url);
            if let Some(login) = login {
                builder = builder.header(AUTHORIZATION, login.header.clone());
            }
            let again = attempt < attempts;
            match asked.once(builder).await {
                Ok((status, _)) if again && is_passing(status) => {
                    tracing::debug!(request = asked.request, status, attempt, "asked again");
                }
                Err(Failed::Network(why)) if again => {
                    tracing::debug!(request = asked.request, why, attempt, "asked again");
                }
                Ok((status, body)) => return Ok(Answered { asked, status, body }),
                Err(failed) => return Err(asked.failed(failed, attempt)),
            }
            attempt += 1;
            tokio::time::sleep(Duration::from_nanos(backoff.next_ns().unsigned_abs())).await;
        }
    }

    fn limits(&self) -> Limits {
        Limits { bytes_max: self.inner.plan.answer_bytes_max, timeout: self.inner.plan.timeout }
    }
}

/// The requests of one login.
#[derive(Clone)]
pub struct Account {
    client: Client,
    login: Login,
}

impl Account {
    /// Candles of a token that start from `from` to `to`, both inclusive; the one that is forming is among them.
    /// A request may span [`Interval::days_max`] days.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn historical(
        &self,
        token: u32,
        interval: Interval,
        from: Ts,
        to: Ts,
        open_interest: bool,
    ) -> Result<Historical, RestError> {
        let path = format!("/instruments/historical/{token}/{}", interval.name());
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("from", &ist::date_time(from))
            .append_pair("to", &ist::date_time(to))
            .append_pair("oi", if open_interest { "1" } else { "0" })
            .finish();
        let answer = self.get(&path, &query, RequestClass::Historical).await?;
        let hash = Hash32(*blake3::hash(&answer.body).as_bytes());
        let bytes = answer.body.len() as u64;
        let (candles, refused) = answer.read(candles)?;
        Ok(Historical { candles, refused, hash, bytes })
    }

    /// Quotes of instruments as `EXCHANGE:SYMBOL`, by rising name; those that the broker does not know are not among
    /// them. More than 500 are asked for in several requests, a second apart.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn quote(&self, instruments: &[&str]) -> Result<Vec<Quote>, RestError> {
        let mut all = Vec::new();
        for some in instruments.chunks(QUOTES_MAX) {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(some.iter().map(|name| ("i", name)));
            all.extend(self.get("/quote", &query.finish(), RequestClass::Quote).await?.read(quotes)?);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// The orders of the day, each as it stands now.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn orders(&self) -> Result<Vec<OrderUpdate>, RestError> {
        self.get("/orders", "", RequestClass::Other).await?.read(account::orders)
    }

    /// The trades of the day.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn trades(&self) -> Result<Vec<Trade>, RestError> {
        self.get("/trades", "", RequestClass::Other).await?.read(account::trades)
    }

    /// Whose account it is; also the cheapest way to ask whether a token holds.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn profile(&self) -> Result<Profile, RestError> {
        self.get("/user/profile", "", RequestClass::Other).await?.read(account::profile)
    }

    async fn get(&self, path: &str, query: &str, class: RequestClass) -> Result<Answered, RestError> {
        self.client.get(path, query, Some(&self.login), class, self.client.limits()).await
    }
}

/// What stands in the header, and what must not be told.
#[derive(Clone)]
struct Login {
    header: HeaderValue,
    redaction: Redaction,
}

impl Login {
    fn new(token: &AccessToken) -> Result<Self, RestError> {
        let secret = token.access_token.expose_secret();
        let text = Zeroizing::new(format!("token {}:{secret}", token.api_key));
        let unfit = |_| RestError::Setup("key or token hold characters that no header can".to_owned());
        let mut header = HeaderValue::from_str(&text).map_err(unfit)?;
        header.set_sensitive(true);
        Ok(Self { header, redaction: Redaction::new(std::iter::once(secret.to_owned())) })
    }
}

/// This host's clock.
fn now() -> Ts {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ts::new(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A number that differs from client to client and from attempt to attempt.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(())
}
