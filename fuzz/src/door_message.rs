//! What clients say through the daemon's door: a line is refused or reads back as it was, and what a request asks for is
//! done as a whole or not at all; the tape opens again with the same events derived.
//!
//! The first byte chooses what the client is there for, and whether the rest is lines as they came (0 to 127) or requests
//! built from bytes.

use std::fmt::Debug;

use barkeep::orchestrator::appliance::{Appliance, Pace};
use barkeep::orchestrator::door::desk;
use barkeep::orchestrator::door::message::{Access, Date, Hello, Reply, Request, line};
use barkeep_schemas::{Event, Instrument, SessionDate, Wire};
use barkeep_storage::DataDir;

use crate::bytes::Bytes;

/// The most requests of one input.
const REQUESTS_MAX: usize = 64;

/// The user that sends them.
const UID: u32 = 7;

pub fn run(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let access = [Access::Session, Access::Records, Access::Operator][usize::from(which % 3)];
    let mut bytes = Bytes::new(rest);
    let mut requests = Vec::new();
    while !bytes.rest().is_empty() && requests.len() < REQUESTS_MAX {
        if *which < 128 {
            requests.extend(read(bytes.until(b'\n')));
        } else {
            requests.extend(built(&mut bytes));
        }
    }
    // Without one there is nothing to open a tape for.
    if !requests.is_empty() {
        perform(access, requests);
    }
}

/// A line as a client sends it, taken for each of the messages that it could be.
fn read(text: &[u8]) -> Option<Request> {
    same(Hello::parse(text), |again| Hello::parse(again));
    same(Reply::parse(text), |again| Reply::parse(again));
    same(Request::parse(text), |again| Request::parse(again))
}

fn same<T, E>(parsed: Result<T, E>, parse: impl Fn(&[u8]) -> Result<T, E>) -> Option<T>
where
    T: serde::Serialize + PartialEq + Debug,
    E: ToString,
{
    match parsed {
        Ok(message) => {
            let line = line(&message);
            assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "one line");
            let again = parse(&line).map_err(|error| error.to_string()).expect("what was written");
            assert_eq!(again, message);
            Some(message)
        }
        Err(error) => {
            assert!(error.to_string().starts_with("not "), "{}", error.to_string());
            None
        }
    }
}

/// A request made of bytes, where they hold one.
fn built(bytes: &mut Bytes<'_>) -> Option<Request> {
    let request = match bytes.u8() % 8 {
        0..=2 => {
            let count = bytes.u8();
            let mut events = Vec::new();
            for _ in 0..count {
                let length = usize::from(bytes.u8()) | usize::from(bytes.u8()) << 8;
                if let Ok(Event::Input(input)) = Event::decode(bytes.slice(length)) {
                    events.push(input);
                }
            }
            Request::Inputs { events, more: count % 2 == 1 }
        }
        3 => {
            let length = usize::from(bytes.u8());
            Request::Instrument { instrument: Instrument::take(&mut bytes.slice(length)).ok()? }
        }
        4 => Request::BeginSegment { date: Date(SessionDate(bytes.u32() as i32 % 100_000)) },
        5 => Request::AbandonSession {},
        6 => Request::Carry {},
        _ => Request::Standing {},
    };
    same(Ok::<_, String>(request), |again| Request::parse(again).map_err(|error| error.to_string()))
}

fn perform(access: Access, requests: Vec<Request>) {
    let dir = DataDir::in_memory();
    let pace = Pace { commit_events: 64, snapshot_events: 500 };
    let mut appliance = Appliance::open(&dir, pace, "fuzz").expect("an empty tape");
    for request in requests {
        let before = appliance.standing();
        let asked = match &request {
            Request::Inputs { events, .. } => events.len() as u64,
            _ => 0,
        };
        let reply = desk::answer(&mut appliance, access, UID, request).expect("no client ends the engine");
        let after = appliance.standing();
        match &reply {
            Reply::Refused { text, .. } => {
                assert!(!text.is_empty());
                assert_eq!(after, before, "{text}");
            }
            Reply::Taken { first, last, inputs, derived, .. } => {
                assert_eq!((*inputs, *first), (asked, before.next.0));
                assert_eq!(after.next.0, before.next.0 + inputs + derived);
                assert!(first <= last && (asked == 0 || *last < after.next.0));
            }
            Reply::Instrument { inputs, derived, .. } => assert_eq!(after.next.0, before.next.0 + inputs + derived),
            Reply::Segment { date, run } => {
                let name = after.segment.expect("it was begun");
                assert_eq!((name.date, name.run), (date.0, *run));
            }
            Reply::Abandoned { .. } => assert!(!after.is_importing()),
            Reply::Carried { .. } | Reply::Standing(_) => assert_eq!(after, before),
            Reply::Welcome { .. } | Reply::Durable { .. } | Reply::Status(_) => panic!("{reply:?}"),
        }
        same(Ok::<_, String>(reply), |again| Reply::parse(again).map_err(|error| error.to_string()));
    }
    let standing = appliance.standing();
    appliance.close().expect("a disk without faults");
    let again = Appliance::open(&dir, pace, "fuzz").expect("the tape opens, and derives what it holds");
    assert_eq!(again.standing(), standing);
}
