//! Finding what is asked about: orders by their id, fills by their trade, signals by their position. A wrong one is
//! answered with what lies nearby.

use barkeep_schemas::{OrderId, Seq, SessionDate};
use barkeep_storage::{ReadError, SegmentInfo, Tape};

use super::Clock;
use super::read::DeskDay;
use super::words;

/// How many of those nearby are told.
const NEARBY: usize = 5;

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The tape cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The id is of another form.
    #[error("'{given}' is no {what}: expected {expected}")]
    Form {
        /// As given.
        given: String,
        /// What it was to be.
        what: &'static str,
        /// Of which form.
        expected: &'static str,
    },
    /// No session of the tape traded pairs.
    #[error("no session on the tape traded pairs")]
    NoDesk,
    /// The position lies in no session that traded pairs.
    #[error(
        "seq {seq} lies in no session that traded pairs; the newest that did is of {date} run {run}, seq {first} to {last}"
    )]
    Elsewhere {
        /// As given.
        seq: Seq,
        /// The newest session with a desk.
        date: SessionDate,
        /// Its run.
        run: u32,
        /// Its first position.
        first: Seq,
        /// Its last position.
        last: Seq,
    },
    /// There is none, but there are others.
    #[error("the session of {date} run {run} has no {what} {given}; {nearby}")]
    None {
        /// What was asked for.
        what: &'static str,
        /// As given.
        given: String,
        /// The session.
        date: SessionDate,
        /// Its run.
        run: u32,
        /// Those nearby, in a sentence.
        nearby: String,
    },
}

impl DeskError {
    /// The reason that goes with exit code 3 when the tape itself is wrong.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Read(error) => error.fatal_reason(),
            Self::Form { .. } | Self::NoDesk | Self::Elsewhere { .. } | Self::None { .. } => None,
        }
    }
}

/// Reads an order's id.
///
/// # Errors
/// [`DeskError::Form`] when it is none.
pub(super) fn order_id(text: &str) -> Result<OrderId, DeskError> {
    let expected = "one like bk000a5f, as `barkeep export --kind orders` lists them";
    OrderId::parse(text).ok_or_else(|| DeskError::Form { given: text.to_owned(), what: "order's id", expected })
}

/// The newest session that traded pairs.
fn newest(tape: &Tape) -> Result<Option<DeskDay>, ReadError> {
    for segment in tape.segments().iter().rev() {
        if let Some(day) = DeskDay::read(tape, segment)? {
            return Ok(Some(day));
        }
    }
    Ok(None)
}

/// The session that a position lies in.
pub(super) fn day_at(tape: &Tape, seq: Seq) -> Result<DeskDay, DeskError> {
    let holds = |segment: &&SegmentInfo| segment.first_seq <= seq && segment.last_seq.is_some_and(|last| seq <= last);
    if let Some(segment) = tape.segments().iter().find(holds)
        && let Some(day) = DeskDay::read(tape, segment)?
    {
        return Ok(day);
    }
    let day = newest(tape)?.ok_or(DeskError::NoDesk)?;
    let (date, run, first) = (day.opened.date, day.opened.run, day.segment.first_seq);
    Err(DeskError::Elsewhere { seq, date, run, first, last: day.segment.last_seq.unwrap_or(first) })
}

/// The session that holds a trade, and where its fill lies. A paper trade names its order; one of the broker's is looked
/// for, the newest session first.
pub(super) fn day_of_trade(tape: &Tape, trade: &str) -> Result<(DeskDay, Seq), DeskError> {
    let order = trade.rsplit_once('-').and_then(|(order, _)| OrderId::parse(order));
    let seq = trade.strip_prefix("seq:").and_then(|seq| seq.parse().ok()).map(Seq);
    let in_day =
        |day: &DeskDay| day.fills.iter().find(|(at, fill)| fill.trade == trade || Some(*at) == seq).map(|(at, _)| *at);
    if let Some(at) = order.map(|order| order.cause).or(seq) {
        let day = day_at(tape, at)?;
        return match in_day(&day) {
            Some(at) => Ok((day, at)),
            None => Err(no_fill(&day, trade)),
        };
    }
    let mut newest = None;
    for segment in tape.segments().iter().rev() {
        let Some(day) = DeskDay::read(tape, segment)? else { continue };
        if let Some(at) = in_day(&day) {
            return Ok((day, at));
        }
        newest.get_or_insert(day);
    }
    Err(newest.map_or(DeskError::NoDesk, |day| no_fill(&day, trade)))
}

fn none(day: &DeskDay, what: &'static str, given: &str, nearby: Vec<String>) -> DeskError {
    let nearby = match nearby.as_slice() {
        [] => "it has none".to_owned(),
        [one] => format!("it has one: {one}"),
        some => format!("nearby are\n  {}", some.join("\n  ")),
    };
    DeskError::None { what, given: given.to_owned(), date: day.opened.date, run: day.opened.run, nearby }
}

/// The nearest of some by a distance, in the order of the tape.
fn nearest<T>(all: impl Iterator<Item = (Seq, T)>, distance: impl Fn(Seq, &T) -> u64) -> Vec<(Seq, T)> {
    let mut all: Vec<(Seq, T)> = all.collect();
    all.sort_by_key(|(seq, one)| (distance(*seq, one), *seq));
    all.truncate(NEARBY);
    all.sort_by_key(|(seq, _)| *seq);
    all
}

pub(super) fn no_order(day: &DeskDay, id: OrderId, clock: Clock) -> DeskError {
    // The same pair first, then those made nearest to it.
    let orders = day.orders.values().map(|(seq, order)| (*seq, order));
    let near = nearest(orders, |_, order| {
        let other_pair = if order.id.pair == id.pair { 0 } else { 1 << 40 };
        order.id.cause.0.abs_diff(id.cause.0).saturating_add(other_pair)
    });
    let told = near.iter().map(|(_, order)| words::order_short(day, order, clock)).collect();
    none(day, "order", &id.to_string(), told)
}

fn no_fill(day: &DeskDay, trade: &str) -> DeskError {
    let fills = day.fills.iter().map(|(seq, fill)| (*seq, fill));
    let near = nearest(fills, |_, fill| strsim::damerau_levenshtein(&fill.trade, trade) as u64);
    let told = near.iter().map(|(_, fill)| words::fill_short(day, fill)).collect();
    none(day, "fill", trade, told)
}

pub(super) fn no_signal(day: &DeskDay, at: Seq, clock: Clock) -> DeskError {
    let signals = day.signals.iter().map(|(seq, signal)| (*seq, signal));
    let near = nearest(signals, |seq, _| seq.0.abs_diff(at.0));
    let told = near.iter().map(|(seq, signal)| format!("{seq}: {}", words::signal(day, *seq, signal, clock))).collect();
    none(day, "signal at seq", &at.to_string(), told)
}
