//! Bad input: each case gets exit code 2 and a sentence that says where, what was expected and what to do, or a rejected
//! row with its line; what was good is kept.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;

use stage::Stage;

const HEADER: &str = "time,symbol,price,qty\n";

/// A file that is refused as a whole: nothing is on the tape, and the message has all the words.
#[track_caller]
fn refused(file: &str, text: &[u8], args: &str, words: &[&str]) {
    let stage = Stage::new();
    fs::write(stage.path(file), text).expect("a file");
    let message = stage.refused(&format!("import {file} --kind ticks {args}"));
    for word in words {
        assert!(message.contains(word), "no '{word}' in: {message}");
    }
    assert!(!message.contains("panic"), "{message}");
}

#[test]
fn files_that_cannot_be_read_are_refused_by_name() {
    refused("empty.csv", b"", "", &["empty.csv", "empty"]);
    refused("header.csv", HEADER.as_bytes(), "", &["header.csv", "no rows"]);
    refused("cut.zip", b"PK\x03\x04garbage", "", &["cut.zip"]);
    refused("x.csv", b"\xff\xfe\x00", "", &["x.csv"]);
    refused("x.parquet", b"PAR1 no", "--format parquet", &["x.parquet"]);
    let stage = Stage::new();
    fs::create_dir(stage.path("folder.csv")).expect("a folder");
    assert!(stage.refused("import folder.csv --kind ticks").contains("folder"));
    assert!(stage.refused("import nowhere.csv --kind ticks").contains("nowhere.csv"));
}

#[test]
fn columns_that_are_not_there_are_named_with_those_that_are() {
    let rows = "stamp,symbol,ltp,qty\n2024-03-14 10:00:00,A,100,1\n";
    refused("t.csv", rows.as_bytes(), "", &["t.csv", "time", "stamp"]);
    refused("t.csv", rows.as_bytes(), "--map time=stampp,price=ltp", &["stampp", "stamp"]);
    refused("t.csv", rows.as_bytes(), "--map tme=stamp,price=ltp", &["tme", "time"]);
    refused("t.csv", rows.as_bytes(), "--map time=stamp:min,price=ltp", &["min"]);
    let bare = "time,symbol,price,volume\n2024-03-14 10:00:00,A,100,1\n";
    refused("t.csv", bare.as_bytes(), "", &["volume", "cum_volume", "qty"]);
}

#[test]
fn times_in_the_wrong_zone_or_unit_are_refused_with_the_way_out() {
    let utc: String = (0..100).map(|n| format!("2024-03-14 04:{:02}:{:02},A,100,1\n", n / 60, n % 60)).collect();
    let text = format!("{HEADER}{utc}");
    refused("utc.csv", text.as_bytes(), "", &["utc.csv", "line 2", "2024-03-14", "--tz UTC"]);
    let ist: String = (0..300).map(|n| format!("2024-03-14 {:02}:{:02}:00,A,100,1\n", 10 + n / 60, n % 60)).collect();
    let text_ist = format!("{HEADER}{ist}");
    refused("ist.csv", text_ist.as_bytes(), "--tz UTC", &["ist.csv", "15:30 to 20:29", "is --tz right?"]);
    refused("utc.csv", text.as_bytes(), "--tz Mars/Olympus", &["Mars/Olympus", "Asia/Kolkata"]);
    let seconds = format!("{HEADER}1710390600,A,100,1\n");
    refused("s.csv", seconds.as_bytes(), "--map time=time:ns,price=price", &["s.csv", "line 2", "unit"]);
}

#[test]
fn dates_without_a_session_and_outside_the_calendar_are_refused() {
    let on = |date: &str| format!("{HEADER}{date} 10:00:00,A,100,1\n");
    refused("t.csv", on("2024-03-16").as_bytes(), "", &["t.csv", "line 2", "2024-03-16", "Saturday"]);
    refused("t.csv", on("2024-03-25").as_bytes(), "", &["2024-03-25", "Holi"]);
    refused("t.csv", on("2014-12-31").as_bytes(), "", &["2014-12-31", "2015-01-01"]);
    refused("t.csv", on("2027-01-04").as_bytes(), "", &["2027-01-04", "2026-12-31", "calendar import"]);
}

