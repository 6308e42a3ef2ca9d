//! What a session's tape says about its feeds, and of the ticks those alone that the ledger is about.
//!
//! One pass over the segment; what it keeps grows with the ledger and the reports, not with the ticks.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use barkeep_schemas::{
    Derived, Event, EventKind, FeedGap, FeedHappening, FeedId, FeedReport, Input, InstrumentId, Ohlcv, Phase, Qty, Seq,
    SessionOpened, SetAsideReason, Tick, Ts,
};
use barkeep_sim::faults::FaultKind;
use barkeep_storage::{Filter, SegmentInfo, Tape};

use super::ledger::{Injected, Key};

/// A tick that the ledger names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occurrence {
    pub(super) recv: Ts,
    /// The tick of its instrument before it is the same in everything, and came with it.
    pub(super) repeated: bool,
    /// The tick of its instrument before it was younger.
    pub(super) overtaken: bool,
}

/// Ticks in which a skewed clock shows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Skewed {
    /// Ticks received while the clock was wrong.
    pub(super) ticks: u64,
    /// Those of them whose stamp and receipt lie as far apart as the clock was wrong.
    pub(super) wrong: u64,
    /// Ticks that the engine set aside for their stamps.
    pub(super) set_aside: u64,
}

/// What the tape says.
pub(super) struct Seen {
    pub(super) session: Box<SessionOpened>,
    /// The feed and the number of a token.
    pub(super) instruments: HashMap<u32, (InstrumentId, FeedId)>,
    pub(super) symbols: HashMap<String, u32>,
    pub(super) reports: Vec<(Seq, FeedReport)>,
    pub(super) gaps: Vec<(Seq, FeedGap)>,
    /// When lists of instruments were fetched.
    pub(super) fetched: Vec<Ts>,
    pub(super) ticks: HashMap<Key, Vec<Occurrence>>,
    /// By the place of the fault in the ledger.
    pub(super) skewed: HashMap<usize, Skewed>,
    /// Volume resets, refusals and ticks set aside that no skew and no delay explains, in words.
    pub(super) strange: Vec<String>,
    /// Both sides of bars that did not match: ours, the broker's.
    pub(super) bars: HashMap<(String, Ts), (Option<Ohlcv>, Option<Ohlcv>)>,
    /// The last receipt or report.
    pub(super) end: Ts,
}

/// How far a stamp in whole seconds and conflation may lie from the moment of a tick, nanoseconds.
const STAMP_NS: i64 = 2_000_000_000;

/// Reads a segment. `quantum_ns` lies between a packet's sending and its receipt at most.
///
/// # Errors
/// When the tape cannot be read.
pub(super) fn read(ledger: &[Injected], tape: &Tape, segment: &SegmentInfo, quantum_ns: i64) -> Result<Option<Seen>> {
    let wanted: HashSet<Key> = ledger.iter().filter_map(Injected::key).collect();
    let skews: Vec<(usize, &Injected)> =
        ledger.iter().enumerate().filter(|(_, of)| of.kind == FaultKind::ClockSkew).collect();
    let late: HashSet<Key> = ledger
        .iter()
        .filter(|of| of.kind == FaultKind::Delay || of.kind == FaultKind::Reorder)
        .filter_map(Injected::key)
        .collect();
    let kinds = EventKind::ALL.iter().copied().filter(|kind| !matches!(kind, EventKind::Bar | EventKind::ClockMark));
    let mut reading = Reading { wanted, skews, late, quantum_ns, before: HashMap::new(), tokens: HashMap::new() };
    let mut seen: Option<Seen> = None;
    for event in tape.scan_segment(segment, &Filter::kinds(kinds)) {
        let (seq, event) = event?;
        match (&mut seen, event) {
            (None, Event::Input(Input::SessionOpened(session))) => seen = Some(reading.begin(session)),
            (None, _) => {}
            (Some(seen), Event::Input(input)) => reading.input(seen, seq, input),
            (Some(seen), Event::Derived(derived)) => reading.derived(seen, seq, &derived),
        }
    }
    Ok(seen)
}

struct Reading<'a> {
    wanted: HashSet<Key>,
    skews: Vec<(usize, &'a Injected)>,
    late: HashSet<Key>,
    quantum_ns: i64,
    before: HashMap<InstrumentId, Tick>,
    tokens: HashMap<InstrumentId, (u32, String)>,
}

