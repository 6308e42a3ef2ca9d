//! What was reconciled is counted over all segments, apart from the session's metrics: an old segment that cannot be read is
//! told by the service that needs it and takes nothing off the others.
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
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::time::{Duration, Instant};

use barkeep::monitoring::metrics::{Metrics, ReconMetrics, Service};
use barkeep::orchestrator::calendar::Calendar;
use barkeep::orchestrator::pairs_paper_entry::{
    Board, Clock, EngineState, MetricsFollower, ReconFollower, ReconState, SessionFacts, Tellers, TokenFacts, board,
};
use barkeep_schemas::{Seq, SessionDate, Ts};
use barkeep_storage::{Committer, DataDir, Filter, Tape, Writer};
use stage::Stage;

/// Two sessions; behind the first it was reconciled.
fn two_sessions() -> Stage {
    let stage = Stage::new();
    for date in ["2024-03-13", "2024-03-14"] {
        let rows: String = (0..30).map(|n| format!("{date} 10:{n:02}:00,{},{}\n", 100 + n, 500 + 10 * n)).collect();
        stage.write("t.csv", &format!("time,price,cum_volume\n{rows}"));
        stage.expect(0, "import t.csv --kind ticks --symbol HDFCBANK --calendar always");
        let candle = |n: i32| format!("{date} 10:{n:02}:00,HDFCBANK,{0},{1},{0},{1},10\n", 100 + n, 101 + n);
        let rows: String = (0..30).map(candle).collect();
        stage.write("c.csv", &format!("time,symbol,open,high,low,close,volume\n{rows}"));
        if date == "2024-03-13" {
            stage.expect(1, &format!("recon --date {date} --source c.csv --calendar always"));
        }
    }
    stage
}

/// What came of reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Read {
    Whole,
    Failed,
    /// redb panics on pages that it did not write.
    Panicked,
}

fn read(what: impl FnOnce() -> bool) -> Read {
    match catch_unwind(AssertUnwindSafe(what)) {
        Ok(true) => Read::Whole,
        Ok(false) => Read::Failed,
        Err(_) => Read::Panicked,
    }
}

/// Reads the heads of all segments, and what counts reconciliations.
fn heads_and_rest(dir: &DataDir) -> (Read, Read) {
    let filter = Filter::kinds(ReconMetrics::KINDS);
    let rest = || Tape::open(dir).is_ok_and(|tape| tape.scan(Seq::FIRST, None, &filter).all(|event| event.is_ok()));
    (read(|| Tape::open(dir).is_ok()), read(rest))
}

/// Flips one bit so that what was reconciled cannot be read, in this way, in a file whose head stays whole.
fn damage(path: &Path, whole: &[u8], dir: &DataDir, how: Read) {
    let mut places = (0..whole.len()).step_by(16).filter(|place| whole[*place] != 0);
    // A panic that is looked for need not be told with all its frames.
    let hook = take_hook();
    set_hook(Box::new(|_| ()));
    let found = places.any(|place| {
        let mut bytes = whole.to_vec();
        bytes[place] ^= 1;
        fs::write(path, bytes).is_ok() && heads_and_rest(dir) == (Read::Whole, how)
    });
    set_hook(hook);
    assert!(found, "no bit of {} is so: {how:?}", path.display());
}

/// The pages of both followers once they have counted, or have told why not.
fn counted(dir: &DataDir) -> (Board, [String; 2]) {
    let metrics = Metrics::new([]).expect("metrics");
    let date = SessionDate::parse("2024-03-14").expect("a date");
    let session = SessionFacts::on(&Calendar::builtin().expect("a calendar"), date, false);
    let (Tellers { engine, recon, .. }, board) = board(Ts::ZERO, session, TokenFacts::NotNeeded);
    engine.state(EngineState::Running);
    let committer = Committer::start(Writer::open(dir, "test").expect("a writer")).expect("a thread");
    let publisher = committer.publisher();
    let session = MetricsFollower::start(dir, publisher, &metrics, Clock::new(|| Ts::ZERO)).expect("a thread");
    let recon = ReconFollower::start(dir, publisher, &metrics, recon).expect("a thread");
    let begun = Instant::now();
    while metrics.is_held() || board.facts().recon.state == ReconState::Reading {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", board.facts().recon);
        std::thread::sleep(Duration::from_millis(10));
    }
    let pages = [Service::BarBuilder1s, Service::ReconExporter].map(|service| metrics.page(service).expect("a page"));
    committer.finish().expect("durable").close().expect("closed");
    let begun = Instant::now();
    session.join();
    recon.join();
    assert!(begun.elapsed() < Duration::from_secs(10), "it ends with the writer, whatever it waits for");
    (board, pages)
}

#[test]
fn an_old_segment_that_cannot_be_read_takes_nothing_off_the_metrics_of_the_session() {
    let stage = two_sessions();
    let dir = DataDir::new(stage.path("data"));
    let (board, [bars, recon]) = counted(&dir);
    assert_eq!((board.facts().recon.state, board.facts().recon.any), (ReconState::Following, true));
    assert!(bars.contains("bars_1s_ticks_total 30\n"), "{bars}");
    assert!(recon.contains("recon_unhealed 30\n") && recon.contains("{result=\"differences\"} 1\n"), "{recon}");

    let path = stage.path("data/tape/2024-03-13.1.redb");
    let whole = fs::read(&path).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    for (how, said, restarts) in [(Read::Failed, "2024-03-13.1.redb", 0), (Read::Panicked, "it panicked: ", 1)] {
        damage(&path, &whole, &dir, how);
        let (board, [bars, recon]) = counted(&dir);
        assert!(bars.contains("bars_1s_ticks_total 30\n"), "{bars}");
        let ReconState::Failed { why } = board.facts().recon.state else { panic!("{:?}", board.facts().recon) };
        assert!(why.starts_with("the tape cannot be read for the metrics: ") && why.contains(said), "{why}");
        assert!(!recon.contains("\nrecon_"), "what is not known is absent, and no count is on its way up: {recon}");
        assert!(
            recon.contains(&format!("service_restarts_total{{service=\"recon_exporter\"}} {restarts}\n")),
            "{recon}"
        );
    }
}
