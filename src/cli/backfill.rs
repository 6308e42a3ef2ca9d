//! `barkeep backfill`: the broker's historical minutes onto the tape.
//!
//! What it never does: ask for what the tape holds, or hold the tape while it waits for the broker.

mod text;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{FeedId, Instrument, InstrumentId, Price, SessionDate, Ts};
use barkeep_storage::Tape;
use barkeep_zerodha::instruments::Listing;
use barkeep_zerodha::rest::{Account, Historical, Interval, RestError};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::screen::{say, say_json};
use super::{Context, Verdict, moment, screen};
use crate::ingestion::files::clean_symbol;
use crate::orchestrator::appliance::Pace;
use crate::orchestrator::backfill::{Added, Answer, Chunk, Held, chunks, days, held, record};
use crate::orchestrator::broker::Broker;
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::door::{Access, Door};
use crate::orchestrator::pairs_paper_entry::Clock;
use crate::orchestrator::universe::Universe;

/// Answers that are added in one go: each has up to 22,500 minutes.
const BATCH: usize = 16;

/// Requests in a row without any answer after which the broker counts as gone.
pub(super) const SILENT_MAX: u32 = 3;

/// Why a symbol is not asked for that asking again would not mend.
pub(super) const NOT_LISTED: &str = "not in the broker's list of instruments";

/// Fetch the broker's historical minutes
///
/// Puts Kite's minute candles of some days onto the tape as the broker's bars, where `tape cat --kind outside_bar` shows
/// them. `recon` does not read these: with --source kite it asks anew, since the broker changes its candles. What the
/// tape holds already, by symbol and day, is not asked for again: a run that was stopped is simply given once more. It
/// keeps to Kite's limits: three requests a second, 60 days in each. Days whose session is not over are left out.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep backfill --from 2026-06-01 --to 2026-07-31
  barkeep backfill --from 2026-07-01 --to 2026-07-31 --symbols 'HDFCBANK,M&M,NIFTY 50' --json

It needs the day's token: barkeep login. Exit code 2 when something could not be fetched.")]
pub struct Args {
    /// The first date
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub from: SessionDate,
    /// The last date
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub to: SessionDate,
    /// Only these symbols [default: all that the universe subscribes]
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// Ask for what the tape holds too; the newest edition of a bar is the one that counts
    #[arg(long)]
    pub again: bool,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

fn date(text: &str) -> Result<SessionDate, String> {
    moment::date(text).map_err(|error| error.to_string())
}

/// What was done.
#[derive(Clone, PartialEq, Debug, Serialize)]
struct Report {
    from: SessionDate,
    to: SessionDate,
    symbols: usize,
    /// Sessions whose candles have settled.
    sessions: usize,
    /// Sessions that are not over.
    left_out: Vec<SessionDate>,
    /// Days of symbols that the tape held already.
    held: u64,
    /// Requests that were answered.
    requests: u64,
    candles: u64,
    refused: u64,
    /// Days of symbols that were added.
    days: u64,
    /// Days of symbols for which the broker has no candle.
    empty_days: u64,
    errors: BTreeMap<String, String>,
    seconds: f64,
}

/// Runs the command.
///
/// # Errors
/// When there is no token, the broker refuses it, the dates reach beyond the calendar, or the tape cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let report = backfill(args, context)?;
    if args.json {
        say_json(&report)?
    } else {
        say(text::report(&report))?
    }
    Ok(if report.errors.is_empty() { Verdict::Fine } else { Verdict::CannotTell })
}

