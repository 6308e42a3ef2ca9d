//! The way from a person's login to an access token.

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

/// Characters of a request token at most.
const TOKEN_CHARS_MAX: usize = 128;

/// Why what came back from the login is no request token. What was pasted is not repeated: a token may be in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoginError {
    /// Nothing was pasted.
    #[error("nothing was pasted: expected the address to which the browser was sent after the login")]
    Nothing,
    /// The broker says that the login failed.
    #[error("the login did not succeed: its status is \"{0}\"; open the page and log in again")]
    Status(String),
    /// There is no request token in the address.
    #[error("the address holds no request_token: copy the whole address to which the browser was sent after the login")]
    NoToken,
    /// It is neither an address nor a token.
    #[error("that is neither an address with a request_token nor a request token: expected letters and digits alone")]
    Unfit,
}

/// The page on which a person logs in. `base` is the broker's, without a query of its own.
pub fn login_url(base: &str, api_key: &str) -> String {
    let query =
        form_urlencoded::Serializer::new(String::new()).append_pair("v", "3").append_pair("api_key", api_key).finish();
    format!("{base}?{query}")
}

/// The request token in what a person pasted: the whole address to which the browser was sent, its query, or the token.
///
/// # Errors
/// [`LoginError`].
pub fn request_token(pasted: &str) -> Result<SecretString, LoginError> {
    let pasted = pasted.trim().trim_matches(['"', '\'']);
    if pasted.is_empty() {
        return Err(LoginError::Nothing);
    }
    if !pasted.contains(['?', '=', '/']) {
        return token(pasted).ok_or(LoginError::Unfit);
    }
    let query = pasted.split_once('?').map_or(pasted, |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let value = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    if let Some(status) = value("status").filter(|status| status != "success") {
        // It is a word; anything else is not fit for a screen.
        let word = status.len() <= 40 && status.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        return Err(LoginError::Status(if word { status } else { "?".to_owned() }));
    }
    token(&value("request_token").ok_or(LoginError::NoToken)?).ok_or(LoginError::Unfit)
}

fn token(text: &str) -> Option<SecretString> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && (1..=TOKEN_CHARS_MAX).contains(&text.len());
    fits.then(|| text.into())
}

/// What proves to the broker that whoever has the request token also has the secret: SHA-256, as lower-case hexadecimal,
/// of key, request token and secret in one string.
pub fn checksum(api_key: &str, request_token: &str, api_secret: &str) -> String {
    let mut hasher = Sha256::new();
    for part in [api_key, request_token, api_secret] {
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
