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
        "{path}: the format is chosen by the extension: end the name in .csv, .parquet or .ndjson",
        path = path.display()
    )]
    UnknownFormat {
        /// The output as given.
        path: PathBuf,
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

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(": did you mean {nearest}?"))
}
