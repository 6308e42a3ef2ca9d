use barkeep_schemas::{
    AuctionPrint, BarOrigin, Depth, Derived, EngineConfig, FeedGap, FeedHappening, FeedId, FeedReport, GapCause,
    Hash32, InputRefused, InstrumentChange, InstrumentChangeKind, InstrumentId, InstrumentsFetched, Level,
    OperatorAction, OperatorCommand, Phase, Qty, RefusalReason, SetAsideReason, Tick, TickSetAside, Timeframe,
    TimeframeSet, Ts, UnallocatedReason, UnallocatedVolume, VolumeReset,
};
use insta::assert_snapshot;

use super::*;
use crate::mirrors::scene::{self, OPEN, price};

fn ts(second: i64) -> Ts {
    Ts::from_secs(OPEN + second)
}

fn full_tick() -> Tick {
    let level = Level { price: price(81_000), qty: Qty::new(5), orders: 2 };
    Tick {
        recv: Ts::new(ts(2).get() + 4_000_000),
        cum_volume: Some(Qty::new(990)),
        bid: Some(price(81_000)),
        ask: Some(price(81_005)),
        last_trade: Some(ts(0)),
        condition: 0x20,
        depth: Some(Box::new(Depth { bids: vec![level.clone()], asks: vec![level.clone(), level] })),
        ..scene::tick(1, 1, 81_002)
    }
}

fn inputs() -> Vec<Event> {
    let gap = FeedGap { feed: FeedId(0), from: ts(5), to: ts(9), cause: GapCause::Disconnect };
    let config = EngineConfig {
        grace_ns: 2_500_000_000,
        ahead_ns: 5_000_000_000,
        horizon_ns: 120_000_000_000,
        reset_after_ns: 60_000_000_000,
    };
    let kill = OperatorCommand {
        action: OperatorAction::KillOn,
        bucket: Some("it".into()),
        flatten: true,
        reason: "broker \"down\"".into(),
        uid: 1_000,
        ts: ts(20),
    };
    vec![
        scene::opened(4, &["INFY", "M&M"]),
        scene::closed(4),
        scene::mark(1),
        Event::Input(Input::Tick(scene::tick(0, 1, 151_745))),
        Event::Input(Input::Tick(full_tick())),
        Event::Input(Input::FeedGap(gap)),
        scene::listed(1, "M&M"),
        Event::Input(Input::ConfigChanged(config)),
        scene::import_started(),
        scene::import_finished(),
        scene::outside(BarOrigin::Import, 1, 1, 81_100),
        Event::Input(Input::OperatorCommand(Box::new(kill))),
        scene::recon_run(18, [1, 0, 1, 0]),
        scene::difference(18, 0, None),
        scene::difference(18, 0, Some(151_830)),
    ]
}

/// What the broker's edge tells.
fn edge() -> Vec<Event> {
    let report = FeedReport {
        feed: FeedId(0),
        ts: ts(6),
        what: FeedHappening::UnknownPacket,
        count: 3,
        detail: "of 37 bytes".into(),
    };
    let change = InstrumentChange {
        symbol: "M&M".into(),
        what: InstrumentChangeKind::TickSize,
        before: "0.05".into(),
        after: "0.10".into(),
    };
    let fetched = InstrumentsFetched {
        date: scene::date(4),
        ts: ts(-2_700),
        hash: Hash32([0xef; 32]),
        rows: 90_321,
        changes: vec![change],
    };
    vec![Event::Input(Input::FeedReport(Box::new(report))), Event::Input(Input::InstrumentsFetched(Box::new(fetched)))]
}

fn derived() -> Vec<Event> {
    let instrument = InstrumentId(0);
    let cause = Seq(7);
    let (volume, timeframes) = (Qty::new(500), TimeframeSet::of(Timeframe::S1).with(Timeframe::M1));
    let events = [
        Derived::AuctionPrint(AuctionPrint {
            instrument,
            phase: Phase::PreOpen,
            ts: ts(-420),
            price: price(151_700),
            volume,
            cause,
        }),
        Derived::UnallocatedVolume(UnallocatedVolume {
            instrument,
            volume,
            from: ts(5),
            to: ts(9),
            timeframes,
            reason: UnallocatedReason::Gap,
            cause,
        }),
        Derived::VolumeReset(VolumeReset {
            instrument,
            before: Qty::new(900),
            after: Qty::new(3),
            since: ts(30),
            cause,
        }),
        Derived::TickSetAside(TickSetAside { instrument, ts: ts(40), reason: SetAsideReason::AheadOfClock, cause }),
        Derived::InputRefused(InputRefused { reason: RefusalReason::UnknownInstrument, cause }),
    ];
    let bar = scene::bar(0, Timeframe::M15, 0, 151_800, 1);
    std::iter::once(bar).chain(events.into_iter().map(Event::Derived)).collect()
}

