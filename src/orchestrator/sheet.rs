//! A CSV with named columns as read: its rows, each with its line.
//!
//! What it never does: read a file, or let an unknown column, a short row or an unclosed quote pass. Lines that are
//! blank or begin with `#` are skipped; a cell never spans lines. Who calls it: the universe and the holiday import.

use super::finding::{Finding, Known, Problem};

/// One row: its line in the file, and its cells, trimmed, in the order of the columns asked for.
pub(crate) struct Row<const N: usize> {
    /// Line of the file, from 1.
    pub(crate) line: u64,
    /// The cells.
    pub(crate) cells: [String; N],
}

/// Reads a CSV whose header names exactly `columns`, in any order.
pub(crate) fn read<const N: usize>(
    text: &str,
    file: &str,
    columns: [&str; N],
    findings: &mut Vec<Finding>,
) -> Vec<Row<N>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let report = |line: Option<u64>, place: &str, problem: Problem| Finding {
        file: file.to_owned(),
        line,
        place: place.to_owned(),
        problem,
    };
    let Some((line, header)) = lines.next() else {
        let expected = format!("the header `{}`", columns.join(","));
        findings.push(report(None, "", Problem::Missing { expected }));
        return Vec::new();
    };
    let header = match split(header) {
        Ok(header) => header,
        Err(problem) => {
            findings.push(report(Some(line), "header", problem));
            return Vec::new();
        }
    };
    let before = findings.len();
    for (at, name) in header.iter().enumerate() {
        if !columns.contains(&name.as_str()) {
            let problem =
                Problem::UnknownName { name: name.clone(), what: "column", known: Known::near(name, columns) };
            findings.push(report(Some(line), "header", problem));
        } else if header.iter().take(at).any(|earlier| earlier == name) {
            let problem = Problem::Repeated { name: name.clone(), first_line: line };
            findings.push(report(Some(line), "header", problem));
        }
    }
    for column in columns.iter().filter(|column| !header.iter().any(|name| name == *column)) {
        let expected = format!("a column `{column}`");
        findings.push(report(Some(line), "header", Problem::Missing { expected }));
    }
    if findings.len() > before {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for (line, text) in lines {
        match split(text) {
            Err(problem) => findings.push(report(Some(line), "", problem)),
            Ok(cells) if cells.len() != N => {
                let problem = Problem::Unfit {
                    found: format!("{} cells", cells.len()),
                    expected: format!("{N}: {}", header.join(",")),
                };
                findings.push(report(Some(line), "", problem));
            }
            Ok(cells) => {
                let cell = |column: &str| {
                    let found = header.iter().zip(&cells).find(|(name, _)| *name == column);
                    found.map(|(_, cell)| cell.clone()).unwrap_or_default()
                };
                rows.push(Row { line, cells: columns.map(cell) });
            }
        }
    }
    rows
}

/// The cells of one line, trimmed.
fn split(line: &str) -> Result<Vec<String>, Problem> {
    if line.matches('"').count() % 2 == 1 {
        return Err(Problem::Syntax { message: "a quote is opened and not closed on the same line".to_owned() });
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(_) => Ok(record.iter().map(|cell| cell.trim().to_owned()).collect()),
        Err(error) => Err(Problem::Syntax { message: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut findings = Vec::new();
        let rows = read(text, "f.csv", ["date", "name"], &mut findings);
        let mut shown: Vec<String> = rows.iter().map(|row| format!("{}: {}", row.line, row.cells.join("|"))).collect();
        shown.extend(findings.iter().map(ToString::to_string));
        assert_eq!(shown, expected);
    }

    #[test]
    fn rows_keep_their_line_past_comments_and_blank_lines() {
        check("# of 2027\n\ndate,name\n\n# first\n a ,\"b, c\" \r\n", &["6: a|b, c"]);
        check("\u{feff}name,date\nb,a", &["2: a|b"]);
    }

    #[test]
    fn a_wrong_header_is_refused_with_the_nearest_column() {
        check("", &["f.csv: missing: expected the header `date,name`"]);
        check(
            "dates,name\na,b\n",
            &[
                "f.csv:1: header: `dates` is no known column: did you mean `date`?",
                "f.csv:1: header: missing: expected a column `date`",
            ],
        );
        check("date,name,date\n", &["f.csv:1: header: `date` is already on line 1: keep one of the two"]);
    }

    #[test]
    fn a_short_row_and_an_open_quote_are_refused_with_their_line() {
        check(
            "date,name\na\nb,\"c\n",
            &[
                "f.csv:2: found 1 cells, expected 2: date,name",
                "f.csv:3: a quote is opened and not closed on the same line",
            ],
        );
    }
}
