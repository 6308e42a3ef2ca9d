use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn told(text: &str) -> String {
    Until::parse(text).map_or_else(|error| error.to_string(), |_| "fine".to_owned())
}

/// Whether an expression holds where some fields have values.
fn holds(text: &str, values: &[(&str, Value)]) -> Option<bool> {
    let Until(expr) = Until::parse(text).unwrap();
    let values: Vec<(Field, Value)> =
        values.iter().map(|(name, value)| (Field::parse(name).unwrap(), value.clone())).collect();
    eval(&expr, &|field| values.iter().find(|(one, _)| *one == field).map(|(_, value)| value.clone()))
}

#[test]
fn expressions_of_every_form_are_read() {
    for text in [
        "order.status == \"REJECTED\"",
        "pair.zscore > 3",
        "pair.zscore >= -1.5e0 and pair.id == 'INFY_TCS_5m'",
        "signal.reason == \"stop\" or (fill.qty >= 1_00 and not fill.late)",
        "equity.drawdown_pct < -1",
        "fill.late == true and event.time >= \"09:30:00\"",
        "3 < pair.zscore",
        "order.filled < order.qty",
        "not not fill.late",
        "order.symbol==\"M&M\"",
        "event.kind == \"kill_switch\" and kill.on",
    ] {
        assert_eq!(told(text), "fine", "{text}");
    }
}

#[test]
fn an_error_marks_the_place_and_says_what_was_expected() {
    assert_snapshot!(told("order.statu == \"REJECTED\""), @r#"
    there is no order.statu: did you mean order.status? There are order.id, order.symbol, order.pair, order.leg, order.side, order.type, order.validity, order.purpose, order.bucket, order.status, order.why, order.qty, order.filled, order.price
      order.statu == "REJECTED"
      ^^^^^^^^^^^
    "#);
    assert_snapshot!(told("ordr.status == \"NEW\""), @r#"
    there is no ordr.status: fields are of event, order, pair, signal, risk, fill, equity, kill, bar; did you mean order.status?
      ordr.status == "NEW"
      ^^^^^^^^^^^
    "#);
    assert_snapshot!(told("signal.reason == \"stopp\""), @r#"
    signal.reason is one of "entry", "revert", "stop", "timeout", "flatten", "stale", "kill"
      signal.reason == "stopp"
                       ^^^^^^^
    "#);
    assert_snapshot!(told("pair.zscore = 3"), @r"
    '=' compares nothing: write '=='
      pair.zscore = 3
                  ^
    ");
    assert_snapshot!(told("pair.zscore > 3 && fill.late"), @r"
    '&&' is written 'and'
      pair.zscore > 3 && fill.late
                      ^^
    ");
    assert_snapshot!(told("pair.zscore > \"3\""), @r#"
    pair.zscore is a number: write it without quotes
      pair.zscore > "3"
                    ^^^
    "#);
    assert_snapshot!(told("order.status == REJECTED"), @r#"
    there is no field 'REJECTED'; a text stands in quotes: "REJECTED"
      order.status == REJECTED
                      ^^^^^^^^
    "#);
    assert_snapshot!(told("order.status > \"NEW\""), @r#"
    order.status is no number: compare it with == or !=
      order.status > "NEW"
                   ^
    "#);
    assert_snapshot!(told("(fill.late or fill.qty > 3"), @r"
    this '(' is never closed
      (fill.late or fill.qty > 3
      ^
    ");
    assert_snapshot!(told("fill.qty > 3)"), @r"
    there is no '(' that this ')' would close
      fill.qty > 3)
                  ^
    ");
    assert_snapshot!(told("fill.qty >"), @r#"
    expected a field like order.status, a "text" or a number here
      fill.qty >
                ^
    "#);
    assert_snapshot!(told("fill.qty"), @r"
    expected a comparison here: ==, !=, <, <=, > or >=
      fill.qty
              ^
    ");
    assert_snapshot!(told(""), @r#"
    expected a field like order.status, a "text" or a number here
      
      ^
    "#);
    assert_snapshot!(told("fill.qty > 12x"), @r"
    '12x' is no number: expected one like 3, -1.5 or 250_000
      fill.qty > 12x
                 ^^^
    ");
    assert_snapshot!(told("1 < 2"), @r"
    neither side names a field: name one, like order.status
      1 < 2
      ^
    ");
    assert_snapshot!(told("order.id == \"bk"), @r#"
    the text that begins here has no closing "
      order.id == "bk
                  ^^^
    "#);
    assert_snapshot!(told("order.qty == order.symbol"), @r"
    order.qty and order.symbol are not of one kind
      order.qty == order.symbol
      ^^^^^^^^^
    ");
    assert_snapshot!(told("event.time > \"9:30\""), @r#"
    event.time is a time of day in IST like "09:30:00"
      event.time > "9:30"
                   ^^^^^^
    "#);
    assert_snapshot!(told("fill.late fill.late"), @r"
    expected 'and', 'or' or the end here
      fill.late fill.late
                ^^^^^^^^^
    ");
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    let (yes, no) = (Value::Flag(true), Value::Flag(false));
    let values = [("fill.late", no), ("kill.on", yes)];
    assert_eq!(holds("kill.on or fill.late and fill.late", &values), Some(true));
    assert_eq!(holds("(kill.on or fill.late) and fill.late", &values), Some(false));
    assert_eq!(holds("not fill.late and kill.on", &values), Some(true));
    assert_eq!(holds("not (fill.late or kill.on)", &values), Some(false));
}

#[test]
fn what_an_event_does_not_have_is_neither_true_nor_false() {
    assert_eq!(holds("fill.qty > 3", &[]), None);
    assert_eq!(holds("not fill.qty > 3", &[]), None);
    assert_eq!(holds("fill.qty > 3 or kill.on", &[("kill.on", Value::Flag(true))]), Some(true));
    assert_eq!(holds("fill.qty > 3 and kill.on", &[("kill.on", Value::Flag(false))]), Some(false));
    assert_eq!(holds("fill.qty > 3 and kill.on", &[("kill.on", Value::Flag(true))]), None);
    assert_eq!(holds("3 < pair.zscore", &[("pair.zscore", Value::Number(3.5))]), Some(true));
    assert_eq!(holds("event.time >= '09:30:00'", &[("event.time", Value::Text("10:00:00".into()))]), Some(true));
}

#[test]
fn deep_and_long_expressions_end_well() {
    let deep = format!("{}fill.late{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(told(&deep).starts_with("this nests deeper than 64 levels"));
    assert!(told(&"not ".repeat(100_000)).starts_with("this nests deeper"));
    assert_eq!(told(&vec!["fill.late"; 10_000].join(" or ")), "fine");
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,80}") {
        told(&text);
    }

    #[test]
    fn no_row_of_words_panics(words in prop::collection::vec(prop::sample::select(vec![
        "and", "or", "not", "(", ")", "==", "!=", "<", ">=", "order.status", "fill.late", "pair.zscore", "event.time",
        "\"NEW\"", "'x", "3", "-", "-1", ".", "true", "x.y", "\u{e9}", "=", "!",
    ]), 0..20)) {
        told(&words.join(" "));
        told(&words.concat());
    }
}
