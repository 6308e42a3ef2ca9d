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
    requests();
    feed();
    plans();
    websocket();
    door();
    rest();
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
    seeds.write("tolerance_by_class", &[&[6], b"price=1tick,3bp;volume=3%,100 | cash: price=2tick,5bp"]);
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

/// A request as `fuzz/src/kite_request.rs` reads it, with the session's header.
fn request(method: u8, path: &str, query: &str, form: &str) -> Vec<u8> {
    let mut bytes = vec![method + 16];
    bytes.extend_from_slice(format!("{path}\n{query}\n{form}\n\n").as_bytes());
    bytes
}

fn requests() {
    let seeds = Seeds::of("kite_request");
    let (get, post, put, delete) = (2, 4, 5, 6);
    let (step, steps, hour, day) = ([0], [0xF8], [1 | 64], [1 | 160]);
    let order = "exchange=NSE&tradingsymbol=@0&transaction_type=BUY&order_type=MARKET&quantity=10&product=CNC&\
                 validity=DAY&market_protection=-1";
    let place = request(post, "/orders/regular", "", order);
    let limit = request(post, "/orders/regular", "", &order.replace("MARKET", "LIMIT&price=100.05"));
    let stop = request(post, "/orders/regular", "", &order.replace("MARKET", "SL&price=101&trigger_price=100.5"));
    let (timed, amo) = (order.replace("DAY", "TTL&validity_ttl=2"), request(post, "/orders/amo", "", order));
    let timed = request(post, "/orders/regular", "", &timed);
    let modify = request(put, "/orders/regular/$0", "", "quantity=5&order_type=LIMIT&price=99.95");
    let cancel = request(delete, "/orders/regular/$0", "", "");
    let sell = request(post, "/orders/regular", "", &order.replace("BUY", "SELL").replace("CNC", "MIS"));
    let (orders, one) = (request(get, "/orders", "", ""), request(get, "/orders/$0/trades", "", ""));
    for (name, options) in [("life", 0), ("life_faulty", 1), ("life_limited", 2), ("life_closing", 96)] {
        let parts = [&[options][..], &place, &step, &limit, &steps, &modify, &steps, &one, &sell, &steps, &cancel];
        seeds.write(name, &[&parts.concat(), &stop, &timed, &steps, &orders, &hour, &orders, &amo, &day, &orders]);
    }
    let account = ["/user/profile", "/user/margins", "/portfolio/positions", "/portfolio/holdings", "/instruments"];
    let account: Vec<u8> = account.iter().flat_map(|path| request(get, path, "", "")).collect();
    seeds.write("account", &[&[0], &place, &steps, &account]);
    let range = "from=2026-07-30+09:15:00&to=2026-07-31&oi=1";
    let candles: Vec<u8> = ["minute", "day", "60minute"]
        .iter()
        .flat_map(|interval| request(get, &format!("/instruments/historical/#0/{interval}"), range, ""))
        .collect();
    let quotes: Vec<u8> = ["/quote", "/quote/ohlc", "/quote/ltp"]
        .iter()
        .flat_map(|path| request(get, path, "i=NSE:@0&i=#1&i=NSE:NOTHING", ""))
        .collect();
    let login = request(get, "/connect/login", "v=3&api_key=x&redirect_params=a%3Db", "");
    let leave = request(delete, "/session/token", "api_key=x&access_token=y", "");
    seeds.write("data", &[&[0], &candles, &quotes, &steps, &candles, &login, &leave]);
    seeds.write("data_faulty", &[&[1], &candles, &quotes, &steps, &candles]);
}

