//! The buckets of one instrument in one timeframe: the open ones, and the closed ones that may still be revised.
//!
//! Invariants: buckets are in order of time; the first `closed` of them have closed; a bucket closes exactly once.

use alloc::collections::VecDeque;

use barkeep_schemas::{Derived, InstrumentId, Qty, Timeframe, TimeframeSet, Ts, UnallocatedReason, UnallocatedVolume};

use crate::bucket::{Bucket, Gain};
use crate::output::Output;
use crate::schedule::Slot;
use crate::state::wire_fields;

#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) tf: Timeframe,
    buckets: VecDeque<Bucket>,
    closed: u32,
    dirty: bool,
}
wire_fields!(Track { tf, buckets, closed, dirty });

impl Track {
    pub(crate) fn new(tf: Timeframe) -> Self {
        Self { tf, buckets: VecDeque::new(), closed: 0, dirty: false }
    }

    /// The end of the oldest bucket that is still open; `i64::MAX` without one.
    pub(crate) fn due(&self) -> i64 {
        self.buckets.get(self.closed as usize).map_or(i64::MAX, |bucket| bucket.end)
    }

    /// Whether a closed bucket has changed.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Changes the bucket at `slot`, which is made when there is none. `limit` is the end up to which buckets have
    /// closed: a change to one of those makes it dirty.
    pub(crate) fn change(&mut self, slot: Slot, limit: i64, change: impl FnOnce(&mut Bucket)) {
        let place = self.place(slot, limit);
        if let Some(bucket) = self.buckets.get_mut(place) {
            change(bucket);
            bucket.dirty = bucket.closed;
            self.dirty |= bucket.closed;
        }
    }

    /// The position of the bucket at `slot`, from the back, where almost every trade goes.
    fn place(&mut self, slot: Slot, limit: i64) -> usize {
        let mut place = self.buckets.len();
        while let Some(bucket) = place.checked_sub(1).and_then(|before| self.buckets.get(before)) {
            if bucket.start == slot.start {
                return place - 1;
            }
            if bucket.start < slot.start {
                break;
            }
            place -= 1;
        }
        let mut bucket = Bucket::new(slot);
        if slot.end <= limit {
            bucket.closed = true;
            self.closed += 1;
        }
        self.buckets.insert(place, bucket);
        place
    }

    /// Closes every bucket that ends by `limit` and hands each one's gain on.
    pub(crate) fn close(
        &mut self,
        limit: i64,
        instrument: InstrumentId,
        out: &mut Output<'_>,
        mut pass_on: impl FnMut(Gain),
    ) {
        while self.due() <= limit {
            let place = self.closed as usize;
            self.closed += 1;
            self.hand_down(place);
            let Some(bucket) = self.buckets.get_mut(place) else { return };
            bucket.closed = true;
            pass_on(settle(bucket, self.tf, instrument, true, out));
        }
    }

    /// Publishes a revision of every closed bucket that has changed, once, and hands on what it gained.
    pub(crate) fn revise(&mut self, instrument: InstrumentId, out: &mut Output<'_>, mut pass_on: impl FnMut(Gain)) {
        if !self.dirty {
            return;
        }
        self.dirty = false;
        let tf = self.tf;
        for bucket in self.buckets.iter_mut().filter(|bucket| bucket.dirty) {
            bucket.dirty = false;
            pass_on(settle(bucket, tf, instrument, false, out));
        }
    }

    /// Forgets closed buckets that start before `horizon`, but keeps the last `keep` and the newest with a price.
    pub(crate) fn forget(&mut self, horizon: i64, keep: u32) {
        while self.closed > keep {
            let Some(front) = self.buckets.front() else { return };
            let newest_priced = || !self.buckets.iter().skip(1).take(self.closed as usize - 1).any(|b| b.priced);
            if front.start >= horizon || front.dirty || (front.priced && newest_priced()) {
                return;
            }
            self.buckets.pop_front();
            self.closed -= 1;
        }
    }

    /// Moves the volume of a bucket that may not have a bar to the newest bar before it, however old.
    fn hand_down(&mut self, place: usize) {
        let moves = self.buckets.get(place).is_some_and(|bucket| !bucket.priced && bucket.all_to_previous);
        if !moves {
            return;
        }
        let Some(before) = self.buckets.iter().take(place).rposition(|bucket| bucket.priced) else { return };
        let Some(mut later) = self.buckets.remove(place) else { return };
        if let Some(bucket) = self.buckets.get_mut(before) {
            bucket.inherit(&mut later);
            bucket.dirty = true;
            self.dirty = true;
        }
        self.buckets.insert(place, later);
    }
}

/// Publishes the bucket's next edition, or says that its volume is in no bar of this timeframe. A coarser bar may still
/// count that volume, this bucket never will.
fn settle(bucket: &mut Bucket, tf: Timeframe, instrument: InstrumentId, first: bool, out: &mut Output<'_>) -> Gain {
    if bucket.priced {
        let bar = bucket.publish(instrument, tf, first, out.cause);
        out.push(Derived::Bar(bar));
        return bucket.gain();
    }
    let gain = bucket.gain();
    let volume = bucket.give_up_volume();
    if volume > 0 {
        out.push(Derived::UnallocatedVolume(UnallocatedVolume {
            instrument,
            volume: Qty::new(volume),
            from: Ts::new(bucket.start),
            to: Ts::new(bucket.end),
            timeframes: TimeframeSet::of(tf),
            reason: UnallocatedReason::NoPrice,
            cause: out.cause,
        }));
    }
    gain
}
