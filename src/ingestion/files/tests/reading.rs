//! CSV rows: fields, reasons for refusal, memory between rows.

use proptest::prelude::*;

use super::*;

#[test]
fn every_field_of_a_tick_is_read() {
    check(
        &ticks("time=t,recv_time=r:ns,price=p,qty=q,cum_volume=v,bid=b,ask=a,condition=c:hex"),
        "t,r,p,q,v,b,a,c\n\
         2021-06-04 09:15:49,1622778349000000001,1517.45,10,82952,1517.4,1517.5,0x20\n\
         2021-06-04 09:15:50,,1517.45,,,0,,\n",
        "2 A 2021-06-04T03:45:49Z 1517.45 recv 2021-06-04T03:45:49.000000001Z qty 10 cum 82952 bid 1517.4 ask 1517.5 \
         flags 20\n\
         3 A 2021-06-04T03:45:50Z 1517.45\n",
    );
}

#[test]
fn a_refused_row_names_its_line_and_column_and_stops_nothing() {
    check(
        &ticks(""),
        "time,price,qty\n\
         2021-06-04 09:15:49,abc,1\n\
         noon,1,1\n\
         2021-06-04 09:15:49,0,1\n\
         2021-06-04 09:15:49,1,1.5\n\
         2021-06-04 09:15:49,1\n\
         2021-06-04 09:15:49,1,1\n",
        "f.csv, line 2, column price: the price `abc` is not a number; a decimal such as 1517.45 was expected \
         [2021-06-04 09:15:49,abc,1]\n\
         f.csv, line 3, column time: the time `noon` is not like 2021-06-04 09:15:49 (a fraction and Z or +05:30 may \
         follow); if it is a number, map its unit, such as time=COLUMN:ms [noon,1,1]\n\
         f.csv, line 4, column price: the price is zero; a price above zero was expected [2021-06-04 09:15:49,0,1]\n\
         f.csv, line 5, column qty: the qty `1.5` is not whole; quantities are whole numbers \
         [2021-06-04 09:15:49,1,1.5]\n\
         f.csv, line 6: the row has 2 cells, the header has 3; every row must have as many [2021-06-04 09:15:49,1]\n\
         7 A 2021-06-04T03:45:49Z 1 qty 1\n",
    );
}

#[test]
fn a_step_back_is_kept_and_one_too_far_is_refused() {
    check(
        &ticks("time=time:s,price=price"),
        "time,price\n1622778349,1\n1622778348,1\n1622778229,1\n1622778228,1\n1622778349,1\n1622778350,1\n",
        "2 A 2021-06-04T03:45:49Z 1\n\
         3 A 2021-06-04T03:45:48Z 1 back\n\
         4 A 2021-06-04T03:43:49Z 1 back\n\
         f.csv, line 5, column time: the time 2021-06-04 09:13:48 IST is 121 s before the latest so far, \
         2021-06-04 09:15:49 IST in line 2; at most 120 s are taken: if line 2 is wrong, remove it, otherwise sort the \
         file by time [1622778228,1]\n\
         6 A 2021-06-04T03:45:49Z 1\n\
         7 A 2021-06-04T03:45:50Z 1\n",
    );
}

#[test]
fn a_duplicate_repeats_all_values_of_its_symbols_last_row() {
    let mut options = ticks("time=t:s,price=p,symbol=s,qty=q");
    options.symbols.clear();
    check(
        &options,
        "t,p,s,q\n1622778349,1,A,1\n1622778349,1,B,1\n1622778349,1,NSE:A,1\n1622778349,1,A,2\n",
        "2 A 2021-06-04T03:45:49Z 1 qty 1\n\
         3 B 2021-06-04T03:45:49Z 1 qty 1\n\
         4 A 2021-06-04T03:45:49Z 1 qty 1 duplicate\n\
         5 A 2021-06-04T03:45:49Z 1 qty 2\n",
    );
}

#[test]
fn bars_hold_together_and_come_once() {
    check(
        &bars(""),
        "Date,Open,High,Low,Close,Volume\n\
         2016-09-30 09:15:00, 1277.5, 1278.65, 1270.8, 1278.45, 7504.0\n\
         2016-09-30 09:16:00,2,3,1,4,0\n\
         2016-09-30 09:16:00,2,1,3,2,0\n\
         2016-09-30 09:15:00,1,1,1,1,1\n\
         2016-09-30 09:14:00,1,1,1,1,1\n",
        "2 A 2016-09-30T03:45:00Z 1277.5 1278.65 1270.8 1278.45 7504\n\
         f.csv, line 3, column Close: the close 4 is outside low 1 to high 3; low <= open, close <= high was expected, \
         are the columns mapped rightly? [2016-09-30 09:16:00,2,3,1,4,0]\n\
         f.csv, line 4, column Open: the open 2 is outside low 3 to high 1; low <= open, close <= high was expected, \
         are the columns mapped rightly? [2016-09-30 09:16:00,2,1,3,2,0]\n\
         f.csv, line 5, column Date: line 2 already holds the bar of this symbol that starts at 2016-09-30 09:15:00 IST; \
         keep one of the two [2016-09-30 09:15:00,1,1,1,1,1]\n\
         6 A 2016-09-30T03:44:00Z 1 1 1 1 1\n",
    );
}

