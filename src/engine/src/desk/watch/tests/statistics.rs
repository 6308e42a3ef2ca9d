//! The window against two passes over its values, and the hedge ratio's way round.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use barkeep_schemas::{PairSpec, Price};

use super::super::window::Window;
use super::stage::*;

/// A xorshift generator's next number in -1 to 1.
fn noise(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Feeds 100,000 values and compares with two passes at every 7th, from the first full window on.
fn compare(name: &str, lookback: u32, mut value: impl FnMut(u32, &mut u64) -> f64) {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut window = Window::new(lookback);
    let mut kept: VecDeque<f64> = VecDeque::new();
    for update in 0..100_000 {
        let next = value(update, &mut state);
        if update % 1_000 == 999 {
            window.replace(1, real(next));
            let place = kept.len() - 2;
            kept[place] = next;
        }
        window.push(real(next));
        kept.push_back(next);
        if kept.len() > lookback as usize {
            kept.pop_front();
        }
        if update >= lookback && update % 7 == 0 {
            let (mean, deviation) = two_pass(kept.make_contiguous());
            let told = window.statistics().expect("a full window").mean.get();
            let (variance, expected) = (window.variance(), deviation * deviation);
            assert!((told - mean).abs() <= 1e-9 * mean.abs().max(deviation), "{name} {update}: mean {told}, {mean}");
            assert!(
                (variance - expected).abs() <= 1e-9 * expected,
                "{name} {update}: variance {variance} and not {expected}"
            );
        }
    }
}

#[test]
fn the_window_is_exact_over_a_hundred_thousand_updates() {
    compare("plain", 60, |_, state| noise(state));
    compare("a small spread at a high level", 120, |_, state| 1_000.0 + 1e-7 * noise(state));
    let mut level = 0.0;
    compare("a walk", 100, |_, state| {
        level += 0.01 * noise(state);
        5.0 + level
    });
    compare("a steady way", 100, |update, state| f64::from(update) + 1e-3 * noise(state));
    compare("a rare far value", 50, |update, state| if update % 777 == 0 { 1e6 } else { 1e-4 * noise(state) });
    compare("levels a world apart", 80, |update, state| f64::from(update / 500 % 2) * 1e4 + 1e-5 * noise(state));
    let calm = |update: u32| if (update / 300).is_multiple_of(2) { 1.0 } else { 1e-9 };
    compare("calm after storm", 90, |update, state| 3.0 + calm(update) * noise(state));
    compare("two", 2, |_, state| noise(state));
    let (mut a, mut b) = (800_000_000_000_f64, 799_000_000_000_f64);
    compare("two prices of 80 million with a tick between them", 200, |_, state| {
        b = (b + 1e6 * noise(state)).max(1e11);
        a = b + 1e9 + libm::round(500.0 * noise(state));
        libm::log(a / 1e4) - libm::log(libm::round(b) / 1e4)
    });
}

#[test]
fn a_far_value_that_is_taken_back_leaves_nothing() {
    let values: Vec<f64> = (0..50).map(|at| 1e-5 * f64::from(at % 7)).collect();
    let deviation = two_pass(&[&values[1..], &[3e-5]].concat()).1;
    for far in 1..200 {
        let mut window = Window::holding(50, &values.iter().copied().map(real).collect::<Vec<_>>());
        window.push(real(f64::from(far) / 7.0));
        window.replace(0, real(3e-5));
        assert!((window.variance() / (deviation * deviation) - 1.0).abs() <= 1e-9, "{far}");
    }
}

#[test]
fn a_window_moves_and_is_cut() {
    let values: Vec<_> = (0..10).map(|at| real(f64::from(at * at))).collect();
    let mut window = Window::holding(4, &values);
    let held = |window: &Window| window.values().map(barkeep_schemas::Real::get).collect::<Vec<_>>();
    assert_eq!(held(&window), [36.0, 49.0, 64.0, 81.0]);
    assert_eq!(window.statistics_before(), None, "nobody knows what left before");
    window.push(real(100.0));
    let before = window.statistics_before().expect("known");
    assert_eq!((before.mean.get(), before.deviation.get()), (57.5, two_pass(&[36.0, 49.0, 64.0, 81.0]).1));
    window.shift(-100.0);
    assert_eq!(held(&window), [-51.0, -36.0, -19.0, 0.0]);
    assert_eq!(window.statistics_before().expect("known").mean.get(), -42.5);
    window.shift(1e101);
    assert_eq!(held(&window), [0.0; 0]);
    assert_eq!(Window::new(0), Window::new(2));
    assert_eq!(Window::new(u32::MAX), Window::new(10_000));
}

/// The deviation of the spread over 2,000 minutes in which A follows B by `follow`.
fn deviation(beta: f64, follow: impl Fn(f64) -> f64) -> f64 {
    let mut state = 42;
    let mut stage = Stage::cold(&PairSpec { beta: real(beta), lookback: 2_000, ..spec() }, &nothing());
    let mut b = 500.0;
    for _ in 0..2_000 {
        b *= 1.0 + 1e-3 * noise(&mut state);
        let a = follow(b) * (1.0 + 2e-4 * noise(&mut state));
        stage.both(Price::new(libm::round(a * 1e4) as i64), Price::new(libm::round(b * 1e4) as i64));
    }
    stage.marks.last().expect("a mark").1.deviation.expect("a full window").get()
}

#[test]
fn beta_is_of_b() {
    // A costs twice as much as B: their logarithms move alike, and a beta of 1 leaves the noise.
    let twice = |beta| deviation(beta, |b| 2.0 * b);
    let noise = 2e-4 / libm::sqrt(3.0);
    assert!((twice(1.0) / noise - 1.0).abs() < 0.05, "{} and not {noise}", twice(1.0));
    for off in [0.9, 1.1, 0.5, 2.0] {
        assert!(twice(off) > 1.5 * twice(1.0), "{off}");
    }
    // A moves by twice the percentage of B: 2 is right, and 1/2 is the hedge ratio the wrong way round.
    let squared = |beta| deviation(beta, |b| b * b / 100.0);
    assert!((squared(2.0) / noise - 1.0).abs() < 0.05);
    assert!(
        squared(0.5) > 20.0 * squared(2.0) && squared(1.9) > 1.5 * squared(2.0) && squared(2.1) > 1.5 * squared(2.0)
    );
}
