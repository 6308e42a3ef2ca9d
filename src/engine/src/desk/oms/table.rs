//! The table of an order's states: which may follow which.
//!
//! What it is: the contract, as data. Who calls it: the orders, at every change of a state.

use barkeep_schemas::OrderStatus;

use OrderStatus::{Acked, Approved, Cancelled, Expired, Filled, New, Partial, Rejected, Sent, Unknown};

/// What may follow each state, in the order of [`OrderStatus::ALL`]. What nothing follows is terminal. From UNKNOWN an
/// order goes wherever the broker proves it to be; that it was never sent, nobody can prove of an order that was.
pub(super) const TABLE: [(OrderStatus, &[OrderStatus]); 10] = [
    (New, &[Approved, Rejected]),
    (Approved, &[Sent, Cancelled, Expired]),
    (Rejected, &[]),
    (Sent, &[Acked, Partial, Filled, Cancelled, Expired, Rejected, Unknown]),
    (Acked, &[Partial, Filled, Cancelled, Expired, Rejected, Unknown]),
    (Partial, &[Partial, Filled, Cancelled, Expired, Rejected, Unknown]),
    (Filled, &[]),
    (Cancelled, &[]),
    (Expired, &[]),
    (Unknown, &[Acked, Partial, Filled, Cancelled, Expired, Rejected]),
];

/// Whether `to` may follow `from`.
pub(super) fn is_legal(from: OrderStatus, to: OrderStatus) -> bool {
    TABLE.iter().any(|(state, next)| *state == from && next.contains(&to))
}
