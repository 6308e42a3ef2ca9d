//! Text of the feed, both ways, and stamps.

use proptest::prelude::*;

use super::super::stamp::{DayEnd, Form, Stamp, date_time, parse};
use super::super::{ClientMessage, ClientTextError, Mode, server_text};
use super::at;

#[test]
fn the_three_requests_are_read_as_the_clients_write_them() {
    let parse = |text: &str| ClientMessage::parse(text).unwrap();
    assert_eq!(parse(r#"{"a": "subscribe", "v": [408065, 884737]}"#), ClientMessage::Subscribe(vec![408_065, 884_737]));
    assert_eq!(parse(r#"{"a":"unsubscribe","v":[408065]}"#), ClientMessage::Unsubscribe(vec![408_065]));
    assert_eq!(parse(r#"{"v":["full",[408065]],"a":"mode","x":1}"#), ClientMessage::Mode(Mode::Full, vec![408_065]));
    assert_eq!(parse(r#"{"a":"subscribe","v":[]}"#), ClientMessage::Subscribe(Vec::new()));
}

#[test]
fn what_is_none_of_the_three_says_what_was_expected() {
    let error = |text: &str| ClientMessage::parse(text).unwrap_err().to_string();
    let not_json = "the message is not JSON at line 1, column 1: expected an object with \"a\" and \"v\"";
    assert_eq!(error("hello"), not_json);
    assert!(error(r#"{"a":"hello"}"#).starts_with("unknown action \"hello\""));
    assert!(error("[]").starts_with("unknown action nothing"));
    assert!(error(r#"{"a":"mode","v":["deep",[1]]}"#).starts_with("unknown mode \"deep\""));
    let no_tokens = ClientMessage::parse(r#"{"a":"mode","v":["full"]}"#);
    assert_eq!(no_tokens, Err(ClientTextError::NoTokens));
    let bad = ClientMessage::parse(r#"{"a":"subscribe","v":[1,"408065"]}"#);
    assert_eq!(bad, Err(ClientTextError::BadToken { place: 1, token: "\"408065\"".to_owned() }));
    for token in ["-1", "1.5", "4294967296", "null"] {
        assert!(ClientMessage::parse(&format!(r#"{{"a":"subscribe","v":[{token}]}}"#)).is_err(), "{token}");
    }
}

#[test]
fn the_servers_texts_have_a_type_and_data() {
    assert_eq!(server_text::error("a \"b\""), r#"{"type":"error","data":"a \"b\""}"#);
    assert_eq!(server_text::message("hello"), r#"{"type":"message","data":"hello"}"#);
    let meta = server_text::instruments_meta(114_823, "W/\"x\"");
    assert_eq!(meta, r#"{"type":"instruments_meta","data":{"count":114823,"etag":"W/\"x\""}}"#);
}

#[test]
fn stamps_are_ist() {
    assert_eq!(date_time(at()), "2021-07-05 10:41:27");
    assert_eq!(Stamp(at(), Form::TimeOfDay).to_string(), "10:41:27");
    assert_eq!(Stamp(at(), Form::Candle).to_string(), "2021-07-05T10:41:27+0530");
}

#[test]
fn dates_are_read_with_and_without_a_time() {
    assert_eq!(parse("2021-07-05 10:41:27", DayEnd::First), Some(at()));
    let bound = |end| parse("2021-07-05", end).map(date_time);
    assert_eq!(bound(DayEnd::First).as_deref(), Some("2021-07-05 00:00:00"));
    assert_eq!(bound(DayEnd::Last).as_deref(), Some("2021-07-05 23:59:59"));
    for bad in
        ["", "2021-7-5", "2021-02-30", "2021-07-05T10:41:27", "2021-07-05 24:00:00", "2021-07-05 1:2:3", "ééééé x"]
    {
        assert_eq!(parse(bad, DayEnd::First), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".*") {
        let _ = ClientMessage::parse(&text);
        let _ = parse(&text, DayEnd::First);
    }
}
