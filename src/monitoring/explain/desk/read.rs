//! A session's desk as the tape holds it: setups, marks, signals, orders, decisions and fills.

use std::collections::BTreeMap;

use barkeep_schemas::{
    Derived, DeskSetup, EntryRefused, Event, EventKind, Fill, Input, InstrumentId, Leg, OrderCreated, OrderId,
    OrderMoved, PairId, PairMark, PairMoved, PairSpec, RiskDecision, Seq, SessionOpened, Signal,
};
use barkeep_storage::{Filter, ReadError, SegmentInfo, Tape};

/// All that the tape says of the desk in one session.
#[derive(Debug)]
pub struct DeskDay {
    pub(super) segment: SegmentInfo,
    /// The session, and where it was opened.
    pub(super) opened: SessionOpened,
    pub(super) opened_at: Seq,
    /// Setups by the input that brought them: the session's own first, then those that the engine took.
    pub(super) setups: BTreeMap<Seq, DeskSetup>,
    pub(super) symbols: Vec<String>,
    pub(super) lots: Vec<u32>,
    pub(super) marks: BTreeMap<Seq, PairMark>,
    pub(super) signals: BTreeMap<Seq, Signal>,
    /// Signals that were not followed, by the signal.
    pub(super) refused: BTreeMap<Seq, EntryRefused>,
    pub(super) orders: BTreeMap<OrderId, (Seq, OrderCreated)>,
    pub(super) decisions: BTreeMap<OrderId, (Seq, RiskDecision)>,
    pub(super) moves: Vec<(Seq, OrderMoved)>,
    pub(super) fills: Vec<(Seq, Fill)>,
    pub(super) pair_moves: Vec<(Seq, PairMoved)>,
}

/// What the desk's events are.
const KINDS: [EventKind; 13] = [
    EventKind::SessionOpened,
    EventKind::InstrumentListed,
    EventKind::DeskChanged,
    EventKind::InputRefused,
    EventKind::PairMark,
    EventKind::Signal,
    EventKind::EntryRefused,
    EventKind::OrderCreated,
    EventKind::RiskDecision,
    EventKind::OrderMoved,
    EventKind::Fill,
    EventKind::PairMoved,
    EventKind::SessionClosed,
];

impl DeskDay {
    /// Reads the session of a segment; `None` when it holds none that traded.
    ///
    /// # Errors
    /// [`ReadError`] when the tape cannot be read.
    pub fn read(tape: &Tape, segment: &SegmentInfo) -> Result<Option<Self>, ReadError> {
        let mut day: Option<Self> = None;
        for item in tape.scan_segment(segment, &Filter::kinds(KINDS)) {
            let (seq, event) = item?;
            match (&mut day, event) {
                (day @ None, Event::Input(Input::SessionOpened(opened))) => {
                    *day = Self::open(segment, seq, *opened);
                    if day.is_none() {
                        return Ok(None);
                    }
                }
                (None, _) => {}
                (Some(day), Event::Input(input)) => day.input(seq, input),
                (Some(day), Event::Derived(derived)) => day.derived(seq, derived),
            }
        }
        Ok(day)
    }

    fn open(segment: &SegmentInfo, seq: Seq, opened: SessionOpened) -> Option<Self> {
        let setup = opened.desk.as_ref()?.setup.clone();
        Some(Self {
            segment: segment.clone(),
            opened_at: seq,
            setups: BTreeMap::from([(seq, setup)]),
            symbols: opened.instruments.iter().map(|instrument| instrument.symbol.clone()).collect(),
            lots: opened.instruments.iter().map(|instrument| instrument.lot_size).collect(),
            opened,
            marks: BTreeMap::new(),
            signals: BTreeMap::new(),
            refused: BTreeMap::new(),
            orders: BTreeMap::new(),
            decisions: BTreeMap::new(),
            moves: Vec::new(),
            fills: Vec::new(),
            pair_moves: Vec::new(),
        })
    }

    fn input(&mut self, seq: Seq, input: Input) {
        if let Input::InstrumentListed(instrument) = input {
            self.symbols.push(instrument.symbol);
            self.lots.push(instrument.lot_size);
        } else if let Input::DeskChanged(setup) = input {
            self.setups.insert(seq, *setup);
        }
    }

    fn derived(&mut self, seq: Seq, derived: Derived) {
        if let Derived::InputRefused(refused) = derived {
            // A setup that the engine did not take; that of the session itself is never this one's cause here.
            if refused.cause != self.opened_at {
                self.setups.remove(&refused.cause);
            }
        } else if let Derived::PairMark(mark) = derived {
            self.marks.insert(seq, *mark);
        } else if let Derived::Signal(signal) = derived {
            self.signals.insert(seq, *signal);
        } else if let Derived::EntryRefused(refused) = derived {
            self.refused.insert(refused.signal, *refused);
        } else if let Derived::OrderCreated(order) = derived {
            self.orders.insert(order.id, (seq, *order));
        } else if let Derived::RiskDecision(decision) = derived {
            self.decisions.insert(decision.order, (seq, *decision));
        } else if let Derived::OrderMoved(moved) = derived {
            self.moves.push((seq, *moved));
        } else if let Derived::Fill(fill) = derived {
            self.fills.push((seq, *fill));
        } else if let Derived::PairMoved(moved) = derived {
            self.pair_moves.push((seq, *moved));
        }
    }

    /// The setup in force at a position, and where it came in.
    pub(super) fn setup(&self, at: Seq) -> Option<(Seq, &DeskSetup)> {
        self.setups.range(..=at).next_back().map(|(seq, setup)| (*seq, setup))
    }

    /// A pair as it was traded at a position.
    pub(super) fn spec(&self, pair: PairId, at: Seq) -> Option<&PairSpec> {
        self.setup(at)?.1.pairs.iter().find(|spec| spec.id == pair)
    }

    /// A pair's name.
    pub(super) fn pair_name(&self, pair: PairId) -> String {
        self.spec(pair, Seq(u64::MAX)).map_or_else(|| format!("pair {}", pair.0), |spec| spec.name.clone())
    }

    /// An instrument's symbol.
    pub(super) fn symbol(&self, instrument: InstrumentId) -> &str {
        self.symbols.get(instrument.index()).map_or("?", String::as_str)
    }

    /// Shares in one lot of an instrument.
    pub(super) fn lot(&self, instrument: InstrumentId) -> i64 {
        self.lots.get(instrument.index()).map_or(1, |lot| i64::from(*lot).max(1))
    }

    /// The fills of a leg before a position, in order.
    pub(super) fn fills_before(&self, pair: PairId, leg: Leg, at: Seq) -> impl Iterator<Item = (Seq, &Fill)> {
        let of_leg = move |fill: &Fill| fill.order.pair == pair && fill.order.leg == leg;
        self.fills.iter().filter(move |(seq, fill)| *seq < at && of_leg(fill)).map(|(seq, fill)| (*seq, fill))
    }
}
