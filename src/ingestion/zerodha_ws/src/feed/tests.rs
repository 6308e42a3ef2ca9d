//! A connection over one morning: what it asks for and what it logs.

use barkeep_schemas::{
    CalendarKind, ClassDay, DayCalendar, FeedGap, FeedHappening, FeedId, GapCause, Input, InstrumentClass,
    InstrumentId, NANOS, Phase, PhaseSpan, Ts,
};

use super::{Connection, FeedSettings, Output, State, Subscription};

const TOKEN: u32 = 408_065;
const FEED: FeedId = FeedId(0);

fn secs(seconds: i64) -> Ts {
    Ts::from_secs(1_000_000 + seconds)
}

fn calendar() -> DayCalendar {
    let phases = vec![PhaseSpan { phase: Phase::Continuous, start: secs(0), end: secs(3_600) }];
    DayCalendar {
        kind: CalendarKind::Nse,
        zone: "Asia/Kolkata".into(),
        name: "regular".into(),
        day_start: secs(-30_000),
        day_end: secs(50_000),
        tradable: true,
        classes: vec![ClassDay { class: InstrumentClass::Cash, phases }],
    }
}

fn settings() -> FeedSettings {
    FeedSettings {
        mute_ns: 9 * NANOS,
        silent_ns: 20 * NANOS,
        stale_instrument_ns: 900 * NANOS,
        stale_first_tick_ns: 60 * NANOS,
        skew_ns: 2 * NANOS,
        backoff_first_ns: NANOS / 2,
        backoff_max_ns: 30 * NANOS,
    }
}

/// A frame of one full packet, stamped with a second.
fn frame(stamp: i64) -> Vec<u8> {
    let mut packet = vec![0; 184];
    packet[0..4].copy_from_slice(&TOKEN.to_be_bytes());
    packet[4..8].copy_from_slice(&150_000_u32.to_be_bytes());
    packet[60..64].copy_from_slice(&(secs(stamp).secs() as u32).to_be_bytes());
    [vec![0, 1, 0, 184], packet].concat()
}

/// A connection that was opened for the session at `now`, and what it asked for.
fn opened(now: Ts, token: bool) -> (Connection, Vec<Output>) {
    let mut connection = Connection::new(FEED, settings(), 7);
    let class = InstrumentClass::Cash;
    let plan = Subscription { token: TOKEN, instrument: InstrumentId(0), symbol: "INFY".into(), class, depth: false };
    let mut out = Vec::new();
    connection.open(&calendar(), vec![plan], None, token, now, &mut out);
    (connection, out)
}

/// One that is whole: opened a minute early, with a tick every second up to second `until`.
fn whole(until: i64) -> Connection {
    let (mut connection, mut out) = opened(secs(-60), true);
    connection.opened(1, secs(-60), &mut out);
    for second in -59..=until {
        connection.binary(1, &frame(second), secs(second), &mut out);
        connection.time(secs(second), &mut out);
    }
    assert_eq!(gaps(&out), [], "nothing was missed");
    connection
}

fn gaps(out: &[Output]) -> Vec<FeedGap> {
    let gap = |output: &Output| if let Output::Input(Input::FeedGap(gap)) = output { Some(gap.clone()) } else { None };
    out.iter().filter_map(gap).collect()
}

fn told(out: &[Output]) -> Vec<FeedHappening> {
    let what = |output: &Output| if let Output::Input(Input::FeedReport(of)) = output { Some(of.what) } else { None };
    out.iter().filter_map(what).collect()
}

/// Lets seconds pass, and heartbeats come if there are any.
fn pass(connection: &mut Connection, seconds: std::ops::Range<i64>, heartbeats: bool) -> Vec<Output> {
    let mut out = Vec::new();
    for second in seconds {
        if heartbeats {
            connection.binary(1, &[0], secs(second), &mut out);
        }
        connection.time(secs(second), &mut out);
    }
    out
}

#[test]
fn it_dials_subscribes_in_mode_full_and_is_whole_with_the_first_tick() {
    let (mut connection, out) = opened(secs(-60), true);
    assert_eq!(out, [Output::Dial(1)]);
    let mut out = Vec::new();
    connection.opened(1, secs(-60), &mut out);
    let sent: Vec<_> = out.iter().filter(|output| matches!(output, Output::Send(_))).collect();
    assert_eq!(sent.len(), 2, "{out:?}");
    assert_eq!(connection.state(), State::Open);
    connection.binary(1, &frame(-59), secs(-59), &mut out);
    assert_eq!(connection.state(), State::Whole(secs(-59)));
}

