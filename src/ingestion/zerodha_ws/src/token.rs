//! The day's access token and what it takes to get one: the file between `barkeep login` and the daemon, the key and
//! secret, the page to log in on, and what comes back from it.
//!
//! It asks no server; `rest` does. Nothing here shows a secret: not in an error, and not with `{:?}`. Source: Kite's
//! documentation, "User": the login flow, the checksum, and the end of every token at 06:00 IST.

mod credentials;
mod login;
#[cfg(test)]
mod tests;

use std::path::Path;

use barkeep_schemas::Ts;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::{ist, private_file};

pub use crate::private_file::PrivateFileError;
pub use credentials::{Credentials, CredentialsError};
pub use login::{LoginError, checksum, login_url, request_token};

/// When tokens die, seconds after midnight, IST.
const DEATH_SECOND: i64 = 6 * 3_600;

/// What a login brings: it opens REST and the feed until the next 06:00 IST.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The app's key.
    pub api_key: String,
    /// The token.
    pub access_token: SecretString,
    /// Whose account, where it was told.
    pub user_id: Option<String>,
    /// When it was got.
    pub login: Ts,
}

/// Equal when a server would see no difference; the times of the logins may differ.
impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        self.api_key == other.api_key && self.access_token.expose_secret() == other.access_token.expose_secret()
    }
}

impl Eq for AccessToken {}

impl AccessToken {
    /// The first moment at which it no longer holds: the next 06:00 IST after the login.
    pub fn valid_until(&self) -> Ts {
        let date = ist::date(self.login);
        let today = ist::moment(date, DEATH_SECOND);
        if self.login < today { today } else { ist::moment(date.plus_days(1), DEATH_SECOND) }
    }
}

/// Why there is no token to be had from a file.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// See there.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// It was not written by `barkeep login`.
    #[error("{file} holds no access token ({what}): type `barkeep login` to write it anew")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads a token's file; `None` when there is none.
///
/// # Errors
/// [`TokenError`]: also when others could read the file.
pub fn read(path: &Path) -> Result<Option<AccessToken>, TokenError> {
    let Some(text) = private_file::read(path)? else { return Ok(None) };
    let malformed = |what: String| TokenError::Malformed { file: path.display().to_string(), what };
    // The library's own words might repeat what stands there.
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| malformed(format!("no JSON, line {} column {}", error.line(), error.column())))?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let expected = |name: &str| malformed(format!("no `{name}`"));
    Ok(Some(AccessToken {
        api_key: field("api_key").ok_or_else(|| expected("api_key"))?.to_owned(),
        access_token: field("access_token").ok_or_else(|| expected("access_token"))?.into(),
        user_id: field("user_id").map(str::to_owned),
        login: field("login").and_then(ist::parse).ok_or_else(|| expected("login"))?,
    }))
}

/// Whether a token's file could be written now, by a draft beside it that goes again. Its folder is made; the file itself
/// stays as it is.
///
/// # Errors
/// [`TokenError::File`] when the system refuses, or what is there is no plain file.
pub fn check(path: &Path) -> Result<(), TokenError> {
    Ok(private_file::check(path)?)
}

/// Writes a token's file in place of the one that is there, with mode 0600, at once: a reader finds one of the two.
///
/// # Errors
/// [`TokenError::File`] when the system refuses; the old file is there then.
pub fn write(path: &Path, token: &AccessToken) -> Result<(), TokenError> {
    let quoted = |text: &str| Zeroizing::new(Value::from(text).to_string());
    let user_id = token.user_id.as_deref().map_or_else(|| Zeroizing::new("null".to_owned()), quoted);
    let (api_key, access_token) = (quoted(&token.api_key), quoted(token.access_token.expose_secret()));
    let login = ist::date_time(token.login);
    let text = Zeroizing::new(format!(
        "{{\n  \"api_key\": {},\n  \"access_token\": {},\n  \"user_id\": {},\n  \"login\": \"{login}\"\n}}\n",
        *api_key, *access_token, *user_id
    ));
    Ok(private_file::write(path, &text)?)
}
