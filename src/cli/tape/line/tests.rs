use barkeep_schemas::{
    AuctionPrint, BarCorrection, BarOrigin, Depth, Derived, EngineConfig, FeedGap, FeedHappening, FeedId, FeedReport,
    GapCause, Hash32, HealAction, HealRun, InputRefused, InstrumentChange, InstrumentChangeKind, InstrumentId,
    InstrumentsFetched, Level, Ohlcv, OperatorAction, OperatorCommand, Phase, Price, Qty, ReconCause, RefusalReason,
    SessionDate, SetAsideReason, Tick, TickSetAside, Timeframe, TimeframeSet, Ts, UnallocatedReason, UnallocatedVolume,
    VolumeReset,
};
use insta::assert_snapshot;

use super::*;
use crate::mirrors::scene::{self, OPEN, price};

/// The same desk as in the stored samples of the schemas.
#[path = "../../../../schemas/tests/samples/desk.rs"]
#[allow(dead_code, reason = "here only the events count")]
mod desk;

/// What the samples are made of.
#[allow(dead_code, reason = "here only the events count")]
struct Sample {
    version: u8,
    name: &'static str,
    event: Event,
}

fn input(version: u8, name: &'static str, input: Input) -> Sample {
    Sample { version, name, event: Event::Input(input) }
}

fn derived(version: u8, name: &'static str, derived: Derived) -> Sample {
    Sample { version, name, event: Event::Derived(derived) }
}

fn at(millis: i64) -> Ts {
    Ts::new(OPEN * 1_000_000_000 + millis * 1_000_000)
}

fn qty(raw: i64) -> Qty {
    Qty::new(raw)
}

/// What the pairs desk is told, hears and makes.
fn traded() -> Vec<Event> {
    let scene = scene::opened(4, &["INFY", "M&M"]);
    let Event::Input(Input::SessionOpened(opened)) = scene else { panic!("{scene:?}") };
    let opened = barkeep_schemas::SessionOpened { desk: Some(Box::new(desk::opened())), ..*opened };
    let opened = Event::Input(Input::SessionOpened(Box::new(opened)));
    std::iter::once(opened).chain(desk::all().into_iter().map(|sample| sample.event)).collect()
}

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

fn made() -> Vec<Event> {
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

/// What the healer adds.
fn healed() -> Vec<Event> {
    let bar = |close| Ohlcv {
        open: Price::new(15_174_500),
        high: Price::new(15_200_000),
        low: Price::new(15_100_000),
        close: Price::new(close),
        volume: Qty::new(1_200),
    };
    let correction = |before, after| BarCorrection {
        run_id: Seq(60),
        session_date: SessionDate(18_782),
        session_run: 1,
        instrument: InstrumentId(0),
        tf: Timeframe::M1,
        start: ts(0),
        action: if after == Some(bar(15_190_000)) { HealAction::TakeBroker } else { HealAction::Revert },
        cause: Some(ReconCause::FeedGap),
        before,
        after,
        revision: 2,
        source: None,
    };
    let run = |reverts| HealRun {
        run_id: Seq(60),
        recon: Seq(18),
        session_date: SessionDate(18_782),
        session_run: 1,
        policy: "default".into(),
        corrections: 7,
        left: 1,
        reverts,
        at: None,
    };
    let corrections = [(Some(bar(15_183_000)), Some(bar(15_190_000))), (Some(bar(15_183_000)), None)];
    let corrections = corrections.map(|(before, after)| Input::BarCorrection(Box::new(correction(before, after))));
    let runs = [run(None), run(Some(Seq(60)))].map(|run| Input::HealRun(Box::new(run)));
    runs.into_iter().chain(corrections).map(Event::Input).collect()
}

#[test]
fn what_the_healer_adds_has_its_lines() {
    let lines = (1..).zip(healed()).map(|(seq, event)| text(Seq(seq), &event, symbol(&event)));
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
    1  -                            heal_run            -           session 2021-06-04, after recon 18, policy default: 7 corrections, 1 left, run 60
    2  -                            heal_run            -           session 2021-06-04, takes back run 60: 7 corrections, 1 left, run 60
    3  2021-06-04 09:15:00 IST      bar_correction      INFY        1m take_broker (feed_gap), o 1517.45 h 1520 l 1510 c 1518.3 v 1200 -> o 1517.45 h 1520 l 1510 c 1519 v 1200, revision 2, session 2021-06-04, run 60
    4  2021-06-04 09:15:00 IST      bar_correction      INFY        1m revert (feed_gap), o 1517.45 h 1520 l 1510 c 1518.3 v 1200 -> nothing, revision 2, session 2021-06-04, run 60
    ");
}

fn symbol(event: &Event) -> Option<&'static str> {
    event.instrument().map(|id| if id == InstrumentId(0) { "INFY" } else { "M&M" })
}

