//! What is healed after a reconciliation, and why the rest is left.
//!
//! What it is: the reconciliation that is followed, the day's bars with all their editions, the broker's bars with the
//! times at which they were fetched, and from these a plan of corrections; the same for taking a run back. What it never
//! does: write, fetch, read a clock, or make a bar of its own other than a coarser one out of minutes. Who calls it:
//! `heal`, which puts the plan onto the tape.

mod broker;
mod day_bars;
mod followed;
mod plan;
mod policy;
mod rebuild;
mod refusal;
mod revert;

#[cfg(test)]
mod tests;

pub use broker::{BrokerBars, Candle, Standing};
pub use day_bars::{DayBars, Edition, Key};
pub use followed::{FollowError, Followed, Row, heal_runs};
pub use plan::{Case, Left, Plan, Planned, WhyLeft, plan, whole_second};
pub use policy::Policy;
pub use rebuild::Parts;
pub use refusal::Refusal;
pub use revert::{RevertError, revert};
