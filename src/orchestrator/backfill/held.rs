//! What the tape already holds of the broker's minutes: by symbol and day.
//!
//! A day counts when an import that was finished brought a minute of it, or asked the broker for it and got none.

use std::collections::{BTreeSet, HashMap};

use barkeep_schemas::{
    BarOrigin, Event, EventKind, Hash32, Input, Instrument, InstrumentId, Seq, SessionDate, Timeframe,
};
use barkeep_storage::{Filter, ReadError, Tape};

use super::record::Covered;

/// What is there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// Places of symbols and dates.
    days: BTreeSet<(usize, SessionDate)>,
    /// Spans that were asked for, by the place of the symbol.
    spans: Vec<(usize, SessionDate, SessionDate)>,
}

impl Held {
    /// Whether a day of a symbol is there.
    pub fn has(&self, symbol: usize, date: SessionDate) -> bool {
        let spans =
            |(place, from, to): &(usize, SessionDate, SessionDate)| *place == symbol && (*from..=*to).contains(&date);
        self.days.contains(&(symbol, date)) || self.spans.iter().any(spans)
    }
}

/// An import on the way through the tape.
#[derive(Default)]
struct Begun {
    days: BTreeSet<(usize, SessionDate)>,
    span: Option<(usize, SessionDate, SessionDate)>,
}

/// Reads what the tape holds of some symbols.
///
/// # Errors
/// [`ReadError`] when the tape cannot be read.
pub fn held(tape: &Tape, symbols: &[String]) -> Result<Held, ReadError> {
    let places: HashMap<&str, usize> = symbols.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let kinds = Filter::kinds([
        EventKind::SessionOpened,
        EventKind::InstrumentListed,
        EventKind::ImportStarted,
        EventKind::ImportFinished,
        EventKind::OutsideBar,
    ]);
    let mut held = Held::default();
    let mut begun: HashMap<Seq, Begun> = HashMap::new();
    let mut last: HashMap<Hash32, Seq> = HashMap::new();
    for segment in tape.segments() {
        // Numbers of instruments hold within a segment.
        let mut numbers: HashMap<InstrumentId, usize> = HashMap::new();
        for event in tape.scan_segment(segment, &kinds) {
            let (seq, event) = event?;
            let mut know = |instrument: &Instrument| {
                if let Some(place) = places.get(instrument.symbol.as_str()) {
                    numbers.insert(instrument.id, *place);
                }
            };
            match event {
                Event::Input(Input::SessionOpened(opened)) => opened.instruments.iter().for_each(know),
                Event::Input(Input::InstrumentListed(instrument)) => know(&instrument),
                Event::Input(Input::ImportStarted(started)) => {
                    let span = Covered::parse(&started.mapping)
                        .and_then(|covered| Some((*places.get(covered.symbol)?, covered.from, covered.to)));
                    begun.insert(seq, Begun { span, ..Begun::default() });
                    last.insert(started.id, seq);
                }
                Event::Input(Input::OutsideBar(bar)) if bar.origin == BarOrigin::Broker && bar.tf == Timeframe::M1 => {
                    if let (Some(place), Some(import)) = (numbers.get(&bar.instrument), begun.get_mut(&bar.import)) {
                        import.days.insert((*place, bar.session_date));
                    }
                }
                Event::Input(Input::ImportFinished(finished)) => {
                    if let Some(import) = last.get(&finished.id).and_then(|seq| begun.remove(seq)) {
                        held.days.extend(import.days);
                        held.spans.extend(import.span);
                    }
                }
                Event::Input(_) | Event::Derived(_) => {}
            }
        }
    }
    Ok(held)
}
