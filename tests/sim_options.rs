//! What `barkeep sim` says to somebody who starts it: the examples that are shipped work, and an option that cannot be used
//! is refused with what was expected.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use barkeep_sim::faults::FaultKind;
use stage::Stage;

/// Starts the simulator and gives its first line.
fn first_line(words: &str) -> String {
    let stage = Stage::new();
    let mut child = stage.command(words).stdout(Stdio::piped()).spawn().expect("the simulator starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    drop(child.kill());
    drop(child.wait());
    line
}

#[track_caller]
fn refused(words: &str, with: &[&str]) {
    let stage = Stage::new();
    let output = stage.command(words).output().expect("the command runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{words}");
    for part in with {
        assert!(told.contains(part), "{words}\nexpected {part}\n{told}");
    }
}

#[test]
fn the_example_plan_shows_every_kind_of_fault_and_is_taken() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/sim_faults.toml");
    let text = fs::read_to_string(&file).expect("the example");
    for kind in FaultKind::ALL {
        assert!(text.contains(&format!("kind = \"{}\"", kind.name())), "{} is not shown", kind.name());
    }
    let line = first_line(&format!("sim --json --port 0 --date 2026-07-31 --faults {}", file.display()));
    assert!(line.contains("\"rest\""), "{line}");
    assert!(line.contains(r#"{"a":"TCS","b":"INFY","beta":0.9}"#), "{line}");
}

#[test]
fn an_option_that_cannot_be_used_is_refused_with_what_was_expected() {
    refused("sim --port 0 --date 2026-08-01", &["2026-08-01", "closed", "the next session is on 2026-08-03"]);
    refused("sim --port 0 --fault drpo", &["--fault 'drpo'", "no kind of fault", "drop"]);
    refused("sim --port 0 --faults nowhere.toml", &["nowhere.toml", "cannot be read"]);
    refused("sim --port 0 --start 25:00", &["25:00"]);
    refused("sim --port 0 --start noon", &["--start noon", "09:00"]);
    refused("sim --port 0 --ledger no/such/folder/l.ndjson", &["no/such/folder/l.ndjson", "cannot be written"]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    refused(&format!("sim --port {port}"), &[&format!("port {port}"), "choose another", "in use"]);
}
