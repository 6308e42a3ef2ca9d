//! A day recorded by the daemon off the simulator's feed, with faults on the way and an outage in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use barkeep::cli::account::read_ledger;
use barkeep_schemas::{Derived, Event, EventKind, GapCause, Input, NANOS, Phase, SessionOpened, Ts};
use barkeep_sim::faults::FaultKind;
use barkeep_storage::Filter;
use barkeep_zerodha::rest::{Client, ClientPlan, Interval};
use barkeep_zerodha::token;

use super::rows::{Key, Row, Rows};
use crate::rehearsal::{Rehearsal, clock};

const MINUTE: i64 = 60;

/// What goes wrong with the feed. The broker's candles are right, but for two that it corrects long after the close.
const FAULTS: &[&str] = &[
    "disconnect at=09:40:10 for=170s connection=1",
    "candle-revised at=09:41:00 for=60s by=400m",
    "mute at=10:35:10 for=130s",
    "drop at=11:20:00 for=90s share=0.3",
    "delay at=12:00:00 for=240s by=130s share=1 symbols=INFY",
    "reorder at=12:31:00 for=60s share=0.05",
    "duplicate at=12:36:00 for=60s share=0.05",
    "disconnect drawn=2 for=15s",
];

/// An interruption that the tape tells of.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    pub feed: u8,
    pub from: i64,
    pub to: i64,
    pub is_outage: bool,
}

impl Gap {
    /// Whether it cost some of a minute.
    pub fn touches(&self, start: i64) -> bool {
        self.from < (start + MINUTE) * NANOS && self.to > start * NANOS
    }
}

/// A day and what is known of it from elsewhere than `recon`.
pub struct Recorded {
    pub run: Rehearsal,
    pub session: Box<SessionOpened>,
    /// The broker's minutes, every one right.
    pub candles: Rows,
    /// The tape's interruptions, in its order.
    pub gaps: Vec<Gap>,
    /// From the daemon's death to its next life, nanoseconds.
    pub outage: (i64, i64),
    /// The price of each symbol's auction before the open.
    pub prints: BTreeMap<String, i64>,
    /// Minutes of which the ledger says that a tick came 120 s late or later, and not behind a newer one of its symbol.
    pub late: BTreeSet<Key>,
    /// Minutes of which every tick that came so late came behind a newer one, and the next. Such a tick moves nothing and
    /// leaves no more than itself on the tape.
    pub overtaken: BTreeSet<Key>,
}

impl Recorded {
    /// Lives through a day. `asked` is called when the broker's candles are not yet corrected, and again once they are.
    pub fn new(seed: u64, instruments: u32, asked: impl Fn(&Rehearsal, &str)) -> Self {
        let faults: String = FAULTS.iter().map(|fault| format!(" --fault '{fault}'")).collect();
        let sim = format!("--seed {seed} --instruments {instruments} --history 0 --no-limits --start 08:58{faults}");
        let each = instruments / 2 + 1;
        let mut run = Rehearsal::new(&sim, &format!("[feed]\nconnections = 2\ninstruments_per_connection = {each}\n"));
        run.start();
        run.live_until(clock(13, 7, 20));
        run.kill(Duration::from_millis(1));
        let killed = run.now().get();
        run.alone_until(Ts::new(killed + 200 * NANOS));
        let back = run.now().get();
        run.start();
        run.live_until(clock(16, 3, 0));
        let (status, _) = run.terminate();
        assert_eq!(status.code(), Some(0), "{}", run.log());
        asked(&run, "the first time");
        run.alone_until(clock(16, 30, 0));
        asked(&run, "again");
        let (session, gaps, prints) = told(&run);
        let candles = candles(&run, &session);
        let tokens: BTreeMap<u32, &str> = session.instruments.iter().map(|of| (of.token, of.symbol.as_str())).collect();
        let faults = read_ledger(&run.ledger()).expect("a ledger");
        let delays = faults.iter().filter(|fault| fault.kind == FaultKind::Delay);
        let (mut late, mut overtaken) = (BTreeSet::new(), BTreeSet::new());
        let end = delays.clone().map(|fault| fault.at.get()).max().unwrap_or(0);
        for fault in delays {
            let (by, at) = (fault.by_ns.expect("a delay"), fault.exchange_time.expect("a stamp"));
            let symbol = tokens[&fault.token.expect("a token")].to_owned();
            let minutes = if fault.at.get() + by <= end { &mut late } else { &mut overtaken };
            minutes.insert((symbol, at.div_euclid(MINUTE) * MINUTE));
        }
        // Their shares stand in the minute behind the last.
        overtaken.extend(overtaken.clone().into_iter().map(|(symbol, start)| (symbol, start + MINUTE)));
        overtaken.retain(|key| !late.contains(key));
        Self { session, candles, gaps, outage: (killed, back), prints, late, overtaken, run }
    }

