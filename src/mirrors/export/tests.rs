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

fn request(kind: ExportKind) -> ExportRequest {
    let date = Some(date(4));
    ExportRequest { kind, date, run: None, symbols: Vec::new(), as_of: None, all: false, format: None }
}

fn only(kind: ExportKind, symbols: &[&str]) -> ExportRequest {
    ExportRequest { symbols: symbols.iter().map(ToString::to_string).collect(), ..request(kind) }
}

fn export_to(dir: &DataDir, request: &ExportRequest, to: Destination) -> Result<Exported, ExportError> {
    export(&Tape::open(dir).unwrap(), request, to, &mut |done, total| assert!(done <= total, "{done} of {total}"))
}

fn run(dir: &DataDir, request: &ExportRequest, out: &Path) -> Result<Exported, ExportError> {
    export_to(dir, request, Destination::File { path: out.to_path_buf(), force: false })
}

/// The text of an export, or its error.
fn text(dir: &DataDir, request: &ExportRequest) -> String {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.csv");
    match run(dir, request, &out) {
        Ok(exported) => {
            let text = fs::read_to_string(&out).unwrap();
            assert_eq!((exported.rows, exported.bytes), (text.lines().count() as u64 - 1, text.len() as u64));
            text
        }
        Err(error) => {
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "an error leaves nothing behind");
            error.to_string()
        }
    }
}

