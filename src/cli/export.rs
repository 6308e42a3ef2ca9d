//! `barkeep export`: a session's ticks, bars or reconciliation as a CSV, Parquet or NDJSON file.
//!
//! What it is: arguments in, one call, one line out. What it never does: choose rows; the projections do.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use barkeep_schemas::{Seq, SessionDate};
use barkeep_storage::Tape;
use serde::Serialize;

use super::{Context, Verdict, moment, screen};
use crate::mirrors::export::{Destination, ExportKind, ExportRequest, Exported, Format, export};

/// Writes a session's ticks, bars, orders, fills, signals or reconciliation to a file
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Bars are the newest edition of each, or with --as-of the newest that was known at that position; \
`ts` is the start in epoch seconds UTC. Rows come in the order of the tape. Rows of recon are the bars that the newest \
reconciliation of them found different, which are open.

Examples:
  barkeep export --kind bars_1m --date 2021-06-04 --symbols INFY,TCS \\
      --out bars.parquet
  barkeep export --kind recon --date 2021-06-04 --all --out recon.csv
  barkeep export --kind fills --date 2021-06-04 --out fills.parquet
  barkeep export --kind ticks --symbols INFY --out - --format csv"
)]
pub struct Args {
    /// What to write: ticks, bars_1s, bars_1m, bars_3m, bars_5m, bars_15m, bars_30m, bars_60m, orders, fills, signals,
    /// pair_marks or recon
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: ExportKind,
    /// The session's date [default: the session that the tape recorded last]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = moment::date)]
    pub date: Option<SessionDate>,
    /// Which run of that date [default: the newest that has the symbols; of recon every one]
    #[arg(long, value_name = "K", requires = "date", value_parser = clap::value_parser!(u32).range(1..))]
    pub run: Option<u32>,
    /// Only these symbols
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// Of recon also the rows that a later reconciliation found in order
    #[arg(long)]
    pub all: bool,
    /// Only what was known at this position of the tape
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    pub as_of: Option<u64>,
    /// The file to write, or - for stdout
    #[arg(long, value_name = "FILE|-")]
    pub out: PathBuf,
    /// Format [default: as the file's extension says: .csv, .parquet or .ndjson]
    #[arg(long, value_name = "csv|parquet|ndjson", value_parser = format)]
    pub format: Option<Format>,
    /// Replace the file where it is there already
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Whether the rows go to stdout.
    fn is_stream(&self) -> bool {
        self.out.as_os_str() == "-"
    }

    fn request(&self) -> ExportRequest {
        ExportRequest {
            kind: self.kind,
            date: self.date,
            run: self.run,
            symbols: self.symbols.clone(),
            as_of: self.as_of.map(Seq),
            all: self.all,
            format: self.format,
        }
    }

    /// Refuses what does not go together.
    fn check(&self) -> Result<()> {
        if self.json && self.is_stream() {
            bail!("--json reports on stdout, where --out - puts the rows: leave --json out, or name a file");
        }
        if self.all && self.kind != ExportKind::Recon {
            bail!("--all is for --kind recon: {} has no rows that were resolved", self.kind);
        }
        Ok(())
    }
}

fn format(text: &str) -> Result<Format> {
    Format::parse(text).ok_or_else(|| anyhow!("there are {}", Format::ALL.map(Format::name).join(", ")))
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
/// When the tape cannot be read, has no such session or symbol, or the output cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let began = Instant::now();
    args.check()?;
    let tape = Tape::open(&context.dir)?;
    let destination = if args.is_stream() {
        Destination::Stream(Box::new(screen::Out))
    } else {
        Destination::File { path: args.out.clone(), force: args.force }
    };
    let bar = screen::progress(0, args.kind.name());
    let exported = export(&tape, &args.request(), destination, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let (exported, seconds) = (exported?, began.elapsed().as_secs_f64());
    if args.kind.is_of_desk() && exported.rows == 0 {
        eprintln!("there are no {} of {} on the tape: the output has its header alone", args.kind, exported.date);
    }
    if exported.reconciliations == Some(0) {
        let run = exported.run.map_or_else(String::new, |run| format!(" run {run}"));
        eprintln!("{}{run} has not been reconciled: the output has its header alone", exported.date);
    }
    if !args.is_stream() {
        say(args, &exported, seconds)?;
    }
    Ok(Verdict::Fine)
}

fn say(args: &Args, exported: &Exported, seconds: f64) -> Result<()> {
    let Exported { date, run, rows, bytes, as_of, reconciliations: _ } = *exported;
    if args.json {
        let (kind, out) = (args.kind.name(), args.out.as_path());
        return screen::say_json(&Report { kind, date, run, rows, bytes, out, seconds, as_of });
    }
    let run = run.map_or_else(String::new, |run| format!(" run {run}"));
    let what = match args.kind {
        ExportKind::Recon if args.all => "rows, open and resolved",
        ExportKind::Recon => "open rows",
        ExportKind::Ticks
        | ExportKind::Bars(_)
        | ExportKind::Orders
        | ExportKind::Fills
        | ExportKind::Signals
        | ExportKind::PairMarks => "rows",
    };
    let (rows, bytes) = (screen::count(rows), screen::bytes(bytes));
    screen::say(format!(
        "{kind} of {date}{run} as of seq {as_of}: {rows} {what}, {bytes}, {seconds:.1} s, in {out}",
        kind = args.kind,
        out = args.out.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn checked(line: &str) -> String {
        let line: Vec<&str> = std::iter::once("export").chain(line.split(' ')).collect();
        let checked = <Line as clap::Parser>::try_parse_from(line).map(|line| line.args.check());
        checked.unwrap().map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn rows_on_stdout_leave_no_room_for_a_report() {
        assert_eq!(checked("--kind ticks --out - --format csv"), "fine");
        assert_eq!(
            checked("--kind ticks --out - --format csv --json"),
            "--json reports on stdout, where --out - puts the rows: leave --json out, or name a file"
        );
        assert_eq!(checked("--kind recon --out x.csv --json --all"), "fine");
        assert_eq!(
            checked("--kind ticks --out x.csv --all"),
            "--all is for --kind recon: ticks has no rows that were resolved"
        );
    }

    #[test]
    fn examples_in_the_help_fit_a_narrow_terminal() {
        let cli = <crate::cli::Cli as clap::CommandFactory>::command();
        let tape = cli.find_subcommand("tape").unwrap();
        let commands = ["export", "recon"].map(|name| cli.find_subcommand(name).unwrap());
        for command in commands.into_iter().chain(tape.get_subcommands()) {
            let help = command.get_after_help().unwrap().to_string();
            let (_, examples) = help.split_once("Example").unwrap();
            let wide: Vec<&str> = examples.lines().filter(|line| line.chars().count() > 76).collect();
            assert!(wide.is_empty(), "{}: {wide:?}", command.get_name());
            let first = examples.lines().nth(1).unwrap_or(examples);
            assert!(first.contains("barkeep "), "{}: {first}", command.get_name());
        }
    }

    #[test]
    fn an_unknown_kind_is_refused_with_the_nearest() {
        assert_eq!(kind("bars_15m").ok().map(ExportKind::name), Some("bars_15m"));
        let told = kind("bar_1m").map_or_else(|error| error.to_string(), |_| String::new());
        assert!(told.starts_with("did you mean bars_1m? There are ticks, bars_1s, "), "{told}");
    }
}
