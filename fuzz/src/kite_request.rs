//! Requests of any make, one after the other while virtual time goes on: each is answered once, in Kite's envelope, and
//! the orders that come of them keep their sums.
//!
//! The input is an option byte, then a list of requests and of times that pass. In paths, queries and forms `$0` to `$9`
//! stand for orders placed before and `@0` to `@4` for symbols and `#0` to `#4` for tokens that exist.

use std::collections::BTreeMap;
use std::io::Read as _;

use barkeep_schemas::Ts;
use barkeep_sim::broker::{Method, Rendered, Request};
use barkeep_sim::faults::FaultPlan;
use barkeep_sim::world::{Delivery, RequestId};
use serde_json::Value;

use crate::bytes::Bytes;
use crate::simulated::{DATES, Simulated, at};

/// Requests of one input, and steps.
const REQUESTS_MAX: u32 = 64;
const STEPS_MAX: u32 = 400;

/// Faults of every kind that concerns requests, all day, to half of them.
const FAULTS: [&str; 10] = [
    "slow at=09:00:00 for=10h by=1s share=0.1",
    "endless at=09:00:00 for=10h share=0.1",
    "rest-error at=09:00:00 for=10h share=0.1",
    "lost-answer at=09:00:00 for=10h share=0.2",
    "postback-early at=09:00:00 for=10h share=0.3",
    "postback-twice at=09:00:00 for=10h share=0.5",
    "postback-never at=09:00:00 for=10h share=0.2",
    "candle-wrong at=09:00:00 for=10h share=0.3",
    "candle-missing at=09:00:00 for=10h share=0.3",
    "candle-duplicate at=09:00:00 for=10h share=0.3",
];

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let options = bytes.u8();
    let mut faults = FaultPlan::default();
    if options & 1 != 0 {
        FAULTS.iter().for_each(|fault| faults.add_flag(fault).expect("a sound flag"));
    }
    let limits = options & 2 != 0;
    let minutes = [600, 530, 553, 929, 1_000, 300, 558, 700];
    let simulated = Simulated::new(minutes[usize::from(options >> 5)], faults, limits);
    let (open, placed, seen) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    let mut asking = Asking { simulated, limits, faulty: options & 1 != 0, open, placed, seen };
    asking.go_through(&mut bytes);
    asking.end();
}

/// The conversation.
struct Asking {
    simulated: Simulated,
    limits: bool,
    faulty: bool,
    /// Asked and not answered.
    open: BTreeMap<RequestId, bool>,
    placed: Vec<String>,
    /// Shares filled and whether it is over, by order.
    seen: BTreeMap<String, (i64, bool)>,
}

impl Asking {
    fn go_through(&mut self, bytes: &mut Bytes<'_>) {
        let (mut requests, mut steps) = (0, 0);
        while !bytes.rest().is_empty() && requests < REQUESTS_MAX && steps < STEPS_MAX {
            let what = bytes.u8();
            match what % 8 {
                0 => {
                    for _ in 0..=what / 8 {
                        steps += 1;
                        self.simulated.world.step();
                        self.receive();
                    }
                }
                1 => {
                    let minutes = [1, 5, 60, 400, 1_000, 1_440, 2_880, 10_000][usize::from(what / 32)];
                    let now = self.simulated.world.now();
                    self.simulated.world.skip_to(Ts::new(now.get() + minutes * 60_000_000_000));
                    self.receive();
                }
                _ => {
                    requests += 1;
                    let request = self.request(what, bytes);
                    let id = self.simulated.ask(&request);
                    self.open.insert(id, false);
                    self.receive();
                    assert!(self.faulty || self.open.is_empty(), "without faults every answer comes at once");
                    self.check_orders();
                }
            }
        }
    }

    /// A request out of four lines: path, query, form, header. The upper bits of `what` choose method and header.
    fn request(&self, what: u8, bytes: &mut Bytes<'_>) -> Request {
        let mut line = || self.expanded(&String::from_utf8_lossy(bytes.until(b'\n')));
        let (path, query, form, header) = (line(), line(), line(), line());
        let pairs = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        let method = match what % 8 {
            2 | 3 => Method::Get,
            4 => Method::Post,
            5 => Method::Put,
            6 => Method::Delete,
            _ => Method::Other,
        };
        let authorization = match what / 8 {
            0 => None,
            1 => Some(header),
            _ => Some(self.simulated.authorization()),
        };
        Request { method, path, query: pairs(&query), form: pairs(&form), authorization, body: form.into_bytes() }
    }

