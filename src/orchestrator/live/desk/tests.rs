//! The desk over days: what it asks for, in which order, whatever is late, dead or missing.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it looks for")]

use barkeep_schemas::{GapCause, Input, NANOS, SessionDate, Ts};
use barkeep_zerodha::feed::Resumed;
use barkeep_zerodha::instruments::Listing;

use super::{Action, Desk, Happened, HeldToken, OpenSession, TokenStanding};
use crate::orchestrator::broker::AccountBook;
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::config::Config;
use crate::orchestrator::live::schedule::Schedule;
use crate::orchestrator::universe::Universe;

/// A Friday with the usual hours: pre-open at 09:00, the last phase ends at 16:00.
const FRIDAY: SessionDate = SessionDate(20_665);

/// A moment of a date, IST.
fn at(date: SessionDate, hours: i64, minutes: i64) -> Ts {
    Ts::from_secs(i64::from(date.0) * 86_400 - 19_800 + hours * 3_600 + minutes * 60)
}

fn universe(symbols: &[&str]) -> Universe {
    let rows: String = symbols.iter().map(|symbol| format!("NSE,{symbol},Any,cash,true,false\n")).collect();
    let text = format!("exchange,tradingsymbol,sector,class,subscribe,record_depth\n{rows}");
    Universe::from_csv(&text, "u.csv").expect("sound")
}

/// A list with these tokens.
fn listing(rows: &[(&str, u32)]) -> Listing {
    let head = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,\
                instrument_type,segment,exchange\n";
    let row = |(symbol, token): &(&str, u32)| {
        format!("{token},{},{symbol},\"{symbol}\",0,,0,0.05,1,EQ,NSE,NSE\n", token >> 8)
    };
    let text = head.to_owned() + &rows.iter().map(row).collect::<String>();
    Listing::read(text.as_bytes()).expect("sound")
}

fn both() -> Listing {
    listing(&[("INFY", 408_065), ("SBIN", 779_521)])
}

fn desk(cached: Option<(SessionDate, Listing)>) -> Desk {
    let config = Config::builtin().expect("sound");
    let schedule = Schedule::new(Calendar::builtin().expect("sound"), config.session);
    Desk::new(schedule, universe(&["INFY", "SBIN"]), config.feed, config.tape.depth, cached, 7)
}

fn token(generation: u64, until: Ts) -> Happened<'static> {
    Happened::Token(Some(HeldToken { generation, valid_until: until }))
}

/// The actions in short.
fn short(actions: &[Action]) -> String {
    let of = |action: &Action| match action {
        Action::Inputs(inputs) => inputs.iter().map(input).collect::<Vec<_>>().join(" "),
        Action::Open(opening) => format!("open {} with {}", opening.day.date, opening.instruments.len()),
        Action::Close(date) => format!("close {date}"),
        Action::Dial(feed, dial) => format!("dial {}/{dial}", feed.0),
        Action::Send(feed, text) => format!("send {} {}", feed.0, text.split('"').nth(3).unwrap_or_default()),
        Action::HangUp(feed) => format!("hang up {}", feed.0),
        Action::Fetch(date) => format!("fetch {date}"),
        Action::Doubt => "doubt".to_owned(),
        Action::Book => "book".to_owned(),
    };
    actions.iter().map(of).collect::<Vec<_>>().join(" | ")
}

