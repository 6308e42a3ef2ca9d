//! The redirect of a login, taken on loopback: a listener that serves until a request token has brought an access token.
//!
//! What it never does: tell a browser of a login before there is one, or end because of a token that is not taken. What
//! else is asked of it gets 404. `login --callback` calls it.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use barkeep_zerodha::token::{LoginError, request_token};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a person may take to log in.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long the answer may take to reach the browser.
const FAREWELL: Duration = Duration::from_secs(1);

/// A request token, and the browser that waits to hear what came of it.
struct Brought {
    token: SecretString,
    answer: oneshot::Sender<(StatusCode, String)>,
}

/// What came of a request token: the login, or why it brought none while another one may.
pub(super) type Taken<T> = std::result::Result<T, Error>;

/// Waits on a port of 127.0.0.1 for a browser to bring a request token that `take` makes a login of. `take` fails where no
/// other token could help.
pub(super) async fn wait<T>(port: u16, take: impl AsyncFn(&SecretString) -> Result<Taken<T>>) -> Result<T> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| {
        format!(
            "port {port} of 127.0.0.1 cannot be had: name another with --callback PORT, and in the app's redirect URL"
        )
    })?;
    let port = listener.local_addr().context("the port is not known")?.port();
    eprintln!("Waiting for the browser on http://127.0.0.1:{port}/, which must be the app's redirect URL.");
    let (desk, mut requests) = mpsc::channel(1);
    let app = Router::new().fallback(serve).with_state(desk);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async {
        // Also when whoever waits is gone.
        let _ = stopped.await;
    });
    let serving = tokio::spawn(serving.into_future());
    let taken = first(&mut requests, take).await;
    drop((requests, stop));
    // The browser's answer goes out; a connection that stays open is cut.
    let _ = timeout(FAREWELL, serving).await;
    taken
}

/// The first login that a request token brings; each browser is told what came of its own.
async fn first<T>(
    requests: &mut mpsc::Receiver<Brought>,
    take: impl AsyncFn(&SecretString) -> Result<Taken<T>>,
) -> Result<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        let Brought { token, answer } = match timeout_at(until, requests.recv()).await {
            Ok(Some(brought)) => brought,
            Ok(None) => bail!("the listener ended before a login: type `barkeep login --callback` again"),
            Err(_) => bail!(
                "nobody logged in within {} minutes: type `barkeep login --callback` again",
                PATIENCE.as_secs() / 60
            ),
        };
        // A browser may be gone; then nobody need be told.
        match take(&token).await {
            Ok(Ok(login)) => {
                let words = "Logged in. You may close this page and go back to barkeep.".to_owned();
                let _ = answer.send((StatusCode::OK, words));
                return Ok(login);
            }
            Ok(Err(why)) => {
                eprintln!("Not logged in: {why:#}\nStill waiting for the browser.");
                let words = format!("Not logged in: {why:#}.\nbarkeep still waits: open the login page again.");
                let _ = answer.send((StatusCode::BAD_GATEWAY, words));
            }
            Err(why) => {
                let words = format!("Not logged in, and barkeep has ended: {why:#}.");
                let _ = answer.send((StatusCode::INTERNAL_SERVER_ERROR, words));
                return Err(why);
            }
        }
    }
}

async fn serve(State(desk): State<mpsc::Sender<Brought>>, method: Method, uri: Uri) -> Response {
    let Some(query) = uri.query().filter(|_| method == Method::GET) else {
        return page(StatusCode::NOT_FOUND, "Nothing is here.".to_owned());
    };
    let token = match request_token(&format!("?{query}")) {
        Ok(token) => token,
        // Some other program asked.
        Err(LoginError::NoToken | LoginError::Nothing | LoginError::Unfit) => {
            return page(StatusCode::BAD_REQUEST, "There is no request_token in this address.".to_owned());
        }
        Err(error @ LoginError::Status(_)) => {
            eprintln!("Not logged in: {error}\nStill waiting for the browser.");
            return page(StatusCode::OK, format!("Not logged in: {error}. barkeep still waits."));
        }
    };
    let (answer, told) = oneshot::channel();
    let gone = || page(StatusCode::GONE, "barkeep waits for no login any more.".to_owned());
    if desk.send(Brought { token, answer }).await.is_err() {
        return gone();
    }
    match told.await {
        Ok((status, words)) => page(status, words),
        Err(_) => gone(),
    }
}

fn page(status: StatusCode, words: String) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, words).into_response()
}
