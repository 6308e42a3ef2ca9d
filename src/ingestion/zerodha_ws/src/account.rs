//! What the broker tells of the account's orders, as inputs: postbacks on the feed, orders and trades over REST.
//!
//! Pure. What has no side or no shares is no order that anything could follow from: it stays a report in words.

use barkeep_schemas::{
    BrokerOrder, BrokerStatus, BrokerTrade, Input, InstrumentId, Price, Qty, Side, Ts, UpdateSource,
};

use crate::ist;
use crate::rest::Trade;
use crate::wire::OrderUpdate;

/// What the statuses of Kite say. Source: Kite Connect, "Orders"; the list is open, and whatever it does not name is live.
fn status(text: &str) -> BrokerStatus {
    match text {
        "OPEN" | "MODIFIED" | "NOT MODIFIED" => BrokerStatus::Open,
        "TRIGGER PENDING" => BrokerStatus::TriggerPending,
        "UPDATE" => BrokerStatus::Update,
        "COMPLETE" => BrokerStatus::Complete,
        "CANCELLED" => BrokerStatus::Cancelled,
        "REJECTED" => BrokerStatus::Rejected,
        _ => BrokerStatus::Pending,
    }
}

fn side(text: Option<&str>) -> Option<Side> {
    Side::parse(text?)
}

/// A symbol as barkeep has it: alone for NSE, `EXCHANGE:SYMBOL` otherwise.
fn symbol(exchange: &str, name: &str) -> String {
    if exchange == "NSE" || exchange.is_empty() { name.to_owned() } else { format!("{exchange}:{name}") }
}

/// An order of the account as an input; `None` for one without a side. `instrument` numbers the session's instrument of a
/// token, `heard` stands in where the broker tells no time.
pub fn order(
    update: &OrderUpdate,
    source: UpdateSource,
    heard: Ts,
    instrument: impl Fn(u32) -> Option<InstrumentId>,
) -> Option<Input> {
    let time = |text: &Option<String>| text.as_deref().and_then(ist::parse);
    let words = update.status_message.as_deref().or(update.status_message_raw.as_deref());
    Some(Input::BrokerOrder(Box::new(BrokerOrder {
        source,
        broker_order: update.order_id.clone(),
        tag: update.tag.clone().filter(|tag| !tag.is_empty()),
        instrument: update.instrument_token.and_then(instrument),
        symbol: symbol(
            update.exchange.as_deref().unwrap_or_default(),
            update.tradingsymbol.as_deref().unwrap_or_default(),
        ),
        side: side(update.transaction_type.as_deref())?,
        status: status(&update.status),
        words: words.map_or_else(|| update.status.clone(), |words| format!("{}: {words}", update.status)),
        qty: update.quantity.unwrap_or(Qty::ZERO),
        filled: update.filled_quantity.unwrap_or(Qty::ZERO),
        average: update.average_price.unwrap_or(Price::ZERO),
        ts: time(&update.exchange_update_timestamp).or_else(|| time(&update.order_timestamp)).unwrap_or(heard),
    })))
}

/// A trade of the account as an input; `None` for one without a side. The other arguments are those of [`order`].
pub fn trade(trade: &Trade, heard: Ts, instrument: impl Fn(u32) -> Option<InstrumentId>) -> Option<Input> {
    Some(Input::BrokerTrade(Box::new(BrokerTrade {
        source: UpdateSource::Rest,
        trade: trade.trade_id.clone(),
        broker_order: trade.order_id.clone(),
        tag: None,
        instrument: instrument(trade.token),
        symbol: symbol(&trade.exchange, &trade.tradingsymbol),
        side: side(Some(&trade.transaction_type))?,
        qty: trade.quantity,
        price: trade.price,
        ts: trade.fill_time.unwrap_or(heard),
    })))
}

#[cfg(test)]
#[allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects")]
mod tests {
    use super::*;
    use crate::wire::{TextFrame, text};

    fn update(data: &str) -> OrderUpdate {
        match text(&format!(r#"{{"type":"order","data":{data}}}"#)) {
            TextFrame::Order(order) => *order,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_postback_is_an_order_of_the_account() {
        let update = update(
            r#"{"order_id":"2021","status":"COMPLETE","tag":"bk000a1","exchange":"NSE","tradingsymbol":"INFY",
                "instrument_token":408065,"transaction_type":"SELL","quantity":5,"filled_quantity":5,
                "average_price":1500.5,"exchange_update_timestamp":"2021-06-08 15:45:56"}"#,
        );
        let heard = Ts::new(7);
        let Some(Input::BrokerOrder(order)) =
            order(&update, UpdateSource::Postback, heard, |token| (token == 408_065).then_some(InstrumentId(3)))
        else {
            panic!("an order");
        };
        assert_eq!(
            (order.status, order.side, order.instrument),
            (BrokerStatus::Complete, Side::Sell, Some(InstrumentId(3)))
        );
        assert_eq!((order.tag.as_deref(), order.symbol.as_str()), (Some("bk000a1"), "INFY"));
        assert_eq!((order.filled, order.average), (Qty::new(5), Price::new(15_005_000)));
        assert_eq!(order.ts, ist::parse("2021-06-08 15:45:56").expect("a time"));
    }

    #[test]
    fn what_kite_does_not_name_is_live_and_what_has_no_side_is_no_order() {
        let odd = update(
            r#"{"order_id":"1","status":"VALIDATION PENDING","tag":"","exchange":"BSE","tradingsymbol":"X",
                "transaction_type":"BUY","status_message":"wait"}"#,
        );
        let Some(Input::BrokerOrder(order)) = order(&odd, UpdateSource::Rest, Ts::new(7), |_| None) else {
            panic!("an order");
        };
        assert_eq!((order.status, order.tag, order.symbol.as_str()), (BrokerStatus::Pending, None, "BSE:X"));
        assert_eq!((order.words.as_str(), order.ts), ("VALIDATION PENDING: wait", Ts::new(7)));
        let sideless = update(r#"{"order_id":"1","status":"OPEN"}"#);
        assert!(super::order(&sideless, UpdateSource::Rest, Ts::new(7), |_| None).is_none());
    }
}
