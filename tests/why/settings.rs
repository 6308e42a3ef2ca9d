//! Settings by key: where each goes, and what is said of one that does not fit.

use barkeep::orchestrator::replay::what_if::{SettingError, Settings};
use barkeep_schemas::{Bucket, DeskSetup, Money};
use insta::assert_snapshot;

use crate::market;

fn with(items: &[&str]) -> Result<DeskSetup, SettingError> {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    let mut setup = market::setup(1);
    Settings::parse(&items)?.apply(&mut setup)?;
    Ok(setup)
}

fn told(item: &str) -> String {
    with(&[item]).map_or_else(|error| error.to_string(), |_| "fine".to_owned())
}

#[test]
fn every_key_that_is_listed_can_be_set() {
    let SettingError::Key { known, .. } = with(&["x=1"]).unwrap_err() else { panic!("no list") };
    for key in known.split(", ").filter(|key| !key.contains("NAME")) {
        let key = key.replace("BUCKET", "MED").replace("pairs.", "pair.S0_S1_1m.");
        let fits = ["2.5", "0.25", "7", "30s", "HIGH", "true", "2021-06-04"]
            .iter()
            .any(|value| told(&format!("{key}={value}")) == "fine");
        assert!(fits, "{key}: {}", told(&format!("{key}=2.5")));
    }
}

#[test]
fn a_setting_goes_where_its_key_says() {
    let setup = with(&["risk.max_order=50_000.25", "risk.LOW.max_order=1", "paper.latency_ms=120", "pairs.entry=2.25"])
        .unwrap();
    let orders: Vec<Money> = setup.limits.buckets.iter().map(|limits| limits.max_order).collect();
    assert_eq!(orders, [Money::new(10_000), Money::new(500_002_500), Money::new(500_002_500)]);
    assert_eq!(setup.paper.latency_ns, 120_000_000);
    assert_eq!(setup.pairs[0].entry.get(), 2.25);
    let setup =
        with(&["execution.entry_timeout=1.5s", "pairs.entry_from=09:30", "pairs.bucket=low", "whitelist.date=none"]);
    let setup = setup.unwrap();
    assert_eq!(setup.execution.entry_timeout_ns, 1_500_000_000);
    assert_eq!((setup.pairs[0].entry_from_ns, setup.pairs[0].bucket), (34_200_000_000_000, Bucket::Low));
    assert_eq!(setup.whitelist_date, None);
    let setup = with(&["risk.max_gross=5", "risk.MED.max_gross=7"]).unwrap();
    assert_eq!((setup.limits.max_gross, setup.limits.buckets[1].max_gross), (Money::new(50_000), Money::new(70_000)));
}

#[test]
fn what_does_not_fit_is_said() {
    assert_snapshot!(told("risk.max_order"), @"--set risk.max_order: expected KEY=VALUE, like risk.max_order=50000");
    assert_snapshot!(told("risk.max_order=-5"), @"risk.max_order=-5: expected an amount in rupees, at least 0, like 50000 or 1250.50");
    assert_snapshot!(told("risk.max_order=1.00001"), @"risk.max_order=1.00001: expected an amount in rupees, at least 0, like 50000 or 1250.50");
    assert_snapshot!(told("paper.latency_ms=5s"), @"paper.latency_ms=5s: expected milliseconds, at least 0, without a unit");
    assert_snapshot!(told("pairs.entry=NaN"), @"pairs.entry=NaN: expected a number, at least 0");
    assert_snapshot!(told("pair.X_Y_5m.entry=2"), @"the session has no pair X_Y_5m: it has S0_S1_1m");
    assert_snapshot!(told("pairs.stop=1"), @"S0_S1_1m would have exit 0.3, entry 1.5 and stop 1: each must be above the one before");
    let key = told("risk.max_ordr=5");
    assert!(
        key.starts_with("there is no setting risk.max_ordr: did you mean risk.max_order? There are risk.total_cash, "),
        "{key}"
    );
    assert!(told("risk.NONE.max_order=5").starts_with("there is no setting risk.NONE.max_order"));
    assert!(told("pair.S0_S1_1m.x=5").starts_with("there is no setting"));
}
