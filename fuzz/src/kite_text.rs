//! Texts of clients on up to three websockets, while virtual time goes on: every frame holds packets of what is subscribed,
//! in its mode, and whatever else was said brings an error text and no more.
//!
//! The input is lines: the first byte of each says whose it is or that time passes, the rest is the text. `#0` to `#9`
//! stand for tokens that exist.

use std::collections::BTreeMap;

use barkeep_sim::faults::FaultPlan;
use barkeep_sim::kite::{BinaryMessage, ClientMessage, Mode, Packet};
use barkeep_sim::world::{ConnectionId, Delivery};

use crate::bytes::Bytes;
use crate::simulated::{DATES, Simulated};

/// Steps in all, so that an input takes no longer than it must.
const STEPS_MAX: u32 = 400;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut simulated = Simulated::new(600, FaultPlan::default(), false);
    let mut feed = Feed::default();
    let mut steps = 0;
    while !bytes.rest().is_empty() && steps < STEPS_MAX {
        let (what, line) = (bytes.u8(), bytes.until(b'\n'));
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let id = feed.id_of(what);
        match what % 8 {
            0..=3 => {
                let text = expanded(line, &simulated);
                feed.say(&mut simulated, id, &text);
            }
            4 => feed.connect(&mut simulated),
            5 => {
                simulated.world.disconnected(id);
                feed.subscribed.remove(&id);
            }
            _ => {
                for _ in 0..=(line.len() % 16) {
                    steps += 1;
                    simulated.world.step();
                    feed.receive(&mut simulated);
                }
            }
        }
        feed.receive(&mut simulated);
    }
}

fn expanded(line: &str, simulated: &Simulated) -> String {
    let market = simulated.world.market();
    let token = |number: usize| market.listing(number % market.count(), DATES[0]).token.to_string();
    (0..10).fold(line.to_owned(), |text, number| text.replace(&format!("#{number}"), &token(number)))
}

/// What the clients know.
#[derive(Default)]
struct Feed {
    ever: ConnectionId,
    subscribed: BTreeMap<ConnectionId, BTreeMap<u32, Mode>>,
}

impl Feed {
    /// One of the websockets that were ever there, or one that never was.
    fn id_of(&self, what: u8) -> ConnectionId {
        u32::from(what / 8) % (self.ever + 2)
    }

    fn connect(&mut self, simulated: &mut Simulated) {
        let query = [("api_key", &simulated.api_key), ("access_token", &simulated.access_token)];
        let query = query.map(|(name, value)| (name.to_owned(), value.clone()));
        let taken = simulated.world.connect(&query);
        assert_eq!(taken.is_ok(), self.subscribed.len() < 3, "three websockets, no more and no less: {taken:?}");
        if let Ok(id) = taken {
            self.ever = id;
            self.subscribed.insert(id, BTreeMap::new());
        }
    }

    fn say(&mut self, simulated: &mut Simulated, id: ConnectionId, text: &str) {
        simulated.world.text(id, text);
        let market = simulated.world.market();
        let Some(subscribed) = self.subscribed.get_mut(&id) else { return };
        match ClientMessage::parse(text) {
            Ok(ClientMessage::Subscribe(tokens)) => {
                for token in tokens.into_iter().filter(|token| market.by_token(*token).is_some()) {
                    subscribed.entry(token).or_insert(Mode::Quote);
                }
            }
            Ok(ClientMessage::Mode(mode, tokens)) => {
                let known = tokens.into_iter().filter(|token| market.by_token(*token).is_some());
                subscribed.extend(known.map(|token| (token, mode)));
            }
            Ok(ClientMessage::Unsubscribe(tokens)) => subscribed.retain(|token, _| !tokens.contains(token)),
            Err(_) => match simulated.world.next_delivery() {
                Some(Delivery::Text(whose, text)) => assert!(whose == id && text.contains("\"error\""), "{text}"),
                other => panic!("what is not understood is answered with {other:?}"),
            },
        }
    }

    /// Reads what was sent.
    fn receive(&self, simulated: &mut Simulated) {
        while let Some(delivery) = simulated.world.next_delivery() {
            match delivery {
                Delivery::Binary(id, frame) => self.read(id, &frame),
                Delivery::Text(_, text) => drop(serde_json::from_str::<serde_json::Value>(&text).expect("JSON")),
                other => panic!("nothing asked for {other:?}"),
            }
        }
        assert!(simulated.world.injected().is_empty());
    }

    fn read(&self, id: ConnectionId, frame: &[u8]) {
        let subscribed = self.subscribed.get(&id).expect("frames go to websockets that are there");
        let BinaryMessage::Packets(packets) = BinaryMessage::decode(frame).expect("a sound frame") else { return };
        for packet in packets {
            let mode = subscribed.get(&packet.token()).copied();
            let fits = match packet {
                Packet::Ltp(_) => mode == Some(Mode::Ltp),
                Packet::Quote(_) | Packet::IndexQuote(_) => mode == Some(Mode::Quote),
                Packet::Full(_) | Packet::IndexFull(_) => mode == Some(Mode::Full),
            };
            assert!(fits, "subscribed as {mode:?}: {packet:?}");
        }
    }
}
