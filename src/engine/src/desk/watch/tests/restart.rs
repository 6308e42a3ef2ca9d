//! A watch that was saved and restored goes on as if nothing had happened.

use alloc::vec;
use alloc::vec::Vec;

use barkeep_schemas::*;
use proptest::prelude::*;

use super::super::Watch;
use super::stage::*;
use crate::desk::types::Standing;

#[derive(Clone, Debug)]
enum Happening {
    /// The next minute, with bars of some of the instruments.
    Minute {
        bars: Vec<(u32, i64)>,
    },
    /// A bar of an earlier minute.
    Late {
        instrument: u32,
        back: i64,
        close: i64,
        revision: u16,
    },
    Stand {
        pair: usize,
        state: usize,
    },
    Clock {
        seconds: i64,
    },
    Reload {
        keep: usize,
        lookback: u32,
    },
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let close = || 9_990_000_i64..10_010_000;
    let one = prop_oneof![
        12 => prop::collection::vec((0_u32..3, close()), 0..6).prop_map(|bars| Happening::Minute { bars }),
        4 => (0_u32..3, 0_i64..4, close(), 0_u16..3)
            .prop_map(|(instrument, back, close, revision)| Happening::Late { instrument, back, close, revision }),
        3 => (0_usize..3, 0_usize..5).prop_map(|(pair, state)| Happening::Stand { pair, state }),
        2 => (0_i64..400).prop_map(|seconds| Happening::Clock { seconds }),
        1 => (0_usize..4, 4_u32..6).prop_map(|(keep, lookback)| Happening::Reload { keep, lookback }),
    ];
    prop::collection::vec(one, 1..120)
}

fn pairs(lookback: u32) -> Vec<PairSpec> {
    let pair = |id: u16, a, b| PairSpec {
        id: PairId(id),
        leg_a: InstrumentId(a),
        leg_b: InstrumentId(b),
        lookback: if id == 0 { lookback } else { 5 },
        entry: real(0.9),
        exit: real(0.2),
        stop: real(1.6),
        max_stops: 2,
        ..spec()
    };
    vec![pair(0, 0, 1), pair(1, 1, 2), pair(2, 2, 0)]
}

fn play(stage: &mut Stage, happening: &Happening) {
    match happening {
        Happening::Minute { bars } => {
            let start = stage.begin();
            let bars: Vec<_> =
                bars.iter().map(|(id, close)| (InstrumentId(*id), start, Price::new(*close), 0)).collect();
            stage.step(&bars);
        }
        Happening::Late { instrument, back, close, revision } => {
            let start = stage.next - MINUTE * (1 + back);
            stage.step(&[(InstrumentId(*instrument), start, Price::new(*close), *revision)]);
        }
        Happening::Stand { pair, state } => {
            let state = PairState::ALL[*state];
            let held_since = (state != PairState::Flat).then_some(stage.now);
            stage.standings[*pair] = Standing { state, held_since };
        }
        Happening::Clock { seconds } => {
            stage.now += seconds * SECOND;
            stage.clock();
        }
        Happening::Reload { keep, lookback } => {
            let pairs = pairs(*lookback);
            stage.watch.reload(&setup(&pairs[..*keep.min(&pairs.len())]), &[HOURS; 3]);
        }
    }
}

fn begin() -> Stage {
    let mut stage = Stage::cold(&spec(), &nothing());
    stage.watch = Watch::new(&setup(&pairs(4)), &carried(&[6.9, 6.901, 6.9005, 6.902]), &[HOURS; 3]);
    stage.standings = vec![Standing { state: PairState::Flat, held_since: None }; 3];
    stage
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_anywhere_changes_nothing(happenings in happenings(), cuts in prop::collection::vec(0_usize..120, 1..4)) {
        let (mut whole, mut cut) = (begin(), begin());
        for (place, happening) in happenings.iter().enumerate() {
            if cuts.contains(&place) {
                cut.restart();
            }
            play(&mut whole, happening);
            play(&mut cut, happening);
        }
        prop_assert_eq!(&whole.marks, &cut.marks);
        prop_assert_eq!(&whole.signals, &cut.signals);
        prop_assert_eq!(&whole.watch, &cut.watch);
        prop_assert_eq!(whole.watch.carry(), cut.watch.carry());
        // Whatever comes: signals follow from fresh first editions, and one input makes one a pair at most.
        for (place, (_, signal)) in whole.signals.iter().enumerate() {
            if let Some(mark) = signal.mark {
                let (_, mark) = whole.marks.iter().find(|(seq, _)| *seq == mark).expect("its mark");
                prop_assert!(mark.first_edition && mark.z == signal.z && mark.cause == signal.cause);
                prop_assert!(signal.ts.get() <= mark.start.get() + 2 * MINUTE);
            }
            let twin = whole.signals[..place].iter().any(|(_, one)| (one.pair, one.cause) == (signal.pair, signal.cause));
            prop_assert!(!twin);
        }
        // Marks are in order of their buckets, but for revisions of the last two.
        for pair in 0..3 {
            let firsts = whole.marks.iter().filter(|(_, mark)| mark.pair == PairId(pair) && mark.first_edition);
            let starts: Vec<_> = firsts.map(|(_, mark)| mark.start).collect();
            prop_assert!(starts.is_sorted_by(|one, next| one < next));
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_harmless(at in 0_usize..400, with in any::<u8>()) {
        let mut stage = begin();
        (0..6).for_each(|minute| play(&mut stage, &Happening::Minute { bars: vec![(0, 9_990_000 + minute), (1, 10_000_000)] }));
        let mut bytes = Vec::new();
        stage.watch.put(&mut bytes);
        let place = at % bytes.len();
        bytes[place] = with;
        if let Ok(watch) = Watch::take(&mut bytes.as_slice()) {
            stage.watch = watch;
            play(&mut stage, &Happening::Minute { bars: vec![(0, 9_990_000), (1, 10_000_000)] });
            stage.clock();
        }
    }
}
