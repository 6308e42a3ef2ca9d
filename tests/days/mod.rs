//! What the test of whole days is made of: a day that was recorded with faults, differences put into the broker's file of
//! it, and an account of both that shares nothing with `recon`.

pub mod inject;
pub mod record;
pub mod rows;
