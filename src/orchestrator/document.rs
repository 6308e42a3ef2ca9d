//! A TOML file as read: tables and values that know their line, and the findings about them.
//!
//! What it never does: hold a default, read a file, or stop at the first mistake. Who calls it: the readers of the
//! calendar and the configuration.

use barkeep_schemas::SessionDate;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::{Finding, Known, Problem, sorted};

/// A parsed TOML text.
pub(crate) struct Document<'t> {
    file: String,
    text: &'t str,
    root: DeTable<'t>,
}

/// The tables and values of one level, with the name by which an operator knows it.
#[derive(Clone)]
pub(crate) struct Section<'d> {
    document: &'d Document<'d>,
    table: &'d DeTable<'d>,
    /// How findings name it; empty for the top level.
    pub(crate) place: String,
    offset: Option<usize>,
}

/// One value with its key.
#[derive(Clone)]
pub(crate) struct Entry<'d> {
    document: &'d Document<'d>,
    value: &'d Spanned<DeValue<'d>>,
    place: String,
}

/// Line of a byte offset, from 1.
fn line_at(text: &str, offset: usize) -> u64 {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// A decimal such as `0.00307` in units of `10^-decimals`; `None` for any other text, or one that is finer or too large.
pub(crate) fn decimal(text: &str, decimals: u32) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = part.trim_end_matches('0');
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > decimals as usize {
        return None;
    }
    let padded = format!("{whole}{part:0<width$}", width = decimals as usize);
    padded.parse::<i64>().ok()?.checked_mul(sign)
}

/// The other way round.
pub(crate) fn shown(raw: i64, decimals: u32) -> String {
    let one = 10_i64.saturating_pow(decimals);
    let (whole, part) = ((raw / one).abs(), (raw % one).unsigned_abs());
    let part = format!("{part:0width$}", width = decimals as usize);
    let part = part.trim_end_matches('0');
    let (sign, dot) = (if raw < 0 { "-" } else { "" }, if part.is_empty() || decimals == 0 { "" } else { "." });
    format!("{sign}{whole}{dot}{}", if decimals == 0 { "" } else { part })
}

impl<'t> Document<'t> {
    /// Parses a text; `file` is its name in findings.
    ///
    /// # Errors
    /// Every place where the text is not TOML.
    pub(crate) fn parse(text: &'t str, file: &str) -> Result<Self, Vec<Finding>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { file: file.to_owned(), text, root: root.into_inner() });
        }
        let finding = |error: toml::de::Error| Finding {
            file: file.to_owned(),
            line: error.span().map(|span| line_at(text, span.start)),
            place: String::new(),
            problem: Problem::Syntax { message: error.message().to_owned() },
        };
        Err(sorted(errors.into_iter().map(finding).collect()))
    }

    /// The top level.
    pub(crate) fn root(&self) -> Section<'_> {
        Section { document: self, table: &self.root, place: String::new(), offset: None }
    }
}

impl<'d> Section<'d> {
    /// Names the section in later findings.
    pub(crate) fn named(mut self, place: String) -> Self {
        self.place = place;
        self
    }

    /// Line at which the section starts; 1 for the top level.
    pub(crate) fn line(&self) -> u64 {
        self.offset.map_or(1, |offset| line_at(self.document.text, offset))
    }

    /// A finding about the section as a whole.
    pub(crate) fn finding(&self, problem: Problem) -> Finding {
        Finding {
            file: self.document.file.clone(),
            line: self.offset.map(|offset| line_at(self.document.text, offset)),
            place: self.place.clone(),
            problem,
        }
    }

