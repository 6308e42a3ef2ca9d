//! When an instrument's day ends, asked of the market minute by minute and remembered.
//!
//! It knows no calendar of its own. The desk asks it when day orders expire.

use barkeep_schemas::{InstrumentClass, NANOS, Phase, SessionDate, Ts};

use super::exchange::Exchange;
use crate::kite::stamp::{DAY_SECS, ist, ist_date};

/// Whether orders are taken in a phase. In the post-close session they are not: its fixed price is not simulated.
pub(super) const fn takes_orders(phase: Option<Phase>) -> bool {
    match phase {
        Some(Phase::PreOpen | Phase::Continuous | Phase::ClosingAuction) => true,
        Some(Phase::PostClose) | None => false,
    }
}

/// Closes of the last few days, one for each class of instruments.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Closes(Vec<(SessionDate, InstrumentClass, Option<Ts>)>);

impl Closes {
    /// The first moment at which no more orders are taken on the date of a moment; none when none are all day.
    pub(super) fn close(&mut self, market: &dyn Exchange, instrument: usize, at: Ts) -> Option<Ts> {
        let (date, class) = (ist_date(at), market.listing(instrument, market.date()).class);
        if let Some((_, _, close)) = self.0.iter().find(|known| (known.0, known.1) == (date, class)) {
            return *close;
        }
        let mut minutes = (0..DAY_SECS / 60).map(|minute| ist(date, minute * 60));
        let last = minutes.rfind(|minute| takes_orders(market.phase(instrument, *minute)));
        let close = last.map(|last| Ts::new(last.get().saturating_add(60 * NANOS)));
        if self.0.len() >= 16 {
            self.0.remove(0);
        }
        self.0.push((date, class, close));
        close
    }
}
