//! Messages: written and read again, and what is said of those that are none.

use barkeep_schemas::{
    ClockMark, Derived, Event, FeedId, FeedSpec, InputRefused, InstrumentClass, InstrumentId, Price, RefusalReason,
    SessionClosed, Tick, Ts, Wire as _,
};
use proptest::prelude::*;

use super::*;

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(3),
        feed: FeedId(0),
        token: 408_065,
        symbol: "INFY \"½\"".to_owned(),
        class: InstrumentClass::Always,
        tick_size: Price::new(500),
        lot_size: 1,
    }
}

fn mark(second: i64) -> Input {
    Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::from_secs(second) })
}

fn requests() -> Vec<Request> {
    let date = Date(SessionDate::from_ymd(2026, 7, 31).unwrap());
    let closed = SessionClosed { date: date.0, reason: barkeep_schemas::CloseReason::Complete };
    vec![
        Request::Inputs { events: Vec::new(), more: false },
        Request::Inputs { events: vec![mark(1), Input::SessionClosed(closed)], more: true },
        Request::Instrument { instrument: instrument() },
        Request::BeginSegment { date },
        Request::AbandonSession {},
        Request::Carry {},
        Request::Standing {},
        Request::Status {},
        Request::Commit {},
        Request::End {},
    ]
}

fn replies() -> Vec<Reply> {
    let date = Date(SessionDate::from_ymd(2026, 7, 31).unwrap());
    let told = Told {
        session: Some(ToldSession { date, import: Some(Id(Hash32([0xa5; 32]))), open: true }),
        segment: Some(ToldSegment { date, run: 2, first: 17 }),
        next: u64::MAX,
    };
    let state = OpeningState { instrument: InstrumentId(1), cum_volume: None, last_price: Some(Price::new(5)) };
    vec![
        Reply::Welcome { barkeep: "0.1.0".to_owned(), pid: 4_711, standing: told.clone() },
        Reply::Taken { first: 1, last: 9, inputs: 5, derived: 4, durable: Some(9) },
        Reply::Taken { first: 1, last: 9, inputs: 5, derived: 4, durable: None },
        Reply::Instrument { id: 3, inputs: 1, derived: 0 },
        Reply::Segment { date, run: 1 },
        Reply::Abandoned { date: Some(date), derived: 3 },
        Reply::Abandoned { date: None, derived: 0 },
        Reply::Carried { states: vec![state.clone(), state] },
        Reply::Durable { seq: 99 },
        Reply::Standing(Told { session: None, segment: None, ..told.clone() }),
        Reply::Status(Status {
            barkeep: "0.1.0".to_owned(),
            pid: 1,
            standing: told,
            durable: 5,
            backlog_inputs: 6,
            backlog_batches: 7,
            turn: Some("process 4711 (import)".to_owned()),
        }),
        Reply::refused(Why::LiveSession, "the live session is open\n"),
    ]
}

#[test]
fn every_message_is_one_line_and_reads_back_as_it_was() {
    for request in requests() {
        let line = line(&request);
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        assert_eq!(Request::parse(&line), Ok(request));
    }
    for reply in replies() {
        let line = line(&reply);
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        assert_eq!(Reply::parse(&line), Ok(reply));
    }
    let hello = Hello::of("import", Access::Session);
    assert_eq!(Hello::parse(&line(&hello)), Ok(hello));
}

#[test]
fn the_lines_are_the_protocol() {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert_eq!(
        text(line(&Request::Inputs { events: vec![mark(1)], more: true })),
        "{\"do\":\"inputs\",\"events\":\"0b00000003010000ca9a3b00000000\",\"more\":true}\n"
    );
    assert_eq!(
        text(line(&Request::BeginSegment { date: Date(SessionDate(0)) })),
        "{\"do\":\"begin_segment\",\"date\":\"1970-01-01\"}\n"
    );
    assert_eq!(
        text(line(&Reply::Taken { first: 1, last: 2, inputs: 2, derived: 0, durable: None })),
        "{\"taken\":{\"first\":1,\"last\":2,\"inputs\":2,\"derived\":0}}\n"
    );
    assert_eq!(text(line(&Reply::Durable { seq: 7 })), "{\"durable\":{\"seq\":7}}\n");
    let hello: Hello = Hello::parse(
        b"{\"barkeep\":\"9.9\",\"protocol\":2,\"behaviour\":7,\"command\":\"x\",\"access\":\"records\",\"new\":1}",
    )
    .unwrap();
    assert_eq!((hello.protocol, hello.behaviour), (2, 7), "a greeting of another version is still one");
}

#[track_caller]
fn refused(line: &str, expected: &str) {
    let told = Request::parse(line.as_bytes()).unwrap_err().to_string();
    assert!(told.starts_with("not a request: ") && told.contains(expected), "{told}");
}

