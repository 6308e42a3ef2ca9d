//! A YAML file as read: mappings, lists and values that know their line, and the findings about them.
//!
//! What it never does: hold a default, read a file, or stop at the first mistake within a document that is YAML at all.
//! Who calls it: the reader of the whitelist.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::document::{decimal, shown};
use super::finding::{Finding, Known, Problem};

/// Values of a document at most: a whitelist of 10,000 pairs with every key has 380,000.
const NODES_MAX: usize = 2_000_000;

/// A value.
#[derive(Clone, PartialEq, Debug)]
enum Value {
    Nothing,
    Bool(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    List(Vec<Placed>),
    Map(Vec<(Placed, Placed)>),
}

/// A value and its line, from 1; 0 where the parser does not know it.
#[derive(Clone, PartialEq, Debug)]
struct Placed {
    value: Value,
    line: u64,
}

impl<'de> Deserialize<'de> for Placed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { value: spanned.value, line: spanned.referenced.line() })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Nothing)
            }
            fn visit_none<E>(self) -> Result<Value, E> {
                Ok(Value::Nothing)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Whole(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(i64::try_from(value).map_or(Value::Number(value as f64), Value::Whole))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Number(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Value::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Value::Map(pairs))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A parsed YAML text.
pub(crate) struct Yaml {
    file: String,
    root: Placed,
}

/// A mapping, with the name by which an operator knows it.
#[derive(Clone)]
pub(crate) struct Mapping<'d> {
    file: &'d str,
    pairs: &'d [(Placed, Placed)],
    line: u64,
    /// How findings name it; empty for the top level.
    pub(crate) place: String,
}

/// One value with its key.
#[derive(Clone)]
pub(crate) struct Entry<'d> {
    file: &'d str,
    value: &'d Placed,
    place: String,
}

fn finding(file: &str, line: u64, place: &str, problem: Problem) -> Finding {
    Finding { file: file.to_owned(), line: (line > 0).then_some(line), place: place.to_owned(), problem }
}

impl Yaml {
    /// Parses a text; `file` is its name in findings.
    ///
    /// # Errors
    /// The first place where the text is not YAML.
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self, Vec<Finding>> {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_events: 2 * NODES_MAX },
            with_snippet: false,
        };
        match serde_saphyr::from_str_with_options::<Placed>(text, options) {
            Ok(root) => Ok(Self { file: file.to_owned(), root }),
            Err(error) => {
                let line = error.location().map_or(0, |location| location.line());
                let message = error.to_string();
                let message = message.lines().next().unwrap_or_default().to_owned();
                Err(vec![finding(file, line, "", Problem::Syntax { message })])
            }
        }
    }

    /// The mapping at the top level; `None` when the file holds nothing.
    pub(crate) fn root(&self, findings: &mut Vec<Finding>) -> Option<Mapping<'_>> {
        let root = Entry { file: &self.file, value: &self.root, place: String::new() };
        if self.root.value == Value::Nothing {
            return None;
        }
        root.mapping(findings)
    }
}

impl<'d> Mapping<'d> {
    /// Names the mapping in later findings.
    pub(crate) fn named(mut self, place: String) -> Self {
        self.place = place;
        self
    }

    /// Its line.
    pub(crate) const fn line(&self) -> u64 {
        self.line
    }

    /// A finding about the mapping as a whole.
    pub(crate) fn finding(&self, problem: Problem) -> Finding {
        finding(self.file, self.line, &self.place, problem)
    }

    /// Reports every key that is not one of `known`.
    pub(crate) fn allow_only(&self, known: &[&str], findings: &mut Vec<Finding>) {
        for (key, _) in self.pairs {
            let name = key.value.shown();
            if !matches!(&key.value, Value::Text(name) if known.contains(&name.as_str())) {
                let problem = Problem::UnknownName { known: Known::near(&name, known), name, what: "key" };
                findings.push(finding(self.file, key.line, &self.place, problem));
            }
        }
    }

    /// The value of a key, when it is there.
    pub(crate) fn get(&self, key: &str) -> Option<Entry<'d>> {
        let (_, value) = self.pairs.iter().find(|(name, _)| matches!(&name.value, Value::Text(name) if name == key))?;
        let gap = if self.place.is_empty() { "" } else { " " };
        Some(Entry { file: self.file, value, place: format!("{}{gap}{key}", self.place) })
    }

    /// The value of a key; a finding when it is not there.
    pub(crate) fn require(&self, key: &str, expected: &str, findings: &mut Vec<Finding>) -> Option<Entry<'d>> {
        let entry = self.get(key);
        if entry.is_none() {
            findings.push(self.finding(Problem::Missing { expected: format!("`{key}: {expected}`") }));
        }
        entry
    }
}

impl Value {
    /// As a finding shows it.
    fn shown(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(text) => text.escape_debug().to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }
}

impl<'d> Entry<'d> {
    /// A finding about the value.
    pub(crate) fn finding(&self, problem: Problem) -> Finding {
        finding(self.file, self.value.line, &self.place, problem)
    }

