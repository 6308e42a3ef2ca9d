use proptest::prelude::*;

use super::*;

const PAIR: &str = "  - {a: HDFCBANK, b: ICICIBANK, tf: 5, beta: 1.5, intercept: -0.25, entry: 2.0, exit: 0.5, stop: 3, \
                    lookback: 60, max_hold: 90m, bucket: MED, gross_notional_inr: 200000, product: MIS}\n";

fn text(pairs: &str) -> String {
    format!("version: 1\ndate: 2026-07-31\npairs:\n{pairs}")
}

fn refused(text: &str) -> String {
    Whitelist::from_yaml(text, "w.yaml").unwrap_err().to_string()
}

#[test]
fn a_pair_has_the_rules_of_the_desk_where_it_says_nothing() {
    let list = Whitelist::from_yaml(&text(PAIR), "w.yaml").unwrap();
    assert_eq!((list.date, list.pairs.len()), (SessionDate::parse("2026-07-31").unwrap(), 1));
    let pair = &list.pairs[0];
    assert_eq!((pair.name.as_str(), pair.line), ("HDFCBANK_ICICIBANK_5m", 4));
    assert_eq!((pair.beta.get(), pair.stop.get(), pair.gross_notional), (1.5, 3.0, Money::new(2_000_000_000)));
    assert_eq!((pair.max_hold_ns, pair.entry_from_ns), (90 * MINUTE_NS, 33_600 * NANOS));
    assert_eq!((pair.entry_until_ns, pair.flatten_before_ns), (30 * MINUTE_NS, 10 * MINUTE_NS));
    assert_eq!((pair.stale_after_ns, pair.max_stops), (15 * MINUTE_NS, 1));
    let own = PAIR.replace("product: MIS", "product: CNC, entry_from: 10:05, entry_until: 0s, max_stops: 3");
    let own = Whitelist::from_yaml(&text(&own), "w.yaml").unwrap();
    let own = &own.pairs[0];
    assert_eq!((own.entry_from_ns, own.entry_until_ns, own.max_stops), (36_300 * NANOS, 0, 3));
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let wrong = PAIR
        .replace("tf: 5", "tf: 7")
        .replace("beta: 1.5", "beta: 0")
        .replace("entry: 2.0", "entry: 0.5")
        .replace("intercept: -0.25", "intercept: 1e7")
        .replace("stop: 3", "stop: 0.4")
        .replace("lookback: 60", "lookback: 1")
        .replace("max_hold: 90m", "max_hold: 90")
        .replace("bucket: MED", "bucket: MID")
        .replace("200000", "0")
        .replace("product: MIS", "products: MIS");
    let same = PAIR.replace("b: ICICIBANK", "b: HDFCBANK").replace("MED", "LOW, entry_from: 9:20, stale_after: 1.5h");
    let other_way = PAIR.replace("a: HDFCBANK, b: ICICIBANK", "a: ICICIBANK, b: HDFCBANK");
    insta::assert_snapshot!(refused(&text(&format!("{PAIR}{wrong}{same}{other_way}  - 7\n"))), @r#"
    w.yaml is refused: 15 findings
      w.yaml:5: pair 2: `products` is no known key: did you mean `product`?
      w.yaml:5: pair 2 tf: `7` is no known tf: expected one of `1`, `3`, `5`, `15`, `30`, `60`
      w.yaml:5: pair 2 beta: found 0, expected a number above 0, at most 1000000
      w.yaml:5: pair 2 intercept: found 10000000, expected a number between -1000000 and 1000000
      w.yaml:5: pair 2 entry: found 0.5, expected a number above `exit`, at most 100
      w.yaml:5: pair 2 lookback: 1 is outside 2 to 10000
      w.yaml:5: pair 2 max_hold: found 90, expected a duration such as 90m or 1h30m, 1s to 365d
      w.yaml:5: pair 2 bucket: `MID` is no known bucket: did you mean `MED`?
      w.yaml:5: pair 2 gross_notional_inr: found 0, expected a number from 0.0001 to 1000000000 with at most 4 decimals
      w.yaml:5: pair 2: missing: expected `product: …`
      w.yaml:6: pair 3 entry_from: found "9:20", expected a time of day, "HH:MM"
      w.yaml:6: pair 3 stale_after: found "1.5h", expected a duration such as 90m or 1h30m, 1s to 1d
      w.yaml:6: pair 3: found `HDFCBANK` for both legs, expected two different symbols
      w.yaml:7: pair 4: `ICICIBANK_HDFCBANK_5m` is already on line 4: keep one of the two
      w.yaml:8: pairs: found 7, expected a mapping of keys to values
    "#);
}

#[test]
fn a_file_of_another_kind_is_refused() {
    insta::assert_snapshot!(refused(""), @r"
    w.yaml is refused: 1 finding
      w.yaml: missing: expected `version`, `date` and `pairs`
    ");
    insta::assert_snapshot!(refused("[]"), @r"
    w.yaml is refused: 1 finding
      w.yaml:1: found a list, expected a mapping of keys to values
    ");
    insta::assert_snapshot!(refused("version: 2\ndate: 31.07.2026\nparis: []\n"), @r#"
    w.yaml is refused: 4 findings
      w.yaml:1: version: found 2, expected 1, the only version that this barkeep reads: upgrade it, or write the file anew
      w.yaml:1: missing: expected `pairs: a list`
      w.yaml:2: date: found "31.07.2026", expected a date YYYY-MM-DD
      w.yaml:3: `paris` is no known key: did you mean `pairs`?
    "#);
    insta::assert_snapshot!(refused("version: 1\ndate: [1\n"), @r"
    w.yaml is refused: 1 finding
      w.yaml:2: unclosed bracket '[' at line 2, column 7
    ");
}

#[test]
fn a_list_without_pairs_is_no_mistake_and_ten_thousand_and_one_are() {
    assert_eq!(Whitelist::from_yaml("version: 1\ndate: 2026-01-01\npairs: []\n", "w.yaml").unwrap().pairs, []);
    let many = |count: usize| {
        let pairs: String = (0..count).map(|at| PAIR.replace("b: ICICIBANK", &format!("b: X{at}"))).collect();
        Whitelist::from_yaml(&text(&pairs), "w.yaml")
    };
    assert_eq!(many(PAIRS_MAX).unwrap().pairs.len(), PAIRS_MAX);
    let refused = many(PAIRS_MAX + 1).unwrap_err().to_string();
    assert!(refused.contains("found 10001 pairs, expected at most 10000"), "{refused}");
}

#[test]
fn the_list_that_comes_with_barkeep_is_read() {
    let list = Whitelist::from_yaml(include_str!("../../../../configs/pairs_next_day.yaml"), "w.yaml").unwrap();
    assert_eq!(list.pairs, []);
}

#[test]
fn legs_that_the_universe_does_not_subscribe_are_told() {
    let universe = Universe::from_csv(
        "exchange,tradingsymbol,sector,class,subscribe,record_depth\nNSE,HDFCBANK,,derivatives,false,false\n\
         NSE,ICICIBNK,,derivatives,true,false\n",
        "u.csv",
    );
    let list = Whitelist::from_yaml(&text(PAIR), "w.yaml").unwrap();
    let found: Vec<String> = list.against(&universe.unwrap()).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    w.yaml:4: pair HDFCBANK_ICICIBANK_5m a: found `HDFCBANK`, which the universe has with `subscribe` false, expected a symbol that is subscribed: change the universe or remove the pair
    w.yaml:4: pair HDFCBANK_ICICIBANK_5m b: `ICICIBANK` is no known symbol of the universe: did you mean `ICICIBNK`?
    ");
}

#[test]
fn pairs_whose_charges_are_not_known_are_told() {
    let found = |list: &str| {
        let list = Whitelist::from_yaml(list, "w.yaml").unwrap();
        let found = list.uncharged(&ChargeTable::builtin().unwrap());
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(found(&text(PAIR)), "");
    insta::assert_snapshot!(
        found(&text(&PAIR.replace("MIS", "NRML"))),
        @"w.yaml:4: pair HDFCBANK_ICICIBANK_5m product: found NRML, expected a product whose charges are known: change it, or add `[[rates]]` to the file of `[charges]`"
    );
    let early = found(&text(PAIR).replace("2026-07-31", "2020-07-31"));
    assert!(
        early.starts_with("w.yaml: date: found 2020-07-31, expected a date whose charges are known: the"),
        "{early}"
    );
}

#[test]
fn durations_read_as_they_are_shown() {
    for (text, seconds) in
        [("90m", 5_400), ("1h30m", 5_400), ("2d", 172_800), ("45s", 45), ("0s", 0), ("1d2h3m4s", 93_784)]
    {
        assert_eq!(duration(text), Some(seconds * NANOS), "{text}");
        assert_eq!(duration(&duration_text(seconds * NANOS)), Some(seconds * NANOS), "{text}");
    }
    for text in ["", "90", "m", "1m1h", "1m1m", "-1m", "1.5h", "1 m", "99999999999999999999s", "9999999999999d", "1µ"]
    {
        assert_eq!(duration(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(any in "\\PC*", value in "[-0-9a-z\"'{}\\[\\],:&*|>#!%@._ ]{0,16}") {
        let _ = Whitelist::from_yaml(&any, "w.yaml");
        let _ = Whitelist::from_yaml(&text(&PAIR.replace("beta: 1.5", &format!("beta: {value}"))), "w.yaml");
        let _ = Whitelist::from_yaml(&text(&PAIR.replace("max_hold: 90m", &format!("max_hold: {value}"))), "w.yaml");
        let _ = Whitelist::from_yaml(&format!("version: 1\ndate: {value}\npairs: {value}\n"), "w.yaml");
    }
}
