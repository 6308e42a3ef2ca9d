//! What passes in a reconciliation: strict, or a tolerance by class of instrument; as text on the tape and to people.
//!
//! What it never does: compare. Who calls it: `recon`, and `heal`, which compares again on the same terms.

use std::fmt;
use std::str::FromStr;

use barkeep_schemas::InstrumentClass;

use crate::monitoring::daily_recon::{Tolerance, Tolerances};
use crate::orchestrator::config;

/// The terms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Terms {
    /// Any difference at all fails.
    Strict,
    /// What passes.
    Within(config::Tolerances),
}

/// How the tape calls [`Terms::Strict`].
const STRICT: &str = "strict";

impl Terms {
    /// As numbers, by the classes of the symbols compared.
    pub(in crate::cli) fn numbers(&self, classes: &[Option<InstrumentClass>]) -> Tolerances {
        match self {
            Self::Strict => Tolerances::STRICT,
            Self::Within(typed) => Tolerances::each(classes.iter().map(|class| numbers(typed.of(*class))).collect()),
        }
    }
}

const fn numbers(typed: config::Tolerance) -> Tolerance {
    Tolerance {
        price_ticks: typed.price_ticks,
        price_bp_thousandths: typed.price_bp_thousandths,
        volume_percent_thousandths: typed.volume_percent_thousandths,
        volume_shares: typed.volume_shares,
        day_percent_thousandths: typed.day_percent_thousandths,
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strict => f.write_str(STRICT),
            Self::Within(typed) => write!(f, "{typed}"),
        }
    }
}

impl FromStr for Terms {
    type Err = config::ToleranceError;

    fn from_str(text: &str) -> Result<Self, config::ToleranceError> {
        if text == STRICT { Ok(Self::Strict) } else { text.parse().map(Self::Within) }
    }
}
