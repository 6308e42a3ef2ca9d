//! Which events a reader wants. Never looks into a file; called by scans, which use it to skip whole rows.

use barkeep_schemas::{Derived, Event, EventKind, InstrumentId, Timeframe, Ts};

use crate::instruments::InstrumentSet;

/// A set of event kinds, a bit for each of the 256 codes. On disk its 32 bytes are the codes in order, lowest bit first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KindSet([u64; 4]);

impl KindSet {
    /// No kind.
    pub const EMPTY: Self = Self([0; 4]);

    /// Adds the kind with this code.
    pub(crate) fn insert_code(&mut self, code: u8) {
        if let Some(word) = self.0.get_mut(usize::from(code / 64)) {
            *word |= 1 << (code % 64);
        }
    }

    /// Adds a kind.
    pub fn insert(&mut self, kind: EventKind) {
        self.insert_code(kind.code());
    }

    /// Whether the kind with this code is a member.
    pub fn contains_code(&self, code: u8) -> bool {
        self.0.get(usize::from(code / 64)).is_some_and(|word| word & 1 << (code % 64) != 0)
    }

    /// Whether a kind is a member.
    pub fn contains(&self, kind: EventKind) -> bool {
        self.contains_code(kind.code())
    }

    /// Whether the two sets share a member.
    pub fn intersects(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    /// The four words, lowest codes first.
    pub(crate) const fn words(self) -> [u64; 4] {
        self.0
    }

    /// The set of four words.
    pub(crate) const fn from_words(words: [u64; 4]) -> Self {
        Self(words)
    }
}

impl FromIterator<EventKind> for KindSet {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        let mut set = Self::EMPTY;
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

/// What a scan lets through. The default lets everything through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Only events of these kinds; `None` for every kind.
    pub kinds: Option<KindSet>,
    /// Only events about this instrument of the segment; events about none are then left out.
    pub instrument: Option<InstrumentId>,
    /// Of the engine's bars only those of this timeframe; events of other kinds are not asked.
    pub tf: Option<Timeframe>,
    /// Only events at or after this moment by [`Event::ts`]; events without a time are then left out.
    pub from: Option<Ts>,
    /// Only events before this moment by [`Event::ts`]; events without a time are then left out.
    pub until: Option<Ts>,
}

impl Filter {
    /// Everything.
    pub const ALL: Self = Self { kinds: None, instrument: None, tf: None, from: None, until: None };

    /// Only these kinds.
    pub fn kinds(kinds: impl IntoIterator<Item = EventKind>) -> Self {
        Self { kinds: Some(kinds.into_iter().collect()), ..Self::ALL }
    }

    /// Whether events of the kind with this code can pass.
    pub(crate) fn admits_code(&self, code: u8) -> bool {
        self.kinds.is_none_or(|kinds| kinds.contains_code(code))
    }

    /// Whether an event passes.
    pub fn admits(&self, event: &Event) -> bool {
        self.admits_code(event.kind().code())
            && self.admits_instrument(event.instrument())
            && self.admits_tf(event)
            && self.admits_time(event.ts())
    }

    /// Whether an event about this instrument passes, all else aside.
    pub(crate) fn admits_instrument(&self, instrument: Option<InstrumentId>) -> bool {
        self.instrument.is_none() || self.instrument == instrument
    }

    /// Whether an event's timeframe passes, all else aside.
    pub(crate) fn admits_tf(&self, event: &Event) -> bool {
        match event {
            Event::Derived(Derived::Bar(bar)) => self.tf.is_none_or(|tf| bar.tf == tf),
            Event::Derived(_) | Event::Input(_) => true,
        }
    }

    /// Whether anything is left out.
    pub(crate) const fn is_selective(&self) -> bool {
        self.kinds.is_some() || self.instrument.is_some() || self.tf.is_some() || self.has_times()
    }

    /// Whether times matter.
    pub(crate) const fn has_times(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }

    /// Whether an event with this time passes, its kind aside.
    pub(crate) fn admits_time(&self, ts: Option<Ts>) -> bool {
        if !self.has_times() {
            return true;
        }
        ts.is_some_and(|ts| self.from.is_none_or(|from| ts >= from) && self.until.is_none_or(|until| ts < until))
    }

    /// Whether a row that holds events about these instruments can hold one that passes, all else aside.
    pub(crate) fn may_admit_any_of(&self, instruments: &InstrumentSet<'_>) -> bool {
        self.instrument.is_none_or(|instrument| instruments.may_contain(instrument))
    }

    /// Whether a row with these kinds and this first and last event time can hold an event that passes.
    pub(crate) fn may_admit(&self, kinds: &KindSet, times: Option<(Ts, Ts)>) -> bool {
        if self.kinds.is_some_and(|wanted| !wanted.intersects(kinds)) {
            return false;
        }
        if !self.has_times() {
            return true;
        }
        times.is_some_and(|(min, max)| {
            self.from.is_none_or(|from| max >= from) && self.until.is_none_or(|until| min < until)
        })
    }
}
