//! The fields of each kind of event in a readable order. Times are IST, prices exact, and what is usual is left out.

mod desk;

use std::fmt::Display;

use barkeep_schemas::{
    Bar, BarCorrection, Derived, EngineConfig, Event, FeedGap, FeedReport, HealRun, ImportFinished, ImportStarted,
    Input, Instrument, InstrumentChange, InstrumentsFetched, NANOS, Ohlcv, OperatorCommand, OutsideBar, Price, Qty,
    ReconDifference, ReconRun, ReconStatus, SessionOpened, Tick, Ts, UnallocatedVolume,
};

use super::short;
use crate::cli::moment::{ist, ist_clock, ist_date};
use crate::cli::screen::{bytes, count};

/// The words for an event.
pub(super) fn fields(event: &Event) -> String {
    match event {
        Event::Input(input) => input_fields(input),
        Event::Derived(derived) => derived_fields(derived),
    }
}

fn input_fields(input: &Input) -> String {
    match input {
        Input::SessionOpened(opened) => session_opened(opened),
        Input::SessionClosed(closed) => format!("{} {}", closed.date, closed.reason),
        Input::ClockMark(mark) => format!("feed {}", mark.feed.0),
        Input::Tick(tick) => self::tick(tick),
        Input::FeedGap(gap) => feed_gap(gap),
        Input::InstrumentListed(instrument) => self::instrument(instrument),
        Input::ConfigChanged(config) => self::config(config),
        Input::ImportStarted(started) => import_started(started),
        Input::ImportFinished(finished) => import_finished(finished),
        Input::OutsideBar(bar) => outside_bar(bar),
        Input::OperatorCommand(command) => operator_command(command),
        Input::ReconRun(run) => recon_run(run),
        Input::ReconDifference(difference) => recon_difference(difference),
        Input::FeedReport(report) => feed_report(report),
        Input::InstrumentsFetched(fetched) => instruments_fetched(fetched),
        Input::DeskChanged(setup) => desk::setup(setup),
        Input::GatewayReport(report) => desk::gateway_report(report),
        Input::BrokerOrder(order) => desk::broker_order(order),
        Input::BrokerTrade(trade) => desk::broker_trade(trade),
        Input::HealRun(run) => heal_run(run),
        Input::BarCorrection(correction) => bar_correction(correction),
    }
}

fn derived_fields(derived: &Derived) -> String {
    match derived {
        Derived::Bar(bar) => self::bar(bar),
        Derived::AuctionPrint(print) => {
            format!("{} {} x {}, cause {}", print.phase, print.price, print.volume, print.cause)
        }
        Derived::UnallocatedVolume(volume) => unallocated(volume),
        Derived::VolumeReset(reset) => format!("{} fell to {}, cause {}", reset.before, reset.after, reset.cause),
        Derived::TickSetAside(tick) => format!("{}, cause {}", tick.reason, tick.cause),
        Derived::InputRefused(refused) => format!("{}, cause {}", refused.reason, refused.cause),
        Derived::PairMark(mark) => desk::pair_mark(mark),
        Derived::EquityMark(mark) => desk::equity_mark(mark),
        Derived::PairDay(day) => desk::pair_day(day),
        Derived::ContractNote(note) => desk::contract_note(note),
        Derived::Signal(signal) => desk::signal(signal),
        Derived::EntryRefused(refused) => desk::entry_refused(refused),
        Derived::OrderCreated(order) => desk::order_created(order),
        Derived::RiskDecision(decision) => desk::risk_decision(decision),
        Derived::OrderMoved(moved) => desk::order_moved(moved),
        Derived::MoveRefused(refused) => desk::move_refused(refused),
        Derived::Fill(fill) => desk::fill(fill),
        Derived::PairMoved(moved) => desk::pair_moved(moved),
        Derived::KillSwitched(switched) => desk::kill_switched(switched),
        Derived::ForeignUpdate(update) => desk::foreign_update(update),
        Derived::OrderHeld(held) => desk::order_held(held),
        Derived::CancelWanted(wanted) => desk::cancel_wanted(wanted),
    }
}

/// `1 file`, `2 files`.
fn number(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", count(number)) }
}

/// A clock time, with the date where it is another one than that of `beside`.
fn time_beside(ts: Ts, beside: Ts) -> String {
    if ist_date(ts) == ist_date(beside) { ist_clock(ts) } else { ist(ts) }
}

