//! What holds for any market and any orders: never more than was there, never a worse price than the limit, never more
//! than was asked for, the same again from the same, and nothing lost by a snapshot in the middle.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use alloc::collections::BTreeMap;

use barkeep_schemas::{Depth, Level, Liquidity, Wire};
use proptest::prelude::*;

use super::tests::{RULES, Ticket, id};
use super::*;

/// One thing that happens to two instruments.
#[derive(Clone, Debug)]
enum Act {
    Submit {
        instrument: u32,
        side: Side,
        qty: i64,
        order_type: OrderType,
        price: i64,
        trigger: i64,
        validity: Validity,
    },
    Cancel {
        of: prop::sample::Index,
    },
    Tick {
        instrument: u32,
        price: i64,
        traded: i64,
        depth: Option<Depth>,
        quotes: Option<(i64, i64)>,
        continuous: bool,
    },
    Clock,
    Close {
        instrument: u32,
    },
}

/// Prices around 100 in ticks of five paise, so that levels, limits and trades meet often.
fn price() -> impl Strategy<Value = i64> {
    (0_i64..40).prop_map(|tick| 990_000 + tick * 500)
}

fn depth() -> impl Strategy<Value = Depth> {
    let side = || prop::collection::vec((1_i64..6, 0_i64..60), 0..=5);
    (price(), side(), side()).prop_map(|(mid, bids, asks)| {
        let levels = |steps: Vec<(i64, i64)>, sign: i64| {
            let mut at = mid;
            let level = |(step, qty): (i64, i64)| {
                at += sign * step * 500;
                Level { price: Price::new(at), qty: Qty::new(qty), orders: 1 }
            };
            steps.into_iter().map(level).collect()
        };
        Depth { bids: levels(bids, -1), asks: levels(asks, 1) }
    })
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let order_type = prop::sample::select(OrderType::ALL);
    let validity = prop_oneof![4 => Just(Validity::Day), 1 => Just(Validity::Ioc)];
    let submit = (0_u32..2, side, 1_i64..120, order_type, price(), price(), validity).prop_map(
        |(instrument, side, qty, order_type, price, trigger, validity)| Act::Submit {
            instrument,
            side,
            qty,
            order_type,
            price,
            trigger,
            validity,
        },
    );
    let traded = prop_oneof![1 => Just(0_i64), 3 => 0_i64..200];
    let quotes = prop::option::of((price(), price()));
    let tick = (0_u32..2, price(), traded, prop::option::weighted(0.7, depth()), quotes, prop::bool::weighted(0.95))
        .prop_map(|(instrument, price, traded, depth, quotes, continuous)| Act::Tick {
            instrument,
            price,
            traded,
            depth,
            quotes,
            continuous,
        });
    let one = prop_oneof![
        4 => submit,
        12 => tick,
        1 => any::<prop::sample::Index>().prop_map(|of| Act::Cancel { of }),
        1 => Just(Act::Clock),
        1 => (0_u32..2).prop_map(|instrument| Act::Close { instrument }),
    ];
    prop::collection::vec(one, 1..150)
}

/// Runs the acts, one every 10 ms; the latency is 50 ms. `restart` puts the matcher through bytes before every act.
fn run(acts: &[Act], restart: bool) -> (Vec<Vec<Matched>>, BTreeMap<OrderId, Ticket>) {
    let mut matcher = Matcher::new(RULES, 0);
    for instrument in 0..2 {
        matcher.list(Price::new(500));
        matcher.previous_close(InstrumentId(instrument), Some(Price::new(1_080_000)));
    }
    let (mut tickets, mut heard) = (BTreeMap::new(), Vec::new());
    for (step, act) in acts.iter().enumerate() {
        if restart {
            let mut bytes = Vec::new();
            matcher.put(&mut bytes);
            matcher = Matcher::take(&mut bytes.as_slice()).unwrap();
        }
        let (seq, now) = (Seq(step as u64 + 1), step as i64 * 10_000_000);
        let mut out = Vec::new();
        match act {
            Act::Submit { instrument, side, qty, order_type, price, trigger, validity } => {
                let ticket = Ticket {
                    id: id(seq.0),
                    instrument: InstrumentId(*instrument),
                    side: *side,
                    qty: Qty::new(*qty),
                    order_type: *order_type,
                    price: Price::new(*price),
                    trigger: Some(Price::new(*trigger)),
                    validity: *validity,
                };
                assert!(ticket.send(&mut matcher, now, seq));
                tickets.insert(ticket.id, ticket);
            }
            Act::Cancel { of } => {
                let ids: Vec<OrderId> = tickets.keys().copied().collect();
                if !ids.is_empty() {
                    matcher.cancel(*of.get(&ids), now);
                }
            }
            Act::Tick { instrument, price, traded, depth, quotes, continuous } => {
                let snapshot = Snapshot {
                    seq,
                    instrument: InstrumentId(*instrument),
                    ts: now,
                    price: Price::new(*price),
                    traded: *traded,
                    bid: quotes.map(|(bid, _)| Price::new(bid)),
                    ask: quotes.map(|(_, ask)| Price::new(ask)),
                    depth: depth.as_ref(),
                    continuous: *continuous,
                };
                matcher.tick(&snapshot, &mut out);
            }
            Act::Clock => matcher.clock(now, &mut out),
            Act::Close { instrument } => matcher.close_instrument(InstrumentId(*instrument), &mut out),
        }
        heard.push(out);
    }
    // Orders that were sent and never told to have ended are those that work.
    let ended = heard.iter().flatten().filter(|one| is_end(one)).count();
    let whole = filled(&heard).iter().filter(|(id, qty)| tickets[*id].qty.get() == **qty).count();
    assert_eq!(tickets.len() - ended - whole, matcher.working());
    (heard, tickets)
}

