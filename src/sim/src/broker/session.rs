//! Logins: request tokens, the one access token, and its end.
//!
//! It knows no request but its own two; the broker asks it whether a header holds. Source: Kite's documentation,
//! "User": the checksum, and the token's end at 06:00 IST.

use std::collections::VecDeque;

use barkeep_schemas::Ts;

use super::chance::{Purpose, token};
use super::params::Params;
use crate::kite::KiteError;
use crate::kite::orders::session_checksum;
use crate::kite::stamp::{DAY_SECS, IST_OFFSET_SECS};

/// Request tokens that wait to be used, at most; the oldest falls out.
const REQUEST_TOKENS_MAX: usize = 16;

/// The hour of IST at which access tokens die.
const DEATH_HOUR: i64 = 6;

/// Who may log in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Credentials {
    pub(super) seed: u64,
    pub(super) api_key: String,
    pub(super) api_secret: String,
}

/// An access token and its last moment.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Access {
    token: String,
    dies: Ts,
}

/// The tokens of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sessions {
    credentials: Credentials,
    waiting: VecDeque<String>,
    issued: u64,
    logins: u64,
    access: Option<Access>,
}

impl Sessions {
    /// An account that waits for its first request token to be used.
    pub(super) fn new(credentials: Credentials, request_token: String) -> Self {
        Self { credentials, waiting: VecDeque::from([request_token]), issued: 0, logins: 0, access: None }
    }

    /// A new request token, as a login in the browser brings one.
    pub(super) fn request_token(&mut self) -> String {
        self.issued += 1;
        let fresh = token(self.credentials.seed, Purpose::RequestToken, self.issued, 32);
        if self.waiting.len() == REQUEST_TOKENS_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(fresh.clone());
        fresh
    }

    /// Checks the key of a request that needs no session.
    pub(super) fn check_key(&self, api_key: &str) -> Result<(), KiteError> {
        if api_key == self.credentials.api_key { Ok(()) } else { Err(KiteError::input("Invalid `api_key`.")) }
    }

    /// Trades a request token, which can be used once, for an access token. The one before it dies. A wrong checksum
    /// leaves the request token as it is.
    pub(super) fn open(&mut self, form: Params<'_>, now: Ts) -> Result<String, KiteError> {
        let (api_key, request_token) = (form.required("api_key")?, form.required("request_token")?);
        let checksum = form.required("checksum")?;
        self.check_key(api_key)?;
        if checksum != session_checksum(api_key, request_token, &self.credentials.api_secret) {
            return Err(KiteError::token("Invalid `checksum`."));
        }
        let place = self.waiting.iter().position(|waiting| waiting == request_token);
        let place = place.ok_or_else(|| KiteError::token("Token is invalid or has expired."))?;
        self.waiting.remove(place);
        self.logins += 1;
        let fresh = token(self.credentials.seed, Purpose::AccessToken, self.logins, 32);
        self.access = Some(Access { token: fresh.clone(), dies: next_death(now) });
        Ok(fresh)
    }

    /// How many logins there were.
    pub(super) const fn logins(&self) -> u64 {
        self.logins
    }

    /// Ends the session that the query names.
    pub(super) fn close(&mut self, query: Params<'_>, now: Ts) -> Result<(), KiteError> {
        let (api_key, access_token) = (query.required("api_key")?, query.required("access_token")?);
        if !self.holds(api_key, access_token, now) {
            return Err(refused());
        }
        self.kill();
        Ok(())
    }

    /// Ends the session, whoever has it, and says whether there was one.
    pub(super) fn kill(&mut self) -> bool {
        self.access.take().is_some()
    }

    /// Whether a key and an access token hold at a moment.
    pub(super) fn holds(&self, api_key: &str, access_token: &str, now: Ts) -> bool {
        let access = self.access.as_ref().filter(|access| now < access.dies);
        api_key == self.credentials.api_key && access.is_some_and(|access| access.token == access_token)
    }

    /// Checks an authorization header: `token KEY:TOKEN`.
    pub(super) fn check_header(&self, header: Option<&str>, now: Ts) -> Result<(), KiteError> {
        let pair = header.and_then(|header| header.strip_prefix("token ")).and_then(|pair| pair.split_once(':'));
        let holds = pair.is_some_and(|(api_key, access_token)| self.holds(api_key, access_token, now));
        if holds { Ok(()) } else { Err(refused()) }
    }
}

fn refused() -> KiteError {
    KiteError::token("Incorrect `api_key` or `access_token`.")
}

/// The first 06:00 IST after a moment.
fn next_death(now: Ts) -> Ts {
    let since_death = now.secs().saturating_add(IST_OFFSET_SECS - DEATH_HOUR * 3_600).rem_euclid(DAY_SECS);
    Ts::from_secs(now.secs().saturating_add(DAY_SECS - since_death))
}
