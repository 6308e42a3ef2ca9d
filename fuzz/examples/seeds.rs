//! Writes the seeds of every target: `cargo run --example seeds` in this folder. They are made from the events whose
//! bytes are stored for ever, from a made-up session and from small texts, never from real data.

use std::fs;
use std::path::{Path, PathBuf};

use barkeep_schemas::{Event, Seq};
use barkeep_storage::columns::encode;
use barkeep_storage::fuzzing::row_values;

#[allow(dead_code, reason = "shared with a test that asks for more")]
#[path = "../../schemas/tests/samples/mod.rs"]
mod samples;

#[allow(dead_code, reason = "shared with tests and a bench that ask for more")]
#[path = "../../storage/src/columns/samples.rs"]
mod session;

struct Seeds {
    folder: PathBuf,
}

impl Seeds {
    fn of(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        fs::create_dir_all(&folder).expect("a folder of seeds");
        Self { folder }
    }

    fn write(&self, name: &str, parts: &[&[u8]]) {
        fs::write(self.folder.join(name), parts.concat()).expect("a seed");
    }
}

fn main() {
    events();
    blocks();
    segments();
    files();
    texts();
    tapes();
}

fn sample_events() -> Vec<Event> {
    samples::all().into_iter().map(|sample| sample.event).collect()
}

fn events() {
    let seeds = Seeds::of("event");
    for sample in samples::all() {
        let mut bytes = Vec::new();
        sample.event.encode(&mut bytes);
        let name = format!("{}_{}", sample.event.kind().name(), sample.name.replace(' ', "_"));
        seeds.write(&name, &[&bytes]);
    }
}

fn blocks() {
    let seeds = Seeds::of("block");
    let sampled = sample_events();
    let mut framed = Vec::new();
    for event in &sampled {
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        framed.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        framed.extend_from_slice(&bytes);
    }
    let first = 101_u64.to_le_bytes();
    seeds.write("canonical", &[&[1, sampled.len() as u8], &first, &framed]);

    let session = session::mixed(session::ticks(400, session::Receipt::Micros));
    let ticks = session::plain(session::ticks(40, session::Receipt::Jitter));
    let bars: Vec<Event> = session.iter().filter(|event| !event.kind().is_input()).take(60).cloned().collect();
    for (name, events) in [("samples", &sampled), ("ticks", &ticks), ("bars", &bars), ("session", &session)] {
        let mut payload = Vec::new();
        encode(Seq(101), events, &mut payload);
        seeds.write(name, &[&[2], &first, &7_u32.to_le_bytes(), &payload]);
        if name == "session" {
            continue;
        }
        let [tail, block, _] = row_values(Seq(101), events).expect("small events");
        seeds.write(&format!("{name}_tail_row"), &[&[0], &tail]);
        seeds.write(&format!("{name}_block"), &[&[3], &block]);
    }
}

fn segments() {
    let seeds = Seeds::of("segment");
    let (chain, bytes) = (barkeep_schemas::Hash32([5; 32]), b"state".to_vec());
    let snapshot = barkeep_storage::snapshot::Snapshot { seq: Seq(9), chain, behaviour: 1, bytes };
    let bytes = barkeep_storage::fuzzing::snapshot_bytes(&snapshot);
    seeds.write("snapshot", &[&[3], &bytes[..bytes.len() - 4]]);
    seeds.write("name", &[&[4], b"2026-07-31.2.redb"]);
    let header = barkeep_storage::fuzzing::header_bytes(&barkeep_storage::SegmentHeader {
        format: barkeep_storage::FORMAT,
        name: barkeep_storage::SegmentName::parse("2026-07-31.2.redb").expect("a name"),
        ordinal: 3,
        first_seq: Seq(101),
        previous_last: Seq(100),
        previous_chain: barkeep_schemas::Hash32([0; 32]),
        sealed: true,
        last_seq: Seq(100),
        last_chain: barkeep_schemas::Hash32([7; 32]),
    });
    let [_, _, entry] = row_values(Seq(101), &sample_events()).expect("small events");
    seeds.write("index_entry", &[&[5], &entry[..entry.len() - 4]]);
    seeds.write("header", &[&[1], &header[..header.len() - 4]]);
}

