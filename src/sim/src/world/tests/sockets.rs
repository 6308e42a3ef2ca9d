//! Who gets in, who is put out, and the faults of whole connections.

use super::*;

#[test]
fn a_fourth_websocket_gets_429_until_one_goes() {
    let mut client = Client::new("09:20:00", &[]);
    for id in 1..=3 {
        assert_eq!(client.connect(), Ok(id));
    }
    assert!(matches!(client.connect(), Err(Refusal::Status(429, _))));
    client.world.disconnected(2);
    assert_eq!(client.connect(), Ok(4));
}

#[test]
fn a_wrong_token_gets_403_and_a_missing_one_400() {
    let mut client = Client::new("09:20:00", &[]);
    let mut query = client.query();
    assert!(matches!(client.world.connect(&query[..1]), Err(Refusal::Status(400, _))));
    query[1].1.push('x');
    assert!(matches!(client.world.connect(&query), Err(Refusal::Status(403, _))));
}

#[test]
fn a_token_that_dies_takes_its_sockets_along() {
    let mut client = Client::new("09:20:00", &["token-death at=09:20:10"]);
    client.subscribe(3);
    client.connect().unwrap();
    client.run_to("09:20:11");
    let death = Some(at("09:20:10"));
    assert_eq!((client.was_cut(1), client.was_cut(2)), (death, death));
    assert_eq!(
        client.ledger.iter().map(|entry| (entry.at, entry.kind)).collect::<Vec<_>>(),
        [(at("09:20:10"), FaultKind::TokenDeath)]
    );
    assert!(matches!(client.connect(), Err(Refusal::Status(403, _))));
    let id = client.ask(Method::Get, "/user/profile", &[]);
    assert_eq!(client.json(id)["error_type"], "TokenException");
    client.log_in();
    assert_eq!(client.connect(), Ok(3));
}

#[test]
fn a_token_that_nobody_has_does_not_die() {
    let client = Client::new("09:20:00", &["token-death at=09:20:00"]);
    assert_eq!(client.ledger, []);
}

#[test]
fn a_night_ends_the_session_of_the_day_before() {
    let mut client = Client::new("09:34:00", &[]);
    client.subscribe(3);
    client.run_to("09:40:00");
    let monday = plus_ms(at("09:00:00"), 3 * 86_400_000);
    client.world.skip_to(monday);
    client.note();
    assert_eq!(client.was_cut(1), Some(monday));
    assert_eq!(client.world.date(), date().plus_days(3));
    client.log_in();
    client.connect().unwrap();
    assert_eq!(client.connect(), Ok(3), "the dead one is not counted");
}

#[test]
fn faults_of_a_skipped_night_strike_at_its_end_or_not_at_all() {
    let faults = [
        "mute at=20:00:00 for=5m",
        "clock-skew at=21:00:00 for=1h by=5s",
        "clock-skew at=22:00:00 for=100h by=7s",
        "silent at=20:00:00 for=5m",
        "disconnect at=20:10:00 for=10s",
    ];
    let mut client = Client::new("09:40:00", &faults);
    // A token of after six in the morning outlives this night, which is short.
    client.subscribe(1);
    let evening = at("23:00:00");
    client.world.skip_to(evening);
    client.note();
    let entries: Vec<_> = client.ledger.iter().map(|entry| (entry.at, entry.kind, entry.by_ns)).collect();
    let skew = (evening, FaultKind::ClockSkew, Some(7 * NANOS));
    assert_eq!(entries, [(evening, FaultKind::Disconnect, None), skew]);
    assert_eq!(client.was_cut(1), Some(evening));
}

#[test]
fn what_is_on_when_virtual_time_starts_has_begun() {
    let mut client = Client::new("09:20:00", &["clock-skew at=09:20:00 for=5s by=2s", "silent at=09:19:00 for=65s"]);
    client.subscribe(3);
    client.run_to("09:20:06");
    let kinds: Vec<_> = client.ledger.iter().map(|entry| (entry.kind, entry.at)).collect();
    assert_eq!(kinds, [(FaultKind::Silent, at("09:20:00")), (FaultKind::ClockSkew, at("09:20:00"))]);
    assert!(client.packets(1).iter().all(|(came, _)| *came >= at("09:20:05")));
}