fn input(input: &Input) -> String {
    match input {
        Input::FeedReport(report) => report.what.name().to_owned(),
        Input::FeedGap(gap) => format!("gap:{}:{}s", gap.cause.name(), gap.to.secs() - gap.from.secs()),
        Input::InstrumentsFetched(fetched) => format!("fetched:{}", fetched.changes.len()),
        Input::InstrumentListed(instrument) => format!("listed:{}", instrument.symbol),
        other => format!("{other:?}").split('(').next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn a_day_is_fetched_opened_dialled_and_closed() {
    let mut desk = desk(None);
    let morning = at(FRIDAY, 7, 0);
    assert_eq!(short(&desk.happened(Happened::Time, morning)), "");
    assert_eq!(desk.next_time(), at(FRIDAY, 8, 30), "the list is due");
    assert_eq!(short(&desk.happened(token(1, at(FRIDAY.plus_days(1), 6, 0)), morning)), "");
    assert_eq!(short(&desk.happened(Happened::Time, at(FRIDAY, 8, 30))), "fetch 2026-07-31");
    assert_eq!(short(&desk.happened(Happened::Listed(Ok(both())), at(FRIDAY, 8, 31))), "");
    let opened = desk.happened(Happened::Time, at(FRIDAY, 8, 45));
    assert_eq!(short(&opened), "open 2026-07-31 with 2 | fetched:0 | dial 0/1");
    let connected = desk.happened(Happened::Opened(barkeep_schemas::FeedId(0), 1), at(FRIDAY, 8, 45));
    assert_eq!(short(&connected), "connected | send 0 subscribe | send 0 mode | subscribed | book");
    let closed = short(&desk.happened(Happened::Time, at(FRIDAY, 16, 2)));
    assert_eq!(closed, "mute | hang up 0 | gap:disconnect:25200s | close 2026-07-31", "nothing ever came");
    assert!(desk.facts(at(FRIDAY, 16, 2)).day.is_some_and(|day| day.date == FRIDAY.plus_days(3)), "Monday is next");
}

#[test]
fn what_the_broker_has_of_the_account_goes_onto_the_tape_orders_first() {
    let mut desk = desk(None);
    desk.happened(token(1, at(FRIDAY.plus_days(1), 6, 0)), at(FRIDAY, 8, 0));
    desk.happened(Happened::Time, at(FRIDAY, 8, 30));
    desk.happened(Happened::Listed(Ok(both())), at(FRIDAY, 8, 31));
    desk.happened(Happened::Time, at(FRIDAY, 8, 45));
    let orders = br#"{"status":"success","data":[{"order_id":"7","status":"OPEN","transaction_type":"BUY",
        "exchange":"NSE","tradingsymbol":"INFY","instrument_token":408065,"quantity":5}]}"#;
    let trades =
        br#"{"status":"success","data":[{"trade_id":"9","order_id":"7","exchange":"NSE","tradingsymbol":"INFY",
        "instrument_token":408065,"product":"MIS","transaction_type":"BUY","average_price":1500.5,"quantity":5}]}"#;
    let book = AccountBook {
        orders: barkeep_zerodha::rest::orders(200, orders).unwrap(),
        trades: barkeep_zerodha::rest::trades(200, trades).unwrap(),
    };
    let told = desk.happened(Happened::Book(Ok(book)), at(FRIDAY, 8, 46));
    let [Action::Inputs(inputs)] = &*told else { panic!("{told:?}") };
    let [Input::BrokerOrder(order), Input::BrokerTrade(trade)] = &**inputs else { panic!("{inputs:?}") };
    assert_eq!((order.broker_order.as_str(), order.tag.as_deref()), ("7", None));
    assert_eq!((trade.trade.as_str(), trade.instrument), ("9", order.instrument));
    assert!(order.instrument.is_some() && order.ts == at(FRIDAY, 8, 46));
    assert_eq!(short(&desk.happened(Happened::Book(Err("HTTP 503".to_owned())), at(FRIDAY, 8, 47))), "");
}

#[test]
fn what_the_universe_wants_and_no_list_has_is_told() {
    let mut desk = desk(None);
    desk.happened(token(1, at(FRIDAY.plus_days(1), 6, 0)), at(FRIDAY, 8, 0));
    desk.happened(Happened::Time, at(FRIDAY, 8, 30));
    desk.happened(Happened::Listed(Ok(listing(&[("INFY", 408_065)]))), at(FRIDAY, 8, 31));
    let opened = desk.happened(Happened::Time, at(FRIDAY, 8, 45));
    assert_eq!(short(&opened), "open 2026-07-31 with 1 | fetched:1 | dial 0/1");
    let changes = opened.iter().find_map(|action| match action {
        Action::Inputs(inputs) => Some(inputs),
        _ => None,
    });
    let [Input::InstrumentsFetched(fetched)] = &**changes.expect("inputs") else { panic!("{opened:?}") };
    let change = &fetched.changes[0];
    assert_eq!((change.symbol.as_str(), change.what.name()), ("SBIN", "missing"));
}

#[test]
fn a_list_that_does_not_come_is_asked_for_again_and_an_older_one_serves_at_last() {
    let mut desk = desk(Some((FRIDAY.plus_days(-1), both())));
    desk.happened(token(1, at(FRIDAY.plus_days(1), 6, 0)), at(FRIDAY, 8, 0));
    let mut now = at(FRIDAY, 8, 30);
    let (mut asked, mut opened) = (0, None);
    while now < at(FRIDAY, 9, 0) && opened.is_none() {
        for action in desk.happened(Happened::Time, now) {
            match action {
                Action::Fetch(_) => {
                    asked += 1;
                    desk.happened(Happened::Listed(Err("HTTP 503".to_owned())), now);
                }
                Action::Open(opening) => opened = Some((now, opening.instruments.len())),
                _ => {}
            }
        }
        now = Ts::new(now.get() + NANOS);
    }
    let (when, count) = opened.expect("the session is opened with yesterday's list");
    assert_eq!((when, count), (at(FRIDAY, 8, 59), 2));
    assert!((20..200).contains(&asked), "{asked} attempts: patient, and not for ever the same second");
    assert_eq!(desk.facts(when).fetch_error.as_deref(), Some("HTTP 503"));
    let late = desk.happened(Happened::Listed(Ok(listing(&[("INFY", 999_937), ("SBIN", 779_521)]))), at(FRIDAY, 9, 5));
    assert!(short(&late).starts_with("fetched:1"), "the new token is told: {}", short(&late));
}

