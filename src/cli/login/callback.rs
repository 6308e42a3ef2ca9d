//! The redirect of a login, taken on loopback: a listener that serves until one request has brought a token.
//!
//! It answers nothing but that it has the token or has not; what else is asked of it gets 404.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use barkeep_zerodha::token::{LoginError, request_token};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long a person may take to log in.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long the answer may take to reach the browser.
const FAREWELL: Duration = Duration::from_secs(1);

type Brought = Result<SecretString, LoginError>;
type Told = Arc<Mutex<Option<oneshot::Sender<Brought>>>>;

/// Waits on a port of 127.0.0.1 for the browser to bring a request token.
pub(super) async fn wait(port: u16) -> Result<SecretString> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| {
        format!(
            "port {port} of 127.0.0.1 cannot be had: name another with --callback PORT, and in the app's redirect URL"
        )
    })?;
    let port = listener.local_addr().context("the port is not known")?.port();
    eprintln!("Waiting for the browser on http://127.0.0.1:{port}/, which must be the app's redirect URL.");
    let (tell, brought) = oneshot::channel();
    let told: Told = Arc::new(Mutex::new(Some(tell)));
    let app = Router::new().fallback(take).with_state(told);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async {
        // Also when whoever waits is gone.
        let _ = stopped.await;
    });
    let serving = tokio::spawn(serving.into_future());
    let brought = tokio::time::timeout(PATIENCE, brought).await;
    drop(stop);
    // The browser's answer goes out; a connection that stays open is cut.
    let _ = tokio::time::timeout(FAREWELL, serving).await;
    match brought {
        Ok(Ok(brought)) => Ok(brought?),
        Ok(Err(_)) => bail!("the listener ended before a login: type `barkeep login --callback` again"),
        Err(_) => {
            bail!("nobody logged in within {} minutes: type `barkeep login --callback` again", PATIENCE.as_secs() / 60)
        }
    }
}

async fn take(State(told): State<Told>, method: Method, uri: Uri) -> Response {
    let Some(query) = uri.query().filter(|_| method == Method::GET) else {
        return page(StatusCode::NOT_FOUND, "Nothing is here.");
    };
    let brought = request_token(&format!("?{query}"));
    let (status, words) = match &brought {
        Ok(_) => (StatusCode::OK, "Logged in. You may close this page and go back to barkeep."),
        // Some other program asked.
        Err(LoginError::NoToken | LoginError::Nothing | LoginError::Unfit) => {
            return page(StatusCode::BAD_REQUEST, "There is no request_token in this address.");
        }
        Err(LoginError::Status(_)) => (StatusCode::OK, "The login did not succeed. Go back to barkeep."),
    };
    match told.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(tell) => {
            // Whoever waited may be gone.
            let _ = tell.send(brought);
            page(status, words)
        }
        None => page(StatusCode::GONE, "A login was taken already."),
    }
}

fn page(status: StatusCode, words: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, words).into_response()
}
