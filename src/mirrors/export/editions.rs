//! Which edition of each key is the newest, in memory that grows with the editions that repeat, not with the bars.
//!
//! What it is: one bit for each second of each series that was seen, and a position for each key that came more than
//! once. What it never does: hold a bar. Who calls it: the projections that show the newest edition, once in a first
//! pass that notes and once in a second that asks.

use std::collections::BTreeMap;

use barkeep_schemas::{Seq, Ts};

/// Seconds in one word of bits.
const WORD_SECS: i64 = 64;

/// The editions noted so far. A key is a series (a symbol, or a symbol and a timeframe) and a whole second.
#[derive(Default, Debug)]
pub(super) struct Editions {
    seen: BTreeMap<(u32, i64), u64>,
    /// The newest position of each key that was noted more than once.
    repeated: BTreeMap<(u32, i64), Seq>,
}

impl Editions {
    /// Notes an edition; they come in the order of their positions.
    pub(super) fn note(&mut self, series: u32, start: Ts, seq: Seq) {
        let (word, bit) = place(start);
        let word = self.seen.entry((series, word)).or_insert(0);
        if *word & bit != 0 {
            self.repeated.insert((series, start.secs()), seq);
        }
        *word |= bit;
    }

    /// Whether a key was noted.
    pub(super) fn contains(&self, series: u32, start: Ts) -> bool {
        let (word, bit) = place(start);
        self.seen.get(&(series, word)).is_some_and(|word| word & bit != 0)
    }

    /// Whether the edition at `seq`, which was noted, is the newest of its key.
    pub(super) fn is_newest(&self, series: u32, start: Ts, seq: Seq) -> bool {
        self.repeated.get(&(series, start.secs())).is_none_or(|newest| *newest == seq)
    }
}

fn place(start: Ts) -> (i64, u64) {
    (start.secs().div_euclid(WORD_SECS), 1 << start.secs().rem_euclid(WORD_SECS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_edition_of_a_key_is_the_newest_and_series_do_not_mix() {
        let mut editions = Editions::default();
        for (series, secs, seq) in [(0, 60, 1), (1, 60, 2), (0, 120, 3), (0, 60, 4), (0, -1, 5), (0, 60, 6)] {
            editions.note(series, Ts::from_secs(secs), Seq(seq));
        }
        let newest = |series, secs, seq| editions.is_newest(series, Ts::from_secs(secs), Seq(seq));
        assert_eq!([newest(0, 60, 1), newest(0, 60, 4), newest(0, 60, 6)], [false, false, true]);
        assert!(newest(1, 60, 2) && newest(0, 120, 3) && newest(0, -1, 5));
        assert!(editions.contains(0, Ts::from_secs(-1)) && !editions.contains(1, Ts::from_secs(-1)));
    }
}