    /// A finding that the value is not what was expected.
    pub(crate) fn unfit(&self, expected: &str) -> Finding {
        let found = match &self.value.value {
            Value::Text(text) => format!("\"{}\"", text.escape_debug()),
            Value::Nothing | Value::Bool(_) | Value::Whole(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => {
                self.value.value.shown()
            }
        };
        self.finding(Problem::Unfit { found, expected: expected.to_owned() })
    }

    /// The value as text.
    pub(crate) fn text(&self, expected: &str, findings: &mut Vec<Finding>) -> Option<&'d str> {
        let Value::Text(text) = &self.value.value else {
            findings.push(self.unfit(expected));
            return None;
        };
        Some(text)
    }

    /// The value as a whole number from `least` to `most`.
    pub(crate) fn integer(&self, least: i64, most: i64, findings: &mut Vec<Finding>) -> Option<i64> {
        match self.value.value {
            Value::Whole(value) if (least..=most).contains(&value) => return Some(value),
            Value::Whole(value) => findings.push(self.finding(Problem::OutOfRange { value, least, most })),
            Value::Nothing | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                findings.push(self.unfit(&format!("a whole number from {least} to {most}")));
            }
        }
        None
    }

    /// The value as a finite number that fits.
    pub(crate) fn number(
        &self,
        expected: &str,
        fits: impl FnOnce(f64) -> bool,
        findings: &mut Vec<Finding>,
    ) -> Option<f64> {
        let number = match self.value.value {
            Value::Whole(value) => Some(value as f64),
            Value::Number(value) => Some(value),
            Value::Nothing | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        };
        let number = number.filter(|number| number.is_finite()).filter(|number| fits(*number));
        if number.is_none() {
            findings.push(self.unfit(expected));
        }
        number
    }

    /// The value as a decimal from `least` to `most`, both in units of `10^-decimals`, in which it comes back.
    pub(crate) fn decimal(&self, decimals: u32, least: i64, most: i64, findings: &mut Vec<Finding>) -> Option<i64> {
        let text = match self.value.value {
            Value::Whole(value) => Some(value.to_string()),
            Value::Number(value) => Some(value.to_string()),
            Value::Nothing | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        };
        let value = text.and_then(|text| decimal(&text, decimals)).filter(|value| (least..=most).contains(value));
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
        let text = self.value.value.shown();
        let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let known = Known::near(&text, names.iter().map(|(name, _)| name));
            findings.push(self.finding(Problem::UnknownName { name: text, what, known }));
        }
        found
    }

    /// The value as a mapping.
    pub(crate) fn mapping(&self, findings: &mut Vec<Finding>) -> Option<Mapping<'d>> {
        let Value::Map(pairs) = &self.value.value else {
            findings.push(self.unfit("a mapping of keys to values"));
            return None;
        };
        Some(Mapping { file: self.file, pairs, line: self.value.line, place: self.place.clone() })
    }

    /// The value as a list of values.
    pub(crate) fn list(&self, findings: &mut Vec<Finding>) -> Vec<Entry<'d>> {
        let Value::List(list) = &self.value.value else {
            findings.push(self.unfit("a list"));
            return Vec::new();
        };
        list.iter().map(|value| Entry { file: self.file, value, place: self.place.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_name_the_line_of_the_value() {
        let yaml = Yaml::parse("a: 1\n\npart:\n  b: 2.5\n  c: x\nlist:\n- {d: true}\n-\n", "f.yaml").unwrap();
        let mut findings = Vec::new();
        let root = yaml.root(&mut findings).unwrap();
        assert_eq!(root.get("a").unwrap().integer(0, 1, &mut findings), Some(1));
        let part = root.get("part").unwrap().mapping(&mut findings).unwrap().named("part".into());
        assert_eq!(part.get("b").unwrap().decimal(2, 0, 1_000, &mut findings), Some(250));
        assert_eq!(part.get("b").unwrap().number("", |_| true, &mut findings), Some(2.5));
        assert_eq!(part.get("c").unwrap().text("", &mut findings), Some("x"));
        assert_eq!(findings, []);
        part.get("b").unwrap().integer(0, 9, &mut findings);
        part.get("c").unwrap().decimal(0, 0, 9, &mut findings);
        part.allow_only(&["b", "cc"], &mut findings);
        part.require("e", "…", &mut findings);
        for entry in root.get("list").unwrap().list(&mut findings) {
            entry.mapping(&mut findings);
        }
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        f.yaml:4: part b: found 2.5, expected a whole number from 0 to 9
        f.yaml:5: part c: found "x", expected a number from 0 to 9 with at most 0 decimals
        f.yaml:5: part: `c` is no known key: did you mean `cc`?
        f.yaml:4: part: missing: expected `e: …`
        f.yaml:8: list: found nothing, expected a mapping of keys to values
        "#);
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_line() {
        for text in ["a: [1\nb: 2\n", "a: 1\na: 2\n", "a: *nobody\n"] {
            let findings = Yaml::parse(text, "f.yaml").err().unwrap_or_else(|| panic!("{text} is read"));
            assert!(findings[0].line.is_some(), "{findings:?}");
        }
        assert!(Yaml::parse("", "f.yaml").unwrap().root(&mut Vec::new()).is_none());
        assert!(Yaml::parse("# nothing\n", "f.yaml").unwrap().root(&mut Vec::new()).is_none());
    }
}
