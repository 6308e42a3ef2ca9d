//! The broker's candles of one day over REST, as it gives them now.
//!
//! What it never does: write to the tape, or hold it while it waits for the broker. Who calls it: `recon --source kite`.

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{FeedId, Instrument, InstrumentId, Price, Timeframe, Ts};
use barkeep_zerodha::rest::Interval;

use super::day::Day;
use crate::cli::backfill::{NOT_LISTED, Reached, SILENT_MAX};
use crate::cli::{Context, moment, screen};
use crate::monitoring::daily_recon::SymbolTable;
use crate::orchestrator::backfill::{BrokerDay, DayAnswer, days, interval};
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::import::CalendarChoice;
use crate::orchestrator::pairs_paper_entry::Clock;
use crate::orchestrator::universe::Universe;

/// What `--source` calls the broker.
pub(super) const NAME: &str = "kite";

/// Refused candles that are shown.
pub(super) const EXAMPLES_MAX: usize = 5;

/// What came.
pub(super) struct Fetched {
    pub(super) day: BrokerDay,
    /// Symbols that could not be fetched, with the reason.
    pub(super) unfetched: Vec<(String, String)>,
}

/// Asks for the day's candles of some symbols.
///
/// # Errors
/// When the day has not settled, there is no token, the broker refuses it or answers for none of the symbols.
pub(super) fn fetch(tf: Timeframe, day: &Day, symbols: &SymbolTable, context: &Context) -> Result<Fetched> {
    let Some(interval) = interval(tf) else {
        bail!("the broker has no candles of {}: give --tf 1, 3, 5, 15, 30 or 60", tf.label());
    };
    if day.calendar != CalendarChoice::Nse {
        bail!("the session of {} is not of NSE, and the broker has no candles of it: give --source FILE", day.date);
    }
    let calendar = Calendar::load(context.config.calendar.file.as_deref())?;
    let universe = Universe::load(context.config.calendar.universe.as_deref())?;
    let now = Clock::host().now();
    if !days(&calendar, day.date, day.date, now)?.left_out.is_empty() {
        bail!(
            "the broker's candles of {} have not settled: reconcile five minutes after the day's last phase, or later",
            day.date
        );
    }
    let reached = Reached::reach(context, now)?;
    let asker = Asker { reached: &reached, interval, day, calendar: &calendar, universe: &universe };
    let bar = screen::progress(symbols.len() as u64, "asking the broker");
    let (mut answers, mut unfetched, mut silent) = (Vec::new(), Vec::new(), 0);
    for symbol in symbols.iter() {
        bar.inc(1);
        if silent >= SILENT_MAX {
            unfetched.push((symbol.to_owned(), "not asked for: the broker did not answer before".to_owned()));
            continue;
        }
        match asker.ask(symbol) {
            Ok(Ok(answer)) => {
                silent = 0;
                answers.push(answer);
            }
            Ok(Err(Unanswered { why, is_silence })) => {
                silent = if is_silence { silent + 1 } else { 0 };
                unfetched.push((symbol.to_owned(), why));
            }
            Err(error) => {
                bar.finish_and_clear();
                return Err(error);
            }
        }
    }
    bar.finish_and_clear();
    if let (true, Some((symbol, why))) = (answers.is_empty(), unfetched.first()) {
        bail!("the broker gave no candles for any of {} symbols; {symbol}: {why}", symbols.len());
    }
    let fetched = Clock::host().now();
    let (date, start, end) = (day.date, day.start, day.end);
    Ok(Fetched { day: BrokerDay { date, start, end, tf, fetched, answers }, unfetched })
}

/// Why a symbol has no answer.
struct Unanswered {
    why: String,
    /// Whether nothing came at all.
    is_silence: bool,
}

struct Asker<'a> {
    reached: &'a Reached,
    interval: Interval,
    day: &'a Day,
    calendar: &'a Calendar,
    universe: &'a Universe,
}

impl Asker<'_> {
    /// Asks for one symbol. Only a token that is refused is an error of the whole.
    fn ask(&self, symbol: &str) -> Result<Result<DayAnswer, Unanswered>> {
        let Some(listed) = self.reached.listing.get(symbol).copied() else {
            return Ok(Err(Unanswered { why: NOT_LISTED.to_owned(), is_silence: false }));
        };
        let (from, to) = (self.day.start, Ts::new(self.day.end.get().saturating_sub(1)));
        let asked = self.reached.account.historical(listed.token, self.interval, from, to, false);
        let historical = match self.reached.runtime.block_on(asked) {
            Ok(historical) => historical,
            Err(error) if error.is_token_refused() => {
                return Err(error).context("the token does not hold: type `barkeep login`");
            }
            Err(error) => {
                return Ok(Err(Unanswered { why: error.to_string(), is_silence: error.api().is_none() }));
            }
        };
        let low = historical.candles.iter().map(|candle| candle.low).min().unwrap_or(Price::ZERO);
        let by_rule = || self.calendar.tick_size(self.day.date, low);
        let instrument = Instrument {
            id: InstrumentId(0),
            feed: FeedId(0),
            token: listed.token,
            symbol: symbol.to_owned(),
            class: self.universe.class_of(symbol),
            tick_size: Some(listed.tick_size).filter(|size| *size > Price::ZERO).unwrap_or_else(by_rule),
            lot_size: listed.lot_size.max(1),
        };
        Ok(Ok(DayAnswer { instrument, historical }))
    }
}

/// What is said of symbols that could not be fetched.
pub(super) fn note((symbol, why): &(String, String)) -> String {
    format!("{symbol} is not compared: {why}")
}

/// When it was fetched, as people read it.
pub(super) fn source(day: &BrokerDay) -> String {
    format!("{NAME}, fetched {}", moment::ist(Ts::from_secs(day.fetched.secs())))
}
