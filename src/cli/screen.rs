//! What a person sees: tables, numbers, progress. Pure text out; never colour where it is not a terminal.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Prints what a command has to say. A reader that went away does not want to know, and changes neither what is done
/// after it nor the exit code.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub fn say(text: impl AsRef<str>) -> Result<()> {
    match stream(text) {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        said => said,
    }
}

/// The same with one JSON object on one line.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub fn say_json(value: &impl Serialize) -> Result<()> {
    say(serde_json::to_string(value)?)
}

/// Prints one of many lines: where the reader went away, the rest need not be made, and the command ends well.
///
/// # Errors
/// When stdout cannot be written; [`is_broken_pipe`] knows a reader that went away.
pub fn stream(text: impl AsRef<str>) -> Result<()> {
    writeln!(Out.lock(), "{}", text.as_ref())?;
    Ok(())
}

/// The same with one JSON object on one line.
///
/// # Errors
/// As [`stream`].
pub fn stream_json(value: &impl Serialize) -> Result<()> {
    stream(serde_json::to_string(value)?)
}

/// The reader of our output is gone. A socket or a file whose other end is gone is another matter, though the system has
/// the same word for it.
#[derive(Debug, thiserror::Error)]
#[error("whoever read the output has closed it")]
struct ReaderGone;

/// Stdout, whose errors tell a reader that went away from everything else.
#[derive(Clone, Copy, Debug)]
pub struct Out;

impl Out {
    /// For this thread alone, until it is dropped.
    pub fn lock(self) -> Locked {
        Locked(io::stdout().lock())
    }
}

/// [`Out`], locked.
#[derive(Debug)]
pub struct Locked(io::StdoutLock<'static>);

impl Write for Locked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(told_apart)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(told_apart)
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

fn told_apart(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe { io::Error::new(error.kind(), ReaderGone) } else { error }
}

/// Whether an error only says that the reader of our output is gone.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(says_so)
}

/// The source of an I/O error that holds another error is that one's source: what it holds is looked at, too.
fn says_so(error: &(dyn Error + 'static)) -> bool {
    let held = || error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<ReaderGone>() || held().is_some_and(|held| says_so(held) || held.source().is_some_and(says_so))
}

/// A table without lines, first column left, the others as `right` says.
pub fn table(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(header.to_vec());
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The table's text without trailing blanks, indented by two.
pub fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("  {}", line.trim_end())).collect::<Vec<_>>().join("\n")
}

/// The columns that a line takes at most where its length is up to us.
const COLUMNS: usize = 80;

/// A sentence in lines that begin with `indent` and end at a blank, within 80 columns; a longer word stays whole.
pub fn wrapped(text: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}

/// A count and its noun: `1 segment`, `2,000 segments`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", self::count(count))
}

/// A word as the shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:,+=@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `1234567` as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in binary units: `12.3 MiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut unit = "B";
    for next in UNITS.into_iter().skip(1) {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{number} B") } else { format!("{value:.1} {unit}") }
}

/// A share with its count: `98.3% (59 of 60)`.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "none of 0".to_owned();
    }
    format!("{:.1}% ({} of {})", 100.0 * part as f64 / whole as f64, count(part), count(whole))
}

/// A clock beside a message on a terminal, where the whole is not known; nothing otherwise.
pub fn spinner(what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{msg}  {elapsed_precise}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message(what.to_owned());
    bar
}

/// A progress bar over `total` on a terminal, nothing otherwise.
pub fn progress(total: u64, what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    let style =
        ProgressStyle::with_template("{msg:<22} {wide_bar} {percent:>3}%  {elapsed_precise} left {eta_precise}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(what.to_owned());
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shares_carry_their_count() {
        assert_eq!((count(7), count(1_234), count(1_234_567)), ("7".into(), "1,234".into(), "1,234,567".into()));
        assert_eq!(share(59, 60), "98.3% (59 of 60)");
        assert_eq!(share(0, 0), "none of 0");
        assert_eq!((bytes(12), bytes(2_048)), ("12 B".into(), "2.0 KiB".into()));
    }

    #[test]
    fn a_socket_that_broke_is_no_reader_of_ours_that_went_away() {
        let system = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(!is_broken_pipe(&anyhow::Error::new(system()).context("the daemon")));
        assert!(is_broken_pipe(&anyhow::Error::new(told_apart(system())).context("the output")));
        let wrapped = io::Error::other(io::Error::other(told_apart(system())));
        assert!(is_broken_pipe(&anyhow::Error::new(wrapped)));
        assert!(!is_broken_pipe(&anyhow::Error::new(told_apart(io::ErrorKind::StorageFull.into()))));
    }
}
