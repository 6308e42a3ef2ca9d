//! A made-up day through barkeep, measured: `cargo bench --bench day [-- files bars desk import compare recon busy-day feed]`, a JSON line each.
//!
//! `files` measures nothing: it writes what the commands and the peers read, from one seed.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench has no surface and may panic"
)]

mod bars;
mod binary;
mod busy_day;
mod compare;
mod desk;
mod feed;
mod files;
mod import;
#[path = "../measure/mod.rs"]
mod measure;
mod recon;
#[path = "../../storage/src/columns/samples.rs"]
#[allow(dead_code, reason = "the benches of the storage crate use the rest")]
mod samples;

fn main() {
    measure::run(&[
        ("files", files::main),
        ("bars", bars::main),
        ("desk", desk::main),
        ("import", import::main),
        ("compare", compare::main),
        ("recon", recon::main),
        ("busy-day", busy_day::main),
        ("feed", feed::main),
    ]);
}