/// Texts and frames as `fuzz/src/kite_text.rs` and `fuzz/src/kite_frame.rs` read them.
fn feed() {
    let seeds = Seeds::of("kite_text");
    let (connect, gone, passes) = (b"\x04\n", b"\x0d\n", b"\x06xxxxxxxxxx\n");
    let subscribe = b"\x08{\"a\":\"subscribe\",\"v\":[#0,#1,#3]}\n";
    let mode = b"\x08{\"a\":\"mode\",\"v\":[\"full\",[#0,#4]]}\n";
    let ltp = b"\x10{\"a\":\"mode\",\"v\":[\"ltp\",[#0,#4,1]]}\n";
    let unsubscribe = b"\x08{\"a\":\"unsubscribe\",\"v\":[#0]}\n";
    let odd = b"\x08{\"a\":\"mode\",\"v\":[\"huge\",[-1,\"256265\"]]}\n";
    seeds.write("modes", &[connect, subscribe, passes, mode, passes, connect, ltp, passes, unsubscribe, passes, odd]);
    seeds.write("mode_first", &[connect, mode, passes, subscribe, passes, gone, passes, connect, passes]);
    let seeds = Seeds::of("kite_frame");
    seeds.write("heartbeat", &[&[0, 0]]);
    seeds.write("ltp", &[&[0], &[0, 1, 0, 8, 0, 6, 0x3A, 1, 0, 3, 0xAF, 0xC7]]);
    seeds.write("truncated", &[&[0], &[0, 2, 0, 8, 0, 6, 0x3A, 1, 0, 3, 0xAF, 0xC7, 0, 44, 1]]);
    seeds.write("built", &[&[200], &[0; 9], &[1; 29], &[2; 33], &[3; 45], &[4; 185], &[9; 10]]);
}

fn plans() {
    let seeds = Seeds::of("fault_plan");
    let table = "[[fault]]\nkind = \"drop\"\nat = \"2026-07-31 10:00:00.250\"\nfor = \"1m\"\nshare = 0.25\n\
                 symbols = [\"INFY\"]\nconnection = 2\n[[fault]]\nkind = \"disconnect\"\ndrawn = 3\nfor = \"20s\"\n";
    seeds.write("file", &[&[0], table.as_bytes()]);
    let flags = "rest-error at=10:00:00 for=5m status=503 path=/orders share=0.5\nclock-skew drawn=2 for=1h by=-3s\n\
                 garbage at=10:00:00 count=2 connection=1\ncandle-revised at=10:00:00 for=2m by=90s symbols=INFY,TCS\n";
    seeds.write("flags", &[&[1], flags.as_bytes()]);
}

