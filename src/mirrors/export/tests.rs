use std::fs;
use std::path::Path;

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;
use barkeep_schemas::{Event, Input, Timeframe};
use barkeep_storage::DataDir;
use insta::assert_snapshot;

use super::*;
use crate::mirrors::scene::{self, date};

const BARS_1M: ExportKind = ExportKind::Bars(Timeframe::M1);

fn request(kind: ExportKind, out: &Path) -> ExportRequest {
    let out = out.to_path_buf();
    ExportRequest { kind, date: Some(date(4)), run: None, symbols: Vec::new(), as_of: None, out, force: false }
}

fn run(dir: &DataDir, request: &ExportRequest) -> Result<Exported, ExportError> {
    export(&Tape::open(dir).unwrap(), request, &mut |done, total| assert!(done <= total, "{done} of {total}"))
}

/// The text of an export, or its error.
fn text(dir: &DataDir, request: &ExportRequest) -> String {
    match run(dir, request) {
        Ok(exported) => {
            let text = fs::read_to_string(&request.out).unwrap();
            assert_eq!((exported.rows, exported.bytes), (text.lines().count() as u64 - 1, text.len() as u64));
            fs::remove_file(&request.out).unwrap();
            text
        }
        Err(error) => error.to_string().replace(&request.out.parent().unwrap().display().to_string(), ""),
    }
}

