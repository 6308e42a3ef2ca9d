//! The chain: a fill from its order and the snapshot, an order from its decision and signal, a signal from its mark, a
//! mark from two bars, a bar from its ticks.

use std::collections::BTreeMap;

use barkeep_schemas::{Event, Leg, OrderId, PairMark, Purpose, Seq, SignalReason, Ts};
use barkeep_storage::{Filter, ReadError, Tape};

use super::find::{self, DeskError};
use super::money::Decision;
use super::read::DeskDay;
use super::{Chain, Checked, Clock, money, signal, statistics, words};
use crate::monitoring::explain::day::{InstrumentDay, read};
use crate::monitoring::explain::{BarQuestion, ExplainError, Node, explain_bar};

/// Builds the tree of one question and does its arithmetic.
struct Builder<'a> {
    tape: &'a Tape,
    day: &'a DeskDay,
    clock: Clock,
    /// Instruments that were read already.
    instruments: BTreeMap<String, InstrumentDay>,
    checked: Vec<Checked>,
    notes: Vec<String>,
    bars_agree: bool,
}

/// Explains a fill by its trade: `ORDER-N`, or the exchange's number.
///
/// # Errors
/// [`DeskError`] when there is none; the message says what is nearby.
pub fn explain_fill(tape: &Tape, trade: &str, clock: Clock) -> Result<Chain, DeskError> {
    let (day, at) = find::day_of_trade(tape, trade)?;
    let mut builder = Builder::new(tape, &day, clock);
    let tree = builder.fill(at)?;
    Ok(builder.finish(tree))
}

/// Explains an order by its id.
///
/// # Errors
/// [`DeskError`] when there is none; the message says what is nearby.
pub fn explain_order(tape: &Tape, id: &str, clock: Clock) -> Result<Chain, DeskError> {
    let id = find::order_id(id)?;
    let day = find::day_at(tape, id.cause)?;
    if !day.orders.contains_key(&id) {
        return Err(find::no_order(&day, id, clock));
    }
    let mut builder = Builder::new(tape, &day, clock);
    let tree = builder.order(id)?;
    for (_, fill) in day.fills.iter().filter(|(_, fill)| fill.order == id) {
        builder.notes.push(words::fill(&day, fill, clock));
    }
    Ok(builder.finish(tree))
}

/// Explains the signal at a position.
///
/// # Errors
/// [`DeskError`] when there is none; the message says what is nearby.
pub fn explain_signal(tape: &Tape, at: Seq, clock: Clock) -> Result<Chain, DeskError> {
    let day = find::day_at(tape, at)?;
    if !day.signals.contains_key(&at) {
        return Err(find::no_signal(&day, at, clock));
    }
    let mut builder = Builder::new(tape, &day, clock);
    let tree = builder.signal(at)?;
    builder.notes.extend(day.refused.get(&at).map(words::refused));
    for (_, order) in day.orders.values().filter(|(_, order)| order.signal == Some(at)) {
        builder.notes.push(format!("it made order {}", words::order_short(&day, order, clock)));
    }
    Ok(builder.finish(tree))
}

/// The risk manager's decision on an order, by its id.
///
/// # Errors
/// [`DeskError`] when there is no such order, or nothing was decided on it; the message says what is nearby.
pub fn explain_decision(tape: &Tape, id: &str, clock: Clock) -> Result<Decision, DeskError> {
    let id = find::order_id(id)?;
    let day = find::day_at(tape, id.cause)?;
    money::decision(&day, id).ok_or_else(|| find::no_order(&day, id, clock))
}

fn node(seq: Seq, kind: &str, text: String, inputs: Vec<Node>) -> Node {
    Node { seq, kind: kind.to_owned(), text, inputs }
}

impl<'a> Builder<'a> {
    fn new(tape: &'a Tape, day: &'a DeskDay, clock: Clock) -> Self {
        let (checked, notes) = (Vec::new(), Vec::new());
        Self { tape, day, clock, instruments: BTreeMap::new(), checked, notes, bars_agree: true }
    }

