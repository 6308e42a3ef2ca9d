//! `barkeep export`: a session's ticks, bars or reconciliation as a CSV, Parquet or NDJSON file.
//!
//! What it is: arguments in, one call, one line out. What it never does: choose rows; the projections do.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow};
use barkeep_schemas::{Seq, SessionDate};
use barkeep_storage::Tape;
use serde::Serialize;

use super::{Context, Verdict, moment, screen};
use crate::mirrors::export::{ExportKind, ExportRequest, Exported, export};

/// Writes a session's ticks, bars or reconciliation to a file
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Bars are the newest edition of each, or with --as-of the newest that was known at that position; \
`ts` is the start in epoch seconds UTC. Rows come in the order of the tape.\n\n\
Example:  barkeep export --kind bars_1m --date 2021-06-04 --symbols INFY,TCS --out bars.parquet"
)]
pub struct Args {
    /// What to write: ticks, bars_1s, bars_1m, bars_3m, bars_5m, bars_15m, bars_30m, bars_60m, orders, fills, signals
    /// or recon
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: ExportKind,
    /// The session's date [default: the session that the tape recorded last]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = moment::date)]
    pub date: Option<SessionDate>,
    /// Which run of that date [default: the newest]
    #[arg(long, value_name = "K", requires = "date", value_parser = clap::value_parser!(u32).range(1..))]
    pub run: Option<u32>,
    /// Only these symbols
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// Only what was known at this position of the tape
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    pub as_of: Option<u64>,
    /// The file to write; .csv, .parquet or .ndjson chooses the format
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace the file where it is there already
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn kind(text: &str) -> Result<ExportKind> {
    ExportKind::parse(text).ok_or_else(|| {
        let names = ExportKind::ALL.map(ExportKind::name);
        let nearest = names.into_iter().min_by_key(|name| strsim::damerau_levenshtein(text, name)).unwrap_or_default();
        anyhow!("did you mean {nearest}? There are {}", names.join(", "))
    })
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    date: SessionDate,
    run: Option<u32>,
    rows: u64,
    bytes: u64,
    out: &'a Path,
    seconds: f64,
    as_of: Seq,
}

/// Runs the command.
///
/// # Errors
/// When the tape cannot be read, has no such session or symbol, or the file cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let began = Instant::now();
    let tape = Tape::open(&context.dir)?;
    let request = ExportRequest {
        kind: args.kind,
        date: args.date,
        run: args.run,
        symbols: args.symbols.clone(),
        as_of: args.as_of.map(Seq),
        out: args.out.clone(),
        force: args.force,
    };
    let bar = screen::progress(0, args.kind.name());
    let exported = export(&tape, &request, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let (exported, seconds) = (exported?, began.elapsed().as_secs_f64());
    if !args.kind.is_recorded() {
        eprintln!("this tape holds no {}: they come with the pairs desk; the file has its header alone", args.kind);
    }
    say(args, &exported, seconds)?;
    Ok(Verdict::Fine)
}

fn say(args: &Args, exported: &Exported, seconds: f64) -> Result<()> {
    let Exported { date, run, rows, bytes, as_of } = *exported;
    if args.json {
        let (kind, out) = (args.kind.name(), args.out.as_path());
        return screen::say_json(&Report { kind, date, run, rows, bytes, out, seconds, as_of });
    }
    let run = run.map_or_else(String::new, |run| format!(" run {run}"));
    let (rows, bytes) = (screen::count(rows), screen::bytes(bytes));
    screen::say(format!(
        "{kind} of {date}{run} as of seq {as_of}: {rows} rows, {bytes}, {seconds:.1} s, in {out}",
        kind = args.kind,
        out = args.out.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_refused_with_the_nearest() {
        assert_eq!(kind("bars_15m").ok().map(ExportKind::name), Some("bars_15m"));
        let told = kind("bar_1m").map_or_else(|error| error.to_string(), |_| String::new());
        assert!(told.starts_with("did you mean bars_1m? There are ticks, bars_1s, "), "{told}");
    }
}
