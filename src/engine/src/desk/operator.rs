//! Kill switches as operators throw them, as limits throw them, and as they are carried over a night.

use alloc::boxed::Box;
use alloc::string::String;

use barkeep_schemas::{
    Bucket, Derived, DeskCarried, KillSwitched, KillWhy, OperatorAction, OperatorCommand, PairId, PairSpec, PairState,
    PairWhy, Scope, Ts,
};

use super::Desk;
use super::risk::Kill;
use crate::output::Output;
use crate::probe::Probe;

/// A switch that is thrown.
pub(super) struct Thrown {
    pub(super) scope: Scope,
    pub(super) why: KillWhy,
    pub(super) flatten: bool,
    pub(super) limit: i64,
    pub(super) value: i64,
    pub(super) reason: String,
    pub(super) ts: Ts,
}

impl Desk {
    /// An operator's command. `None` when it names a bucket that there is not.
    pub(crate) fn operator(
        &mut self,
        command: &OperatorCommand,
        probe: &mut impl Probe,
        out: &mut Output<'_>,
    ) -> Option<()> {
        let scope = match &command.bucket {
            None => Scope::Global,
            Some(name) => Bucket::parse(name)?.scope(),
        };
        match command.action {
            OperatorAction::KillOn => {
                let (why, flatten, reason) = (KillWhy::Command, command.flatten, command.reason.clone());
                let thrown = Thrown { scope, why, flatten, limit: 0, value: 0, reason, ts: command.ts };
                self.kill(thrown, probe, out);
            }
            OperatorAction::KillOff => self.release(scope, command, out),
        }
        Some(())
    }

    /// Switches off, if it is on. Measuring for the automatic switch begins anew with the next mark.
    fn release(&mut self, scope: Scope, command: &OperatorCommand, out: &mut Output<'_>) {
        if self.risk.kills.get(scope).is_none() {
            return;
        }
        self.risk.kills.set(scope, None);
        if let Some(base) = self.risk.kills.base(scope) {
            base.anew = true;
        }
        let switched = KillSwitched {
            scope,
            on: false,
            why: KillWhy::Command,
            flatten: false,
            limit: 0,
            value: 0,
            reason: command.reason.clone(),
            ts: command.ts,
            cause: out.cause,
        };
        out.push(Derived::KillSwitched(Box::new(switched)));
    }

    /// Throws a switch: no new entries, working entry orders are cancelled, and positions are left if it says so. One that
    /// is on stays as it is, but that it may begin to flatten.
    pub(super) fn kill(&mut self, thrown: Thrown, probe: &mut impl Probe, out: &mut Output<'_>) {
        let Thrown { scope, why, flatten, limit, value, reason, ts } = thrown;
        let known = self.risk.kills.get(scope).cloned();
        let flatten = flatten || known.as_ref().is_some_and(|kill| kill.flatten);
        let since = known.map_or(ts.get(), |kill| kill.since);
        self.risk.kills.set(scope, Some(Kill { flatten, since, reason: reason.clone() }));
        let switched = KillSwitched { scope, on: true, why, flatten, limit, value, reason, ts, cause: out.cause };
        out.push(Derived::KillSwitched(Box::new(switched)));
        if self.closed {
            return;
        }
        for at in 0..self.pairs.len() {
            let id = PairId(at as u16);
            let entering = self.pairs.get(at).is_some_and(|pair| pair.state == PairState::Entering);
            let stopped = self.spec(id).is_some_and(|spec| self.risk.kills.stops(spec.bucket));
            if entering && stopped {
                self.go(id, PairState::Unwinding, PairWhy::Killed, out);
                self.leave(id, PairWhy::Killed, out);
            }
        }
        self.flatten_killed(probe, out);
    }

    /// Leaves the open pairs that a switch flattens.
    pub(super) fn flatten_killed(&mut self, probe: &mut impl Probe, out: &mut Output<'_>) {
        let Self { watch, scratch, standings, risk, now, .. } = self;
        let hit = |spec: &PairSpec| risk.kills.flattens(spec.bucket);
        watch.kill(&hit, *now, standings, out, &mut scratch.signals);
        self.follow_signals(probe, out);
    }

    /// Switches that were on stay on.
    pub(super) fn carry_kills(&mut self, carried: &DeskCarried, out: &mut Output<'_>) {
        for scope in Scope::ALL {
            let of = carried.scopes.iter().find(|of| of.scope == *scope);
            if let (Some(of), Some(base)) = (of, self.risk.kills.base(*scope)) {
                base.high = of.kill_high.get();
            }
        }
        for latched in &carried.kills {
            let (scope, flatten, ts, reason) = (latched.scope, latched.flatten, latched.since, latched.reason.clone());
            self.risk.kills.set(scope, Some(Kill { flatten, since: ts.get(), reason: reason.clone() }));
            let (why, cause) = (KillWhy::Carried, out.cause);
            let switched = KillSwitched { scope, on: true, why, flatten, limit: 0, value: 0, reason, ts, cause };
            out.push(Derived::KillSwitched(Box::new(switched)));
        }
    }
}
