//! Why an export did not come about. Messages say where and what to do; the cause is the source.

use std::io;
use std::path::PathBuf;

use barkeep_schemas::{Seq, SessionDate};
use barkeep_storage::ReadError;

/// Why an export did not come about. The output file is then as it was before.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The extension of the output names no format.
    #[error(
        "{path}: the format is chosen by the extension: end the name in .csv, .parquet or .ndjson, or give --format",
        path = path.display()
    )]
    UnknownFormat {
        /// The output as given.
        path: PathBuf,
    },
    /// A stream has no extension that could choose the format.
    #[error("stdout has no name that chooses the format: give --format csv or --format ndjson")]
    NoFormat,
    /// Parquet is read from its end, so a stream of it serves nobody.
    #[error("parquet needs a file: give --out FILE.parquet, or --format csv or ndjson for stdout")]
    NoStream,
    /// The folder of the output is not there.
    #[error("the folder {folder} does not exist: make it first, or choose another", folder = folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The output is there already.
    #[error("{path} is there already: choose another name, or give --force to replace it", path = path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// The output could not be made, written or named.
    #[error("{path} could not be written: check the folder, its permissions and the disk", path = path.display())]
    Write {
        /// The file being written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The Parquet writer refused.
    #[error("{path} could not be written as Parquet: check the disk, or choose .csv", path = path.display())]
    Parquet {
        /// The file being written.
        path: PathBuf,
        /// What the writer said.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// The tape could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no event on the tape.
    #[error("the tape is empty: record, import or restore a session first")]
    EmptyTape,
    /// The tape has no such session.
    #[error("the tape has no session of {date}{at}: `barkeep tape stat` lists what it has", at = at_run(*run, *as_of))]
    NoSession {
        /// The date asked for.
        date: SessionDate,
        /// The run asked for.
        run: Option<u32>,
        /// The position up to which the tape was read.
        as_of: Seq,
    },
    /// The tape does not reach the position asked for, so what is known there cannot be told.
    #[error("the tape ends at seq {last}, nothing is known as of seq {as_of}: give {last} or less")]
    Future {
        /// The position asked for.
        as_of: Seq,
        /// The last position.
        last: Seq,
    },
    /// The session has not got a symbol that the tape knows.
    #[error("the session of {date} run {run} has no {symbol}{other}", other = other_runs(runs))]
    NotInRun {
        /// The date.
        date: SessionDate,
        /// The run.
        run: u32,
        /// The symbol asked for.
        symbol: String,
        /// The runs of that date that have it.
        runs: Vec<u32>,
    },
    /// The symbols asked for are in several sessions of the date, and no single one has all.
    #[error("no run of {date} has all of these symbols: {told}; export one run at a time", told = who_has(symbols))]
    Scattered {
        /// The date.
        date: SessionDate,
        /// Each symbol with the runs that have it.
        symbols: Vec<(String, Vec<u32>)>,
    },
    /// The date has no session, and the bars that came from outside have no such symbol.
    #[error("{date} has no session on the tape, and no bar of {symbol} was imported for it")]
    NotImported {
        /// The date.
        date: SessionDate,
        /// The symbol asked for.
        symbol: String,
    },
    /// No reconciliation looked at a symbol.
    #[error("no reconciliation of {date}{of_run} compared {symbol}{other}",
        of_run = of_run(*run), other = other_runs(runs))]
    NotReconciled {
        /// The date.
        date: SessionDate,
        /// The run asked for.
        run: Option<u32>,
        /// The symbol asked for.
        symbol: String,
        /// The other runs of that date whose reconciliation compared it.
        runs: Vec<u32>,
    },
    /// No instrument of the tape has this symbol.
    #[error("the tape knows no symbol '{symbol}'{hint}", hint = hint(nearest.as_deref()))]
    UnknownSymbol {
        /// The symbol asked for.
        symbol: String,
        /// The nearest that the tape knows.
        nearest: Option<String>,
    },
}

fn at_run(run: Option<u32>, as_of: Seq) -> String {
    run.map_or_else(|| format!(" up to seq {as_of}"), |run| format!(" with run {run} up to seq {as_of}"))
}

fn of_run(run: Option<u32>) -> String {
    run.map_or_else(String::new, |run| format!(" run {run}"))
}

fn other_runs(runs: &[u32]) -> String {
    match runs {
        [] => String::new(),
        [run] => format!("; run {run} has it: add --run {run}"),
        [newest, ..] => format!("; runs {} have it: add --run {newest}", listed(runs)),
    }
}

fn who_has(symbols: &[(String, Vec<u32>)]) -> String {
    let told = symbols.iter().map(|(symbol, runs)| match runs.as_slice() {
        [] => format!("{symbol} is in none"),
        [run] => format!("{symbol} is in run {run}"),
        runs => format!("{symbol} is in runs {}", listed(runs)),
    });
    told.collect::<Vec<_>>().join(", ")
}

fn listed(runs: &[u32]) -> String {
    runs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(": did you mean {nearest}?"))
}
