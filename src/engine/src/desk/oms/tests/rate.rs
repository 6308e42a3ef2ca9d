//! The limiter: whose turn it is, and that no window ever holds too many.

use alloc::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::rate::{RateLimiter, Turn};
use super::*;

fn limiter(per_second: u32, per_minute: u32, per_day: u32) -> RateLimiter {
    RateLimiter::new(&GatewayRules { route: Route::Paper, per_second, per_minute, per_day })
}

#[test]
fn what_reduces_goes_first_and_what_waits_says_so_once() {
    let mut events = Vec::new();
    let mut limiter = limiter(2, 400, 5);
    for (order, reduces) in [(1, false), (2, false), (3, true), (4, true), (1, false)] {
        limiter.ask(id(0, Leg::A, order), reduces);
    }
    limiter.ask_cancel(id(0, Leg::A, 9));
    let order = |cause| id(0, Leg::A, cause);
    let mut release = |limiter: &mut RateLimiter, now| limiter.release(now, &mut Output::new(Seq(1), &mut events));
    assert_eq!(release(&mut limiter, 0), [Turn::Send(order(3)), Turn::Send(order(4))]);
    // The window has both ends: a second later is too early by a nanosecond.
    assert_eq!(release(&mut limiter, NANOS), []);
    assert_eq!(release(&mut limiter, NANOS - 1), []);
    assert_eq!(release(&mut limiter, NANOS + 1), [Turn::Cancel(order(9)), Turn::Send(order(1))]);
    limiter.ask(order(5), true);
    limiter.ask(order(6), true);
    limiter.ask(order(7), true);
    assert_eq!(
        release(&mut limiter, 3 * NANOS),
        [Turn::Send(order(5)), Turn::Send(order(6)), Turn::Quota(order(7)), Turn::Quota(order(2))]
    );
    assert_eq!((limiter.waiting(), release(&mut limiter, 9 * NANOS).len()), (0, 0));
    let lines: Vec<_> = events.iter().map(line).collect();
    assert_eq!(lines, ["held bk000a1 2/1", "held bk000a2 2/1"]);
}

#[test]
fn orders_wait_for_the_minute_and_cancellations_do_not() {
    let mut events = Vec::new();
    let mut limiter = limiter(10, 1, 100);
    let order = |cause| id(0, Leg::A, cause);
    for cause in 1..4 {
        limiter.ask(order(cause), true);
    }
    limiter.ask_cancel(order(0));
    let mut release = |limiter: &mut RateLimiter, now| limiter.release(now, &mut Output::new(Seq(1), &mut events));
    assert_eq!(release(&mut limiter, 0), [Turn::Send(order(1)), Turn::Cancel(order(0))]);
    limiter.forget(order(2));
    assert_eq!(release(&mut limiter, 60 * NANOS), []);
    assert_eq!(release(&mut limiter, 60 * NANOS + 1), [Turn::Send(order(3))]);
    let lines: Vec<_> = events.iter().map(line).collect();
    assert_eq!(lines, ["held bk000a2 1/60", "held bk000a3 1/60"]);
}

/// Something that the limiter meets.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Order(bool),
    Cancel,
    Forget(u64),
    Pass(i64),
    Restart,
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let one = prop_oneof![
        6 => any::<bool>().prop_map(Ask::Order),
        2 => Just(Ask::Cancel),
        1 => (0_u64..50).prop_map(Ask::Forget),
        5 => prop_oneof![0_i64..400_000_000, Just(NANOS), 0_i64..40 * NANOS, -NANOS..0].prop_map(Ask::Pass),
        1 => Just(Ask::Restart),
    ];
    prop::collection::vec(one, 0..200)
}

proptest! {
    #[test]
    fn no_window_holds_more_than_its_limit(asks in asks(), per_second in 0_u32..4, per_minute in 0_u32..8, per_day in 0_u32..60) {
        let mut limiter = limiter(per_second, per_minute, per_day);
        let (mut events, mut now, mut latest, mut cause) = (Vec::new(), 0, i64::MIN, 0);
        let (mut requests, mut orders) = (Vec::new(), Vec::new());
        let (mut waits, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for ask in asks {
            match ask {
                Ask::Order(reduces) => {
                    cause += 1;
                    limiter.ask(id(0, Leg::A, cause), reduces);
                    waits.insert(cause, reduces);
                }
                Ask::Cancel => {
                    cause += 1;
                    limiter.ask_cancel(id(0, Leg::A, cause));
                }
                Ask::Forget(cause) => {
                    limiter.forget(id(0, Leg::A, cause));
                    waits.remove(&cause);
                }
                Ask::Pass(by) => now += by,
                Ask::Restart => {
                    let mut bytes = Vec::new();
                    limiter.put(&mut bytes);
                    limiter = RateLimiter::take(&mut bytes.as_slice()).unwrap();
                }
            }
            // Time that steps back is not time: the limiter's own never does.
            latest = latest.max(now);
            let mut builds = false;
            for turn in limiter.release(now, &mut Output::new(Seq(1), &mut events)) {
                match turn {
                    Turn::Send(order) => {
                        let reduces = waits.remove(&order.cause.0).unwrap();
                        prop_assert!(!(reduces && builds), "what builds went first");
                        builds |= !reduces;
                        prop_assert!(seen.insert(order));
                        requests.push(latest);
                        orders.push(latest);
                    }
                    Turn::Cancel(order) => {
                        prop_assert!(seen.insert(order));
                        requests.push(latest);
                    }
                    Turn::Quota(order) => {
                        prop_assert_eq!(orders.len(), per_day as usize);
                        waits.remove(&order.cause.0).unwrap();
                    }
                }
            }
            prop_assert!(!builds || waits.values().all(|reduces| !reduces), "what reduces still waits");
            prop_assert!(limiter.waiting() >= waits.len());
        }
        for (times, window, limit) in [(&requests, NANOS, per_second), (&orders, 60 * NANOS, per_minute)] {
            for from in times {
                let within = times.iter().filter(|time| (*from..=from + window).contains(*time)).count();
                prop_assert!(within <= limit as usize, "{within} in a window of {window}");
            }
        }
        prop_assert!(orders.len() <= per_day as usize);
        let held: Vec<_> = events.iter().map(line).collect();
        prop_assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), held.len(), "held twice");
    }
}
