//! What a client says on the feed. Kite acknowledges none of it.
//!
//! It keeps no subscription and no limit: `feed` says what to ask for, and in messages of what size.

use core::fmt::Write as _;

/// How much of an instrument a subscription tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// The last price.
    Ltp,
    /// The day, without book and time; what a subscription starts with.
    Quote,
    /// Everything, and the only one that tells the exchange's time.
    Full,
}

impl Mode {
    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ltp => "ltp",
            Self::Quote => "quote",
            Self::Full => "full",
        }
    }
}

/// `{"a":"subscribe","v":[408065]}`.
pub fn subscribe(tokens: &[u32]) -> String {
    format!(r#"{{"a":"subscribe","v":{}}}"#, list(tokens))
}

/// `{"a":"unsubscribe","v":[408065]}`.
pub fn unsubscribe(tokens: &[u32]) -> String {
    format!(r#"{{"a":"unsubscribe","v":{}}}"#, list(tokens))
}

/// `{"a":"mode","v":["full",[408065]]}`.
pub fn mode(mode: Mode, tokens: &[u32]) -> String {
    format!(r#"{{"a":"mode","v":["{}",{}]}}"#, mode.name(), list(tokens))
}

/// Numbers: Kite takes no strings for tokens.
fn list(tokens: &[u32]) -> String {
    let mut list = String::with_capacity(tokens.len() * 9 + 2);
    list.push('[');
    for (place, token) in tokens.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(list, "{comma}{token}");
    }
    list.push(']');
    list
}
