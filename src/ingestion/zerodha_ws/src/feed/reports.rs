//! Reports of what comes often are put together: one of a kind a second, with how many there were.

use std::collections::BTreeMap;

use barkeep_schemas::{FeedHappening, FeedId, FeedReport, Input, Ts};

/// Characters of a detail at most.
const DETAIL_MAX: usize = 160;

/// What waits for the end of the second.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    waiting: BTreeMap<FeedHappening, (u64, String)>,
}

impl Reports {
    /// Counts something; the detail of the first of a second stays.
    pub(super) fn count(&mut self, what: FeedHappening, count: u64, detail: impl FnOnce() -> String) {
        self.waiting.entry(what).or_insert_with(|| (0, detail())).0 += count;
    }

    /// Everything that waits.
    pub(super) fn take(&mut self, feed: FeedId, now: Ts) -> impl Iterator<Item = Input> + use<> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        waiting.map(move |(what, (count, detail))| report(feed, now, what, count, &detail))
    }
}

/// A report as an input; a long detail is cut.
pub(super) fn report(feed: FeedId, ts: Ts, what: FeedHappening, count: u64, detail: &str) -> Input {
    let printable = detail.chars().map(|c| if c.is_control() { ' ' } else { c });
    let detail = printable.take(DETAIL_MAX).collect();
    Input::FeedReport(Box::new(FeedReport { feed, ts, what, count, detail }))
}
