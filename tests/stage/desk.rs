//! A recorded day, traded: the same inputs through the engine again, in a session that has a desk.

use barkeep::orchestrator::desk::charges::ChargeTable;
use barkeep::orchestrator::desk::open::open;
use barkeep::orchestrator::desk::risk::RiskRules;
use barkeep::orchestrator::desk::whitelist::Whitelist;
use barkeep::orchestrator::desk::{DeskFiles, setup};
use barkeep_engine::Engine;
use barkeep_schemas::{Event, Input, Seq, SessionOpened};

/// Pairs of a generated day that trade a lot, and one whose legs have nothing to do with each other.
const PAIRS: [(&str, &str, &str); 3] =
    [("HDFCBANK", "ICICIBANK", "LOW"), ("INFY", "HDFCBANK", "MED"), ("ICICIBANK", "INFY", "HIGH")];

/// The events of the inputs in a session with a desk, numbered from 1.
pub fn traded(events: &[(Seq, Event)]) -> Vec<(Seq, Event)> {
    let (mut engine, mut out, mut derived) = (Engine::<barkeep_engine::NoProbe>::default(), Vec::new(), Vec::new());
    let inputs = events.iter().filter_map(|(_, event)| match event {
        Event::Input(input) => Some(input.clone()),
        Event::Derived(_) => None,
    });
    for mut input in inputs {
        if let Input::SessionOpened(opened) = &mut input {
            give_desk(opened);
        }
        let seq = Seq(out.len() as u64 + 1);
        engine.step(seq, &input, &mut derived);
        out.push((seq, Event::Input(input)));
        for derived in derived.drain(..) {
            out.push((Seq(out.len() as u64 + 1), Event::Derived(derived)));
        }
    }
    out
}

fn give_desk(opened: &mut SessionOpened) {
    let mut text = format!("version: 1\ndate: {}\npairs:\n", opened.date);
    for (a, b, bucket) in PAIRS {
        text.push_str(&format!(
            "  - {{a: {a}, b: {b}, tf: 1, beta: 1, intercept: 0, entry: 1.5, exit: 0.5, stop: 3, lookback: 30, max_hold: \
             45m, bucket: {bucket}, gross_notional_inr: 150000, product: MIS, max_stops: 9}}\n"
        ));
    }
    let files = DeskFiles {
        whitelist: Whitelist::from_yaml(&text, "pairs.yaml").map_err(|error| error.to_string()),
        risk: RiskRules::builtin().expect("limits"),
        charges: ChargeTable::builtin().expect("charges"),
    };
    let setup = setup(opened.date, &files, &opened.instruments);
    assert_eq!((setup.missing, setup.refusals), (None, Vec::new()));
    let (desk, notes) = open(setup.desk, None, &opened.instruments);
    assert_eq!(notes, []);
    opened.calendar.tradable = true;
    opened.desk = Some(Box::new(desk));
}
