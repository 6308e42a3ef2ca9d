//! Days off a recorded tape, with differences in a fiftieth of the broker's rows: all are found and nothing else, each with
//! its cause, every lost minute belongs to its gap; heal mends what may be mended, once, and takes it back.
//!
//! The daemon records the day live off the simulator's feed, through faults and a kill; the broker's candles of that day are
//! the simulator's own. What is to be found, and why, is worked out from the simulator's ledger, the interruptions on the
//! tape and the list of what was put in, by code that shares nothing with `recon`.
//!
//! `BARKEEP_TORTURE=1`: several days, each with more symbols.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod days;
mod rehearsal;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use barkeep::cli::account::read_ledger;
use barkeep_schemas::NANOS;
use barkeep_sim::faults::FaultKind;
use days::inject::{Injected, Kind, MIDNIGHT};
use days::record::Recorded;
use days::rows::{Key, Rows, compared, exported, file};
use rehearsal::{DATE, Rehearsal};
use serde_json::Value;
use stage::{copy_folder, torture};

/// A difference as it was recorded: its status and its cause.
type Found = BTreeMap<Key, (String, String)>;

/// Reconciles a data directory with a file; the report, and every difference of that run.
fn recon(day: &Recorded, data: &str, file: &str, code: i32) -> (Value, Found) {
    let stage = &day.run.stage;
    let report = stage.json_on(data, code, &format!("recon --date {DATE} --source {file} --json"));
    (report.clone(), recorded(day, data, &report["run_id"]))
}

/// Every difference that a run recorded.
fn recorded(day: &Recorded, data: &str, run: &Value) -> Found {
    let stage = &day.run.stage;
    stage.expect_on(data, 0, &format!("export --kind recon --date {DATE} --out recon.csv"));
    let text = fs::read_to_string(stage.path("recon.csv")).expect("an export");
    fs::remove_file(stage.path("recon.csv")).expect("a file");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<&str>>());
    let head = lines.next().expect("a head");
    let place = |name: &str| head.iter().position(|known| *known == name).expect("a column");
    let (symbol, ts, status, cause, run_id) =
        (place("symbol"), place("ts"), place("status"), place("cause"), place("run_id"));
    let of_run = lines.filter(|cells| run == cells[run_id].parse::<u64>().expect("a run"));
    let row = |cells: Vec<&str>| {
        let key = (cells[symbol].to_owned(), cells[ts].parse().expect("a time"));
        (key, (cells[status].to_owned(), cells[cause].to_owned()))
    };
    of_run.map(row).collect()
}

fn export(day: &Recorded, data: &str, kind: &str) -> String {
    day.run.stage.expect_on(data, 0, &format!("export --kind {kind} --date {DATE} --out bars.csv"));
    let text = fs::read_to_string(day.run.stage.path("bars.csv")).expect("an export");
    fs::remove_file(day.run.stage.path("bars.csv")).expect("a file");
    text
}

/// Bars of every timeframe by their numbers; what an edition is called is left out.
fn numbers(day: &Recorded, data: &str) -> Vec<String> {
    let kinds = ["bars_1m", "bars_3m", "bars_5m", "bars_15m", "bars_30m", "bars_60m"];
    let rows = |text: String| -> Vec<String> {
        text.lines().map(|row| row.split(',').take(7).collect::<Vec<&str>>().join(",")).collect()
    };
    let mut all: Vec<String> = kinds.into_iter().flat_map(|kind| rows(export(day, data, kind))).collect();
    // Bars that were corrected are exported behind the others.
    all.sort_unstable();
    all
}

fn last_seq(day: &Recorded, data: &str) -> Value {
    let stat = day.run.stage.json_on(data, 0, "tape stat --json");
    let segment = stat["segments"].as_array().and_then(|all| all.last()).expect("a segment");
    segment["last_seq"].clone()
}

/// A copy of the recorded data directory.
fn copy(day: &Recorded, name: &str) {
    copy_folder(&day.run.stage.path("data"), &day.run.stage.path(name));
}

