//! The envelope of every answer, its errors, and the reading of fields.
//!
//! It shows no piece of a body but the broker's own message, cut short; `client` strikes out what is secret.

use barkeep_schemas::{Price, Qty, Ts};
use serde_json::{Map, Value};

use crate::decimal::{decimal, price};
use crate::ist;

/// Characters of a message that are kept.
const MESSAGE_CHARS: usize = 300;

/// What an error is about, by the broker's `error_type`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorType {
    /// The access token holds no more, or never did.
    Token,
    /// The account was not asked for a second factor.
    TwoFactor,
    /// The account may not do this.
    Permission,
    /// An order cannot be placed, changed or cancelled.
    Order,
    /// A parameter is missing or wrong.
    Input,
    /// The money does not suffice.
    Margin,
    /// The shares do not suffice.
    Holding,
    /// The broker does not reach its order system, or too much was asked.
    Network,
    /// The broker's order system answered badly.
    Data,
    /// Everything else, and types that nobody here knows.
    General,
}

impl ErrorType {
    /// The type of a name.
    pub fn of(name: &str) -> Self {
        match name {
            "TokenException" => Self::Token,
            "TwoFAException" => Self::TwoFactor,
            "PermissionException" => Self::Permission,
            "OrderException" => Self::Order,
            "InputException" => Self::Input,
            "MarginException" => Self::Margin,
            "HoldingException" => Self::Holding,
            "NetworkException" => Self::Network,
            "DataException" => Self::Data,
            _ => Self::General,
        }
    }

    /// The broker's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "TokenException",
            Self::TwoFactor => "TwoFAException",
            Self::Permission => "PermissionException",
            Self::Order => "OrderException",
            Self::Input => "InputException",
            Self::Margin => "MarginException",
            Self::Holding => "HoldingException",
            Self::Network => "NetworkException",
            Self::Data => "DataException",
            Self::General => "GeneralException",
        }
    }
}

/// The broker answered that it will not, or cannot.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the broker answered {status} ({}): {message}", error_type.name())]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// What it is about.
    pub error_type: ErrorType,
    /// The broker's words, without control characters, at most some hundred characters.
    pub message: String,
}

impl ApiError {
    /// Whether only a new login helps.
    pub fn is_token_refused(&self) -> bool {
        self.status == 403 && self.error_type == ErrorType::Token
    }

    /// Whether the same request may be answered if it is asked again later.
    pub const fn is_passing(&self) -> bool {
        is_passing(self.status)
    }
}

/// Too many requests, and a broker whose inside is down.
pub(super) const fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// Why an answer holds no data.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnswerError {
    /// See there.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// It is not what the broker's documentation says.
    #[error("the broker's answer cannot be read: {0}")]
    Malformed(String),
}

/// What stands under `data` of a success.
pub(super) fn data(status: u16, body: &[u8]) -> Result<Value, AnswerError> {
    let success = (200..300).contains(&status);
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut envelope)) => {
            let said = |word: &str| envelope.get("status").and_then(Value::as_str) == Some(word);
            let (succeeded, failed) = (success && said("success"), !success || said("error"));
            match envelope.remove("data") {
                Some(data) if succeeded => Ok(data),
                Some(_) | None if !failed => Err(malformed("expected {\"status\":\"success\",\"data\":…}")),
                Some(_) | None => Err(refusal(status, &envelope).into()),
            }
        }
        // A page of a proxy in between has no envelope.
        Ok(_) | Err(_) if !success => {
            let error_type = if status == 429 { ErrorType::Network } else { ErrorType::General };
            Err(ApiError { status, error_type, message: "without Kite's envelope".to_owned() }.into())
        }
        Ok(_) => Err(malformed("expected an object")),
        Err(error) => Err(malformed(format!("it is no JSON, line {} column {}", error.line(), error.column()))),
    }
}

fn refusal(status: u16, envelope: &Map<String, Value>) -> ApiError {
    let text = |name: &str| envelope.get(name).and_then(Value::as_str).unwrap_or_default();
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let message: String = text("message").chars().map(plain).take(MESSAGE_CHARS).collect();
    ApiError { status, error_type: ErrorType::of(text("error_type")), message }
}

pub(super) fn malformed(detail: impl Into<String>) -> AnswerError {
    AnswerError::Malformed(detail.into())
}

/// An object of an answer and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) object: &'a Map<String, Value>,
    pub(super) place: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value, place: &'a str) -> Result<Self, AnswerError> {
        let object = value.as_object().ok_or_else(|| malformed(format!("{place}: expected an object")))?;
        Ok(Self { object, place })
    }

    /// The object under a name.
    pub(super) fn inner(&self, name: &str) -> Result<Self, AnswerError> {
        let object = self.object.get(name).and_then(Value::as_object);
        Ok(Self { object: object.ok_or_else(|| self.expected(name, "an object"))?, place: self.place })
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, AnswerError> {
        self.maybe_text(name).ok_or_else(|| self.expected(name, "text"))
    }

    /// None where it is absent, null, empty, or something else.
    pub(super) fn maybe_text(&self, name: &str) -> Option<&'a str> {
        self.object.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn token(&self, name: &str) -> Result<u32, AnswerError> {
        let token = self.object.get(name).and_then(Value::as_u64).and_then(|token| u32::try_from(token).ok());
        token.ok_or_else(|| self.expected(name, "an instrument's token"))
    }

    pub(super) fn price(&self, name: &str) -> Result<Price, AnswerError> {
        self.maybe_price(name).ok_or_else(|| self.expected(name, "a price with at most four decimals"))
    }

    /// None where it is absent, null, or no exact price.
    pub(super) fn maybe_price(&self, name: &str) -> Option<Price> {
        self.object.get(name).and_then(exact_price)
    }

    pub(super) fn qty(&self, name: &str) -> Result<Qty, AnswerError> {
        self.maybe_qty(name).ok_or_else(|| self.expected(name, "a whole number of shares"))
    }

    /// None where it is absent, null, negative or not whole.
    pub(super) fn maybe_qty(&self, name: &str) -> Option<Qty> {
        self.object.get(name).and_then(whole)
    }

    /// None where it is absent, null, or no time.
    pub(super) fn maybe_time(&self, name: &str) -> Option<Ts> {
        self.maybe_text(name).and_then(ist::parse)
    }

    pub(super) fn expected(&self, name: &str, expected: &str) -> AnswerError {
        malformed(format!("{}: expected {expected} under \"{name}\"", self.place))
    }
}

/// A price, exact: a JSON number's shortest text is what was written, up to 15 digits; a price has at most 13.
pub(super) fn exact_price(value: &Value) -> Option<Price> {
    price(&value.as_number()?.to_string())
}

/// A whole number of shares, not negative.
pub(super) fn whole(value: &Value) -> Option<Qty> {
    decimal(&value.as_number()?.to_string(), 0).filter(|qty| *qty >= 0).map(Qty::new)
}
