//! The demo's day: the simulated Kite and the daemon in one process, over real loopback sockets, in shared virtual time.
//!
//! It goes the daemon's own road: a login, a list of instruments, websockets, the tape; after the close the broker's
//! candles are asked for over REST. Faults strike on the way. Pairs are
//! traded on paper by a whitelist of the simulator's own. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{SessionDate, Ts};
use barkeep_sim::market::Market;
use barkeep_sim::server::Server;
use barkeep_zerodha::rest::{Account, Client, ClientPlan, Interval};
use barkeep_zerodha::token::{self, AccessToken, Credentials};
use indicatif::ProgressBar;
use tokio::sync::watch;

use super::{Args, pairs, typed};
use crate::cli::sim::plan;
use crate::cli::{Command, Context, moment, screen};
use crate::monitoring::metrics::Service;
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::config::Config;
use crate::orchestrator::daemon::{Daemon, DaemonPlan, Time};
use crate::orchestrator::desk::DeskPaths;
use crate::orchestrator::desk::whitelist::Whitelist;
use crate::orchestrator::live::schedule::Schedule;
use crate::orchestrator::universe::Universe;

/// What goes wrong on the way, as `barkeep sim --fault` takes it.
const FAULTS: &[&str] = &[
    "disconnect drawn=2 for=15s",
    "disconnect at=11:20:00 for=2s",
    "refuse-upgrade at=11:20:00 for=12s status=503",
    "mute drawn=1 for=45s",
    "silent drawn=1 for=50s",
    "delay drawn=2 for=60s by=1500ms share=0.05",
    "duplicate drawn=2 for=60s share=0.05",
    "reorder drawn=2 for=60s share=0.05",
    "drop drawn=2 for=60s share=0.05",
    "truncate drawn=2",
    "garbage drawn=2",
    "unknown-length drawn=3",
    "clock-skew drawn=1 for=30s by=9s",
    "candle-wrong drawn=3 for=60s share=0.2",
    "candle-missing drawn=3 for=60s share=0.2",
    "candle-duplicate drawn=2 for=60s share=0.2",
];

/// Virtual milliseconds between two words of the daemon: a packet of an instrument comes every 250 ms at most, so that a
/// receipt names one packet.
pub(super) const QUANTUM_MS: u32 = 250;

/// A day that was lived.
#[derive(Debug)]
pub(super) struct Lived {
    /// The ledger of the faults that struck.
    pub(super) ledger: PathBuf,
    /// The broker's candles.
    pub(super) candles: PathBuf,
    /// How many of them.
    pub(super) candle_count: u64,
    /// Instruments that were watched.
    pub(super) instruments: usize,
    /// Seconds for the day.
    pub(super) seconds: f64,
    /// Seconds of the market that passed.
    pub(super) virtual_s: i64,
}