impl Reading<'_> {
    fn begin(&mut self, session: Box<SessionOpened>) -> Seen {
        let mut seen = Seen {
            instruments: HashMap::new(),
            symbols: HashMap::new(),
            reports: Vec::new(),
            gaps: Vec::new(),
            fetched: Vec::new(),
            ticks: HashMap::new(),
            skewed: HashMap::new(),
            strange: Vec::new(),
            bars: HashMap::new(),
            end: session.calendar.day_start,
            session,
        };
        for instrument in seen.session.instruments.clone() {
            self.list(&mut seen, instrument.id, instrument.feed, instrument.token, instrument.symbol);
        }
        seen
    }

    fn list(&mut self, seen: &mut Seen, id: InstrumentId, feed: FeedId, token: u32, symbol: String) {
        seen.instruments.insert(token, (id, feed));
        seen.symbols.insert(symbol.clone(), token);
        self.tokens.insert(id, (token, symbol));
    }

    fn input(&mut self, seen: &mut Seen, seq: Seq, input: Input) {
        match input {
            Input::Tick(tick) => self.tick(seen, tick),
            Input::FeedGap(gap) => seen.gaps.push((seq, gap)),
            Input::FeedReport(report) => {
                seen.end = seen.end.max(report.ts);
                seen.reports.push((seq, *report));
            }
            Input::InstrumentListed(of) => self.list(seen, of.id, of.feed, of.token, of.symbol),
            Input::InstrumentsFetched(fetched) => seen.fetched.push(fetched.ts),
            Input::ReconDifference(of) => {
                if let Some((_, symbol)) = self.tokens.get(&of.instrument) {
                    seen.bars.insert((symbol.clone(), of.ts), (of.internal, of.broker));
                }
            }
            Input::SessionOpened(_)
            | Input::SessionClosed(_)
            | Input::ClockMark(_)
            | Input::ConfigChanged(_)
            | Input::ImportStarted(_)
            | Input::ImportFinished(_)
            | Input::OutsideBar(_)
            | Input::OperatorCommand(_)
            | Input::ReconRun(_)
            | Input::DeskChanged(_)
            | Input::GatewayReport(_)
            | Input::BrokerOrder(_)
            | Input::BrokerTrade(_)
            | Input::HealRun(_)
            | Input::BarCorrection(_) => {}
        }
    }

    fn tick(&mut self, seen: &mut Seen, tick: Tick) {
        seen.end = seen.end.max(tick.recv);
        let Some((token, _)) = self.tokens.get(&tick.instrument) else { return };
        let token = *token;
        for (at, skew) in &self.skews {
            if skew.token.is_none_or(|only| only == token)
                && skew.at <= tick.recv
                && tick.recv.get() < skew.end().get().saturating_add(self.quantum_ns)
            {
                let skewed = seen.skewed.entry(*at).or_default();
                let ahead = tick.ts.get().saturating_sub(tick.recv.get());
                skewed.ticks += 1;
                skewed.wrong += u64::from(
                    ahead.abs_diff(skew.by_ns.unwrap_or_default())
                        <= STAMP_NS.unsigned_abs() + self.quantum_ns.unsigned_abs(),
                );
            }
        }
        let key = (token, tick.cum_volume.map_or(0, Qty::get), tick.ts.secs());
        let before = self.before.get(&tick.instrument);
        if self.wanted.contains(&key) {
            let occurrence = Occurrence {
                recv: tick.recv,
                repeated: before.is_some_and(|before| *before == tick),
                overtaken: before.is_some_and(|before| {
                    before.ts >= tick.ts
                        && before.cum_volume >= tick.cum_volume
                        && before.recv.get() >= tick.recv.get() - STAMP_NS
                }),
            };
            seen.ticks.entry(key).or_default().push(occurrence);
        }
        self.before.insert(tick.instrument, tick);
    }

    fn derived(&mut self, seen: &mut Seen, seq: Seq, derived: &Derived) {
        match derived {
            Derived::TickSetAside(aside) => {
                let Some((token, symbol)) = self.tokens.get(&aside.instrument) else { return };
                let key = self
                    .before
                    .get(&aside.instrument)
                    .map(|before| (*token, before.cum_volume.map_or(0, Qty::get), before.ts.secs()));
                let recv = self.before.get(&aside.instrument).map_or(aside.ts, |before| before.recv);
                let near = |skew: &Injected| {
                    skew.token.is_none_or(|only| only == *token)
                        && skew.at <= recv
                        && recv.get() < skew.end().get().saturating_add(self.quantum_ns)
                };
                if let Some((at, _)) = self.skews.iter().find(|(_, skew)| near(skew)) {
                    seen.skewed.entry(*at).or_default().set_aside += 1;
                    return;
                }
                let explained = match aside.reason {
                    SetAsideReason::TooLate => key.is_some_and(|key| self.late.contains(&key)),
                    // The first tick after a subscription is a cached one, and may be of the day before.
                    SetAsideReason::OutsideDate => aside.ts < seen.session.calendar.day_start,
                    SetAsideReason::AheadOfClock | SetAsideReason::NoSession => false,
                };
                if !explained {
                    seen.strange.push(format!("event {seq}: a tick of {symbol} was set aside, {}", aside.reason));
                }
            }
            Derived::VolumeReset(_) => seen.strange.push(format!("event {seq}: a volume counter began anew")),
            Derived::InputRefused(refused) => {
                seen.strange.push(format!("event {seq}: event {} was refused, {}", refused.cause, refused.reason));
            }
            Derived::Bar(_)
            | Derived::AuctionPrint(_)
            | Derived::UnallocatedVolume(_)
            | Derived::PairMark(_)
            | Derived::EquityMark(_)
            | Derived::PairDay(_)
            | Derived::ContractNote(_)
            | Derived::Signal(_)
            | Derived::EntryRefused(_)
            | Derived::OrderCreated(_)
            | Derived::RiskDecision(_)
            | Derived::OrderMoved(_)
            | Derived::MoveRefused(_)
            | Derived::Fill(_)
            | Derived::PairMoved(_)
            | Derived::KillSwitched(_)
            | Derived::ForeignUpdate(_)
            | Derived::OrderHeld(_)
            | Derived::CancelWanted(_) => {}
        }
    }
}