/// The cause that a difference has to have: of what was put in, else of what happened to the feed, else of the feed itself,
/// which shows a state four times a second and not every trade.
fn due(day: &Recorded, injected: &Injected, key: &Key, status: &str) -> &'static str {
    if let Some((_, cause)) = injected.causes.get(key) {
        return cause;
    }
    let is_outage = |key: &Key| day.outage.0 < (key.1 + 60) * NANOS && day.outage.1 > key.1 * NANOS;
    if is_outage(key) || day.gap(key, true).is_some() {
        return "appliance_down";
    }
    match status {
        _ if day.gap(key, false).is_some() => "feed_gap",
        _ if day.late.contains(key) => "late_ticks",
        _ if day.overtaken.contains(key) => "unexplained",
        "price" => "conflation",
        "volume" => "volume_boundary",
        _ => "nothing",
    }
}

/// Checks a day with differences put in; how many were found, and how many have the right cause.
fn differences(day: &Recorded, ours: &Rows, seed: u64) -> (u64, u64) {
    let injected = Injected::new(day, ours, seed);
    copy(day, "plain");
    day.run.stage.write("plain.csv", &injected.file());
    let (report, found) = recon(day, "plain", "plain.csv", 1);
    let expected = compared(ours, &injected.theirs, &day.ticks());
    assert_eq!(report["rejected"], injected.twice.len(), "{report}");
    let statuses: BTreeMap<Key, &str> = found.iter().map(|(key, (status, _))| (key.clone(), status.as_str())).collect();
    let odd = |a: &BTreeMap<Key, &'_ str>, b: &BTreeMap<Key, &'_ str>| -> Vec<String> {
        let alone = a.iter().filter(|(key, status)| b.get(*key) != Some(*status));
        alone.map(|(key, status)| format!("{key:?} {status} {:?}", injected.causes.get(key))).collect()
    };
    let (missed, invented) = (odd(&expected, &statuses), odd(&statuses, &expected));
    assert!(missed.is_empty() && invented.is_empty(), "seed {seed}: not found: {missed:#?}; found: {invented:#?}");

    // By kind: put in, outside tolerance, with the right cause.
    let mut tallies: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    for (kind, _) in injected.causes.values() {
        tallies.entry(format!("{kind:?}")).or_default()[0] += 1;
    }
    let (mut right, mut wrong) = (0, Vec::new());
    for (key, (status, cause)) in &found {
        let due = due(day, &injected, key, status);
        let kind =
            injected.causes.get(key).map_or_else(|| format!("of the feed: {due}"), |(kind, _)| format!("{kind:?}"));
        let tally = tallies.entry(kind).or_default();
        tally[1] += 1;
        if cause == due {
            tally[2] += 1;
            right += 1;
        } else {
            let near = |minutes: i64| {
                let key = (key.0.clone(), key.1 + minutes * 60);
                format!("\n    {:?} against {:?}", ours.get(&key), injected.theirs.get(&key))
            };
            let near = [-1, 0, 1].map(near).concat();
            wrong.push(format!("{} at minute {}: {status} {cause}, not {due}{near}", key.0, (key.1 - MIDNIGHT) / 60));
        }
    }
    eprintln!("seed {seed}: of {} rows, put in, outside tolerance, rightly named", day.candles.len());
    tallies.iter().for_each(|(kind, counts)| eprintln!("  {kind:32} {counts:?}"));
    wrong.iter().for_each(|row| eprintln!("  wrong: {row}"));
    assert!(
        right * 100 >= found.len() as u64 * 99,
        "seed {seed}: {right} of {} causes are right\n{wrong:#?}",
        found.len()
    );
    gaps(day, &report, &found);
    healed(day, &injected, &found, seed);
    (found.len() as u64, right)
}

/// Every minute lost whole lies in a gap, and each gap counts its minutes.
fn gaps(day: &Recorded, report: &Value, found: &Found) {
    let mut counts = vec![0_u64; day.gaps.len()];
    for (key, (status, cause)) in found {
        let (is_outage, is_gap) = (cause == "appliance_down", cause == "feed_gap");
        if !is_outage && !is_gap {
            continue;
        }
        let gap = day.gap(key, is_outage);
        assert!(gap.is_some() || status != "missing_internal", "{key:?} is lost and lies in no gap");
        if let Some(gap) = gap {
            counts[gap] += 1;
        }
    }
    let told: Vec<u64> =
        report["gaps"].as_array().expect("gaps").iter().map(|gap| gap["bars"].as_u64().expect("a number")).collect();
    assert_eq!(told, counts, "{}", report["gaps"]);
    assert!(told.iter().filter(|bars| **bars > 0).count() >= 4, "the day had its interruptions: {told:?}");
}

