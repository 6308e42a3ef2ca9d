//! REST through the faults: which requests are answered how and when, and which candles are wrong.
//!
//! It holds no rule of Kite's; the broker does.

use barkeep_schemas::{NANOS, PRICE_SCALE, Price, Qty, Ts};

use super::{Delivery, RequestId, World};
use crate::broker::{Answer, CandleAnswer, Method, Rendered, Request};
use crate::faults::{Entry, Fault, FaultKind, Faults, Ledger};
use crate::kite::{ErrorType, KiteError};
use crate::market::{Candle, Interval, Market};

/// How long an answer waits for the postback that shall come before it, at most.
const POSTBACK_WAIT_NS: i64 = 5 * NANOS;

/// An answer that comes later.
pub(super) struct Waiting {
    id: RequestId,
    due: Ts,
    /// The order whose postback releases it before that.
    order_id: Option<String>,
    /// `None` for an endless answer, whose end it is.
    rendered: Option<Rendered>,
}

impl World {
    /// Handles a request; its answer is one of the deliveries, at once or in a later step.
    pub fn request(&mut self, id: RequestId, request: &Request) {
        self.requests_ever += 1;
        let named = || Some(format!("{} {}", method_name(request.method), request.path));
        let entry = |at: Ts, kind: FaultKind| Entry { request: named(), ..Entry::new(at, kind) };
        if let Some(fault) = self.fault(FaultKind::RestError, request) {
            self.ledger.push(Entry { status: Some(fault.status), ..entry(self.now, fault.kind) });
            return self.outbox.push_back(Delivery::Reply(id, storm(fault.status)));
        }
        if let Some(fault) = self.fault(FaultKind::Endless, request) {
            self.ledger.push(Entry { until: Some(fault.until), ..entry(self.now, fault.kind) });
            self.outbox.push_back(Delivery::Endless(id));
            self.waiting.push(Waiting { id, due: fault.until, order_id: None, rendered: None });
            return;
        }
        let mut answer = self.broker.handle(request, &self.market, self.now);
        if let Answer::Candles(candles) = &mut answer {
            let mut editing =
                Editing { market: &self.market, faults: &self.faults, ledger: &mut self.ledger, now: self.now };
            editing.edit(candles);
        }
        let order_id = placed_order(request, &answer);
        let rendered = answer.render();
        if let (Some(order_id), Some(fault)) = (&order_id, self.fault(FaultKind::LostAnswer, request)) {
            self.ledger.push(Entry { order_id: Some(order_id.clone()), ..entry(self.now, fault.kind) });
            return self.outbox.push_back(Delivery::Hangup(id));
        }
        if let (Some(_), Some(_)) = (&order_id, self.fault(FaultKind::PostbackEarly, request)) {
            let due = Ts::new(self.now.get() + POSTBACK_WAIT_NS);
            return self.waiting.push(Waiting { id, due, order_id, rendered: Some(rendered) });
        }
        if let Some(fault) = self.fault(FaultKind::Slow, request) {
            self.ledger.push(Entry { by_ns: Some(fault.by_ns), ..entry(self.now, fault.kind) });
            let due = Ts::new(self.now.get() + fault.by_ns);
            return self.waiting.push(Waiting { id, due, order_id: None, rendered: Some(rendered) });
        }
        self.outbox.push_back(Delivery::Reply(id, rendered));
    }

    fn fault(&self, kind: FaultKind, request: &Request) -> Option<Fault> {
        self.faults.on_request(kind, &request.path, self.requests_ever, self.now).cloned()
    }

    /// Gives the answers whose time has come.
    pub(super) fn release(&mut self) {
        let now = self.now;
        for waiting in self.waiting.iter().filter(|waiting| waiting.rendered.is_none() && now < waiting.due) {
            self.outbox.push_back(Delivery::Blank(waiting.id));
        }
        for done in self.waiting.extract_if(.., |waiting| waiting.due <= now) {
            if let Some(order_id) = done.order_id {
                let entry = Entry::new(now, FaultKind::Slow);
                self.ledger.push(Entry { order_id: Some(order_id), by_ns: Some(POSTBACK_WAIT_NS), ..entry });
            }
            self.outbox.push_back(match done.rendered {
                Some(rendered) => Delivery::Reply(done.id, rendered),
                None => Delivery::Hangup(done.id),
            });
        }
    }

