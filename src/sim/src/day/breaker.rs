//! What breaks a clean day: it finds free places for faults and keeps them apart.
//!
//! Invariant: no instrument-minute is reached by two faults, and none that is the first or last of its part of the
//! session is reached at all. `day.rs` calls it; the faults themselves are in `feed_faults.rs` and `broker_faults.rs`.

use core::ops::RangeInclusive;

use barkeep_schemas::Ts;

use super::hours::Hours;
use super::ledger::{Cell, Effect, Fault, FaultKind, numbered};
use super::listing::Listing;
use super::trades::{Recording, Snapshot};
use crate::chance::Chance;

/// How often a place is looked for before a fault is given up.
const TRIES: u32 = 500;
/// Minutes of liquid instruments that the full set of faults wants around it; a smaller day has fewer faults.
const ROOM: i64 = 2_000;

/// A clean day on its way to become a broken one.
pub(super) struct Breaker<'a> {
    pub(super) hours: &'a Hours,
    pub(super) listings: &'a [Listing],
    pub(super) recordings: &'a mut [Recording],
    pub(super) chance: Chance,
    pub(super) faults: Vec<Fault>,
    taken: Vec<Vec<bool>>,
}

/// A tick that may be broken: of a liquid instrument, in a free minute, and not the last of it.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    /// The instrument's number.
    pub(super) instrument: usize,
    /// Its place among the instrument's snapshots.
    pub(super) index: usize,
    /// The number of its minute.
    pub(super) minute: usize,
    /// The tick.
    pub(super) tick: Snapshot,
}

impl<'a> Breaker<'a> {
    /// Breaks the recordings of a clean day and tells what was broken.
    pub(super) fn run(
        hours: &'a Hours,
        listings: &'a [Listing],
        recordings: &'a mut [Recording],
        chance: Chance,
    ) -> Vec<Fault> {
        let edges: Vec<bool> = hours.minutes.iter().map(|minute| minute.edge).collect();
        let taken = vec![edges; listings.len()];
        let mut breaker = Self { hours, listings, recordings, chance, faults: Vec::new(), taken };
        breaker.break_feed();
        breaker.break_candles();
        numbered(breaker.faults)
    }

    /// Places up to `low..=high` faults, fewer on a day with little room; each try may fail.
    pub(super) fn place(&mut self, low: i64, high: i64, mut one: impl FnMut(&mut Self) -> Option<Fault>) {
        let liquid = self.listings.iter().filter(|listing| !listing.illiquid).count();
        let room = (liquid * self.hours.minutes.len()) as i64;
        let wanted = self.chance.whole(low, high);
        let wanted = wanted.min((wanted * room + ROOM - 1) / ROOM);
        for _ in 0..wanted {
            if let Some(fault) = (0..TRIES).find_map(|_| one(self)) {
                self.faults.push(fault);
            }
        }
    }

    /// Whether no fault reaches any of the minutes.
    pub(super) fn is_free(&self, instrument: usize, mut minutes: RangeInclusive<usize>) -> bool {
        let taken = self.taken.get(instrument);
        minutes.all(|minute| taken.and_then(|taken| taken.get(minute)) == Some(&false))
    }

    /// Keeps other faults from the minutes.
    pub(super) fn take(&mut self, instrument: usize, minutes: RangeInclusive<usize>) {
        let Some(taken) = self.taken.get_mut(instrument) else { return };
        for minute in minutes {
            if let Some(taken) = taken.get_mut(minute) {
                *taken = true;
            }
        }
    }

    /// A place for a fault of one tick, or nothing when the one drawn will not do.
    pub(super) fn spot(&mut self) -> Option<Spot> {
        let instrument = self.liquid()?;
        let snapshots = &self.recordings.get(instrument)?.snapshots;
        let index = self.chance.place(snapshots.len());
        let tick = *snapshots.get(index)?;
        let minute = self.hours.minute_of(tick.ts)?;
        let next = self.hours.minute_of(snapshots.get(index + 1)?.ts)?;
        (next == minute && self.is_free(instrument, minute..=minute)).then_some(Spot {
            instrument,
            index,
            minute,
            tick,
        })
    }

    /// A liquid instrument, or nothing when the one drawn is not.
    pub(super) fn liquid(&mut self) -> Option<usize> {
        let instrument = self.chance.place(self.listings.len());
        self.listings.get(instrument).is_some_and(|listing| !listing.illiquid).then_some(instrument)
    }

    /// The symbol of an instrument.
    pub(super) fn symbol(&self, instrument: usize) -> &'a str {
        self.listings.get(instrument).map_or("", |listing| listing.symbol.as_str())
    }

    /// A cell of the ledger.
    pub(super) fn cell(&self, instrument: usize, minute: usize, effect: Effect, volume_change: i64) -> Cell {
        let start = self.hours.minute(minute).map_or(0, |minute| minute.start);
        Cell { symbol: self.symbol(instrument).to_string(), minute: Ts::new(start), effect, volume_change }
    }

    /// A fault that reaches one minute of one instrument alone.
    pub(super) fn in_one_cell(
        &self,
        kind: FaultKind,
        instrument: usize,
        (from, to): (i64, i64),
        detail: String,
        cell: Cell,
    ) -> Fault {
        Fault::new(kind, Some(self.symbol(instrument)), from, to, detail, vec![cell])
    }
}
