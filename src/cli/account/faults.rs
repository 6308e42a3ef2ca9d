//! Faults of websockets, frames, clocks, tokens and requests: where each has to show.

use barkeep_schemas::{FeedHappening, FeedId, GapCause, NANOS, Ts};
use barkeep_sim::faults::FaultKind;

use super::Verdict;
use super::ledger::Injected;
use super::witness::Witness;

/// How long after a token's death the broker's word about it may be in coming, nanoseconds.
const TOKEN_NS: i64 = 120 * NANOS;

/// A clock that is off for so long is believed in the end, and told again then and when it is right again.
const BELIEVED_NS: i64 = 120 * NANOS;

/// How long the last word about it may be in coming then, and otherwise, nanoseconds.
const TOLD_AGAIN_NS: i64 = 300 * NANOS;
const TOLD_NS: i64 = 3 * NANOS;

/// How long a report that is put together waits, nanoseconds.
const REPORT_NS: i64 = NANOS;

impl Witness<'_> {
    /// As what a fault was seen. `place` is its place in the ledger.
    pub(super) fn verdict(&mut self, place: usize, fault: &Injected) -> Verdict {
        match fault.kind {
            FaultKind::Disconnect => self.disconnect(fault),
            FaultKind::RefuseUpgrade => {
                let until = self.quantum_after(fault.at);
                self.call(FeedHappening::Refused, None, fault.at, until)
                    .map(|_| "told as a refusal")
                    .ok_or_else(|| "no refusal is told".to_owned())
            }
            FaultKind::Mute => self.mute(fault),
            FaultKind::Silent => self.silent(fault),
            FaultKind::Truncate | FaultKind::Garbage => self.bad_frame(fault),
            FaultKind::UnknownLength => self.unknown_length(fault),
            FaultKind::ClockSkew => self.clock_skew(place, fault),
            FaultKind::TokenDeath => self.token_death(fault),
            FaultKind::RestError | FaultKind::Slow | FaultKind::Endless => self.request(fault),
            FaultKind::LostAnswer | FaultKind::PostbackEarly | FaultKind::PostbackTwice | FaultKind::PostbackNever => {
                Err("nobody has orders here".to_owned())
            }
            FaultKind::Delay
            | FaultKind::Duplicate
            | FaultKind::Reorder
            | FaultKind::Drop
            | FaultKind::CandleWrong
            | FaultKind::CandleMissing
            | FaultKind::CandleDuplicate
            | FaultKind::CandleRevised => Err("it is about no websocket".to_owned()),
        }
    }

    const fn quantum_after(&self, at: Ts) -> i64 {
        at.get().saturating_add(self.watch.quantum_ns)
    }

    fn feed(&self, fault: &Injected) -> Result<Option<FeedId>, String> {
        let Some(nth) = fault.connection else { return Ok(None) };
        let websocket = self.seen.websocket(nth).ok_or_else(|| format!("websocket {nth} is not on the tape"))?;
        Ok(Some(websocket.0))
    }

    fn disconnect(&mut self, fault: &Injected) -> Verdict {
        let (feed, until) = (self.feed(fault)?, self.quantum_after(fault.at));
        let Some(seq) = self.call(FeedHappening::Lost, feed, fault.at, until) else {
            let was_given_up = feed.is_some_and(|feed| self.seen.is_down(feed, Ts::new(until)));
            return if was_given_up {
                Ok("on a websocket that was given up")
            } else {
                Err("no loss is told".to_owned())
            };
        };
        let Some(feed) = feed else { return Ok("told as a failed attempt") };
        self.one_gap(feed, seq, fault.at, &[GapCause::Disconnect])?;
        Ok("told as a loss, with one gap")
    }

    fn mute(&mut self, fault: &Injected) -> Verdict {
        let Some(feed) = self.feed(fault)? else { return Err("the ledger does not name the websocket".to_owned()) };
        // Time is looked at once a second.
        let due = fault.at.get().saturating_add(self.watch.mute_ns + NANOS + self.watch.quantum_ns);
        // Where one mute begins in another the websocket is given up once.
        let called = self.call(FeedHappening::Mute, Some(feed), fault.at, due);
        match called.or_else(|| self.told(FeedHappening::Mute, feed, fault.at, due)) {
            Some(seq) => {
                self.one_gap(feed, seq, fault.at, &[GapCause::Silence])?;
                Ok("told as mute in time, with one gap")
            }
            None if fault.end().get() <= due => Ok("shorter than the watchdog's patience"),
            None if self.seen.is_down(feed, Ts::new(due)) => Ok("on a websocket lost or given up meanwhile"),
            None if self.seen.end.get() < due => Ok("under way at the end of the tape"),
            None => Err("nobody noticed within the watchdog's time".to_owned()),
        }
    }

    fn silent(&mut self, fault: &Injected) -> Verdict {
        let feeds = self.feed(fault)?.map_or_else(|| self.feeds(), |feed| vec![feed]);
        let (_, (open, close)) = self.seen.hours();
        let (from, until) = (fault.at.max(open), fault.end().min(close));
        let due = from.get().saturating_add(self.watch.silent_ns + NANOS + self.watch.quantum_ns);
        let mut seen_as = "shorter than the watchdog's patience";
        for feed in feeds {
            // A websocket that comes while it lasts is silent too, and given up in its turn.
            let last = until.get().saturating_add(NANOS + self.watch.quantum_ns);
            let called = self.call_all(FeedHappening::Silent, feed, from, last);
            match called.or_else(|| self.told(FeedHappening::Silent, feed, from, last)) {
                Some(seq) => {
                    self.one_gap(feed, seq, from, &[GapCause::Silence])?;
                    seen_as = "told as silent in time, with one gap";
                }
                None if until.get() <= due || self.seen.end.get() < due => {}
                None if self.seen.is_down(feed, Ts::new(due)) => {}
                None => return Err(format!("feed {} did not notice within the watchdog's time", feed.0)),
            }
        }
        Ok(seen_as)
    }

    fn bad_frame(&mut self, fault: &Injected) -> Verdict {
        let Some(feed) = self.feed(fault)? else { return Err("the ledger does not name the websocket".to_owned()) };
        let until = self.quantum_after(fault.at);
        let Some(seq) = self.call(FeedHappening::BadFrame, Some(feed), fault.at, until) else {
            return if self.seen.is_down(feed, Ts::new(until.saturating_add(self.watch.quantum_ns))) {
                Ok("on a websocket that was given up")
            } else {
                Err("no bad frame is told".to_owned())
            };
        };
        self.one_gap(feed, seq, fault.at, &[GapCause::BadFrame])?;
        Ok("told as a bad frame, with one gap")
    }

    fn unknown_length(&mut self, fault: &Injected) -> Verdict {
        let Some(feed) = self.feed(fault)? else { return Err("the ledger does not name the websocket".to_owned()) };
        let until = self.quantum_after(fault.at);
        if self.call(FeedHappening::UnknownPacket, Some(feed), fault.at, until.saturating_add(REPORT_NS)).is_some() {
            return Ok("skipped and counted");
        }
        let lost = |what: FeedHappening| {
            let mut reports = self.seen.reports.iter();
            reports.any(|(_, of)| of.feed == feed && of.what == what && fault.at <= of.ts && of.ts.get() <= until)
        };
        if lost(FeedHappening::BadFrame) || self.seen.is_down(feed, Ts::new(until)) {
            return Ok("lost with the whole frame, in a gap");
        }
        Err("no packet of unknown length is counted".to_owned())
    }

    fn clock_skew(&mut self, place: usize, fault: &Injected) -> Verdict {
        let lasted = fault.end().get().saturating_sub(fault.at.get());
        let until = fault.end().get().saturating_add(if lasted < BELIEVED_NS { TOLD_NS } else { TOLD_AGAIN_NS });
        let mut told = false;
        for feed in self.feeds() {
            // One word may be about two clocks that were wrong at once.
            self.call_all(FeedHappening::ClockSkew, feed, fault.at, until);
            told |= self.told(FeedHappening::ClockSkew, feed, fault.at, until).is_some();
        }
        let skewed = self.seen.skewed.get(&place).copied().unwrap_or_default();
        let by = fault.by_ns.unwrap_or_default();
        match (skewed.set_aside > 0, told) {
            (true, true) => Ok("told as a move of the clock, with ticks set aside"),
            (true, false) => Ok("in ticks set aside"),
            (false, true) => Ok("told as a move of the clock"),
            (false, false) if skewed.ticks == 0 => Ok("without a tick meanwhile"),
            (false, false) if by.saturating_abs() <= self.watch.skew_ns => Ok("within what a clock may be off"),
            (false, false) if fault.token.is_some() && (0..=self.seen.session.config.ahead_ns).contains(&by) => {
                Ok("within what a tick may be ahead")
            }
            // Some instruments' stamps say nothing about the clock: a late stamp is a late tick.
            (false, false) if by < 0 && fault.token.is_some() && skewed.wrong > 0 => Ok("in late ticks"),
            (false, false) => Err(format!("{} ticks came with wrong stamps and nothing is told", skewed.wrong)),
        }
    }

    fn token_death(&mut self, fault: &Injected) -> Verdict {
        let until = fault.at.get().saturating_add(TOKEN_NS);
        let mut seen_as = "while no feed was connected";
        for feed in self.feeds() {
            let Some(lost) = self.call(FeedHappening::Lost, Some(feed), fault.at, self.quantum_after(fault.at)) else {
                if self.seen.is_down(feed, fault.at) {
                    continue;
                }
                return Err(format!("feed {} was connected and is not told as lost", feed.0));
            };
            // Without a token nobody dials, and each attempt that is made is refused.
            while self.call(FeedHappening::Refused, Some(feed), fault.at, until).is_some() {}
            if self.call(FeedHappening::TokenRefused, Some(feed), fault.at, until).is_some() {
                self.one_gap(feed, lost, fault.at, &[GapCause::NoToken])?;
                seen_as = "told as a refused token, with one gap until a new one";
            } else if self.seen.end.get() > until && self.seen.is_down(feed, Ts::new(until)) {
                return Err(format!("feed {} says nothing of a refused token", feed.0));
            } else {
                self.one_gap(feed, lost, fault.at, &[GapCause::Disconnect])?;
                seen_as = "told as a loss, with one gap: a new token was there";
            }
        }
        Ok(seen_as)
    }

    fn request(&self, fault: &Injected) -> Verdict {
        let is_list = fault.request.as_ref().is_some_and(|request| request.contains("/instruments"));
        if !is_list {
            return Ok("in a request that leaves nothing on the tape");
        }
        if self.seen.fetched.iter().any(|at| *at >= fault.at) {
            return Ok("mended: the list of instruments was fetched later");
        }
        Err("no list of instruments was fetched behind it".to_owned())
    }
}
