//! Candles: made of the trades alone, the same live and later.

use super::*;

/// Candles made here, from the prints, the slow way.
fn from_prints(prints: &[Print], start: i64, seconds: i64) -> Vec<Candle> {
    let mut candles: Vec<Candle> = Vec::new();
    for print in prints.iter().filter(|print| !print.auction) {
        let at = Ts::from_secs(start + (print.ts.secs() - start).div_euclid(seconds) * seconds);
        match candles.last_mut() {
            Some(last) if last.start == at => {
                last.high = last.high.max(print.price);
                last.low = last.low.min(print.price);
                last.close = print.price;
                last.volume = barkeep_schemas::Qty::new(last.volume.get() + print.qty.get());
            }
            _ => candles.push(Candle {
                start: at,
                open: print.price,
                high: print.price,
                low: print.price,
                close: print.price,
                volume: print.qty,
            }),
        }
    }
    candles
}

#[test]
fn candles_are_made_of_the_prints() {
    let mut market = market(12, vec![short_day(date(0))], date(0));
    let mut prints = vec![Vec::new(); 12];
    for minute in 0..30 {
        market.advance(Ts::from_secs(clock(date(0), 910).secs() + minute * 60));
        for (number, prints) in prints.iter_mut().enumerate() {
            prints.extend_from_slice(market.prints(number));
        }
    }
    let open = clock(date(0), 915).secs();
    for (number, prints) in prints.iter().enumerate() {
        for minutes in [1, 3, 5, 10, 15, 30, 60] {
            let made = market.candles(number, Interval::Minutes(minutes), ALL.0, ALL.1);
            assert_eq!(made, from_prints(prints, open, i64::from(minutes) * 60), "{number} {minutes}");
        }
        let day = market.candles(number, Interval::Day, ALL.0, ALL.1);
        let (quote, [day]) = (market.quote(number), day.as_slice()) else { panic!("{day:?}") };
        assert_eq!((day.start, day.volume), (clock(date(0), 0), quote.volume));
        assert_eq!((day.open, day.high, day.low, day.close), (quote.open, quote.high, quote.low, quote.last_price));
        let traded: i64 = prints.iter().map(|print| print.qty.get()).sum();
        assert_eq!(traded, quote.volume.get());
        assert!(prints.iter().any(|print| print.auction), "the opening auction");
    }
}

#[test]
fn a_day_gone_by_gives_the_candles_that_it_gave_live() {
    let days = || vec![auction_day(date(0)), split_day(date(1)), muhurat_day(date(2)), auction_day(date(3))];
    let mut market = market(10, days(), date(0));
    let mut live: Vec<Vec<Candle>> = vec![Vec::new(); 12];
    for n in 0..3 {
        market.advance(clock(date(n), 2300));
        for (number, live) in live.iter_mut().enumerate() {
            live.extend(market.candles(number, MINUTE, clock(date(n), 0), ALL.1));
            live.extend(market.candles(number, Interval::Day, clock(date(n), 0), ALL.1));
        }
    }
    market.advance(clock(date(3), 800));
    let mut later = super::market(10, days(), date(0));
    later.advance(clock(date(3), 800));
    for (number, live) in live.iter().enumerate() {
        assert!(live.len() > 100);
        if market.corporate_actions().iter().any(|action| action.instrument == number) {
            continue;
        }
        let all = |market: &Market| -> Vec<Candle> {
            let of = |n: i32, interval| market.candles(number, interval, clock(date(n), 0), clock(date(n), 2359));
            (0..3).flat_map(|n| [of(n, MINUTE), of(n, Interval::Day)].concat()).collect()
        };
        assert!(*live == all(&market) && *live == all(&later), "{number}");
    }
}

#[test]
fn asking_changes_nothing() {
    let make = || market(20, vec![auction_day(date(0)), auction_day(date(1))], date(1));
    let (mut asked, mut left) = (make(), make());
    for minute in 0..30 {
        let at = Ts::from_secs(clock(date(1), 910).secs() + minute * 60);
        asked.advance(at);
        left.advance(at);
        for number in 0..asked.count() {
            asked.candles(number, Interval::Minutes(5), ALL.0, ALL.1);
            asked.listing(number, date(0));
        }
    }
    for number in 0..left.count() {
        assert_eq!(asked.quote(number), left.quote(number));
        assert_eq!(asked.candles(number, MINUTE, ALL.0, ALL.1), left.candles(number, MINUTE, ALL.0, ALL.1));
    }
}

#[test]
fn both_ends_of_a_range_count_and_nothing_comes_from_the_future() {
    let mut market = market(1, vec![auction_day(date(0))], date(0));
    market.advance(Ts::from_secs(clock(date(0), 930).secs() + 30));
    let (from, to) = (clock(date(0), 920), clock(date(0), 925));
    let some = market.candles(0, MINUTE, from, to);
    assert_eq!((some.len(), some[0].start, some[5].start), (6, from, to));
    let all = market.candles(0, MINUTE, ALL.0, ALL.1);
    assert_eq!(all.last().unwrap().start, clock(date(0), 930), "the forming one");
    assert!(market.candles(0, MINUTE, to, from).is_empty());
    assert!(market.candles(99, MINUTE, ALL.0, ALL.1).is_empty());
    let before = all.last().unwrap().volume;
    market.advance(Ts::from_secs(clock(date(0), 930).secs() + 59));
    assert!(market.candles(0, MINUTE, ALL.0, ALL.1).last().unwrap().volume > before);
}

#[test]
fn illiquid_stocks_have_silent_minutes_and_liquid_ones_have_none() {
    let mut market = market(20, vec![auction_day(date(0)), auction_day(date(1))], date(1));
    market.advance(clock(date(1), 0));
    let halted: Vec<usize> = market.halts(date(0)).iter().map(|halt| halt.0).collect();
    for number in (0..20).filter(|number| !halted.contains(number)) {
        let listing = market.listing(number, date(0));
        let minutes = market.candles(number, MINUTE, ALL.0, ALL.1).len();
        let quiet = ["HONDAPOWER", "INGERRAND"].contains(&listing.symbol.as_str());
        match listing.class {
            InstrumentClass::Derivatives => assert!((358..=360).contains(&minutes), "{} {minutes}", listing.symbol),
            InstrumentClass::Cash | InstrumentClass::Always => {
                assert!(minutes < 376 && (!quiet || (5..320).contains(&minutes)), "{} {minutes}", listing.symbol);
            }
        }
    }
}
