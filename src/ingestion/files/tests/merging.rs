//! Several files: their order, their scan, and the second reading.

use barkeep_schemas::Price;

use super::*;

/// Typed-in files of `second price` rows, read together.
fn merged(files: &[&str]) -> String {
    let texts: Vec<String> = files.iter().map(|rows| format!("time,price\n{rows}")).collect();
    let names: Vec<String> = (0..files.len()).map(|at| format!("{at}.csv")).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let (_folder, paths) = folder(&files);
    let rows = show(&paths, &ticks("time=time:s,price=price"), true);
    rows.lines().map(|row| row.split(' ').take(2).collect::<Vec<_>>().join(":")).collect::<Vec<_>>().join(" ")
}

#[test]
fn files_are_merged_by_the_running_maximum_of_their_times_and_ties_by_argument_order() {
    assert_eq!(merged(&["1622778340,1\n1622778342,1\n", "1622778341,1\n1622778343,1\n"]), "0:2 1:2 0:3 1:3", "by time");
    assert_eq!(merged(&["1622778340,1\n1622778340,1\n", "1622778340,1\n"]), "0:2 0:3 1:2", "ties by argument order");
    // Line 3 of the first file steps back: it keeps its place after line 2, and 41 of the other file goes before both.
    assert_eq!(
        merged(&["1622778342,1\n1622778340,1\n", "1622778341,1\n1622778343,1\n"]),
        "1:2 0:2 0:3 1:3",
        "own row order"
    );
}

#[test]
fn a_scan_tells_what_the_files_hold() {
    let a: &[u8] = b"time,symbol,price\n\
        2021-06-04 09:15:00,B,2\n2021-06-04 09:15:00,B,2\n2021-06-04 09:14:59,B,1.5\n2021-06-05 09:15:00,B,3\n";
    let b: &[u8] = b"time,symbol,price\n2021-06-04 09:14:00,A,7\nx,A,1\n2021-06-05 15:30:00.5,A,8\n";
    let (_folder, paths) = folder(&[("a.csv", a), ("b.csv", b)]);
    let mut options = ticks("");
    options.symbols.clear();
    let mut reports = Vec::new();
    let scan = scan(&paths, &options, |progress| reports.push(progress)).unwrap();
    let files: Vec<_> =
        scan.files.iter().map(|f| (f.name.as_str(), f.rows, f.rejected, f.duplicates, f.steps_back)).collect();
    assert_eq!(files, [("a.csv", 4, 0, 1, 1), ("b.csv", 3, 1, 0, 0)]);
    assert_eq!((scan.files[0].bytes, scan.files[0].hash.0), (a.len() as u64, *blake3::hash(a).as_bytes()));
    let symbols: Vec<_> = scan.symbols.iter().map(|s| (s.symbol.as_str(), s.rows, s.min_price)).collect();
    assert_eq!(symbols, [("A", 2, Price::new(70_000)), ("B", 4, Price::new(15_000))]);
    let second = 1_000_000_000;
    let dates: Vec<_> = scan
        .dates
        .iter()
        .map(|d| (d.date.to_string(), d.rows, d.first.file, d.first.line, d.earliest_ns / second, d.latest_ns))
        .collect();
    assert_eq!(
        dates,
        [
            ("2021-06-04".to_owned(), 4, 1, 2, 33_240, 33_300 * second),
            ("2021-06-05".to_owned(), 2, 0, 5, 33_300, 55_800 * second + second / 2),
        ]
    );
    assert_eq!((scan.rows(), scan.accepted(), scan.rejected()), (7, 6, 1));
    assert_eq!(scan.files[1].examples.len(), 1);
    let last = reports.last().unwrap();
    assert_eq!((last.bytes_read, last.bytes_total, last.rows), ((a.len() + b.len()) as u64, last.bytes_read, 7));
}

#[test]
fn a_file_that_changed_after_its_scan_is_refused() {
    let text = "time,price\n2021-06-04 09:15:00,1\n";
    let (_folder, paths) = folder(&[("a.csv", text.as_bytes())]);
    let scan = scan(&paths, &ticks(""), |_| {}).unwrap();
    let again = |text: &str| {
        std::fs::write(&paths[0], text).unwrap();
        let read = Merge::open_scanned(&paths, &ticks(""), &scan).and_then(all);
        read.map_or_else(|error| error.to_string(), |_| "unchanged".to_owned())
    };
    assert_eq!(again(text), "unchanged");
    assert!(again(&text.replace(",1", ",2")).ends_with("(its bytes differ); start again when it is complete"));
    assert!(again(&format!("{text}\n")).contains("(33 bytes, then 34)"));
}