/// Lives through the day.
///
/// # Errors
/// When the folder cannot be written, a port cannot be bound, or the daemon cannot go on.
pub(super) fn day(args: &Args, date: SessionDate, folder: &Path, context: &Context) -> Result<Lived> {
    let begun = Instant::now();
    let (ledger, candles) = (folder.join("faults.ndjson"), folder.join("candles.csv"));
    let mut words = vec!["sim".to_owned(), "--no-limits".to_owned()];
    let options = [
        ("--seed", args.seed.to_string()),
        ("--instruments", args.instruments.to_string()),
        ("--date", date.to_string()),
        ("--history", "5".to_owned()),
        ("--port", "0".to_owned()),
        ("--control", "0".to_owned()),
        ("--quantum-ms", QUANTUM_MS.to_string()),
        ("--ledger", ledger.display().to_string()),
    ];
    words.extend(options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
    words.extend(FAULTS.iter().flat_map(|fault| ["--fault".to_owned(), (*fault).to_owned()]));
    let Command::Sim(sim) = typed(&words)? else { bail!("the demo's own command line is no command") };
    let planned = plan::plan(&sim, context)?;
    let market = Market::new(planned.server.world.market.clone())?;
    let listings = (0..args.instruments as usize).map(|number| market.listing(number, date));
    let tokens: BTreeMap<String, u32> = listings.clone().map(|listing| (listing.symbol, listing.token)).collect();
    let traded = pairs::planted(&market);
    let whitelist = pairs::whitelist(&market, &traded, date);
    fs::write(folder.join("pairs_next_day.yaml"), whitelist).with_context(|| format!("{}", folder.display()))?;
    // Orders meet the book that was displayed, so the book of what is traded is kept.
    let legs: BTreeSet<usize> = traded.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
    let mut universe = "exchange,tradingsymbol,sector,class,subscribe,record_depth\n".to_owned();
    for (number, listing) in listings.enumerate() {
        let (symbol, sector, class, depth) =
            (listing.symbol, listing.sector, listing.class.name(), legs.contains(&number));
        universe += &format!("NSE,{symbol},{sector},{class},true,{depth}\n");
    }
    fs::write(folder.join("universe.csv"), universe).with_context(|| format!("{}", folder.display()))?;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("the system gives no threads")?;
    let lived = runtime.block_on(async {
        let start = planned.server.world.start;
        let broker = planned.server.world.broker.clone();
        let server = Server::start(planned.server.clone()).await?;
        let (rest, ws) = (format!("http://{}", server.address()), format!("ws://{}", server.address()));
        let control = server.control().context("the simulator shares no time")?;
        let served = tokio::spawn(server.serve());
        let config = configure(folder, &rest, &ws)?;
        let client = Client::new(ClientPlan { paced: false, ..ClientPlan::new(rest) }).await?;
        let credentials = Credentials::from_values(Some(broker.api_key), Some(broker.api_secret))?;
        let got = client.session(&credentials, &broker.request_token.into()).await?;
        // The day's own time, so that the token dies when the day's does.
        let token = AccessToken { login: start, ..got };
        token::write(&folder.join("kite_token.json"), &token)?;

        let calendar = Calendar::load(config.calendar.file.as_deref())?;
        let day =
            Schedule::new(calendar, config.session).day(date)?.with_context(|| format!("{date} is no session"))?;
        let universe = Universe::load(config.calendar.universe.as_deref())?;
        let whitelist = Whitelist::load(&DeskPaths::from(&config))?.context("the demo names no whitelist")?;
        if let Some(finding) = whitelist.against(&universe).first() {
            bail!("the demo's own whitelist is no good: {finding}");
        }
        let instruments = universe.members().count();
        let plan =
            DaemonPlan { config, dir: context.dir.clone(), universe, time: Time::Shared(control), targets: None };
        let daemon = Daemon::start(plan).await?;
        let (stop, stopping) = watch::channel(false);
        let virtual_s = day.close_at.secs() - start.secs();
        let bar = screen::progress(virtual_s.unsigned_abs(), "the day, in its own time");
        daemon.run(stopping, |now| progress(now, start, day.close_at, &bar, &stop)).await?;
        bar.finish_and_clear();
        let candle_count = write_candles(&client.account(&token)?, &tokens, (day.from, day.close_at), &candles).await?;
        served.abort();
        Ok::<_, anyhow::Error>((candle_count, instruments, virtual_s))
    });
    runtime.shutdown_background();
    let (candle_count, instruments, virtual_s) = lived?;
    Ok(Lived { ledger, candles, candle_count, instruments, seconds: begun.elapsed().as_secs_f64(), virtual_s })
}

/// Shows how far the day has come; ends the daemon when it is over.
fn progress(now: Ts, start: Ts, end: Ts, bar: &ProgressBar, stop: &watch::Sender<bool>) {
    bar.set_position((now.secs() - start.secs()).max(0).unsigned_abs());
    if now > end {
        stop.send_replace(true);
    }
}

/// The demo's own configuration, for whoever looks around afterwards.
fn configure(folder: &Path, rest: &str, ws: &str) -> Result<Config> {
    let ports = Service::ALL.map(|service| format!("{} = 0\n", service.name())).concat();
    let (data_dir, universe, pairs) =
        (folder.display(), folder.join("universe.csv"), folder.join("pairs_next_day.yaml"));
    let text = format!(
        "data_dir = {:?}\n\n[calendar]\nuniverse = {:?}\n\n[pairs]\nfile = {:?}\n\n[kite]\nrest = \"{rest}\"\nws = \"{ws}\"\n\n[ports]\n{ports}",
        data_dir.to_string(),
        universe.display().to_string(),
        pairs.display().to_string(),
    );
    let file = folder.join("barkeep.toml");
    fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(Config::load(Some(&file))?)
}

/// Asks for every instrument's minutes and writes them, as they came, into a file; how many there are.
async fn write_candles(
    account: &Account,
    tokens: &BTreeMap<String, u32>,
    (from, to): (Ts, Ts),
    path: &Path,
) -> Result<u64> {
    let failed = || format!("{} cannot be written", path.display());
    let mut out = BufWriter::new(File::create(path).with_context(failed)?);
    writeln!(out, "time,symbol,open,high,low,close,volume").with_context(failed)?;
    let mut count = 0;
    for (symbol, token) in tokens {
        let answer = account.historical(*token, Interval::Minute, from, to, false).await?;
        for candle in &answer.candles {
            let time = moment::ist(candle.start);
            let time = time.strip_suffix(" IST").unwrap_or(&time);
            let (o, h, l, c, v) = (candle.open, candle.high, candle.low, candle.close, candle.volume);
            writeln!(out, "{time},{symbol},{o},{h},{l},{c},{v}").with_context(failed)?;
        }
        count += answer.candles.len() as u64;
    }
    out.flush().with_context(failed)?;
    Ok(count)
}