/// Heals until nothing is to be done, and takes it back; then once more with everything taken.
///
/// A volume that passed by the day's sum alone may differ once other bars are healed, which moves the sum: then it is told
/// with the next comparison, as any.
fn healed(day: &Recorded, injected: &Injected, before: &Found, seed: u64) {
    let stage = &day.run.stage;
    let bars = numbers(day, "plain");
    let heal = format!("heal --date {DATE} --apply --json");
    let (mut runs, mut followed) = (Vec::new(), before.clone());
    for _ in 0..3 {
        let end = last_seq(day, "plain");
        let report = stage.json_on("plain", 1, &heal);
        let left = report["left"].as_array().expect("left");
        let has_reason = |row: &Value| row["text"].as_str().is_some_and(|text| !text.is_empty());
        assert!(left.iter().all(has_reason), "{left:?}");
        let corrections = report["corrections"].as_array().expect("corrections");
        let minutes = corrections.iter().filter(|row| row["tf"] == "1");
        let key = |row: &Value| -> Key {
            (row["symbol"].as_str().expect("a symbol").to_owned(), row["ts"].as_i64().expect("a time"))
        };
        let told: BTreeSet<Key> = minutes.chain(left).map(key).collect();
        let silent: Vec<&Key> = followed.keys().filter(|key| !told.contains(*key)).collect();
        assert!(silent.is_empty(), "seed {seed}: neither healed nor left: {silent:?}");
        if corrections.is_empty() {
            assert_eq!(end, last_seq(day, "plain"), "seed {seed}: nothing is done twice");
            break;
        }
        let ours = exported(&export(day, "plain", "bars_1m"));
        let (_, after) = recon(day, "plain", "plain.csv", 1);
        assert_eq!(report["again"]["unhealed"], after.len(), "{}", report["again"]);
        let differ = compared(&ours, &injected.theirs, &day.ticks());
        assert!(differ.keys().eq(after.keys()), "seed {seed}: what is left is what still differs");
        for (key, (status, cause)) in &after {
            let is_put_in = injected.causes.contains_key(key);
            let nobody_knows = cause == "unexplained" && !is_put_in && !day.overtaken.contains(key);
            assert!(!nobody_knows, "seed {seed}: {key:?} is {status}, and nobody knows why");
            match followed.get(key) {
                Some((_, was)) => assert_eq!(was, cause, "{key:?} keeps its cause"),
                None => assert_eq!(status, "volume", "{key:?} is no difference that the heal made"),
            }
        }
        followed = after;
        runs.push(report["run_id"].clone());
    }
    assert!(followed.len() < before.len() && matches!(runs.len(), 1 | 2), "seed {seed}: {runs:?}");
    for run in runs.iter().rev() {
        stage.json_on("plain", 1, &format!("heal --date {DATE} --revert {run} --apply --json"));
    }
    assert!(numbers(day, "plain") == bars, "seed {seed}: all bars are as they were");
    let (_, again) = recon(day, "plain", "plain.csv", 1);
    assert_eq!(again, *before);
    all_taken(day, injected, seed);
}

/// With every cause taken nothing is left but what the broker lacks, what lies outside trading, and shares in a neighbour, of
/// which one half alone may differ. Where a day would lose shares by it, nothing is done.
fn all_taken(day: &Recorded, injected: &Injected, seed: u64) {
    let stage = &day.run.stage;
    let causes = ["conflation", "opening_price", "auction", "halt", "duplicate", "unexplained"];
    let taken: String = causes.iter().map(|cause| format!("{cause} = \"take\"\n")).collect();
    stage.write("take.toml", &format!("[heal]\n{taken}"));
    let mut again = Value::Null;
    for _ in 0..3 {
        let end = last_seq(day, "plain");
        let heal = stage.command_on("plain", &format!("--config take.toml heal --date {DATE} --apply --json")).output();
        let heal = heal.expect("it runs");
        let report: Value = serde_json::from_slice(&heal.stdout).expect("JSON");
        if heal.status.code() == Some(2) {
            let why = String::from_utf8_lossy(&heal.stderr);
            assert!(why.contains("a heal never shrinks a day") && end == last_seq(day, "plain"), "seed {seed}: {why}");
            eprintln!("seed {seed}: {}", why.trim());
            return;
        }
        let left = report["left"].as_array().expect("left");
        let stays = |row: &&Value| {
            row["why"] == "no_broker_bar" || row["why"] == "outside_hours" || row["cause"] == "volume_boundary"
        };
        let odd: Vec<&Value> = left.iter().filter(|row| !stays(row)).collect();
        assert!(odd.is_empty(), "seed {seed}: {odd:?}");
        if report["corrections"] == serde_json::json!([]) {
            break;
        }
        again = report["again"].clone();
    }
    let outside = injected.causes.values().filter(|(kind, _)| *kind == Kind::Outside).count();
    assert_eq!((&again["missing_internal"], &again["price"]), (&outside.into(), &0.into()), "seed {seed}: {again}");
}

