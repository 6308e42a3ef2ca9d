//! One pair: its legs' bars, its window, and the rules by which it asks for a position or to leave one.
//!
//! What it never does: make a signal of anything but two first editions of the bucket that has just ended; look at an
//! order or a fill. Who calls it: [`super::Watch`], with every bar of its legs and every clock mark.

use alloc::boxed::Box;

use barkeep_schemas::{Derived, Leg, PairMark, PairSpec, PairState, Real, Seq, Signal, SignalAction, SignalReason, Ts};

use super::legs::{Both, LegBar, Waiting};
use super::window::{Statistics, Window, held};
use super::{PairHours, Signals};
use crate::desk::types::Standing;
use crate::output::Output;
use crate::state::wire_fields;

/// What the moment and the executor say when a pair may ask for something.
pub(super) struct Moment<'a> {
    /// Event time in nanoseconds.
    pub(super) now: i64,
    /// Where the executor has the pair.
    pub(super) standing: Standing,
    /// Where signals go beside the tape.
    pub(super) signals: &'a mut Signals,
}

/// A reason to ask, before it is a signal.
struct Ask {
    action: SignalAction,
    reason: SignalReason,
    threshold: Option<Real>,
}

/// A mark that may make a signal.
struct Told {
    mark: Seq,
    z: Option<Real>,
    z_before: Option<Real>,
}

/// A pair under watch.
///
/// Invariants: `newest` and `before` are the window's last two values, as far as this session made them; no bucket up
/// to `appended` is appended again.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Pair {
    pub(super) spec: PairSpec,
    hours: PairHours,
    window: Window,
    /// Whether the window's values are all of sessions before, so that the step over the night is still to come.
    carried: bool,
    newest: Option<Both>,
    before: Option<Both>,
    /// Start of the last bucket that was appended.
    appended: i64,
    waiting: Waiting,
    /// z of the newest mark, as it is after revisions.
    z: Option<Real>,
    /// Signals to stop, each position once.
    stops: u32,
    /// Since when the position was held that was counted last.
    stopped: Option<i64>,
    /// Whether `|z|` was at or below the exit since the last stop.
    armed: bool,
    /// The input that made the last signal: one makes one at most.
    asked: Seq,
}
wire_fields!(Pair { spec, hours, window, carried, newest, before, appended, waiting, z, stops, stopped, armed, asked });

impl Pair {
    /// A pair at the session's open, with the window that it carried over, oldest first.
    pub(super) fn new(spec: &PairSpec, hours: PairHours, spreads: &[Real]) -> Self {
        let window = Window::holding(spec.lookback, spreads);
        Self {
            spec: spec.clone(),
            hours,
            carried: window.newest().is_some(),
            window,
            newest: None,
            before: None,
            appended: i64::MIN,
            waiting: Waiting::default(),
            z: None,
            stops: 0,
            stopped: None,
            armed: true,
            asked: Seq(0),
        }
    }

    /// Takes over new parameters. The window begins anew when its length or the hedge ratio is another.
    pub(super) fn reload(&mut self, spec: &PairSpec, hours: PairHours) {
        let same = |one: &PairSpec| (one.leg_a, one.leg_b, one.tf);
        if same(&self.spec) != same(spec) {
            *self = Self::new(spec, hours, &[]);
            return;
        }
        if (self.spec.lookback, self.spec.beta) != (spec.lookback, spec.beta) {
            self.window = Window::new(spec.lookback);
            (self.carried, self.newest, self.before, self.z) = (false, None, None, None);
        }
        self.spec = spec.clone();
        self.hours = hours;
    }

    /// The window, oldest first.
    pub(super) fn spreads(&self) -> impl Iterator<Item = Real> {
        self.window.values()
    }

    /// z of the newest mark of this session.
    #[cfg(test)]
    pub(super) fn z(&self) -> Option<Real> {
        self.z
    }

    /// A leg's bar, of either edition.
    pub(super) fn bar(&mut self, leg: Leg, bar: LegBar, moment: &mut Moment<'_>, out: &mut Output<'_>) {
        let is_at = |both: &Option<Both>| both.is_some_and(|both| both.a.start == bar.start);
        if is_at(&self.newest) {
            self.revise(0, leg, bar, out);
        } else if is_at(&self.before) {
            self.revise(1, leg, bar, out);
        } else if bar.start > self.appended {
            self.waiting.put(leg, bar);
            if let Some(both) = self.waiting.take(bar.start) {
                self.append(both, moment, out);
            }
        }
    }

