//! The dated calendar.
