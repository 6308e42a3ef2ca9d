//! The faults of REST and of postbacks.

use super::*;

#[test]
fn a_postback_goes_to_every_socket() {
    let mut client = Client::new("09:20:00", &[]);
    client.connect().unwrap();
    client.connect().unwrap();
    let id = client.buy(true);
    client.run_to("09:20:02");
    let (first, second): (Vec<_>, Vec<_>) = (client.orders(1).collect(), client.orders(2).collect());
    assert_eq!((first.len(), &first), (1, &second));
    assert_eq!(first[0].1["data"]["order_id"], client.json(id)["data"]["order_id"]);
    assert_eq!(first[0].1["data"]["status"], "COMPLETE");
}

#[test]
fn a_storm_answers_with_its_status_and_carries_nothing_out() {
    for (status, error_type) in [(429, "NetworkException"), (500, "GeneralException"), (403, "TokenException")] {
        let mut client =
            Client::new("09:20:00", &[&format!("rest-error at=09:20:01 for=2s status={status} path=/orders")]);
        client.run_to("09:20:01");
        let (order, profile) = (client.buy(true), client.ask(Method::Get, "/user/profile", &[]));
        client.run_to("09:20:03");
        let orders = client.ask(Method::Get, "/orders", &[]);
        assert_eq!(client.reply(order).unwrap().1.status, status);
        assert_eq!(client.json(order)["error_type"], error_type);
        assert_eq!(client.reply(profile).unwrap().1.status, 200);
        assert_eq!(client.json(orders)["data"].as_array().unwrap().len(), 0);
        let entry = &client.ledger[0];
        assert_eq!(
            (entry.at, entry.status, entry.request.as_deref()),
            (at("09:20:01"), Some(status), Some("POST /orders/regular"))
        );
        assert_eq!(client.ledger.len(), 1);
    }
}

#[test]
fn a_gateways_page_is_not_kites() {
    let mut client = Client::new("09:20:00", &["rest-error at=09:20:01 for=2s"]);
    client.run_to("09:20:01");
    let id = client.ask(Method::Get, "/user/profile", &[]);
    let (_, rendered) = client.reply(id).unwrap();
    assert_eq!((rendered.status, rendered.content_type), (503, "text/html"));
}

#[test]
fn a_slow_answer_comes_so_much_later_and_is_what_it_would_have_been() {
    let mut client = Client::new("09:20:00", &["slow at=09:20:01 for=1s by=1500ms path=/quote"]);
    let prompt = client.ask(Method::Get, "/quote", &[("i", "NSE:INFY")]);
    client.run_to("09:20:01");
    let before = client.world.market.quote(client.world.market.by_token(408_065).unwrap());
    let late = client.ask(Method::Get, "/quote", &[("i", "NSE:INFY")]);
    assert!(client.reply(prompt).is_some() && client.reply(late).is_none());
    client.run_to("09:20:04");
    assert_eq!(client.reply(late).unwrap().0, plus_ms(at("09:20:01"), 1_500));
    let volume = client.json(late)["data"]["NSE:INFY"]["volume"].as_i64();
    assert_eq!(volume, Some(before.volume.get()), "it was true when it was asked for");
    assert_eq!(
        (client.ledger[0].kind, client.ledger[0].by_ns, client.ledger.len()),
        (FaultKind::Slow, Some(1_500_000_000), 1)
    );
}

#[test]
fn an_endless_answer_begins_goes_on_and_is_cut_when_the_fault_ends() {
    let mut client = Client::new("09:20:00", &["endless at=09:20:01 for=2s"]);
    client.run_to("09:20:02");
    let id = client.buy(true);
    client.run_to("09:20:04");
    let of_request: Vec<_> = client
        .log
        .iter()
        .filter(|(_, delivery)| matches!(delivery, Delivery::Endless(to) | Delivery::Blank(to) | Delivery::Hangup(to) if *to == id))
        .collect();
    assert_eq!(of_request[0], &(at("09:20:02"), Delivery::Endless(id)));
    assert_eq!(of_request.last(), Some(&&(at("09:20:03"), Delivery::Hangup(id))));
    assert_eq!(of_request.len(), 2 + 19, "a blank for each step between");
    assert_eq!(
        (client.ledger[0].at, client.ledger[0].until, client.ledger.len()),
        (at("09:20:02"), Some(at("09:20:03")), 1)
    );
    let orders = client.ask(Method::Get, "/orders", &[]);
    assert_eq!(client.json(orders)["data"].as_array().unwrap().len(), 0);
}

