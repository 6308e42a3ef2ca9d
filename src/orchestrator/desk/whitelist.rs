//! The whitelist: the pairs of one session, by symbol.
//!
//! What it never does: decide whether its date is today, or know an instrument's number. Who calls it:
//! [`super::DeskFiles`]; [`super::setup()`] turns it into what the engine is told.

use std::collections::BTreeMap;

use barkeep_schemas::{Bucket, Money, NANOS, Product, Real, SessionDate, Side, Timeframe};

use serde::Serialize;

use super::charges::ChargeTable;
use super::files::{FileError, VERSION, newer, parsed};
use crate::orchestrator::config::TimeOfDay;
use crate::orchestrator::finding::{Finding, Known, Problem};
use crate::orchestrator::universe::Universe;
use crate::orchestrator::yaml::{Entry, Mapping, Yaml};

/// Pairs of a whitelist at most.
pub const PAIRS_MAX: usize = 10_000;

/// Bars in a window.
const LOOKBACK: (i64, i64) = (2, 10_000);
/// The largest notional of a pair: a hundred crore, in ten-thousandths.
const NOTIONAL_MAX: i64 = 10_000_000_000_000;
/// The largest hedge ratio, intercept and threshold.
const BETA_MAX: f64 = 1_000_000.0;
const Z_MAX: f64 = 100.0;

const MINUTE_NS: i64 = 60 * NANOS;
const DAY_NS: i64 = 86_400 * NANOS;

/// What a pair has where its entry does not say. Source: the desk's rules of entry and exit.
const ENTRY_FROM_NS: i64 = (9 * 60 + 20) * MINUTE_NS;
const ENTRY_UNTIL_NS: i64 = 30 * MINUTE_NS;
const FLATTEN_BEFORE_NS: i64 = 10 * MINUTE_NS;
const MAX_STOPS: u32 = 1;
/// Bars without which an open pair is stale.
const STALE_BARS: i64 = 3;

const KEYS: [&str; 18] = [
    "a",
    "b",
    "tf",
    "beta",
    "intercept",
    "entry",
    "exit",
    "stop",
    "lookback",
    "max_hold",
    "bucket",
    "gross_notional_inr",
    "product",
    "entry_from",
    "entry_until",
    "flatten_before",
    "stale_after",
    "max_stops",
];

/// The pairs of one session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Whitelist {
    /// Its name, as the operator knows it.
    pub file: String,
    /// The session that it is for.
    pub date: SessionDate,
    /// The pairs, in the order of the file.
    pub pairs: Vec<Listed>,
}

/// One pair. Its fields are those of [`barkeep_schemas::PairSpec`], with symbols for numbers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Listed {
    /// Line of the file, from 1.
    pub line: u64,
    /// `{A}_{B}_{tf}m`.
    pub name: String,
    /// Symbol of leg A.
    pub a: String,
    /// Symbol of leg B.
    pub b: String,
    /// Whose bars it watches.
    pub tf: Timeframe,
    /// Hedge ratio, above 0.
    pub beta: Real,
    /// Intercept of the fit.
    pub intercept: Real,
    /// `|z|` of entries, above `exit`.
    pub entry: Real,
    /// `|z|` of reversion, at least 0.
    pub exit: Real,
    /// `|z|` of the stop, above `entry`.
    pub stop: Real,
    /// Bars in the window.
    pub lookback: u32,
    /// The longest time it is held, nanoseconds.
    pub max_hold_ns: i64,
    /// No entry before, nanoseconds after midnight IST.
    pub entry_from_ns: i64,
    /// No entry in the last so many nanoseconds before the flatten.
    pub entry_until_ns: i64,
    /// Flattened so many nanoseconds before the end.
    pub flatten_before_ns: i64,
    /// Left when no pair of bars was made for so many nanoseconds.
    pub stale_after_ns: i64,
    /// Stops after which there are no more entries.
    pub max_stops: u32,
    /// Its risk bucket.
    pub bucket: Bucket,
    /// Money of both legs at entry.
    pub gross_notional: Money,
    /// What its orders are.
    pub product: Product,
}