#[test]
fn half_hours_are_those_of_the_wall_clock_on_either_side_of_a_change() {
    // 01:45 and 01:50 before the clocks were put forward, 03:05 and 03:15 after it, 02:40 the day after.
    let text = "time,price\n2021-03-14T06:45:00Z,1\n2021-03-14T07:05:00Z,1\n2021-03-14T06:50:00Z,1\n\
        2021-03-14T07:15:00Z,1\n2021-03-15T06:40:00Z,1\n";
    let (_folder, paths) = folder(&[("a.csv", text.as_bytes())]);
    let mut options = ticks("");
    options.zone = TimeZone::get("America/New_York").unwrap();
    options.max_step_back_ns = i64::MAX;
    let scan = scan(&paths, &options, |_| {}).unwrap();
    let minute = 60_000_000_000;
    let shown: Vec<_> = scan
        .dates
        .iter()
        .map(|date| {
            let halves = date.half_hours.iter().enumerate().filter(|(_, rows)| **rows > 0);
            let halves: Vec<_> = halves.map(|(half, rows)| (half, *rows)).collect();
            (date.date.to_string(), date.rows, date.earliest_ns / minute, date.latest_ns / minute, halves)
        })
        .collect();
    let expected = [
        ("2021-03-14".to_owned(), 4, 105, 195, vec![(3, 2), (6, 2)]),
        ("2021-03-15".to_owned(), 1, 160, 160, vec![(5, 1)]),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn the_rows_that_a_scan_keeps_are_those_of_a_second_reading() {
    let a: &[u8] = b"time,symbol,price\n\
        2021-06-04 09:15:00,B,2\n2021-06-04 09:15:00,B,2\n2021-06-04 09:14:59,B,1.5\n2021-06-05 09:15:00,B,3\n";
    let b: &[u8] = b"time,symbol,price\n2021-06-04 09:14:00,A,7\nx,A,1\n2021-06-05 15:30:00.5,A,8\n";
    let (folder, paths) = folder(&[("a.csv", a), ("b.csv", b)]);
    let mut options = ticks("");
    options.symbols.clear();
    let (scan, kept) = scan_and_keep(&paths, &options, folder.path(), |_| {}).unwrap();
    let mut kept = kept.unwrap();
    let mut again = Merge::open_scanned(&paths, &options, &scan).unwrap();
    for _ in 0..scan.rows() {
        assert_eq!(kept.step().unwrap(), again.step().unwrap());
    }
    assert_eq!((kept.step().unwrap(), again.step().unwrap()), (None, None));
}

#[test]
fn files_of_bars_follow_each_other() {
    let rows = |time: &str| format!("time,open,high,low,close,volume\n2021-06-04 {time},1,1,1,1,1\n").into_bytes();
    let (_folder, paths) = folder(&[("0.csv", &rows("09:16:00")), ("1.csv", &rows("09:15:00"))]);
    assert_eq!(
        show(&paths, &bars(""), true),
        "0 2 A 2021-06-04T03:46:00Z 1 1 1 1 1\n1 2 A 2021-06-04T03:45:00Z 1 1 1 1 1\n"
    );
}

#[test]
fn other_entries_of_an_archive_do_not_disturb_its_scan() {
    let noise: String = (0..50_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string()).collect();
    let bytes = super::formats::zipped(&[("readme.txt", &noise), ("a.csv", "time,price\n2021-06-04 09:15:00,1\n")]);
    let (_folder, paths) = folder(&[("f.zip", &bytes)]);
    let scan = scan(&paths, &ticks(""), |_| {}).unwrap();
    assert_eq!((scan.rows(), scan.files[0].hash.0), (1, *blake3::hash(&bytes).as_bytes()));
    assert_eq!(Merge::open_scanned(&paths, &ticks(""), &scan).and_then(all).unwrap().len(), 1);
}
