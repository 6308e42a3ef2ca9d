//! The corporate action and the rename of a plan: what, of whom, from when.
//!
//! It knows no price. `market.rs` draws it once; `facts.rs` and the candles ask it for factors.

use barkeep_schemas::SessionDate;

use super::universe::Universe;
use crate::chance::{Chance, Stream};

/// What a company does to its shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ActionKind {
    /// Each share becomes two of half the face value.
    Split,
    /// One new share for each held.
    Bonus,
}

/// A corporate action: from its date on a share is worth `held / becomes` of what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CorporateAction {
    /// The instrument's number.
    pub instrument: usize,
    /// The first date on which it trades at the new price.
    pub ex_date: SessionDate,
    /// What sort it is.
    pub kind: ActionKind,
    /// So many shares held before ...
    pub held: i64,
    /// ... are so many from the date on.
    pub becomes: i64,
}

/// A change of tradingsymbol; the token stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rename {
    /// The instrument's number.
    pub instrument: usize,
    /// The first date of the new symbol.
    pub date: SessionDate,
    /// The symbol before.
    pub old: String,
    /// The symbol from then on.
    pub new: String,
}

/// What happens to the companies of a plan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Actions {
    /// Corporate actions.
    pub(super) corporate: Vec<CorporateAction>,
    /// Renames.
    pub(super) renames: Vec<Rename>,
}

/// The fewest days of a plan in which something happens to a company.
const DAYS_MIN: usize = 3;
/// Companies among which both are drawn: the most traded, so that somebody watches.
const AMONG: usize = 150;

impl Actions {
    /// Draws them. Both fall on days after the first simulated one where there are such days, else on days of the history.
    /// A leg of a pair is spared. A plan of fewer than three days or two free companies has none.
    pub(super) fn new(seed: u64, universe: &Universe, days: &[SessionDate], first: usize) -> Self {
        let free = |(number, stock): (usize, &super::universe::Stock)| stock.leg.is_none().then_some(number);
        let mut free: Vec<usize> = universe.stocks.iter().enumerate().filter_map(free).take(AMONG).collect();
        if days.len() < DAYS_MIN || free.len() < 2 {
            return Self::default();
        }
        let mut chance = Chance::new(seed, SessionDate(0), Stream::Actions, 0);
        let (low, high) = if first + 1 < days.len() { (first + 1, days.len() - 1) } else { (1, first) };
        let mut date = || days.get(chance.whole(low as i64, high as i64) as usize).copied().unwrap_or_default();
        let (ex_date, renamed) = (date(), date());
        let kind = if chance.place(2) == 0 { ActionKind::Split } else { ActionKind::Bonus };
        let acting = free.swap_remove(chance.place(free.len()));
        let named = free.get(chance.place(free.len())).copied().unwrap_or(acting);
        let old = universe.stocks.get(named).map(|stock| stock.symbol.clone()).unwrap_or_default();
        let new = format!("{old}NEW");
        Self {
            corporate: vec![CorporateAction { instrument: acting, ex_date, kind, held: 1, becomes: 2 }],
            renames: vec![Rename { instrument: named, date: renamed, old, new }],
        }
    }

    /// How many shares of a date one share of long ago has become.
    pub(super) fn shares(&self, instrument: usize, date: SessionDate) -> i64 {
        let done = self.corporate.iter().filter(|action| action.instrument == instrument && action.ex_date <= date);
        done.map(|action| action.becomes / action.held.max(1)).product()
    }

    /// The rename of an instrument, if it has one.
    pub(super) fn rename(&self, instrument: usize) -> Option<&Rename> {
        self.renames.iter().find(|rename| rename.instrument == instrument)
    }
}
