//! HTTP: websocket upgrades at `/`, everything else a request to the broker.
//!
//! It decides nothing but how bytes become a request and an answer bytes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request as HttpRequest};
use axum::http::{HeaderMap, Method as HttpMethod, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use super::driver::{Command, Replied};
use super::socket;
use crate::broker::{Answer, Method, Rendered, Request};
use crate::kite::KiteError;
use crate::world::Refusal;

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The answer is to cut the connection.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is cut, as planned")]
struct CutShort;

/// Takes connections.
pub(super) async fn serve(listener: TcpListener, commands: mpsc::Sender<Command>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, commands.clone()))),
            Err(error) => {
                // Out of file descriptors, as a rule: it passes.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, commands: mpsc::Sender<Command>) {
    // Small frames must not wait for each other.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let commands = commands.clone();
        async move { answer(request.map(Body::new), commands).await }
    });
    // No date: the clock's would be in no step with virtual time, and other bytes in every run.
    let mut builder = hyper::server::conn::http1::Builder::new();
    let connection = builder.auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.with_upgrades().await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(request: HttpRequest, commands: mpsc::Sender<Command>) -> Result<Response, CutShort> {
    let wants_upgrade = request.headers().contains_key(header::UPGRADE);
    if wants_upgrade { upgrade(request, commands).await } else { rest(request, commands).await }
}

async fn upgrade(request: HttpRequest, commands: mpsc::Sender<Command>) -> Result<Response, CutShort> {
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(rejection.into_response()),
    };
    let (reply, taken) = oneshot::channel();
    let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
    commands.send(Command::Connect(query, reply)).await.map_err(|_| CutShort)?;
    match taken.await.map_err(|_| CutShort)? {
        Ok(connected) => Ok(upgrade.on_upgrade(move |socket| socket::carry(socket, connected, commands))),
        Err(Refusal::Status(status, text)) => {
            Ok((StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), text).into_response())
        }
        Err(Refusal::Cut) => Err(CutShort),
    }
}

async fn rest(request: HttpRequest, commands: mpsc::Sender<Command>) -> Result<Response, CutShort> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return Ok(response(Answer::from(KiteError::input("The body is too large or was cut off")).render()));
    };
    let request = Request {
        method: method(&parts.method),
        path: parts.uri.path().to_owned(),
        query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
        form: if is_form(&parts.headers) { pairs(&body) } else { Vec::new() },
        authorization: text_header(&parts.headers, header::AUTHORIZATION),
        body: body.to_vec(),
    };
    let (reply, replied) = oneshot::channel();
    commands.send(Command::Request(request, reply)).await.map_err(|_| CutShort)?;
    match replied.await.map_err(|_| CutShort)? {
        Replied::Whole(rendered) => Ok(response(rendered)),
        Replied::Endless(waiting) => {
            let body = Body::new(Blanks { waiting, unsent: false });
            Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
        }
        Replied::Hangup => Err(CutShort),
    }
}

fn method(method: &HttpMethod) -> Method {
    match *method {
        HttpMethod::GET => Method::Get,
        HttpMethod::POST => Method::Post,
        HttpMethod::PUT => Method::Put,
        HttpMethod::DELETE => Method::Delete,
        _ => Method::Other,
    }
}

fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

fn text_header(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn is_form(headers: &HeaderMap) -> bool {
    text_header(headers, header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

fn response(rendered: Rendered) -> Response {
    let Rendered { status, content_type, content_encoding, location, body } = rendered;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut put = |name, value: &str| {
        if let Ok(value) = header::HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    put(header::CONTENT_TYPE, content_type);
    if let Some(encoding) = content_encoding {
        put(header::CONTENT_ENCODING, encoding);
    }
    if let Some(location) = location {
        put(header::LOCATION, &location);
    }
    response
}

/// A body of blanks that is cut short when no more come.
struct Blanks {
    waiting: mpsc::Receiver<()>,
    /// Whether a blank may still lie in the connection's buffer, which a cut would throw away.
    unsent: bool,
}

impl HttpBody for Blanks {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        match self.waiting.poll_recv(context) {
            Poll::Ready(Some(())) => {
                self.unsent = true;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
            }
            Poll::Ready(None) if self.unsent => {
                self.unsent = false;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(None) => Poll::Ready(Some(Err(CutShort))),
            Poll::Pending => {
                self.unsent = false;
                Poll::Pending
            }
        }
    }
}
