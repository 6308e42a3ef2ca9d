//! Words of the other side, fit for a log: without the secrets that it was sent, without control characters, not long.
//!
//! A server may say anything, also what it was sent. `socket` and `rest` put everything through here that they tell.

use secrecy::{ExposeSecret as _, SecretString};

/// Characters that are kept.
const CHARS_MAX: usize = 300;

/// A value this short is no secret, and to strike it out would strike out half of a sentence.
const SECRET_CHARS_MIN: usize = 4;

/// What must not be repeated.
#[derive(Clone)]
pub(crate) struct Redaction {
    secrets: Vec<SecretString>,
}

impl Redaction {
    /// The values in the query of a URL, as they stand there and as they are meant.
    pub(crate) fn of(url: &SecretString) -> Self {
        let query = url.expose_secret().split_once('?').map_or("", |(_, query)| query);
        let written = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value.to_owned());
        let meant = form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned());
        Self::new(written.chain(meant))
    }

    /// Secrets by themselves.
    pub(crate) fn new(secrets: impl Iterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = secrets.filter(|value| value.chars().count() >= SECRET_CHARS_MIN).collect();
        // A value that holds another is struck out first.
        secrets.sort_by_key(|secret| core::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { secrets: secrets.into_iter().map(SecretString::from).collect() }
    }

    /// The words, fit to be told.
    pub(crate) fn plain(&self, words: &str) -> String {
        let strike = |words: String, secret: &SecretString| words.replace(secret.expose_secret(), "***");
        let words = self.secrets.iter().fold(words.to_owned(), strike);
        words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CHARS_MAX).collect()
    }
}