    fn finish(self, tree: Node) -> Chain {
        let agrees = self.bars_agree && self.checked.iter().flat_map(|checked| &checked.sums).all(|sum| sum.agrees);
        let (date, run) = (self.day.opened.date, self.day.opened.run);
        Chain { date, run, tree, agrees, arithmetic: self.checked, notes: self.notes }
    }

    /// The event at a position as a leaf; nothing where the tape has none there.
    fn leaf(&self, seq: Seq) -> Result<Option<Node>, ReadError> {
        let Some(event) = self.tape.scan(seq, Some(seq), &Filter::ALL).next() else { return Ok(None) };
        let (seq, event) = event?;
        if matches!(event, Event::Derived(_)) {
            return Ok(None);
        }
        Ok(Some(node(seq, event.kind().name(), words::leaf(self.day, &event, self.clock), Vec::new())))
    }

    /// The setup that was in force, as a leaf.
    fn setup(&self, at: Seq) -> Result<Option<Node>, ReadError> {
        match self.day.setup(at) {
            Some((seq, _)) => self.leaf(seq),
            None => Ok(None),
        }
    }

    fn fill(&mut self, at: Seq) -> Result<Node, DeskError> {
        let day = self.day;
        let Some((_, fill)) = day.fills.iter().find(|(seq, _)| *seq == at) else {
            return Ok(node(at, "fill", "not there".to_owned(), Vec::new()));
        };
        self.checked.extend(money::fill(day, at));
        let mut inputs: Vec<Node> = self.leaf(fill.cause)?.into_iter().collect();
        if day.orders.contains_key(&fill.order) {
            inputs.push(self.order(fill.order)?);
        }
        inputs.extend(self.setup(at)?);
        Ok(node(at, "fill", words::fill(day, fill, self.clock), inputs))
    }

    fn order(&mut self, id: OrderId) -> Result<Node, DeskError> {
        let day = self.day;
        let Some((seq, order)) = day.orders.get(&id) else {
            return Ok(node(id.cause, "order", format!("order {id} is not there"), Vec::new()));
        };
        self.checked.extend(money::size(day, id));
        let mut inputs = Vec::new();
        if let Some((at, decision)) = day.decisions.get(&id) {
            self.checked.extend(money::checks_again(day, id));
            let of: Vec<Node> = self.setup(*at)?.into_iter().collect();
            inputs.push(node(*at, "risk_decision", words::decision(day, decision), of));
        }
        inputs.extend(self.leaf(order.reference_tick)?);
        match order.signal {
            Some(signal) => inputs.push(self.signal(signal)?),
            // An unwind that no signal asked for: what happened in the same step did.
            None => inputs.extend(self.leaf(order.cause)?),
        }
        match order.purpose {
            Purpose::Entry => {}
            Purpose::Exit | Purpose::Unwind => inputs.extend(self.holding(id, *seq)?),
        }
        self.notes.extend(words::road(day, order, self.clock));
        Ok(node(*seq, "order", words::order(day, order, self.clock), inputs))
    }

    /// The fills that made the position which an order reduces; each with the snapshot that it was filled from.
    fn holding(&self, id: OrderId, at: Seq) -> Result<Vec<Node>, DeskError> {
        let mut nodes = Vec::new();
        let fills: Vec<_> = self.day.fills_before(id.pair, id.leg, at).collect();
        // Those since the leg was flat last.
        let since = fills.iter().rposition(|(_, fill)| fill.position == 0).map_or(0, |flat| flat + 1);
        for (seq, fill) in fills.iter().skip(since) {
            let of = self.leaf(fill.cause)?.into_iter().collect();
            nodes.push(node(*seq, "fill", words::fill(self.day, fill, self.clock), of));
        }
        if since == 0 {
            nodes.extend(self.carried_over(id)?);
        }
        Ok(nodes)
    }