    /// Time alone: too long, the day's end, or nothing to see.
    pub(super) fn clock(&mut self, moment: &mut Moment<'_>, out: &mut Output<'_>) {
        if is_held(moment.standing.state)
            && self.is_open(moment.now)
            && let Some(reason) = self.overdue(moment)
        {
            self.ask(Ask { action: SignalAction::Exit, reason, threshold: None }, None, moment, out);
        }
    }

    /// Asks to leave for a reason that is not the pair's own.
    pub(super) fn leave(&mut self, reason: SignalReason, moment: &mut Moment<'_>, out: &mut Output<'_>) {
        self.ask(Ask { action: SignalAction::Exit, reason, threshold: None }, None, moment, out);
    }

    /// The value of one of the last two buckets is another: the newest (`back` 0) or the one before (`back` 1).
    fn revise(&mut self, back: usize, leg: Leg, bar: LegBar, out: &mut Output<'_>) {
        let place = if back == 0 { &mut self.newest } else { &mut self.before };
        let Some(kept) = place else { return };
        let mut both = *kept;
        if both.leg(leg).close == bar.close {
            return;
        }
        *both.leg(leg) = bar;
        let Some(spread) = both.spread(self.spec.beta) else { return };
        *kept = both;
        self.window.replace(back, spread);
        let now = self.window.statistics();
        let of_bucket = if back == 0 { now } else { self.window.statistics_before() };
        self.see(now.and_then(|now| now.z(self.window.newest()?)));
        self.publish(&both, spread, of_bucket, None, false, out);
    }

    /// Both legs have a bar of a bucket behind all before.
    fn append(&mut self, both: Both, moment: &mut Moment<'_>, out: &mut Output<'_>) {
        let start = both.a.start;
        self.appended = start;
        let Some(spread) = both.spread(self.spec.beta) else { return };
        let last = self.window.newest().filter(|_| self.carried);
        let night_step = last.and_then(|last| held(spread.get() - last.get()));
        if let Some(step) = night_step {
            self.window.shift(step.get());
        }
        self.carried = false;
        self.window.push(spread);
        self.before = self.newest.replace(both);
        let statistics = self.window.statistics();
        let z_before = self.z;
        self.see(statistics.and_then(|statistics| statistics.z(spread)));
        let first = both.a.first && both.b.first;
        let mark = self.publish(&both, spread, statistics, night_step, first, out);
        // A pair of bars that comes when the next bucket is over too tells of the past.
        let fresh = moment.now <= self.seen_until().saturating_add(self.spec.tf.nanos());
        if first && fresh && self.is_open(moment.now) {
            self.decide(Told { mark, z: self.z, z_before }, moment, out);
        }
    }

    /// The newest z, and what follows from it.
    fn see(&mut self, z: Option<Real>) {
        self.z = z;
        self.armed |= z.is_some_and(|z| z.get().abs() <= self.spec.exit.get());
    }

    /// Puts the mark on the tape and says where.
    fn publish(
        &self,
        both: &Both,
        spread: Real,
        statistics: Option<Statistics>,
        night_step: Option<Real>,
        first_edition: bool,
        out: &mut Output<'_>,
    ) -> Seq {
        let seq = out.next_seq();
        out.push(Derived::PairMark(Box::new(PairMark {
            pair: self.spec.id,
            start: Ts::new(both.a.start),
            close_a: both.a.close,
            close_b: both.b.close,
            bar_a: both.a.seq,
            bar_b: both.b.seq,
            spread,
            mean: statistics.map(|statistics| statistics.mean),
            deviation: statistics.map(|statistics| statistics.deviation),
            z: statistics.and_then(|statistics| statistics.z(spread)),
            night_step,
            first_edition,
            cause: out.cause,
        })));
        seq
    }

    /// End of the last bucket of which both legs had a bar.
    fn seen_until(&self) -> i64 {
        self.appended.saturating_add(self.spec.tf.nanos())
    }

