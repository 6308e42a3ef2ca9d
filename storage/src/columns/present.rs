//! Which optional fields the ticks of a section have: seven bits a tick, as in canonical bytes.
//!
//! Never holds the fields. Their columns hold present values alone; this says whose they are.

use barkeep_schemas::Tick;

use super::column::Column;
use super::error::ColumnsError;

/// The tick has a last traded quantity.
pub(super) const QTY: u8 = 1;
/// The tick has the day's volume.
pub(super) const CUM_VOLUME: u8 = 2;
/// The tick has a best bid.
pub(super) const BID: u8 = 4;
/// The tick has a best ask.
pub(super) const ASK: u8 = 8;
/// The tick has the time of the last trade.
pub(super) const LAST_TRADE: u8 = 16;
/// The tick has condition flags.
pub(super) const CONDITION: u8 = 32;
/// The tick has five-level depth.
pub(super) const DEPTH: u8 = 64;

/// The bits of a tick.
pub(super) fn of(tick: &Tick) -> u8 {
    let bit = |on: bool, bit: u8| if on { bit } else { 0 };
    bit(tick.qty.is_some(), QTY)
        | bit(tick.cum_volume.is_some(), CUM_VOLUME)
        | bit(tick.bid.is_some(), BID)
        | bit(tick.ask.is_some(), ASK)
        | bit(tick.last_trade.is_some(), LAST_TRADE)
        | bit(tick.condition != 0, CONDITION)
        | bit(tick.depth.is_some(), DEPTH)
}

/// The bits of all ticks.
#[derive(Clone, Debug)]
pub(super) enum Present {
    /// The same for all.
    Same {
        /// The bits.
        bits: u8,
        /// Of how many ticks.
        count: usize,
    },
    /// One byte for each.
    Each(Vec<u8>),
}

impl Present {
    /// Reads the bits of `count` ticks.
    pub(super) fn of_column(column: &Column<'_>, count: usize) -> Result<Self, ColumnsError> {
        let narrow = |bits: u64| match u8::try_from(bits) {
            Ok(bits) if bits & 0x80 == 0 => Ok(bits),
            Ok(_) | Err(_) => Err(ColumnsError::OutOfRange { what: "the fields of a tick", value: bits }),
        };
        if count == 0 {
            return Ok(Self::Same { bits: 0, count });
        }
        if let Some(bits) = column.constant() {
            return narrow(bits).map(|bits| Self::Same { bits, count });
        }
        let mut wide = Vec::new();
        column.values(&mut wide)?;
        wide.into_iter().map(narrow).collect::<Result<_, _>>().map(Self::Each)
    }

    /// How many ticks have a field.
    pub(super) fn count(&self, field: u8) -> usize {
        match self {
            Self::Same { bits, count } => {
                if bits & field != 0 {
                    *count
                } else {
                    0
                }
            }
            Self::Each(each) => each.iter().filter(|bits| **bits & field != 0).count(),
        }
    }

    /// The bits of one tick.
    pub(super) fn at(&self, index: usize) -> u8 {
        match self {
            Self::Same { bits, .. } => *bits,
            Self::Each(each) => each.get(index).copied().unwrap_or(0),
        }
    }

    /// The places, among the ticks that have a field, of those at `rows` that have it. Rows ascend.
    pub(super) fn places(&self, field: u8, rows: &[u32]) -> Vec<u32> {
        match self {
            Self::Same { bits, .. } => {
                if bits & field != 0 {
                    rows.to_vec()
                } else {
                    Vec::new()
                }
            }
            Self::Each(each) => {
                let (mut places, mut place, mut rows) = (Vec::new(), 0, rows.iter().peekable());
                for (index, bits) in each.iter().enumerate() {
                    let wanted = rows.next_if(|row| **row as usize == index).is_some();
                    if bits & field != 0 {
                        if wanted {
                            places.push(place);
                        }
                        place += 1;
                    }
                }
                places
            }
        }
    }
}
