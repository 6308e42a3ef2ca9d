//! What is done about a bar, by the way and the cause of its difference, and when nothing is done at all.
//!
//! What it never does: read text. Who calls it: the plan; the configuration hands over the values.

use std::collections::BTreeSet;

use barkeep_schemas::{ReconCause, ReconStatus};

/// The policy in force.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// Whether a bar that the broker alone has is taken.
    pub missing: bool,
    /// The causes for which the broker's bar takes the place of ours.
    pub take: BTreeSet<ReconCause>,
    /// Nanoseconds that must lie between two fetches of a bar before it is taken, 0 or more.
    pub refetch_ns: i64,
    /// The largest share of the bars compared that one run corrects, percent.
    pub max_share_percent: u32,
    /// The largest step of a price from a bar to be taken to the nearest bar of ours, percent.
    pub max_jump_percent: u32,
}

impl Policy {
    /// Whether the broker's bar is taken for a difference, its source set aside.
    pub fn takes(&self, status: ReconStatus, cause: ReconCause) -> bool {
        match status {
            ReconStatus::MissingInternal => self.missing && !is_never(cause),
            ReconStatus::MissingBroker => false,
            ReconStatus::Price | ReconStatus::Volume => self.take.contains(&cause) && !is_never(cause),
        }
    }
}

/// Whether a cause speaks against the broker's bar: it is then not taken, whatever the policy.
pub(super) const fn is_never(cause: ReconCause) -> bool {
    match cause {
        ReconCause::CorporateAction | ReconCause::BrokerIncomplete | ReconCause::BrokerRevised => true,
        ReconCause::FeedGap
        | ReconCause::ApplianceDown
        | ReconCause::LateTicks
        | ReconCause::Conflation
        | ReconCause::VolumeBoundary
        | ReconCause::OpeningPrice
        | ReconCause::Auction
        | ReconCause::Halt
        | ReconCause::Duplicate
        | ReconCause::Unexplained => false,
    }
}
