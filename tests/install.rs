//! `make install` into a folder of its own: what lies where, with which mode, and what systemd says of the unit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_barkeep");

/// Installs; what it said.
fn install(into: &Path, prefix: &str) -> String {
    let output = Command::new("make")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--no-print-directory", "install", &format!("BINARY={BINARY}"), &format!("PREFIX={prefix}")])
        .arg(format!("DESTDIR={}", into.display()))
        .output()
        .expect("make runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.into_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o7777
}

#[test]
fn everything_lies_where_it_belongs_with_its_mode() {
    let root = tempfile::tempdir().unwrap();
    install(root.path(), "/opt/barkeep");
    for (path, expected) in [
        ("opt/barkeep/bin/barkeep", 0o755),
        ("etc/barkeep", 0o755),
        ("etc/barkeep/barkeep.toml", 0o644),
        ("etc/barkeep/universe.csv", 0o644),
        ("var/lib/barkeep", 0o750),
        ("opt/barkeep/lib/systemd/system/barkeep.service", 0o644),
        ("opt/barkeep/lib/sysusers.d/barkeep.conf", 0o644),
        ("opt/barkeep/lib/tmpfiles.d/barkeep.conf", 0o644),
        ("opt/barkeep/share/barkeep/prometheus/targets.json", 0o644),
    ] {
        assert_eq!(mode(&root.path().join(path)), expected, "{path}");
    }
    let shown = Command::new(root.path().join("opt/barkeep/bin/barkeep"))
        .args(["config", "show", "--config"])
        .arg(root.path().join("etc/barkeep/barkeep.toml"))
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("data_dir = \"/var/lib/barkeep\""), "{shown}");
    assert!(shown.contains("universe = \"/etc/barkeep/universe.csv\""), "{shown}");
    let unit = fs::read_to_string(root.path().join("opt/barkeep/lib/systemd/system/barkeep.service")).unwrap();
    assert!(unit.contains("ExecStart=/opt/barkeep/bin/barkeep run --profile paper"), "{unit}");
}

#[test]
fn a_configuration_that_was_changed_stays() {
    let root = tempfile::tempdir().unwrap();
    install(root.path(), "/usr/local");
    let config = root.path().join("etc/barkeep/barkeep.toml");
    fs::write(&config, "data_dir = \"/srv/tape\"\n").unwrap();
    let said = install(root.path(), "/usr/local");
    assert!(said.contains("barkeep.toml as it is"), "{said}");
    assert_eq!(fs::read_to_string(&config).unwrap(), "data_dir = \"/srv/tape\"\n");
    assert!(fs::read_to_string(root.path().join("etc/barkeep/barkeep.toml.new")).unwrap().contains("[tape]"));
    assert!(!root.path().join("etc/barkeep/universe.csv.new").exists(), "what was not changed needs no new copy");
}

#[test]
fn systemd_finds_the_unit_sound_and_well_shut_in() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return eprintln!("skipped: this host has no systemd-analyze");
    }
    let root = tempfile::tempdir().unwrap();
    install(root.path(), "/usr/local");
    let unit = fs::read_to_string(root.path().join("usr/local/lib/systemd/system/barkeep.service")).unwrap();
    // The program lies below the folder here.
    let path = root.path().join("barkeep.service");
    fs::write(&path, unit.replace("/usr/local/bin/barkeep", BINARY)).unwrap();
    for args in [&["verify", "--man=no"][..], &["security", "--offline=true", "--threshold=20", "--no-pager"][..]] {
        let output = Command::new("systemd-analyze").args(args).arg(&path).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}\n{out}\n{err}");
        let about_ours: Vec<&str> = err.lines().filter(|line| line.contains("barkeep.service")).collect();
        assert!(about_ours.is_empty(), "{args:?}: {about_ours:?}");
    }
}
