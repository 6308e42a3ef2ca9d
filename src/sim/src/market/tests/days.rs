//! Dates: closes chain, auctions and halts are where they should be, companies act.

use super::*;

#[test]
fn each_previous_close_is_the_last_trade_of_the_date_before() {
    let days = || {
        let odd =
            [short_day(date(0)), muhurat_day(date(1)), short_day(date(2)), auction_day(date(3)), split_day(date(4))];
        let mut days = odd.to_vec();
        days.extend([short_day(date(7)), short_day(date(20))]);
        days
    };
    let mut market = market(14, days(), date(0));
    let (mut before, mut kept) = (None::<Vec<Quote>>, 0);
    for listed in days() {
        market.advance(clock(listed.date, 2359));
        assert_eq!(market.date(), listed.date);
        let quotes: Vec<Quote> = (0..market.count()).map(|number| market.quote(number)).collect();
        for (number, quote) in quotes.iter().enumerate() {
            assert!(quote.volume.get() > 0 || number >= 14);
            assert_eq!(quote.close, market.listing(number, listed.date).previous_close);
            let acts = |action: &CorporateAction| (action.instrument, action.ex_date) == (number, listed.date);
            let factor = if market.corporate_actions().iter().any(acts) { 2 } else { 1 };
            if let Some(before) = before.as_ref().and_then(|before| before.get(number)) {
                assert!((before.last_price.get() - quote.close.get() * factor).abs() < 100 * factor, "{number}");
                kept += 1;
            }
        }
        before = Some(quotes);
    }
    assert_eq!(kept, 16 * 6);
}

#[test]
fn more_history_changes_no_price() {
    let long: Vec<DayHours> = [-18, -17, 0, 3, 6, 7].map(|n| auction_day(date(n))).to_vec();
    let mut short = long.clone();
    short.remove(0);
    let (mut long, mut short) = (market(30, long, date(7)), market(30, short, date(7)));
    let acts: Vec<usize> = long.corporate_actions().iter().map(|action| action.instrument).collect();
    long.advance(clock(date(7), 920));
    short.advance(clock(date(7), 920));
    for number in (0..30).filter(|number| !acts.contains(number)) {
        let from = clock(date(6), 0);
        assert!(long.candles(number, MINUTE, from, ALL.1) == short.candles(number, MINUTE, from, ALL.1), "{number}");
    }
}

#[test]
fn auctions_print_once_at_their_time_and_indices_stand_still_meanwhile() {
    let mut market = market(16, vec![auction_day(date(0))], date(0));
    let nifty = market.by_token(256_265).unwrap();
    market.advance(clock(date(0), 900));
    assert_eq!(market.quote(0).volume.get(), 0);
    market.advance(clock(date(0), 910));
    assert!((0..16).all(|number| market.quote(number).last_trade_time.is_none()));
    market.advance(clock(date(0), 912));
    for number in 0..16 {
        let (quote, prints) = (market.quote(number), market.prints(number));
        assert!(prints.len() == 1 && prints[0].auction && prints[0].qty == quote.volume);
        assert_eq!((quote.open, quote.last_price), (prints[0].price, prints[0].price));
        assert!(market.candles(number, MINUTE, ALL.0, ALL.1).is_empty());
    }
    market.advance(Ts::from_secs(clock(date(0), 1515).secs() - 1));
    market.advance(clock(date(0), 1515));
    let (still, stock) = (market.quote(nifty), market.quote(0));
    market.advance(clock(date(0), 1530));
    assert_eq!(market.quote(nifty), still);
    assert_eq!(market.quote(0).volume, stock.volume);
    assert_eq!(market.phase(0, clock(date(0), 1530)), Some(Phase::ClosingAuction));
    market.advance(clock(date(0), 1535));
    let after = market.quote(nifty);
    assert!(after.last_price != still.last_price && after.last_trade_time < Some(clock(date(0), 1535)));
    let prints = market.prints(0);
    assert!(prints.len() == 1 && prints[0].auction, "{prints:?}");
    assert!(market.quote(0).bids.is_empty() && market.quote(0).asks.is_empty());
    let minutes = market.candles(0, MINUTE, ALL.0, ALL.1);
    assert_eq!(minutes.last().unwrap().start, clock(date(0), 1514));
    assert_eq!(market.candles(nifty, MINUTE, ALL.0, ALL.1).len(), 360);
}

#[test]
fn every_part_of_a_split_session_opens_and_minutes_are_counted_from_it() {
    let mut market = market(10, vec![split_day(date(0))], date(0));
    market.advance(clock(date(0), 1110));
    assert!(market.quote(0).bids.is_empty(), "no book between the parts");
    market.advance(clock(date(0), 1300));
    let hours = market.candles(0, Interval::Minutes(60), ALL.0, ALL.1);
    let starts: Vec<Ts> = hours.iter().map(|candle| candle.start).collect();
    assert_eq!(starts, [clock(date(0), 915), clock(date(0), 1130)]);
    let minutes = market.candles(0, MINUTE, ALL.0, ALL.1);
    let (first, second) = (clock(date(0), 959), clock(date(0), 1130));
    assert!(minutes.iter().all(|candle| candle.start <= first || candle.start >= second));
    let candles: i64 = minutes.iter().map(|candle| candle.volume.get()).sum();
    assert!(candles < market.quote(0).volume.get(), "two auctions are in no candle");
}

