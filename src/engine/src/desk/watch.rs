//! The pair watch: spreads, their z, and the signals that follow from them.
//!
//! What it is: for every pair, `ln A - beta ln B` of the bars that both legs have of a bucket, its mean and population
//! deviation over the last `lookback` buckets, and the rules of entry and exit. What it never does: trade on the window
//! that was carried over; make or withdraw a signal for a revision; look at an order. Who calls it: the desk, with the
//! bars of a step once all of them are made, and with every clock mark.
//!
//! Rules. A bucket that lacks a leg's bar makes no mark. Bars make a signal when both are first editions of the bucket
//! that ended last. A position is asked for when z comes back: the mark before outside of the entry band, this one in it,
//! on the same side, outside of the exit band; not by the first mark of a session, since z is forgotten over the night.
//! A position is asked to be left for the first of revert, stop, timeout, flatten and stale, while both legs trade.

mod legs;
mod pair;
#[cfg(test)]
mod tests;
mod window;

use alloc::boxed::Box;
use alloc::vec::Vec;

use barkeep_schemas::{
    Bar, DecodeError, DeskCarried, DeskSetup, InstrumentId, Leg, PairId, PairSpec, PairState, Price, Real, Seq, Signal,
    SignalReason, Timeframe, TimeframeSet, Wire,
};

use crate::desk::types::Standing;
use crate::output::Output;
use crate::state::wire_fields;
use legs::LegBar;
use pair::{Moment, Pair, is_held};

/// Signals of a step, each with its place on the tape.
pub(crate) type Signals = Vec<(Seq, Signal)>;

/// Instruments beyond this number are not watched: no session has so many, and the index has a byte for each below.
const INSTRUMENTS: usize = 1 << 20;

/// The day of a pair, in nanoseconds of event time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct PairHours {
    /// When the later leg's continuous trading begins.
    pub(crate) open: i64,
    /// When the earlier leg's ends.
    pub(crate) end: i64,
    /// When the day begins.
    pub(crate) day_start: i64,
}
wire_fields!(PairHours { open, end, day_start });

/// Who watches a bar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Watcher {
    instrument: InstrumentId,
    tf: Timeframe,
    pair: PairId,
    leg: Leg,
}

/// All pairs of a session.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Watch {
    /// By number; a number that no pair has is empty.
    pairs: Vec<Option<Box<Pair>>>,
    /// Timeframes that are watched, by instrument.
    wanted: Vec<TimeframeSet>,
    /// In the order of instrument and timeframe.
    watchers: Vec<Watcher>,
}

/// The index follows from the pairs.
impl Wire for Watch {
    fn put(&self, out: &mut Vec<u8>) {
        self.pairs.put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let mut watch = Self { pairs: Wire::take(input)?, ..Self::default() };
        watch.index();
        Ok(watch)
    }
}

impl Watch {
    /// The watch at the session's open. `hours` go with `setup.pairs`, one each; a pair without hours makes no signal.
    pub(crate) fn new(setup: &DeskSetup, carried: &DeskCarried, hours: &[PairHours]) -> Self {
        let mut watch = Self::default();
        for (place, spec) in setup.pairs.iter().enumerate() {
            let known = carried.pairs.iter().find(|carried| carried.pair == spec.id);
            let spreads = known.map_or(&[][..], |carried| &carried.spreads);
            watch.put_pair(Pair::new(spec, hours.get(place).copied().unwrap_or_default(), spreads));
        }
        watch.index();
        watch
    }

    /// Takes over what changed within a session. A pair keeps its window while lookback and beta stay; one that is gone
    /// may only be left; one that is new begins with an empty window.
    pub(crate) fn reload(&mut self, setup: &DeskSetup, hours: &[PairHours]) {
        for pair in self.pairs.iter_mut().flatten() {
            pair.spec.exit_only = true;
        }
        for (place, spec) in setup.pairs.iter().enumerate() {
            let hours = hours.get(place).copied().unwrap_or_default();
            match self.pairs.get_mut(spec.id.index()) {
                Some(Some(pair)) => pair.reload(spec, hours),
                Some(None) | None => self.put_pair(Pair::new(spec, hours, &[])),
            }
        }
        self.index();
    }

    /// Whether a pair watches these bars.
    pub(crate) fn wants(&self, instrument: InstrumentId, tf: Timeframe) -> bool {
        self.wanted.get(instrument.index()).is_some_and(|wanted| wanted.contains(tf))
    }