#[test]
fn a_token_that_dies_at_six_is_waited_for_and_not_dialled_with() {
    let mut desk = desk(Some((FRIDAY, both())));
    let death = at(FRIDAY, 6, 0);
    desk.happened(token(1, death), at(FRIDAY.plus_days(-1), 20, 0));
    let opened = short(&desk.happened(Happened::Time, at(FRIDAY, 8, 45)));
    assert_eq!(opened, "open 2026-07-31 with 2 | token_refused", "no dial");
    assert_eq!(desk.facts(at(FRIDAY, 8, 45)).token, TokenStanding::Expired(death));
    for minute in 46..59 {
        let waits = short(&desk.happened(Happened::Time, at(FRIDAY, 8, minute)));
        assert!(!waits.contains("dial"), "it does not loop: {waits}");
    }
    assert_eq!(short(&desk.happened(token(2, at(FRIDAY.plus_days(1), 6, 0)), at(FRIDAY, 9, 20))), "dial 0/1");
}

#[test]
fn a_token_that_the_broker_refuses_is_asked_about_once_and_then_waited_for() {
    let mut desk = desk(Some((FRIDAY, both())));
    desk.happened(token(1, at(FRIDAY.plus_days(1), 6, 0)), at(FRIDAY, 8, 0));
    desk.happened(Happened::Time, at(FRIDAY, 8, 45));
    let now = at(FRIDAY, 8, 46);
    let refused = desk.happened(Happened::Refused(barkeep_schemas::FeedId(0), 1, 403, "no"), now);
    assert_eq!(short(&refused), "refused | doubt");
    assert_eq!(short(&desk.happened(Happened::TokenVerdict(Some(false)), now)), "token_refused");
    assert_eq!(desk.facts(now).token, TokenStanding::Refused(now));
    assert_eq!(short(&desk.happened(token(1, at(FRIDAY.plus_days(1), 6, 0)), now)), "", "the same one changes nothing");
    assert_eq!(short(&desk.happened(token(2, at(FRIDAY.plus_days(1), 6, 0)), now)), "dial 0/2");
}

#[test]
fn a_session_of_an_earlier_day_is_closed_with_what_was_missed() {
    let mut monday = desk(None);
    let resumed = Resumed { gap_from: at(FRIDAY, 14, 0), cause: GapCause::ApplianceDown, mark: None };
    let mut donor = desk(Some((FRIDAY, both())));
    donor.happened(token(1, at(FRIDAY.plus_days(1), 6, 0)), at(FRIDAY, 8, 0));
    let actions = donor.happened(Happened::Time, at(FRIDAY, 8, 45));
    let instruments = actions.into_iter().find_map(|action| match action {
        Action::Open(opening) => Some(opening.instruments),
        _ => None,
    });
    let open =
        OpenSession { date: FRIDAY, instruments: instruments.expect("opened"), feeds: vec![resumed; 3], desk: None };
    let actions = short(&monday.resume(open, at(FRIDAY.plus_days(3), 8, 0)));
    assert_eq!(actions, "gap:appliance_down:7200s | close 2026-07-31");
    assert!(!monday.is_open());
}

#[test]
fn a_wider_universe_joins_the_session_and_what_left_it_stays_until_the_close() {
    let mut desk = desk(Some((FRIDAY, listing(&[("INFY", 408_065), ("SBIN", 779_521), ("ITC", 424_961)]))));
    desk.happened(token(1, at(FRIDAY.plus_days(1), 6, 0)), at(FRIDAY, 8, 0));
    desk.happened(Happened::Time, at(FRIDAY, 8, 45));
    desk.happened(Happened::Opened(barkeep_schemas::FeedId(0), 1), at(FRIDAY, 8, 45));
    let other = Happened::Universe(universe(&["INFY", "ITC"]));
    let joined = short(&desk.happened(other, at(FRIDAY, 10, 0)));
    assert_eq!(joined, "listed:ITC | send 0 subscribe | send 0 mode | subscribed");
}

#[test]
fn what_is_held_is_subscribed_and_legs_are_kept_deep() {
    let mut desk = desk(None);
    desk.watch(universe(&["INFY"]), at(FRIDAY, 6, 0));
    desk.hold(["SBIN".to_owned()].into());
    desk.happened(token(1, at(FRIDAY.plus_days(1), 6, 0)), at(FRIDAY, 8, 0));
    desk.happened(Happened::Time, at(FRIDAY, 8, 30));
    desk.happened(Happened::Listed(Ok(both())), at(FRIDAY, 8, 31));
    let opened = desk.happened(Happened::Time, at(FRIDAY, 8, 45));
    assert_eq!(short(&opened), "open 2026-07-31 with 2 | fetched:0 | dial 0/1");
    assert_eq!(short(&desk.happened(Happened::Legs(["SBIN".to_owned()].into()), at(FRIDAY, 8, 45))), "");
    let deep: Vec<(String, bool)> =
        desk.subscriptions().into_iter().flatten().map(|of| (of.symbol, of.depth)).collect();
    assert_eq!(deep, [("INFY".to_owned(), false), ("SBIN".to_owned(), true)]);
}