impl Whitelist {
    /// The commented text of a list without pairs, for `init` to write.
    pub const fn builtin_text() -> &'static str {
        include_str!("../../../configs/pairs_next_day.yaml")
    }

    /// Reads a whitelist; `file_name` is its name in errors.
    ///
    /// # Errors
    /// [`FileError::Refused`] with every mistake. A file that holds nothing is one; a list without pairs is none.
    pub fn from_yaml(text: &str, file_name: &str) -> Result<Self, FileError> {
        parsed(file_name, |findings| {
            let yaml = Yaml::parse(text, file_name).map_err(|found| findings.extend(found)).ok()?;
            let Some(root) = yaml.root(findings) else {
                if findings.is_empty() {
                    let problem = Problem::Missing { expected: "`version`, `date` and `pairs`".to_owned() };
                    findings.push(Finding { file: file_name.to_owned(), line: None, place: String::new(), problem });
                }
                return None;
            };
            whitelist(&root, file_name, findings)
        })
    }

    /// What is wrong with it for a universe: pairs whose legs are not subscribed.
    pub fn against(&self, universe: &Universe) -> Vec<Finding> {
        let mut findings = Vec::new();
        for pair in &self.pairs {
            for (leg, symbol) in [("a", &pair.a), ("b", &pair.b)] {
                let problem = match universe.get(symbol) {
                    Some(member) if member.subscribe => continue,
                    Some(_) => Problem::Unfit {
                        found: format!("`{symbol}`, which the universe has with `subscribe` false"),
                        expected: "a symbol that is subscribed: change the universe or remove the pair".to_owned(),
                    },
                    None => Problem::UnknownName {
                        name: symbol.clone(),
                        what: "symbol of the universe",
                        known: Known::near(symbol, universe.members().map(|member| &member.symbol)),
                    },
                };
                let place = format!("pair {} {leg}", pair.name);
                findings.push(Finding { file: self.file.clone(), line: Some(pair.line), place, problem });
            }
        }
        findings
    }

    /// What is wrong with it for what is known of charges: pairs that would be left out of its session.
    pub fn uncharged(&self, charges: &ChargeTable) -> Vec<Finding> {
        let finding = |line, place, found, expected| {
            let problem = Problem::Unfit { found, expected };
            Finding { file: self.file.clone(), line, place, problem }
        };
        let rates = match charges.on(self.date) {
            Ok(rates) => rates,
            Err(early) => {
                let expected = format!("a date whose charges are known: {early}");
                return vec![finding(None, "date".to_owned(), self.date.to_string(), expected)];
            }
        };
        let without = |pair: &&Listed| {
            let known = |side: &Side| rates.iter().any(|of| of.product == pair.product && of.side == *side);
            !Side::ALL.iter().all(known)
        };
        let told = |pair: &Listed| {
            let expected =
                "a product whose charges are known: change it, or add `[[rates]]` to the file of `[charges]`";
            let place = format!("pair {} product", pair.name);
            finding(Some(pair.line), place, pair.product.to_string(), expected.to_owned())
        };
        self.pairs.iter().filter(without).map(told).collect()
    }
}

