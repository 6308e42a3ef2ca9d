//! Who may name whom. The layout is a promise: `src/ARCHITECTURE.md` states it, this test holds it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every Rust file below a folder.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whether a file is compiled for tests or benches alone.
fn is_test(path: &Path) -> bool {
    path.components().any(|part| ["tests", "tests.rs", "benches"].iter().any(|name| part.as_os_str() == *name))
}

/// The names of ours that a file mentions in code, not in comments.
fn names(path: &Path, ours: &[&str]) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a source file");
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    ours.iter().filter(|name| code.contains(*name)).map(ToString::to_string).collect()
}

#[track_caller]
fn may_name_only(folder: &str, allowed: &[&str]) {
    const OURS: &[&str] = &[
        "barkeep_schemas",
        "barkeep_storage",
        "barkeep_engine",
        "crate::ingestion",
        "crate::mirrors",
        "crate::monitoring",
        "crate::orchestrator",
        "barkeep_sim",
        "crate::cli",
    ];
    for path in sources(&Path::new(ROOT).join(folder)) {
        for name in names(&path, OURS) {
            // Tests and benches of the broker's edge read what the simulator sends.
            let is_partner = name == "barkeep_sim" && folder == "src/ingestion" && is_test(&path);
            assert!(
                is_partner || allowed.contains(&name.as_str()),
                "{} names {name}, which {folder} may not",
                path.display()
            );
        }
    }
}

fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(manifest)).expect("a manifest");
    let table: toml::Table = text.parse().expect("TOML");
    table.get("dependencies").and_then(|d| d.as_table()).map(|d| d.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn schemas_name_none_of_ours() {
    may_name_only("schemas/src", &[]);
    assert!(dependencies("schemas/Cargo.toml").iter().all(|name| !name.starts_with("barkeep")));
}

#[test]
fn storage_names_schemas() {
    may_name_only("storage/src", &["barkeep_schemas"]);
}

#[test]
fn the_engine_names_schemas_and_depends_on_nothing_else_but_pinned_mathematics() {
    may_name_only("src/engine/src", &["barkeep_schemas"]);
    assert_eq!(dependencies("src/engine/Cargo.toml"), ["barkeep-schemas", "libm"]);
}

#[test]
fn the_engine_and_schemas_know_no_standard_library_and_only_the_desk_of_the_engine_floats() {
    for lib in ["schemas/src/lib.rs", "src/engine/src/lib.rs"] {
        let text = fs::read_to_string(Path::new(ROOT).join(lib)).expect("a library");
        assert!(text.contains("#![no_std]"), "{lib} is not no_std");
    }
    let engine = Path::new(ROOT).join("src/engine/src");
    for path in sources(&engine) {
        // Statistics are f64; bars and money never are.
        let float: &[&str] = if path.starts_with(engine.join("desk")) { &[] } else { &["f64"] };
        let found = names(&path, &[&["f32", "std::", "mul_add", "HashMap"], float].concat());
        assert!(found.is_empty(), "{} mentions {found:?}", path.display());
    }
}

#[test]
fn ingestion_and_mirrors_name_schemas_and_storage_never_the_engine() {
    may_name_only("src/ingestion", &["barkeep_schemas", "barkeep_storage", "crate::ingestion"]);
    may_name_only("src/mirrors", &["barkeep_schemas", "barkeep_storage", "crate::mirrors"]);
    let edge = dependencies("src/ingestion/zerodha_ws/Cargo.toml");
    let own: Vec<_> = edge.into_iter().filter(|name| name.starts_with("barkeep")).collect();
    assert_eq!(own, ["barkeep-schemas"]);
}

#[test]
fn monitoring_follows_the_tape() {
    may_name_only("src/monitoring", &["barkeep_schemas", "barkeep_storage", "crate::monitoring"]);
}

#[test]
fn the_simulator_names_schemas_alone() {
    may_name_only("src/sim/src", &["barkeep_schemas"]);
    let own: Vec<_> =
        dependencies("src/sim/Cargo.toml").into_iter().filter(|name| name.starts_with("barkeep")).collect();
    assert_eq!(own, ["barkeep-schemas"]);
}

#[test]
fn the_orchestrator_names_neither_the_simulator_nor_the_commands() {
    may_name_only(
        "src/orchestrator",
        &[
            "barkeep_schemas",
            "barkeep_storage",
            "barkeep_engine",
            "crate::ingestion",
            "crate::mirrors",
            "crate::monitoring",
            "crate::orchestrator",
        ],
    );
}
