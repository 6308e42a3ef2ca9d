use super::super::scene::{date, files, instruments, today};
use super::*;

fn names(setup: &Setup) -> Vec<&str> {
    setup.desk.pairs.iter().map(|pair| pair.name.as_str()).collect()
}

#[test]
fn pairs_are_numbered_densely_and_one_without_its_instruments_is_left_out() {
    let setup = today(&["A B 1.5", "A X 1", "C D 0.5"]);
    assert_eq!(names(&setup), ["A_B_5m", "C_D_5m"]);
    assert_eq!(setup.desk.pairs.iter().map(|pair| pair.id.0).collect::<Vec<_>>(), [0, 1]);
    assert_eq!((setup.desk.pairs[1].leg_a, setup.desk.pairs[1].leg_b), (InstrumentId(2), InstrumentId(3)));
    assert_eq!(
        setup.refusals,
        [Refusal { pair: "A_X_5m".into(), why: "X is not among the session's instruments".into() }]
    );
    assert!(setup.is_valid());
    assert_eq!((setup.desk.whitelist_date, setup.desk.charges.len()), (Some(date()), 4));
}

#[test]
fn without_a_whitelist_for_the_day_or_charges_there_are_no_entries() {
    let abcd = instruments(&["A", "B", "C", "D"]);
    let stale = setup(date(), &files("2026-07-30", &["A B 1"]), &abcd);
    assert_eq!(names(&stale), ["A_B_5m"], "they are watched all the same");
    assert_ne!(stale.desk.whitelist_date, Some(date()));
    let mut nothing = files("2026-07-31", &["A B 1"]);
    nothing.whitelist = Err("cannot read w.yaml: it is away".into());
    let nothing = setup(date(), &nothing, &abcd);
    assert_eq!((nothing.desk.whitelist_date, names(&nothing).len()), (None, 0));
    let mut empty = files("2026-07-31", &["A B 1"]);
    empty.whitelist.as_mut().unwrap().pairs.clear();
    let empty = setup(date(), &empty, &abcd);
    let none = setup(date(), &files("2026-07-31", &["A X 1"]), &abcd);
    let early = setup(SessionDate::parse("2021-06-04").unwrap(), &files("2021-06-04", &["A B 1"]), &abcd);
    assert_eq!((early.desk.whitelist_date, early.desk.charges.len()), (None, 0));
    let why: Vec<String> = [stale, nothing, empty, none, early]
        .into_iter()
        .map(|setup| {
            assert!(!setup.is_valid());
            setup.missing.unwrap().to_string()
        })
        .collect();
    insta::assert_snapshot!(why.join("\n"), @r"
    the whitelist is for 2026-07-30
    no whitelist: cannot read w.yaml: it is away
    the whitelist for 2026-07-31 is empty
    no pair of the whitelist for 2026-07-31 can be traded
    the charges of NSE MIS BUY on 2021-06-04 are not known: the first rates hold from 2024-10-01; add older `[[rates]]` to the file of `[charges]`
    ");
}

#[test]
fn a_product_without_charges_is_left_out() {
    let mut files = files("2026-07-31", &["A B 1"]);
    files.whitelist.as_mut().unwrap().pairs[0].product = barkeep_schemas::Product::Nrml;
    let setup = setup(date(), &files, &instruments(&["A", "B"]));
    assert_eq!(setup.refusals[0].why, "no charges are known of product NRML");
}
