//! One writer per data directory: a second is refused and told who the first is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::io::{BufRead, BufReader};

use barkeep_storage::{Lock, LockError, OpenError, Writer};
use support::{child, child_dir, data_dir};

/// The child: holds the lock until its input ends.
#[test]
fn child_holds_the_lock() {
    let Some(dir) = child_dir() else { return };
    let _writer = Writer::open(&dir, "run --paper").unwrap();
    println!("held");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_second_writer_is_refused_and_told_who_the_first_is() {
    let (_temp, dir) = data_dir();
    assert_eq!(Lock::holder(&dir).unwrap(), None, "there is no lock file yet");
    let mut first = child("child_holds_the_lock", &dir).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(first.stdout.take().unwrap());
    while !line.contains("held") {
        assert!(out.read_line(&mut line).unwrap() > 0);
    }
    let Err(OpenError::Lock(LockError::Held { path, holder })) = Writer::open(&dir, "import").map(drop) else {
        panic!("a second writer got in");
    };
    assert_eq!(path, dir.lock());
    assert_eq!((holder.pid, holder.command.as_str()), (first.id(), "run --paper"));
    assert_eq!(Lock::holder(&dir).unwrap(), Some(holder));
    drop(first.stdin.take());
    first.wait().unwrap();
    assert_eq!(Lock::holder(&dir).unwrap(), None);
    let second = Writer::open(&dir, "import").unwrap();
    assert_eq!(Lock::holder(&dir).unwrap().unwrap().pid, std::process::id());
    drop(second);
    assert!(dir.lock().exists(), "the lock file is never deleted");
}

#[test]
fn asking_for_the_holder_never_keeps_a_writer_out() {
    let (_temp, dir) = data_dir();
    dir.create().unwrap();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            for _ in 0..20_000 {
                Lock::holder(&dir).unwrap();
            }
        });
        while !asking.is_finished() {
            drop(Lock::acquire(&dir, "test").unwrap());
        }
    });
}
