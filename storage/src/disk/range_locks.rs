//! Byte-range locks between the handles of one file in memory, with the rules of the system's own.
//!
//! A handle never conflicts with itself and releases exactly what it took. Called by the handles of a
//! [`super::MemoryDisk`].

use std::ops::Bound;
use std::sync::{Condvar, Mutex, PoisonError};

/// A range with both ends included; `None` for one that holds no byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Range {
    first: u64,
    last: u64,
}

impl Range {
    pub(super) fn new(start: Bound<u64>, end: Bound<u64>) -> Option<Self> {
        let first = match start {
            Bound::Unbounded => 0,
            Bound::Included(first) => first,
            Bound::Excluded(before) => before.checked_add(1)?,
        };
        let last = match end {
            Bound::Unbounded => u64::MAX,
            Bound::Included(last) => last,
            Bound::Excluded(after) => after.checked_sub(1)?,
        };
        (first <= last).then_some(Self { first, last })
    }

    const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Whether others may hold the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Share {
    Exclusive,
    Shared,
}

#[derive(Debug)]
struct Held {
    owner: u64,
    range: Range,
    share: Share,
}

/// The locks of one file.
#[derive(Debug, Default)]
pub(super) struct RangeLocks {
    held: Mutex<Vec<Held>>,
    freed: Condvar,
}

fn conflicts(held: &[Held], owner: u64, range: Range, share: Share) -> bool {
    held.iter().any(|other| {
        let both_share = share == Share::Shared && other.share == Share::Shared;
        other.owner != owner && !both_share && other.range.overlaps(range)
    })
}

impl RangeLocks {
    /// Takes the range for `owner`; `false` when another has a part of it.
    pub(super) fn try_lock(&self, owner: u64, range: Range, share: Share) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let free = !conflicts(&held, owner, range, share);
        if free {
            held.push(Held { owner, range, share });
        }
        free
    }

    /// Takes the range for `owner`, waiting for others to release it.
    pub(super) fn lock(&self, owner: u64, range: Range, share: Share) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let blocked = |held: &mut Vec<Held>| conflicts(held, owner, range, share);
        let mut held = self.freed.wait_while(held, blocked).unwrap_or_else(PoisonError::into_inner);
        held.push(Held { owner, range, share });
    }

    /// Releases exactly this range.
    pub(super) fn unlock(&self, owner: u64, range: Range) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = held.iter().position(|held| held.owner == owner && held.range == range) {
            held.swap_remove(at);
        }
        drop(held);
        self.freed.notify_all();
    }

    /// Releases everything that `owner` holds.
    pub(super) fn unlock_all(&self, owner: u64) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| held.owner != owner);
        self.freed.notify_all();
    }

    /// Whether an exclusive lock of `owner` would have to wait.
    pub(super) fn would_wait(&self, owner: u64, range: Range) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        conflicts(&held, owner, range, Share::Exclusive)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn range(first: u64, after: u64) -> Range {
        Range::new(Bound::Included(first), Bound::Excluded(after)).unwrap()
    }

    #[test]
    fn ranges_conflict_where_they_overlap_and_one_of_them_is_exclusive() {
        let locks = RangeLocks::default();
        assert!(locks.try_lock(1, range(10, 20), Share::Shared));
        assert!(locks.try_lock(2, range(15, 30), Share::Shared));
        assert!(!locks.try_lock(3, range(19, 21), Share::Exclusive));
        assert!(locks.try_lock(3, range(30, 31), Share::Exclusive), "it touches, it does not overlap");
        assert!(!locks.try_lock(1, range(0, 40), Share::Shared));
        assert!(locks.would_wait(3, range(0, 11)) && !locks.would_wait(1, range(0, 11)));
        locks.unlock(1, range(10, 20));
        assert!(!locks.would_wait(3, range(0, 11)));
        locks.unlock_all(2);
        assert!(locks.try_lock(4, range(0, 30), Share::Exclusive));
        assert_eq!(Range::new(Bound::Included(5), Bound::Excluded(5)), None);
        assert_eq!(Range::new(Bound::Excluded(u64::MAX), Bound::Unbounded), None);
        assert!(Range::new(Bound::Unbounded, Bound::Unbounded).unwrap().overlaps(range(7, 8)));
    }

    #[test]
    fn a_waiting_lock_is_taken_when_the_range_is_released() {
        let locks = Arc::new(RangeLocks::default());
        locks.lock(1, range(0, 9), Share::Exclusive);
        let theirs = locks.clone();
        let waiting = std::thread::spawn(move || theirs.lock(2, range(0, 9), Share::Shared));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        locks.unlock(1, range(0, 9));
        waiting.join().unwrap();
        assert!(!locks.try_lock(1, range(0, 9), Share::Exclusive));
    }
}
