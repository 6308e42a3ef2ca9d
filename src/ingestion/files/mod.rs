//! Recorded files as rows.