#[test]
fn a_file_without_a_header_starts_with_a_row() {
    let mut options = ticks("time=1:s,price=2:1e4");
    options.has_header = false;
    check(
        &options,
        "1622778349,10000\n\n1622778350,20000\n",
        "1 A 2021-06-04T03:45:49Z 1\n3 A 2021-06-04T03:45:50Z 2\n",
    );
    options.mapping = Mapping::parse("time=when:s,price=2").ok();
    check(
        &options,
        "1622778349,10000\n",
        "error: f.csv: time=when names a column, but the file is read without a header; give its number from 1\n",
    );
}

#[test]
fn a_local_time_that_the_clocks_skip_or_repeat_is_refused() {
    let mut options = ticks("");
    options.zone = TimeZone::get("America/New_York").unwrap();
    check(
        &options,
        "time,price\n2021-03-14 01:59:59,1\n2021-03-14 02:30:00,1\n2021-03-14 03:00:00,1\n",
        "2 A 2021-03-14T06:59:59Z 1\n\
         f.csv, line 3, column time: the local time `2021-03-14 02:30:00` never was: the clocks were put forward over \
         it; is the time zone right? [2021-03-14 02:30:00,1]\n\
         4 A 2021-03-14T07:00:00Z 1\n",
    );
}

#[test]
fn files_that_are_none_say_what_they_are() {
    let (folder, paths) = folder(&[
        ("empty.csv", b""),
        ("blank.csv", b"\n \n"),
        ("really.csv", b"PAR1...."),
        ("packed.csv", &[0x1f, 0x8b, 8, 0, 0]),
        ("latin.csv", b"time,pr\xe9ce\n"),
        ("wide.csv", &[0xff, 0xfe, b't', 0]),
        ("header.csv", b"time,price\n"),
    ]);
    let shown: Vec<String> = paths.iter().map(|path| read(path, &ticks(""))).collect();
    assert_eq!(
        shown.concat(),
        "error: empty.csv: the file is empty (0 bytes); a header and rows were expected, was it fully copied?\n\
         error: blank.csv, line 1: there is no header; columns' names were expected\n\
         error: really.csv: this looks like Parquet, not CSV; give --format parquet\n\
         error: packed.csv: this looks like a gzip file, not CSV; unpack it first (gunzip)\n\
         error: latin.csv, line 1: the header is not UTF-8 text; save the file as UTF-8 CSV\n\
         error: wide.csv: this looks like UTF-16 text, not CSV; save it as UTF-8 CSV\n"
    );
    let directory = FileError::Directory { file: "d".to_owned() }.to_string();
    assert!(matches!(
        RowReader::open(folder.path(), &ticks(""), &mut Symbols::new()),
        Err(FileError::Directory { .. })
    ));
    assert_eq!(directory, "d: this is a directory; name the files in it");
    let none = folder.path().join("none.csv");
    assert!(matches!(RowReader::open(&none, &ticks(""), &mut Symbols::new()), Err(FileError::Missing { .. })));
}

#[test]
fn a_column_of_too_many_symbols_is_not_the_symbols() {
    let mut options = ticks("time=t:s,price=p,symbol=s");
    options.symbols.clear();
    let mut text = "t,p,s\n".to_owned();
    for n in 0..=SYMBOLS_MAX {
        writeln!(text, "1622778349,1,{n}").unwrap();
    }
    let (_folder, paths) = folder(&[("f.csv", text.as_bytes())]);
    let read = Merge::open(&paths, &options, Symbols::new()).and_then(all);
    assert_eq!(
        read.unwrap_err().to_string().rsplit('/').next(),
        Some("f.csv, line 100002: more than 100000 different symbols; is `s` the column of the symbol?")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_a_reading_panic(
        text in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..400),
            "(time|price|qty|,|\n|\"|2021-06-04 09:15:49|1\\.5|-|e9| ){0,60}".prop_map(String::into_bytes),
        ],
        header in any::<bool>(),
    ) {
        let (_folder, paths) = folder(&[("f.csv", &text), ("f.zip", &text), ("f.json", &text), ("f.parquet", &text)]);
        let mut by_number = ticks("time=1,price=2,qty=3");
        by_number.has_header = header;
        read(&paths[0], &by_number);
        read(&paths[0], &ticks(""));
        read(&paths[0], &bars("time=1:s,open=1,high=1,low=1,close=1,volume=1"));
        read(&paths[1], &by_number);
        read(&paths[2], &options(Format::Kite, FileKind::Bars, ""));
        read(&paths[3], &options(Format::Parquet, FileKind::Ticks, ""));
    }
}
