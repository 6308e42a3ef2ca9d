//! HTTP: websocket upgrades at `/`, everything else a request to the broker.
//!
//! It decides nothing but how bytes become a request and an answer bytes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request as HttpRequest};
use axum::http::{HeaderMap, Method as HttpMethod, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::driver::{Command, Replied};
use super::socket;
use crate::broker::{Answer, Method, Rendered, Request};
use crate::kite::KiteError;
use crate::world::Refusal;

/// Connections at a time, websockets apart; for a further one the oldest is cut, so that whoever comes next is served
/// however many hold theirs open.
const CONNECTIONS_MAX: usize = 512;

/// How long a client may take for the head of a request and for its body; an idle connection is cut after as long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a body at most: the longest that a client sends is a form of a few hundred.
const BODY_BYTES_MAX: usize = 1 << 16;

/// Parameters of a query or form at most; the most that Kite takes are a thousand instruments of a quote request.
const PARAMETERS_MAX: usize = 2_048;

/// Bytes of a client's message on a websocket at most: the most that it can mean are 3,000 tokens of ten digits.
const MESSAGE_BYTES_MAX: usize = 1 << 18;

/// The answer is to cut the connection.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is cut, as planned")]
struct CutShort;

/// Takes connections.
pub(super) async fn serve(listener: TcpListener, commands: mpsc::Sender<Command>) {
    let mut open = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                make_room(&mut open);
                open.push_back(tokio::spawn(converse(stream, commands.clone())).abort_handle());
            }
            Err(error) => {
                // Out of file descriptors, as a rule: it passes.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Forgets the connections that are gone when there are too many, and cuts the oldest if there still are.
fn make_room(open: &mut VecDeque<AbortHandle>) {
    if open.len() >= CONNECTIONS_MAX {
        open.retain(|connection| !connection.is_finished());
    }
    if open.len() >= CONNECTIONS_MAX
        && let Some(oldest) = open.pop_front()
    {
        tracing::debug!("too many connections: the oldest is cut");
        oldest.abort();
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
    builder.auto_date_header(false).timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.with_upgrades().await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(request: HttpRequest, commands: mpsc::Sender<Command>) -> Result<Response, CutShort> {
    // Clients of HTTP/2 offer an upgrade that may be passed over.
    let to = text_header(request.headers(), header::UPGRADE);
    let wants_upgrade = to.is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    if wants_upgrade { upgrade(request, commands).await } else { rest(request, commands).await }
}

async fn upgrade(request: HttpRequest, commands: mpsc::Sender<Command>) -> Result<Response, CutShort> {
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX),
        Err(rejection) => return Ok(rejection.into_response()),
    };
    let (reply, taken) = oneshot::channel();
    let Some(query) = pairs(parts.uri.query().unwrap_or_default().as_bytes()) else {
        return Ok(StatusCode::BAD_REQUEST.into_response());
    };
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
    let refused = |message: &str| Ok(response(Answer::from(KiteError::input(message)).render()));
    let body = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, BODY_BYTES_MAX)).await;
    let Ok(Ok(body)) = body else { return refused("The body is too large, too slow or was cut off") };
    let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
    let form = if is_form(&parts.headers) { pairs(&body) } else { Some(Vec::new()) };
    let (Some(query), Some(form)) = (query, form) else { return refused("Too many parameters") };
    let request = Request {
        method: method(&parts.method),
        path: parts.uri.path().to_owned(),
        query,
        form,
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

/// The pairs of a query or form; none when there are too many.
fn pairs(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let pairs: Vec<_> = form_urlencoded::parse(bytes).into_owned().take(PARAMETERS_MAX + 1).collect();
    (pairs.len() <= PARAMETERS_MAX).then_some(pairs)
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

#[cfg(test)]
#[tokio::test]
async fn a_connection_beyond_the_most_cuts_the_oldest_that_is_still_open() {
    let mut open = VecDeque::new();
    for number in 0..CONNECTIONS_MAX {
        let held = tokio::spawn(async move {
            if number != 3 {
                std::future::pending::<()>().await;
            }
        });
        open.push_back(held.abort_handle());
    }
    let oldest = open[0].clone();
    while !open[3].is_finished() {
        tokio::task::yield_now().await;
    }
    make_room(&mut open);
    assert_eq!(open.len(), CONNECTIONS_MAX - 1);
    open.push_back(tokio::spawn(std::future::pending::<()>()).abort_handle());
    make_room(&mut open);
    assert_eq!(open.len(), CONNECTIONS_MAX - 1);
    while !oldest.is_finished() {
        tokio::task::yield_now().await;
    }
}
