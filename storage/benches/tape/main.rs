//! The tape, measured: `cargo bench -p barkeep-storage --bench tape [-- append scan size reopen]`, a JSON line each.
//!
//! One binary for all, since each would be linked with everything again.
#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, reason = "a bench has no surface and may panic")]

mod append;
mod day;
#[path = "../../../benches/measure/mod.rs"]
mod measure;
mod reopen;
#[path = "../../src/columns/samples.rs"]
#[allow(dead_code, reason = "the tests and the bench of the columns use the rest")]
mod samples;
mod scan;
mod size;

fn main() {
    if let Some(folder) = std::env::var_os(reopen::VICTIM) {
        return reopen::write_until_killed(&barkeep_storage::DataDir::new(folder));
    }
    // As barkeep itself does: glibc learns from a freed block that memory of this size is better kept.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(24 << 20)));
    let benches: [(&str, fn()); 4] =
        [("append", append::main), ("size", size::main), ("scan", scan::main), ("reopen", reopen::main)];
    measure::run(&benches);
}