/// Files that nobody may heal with.
fn refused(day: &Recorded, ours: &Rows) {
    let stage = &day.run.stage;
    let whole = &day.candles;
    copy(day, "refused");
    let check = |name: &str, rows: &Rows, more: &str, heal: &str, why: &str, sentence: &str| -> Found {
        stage.write(name, &file(rows));
        let report = stage.json_on("refused", 1, &format!("recon --date {DATE} --source {name} {more} --json"));
        let end = last_seq(day, "refused");
        let output =
            stage.command_on("refused", &format!("{heal} --date {DATE} --apply --json")).output().expect("it runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "{name}: {out}{err}");
        assert!(out.contains(why) && err.contains(sentence), "{name}: {out}{err}");
        assert_eq!(end, last_seq(day, "refused"), "{name}: nothing is written");
        recorded(day, "refused", &report["run_id"])
    };
    let cut = MIDNIGHT + 14 * 3_600;
    let short: Rows = whole.iter().filter(|(key, _)| key.1 < cut).map(|(key, row)| (key.clone(), *row)).collect();
    check("short.csv", &short, "", "heal", "broker_incomplete", "its last bar is of 13:59:00, ours of 15:29:00");
    let found = check("short.csv", &short, "--to 15:30", "heal", "broker_incomplete", "the broker's day is not whole");
    let behind = found.iter().filter(|(key, _)| key.1 >= cut);
    assert!(behind.clone().count() > 500 && behind.clone().all(|(_, (_, cause))| cause == "broker_incomplete"));

    // A stretch is three bars of ours: who trades rarely has none there.
    let trades = |symbol: &&str| (600..605).all(|at| ours.contains_key(&((*symbol).to_owned(), MIDNIGHT + at * 60)));
    let symbol = day.session.instruments.iter().map(|known| known.symbol.as_str()).find(trades).expect("a busy symbol");
    let mut holes = whole.clone();
    holes.retain(|key, _| !(key.0 == symbol && (MIDNIGHT + 600 * 60..MIDNIGHT + 605 * 60).contains(&key.1)));
    holes.retain(|key, _| key.1 != MIDNIGHT + 700 * 60);
    let found = check("holes.csv", &holes, "", "heal", "broker_incomplete", "the broker's day is not whole");
    let of = |cause: &str| found.values().filter(|row| row.1 == cause).count();
    let lacking = whole.keys().filter(|key| !holes.contains_key(*key) && ours.contains_key(*key)).count();
    assert_eq!(of("broker_incomplete"), lacking, "{found:?}");

    let mut halved = whole.clone();
    for (_, row) in halved.iter_mut().filter(|(key, _)| key.0 == symbol) {
        row.prices = row.prices.map(|price| price / 2);
        row.volume *= 2;
    }
    let found = check("halved.csv", &halved, "", "heal --force", "constant_ratio", "adjusted for a corporate action");
    // Minutes in an interruption are not ours times the factor.
    let is_whole =
        |key: &Key| ours.get(key).is_some_and(|our| Some(our.prices) == whole.get(key).map(|row| row.prices));
    let own = found.iter().filter(|(key, (status, _))| key.0 == symbol && status == "price" && is_whole(key));
    let (all, right) =
        own.fold((0, 0), |(all, right), (_, (_, cause))| (all + 1, right + u64::from(cause == "corporate_action")));
    assert!(all > 200 && right * 100 >= all * 99, "{right} of {all}");

    stage.write("one.toml", "[heal]\nmax_share_percent = 1\n");
    check("whole.csv", whole, "", "--config one.toml heal", "large_share", "more than 1%");
}

/// The broker's candles over REST, as the command asks for them. The day's token was got in the simulator's time, and the
/// command goes by the host's.
fn ask(run: &Rehearsal, nth: &str) {
    let stage = &run.stage;
    if !stage.path("asked").exists() {
        copy_folder(&stage.path("data"), &stage.path("asked"));
    }
    let path = stage.path("asked/kite_token.json");
    let mut token: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a token")).expect("JSON");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let now = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M:%S", "-d", &format!("@{}", now + 19_800)]).output();
    token["login"] = String::from_utf8(now.expect("date").stdout).expect("text").trim().into();
    fs::write(&path, token.to_string()).expect("a file");
    let report = stage.json_on("asked", 1, &format!("--config run.toml recon --date {DATE} --source kite --json"));
    fs::write(stage.path(&format!("{nth}.json")), report["run_id"].to_string()).expect("a file");
}

