//! Which sessions a tape holds, and who bears which number in each of its segments.
//!
//! What it never does: build a bar, or open a file itself. Who calls it: `recon`, to find the session of a date, and the
//! reading of our side.

use std::collections::BTreeSet;

use barkeep_schemas::{
    BarOrigin, CloseReason, Event, EventKind, Input, Instrument, InstrumentId, SessionDate, SessionOpened,
};
use barkeep_storage::{Filter, ReadError, SegmentInfo, Tape};

/// The most instruments of one segment: a number beyond is not dense.
const INSTRUMENTS_MAX: usize = 1 << 20;

/// A session on the tape.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// The segment that holds it.
    pub segment: SegmentInfo,
    /// How it opened.
    pub opened: Box<SessionOpened>,
    /// The instruments that were listed after it opened and before it closed.
    pub listed: Vec<Instrument>,
    /// How it closed; `None` while it is open.
    pub closed: Option<CloseReason>,
}

impl SessionRecord {
    /// Which session of its date it is, from 1.
    pub fn run(&self) -> u32 {
        self.segment.name.run
    }

    /// Its symbols.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.opened.instruments.iter().chain(&self.listed).map(|instrument| instrument.symbol.as_str())
    }

    /// Whether it has a symbol.
    pub fn has(&self, symbol: &str) -> bool {
        self.symbols().any(|known| known == symbol)
    }
}

/// The sessions of a tape in the order of their positions. A segment that only took in what came later about other
/// dates holds none.
///
/// # Errors
/// [`ReadError`] when a segment cannot be read.
pub fn sessions(tape: &Tape) -> Result<Vec<SessionRecord>, ReadError> {
    let filter = Filter::kinds([EventKind::SessionOpened, EventKind::InstrumentListed, EventKind::SessionClosed]);
    let mut found: Vec<SessionRecord> = Vec::new();
    for segment in tape.segments() {
        let before = found.len();
        for event in tape.scan_segment(segment, &filter) {
            match event? {
                (_, Event::Input(Input::SessionOpened(opened))) if found.len() == before => {
                    found.push(SessionRecord { segment: segment.clone(), opened, listed: Vec::new(), closed: None });
                }
                (_, Event::Input(Input::InstrumentListed(instrument))) => {
                    let own = found.last_mut().filter(|session| session.segment.first_seq == segment.first_seq);
                    if let Some(session) = own.filter(|session| session.closed.is_none()) {
                        session.listed.push(*instrument);
                    }
                }
                (_, Event::Input(Input::SessionClosed(closed))) => {
                    let own = found.last_mut().filter(|session| session.segment.first_seq == segment.first_seq);
                    if let Some(session) = own.filter(|session| session.opened.date == closed.date) {
                        session.closed = Some(closed.reason);
                    }
                }
                (_, Event::Input(_) | Event::Derived(_)) => {}
            }
        }
    }
    Ok(found)
}

/// The dates for which the tape holds bars imported as our own, whether or not it holds a session.
///
/// # Errors
/// [`ReadError`] when a segment cannot be read.
pub fn imported_dates(tape: &Tape) -> Result<BTreeSet<SessionDate>, ReadError> {
    let mut dates = BTreeSet::new();
    for segment in tape.segments() {
        for event in tape.scan_segment(segment, &Filter::kinds([EventKind::OutsideBar])) {
            if let (_, Event::Input(Input::OutsideBar(bar))) = event?
                && bar.origin == BarOrigin::Import
            {
                dates.insert(bar.session_date);
            }
        }
    }
    Ok(dates)
}

/// The symbols of the bars that were imported as our own for a date.
///
/// # Errors
/// [`ReadError`] when a segment cannot be read.
pub fn imported_symbols(tape: &Tape, date: SessionDate) -> Result<BTreeSet<String>, ReadError> {
    let [opened, listed] = Roll::<String>::KINDS;
    let filter = Filter::kinds([opened, listed, EventKind::OutsideBar]);
    let mut symbols = BTreeSet::new();
    for segment in tape.segments() {
        let mut roll = Roll::default();
        for event in tape.scan_segment(segment, &filter) {
            let (_, Event::Input(input)) = event? else { continue };
            roll.take(&input, |instrument| Some(instrument.symbol.clone()));
            if let Input::OutsideBar(bar) = input
                && bar.origin == BarOrigin::Import
                && bar.session_date == date
                && let Some(symbol) = roll.get(bar.instrument).filter(|symbol| !symbols.contains(*symbol))
            {
                symbols.insert(symbol.clone());
            }
        }
    }
    Ok(symbols)
}

/// What is known of the instruments of one segment, by their numbers in it.
#[derive(Clone, Debug)]
pub struct Roll<T> {
    known: Vec<Option<T>>,
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self { known: Vec::new() }
    }
}

impl<T> Roll<T> {
    /// The kinds of events that change a roll.
    pub const KINDS: [EventKind; 2] = [EventKind::SessionOpened, EventKind::InstrumentListed];

    /// Takes an event of the segment; `know` says what is kept of an instrument, `None` when it does not matter.
    pub fn take(&mut self, input: &Input, mut know: impl FnMut(&Instrument) -> Option<T>) {
        if let Input::SessionOpened(opened) = input {
            self.known.clear();
            opened.instruments.iter().for_each(|instrument| self.put(instrument.id, know(instrument)));
        } else if let Input::InstrumentListed(instrument) = input {
            self.put(instrument.id, know(instrument));
        }
    }

    fn put(&mut self, id: InstrumentId, value: Option<T>) {
        if id.index() >= INSTRUMENTS_MAX {
            return;
        }
        if self.known.len() <= id.index() {
            self.known.resize_with(id.index() + 1, || None);
        }
        if let Some(place) = self.known.get_mut(id.index()) {
            *place = value;
        }
    }

    /// What is known of an instrument.
    pub fn get(&self, id: InstrumentId) -> Option<&T> {
        self.known.get(id.index())?.as_ref()
    }
}
