//! The roll of symbols: which instrument a number means in the segment where it stands.
//!
//! What it is: numbers to names, read from `SessionOpened` and `InstrumentListed` only as far as a question needs.
//! What it never does: hold more than one segment's roll, or guess a name. Who calls it: exports, `tape cat` and
//! `tape tail`.

use std::collections::BTreeMap;
use std::sync::Arc;

use barkeep_schemas::{Event, EventKind, Input, Instrument, InstrumentId, Seq};
use barkeep_storage::{Filter, ReadError, Scan, Tape};

/// An instrument's name, with a number that is the same in every segment this roll has read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// The tradingsymbol for NSE, `EXCHANGE:SYMBOL` otherwise; `#12` where no event lists instrument 12.
    pub name: Arc<str>,
    /// Dense, from 0, in the order of first mention.
    pub number: u32,
}

/// Names by instrument number, learned from events as they pass. Knows nothing of segments: a newer listing of a number
/// replaces the older one, and every segment lists its numbers before it uses them.
#[derive(Clone, Default, Debug)]
pub struct Names {
    by_id: BTreeMap<InstrumentId, Arc<str>>,
}

impl Names {
    /// Takes the names out of an event that lists instruments; every other event is passed over.
    pub fn learn(&mut self, event: &Event) {
        for instrument in listed(event) {
            self.by_id.insert(instrument.id, instrument.symbol.as_str().into());
        }
    }

    /// The name of an instrument; `None` when it was not listed.
    pub fn get(&self, id: InstrumentId) -> Option<&Arc<str>> {
        self.by_id.get(&id)
    }
}

/// The roll of the segment that was asked about last.
struct Roll {
    first: Seq,
    end: Seq,
    /// What of the segment has not been read yet; `None` once all has.
    unread: Option<Scan>,
    names: Names,
}

/// The symbols of a tape.
pub struct SymbolBook<'t> {
    tape: &'t Tape,
    numbers: BTreeMap<Arc<str>, u32>,
    roll: Option<Roll>,
}

impl<'t> SymbolBook<'t> {
    /// A book of this tape; nothing is read yet.
    pub fn new(tape: &'t Tape) -> Self {
        Self { tape, numbers: BTreeMap::new(), roll: None }
    }

    /// The symbol that `id` means at `seq`.
    ///
    /// # Errors
    /// [`ReadError`] when the segment cannot be read.
    pub fn symbol(&mut self, seq: Seq, id: InstrumentId) -> Result<Symbol, ReadError> {
        let name = match self.roll_at(seq) {
            Some(roll) => roll.find(id)?,
            None => None,
        };
        let name = name.unwrap_or_else(|| format!("#{}", id.0).into());
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        Ok(Symbol { name, number })
    }

    /// Every name that holds at `seq`.
    ///
    /// # Errors
    /// [`ReadError`] when the segment cannot be read.
    pub fn names_at(&mut self, seq: Seq) -> Result<Names, ReadError> {
        let Some(roll) = self.roll_at(seq) else { return Ok(Names::default()) };
        while roll.read_on()? {}
        Ok(roll.names.clone())
    }

    /// Looks for a symbol in every segment, newest first; the nearest spelling that the tape knows when it has none.
    ///
    /// # Errors
    /// [`ReadError`] when a segment cannot be read.
    pub fn find(&mut self, symbol: &str) -> Result<Found, ReadError> {
        let mut nearest: Option<(usize, Arc<str>)> = None;
        let starts: Vec<Seq> = self.tape.segments().iter().rev().map(|info| info.first_seq).collect();
        for start in starts {
            let Some(roll) = self.roll_at(start) else { continue };
            loop {
                if roll.names.by_id.values().any(|name| &**name == symbol) {
                    return Ok(Found::Yes);
                }
                if !roll.read_on()? {
                    break;
                }
            }
            for name in roll.names.by_id.values() {
                let distance = strsim::damerau_levenshtein(symbol, name);
                if nearest.as_ref().is_none_or(|(best, _)| distance < *best) {
                    nearest = Some((distance, name.clone()));
                }
            }
        }
        Ok(Found::No { nearest: nearest.map(|(_, name)| name) })
    }

    fn roll_at(&mut self, seq: Seq) -> Option<&mut Roll> {
        if !self.roll.as_ref().is_some_and(|roll| roll.first <= seq && seq < roll.end) {
            let info = self.tape.segments().iter().find(|info| info.first_seq <= seq && seq < info.end())?;
            let listings = Filter::kinds([EventKind::SessionOpened, EventKind::InstrumentListed]);
            let unread = Some(self.tape.scan_segment(info, &listings));
            self.roll = Some(Roll { first: info.first_seq, end: info.end(), unread, names: Names::default() });
        }
        self.roll.as_mut()
    }
}

/// Whether a tape knows a symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// It does.
    Yes,
    /// It does not.
    No {
        /// The nearest that it knows; `None` when it knows no instrument.
        nearest: Option<Arc<str>>,
    },
}

impl Roll {
    fn find(&mut self, id: InstrumentId) -> Result<Option<Arc<str>>, ReadError> {
        loop {
            if let Some(name) = self.names.get(id) {
                return Ok(Some(name.clone()));
            }
            if !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// Reads the next event that lists instruments; `false` when there is none.
    fn read_on(&mut self) -> Result<bool, ReadError> {
        match self.unread.as_mut().and_then(Iterator::next) {
            Some(item) => {
                self.names.learn(&item?.1);
                Ok(true)
            }
            None => {
                self.unread = None;
                Ok(false)
            }
        }
    }
}

/// The instruments that an event lists.
pub(super) fn listed(event: &Event) -> &[Instrument] {
    let Event::Input(input) = event else { return &[] };
    match input {
        Input::SessionOpened(opened) => &opened.instruments,
        Input::InstrumentListed(instrument) => std::slice::from_ref(instrument),
        Input::SessionClosed(_)
        | Input::ClockMark(_)
        | Input::Tick(_)
        | Input::FeedGap(_)
        | Input::ConfigChanged(_)
        | Input::ImportStarted(_)
        | Input::ImportFinished(_)
        | Input::OutsideBar(_)
        | Input::OperatorCommand(_)
        | Input::ReconRun(_)
        | Input::ReconDifference(_)
        | Input::FeedReport(_)
        | Input::InstrumentsFetched(_)
        | Input::DeskChanged(_)
        | Input::GatewayReport(_)
        | Input::BrokerOrder(_)
        | Input::BrokerTrade(_)
        | Input::HealRun(_)
        | Input::BarCorrection(_) => &[],
    }
}
