//! Stepping: what happens does not depend on how time is cut.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Everything that a walk to a moment brings: prints by instrument and the union of what changed.
type Brought = (BTreeMap<usize, Vec<Print>>, BTreeSet<u32>);

fn walk(market: &mut Market, moments: impl IntoIterator<Item = Ts>) -> Brought {
    let (mut prints, mut changed) = (BTreeMap::<usize, Vec<Print>>::new(), BTreeSet::new());
    for moment in moments {
        market.advance(moment);
        changed.extend(market.changed().iter().copied());
        assert!(market.changed().is_sorted());
        for number in 0..market.count() {
            let new = market.prints(number);
            if !new.is_empty() {
                prints.entry(number).or_default().extend_from_slice(new);
            }
        }
    }
    (prints, changed)
}

fn every(from: Ts, to: Ts, millis: i64) -> Vec<Ts> {
    let step = millis * 1_000_000;
    (1..).map(|n| Ts::new(from.get() + n * step)).take_while(|at| *at <= to).collect()
}

fn quotes(market: &Market) -> Vec<Quote> {
    (0..market.count()).map(|number| market.quote(number)).collect()
}

#[test]
fn steps_of_any_size_give_the_same_trades_and_quotes() {
    let make = || market(40, vec![auction_day(date(0))], date(0));
    let (from, to) = (clock(date(0), 909), clock(date(0), 918));
    let mut small = make();
    small.advance(from);
    let by_small = walk(&mut small, every(from, to, 250));
    for millis in [137, 1_000, 60_000, 540_000] {
        let mut large = make();
        large.advance(from);
        let by_large = walk(&mut large, every(from, to, millis).into_iter().chain([to]));
        assert_eq!(by_small.0, by_large.0, "{millis}");
        assert_eq!(by_small.1, by_large.1, "{millis}");
        assert_eq!(quotes(&small), quotes(&large), "{millis}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_cut_of_time_gives_the_same(seed in 0_u64..50, count in 1_u32..30, cuts in prop::collection::vec(0_i64..1_500_000, 0..40)) {
        let plan = MarketPlan { seed, ..plan(count, vec![short_day(date(0)), short_day(date(1))], date(0)) };
        let (mut whole, mut cut) = (Market::new(plan.clone()).unwrap(), Market::new(plan).unwrap());
        let start = clock(date(0), 909);
        let mut moments: Vec<Ts> = cuts.iter().map(|millis| Ts::new(start.get() + millis * 1_000_000)).collect();
        moments.sort_unstable();
        let end = clock(date(0), 936);
        whole.advance(end);
        let (_, changed) = walk(&mut cut, moments.into_iter().chain([end]));
        prop_assert_eq!(quotes(&whole), quotes(&cut));
        prop_assert_eq!(whole.changed().iter().copied().collect::<BTreeSet<u32>>(), changed);
        for number in 0..whole.count() {
            prop_assert_eq!(whole.candles(number, MINUTE, ALL.0, ALL.1), cut.candles(number, MINUTE, ALL.0, ALL.1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn steps_over_dates_give_what_steps_within_them_give(seed in 0_u64..50, cuts in prop::collection::vec(0_i64..1_500, 0..6)) {
        let days = || [0, 1, 4].map(|n| short_day(date(n))).to_vec();
        let plan = MarketPlan { seed, ..plan(9, days(), date(0)) };
        let (mut far, mut near) = (Market::new(plan.clone()).unwrap(), Market::new(plan).unwrap());
        let mut moments: Vec<Ts> = Vec::new();
        for n in [0, 1, 4] {
            moments.extend(cuts.iter().map(|second| Ts::from_secs(clock(date(n), 910).secs() + second)));
            moments.push(clock(date(n), 1000));
        }
        moments.sort_unstable();
        moments.retain(|at| *at <= clock(date(4), 930));
        let end = clock(date(4), 930);
        far.advance(end);
        let (_, changed) = walk(&mut near, moments.into_iter().chain([end]));
        prop_assert_eq!(quotes(&far), quotes(&near));
        prop_assert_eq!(changed.len(), far.count());
        for number in 0..far.count() {
            for interval in [MINUTE, Interval::Day] {
                let (far, near) = (far.candles(number, interval, ALL.0, ALL.1), near.candles(number, interval, ALL.0, ALL.1));
                prop_assert!(far == near && !far.is_empty());
            }
        }
    }
}

#[test]
fn a_step_brings_what_happens_at_its_very_end() {
    let make = || market(1, vec![short_day(date(0))], date(0));
    let mut whole = make();
    whole.advance(clock(date(0), 920));
    let print = whole.prints(0)[5];
    let mut market = make();
    market.advance(Ts::new(print.ts.get() - 1));
    market.advance(print.ts);
    assert!(market.prints(0).contains(&print) && market.quote(0).last_trade_time == Some(print.ts));
    assert_eq!(market.now(), print.ts);
}

#[test]
fn a_long_step_keeps_the_prints_of_its_last_minutes_alone() {
    let mut market = market(3, vec![short_day(date(0))], date(0));
    let end = clock(date(0), 933);
    market.advance(end);
    let prints = market.prints(0);
    assert!(prints.first().unwrap().ts.get() >= end.get() - PRINTS_KEPT_NS && prints.len() > 300);
    market.advance(end);
    assert!(market.prints(0).is_empty() && market.changed().is_empty(), "a step of no size");
}

#[test]
fn what_is_not_told_as_changed_has_not_changed() {
    let mut market = market(60, vec![auction_day(date(0))], date(0));
    market.advance(clock(date(0), 1100));
    let (mut calm, mut depth_only) = (0, 0);
    for moment in every(clock(date(0), 1100), clock(date(0), 1102), 250) {
        let before = quotes(&market);
        market.advance(moment);
        for (number, (before, after)) in before.iter().zip(quotes(&market)).enumerate() {
            let told = market.changed().binary_search(&(number as u32)).is_ok();
            if told {
                assert!(after.exchange_time > before.exchange_time && after.exchange_time <= moment);
                depth_only += usize::from(before.volume == after.volume);
            } else {
                assert_eq!(*before, after);
                calm += 1;
            }
        }
    }
    assert!(calm > 1_000 && depth_only > 1_000, "{calm} {depth_only}");
}

#[test]
fn books_stand_around_the_last_price() {
    let mut market = market(300, vec![auction_day(date(0))], date(0));
    market.advance(clock(date(0), 915));
    for moment in every(clock(date(0), 915), clock(date(0), 920), 500) {
        market.advance(moment);
        for number in 0..300 {
            let (quote, listing) = (market.quote(number), market.listing(number, date(0)));
            let tick = listing.tick_size.get();
            let sum = |levels: &[barkeep_schemas::Level]| levels.iter().map(|level| level.qty.get()).sum::<i64>();
            assert!(quote.total_buy_qty.get() >= sum(&quote.bids) && quote.total_sell_qty.get() >= sum(&quote.asks));
            assert!(
                quote.bids.is_sorted_by(|a, b| a.price > b.price) && quote.asks.is_sorted_by(|a, b| a.price < b.price)
            );
            assert!(quote.bids.len() <= 5 && quote.asks.len() <= 5 && !quote.bids.is_empty() && !quote.asks.is_empty());
            assert!(quote.bids[0].price < quote.asks[0].price);
            assert!(quote.bids[0].price <= quote.last_price && quote.last_price <= quote.asks[0].price, "{quote:?}");
            for level in quote.bids.iter().chain(&quote.asks) {
                assert!(level.price.get() % tick == 0 && level.qty.get() > 0 && level.orders > 0);
                assert!((listing.lower_circuit..=listing.upper_circuit).contains(&level.price));
            }
        }
    }
}

#[test]
fn busy_books_move_every_quarter_of_a_second_and_change_no_trade() {
    let calm = plan(50, vec![auction_day(date(0))], date(0));
    let busy = MarketPlan { busy: true, ..calm.clone() };
    let (mut calm, mut busy) = (Market::new(calm).unwrap(), Market::new(busy).unwrap());
    let (from, to) = (clock(date(0), 920), clock(date(0), 921));
    calm.advance(from);
    busy.advance(from);
    for moment in every(from, to, 250) {
        busy.advance(moment);
        assert!(busy.changed().len() >= 50);
    }
    calm.advance(to);
    for number in 0..52 {
        assert_eq!(calm.candles(number, MINUTE, ALL.0, ALL.1), busy.candles(number, MINUTE, ALL.0, ALL.1));
        assert_eq!(calm.quote(number).last_price, busy.quote(number).last_price);
    }
}