fn whitelist(root: &Mapping<'_>, file: &str, findings: &mut Vec<Finding>) -> Option<Whitelist> {
    root.allow_only(&["version", "date", "pairs"], findings);
    if let Some(entry) = root.require("version", &VERSION.to_string(), findings)
        && let Some(found) = entry.integer(1, i64::from(u32::MAX), findings)
        && found != VERSION
    {
        findings.push(newer(found, |problem| entry.finding(problem)));
    }
    let date = root.require("date", "YYYY-MM-DD", findings).and_then(|entry| {
        let date = entry.text("a date YYYY-MM-DD", findings)?;
        let parsed = SessionDate::parse(date);
        if parsed.is_none() {
            findings.push(entry.unfit("a date YYYY-MM-DD"));
        }
        parsed
    });
    let entries = root.require("pairs", "a list", findings)?;
    let list = entries.list(findings);
    if list.len() > PAIRS_MAX {
        let found = format!("{} pairs", list.len());
        findings.push(entries.finding(Problem::Unfit { found, expected: format!("at most {PAIRS_MAX}") }));
        return None;
    }
    let mut pairs: Vec<Listed> = Vec::new();
    let mut lines: BTreeMap<[String; 3], u64> = BTreeMap::new();
    for (at, entry) in list.iter().enumerate() {
        let Some(mapping) = entry.mapping(findings) else { continue };
        let mapping = mapping.named(format!("pair {}", at + 1));
        let Some(pair) = pair(&mapping, findings) else { continue };
        // The same two legs the other way round are the same bet.
        let (one, other) = if pair.a < pair.b { (&pair.a, &pair.b) } else { (&pair.b, &pair.a) };
        let key = [one.clone(), other.clone(), pair.tf.name().to_owned()];
        match lines.get(&key) {
            Some(first_line) => {
                let (name, first_line) = (pair.name, *first_line);
                findings.push(mapping.finding(Problem::Repeated { name, first_line }));
            }
            None => {
                lines.insert(key, pair.line);
                pairs.push(pair);
            }
        }
    }
    Some(Whitelist { file: file.to_owned(), date: date?, pairs })
}

/// Hands out the values of one pair.
struct Keys<'d, 'f> {
    mapping: &'d Mapping<'d>,
    findings: &'f mut Vec<Finding>,
}

impl<'d> Keys<'d, '_> {
    fn require(&mut self, key: &str, expected: &str) -> Option<Entry<'d>> {
        self.mapping.require(key, expected, self.findings)
    }

    fn real(&mut self, key: &str, expected: &str, fits: impl FnOnce(f64) -> bool) -> Option<Real> {
        Real::new(self.require(key, "…")?.number(expected, fits, self.findings)?)
    }

    fn symbol(&mut self, key: &str) -> Option<String> {
        const EXPECTED: &str = "a symbol of the universe (in quotes where YAML takes it for something else)";
        let entry = self.require(key, "a symbol")?;
        let text = entry.text(EXPECTED, self.findings)?;
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain {
            self.findings.push(entry.unfit(EXPECTED));
        }
        plain.then(|| text.to_owned())
    }

    fn name<T: Copy>(
        &mut self,
        key: &'static str,
        all: impl IntoIterator<Item = T>,
        name_of: fn(T) -> &'static str,
    ) -> Option<T> {
        let names: Vec<(&str, T)> = all.into_iter().map(|of| (name_of(of), of)).collect();
        self.require(key, "…")?.name(key, &names, self.findings)
    }

    /// A duration in nanoseconds; `default` where there may be none and is none.
    fn duration(&mut self, key: &str, least: i64, most: i64, default: Option<i64>) -> Option<i64> {
        let entry = match default {
            Some(default) => match self.mapping.get(key) {
                Some(entry) => entry,
                None => return Some(default),
            },
            None => self.require(key, "90m")?,
        };
        let expected = format!("a duration such as 90m or 1h30m, {} to {}", duration_text(least), duration_text(most));
        let found = duration(entry.text(&expected, self.findings)?).filter(|found| (least..=most).contains(found));
        if found.is_none() {
            self.findings.push(entry.unfit(&expected));
        }
        found
    }
}

