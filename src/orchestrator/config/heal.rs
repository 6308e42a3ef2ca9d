//! `[heal]`: what is done about bars that differ from the broker's, and when nothing is.
//!
//! What it never does: judge a bar. Who calls it: [`super::Config`].

use serde::Serialize;

/// `[heal]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct HealConfig {
    /// A minute that the broker alone has.
    pub missing_internal: Deed,
    /// A minute in a gap of the feed.
    pub feed_gap: Deed,
    /// A minute in which barkeep did not run.
    pub appliance_down: Deed,
    /// Ticks came after the bar could be revised.
    pub late_ticks: Deed,
    /// Trades between two snapshots.
    pub conflation: Deed,
    /// Shares on the other side of a minute's boundary.
    pub volume_boundary: Deed,
    /// The broker's opening price is the auction's.
    pub opening_price: Deed,
    /// An auction.
    pub auction: Deed,
    /// A halt.
    pub halt: Deed,
    /// A row that came twice.
    pub duplicate: Deed,
    /// None of these.
    pub unexplained: Deed,
    /// Minutes between the two fetches of a bar that is taken, 0 to 1,440.
    pub refetch_min: u32,
    /// The largest share of the bars compared that one run corrects, percent, 1 to 100.
    pub max_share_percent: u32,
    /// The largest step from a bar that is taken to the nearest of ours, percent, 1 to 100.
    pub max_jump_percent: u32,
}

/// What is done about a bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// The broker's bar is taken.
    Take,
    /// Ours stays, and is told.
    Leave,
}
