//! `barkeep run`: the daemon.
//!
//! What it is: options and signals; the daemon itself is `orchestrator::daemon`. What it never does: send an order, in any
//! profile that this build has.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::Ts;
use clap::ValueEnum;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::screen::{say, say_json};
use super::{Context, Verdict, moment};
use crate::orchestrator::config::{Config, KiteConfig};
use crate::orchestrator::daemon::reload::reload;
use crate::orchestrator::daemon::{Daemon, DaemonPlan, Time};
use crate::orchestrator::live::shift::Settings;
use crate::orchestrator::pairs_paper_entry::Clock;
use crate::orchestrator::universe::Universe;

/// Threads of the sockets and services. The engine, the writer and those who count have threads of their own.
const WORKERS: usize = 2;

/// Run the daemon: feed, tape, bars and nine services, until it is told to stop
///
/// Takes in the broker's feed, makes bars and keeps them on the tape; opens and closes sessions by the calendar, waits for
/// a token when there is none, and goes on by itself after whatever interrupts it. SIGTERM ends it: what was taken is on
/// the disk then. SIGHUP reads universe,
/// pairs, limits, charges and [engine] of the configuration again. Nothing here can send an order.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep run --profile paper
  barkeep --config /etc/barkeep/barkeep.toml run

Rehearse a day with the simulator, in its own time:
  barkeep sim --date 2026-07-31 --control 8121
  barkeep --config rehearsal.toml run --control 127.0.0.1:8121")]
pub struct Args {
    /// What is run: `paper`, the feed and all services, with orders matched on paper alone
    #[arg(long, value_enum, default_value_t = Profile::Paper)]
    pub profile: Profile,
    /// Share the virtual time of a simulator on this host, `barkeep sim --control PORT`; ends with it
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub control: Option<SocketAddr>,
    /// Let the clock begin at this time, IST, for a rehearsal against a simulator on this host
    #[arg(long, value_name = "YYYY-MM-DD HH:MM[:SS]", conflicts_with = "control")]
    pub as_of: Option<String>,
    /// Write the scrape targets for Prometheus' file_sd_configs to this file
    #[arg(long, value_name = "FILE")]
    pub targets: Option<PathBuf>,
    /// The first line of stdout is one JSON object, once the ports are bound and the tape is open
    #[arg(long)]
    pub json: bool,
}

/// What is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Profile {
    /// Everything, with orders on paper.
    Paper,
}

/// Runs the command.
///
/// # Errors
/// When an option or the configuration cannot be used, a port cannot be bound, or going on is forbidden.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let config = context.config.clone();
    let universe = Universe::load(config.calendar.universe.as_deref())?;
    let time = time(args, &config.kite)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("edge")
        .enable_all()
        .build()
        .context("the system gives no threads")?;
    runtime.block_on(async {
        let (stop, stopping) = watch::channel(false);
        // Before anything is open, so that no moment is left in which a signal would cut something off.
        let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let hangup = listen(SignalKind::hangup())?;
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "told to stop");
            stop.send_replace(true);
        });
        let plan = DaemonPlan { config, dir: context.dir.clone(), universe, time, targets: args.targets.clone() };
        let daemon = Daemon::start(plan).await?;
        tell(args, context, &daemon)?;
        tokio::spawn(reloads(hangup, context.config.clone(), daemon.settings()));
        daemon.run(stopping, |_| {}).await?;
        Ok::<(), anyhow::Error>(())
    })?;
    // A task that blocks must not keep a daemon that has closed its tape.
    runtime.shutdown_background();
    Ok(Verdict::Fine)
}

fn listen(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("the system lets no signal be listened for")
}

/// Whose time; any but the host's is for a simulator on this host alone.
fn time(args: &Args, kite: &KiteConfig) -> Result<Time> {
    if args.control.is_none() && args.as_of.is_none() {
        return Ok(Time::Clock(Clock::host()));
    }
    for (key, root) in [("rest", &kite.rest), ("ws", &kite.ws)] {
        if !is_loopback(root) {
            bail!(
                "[kite] {key} is {root}: another time than this host's is for a simulator on this host alone; name the \
                 roots that `barkeep sim` prints"
            );
        }
    }
    if let Some(address) = args.control {
        if !address.ip().is_loopback() {
            bail!("--control {address} is not on this host");
        }
        return Ok(Time::Shared(address));
    }
    let (host, text) = (Clock::host(), args.as_of.as_deref().unwrap_or_default());
    let begins = moment::moment(text, None, &moment::zone("Asia/Kolkata")?)?;
    let ahead = begins.get().saturating_sub(host.now().get());
    Ok(Time::Clock(Clock::new(move || Ts::new(host.now().get().saturating_add(ahead)))))
}

/// Whether a root such as `http://127.0.0.1:8120` is on this host.
fn is_loopback(root: &str) -> bool {
    let host = root.split_once("://").map_or(root, |(_, host)| host);
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn tell(args: &Args, context: &Context, daemon: &Daemon) -> Result<()> {
    if args.json {
        return say_json(&json!({
            "services": daemon.addresses().json(),
            "data_dir": context.dir.root(),
            "pid": std::process::id(),
        }));
    }
    say(format!(
        "barkeep {} keeps the tape in {}. Paper: no order can be sent.\n\n{}",
        env!("CARGO_PKG_VERSION"),
        context.dir.root().display(),
        daemon.addresses().table(),
    ))
}

/// Reads the configuration again at every SIGHUP.
async fn reloads(mut hangup: Signal, begun: Config, settings: watch::Sender<Arc<Settings>>) {
    while hangup.recv().await.is_some() {
        match reload(&begun, begun.file.as_deref()) {
            Ok(reloaded) => {
                for section in reloaded.waits {
                    tracing::warn!("{section} has changed: it takes effect with the next start");
                }
                // A session that is open compares for itself: it may have been opened with other files than these.
                let changed = **settings.borrow() != reloaded.settings;
                settings.send_replace(Arc::new(reloaded.settings));
                tracing::info!(changed, "the configuration was read again");
            }
            Err(error) => tracing::error!(%error, "the configuration was read again and is refused: nothing changes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_host_is_loopback() {
        for root in ["http://127.0.0.1:8120", "ws://localhost:1", "http://[::1]:80", "http://127.9.9.9"] {
            assert!(is_loopback(root), "{root}");
        }
        for root in
            ["https://api.kite.trade", "ws://10.0.0.1:80", "http://127.0.0.1.example.com", "http://localhost.de:1"]
        {
            assert!(!is_loopback(root), "{root}");
        }
    }
}
