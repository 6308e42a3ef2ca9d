//! A partner over real sockets that shares virtual time: what it gets is the same, byte by byte, on an idle machine and on
//! a loaded one, and time goes no further than it says.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod partner;

use std::collections::BTreeMap;
use std::hint::spin_loop;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use barkeep_schemas::{NANOS, Ts};
use barkeep_sim::faults::FaultKind;
use barkeep_sim::server::{Ack, Mark, Pace, Texts};
use tungstenite::{Message, WebSocket};

use partner::{Control, clock, connect, date, finish, log_in, plan, read, send, serve};

const SECOND: Pace = Pace::Shared { quantum_ns: NANOS };

/// Faults of every kind within the first minutes of trading.
const FAULTS: [&str; 24] = [
    "drop at=09:15:10 for=5s share=0.3",
    "duplicate at=09:15:15 for=5s share=0.3",
    "delay at=09:15:20 for=5s by=700ms share=0.3",
    "reorder at=09:15:25 for=5s share=0.3",
    "truncate at=09:15:30 count=2",
    "garbage at=09:15:31 count=2",
    "unknown-length at=09:15:32 count=2",
    "clock-skew at=09:15:33 for=5s by=-2s",
    "silent at=09:15:35 for=3s",
    "mute at=09:15:40 for=4s",
    "disconnect at=09:15:50 for=5s",
    "refuse-upgrade at=09:15:55 for=3s status=429",
    "slow at=09:16:00 for=15s by=2500ms",
    "endless at=09:16:15 for=10s",
    "rest-error at=09:16:25 for=10s status=502",
    "lost-answer at=09:16:35 for=10s",
    "postback-early at=09:16:45 for=10s",
    "postback-twice at=09:16:55 for=5s",
    "postback-never at=09:17:00 for=5s",
    "candle-wrong at=09:15:00 for=1m",
    "candle-revised at=09:16:00 for=1m by=1m",
    "candle-missing at=09:17:00 for=1m",
    "candle-duplicate at=09:15:00 for=1m",
    "token-death at=09:17:10",
];

/// What became of a run.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    hash: String,
    frames: u64,
    texts: u64,
    answers: u64,
    connections: usize,
    ledger: String,
}

/// A partner that does the same at every mark and hashes what it hears.
struct Partner {
    address: SocketAddr,
    control: Control,
    token: String,
    /// Websockets ever taken, with the messages received; those that ended are gone.
    sockets: Vec<Option<WebSocket<TcpStream>>>,
    received: Vec<u64>,
    texts: Vec<u64>,
    requests: u64,
    /// Requests not yet read to the end, in their order.
    open: Vec<TcpStream>,
    hash: blake3::Hasher,
    frames: u64,
    heard_texts: u64,
    answers: u64,
}

impl Partner {
    fn new(address: SocketAddr, control: SocketAddr) -> Self {
        Self {
            address,
            control: Control::new(control),
            token: String::new(),
            sockets: Vec::new(),
            received: Vec::new(),
            texts: Vec::new(),
            requests: 0,
            open: Vec::new(),
            hash: blake3::Hasher::new(),
            frames: 0,
            heard_texts: 0,
            answers: 0,
        }
    }

    /// Runs to the end of the last day.
    fn run(&mut self) {
        let mut before: Option<i64> = None;
        for turn in 0.. {
            let mark = self.control.mark();
            assert!(before.is_none_or(|before| mark.now > before), "time goes on");
            before = Some(mark.now);
            self.hash.update(&mark.now.to_le_bytes());
            self.drain(&mark);
            if mark.end {
                return;
            }
            self.act(turn);
            let (texts, requests) = (Texts::Each(self.texts.clone()), self.requests);
            self.control.ack(&Ack { ack: mark.now, texts, requests, closed: Vec::new() });
        }
    }