#[test]
fn the_order_of_a_lost_answer_exists() {
    let mut client = Client::new("09:20:00", &["lost-answer at=09:20:00 for=5s"]);
    client.connect().unwrap();
    let id = client.buy(true);
    client.run_to("09:20:05");
    assert!(client.reply(id).is_none() && client.log.contains(&(at("09:20:00"), Delivery::Hangup(id))));
    let orders = client.ask(Method::Get, "/orders", &[]);
    let order = client.json(orders)["data"][0].clone();
    assert_eq!(order["status"], "COMPLETE");
    assert_eq!((client.ledger.len(), client.ledger[0].order_id.as_deref()), (1, order["order_id"].as_str()));
    assert_eq!(client.orders(1).count(), 1, "its postback comes");
    // What is refused has its answer: nothing was accepted.
    let mut client = Client::new("09:20:00", &["lost-answer at=09:20:00 for=5s"]);
    let refused = client.ask(Method::Post, "/orders/regular", &[("quantity", "x")]);
    assert!(client.reply(refused).is_some() && client.ledger.is_empty());
}

#[test]
fn an_early_postback_comes_before_the_answer() {
    let mut client = Client::new("09:20:00", &["postback-early at=09:20:00 for=1m"]);
    client.connect().unwrap();
    let id = client.buy(true);
    assert!(client.reply(id).is_none());
    client.run_to("09:20:02");
    let place =
        |found: &dyn Fn(&Delivery) -> bool| client.log.iter().position(|(_, delivery)| found(delivery)).unwrap();
    let postback = place(&|delivery| matches!(delivery, Delivery::Text(1, text) if text.contains("\"order\"")));
    assert!(postback < place(&|delivery| matches!(delivery, Delivery::Reply(to, _) if *to == id)));
    let order_id = client.json(id)["data"]["order_id"].as_str().unwrap().to_owned();
    assert_eq!(
        client.ledger.iter().map(|entry| (entry.kind, entry.order_id.clone())).collect::<Vec<_>>(),
        [(FaultKind::PostbackEarly, Some(order_id))]
    );
}

#[test]
fn where_no_postback_comes_the_answer_is_slow_and_the_ledger_says_so() {
    let resting: fn(&mut Client) -> RequestId = |client| {
        client.connect().unwrap();
        client.buy(false)
    };
    let unheard: fn(&mut Client) -> RequestId = |client| client.buy(true);
    for order in [resting, unheard] {
        let mut client = Client::new("09:20:00", &["postback-early at=09:20:00 for=1m"]);
        let id = order(&mut client);
        client.run_to("09:20:10");
        assert_eq!(client.reply(id).unwrap().0, at("09:20:05"));
        assert_eq!(
            client.ledger.iter().map(|entry| (entry.kind, entry.at, entry.by_ns)).collect::<Vec<_>>(),
            [(FaultKind::Slow, at("09:20:05"), Some(5 * NANOS))]
        );
    }
}

#[test]
fn postbacks_come_twice_or_never_and_the_ledger_knows_which() {
    for (fault, kind, count) in
        [("postback-twice", FaultKind::PostbackTwice, 2), ("postback-never", FaultKind::PostbackNever, 0)]
    {
        let mut client = Client::new("09:20:00", &[&format!("{fault} at=09:20:00 for=10s")]);
        client.buy(true);
        client.run_to("09:20:02");
        assert!(client.ledger.is_empty(), "nobody could have heard it");
        client.connect().unwrap();
        client.buy(true);
        client.run_to("09:20:04");
        let postbacks: Vec<_> = client.orders(1).collect();
        assert_eq!((postbacks.len(), client.ledger.len(), client.ledger[0].kind), (count, 1, kind));
        assert!(postbacks.iter().all(|postback| *postback == postbacks[0]));
        assert!(
            postbacks.iter().all(|(_, text)| text["data"]["order_id"].as_str() == client.ledger[0].order_id.as_deref())
        );
    }
}
