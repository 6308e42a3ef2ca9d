//! Subscriptions, modes, conflation and heartbeats, without faults.

use super::*;
use crate::kite::snapshot;

#[test]
fn what_comes_first_is_how_many_instruments_there_are() {
    let mut client = Client::new("09:20:00", &[]);
    client.connect().unwrap();
    let (_, meta) = client.texts(1).next().unwrap();
    assert_eq!((meta["type"].as_str(), meta["data"]["count"].as_u64()), (Some("instruments_meta"), Some(22)));
}

#[test]
fn a_subscription_is_in_mode_quote_until_a_mode_is_told_and_ends_with_unsubscribe() {
    let mut client = Client::new("09:20:00", &[]);
    client.connect().unwrap();
    let (stock, index) = (client.token(0), client.token(20));
    client.say(1, &format!("{{\"a\":\"subscribe\",\"v\":[{stock},{index},4]}}"));
    client.run_to("09:20:01");
    client.say(1, &format!("{{\"a\":\"mode\",\"v\":[\"full\",[{stock},{index}]]}}"));
    let before = client.packets(1).len();
    client.run_to("09:20:02");
    let packets = client.packets(1);
    let lens = |packets: &[(Ts, Packet)]| packets.iter().map(|(_, packet)| packet.encoded_len()).collect::<Vec<_>>();
    assert!(lens(&packets[..before]).iter().all(|len| [44, 28].contains(len)) && before >= 2);
    assert!(lens(&packets[before..]).iter().all(|len| [184, 32].contains(len)) && packets.len() >= before + 2);
    // Subscribing again keeps the mode, as in Kite.
    client.say(1, &format!("{{\"a\":\"subscribe\",\"v\":[{stock}]}}"));
    client.say(1, &format!("{{\"a\":\"unsubscribe\",\"v\":[{index}]}}"));
    let before = packets.len();
    client.run_to("09:20:05");
    let packets = &client.packets(1)[before..];
    assert!(!packets.is_empty() && packets.iter().all(|(_, packet)| packet.encoded_len() == 184));
    client.say(1, &format!("{{\"a\":\"unsubscribe\",\"v\":[{stock}]}}"));
    let before = client.packets(1).len();
    client.run_to("09:20:10");
    assert_eq!(client.packets(1).len(), before);
}

#[test]
fn packets_come_at_most_every_quarter_of_a_second_with_the_state_of_that_moment() {
    let mut client = Client::new("09:20:00", &[]);
    client.subscribe(22);
    let mut last: BTreeMap<u32, (Ts, Packet)> = BTreeMap::new();
    let mut count = 0;
    while client.world.now() < at("09:21:00") {
        let from = client.log.len();
        client.world.step();
        client.note();
        let now = client.world.now();
        let frames: Vec<_> =
            client.log[from..].iter().filter(|(_, delivery)| matches!(delivery, Delivery::Binary(..))).collect();
        assert!(frames.len() <= 2, "a heartbeat and one frame: {frames:?}");
        for (_, packet) in client.packets(1).into_iter().filter(|(at, _)| *at == now) {
            let number = client.world.market.by_token(packet.token()).unwrap();
            let (token, segment) = client.world.tokens[number];
            assert_eq!(packet, snapshot::packet(token, segment, &client.world.market.quote(number), Mode::Full));
            if let Some((before, old)) = last.insert(token, (now, packet)) {
                assert!(now >= plus_ms(before, 250) && old != packet, "{now:?}: {token}");
                count += 1;
            }
        }
        client.log.clear();
    }
    assert!(count > 1_000, "{count}");
    // Nothing is missing in the end: everybody has seen the last state, or is owed it within a quarter of a second.
    let quiet = at("09:20:59");
    for (token, (_, packet)) in last {
        let number = client.world.market.by_token(token).unwrap();
        let quote = client.world.market.quote(number);
        if quote.exchange_time < quiet {
            assert_eq!(packet, snapshot::packet(token, client.world.tokens[number].1, &quote, Mode::Full));
        }
    }
}