    /// Whether both legs are in continuous trading.
    fn is_open(&self, now: i64) -> bool {
        self.hours.open <= now && now < self.hours.end
    }

    fn flatten_at(&self) -> i64 {
        self.hours.end.saturating_sub(self.spec.flatten_before_ns)
    }

    /// What a mark asks for, if anything.
    fn decide(&mut self, told: Told, moment: &mut Moment<'_>, out: &mut Output<'_>) {
        let ask = if is_held(moment.standing.state) { self.exit(&told, moment) } else { self.entry(&told, moment.now) };
        if let Some(ask) = ask {
            // Time needs no mark to be a reason.
            let told = ask.threshold.map(|_| told);
            self.ask(ask, told, moment, out);
        }
    }

    fn exit(&self, told: &Told, moment: &Moment<'_>) -> Option<Ask> {
        let exit = |reason, threshold| Some(Ask { action: SignalAction::Exit, reason, threshold });
        match told.z.map(|z| z.get().abs()) {
            Some(z) if z <= self.spec.exit.get() => exit(SignalReason::Revert, Some(self.spec.exit)),
            Some(z) if z >= self.spec.stop.get() => exit(SignalReason::Stop, Some(self.spec.stop)),
            Some(_) | None => exit(self.overdue(moment)?, None),
        }
    }

    /// Why the moment alone is a reason to leave, if it is one.
    fn overdue(&self, moment: &Moment<'_>) -> Option<SignalReason> {
        let (now, since) = (moment.now, moment.standing.held_since);
        let seen = self.seen_until().max(since.unwrap_or(i64::MIN)).max(self.hours.open);
        if since.is_some_and(|since| now.saturating_sub(since) >= self.spec.max_hold_ns) {
            Some(SignalReason::Timeout)
        } else if now >= self.flatten_at() {
            Some(SignalReason::Flatten)
        } else if now.saturating_sub(seen) >= self.spec.stale_after_ns {
            Some(SignalReason::Stale)
        } else {
            None
        }
    }

    /// The way back into the band, on the side that was left.
    fn entry(&self, told: &Told, now: i64) -> Option<Ask> {
        let (z, before) = (told.z?.get(), told.z_before?.get());
        let PairSpec { entry, exit, .. } = &self.spec;
        let from = self.hours.day_start.saturating_add(self.spec.entry_from_ns);
        let until = self.flatten_at().saturating_sub(self.spec.entry_until_ns);
        let back = before.abs() > entry.get() && exit.get() < z.abs() && z.abs() <= entry.get();
        let same_side = (z > 0.0) == (before > 0.0);
        let allowed = self.armed && self.stops < self.spec.max_stops && !self.spec.exit_only;
        (back && same_side && allowed && from <= now && now < until).then_some(Ask {
            action: if z > 0.0 { SignalAction::EnterShort } else { SignalAction::EnterLong },
            reason: SignalReason::Entry,
            threshold: Some(*entry),
        })
    }

    /// Makes the signal, unless this input has made one.
    fn ask(&mut self, ask: Ask, told: Option<Told>, moment: &mut Moment<'_>, out: &mut Output<'_>) {
        if self.asked == out.cause {
            return;
        }
        self.asked = out.cause;
        if ask.reason == SignalReason::Stop {
            self.armed = false;
            let held = moment.standing.held_since;
            self.stops = self.stops.saturating_add(u32::from(held.is_none() || self.stopped != held));
            self.stopped = held;
        }
        let signal = Signal {
            pair: self.spec.id,
            action: ask.action,
            reason: ask.reason,
            mark: told.as_ref().map(|told| told.mark),
            z: told.as_ref().and_then(|told| told.z),
            z_before: told.as_ref().and_then(|told| told.z_before),
            threshold: ask.threshold,
            ts: Ts::new(moment.now),
            cause: out.cause,
        };
        let seq = out.next_seq();
        out.push(Derived::Signal(Box::new(signal.clone())));
        moment.signals.push((seq, signal));
    }
}

/// Whether a pair in that state may ask to leave.
pub(super) fn is_held(state: PairState) -> bool {
    match state {
        PairState::Entering | PairState::Open => true,
        PairState::Flat | PairState::Exiting | PairState::Unwinding => false,
    }
}
