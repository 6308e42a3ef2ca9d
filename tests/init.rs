//! `barkeep init`: files for a desk, made once and never changed, and what it finds of the host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects"
)]

mod stage;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use stage::Stage;

#[test]
fn it_writes_a_configuration_that_is_sound_and_names_what_was_written_with_it() {
    let stage = Stage::new();
    let told = stage.json(0, "init desk --json");
    assert_eq!(
        told["written"],
        serde_json::json!([
            "desk/pairs_next_day.yaml",
            "desk/risk.toml",
            "desk/charges.toml",
            "desk/universe.csv",
            "desk/barkeep.toml"
        ])
    );
    assert_eq!(told["kept"], serde_json::json!([]));
    let text = fs::read_to_string(stage.path("desk/barkeep.toml")).unwrap();
    for file in ["pairs_next_day.yaml", "risk.toml", "charges.toml"] {
        assert!(text.contains(&format!("\nfile = \"desk/{file}\"\n")), "{text}");
    }
    assert!(text.contains("universe = \"desk/universe.csv\"") && text.matches('#').count() > 30, "{text}");
    assert!(text.contains(&format!("data_dir = \"{}\"", stage.path("data").display())), "{text}");
    let mode = fs::metadata(stage.path("data")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(stage.expect(0, "--config desk/barkeep.toml config check").contains("sound"));
    assert_eq!(
        told["next"],
        serde_json::json!([
            "barkeep config check --config 'desk/barkeep.toml'",
            "barkeep login --config 'desk/barkeep.toml'",
            "barkeep run --profile paper --config 'desk/barkeep.toml'"
        ])
    );
    let names: Vec<&str> = told["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    for name in ["clock", "calendar", "disk space", "disk sync", "permissions", "ports"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[test]
fn run_again_it_changes_nothing_and_says_what_it_left() {
    let stage = Stage::new();
    stage.expect(0, "init");
    fs::write(stage.path("configs/barkeep.toml"), "[tape]\ncommit_ms = 5\n").unwrap();
    fs::remove_file(stage.path("configs/universe.csv")).unwrap();
    let told = stage.expect(0, "init");
    assert!(
        told.contains("wrote configs/universe.csv") && told.contains("left configs/barkeep.toml as it is"),
        "{told}"
    );
    assert_eq!(fs::read_to_string(stage.path("configs/barkeep.toml")).unwrap(), "[tape]\ncommit_ms = 5\n");
    assert!(told.contains("  barkeep run --profile paper\n"), "the default file need not be named: {told}");
}

#[test]
fn a_data_directory_that_others_may_write_is_a_finding() {
    let stage = Stage::new();
    fs::create_dir(stage.path("data")).unwrap();
    fs::set_permissions(stage.path("data"), fs::Permissions::from_mode(0o777)).unwrap();
    let told = stage.expect(1, "init");
    assert!(told.contains("others may write the tape: chmod 750"), "{told}");
}

#[test]
fn what_cannot_be_written_is_said() {
    let stage = Stage::new();
    stage.write("desk", "a file");
    assert!(stage.refused("init desk").contains("the folder desk cannot be made"));
}