#[test]
fn rows_that_cannot_be_right_are_rejected_with_their_line_and_the_others_stay() {
    let cases = [
        ("2024-03-14 10:00:02,A,NaN,1", "NaN"),
        ("2024-03-14 10:00:02,A,-5,1", "negative"),
        ("2024-03-14 10:00:02,A,0,1", "zero"),
        ("2024-03-14 10:00:02,A,1e12,1", "price"),
        ("2024-03-14 10:00:02,A,100.00001,1", "4 decimals"),
        ("2024-03-14 10:00:02,A,100,-1", "negative"),
        ("2024-03-14 10:00:02,A,100,1.5", "whole"),
        ("2024-03-14 09:57:59,A,100,1", "120 s"),
        ("14/03/2024 10:00:02,A,100,1", "time"),
        ("2024-03-14 10:00:02,A,100", "3"),
        ("2024-03-14 10:00:02,,100,1", "symbol"),
    ];
    let stage = Stage::new();
    let mut text = format!("{HEADER}2024-03-14 10:00:00,A,100,1\n");
    cases.iter().for_each(|(row, _)| text.push_str(&format!("{row}\n")));
    text.push_str("2024-03-14 10:00:03,A,101,1\n");
    stage.write("t.csv", &text);
    let report = stage.json(0, "import t.csv --kind ticks --json");
    assert_eq!((report["events"].as_u64(), report["rejected"].as_u64()), (Some(2), Some(cases.len() as u64)));
    assert_eq!(report["rows"].as_u64(), Some(2 + cases.len() as u64));
    let rejects = fs::read_to_string(report["rejects"].as_str().expect("a side file")).expect("the side file");
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines.len(), cases.len() + 1);
    for (place, (row, why)) in cases.iter().enumerate() {
        let line = lines[place + 1];
        assert!(line.starts_with(&format!("t.csv,{},", place + 3)), "{row}: {line}");
        assert!(line.to_lowercase().contains(&why.to_lowercase()), "{row}: no '{why}' in {line}");
    }
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
}

#[test]
fn a_calendar_that_contradicts_itself_is_refused_with_every_finding() {
    let stage = Stage::new();
    let sound = include_str!("../configs/nse_calendar.toml");
    let twice = format!(
        "{sound}\n[[holiday]]\ndate = \"2024-03-25\"\nname = \"again\"\n[[holiday]]\ndate = \"2024-03-23\"\nname = \"a Saturday\"\n"
    );
    stage.write("calendar.toml", &twice);
    let message = stage.refused("calendar check calendar.toml");
    for word in ["calendar.toml", "2024-03-25", "2024-03-23", "Saturday"] {
        assert!(message.contains(word), "no '{word}' in: {message}");
    }
}

#[test]
fn a_list_of_holidays_that_cannot_be_a_whole_year_is_refused() {
    let stage = Stage::new();
    stage.write("calendar.toml", include_str!("../configs/nse_calendar.toml"));
    stage.write("h.csv", "date,name\n2027-01-26,Republic Day\n2027-03-22,Holi\n");
    let message = stage.refused("calendar import h.csv --into calendar.toml --apply");
    assert!(message.contains("2 weekday holidays of 2027"), "{message}");
    stage.expect(0, "calendar import h.csv --into calendar.toml --apply --accept-short");
    assert!(stage.expect(0, "calendar check calendar.toml").contains("2027-12-31"));
}

#[test]
fn unknown_keys_of_the_configuration_are_refused_with_the_nearest() {
    let stage = Stage::new();
    stage.write("c.toml", "[tape]\ncommit_event = 5\n");
    let message = stage.refused("--config c.toml config show");
    assert!(message.contains("c.toml:2") && message.contains("commit_events"), "{message}");
    assert!(stage.refused("--config nowhere.toml config show").contains("nowhere.toml"));
}

#[test]
fn a_file_that_is_no_segment_is_named() {
    let stage = Stage::new();
    stage.expect(0, "demo --instruments 2");
    fs::write(stage.path("data/tape/2026-08-01.1.redb"), "not a segment").expect("a file");
    let message = String::from_utf8_lossy(&stage.run("tape stat").stderr).into_owned();
    assert!(message.contains("2026-08-01.1.redb"), "{message}");
}

#[test]
fn commands_on_a_tape_that_is_not_there_say_so() {
    let stage = Stage::new();
    for command in ["replay --verify", "explain bar A '2024-03-14 10:00'", "export --kind ticks --out t.csv"] {
        let message = stage.refused(command);
        assert!(message.starts_with("error: "), "{command}: {message}");
    }
}
