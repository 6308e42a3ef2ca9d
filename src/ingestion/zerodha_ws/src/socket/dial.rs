//! The way to an open websocket: name, TCP, TLS, upgrade.
//!
//! It dials once and decides nothing about what comes of it. Kite refuses by a status: 403 a bad token, 429 one connection
//! too many; those are told apart from a network that does not carry.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, error::UrlError};
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

use super::{SocketPlan, Stream, reason};

/// Whose certificates are trusted.
#[derive(Clone, Debug)]
pub enum Roots {
    /// The host's, read anew for each dial: a daemon outlives the host's bundle.
    Native,
    /// These alone.
    Only(Arc<RootCertStore>),
}

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
        .max_frame_size(Some(plan.message_bytes_max));
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

async fn tls(roots: &Roots) -> Result<ClientConfig, String> {
    let roots = match roots {
        Roots::Only(roots) => Arc::clone(roots),
        Roots::Native => {
            // Files are read: not where sockets wait.
            let read = tokio::task::spawn_blocking(native).await;
            Arc::new(read.map_err(|error| format!("the host's certificates were not read: {error}"))??)
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|error| format!("no version of TLS is there: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn native() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "none is there".to_owned(), ToString::to_string);
        return Err(format!("the host has no certificates to trust: {why}; install the package ca-certificates"));
    }
    Ok(roots)
}
