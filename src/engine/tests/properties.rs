//! What holds for any day: volumes add up, every bucket closes once, a restored snapshot goes on as if nothing had
//! happened, and the same inputs make the same bytes in every build.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects"
)]

mod scene;

use std::collections::BTreeMap;

use barkeep_engine::{BEHAVIOUR, Engine, NoProbe};
use barkeep_schemas::*;
use proptest::prelude::*;
use scene::*;

/// One random thing that happens on the stage; the times wander forward with steps back, jumps and gaps.
#[derive(Clone, Debug)]
enum Happening {
    Tick { instrument: u32, step_ms: i64, back_ms: i64, price: i64, rise: i64, fall: bool, condition: u32 },
    Mark,
    Gap { seconds: i64 },
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let tick = (
        0_u32..3,
        prop_oneof![8 => 0_i64..1_500, 1 => 0_i64..200_000],
        prop_oneof![8 => Just(0_i64), 2 => 0_i64..130_000],
        99_0000_i64..101_0000,
        prop_oneof![3 => 0_i64..500, 1 => Just(0_i64)],
        proptest::bool::weighted(0.05),
        prop_oneof![6 => Just(0_u32), 1 => Just(0x20_u32), 1 => Just(0x40_u32), 1 => Just(0x80_u32)],
    )
        .prop_map(|(instrument, step_ms, back_ms, price, rise, fall, condition)| Happening::Tick {
            instrument,
            step_ms,
            back_ms,
            price,
            rise,
            fall,
            condition,
        });
    let one = prop_oneof![
        20 => tick,
        6 => Just(Happening::Mark),
        1 => (1_i64..400).prop_map(|seconds| Happening::Gap { seconds }),
    ];
    prop::collection::vec(one, 1..400)
}

/// Turns happenings into the inputs of a session.
fn inputs(rule: TradeRule, volume: VolumeSource, happenings: &[Happening]) -> Vec<Input> {
    let mut opened = opened(rule, volume, regular_phases(), 3);
    opened.feeds[0].conditions = vec![
        ConditionRule { mask: 0x20, effects: vec![ConditionEffect::NoOhlc, ConditionEffect::VolumeToPrevious] },
        ConditionRule { mask: 0x40, effects: vec![ConditionEffect::NoOhlc] },
        ConditionRule { mask: 0x80, effects: vec![ConditionEffect::NoOpen] },
    ];
    let mut inputs = vec![Input::SessionOpened(Box::new(opened))];
    let mut now = at("09:13:00").get();
    let mut mark = i64::MIN;
    let mut counters = [0_i64; 3];
    for happening in happenings {
        match happening {
            Happening::Tick { instrument, step_ms, back_ms, price, rise, fall, condition } => {
                now += step_ms * 1_000_000;
                let counter = &mut counters[*instrument as usize];
                *counter += rise;
                let shown = if *fall { *counter / 2 } else { *counter };
                let ts = Ts::new(now - back_ms * 1_000_000);
                inputs.push(Input::Tick(Tick {
                    instrument: InstrumentId(*instrument),
                    ts,
                    recv: ts,
                    price: Price::new(*price),
                    qty: Some(Qty::new(*rise)),
                    cum_volume: Some(Qty::new(shown)),
                    last_trade: (rule == TradeRule::Kite).then(|| Ts::new(ts.get() / NANOS * NANOS)),
                    condition: *condition,
                    ..tick("09:15:00", 1.0)
                }));
            }
            Happening::Mark => {
                mark = mark.max(now / NANOS * NANOS);
                inputs.push(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::new(mark) }));
            }
            Happening::Gap { seconds } => {
                let from = now;
                now += seconds * NANOS;
                inputs.push(Input::FeedGap(FeedGap {
                    feed: FeedId(0),
                    from: Ts::new(from),
                    to: Ts::new(now),
                    cause: GapCause::Silence,
                }));
            }
        }
    }
    inputs.push(close());
    inputs
}

/// For every instrument and timeframe: newest editions of bars plus unallocated volume.
fn accounted(tape: &[(Seq, Event)]) -> BTreeMap<(InstrumentId, Timeframe), i64> {
    let mut newest: BTreeMap<(InstrumentId, Timeframe, Ts), i64> = BTreeMap::new();
    let mut sums = BTreeMap::new();
    for (_, event) in tape {
        match event {
            Event::Derived(Derived::Bar(bar)) => {
                newest.insert((bar.instrument, bar.tf, bar.start), bar.volume.get());
            }
            Event::Derived(Derived::UnallocatedVolume(lost)) => {
                for tf in lost.timeframes.iter() {
                    *sums.entry((lost.instrument, tf)).or_insert(0) += lost.volume.get();
                }
            }
            _ => {}
        }
    }
    for ((instrument, tf, _), volume) in newest {
        *sums.entry((instrument, tf)).or_insert(0) += volume;
    }
    sums
}

