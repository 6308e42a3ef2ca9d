//! The envelope of every REST answer, and the errors that go in it.
//!
//! It decides nothing. The broker and the faults call it. Source: Kite's documentation, "Exceptions and errors"; names
//! and codes as the official clients map them.

use serde::Serialize;

/// Kite's classes of errors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorType {
    /// The session is not there, no more, or not the one named.
    Token,
    /// The account may not.
    Permission,
    /// The order cannot be placed, changed or cancelled.
    Order,
    /// A parameter is missing or wrong.
    Input,
    /// Not enough money.
    Margin,
    /// Not enough shares.
    Holding,
    /// The broker's own network, and rates that are too high.
    Network,
    /// The broker's order system answered badly.
    Data,
    /// Everything else.
    General,
}

impl ErrorType {
    /// The name in `error_type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "TokenException",
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

    /// The HTTP status that goes with it unless something else is said.
    pub const fn status(self) -> u16 {
        match self {
            Self::Token | Self::Permission => 403,
            Self::Input | Self::Margin | Self::Holding => 400,
            Self::Network => 503,
            Self::Data => 502,
            Self::Order | Self::General => 500,
        }
    }
}

/// An error answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KiteError {
    /// HTTP status.
    pub status: u16,
    /// Class.
    pub error_type: ErrorType,
    /// Text for people.
    pub message: String,
}

impl KiteError {
    /// An error with the status of its class.
    pub fn new(error_type: ErrorType, message: impl Into<String>) -> Self {
        Self { status: error_type.status(), error_type, message: message.into() }
    }

    /// A wrong or missing parameter: 400.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorType::Input, message)
    }

    /// A session that does not hold: 403.
    pub fn token(message: impl Into<String>) -> Self {
        Self::new(ErrorType::Token, message)
    }

    /// More requests than a limit allows: 429.
    pub fn too_many_requests() -> Self {
        Self { status: 429, error_type: ErrorType::Network, message: "Too many requests".to_owned() }
    }

    /// No such path: 404.
    pub fn not_found() -> Self {
        Self { status: 404, error_type: ErrorType::General, message: "Route not found".to_owned() }
    }

    /// The path does not know the method: 405.
    pub fn method_not_allowed() -> Self {
        Self { status: 405, error_type: ErrorType::General, message: "Method not allowed".to_owned() }
    }

    /// The JSON body.
    pub fn body(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Failure<'a> {
            status: &'static str,
            message: &'a str,
            data: Option<()>,
            error_type: &'static str,
        }
        let (message, error_type) = (self.message.as_str(), self.error_type.name());
        json(&Failure { status: "error", message, data: None, error_type })
    }
}

/// The JSON body of a success.
pub fn success<T: Serialize>(data: T) -> Vec<u8> {
    #[derive(Serialize)]
    struct Success<T> {
        status: &'static str,
        data: T,
    }
    json(&Success { status: "success", data })
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // Plain structs and strings always serialize; an error envelope is what is left to say if one day they do not.
    serde_json::to_vec(value).unwrap_or_else(|_| {
        br#"{"status":"error","message":"Something went wrong","data":null,"error_type":"GeneralException"}"#.to_vec()
    })
}
