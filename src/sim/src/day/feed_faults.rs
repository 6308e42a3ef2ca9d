//! Faults of the feed: ticks lost, late, doubled or spoilt.
//!
//! Snapshots are marked or moved, never taken out, so that an instrument's own order stays its true order. `breaker.rs`
//! calls it.

use barkeep_schemas::{NANOS, Qty};

use super::breaker::{Breaker, Spot};
use super::hours::{Digits, Ist};
use super::ledger::{Cell, Effect, Fault, FaultKind};
use super::trades::{Mark, Snapshot};

const MILLI: i64 = 1_000_000;

/// What the price of a bad row reads.
const BAD_PRICES: [&str; 4] = ["0", "-12.5", "NaN", "n/a"];

/// How late a row is moved, in milliseconds.
struct Delay {
    kind: FaultKind,
    effect: Effect,
    low: i64,
    high: i64,
    /// How late it must be at the least by the times of the rows before it.
    seen: i64,
    /// How many minutes later it may stand.
    minutes: usize,
}

const IN_GRACE: Delay =
    Delay { kind: FaultKind::LateTicks, effect: Effect::Nothing, low: 1_000, high: 2_000, seen: 500, minutes: 1 };
/// It stands in the next minute at most, so that its own minute's bar is among the last two, which may be revised.
const REVISED: Delay =
    Delay { kind: FaultKind::LateRevised, effect: Effect::Revised, low: 5_500, high: 90_000, seen: 5_000, minutes: 1 };
const TOO_FAR: Delay = Delay {
    kind: FaultKind::TooFarBack,
    effect: Effect::Prices,
    low: 125_000,
    high: 300_000,
    seen: 121_000,
    minutes: 6,
};

/// The minutes of an instrument that a loss of ticks changes.
struct Loss {
    instrument: usize,
    /// Minute, effect and change of volume.
    changes: Vec<(usize, Effect, i64)>,
}