fn symbol(event: &Event) -> Option<&'static str> {
    event.instrument().map(|id| if id == InstrumentId(0) { "INFY" } else { "M&M" })
}

/// Every event as `show` writes it.
fn all(show: fn(Seq, &Event, Option<&str>) -> String) -> String {
    let events = inputs().into_iter().chain(derived()).chain(edge());
    let lines = (1..).zip(events).map(|(seq, event)| show(Seq(seq), &event, symbol(&event)));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_kind_has_its_line() {
    let shown: std::collections::BTreeSet<EventKind> =
        inputs().iter().chain(&derived()).chain(&edge()).map(Event::kind).collect();
    assert_eq!(shown.len(), EventKind::ALL.len(), "a kind without a golden line");
    assert_snapshot!(all(text), @r#"
     1  2021-06-04 00:00:00 IST      session_opened      -           2021-06-04 run 1, behaviour 3, nse calendar (regular, Asia/Kolkata, tradable), 1 feed, 2 instruments, 0 carried over, grace 3 s, ahead 5 s, horizon 120 s, reset after 60 s, import abababababab
     2  -                            session_closed      -           2021-06-04 complete
     3  2021-06-04 09:15:01 IST      clock_mark          -           feed 0
     4  2021-06-04 09:15:01.250 IST  tick                INFY        1517.45 x 10, feed 0
     5  2021-06-04 09:15:01.250 IST  tick                M&M         810.02 x 10, day volume 990, bid 810, ask 810.05, last trade 09:15:00, condition 0x20, depth 1+2, received 09:15:02.004, feed 0
     6  2021-06-04 09:15:05 IST      feed_gap            -           until 09:15:09, disconnect, feed 0
     7  -                            instrument_listed   M&M         instrument 1, cash, tick size 0.05, lot 1, token 0, feed 0
     8  -                            config_changed      -           grace 2.5 s, ahead 5 s, horizon 120 s, reset after 60 s
     9  -                            import_started      -           bars from 1 file, bars.csv (2.0 KiB); time=1:iso symbol=2; import cdcdcdcdcdcd
    10  -                            import_finished     -           1,234 rows: 1,230 accepted, 4 rejected, 2 duplicates, 1 step back, 0 volume falls; import cdcdcdcdcdcd
    11  2021-06-04 09:16:00 IST      outside_bar         M&M         1m o 1517 h 1520 l 1510 c 811 v 1300, import, session 2021-06-04, import at 11
    12  2021-06-04 09:15:20 IST      operator_command    -           kill_on, bucket it, flatten, "broker \"down\"", uid 1000
    13  -                            recon_run           -           run 18, session 2021-06-04 run 1, 1m of 2 symbols from 2021-06-04 09:15:00 IST to 09:16:00, 4 compared, 2 matched, missing_internal 1, missing_broker 0, price 1, volume 0, tolerance price=1tick,3bp;volume=3%,100, import at 11
    14  2021-06-04 09:15:00 IST      recon_difference    INFY        1m missing_internal (unexplained), ours nothing, broker o 1517.45 h 1520 l 1510 c 1519 v 1200, largest price difference 0, session 2021-06-04, run 18
    15  2021-06-04 09:15:00 IST      recon_difference    INFY        1m price (unexplained), ours o 1517.45 h 1520 l 1510 c 1518.3 v 1200, broker o 1517.45 h 1520 l 1510 c 1519 v 1200, largest price difference 0.7, session 2021-06-04, run 18
    16  2021-06-04 09:15:00 IST      bar                 INFY        15m o 1517.45 h 1520 l 1510 c 1518 v 1200, 3 trades, revision 1, ticks 3 to 3, cause 2
    17  2021-06-04 09:08:00 IST      auction_print       INFY        pre_open 1517 x 500, cause 7
    18  2021-06-04 09:15:09 IST      unallocated_volume  INFY        500 after 09:15:05 (gap), missing in 1s 1m, cause 7
    19  2021-06-04 09:15:30 IST      volume_reset        INFY        900 fell to 3, cause 7
    20  2021-06-04 09:15:40 IST      tick_set_aside      INFY        ahead_of_clock, cause 7
    21  -                            input_refused       -           unknown_instrument, cause 7
    22  2021-06-04 09:15:06 IST      feed_report         -           unknown_packet 3, of 37 bytes, feed 0
    23  2021-06-04 08:30:00 IST      instruments_fetched  -           2021-06-04: 90,321 rows, hash efefefefefef; M&M tick_size 0.05 -> 0.10
    "#);
}

#[test]
fn every_kind_has_its_object_without_a_key_twice() {
    let json = all(|seq, event, symbol| serde_json::to_string(&object(seq, event, symbol)).unwrap());
    for line in json.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap().len(), line.len(), "a key twice in {line}");
    }
    let ends: Vec<&str> = json.lines().map(|line| &line[..line.len().min(150)]).collect();
    assert_snapshot!(ends.join("\n"), @r#"
    {"seq":1,"kind":"session_opened","date":"2021-06-04","run":1,"behaviour":3,"import":"abababababababababababababababababababababababababababababababab"
    {"seq":2,"kind":"session_closed","date":"2021-06-04","reason":"complete"}
    {"seq":3,"kind":"clock_mark","feed":0,"ts":1622778301000000000}
    {"seq":4,"kind":"tick","symbol":"INFY","instrument":0,"feed":0,"ts":1622778301250000000,"recv":1622778301250000000,"price":1517.45,"qty":10}
    {"seq":5,"kind":"tick","symbol":"M&M","instrument":1,"feed":0,"ts":1622778301250000000,"recv":1622778302004000000,"price":810.02,"qty":10,"cum_volume"
    {"seq":6,"kind":"feed_gap","feed":0,"from":1622778305000000000,"to":1622778309000000000,"cause":"disconnect"}
    {"seq":7,"kind":"instrument_listed","id":1,"feed":0,"token":0,"symbol":"M&M","class":"cash","tick_size":0.05,"lot_size":1}
    {"seq":8,"kind":"config_changed","grace_ns":2500000000,"ahead_ns":5000000000,"horizon_ns":120000000000,"reset_after_ns":60000000000}
    {"seq":9,"kind":"import_started","id":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","file_kind":"bars","files":[{"name":"bars.csv
    {"seq":10,"kind":"import_finished","id":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","rows":1234,"accepted":1230,"rejected":4,"d
    {"seq":11,"kind":"outside_bar","symbol":"M&M","origin":"import","session_date":"2021-06-04","instrument":1,"tf":"1","start":1622778360000000000,"open"
    {"seq":12,"kind":"operator_command","action":"kill_on","bucket":"it","flatten":true,"reason":"broker \"down\"","uid":1000,"ts":1622778320000000000}
    {"seq":13,"kind":"recon_run","run_id":18,"session_date":"2021-06-04","session_run":1,"tf":"1","symbols":[0,1],"import":11,"from":1622778300000000000,"
    {"seq":14,"kind":"recon_difference","symbol":"INFY","run_id":18,"session_date":"2021-06-04","instrument":0,"tf":"1","ts":1622778300000000000,"status":
    {"seq":15,"kind":"recon_difference","symbol":"INFY","run_id":18,"session_date":"2021-06-04","instrument":0,"tf":"1","ts":1622778300000000000,"status":
    {"seq":16,"kind":"bar","symbol":"INFY","instrument":0,"tf":"15","start":1622778300000000000,"open":1517.45,"high":1520.0,"low":1510.0,"close":1518.0,"
    {"seq":17,"kind":"auction_print","symbol":"INFY","instrument":0,"phase":"pre_open","ts":1622777880000000000,"price":1517.0,"volume":500,"cause":7}
    {"seq":18,"kind":"unallocated_volume","symbol":"INFY","instrument":0,"volume":500,"from":1622778305000000000,"to":1622778309000000000,"timeframes":["1
    {"seq":19,"kind":"volume_reset","symbol":"INFY","instrument":0,"before":900,"after":3,"since":1622778330000000000,"cause":7}
    {"seq":20,"kind":"tick_set_aside","symbol":"INFY","instrument":0,"ts":1622778340000000000,"reason":"ahead_of_clock","cause":7}
    {"seq":21,"kind":"input_refused","reason":"unknown_instrument","cause":7}
    {"seq":22,"kind":"feed_report","feed":0,"ts":1622778306000000000,"what":"unknown_packet","count":3,"detail":"of 37 bytes"}
    {"seq":23,"kind":"instruments_fetched","date":"2021-06-04","ts":1622775600000000000,"hash":"efefefefefefefefefefefefefefefefefefefefefefefefefefefefef
    "#);
}
