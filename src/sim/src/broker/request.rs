//! A request as the server hands it in, and the answer as it takes it out.
//!
//! Absent on purpose: HTTP. Headers that the broker does not look at never come here.

use crate::kite::quotes::candles_body;
use crate::kite::{KiteError, reply};
use crate::market::{Candle, Interval};

/// The method of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Changes.
    Put,
    /// Ends.
    Delete,
    /// Any other; no path knows it.
    Other,
}

/// A request. Names and values of `query` and `form` are decoded already; a name may come several times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path, without the query.
    pub path: String,
    /// Pairs of the query.
    pub query: Vec<(String, String)>,
    /// Pairs of a form body.
    pub form: Vec<(String, String)>,
    /// The header of that name.
    pub authorization: Option<String>,
    /// The body as it came, for the paths that take JSON.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without parameters and without a session.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let (query, form) = (Vec::new(), Vec::new());
        Self { method, path: path.into(), query, form, authorization: None, body: Vec::new() }
    }
}

/// An answer. Candles stay values, so that a fault can still edit them.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// A JSON body with its HTTP status.
    Json {
        /// HTTP status.
        status: u16,
        /// The whole envelope.
        body: Vec<u8>,
    },
    /// CSV, gzipped; always 200.
    Csv {
        /// The compressed bytes.
        gzip: Vec<u8>,
    },
    /// Candles; always 200.
    Candles(CandleAnswer),
    /// 302 to another address.
    Redirect {
        /// The address.
        location: String,
    },
}

/// Candles that were asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CandleAnswer {
    /// The instrument's number.
    pub instrument: usize,
    /// Their interval.
    pub interval: Interval,
    /// The candles, oldest first.
    pub candles: Vec<Candle>,
    /// Whether rows show open interest, which is 0.
    pub oi: bool,
}

/// An answer as HTTP needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// HTTP status.
    pub status: u16,
    /// `application/json` or `text/csv`: the npm client compares the whole of it.
    pub content_type: &'static str,
    /// `gzip`, when the body is compressed.
    pub content_encoding: Option<&'static str>,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A success with data.
    pub fn success<T: serde::Serialize>(data: T) -> Self {
        Self::Json { status: 200, body: reply::success(data) }
    }

    /// The bytes of the answer.
    pub fn render(self) -> Rendered {
        let json = |status, body| Rendered {
            status,
            content_type: "application/json",
            content_encoding: None,
            location: None,
            body,
        };
        match self {
            Self::Json { status, body } => json(status, body),
            Self::Candles(answer) => json(200, candles_body(&answer.candles, answer.oi)),
            Self::Csv { gzip } => {
                Rendered { content_type: "text/csv", content_encoding: Some("gzip"), ..json(200, gzip) }
            }
            Self::Redirect { location } => Rendered { location: Some(location), ..json(302, Vec::new()) },
        }
    }
}

impl From<KiteError> for Answer {
    fn from(error: KiteError) -> Self {
        Self::Json { status: error.status, body: error.body() }
    }
}