#[test]
fn a_disconnect_cuts_and_lets_nobody_in_while_it_lasts() {
    let mut client = Client::new("09:20:00", &["disconnect at=09:20:10 for=20s connection=2"]);
    client.subscribe(3);
    client.connect().unwrap();
    client.run_to("09:20:10");
    assert_eq!((client.was_cut(1), client.was_cut(2)), (None, Some(at("09:20:10"))));
    assert_eq!(client.connect(), Err(Refusal::Cut));
    client.run_to("09:20:29");
    assert_eq!(client.connect(), Err(Refusal::Cut));
    client.run_to("09:20:30");
    assert_eq!(client.connect(), Ok(3));
    let entries: Vec<_> = client.ledger.iter().map(|entry| (entry.kind, entry.at, entry.connection)).collect();
    let entry = |time: &str, connection| (FaultKind::Disconnect, at(time), connection);
    assert_eq!(entries, [entry("09:20:10", Some(2)), entry("09:20:10", None), entry("09:20:29", None)]);
}

#[test]
fn an_upgrade_is_refused_with_the_planned_status_while_it_lasts() {
    let mut client = Client::new("09:20:00", &["refuse-upgrade at=09:20:01 for=2s status=503"]);
    assert_eq!(client.connect(), Ok(1));
    client.run_to("09:20:01");
    assert!(matches!(client.connect(), Err(Refusal::Status(503, _))));
    client.run_to("09:20:03");
    assert_eq!(client.connect(), Ok(2));
    assert_eq!(client.ledger.len(), 1);
    assert_eq!((client.ledger[0].at, client.ledger[0].status), (at("09:20:01"), Some(503)));
}

#[test]
fn nothing_comes_from_a_mute_socket_and_afterwards_what_was_due_comes() {
    let mut client = Client::new("09:20:00", &["mute at=09:20:05 for=10s connection=1"]);
    client.subscribe(22);
    client.connect().unwrap();
    client.run_to("09:20:07");
    client.buy(true);
    client.say(1, "{");
    client.world.tell_time();
    client.run_to("09:20:14");
    assert!(client.world.is_mute(1) && !client.world.is_mute(2));
    client.run_to("09:20:20");
    let within = |at_: &Ts| at("09:20:05") <= *at_ && *at_ < at("09:20:15");
    let to_first: Vec<_> = client
        .log
        .iter()
        .filter(|(at, delivery)| within(at) && matches!(delivery, Delivery::Binary(1, _) | Delivery::Text(1, _)))
        .collect();
    assert_eq!(to_first, Vec::<&Sent>::new());
    let mutes: Vec<_> =
        client.log.iter().filter(|(_, delivery)| matches!(delivery, Delivery::Mute(..))).cloned().collect();
    assert_eq!(mutes, [(at("09:20:05"), Delivery::Mute(1, true)), (at("09:20:15"), Delivery::Mute(1, false))]);
    assert_eq!(
        (client.orders(1).count(), client.orders(2).count()),
        (0, 1),
        "a postback is lost for the mute one alone"
    );
    let after: Vec<_> = client.packets(1).into_iter().filter(|(came, _)| *came >= at("09:20:15")).collect();
    let mut first: Vec<u32> =
        after.iter().filter(|(came, _)| *came < plus_ms(at("09:20:15"), 250)).map(|(_, p)| p.token()).collect();
    first.dedup();
    assert!(first.len() >= 15, "whatever changed meanwhile: {}", first.len());
    let entry = client.of_kind(FaultKind::Mute)[0];
    assert_eq!((entry.at, entry.until, entry.connection), (at("09:20:05"), Some(at("09:20:15")), Some(1)));
    assert_eq!(client.ledger.len(), 1);
}

#[test]
fn a_silent_socket_beats_and_sends_no_tick_and_no_first_one_is_forgotten() {
    let mut client = Client::new("09:20:00", &["silent at=09:20:05 for=10s"]);
    client.subscribe(3);
    client.run_to("09:20:07");
    let late = client.token(19);
    client.say(1, &format!("{{\"a\":\"mode\",\"v\":[\"full\",[{late}]]}}"));
    client.run_to("09:20:15");
    let within = |came: &Ts| at("09:20:05") <= *came && *came < at("09:20:15");
    assert!(client.packets(1).iter().all(|(came, _)| !within(came)));
    assert_eq!(client.binary(1).filter(|(came, _)| within(came)).count(), 3, "heartbeats");
    client.run_to("09:20:16");
    assert!(client.packets(1).iter().any(|(_, packet)| packet.token() == late));
    assert_eq!(
        client.ledger.iter().map(|entry| (entry.at, entry.until)).collect::<Vec<_>>(),
        [(at("09:20:05"), Some(at("09:20:15")))]
    );
}
