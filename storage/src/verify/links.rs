//! The chain recomputed over events and compared with the links that are stored.
//!
//! Never stops at a difference: it goes on from the stored link, so that each wrong link is told once. Called by the walk
//! through a segment.

use barkeep_schemas::{Event, Hash32, Seq};

use crate::chain::{Chain, LINK_EVENTS};

/// The positions of a link that is not what is stored, first and last.
pub(super) type WrongLink = (Seq, Seq);

/// The chain of one segment.
pub(super) struct LinkCheck {
    first: Seq,
    /// `None` after events that could not be read, until the next stored link, and in segments without a chain.
    chain: Option<Chain>,
    /// Positions whose hash is asked for, descending.
    wanted: Vec<Seq>,
    pub(super) hashes: Vec<(Seq, Hash32)>,
}

impl LinkCheck {
    /// The chain of a segment that begins at `first` after the hash `previous`; `None` where there is no chain.
    pub(super) fn new(first: Seq, previous: Option<Hash32>, wanted: &[Seq]) -> Self {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable_by(|a, b| b.cmp(a));
        Self { first, chain: previous.map(|link| Chain::new(first, link)), wanted, hashes: Vec::new() }
    }

    /// Says that the events before the next ones are not known.
    pub(super) fn lose(&mut self) {
        self.chain = None;
    }

    /// The hash at the last event; `None` when it is not known.
    pub(super) fn hash_at_end(&self) -> Option<Hash32> {
        self.chain.as_ref().map(Chain::hash_at_end)
    }

    /// Adds the events from position `at` on. `stored` are the links that end in them, where links are stored. The first
    /// number is how many should be.
    pub(super) fn take(&mut self, at: Seq, events: &[Event], stored: Option<&[Hash32]>) -> (usize, Vec<WrongLink>) {
        let (mut next, mut rest, mut ended, mut wrong) = (at, events, 0, Vec::new());
        while !rest.is_empty() {
            let boundary = self.boundary_after(next);
            let count = (self.stop(next, boundary).0 - next.0).min(rest.len() as u64);
            let (now, later) = rest.split_at_checked(count as usize).unwrap_or((rest, &[]));
            let mut made = None;
            if let Some(chain) = &mut self.chain {
                chain.extend(now, |_, link| made = Some(link));
            }
            (next, rest) = (next.plus(count), later);
            self.note(next);
            if next == boundary {
                let link = stored.and_then(|links| links.get(ended)).copied();
                ended += 1;
                match (made, link) {
                    (Some(made), Some(link)) if made != link => {
                        wrong.push((Seq(boundary.0 - LINK_EVENTS), Seq(boundary.0 - 1)));
                        self.chain = Some(Chain::new(boundary, link));
                    }
                    (None, Some(link)) => self.chain = Some(Chain::new(boundary, link)),
                    (Some(_) | None, None) | (Some(_), Some(_)) => {}
                }
            }
        }
        (ended, wrong)
    }

    /// The first position of the link after the one that holds `seq`.
    fn boundary_after(&self, seq: Seq) -> Seq {
        self.first.plus((seq.0.saturating_sub(self.first.0) / LINK_EVENTS + 1) * LINK_EVENTS)
    }

    /// Where the next piece ends: at the boundary, or behind a position that is asked for.
    fn stop(&mut self, next: Seq, boundary: Seq) -> Seq {
        while self.wanted.last().is_some_and(|seq| *seq < next) {
            self.wanted.pop();
        }
        self.wanted.last().map_or(boundary, |seq| seq.plus(1).min(boundary))
    }

    fn note(&mut self, next: Seq) {
        let at = Seq(next.0.saturating_sub(1));
        if self.wanted.last() == Some(&at)
            && let Some(hash) = self.hash_at_end()
        {
            self.hashes.push((at, hash));
        }
    }
}

#[cfg(test)]
mod tests {
    use barkeep_schemas::{ClockMark, FeedId, Input, Ts};

    use super::*;

    fn events(from: u64, count: u64) -> Vec<Event> {
        let mark = |n| Event::Input(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::new(n as i64) }));
        (from..from + count).map(mark).collect()
    }

    /// The links and the last hash of the events 101 to 5,000.
    fn chain() -> (Vec<Hash32>, Hash32) {
        let (mut chain, mut links) = (Chain::new(Seq(101), Hash32([9; 32])), Vec::new());
        chain.extend(&events(101, 4_900), |_, link| links.push(link));
        (links, chain.hash_at_end())
    }

    #[test]
    fn links_are_compared_however_the_events_come() {
        let (links, last) = chain();
        for size in [1_u64, 100, 1_024, 3_000, 4_900] {
            let mut check = LinkCheck::new(Seq(101), Some(Hash32([9; 32])), &[Seq(5_000), Seq(1_124), Seq(150)]);
            let (mut at, mut seen) = (101, 0);
            while at <= 5_000 {
                let count = size.min(5_001 - at);
                let (ended, wrong) = check.take(Seq(at), &events(at, count), links.get(seen..));
                assert!(wrong.is_empty(), "{size}: {wrong:?}");
                (at, seen) = (at + count, seen + ended);
            }
            assert_eq!((seen, check.hash_at_end()), (links.len(), Some(last)));
            let asked: Vec<u64> = check.hashes.iter().map(|(seq, _)| seq.0).collect();
            assert_eq!(asked, [150, 1_124, 5_000]);
            assert_eq!((check.hashes[1].1, check.hashes[2].1), (links[0], last));
        }
    }

    #[test]
    fn a_changed_event_is_told_once_and_the_check_goes_on_from_the_stored_link() {
        let (links, last) = chain();
        let mut changed = events(101, 4_900);
        changed[2_000] = events(1, 1)[0].clone();
        let mut check = LinkCheck::new(Seq(101), Some(Hash32([9; 32])), &[]);
        let (ended, wrong) = check.take(Seq(101), &changed, Some(&links));
        assert_eq!((ended, wrong), (4, vec![(Seq(1_125), Seq(2_148))]));
        assert_eq!(check.hash_at_end(), Some(last));
    }

    #[test]
    fn after_events_that_are_not_known_it_goes_on_at_the_next_stored_link() {
        let (links, last) = chain();
        let mut check = LinkCheck::new(Seq(101), Some(Hash32([9; 32])), &[]);
        check.take(Seq(101), &events(101, 100), Some(&[]));
        check.lose();
        let (ended, wrong) = check.take(Seq(1_500), &events(1_500, 3_501), Some(&links[1..]));
        assert_eq!((ended, wrong.len(), check.hash_at_end()), (3, 0, Some(last)));
    }
}