/// A stream whose bytes can be looked at.
#[derive(Clone, Default)]
struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(data)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn bars_are_the_newest_edition_and_imported_ones_replace_the_engines() {
    let (_folder, dir) = scene::tape();
    assert_snapshot!(text(&dir, &request(BARS_1M)), @r"
    symbol,ts,open,high,low,close,volume,n_trades,revision,source,seq
    M&M,1622778300,1517.45,1520,1510,1518.1,1200,3,0,engine,5
    INFY,1622778300,1517.45,1520,1510,1518.3,1200,3,1,engine,7
    M&M,1622778360,1517,1520,1510,811,1300,,0,import,13
    INFY,1622778360,1517,1520,1510,1518.7,1300,,0,import,17
    ");
}

#[test]
fn as_of_shows_what_was_known_then() {
    let (_folder, dir) = scene::tape();
    let as_of = |seq| ExportRequest { as_of: Some(Seq(seq)), ..request(BARS_1M) };
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
fn a_healed_bar_takes_the_place_of_the_others_from_its_position_on() {
    let (_folder, dir) = scene::tape();
    let events = [
        scene::listed(0, "INFY"),
        scene::listed(1, "M&M"),
        scene::heal_run(),
        scene::correction(0, 0, Some(151_990), 2),
        scene::correction(1, 1, Some(81_200), 1),
        scene::correction(1, 2, Some(81_300), 1),
        scene::correction(1, 2, None, 2),
    ];
    scene::write(&dir, 9, &events);
    assert_snapshot!(text(&dir, &request(BARS_1M)), @r"
    symbol,ts,open,high,low,close,volume,n_trades,revision,source,seq
    M&M,1622778300,1517.45,1520,1510,1518.1,1200,3,0,engine,5
    INFY,1622778360,1517,1520,1510,1518.7,1300,,0,import,17
    INFY,1622778300,1517,1521,1510,1519.9,1400,,2,heal,27
    M&M,1622778360,1517,1521,1510,812,1400,,1,heal,28
    ");
    let as_of = |seq| ExportRequest { as_of: Some(Seq(seq)), ..request(BARS_1M) };
    let before = text(&dir, &as_of(26));
    assert!(!before.contains("heal"), "{before}");
    assert!(text(&dir, &as_of(29)).contains(",813,"), "the bar that was taken away again");
    let heal_actions = |all| {
        let text = text(&dir, &ExportRequest { all, ..request(ExportKind::Recon) });
        text.lines()
            .skip(1)
            .map(|line| line.split(',').skip(19).take(2).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(heal_actions(true), [" ", &format!("{} take_broker", scene::OPEN + 3_600)]);
}

#[test]
fn symbols_restrict_and_an_unknown_one_is_refused() {
    let (_folder, dir) = scene::tape();
    assert_snapshot!(text(&dir, &only(BARS_1M, &["M&M"])), @r"
    symbol,ts,open,high,low,close,volume,n_trades,revision,source,seq
    M&M,1622778300,1517.45,1520,1510,1518.1,1200,3,0,engine,5
    M&M,1622778360,1517,1520,1510,811,1300,,0,import,13
    ");
    assert_snapshot!(text(&dir, &only(BARS_1M, &["M&M", "INFI"])), @"the tape knows no symbol 'INFI': did you mean INFY?");
}

#[test]
fn ticks_are_as_they_came() {
    let (_folder, dir) = scene::tape();
    assert_snapshot!(text(&dir, &request(ExportKind::Ticks)), @r"
    symbol,ts_ns,recv_ns,price,qty,cum_volume,bid,ask,condition,seq
    INFY,1622778301250000000,1622778301250000000,1517.45,10,,,,0,3
    M&M,1622778370250000000,1622778370250000000,810.02,,99,810,810.05,32,9
    ");
}

/// The scene, and two more runs of its date with symbols of their own.
fn three_runs() -> (tempfile::TempDir, DataDir) {
    let (folder, dir) = scene::tape();
    for (run, symbols) in [(2, vec!["TCS"]), (3, vec!["SBIN", "TCS"])] {
        let ticks = (0_u32..).zip(&symbols).map(|(id, _)| Event::Input(Input::Tick(scene::tick(id, 1, 100_000))));
        let opened = scene::opened_run(4, run, &symbols);
        let events: Vec<Event> = std::iter::once(opened).chain(ticks).chain([scene::closed(4)]).collect();
        scene::write(&dir, 4, &events);
    }
    (folder, dir)
}

#[test]
fn the_newest_run_that_has_the_symbols_is_exported_and_the_one_that_has_them_is_named() {
    let (_folder, dir) = three_runs();
    let runs = |request: &ExportRequest| -> Vec<String> {
        let text = text(&dir, request);
        text.lines().skip(1).map(|line| line.split_once(',').unwrap().0.to_owned()).collect()
    };
    let ticks = |symbols: &[&str]| only(ExportKind::Ticks, symbols);
    let of_run = |run, symbols: &[&str]| ExportRequest { run: Some(run), ..ticks(symbols) };
    assert_eq!(runs(&ticks(&[])), ["SBIN", "TCS"]);
    assert_eq!(runs(&ticks(&["TCS"])), ["TCS"]);
    assert_eq!(runs(&ticks(&["M&M", "INFY"])), ["INFY", "M&M"]);
    assert_eq!(runs(&of_run(2, &[])), ["TCS"]);
    assert_snapshot!(text(&dir, &of_run(2, &["INFY"])), @"the session of 2021-06-04 run 2 has no INFY; run 1 has it: add --run 1");
    assert_snapshot!(text(&dir, &of_run(1, &["INFY", "TCS"])), @"the session of 2021-06-04 run 1 has no TCS; runs 3, 2 have it: add --run 3");
    assert_snapshot!(text(&dir, &ticks(&["INFY", "TCS"])), @"no run of 2021-06-04 has all of these symbols: INFY is in run 1, TCS is in runs 3, 2; export one run at a time");
    let bars = ExportRequest { run: Some(3), ..only(BARS_1M, &["INFY"]) };
    assert_eq!(runs(&bars), ["INFY"], "imported bars of the date belong to no run");
}

#[test]
fn a_symbol_that_is_on_the_tape_but_not_in_the_date_is_refused() {
    let (_folder, dir) = scene::tape();
    scene::write(&dir, 8, &[scene::opened(8, &["TCS"]), scene::closed(8)]);
    assert_snapshot!(text(&dir, &only(ExportKind::Ticks, &["INFY", "TCS"])), @"the session of 2021-06-04 run 1 has no TCS");
    assert_snapshot!(text(&dir, &only(BARS_1M, &["TCS"])), @"the session of 2021-06-04 run 1 has no TCS");
    assert_snapshot!(text(&dir, &only(ExportKind::Recon, &["TCS"])), @"no reconciliation of 2021-06-04 compared TCS");
}

#[test]
fn recon_shows_the_bars_that_the_newest_run_over_them_still_finds_different() {
    let (_folder, dir) = scene::tape();
    assert_snapshot!(text(&dir, &request(ExportKind::Recon)), @r"
    session_date,run,symbol,ts,tf,status,cause,internal_o,internal_h,internal_l,internal_c,internal_vol,broker_o,broker_h,broker_l,broker_c,broker_vol,diff_max,run_id,healed_at,heal_action,resolved_run,seq
    2021-06-04,1,INFY,1622778300,1,price,unexplained,1517.45,1520,1510,1518.8,1200,1517.45,1520,1510,1519,1200,0.2,21,,,,23
    ");
    assert_snapshot!(text(&dir, &ExportRequest { all: true, ..request(ExportKind::Recon) }), @r"
    session_date,run,symbol,ts,tf,status,cause,internal_o,internal_h,internal_l,internal_c,internal_vol,broker_o,broker_h,broker_l,broker_c,broker_vol,diff_max,run_id,healed_at,heal_action,resolved_run,seq
    2021-06-04,1,M&M,1622778300,1,missing_internal,unexplained,,,,,,1517.45,1520,1510,1519,1200,0,18,,,21,21
    2021-06-04,1,INFY,1622778300,1,price,unexplained,1517.45,1520,1510,1518.8,1200,1517.45,1520,1510,1519,1200,0.2,21,,,,23
    ");
}

/// Symbol, run, run_id and resolved_run of every row that a tape of these events would export.
fn recon_rows(events: &[Event], change: impl Fn(&mut ExportRequest)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::new(folder.path().join("data"));
    scene::write(&dir, 4, events);
    let mut request = ExportRequest { all: true, ..request(ExportKind::Recon) };
    change(&mut request);
    let text = text(&dir, &request);
    let cells = text.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{} run {} {} resolved by '{}'", cells[2], cells[1], cells[18], cells[21])
    });
    cells.collect()
}

#[test]
fn only_a_whole_run_over_the_same_bar_resolves_it() {
    let found = |id| [scene::recon_run_of(1, id, &[0, 1], [0, 0, 1, 0]), scene::difference(id, 0, Some(151_830))];
    let events = |later: Vec<Event>| -> Vec<Event> {
        let listed = [scene::opened(4, &["INFY", "M&M"]), scene::closed(4)];
        listed.into_iter().chain(found(2)).chain(later).collect()
    };
    let rows = |later: Vec<Event>| recon_rows(&events(later), |_| {});
    let open = ["INFY run 1 2 resolved by ''"];
    let fine = [0; 4];
    assert_eq!(rows(vec![]), open);
    assert_eq!(rows(vec![scene::recon_run_of(1, 4, &[1], fine)]), open, "another symbol");
    assert_eq!(rows(vec![scene::recon_run_of(2, 4, &[0], fine)]), open, "another session");
    assert_eq!(rows(vec![scene::recon_run_of(1, 4, &[0], [0, 0, 1, 0])]), open, "a run that was cut off");
    let other = |change: fn(&mut barkeep_schemas::ReconRun)| {
        let Event::Input(Input::ReconRun(mut run)) = scene::recon_run_of(1, 4, &[0], fine) else { panic!() };
        change(&mut run);
        vec![Event::Input(Input::ReconRun(run))]
    };
    assert_eq!(rows(other(|run| run.tf = Timeframe::M3)), open, "another timeframe");
    assert_eq!(rows(other(|run| run.from = run.to)), open, "a later part of the session");
    assert_eq!(rows(other(|run| run.to = run.from)), ["INFY run 1 2 resolved by '4'"]);
    let twice = vec![scene::recon_run_of(1, 4, &[0], fine), scene::recon_run_of(1, 5, &[0], fine)];
    assert_eq!(rows(twice.clone()), ["INFY run 1 2 resolved by '4'"], "the first that found it in order");
    let again = twice.into_iter().chain(found(6)).collect();
    assert_eq!(rows(again), ["INFY run 1 6 resolved by ''"], "open again");
    assert_eq!(recon_rows(&events(found(4).to_vec()), |request| request.all = false), ["INFY run 1 4 resolved by ''"]);
}

#[test]
fn recon_tells_the_runs_of_a_date_apart() {
    let events = [
        scene::opened(4, &["INFY", "M&M"]),
        scene::closed(4),
        scene::recon_run_of(1, 2, &[0], [0, 0, 1, 0]),
        scene::difference(2, 0, Some(151_830)),
        scene::recon_run_of(2, 4, &[0, 1], [0, 0, 1, 0]),
        scene::difference(4, 0, Some(151_840)),
        scene::recon_run_of(0, 6, &[1], [0, 0, 1, 0]),
        scene::difference(6, 1, Some(151_840)),
    ];
    let all = ["INFY run 1 2 resolved by ''", "INFY run 2 4 resolved by ''", "M&M run  6 resolved by ''"];
    assert_eq!(recon_rows(&events, |_| {}), all);
    assert_eq!(recon_rows(&events, |request| request.run = Some(1)), [all[0]]);
    assert_eq!(recon_rows(&events, |request| request.symbols = vec!["M&M".into()]), [all[2]]);
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::new(folder.path());
    scene::write(&dir, 4, &events);
    let refused = ExportRequest { run: Some(1), ..only(ExportKind::Recon, &["M&M"]) };
    assert_snapshot!(text(&dir, &refused), @"no reconciliation of 2021-06-04 run 1 compared M&M; run 2 has it: add --run 2");
}

#[test]
fn numbers_of_instruments_are_resolved_in_their_own_segments() {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::new(folder.path().join("data"));
    let found = [scene::recon_run_of(1, 2, &[0], [0, 0, 1, 0]), scene::difference(2, 0, Some(151_830))];
    let session = [scene::opened(4, &["INFY", "M&M"]), scene::closed(4)];
    scene::write(&dir, 4, &session.into_iter().chain(found).collect::<Vec<_>>());
    // Here INFY has the number 1: a run over number 0 is over M&M.
    let (m_and_m, infy) = (scene::recon_run_of(1, 6, &[0], [0; 4]), scene::recon_run_of(1, 7, &[1], [0; 4]));
    scene::write(&dir, 7, &[scene::listed(0, "M&M"), scene::listed(1, "INFY"), m_and_m, infy]);
    let text = text(&dir, &ExportRequest { all: true, ..request(ExportKind::Recon) });
    let resolved: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').nth(21)).collect();
    assert_eq!(resolved, ["7"]);
}

#[test]
fn a_session_without_a_desk_has_a_header_alone() {
    let (_folder, dir) = scene::tape();
    for kind in ExportKind::ALL.into_iter().filter(|kind| kind.is_of_desk()) {
        assert_eq!(text(&dir, &request(kind)).lines().count(), 1, "{kind}");
    }
}

#[test]
fn the_session_defaults_to_the_last_and_an_unknown_one_is_refused() {
    let (folder, dir) = scene::tape();
    let out = folder.path().join("bars.csv");
    let last = ExportRequest { date: None, ..request(ExportKind::Ticks) };
    let exported = run(&dir, &last, &out).unwrap();
    let told = (exported.date, exported.run, exported.rows, exported.as_of);
    assert_eq!(told, (date(4), Some(1), 2, Seq(23)), "the segment after it holds no session");
    let other = |kind| ExportRequest { date: Some(date(5)), ..request(kind) };
    assert_snapshot!(text(&dir, &other(BARS_1M)), @"the tape has no session of 2021-06-05 up to seq 23: `barkeep tape stat` lists what it has");
    assert_snapshot!(text(&dir, &other(ExportKind::Ticks)), @"the tape has no session of 2021-06-05 up to seq 23: `barkeep tape stat` lists what it has");
    assert_snapshot!(text(&dir, &ExportRequest { run: Some(2), ..request(BARS_1M) }), @"the tape has no session of 2021-06-04 with run 2 up to seq 23: `barkeep tape stat` lists what it has");
    assert_snapshot!(text(&dir, &ExportRequest { run: Some(2), ..request(ExportKind::Recon) }), @"the tape has no session of 2021-06-04 with run 2 up to seq 23: `barkeep tape stat` lists what it has");
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force_and_other_extensions_are_refused() {
    let (folder, dir) = scene::tape();
    let told = |name: &str, change: fn(&mut ExportRequest)| {
        let mut request = request(BARS_1M);
        change(&mut request);
        let error = run(&dir, &request, &folder.path().join(name)).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "")
    };
    let out = folder.path().join("bars.csv");
    fs::write(&out, "mine").unwrap();
    assert_snapshot!(told("bars.csv", |_| {}), @"/bars.csv is there already: choose another name, or give --force to replace it");
    assert_eq!(fs::read_to_string(&out).unwrap(), "mine");
    assert!(export_to(&dir, &request(BARS_1M), Destination::File { path: out, force: true }).is_ok());
    assert_snapshot!(told("bars.xlsx", |_| {}), @"/bars.xlsx: the format is chosen by the extension: end the name in .csv, .parquet or .ndjson, or give --format");
    let named = ExportRequest { format: Some(Format::Ndjson), ..request(BARS_1M) };
    let out = folder.path().join("bars.txt");
    run(&dir, &named, &out).unwrap();
    assert!(fs::read_to_string(&out).unwrap().starts_with("{\"symbol\":\"M&M\","));
}

#[test]
fn a_folder_that_does_not_exist_is_named_and_no_temporary_file() {
    let (folder, dir) = scene::tape();
    let error = run(&dir, &request(BARS_1M), &folder.path().join("nosuchdir/x.csv")).unwrap_err();
    let told = error.to_string().replace(&folder.path().display().to_string(), "");
    assert_snapshot!(told, @"the folder /nosuchdir does not exist: make it first, or choose another");
    fs::write(folder.path().join("file"), "").unwrap();
    let error = run(&dir, &request(BARS_1M), &folder.path().join("file/x.csv")).unwrap_err();
    let told = error.to_string().replace(&folder.path().display().to_string(), "");
    assert_snapshot!(told, @"/file/x.csv could not be written: check the folder, its permissions and the disk");
}

#[test]
fn a_stream_gets_the_bytes_that_a_file_would_and_nothing_when_the_export_is_refused() {
    let (folder, dir) = scene::tape();
    let stream = |request: &ExportRequest| {
        let shared = Shared::default();
        let exported = export_to(&dir, request, Destination::Stream(Box::new(shared.clone())));
        let bytes = shared.0.lock().unwrap().clone();
        (exported.map(|exported| exported.bytes).map_err(|error| error.to_string()), bytes)
    };
    for format in [Format::Csv, Format::Ndjson] {
        let request = ExportRequest { format: Some(format), ..request(BARS_1M) };
        let out = folder.path().join(format!("bars.{format}"));
        run(&dir, &request, &out).unwrap();
        let expected = fs::read(&out).unwrap();
        assert_eq!(stream(&request), (Ok(expected.len() as u64), expected));
    }
    let refused = |request: &ExportRequest| {
        let (told, bytes) = stream(request);
        assert!(bytes.is_empty(), "{bytes:?}");
        told.unwrap_err()
    };
    assert_snapshot!(refused(&request(BARS_1M)), @"stdout has no name that chooses the format: give --format csv or --format ndjson");
    let parquet = ExportRequest { format: Some(Format::Parquet), ..request(BARS_1M) };
    assert_snapshot!(refused(&parquet), @"parquet needs a file: give --out FILE.parquet, or --format csv or ndjson for stdout");
    scene::write(&dir, 8, &[scene::opened(8, &["TCS"]), scene::closed(8)]);
    let other = ExportRequest { format: Some(Format::Csv), ..only(ExportKind::Recon, &["TCS"]) };
    assert_snapshot!(refused(&other), @"no reconciliation of 2021-06-04 compared TCS");
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
            run(&dir, &request(kind), &out(extension)).unwrap();
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
    let exported = run(&dir, &request(BARS_1M), &out).unwrap();
    assert_eq!(exported.rows, 70_000);
    let ticks = (0..140_000).map(|at| Event::Input(Input::Tick(scene::tick(0, at, 151_800))));
    let events: Vec<Event> = std::iter::once(scene::opened(8, &["INFY"])).chain(ticks).collect();
    scene::write(&dir, 8, &events);
    let out = folder.path().join("ticks.parquet");
    let exported = run(&dir, &ExportRequest { date: Some(date(8)), ..request(ExportKind::Ticks) }, &out).unwrap();
    assert_eq!((exported.rows, parquet_cells(&out).len()), (140_000, 140_001));
}

#[test]
fn every_kind_has_its_own_name() {
    for kind in ExportKind::ALL {
        assert_eq!(ExportKind::parse(kind.name()), Some(kind));
    }
}