fn backfill(args: &Args, context: &Context) -> Result<Report> {
    let began = Instant::now();
    if args.from > args.to {
        bail!("--from {} is after --to {}: exchange them", args.from, args.to);
    }
    let calendar = Calendar::load(context.config.calendar.file.as_deref())?;
    let universe = Universe::load(context.config.calendar.universe.as_deref())?;
    let symbols = symbols(args, &universe)?;
    let now = Clock::host().now();
    let days = days(&calendar, args.from, args.to, now)?;
    let held = if args.again { Held::default() } else { held(&Tape::open(&context.dir)?, &symbols)? };
    let mut report = Report {
        from: args.from,
        to: args.to,
        symbols: symbols.len(),
        sessions: days.settled.len(),
        left_out: days.left_out,
        held: 0,
        requests: 0,
        candles: 0,
        refused: 0,
        days: 0,
        empty_days: 0,
        errors: BTreeMap::new(),
        seconds: 0.0,
    };
    let mut wanted = Vec::new();
    for place in 0..symbols.len() {
        let missing: Vec<SessionDate> = days.settled.iter().copied().filter(|date| !held.has(place, *date)).collect();
        report.held += (days.settled.len() - missing.len()) as u64;
        wanted.extend(chunks(place, &missing));
    }
    if !wanted.is_empty() {
        let broker = Reached::reach(context, now)?;
        let mut run = Run { context, symbols: &symbols, held: &held, calendar, universe, gathered: Vec::new(), report };
        let fetched = run.fetch(&broker, wanted);
        // What was answered is kept, also when the rest is given up.
        run.write()?;
        report = run.report;
        fetched?;
    }
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// The symbols asked for, or all that are subscribed; each once.
fn symbols(args: &Args, universe: &Universe) -> Result<Vec<String>> {
    let mut symbols: Vec<String> = Vec::new();
    for text in &args.symbols {
        let symbol = clean_symbol(text.as_bytes()).map_err(|why| anyhow::anyhow!("--symbols: '{text}' {why}"))?;
        if !symbols.iter().any(|known| known == symbol) {
            symbols.push(symbol.to_owned());
        }
    }
    if args.symbols.is_empty() {
        symbols = universe.members().filter(|member| member.subscribe).map(|member| member.symbol.clone()).collect();
    }
    if symbols.is_empty() {
        bail!("the universe subscribes no instrument: name some with --symbols");
    }
    Ok(symbols)
}

/// The broker, logged in, and its list of instruments.
pub(super) struct Reached {
    pub(super) runtime: Runtime,
    pub(super) account: Account,
    pub(super) listing: Listing,
}

impl Reached {
    pub(super) fn reach(context: &Context, now: Ts) -> Result<Self> {
        let broker = Broker::new(&context.config.kite, context.dir.root())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the system gives no means to wait for sockets")?;
        let Some(token) = broker.read_token()? else {
            bail!("there is no token in {}: type `barkeep login` first", broker.token_file().display());
        };
        let (account, listing) = runtime.block_on(async {
            let listing = broker.instruments(moment::ist_date(now), Some(&token)).await.map_err(anyhow::Error::msg)?;
            anyhow::Ok((broker.account(&token).await?, listing))
        })?;
        Ok(Self { runtime, account, listing })
    }
}

/// Requests, and what came of them.
struct Run<'a> {
    context: &'a Context,
    symbols: &'a [String],
    held: &'a Held,
    calendar: Calendar,
    universe: Universe,
    gathered: Vec<Answer>,
    report: Report,
}

impl Run<'_> {
    fn fetch(&mut self, broker: &Reached, wanted: Vec<Chunk>) -> Result<()> {
        let bar = screen::progress(wanted.len() as u64, "asking the broker");
        let mut silent = 0;
        for chunk in wanted {
            bar.inc(1);
            let symbol = self.symbols.get(chunk.symbol).cloned().unwrap_or_default();
            if silent >= SILENT_MAX {
                self.failed(symbol, "not asked for: the broker did not answer before");
                continue;
            }
            let Some(listed) = broker.listing.get(&symbol).copied() else {
                self.failed(symbol, NOT_LISTED);
                continue;
            };
            match broker.runtime.block_on(ask(&broker.account, listed.token, &chunk)) {
                Ok(historical) => {
                    silent = 0;
                    self.report.requests += 1;
                    let low = historical.candles.iter().map(|candle| candle.low).min();
                    let by_rule = || self.calendar.tick_size(chunk.to, low.unwrap_or(Price::ZERO));
                    let instrument = Instrument {
                        id: InstrumentId(0),
                        feed: FeedId(0),
                        token: listed.token,
                        class: self.universe.class_of(&symbol),
                        tick_size: Some(listed.tick_size).filter(|size| *size > Price::ZERO).unwrap_or_else(by_rule),
                        lot_size: listed.lot_size.max(1),
                        symbol,
                    };
                    self.gathered.push(Answer { chunk, instrument, historical });
                }
                Err(error) if error.is_token_refused() => {
                    bar.finish_and_clear();
                    return Err(anyhow::Error::new(error).context("the token does not hold: type `barkeep login`"));
                }
                Err(error) => {
                    silent = if error.api().is_some() { 0 } else { silent + 1 };
                    self.failed(symbol, &error.to_string());
                }
            }
            if self.gathered.len() >= BATCH {
                self.write()?;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// The first reason of a symbol stays.
    fn failed(&mut self, symbol: String, why: &str) {
        self.report.errors.entry(symbol).or_insert_with(|| why.to_owned());
    }

    /// Puts what was gathered onto the tape.
    fn write(&mut self) -> Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let mut door =
            Door::open(&self.context.dir, Pace::from(&self.context.config.tape), "backfill", Access::Records)?;
        let mut added = Added::default();
        for answer in self.gathered.drain(..) {
            added.add(&record(&mut door, self.held, &answer)?);
        }
        door.close()?;
        let report = &mut self.report;
        report.candles += added.candles;
        report.refused += added.refused;
        report.days += added.days;
        report.empty_days += added.empty_days;
        Ok(())
    }
}

/// The minutes of whole days.
async fn ask(account: &Account, token: u32, chunk: &Chunk) -> Result<Historical, RestError> {
    const DAY_SECS: i64 = 86_400;
    let midnight = |date: SessionDate| i64::from(date.0) * DAY_SECS - 19_800;
    let (from, to) = (Ts::from_secs(midnight(chunk.from)), Ts::from_secs(midnight(chunk.to) + DAY_SECS - 1));
    account.historical(token, Interval::Minute, from, to, false).await
}
