//! The bytes of one small day: they change only with a commit that says so.

use super::*;

/// Everything a walk of a day in quarters of a second shows, hashed.
fn digest(plan: MarketPlan, from: Ts, to: Ts) -> String {
    let mut market = Market::new(plan).unwrap();
    let mut hasher = blake3::Hasher::new();
    for number in 0..market.count() {
        hasher.update(format!("{:?}", market.listing(number, market.date())).as_bytes());
    }
    market.advance(from);
    let mut at = from.get();
    while at < to.get() {
        at += 250_000_000;
        market.advance(Ts::new(at));
        for number in market.changed() {
            let number = *number as usize;
            hasher.update(format!("{number} {:?} {:?}", market.quote(number), market.prints(number)).as_bytes());
        }
    }
    for number in 0..market.count() {
        for interval in [MINUTE, Interval::Minutes(5), Interval::Day] {
            hasher.update(format!("{:?}", market.candles(number, interval, ALL.0, ALL.1)).as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

#[test]
fn a_day_is_fixed_to_the_byte() {
    let plan = MarketPlan { seed: 1, ..plan(12, vec![auction_day(date(0)), short_day(date(1))], date(1)) };
    let (from, to) = (clock(date(1), 910), clock(date(1), 936));
    let golden = "523939c5095e2793a4ec367015118edd6187640da53ce2cb783d7745ad178f6f";
    assert_eq!(digest(plan.clone(), from, to), golden);
    assert_ne!(digest(MarketPlan { seed: 2, ..plan }, from, to), golden);
}