impl Seen {
    /// The feed of the `nth` websocket that the broker took, and when; the simulator numbers them in this order.
    pub(super) fn websocket(&self, nth: u32) -> Option<(FeedId, Ts)> {
        let taken = self.reports.iter().filter(|(_, report)| report.what == FeedHappening::Connected);
        taken.map(|(_, report)| (report.feed, report.ts)).nth((nth as usize).checked_sub(1)?)
    }

    /// The first gap of a feed behind a position, unless the feed was whole again before.
    pub(super) fn gap_behind(&self, feed: FeedId, seq: Seq) -> Option<&FeedGap> {
        self.gaps.iter().find(|(at, gap)| *at > seq && gap.feed == feed).map(|(_, gap)| gap)
    }

    /// Whether a feed was not whole at a moment of the host's clock, or until then.
    pub(super) fn is_down(&self, feed: FeedId, at: Ts) -> bool {
        let mut down = true;
        for (_, report) in self.reports.iter().filter(|(_, report)| report.feed == feed && report.ts <= at) {
            match report.what {
                FeedHappening::Whole => down = false,
                FeedHappening::Lost
                | FeedHappening::Refused
                | FeedHappening::Mute
                | FeedHappening::Silent
                | FeedHappening::TokenRefused
                | FeedHappening::Connected => down = true,
                FeedHappening::Subscribed
                | FeedHappening::BadFrame
                | FeedHappening::UnknownPacket
                | FeedHappening::Untimed
                | FeedHappening::Unlisted
                | FeedHappening::StaleFirstTick
                | FeedHappening::StaleInstrument
                | FeedHappening::ClockSkew
                | FeedHappening::BrokerError
                | FeedHappening::BrokerMessage
                | FeedHappening::OrderUpdate
                | FeedHappening::UnknownText => {}
            }
        }
        down
    }

    /// The hours in which gaps are logged, and those of continuous trading.
    pub(super) fn hours(&self) -> ((Ts, Ts), (Ts, Ts)) {
        let span = |continuous: bool| {
            let spans = || {
                let all = self.session.calendar.classes.iter().flat_map(|class| &class.phases);
                all.filter(move |span| !continuous || span.phase == Phase::Continuous)
            };
            let never = Ts::new(i64::MAX);
            (spans().map(|span| span.start).min().unwrap_or(never), spans().map(|span| span.end).max().unwrap_or(never))
        };
        (span(false), span(true))
    }
}
