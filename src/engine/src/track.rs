//! The buckets of one instrument in one timeframe: the open ones, and the closed ones that may still be revised.
//!
//! Invariants: buckets are in order of time; the first `closed` of them have closed; a bucket closes exactly once.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use barkeep_schemas::{
    DecodeError, Derived, InstrumentId, Qty, Timeframe, TimeframeSet, Ts, UnallocatedReason, UnallocatedVolume, Wire,
};

use crate::bucket::{Bucket, Gain};
use crate::output::Output;
use crate::schedule::Slot;

/// The newest bucket lies here and not behind a pointer, since almost every trade goes there.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Track {
    newest: Option<Bucket>,
    /// The end of the oldest bucket that is still open; `i64::MAX` without one.
    due: i64,
    closed: u32,
    pub(crate) tf: Timeframe,
    dirty: bool,
    /// All but the newest.
    older: VecDeque<Bucket>,
    /// Closed buckets that start before this moment are given up, whether they have been taken out yet or not.
    given_up: i64,
}

/// What is given up is not written, and neither is what can be read off the buckets.
impl Wire for Track {
    fn put(&self, out: &mut Vec<u8>) {
        let mut kept = self.clone();
        kept.settle_horizon();
        kept.tf.put(out);
        (kept.len() as u32).put(out);
        kept.older.iter().chain(&kept.newest).for_each(|bucket| bucket.put(out));
        kept.closed.put(out);
        kept.dirty.put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let mut track = Self::new(Timeframe::take(input)?);
        track.older = Wire::take(input)?;
        track.newest = track.older.pop_back();
        track.closed = Wire::take(input)?;
        track.dirty = Wire::take(input)?;
        track.set_due();
        Ok(track)
    }
}

impl Track {
    pub(crate) fn new(tf: Timeframe) -> Self {
        let older = VecDeque::new();
        Self { newest: None, due: i64::MAX, closed: 0, tf, dirty: false, older, given_up: i64::MIN }
    }

    /// Reads the track of one timeframe.
    pub(crate) fn take_of(tf: Timeframe, input: &mut &[u8]) -> Result<Self, DecodeError> {
        let track = Self::take(input)?;
        if track.tf == tf { Ok(track) } else { Err(DecodeError::OutOfRange { what: "a track's timeframe" }) }
    }

    /// The end of the oldest bucket that is still open; `i64::MAX` without one.
    pub(crate) fn due(&self) -> i64 {
        self.due
    }

    /// Whether a closed bucket has changed.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The slot of the newest bucket, when it holds `t`.
    #[inline]
    pub(crate) fn newest_slot(&self, t: i64) -> Option<Slot> {
        let newest = self.newest.as_ref()?;
        (newest.start <= t && t < newest.end).then(|| newest.slot())
    }

    /// Changes the bucket at `slot`, which is made when there is none. `limit` is the end up to which buckets have
    /// closed: a change to one of those makes it dirty.
    #[inline]
    pub(crate) fn change(&mut self, slot: Slot, limit: i64, change: impl FnOnce(&mut Bucket)) {
        let is_newest = self.newest.as_ref().is_some_and(|newest| newest.start == slot.start);
        let bucket = if is_newest { self.newest.as_mut() } else { self.find_or_make(slot, limit) };
        if let Some(bucket) = bucket {
            change(bucket);
            bucket.dirty = bucket.closed;
            self.dirty |= bucket.closed;
        }
    }

    /// The bucket at `slot`, which is not the newest's, but may become the newest.
    #[inline(never)]
    fn find_or_make(&mut self, slot: Slot, limit: i64) -> Option<&mut Bucket> {
        let mut made = Bucket::new(slot);
        made.closed = slot.end <= limit;
        if made.closed || self.older.len() == self.older.capacity() {
            // A bucket that is born closed changes what may be given up; a full ring would grow.
            self.forget(self.given_up, 0);
        }
        if self.newest.as_ref().is_none_or(|newest| newest.start < slot.start) {
            self.closed += u32::from(made.closed);
            if let Some(newest) = self.newest.replace(made) {
                self.older.push_back(newest);
            }
            self.set_due();
            return self.newest.as_mut();
        }
        let after = self.older.iter().rev().take_while(|bucket| bucket.start > slot.start).count();
        let place = self.older.len() - after;
        let before = place.checked_sub(1);
        if let Some(before) = before.filter(|before| self.older.get(*before).is_some_and(|b| b.start == slot.start)) {
            return self.older.get_mut(before);
        }
        self.closed += u32::from(made.closed);
        self.older.insert(place, made);
        self.set_due();
        self.older.get_mut(place)
    }

