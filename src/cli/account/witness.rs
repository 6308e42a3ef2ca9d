//! The reports and gaps of the tape as witnesses: each is called by one fault, and those that no fault calls are told.

use barkeep_schemas::{FeedGap, FeedHappening, FeedId, FeedReport, GapCause, NANOS, Seq, Ts};
use barkeep_sim::faults::FaultKind;

use super::Watchdogs;
use super::ledger::Injected;
use super::seen::Seen;
use crate::cli::moment;

/// The witnesses and who has called them.
pub(super) struct Witness<'a> {
    pub(super) seen: &'a Seen,
    pub(super) watch: Watchdogs,
    /// By report: how much of its count a fault has called.
    called: Vec<u64>,
}

impl<'a> Witness<'a> {
    pub(super) fn new(seen: &'a Seen, watch: Watchdogs) -> Self {
        Self { seen, watch, called: vec![0; seen.reports.len()] }
    }

    /// How far the exchange's time on the tape may lie from the simulator's, nanoseconds.
    pub(super) const fn slack_ns(&self) -> i64 {
        self.watch.skew_ns.saturating_add(self.watch.quantum_ns).saturating_add(NANOS)
    }

    /// Calls the first report of a kind within a time that is not called yet.
    pub(super) fn call(&mut self, what: FeedHappening, feed: Option<FeedId>, from: Ts, until_ns: i64) -> Option<Seq> {
        let wanted = |report: &FeedReport| {
            report.what == what
                && feed.is_none_or(|feed| report.feed == feed)
                && from <= report.ts
                && report.ts.get() <= until_ns
        };
        let weight = |report: &FeedReport| if is_counted(report.what) { report.count } else { 1 };
        let mut reports = self.seen.reports.iter().zip(&mut self.called);
        let ((seq, _), called) = reports.find(|((_, of), called)| wanted(of) && **called < weight(of))?;
        *called += 1;
        Some(*seq)
    }

    /// Calls every report of a kind within a time; the first of them.
    pub(super) fn call_all(&mut self, what: FeedHappening, feed: FeedId, from: Ts, until_ns: i64) -> Option<Seq> {
        let first = self.call(what, Some(feed), from, until_ns);
        while self.call(what, Some(feed), from, until_ns).is_some() {}
        first
    }

    /// A report of a kind within a time, whoever has called it.
    pub(super) fn told(&self, what: FeedHappening, feed: FeedId, from: Ts, until_ns: i64) -> Option<Seq> {
        let mut reports = self.seen.reports.iter();
        let told =
            reports.find(|(_, of)| of.what == what && of.feed == feed && from <= of.ts && of.ts.get() <= until_ns);
        told.map(|(seq, _)| *seq)
    }

    /// The feeds of the session that have instruments.
    pub(super) fn feeds(&self) -> Vec<FeedId> {
        let mut feeds: Vec<FeedId> = self.seen.instruments.values().map(|(_, feed)| *feed).collect();
        feeds.sort_unstable();
        feeds.dedup();
        feeds
    }

    /// Whether what began at a moment and was told at a position became exactly one gap with this cause.
    pub(super) fn one_gap(&self, feed: FeedId, told: Seq, at: Ts, causes: &[GapCause]) -> Result<(), String> {
        let ((from, until), _) = self.seen.hours();
        if at < from || at >= until {
            return Ok(());
        }
        let is_whole =
            |(seq, of): &&(Seq, FeedReport)| *seq > told && of.feed == feed && of.what == FeedHappening::Whole;
        let whole = self.seen.reports.iter().find(is_whole).map(|(seq, _)| *seq);
        let Some(gap) = self.seen.gap_behind(feed, told) else {
            return if whole.is_none() { Ok(()) } else { Err("there is no gap behind it".to_owned()) };
        };
        let slack = self.slack_ns();
        if gap.from.get() > at.get().saturating_add(slack) || gap.to.get() < at.get().saturating_sub(slack) {
            return Err(format!("the gap behind it does not hold it: {}", words(gap)));
        }
        // One that was open before keeps the cause with which it began.
        let was_down = self.seen.is_down(feed, Ts::new(at.get().saturating_sub(1)));
        let is_fresh = gap.from.get() >= at.get().saturating_sub(slack);
        if is_fresh && !was_down && !causes.contains(&gap.cause) {
            return Err(format!("the gap behind it has another cause: {}", words(gap)));
        }
        let between = self.seen.gaps.iter().filter(|(seq, gap)| {
            *seq > told && gap.feed == feed && whole.is_none_or(|whole| *seq < whole) && gap.cause != GapCause::BadFrame
        });
        match between.count() {
            0 | 1 => Ok(()),
            more => Err(format!("there are {more} gaps for it")),
        }
    }

