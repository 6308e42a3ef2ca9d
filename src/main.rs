//! The barkeep command.
fn main() {}