#[test]
fn mode_ltp_tells_a_price_once() {
    let mut client = Client::new("09:20:00", &[]);
    client.connect().unwrap();
    let tokens: Vec<u32> = (0..22).map(|number| client.token(number)).collect();
    client.say(1, &format!("{{\"a\":\"mode\",\"v\":[\"ltp\",{tokens:?}]}}"));
    client.run_to("09:21:00");
    let mut last = BTreeMap::new();
    let packets = client.packets(1);
    for (at, packet) in &packets {
        let Packet::Ltp(ltp) = packet else { panic!("{packet:?}") };
        assert_ne!(last.insert(ltp.token, ltp.last_price), Some(ltp.last_price), "{at:?}: {}", ltp.token);
    }
    assert!(last.len() == 22 && packets.len() > 200, "{}", packets.len());
}

#[test]
fn the_cached_tick_comes_at_once_before_the_open_with_the_last_trade_of_the_day_before() {
    let mut client = Client::new("08:00:00", &[]);
    client.subscribe(22);
    client.run_to("08:00:01");
    let packets = client.packets(1);
    assert_eq!(packets.len(), 22, "one each, and nothing changes before the open");
    for (came, packet) in packets {
        assert!(came <= plus_ms(at("08:00:00"), 250), "{came:?}");
        if let Packet::Full(full) = packet {
            let traded = Ts::from_secs(i64::from(full.last_trade_secs));
            assert!(traded < at("00:00:00") && traded > plus_ms(at("00:00:00"), -86_400_000), "{traded:?}");
            assert!(full.quote.last_price > 0 && full.exchange_secs >= full.last_trade_secs);
        }
    }
}

#[test]
fn a_heartbeat_of_one_byte_comes_every_three_seconds_whatever_else_comes() {
    let mut client = Client::new("09:20:00", &[]);
    client.subscribe(5);
    client.run_to("09:20:31");
    let beats: Vec<Ts> = client.binary(1).filter(|(_, bytes)| bytes.len() == 1).map(|(at, _)| at).collect();
    let expected: Vec<Ts> = (1..=10).map(|beat| plus_ms(at("09:20:00"), beat * 3_000)).collect();
    assert_eq!(beats, expected);
}

#[test]
fn a_connection_takes_3000_instruments_and_says_so_to_those_beyond() {
    let mut wide = plan("09:20:00", &[]);
    wide.market.instruments = 3_005;
    let mut client = Client::of(wide);
    client.connect().unwrap();
    let tokens: Vec<u32> = (0..3_001).map(|number| client.token(number)).collect();
    client.say(1, &format!("{{\"a\":\"mode\",\"v\":[\"ltp\",{tokens:?}]}}"));
    let errors = |client: &Client| client.texts(1).filter(|(_, text)| text["type"] == "error").count();
    assert_eq!(errors(&client), 1);
    client.run_to("09:20:01");
    let mut seen: Vec<u32> = client.packets(1).iter().map(|(_, packet)| packet.token()).collect();
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() == 3_000 && !seen.contains(&tokens[3_000]));
    // One that goes makes room for another; one that is there already needs none.
    client.say(1, &format!("{{\"a\":\"unsubscribe\",\"v\":[{}]}}", tokens[0]));
    client.say(1, &format!("{{\"a\":\"subscribe\",\"v\":[{},{}]}}", tokens[3_000], tokens[1]));
    assert_eq!(errors(&client), 1);
}

#[test]
fn text_that_is_no_request_gets_an_error_and_the_connection_lives() {
    let mut client = Client::new("09:20:00", &[]);
    client.subscribe(1);
    for text in [
        "",
        "{",
        "[]",
        "{\"a\":\"sing\"}",
        "{\"a\":\"subscribe\",\"v\":[\"1\"]}",
        "{\"a\":\"mode\",\"v\":[\"half\",[1]]}",
    ] {
        client.say(1, text);
    }
    assert_eq!(client.texts(1).filter(|(_, text)| text["type"] == "error").count(), 6);
    client.run_to("09:20:10");
    assert!(!client.packets(1).is_empty());
}

#[test]
fn time_is_told_where_it_was_planned() {
    for tells_time in [false, true] {
        let mut client = Client::of(WorldPlan { tells_time, ..plan("09:20:00", &[]) });
        client.connect().unwrap();
        client.world.tell_time();
        client.note();
        let told = client.texts(1).find(|(_, text)| text["type"] == "sim_time");
        assert_eq!(
            told.map(|(_, text)| text["data"]["now"].as_i64()),
            tells_time.then_some(Some(at("09:20:00").get()))
        );
    }
}
