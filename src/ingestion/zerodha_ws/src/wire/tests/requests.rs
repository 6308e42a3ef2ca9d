//! What is asked is understood by the simulator, which takes numbers alone for tokens.

use barkeep_sim::kite::{self, ClientMessage};
use proptest::prelude::*;

use super::super::{Mode, mode, subscribe, unsubscribe};

#[test]
fn requests_are_written_as_the_documentation_has_them() {
    assert_eq!(subscribe(&[408_065, 884_737]), r#"{"a":"subscribe","v":[408065,884737]}"#);
    assert_eq!(unsubscribe(&[408_065]), r#"{"a":"unsubscribe","v":[408065]}"#);
    assert_eq!(mode(Mode::Full, &[408_065]), r#"{"a":"mode","v":["full",[408065]]}"#);
    assert_eq!(mode(Mode::Ltp, &[]), r#"{"a":"mode","v":["ltp",[]]}"#);
}

proptest! {
    #[test]
    fn the_simulator_hears_what_was_asked(tokens in prop::collection::vec(any::<u32>(), 0..50)) {
        prop_assert_eq!(ClientMessage::parse(&subscribe(&tokens)), Ok(ClientMessage::Subscribe(tokens.clone())));
        prop_assert_eq!(ClientMessage::parse(&unsubscribe(&tokens)), Ok(ClientMessage::Unsubscribe(tokens.clone())));
        for (ours, theirs) in
            [(Mode::Ltp, kite::Mode::Ltp), (Mode::Quote, kite::Mode::Quote), (Mode::Full, kite::Mode::Full)]
        {
            let asked = ClientMessage::parse(&mode(ours, &tokens));
            prop_assert_eq!(asked, Ok(ClientMessage::Mode(theirs, tokens.clone())));
        }
    }
}
