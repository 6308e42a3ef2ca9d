//! What a reconciliation is about, before anything is written: the day, the symbols, the hours, the tolerance.
//!
//! What it never does: write, or compare. Who calls it: `recon`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{BarOrigin, FileKind, Price, Ts};
use barkeep_storage::Tape;
use jiff::tz::TimeZone;

use super::broker::{self, Fetched};
use super::day::{Candidates, Day};
use super::{Args, Terms};
use crate::cli::{Context, moment, screen};
use crate::ingestion::files::{FileOptions, Kept, Scan, TimeUnit, Unit, clean_symbol, scan_and_keep};
use crate::monitoring::daily_recon::{SymbolTable, Window};
use crate::orchestrator::backfill::BrokerDay;
use crate::orchestrator::import::ImportRequest;

/// What is compared.
pub(super) struct Plan {
    pub(super) day: Day,
    pub(super) symbols: SymbolTable,
    /// The broker's lowest price of each symbol; zero where it has none.
    pub(super) lows: Vec<Price>,
    pub(super) window: Window,
    /// What passes.
    pub(super) terms: Terms,
    /// The broker's side, for people: a file's name, or `kite`.
    pub(super) source: String,
    /// The first refused rows, with where they stand.
    pub(super) examples: Vec<String>,
    /// Symbols that could not be fetched, with the reason.
    pub(super) unfetched: Vec<(String, String)>,
}

impl Plan {
    /// The plan for a file, what it holds, and its rows where they could be kept.
    ///
    /// # Errors
    /// When the file cannot be read, or the date is not on the tape or not in the file.
    pub(super) fn of_file(
        args: &Args,
        context: &Context,
        request: &ImportRequest,
    ) -> Result<(Self, (Scan, Option<Kept>))> {
        let zone = &request.options.zone;
        let tape = Tape::open(&context.dir)?;
        let candidates = candidates(args, &tape)?;
        let bar = screen::progress(0, "scanning the file");
        let scanned = scan_and_keep(&request.files, &request.options, context.dir.root(), |at| {
            bar.set_length(at.bytes_total);
            bar.set_position(at.bytes_read);
        });
        bar.finish_and_clear();
        let (file, kept) = scanned?;
        let (Some(first), Some(last)) = (file.first(), file.last()) else { bail!(nothing_readable(&file)) };
        let symbols = symbols(&args.symbols, &file, &args.source)?;
        let day = candidates.choose(&tape, &symbols, args.reading.0.calendar, zone)?;
        if !day.is_touched(&file, zone) {
            bail!(
                "{} has no bar of {}: it holds {} to {}; is --date or --tz wrong?",
                args.source,
                day.date,
                moment::ist(first),
                moment::ist(last)
            );
        }
        let held = Window { from: first.max(day.start), until: Ts::new(last.get().saturating_add(1)).min(day.end) };
        let window = window(args, &day, held, zone)?;
        let low = |symbol: &str| file.symbols.iter().find(|scan| scan.symbol == symbol).map(|scan| scan.min_price);
        let lows = symbols.iter().map(|symbol| low(symbol).unwrap_or_default()).collect();
        let terms = terms(args, context);
        let source = file.files.first().map(|file| file.name.clone()).unwrap_or_default();
        let examples = file.files.iter().flat_map(|file| &file.examples).map(ToString::to_string).collect();
        let unfetched = Vec::new();
        let plan = Self { day, symbols, lows, window, terms, source, examples, unfetched };
        Ok((plan, (file, kept)))
    }