#[test]
fn a_muhurat_hour_trades_without_an_auction() {
    let mut market = market(10, vec![muhurat_day(date(0))], date(0));
    market.advance(clock(date(0), 1814));
    assert!((0..10).all(|number| market.quote(number).bids.is_empty()));
    market.advance(clock(date(0), 2000));
    for number in 0..12 {
        let minutes = market.candles(number, MINUTE, ALL.0, ALL.1);
        let volume: i64 = minutes.iter().map(|candle| candle.volume.get()).sum();
        assert_eq!(volume, market.quote(number).volume.get());
        assert!(minutes[0].start >= clock(date(0), 1815) && minutes.last().unwrap().start <= clock(date(0), 1914));
    }
}

#[test]
fn a_halted_stock_shows_no_book_and_makes_no_trade() {
    let mut found = 0;
    for n in 0..4 {
        let mut market = market(8, vec![muhurat_day(date(n))], date(n));
        let mut halts = market.halts(date(n));
        halts.sort_by_key(|halt| halt.2);
        for (number, from, to) in halts.into_iter().take(1) {
            market.advance(Ts::new(from.get() - 1));
            assert!(!market.halted(number) && !market.quote(number).bids.is_empty());
            let before = market.quote(number).volume;
            market.advance(from);
            assert!(market.halted(number) && market.changed().contains(&(number as u32)));
            market.advance(Ts::new(to.get() - 1));
            let quote = market.quote(number);
            assert!(market.halted(number) && quote.bids.is_empty() && quote.asks.is_empty());
            assert_eq!(quote.volume, before);
            market.advance(to);
            assert!(!market.halted(number) && !market.quote(number).asks.is_empty());
            found += 1;
        }
        market.advance(clock(date(n), 2000));
        assert!((0..8).all(|number| !market.halted(number)));
    }
    assert!(found >= 4);
}

#[test]
fn a_rename_keeps_the_token_and_a_split_halves_the_price_and_rewrites_old_candles() {
    let days: Vec<DayHours> = (0..5).map(|n| short_day(date(n))).collect();
    let mut market = market(40, days, date(0));
    let rename = market.renames()[0].clone();
    let (old, new) = (market.listing(rename.instrument, date(0)), market.listing(rename.instrument, rename.date));
    assert_eq!((old.symbol.as_str(), new.symbol.as_str()), (rename.old.as_str(), rename.new.as_str()));
    assert_eq!(old.token, new.token);
    assert_eq!(market.by_symbol(&rename.new, date(0)), None);
    assert_eq!(market.by_symbol(&rename.old, rename.date), None);
    assert_eq!(market.by_symbol(&rename.new, rename.date), Some(rename.instrument));
    assert_eq!(market.by_symbol(&rename.old, date(0)), Some(rename.instrument));

    let action = market.corporate_actions()[0].clone();
    assert!(action.ex_date > date(0) && (action.held, action.becomes) == (1, 2));
    let number = action.instrument;
    market.advance(Ts::new(clock(action.ex_date, 0).get() - 1));
    let (close, range) = (market.quote(number).last_price.get(), (clock(date(0), 0), clock(action.ex_date, 0)));
    let before = market.candles(number, MINUTE, range.0, range.1);
    market.advance(clock(action.ex_date, 930));
    let quote = market.quote(number);
    assert!((quote.close.get() * 2 - close).abs() <= 100);
    assert!((quote.last_price.get() * 2 - close).abs() < close / 5);
    let after = market.candles(number, MINUTE, range.0, range.1);
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.volume.get() * 2, after.volume.get());
        assert!((before.close.get() - after.close.get() * 2).abs() <= 100);
    }
}

#[test]
fn the_legs_of_a_pair_stay_together_and_strangers_do_not() {
    let days: Vec<DayHours> = (0..6).map(|n| auction_day(date(n))).collect();
    let mut market = market(20, days, date(0));
    market.advance(clock(date(5), 2000));
    let closes = |number: usize| -> Vec<f64> {
        let candles = market.candles(number, Interval::Minutes(15), ALL.0, ALL.1);
        candles.iter().map(|candle| libm::log(candle.close.get() as f64)).collect()
    };
    let spread = |a: usize, b: usize, beta: f64| {
        let spread: Vec<f64> = closes(a).iter().zip(closes(b)).map(|(a, b)| b - beta * a).collect();
        let mean = spread.iter().sum::<f64>() / spread.len() as f64;
        libm::sqrt(spread.iter().map(|at| (at - mean) * (at - mean)).sum::<f64>() / spread.len() as f64)
    };
    let pairs = market.pairs();
    assert_eq!(pairs.len(), 3);
    for (a, b, beta) in &pairs {
        assert!(spread(*a, *b, *beta) < 0.005, "{a} {b} {}", spread(*a, *b, *beta));
    }
    assert!(spread(pairs[0].0, pairs[1].1, 1.0) > 0.006);
}
