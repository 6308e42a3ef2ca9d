//! Which events `tape cat` and `tape tail` show: raw arguments turned once into a checked selection.
//!
//! Never prints. Positions bound the scan; kinds, times and the symbol filter it.

use anyhow::{Context as _, Result, anyhow, bail};
use barkeep_schemas::{Event, EventKind, Seq, SessionDate};
use barkeep_storage::{Filter, Tape};

use crate::cli::moment;
use crate::mirrors::symbols::{Found, SymbolBook};

/// The filters that `cat` and `tail` share.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Raw {
    /// Only events of these kinds, like tick,bar
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = kind)]
    pub kind: Vec<EventKind>,
    /// Only events about this symbol
    #[arg(long, value_name = "SYMBOL")]
    pub symbol: Option<String>,
    /// From this position, or from this time (IST unless a zone is given); a time leaves out events that have none
    #[arg(long, value_name = "SEQ|TIME")]
    pub from: Option<String>,
    /// Up to this position, itself included, or up to this time, itself left out
    #[arg(long, value_name = "SEQ|TIME")]
    pub to: Option<String>,
    /// Only the segment of this date; times of day are on it
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = moment::date)]
    pub date: Option<SessionDate>,
    /// Which run of that date [default: the newest]
    #[arg(long, value_name = "K", requires = "date", value_parser = clap::value_parser!(u32).range(1..))]
    pub run: Option<u32>,
}

/// A checked selection.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// The first position.
    pub(super) from: Seq,
    /// The last position; `None` for the end of the tape.
    pub(super) to: Option<Seq>,
    /// Kinds and times.
    pub(super) filter: Filter,
    /// The symbol.
    pub(super) symbol: Option<String>,
}

/// Reads a kind by its name; an unknown one is refused with the nearest.
pub(super) fn kind(text: &str) -> Result<EventKind> {
    EventKind::parse(text).ok_or_else(|| {
        let names = EventKind::ALL.iter().map(|kind| kind.name());
        let nearest = names.min_by_key(|name| strsim::damerau_levenshtein(text, name)).unwrap_or_default();
        anyhow!("no event has this kind: did you mean {nearest}?")
    })
}

impl Selection {
    /// Checks the arguments against a tape.
    pub(super) fn new(raw: &Raw, tape: &Tape, book: &mut SymbolBook<'_>) -> Result<Self> {
        let mut selection = Self { from: Seq::FIRST, to: None, filter: Filter::ALL, symbol: raw.symbol.clone() };
        if let Some(date) = raw.date {
            let segment = tape.segment_of(date, raw.run).with_context(|| match raw.run {
                Some(run) => format!("the tape has no run {run} of {date}: `barkeep tape stat` lists what it has"),
                None => format!("the tape has no session of {date}: `barkeep tape stat` lists what it has"),
            })?;
            selection.from = segment.first_seq;
            selection.to = Some(segment.last_seq.unwrap_or(Seq(0)));
        }
        if !raw.kind.is_empty() {
            selection.filter.kinds = Some(raw.kind.iter().copied().collect());
        }
        selection.bound(raw)?;
        if let Some(symbol) = &raw.symbol
            && let Found::No { nearest } = book.find(symbol)?
        {
            let hint = nearest.map_or_else(String::new, |nearest| format!(": did you mean {nearest}?"));
            bail!("the tape knows no symbol '{symbol}'{hint}");
        }
        Ok(selection)
    }

    fn bound(&mut self, raw: &Raw) -> Result<()> {
        let zone = moment::zone("Asia/Kolkata")?;
        if let Some(text) = &raw.from {
            match seq(text) {
                Some(from) => self.from = self.from.max(from),
                None => self.filter.from = Some(moment::moment(text, raw.date, &zone)?),
            }
        }
        if let Some(text) = &raw.to {
            match seq(text) {
                Some(to) => self.to = Some(self.to.map_or(to, |end| end.min(to))),
                None => self.filter.until = Some(moment::moment(text, raw.date, &zone)?),
            }
        }
        Ok(())
    }

    /// Whether an event about `symbol` is shown.
    pub(super) fn admits(&self, event: &Event, symbol: Option<&str>) -> bool {
        self.filter.admits(event) && self.symbol.as_deref().is_none_or(|wanted| symbol == Some(wanted))
    }
}

/// A position is all digits.
fn seq(text: &str) -> Option<Seq> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok().map(Seq) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_refused_with_the_nearest() {
        assert_eq!(kind("tick").ok(), Some(EventKind::Tick));
        let told = kind("volume_rest").map_or_else(|error| error.to_string(), |kind| kind.name().to_owned());
        assert_eq!(told, "no event has this kind: did you mean volume_reset?");
    }

    #[test]
    fn digits_are_a_position_and_everything_else_a_time() {
        assert_eq!((seq("12"), seq("09:30"), seq("2021-06-04 09:30")), (Some(Seq(12)), None, None));
    }
}
