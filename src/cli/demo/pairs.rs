//! The demo's pairs: the whitelist by which the day is traded, and what became of each pair, read off the tape.
//!
//! What it never does: choose by what came out, or add up what the engine has not booked. Who calls it: the demo, before
//! its day and after it.

use std::collections::BTreeMap;

use anyhow::Result;
use barkeep_schemas::{
    Bucket, Derived, Event, EventKind, FineMoney, Input, OrderId, OrderStatus, PairDay, PairId, Scope, SessionDate,
    SignalAction, SignalReason, Verdict,
};
use barkeep_sim::market::Market;
use barkeep_storage::{Filter, SegmentInfo, Tape};
use serde::Serialize;

/// Pairs that are traded at most.
const PAIRS_MAX: usize = 6;

/// Bucket and money of both legs of the pairs, in turn. By the limits that are built in, one pair of a bucket finds room,
/// and the second beside it is made smaller in MED and refused in HIGH.
const SHARES: [(Bucket, u32); PAIRS_MAX] = [
    (Bucket::Low, 460_000),
    (Bucket::Med, 350_000),
    (Bucket::High, 275_000),
    (Bucket::High, 275_000),
    (Bucket::Med, 350_000),
    (Bucket::Low, 460_000),
];

/// Numbers of both legs of the pairs that are traded: the first that the simulator has planted, and their hedge ratios.
pub(super) fn planted(market: &Market) -> Vec<(usize, usize, f64)> {
    // The simulator's second leg is the one whose spread comes back: `ln second - beta ln first`.
    market.pairs().into_iter().take(PAIRS_MAX).map(|(first, second, beta)| (second, first, beta)).collect()
}

/// The whitelist of these pairs, as an operator would have it.
pub(super) fn whitelist(market: &Market, pairs: &[(usize, usize, f64)], date: SessionDate) -> String {
    let mut text = format!(
        "# The pairs that the simulator has planted, traded on minutes. What each key means: configs/pairs_next_day.yaml.\n\
         version: 1\ndate: {date}\npairs:{}\n",
        if pairs.is_empty() { " []" } else { "" }
    );
    for ((a, b, beta), (bucket, gross)) in pairs.iter().zip(&SHARES) {
        let (a, b) = (market.listing(*a, date).symbol, market.listing(*b, date).symbol);
        text.push_str(&format!(
            "  - {{a: {a:?}, b: {b:?}, tf: 1, beta: {beta}, intercept: 0, entry: 2, exit: 0.5, stop: 3, lookback: 60, \
             max_hold: 60m,\n     bucket: {bucket}, gross_notional_inr: {gross}, product: MIS, max_stops: 2}}\n"
        ));
    }
    text
}

/// What became of a pair.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PairResult {
    /// `{A}_{B}_{tf}m`.
    #[serde(skip)]
    pub(super) name: String,
    /// Its risk bucket.
    pub(super) bucket: Bucket,
    /// Times it entered.
    pub(super) entries: u32,
    /// Times it left on a signal, by why.
    pub(super) exits: BTreeMap<&'static str, u64>,
    /// Orders.
    pub(super) orders: u32,
    /// Fills.
    pub(super) fills: u32,
    /// Profit realised, before charges.
    pub(super) realised: FineMoney,
    /// Profit of what is held at the close.
    pub(super) unrealised: FineMoney,
    /// Charges.
    pub(super) charges: FineMoney,
    /// Profit less charges.
    pub(super) net: FineMoney,
}

/// What the desk did in a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Trading {
    /// By number.
    pub(super) pairs: Vec<PairResult>,
    /// Orders, refused ones included.
    pub(super) orders: u64,
    /// Fills.
    pub(super) fills: u64,
    /// Orders that the risk manager refused, by the check that failed.
    pub(super) rejected: BTreeMap<&'static str, u64>,
    /// Orders that it made smaller, by the check that would have failed.
    pub(super) resized: BTreeMap<&'static str, u64>,
    /// Signals that the executor did not follow, by why.
    pub(super) not_followed: BTreeMap<&'static str, u64>,
    /// An order that was filled.
    pub(super) filled_order: Option<OrderId>,
    /// An order that was refused or made smaller.
    pub(super) judged_order: Option<OrderId>,
    /// Capital and equity of the account at the close.
    pub(super) account: Option<(FineMoney, FineMoney)>,
}

/// What the desk left on the tape.
const KINDS: [EventKind; 8] = [
    EventKind::SessionOpened,
    EventKind::Signal,
    EventKind::EntryRefused,
    EventKind::RiskDecision,
    EventKind::OrderMoved,
    EventKind::Fill,
    EventKind::EquityMark,
    EventKind::PairDay,
];