    /// Reads everything that was sent up to a mark.
    fn drain(&mut self, mark: &Mark) {
        let sent: BTreeMap<usize, u64> = mark.sockets.iter().map(|socket| (socket.id as usize, socket.sent)).collect();
        for (place, slot) in self.sockets.iter_mut().enumerate() {
            let Some(socket) = slot else { continue };
            let until = sent.get(&(place + 1)).copied();
            while until.is_none_or(|until| self.received[place] < until) {
                match read(socket) {
                    Some(Message::Binary(bytes)) => {
                        self.frames += 1;
                        self.hash.update(&bytes);
                    }
                    Some(Message::Text(text)) => {
                        self.heard_texts += 1;
                        self.hash.update(text.as_bytes());
                    }
                    Some(other) => panic!("{other:?}"),
                    None => {
                        assert_eq!(until, None, "an open socket does not end");
                        self.hash.update(b"cut");
                        *slot = None;
                        break;
                    }
                }
                self.received[place] += 1;
            }
        }
        if mark.answered == self.requests {
            for stream in self.open.drain(..) {
                self.answers += 1;
                self.hash.update(&finish(stream));
            }
        }
    }

    fn act(&mut self, turn: u64) {
        if self.sockets.iter().all(Option::is_none) {
            return self.reconnect();
        }
        let (place, symbol) = (self.sockets.len() - 1, "INFY");
        match turn % 6 {
            1 => self.ask("POST", "/orders/regular", &format!("exchange=NSE&tradingsymbol={symbol}&transaction_type=BUY&order_type=MARKET&market_protection=-1&quantity=5&product=MIS&validity=DAY")),
            2 => self.say(place, "{\"a\":\"unsubscribe\",\"v\":[256265]}"),
            3 => self.ask("GET", "/instruments/historical/408065/minute?from=2026-11-20+09:15:00&to=2026-11-23+09:35:00", ""),
            4 => self.say(place, "{\"a\":\"mode\",\"v\":[\"full\",[256265]]}"),
            5 => self.ask("GET", "/orders", ""),
            _ => {}
        }
    }

    fn ask(&mut self, method: &str, path: &str, form: &str) {
        self.requests += 1;
        self.open.push(send(self.address, method, path, &self.token, form));
    }

    fn say(&mut self, place: usize, text: &str) {
        if let Some(socket) = &mut self.sockets[place] {
            socket.send(Message::text(text)).expect("an open socket");
            self.texts[place] += 1;
        }
    }

    /// Tries once, and logs in where the token does not hold.
    fn reconnect(&mut self) {
        match connect(self.address, &self.token) {
            Ok(socket) => {
                self.sockets.push(Some(socket));
                self.received.push(0);
                self.texts.push(0);
                let tokens = "408065,738561,2953217,341249,256265,260105";
                self.say(self.sockets.len() - 1, &format!("{{\"a\":\"mode\",\"v\":[\"full\",[{tokens}]]}}"));
            }
            Err(403) => {
                let hash = &mut self.hash;
                self.token = log_in(self.address, |bytes| {
                    hash.update(bytes);
                });
                self.requests += 2;
            }
            Err(status) => drop(self.hash.update(&status.to_le_bytes())),
        }
    }
}

/// Both cores busy until it is dropped.
struct Load {
    over: Arc<AtomicBool>,
}

impl Load {
    fn new() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            let over = over.clone();
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    spin_loop();
                }
            });
        }
        Self { over }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// From a minute before trading up to so many minutes after its beginning, on both days.
