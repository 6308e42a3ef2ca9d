//! The official Kite clients, as they are published, against the simulator. What they check stands in
//! `tests/kite_clients`; `make clients` installs them.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use stage::Stage;

/// What both scripts meet: a cut and a storm, a while after the start and at 20 times the clock's speed.
const SIM: &str = "sim --json --port 0 --date 2026-07-31 --start 10:00 --speed 20 \
                   --fault 'disconnect at=10:08:00 for=10s' \
                   --fault 'rest-error at=10:08:00 for=5h status=500 path=/user/margins'";

/// A simulator that ends with the test.
struct Sim {
    child: Child,
    line: String,
}

impl Sim {
    fn start(stage: &Stage) -> Self {
        let mut child = stage.command(SIM).stdout(Stdio::piped()).spawn().expect("the simulator starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("its first line");
        assert!(line.contains("\"rest\""), "{line}");
        Self { child, line: line.trim().to_owned() }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The folder of the installed clients, in the target folder.
fn clients() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_barkeep")).ancestors().nth(2).expect("a target folder");
    beside.join("kite-clients")
}

#[track_caller]
fn passes(script: &mut Command) {
    let output = script.output().expect("the script runs: make clients installs what it needs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.ends_with("done\n"), "{out}\n{err}");
}

#[test]
fn the_official_python_client_works_against_the_simulator() {
    let stage = Stage::new();
    let sim = Sim::start(&stage);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kite_clients/client.py");
    passes(Command::new(clients().join("venv/bin/python")).arg(script).arg(&sim.line));
}

#[test]
fn the_official_npm_client_works_against_the_simulator() {
    let stage = Stage::new();
    let sim = Sim::start(&stage);
    // The script stands beside the installed packages, where node looks for them.
    passes(Command::new("node").arg(clients().join("client.mjs")).arg(&sim.line));
}
