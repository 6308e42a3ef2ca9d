//! Virtual time against the clock: a machine that is too slow falls behind and loses nothing, a reader that is too slow is
//! cut.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod partner;

use std::collections::BTreeMap;
use std::time::Duration;

use barkeep_schemas::Ts;
use barkeep_sim::kite::packet::Packet;
use barkeep_sim::kite::{BinaryMessage, Mode, snapshot};
use barkeep_sim::market::Market;
use barkeep_sim::server::Pace;
use tungstenite::Message;

use partner::{clock, connect, date, log_in, plan, read, serve};

/// Reads until the last packet of each instrument is what the market shows when the day is over.
fn whole_day(speed: f64, start: Ts, until: Ts) {
    let planned = plan(Pace::Free { speed }, &[(start, until)], &[]);
    let mut market = Market::new(planned.world.market.clone()).expect("a market");
    market.advance(until);
    let shown = (0..market.count()).map(|number| {
        let listing = market.listing(number, date());
        (listing.token, snapshot::packet(listing.token, listing.segment, &market.quote(number), Mode::Full))
    });
    let shown: BTreeMap<u32, Packet> = shown.collect();
    let serving = serve(planned);
    let token = log_in(serving.address, |_| {});
    let mut socket = connect(serving.address, &token).expect("a websocket");
    let tokens: Vec<&u32> = shown.keys().collect();
    socket.send(Message::text(format!("{{\"a\":\"mode\",\"v\":[\"full\",{tokens:?}]}}"))).expect("an open socket");
    let (mut last, mut volumes, mut beats) = (BTreeMap::new(), BTreeMap::new(), 0);
    while last != shown {
        let Message::Binary(bytes) = read(&mut socket).expect("a reader that keeps up is not cut") else { continue };
        match BinaryMessage::decode(&bytes).expect("a whole frame") {
            BinaryMessage::Heartbeat => {
                beats += 1;
                assert!(beats < 100, "the last packets do not come");
            }
            BinaryMessage::Packets(packets) => {
                for packet in packets {
                    if let Packet::Full(full) = packet {
                        let before = volumes.insert(full.quote.token, full.quote.volume).unwrap_or_default();
                        assert!(before <= full.quote.volume, "nothing comes out of turn");
                    }
                    last.insert(packet.token(), packet);
                }
            }
        }
    }
}

#[test]
fn every_speed_comes_to_the_same_end() {
    whole_day(1.0, clock(date(), 9, 34, 56), clock(date(), 9, 35, 1));
    whole_day(20.0, clock(date(), 9, 34, 0), clock(date(), 9, 35, 30));
    // Fewer frames than may wait for a reader that is held up; who comes after the end gets the same from the cache.
    whole_day(1_000.0, clock(date(), 9, 33, 0), clock(date(), 9, 36, 0));
    // More than any machine can.
    whole_day(100_000.0, clock(date(), 9, 33, 0), clock(date(), 9, 36, 0));
}

#[test]
fn a_reader_that_is_too_slow_is_cut_while_others_go_on() {
    let mut planned = plan(Pace::Free { speed: 100_000.0 }, &[(clock(date(), 7, 0, 0), clock(date(), 23, 0, 0))], &[]);
    planned.world.market.instruments = 300;
    planned.world.market.busy = true;
    let serving = serve(planned);
    let token = log_in(serving.address, |_| {});
    let mut slow = connect(serving.address, &token).expect("a websocket");
    // Whoever is listed is among them; the others are passed over.
    let tokens: Vec<String> = (1..100_000).map(|exchange: u32| (exchange << 8 | 1).to_string()).collect();
    // In messages that are not too large to be taken.
    for tokens in tokens.chunks(10_000) {
        let text = format!("{{\"a\":\"mode\",\"v\":[\"full\",[{}]]}}", tokens.join(","));
        slow.send(Message::text(text)).expect("an open socket");
    }
    let others: Vec<_> = (0..2).map(|_| connect(serving.address, &token).expect("a websocket")).collect();
    let mut waits = 0;
    while connect(serving.address, &token).is_err() {
        waits += 1;
        assert!(waits < 1_200, "the slow reader still has its place");
        std::thread::sleep(Duration::from_millis(50));
    }
    // What was under way ends without a closing frame.
    let last = std::iter::from_fn(|| read(&mut slow)).last();
    assert!(!matches!(last, Some(Message::Close(_))), "{last:?}");
    drop(others);
}
