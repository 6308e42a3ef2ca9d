//! The codes of canonical bytes and the names beside them: a code that was given keeps its meaning for ever.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use barkeep_schemas::*;

/// One line a type: its name, then each code with its name.
macro_rules! lines {
    ($($name:ident),*) => {
        [$(format!("{} {}", stringify!($name), $name::ALL.iter().map(|value| format!("{}={}", value.code(), value.name()))
            .collect::<Vec<_>>().join(" "))),*].join("\n")
    };
}

#[test]
fn codes_and_names_never_change_their_partner() {
    insta::assert_snapshot!(lines!(
        EventKind, Phase, UnallocatedReason, SetAsideReason, RefusalReason, InstrumentClass, GapCause, FileKind,
        BarOrigin, OperatorAction, ReconStatus, ReconCause, CalendarKind, TradeRule, VolumeSource, ConditionEffect,
        CloseReason, FeedHappening, InstrumentChangeKind, Bucket, Scope, OnKill, Route, Segment, Side, Leg, OrderType, Validity,
        Product, Purpose, OrderStatus, GatewayAct, UpdateSource, BrokerStatus, SignalAction, SignalReason, DeskReason, Unit,
        RiskRule, Verdict, OrderWhy, Liquidity, PairState, PairWhy, KillWhy, HealAction
    ), @r"
    EventKind 1=session_opened 2=session_closed 3=clock_mark 4=tick 5=feed_gap 6=instrument_listed 7=config_changed 8=import_started 9=import_finished 10=outside_bar 11=operator_command 12=recon_run 13=recon_difference 14=feed_report 15=instruments_fetched 16=desk_changed 17=gateway_report 18=broker_order 19=broker_trade 20=heal_run 21=bar_correction 128=bar 129=auction_print 130=unallocated_volume 131=volume_reset 132=tick_set_aside 133=input_refused 134=pair_mark 135=equity 136=pair_day 137=contract_note 140=signal 141=entry_refused 142=order 143=risk_decision 144=order_moved 145=move_refused 146=fill 147=pair_moved 148=kill_switch 149=foreign_update 150=order_held 151=cancel_wanted
    Phase 1=pre_open 2=continuous 3=closing_auction 4=post_close
    UnallocatedReason 1=first_value 2=gap 3=auction 4=outside_hours 5=no_price 6=too_late 7=reset
    SetAsideReason 1=ahead_of_clock 2=outside_date 3=no_session 4=too_late
    RefusalReason 1=unknown_instrument 2=unknown_feed 3=session_open 4=no_session 5=clock_backwards 6=contradiction
    InstrumentClass 1=cash 2=derivatives 3=always
    GapCause 1=disconnect 2=silence 3=appliance_down 4=bad_frame 5=declared 6=no_token
    FileKind 1=ticks 2=bars
    BarOrigin 1=broker 2=import
    OperatorAction 1=kill_on 2=kill_off
    ReconStatus 1=missing_internal 2=missing_broker 3=price 4=volume
    ReconCause 1=feed_gap 2=appliance_down 3=late_ticks 4=conflation 5=volume_boundary 6=opening_price 7=auction 8=halt 9=duplicate 10=corporate_action 11=broker_incomplete 12=broker_revised 13=unexplained
    CalendarKind 1=nse 2=always
    TradeRule 1=all 2=qty 3=kite
    VolumeSource 1=nothing 2=quantity 3=cumulative
    ConditionEffect 1=no_ohlc 2=no_open 3=volume_to_previous
    CloseReason 1=complete 2=abandoned
    FeedHappening 1=connected 2=subscribed 3=whole 4=lost 5=refused 6=mute 7=silent 8=bad_frame 9=unknown_packet 10=untimed 11=unlisted 12=stale_first_tick 13=stale_instrument 14=clock_skew 15=token_refused 16=broker_error 17=broker_message 18=order_update 19=unknown_text
    InstrumentChangeKind 1=new_token 2=renamed 3=series 4=tick_size 5=lot_size 6=missing 7=listed
    Bucket 1=LOW 2=MED 3=HIGH
    Scope 1=global 2=LOW 3=MED 4=HIGH
    OnKill 1=flatten 2=hold
    Route 1=paper 2=gateway
    Segment 1=NSE
    Side 1=BUY 2=SELL
    Leg 1=A 2=B
    OrderType 1=MARKET 2=LIMIT 3=SL 4=SL-M
    Validity 1=DAY 2=IOC
    Product 1=CNC 2=MIS 3=NRML
    Purpose 1=entry 2=exit 3=unwind
    OrderStatus 1=NEW 2=APPROVED 3=REJECTED 4=SENT 5=ACKED 6=PARTIAL 7=FILLED 8=CANCELLED 9=EXPIRED 10=UNKNOWN
    GatewayAct 1=started 2=send_attempted 3=answered 4=refused 5=answer_lost 6=cancel_attempted 7=never_reached
    UpdateSource 1=postback 2=rest
    BrokerStatus 1=PENDING 2=OPEN 3=TRIGGER PENDING 4=UPDATE 5=COMPLETE 6=CANCELLED 7=REJECTED
    SignalAction 1=enter_long 2=enter_short 3=exit
    SignalReason 1=entry 2=revert 3=stop 4=timeout 5=flatten 6=stale 7=kill
    DeskReason 2=not_tradable 4=exit_only 5=symbol_throttle 6=bucket_throttle 7=no_price 8=too_small 9=hedge_error 10=not_flat 12=quota
    Unit 1=inr 2=bps 3=count 4=ns 5=flag
    RiskRule 1=kill_switch 2=whitelist 3=market_hours 4=duplicate 5=price_collar 6=stale_price 7=order_rate_second 8=order_rate_minute 9=bucket_order_rate 10=bucket_pairs 11=order_notional 12=symbol_exposure 13=bucket_symbol_exposure 14=bucket_gross 15=bucket_net 16=bucket_capital 17=gross 18=net 19=other_leg 20=reduce_clamp
    Verdict 1=approved 2=resized 3=rejected
    OrderWhy 1=risk 2=routed 3=send_attempted 4=accepted 5=fill 6=cancelled 7=ioc 8=session_end 9=approval_expired 10=broker_rejected 11=price_band 12=answer_lost 13=gateway_restarted 14=broker_state 15=never_reached 16=quota
    Liquidity 1=aggressive 2=unseen 3=passive 4=broker
    PairState 1=FLAT 2=ENTERING 3=OPEN 4=EXITING 5=UNWINDING
    PairWhy 1=entry 2=filled 3=leg_rejected 4=leg_unfilled 5=leg_ended 6=exit 7=flat 8=late_fill 9=killed 10=carried
    KillWhy 1=command 2=drawdown 3=daily_loss 4=carried
    HealAction 1=insert_broker 2=take_broker 3=rebuild 4=revert
    ");
}

#[test]
fn timeframes_never_change_their_code() {
    let shown: Vec<String> = Timeframe::ALL.iter().map(|tf| format!("{}={}", tf.index(), tf.name())).collect();
    assert_eq!(shown.join(" "), "0=1s 1=1 2=3 3=5 4=15 5=30 6=60");
}