    /// The keys in the order of the alphabet.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.table.keys().map(|key| key.get_ref().as_ref())
    }

    /// Reports every key that is not one of `known`.
    pub(crate) fn allow_only(&self, known: &[&str], findings: &mut Vec<Finding>) {
        for key in self.table.keys() {
            let name: &str = key.get_ref().as_ref();
            if !known.contains(&name) {
                let problem =
                    Problem::UnknownName { name: name.to_owned(), what: "key", known: Known::near(name, known) };
                let line = Some(line_at(self.document.text, key.span().start));
                findings.push(Finding { line, ..self.finding(problem) });
            }
        }
    }

    /// The value of a key, when it is there.
    pub(crate) fn get(&self, key: &str) -> Option<Entry<'d>> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key)?;
        let gap = if self.place.is_empty() { "" } else { " " };
        Some(Entry { document: self.document, value, place: format!("{}{gap}{key}", self.place) })
    }

    /// The value of a key; a finding when it is not there.
    pub(crate) fn require(&self, key: &str, expected: &str, findings: &mut Vec<Finding>) -> Option<Entry<'d>> {
        let entry = self.get(key);
        if entry.is_none() {
            findings.push(self.finding(Problem::Missing { expected: format!("`{key} = {expected}`") }));
        }
        entry
    }

    /// The text of a key that must be there.
    pub(crate) fn text(&self, key: &str, findings: &mut Vec<Finding>) -> Option<&'d str> {
        self.require(key, "\"…\"", findings)?.text(findings)
    }

    /// The date of a key that must be there.
    pub(crate) fn date(&self, key: &str, findings: &mut Vec<Finding>) -> Option<SessionDate> {
        self.require(key, "\"YYYY-MM-DD\"", findings)?.date(findings)
    }

    /// The tables of `[[key]]`; none when the key is not there.
    pub(crate) fn sections(&self, key: &str, findings: &mut Vec<Finding>) -> Vec<Section<'d>> {
        self.get(key).map_or_else(Vec::new, |entry| entry.sections(findings))
    }
}

impl<'d> Entry<'d> {
    /// A finding about the value.
    pub(crate) fn finding(&self, problem: Problem) -> Finding {
        Finding { file: self.document.file.clone(), line: Some(self.line()), place: self.place.clone(), problem }
    }

    /// Line of the value, from 1.
    pub(crate) fn line(&self) -> u64 {
        line_at(self.document.text, self.value.span().start)
    }

    /// Byte range of the value in the text.
    pub(crate) fn span(&self) -> std::ops::Range<usize> {
        self.value.span()
    }

    /// A finding that the value is not what was expected.
    pub(crate) fn unfit(&self, expected: &str) -> Finding {
        let found = match self.value.get_ref() {
            DeValue::String(text) => format!("\"{}\"", text.escape_debug()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
                self.document.text.get(self.value.span()).unwrap_or_default().to_owned()
            }
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.finding(Problem::Unfit { found, expected: expected.to_owned() })
    }

    /// The value as text.
    pub(crate) fn text(&self, findings: &mut Vec<Finding>) -> Option<&'d str> {
        let text = self.value.get_ref().as_str();
        if text.is_none() {
            findings.push(self.unfit("a text in quotes"));
        }
        text
    }

    /// The value as a date `YYYY-MM-DD` in quotes.
    pub(crate) fn date(&self, findings: &mut Vec<Finding>) -> Option<SessionDate> {
        let date = self.value.get_ref().as_str().and_then(SessionDate::parse);
        if date.is_none() {
            findings.push(self.unfit("a date \"YYYY-MM-DD\" in quotes"));
        }
        date
    }

    /// The value as a whole number from `least` to `most`.
    pub(crate) fn integer(&self, least: i64, most: i64, findings: &mut Vec<Finding>) -> Option<i64> {
        let number = self.value.get_ref().as_integer();
        let number = number.and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        match number {
            None => findings.push(self.unfit(&format!("a whole number from {least} to {most}"))),
            Some(value) if !(least..=most).contains(&value) => {
                findings.push(self.finding(Problem::OutOfRange { value, least, most }));
            }
            Some(value) => return Some(value),
        }
        None
    }