const TICKS: &str = "time,symbol,price,qty,cum_volume,bid,ask\n\
    2026-07-31T09:15:00.003+05:30,HDFCBANK,2415.50,25,1025,2415.45,2415.55\n\
    2026-07-31T09:15:00.250+05:30,\"NSE:M&M\",3050.05,1,77,,\n\
    2026-07-31T09:15:01+05:30,HDFCBANK,2415.45,50,1075,2415.40,2415.50\n\
    2026-07-31T09:14:59+05:30,HDFCBANK,-1,x,,,\n";

const BARS: &str = "date,open,high,low,close,volume\n\
    2026-07-31 09:15:00+05:30,2415.5,2416,2415,2415.6,77025\n\
    2026-07-31 09:16:00+05:30,2415.6,2415.6,2410,2411,5000\n\
    2026-07-31 09:17:00+05:30,2411,2410,2412,2411,0\n";

const KITE: &str = r#"{"status":"success","data":{"candles":[
    ["2026-07-31T09:15:00+0530",2415.5,2416,2415,2415.6,77025],
    ["2026-07-31T09:16:00+0530",2415.6,2415.6,2410,2411,5000]]}}"#;

fn files() {
    let seeds = Seeds::of("files");
    let plain = b"\n";
    seeds.write("ticks", &[&[0, 1], plain, TICKS.as_bytes()]);
    seeds.write("two_files", &[&[32, 1], plain, TICKS.as_bytes(), &[0xff], TICKS.as_bytes()]);
    seeds.write("bars", &[&[1 | 8, 1], plain, BARS.as_bytes()]);
    seeds.write("kite", &[&[1 | 2 | 8, 1], plain, KITE.as_bytes()]);
    let epoch = "1785469500003,24155000,25,1025\n1785469500250,24155500,1,1026\n1785469500249,24155500,0x1,1026\n";
    seeds.write("no_header", &[&[4 | 8, 1], b"time=1:ms,price=2:1e4,qty=3,cum_volume=4\n", epoch.as_bytes()]);
    let of_day = "34200003,D,2415.5,20,0x20\n34200003,D,2415.5,20,0x20\n34199000,P,2415,1,0\n";
    let mapping = b"time=1:ms_of_day,symbol=2,price=3,qty=4,condition=5:hex\n";
    seeds.write("ms_of_day", &[&[4, 2 | 4], mapping, of_day.as_bytes()]);
}

fn texts() {
    let seeds = Seeds::of("config");
    seeds.write("config", &[&[0], barkeep::orchestrator::config::Config::builtin_text().as_bytes()]);
    seeds.write("calendar", &[&[1], barkeep_fuzz::config::CALENDAR.as_bytes()]);
    seeds.write("holidays", &[&[2], b"date,name\n2027-01-26,Republic Day\n15-Aug-2027,Independence Day\n"]);
    let universe =
        "exchange,tradingsymbol,sector,class,subscribe,record_depth\nNSE,HDFCBANK,Banks,derivatives,true,false\n";
    seeds.write("universe", &[&[3], universe.as_bytes()]);
    seeds.write("conditions", &[&[4], b"[[rule]]\nmask = \"0x20\"\neffects = [\"no_ohlc\", \"no_open\"]\n"]);
    seeds.write("mapping", &[&[5], b"time=timestamp:ms,price=ltp:1e2,condition=7:hex"]);
    seeds.write("tolerance", &[&[6], b"price=1tick,3bp;volume=3.25%,100"]);
}

/// Operations as `fuzz/src/tape/world.rs` reads them.
fn tapes() {
    let seeds = Seeds::of("tape");
    let (begin, small, large, seal) = ([0, 0], [1, 20, 3], [5, 250, 1], [6]);
    let scan = [8, 0, 0, 0, 0, 255, 255, 0, 0, 5];
    let (poll, snapshot, reopen) = ([9, 200], [11], [7, 0]);
    seeds.write(
        "work",
        &[&begin, &small, &poll, &large, &scan, &seal, &begin, &small, &snapshot, &poll, &reopen, &small],
    );
    let (io_error, no_space, mend) = ([12, 5, 0], [12, 9, 3], [13]);
    seeds.write("faults", &[&begin, &small, &io_error, &small, &mend, &no_space, &large, &scan, &mend, &large, &poll]);
    let (cut, cut_within) = ([14, 7], [15, 9, 4]);
    seeds.write(
        "power",
        &[&begin, &large, &snapshot, &cut_within, &small, &poll, &cut_within, &begin, &cut, &small, &scan],
    );
}