    /// Gives the answers that waited for a postback of this order.
    pub(super) fn release_order(&mut self, order_id: &str) {
        for done in self.waiting.extract_if(.., |waiting| waiting.order_id.as_deref() == Some(order_id)) {
            let entry = Entry::new(self.now, FaultKind::PostbackEarly);
            self.ledger.push(Entry { order_id: done.order_id, ..entry });
            self.outbox.extend(done.rendered.map(|rendered| Delivery::Reply(done.id, rendered)));
        }
    }
}

/// The order that a request placed.
fn placed_order(request: &Request, answer: &Answer) -> Option<String> {
    if request.method != Method::Post || !request.path.starts_with("/orders/") {
        return None;
    }
    match answer {
        Answer::Json { status: 200, body } => {
            let body: serde_json::Value = serde_json::from_slice(body).ok()?;
            body.get("data")?.get("order_id")?.as_str().map(str::to_owned)
        }
        Answer::Json { .. } | Answer::Csv { .. } | Answer::Candles(_) | Answer::Redirect { .. } => None,
    }
}

const fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Other => "OTHER",
    }
}

/// Kite's envelope for a status that it uses, the page of a gateway in between for one that it leaves to it.
fn storm(status: u16) -> Rendered {
    let error = |error_type, message: &str| KiteError { status, ..KiteError::new(error_type, message) };
    let envelope = |error: KiteError| Answer::from(error).render();
    match status {
        429 => envelope(KiteError::too_many_requests()),
        400 => envelope(error(ErrorType::Input, "Bad request")),
        403 => envelope(error(ErrorType::Token, "Incorrect `api_key` or `access_token`.")),
        404 => envelope(KiteError::not_found()),
        405 => envelope(KiteError::method_not_allowed()),
        410 => envelope(error(ErrorType::General, "Gone")),
        500 => envelope(error(ErrorType::General, "Something went wrong")),
        _ => Rendered {
            status,
            content_type: "text/html",
            content_encoding: None,
            location: None,
            body: format!("<html><body><h1>{status}</h1></body></html>").into_bytes(),
        },
    }
}

/// The editing of candles on their way out.
struct Editing<'a> {
    market: &'a Market,
    faults: &'a Faults,
    ledger: &'a mut Ledger,
    now: Ts,
}

impl Editing<'_> {
    fn edit(&mut self, answer: &mut CandleAnswer) {
        let listing = self.market.listing(answer.instrument, self.market.date());
        let minutes = match answer.interval {
            Interval::Minutes(minutes) => i64::from(minutes),
            Interval::Day => 24 * 60,
        };
        let mut edited = Vec::with_capacity(answer.candles.len());
        for candle in &answer.candles {
            let mut kept = Some(*candle);
            let mut twice = false;
            let missing = self.faults.on_candle(listing.token, candle.start).any(is_missing);
            for fault in self.faults.on_candle(listing.token, candle.start) {
                let settled = candle.start.get() + minutes * 60 * NANOS + fault.by_ns;
                let is_settled = fault.kind == FaultKind::CandleRevised && self.now.get() >= settled;
                if is_settled || (missing && (kept.is_none() || !is_missing(fault))) {
                    continue;
                }
                if is_missing(fault) {
                    kept = None;
                } else if fault.kind == FaultKind::CandleDuplicate {
                    twice = true;
                } else {
                    kept = kept.map(|candle| wrong(candle, listing.tick_size));
                }
                self.ledger.push(Entry {
                    token: Some(listing.token),
                    candle: Some(candle.start),
                    ..Entry::new(self.now, fault.kind)
                });
            }
            edited.extend(kept);
            edited.extend(kept.filter(|_| twice));
        }
        answer.candles = edited;
    }
}

fn is_missing(fault: &Fault) -> bool {
    fault.kind == FaultKind::CandleMissing
}

/// A candle whose high is 1% and at least three ticks too high, with a tenth more volume and one share.
fn wrong(candle: Candle, tick_size: Price) -> Candle {
    let tick = tick_size.get().max(PRICE_SCALE / 100);
    let more = (candle.high.get() / 100 / tick).max(3) * tick;
    let volume = Qty::new(candle.volume.get() + candle.volume.get() / 10 + 1);
    Candle { high: Price::new(candle.high.get() + more), volume, ..candle }
}