/// What the day's counter came to, read off the ticks that the engine used, by rules of its own.
fn counted(tape: &[(Seq, Event)], volume: VolumeSource) -> BTreeMap<InstrumentId, i64> {
    let mut unused = Vec::new();
    let mut resets: BTreeMap<Seq, (i64, i64)> = BTreeMap::new();
    for (_, event) in tape {
        match event {
            Event::Derived(Derived::TickSetAside(aside)) if aside.reason != SetAsideReason::TooLate => {
                unused.push(aside.cause);
            }
            Event::Derived(Derived::VolumeReset(reset)) => {
                resets.insert(reset.cause, (reset.before.get(), reset.after.get()));
            }
            _ => {}
        }
    }
    let mut totals: BTreeMap<InstrumentId, (i64, i64)> = BTreeMap::new();
    for (seq, event) in tape {
        let Event::Input(Input::Tick(tick)) = event else { continue };
        if unused.contains(seq) {
            continue;
        }
        let (before, max) = totals.entry(tick.instrument).or_insert((0, 0));
        match volume {
            VolumeSource::Quantity => *before += tick.qty.unwrap_or_default().get(),
            VolumeSource::Cumulative => match resets.get(seq) {
                Some((old, new)) => (*before, *max) = (*before + old, *new),
                None => *max = (*max).max(tick.cum_volume.unwrap_or_default().get()),
            },
            VolumeSource::Nothing => {}
        }
    }
    totals.into_iter().map(|(instrument, (before, max))| (instrument, before + max)).collect()
}

fn rules() -> impl Strategy<Value = (TradeRule, VolumeSource)> {
    prop_oneof![
        Just((TradeRule::All, VolumeSource::Cumulative)),
        Just((TradeRule::Qty, VolumeSource::Quantity)),
        Just((TradeRule::Qty, VolumeSource::Cumulative)),
        Just((TradeRule::Kite, VolumeSource::Cumulative)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn bars_and_unallocated_volume_sum_to_the_days_counter_in_every_timeframe(
        (rule, volume) in rules(), happenings in happenings()
    ) {
        let tape = run(&inputs(rule, volume, &happenings));
        let accounted = accounted(&tape);
        for (instrument, total) in counted(&tape, volume) {
            for tf in Timeframe::ALL {
                let sum = accounted.get(&(instrument, tf)).copied().unwrap_or(0);
                prop_assert_eq!(sum, total, "{:?} {}", instrument, tf.label());
            }
        }
    }

    #[test]
    fn a_bucket_has_one_first_edition_at_most_and_revisions_count_up_by_one(
        (rule, volume) in rules(), happenings in happenings()
    ) {
        let tape = run(&inputs(rule, volume, &happenings));
        let mut newest: BTreeMap<(InstrumentId, Timeframe, Ts), u16> = BTreeMap::new();
        for (seq, event) in &tape {
            let Event::Derived(Derived::Bar(bar)) = event else { continue };
            let key = (bar.instrument, bar.tf, bar.start);
            match newest.get(&key) {
                Some(revision) => prop_assert_eq!(bar.revision, revision + 1),
                None => prop_assert!(bar.revision <= 1),
            }
            newest.insert(key, bar.revision);
            prop_assert!(bar.low <= bar.open && bar.open <= bar.high && bar.low <= bar.close && bar.close <= bar.high);
            prop_assert!(bar.first_tick <= bar.last_tick && bar.last_tick <= bar.cause && bar.cause < *seq);
            prop_assert!(bar.n_trades > 0);
        }
    }

    #[test]
    fn an_engine_restored_from_any_snapshot_derives_what_the_undisturbed_one_does(
        (rule, volume) in rules(), happenings in happenings(), cut in 0.0_f64..1.0
    ) {
        let inputs = inputs(rule, volume, &happenings);
        let whole = run(&inputs);
        let cut = (inputs.len() as f64 * cut) as usize;
        let mut tape = Vec::new();
        let mut engine = Engine::new(NoProbe);
        for (place, input) in inputs.iter().enumerate() {
            if place == cut {
                let bytes = engine.save();
                engine = Engine::restore(&bytes, NoProbe).expect("own bytes");
                prop_assert_eq!(engine.save(), bytes);
            }
            step(&mut engine, input, &mut tape);
        }
        prop_assert_eq!(tape, whole);
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Engine::restore(&bytes, NoProbe);
    }

    #[test]
    fn every_event_survives_its_canonical_bytes((rule, volume) in rules(), happenings in happenings()) {
        for (_, event) in run(&inputs(rule, volume, &happenings)) {
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            prop_assert_eq!(Event::decode(&bytes), Ok(event));
        }
    }
}

/// A fixed day from a small generator of its own (xorshift64), so that no library can change it.
fn golden_happenings() -> Vec<Happening> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as i64
    };
    (0..20_000)
        .map(|_| match next(30) {
            0..=4 => Happening::Mark,
            5 if next(20) == 0 => Happening::Gap { seconds: 1 + next(90) },
            _ => Happening::Tick {
                instrument: next(3) as u32,
                step_ms: next(900),
                back_ms: if next(9) == 0 { next(100_000) } else { 0 },
                price: 99_0000 + next(20_000),
                rise: next(300),
                fall: next(40) == 0,
                condition: [0, 0, 0, 0x20, 0x40, 0x80][next(6) as usize],
            },
        })
        .collect()
}

#[test]
fn the_golden_days_digest_is_that_of_this_behaviour_number() {
    let mut hasher = blake3::Hasher::new();
    for (rule, volume) in [
        (TradeRule::All, VolumeSource::Cumulative),
        (TradeRule::Qty, VolumeSource::Quantity),
        (TradeRule::Kite, VolumeSource::Cumulative),
    ] {
        for (_, event) in run(&inputs(rule, volume, &golden_happenings())) {
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            hasher.update(&bytes);
        }
    }
    let golden = (BEHAVIOUR, hasher.finalize().to_hex().to_string());
    assert_eq!(
        golden,
        (3, "be99cb202c78f05bdab09c6666e7200fdd1ebffaf1349f1bbf0f2a8eca3960b6".to_owned()),
        "the engine derives something else: raise BEHAVIOUR and give the new digest"
    );
}
