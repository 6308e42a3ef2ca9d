//! The barkeep command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Blocks and batches are made and freed by the megabyte: the system's allocator gives such memory back each time, and
/// page faults were a fifth of a replay.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    barkeep::cli::main()
}