fn run(minutes: i64, loaded: bool) -> Outcome {
    let _load = loaded.then(Load::new);
    let ledger = std::env::temp_dir().join(format!("barkeep-shared-time-{}.ndjson", std::process::id()));
    let stay = |days| {
        let date = date().plus_days(days);
        (clock(date, 9, 14, 30), clock(date, 9, 15 + minutes, 0))
    };
    let mut planned = plan(SECOND, &[stay(0), stay(3)], &FAULTS);
    planned.ledger = Some(ledger.clone());
    let serving = serve(planned);
    let mut partner = Partner::new(serving.address, serving.control.expect("a control socket"));
    partner.run();
    let Partner { hash, frames, heard_texts, answers, sockets, control, .. } = partner;
    drop(control);
    serving.thread.join().expect("no panic").expect("an orderly end");
    let injected = std::fs::read_to_string(&ledger).expect("a ledger");
    std::fs::remove_file(&ledger).expect("a ledger that can go");
    for kind in FaultKind::ALL {
        assert!(injected.contains(&format!("\"kind\":\"{}\"", kind.name())), "{} was not injected", kind.name());
    }
    Outcome {
        hash: hash.finalize().to_string(),
        frames,
        texts: heard_texts,
        answers,
        connections: sockets.len(),
        ledger: blake3::hash(injected.as_bytes()).to_string(),
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_an_idle_and_on_a_loaded_machine() {
    let torture = std::env::var_os("BARKEEP_TORTURE").is_some();
    let (runs, minutes) = if torture { (20, 24) } else { (4, 3) };
    let first = run(minutes, false);
    println!("{first:?}");
    assert!(first.frames > 500 && first.answers > 50 && first.connections >= 4, "{first:?}");
    for turn in 1..runs {
        assert_eq!(run(minutes, turn % 2 == 1), first, "run {turn}");
    }
}

fn ack(ns: i64) -> Ack {
    Ack { ack: ns, texts: Texts::default(), requests: 0, closed: Vec::new() }
}

/// Two hours of nothing, so that time never ends.
fn quiet() -> partner::Serving {
    serve(plan(SECOND, &[(clock(date(), 7, 0, 0), clock(date(), 9, 0, 0))], &[]))
}

#[test]
fn time_goes_one_quantum_beyond_the_ack_and_no_further_whatever_it_promises() {
    let serving = quiet();
    let start = clock(date(), 7, 0, 0).get();
    let mut control = Control::new(serving.control.expect("a control socket"));
    assert_eq!(control.mark().now, start);
    control.ack(&ack(start - 1));
    control.ack(&ack(i64::MAX));
    assert_eq!(control.mark().now, start + NANOS, "the first ack was of no use, the second good for one quantum");
    // While nothing is acknowledged requests are answered, all at the same moment.
    log_in(serving.address, |_| {});
    drop(control);
    let mut control = Control::new(serving.control.expect("a control socket"));
    assert_eq!(control.mark().now, start + NANOS, "without a partner it stands, and the next one goes on");
    control.ack(&ack(start + NANOS));
    assert_eq!(control.mark().now, start + 2 * NANOS);
}

#[test]
fn a_second_partner_waits_until_the_first_has_left() {
    let serving = quiet();
    let address = serving.control.expect("a control socket");
    let mut first = Control::new(address);
    let mut second = Control::new(address);
    let mut now = first.mark().now;
    second.ack(&ack(i64::MAX));
    for _ in 0..20 {
        first.ack(&ack(now));
        let next = first.mark().now;
        assert_eq!(next, now + NANOS, "the one who waits has no say");
        now = next;
    }
    drop(first);
    assert_eq!(second.mark().now, now);
    assert_eq!(second.mark().now, now + NANOS, "its word counts from then");
}

#[test]
fn a_line_that_cannot_be_understood_gets_an_error_and_ends_the_talk() {
    let serving = quiet();
    let long = "x".repeat(70_000);
    for line in
        ["", "hello", "{}", "{\"ack\":\"now\"}", "{\"ack\":1,\"text\":2}", "{\"ack\":1,\"texts\":-1}", "[]", &long]
    {
        let mut control = Control::new(serving.control.expect("a control socket"));
        control.mark();
        control.say(line);
        let error = control.line();
        assert!(
            error.starts_with("{\"error\":\"") && error.contains("expected {\\\"ack\\\":NS"),
            "{line:.20}: {error}"
        );
        assert_eq!(control.line(), "", "{line:.20}");
    }
    let mut control = Control::new(serving.control.expect("a control socket"));
    assert_eq!(control.mark().now, clock(date(), 7, 0, 0).get());
}

#[test]
fn the_end_is_told_once_and_the_server_ends_when_its_partner_leaves() {
    let (start, until) = (clock(date(), 7, 0, 0), clock(date(), 7, 0, 3));
    let serving = serve(plan(SECOND, &[(start, until)], &[]));
    let mut control = Control::new(serving.control.expect("a control socket"));
    let mut marks = Vec::new();
    loop {
        let mark = control.mark();
        control.ack(&ack(mark.now));
        marks.push((mark.now - start.get()) / NANOS);
        if mark.end {
            break;
        }
    }
    assert_eq!(marks, [0, 1, 2, 3]);
    control.ack(&ack(i64::MAX));
    // It still answers, and says nothing more of time.
    log_in(serving.address, |_| {});
    drop(control);
    serving.thread.join().expect("no panic").expect("an orderly end");
}

#[test]
fn a_night_is_one_mark_and_cuts_the_sockets_of_the_day_before() {
    let monday = date().plus_days(3);
    let stays = [(clock(date(), 9, 35, 0), clock(date(), 9, 35, 2)), (clock(monday, 9, 0, 0), clock(monday, 9, 0, 2))];
    let serving = serve(plan(SECOND, &stays, &[]));
    let token = log_in(serving.address, |_| {});
    let mut socket = connect(serving.address, &token).expect("a websocket");
    let mut control = Control::new(serving.control.expect("a control socket"));
    let mut marks: Vec<Mark> = Vec::new();
    while marks.last().is_none_or(|mark| !mark.end) {
        marks.push(control.mark());
        control.ack(&ack(i64::MAX));
    }
    let times: Vec<Ts> = marks.iter().map(|mark| Ts::new(mark.now)).collect();
    let friday = |second| clock(date(), 9, 35, second);
    let expected =
        [friday(0), friday(1), friday(2), clock(monday, 9, 0, 0), clock(monday, 9, 0, 1), clock(monday, 9, 0, 2)];
    assert_eq!(times, expected);
    let open: Vec<usize> = marks.iter().map(|mark| mark.sockets.len()).collect();
    assert_eq!(open, [1, 1, 1, 0, 0, 0]);
    let mut told = Vec::new();
    while let Some(message) = read(&mut socket) {
        told.push(message.to_string());
    }
    assert_eq!(told.len() as u64, marks[2].sockets[0].sent);
    assert!(told.last().expect("a message").contains(&format!("\"sim_time\",\"data\":{{\"now\":{}", friday(2).get())));
    assert_eq!(connect(serving.address, &token).err(), Some(403));
}

#[test]
fn texts_on_a_mute_socket_do_not_stop_time_and_are_handled_when_it_speaks_again() {
    let stay = (clock(date(), 9, 20, 0), clock(date(), 9, 20, 8));
    let serving = serve(plan(SECOND, &[stay], &["mute at=09:20:01 for=3s"]));
    let token = log_in(serving.address, |_| {});
    let mut socket = connect(serving.address, &token).expect("a websocket");
    let mut control = Control::new(serving.control.expect("a control socket"));
    let mut texts = Vec::new();
    loop {
        let mark = control.mark();
        let state = mark.sockets[0];
        texts.push((state.mute, state.texts));
        if mark.end {
            break;
        }
        if state.mute {
            socket.send(Message::text("{")).expect("an open socket");
        }
        let said = texts.iter().filter(|(mute, _)| *mute).count() as u64;
        control.ack(&Ack { texts: Texts::Each(vec![said]), ..ack(mark.now) });
    }
    let heard = |count| (false, count);
    assert_eq!(texts, [heard(0), (true, 0), (true, 0), (true, 0), heard(0), heard(3), heard(3), heard(3), heard(3)]);
}

#[test]
fn a_websocket_is_closed_with_the_closing_frame_that_its_client_waits_for() {
    let serving = quiet();
    let token = log_in(serving.address, |_| {});
    for _ in 0..20 {
        let mut sockets: Vec<_> = (0..3).map(|_| connect(serving.address, &token).expect("a websocket")).collect();
        assert_eq!(connect(serving.address, &token).err(), Some(429));
        for socket in &mut sockets {
            socket.close(None).expect("an open socket");
            let last = std::iter::from_fn(|| read(socket)).last();
            assert!(matches!(last, Some(Message::Close(_))), "{last:?}");
        }
    }
}