/// Appends `, name value` where there is a value.
fn also(out: &mut String, name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        out.push_str(&format!(", {name} {value}"));
    }
}

/// Nanoseconds as seconds.
fn secs(nanos: i64) -> String {
    format!("{} s", nanos as f64 / NANOS as f64)
}

fn ohlcv(open: Price, high: Price, low: Price, close: Price, volume: Qty) -> String {
    format!("o {open} h {high} l {low} c {close} v {volume}")
}

fn session_opened(opened: &SessionOpened) -> String {
    let SessionOpened { date, run, behaviour, import, calendar, config, feeds, instruments, opening, desk } = opened;
    let mut out = format!(
        "{date} run {run}, behaviour {behaviour}, {} calendar ({}, {}, {}), {}, {}, {} carried over, {}",
        calendar.kind,
        calendar.name,
        calendar.zone,
        if calendar.tradable { "tradable" } else { "not tradable" },
        number(feeds.len() as u64, "feed"),
        number(instruments.len() as u64, "instrument"),
        opening.len(),
        self::config(config),
    );
    also(&mut out, "import", import.map(short));
    also(&mut out, "desk", desk.as_ref().map(|desk| desk::opened(desk)));
    out
}

fn config(config: &EngineConfig) -> String {
    let EngineConfig { grace_ns, ahead_ns, horizon_ns, reset_after_ns } = *config;
    let [grace, ahead, horizon, reset] = [grace_ns, ahead_ns, horizon_ns, reset_after_ns].map(secs);
    format!("grace {grace}, ahead {ahead}, horizon {horizon}, reset after {reset}")
}

fn tick(tick: &Tick) -> String {
    let mut out = tick.price.to_string();
    if let Some(qty) = tick.qty {
        out.push_str(&format!(" x {qty}"));
    }
    also(&mut out, "day volume", tick.cum_volume);
    also(&mut out, "bid", tick.bid);
    also(&mut out, "ask", tick.ask);
    also(&mut out, "last trade", tick.last_trade.map(|ts| time_beside(ts, tick.ts)));
    also(&mut out, "condition", (tick.condition != 0).then(|| format!("{:#x}", tick.condition)));
    also(&mut out, "depth", tick.depth.as_ref().map(|depth| format!("{}+{}", depth.bids.len(), depth.asks.len())));
    also(&mut out, "received", (tick.recv != tick.ts).then(|| time_beside(tick.recv, tick.ts)));
    also(&mut out, "feed", Some(tick.feed.0));
    out
}

fn feed_gap(gap: &FeedGap) -> String {
    format!("until {}, {}, feed {}", time_beside(gap.to, gap.from), gap.cause, gap.feed.0)
}

fn instrument(instrument: &Instrument) -> String {
    let Instrument { id, feed, token, symbol: _, class, tick_size, lot_size } = instrument;
    format!("instrument {}, {class}, tick size {tick_size}, lot {lot_size}, token {token}, feed {}", id.0, feed.0)
}

fn import_started(started: &ImportStarted) -> String {
    let files = started.files.iter().map(|file| format!("{} ({})", file.name, bytes(file.bytes)));
    let files = files.collect::<Vec<_>>().join(", ");
    let head = number(started.files.len() as u64, "file");
    format!("{} from {head}, {files}; {}; import {}", started.kind, started.mapping, short(started.id))
}

fn import_finished(finished: &ImportFinished) -> String {
    let ImportFinished { id, rows, accepted, rejected, duplicates, steps_back, volume_falls } = *finished;
    format!(
        "{}: {} accepted, {} rejected, {}, {} back, {}; import {}",
        number(rows, "row"),
        count(accepted),
        count(rejected),
        number(duplicates, "duplicate"),
        number(steps_back, "step"),
        number(volume_falls, "volume fall"),
        short(id)
    )
}

fn outside_bar(bar: &OutsideBar) -> String {
    let OutsideBar { origin, session_date, instrument: _, tf, start: _, open, high, low, close, volume, import } = *bar;
    let numbers = ohlcv(open, high, low, close, volume);
    format!("{} {numbers}, {origin}, session {session_date}, import at {import}", tf.label())
}

fn operator_command(command: &OperatorCommand) -> String {
    let OperatorCommand { action, bucket, flatten, reason, uid, ts: _ } = command;
    let bucket = bucket.as_ref().map_or_else(|| "all buckets".to_owned(), |bucket| format!("bucket {bucket}"));
    let flatten = if *flatten { ", flatten" } else { "" };
    format!("{action}, {bucket}{flatten}, {reason:?}, uid {uid}")
}