/// What the broker changed between two times it was asked is told as that, and nothing fetched within a minute is taken.
fn revised(day: &Recorded, ours: &Rows) {
    let run = |nth: &str| -> Found {
        let text = fs::read_to_string(day.run.stage.path(&format!("{nth}.json"))).expect("a run");
        recorded(day, "asked", &text.parse().expect("a number"))
    };
    let found = run("again");
    let at = MIDNIGHT + (9 * 60 + 41) * 60;
    let of_minute: Vec<&str> = found.iter().filter(|(key, _)| key.1 == at).map(|(_, row)| row.1.as_str()).collect();
    let lost = day.candles.keys().filter(|key| key.1 == at && !ours.contains_key(*key)).count();
    assert!(lost > 0 && of_minute.iter().all(|cause| *cause == "broker_revised"), "{of_minute:?}");
    assert_eq!(of_minute.len(), lost);
    let expected = compared(ours, &day.candles, &day.ticks());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let report = day.run.stage.json_on("asked", 1, &format!("heal --date {DATE} --apply --json"));
    assert_eq!(report["corrections"], serde_json::json!([]));
    let whys: BTreeSet<&str> =
        report["left"].as_array().expect("a list").iter().map(|row| row["why"].as_str().expect("text")).collect();
    assert!(whys.contains("fetched_once") && whys.contains("cause"), "{whys:?}");
}

/// Every interruption on the tape has a fault of the simulator's ledger in it, or is the outage, and every such fault has one.
fn accounted(day: &Recorded) {
    const SLACK: i64 = 30 * NANOS;
    let ledger = read_ledger(&day.run.ledger()).expect("a ledger");
    let cuts = ledger
        .iter()
        .filter(|fault| matches!(fault.kind, FaultKind::Disconnect | FaultKind::Mute) && fault.connection.is_some());
    let cuts: Vec<(i64, i64)> =
        cuts.map(|fault| (fault.at.get(), fault.until.map_or(fault.at.get(), |until| until.get()))).collect();
    let meet = |a: (i64, i64), b: (i64, i64)| a.0 <= b.1 + SLACK && b.0 <= a.1 + SLACK;
    for gap in &day.gaps {
        let span = (gap.from, gap.to);
        let is_known = if gap.is_outage { meet(span, day.outage) } else { cuts.iter().any(|cut| meet(span, *cut)) };
        assert!(is_known, "no fault is behind {gap:?}");
    }
    for cut in &cuts {
        let is_seen = day.gaps.iter().any(|gap| gap.from <= cut.1 && gap.to >= cut.0);
        assert!(is_seen, "the tape has no gap for the fault from {} to {}", cut.0, cut.1);
    }
    assert!(cuts.len() >= 5 && day.gaps.iter().any(|gap| gap.is_outage), "{cuts:?} {:?}", day.gaps);
}

#[test]
fn differences_off_a_recorded_day_are_found_named_healed_and_taken_back() {
    let (seeds, instruments) = if torture() { (4, 40) } else { (1, 10) };
    let (mut all, mut right) = (0, 0);
    for seed in 3..3 + seeds {
        let begun = Instant::now();
        let day = Recorded::new(seed, instruments, ask);
        let lived = begun.elapsed();
        accounted(&day);
        let ours = exported(&export(&day, "data", "bars_1m"));
        let (found, named) = differences(&day, &ours, seed);
        (all, right) = (all + found, right + named);
        refused(&day, &ours);
        revised(&day, &ours);
        eprintln!("seed {seed}: lived in {:.0} s, {:.0} s in all", lived.as_secs_f64(), begun.elapsed().as_secs_f64());
    }
    eprintln!("{right} of {all} causes are right");
}
