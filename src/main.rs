//! The barkeep command.

use std::hint::black_box;
use std::process::ExitCode;

/// A piece of memory that glibc learns from; from 32 MiB on it does not.
const LEARNT_BYTES: usize = 24 << 20;

fn main() -> ExitCode {
    keep_freed_memory();
    barkeep::cli::main()
}

/// Blocks and batches are made and freed by the megabyte. glibc gives such memory back at once and faults it in again,
/// until it has seen a large piece freed: from then on it keeps up to twice that size (mallopt(3), `M_MMAP_THRESHOLD`).
/// Other allocators take no notice.
fn keep_freed_memory() {
    drop(black_box(Vec::<u8>::with_capacity(LEARNT_BYTES)));
}