impl Trading {
    /// Reads a session that was closed.
    ///
    /// # Errors
    /// When the tape cannot be read.
    pub(super) fn of(tape: &Tape, segment: &SegmentInfo) -> Result<Self> {
        let mut trading = Self::default();
        for event in tape.scan_segment(segment, &Filter::kinds(KINDS)) {
            match event?.1 {
                Event::Input(Input::SessionOpened(opened)) => {
                    let pairs = opened.desk.map(|desk| desk.setup.pairs).unwrap_or_default();
                    trading.pairs = pairs.into_iter().map(|spec| PairResult::new(spec.name, spec.bucket)).collect();
                }
                Event::Derived(derived) => trading.take(&derived),
                Event::Input(_) => {}
            }
        }
        Ok(trading)
    }

    fn take(&mut self, derived: &Derived) {
        match derived {
            Derived::Signal(signal) if signal.action == SignalAction::Exit => {
                if let Some(pair) = self.pair(signal.pair) {
                    *pair.exits.entry(SignalReason::name(signal.reason)).or_default() += 1;
                }
            }
            Derived::EntryRefused(refused) => *self.not_followed.entry(refused.reason.name()).or_default() += 1,
            Derived::RiskDecision(decision) => {
                self.orders += 1;
                let told = match decision.verdict {
                    Verdict::Approved => return,
                    Verdict::Resized => &mut self.resized,
                    Verdict::Rejected => &mut self.rejected,
                };
                *told.entry(decision.rule.map_or("none", |rule| rule.name())).or_default() += 1;
                self.judged_order.get_or_insert(decision.order);
            }
            Derived::OrderMoved(moved) if moved.to == OrderStatus::Filled => {
                self.filled_order.get_or_insert(moved.order);
            }
            Derived::Fill(_) => self.fills += 1,
            Derived::EquityMark(mark) if mark.scope == Scope::Global => {
                self.account = mark.equity.map(|equity| (mark.capital, equity));
            }
            Derived::PairDay(day) => {
                if let Some(pair) = self.pair(day.pair) {
                    pair.close(day);
                }
            }
            Derived::Bar(_)
            | Derived::TickSetAside(_)
            | Derived::InputRefused(_)
            | Derived::VolumeReset(_)
            | Derived::AuctionPrint(_)
            | Derived::UnallocatedVolume(_)
            | Derived::PairMark(_)
            | Derived::EquityMark(_)
            | Derived::ContractNote(_)
            | Derived::Signal(_)
            | Derived::OrderCreated(_)
            | Derived::OrderMoved(_)
            | Derived::MoveRefused(_)
            | Derived::PairMoved(_)
            | Derived::KillSwitched(_)
            | Derived::ForeignUpdate(_)
            | Derived::OrderHeld(_)
            | Derived::CancelWanted(_) => {}
        }
    }

    fn pair(&mut self, id: PairId) -> Option<&mut PairResult> {
        self.pairs.get_mut(id.index())
    }

    /// The sum over all pairs of an amount.
    pub(super) fn sum(&self, of: impl Fn(&PairResult) -> FineMoney) -> FineMoney {
        FineMoney::new(self.pairs.iter().fold(0, |sum, pair| sum.saturating_add(of(pair).get())))
    }

    /// Whether what the account gained is what its pairs did, to the last digit.
    pub(super) fn balances(&self) -> bool {
        let gained = self.account.map(|(capital, equity)| equity.get().saturating_sub(capital.get()));
        gained.is_none_or(|gained| gained == self.sum(|pair| pair.net).get()) && (self.fills == 0 || gained.is_some())
    }

    /// Every pair by its name.
    pub(super) fn by_pair(&self) -> BTreeMap<&str, &PairResult> {
        self.pairs.iter().map(|pair| (pair.name.as_str(), pair)).collect()
    }
}

impl PairResult {
    fn new(name: String, bucket: Bucket) -> Self {
        let (exits, nothing) = (BTreeMap::new(), FineMoney::ZERO);
        Self {
            name,
            bucket,
            entries: 0,
            exits,
            orders: 0,
            fills: 0,
            realised: nothing,
            unrealised: nothing,
            charges: nothing,
            net: nothing,
        }
    }

    const fn close(&mut self, day: &PairDay) {
        (self.entries, self.orders, self.fills) = (day.entries, day.orders, day.fills);
        (self.realised, self.unrealised, self.charges) = (day.realised, day.unrealised, day.charges);
        let profit = day.realised.get().saturating_add(day.unrealised.get());
        self.net = FineMoney::new(profit.saturating_sub(day.charges.get()));
    }
}
