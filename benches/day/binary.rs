//! The binary, run as a user runs it.

use std::path::Path;
use std::process::{Command, Stdio};

/// `barkeep` on a data directory.
pub fn command(data: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
    command.env_remove("BARKEEP_CONFIG").arg("--data-dir").arg(data).args(words).stderr(Stdio::null());
    command
}

/// Runs it to its end; what it printed.
pub fn run(data: &Path, words: &[&str], expected: i32) -> String {
    let output = command(data, words).stderr(Stdio::inherit()).output().expect("the command starts");
    assert_eq!(output.status.code(), Some(expected), "barkeep {words:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A copy of a data directory; what is in its folders, no deeper.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &copied),
            false => drop(std::fs::copy(&path, &copied).expect("a copied file")),
        }
    }
}
