//! The faults of ticks and frames: a run with faults is held against the same run without, packet by packet.

use super::*;

/// A minute with 22 instruments in mode full, with and without faults.
fn pair(faults: &[&str]) -> (Client, Client) {
    let run = |faults: &[&str]| {
        let mut client = Client::new("09:20:00", faults);
        client.subscribe(22);
        client.run_to("09:21:00");
        client
    };
    (run(faults), run(&[]))
}

/// Takes what the ledger tells out of a list of packets; each must be in it once.
#[track_caller]
fn take_out(packets: &mut Vec<(Ts, Packet)>, entries: &[&Entry]) -> Vec<(Ts, Packet)> {
    let mut taken = Vec::new();
    for entry in entries {
        let same = |(at, packet): &(Ts, Packet)| seen(*at, packet) == told(entry);
        let place = packets.iter().position(same).unwrap_or_else(|| panic!("{entry:?} was never sent"));
        taken.push(packets.remove(place));
    }
    taken
}

#[test]
fn the_ticks_that_do_not_come_are_those_of_the_ledger() {
    let (broken, whole) = pair(&["drop at=09:20:10 for=20s share=0.2", "drop at=09:20:40 for=5s symbols=INFY"]);
    let entries = broken.of_kind(FaultKind::Drop);
    assert!(entries.len() > 100, "{}", entries.len());
    let mut rest = whole.packets(1);
    take_out(&mut rest, &entries);
    assert_eq!(broken.packets(1), rest);
    let infy = entries.iter().filter(|entry| entry.at >= at("09:20:40")).all(|entry| entry.token == Some(408_065));
    assert!(infy && entries.iter().any(|entry| entry.at >= at("09:20:40")));
}

#[test]
fn the_ticks_that_come_twice_are_those_of_the_ledger() {
    let (broken, whole) = pair(&["duplicate at=09:20:10 for=20s share=0.2"]);
    let entries = broken.of_kind(FaultKind::Duplicate);
    let mut rest = broken.packets(1);
    assert!(entries.len() > 100 && rest.len() == whole.packets(1).len() + entries.len());
    take_out(&mut rest, &entries);
    assert_eq!(rest, whole.packets(1));
}

#[test]
fn the_ticks_that_come_later_are_those_of_the_ledger_and_none_is_lost() {
    // Two delays whose ends coincide for one instrument, again and again.
    let (broken, whole) = pair(&[
        "delay at=09:20:10 for=5s by=500ms share=0.5",
        "delay at=09:20:15 for=5s by=250ms share=0.5",
        "delay at=09:20:20 for=5s by=1s",
    ]);
    let entries = broken.of_kind(FaultKind::Delay);
    assert!(entries.len() > 200, "{}", entries.len());
    let mut punctual = whole.packets(1);
    let late = take_out(&mut punctual, &entries);
    let late = late
        .into_iter()
        .zip(&entries)
        .map(|((came, packet), entry)| (Ts::new(came.get() + entry.by_ns.unwrap()), packet));
    let sorted = |mut packets: Vec<(Ts, Packet)>| {
        packets.sort_by_cached_key(|(at, packet)| (*at, format!("{packet:?}")));
        packets
    };
    punctual.extend(late);
    assert!(sorted(broken.packets(1)) == sorted(punctual));
    // Among those of one instrument that come at one moment the older is first.
    let mut before: BTreeMap<(Ts, u32), i64> = BTreeMap::new();
    for (came, packet) in broken.packets(1) {
        let (_, token, volume, _) = seen(came, &packet);
        assert!(before.insert((came, token), volume).is_none_or(|older| older <= volume), "{came:?}: {token}");
    }
}

#[test]
fn a_reordered_tick_comes_right_behind_the_next_one() {
    for share in ["0.2", "1"] {
        let (broken, whole) = pair(&[&format!("reorder at=09:20:10 for=20s share={share}")]);
        let entries = broken.of_kind(FaultKind::Reorder);
        assert!(entries.len() > 100, "{}", entries.len());
        for token in (0..22).map(|number| whole.token(number)) {
            let of_token = |client: &Client| -> Vec<Packet> {
                client
                    .packets(1)
                    .into_iter()
                    .map(|(_, packet)| packet)
                    .filter(|packet| packet.token() == token)
                    .collect()
            };
            let mut expected: Vec<(Ts, Packet)> =
                whole.packets(1).into_iter().filter(|(_, packet)| packet.token() == token).collect();
            for entry in entries.iter().filter(|entry| entry.token == Some(token)) {
                let place = expected.iter().position(|(at, packet)| seen(*at, packet) == told(entry)).unwrap();
                if place + 1 < expected.len() {
                    expected.swap(place, place + 1);
                } else {
                    expected.pop();
                }
            }
            let expected: Vec<Packet> = expected.into_iter().map(|(_, packet)| packet).collect();
            assert_eq!(of_token(&broken), expected, "{token} with share {share}");
        }
    }
}

