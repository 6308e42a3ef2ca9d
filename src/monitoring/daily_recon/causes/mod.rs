//! Why bars did not match: each difference gets one cause, from the two sides and what the tape knows of the day.
//!
//! What it never does: look at a bar that matched unless it stands beside one that did not, or decide in floats. Who
//! calls it: `recon`, after the comparison.
//!
//! The first that holds is the cause, by how hard its evidence is:
//!
//! | cause | holds when |
//! |---|---|
//! | `duplicate` | the broker's rows hold the key twice, with different numbers |
//! | `broker_revised` | the broker, asked more than once, gave different numbers |
//! | `auction` | the bar lies outside continuous hours |
//! | `corporate_action` | the broker's prices are ours times one factor, over nearly all of the symbol's day |
//! | `appliance_down`, `feed_gap` | an interruption of the instrument's feed lies in the bar, and the broker has it |
//! | `broker_incomplete` | the broker has nothing of the symbol from here on, lacks a run, or lacks it for every symbol |
//! | `halt` | the broker has a flat bar without volume, and we have none |
//! | `late_ticks` | ticks or volume of the bar came too late to revise it |
//! | `opening_price` | the first bar: only its open differs, and the extremes as far as the open widens them |
//! | `auction` | the first bar: the volumes differ by the auction's |
//! | `feed_gap` | volume of the bar was traded before the counter was first seen |
//! | `volume_boundary` | what one bar lacks is what a neighbour has too much, or the bar before lost by an interruption |
//! | `conflation` | our range lies inside the broker's, at most 1% apart, with nearly the same volume |
//! | `unexplained` | otherwise |

mod facts;
mod rules;
#[cfg(test)]
mod tests;

pub use facts::{BrokerRow, DayFacts, Gap, Print, SymbolFacts, Unallocated, Wanted};
pub use rules::{Sides, explain};