    /// The value as a decimal from `least` to `most`, both in units of `10^-decimals`, in which it comes back. It has at
    /// most so many decimals, and is read as it is written: no binary fraction comes between.
    pub(crate) fn decimal(&self, decimals: u32, least: i64, most: i64, findings: &mut Vec<Finding>) -> Option<i64> {
        let text = match self.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
            DeValue::Float(number) => Some(number.as_str()),
            DeValue::Integer(_)
            | DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        };
        let value = text.and_then(|text| decimal(text, decimals)).filter(|value| (least..=most).contains(value));
        if value.is_none() {
            let [least, most] = [least, most].map(|raw| shown(raw, decimals));
            findings.push(self.unfit(&format!("a number from {least} to {most} with at most {decimals} decimals")));
        }
        value
    }

    /// The value as one of some names.
    pub(crate) fn name<T: Copy>(
        &self,
        what: &'static str,
        names: &[(&str, T)],
        findings: &mut Vec<Finding>,
    ) -> Option<T> {
        let text = self.text(findings)?;
        let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let known = Known::near(text, names.iter().map(|(name, _)| name));
            findings.push(self.finding(Problem::UnknownName { name: text.to_owned(), what, known }));
        }
        found
    }

    /// The value as a table.
    pub(crate) fn section(&self, findings: &mut Vec<Finding>) -> Option<Section<'d>> {
        let section = self.as_section(self.value);
        if section.is_none() {
            findings.push(self.unfit("a table"));
        }
        section
    }

    /// The value as a list of values.
    pub(crate) fn list(&self, findings: &mut Vec<Finding>) -> Vec<Entry<'d>> {
        let Some(array) = self.value.get_ref().as_array() else {
            findings.push(self.unfit("a list"));
            return Vec::new();
        };
        array.iter().map(|value| Entry { document: self.document, value, place: self.place.clone() }).collect()
    }

    /// The value as a list of tables.
    pub(crate) fn sections(&self, findings: &mut Vec<Finding>) -> Vec<Section<'d>> {
        self.list(findings).into_iter().filter_map(|entry| entry.section(findings)).collect()
    }

    fn as_section(&self, value: &'d Spanned<DeValue<'d>>) -> Option<Section<'d>> {
        let table = value.get_ref().as_table()?;
        let offset = Some(value.span().start);
        Some(Section { document: self.document, table, place: self.place.clone(), offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_name_the_line_of_the_value() {
        let document = Document::parse("a = 1\n\n[part]\nb = 2_000\nc = \"x\"\n", "f.toml").unwrap();
        let mut findings = Vec::new();
        let part = document.root().get("part").unwrap().section(&mut findings).unwrap().named("[part]".into());
        assert_eq!(part.get("b").unwrap().integer(0, 2_000, &mut findings), Some(2_000));
        assert_eq!(findings, []);
        part.get("b").unwrap().integer(0, 9, &mut findings);
        part.get("c").unwrap().integer(0, 9, &mut findings);
        part.allow_only(&["b", "cc"], &mut findings);
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "f.toml:4: [part] b: 2000 is outside 0 to 9",
                "f.toml:5: [part] c: found \"x\", expected a whole number from 0 to 9",
                "f.toml:5: [part]: `c` is no known key: did you mean `cc`?",
            ]
        );
    }

    #[test]
    fn a_decimal_is_read_as_it_is_written() {
        for (text, decimals, raw) in
            [("0.00307", 7, 30_700), ("20", 4, 200_000), ("-1.5", 1, -15), ("2.50", 1, 25), ("7", 0, 7), ("0.0", 2, 0)]
        {
            assert_eq!(decimal(text, decimals), Some(raw), "{text}");
            assert_eq!(decimal(&shown(raw, decimals), decimals), Some(raw), "{text}");
        }
        for text in ["", ".5", "1e3", "inf", "nan", "0.125", "1.2.3", "--1", "99999999999999999999"] {
            assert_eq!(decimal(text, 2), None, "{text}");
        }
    }

    #[test]
    fn every_syntax_error_is_reported_with_its_line() {
        let findings = Document::parse("a = \nb = 1\nb = 2\nc = ]\n", "f.toml").err().unwrap();
        let lines: Vec<Option<u64>> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [Some(1), Some(3), Some(4)]);
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_do_not_shift_lines() {
        let document = Document::parse("\u{feff}a = 1\r\nb = 2\r\n", "f.toml").unwrap();
        assert_eq!(document.root().get("a").map(|entry| entry.line()), Some(1));
        assert_eq!(document.root().get("b").map(|entry| entry.line()), Some(2));
    }
}