    /// Everything on the tape that no fault has called, in words.
    pub(super) fn unexplained(&self, ledger: &[Injected]) -> Vec<String> {
        let reports = self.seen.reports.iter().zip(&self.called).filter_map(|((seq, report), called)| {
            let left = if is_counted(report.what) { report.count } else { 1 }.saturating_sub(*called);
            let lone = must_be_called(report.what) && left > 0 && !self.is_start(*seq, report);
            lone.then(|| {
                let FeedReport { feed, ts, what, detail, .. } = report;
                let (feed, at) = (feed.0, moment::ist(*ts));
                format!("event {seq}: feed {feed} says {what} at {at}, and no fault explains it: {detail}")
            })
        });
        let gaps = self.seen.gaps.iter().filter(|(_, gap)| !self.is_explained(gap, ledger));
        let gaps = gaps.map(|(seq, gap)| format!("event {seq}: no fault explains {}", words(gap)));
        reports.chain(gaps).collect()
    }

    /// Without a token a session begins, and the first look at the exchange's clock says how far this host's is off.
    fn is_start(&self, seq: Seq, report: &FeedReport) -> bool {
        let first_whole =
            self.seen.reports.iter().find(|(_, of)| of.feed == report.feed && of.what == FeedHappening::Whole);
        report.what == FeedHappening::TokenRefused && first_whole.is_none_or(|(whole, _)| seq < *whole)
    }

    fn is_explained(&self, gap: &FeedGap, ledger: &[Injected]) -> bool {
        let slack = self.slack_ns();
        let ((from, _), _) = self.seen.hours();
        let kinds: &[FaultKind] = match gap.cause {
            GapCause::Disconnect | GapCause::NoToken => {
                &[FaultKind::Disconnect, FaultKind::RefuseUpgrade, FaultKind::TokenDeath]
            }
            GapCause::Silence => &[FaultKind::Mute, FaultKind::Silent],
            GapCause::BadFrame => &[FaultKind::Truncate, FaultKind::Garbage],
            // barkeep's own start, or what an operator declared.
            GapCause::ApplianceDown => return true,
            GapCause::Declared => &[],
        };
        let is_first = gap.from == from;
        is_first
            || ledger.iter().any(|fault| {
                kinds.contains(&fault.kind)
                    && fault.at.get().saturating_sub(slack) <= gap.to.get()
                    && fault.end().get().saturating_add(slack) >= gap.from.get()
                    && fault
                        .connection
                        .is_none_or(|nth| self.seen.websocket(nth).is_none_or(|(feed, _)| feed == gap.feed))
            })
    }
}

/// Whether a report's count is of several things.
const fn is_counted(what: FeedHappening) -> bool {
    matches!(what, FeedHappening::UnknownPacket | FeedHappening::Untimed | FeedHappening::Unlisted)
}

/// Whether a report tells of something that is wrong.
const fn must_be_called(what: FeedHappening) -> bool {
    match what {
        FeedHappening::Lost
        | FeedHappening::Refused
        | FeedHappening::Mute
        | FeedHappening::Silent
        | FeedHappening::BadFrame
        | FeedHappening::UnknownPacket
        | FeedHappening::Untimed
        | FeedHappening::Unlisted
        | FeedHappening::ClockSkew
        | FeedHappening::TokenRefused
        | FeedHappening::BrokerError
        | FeedHappening::UnknownText => true,
        FeedHappening::Connected
        | FeedHappening::Subscribed
        | FeedHappening::Whole
        | FeedHappening::StaleFirstTick
        | FeedHappening::StaleInstrument
        | FeedHappening::BrokerMessage
        | FeedHappening::OrderUpdate => false,
    }
}

fn words(gap: &FeedGap) -> String {
    let FeedGap { feed, from, to, cause } = gap;
    format!("the gap of feed {} from {} to {}, {cause}", feed.0, moment::ist(*from), moment::ist_clock(*to))
}
