//! After the close: our bars against the broker's, bar by bar.
//!
//! What it is: our side read off the tape, the comparison of two sorted sides, and the facts by which a person judges
//! them. What it never does: read a file of the broker's, write to the tape, read a clock, or change a bar. Who calls
//! it: `recon`, which brings the broker's side and puts the result onto the tape.
//!
//! Invariant: whether two bars match is decided in integers.

mod bars;
pub mod causes;
mod compare;
mod corrections;
mod insight;
mod report;
mod sessions;
mod sides;
mod tolerance;

pub use bars::{KeyedBar, SymbolIndex, SymbolTable, Window, keep_newest};
pub use compare::{Comparison, Difference, Exact, Tally, compare};
pub use corrections::{Correction, corrections};
pub use insight::{ClassCount, GapCount, Heat, HeatLine, Insight, LETTERS};
pub use report::{CauseCount, Facts, MissingRun, Report, Side, SymbolReport, WORST_MAX, WorstRow};
pub use sessions::{Roll, SessionRecord, imported_dates, imported_symbols, sessions};
pub use sides::{BarSide, Corrected, broker_bars, import_start, internal_bars};
pub use tolerance::{Tolerance, Tolerances};
