//! What a client says on the feed: subscribe, unsubscribe, set a mode.
//!
//! It keeps no subscription; the world does. Text that is none of the three is an error to tell of, never a panic.

use serde_json::Value;

use super::snapshot::Mode;

/// A request of a client. Kite acknowledges none of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientMessage {
    /// `{"a":"subscribe","v":[408065]}`: in mode quote, unless the token has a mode already.
    Subscribe(Vec<u32>),
    /// `{"a":"unsubscribe","v":[408065]}`.
    Unsubscribe(Vec<u32>),
    /// `{"a":"mode","v":["full",[408065]]}`.
    Mode(Mode, Vec<u32>),
}

/// Why text is no request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientTextError {
    /// It is not JSON.
    #[error("the message is not JSON at line {line}, column {column}: expected an object with \"a\" and \"v\"")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1; 0 when the text ends too early.
        column: usize,
    },
    /// The action is missing or none of the three.
    #[error("unknown action {action}: expected \"subscribe\", \"unsubscribe\" or \"mode\" under \"a\"")]
    UnknownAction {
        /// What stood there, cut to 40 characters.
        action: String,
    },
    /// The mode is none of the three.
    #[error("unknown mode {mode}: expected \"ltp\", \"quote\" or \"full\" first under \"v\"")]
    UnknownMode {
        /// What stood there, cut to 40 characters.
        mode: String,
    },
    /// The tokens are not a list.
    #[error("expected a list of instrument tokens under \"v\"")]
    NoTokens,
    /// A token is not a number of 32 bits; text is not taken for a number.
    #[error("{token} at place {place} is no instrument token: expected a whole number from 0 to 4294967295")]
    BadToken {
        /// Its place in the list, from 0.
        place: usize,
        /// What stood there, cut to 40 characters.
        token: String,
    },
}

impl ClientMessage {
    /// Reads a text message. Further keys are ignored.
    ///
    /// # Errors
    ///
    /// [`ClientTextError`], with what was expected.
    pub fn parse(text: &str) -> Result<Self, ClientTextError> {
        let bad = |error: serde_json::Error| ClientTextError::NotJson { line: error.line(), column: error.column() };
        let message: Value = serde_json::from_str(text).map_err(bad)?;
        let (action, values) = (message.get("a"), message.get("v"));
        match action.and_then(Value::as_str) {
            Some("subscribe") => Ok(Self::Subscribe(tokens(values)?)),
            Some("unsubscribe") => Ok(Self::Unsubscribe(tokens(values)?)),
            Some("mode") => {
                let mode = values.and_then(|values| values.get(0));
                let known = mode.and_then(Value::as_str).and_then(Mode::parse);
                let known = known.ok_or_else(|| ClientTextError::UnknownMode { mode: shown(mode) })?;
                Ok(Self::Mode(known, tokens(values.and_then(|values| values.get(1)))?))
            }
            Some(_) | None => Err(ClientTextError::UnknownAction { action: shown(action) }),
        }
    }
}

fn tokens(values: Option<&Value>) -> Result<Vec<u32>, ClientTextError> {
    let list = values.and_then(Value::as_array).ok_or(ClientTextError::NoTokens)?;
    let token = |(place, value): (usize, &Value)| {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| ClientTextError::BadToken { place, token: shown(Some(value)) })
    };
    list.iter().enumerate().map(token).collect()
}

/// A value as it stood, cut so that an error stays short.
fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string().chars().take(40).collect())
}