/// Every event as `show` writes it.
fn all(show: fn(Seq, &Event, Option<&str>) -> String) -> String {
    let events = inputs().into_iter().chain(made()).chain(edge()).chain(traded());
    let lines = (1..).zip(events).map(|(seq, event)| show(Seq(seq), &event, symbol(&event)));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_kind_has_its_line() {
    let shown: std::collections::BTreeSet<EventKind> =
        inputs().iter().chain(&made()).chain(&edge()).chain(&traded()).chain(&healed()).map(Event::kind).collect();
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
    24  2021-06-04 00:00:00 IST      session_opened      -           2021-06-04 run 1, behaviour 3, nse calendar (regular, Asia/Kolkata, tradable), 1 feed, 2 instruments, 0 carried over, grace 3 s, ahead 5 s, horizon 120 s, reset after 60 s, import abababababab, desk (whitelist 2026-07-31, 1 pair (1 to be left only), capital INR 1000000, gateway route, 1 charge rate, 2 pairs carried over, 1 held, 1 kill switch on)
    25  -                            desk_changed        -           whitelist 2026-07-31, 1 pair (1 to be left only), capital INR 1000000, gateway route, 1 charge rate
    26  -                            desk_changed        -           whitelist none, 0 pairs (0 to be left only), capital INR 1000000, gateway route, 1 charge rate
    27  2021-06-04 09:16:01 IST      gateway_report      -           started, "success"
    28  2021-06-04 09:16:01 IST      gateway_report      -           answered, order bk003b7pr, broker order 260731000012345, "success"
    29  2021-06-04 09:16:02 IST      broker_order        M&M         UPDATE "UPDATE", BUY 100 HDFCBANK, 40 filled at 241550, tag bk003b7pr, broker order 260731000012345, by postback
    30  2021-06-04 09:16:02 IST      broker_order        -           UPDATE "UPDATE", BUY 100 HDFCBANK, 40 filled at 241550, tag none, broker order 260731000012345, by postback
    31  2021-06-04 09:16:02 IST      broker_trade        M&M         SELL 40 HDFCBANK at 241550, trade 77001234, tag bk003b7pr, broker order 260731000012345, by rest
    32  2021-06-04 09:16:02 IST      broker_trade        -           SELL 40 HDFCBANK at 241550, trade 77001234, tag none, broker order 260731000012345, by rest
    33  2021-06-04 09:20:00 IST      pair_mark           -           pair 3, z none, spread 0.250000, mean none, deviation none, closes 241550 160000, bars 9001 9002, revised, cause 9000
    34  2021-06-04 09:20:00 IST      pair_mark           -           pair 3, z 2.000000, spread 0.250000, mean 0.125000, deviation 0.062500, closes 241550 160000, bars 9001 9002, step over the night -0.500000, cause 9000
    35  2021-06-04 09:25:00 IST      signal              -           pair 3, enter_short (entry), z 1.750000, before 2.125000, threshold 2, mark 9003, cause 9000
    36  2021-06-04 09:25:00 IST      signal              -           pair 3, exit (flatten), cause 9000
    37  2021-06-04 09:25:00 IST      entry_refused       -           pair 3, symbol_throttle, limit 60 s, value 5 s, signal 9004, cause 9000
    38  2021-06-04 09:25:00 IST      order               M&M         bk003b7pr, unwind BUY 151 MARKET 160800, DAY MIS HIGH, pair 3, reference 160000 of tick 9990, cause 9999
    39  2021-06-04 09:25:00 IST      order               M&M         bk003b7pr, entry BUY 151 SL 160800, trigger 160700, IOC MIS HIGH, pair 3, signal 9004, reference 160000 of tick 9990, cause 9999
    40  2021-06-04 09:25:00 IST      risk_decision       -           bk003b7pr, approved 151 of 151, reserved 241600, 0 checks, cause 9999
    41  2021-06-04 09:25:00 IST      risk_decision       -           bk003b7pr, resized 125 of 151 by order_notional, limit INR 200000, value INR 241600, reserved 200000, 2 checks, cause 9999
    42  2021-06-04 09:25:00 IST      order_moved         -           bk003b7pr, SENT -> ACKED (accepted), 40 filled, 111 open, cause 9999
    43  2021-06-04 09:25:00 IST      order_moved         -           bk003b7pr, ACKED -> PARTIAL (fill), 40 filled, 111 open, broker order 260731000012345, "UPDATE", cause 9999
    44  2021-06-04 09:25:00 IST      move_refused        -           bk003b7pr, FILLED stays, not CANCELLED (broker_state), cause 9999
    45  2021-06-04 09:25:00 IST      fill                M&M         bk003b7pr, SELL 40 at 159900, passive of 75, late, charges 66.74, position -40 at 159900, realised 0.00, trade bk003b7pr-2, cause 9999
    46  2021-06-04 09:25:00 IST      order_held          -           bk003b7pr, the broker's rate of 10 in 1 s is used up, cause 9999
    47  2021-06-04 09:25:00 IST      cancel_wanted       -           bk003b7pr, leg_rejected, cause 9999
    48  2021-06-04 09:16:01 IST      foreign_update      -           BUY 1 SBIN "OPEN", tag none, broker order 260731000099999, cause 9999
    49  2021-06-04 09:16:01 IST      foreign_update      -           BUY 1 SBIN "OPEN", tag algo7, broker order 260731000099999, cause 9999
    50  2021-06-04 09:26:00 IST      pair_moved          -           pair 3, FLAT -> ENTERING (entry), holds 100 A -151 B, cause 9999
    51  2021-06-04 09:26:00 IST      kill_switch         -           global on (drawdown), flatten, limit 500 bp, value 512 bp, "drawdown 5.12 %", cause 9999
    52  2021-06-04 09:26:00 IST      equity              -           HIGH, equity stale, tradable stale, capital 11258999.07, high water 11258999.07, realised 0.00, unrealised stale, charges 33.71, cause 9999
    53  2021-06-04 09:26:00 IST      equity              -           HIGH, equity 11258999.07, tradable 5629499.53, capital 11258999.07, high water 11258999.07, drawdown -0.2500 %, gross 400000, net -0.0005, realised 0.00, unrealised 0.00, charges 33.71, cause 9999
    54  -                            pair_day            -           pair 3, 2 entries, 1 exit, 6 orders, 9 fills, holds 0 A -1 B, realised 0.00, unrealised 0.00, charges 33.71, cause 9999
    55  -                            contract_note       -           4 orders, 7 trades, bought 150000, sold 150100, charges 101 (brokerage 20.00, stt 37.53, exchange 4.61, sebi 0.15, stamp 0.00, gst 4.46, stt on the note 38), cause 9999
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
    {"seq":24,"kind":"session_opened","date":"2021-06-04","run":1,"behaviour":3,"import":"abababababababababababababababababababababababababababababababab
    {"seq":25,"kind":"desk_changed","whitelist_date":"2026-07-31","pairs":[{"id":3,"name":"HDFCBANK_ICICIBANK_5m","leg_a":7,"leg_b":300,"tf":"5","beta":1.
    {"seq":26,"kind":"desk_changed","whitelist_date":null,"pairs":[],"limits":{"total_cash":1000000.0,"holdback_bps":2000,"leverage_bps":20000,"max_gross"
    {"seq":27,"kind":"gateway_report","act":"started","order":null,"broker_order":null,"words":"success","ts":1622778361000000000}
    {"seq":28,"kind":"gateway_report","act":"answered","order":"bk003b7pr","broker_order":"260731000012345","words":"success","ts":1622778361000000000}
    {"seq":29,"kind":"broker_order","source":"postback","broker_order":"260731000012345","tag":"bk003b7pr","instrument":7,"symbol":"HDFCBANK","side":"BUY"
    {"seq":30,"kind":"broker_order","source":"postback","broker_order":"260731000012345","tag":null,"instrument":null,"symbol":"HDFCBANK","side":"BUY","st
    {"seq":31,"kind":"broker_trade","source":"rest","trade":"77001234","broker_order":"260731000012345","tag":"bk003b7pr","instrument":7,"symbol":"HDFCBAN
    {"seq":32,"kind":"broker_trade","source":"rest","trade":"77001234","broker_order":"260731000012345","tag":null,"instrument":null,"symbol":"HDFCBANK","
    {"seq":33,"kind":"pair_mark","pair":3,"start":1622778600000000000,"close_a":241550.0,"close_b":160000.0,"bar_a":9001,"bar_b":9002,"spread":0.25,"mean"
    {"seq":34,"kind":"pair_mark","pair":3,"start":1622778600000000000,"close_a":241550.0,"close_b":160000.0,"bar_a":9001,"bar_b":9002,"spread":0.25,"mean"
    {"seq":35,"kind":"signal","pair":3,"action":"enter_short","reason":"entry","mark":9003,"z":1.75,"z_before":2.125,"threshold":2.0,"ts":1622778900000000
    {"seq":36,"kind":"signal","pair":3,"action":"exit","reason":"flatten","mark":null,"z":null,"z_before":null,"threshold":null,"ts":1622778900000000000,"
    {"seq":37,"kind":"entry_refused","pair":3,"signal":9004,"reason":"symbol_throttle","limit":60000000000,"value":5000000000,"unit":"ns","ts":16227789000
    {"seq":38,"kind":"order","symbol":"M&M","id":"bk003b7pr","instrument":300,"side":"BUY","qty":151,"order_type":"MARKET","price":160800.0,"trigger":null
    {"seq":39,"kind":"order","symbol":"M&M","id":"bk003b7pr","instrument":300,"side":"BUY","qty":151,"order_type":"SL","price":160800.0,"trigger":160700.0
    {"seq":40,"kind":"risk_decision","order":"bk003b7pr","verdict":"approved","rule":null,"checks":[],"asked":151,"allowed":151,"reserved":241600.0,"ts":1
    {"seq":41,"kind":"risk_decision","order":"bk003b7pr","verdict":"resized","rule":"order_notional","checks":[{"rule":"kill_switch","limit":0,"value":0,"
    {"seq":42,"kind":"order_moved","order":"bk003b7pr","from":"SENT","to":"ACKED","why":"accepted","filled":40,"open":111,"broker_order":null,"words":"","
    {"seq":43,"kind":"order_moved","order":"bk003b7pr","from":"ACKED","to":"PARTIAL","why":"fill","filled":40,"open":111,"broker_order":"260731000012345",
    {"seq":44,"kind":"move_refused","order":"bk003b7pr","from":"FILLED","to":"CANCELLED","why":"broker_state","ts":1622778900000000000,"cause":9999}
    {"seq":45,"kind":"fill","symbol":"M&M","order":"bk003b7pr","trade":"bk003b7pr-2","instrument":300,"side":"SELL","qty":40,"price":159900.0,"liquidity":
    {"seq":46,"kind":"order_held","order":"bk003b7pr","limit":10,"window_ns":1000000000,"ts":1622778900000000000,"cause":9999}
    {"seq":47,"kind":"cancel_wanted","order":"bk003b7pr","why":"leg_rejected","ts":1622778900000000000,"cause":9999}
    {"seq":48,"kind":"foreign_update","broker_order":"260731000099999","tag":null,"symbol":"SBIN","side":"BUY","qty":1,"words":"OPEN","ts":162277836100000
    {"seq":49,"kind":"foreign_update","broker_order":"260731000099999","tag":"algo7","symbol":"SBIN","side":"BUY","qty":1,"words":"OPEN","ts":162277836100
    {"seq":50,"kind":"pair_moved","pair":3,"from":"FLAT","to":"ENTERING","why":"entry","qty_a":100,"qty_b":-151,"ts":1622778960000000000,"cause":9999}
    {"seq":51,"kind":"kill_switch","scope":"global","on":true,"why":"drawdown","flatten":true,"limit":500,"value":512,"reason":"drawdown 5.12 %","ts":1622
    {"seq":52,"kind":"equity","scope":"HIGH","capital":11258999.06842624,"equity":null,"tradable":null,"high_water":11258999.06842624,"drawdown_pct":null,
    {"seq":53,"kind":"equity","scope":"HIGH","capital":11258999.06842624,"equity":11258999.06842617,"tradable":5629499.53421312,"high_water":11258999.0684
    {"seq":54,"kind":"pair_day","pair":3,"entries":2,"exits":1,"orders":6,"fills":9,"qty_a":0,"qty_b":-1,"realised":0.00001234,"unrealised":-5e-8,"charges
    {"seq":55,"kind":"contract_note","orders":4,"trades":7,"bought":150000.0,"sold":150100.0,"charges":{"brokerage":20.0,"stt":37.525,"exchange":4.60807,"
    "#);
}
