//! The pages of the services: `/metrics`, `/healthz`, `/readyz`, and on the appliance's port `/` and `/metrics/all`.
//!
//! What it never does: judge or count; it shows. Connections are bounded, and one that says nothing is cut. Who calls it:
//! `Services::start`, once for each port.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service as _;

use super::clock::Clock;
use super::facts::{Board, EngineState};
use super::liveness::liveness;
use super::observe::Observer;
use super::ports::Addresses;
use super::readiness::{Patience, Reason, ist, readiness};
use crate::monitoring::metrics::{Metrics, MetricsError, Service};

/// Connections to one port at a time; more wait until one ends.
const CONNECTIONS_MAX: usize = 64;

/// How long a client may take for the head of a request; an idle connection is cut after as long.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the text format of metrics is called.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What all pages are made from.
pub(super) struct Shown {
    pub(super) metrics: Metrics,
    pub(super) observer: Observer,
    pub(super) board: Board,
    pub(super) clock: Clock,
    pub(super) addresses: Addresses,
}

#[derive(Clone)]
struct Page {
    service: Service,
    shown: Arc<Shown>,
}

/// Serves a service until it is dropped.
pub(super) async fn serve(service: Service, listener: TcpListener, shown: Arc<Shown>) {
    let page = Page { service, shown };
    let mut router =
        Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).route("/readyz", get(readyz));
    if service == Service::Appliance {
        router = router.route("/", get(home)).route("/metrics/all", get(all_metrics));
    }
    accept(listener, router.with_state(page)).await;
}

async fn accept(listener: TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // The semaphore is never closed.
        let Ok(place) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    converse(stream, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, as a rule: it passes.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router) {
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut router = router.clone();
        async move { router.call(request).await }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn metrics(State(page): State<Page>) -> Response {
    let shown = &page.shown;
    // What is counted over the whole tape does not wait for the session.
    let counts_session = page.service != Service::ReconExporter;
    if let Some(early) = early(shown, counts_session) {
        return early;
    }
    shown.observer.set(&shown.board, &shown.board.facts(), shown.clock.now());
    text(shown.metrics.page(page.service))
}

async fn all_metrics(State(page): State<Page>) -> Response {
    let shown = &page.shown;
    if let Some(early) = early(shown, true) {
        return early;
    }
    shown.observer.set(&shown.board, &shown.board.facts(), shown.clock.now());
    text(shown.metrics.union())
}

/// Says that it is too early for metrics: a scraper that saw counters on their way up would take it for trade.
fn early(shown: &Shown, counts_session: bool) -> Option<Response> {
    let opening = shown.board.facts().engine.state == EngineState::Opening;
    let why = "the tape is being opened and the session's events are being counted: try again\n";
    let is_early = opening || counts_session && shown.metrics.is_held();
    is_early.then(|| (StatusCode::SERVICE_UNAVAILABLE, why).into_response())
}

fn text(page: Result<String, MetricsError>) -> Response {
    match page {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn healthz(State(page): State<Page>) -> Response {
    let shown = &page.shown;
    let judged = liveness(page.service, &shown.board.facts(), shown.board.pulse(page.service), shown.clock.now());
    let status = if judged.is_alive() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(judged)).into_response()
}

async fn readyz(State(page): State<Page>) -> Response {
    let reasons = reasons(&page.shown, page.service);
    let ready = !reasons.iter().any(Reason::blocks);
    let told: Vec<_> = reasons
        .iter()
        .map(|reason| json!({ "reason": reason.name(), "blocks": reason.blocks(), "text": reason.to_string() }))
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(json!({ "service": page.service, "ready": ready, "reasons": told }))).into_response()
}

/// What is to be said of a service, whatever keeps it from its work first.
fn reasons(shown: &Shown, service: Service) -> Vec<Reason> {
    let mut reasons = readiness(&shown.board.facts(), shown.clock.now(), &Patience::default());
    reasons.retain(|reason| reason.concerns(service));
    reasons.sort_by_key(|reason| !reason.blocks());
    reasons
}

/// Where everything is and how it fares, until there is a console.
async fn home(State(page): State<Page>) -> Html<String> {
    let shown = &page.shown;
    let mut rows = String::new();
    for (service, address) in shown.addresses.iter() {
        let reasons = reasons(shown, service);
        let ready = if reasons.iter().any(Reason::blocks) { "not ready" } else { "ready" };
        let why: Vec<String> = reasons.iter().map(|reason| escaped(&reason.to_string())).collect();
        rows.push_str(&format!(
            "<tr><td>{name}<td>{about}<td>{ready}<td>{why}<td><a href=\"http://{address}/metrics\">metrics</a> \
             <a href=\"http://{address}/healthz\">healthz</a> <a href=\"http://{address}/readyz\">readyz</a>\n",
            name = service.name(),
            about = service.about(),
            why = why.join("<br>"),
        ));
    }
    let version = env!("CARGO_PKG_VERSION");
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>barkeep</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem;max-width:70rem}}td{{padding:.2rem \
         1rem .2rem 0;vertical-align:top}}</style>\n<h1>barkeep {version}</h1>\n<p>{now}. Durable up to {seq}. \
         <a href=\"/metrics/all\">All metrics on one page</a>.</p>\n<table>\n{rows}</table></html>\n",
        now = ist(shown.clock.now()),
        seq = shown.board.facts().engine.durable,
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
