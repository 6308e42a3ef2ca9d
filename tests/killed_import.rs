//! An import is killed again and again. Each time the tape is an unbroken prefix that holds all that a reader had seen,
//! the next start goes on by itself, and in the end the tape is the one that an undisturbed import makes.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use barkeep_schemas::Seq;
use barkeep_storage::{DataDir, Filter, SessionDigest, Tape};
use stage::{Stage, day, torture, write_ticks};

const IMPORT: &str = "--config small.toml import ticks.csv --kind ticks --json";

fn prepared(seed: u64) -> Stage {
    let stage = Stage::new();
    write_ticks(&day(seed, 4), &stage.path("ticks.csv"));
    stage.write("small.toml", "[tape]\ncommit_events = 500\nsnapshot_events = 20000\n");
    stage
}

/// Every position from the first to the last, and the digest of all events up to `last`.
fn prefix(dir: &DataDir, last: Option<Seq>) -> (Seq, String) {
    let tape = Tape::open(dir).expect("the tape opens");
    let mut digest = SessionDigest::new();
    let mut next = Seq::FIRST;
    for event in tape.scan(Seq::FIRST, last, &Filter::ALL) {
        let (seq, event) = event.expect("an event");
        assert_eq!(seq, next, "a hole in the tape");
        digest.update(seq, &event);
        next = seq.plus(1);
    }
    (Seq(next.0 - 1), digest.finish().to_string())
}

fn kill(child: &mut Child) {
    child.kill().expect("SIGKILL");
    child.wait().expect("its end");
}

#[test]
fn an_import_killed_at_random_instants_ends_up_with_the_tape_of_an_undisturbed_one() {
    let kills_wanted = if torture() { 200 } else { 10 };
    let mut kills = 0;
    let mut seed = 1_u64;
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let started = Instant::now();
    while kills < kills_wanted {
        let calm = prepared(seed);
        let whole = calm.json(0, IMPORT);
        assert!(whole["events"].as_u64().expect("events") > 10_000);
        let verdict = calm.json(0, "replay --verify --json");

        let stage = prepared(seed);
        let dir = DataDir::new(stage.path("data"));
        // Ever more time, so that the import ends on a machine where recovery alone outlasts the first waits.
        for patience_ms in (400..).step_by(100) {
            let mut child = stage.command(IMPORT).stdout(Stdio::null()).spawn().expect("an import");
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            sleep(Duration::from_millis(30 + random % patience_ms));
            if child.try_wait().expect("a child").is_some() {
                break;
            }
            // What a reader sees is durable, so it must survive the kill.
            let seen = dir.tape().exists().then(|| Tape::open(&dir).ok().map(|tape| tape.last_seq())).flatten();
            let seen = seen.filter(|seq| *seq >= Seq::FIRST);
            let before = seen.map(|seq| prefix(&dir, Some(seq)));
            kill(&mut child);
            kills += 1;
            if let Some((seq, digest)) = before {
                let (last, _) = prefix(&dir, None);
                assert!(last >= seq, "durable events up to {seq} were seen, {last} is left");
                assert_eq!(prefix(&dir, Some(seq)), (seq, digest));
            }
        }
        let again = stage.json(0, IMPORT);
        assert_eq!(again["events"], 0, "the import was complete");
        for field in ["rows", "rejected", "duplicates", "steps_back", "volume_falls"] {
            assert_eq!(again[field], whole[field], "{field}");
        }
        let resumed = stage.json(0, "replay --verify --json");
        for field in ["inputs", "derived", "digest", "differences"] {
            assert_eq!(resumed[field], verdict[field], "{field}");
        }
        assert_eq!(resumed["differences"], 0);
        seed += 1;
    }
    eprintln!("{kills} kills over {} imports in {:.0} s", seed - 1, started.elapsed().as_secs_f64());
}