    /// A bar that lies at `seq`. `standings` are by number of the pair; one that is missing is flat.
    pub(crate) fn bar(
        &mut self,
        bar: &Bar,
        seq: Seq,
        standings: &[Standing],
        now: i64,
        out: &mut Output<'_>,
        signals: &mut Signals,
    ) {
        if bar.close <= Price::ZERO || !self.wants(bar.instrument, bar.tf) {
            return;
        }
        let key = (bar.instrument, bar.tf);
        let from = self.watchers.partition_point(|watcher| (watcher.instrument, watcher.tf) < key);
        let own = self.watchers.iter().skip(from).take_while(|watcher| (watcher.instrument, watcher.tf) == key);
        let leg_bar = LegBar { start: bar.start.get(), close: bar.close, seq, first: bar.revision == 0 };
        for watcher in own {
            if let Some(Some(pair)) = self.pairs.get_mut(watcher.pair.index()) {
                let standing = standing(standings, watcher.pair);
                pair.bar(watcher.leg, leg_bar, &mut Moment { now, standing, signals }, out);
            }
        }
    }

    /// Time went on: timeout, flatten, stale.
    pub(crate) fn clock(&mut self, now: i64, standings: &[Standing], out: &mut Output<'_>, signals: &mut Signals) {
        for (pair, standing) in self.held(standings) {
            pair.clock(&mut Moment { now, standing, signals }, out);
        }
    }

    /// A kill switch that flattens: every pair that `hit` names and that is held, or about to be, asks to be left.
    pub(crate) fn kill(
        &mut self,
        hit: &dyn Fn(&PairSpec) -> bool,
        now: i64,
        standings: &[Standing],
        out: &mut Output<'_>,
        signals: &mut Signals,
    ) {
        for (pair, standing) in self.held(standings) {
            if hit(&pair.spec) {
                pair.leave(SignalReason::Kill, &mut Moment { now, standing, signals }, out);
            }
        }
    }

    /// The windows, oldest spread first, for the session after.
    pub(crate) fn carry(&self) -> Vec<(PairId, Vec<Real>)> {
        self.pairs.iter().flatten().map(|pair| (pair.spec.id, pair.spreads().collect())).collect()
    }

    /// z of the pair's newest mark in this session, as it is after revisions.
    #[cfg(test)]
    pub(crate) fn last_z(&self, pair: PairId) -> Option<Real> {
        self.pairs.get(pair.index())?.as_ref()?.z()
    }

    /// The pairs that may ask to leave, with where they stand.
    fn held(&mut self, standings: &[Standing]) -> impl Iterator<Item = (&mut Pair, Standing)> {
        let held = |(pair, standing): (_, &Standing)| is_held(standing.state).then_some((pair, *standing));
        let both = self.pairs.iter_mut().zip(standings);
        both.filter_map(held).filter_map(|(pair, standing)| Some((pair.as_deref_mut()?, standing)))
    }

    fn put_pair(&mut self, pair: Pair) {
        let place = pair.spec.id.index();
        if self.pairs.len() <= place {
            self.pairs.resize_with(place + 1, || None);
        }
        if let Some(free) = self.pairs.get_mut(place) {
            *free = Some(Box::new(pair));
        }
    }

    fn index(&mut self) {
        let legs = self.pairs.iter().flatten().flat_map(|pair| {
            let PairSpec { id, leg_a, leg_b, tf, .. } = pair.spec;
            [(leg_a, Leg::A), (leg_b, Leg::B)].map(|(instrument, leg)| Watcher { instrument, tf, pair: id, leg })
        });
        self.watchers = legs.filter(|watcher| watcher.instrument.index() < INSTRUMENTS).collect();
        self.watchers.sort_unstable();
        let most = self.watchers.last().map_or(0, |last| last.instrument.index() + 1);
        self.wanted.clear();
        self.wanted.resize(most, TimeframeSet::EMPTY);
        for watcher in &self.watchers {
            if let Some(wanted) = self.wanted.get_mut(watcher.instrument.index()) {
                *wanted = wanted.with(watcher.tf);
            }
        }
    }
}

/// Where a pair stands; one that nobody speaks of is flat.
fn standing(standings: &[Standing], pair: PairId) -> Standing {
    standings.get(pair.index()).copied().unwrap_or(Standing { state: PairState::Flat, held_since: None })
}
