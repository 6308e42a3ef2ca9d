//! Kill switches: latched, of the account and of each bucket, and what throws them by itself.

use alloc::string::String;
use alloc::vec::Vec;

use barkeep_schemas::{Bucket, DecodeError, FineMoney, KillLatched, Scope, Ts, Wire};

use crate::state::wire_fields;

/// A kill switch that is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kill {
    /// Whether positions are left.
    pub(crate) flatten: bool,
    /// Since when, in nanoseconds.
    pub(crate) since: i64,
    /// In words.
    pub(crate) reason: String,
}
wire_fields!(Kill { flatten, since, reason });

/// From where the automatic switch of a scope measures: profits in raw units of [`FineMoney`]. An operator who switches
/// off has seen the loss, so measuring begins anew from there; the reported drawdown does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Base {
    /// The highest profit.
    pub(crate) high: i64,
    /// The day's profit when an operator last switched off; zero before.
    pub(crate) day: i64,
    /// Whether both begin anew with the next profit that is known.
    pub(crate) anew: bool,
}
wire_fields!(Base { high, day, anew });

/// The switches of every scope, in the order of [`Scope::ALL`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Kills {
    on: [Option<Kill>; 4],
    bases: [Base; 4],
}

impl Wire for Kills {
    fn put(&self, out: &mut Vec<u8>) {
        self.on.iter().for_each(|kill| kill.put(out));
        self.bases.iter().for_each(|base| base.put(out));
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let mut kills = Self::default();
        for kill in &mut kills.on {
            *kill = Wire::take(input)?;
        }
        for base in &mut kills.bases {
            *base = Wire::take(input)?;
        }
        Ok(kills)
    }
}

impl Kills {
    /// The switch of a scope alone.
    pub(crate) fn get(&self, scope: Scope) -> Option<&Kill> {
        self.on.get(scope.index())?.as_ref()
    }

    /// Sets or clears the switch of a scope.
    pub(crate) fn set(&mut self, scope: Scope, kill: Option<Kill>) {
        if let Some(place) = self.on.get_mut(scope.index()) {
            *place = kill;
        }
    }

    /// Whether entries of a bucket are stopped, by its own switch or the account's.
    pub(crate) fn stops(&self, bucket: Bucket) -> bool {
        self.get(Scope::Global).is_some() || self.get(bucket.scope()).is_some()
    }

    /// Whether positions of a bucket are to be left.
    pub(crate) fn flattens(&self, bucket: Bucket) -> bool {
        [Scope::Global, bucket.scope()].into_iter().filter_map(|scope| self.get(scope)).any(|kill| kill.flatten)
    }

    /// From which profit the drawdown of a scope is measured; `None` while that begins anew.
    pub(crate) fn high(&self, scope: Scope) -> Option<FineMoney> {
        self.bases.get(scope.index()).filter(|base| !base.anew).map(|base| FineMoney::new(base.high))
    }

    /// From where the automatic switch of a scope measures.
    pub(crate) fn base(&mut self, scope: Scope) -> Option<&mut Base> {
        self.bases.get_mut(scope.index())
    }

    /// What a scope's automatic switch measures at a profit: `(drawdown in hundredths of a percent of the high-water
    /// mark, loss since the open)`; marks the profit.
    pub(crate) fn measure(
        &mut self,
        scope: Scope,
        capital: FineMoney,
        profit: FineMoney,
        daily: FineMoney,
    ) -> (i64, i64) {
        let Some(base) = self.base(scope) else { return (0, 0) };
        if core::mem::take(&mut base.anew) {
            (base.high, base.day) = (profit.get(), daily.get());
        }
        base.high = base.high.max(profit.get());
        let high_water = i128::from(capital.get()) + i128::from(base.high);
        let fall = i128::from(base.high) - i128::from(profit.get());
        let drawdown = if high_water > 0 { fall * 10_000 / high_water } else { 0 };
        (super::narrow(drawdown), base.day.saturating_sub(daily.get()))
    }

    /// What stays on over the night.
    pub(crate) fn carry(&self) -> Vec<KillLatched> {
        let latched = |scope: &Scope| {
            let kill = self.get(*scope)?;
            let (flatten, since, reason) = (kill.flatten, Ts::new(kill.since), kill.reason.clone());
            Some(KillLatched { scope: *scope, flatten, since, reason })
        };
        Scope::ALL.iter().filter_map(latched).collect()
    }
}
