//! Zipped CSV, Kite's candles and Parquet.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use super::*;

/// An archive with the given entries.
pub(super) fn zipped(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn check_zip(bytes: &[u8], expected: &str) {
    let (_folder, paths) = folder(&[("f.zip", bytes)]);
    assert_eq!(read(&paths[0], &ticks("time=time:s,price=price")), expected);
}

#[test]
fn an_archive_holds_exactly_one_csv() {
    let csv = "time,price\n1622778349,1\n";
    check_zip(&zipped(&[("day.CSV", csv), ("__MACOSX/._day.csv", "x")]), "2 A 2021-06-04T03:45:49Z 1\n");
    check_zip(
        &zipped(&[("a.csv", csv), ("b.csv", csv)]),
        "error: f.zip: the archive must hold one .csv file and holds several (a.csv, b.csv); unpack it and name them\n",
    );
    check_zip(
        &zipped(&[("a.txt", csv)]),
        "error: f.zip: the archive must hold one .csv file and holds none (it holds: a.txt)\n",
    );
    check_zip(&zipped(&[]), "error: f.zip: the archive must hold one .csv file and holds none (it holds: nothing)\n");
}

#[test]
fn an_archive_cut_short_or_damaged_is_an_error() {
    let rows: String = (0..5_000).map(|n| format!("{},{}\n", 1_622_778_349 + n, 1 + n * 7_919 % 10_007)).collect();
    let whole = zipped(&[("a.csv", &format!("time,price\n{rows}"))]);
    let (_folder, paths) = folder(&[("cut.zip", &whole[..whole.len() / 2]), ("none.zip", b"time,price\n")]);
    for path in &paths {
        let shown = read(path, &ticks("time=time:s,price=price"));
        assert!(shown.contains("not a whole zip archive"), "{shown}");
    }
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    let (_folder, paths) = folder(&[("f.zip", &damaged)]);
    let shown = read(&paths[0], &ticks("time=time:s,price=price"));
    assert!(shown.lines().last().unwrap().contains("reading stopped here; the file is damaged"), "{shown}");
}

fn check_kite(json: &str, expected: &str) {
    let (_folder, paths) = folder(&[("f.json", json.as_bytes())]);
    assert_eq!(read(&paths[0], &options(Format::Kite, FileKind::Bars, "")), expected);
}

#[test]
fn candles_are_bars_and_open_interest_is_passed_over() {
    check_kite(
        r#"{"status":"success","data":{"candles":[
            ["2017-12-15T09:15:00+0530",1704.5,1705,1699.25,1702.8,2499,13667775],
            ["2017-12-15T09:16:00+0530",1702,1702,1698.15,1698.15],
            ["2017-12-15T09:17:00+0530",1702,1702,1698.15,null,1]]}}"#,
        "1 A 2017-12-15T03:45:00Z 1704.5 1705 1699.25 1702.8 2499\n\
         f.json, line 2: the candle has 5 values; [time,open,high,low,close,volume] was expected \
         [[\"2017-12-15T09:16:00+0530\",1702,1702,1698.15,1698.15]]\n\
         f.json, line 3, column close: the close is empty; every row needs one \
         [[\"2017-12-15T09:17:00+0530\",1702,1702,1698.15,null,1]]\n",
    );
    check_kite(r#"{"status":"success","data":{"candles":[]}}"#, "");
}

#[test]
fn an_error_of_the_broker_is_shown_and_other_json_is_refused() {
    check_kite(
        r#"{"status":"error","message":"Invalid token","error_type":"TokenException"}"#,
        "error: f.json: the file holds an error of the broker, not candles: Invalid token; download the candles again\n",
    );
    check_kite(
        "{\"status\":\n \"success\"",
        "error: f.json, line 2, column 10: EOF while parsing an object; expected \
         {\"status\":\"success\",\"data\":{\"candles\":[[time,open,high,low,close,volume],…]}}\n",
    );
    check_kite(
        "{\"status\":\"success\"}",
        "error: f.json, line 1, column 1: there is no `data`; expected \
         {\"status\":\"success\",\"data\":{\"candles\":[[time,open,high,low,close,volume],…]}}\n",
    );
}