    fn len(&self) -> usize {
        self.older.len() + usize::from(self.newest.is_some())
    }

    fn set_due(&mut self) {
        let oldest = self.closed as usize;
        self.due = self.bucket(oldest).map_or(i64::MAX, |bucket| bucket.end);
    }

    fn bucket(&self, place: usize) -> Option<&Bucket> {
        if place == self.older.len() { self.newest.as_ref() } else { self.older.get(place) }
    }

    fn bucket_mut(&mut self, place: usize) -> Option<&mut Bucket> {
        if place == self.older.len() { self.newest.as_mut() } else { self.older.get_mut(place) }
    }

    /// Closes every bucket that ends by `limit` and hands each one's gain on.
    pub(crate) fn close(
        &mut self,
        limit: i64,
        instrument: InstrumentId,
        out: &mut Output<'_>,
        mut pass_on: impl FnMut(Gain),
    ) {
        let tf = self.tf;
        while self.due <= limit {
            let place = self.closed as usize;
            self.closed += 1;
            self.set_due();
            if self.bucket(place).is_some_and(|bucket| !bucket.priced && bucket.all_to_previous) {
                self.hand_down(place);
            }
            let Some(bucket) = self.bucket_mut(place) else { return };
            bucket.closed = true;
            pass_on(settle(bucket, tf, instrument, true, out));
        }
    }

    /// Publishes a revision of every closed bucket that has changed, once, and hands on what it gained.
    pub(crate) fn revise(&mut self, instrument: InstrumentId, out: &mut Output<'_>, mut pass_on: impl FnMut(Gain)) {
        if !self.dirty {
            return;
        }
        self.dirty = false;
        let tf = self.tf;
        for bucket in self.older.iter_mut().chain(&mut self.newest).filter(|bucket| bucket.dirty) {
            bucket.dirty = false;
            pass_on(settle(bucket, tf, instrument, false, out));
        }
    }

    /// Gives up closed buckets that start before `horizon`. They are taken out when there are many, since looking at
    /// old ones with every new one would fetch them from far away.
    ///
    /// Invariant: no trade may change a bucket that is given up, so it does not show when it is taken out.
    pub(crate) fn give_up(&mut self, horizon: i64) {
        self.given_up = self.given_up.max(horizon);
    }

    /// Takes out all that is given up: a horizon that comes later may be an earlier one.
    pub(crate) fn settle_horizon(&mut self) {
        self.forget(self.given_up, 0);
        self.given_up = i64::MIN;
    }

    /// Forgets closed buckets that start before `horizon`, but keeps the last `keep` and the newest with a price. One
    /// that has changed keeps those after it too.
    pub(crate) fn forget(&mut self, horizon: i64, keep: u32) {
        let closed = self.closed as usize;
        let Some(most) = closed.checked_sub(keep as usize).filter(|most| *most > 0) else { return };
        let goes = |bucket: &&Bucket| bucket.start < horizon && !bucket.dirty;
        let mut old = self.older.iter().take(most).take_while(goes).count();
        if old == self.older.len() && old < most {
            old += self.newest.iter().filter(goes).count();
        }
        if old == 0 {
            return;
        }
        let priced = (0..closed).rev().find(|place| self.bucket(*place).is_some_and(|bucket| bucket.priced));
        let old = priced.map_or(old, |newest_priced| old.min(newest_priced));
        if old > self.older.len() {
            self.newest = None;
        }
        self.older.drain(..old.min(self.older.len()));
        self.closed -= old as u32;
    }

    /// Moves the volume of a bucket that may not have a bar to the newest bar before it, however old.
    fn hand_down(&mut self, place: usize) {
        let Some(mut later) = self.bucket(place).cloned() else { return };
        if let Some(bucket) = self.older.iter_mut().take(place).rev().find(|bucket| bucket.priced) {
            bucket.inherit(&mut later);
            bucket.dirty = true;
            self.dirty = true;
            if let Some(bucket) = self.bucket_mut(place) {
                *bucket = later;
            }
        }
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