    /// The plan for the broker's candles as it gives them now, and those candles.
    ///
    /// # Errors
    /// When the date is not on the tape or not settled, or the broker cannot be asked or answers for no symbol.
    pub(super) fn of_broker(args: &Args, context: &Context) -> Result<(Self, BrokerDay)> {
        let zone = args.reading.0.options(FileKind::Bars, context)?.zone;
        let tape = Tape::open(&context.dir)?;
        let candidates = candidates(args, &tape)?;
        let wanted = if args.symbols.is_empty() { candidates.symbols(&tape)? } else { typed(&args.symbols)? };
        let day = candidates.choose(&tape, &wanted, args.reading.0.calendar, &zone)?;
        let window = window(args, &day, Window { from: day.start, until: day.end }, &zone)?;
        let Fetched { day: broker, unfetched } = broker::fetch(args.tf, &day, &wanted, context)?;
        let symbols = SymbolTable::new(broker.answers.iter().map(|answer| answer.instrument.symbol.as_str()));
        let low = |symbol: &str| {
            let answer = broker.answers.iter().find(|answer| answer.instrument.symbol == symbol);
            answer.and_then(|answer| answer.historical.candles.iter().map(|candle| candle.low).min())
        };
        let lows = symbols.iter().map(|symbol| low(symbol).unwrap_or_default()).collect();
        let refused = broker.answers.iter().flat_map(|answer| {
            let symbol = &answer.instrument.symbol;
            answer
                .historical
                .refused
                .iter()
                .map(move |refused| format!("{symbol}, candle {}: {}", refused.number, refused.why))
        });
        let examples = refused.take(broker::EXAMPLES_MAX).collect();
        let terms = terms(args, context);
        let source = broker::NAME.to_owned();
        let plan = Self { day, symbols, lows, window, terms, source, examples, unfetched };
        Ok((plan, broker))
    }
}

fn candidates(args: &Args, tape: &Tape) -> Result<Candidates> {
    let date = args.reading.0.date.as_deref().context("--date is missing: give the date of the session")?;
    Candidates::find(tape, moment::date(date)?, args.run)
}

/// The hours typed, else those held.
fn window(args: &Args, day: &Day, held: Window, zone: &TimeZone) -> Result<Window> {
    let typed =
        |text: &Option<String>| text.as_deref().map(|text| moment::moment(text, Some(day.date), zone)).transpose();
    let from = typed(&args.from)?.unwrap_or(held.from);
    let until = typed(&args.to)?.unwrap_or(held.until);
    if from >= until {
        bail!("nothing lies from {} to {}: --to must be after --from", moment::ist(from), moment::ist(until));
    }
    Ok(Window { from, until })
}

/// The file as an import of the broker's bars. The date is part of what the file means only where its times need one.
pub(super) fn request(args: &Args, context: &Context) -> Result<ImportRequest> {
    let mut options = args.reading.0.options(FileKind::Bars, context)?;
    let needs_date = |options: &FileOptions| {
        options
            .mapping
            .as_ref()
            .is_some_and(|map| map.iter().any(|column| column.unit == Unit::Time(TimeUnit::MsOfDay)))
    };
    if !needs_date(&options) {
        options.date = None;
    }
    Ok(ImportRequest {
        files: vec![PathBuf::from(&args.source)],
        options,
        calendar: args.reading.0.calendar,
        trade_rule: None,
        conditions: Vec::new(),
        origin: BarOrigin::Broker,
        tf: args.tf,
    })
}

fn nothing_readable(file: &Scan) -> String {
    let rejected = file.files.iter().flat_map(|file| &file.examples);
    match rejected.into_iter().next() {
        Some(first) => format!("none of the {} rows could be read; the first: {first}", file.rows()),
        None => "the file has no rows: expected at least one below the header".to_owned(),
    }
}

/// The symbols typed.
fn typed(wanted: &[String]) -> Result<SymbolTable> {
    let clean = |text: &String| {
        let name = clean_symbol(text.as_bytes()).map_err(|why| anyhow::anyhow!("--symbols: '{text}' {why}"))?;
        Ok(name.to_owned())
    };
    Ok(SymbolTable::new(wanted.iter().map(clean).collect::<Result<Vec<String>>>()?))
}

/// The symbols of the file, or those of them that were asked for.
fn symbols(wanted: &[String], file: &Scan, source: &str) -> Result<SymbolTable> {
    let held = SymbolTable::new(file.symbols.iter().map(|symbol| symbol.symbol.as_str()));
    if wanted.is_empty() {
        return Ok(held);
    }
    let asked = typed(wanted)?;
    if let Some(name) = asked.iter().find(|name| held.get(name).is_none()) {
        const SHOWN: usize = 12;
        let there: Vec<&str> = held.iter().take(SHOWN).collect();
        let more = if held.len() > SHOWN { ", …" } else { "" };
        bail!("{source} has no bar of {name}; it holds {} symbols: {}{more}", held.len(), there.join(", "));
    }
    Ok(asked)
}

fn terms(args: &Args, context: &Context) -> Terms {
    if args.strict { Terms::Strict } else { Terms::Within(args.tolerance.unwrap_or(context.config.recon.tolerance)) }
}
