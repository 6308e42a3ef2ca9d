//! The barkeep command.

use std::process::ExitCode;

fn main() -> ExitCode {
    barkeep::cli::main()
}