fn is_end(matched: &Matched) -> bool {
    match matched {
        Matched::Rejected(..) | Matched::Cancelled(..) | Matched::Expired(_) => true,
        Matched::Accepted(_) | Matched::Filled { .. } => false,
    }
}

fn filled(heard: &[Vec<Matched>]) -> BTreeMap<OrderId, i64> {
    let mut total = BTreeMap::new();
    for matched in heard.iter().flatten() {
        if let Matched::Filled { order, qty, .. } = matched {
            *total.entry(*order).or_default() += qty.get();
        }
    }
    total
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_filled_that_was_not_there(acts in acts()) {
        let (heard, tickets) = run(&acts, false);
        for (step, (act, out)) in acts.iter().zip(&heard).enumerate() {
            let (mut of_volume, mut unseen, mut of_level) = (0, 0, BTreeMap::<(Side, Price), i64>::new());
            for matched in out {
                let Matched::Filled { order, qty, price, liquidity, available } = matched else { continue };
                let Act::Tick { instrument, traded, depth, continuous, price: last, .. } = act else {
                    panic!("a fill without a snapshot")
                };
                let ticket = &tickets[order];
                prop_assert!(*continuous && ticket.instrument.0 == *instrument && qty.get() > 0);
                prop_assert!(ticket.id.cause.0 + 5 <= step as u64 + 1, "before its latency was over");
                let within = |price: Price| match ticket.side {
                    Side::Buy => price <= ticket.price,
                    Side::Sell => price >= ticket.price,
                };
                prop_assert!(within(*price), "beyond its limit");
                match liquidity {
                    Liquidity::Aggressive => {
                        let taken = of_level.entry((ticket.side, *price)).or_default();
                        *taken += qty.get();
                        let depth = depth.as_ref().unwrap();
                        let levels = if ticket.side == Side::Buy { &depth.asks } else { &depth.bids };
                        let shown: i64 =
                            levels.iter().filter(|level| level.price == *price).map(|level| level.qty.get()).sum();
                        prop_assert!(*taken <= shown && available.get() == shown);
                    }
                    Liquidity::Unseen => {
                        prop_assert!(depth.is_none());
                        unseen += qty.get();
                        of_volume += qty.get();
                        prop_assert!(unseen <= traded / 10 && available.get() == traded / 10);
                    }
                    Liquidity::Passive => {
                        prop_assert!(*price == ticket.price && within(Price::new(*last)));
                        of_volume += qty.get();
                        prop_assert!(available.get() == *traded);
                    }
                    Liquidity::Broker => panic!("no broker here"),
                }
                prop_assert!(of_volume <= *traded, "more than was traded");
            }
        }
        for (order, qty) in filled(&heard) {
            prop_assert!(qty <= tickets[&order].qty.get(), "more than was asked for");
        }
    }

    #[test]
    fn an_order_is_accepted_before_it_fills_and_silent_once_it_has_ended(acts in acts()) {
        let (heard, tickets) = run(&acts, false);
        let (mut accepted, mut ended, mut open) = (Vec::new(), Vec::new(), BTreeMap::new());
        for matched in heard.iter().flatten() {
            let id = match matched {
                Matched::Accepted(id) | Matched::Rejected(id, _) | Matched::Cancelled(id, _) | Matched::Expired(id) => *id,
                Matched::Filled { order, .. } => *order,
            };
            prop_assert!(!ended.contains(&id), "{matched:?}");
            match matched {
                Matched::Accepted(_) => accepted.push(id),
                Matched::Filled { qty, .. } => {
                    prop_assert!(accepted.contains(&id));
                    let left = open.entry(id).or_insert(tickets[&id].qty.get());
                    *left -= qty.get();
                    if *left == 0 {
                        ended.push(id);
                    }
                }
                Matched::Rejected(..) | Matched::Cancelled(..) | Matched::Expired(_) => ended.push(id),
            }
        }
    }

    #[test]
    fn a_snapshot_and_restore_at_any_point_changes_nothing(acts in acts()) {
        prop_assert_eq!(run(&acts, true).0, run(&acts, false).0);
    }
}