    fn expanded(&self, text: &str) -> String {
        let market = self.simulated.world.market();
        let mut text = text.to_owned();
        for number in 0..10 {
            if let Some(id) = self.placed.get(number) {
                text = text.replace(&format!("${number}"), id);
            }
            let listing = market.listing(number % market.count(), market.date());
            text = text.replace(&format!("@{number}"), &listing.symbol);
            text = text.replace(&format!("#{number}"), &listing.token.to_string());
        }
        text
    }

    fn receive(&mut self) {
        while let Some(delivery) = self.simulated.world.next_delivery() {
            match delivery {
                Delivery::Reply(id, rendered) => {
                    assert!(self.open.remove(&id).is_some(), "{id} is answered twice");
                    self.check(&rendered);
                }
                Delivery::Endless(id) => {
                    let begun = self.open.get_mut(&id).expect("an answer to what was asked");
                    assert!(self.faulty && !std::mem::replace(begun, true), "{id} begins twice");
                }
                Delivery::Blank(id) => {
                    assert!(self.faulty && self.open.get(&id) == Some(&true), "{id} goes on and had not begun");
                }
                Delivery::Hangup(id) => {
                    assert!(self.faulty && self.open.remove(&id).is_some(), "{id} was answered already");
                }
                other => panic!("there is no websocket for {other:?}"),
            }
        }
        self.simulated.world.injected();
    }

    fn check(&mut self, rendered: &Rendered) {
        let Rendered { status, content_type, content_encoding, location, body } = rendered;
        match (*content_type, content_encoding) {
            ("text/csv", Some("gzip")) => {
                let mut text = String::new();
                flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).expect("gzip of text");
                assert!(*status == 200 && text.starts_with("instrument_token,"));
            }
            ("text/html", None) => assert!(self.faulty && *status >= 500),
            ("application/json", None) if *status == 302 => {
                let location = location.as_deref().expect("somewhere to go");
                assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
            }
            ("application/json", None) => self.check_envelope(*status, body),
            other => panic!("{other:?} is no kind of answer"),
        }
    }

    fn check_envelope(&mut self, status: u16, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).expect("JSON");
        if body["status"] == "success" {
            assert_eq!(status, 200);
            let placed = body["data"]["order_id"].as_str().map(str::to_owned);
            if let Some(id) = placed.filter(|id| !self.placed.contains(id)) {
                self.placed.push(id);
            }
            return;
        }
        assert!(body["status"] == "error" && status >= 400, "{status} {body}");
        assert!(body["message"].is_string() && body["error_type"].is_string(), "{body}");
    }

    /// What a client could add up from the account, without faults and limits in the way.
    fn check_orders(&mut self) {
        if self.faulty || self.limits {
            return;
        }
        let Some(orders) = self.show("/orders") else { return };
        let trades = self.show("/trades").expect("trades where there are orders");
        for order in orders.as_array().expect("a list") {
            let number = |name: &str| order[name].as_i64().expect("a number");
            let (id, status) =
                (order["order_id"].as_str().expect("an id"), order["status"].as_str().expect("a status"));
            let (filled, pending) = (number("filled_quantity"), number("pending_quantity"));
            let over = ["COMPLETE", "CANCELLED", "REJECTED"].contains(&status);
            if status != "REJECTED" {
                assert_eq!(number("quantity"), filled + pending, "{order}");
            }
            assert!(filled >= 0 && pending >= 0 && number("cancelled_quantity") <= pending, "{order}");
            assert_eq!(filled > 0, order["average_price"].as_f64() > Some(0.0), "{order}");
            assert!(status != "COMPLETE" || pending == 0, "{order}");
            let traded = trades.as_array().expect("a list").iter().filter(|trade| trade["order_id"] == id);
            let traded: i64 = traded.map(|trade| trade["quantity"].as_i64().expect("a quantity")).sum();
            assert!(traded <= filled, "{order}");
            let before = self.seen.insert(id.to_owned(), (filled, over)).unwrap_or_default();
            assert!(before.0 <= filled && (!before.1 || (before.0 == filled && over)), "{before:?} {order}");
        }
    }

    /// The data of a GET, unless the session is over.
    fn show(&mut self, path: &str) -> Option<Value> {
        let mut request = Request::new(Method::Get, path);
        request.authorization = Some(self.simulated.authorization());
        let rendered = self.simulated.answered(&request)?;
        let body: Value = serde_json::from_slice(&rendered.body).expect("JSON");
        (rendered.status == 200).then(|| body["data"].clone())
    }

    /// A day later nothing is unanswered.
    fn end(&mut self) {
        let later = self.simulated.world.now().get().max(at(DATES[1], 1_440).get()) + 86_400_000_000_000;
        self.simulated.world.skip_to(Ts::new(later));
        self.receive();
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
    }
}
