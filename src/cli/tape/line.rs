//! An event as a line for people, or as a JSON object for programs.
//!
//! What it is: the words for every kind of event. What it never does: read the tape. Called by `tape cat` and `tape
//! tail`.

mod words;

use anyhow::Result;
use barkeep_schemas::{Event, EventKind, FileKind, Hash32, Input, Seq, SourceFile};
use serde::Serialize;

use crate::cli::{moment, screen};

/// Prints an event.
pub(super) fn print(seq: Seq, event: &Event, symbol: Option<&str>, json: bool) -> Result<()> {
    if json { screen::stream_json(&object(seq, event, symbol)) } else { screen::stream(text(seq, event, symbol)) }
}

/// `seq  time IST  kind  symbol  the fields`, in columns; `-` stands for no time and no symbol.
pub(in crate::cli) fn text(seq: Seq, event: &Event, symbol: Option<&str>) -> String {
    let time = event.ts().map_or_else(|| "-".to_owned(), moment::ist);
    let (kind, symbol) = (event.kind().name(), symbol.unwrap_or("-"));
    format!("{seq:>9}  {time:<27}  {kind:<18}  {symbol:<10}  {}", words::fields(event)).trim_end().to_owned()
}

/// The first digits of a hash, enough for people to tell imports apart.
pub(super) fn short(hash: Hash32) -> String {
    let hex = hash.to_string();
    hex.get(..12).unwrap_or(&hex).to_owned()
}

/// An event as JSON: its place and name, then its own fields.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    seq: Seq,
    kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<&'a str>,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Event(&'a Event),
    Started(Started<'a>),
}

/// `ImportStarted` has a `kind` of its own, which here is `file_kind`.
#[derive(Serialize)]
struct Started<'a> {
    id: Hash32,
    file_kind: FileKind,
    files: &'a [SourceFile],
    mapping: &'a str,
}

/// The object of an event. A listed instrument tells its symbol itself, and so does a broker.
pub(super) fn object<'a>(seq: Seq, event: &'a Event, symbol: Option<&'a str>) -> Object<'a> {
    let body = match event {
        Event::Input(Input::ImportStarted(started)) => Body::Started(Started {
            id: started.id,
            file_kind: started.kind,
            files: &started.files,
            mapping: &started.mapping,
        }),
        Event::Input(_) | Event::Derived(_) => Body::Event(event),
    };
    let kind = event.kind();
    let tells = matches!(
        kind,
        EventKind::InstrumentListed | EventKind::BrokerOrder | EventKind::BrokerTrade | EventKind::ForeignUpdate
    );
    Object { seq, kind, symbol: symbol.filter(|_| !tells), body }
}

#[cfg(test)]
mod tests;
