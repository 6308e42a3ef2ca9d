//! Tokens and numbers that look drawn and are fixed by the seed.
//!
//! Nothing here is secret: whoever knows the seed knows them all.

use sha2::{Digest as _, Sha256};

/// What a token is for: each has numbers of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    ApiKey,
    ApiSecret,
    RequestToken,
    AccessToken,
    PublicToken,
    Enctoken,
    OrderNumber,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api key",
            Self::ApiSecret => "api secret",
            Self::RequestToken => "request token",
            Self::AccessToken => "access token",
            Self::PublicToken => "public token",
            Self::Enctoken => "enctoken",
            Self::OrderNumber => "order number",
        }
    }
}

fn digest(seed: u64, purpose: Purpose, number: u64) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"barkeep broker ");
    hasher.update(seed.to_le_bytes());
    hasher.update(number.to_le_bytes());
    hasher.update(purpose.name().as_bytes());
    hasher.finalize().into()
}

/// The `number`-th token for a purpose: `len` letters and digits, at most 32.
pub(super) fn token(seed: u64, purpose: Purpose, number: u64, len: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letter = |byte: &u8| char::from(*LETTERS.get(usize::from(*byte) % LETTERS.len()).unwrap_or(&b'0'));
    digest(seed, purpose, number).iter().take(len).map(letter).collect()
}

/// A number below `limit`.
pub(super) fn number(seed: u64, purpose: Purpose, of: u64, limit: u64) -> u64 {
    let digest = digest(seed, purpose, of);
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes) % limit.max(1))
}
