//! The app's key and secret.

use std::path::Path;

use secrecy::SecretString;

use crate::private_file::{self, PrivateFileError};

/// The app's key and secret, as Kite's developer console shows them.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The key, which stands in URLs.
    pub api_key: String,
    /// The secret, which never leaves this host.
    pub api_secret: SecretString,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// See there.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// There is no such file.
    #[error("{file} is not there: write it with the lines api_key = \"…\" and api_secret = \"…\", mode 0600")]
    Absent {
        /// The file.
        file: String,
    },
    /// A line of the file is none of the two.
    #[error("{file}:{line}: expected api_key = \"…\" or api_secret = \"…\", each once")]
    Line {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
    },
    /// One of the two is not there.
    #[error("{place}: `{name}` is missing or empty")]
    Missing {
        /// Where it was looked for.
        place: String,
        /// Its name.
        name: String,
    },
}

impl Credentials {
    /// Reads a file of mode 0600 with the lines `api_key = "…"` and `api_secret = "…"`, in any order; empty lines and
    /// those that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`CredentialsError`], which repeats nothing that stands in the file.
    pub fn from_file(path: &Path) -> Result<Self, CredentialsError> {
        let file = || path.display().to_string();
        let text = private_file::read(path)?.ok_or_else(|| CredentialsError::Absent { file: file() })?;
        let (mut api_key, mut api_secret) = (None, None);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refused = || CredentialsError::Line { file: file(), line: number + 1 };
            let (name, value) = line.split_once('=').ok_or_else(refused)?;
            let place = match name.trim() {
                "api_key" => &mut api_key,
                "api_secret" => &mut api_secret,
                _ => return Err(refused()),
            };
            let value = quoted(value.trim()).ok_or_else(refused)?;
            if place.replace(value.to_owned()).is_some() {
                return Err(refused());
            }
        }
        Self::whole(api_key, api_secret, &file(), ["api_key", "api_secret"])
    }

    /// The same from the values of the environment variables `KITE_API_KEY` and `KITE_API_SECRET`, which the caller
    /// reads.
    ///
    /// # Errors
    /// [`CredentialsError::Missing`].
    pub fn from_values(api_key: Option<String>, api_secret: Option<String>) -> Result<Self, CredentialsError> {
        Self::whole(api_key, api_secret, "the environment", ["KITE_API_KEY", "KITE_API_SECRET"])
    }

    fn whole(
        api_key: Option<String>,
        api_secret: Option<String>,
        place: &str,
        [key_name, secret_name]: [&str; 2],
    ) -> Result<Self, CredentialsError> {
        let there = |value: Option<String>, name: &str| {
            let missing = || CredentialsError::Missing { place: place.to_owned(), name: name.to_owned() };
            value.filter(|value| !value.trim().is_empty()).ok_or_else(missing)
        };
        Ok(Self {
            api_key: there(api_key, key_name)?.trim().to_owned(),
            api_secret: there(api_secret, secret_name)?.trim().to_owned().into(),
        })
    }
}

/// What stands between two quotes of a kind; without quotes inside, and perhaps with a comment behind.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let (value, rest) = text.get(1..)?.split_once(quote)?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(value)
}
