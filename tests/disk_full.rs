//! A disk runs full under an import: a small file system of its own in memory, mounted in a namespace of this test.
//!
//! The import ends with exit code 3 and `fatal disk_full`, says where, and loses nothing. When there is room again the
//! same command goes on and ends with the digest of an import that never met the end of its disk. Where the system
//! gives no namespaces the test says that it was skipped.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::process::{Command, Output};

use stage::{Stage, day, free_ports, write_ticks};

/// Runs shell lines as the owner of a namespace in which `disk` is a file system of 96 MiB; `$B` is the command on a
/// data directory there.
fn on_small_disk(stage: &Stage, lines: &str) -> Output {
    let mount = "set -u; mkdir disk; mount -t tmpfs -o size=96m none disk || exit 77; ";
    Command::new("unshare")
        .args(["-rm", "bash", "-c", &format!("{mount}{lines}")])
        .current_dir(stage.folder.path())
        .env("B", format!("{} --data-dir disk/data", env!("CARGO_BIN_EXE_barkeep")))
        .env_remove("BARKEEP_CONFIG")
        .output()
        .expect("unshare")
}

fn namespaces_are_refused() -> bool {
    let refused = |output: std::io::Result<Output>| !output.is_ok_and(|output| output.status.success());
    refused(Command::new("unshare").args(["-rm", "bash", "-c", "mount -t tmpfs -o size=1m none /tmp"]).output())
}

/// What stands between `<name>` and the next `<` in the output.
fn part<'a>(text: &'a str, name: &str) -> &'a str {
    let begin = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {text}")).1;
    begin.split_once('<').map_or(begin, |(part, _)| part).trim()
}

#[test]
fn an_import_stops_at_the_end_of_the_disk_and_goes_on_when_there_is_room() {
    if namespaces_are_refused() {
        eprintln!(
            "skipped an_import_stops_at_the_end_of_the_disk_and_goes_on_when_there_is_room: \
             the system refuses `unshare -rm` or a tmpfs in it"
        );
        return;
    }
    let calm = Stage::new();
    write_ticks(&day(2, 12), &calm.path("ticks.csv"));
    calm.expect(0, "import ticks.csv --kind ticks");
    let digest = calm.json(0, "replay --verify --json")["digest"].clone();

    // The end of the disk is met at the beginning, early and late; each failure leaves a tape that reads.
    let mut stopped = Vec::new();
    for room_kib in [64, 700, 1_400] {
        let stage = Stage::new();
        write_ticks(&day(2, 12), &stage.path("ticks.csv"));
        let output = on_small_disk(
            &stage,
            &format!(
                "mkdir -p disk/data; head -c $(( (96 * 1024 - {room_kib}) * 1024 )) /dev/zero > disk/other; \
                 for n in 1 2; do \
                 $B import ticks.csv --kind ticks 2> err > out; echo \"<code$n>$?<err$n>$(cat err)\"; done; \
                 $B tape stat --json > stat 2>&1; echo \"<stat>$?\"; \
                 rm disk/other; \
                 $B import ticks.csv --kind ticks > out 2>&1; echo \"<again>$?<out>$(cat out)\"; \
                 echo \"<verify>$($B replay --verify --json | tail -n 1)\""
            ),
        );
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        for n in [1, 2] {
            assert_eq!(part(&text, &format!("code{n}")), "3", "{room_kib} KiB: {}", part(&text, &format!("err{n}")));
            let err = part(&text, &format!("err{n}"));
            let last = err.lines().last().unwrap_or_default();
            assert!(last.starts_with("fatal disk_full: ") && err.contains("disk/data"), "{room_kib} KiB: {err}");
            stopped.push(last.to_owned());
        }
        assert_eq!(part(&text, "stat"), "0", "{room_kib} KiB: the tape reads on a full disk: {text}");
        assert_eq!(part(&text, "again"), "0", "{room_kib} KiB: {text}");
        let verified: serde_json::Value = serde_json::from_str(part(&text, "verify")).expect("JSON");
        assert_eq!(verified["digest"], digest, "{room_kib} KiB: {text}");
        assert_eq!(verified["differences"], 0, "{room_kib} KiB: {text}");
    }
    println!("{} imports stopped at the end of the disk: {stopped:#?}", stopped.len());
}

#[test]
fn a_daemon_whose_disk_is_full_ends_with_that_reason() {
    if namespaces_are_refused() {
        eprintln!("skipped a_daemon_whose_disk_is_full_ends_with_that_reason: the system refuses `unshare -rm`");
        return;
    }
    let stage = Stage::new();
    let kite = "[kite]\nrest = \"http://127.0.0.1:9\"\nws = \"ws://127.0.0.1:9\"\n";
    stage.write("c.toml", &(kite.to_owned() + &free_ports()));
    let rows: String = (0..60).map(|minute| format!("2026-07-31 10:{minute:02},HDFCBANK,1,2,1,2,100\n")).collect();
    stage.write("bars.csv", &format!("time,symbol,open,high,low,close,volume\n{rows}"));
    let output = on_small_disk(
        &stage,
        "mkdir -p disk/data; $B --config c.toml run --as-of '2026-08-15 10:00:00' >out 2>err & P=$!; \
         for n in $(seq 300); do [ -S disk/data/barkeep.sock ] && break; sleep 0.1; done; \
         head -c 200M /dev/zero > disk/other 2>/dev/null; \
         $B import bars.csv --kind bars >imported 2>&1; echo \"<import>$?\"; \
         for n in $(seq 100); do kill -0 $P 2>/dev/null || break; sleep 0.1; done; kill $P 2>/dev/null; \
         wait $P; echo \"<daemon>$?\"; echo \"<last>$(tail -n 1 err)\"",
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(part(&text, "daemon"), "3", "{text}");
    assert_eq!(part(&text, "import"), "2", "{text}");
    assert!(part(&text, "last").starts_with("fatal disk_full: "), "{text}");
}