    /// The feed of a symbol.
    pub fn feed(&self, symbol: &str) -> u8 {
        self.session.instruments.iter().find(|of| of.symbol == symbol).expect("an instrument").feed.0
    }

    /// The smallest step of each symbol's price.
    pub fn ticks(&self) -> BTreeMap<String, i64> {
        self.session.instruments.iter().map(|of| (of.symbol.clone(), of.tick_size.get())).collect()
    }

    /// The first interruption of an outage, or of another kind, that a minute of a symbol lies in.
    pub fn gap(&self, (symbol, start): &Key, is_outage: bool) -> Option<usize> {
        let feed = self.feed(symbol);
        self.gaps.iter().position(|gap| gap.feed == feed && gap.is_outage == is_outage && gap.touches(*start))
    }
}

fn told(run: &Rehearsal) -> (Box<SessionOpened>, Vec<Gap>, BTreeMap<String, i64>) {
    let (tape, segment) = run.tape();
    let (mut session, mut gaps, mut prints) = (None, Vec::new(), BTreeMap::new());
    let kinds = [EventKind::SessionOpened, EventKind::FeedGap, EventKind::AuctionPrint];
    for event in tape.scan_segment(&segment, &Filter::kinds(kinds)) {
        match event.expect("an event").1 {
            Event::Input(Input::SessionOpened(opened)) => session = Some(opened),
            Event::Input(Input::FeedGap(gap)) => gaps.push(Gap {
                feed: gap.feed.0,
                from: gap.from.get(),
                to: gap.to.get(),
                is_outage: gap.cause == GapCause::ApplianceDown,
            }),
            Event::Derived(Derived::AuctionPrint(print)) if print.phase == Phase::PreOpen => {
                let known = session.as_ref().into_iter().flat_map(|opened| &opened.instruments);
                let of = known.clone().find(|of| of.id == print.instrument).expect("an instrument");
                prints.insert(of.symbol.clone(), print.price.get());
            }
            Event::Input(_) | Event::Derived(_) => {}
        }
    }
    (session.expect("a session"), gaps, prints)
}

/// The broker's minutes as it gives them now.
fn candles(run: &Rehearsal, session: &SessionOpened) -> Rows {
    let access = token::read(&run.stage.path("data/kite_token.json")).expect("the file").expect("a token");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (from, to) = (clock(9, 0, 0), clock(15, 59, 59));
    let mut rows = Rows::new();
    runtime.block_on(async {
        let plan = ClientPlan { paced: false, ..ClientPlan::new(run.rest()) };
        let client = Client::new(plan).await.expect("a client");
        let account = client.account(&access).expect("a header");
        for of in &session.instruments {
            let answer = account.historical(of.token, Interval::Minute, from, to, false).await.expect("candles");
            rows.extend(answer.candles.iter().map(|candle| {
                let prices = [candle.open, candle.high, candle.low, candle.close].map(barkeep_schemas::Price::get);
                ((of.symbol.clone(), candle.start.secs()), Row { prices, volume: candle.volume.get() })
            }));
        }
    });
    rows
}
