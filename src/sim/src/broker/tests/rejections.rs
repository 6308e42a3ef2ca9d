//! What is wrong with an order, at once or later.

use serde_json::{Value, json};

use super::super::Method;
use super::{Bench, at, order, with_cash};

fn refused(bench: &mut Bench, changes: &[(&str, &str)]) -> String {
    let (status, body) = bench.call(Method::Post, "/orders/regular", &order(changes));
    assert_eq!((status, body["error_type"].as_str()), (400, Some("InputException")), "{changes:?} {body}");
    body["message"].as_str().unwrap().to_owned()
}

/// The last row of an order that gets an id and is rejected within 100 ms.
fn rejected(bench: &mut Bench, changes: &[(&str, &str)]) -> Value {
    let id = bench.place(changes);
    bench.pass_ms(100);
    let row = bench.last(&id);
    assert_eq!((&row["status"], &row["pending_quantity"]), (&json!("REJECTED"), &json!(0)), "{row}");
    assert_eq!(bench.told().last(), Some(&"REJECTED"));
    row
}

#[test]
fn what_no_order_can_be_is_refused_without_an_id() {
    let mut bench = Bench::new();
    let gone = "The instrument you are placing an order for has either expired or does not exist.";
    let cases: [(&[(&str, &str)], &str); 17] = [
        (&[("quantity", "0")], "Invalid `quantity`."),
        (&[("quantity", "1.5")], "Invalid `quantity`."),
        (&[("quantity", "")], "Missing or empty field `quantity`"),
        (&[("tradingsymbol", "NOPE")], gone),
        (&[("tradingsymbol", "NIFTY 50")], gone),
        (&[("exchange", "BSE")], gone),
        (&[("exchange", "LSE")], "Invalid `exchange`."),
        (&[("transaction_type", "HOLD")], "Invalid `transaction_type`."),
        (&[("product", "BO")], "Invalid `product`."),
        (&[("order_type", "FOK")], "Invalid `order_type`."),
        (&[("validity", "GTC")], "Invalid `validity`."),
        (&[("validity", "TTL")], "Invalid `validity_ttl`."),
        (&[("price", "0")], "Invalid `price`."),
        (&[("disclosed_quantity", "11")], "Invalid `disclosed_quantity`."),
        (&[("market_protection", "101")], "Invalid `market_protection`."),
        (&[("order_type", "SL")], "Invalid `trigger_price`."),
        (&[("tag", "123456789012345678901")], "Invalid `tag`. Expected at most 20 characters"),
    ];
    for (changes, message) in cases {
        assert_eq!(refused(&mut bench, changes), message, "{changes:?}");
    }
    assert_eq!(bench.get("/orders"), json!([]));
}

#[test]
fn prices_off_the_grid_or_outside_the_circuits_are_refused() {
    let mut bench = Bench::new();
    let tick = "Tick size for this script is 0.05. Kindly enter price in the multiple of tick size for this script";
    assert_eq!(refused(&mut bench, &[("price", "99.52")]), tick);
    assert!(refused(&mut bench, &[("price", "110.05")]).contains("higher than the current upper circuit limit of 110"));
    assert!(refused(&mut bench, &[("price", "89.95")]).contains("lower than the current lower circuit limit of 90"));
    let crossed = [("order_type", "SL"), ("price", "101"), ("trigger_price", "101.05")];
    assert!(refused(&mut bench, &crossed).contains("cannot be above the limit price"));
    let crossed = [("transaction_type", "SELL"), ("order_type", "SL"), ("price", "99"), ("trigger_price", "98.95")];
    assert!(refused(&mut bench, &crossed).contains("cannot be below the limit price"));
}

#[test]
fn varieties_without_a_simulated_life_say_so() {
    let mut bench = Bench::new();
    for (variety, message) in [("iceberg", "not simulated"), ("nonsense", "Invalid `variety`.")] {
        let (status, body) = bench.call(Method::Post, &format!("/orders/{variety}"), &order(&[]));
        assert_eq!(status, 400);
        assert!(body["message"].as_str().unwrap().contains(message), "{body}");
    }
}