fn recon_run(run: &ReconRun) -> String {
    let ReconRun {
        run_id,
        session_date,
        session_run,
        tf,
        symbols,
        import,
        from,
        to,
        tolerance,
        compared,
        matched,
        differences,
        at,
    } = run;
    let session = match session_run {
        0 => session_date.to_string(),
        run => format!("{session_date} run {run}"),
    };
    let statuses = ReconStatus::ALL.iter().zip(differences);
    let statuses = statuses.map(|(status, found)| format!("{status} {}", count(*found))).collect::<Vec<_>>().join(", ");
    format!(
        "run {run_id}{}, session {session}, {} of {} from {} to {}, {} compared, {} matched, {statuses}, tolerance \
         {tolerance}, import at {import}",
        made(*at),
        tf.label(),
        number(symbols.len() as u64, "symbol"),
        ist(*from),
        time_beside(*to, *from),
        count(*compared),
        count(*matched),
    )
}

/// Five numbers of a bar, or that there is none.
fn side(bar: &Option<Ohlcv>) -> String {
    match bar {
        Some(bar) => ohlcv(bar.open, bar.high, bar.low, bar.close, bar.volume),
        None => "nothing".to_owned(),
    }
}

/// When a run was made, where it says so.
fn made(at: Option<Ts>) -> String {
    at.map_or_else(String::new, |at| format!(" of {}", ist(at)))
}

fn heal_run(run: &HealRun) -> String {
    let HealRun { run_id, recon, session_date, session_run: _, policy, corrections, left, reverts, at } = run;
    let what = match reverts {
        Some(reverted) => format!("takes back run {reverted}"),
        None => format!("after recon {recon}, policy {policy}"),
    };
    format!("session {session_date}, {what}: {corrections} corrections, {left} left, run {run_id}{}", made(*at))
}

fn bar_correction(correction: &BarCorrection) -> String {
    let BarCorrection { run_id, session_date, tf, action, before, after, revision, cause, .. } = correction;
    let cause = cause.map_or_else(String::new, |cause| format!(" ({cause})"));
    format!(
        "{} {action}{cause}, {} -> {}, revision {revision}, session {session_date}, run {run_id}",
        tf.label(),
        side(before),
        side(after),
    )
}

fn recon_difference(difference: &ReconDifference) -> String {
    let ReconDifference { run_id, session_date, tf, status, cause, internal, broker, diff_max, .. } = difference;
    format!(
        "{} {status} ({cause}), ours {}, broker {}, largest price difference {diff_max}, session {session_date}, run \
         {run_id}",
        tf.label(),
        side(internal),
        side(broker),
    )
}

fn feed_report(report: &FeedReport) -> String {
    let FeedReport { feed, ts: _, what, count: times, detail } = report;
    let times = if *times == 1 { String::new() } else { format!(" {}", count(*times)) };
    let detail = if detail.is_empty() { String::new() } else { format!(", {detail}") };
    format!("{what}{times}{detail}, feed {}", feed.0)
}

fn instruments_fetched(fetched: &InstrumentsFetched) -> String {
    let InstrumentsFetched { date, ts: _, hash, rows, changes } = fetched;
    let mut out = format!("{date}: {}, hash {}", number(*rows, "row"), short(*hash));
    for InstrumentChange { symbol, what, before, after } in changes {
        out.push_str(&format!("; {symbol} {what} {before} -> {after}"));
    }
    out
}

fn bar(bar: &Bar) -> String {
    let Bar { tf, open, high, low, close, volume, n_trades, revision, cause, first_tick, last_tick, .. } = *bar;
    let numbers = ohlcv(open, high, low, close, volume);
    format!(
        "{} {numbers}, {}, revision {revision}, ticks {first_tick} to {last_tick}, cause {cause}",
        tf.label(),
        number(u64::from(n_trades), "trade")
    )
}

fn unallocated(volume: &UnallocatedVolume) -> String {
    let UnallocatedVolume { instrument: _, volume: shares, from, to, timeframes, reason, cause } = *volume;
    let timeframes = timeframes.iter().map(|tf| tf.label()).collect::<Vec<_>>().join(" ");
    format!("{shares} after {} ({reason}), missing in {timeframes}, cause {cause}", time_beside(from, to))
}
