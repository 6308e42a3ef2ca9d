//! The way to an open websocket: name, TCP, TLS, upgrade.
//!
//! It dials once and decides nothing about what comes of it. Kite refuses by a status: 403 a bad token, 429 one connection
//! too many; those are told apart from a network that does not carry.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, error::UrlError};
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

use super::{SocketPlan, Stream, reason};
use crate::tls::tls;

/// Bytes that may wait to be sent, answers to pings included. The longest message of the feed, a subscription of 3,000
/// instruments, has 33 kB.
pub(super) const UNSENT_BYTES_MAX: usize = 1 << 20;

/// What came of it.
pub(super) enum Dialled {
    Open(Box<Stream>),
    Refused { status: u16, body: String },
    Failed(String),
}

pub(super) async fn dial(plan: &SocketPlan) -> Dialled {
    match timeout(plan.dial_timeout, dialled(plan)).await {
        Ok(Ok(stream)) => Dialled::Open(Box::new(stream)),
        Ok(Err(DialError::Library(Error::Http(answer)))) => {
            let status = answer.status().as_u16();
            let body = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            Dialled::Refused { status, body }
        }
        Ok(Err(DialError::Library(error))) => Dialled::Failed(format!("it could not be opened: {}", reason(&error))),
        Ok(Err(DialError::Roots(why))) => Dialled::Failed(format!("it could not be opened: {why}")),
        Err(_) => Dialled::Failed(format!("it was not open after {} ms", plan.dial_timeout.as_millis())),
    }
}

/// Why there is no socket.
enum DialError {
    Library(Error),
    Roots(String),
}

impl From<Error> for DialError {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

async fn dialled(plan: &SocketPlan) -> Result<Stream, DialError> {
    let request = request(plan)?;
    let connector = match request.uri().scheme_str() {
        Some("ws") => Connector::Plain,
        Some("wss") => Connector::Rustls(Arc::new(tls(&plan.roots).await.map_err(DialError::Roots)?)),
        Some(_) | None => return Err(Error::Url(UrlError::UnsupportedUrlScheme).into()),
    };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(plan.message_bytes_max))
        .max_frame_size(Some(plan.message_bytes_max))
        .max_write_buffer_size(UNSENT_BYTES_MAX);
    let (stream, _) = connect_async_tls_with_config(request, Some(limits), true, Some(connector)).await?;
    Ok(stream)
}

fn request(plan: &SocketPlan) -> Result<Request, Error> {
    let mut request = plan.url.expose_secret().into_client_request()?;
    let agent = concat!("barkeep/", env!("CARGO_PKG_VERSION"));
    request.headers_mut().insert("user-agent", HeaderValue::from_static(agent));
    request.headers_mut().insert("x-kite-version", HeaderValue::from_static("3"));
    Ok(request)
}