#[test]
fn a_market_order_without_protection_is_rejected_with_kites_words() {
    let row = rejected(&mut Bench::new(), &[("order_type", "MARKET")]);
    let message = "Market orders without market protection are not allowed via API. Please set market protection or use \
                   a Limit order.";
    assert_eq!(row["status_message"], message);
}

#[test]
fn an_order_that_the_cash_does_not_carry_is_rejected_with_both_numbers() {
    let mut bench = with_cash(1_000);
    bench.place(&[("product", "CNC"), ("quantity", "5")]);
    let row = rejected(&mut bench, &[("product", "CNC"), ("quantity", "6")]);
    let message = "Insufficient funds. Required margin is 597.00 but available margin is 502.50. Check the orderbook for \
                   open orders.";
    assert_eq!(row["status_message"], message);
    assert!(row["status_message_raw"].as_str().unwrap().starts_with("RMS:Margin Exceeds,Required:597.00"));
    let id = bench.place(&[("quantity", "25")]);
    bench.pass_ms(100);
    assert_eq!(bench.last(&id)["status"], "OPEN", "margin of MIS is a fifth");
}

#[test]
fn shares_that_are_not_there_cannot_be_delivered() {
    let mut bench = Bench::new();
    let sell = [("product", "CNC"), ("transaction_type", "SELL"), ("price", "100.5")];
    let row = rejected(&mut bench, &sell);
    assert!(row["status_message"].as_str().unwrap().starts_with("Insufficient stock holding"), "{row}");
    bench.place(&[("product", "CNC"), ("price", "100.05")]);
    bench.pass_ms(100);
    let id = bench.place(&sell);
    bench.pass_ms(100);
    assert_eq!(bench.last(&id)["status"], "OPEN");
    rejected(&mut bench, &sell);
}

#[test]
fn hours_are_kept() {
    let mut bench = Bench::new();
    bench.go(at("16:30:00"));
    assert!(rejected(&mut bench, &[])["status_message"].as_str().unwrap().starts_with("Markets are closed"));
    bench.go(at("20:00:00"));
    let mut bench = Bench::new();
    let (_, body) = bench.call(Method::Post, "/orders/amo", &order(&[]));
    bench.pass_ms(100);
    let id = body["data"]["order_id"].as_str().unwrap().to_owned();
    assert_eq!(bench.last(&id)["status"], "REJECTED");
}

#[test]
fn an_order_that_reaches_the_exchange_after_the_close_is_rejected_there() {
    let mut bench = Bench::new();
    bench.go(at("15:29:59"));
    bench.pass_ms(990);
    let id = bench.place(&[]);
    bench.pass_ms(1_000);
    assert_eq!(bench.statuses(&id).last().unwrap(), "REJECTED");
    assert_eq!(bench.statuses(&id).len(), 4);
}

#[test]
fn a_trigger_that_is_reached_already_is_rejected() {
    let mut bench = Bench::new();
    let buy = [("order_type", "SL"), ("price", "101"), ("trigger_price", "100")];
    let row = rejected(&mut bench, &buy);
    assert!(row["status_message"].as_str().unwrap().contains("higher than the last traded price (100)"), "{row}");
}

#[test]
fn a_change_that_the_cash_does_not_carry_is_not_modified_and_the_order_stands() {
    let mut bench = with_cash(1_000);
    let id = bench.place(&[("product", "CNC")]);
    bench.pass_ms(100);
    bench.call(Method::Put, &format!("/orders/regular/{id}"), &[("quantity", "20")]);
    bench.pass_ms(100);
    let expected = ["OPEN", "MODIFY VALIDATION PENDING", "MODIFY PENDING", "NOT MODIFIED", "OPEN"];
    assert_eq!(bench.statuses(&id)[3..], expected);
    assert_eq!(bench.last(&id)["quantity"], 10);
}