impl Breaker<'_> {
    /// Breaks the feed. What takes most room comes first.
    pub(super) fn break_feed(&mut self) {
        self.place(2, 2, Self::feed_gap);
        self.place(3, 3, Self::instrument_gap);
        self.place(2, 3, |breaker| breaker.delay(&TOO_FAR));
        self.place(28, 32, |breaker| breaker.delay(&REVISED));
        self.place(56, 64, |breaker| breaker.delay(&IN_GRACE));
        let mut prices = BAD_PRICES.into_iter().cycle();
        let mut price = prices.next().unwrap_or("0");
        self.place(4, 4, |breaker| {
            let fault = breaker.bad_row(price)?;
            price = prices.next().unwrap_or("0");
            Some(fault)
        });
        self.place(37, 43, Self::volume_fall);
        self.place(190, 210, Self::duplicate);
    }

    fn feed_gap(&mut self) -> Option<Fault> {
        let minute = self.hours.minute(self.chance.place(self.hours.minutes.len()))?;
        let from = minute.start + self.chance.whole(0, 59_999) * MILLI;
        let millis = self.chance.whole(20_000, 90_000);
        let to = from + millis * MILLI;
        let all: Option<Vec<Loss>> = (0..self.listings.len()).map(|number| self.loss(number, from, to)).collect();
        let cells = self.lose(&all?, from, to)?;
        let detail = format!(
            "no ticks of any instrument from {} for {}.{:03} s; minutes cut by it may miss prices, and each \
             instrument's next tick carries the volume into its own minute",
            Ist(from, Digits::TimeOfDay),
            millis / 1_000,
            millis % 1_000
        );
        Some(Fault::new(FaultKind::FeedGap, None, from, to, detail, cells))
    }

    fn instrument_gap(&mut self) -> Option<Fault> {
        let instrument = self.liquid()?;
        let first = self.chance.place(self.hours.minutes.len());
        let count = self.chance.whole(1, 3);
        let from = self.hours.minute(first)?.start;
        let to = from + count * 60 * NANOS;
        let loss = self.loss(instrument, from, to)?;
        let cells = self.lose(&[loss], from, to)?;
        let detail = format!(
            "no ticks from {} to {}; the next tick carries the lost volume into its own minute",
            Ist(from, Digits::TimeOfDay),
            Ist(to, Digits::TimeOfDay)
        );
        Some(Fault::new(FaultKind::InstrumentGap, Some(self.symbol(instrument)), from, to, detail, cells))
    }

    /// What losing an instrument's ticks of `[from, to)` changes; `None` where that may not be.
    fn loss(&self, instrument: usize, from: i64, to: i64) -> Option<Loss> {
        let snapshots = &self.recordings.get(instrument)?.snapshots;
        let (start, end) = (snapshots.partition_point(|tick| tick.ts < from), snapshots.partition_point(|t| t.ts < to));
        let (first, last) = (self.hours.minute_of(from)?, self.hours.minute_of(to - 1)?);
        if !self.is_free(instrument, first..=last) {
            return None;
        }
        let mut cum_volume = snapshots.get(start.checked_sub(1)?)?.cum_volume.get();
        let mut changes: Vec<(usize, i64)> = Vec::new();
        let mut total = 0;
        for tick in snapshots.get(start..end)? {
            let (minute, rise) = (self.hours.minute_of(tick.ts)?, tick.cum_volume.get() - cum_volume);
            add_to(&mut changes, minute, -rise);
            (cum_volume, total) = (tick.cum_volume.get(), total + rise);
        }
        if start < end {
            let next = self.hours.minute_of(snapshots.get(end)?.ts)?;
            if !self.is_free(instrument, next..=next) {
                return None;
            }
            add_to(&mut changes, next, total);
        }
        let effect = |minute: usize, change: i64| match (self.outlives(snapshots, minute, from, to), change) {
            (false, _) => Effect::Absent,
            (true, 0) => Effect::Prices,
            (true, _) => Effect::Volume,
        };
        let changes = changes.into_iter().map(|(minute, change)| (minute, effect(minute, change), change)).collect();
        Some(Loss { instrument, changes })
    }

    /// Whether a minute has ticks outside `[from, to)`.
    fn outlives(&self, snapshots: &[Snapshot], minute: usize, from: i64, to: i64) -> bool {
        let Some(minute) = self.hours.minute(minute) else { return false };
        let start = snapshots.partition_point(|tick| tick.ts < minute.start);
        let mut ticks = snapshots.iter().skip(start).take_while(|tick| tick.ts < minute.end);
        ticks.any(|tick| tick.ts < from || tick.ts >= to)
    }

    /// Loses the ticks of `[from, to)`; nothing when there are none to lose.
    fn lose(&mut self, losses: &[Loss], from: i64, to: i64) -> Option<Vec<Cell>> {
        if losses.iter().all(|loss| loss.changes.is_empty()) {
            return None;
        }
        let (first, last) = (self.hours.minute_of(from)?, self.hours.minute_of(to - 1)?);
        let mut cells = Vec::new();
        for loss in losses {
            self.take(loss.instrument, first..=last);
            for (minute, effect, change) in &loss.changes {
                self.take(loss.instrument, *minute..=*minute);
                cells.push(self.cell(loss.instrument, *minute, *effect, *change));
            }
            let snapshots = &mut self.recordings.get_mut(loss.instrument)?.snapshots;
            let start = snapshots.partition_point(|tick| tick.ts < from);
            snapshots.iter_mut().skip(start).take_while(|tick| tick.ts < to).for_each(|tick| tick.mark = Mark::Lost);
        }
        Some(cells)
    }

    /// Moves a row to a later place in the file.
    fn delay(&mut self, delay: &Delay) -> Option<Fault> {
        let spot = self.spot()?;
        let by = self.chance.whole(delay.low, delay.high) * MILLI;
        let (from, to) = (spot.tick.ts, spot.tick.ts + by);
        let arrival = self.hours.minute_of(to)?;
        let apart = self.hours.minute(arrival)?.start - self.hours.minute(spot.minute)?.start;
        let minutes = arrival - spot.minute;
        if minutes > delay.minutes
            || apart != minutes as i64 * 60 * NANOS
            || !self.is_free(spot.instrument, spot.minute..=arrival)
            || self.newest_before(to) - from < delay.seen * MILLI
        {
            return None;
        }
        self.take(spot.instrument, spot.minute..=arrival);
        self.edit(spot, |tick| (tick.place, tick.recv) = (to, tick.recv + by));
        let detail = format!(
            "the tick of {} stands {}.{:03} s later, at {}",
            Ist(from, Digits::TimeOfDay),
            by / NANOS,
            by % NANOS / MILLI,
            Ist(to, Digits::TimeOfDay)
        );
        let cell = self.cell(spot.instrument, spot.minute, delay.effect, 0);
        Some(self.in_one_cell(delay.kind, spot.instrument, (from, to), detail, cell))
    }

    /// The newest exchange time among the rows that stand at or before a place in the file.
    fn newest_before(&self, place: i64) -> i64 {
        let newest = |snapshots: &[Snapshot]| {
            let count = snapshots.partition_point(|tick| tick.ts <= place);
            let kept = |tick: &&Snapshot| tick.mark != Mark::Lost && tick.place == tick.ts;
            snapshots.iter().take(count).rev().find(kept).map(|tick| tick.ts)
        };
        self.recordings.iter().filter_map(|recording| newest(&recording.snapshots)).max().unwrap_or(i64::MIN / 2)
    }

    fn bad_row(&mut self, price: &'static str) -> Option<Fault> {
        let detail = format!("the price of the row reads {price}; its volume comes with the next tick");
        self.spoil(FaultKind::BadRow, Effect::Prices, detail, |tick| tick.mark = Mark::Bad(price))
    }

    fn duplicate(&mut self) -> Option<Fault> {
        let detail = "the row is there twice, one after the other".to_string();
        self.spoil(FaultKind::Duplicate, Effect::Nothing, detail, |tick| tick.mark = Mark::Twice)
    }

    fn volume_fall(&mut self) -> Option<Fault> {
        let spot = self.spot()?;
        let before = self.recordings.get(spot.instrument)?.snapshots.get(spot.index.checked_sub(1)?)?.cum_volume.get();
        let fallen = (before - 1 - self.chance.whole(0, before / 50)).max(0);
        let detail = format!("the volume of the day falls from {before} to {fallen} for this tick");
        self.take(spot.instrument, spot.minute..=spot.minute);
        self.edit(spot, |tick| tick.cum_volume = Qty::new(fallen));
        let cell = self.cell(spot.instrument, spot.minute, Effect::Nothing, 0);
        Some(self.in_one_cell(FaultKind::VolumeFall, spot.instrument, moment(spot), detail, cell))
    }

    /// Breaks one row where it stands.
    fn spoil(
        &mut self,
        kind: FaultKind,
        effect: Effect,
        detail: String,
        how: impl FnOnce(&mut Snapshot),
    ) -> Option<Fault> {
        let spot = self.spot()?;
        self.take(spot.instrument, spot.minute..=spot.minute);
        self.edit(spot, how);
        let cell = self.cell(spot.instrument, spot.minute, effect, 0);
        Some(self.in_one_cell(kind, spot.instrument, moment(spot), detail, cell))
    }

    fn edit(&mut self, spot: Spot, how: impl FnOnce(&mut Snapshot)) {
        let recording = self.recordings.get_mut(spot.instrument);
        if let Some(tick) = recording.and_then(|recording| recording.snapshots.get_mut(spot.index)) {
            how(tick);
        }
    }
}

/// The millisecond of a tick.
fn moment(spot: Spot) -> (i64, i64) {
    (spot.tick.ts, spot.tick.ts + MILLI)
}

/// Adds to the last minute of a list, or starts the next one.
fn add_to(changes: &mut Vec<(usize, i64)>, minute: usize, change: i64) {
    match changes.last_mut() {
        Some((last, sum)) if *last == minute => *sum += change,
        Some(_) | None => changes.push((minute, change)),
    }
}