/// What one column of a Parquet file holds; nulls are `None`.
enum Column {
    I32(Vec<i32>),
    I64(Vec<Option<i64>>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<&'static str>),
}

/// A Parquet file of two row groups, each with the given columns.
fn parquet(schema: &str, compression: Compression, columns: &[Column]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message m {{ {schema} }}")).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    for _ in 0..2 {
        let mut group = writer.next_row_group().unwrap();
        for column in columns {
            let mut open = group.next_column().unwrap().unwrap();
            match (column, open.untyped()) {
                (Column::I32(v), ColumnWriter::Int32ColumnWriter(w)) => w.write_batch(v, None, None).unwrap(),
                (Column::F32(v), ColumnWriter::FloatColumnWriter(w)) => w.write_batch(v, None, None).unwrap(),
                (Column::F64(v), ColumnWriter::DoubleColumnWriter(w)) => w.write_batch(v, None, None).unwrap(),
                (Column::I64(v), ColumnWriter::Int64ColumnWriter(w)) => {
                    let levels: Vec<i16> = v.iter().map(|value| i16::from(value.is_some())).collect();
                    let values: Vec<i64> = v.iter().copied().flatten().collect();
                    w.write_batch(&values, Some(&levels), None).unwrap()
                }
                (Column::Text(v), ColumnWriter::ByteArrayColumnWriter(w)) => {
                    let values: Vec<ByteArray> = v.iter().map(|text| ByteArray::from(*text)).collect();
                    w.write_batch(&values, None, None).unwrap()
                }
                _ => panic!("the column does not fit the schema"),
            };
            open.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn check_parquet(bytes: &[u8], map: &str, expected: &str) {
    let (_folder, paths) = folder(&[("f.parquet", bytes)]);
    let mut options = options(Format::Parquet, FileKind::Ticks, map);
    if map.contains("symbol") {
        options.symbols.clear();
    }
    assert_eq!(read(&paths[0], &options), expected);
}

const SECOND: i64 = 1_622_778_349;

fn sample(compression: Compression) -> Vec<u8> {
    parquet(
        "required int64 t (TIMESTAMP(MICROS,true)); required double p; optional int64 q; required binary s (UTF8); \
         required int32 c (INTEGER(32,false));",
        compression,
        &[
            Column::I64(vec![Some(SECOND * 1_000_000), Some(SECOND * 1_000_000 + 1)]),
            Column::F64(vec![1_517.450_000_000_000_3, f64::NAN]),
            Column::I64(vec![None, Some(7)]),
            Column::Text(vec!["NSE:B", "B"]),
            Column::I32(vec![-1, 0]),
        ],
    )
}

#[test]
fn parquet_is_read_row_group_by_row_group() {
    let expected = "1 B 2021-06-04T03:45:49Z 1517.45 flags ffffffff\n\
         f.parquet, line 2, column p: the price `NaN` is not a finite number; drop the row or repair its source \
         [1622778349000001000 ns,NaN,7,B,0]\n\
         3 B 2021-06-04T03:45:49Z 1517.45 flags ffffffff duplicate\n\
         f.parquet, line 4, column p: the price `NaN` is not a finite number; drop the row or repair its source \
         [1622778349000001000 ns,NaN,7,B,0]\n";
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())] {
        check_parquet(&sample(compression), "time=t,price=p,qty=q,symbol=s,condition=c", expected);
    }
}

#[test]
fn stored_types_say_what_their_numbers_mean() {
    let bytes = parquet(
        "required int32 p (DECIMAL(9,2)); optional int64 ms (TIMESTAMP(MILLIS,false)); required float f; \
         optional int64 ns;",
        Compression::UNCOMPRESSED,
        &[
            Column::I32(vec![151_745]),
            Column::I64(vec![Some((SECOND + 19_800) * 1_000)]),
            Column::F32(vec![1517.45]),
            Column::I64(vec![Some(SECOND * 1_000_000_000)]),
        ],
    );
    let twice = "1 A 2021-06-04T03:45:49Z 1517.45\n2 A 2021-06-04T03:45:49Z 1517.45 duplicate\n";
    check_parquet(&bytes, "time=ms,price=p", twice);
    check_parquet(&bytes, "time=ns:ns,price=f", twice);
    check_parquet(
        &bytes,
        "time=ns,price=f",
        "error: f.parquet: the column `ns` is INT64; time needs a timestamp, or the unit of its numbers in the \
         mapping, such as time=COLUMN:ms\n",
    );
    check_parquet(
        &bytes,
        "time=ns:ns,price=g",
        "error: f.parquet: no column `g` for the field price; the file has: `p` `ms` `f` `ns`\n",
    );
}

#[test]
fn a_file_that_is_no_parquet_is_refused() {
    let shown = |bytes: &[u8]| {
        let (_folder, paths) = folder(&[("f.parquet", bytes)]);
        read(&paths[0], &options(Format::Parquet, FileKind::Ticks, ""))
    };
    assert!(shown(b"time,price\n").starts_with("error: f.parquet: not a whole Parquet file ("));
    let whole = sample(Compression::SNAPPY);
    assert!(shown(&whole[..whole.len() / 2]).starts_with("error: f.parquet: not a whole Parquet file ("));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_damage_makes_a_reading_panic(
        at in any::<proptest::sample::Index>(),
        bit in 0_u8..8,
        format in 0..3,
    ) {
        let (name, mut bytes, options) = match format {
            0 => ("f.zip", zipped(&[("a.csv", "time,price\n1622778349,1\n")]), ticks("time=time:s,price=price")),
            1 => (
                "f.json",
                br#"{"status":"success","data":{"candles":[["2017-12-15T09:15:00+0530",1,1,1,1,2499]]}}"#.to_vec(),
                options(Format::Kite, FileKind::Bars, ""),
            ),
            _ => (
                "f.parquet",
                sample(Compression::SNAPPY),
                options(Format::Parquet, FileKind::Ticks, "time=t,price=p,qty=q,condition=c"),
            ),
        };
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (_folder, paths) = folder(&[(name, &bytes)]);
        read(&paths[0], &options);
    }
}