fn pair(mapping: &Mapping<'_>, findings: &mut Vec<Finding>) -> Option<Listed> {
    mapping.allow_only(&KEYS, findings);
    let mut keys = Keys { mapping, findings };
    let (a, b) = (keys.symbol("a"), keys.symbol("b"));
    let tf = keys.name("tf", Timeframe::ALL.into_iter().filter(|tf| *tf != Timeframe::S1), Timeframe::name);
    let beta = keys.real("beta", "a number above 0, at most 1000000", |beta| beta > 0.0 && beta <= BETA_MAX);
    let intercept = keys.real("intercept", "a number between -1000000 and 1000000", |of| of.abs() <= BETA_MAX);
    let exit = keys.real("exit", "a number from 0 to 100", |exit| (0.0..=Z_MAX).contains(&exit));
    let above = |than: Option<Real>| move |z: f64| z <= Z_MAX && than.is_none_or(|than| z > than.get());
    let entry = keys.real("entry", "a number above `exit`, at most 100", above(exit));
    let stop = keys.real("stop", "a number above `entry`, at most 100", above(entry));
    let lookback = keys.require("lookback", "…").and_then(|of| of.integer(LOOKBACK.0, LOOKBACK.1, keys.findings));
    let max_hold_ns = keys.duration("max_hold", NANOS, 365 * DAY_NS, None);
    let bucket = keys.name("bucket", Bucket::ALL.iter().copied(), Bucket::name);
    let gross = keys.require("gross_notional_inr", "…").and_then(|of| of.decimal(4, 1, NOTIONAL_MAX, keys.findings));
    let product = keys.name("product", Product::ALL.iter().copied(), Product::name);
    let entry_from_ns = match mapping.get("entry_from") {
        None => Some(ENTRY_FROM_NS),
        Some(entry) => time_of_day(&entry, keys.findings),
    };
    let entry_until_ns = keys.duration("entry_until", 0, DAY_NS, Some(ENTRY_UNTIL_NS));
    let flatten_before_ns = keys.duration("flatten_before", 0, DAY_NS, Some(FLATTEN_BEFORE_NS));
    let stale = tf.map_or(0, |tf| STALE_BARS * tf.nanos());
    let stale_after_ns = keys.duration("stale_after", NANOS, DAY_NS, Some(stale));
    let max_stops = match mapping.get("max_stops") {
        None => Some(i64::from(MAX_STOPS)),
        Some(entry) => entry.integer(1, 1_000, keys.findings),
    };
    let (a, b, tf) = (a?, b?, tf?);
    if a == b {
        findings.push(mapping.finding(Problem::Unfit {
            found: format!("`{a}` for both legs"),
            expected: "two different symbols".to_owned(),
        }));
    }
    Some(Listed {
        line: mapping.line(),
        name: format!("{a}_{b}_{}m", tf.name()),
        a,
        b,
        tf,
        beta: beta?,
        intercept: intercept?,
        entry: entry?,
        exit: exit?,
        stop: stop?,
        lookback: u32::try_from(lookback?).ok()?,
        max_hold_ns: max_hold_ns?,
        entry_from_ns: entry_from_ns?,
        entry_until_ns: entry_until_ns?,
        flatten_before_ns: flatten_before_ns?,
        stale_after_ns: stale_after_ns?,
        max_stops: u32::try_from(max_stops?).ok()?,
        bucket: bucket?,
        gross_notional: Money::new(gross?),
        product: product?,
    })
}

fn time_of_day(entry: &Entry<'_>, findings: &mut Vec<Finding>) -> Option<i64> {
    const EXPECTED: &str = "a time of day, \"HH:MM\"";
    let time = TimeOfDay::parse(entry.text(EXPECTED, findings)?);
    if time.is_none() {
        findings.push(entry.unfit(EXPECTED));
    }
    time.map(|time| time.seconds() * NANOS)
}

const UNITS: [(char, i64); 4] = [('d', DAY_NS), ('h', 60 * MINUTE_NS), ('m', MINUTE_NS), ('s', NANOS)];

/// `1h30m` in nanoseconds: whole numbers, each with d, h, m or s, each unit once and larger ones first.
fn duration(text: &str) -> Option<i64> {
    let (mut rest, mut total, mut units) = (text, 0_i64, UNITS.as_slice());
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(end)?;
        let unit = after.chars().next()?;
        let at = units.iter().position(|(name, _)| *name == unit)?;
        let nanos = units.get(at)?.1;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(nanos)?)?;
        units = units.get(at + 1..)?;
        rest = after.get(1..)?;
    }
    (!text.is_empty()).then_some(total)
}

/// Nanoseconds as [`duration`] reads them.
fn duration_text(nanos: i64) -> String {
    let mut rest = nanos;
    let mut out = String::new();
    for (name, unit) in UNITS {
        if rest >= unit {
            out.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests;