#[test]
fn a_line_that_is_no_request_is_told_what_is_wrong_with_it() {
    refused("", "EOF");
    refused("hello", "expected value");
    refused("{}", "missing field `do`");
    refused("{\"do\":\"fly\"}", "unknown variant `fly`");
    refused("{\"do\":\"commit\",\"now\":true}", "unknown field `now`");
    refused("{\"do\":\"begin_segment\"}", "missing field `date`");
    refused("{\"do\":\"begin_segment\",\"date\":\"2026-02-30\"}", "YYYY-MM-DD");
    refused("{\"do\":\"begin_segment\",\"date\":\"2026-2-3\"}", "YYYY-MM-DD");
    refused("{\"do\":\"inputs\"}", "missing field `events`");
    refused("{\"do\":\"inputs\",\"events\":7}", "expected canonical bytes as hexadecimal digits");
    refused("{\"do\":\"inputs\",\"events\":\"0\"}", "pairs of hexadecimal digits");
    refused("{\"do\":\"inputs\",\"events\":\"0C00\"}", "pairs of hexadecimal digits");
    refused("{\"do\":\"inputs\",\"events\":\"0c00\"}", "event 1: the bytes end before the event does");
    refused("{\"do\":\"inputs\",\"events\":\"ffffffff03\"}", "event 1: the bytes end before the event does");
    refused("{\"do\":\"inputs\",\"events\":\"00000000\"}", "event 1: the bytes end before the event does");
    refused("{\"do\":\"inputs\",\"events\":\"02000000ff01\"}", "event 1: 255 is no known event kind");
    refused("{\"do\":\"inputs\",\"events\":\"020000000309\"}", "upgrade barkeep");
    refused("{\"do\":\"instrument\",\"instrument\":\"03\"}", "the bytes end before the event does");
    refused("{\"do\":\"commit\"} {\"do\":\"commit\"}", "trailing characters");
    let told = Hello::parse(b"GET / HTTP/1.1").unwrap_err().to_string();
    assert!(told.starts_with("not a greeting of barkeep's door: expected value"), "{told}");
}

#[test]
fn a_derived_event_and_one_too_many_are_refused() {
    let derived = Derived::InputRefused(InputRefused { cause: barkeep_schemas::Seq(1), reason: RefusalReason::ALL[0] });
    let mut bytes = Vec::new();
    Event::Derived(derived).encode(&mut bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let length: String = (bytes.len() as u32).to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    refused(
        &format!("{{\"do\":\"inputs\",\"events\":\"{length}{digits}\"}}"),
        "event 1: input_refused is derived by the engine and no input",
    );
    let many = Request::Inputs { events: vec![mark(1); INPUTS_MAX + 1], more: false };
    let told = Request::parse(&line(&many)).unwrap_err().to_string();
    assert!(told.contains("more than 16384 inputs in one request"), "{told}");
}

#[test]
fn where_the_tape_stands_is_told_whole() {
    let standing = Standing {
        session: Some(OpenedSession { date: SessionDate(20_000), import: None, open: false }),
        segment: Some(SegmentName { date: SessionDate(20_000), run: 3 }),
        first: Some(Seq(12)),
        next: Seq(13),
    };
    let told = Told::from(standing.clone());
    assert_eq!(Standing::from(told), standing);
    let empty = Standing { session: None, segment: None, first: None, next: Seq(1) };
    assert_eq!(Standing::from(Told::from(empty.clone())), empty);
}

proptest! {
    #[test]
    fn inputs_of_any_value_read_back_as_they_were(
        ticks in prop::collection::vec((any::<u32>(), 1..i64::MAX, any::<bool>()), 0..40),
        symbol in ".*",
        more: bool,
    ) {
        let mut events: Vec<Input> = ticks.into_iter().map(|(id, number, has)| Input::Tick(Tick {
            instrument: InstrumentId(id),
            feed: FeedId(0),
            ts: Ts::new(number),
            recv: Ts::new(-number),
            price: Price::new(number),
            qty: None,
            cum_volume: has.then_some(barkeep_schemas::Qty::new(number)),
            bid: has.then_some(Price::new(number)),
            ask: None,
            last_trade: None,
            condition: id,
            depth: None,
        })).collect();
        events.push(Input::InstrumentListed(Box::new(Instrument { symbol, ..instrument() })));
        let request = Request::Inputs { events, more };
        prop_assert_eq!(Request::parse(&line(&request)), Ok(request));
    }

    #[test]
    fn no_line_is_read_with_a_panic(text in "\\PC*", bytes: Vec<u8>) {
        let cut = |text: &str| {
            let _ = (Request::parse(text.as_bytes()), Reply::parse(text.as_bytes()), Hello::parse(text.as_bytes()));
        };
        cut(&text);
        cut(&format!("{{\"do\":\"inputs\",\"events\":\"{text}\"}}"));
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        cut(&format!("{{\"do\":\"inputs\",\"events\":\"{digits}\"}}"));
        cut(&format!("{{\"do\":\"instrument\",\"instrument\":\"{digits}\"}}"));
        cut(&format!("{{\"carried\":{{\"states\":\"{digits}\"}}}}"));
    }
}

#[test]
fn canonical_bytes_of_nested_values_have_one_spelling() {
    let spec = FeedSpec {
        id: FeedId(0),
        name: "x".to_owned(),
        trade_rule: barkeep_schemas::TradeRule::All,
        volume: barkeep_schemas::VolumeSource::Cumulative,
        conditions: Vec::new(),
    };
    let mut bytes = Vec::new();
    spec.put(&mut bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let read: FeedSpec = digits::wire::deserialize(serde_json::Value::String(digits.clone())).unwrap();
    assert_eq!(read, spec);
    let longer = digits::wire::deserialize::<FeedSpec, _>(serde_json::Value::String(format!("{digits}00")));
    assert!(longer.unwrap_err().to_string().contains("1 bytes are left over"));
}