#[test]
fn a_tick_that_is_held_back_survives_its_subscription_and_dies_with_its_socket_in_the_ledger() {
    let hold = |end: &mut dyn FnMut(&mut Client)| {
        let mut client = Client::new("08:30:00", &["reorder at=08:30:00 for=1s symbols=INFY"]);
        client.connect().unwrap();
        client.say(1, "{\"a\":\"mode\",\"v\":[\"full\",[408065]]}");
        client.run_to("08:30:01");
        assert_eq!((client.packets(1).len(), client.ledger.len()), (0, 1));
        end(&mut client);
        client.run_to("08:30:02");
        client
    };
    let unsubscribed = hold(&mut |client| client.say(1, "{\"a\":\"unsubscribe\",\"v\":[408065]}"));
    assert_eq!((unsubscribed.packets(1).len(), unsubscribed.ledger.len()), (1, 1));
    let gone = hold(&mut |client| client.world.disconnected(1));
    assert_eq!(gone.packets(1).len(), 0);
    let lost = Entry { at: at("08:30:01"), lost: true, ..gone.ledger[0].clone() };
    assert_eq!(gone.ledger[1..], [lost]);
}

#[test]
fn a_truncated_frame_ends_within_its_last_packet() {
    let (broken, whole) = pair(&["truncate at=09:20:10 count=3"]);
    let entries = broken.of_kind(FaultKind::Truncate);
    assert_eq!(entries.len(), 3);
    let mut differences = 0;
    for ((came, broken), (_, whole)) in broken.binary(1).zip(whole.binary(1)) {
        if broken == whole {
            continue;
        }
        let entry = entries[differences];
        assert_eq!((entry.at, entry.connection, &whole[..whole.len() - entry.bytes.unwrap()]), (came, Some(1), broken));
        let error = BinaryMessage::decode(broken).unwrap_err();
        assert!(matches!(error, crate::kite::FrameError::Truncated { what: "a packet", .. }), "{error}");
        assert_eq!(entry.packets, Some(usize::from(u16::from_be_bytes([whole[0], whole[1]]))));
        differences += 1;
    }
    assert_eq!(differences, 3);
}

#[test]
fn garbage_is_a_frame_more() {
    let (broken, whole) = pair(&["garbage at=09:20:10 count=2"]);
    let entries = broken.of_kind(FaultKind::Garbage);
    let mut frames: Vec<_> = broken.binary(1).collect();
    for entry in &entries {
        let place =
            frames.iter().position(|(at, frame)| *at == entry.at && frame.len() == entry.bytes.unwrap()).unwrap();
        let (_, garbage) = frames.remove(place);
        assert!(BinaryMessage::decode(garbage).is_err());
    }
    assert_eq!((entries.len(), frames), (2, whole.binary(1).collect()));
}

#[test]
fn a_packet_of_unknown_length_stands_among_the_others() {
    let (broken, whole) = pair(&["unknown-length at=09:20:10 count=2"]);
    let entries = broken.of_kind(FaultKind::UnknownLength);
    let mut found = Vec::new();
    for ((came, broken), (_, whole)) in broken.binary(1).zip(whole.binary(1)) {
        if broken != whole {
            let count = u16::from_be_bytes([whole[0], whole[1]]);
            assert!(count > 0 && broken[..4] == [(count + 1).to_be_bytes(), [0, 50]].concat(), "{:?}", &broken[..4]);
            assert_eq!(broken[54..], whole[2..]);
            found.push((came, Some(50)));
        }
    }
    assert_eq!(entries.iter().map(|entry| (entry.at, entry.bytes)).collect::<Vec<_>>(), found);
    assert_eq!(found.len(), 2);
}

#[test]
fn a_skewed_clock_moves_the_times_in_ticks_and_nothing_else() {
    let (broken, whole) = pair(&["clock-skew at=09:20:10 for=20s by=-3s symbols=INFY,TCS"]);
    let entries = broken.of_kind(FaultKind::ClockSkew);
    let skewed: Vec<u32> = entries.iter().map(|entry| entry.token.unwrap()).collect();
    assert!(skewed.len() == 2 && skewed.contains(&408_065));
    assert!(entries.iter().all(|entry| (entry.at, entry.by_ns) == (at("09:20:10"), Some(-3 * NANOS))));
    let (broken, whole) = (broken.packets(1), whole.packets(1));
    assert_eq!(broken.len(), whole.len());
    let mut moved = 0;
    for ((came, mut broken), (_, whole)) in broken.into_iter().zip(whole) {
        let on = at("09:20:10") <= came && came < at("09:20:30") && skewed.contains(&broken.token());
        if let (Packet::Full(full), true) = (&mut broken, on) {
            full.exchange_secs += 3;
            full.last_trade_secs += 3;
            moved += 1;
        }
        assert_eq!(broken, whole, "{came:?}");
    }
    assert!(moved > 50, "{moved}");
}

#[test]
fn frames_of_one_connection_alone_are_broken_where_it_is_named() {
    let mut client =
        Client::new("09:20:00", &["drop at=09:20:00 for=1h connection=2", "garbage at=09:20:05 connection=2"]);
    client.subscribe(22);
    client.connect().unwrap();
    let tokens: Vec<u32> = (0..22).map(|number| client.token(number)).collect();
    client.say(2, &format!("{{\"a\":\"mode\",\"v\":[\"full\",{tokens:?}]}}"));
    client.run_to("09:20:20");
    assert!(client.packets(1).len() > 300);
    assert!(
        client.binary(2).all(|(_, frame)| frame.len() == 1),
        "heartbeats alone, and no frame to put garbage before"
    );
    assert!(client.ledger.iter().all(|entry| entry.connection == Some(2)));
    assert_eq!(client.of_kind(FaultKind::Garbage).len(), 0);
}