#[test]
fn a_lost_connection_becomes_one_gap_before_the_first_tick_behind_it() {
    let mut connection = whole(10);
    let mut out = Vec::new();
    connection.lost(1, "cut", secs(11), &mut out);
    out.extend(pass(&mut connection, 11..14, false));
    assert!(out.contains(&Output::Dial(2)), "{out:?}");
    connection.opened(2, secs(14), &mut out);
    connection.binary(2, &frame(15), secs(15), &mut out);
    assert_eq!(gaps(&out), [FeedGap { feed: FEED, from: secs(9), to: secs(15), cause: GapCause::Disconnect }]);
    let place = |wanted: fn(&Input) -> bool| {
        out.iter().position(|output| matches!(output, Output::Input(input) if wanted(input)))
    };
    assert!(place(|input| matches!(input, Input::FeedGap(_))) < place(|input| matches!(input, Input::Tick(_))));
    // What the old websocket still brings is ignored.
    let mut late = Vec::new();
    connection.binary(1, &frame(15), secs(16), &mut late);
    assert_eq!(late, []);
}

#[test]
fn a_mute_socket_is_given_up_within_ten_seconds_and_a_silent_one_too() {
    let mut connection = whole(10);
    let out = pass(&mut connection, 11..20, false);
    assert!(told(&out).contains(&FeedHappening::Mute) && out.contains(&Output::HangUp), "{out:?}");
    let mut connection = whole(10);
    let out = pass(&mut connection, 11..31, true);
    assert!(told(&out).contains(&FeedHappening::Silent) && out.contains(&Output::HangUp), "{out:?}");
}

#[test]
fn a_frame_that_cannot_be_read_is_a_gap_and_the_connection_goes_on() {
    let mut connection = whole(10);
    let mut out = Vec::new();
    connection.binary(1, &frame(11)[..100], secs(11), &mut out);
    assert_eq!(told(&out), [FeedHappening::BadFrame]);
    assert_eq!(gaps(&out), [FeedGap { feed: FEED, from: secs(9), to: secs(11), cause: GapCause::BadFrame }]);
    connection.binary(1, &frame(11), secs(11), &mut out);
    assert_eq!(connection.state(), State::Whole(secs(11)));
}

#[test]
fn without_a_token_it_waits_and_a_new_one_makes_it_dial() {
    let (mut connection, out) = opened(secs(-60), false);
    assert_eq!((connection.state(), told(&out)), (State::NoToken, vec![FeedHappening::TokenRefused]));
    assert_eq!(pass(&mut connection, -59..30, false), []);
    let mut out = Vec::new();
    connection.token_changed(true, secs(30), &mut out);
    connection.opened(1, secs(31), &mut out);
    connection.binary(1, &frame(32), secs(32), &mut out);
    assert_eq!(gaps(&out), [FeedGap { feed: FEED, from: secs(0), to: secs(32), cause: GapCause::NoToken }]);
}

#[test]
fn a_refusal_with_403_asks_whether_the_token_holds() {
    let (mut connection, mut out) = opened(secs(-60), true);
    connection.refused(1, 403, "", secs(-59), &mut out);
    assert_eq!(out.last(), Some(&Output::DoubtToken));
    connection.token_verdict(Some(false), secs(-58), &mut out);
    assert_eq!(connection.state(), State::NoToken);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), text in ".{0,80}") {
        let mut connection = whole(3);
        let mut out = Vec::new();
        connection.binary(1, &bytes, secs(4), &mut out);
        connection.text(1, &text, secs(4), &mut out);
        connection.time(secs(5), &mut out);
    }
}

#[test]
fn who_stood_still_does_not_blame_the_broker() {
    let (mut connection, _) = opened(secs(10), true);
    let mut out = Vec::new();
    connection.opened(1, secs(10), &mut out);
    connection.binary(1, &frame(11), secs(12), &mut out);
    out.clear();
    connection.stood_still(secs(60));
    connection.time(secs(61), &mut out);
    assert!(!out.contains(&Output::HangUp), "silence is counted from when it went on: {out:?}");
    connection.lost(1, "reset", secs(62), &mut out);
    connection.time(secs(64), &mut out);
    let dial = out.iter().find_map(|of| if let Output::Dial(dial) = of { Some(*dial) } else { None });
    connection.opened(dial.expect("it dials again"), secs(65), &mut out);
    connection.binary(dial.expect("it dials again"), &frame(65), secs(66), &mut out);
    connection.binary(dial.expect("it dials again"), &frame(66), secs(67), &mut out);
    let gap =
        out.iter().find_map(|of| if let Output::Input(Input::FeedGap(gap)) = of { Some(gap.cause) } else { None });
    assert_eq!(gap, Some(GapCause::ApplianceDown));
}
