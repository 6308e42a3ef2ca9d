//! What changed from one list to another, for the instruments of the desk.

use barkeep_schemas::{InstrumentChange, InstrumentChangeKind};

use super::{Entry, Listing, text};

impl Listing {
    /// What changed to `after` about the `wanted` symbols, in their order. Of one that is gone the likeliest reason is
    /// told: a rename, another series, or neither.
    pub fn changes(&self, after: &Self, wanted: &[&str]) -> Vec<InstrumentChange> {
        let mut changes = Vec::new();
        for symbol in wanted {
            match (self.entry(symbol), after.entry(symbol)) {
                (Some(old), Some(new)) => self.differences(old, after, new, symbol, &mut changes),
                (Some(old), None) => changes.push(self.gone(old, after, symbol)),
                (None, Some(new)) => {
                    let token = new.listed.token.to_string();
                    changes.push(change(symbol, InstrumentChangeKind::Listed, String::new(), token));
                }
                (None, None) => {}
            }
        }
        changes
    }

    fn differences(&self, old: &Entry, after: &Self, new: &Entry, symbol: &str, changes: &mut Vec<InstrumentChange>) {
        use InstrumentChangeKind::{LotSize, NewToken, Series, TickSize};
        let (was, is) = (&old.listed, &new.listed);
        let series = (text(&self.series, old.series).to_owned(), text(&after.series, new.series).to_owned());
        let told = [
            (NewToken, was.token.to_string(), is.token.to_string()),
            (Series, series.0, series.1),
            (TickSize, was.tick_size.to_string(), is.tick_size.to_string()),
            (LotSize, was.lot_size.to_string(), is.lot_size.to_string()),
        ];
        let told = told.into_iter().filter(|(_, before, after)| before != after);
        changes.extend(told.map(|(what, before, after)| change(symbol, what, before, after)));
    }

    fn gone(&self, old: &Entry, after: &Self, symbol: &str) -> InstrumentChange {
        let exchange = self.key(old).0;
        let mut others = after.entries.iter().filter(|new| after.key(new).0 == exchange);
        let heir = others.clone().find(|new| new.listed.token == old.listed.token && self.inherits(old, after, new));
        if let Some(heir) = heir {
            return change(symbol, InstrumentChangeKind::Renamed, symbol.to_owned(), after.symbol(heir));
        }
        // Another series is a suffix of two letters: `IDEA-BE`. `BL` is none, but the window for blocks of any stock.
        let plain = self.span(old.symbol).rsplit_once('-').filter(|(_, series)| series.len() == 2);
        let plain = plain.map_or_else(|| self.span(old.symbol), |(plain, _)| plain);
        let other_series = others.find(|new| {
            let rest = after.span(new.symbol).strip_prefix(plain);
            let is_series = |rest: &str| rest.len() == 3 && rest.starts_with('-') && rest != "-BL";
            let suffixed = rest.is_some_and(|rest| rest.is_empty() || is_series(rest));
            suffixed && after.span(new.name) == self.span(old.name)
        });
        if let Some(new) = other_series {
            return change(symbol, InstrumentChangeKind::Series, symbol.to_owned(), after.symbol(new));
        }
        change(symbol, InstrumentChangeKind::Missing, old.listed.token.to_string(), String::new())
    }

    /// Whether the same token means the same instrument: the company's name is the same, or the symbol is new and of the
    /// same series. An old symbol of another company that now has the token is another instrument.
    fn inherits(&self, old: &Entry, after: &Self, new: &Entry) -> bool {
        let same_name = self.span(old.name) == after.span(new.name);
        let is_new = self.entry(&after.symbol(new)).is_none();
        let same_series = text(&self.series, old.series) == text(&after.series, new.series);
        same_name || is_new && same_series
    }
}

fn change(symbol: &str, what: InstrumentChangeKind, before: String, after: String) -> InstrumentChange {
    InstrumentChange { symbol: symbol.to_owned(), what, before, after }
}
