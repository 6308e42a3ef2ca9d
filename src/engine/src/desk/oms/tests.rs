//! The orders, end to end.
