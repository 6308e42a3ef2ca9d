//! Every command of the README runs, in order, in one folder.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use stage::{Stage, words};

/// The lines of all `sh` blocks.
fn commands(readme: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in readme.lines().map(str::trim) {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside && !line.is_empty() => lines.push(line.to_owned()),
            _ => {}
        }
    }
    lines
}

#[test]
fn every_command_of_the_readme_runs() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let stage = Stage::new();
    let mut ran = 0;
    for line in commands(&readme) {
        let (line, comment) = line.split_once(" #").unwrap_or((&line, ""));
        let args = match line.strip_prefix("cargo run --release -- ") {
            Some(args) => format!("{args} --data-dir first"),
            None if line.starts_with("make test") => continue,
            None => line.strip_prefix("barkeep ").unwrap_or_else(|| panic!("not a command: {line}")).to_owned(),
        };
        if comment.contains("serves until it is stopped") {
            serves(&stage, &args);
            ran += 1;
            continue;
        }
        let expected = if comment.contains("exit code 1") { 1 } else { 0 };
        let output = Command::new(env!("CARGO_BIN_EXE_barkeep"))
            .env_remove("BARKEEP_CONFIG")
            .current_dir(stage.folder.path())
            .args(words(&args))
            .output()
            .expect("the command runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(expected), "{line}\n{out}\n{err}");
        assert!(!out.is_empty(), "{line} says nothing");
        ran += 1;
    }
    assert!(ran >= 12, "only {ran} commands found");
}

/// Runs a command that serves until it is stopped, and stops it when it has said something.
fn serves(stage: &Stage, args: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_barkeep"))
        .env_remove("BARKEEP_CONFIG")
        .current_dir(stage.folder.path())
        .args(words(args))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
    child.kill().expect("it was still running");
    child.wait().expect("its end");
    assert!(!line.trim().is_empty(), "{args} says nothing");
}

#[test]
fn every_command_has_help_with_an_example() {
    let stage = Stage::new();
    for command in [
        "init",
        "demo",
        "sim",
        "run",
        "login",
        "backfill",
        "import",
        "export",
        "replay",
        "explain bar",
        "kill-switch",
        "recon",
        "tape stat",
        "tape cat",
        "tape tail",
        "tape seal",
        "tape verify",
        "tape prune",
        "tape backup",
        "tape restore",
        "calendar show",
        "calendar check",
        "calendar import",
        "config check",
        "config show",
        "completions",
        "man",
    ] {
        let help = stage.expect(0, &format!("{command} --help"));
        assert!(help.contains(&format!("barkeep {command}")), "{command} --help shows no example:\n{help}");
        assert!(help.contains("Example"), "{command} --help shows no example:\n{help}");
    }
    assert!(stage.expect(0, "--version").starts_with("barkeep "));
}
