//! What the feed says in text: order updates, errors, messages and the size of the instruments' dump.
//!
//! It sends nothing; the world does.

use serde::Serialize;

#[derive(Serialize)]
struct Text<'a, T: Serialize> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: T,
}

/// A text message `{"type":kind,"data":data}`.
fn text<T: Serialize>(kind: &str, data: T) -> String {
    // Plain structs and strings always serialize; the empty object is what is left to say if one day they do not.
    serde_json::to_string(&Text { kind, data }).unwrap_or_else(|_| "{}".to_owned())
}

/// An order update: its data is the postback's payload.
pub fn order(postback: &super::Postback<'_>) -> String {
    text("order", postback)
}

/// An error, as for tokens beyond a connection's limit. The connection lives on.
pub fn error(message: &str) -> String {
    text("error", message)
}

/// A message of the broker to its customers.
pub fn message(message: &str) -> String {
    text("message", message)
}

/// What comes first on a connection: how many instruments the dump holds and its tag. Not documented by Kite.
pub fn instruments_meta(count: usize, etag: &str) -> String {
    #[derive(Serialize)]
    struct Meta<'a> {
        count: usize,
        etag: &'a str,
    }
    text("instruments_meta", Meta { count, etag })
}
