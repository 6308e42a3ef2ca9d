//! Any calendar: phases of any sort and length, each class for itself, and the round-the-clock one.

use proptest::prelude::*;

use super::*;

/// A phase, the pause before it and its length, in milliseconds.
type Piece = (Phase, i64, i64);

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let phase = prop::sample::select(vec![
        Phase::Continuous,
        Phase::Continuous,
        Phase::PreOpen,
        Phase::ClosingAuction,
        Phase::PostClose,
    ]);
    let pause = prop_oneof![Just(0), 0_i64..200_000];
    let length = prop_oneof![(1_i64..400).prop_map(|seconds| seconds * 1_000), 0_i64..100_000];
    prop::collection::vec((phase, pause, length), 1..7)
}

/// The phases, with a minute of trading at their end when they have none.
fn laid_out(date: SessionDate, class: InstrumentClass, pieces: &[Piece]) -> ClassDay {
    let mut pieces = pieces.to_vec();
    if !pieces.iter().any(|(phase, _, length)| *phase == Phase::Continuous && *length >= 1_000) {
        pieces.push((Phase::Continuous, 0, 60_000));
    }
    let mut at = clock(date, 900).get();
    let mut phases: Vec<PhaseSpan> = Vec::new();
    for (phase, pause, length) in pieces {
        let start = at + pause * 1_000_000;
        at = start + length * 1_000_000;
        phases.push(PhaseSpan { phase, start: Ts::new(start), end: Ts::new(at) });
    }
    ClassDay { class, phases }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn on_any_calendar_closes_chain_and_days_gone_by_are_as_they_were(
        seed in 0_u64..1_000,
        (one, two) in (pieces(), pieces()),
        cuts in prop::collection::vec(0_i64..2_000, 0..6),
    ) {
        let odd = |date| {
            let mut day = short_day(date);
            day.calendar.classes = vec![
                laid_out(date, InstrumentClass::Derivatives, &one),
                laid_out(date, InstrumentClass::Cash, &two),
            ];
            day
        };
        let plan = MarketPlan { seed, ..plan(10, vec![odd(date(0)), odd(date(1)), short_day(date(2))], date(0)) };
        let mut market = Market::new(plan).unwrap();
        let acts: Vec<usize> = market.corporate_actions().iter().map(|action| action.instrument).collect();
        let mut live = Vec::new();
        for n in 0..2 {
            for second in &cuts {
                market.advance(Ts::from_secs(clock(date(n), 900).secs() + second));
            }
            market.advance(clock(date(n), 2000));
            for number in 0..market.count() {
                let quote = market.quote(number);
                let next = market.listing(number, date(n + 1)).previous_close;
                prop_assert!(acts.contains(&number) || quote.last_price == next, "{} {:?}", number, quote);
                prop_assert!(quote.bids.is_empty() && quote.asks.is_empty());
                let day = market.candles(number, Interval::Day, clock(date(n), 0), clock(date(n), 1));
                live.push((market.candles(number, MINUTE, clock(date(n), 0), clock(date(n), 2000)), day));
            }
        }
        market.advance(clock(date(2), 0));
        let mut live = live.into_iter();
        for n in 0..2 {
            for number in 0..market.count() {
                let day = market.candles(number, Interval::Day, clock(date(n), 0), clock(date(n), 1));
                let made = (market.candles(number, MINUTE, clock(date(n), 0), clock(date(n), 2000)), day);
                let was = live.next().unwrap();
                prop_assert!(acts.contains(&number) || made == was, "{} {:?} {:?}", number, made, was);
            }
        }
    }
}

#[test]
fn a_market_may_trade_round_the_clock() {
    let always = |date: SessionDate| {
        let mut day = short_day(date);
        let (start, end) = (day.calendar.day_start, day.calendar.day_end);
        day.calendar.classes = vec![ClassDay {
            class: InstrumentClass::Always,
            phases: vec![PhaseSpan { phase: Phase::Continuous, start, end }],
        }];
        day
    };
    let mut market = market(3, vec![always(date(0)), always(date(1))], date(0));
    market.advance(Ts::new(clock(date(1), 0).get() - 1));
    let close = market.quote(0).last_price;
    assert_eq!(market.candles(0, MINUTE, ALL.0, ALL.1).len(), 1_440);
    market.advance(clock(date(1), 1));
    assert_eq!((market.date(), market.quote(0).close), (date(1), close));
    assert!(!market.prints(0).is_empty() && !market.quote(0).bids.is_empty());
    assert_eq!(market.phase(0, clock(date(1), 330)), Some(Phase::Continuous));
}