/// Messages as `fuzz/src/ws_frame.rs` and `fuzz/src/ws_text.rs` read them.
fn websocket() {
    let seeds = Seeds::of("ws_frame");
    let ltp = [0, 8, 0, 6, 0x3A, 1, 0, 3, 0xAF, 0xC7];
    seeds.write("heartbeat", &[&[0, 0]]);
    seeds.write("ltp", &[&[0, 0, 2], &ltp, &ltp]);
    seeds.write("truncated", &[&[0, 0, 2], &ltp, &[0, 44, 1]]);
    seeds.write("trailing", &[&[0, 0, 1], &ltp, &[0]]);
    seeds.write("unknown", &[&[0, 0, 3], &[0, 3, 1, 2, 3], &ltp, &[0, 5, 0, 6, 0x3A, 1, 9]]);
    seeds.write("full", &[&[0, 0, 1, 0, 184, 0, 6, 0x3A, 1], &[1; 180]]);
    seeds.write("currency", &[&[0, 0, 1, 0, 184, 0, 0, 1, 3], &[0; 180]]);
    seeds.write("built", &[&[200], &[0; 9], &[1; 29], &[2; 33], &[3; 45], &[4; 185], &[9; 10]]);
    let seeds = Seeds::of("ws_text");
    let order = r#"{"type":"order","data":{"order_id":"2203","status":"UPDATE","tag":null,"instrument_token":779521,
        "price":470.05,"average_price":470.123456,"quantity":10,"filled_quantity":4,"unfilled_quantity":6,"app_id":7,
        "exchange":"NSE","tradingsymbol":"SBIN","order_timestamp":"2022-03-03 09:24:25","checksum":"20","meta":{},
        "trigger_price":"0","pending_quantity":-1,"cancelled_quantity":0,"guid":"X","validity":"DAY"}}"#;
    let texts = [
        ("order", order),
        ("error", r#"{"type":"error","data":"Too many instruments"}"#),
        ("error_object", r#"{"type":"error","data":{"code":7}}"#),
        ("message", r#"{"type":"message","data":"Hello\n"}"#),
        ("meta", r#"{"type":"instruments_meta","data":{"count":114823,"etag":"W/\"68\""}}"#),
        ("app_code", r#"{"type":"app_code","timestamp":"2025-08-04T13:50:28+05:30"}"#),
        ("time", r#"{"type":"sim_time","data":{"now":1785469440000000000}}"#),
        ("unknown", r#"{"type":"weather","data":[1,2]}"#),
        ("list", "[1,{\"a\":null}]"),
    ];
    texts.iter().for_each(|(name, text)| seeds.write(name, &[&[0], text.as_bytes()]));
    seeds.write("asked", &[&[200], &408_065_u32.to_le_bytes(), &u32::MAX.to_le_bytes(), &[0; 4]]);
}

fn door() {
    use barkeep::orchestrator::door::message::{Access, Date, Hello, Reply, Request, Why, line};
    use barkeep_schemas::{CloseReason, Hash32, Input, SessionClosed};
    let seeds = Seeds::of("door_message");
    let inputs: Vec<Input> = sample_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Input(input) => Some(input),
            Event::Derived(_) => None,
        })
        .collect();
    let opened = inputs.iter().find_map(|input| match input {
        Input::SessionOpened(opened) => Some(opened.clone()),
        _ => None,
    });
    let mut opened = opened.expect("a session among the samples");
    let hello = Hello::of("import", Access::Session);
    (opened.run, opened.behaviour, opened.import) = (1, hello.behaviour, Some(Hash32([1; 32])));
    let date = opened.date;
    let is_of_a_session =
        |input: &&Input| matches!(input, Input::Tick(_) | Input::ClockMark(_) | Input::ImportStarted(_));
    let session: Vec<Input> = std::iter::once(Input::SessionOpened(opened))
        .chain(inputs.iter().filter(is_of_a_session).cloned())
        .chain([Input::SessionClosed(SessionClosed { date, reason: CloseReason::Complete })])
        .collect();
    let is_record = |input: &&Input| {
        matches!(
            input,
            Input::OutsideBar(_) | Input::ReconRun(_) | Input::ReconDifference(_) | Input::ImportFinished(_)
        )
    };
    let records: Vec<Input> = inputs.iter().filter(is_record).cloned().collect();
    let begin = Request::BeginSegment { date: Date(date) };
    for (name, access, events) in [("session", 0_u8, &session), ("records", 1, &records), ("all", 2, &inputs)] {
        let requests = [
            begin.clone(),
            Request::Inputs { events: events.clone(), more: false },
            Request::Carry {},
            Request::AbandonSession {},
            Request::Standing {},
        ];
        let lines: Vec<u8> = requests.iter().flat_map(line).collect();
        seeds.write(&format!("{name}_lines"), &[&[access], &lines]);
        // 129 is the first number above 127 that names a session.
        let mut built = vec![129 + access, 4];
        built.extend_from_slice(&date.0.to_le_bytes());
        built.extend_from_slice(&[0, events.len() as u8]);
        for event in events {
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            built.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
            built.extend_from_slice(&bytes);
        }
        built.extend_from_slice(&[6, 5, 7]);
        seeds.write(&format!("{name}_built"), &[&built]);
    }
    let hello = line(&hello);
    let refused = line(&Reply::refused(Why::Busy, "another command is adding"));
    let durable = line(&Reply::Durable { seq: 9 });
    seeds.write(
        "greeting",
        &[&[0], &hello, &refused, &durable, b"{\"do\":\"begin_segment\",\"date\":\"2026-02-30\"}\n"],
    );
}

/// Answers and lists as `fuzz/src/historical_json.rs` and `fuzz/src/instruments_csv.rs` read them.
fn rest() {
    let seeds = Seeds::of("historical_json");
    let success = |data: &str| format!("{{\"status\":\"success\",\"data\":{data}}}");
    let candles = r#"{"candles":[["2017-12-15T09:15:00+0530",1704.5,1705,1699.25,1702.8,2499],
        ["2017-12-15T09:16:00+0530",1702,1702,1698.15,1698.15,1271,13667775],["2017-12-15T09:17:00+0530",0,2,1,3,-1],
        ["2017-12-15 09:18",1,1,1,1,1],7]}"#;
    let quote = r#"{"NSE:INFY":{"instrument_token":408065,"timestamp":"2026-11-20 09:20:00","last_price":1412.95,
        "average_price":1412.47,"volume":7360198,"ohlc":{"open":1396,"high":1421.75,"low":1395.55,"close":1389.65},
        "depth":{"buy":[{"price":0,"quantity":0,"orders":0}],"sell":[{"price":1413,"quantity":5191,"orders":13}]}}}"#;
    let trade = r#"[{"trade_id":"1","order_id":"2","exchange":"NSE","tradingsymbol":"INFY","instrument_token":408065,
        "product":"MIS","average_price":1412.95,"quantity":5,"transaction_type":"BUY","status":"OPEN"}]"#;
    let session = r#"{"api_key":"k","access_token":"t","user_id":"AB1234","login_time":"2026-11-20 08:31:05"}"#;
    for (name, data) in [("candles", candles), ("quote", quote), ("trade", trade), ("session", session)] {
        seeds.write(name, &[&[0], success(data).as_bytes()]);
    }
    let error = r#"{"status":"error","message":"Incorrect `api_key`.","data":null,"error_type":"TokenException"}"#;
    seeds.write("error", &[&[201], error.as_bytes()]);
    seeds.write("page", &[&[206], b"<html>"]);
    let seeds = Seeds::of("instruments_csv");
    let list = "256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE\n\
                408065,1594,INFY,INFOSYS,0.0,,0.0,0.1,1,EQ,NSE,NSE\n\
                128053508,500209,INFY,\"INFOSYS, LTD\",0.0,,0.0,0.05,1,EQ,BSE,BSE\n\
                13368834,52222,NIFTY26DEC26000CE,NIFTY,0.0,2026-12-29,26000.0,0.05,65.0,CE,NFO-OPT,NFO\n\
                1,0,NEWS,,what,,,no,,EQ,GLOBAL,GLOBAL\n";
    let after = "1281,5,ETERNAL,ETERNAL,0.0,,0.0,0.05,1,EQ,NSE,NSE\n9217,36,IDEA-BE,IDEA,0.0,,0.0,0.1,1,EQ,NSE,NSE\n";
    let before = "1281,5,ZOMATO,ZOMATO,0.0,,0.0,0.05,1,EQ,NSE,NSE\n1537,6,IDEA,IDEA,0.0,,0.0,0.05,1,EQ,NSE,NSE\n";
    let header = "instrument_token,tradingsymbol,name,tick_size,lot_size,instrument_type,segment,exchange\n";
    seeds.write("whole", &[&[0], header.as_bytes(), b"408065,INFY,INFOSYS,0.1,1,EQ,NSE,NSE\n"]);
    seeds.write("rows", &[&[1], list.as_bytes()]);
    seeds.write("repeated", &[&[1], before.as_bytes(), before.as_bytes()]);
    seeds.write("packed", &[&[2], list.as_bytes()]);
    seeds.write("changes", &[&[3], before.as_bytes(), &[0xff], after.as_bytes()]);
}