    /// The session's opening, where a position was carried over.
    fn carried_over(&self, id: OrderId) -> Result<Option<Node>, ReadError> {
        let desk = self.day.opened.desk.as_ref();
        let carried = desk.and_then(|desk| desk.carried.pairs.iter().find(|carried| carried.pair == id.pair));
        let qty = carried.map_or(0, |carried| match id.leg {
            Leg::A => carried.a.qty,
            Leg::B => carried.b.qty,
        });
        if qty == 0 {
            return Ok(None);
        }
        let text = format!("{qty} shares were carried over from the session before");
        Ok(Some(node(self.day.opened_at, "session_opened", text, Vec::new())))
    }

    fn signal(&mut self, at: Seq) -> Result<Node, DeskError> {
        let day = self.day;
        let Some(signal) = day.signals.get(&at) else {
            return Ok(node(at, "signal", format!("no signal lies at seq {at}"), Vec::new()));
        };
        self.checked.extend(signal::redo(day, at, signal));
        let mut inputs = Vec::new();
        if let Some((seq, mark)) = signal.mark.and_then(|seq| Some((seq, day.marks.get(&seq)?))) {
            inputs.push(self.mark(seq, mark)?);
            if signal.reason == SignalReason::Entry
                && let Some((seq, before)) = signal::mark_before(day, signal, seq)
            {
                inputs.push(self.mark(seq, before)?);
            }
        } else {
            inputs.extend(self.leaf(signal.cause)?);
        }
        inputs.extend(self.setup(at)?);
        Ok(node(at, "signal", words::signal(day, at, signal, self.clock), inputs))
    }

    fn mark(&mut self, at: Seq, mark: &PairMark) -> Result<Node, DeskError> {
        let redone = statistics::redo(self.tape, self.day, at, mark)?;
        let text = words::mark(self.day, mark, redone.as_ref(), self.clock);
        let mut inputs = Vec::new();
        if let Some(redone) = redone {
            for (seq, bar) in [mark.bar_a, mark.bar_b].into_iter().zip(&redone.bars) {
                if let Some(bar) = bar {
                    inputs.extend(self.bar(seq, bar)?);
                }
            }
            if redone.carried > 0 {
                let text = format!("{} spreads of the window were carried over", redone.carried);
                inputs.push(node(self.day.opened_at, "session_opened", text, Vec::new()));
            }
            self.checked.push(redone.checked);
        }
        Ok(node(at, "pair_mark", text, inputs))
    }

    /// A bar by its own explanation.
    fn bar(&mut self, seq: Seq, bar: &barkeep_schemas::Bar) -> Result<Option<Node>, DeskError> {
        let symbol = self.day.symbol(bar.instrument).to_owned();
        if !self.instruments.contains_key(&symbol) {
            let opened = self.day.opened.clone();
            match read(self.tape, &self.day.segment, opened, &symbol) {
                Ok(read) => drop(self.instruments.insert(symbol.clone(), read)),
                Err(ExplainError::Read(error)) => return Err(error.into()),
                // Listed within the session: its ticks are there, its own day is not.
                Err(ExplainError::NoSession { .. } | ExplainError::NoSymbol { .. } | ExplainError::NoBar { .. }) => {
                    return Ok(None);
                }
            }
        }
        let Some(instrument) = self.instruments.get(&symbol) else { return Ok(None) };
        let at = Ts::new(bar.start.get());
        let question = BarQuestion { at, tf: bar.tf, as_of: Some(seq), clock: self.clock };
        match explain_bar(instrument, &question) {
            Ok(explained) => {
                if !explained.agrees {
                    self.bars_agree = false;
                    let what = format!("bar of {symbol} from its ticks");
                    self.checked.push(Checked { seq, of: what, sums: explained.arithmetic });
                }
                Ok(Some(explained.tree))
            }
            Err(ExplainError::Read(error)) => Err(error.into()),
            Err(ExplainError::NoSession { .. } | ExplainError::NoSymbol { .. } | ExplainError::NoBar { .. }) => {
                Ok(None)
            }
        }
    }
}