#[test]
fn bars_are_the_newest_edition_and_imported_ones_replace_the_engines() {
    let (folder, dir) = scene::tape();
    let request = request(BARS_1M, &folder.path().join("bars.csv"));
    assert_snapshot!(text(&dir, &request), @r"
    symbol,ts,open,high,low,close,volume,n_trades,revision,source,seq
    M&M,1622778300,1517.45,1520,1510,1518.1,1200,3,0,engine,5
    INFY,1622778300,1517.45,1520,1510,1518.3,1200,3,1,engine,7
    M&M,1622778360,1517,1520,1510,811,1300,,0,import,13
    INFY,1622778360,1517,1520,1510,1518.7,1300,,0,import,17
    ");
}

#[test]
fn as_of_shows_what_was_known_then() {
    let (folder, dir) = scene::tape();
    let as_of = |seq| ExportRequest { as_of: Some(Seq(seq)), ..request(BARS_1M, &folder.path().join("bars.csv")) };
    assert_snapshot!(text(&dir, &as_of(6)), @r"
    symbol,ts,open,high,low,close,volume,n_trades,revision,source,seq
    INFY,1622778300,1517.45,1520,1510,1518,1200,3,0,engine,4
    M&M,1622778300,1517.45,1520,1510,1518.1,1200,3,0,engine,5
    INFY,1622778360,1517.45,1520,1510,1518.2,1200,3,0,engine,6
    ");
    assert_snapshot!(text(&dir, &as_of(15)), @r"
    symbol,ts,open,high,low,close,volume,n_trades,revision,source,seq
    M&M,1622778300,1517.45,1520,1510,1518.1,1200,3,0,engine,5
    INFY,1622778300,1517.45,1520,1510,1518.3,1200,3,1,engine,7
    M&M,1622778360,1517,1520,1510,811,1300,,0,import,13
    INFY,1622778360,1517,1520,1510,1518.5,1300,,0,import,15
    ");
    assert_snapshot!(text(&dir, &as_of(24)), @"the tape ends at seq 23, nothing is known as of seq 24: give 23 or less");
}

#[test]
fn symbols_restrict_and_an_unknown_one_is_refused() {
    let (folder, dir) = scene::tape();
    let only = |symbols: &[&str]| ExportRequest {
        symbols: symbols.iter().map(ToString::to_string).collect(),
        ..request(BARS_1M, &folder.path().join("bars.csv"))
    };
    assert_snapshot!(text(&dir, &only(&["M&M"])), @r"
    symbol,ts,open,high,low,close,volume,n_trades,revision,source,seq
    M&M,1622778300,1517.45,1520,1510,1518.1,1200,3,0,engine,5
    M&M,1622778360,1517,1520,1510,811,1300,,0,import,13
    ");
    assert_snapshot!(text(&dir, &only(&["M&M", "INFI"])), @"the tape knows no symbol 'INFI': did you mean INFY?");
}

#[test]
fn ticks_are_as_they_came() {
    let (folder, dir) = scene::tape();
    assert_snapshot!(text(&dir, &request(ExportKind::Ticks, &folder.path().join("ticks.csv"))), @r"
    symbol,ts_ns,recv_ns,price,qty,cum_volume,bid,ask,condition,seq
    INFY,1622778301250000000,1622778301250000000,1517.45,10,,,,0,3
    M&M,1622778370250000000,1622778370250000000,810.02,,99,810,810.05,32,9
    ");
}

#[test]
fn recon_shows_what_the_newest_run_said_of_each_bar() {
    let (folder, dir) = scene::tape();
    assert_snapshot!(text(&dir, &request(ExportKind::Recon, &folder.path().join("recon.csv"))), @r"
    session_date,symbol,ts,tf,status,cause,internal_o,internal_h,internal_l,internal_c,internal_vol,broker_o,broker_h,broker_l,broker_c,broker_vol,diff_max,run_id,seq
    2021-06-04,M&M,1622778300,1,missing_internal,unexplained,,,,,,1517.45,1520,1510,1519,1200,0,18,21
    2021-06-04,INFY,1622778300,1,price,unexplained,1517.45,1520,1510,1518.8,1200,1517.45,1520,1510,1519,1200,0.2,21,23
    ");
}

#[test]
fn orders_are_a_header_alone() {
    let (folder, dir) = scene::tape();
    assert_snapshot!(text(&dir, &request(ExportKind::Orders, &folder.path().join("orders.csv"))), @"client_order_id,symbol,side,qty,price,status,ts,pair_id,seq");
}

#[test]
fn the_session_defaults_to_the_last_and_an_unknown_one_is_refused() {
    let (folder, dir) = scene::tape();
    let out = folder.path().join("bars.csv");
    let last = ExportRequest { date: None, ..request(ExportKind::Ticks, &out) };
    let exported = run(&dir, &last).unwrap();
    assert_eq!((exported.date, exported.run, exported.rows, exported.as_of), (date(7), Some(1), 0, Seq(23)));
    fs::remove_file(&out).unwrap();
    let other = |kind| ExportRequest { date: Some(date(5)), ..request(kind, &out) };
    assert_snapshot!(text(&dir, &other(BARS_1M)), @"the tape has no session of 2021-06-05 up to seq 23: `barkeep tape stat` lists what it has");
    assert_snapshot!(text(&dir, &other(ExportKind::Ticks)), @"the tape has no session of 2021-06-05 up to seq 23: `barkeep tape stat` lists what it has");
    assert_snapshot!(text(&dir, &ExportRequest { run: Some(2), ..request(BARS_1M, &out) }), @"the tape has no session of 2021-06-04 with run 2 up to seq 23: `barkeep tape stat` lists what it has");
    assert!(fs::read_dir(folder.path()).unwrap().all(|entry| entry.unwrap().file_name() == "data"));
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force_and_other_extensions_are_refused() {
    let (folder, dir) = scene::tape();
    let out = folder.path().join("bars.csv");
    fs::write(&out, "mine").unwrap();
    assert_snapshot!(text(&dir, &request(BARS_1M, &out)), @"/bars.csv is there already: choose another name, or give --force to replace it");
    assert_eq!(fs::read_to_string(&out).unwrap(), "mine");
    assert!(run(&dir, &ExportRequest { force: true, ..request(BARS_1M, &out) }).is_ok());
    assert_snapshot!(text(&dir, &request(BARS_1M, &folder.path().join("bars.xlsx"))), @"/bars.xlsx: the format is chosen by the extension: end the name in .csv, .parquet or .ndjson");
}

/// Cells of a Parquet file as the CSV writes them.
fn parquet_cells(path: &Path) -> Vec<Vec<String>> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().schema().get_fields().to_vec();
    let mut rows = vec![schema.iter().map(|field| field.name().to_owned()).collect()];
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        rows.push(row.get_column_iter().map(|(_, field)| parquet_cell(field)).collect());
    }
    rows
}

fn parquet_cell(field: &Field) -> String {
    if let Field::Str(text) = field {
        return text.clone();
    }
    if let Field::Double(number) = field {
        return number.to_string();
    }
    assert!(matches!(field, Field::Null | Field::Long(_)), "no such cell is written: {field}");
    if matches!(field, Field::Null) { String::new() } else { field.to_string() }
}

fn ndjson_cells(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            // The order of the keys is checked by their text.
            let values: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            let mut cells: Vec<(usize, String)> = values
                .iter()
                .map(|(name, value)| {
                    let place = line.find(&format!("\"{name}\":")).unwrap();
                    let null_or =
                        |value: &serde_json::Value| if value.is_null() { String::new() } else { value.to_string() };
                    (place, value.as_str().map_or_else(|| null_or(value), str::to_owned))
                })
                .collect();
            cells.sort();
            cells.into_iter().map(|(_, cell)| cell).collect()
        })
        .collect()
}

fn csv_cells(path: &Path) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn the_three_formats_agree() {
    let (folder, dir) = scene::tape();
    for kind in ExportKind::ALL {
        let out = |extension| folder.path().join(format!("{kind}.{extension}"));
        for extension in ["csv", "parquet", "ndjson"] {
            run(&dir, &request(kind, &out(extension))).unwrap();
        }
        let csv = csv_cells(&out("csv"));
        assert_eq!(csv, parquet_cells(&out("parquet")), "{kind}");
        assert_eq!(csv[1..], ndjson_cells(&out("ndjson")), "{kind}");
        let named: Vec<&str> = kind.columns().iter().map(|column| column.name).collect();
        assert_eq!(csv[0], named);
    }
}

#[test]
fn a_session_of_more_rows_than_a_row_group_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::new(folder.path().join("data"));
    let mut events = vec![scene::opened(4, &["INFY"])];
    events.extend((0..140_000).map(|at| scene::bar(0, Timeframe::M1, at / 2, 151_800 + at, (at % 2) as u16)));
    scene::write(&dir, 4, &events);
    let out = folder.path().join("bars.parquet");
    let exported =
        run(&dir, &ExportRequest { kind: ExportKind::Bars(Timeframe::M1), ..request(BARS_1M, &out) }).unwrap();
    assert_eq!(exported.rows, 70_000);
    let ticks = (0..140_000).map(|at| Event::Input(Input::Tick(scene::tick(0, at, 151_800))));
    let events: Vec<Event> = std::iter::once(scene::opened(8, &["INFY"])).chain(ticks).collect();
    scene::write(&dir, 8, &events);
    let out = folder.path().join("ticks.parquet");
    let exported = run(&dir, &ExportRequest { date: Some(date(8)), ..request(ExportKind::Ticks, &out) }).unwrap();
    assert_eq!((exported.rows, parquet_cells(&out).len()), (140_000, 140_001));
}

#[test]
fn every_kind_has_its_own_name() {
    for kind in ExportKind::ALL {
        assert_eq!(ExportKind::parse(kind.name()), Some(kind));
    }
}
