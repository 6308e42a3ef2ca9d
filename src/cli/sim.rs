//! `barkeep sim`: the simulated Kite behind real sockets.
//!
//! What it is: options turned into a plan, and the few lines that tell a person or a script how to reach it. What it never
//! does: decide anything about the market or the protocol; `barkeep-sim` does.

pub(super) mod plan;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use barkeep_sim::market::Market;
use barkeep_sim::server::{Server, ServerPlan};
use serde_json::{Value, json};

use self::plan::Planned;
use super::screen::{say, say_json};
use super::{Context, Verdict, moment};

/// Simulate Kite: a broker to develop, demonstrate and break against
///
/// Serves Kite's REST and websocket protocols over a market that is drawn from a seed: the official clients work against it
/// when their root is set to it. Faults are planned in a file or by flags; what was injected is written to a ledger.
/// Nothing it serves is real, and it binds to loopback alone.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep sim --port 0 --json
  barkeep sim --date 2026-07-31 --start 09:00 --speed 20
  barkeep sim --fault 'disconnect at=10:15:00 for=20s' --fault 'drop drawn=3 for=30s share=0.1' --ledger faults.ndjson
  barkeep sim --faults configs/sim_faults.toml --control 0 --json

Then, with the official Python client:
  kite = KiteConnect(api_key, root='http://127.0.0.1:8120')
  KiteTicker(api_key, access_token, root='ws://127.0.0.1:8120')")]
pub struct Args {
    /// What everything is drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many stocks trade, 1 to 9000; the indices NIFTY 50 and NIFTY BANK come on top
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    pub instruments: u32,
    /// The first simulated session [default: the last one up to today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<String>,
    /// How many sessions in a row; nights are jumped over
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=250))]
    pub days: u32,
    /// Sessions before the first one of which there are candles
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=2_000))]
    pub history: u32,
    /// Time of day in IST at which virtual time starts [default: 30 s before continuous trading; with --control a minute
    /// before the pre-open session]
    #[arg(long, value_name = "HH:MM[:SS]")]
    pub start: Option<String>,
    /// Virtual seconds in a second, 0.001 to 100000; with --control the partner sets the pace
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = plan::speed)]
    pub speed: f64,
    /// Port of REST and websocket on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8_120)]
    pub port: u16,
    /// Share virtual time with a partner on this port of 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", conflicts_with = "speed")]
    pub control: Option<u16>,
    /// Virtual milliseconds between two words of the partner, 50 to 1000 in steps of 50
    #[arg(long, value_name = "MS", default_value_t = 1_000, requires = "control", value_parser = plan::quantum)]
    pub quantum_ms: u32,
    /// Plan of the faults to inject
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// A fault to inject: KIND at=HH:MM:SS or KIND drawn=N, then for=, by=, share=, count=, status=, path=, symbols=,
    /// connection=
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<String>,
    /// Write each injected fault to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Answer requests however many come
    #[arg(long)]
    pub no_limits: bool,
    /// Let the book of every stock move in every quarter of a second, for load
    #[arg(long)]
    pub busy: bool,
    /// The first line of stdout is one JSON object, once it serves
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// When an option cannot be used, a port cannot be bound or the ledger cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let planned = plan::plan(args, context)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the system gives no threads for the sockets")?;
    runtime.block_on(async {
        let server = Server::start(planned.server.clone()).await?;
        tell(args, &planned, &server)?;
        tokio::select! {
            ended = server.serve() => ended.map_err(anyhow::Error::from),
            asked = asked_to_stop() => asked,
        }
    })?;
    Ok(Verdict::Fine)
}

/// SIGINT or SIGTERM.
async fn asked_to_stop() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// The pairs that the market has planted, as a whitelist has them: `ln a - beta ln b` keeps coming back.
fn planted(planned: &Planned) -> Result<Vec<Value>> {
    let market = Market::new(planned.server.world.market.clone())?;
    let symbol = |number: usize| market.listing(number, planned.date).symbol;
    let pairs = market.pairs().into_iter();
    Ok(pairs.map(|(first, second, beta)| json!({"a": symbol(second), "b": symbol(first), "beta": beta})).collect())
}

fn tell(args: &Args, planned: &Planned, server: &Server) -> Result<()> {
    let (rest, ws) = (format!("http://{}", server.address()), format!("ws://{}", server.address()));
    let ServerPlan { world, .. } = &planned.server;
    let broker = &world.broker;
    if args.json {
        let mut line = json!({
            "rest": rest,
            "ws": ws,
            "api_key": broker.api_key,
            "api_secret": broker.api_secret,
            "request_token": broker.request_token,
            "date": planned.date.to_string(),
            "now": server.start_time().get(),
            "seed": args.seed,
            "pairs": planted(planned)?,
        });
        if let (Some(control), Some(line)) = (server.control(), line.as_object_mut()) {
            line.insert("control".to_owned(), json!(control.to_string()));
        }
        return say_json(&line);
    }
    let pace = match server.control() {
        Some(control) => format!("time passes with the partner on {control}"),
        None if args.speed == 1.0 => "at the clock's pace".to_owned(),
        None => format!("{} times as fast as the clock", args.speed),
    };
    say(format!(
        "Simulated Kite, seed {}: {} stocks and 2 indices from {}, {pace}.

  REST           {rest}
  websocket      {ws}
  api_key        {}
  api_secret     {}
  request_token  {}  (further ones: {rest}/connect/login?v=3&api_key={})

Nothing here is real. Ctrl-C ends it.",
        args.seed,
        args.instruments,
        moment::ist(server.start_time()),
        broker.api_key,
        broker.api_secret,
        broker.request_token,
        broker.api_key,
    ))
}
