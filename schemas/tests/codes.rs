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
        CloseReason, FeedHappening, InstrumentChangeKind
    ), @r"
    EventKind 1=session_opened 2=session_closed 3=clock_mark 4=tick 5=feed_gap 6=instrument_listed 7=config_changed 8=import_started 9=import_finished 10=outside_bar 11=operator_command 12=recon_run 13=recon_difference 14=feed_report 15=instruments_fetched 128=bar 129=auction_print 130=unallocated_volume 131=volume_reset 132=tick_set_aside 133=input_refused
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
    ");
}

#[test]
fn timeframes_never_change_their_code() {
    let shown: Vec<String> = Timeframe::ALL.iter().map(|tf| format!("{}={}", tf.index(), tf.name())).collect();
    assert_eq!(shown.join(" "), "0=1s 1=1 2=3 3=5 4=15 5=30 6=60");
}
