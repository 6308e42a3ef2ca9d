//! The faults of candles: an answer with faults is held against the one without.

use super::*;

fn candles(client: &mut Client, interval: &str) -> Vec<Value> {
    let query = [("from", "2026-11-20 09:15:00"), ("to", "2026-11-20 09:35:00")];
    let id = client.ask(Method::Get, &format!("/instruments/historical/408065/{interval}"), &query);
    client.json(id)["data"]["candles"].as_array().unwrap().clone()
}

/// Minute candles at 09:25 of a plan and of none, by their place.
fn pair(faults: &[&str]) -> (Client, Vec<Value>, Vec<Value>) {
    let run = |faults: &[&str]| {
        let mut client = Client::new("09:25:00", faults);
        let candles = candles(&mut client, "minute");
        (client, candles)
    };
    let ((client, broken), (_, whole)) = (run(faults), run(&[]));
    assert!(whole.len() >= 10);
    (client, broken, whole)
}

fn starts(client: &Client, kind: FaultKind) -> Vec<Ts> {
    let entries = client.of_kind(kind);
    assert!(entries.iter().all(|entry| entry.token == Some(408_065) && entry.at == client.world.now()));
    entries.iter().map(|entry| entry.candle.unwrap()).collect()
}

fn minutes(from: i64, to: i64) -> Vec<Ts> {
    (from..to).map(|minute| plus_ms(at("09:00:00"), minute * 60_000)).collect()
}

/// Whether all but high and volume, which are too high, are the same.
fn is_wrong(broken: &Value, whole: &Value) -> bool {
    let same = [0, 1, 3, 4].iter().all(|field| broken[field] == whole[field]);
    same && broken[2].as_f64() > whole[2].as_f64() && broken[5].as_i64() > whole[5].as_i64()
}

#[test]
fn wrong_candles_are_those_of_the_ledger_and_of_each_answer() {
    let (mut client, broken, whole) = pair(&["candle-wrong at=09:17:00 for=3m symbols=INFY"]);
    let wrong: Vec<bool> = broken.iter().zip(&whole).map(|(broken, whole)| is_wrong(broken, whole)).collect();
    let places: Vec<usize> = (0..wrong.len()).filter(|place| wrong[*place]).collect();
    assert_eq!((places, broken.len()), (vec![2, 3, 4], whole.len()));
    assert!(broken.iter().zip(&whole).zip(&wrong).all(|((broken, whole), wrong)| *wrong || broken == whole));
    assert_eq!(starts(&client, FaultKind::CandleWrong), minutes(17, 20));
    candles(&mut client, "minute");
    assert_eq!(client.ledger.len(), 6, "asked for twice, entered twice");
}

#[test]
fn missing_candles_are_those_of_the_ledger_whatever_else_concerns_them() {
    let (client, broken, mut whole) = pair(&[
        "candle-missing at=09:17:00 for=2m",
        "candle-wrong at=09:17:00 for=2m",
        "candle-duplicate at=09:16:00 for=3m",
    ]);
    whole.drain(2..4);
    whole.insert(1, whole[1].clone());
    assert_eq!(broken, whole);
    assert_eq!(starts(&client, FaultKind::CandleMissing), minutes(17, 19));
    assert_eq!(starts(&client, FaultKind::CandleDuplicate), minutes(16, 17));
    assert_eq!(client.ledger.len(), 3);
}

#[test]
fn candles_that_are_there_twice_are_those_of_the_ledger() {
    let (client, broken, whole) = pair(&["candle-duplicate at=09:17:00 for=1m"]);
    let mut expected = whole;
    expected.insert(3, expected[2].clone());
    assert_eq!(broken, expected);
    assert_eq!(starts(&client, FaultKind::CandleDuplicate), minutes(17, 18));
}

#[test]
fn a_revised_candle_is_wrong_until_its_time_and_right_from_then() {
    let mut client = Client::new("09:20:00", &["candle-revised at=09:21:00 for=1m by=90s"]);
    let mut whole = Client::new("09:20:00", &[]);
    for (time, wrong) in
        [("09:21:30", true), ("09:22:30", true), ("09:23:29.95", true), ("09:23:30", false), ("09:30:00", false)]
    {
        let (clock, ms) = time.split_once('.').map_or((time, 0), |(clock, _)| (clock, 950));
        for client in [&mut client, &mut whole] {
            client.run_to(clock);
            while client.world.now() < plus_ms(at(clock), ms) {
                client.world.step();
                client.note();
            }
        }
        let (broken, whole) = (candles(&mut client, "minute"), candles(&mut whole, "minute"));
        let differ: Vec<usize> = (0..whole.len()).filter(|place| broken[*place] != whole[*place]).collect();
        assert_eq!(differ, if wrong { vec![6] } else { vec![] }, "{time}");
        assert!(!wrong || is_wrong(&broken[6], &whole[6]));
    }
    assert_eq!(client.of_kind(FaultKind::CandleRevised).len(), 3);
}

#[test]
fn a_coarser_candle_is_concerned_by_its_own_start() {
    let mut client = Client::new("09:30:00", &["candle-wrong at=09:20:00 for=1m"]);
    let broken = candles(&mut client, "5minute");
    let whole = candles(&mut Client::new("09:30:00", &[]), "5minute");
    let differ: Vec<usize> = (0..whole.len()).filter(|place| broken[*place] != whole[*place]).collect();
    assert_eq!(differ, [1]);
    assert_eq!(client.ledger.len(), 1);
}
