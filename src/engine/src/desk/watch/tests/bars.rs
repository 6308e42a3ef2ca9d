//! Bars that lack, come late, come twice or are revised; the night; a reload.

use alloc::vec::Vec;

use barkeep_schemas::{InstrumentId, PairId, PairSpec, PairState, Price, Real, Timeframe};

use super::super::{PairHours, Watch};
use super::stage::*;

const CLOSE: Price = Price::new(10_000_000_000);

fn z_of(spreads: &[f64]) -> f64 {
    let (mean, deviation) = two_pass(spreads);
    (spreads[spreads.len() - 1] - mean) / deviation
}

fn last(spreads: &[f64]) -> &[f64] {
    &spreads[spreads.len() - LOOKBACK as usize..]
}

#[track_caller]
fn near(told: Option<Real>, expected: f64) {
    let told = told.expect("a number").get();
    assert!((told - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{told} and not {expected}");
}

#[test]
fn no_statistics_until_the_window_is_full() {
    let mut stage = Stage::cold(&spec(), &nothing());
    for minute in 1..=LOOKBACK {
        stage.both(Price::new(CLOSE.get() + i64::from(minute) * 1_000_000), ONE);
        let (_, mark) = stage.marks.last().expect("a mark");
        let full = minute == LOOKBACK;
        assert_eq!((mark.mean.is_some(), mark.deviation.is_some(), mark.z.is_some()), (full, full, full), "{minute}");
        assert_eq!((mark.night_step, mark.first_edition), (None, true));
        assert_eq!(mark.spread.get(), libm::log(mark.close_a.get() as f64 / 1e4));
    }
    near(stage.marks[19].1.z, z_of(&stage.spreads));
    assert_eq!(stage.marks[19].1.start.get(), at("09:34:00"));
}

#[test]
fn equal_spreads_have_no_z() {
    let mut stage = Stage::cold(&PairSpec { lookback: 2, ..spec() }, &nothing());
    for _ in 0..5 {
        // Twice the price to the last digit, but its logarithm is rounded.
        stage.both(Price::new(2 * stage.next / MINUTE), Price::new(stage.next / MINUTE));
    }
    let (_, mark) = stage.marks.last().expect("a mark");
    assert_eq!((mark.deviation, mark.z), (Some(Real::ZERO), None));
}

#[test]
fn a_bucket_that_lacks_a_leg_makes_nothing() {
    for lacking in [A, B] {
        let mut stage = Stage::warm(&spec());
        stage.mark(2.5);
        let (start, close) = (stage.begin(), stage.close_for(1.8));
        stage.step(&[if lacking == A { (B, start, ONE, 0) } else { (A, start, close, 0) }]);
        stage.clock();
        assert_eq!((stage.marks.len(), stage.signals.len()), (1, 0));
        // z comes back in the next bucket that both have.
        stage.mark(1.8);
        assert_eq!(stage.said(), ["enter_short entry"]);
    }
}

#[test]
fn legs_come_in_any_order_and_some_buckets_apart() {
    let mut stage = Stage::warm(&spec());
    let starts: Vec<i64> = (0..3).map(|_| stage.begin()).collect();
    for start in &starts {
        stage.step(&[(B, *start, ONE, 0)]);
    }
    assert_eq!(stage.marks.len(), 0);
    for start in &starts {
        stage.step(&[(A, *start, CLOSE, 0)]);
    }
    let marked: Vec<i64> = stage.marks.iter().map(|(_, mark)| mark.start.get()).collect();
    assert_eq!(marked, starts);
    // Two buckets in one step, as after a silence: the second alone is fresh.
    let mut stage = Stage::warm(&spec());
    stage.mark(2.5);
    let close = stage.close_for(1.8);
    let (one, two) = (stage.begin(), stage.begin());
    stage.step(&[(A, one, close, 0), (A, two, close, 0), (B, one, ONE, 0), (B, two, ONE, 0)]);
    assert_eq!((stage.marks.len(), stage.signals.len()), (3, 0));
}

#[test]
fn what_comes_when_the_next_bucket_is_over_makes_no_signal() {
    for (late, expected) in [(MINUTE, 1), (MINUTE + 1, 0)] {
        let mut stage = Stage::warm(&spec());
        stage.mark(2.5);
        let (start, close) = (stage.begin(), stage.close_for(1.8));
        stage.now = start + MINUTE + late;
        stage.step(&[(A, start, close, 0), (B, start, ONE, 0)]);
        assert_eq!((stage.marks.len(), stage.signals.len()), (2, expected));
    }
}

#[test]
fn a_leg_that_lags_without_end_keeps_the_last_eight() {
    let mut stage = Stage::warm(&spec());
    let starts: Vec<i64> = (0..10).map(|_| stage.begin()).collect();
    starts.iter().for_each(|start| stage.step(&[(A, *start, CLOSE, 0)]));
    starts.iter().for_each(|start| stage.step(&[(B, *start, ONE, 0)]));
    let marked: Vec<i64> = stage.marks.iter().map(|(_, mark)| mark.start.get()).collect();
    assert_eq!(marked, starts[2..]);
}

#[test]
fn a_late_leg_appends_without_a_signal_and_never_behind_a_mark() {
    let mut stage = Stage::warm(&spec());
    stage.mark(2.5);
    let (start, close) = (stage.begin(), stage.close_for(1.8));
    stage.step(&[(A, start, close, 0)]);
    stage.step(&[(B, start, ONE, 1)]);
    assert_eq!(stage.signals, []);
    let (_, mark) = stage.marks.last().expect("a mark");
    assert_eq!((mark.start.get(), mark.first_edition), (start, false));
    stage.spreads.push(libm::log(close.get() as f64 / 1e4));
    near(mark.z, z_of(last(&stage.spreads)));
    // Its z is the one before for the next signal.
    stage.mark(2.5);
    stage.mark(1.7);
    assert_eq!(stage.said(), ["enter_short entry"]);
    // A bucket before the newest mark is past.
    let lost = stage.begin();
    stage.step(&[(A, lost, CLOSE, 0)]);
    stage.mark(1.0);
    let marks = stage.marks.len();
    stage.step(&[(B, lost, ONE, 1)]);
    assert_eq!(stage.marks.len(), marks);
}

#[test]
fn a_revision_of_the_newest_bucket_replaces_its_value() {
    let mut stage = Stage::warm(&spec());
    stage.stand(PairState::Open);
    stage.mark(1.0);
    let start = stage.next - MINUTE;
    let close = {
        stage.spreads.pop();
        stage.close_for(3.5)
    };
    stage.step(&[(A, start, close, 1)]);
    stage.spreads.push(libm::log(close.get() as f64 / 1e4));
    assert_eq!(stage.signals, [], "a revision makes no signal");
    let (_, mark) = &stage.marks[1];
    assert_eq!((mark.close_a, mark.first_edition, mark.start.get()), (close, false, start));
    near(mark.z, z_of(last(&stage.spreads)));
    assert_eq!(stage.watch.last_z(PairId(0)), mark.z);
    // The signal after has the replaced z before it.
    stage.stand(PairState::Flat);
    stage.mark(1.8);
    assert_eq!(stage.said(), ["enter_short entry"]);
    assert_eq!(stage.signals[0].1.z_before, stage.marks[1].1.z);
}

#[test]
fn a_revision_never_withdraws_a_signal() {
    let mut stage = Stage::warm(&spec());
    stage.mark(2.5);
    stage.mark(1.8);
    let start = stage.next - MINUTE;
    stage.step(&[(A, start, CLOSE, 1)]);
    assert_eq!((stage.marks.len(), stage.said().len()), (3, 1));
}

#[test]
fn a_revision_of_the_bucket_before_tells_its_own_window_and_moves_the_newest_z() {
    let mut stage = Stage::warm(&spec());
    stage.mark(1.0);
    stage.mark(1.5);
    let start = stage.next - 2 * MINUTE;
    stage.step(&[(B, start, Price::new(10_010), 3)]);
    let revised = libm::log(stage.marks[0].1.close_a.get() as f64 / 1e4) - libm::log(1.001);
    let newest = stage.spreads.len() - 1;
    stage.spreads[newest - 1] = revised;
    let (_, mark) = &stage.marks[2];
    assert_eq!((mark.start.get(), mark.first_edition, mark.close_b.get()), (start, false, 10_010));
    near(mark.z, z_of(last(&stage.spreads[..newest])));
    near(stage.watch.last_z(PairId(0)), z_of(last(&stage.spreads)));
    // Two buckets back is beyond revision.
    stage.mark(1.0);
    stage.step(&[(B, start, Price::new(10_020), 4)]);
    assert_eq!(stage.marks.len(), 4);
}

#[test]
fn a_revision_that_leaves_the_close_alone_is_none() {
    let mut stage = Stage::warm(&spec());
    stage.mark(2.5);
    let (start, close) = (stage.begin(), stage.close_for(1.8));
    stage.step(&[(A, start - MINUTE, stage.marks[0].1.close_a, 1), (A, start, close, 0)]);
    stage.step(&[(A, start, close, 1)]);
    stage.step(&[(B, start, ONE, 0)]);
    assert_eq!((stage.marks.len(), stage.said().len()), (2, 1));
    // One that changes it before the other leg comes leaves no first edition.
    let mut stage = Stage::warm(&spec());
    stage.mark(2.5);
    let (start, close) = (stage.begin(), stage.close_for(1.8));
    stage.step(&[(A, start, CLOSE, 0), (A, start, close, 1), (B, start, ONE, 0)]);
    stage.spreads.push(libm::log(close.get() as f64 / 1e4));
    near(stage.marks[1].1.z, z_of(last(&stage.spreads)));
    assert_eq!((stage.marks[1].1.first_edition, stage.signals.len()), (false, 0));
}

#[test]
fn the_step_over_the_night_is_left_out() {
    let evening: Vec<f64> = (0..LOOKBACK).map(|at| 13.8 + f64::from(at % 7) * 1e-4).collect();
    let mut stage = Stage::cold(&spec(), &carried(&evening));
    assert_eq!(stage.watch.carry(), [(PairId(0), evening.iter().map(|spread| real(*spread)).collect())]);
    assert_eq!(stage.watch.last_z(PairId(0)), None, "z is forgotten over the night");
    stage.stand(PairState::Open);
    let opening = Price::new(10_500_000_000);
    stage.both(opening, ONE);
    let (_, mark) = stage.marks[0].clone();
    let step = libm::log(1_050_000.0) - evening[19];
    assert_eq!(mark.night_step.expect("a step").get(), step);
    stage.spreads = evening.iter().map(|spread| spread + step).chain([libm::log(1_050_000.0)]).collect();
    near(mark.z, z_of(last(&stage.spreads)));
    assert!(mark.deviation.expect("a deviation").get() < 3e-4, "the step is no deviation");
    stage.both(Price::new(10_501_000_000), ONE);
    near(stage.marks[1].1.z, z_of(last(&stage.spreads)));
    assert_eq!(stage.marks[1].1.night_step, None);
    // What is carried on is what the window holds.
    let (_, carries) = stage.watch.carry().remove(0);
    for (carried, expected) in carries.iter().zip(last(&stage.spreads)) {
        near(Some(*carried), *expected);
    }
    assert_eq!(carries.len(), LOOKBACK as usize);
}

#[test]
fn the_first_mark_of_a_session_may_leave_and_never_enter() {
    let mut evening = [13.8; LOOKBACK as usize];
    evening[3] = 13.81;
    // The last spread lies outside, and today's first is as far out: still no entry by it, nor by the one after it.
    evening[19] = 13.806;
    let mut stage = Stage::cold(&PairSpec { entry_from_ns: 0, ..spec() }, &carried(&evening));
    stage.both(CLOSE, ONE);
    assert!(stage.marks[0].1.z.is_some());
    assert_eq!(stage.signals, []);
    let mut stage = Stage::cold(&PairSpec { exit: real(2.9), ..spec() }, &carried(&evening));
    stage.stand(PairState::Open);
    stage.both(CLOSE, ONE);
    assert_eq!(stage.said(), ["exit revert"]);
    // A carried window that is shorter or longer than the lookback.
    for (lookback, full) in [(15, true), (25, false)] {
        let mut stage = Stage::cold(&PairSpec { lookback, ..spec() }, &carried(&evening));
        stage.both(CLOSE, ONE);
        assert_eq!((stage.marks[0].1.z.is_some(), stage.marks[0].1.night_step.is_some()), (full, true));
    }
}

#[test]
fn a_reload_keeps_the_window_while_lookback_and_beta_stay() {
    let cases = [
        (spec(), true),
        (PairSpec { entry: real(1.9), stop: real(4.0), max_stops: 3, ..spec() }, true),
        (PairSpec { beta: real(1.1), ..spec() }, false),
        (PairSpec { lookback: 10, ..spec() }, false),
        (PairSpec { leg_b: InstrumentId(2), ..spec() }, false),
    ];
    for (changed, kept) in cases {
        let mut stage = Stage::warm(&spec());
        stage.mark(2.5);
        let newest = stage.next - MINUTE;
        stage.watch.reload(&setup(core::slice::from_ref(&changed)), &[HOURS]);
        assert_eq!(stage.watch.last_z(PairId(0)).is_some(), kept, "{changed:?}");
        stage.marks.clear();
        stage.step(&[(A, newest, CLOSE, 1), (B, newest, Price::new(10_001), 1)]);
        assert_eq!(stage.marks.len(), if kept { 2 } else { 0 }, "no bucket is seen twice");
        let start = stage.begin();
        stage.step(&[(A, start, CLOSE, 0), (changed.leg_b, start, ONE, 0)]);
        let (_, mark) = stage.marks.last().expect("a mark");
        assert_eq!((mark.z.is_some(), mark.night_step), (kept, None));
    }
}

#[test]
fn a_bar_reaches_its_own_pairs_only() {
    let pair = |id: u16, a: u32, b: u32, tf: Timeframe| PairSpec {
        id: PairId(id),
        leg_a: InstrumentId(a),
        leg_b: InstrumentId(b),
        tf,
        ..spec()
    };
    let setup = setup(&[
        pair(0, 0, 1, Timeframe::M1),
        pair(1, 0, 2, Timeframe::M5),
        pair(2, 3, 0, Timeframe::M1),
        pair(9, 4, 4, Timeframe::M1),
    ]);
    let mut watch = Watch::new(&setup, &nothing(), &[HOURS; 4]);
    let wanted = [
        (0, Timeframe::M1),
        (0, Timeframe::M5),
        (1, Timeframe::M1),
        (2, Timeframe::M5),
        (3, Timeframe::M1),
        (4, Timeframe::M1),
    ];
    for instrument in (0..6).chain([u32::MAX]) {
        for tf in Timeframe::ALL {
            assert_eq!(
                watch.wants(InstrumentId(instrument), tf),
                wanted.contains(&(instrument, tf)),
                "{instrument} {tf:?}"
            );
        }
    }
    let mut stage = Stage::cold(&spec(), &nothing());
    core::mem::swap(&mut stage.watch, &mut watch);
    let start = stage.begin();
    stage.step(&[0, 1, 2, 3, 4].map(|instrument| (InstrumentId(instrument), start, CLOSE, 0)));
    let marked: Vec<u16> = stage.marks.iter().map(|(_, mark)| mark.pair.0).collect();
    assert_eq!(marked, [0, 2, 9]);
    assert_eq!((stage.marks[0].1.bar_a.0, stage.marks[0].1.bar_b.0), (1_001, 1_002));
    assert_eq!((stage.marks[1].1.bar_a.0, stage.marks[1].1.bar_b.0), (1_004, 1_001));
}

#[test]
fn nonsense_makes_nothing() {
    let wild = PairSpec { leg_a: InstrumentId(u32::MAX), ..spec() };
    let watch = Watch::new(&setup(&[wild, PairSpec { id: PairId(7), ..spec() }]), &nothing(), &[]);
    assert!(!watch.wants(InstrumentId(u32::MAX), Timeframe::M1) && watch.wants(B, Timeframe::M1));
    let mut stage = Stage::cold(&PairSpec { beta: real(1e300), ..spec() }, &carried(&[1e300, -1e300, 1.0]));
    for close in [Price::ZERO, Price::new(-1), Price::MAX, Price::new(1)] {
        let start = stage.begin();
        stage.step(&[(A, start, close, 0), (B, start, Price::new(3), 0)]);
    }
    assert_eq!(stage.marks.len(), 0);
    let mut stage = Stage::cold(&spec(), &nothing());
    stage.watch.reload(&setup(&[spec()]), &[PairHours { open: i64::MIN, end: i64::MAX, day_start: i64::MAX }]);
    stage.stand(PairState::Open);
    stage.standings[0].held_since = Some(i64::MIN);
    stage.step(&[(A, i64::MAX, CLOSE, 0), (B, i64::MAX, ONE, 0)]);
    stage.now = i64::MAX - 1;
    stage.clock();
    assert_eq!(stage.marks.len(), 1);
}
