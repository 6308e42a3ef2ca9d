use barkeep_schemas::{KillLatched, PositionCarried, Product, Real, Ts};

use super::super::scene::{instruments, today};
use super::*;

fn position(qty: i64) -> PositionCarried {
    PositionCarried { qty, cost: FineMoney::new(qty * 1_000) }
}

/// What the pairs of a desk carry: so many shares of leg A, and a window of two.
fn carry(of: &DeskSetup, symbols: &[&str], held: &[i64]) -> DeskCarry {
    let pair = |(spec, qty): (&PairSpec, &i64)| CarriedPair {
        spec: spec.clone(),
        symbol_a: symbols[spec.leg_a.index()].to_owned(),
        symbol_b: symbols[spec.leg_b.index()].to_owned(),
        carried: PairCarried {
            pair: spec.id,
            spreads: vec![Real::new(0.5).unwrap(), Real::new(0.25).unwrap()],
            a: position(*qty),
            b: position(-*qty),
            held_since: (*qty != 0).then_some(Ts::new(5)),
        },
    };
    let kill = KillLatched { scope: Scope::Low, flatten: true, since: Ts::new(7), reason: "results".into() };
    let scopes = vec![ScopeCarried {
        scope: Scope::Global,
        profit: FineMoney::new(9),
        high_profit: FineMoney::new(11),
        kill_high: FineMoney::new(11),
    }];
    DeskCarry { pairs: of.pairs.iter().zip(held).map(pair).collect(), scopes, kills: vec![kill] }
}

const YESTERDAY: [&str; 4] = ["A", "B", "C", "D"];

/// `name held spreads exit_only`, by today's numbers.
fn shown(desk: &DeskOpened) -> Vec<String> {
    let pair = |spec: &PairSpec| {
        let carried = desk.carried.pairs.iter().find(|of| of.pair == spec.id);
        let (held, spreads) = carried.map_or((0, 0), |of| (of.a.qty, of.spreads.len()));
        format!("{} {} {held} {spreads} {}", spec.id.0, spec.name, spec.exit_only)
    };
    desk.setup.pairs.iter().map(pair).collect()
}

#[test]
fn windows_and_positions_go_with_the_name_and_what_is_held_and_not_listed_may_only_be_left() {
    let before = today(&["A B 1", "A C 1", "B D 1", "C D 1"]).desk;
    let carry = carry(&before, &YESTERDAY, &[0, 10, 20, 0]);
    let (desk, notes) =
        open(today(&["C D 1", "A B 1.5", "A C 1.5", "A D 1"]).desk, Some(carry), &instruments(&YESTERDAY));
    assert_eq!(
        shown(&desk),
        ["0 C_D_5m 0 2 false", "1 A_B_5m 0 0 false", "2 A_C_5m 10 0 false", "3 A_D_5m 0 0 false", "4 B_D_5m 20 2 true"]
    );
    let anew = |name: &str| Note::WindowAnew(name.to_owned());
    assert_eq!(notes, [anew("A_B_5m"), anew("A_C_5m"), Note::ExitOnly("B_D_5m".into())]);
    assert_eq!((desk.carried.kills.len(), desk.carried.scopes[0].high_profit), (1, FineMoney::new(11)));
}

#[test]
fn legs_get_the_numbers_of_the_new_session_and_a_leg_that_is_gone_is_told() {
    let before = today(&["A B 1", "C D 1"]).desk;
    let carry = carry(&before, &YESTERDAY, &[10, 20]);
    let (desk, notes) = open(today(&[]).desk, Some(carry), &instruments(&["X", "B", "A", "C"]));
    assert_eq!(shown(&desk), ["0 A_B_5m 10 2 true"]);
    assert_eq!((desk.setup.pairs[0].leg_a, desk.setup.pairs[0].leg_b), (InstrumentId(2), InstrumentId(1)));
    assert_eq!(notes[1], Note::Stranded { pair: "C_D_5m".into(), held: (20, -20), symbol: "D".into() });
}

#[test]
fn what_is_held_keeps_its_product_over_the_night() {
    let mut before = today(&["A B 1", "C D 1"]).desk;
    before.pairs.iter_mut().for_each(|pair| pair.product = Product::Cnc);
    let carry = carry(&before, &YESTERDAY, &[10, 0]);
    let (desk, notes) = open(today(&["C D 1", "A B 1"]).desk, Some(carry), &instruments(&YESTERDAY));
    assert_eq!(desk.setup.pairs.iter().map(|pair| pair.product).collect::<Vec<_>>(), [Product::Mis, Product::Cnc]);
    assert_eq!(notes, [Note::ProductKept("A_B_5m".into())]);
}

#[test]
fn a_first_desk_begins_with_nothing() {
    let (desk, notes) = open(today(&["A B 1"]).desk, None, &instruments(&YESTERDAY));
    assert_eq!((shown(&desk), notes.len()), (vec!["0 A_B_5m 0 0 false".to_owned()], 0));
    assert_eq!(desk.carried.scopes.iter().map(|of| of.scope).collect::<Vec<_>>(), Scope::ALL);
}

#[test]
fn a_change_keeps_numbers_and_what_left_the_whitelist_comes_back_when_it_is_listed_again() {
    let first = today(&["A B 1", "C D 1"]).desk;
    let (second, notes) = change(&first, today(&["A C 1", "A B 1.5"]).desk);
    let shown = |setup: &DeskSetup| {
        let pair = |of: &PairSpec| format!("{} {} {} {}", of.id.0, of.name, of.beta, of.exit_only);
        setup.pairs.iter().map(pair).collect::<Vec<_>>()
    };
    assert_eq!(shown(&second), ["0 A_B_5m 1.5 false", "1 C_D_5m 1 true", "2 A_C_5m 1 false"]);
    assert_eq!(notes, [Note::WindowAnew("A_B_5m".into()), Note::ExitOnly("C_D_5m".into())]);
    let (third, notes) = change(&second, today(&["C D 1"]).desk);
    assert_eq!(shown(&third), ["0 A_B_5m 1.5 true", "1 C_D_5m 1 false", "2 A_C_5m 1 true"]);
    assert_eq!(notes.len(), 2);
    assert_eq!(change(&third, today(&["C D 1"]).desk).1, []);
}
