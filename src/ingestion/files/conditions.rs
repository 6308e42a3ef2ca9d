//! Rules over trades' condition flags.
//!
//! What it is: the TOML of `--conditions` as checked rules. What it never does: apply one; the bar builder does. Who
//! calls it: import.

use barkeep_schemas::{ConditionEffect, ConditionRule};
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{nearest, nearest_of};

/// Why a text holds no rules. `line` counts from 1.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ConditionsError {
    /// Not TOML.
    #[error("line {line}: not TOML: {detail}")]
    Toml {
        /// The line.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
    /// A key that means nothing.
    #[error("line {line}: unknown key `{key}`{}; {expected} was expected", nearest(suggestion))]
    UnknownKey {
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// The nearest known one.
        suggestion: Option<String>,
        /// The keys that are known there.
        expected: &'static str,
    },
    /// An effect that means nothing.
    #[error("line {line}: unknown effect `{effect}`{}; the effects are: {effects}", nearest(suggestion))]
    UnknownEffect {
        /// The line.
        line: usize,
        /// The effect.
        effect: String,
        /// The nearest known one.
        suggestion: Option<String>,
        /// All effects.
        effects: String,
    },
    /// A value of the wrong form, or a missing one.
    #[error("line {line}: {what}")]
    Value {
        /// The line.
        line: usize,
        /// What was found and what was expected.
        what: String,
    },
    /// No rules at all.
    #[error("there is no rule; [[rule]] with `mask` and `effects` was expected, or leave --conditions out")]
    NoRules,
}

/// Parses `[[rule]]` tables with a `mask` (such as `"0x20"`) and `effects`.
///
/// # Errors
///
/// [`ConditionsError`] names the line and, for an unknown key or effect, the nearest known one.
pub fn parse_conditions(text: &str) -> Result<Vec<ConditionRule>, ConditionsError> {
    let document = Document { text };
    let table = DeTable::parse(text).map_err(|error| ConditionsError::Toml {
        line: document.line(error.span().map_or(0, |span| span.start)),
        detail: error.message().to_owned(),
    })?;
    let mut rules = Vec::new();
    for (key, value) in table.get_ref() {
        if key.get_ref() != "rule" {
            return Err(document.unknown_key(key.span().start, key.get_ref(), &["rule"], "[[rule]]"));
        }
        let Some(tables) = value.get_ref().as_array() else {
            return Err(document.wrong(value, "`rule` is not a list of tables; write [[rule]]"));
        };
        for rule in tables {
            rules.push(document.rule(rule)?);
        }
    }
    if rules.is_empty() { Err(ConditionsError::NoRules) } else { Ok(rules) }
}

struct Document<'a> {
    text: &'a str,
}

impl Document<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn wrong(&self, value: &Spanned<DeValue<'_>>, what: impl Into<String>) -> ConditionsError {
        ConditionsError::Value { line: self.line(value.span().start), what: what.into() }
    }

    fn unknown_key(&self, at: usize, key: &str, known: &[&str], expected: &'static str) -> ConditionsError {
        let suggestion = nearest_of(key, known.iter().copied());
        ConditionsError::UnknownKey { line: self.line(at), key: key.to_owned(), suggestion, expected }
    }

    fn rule(&self, value: &Spanned<DeValue<'_>>) -> Result<ConditionRule, ConditionsError> {
        let Some(table) = value.get_ref().as_table() else {
            return Err(self.wrong(value, "a rule is not a table; write [[rule]] with `mask` and `effects`"));
        };
        let (mut mask, mut effects) = (None, None);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "mask" => mask = Some(self.mask(value)?),
                "effects" => effects = Some(self.effects(value)?),
                other => {
                    return Err(self.unknown_key(key.span().start, other, &["mask", "effects"], "`mask` or `effects`"));
                }
            }
        }
        let mask = mask.ok_or_else(|| self.wrong(value, "the rule has no `mask`, such as mask = \"0x20\""))?;
        let effects =
            effects.ok_or_else(|| self.wrong(value, "the rule has no `effects`, such as effects = [\"no_ohlc\"]"))?;
        Ok(ConditionRule { mask, effects })
    }

    fn mask(&self, value: &Spanned<DeValue<'_>>) -> Result<u32, ConditionsError> {
        let number = match (value.get_ref().as_str(), value.get_ref().as_integer()) {
            (Some(text), _) => text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok()),
            (None, Some(integer)) => u32::from_str_radix(integer.as_str(), integer.radix()).ok(),
            (None, None) => None,
        };
        match number {
            Some(0) => Err(self.wrong(value, "the mask is zero and would never act; set the bits it looks for")),
            Some(mask) => Ok(mask),
            None => Err(self.wrong(value, "the mask is not of 32 bits; a text such as \"0x20\" was expected")),
        }
    }

    fn effects(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<ConditionEffect>, ConditionsError> {
        let names = value.get_ref().as_array().filter(|names| !names.is_empty());
        let Some(names) = names else {
            return Err(self.wrong(value, "`effects` is not a list of names, such as [\"no_ohlc\", \"no_open\"]"));
        };
        let mut effects = Vec::new();
        for name in names {
            let Some(text) = name.get_ref().as_str() else {
                return Err(self.wrong(name, "an effect is not a name in quotes, such as \"no_ohlc\""));
            };
            let known = || ConditionEffect::ALL.iter().map(|effect| effect.name());
            let Some(effect) = ConditionEffect::parse(text) else {
                return Err(ConditionsError::UnknownEffect {
                    line: self.line(name.span().start),
                    effect: text.to_owned(),
                    suggestion: nearest_of(text, known()),
                    effects: known().collect::<Vec<_>>().join(" "),
                });
            };
            if effects.contains(&effect) {
                return Err(self.wrong(name, format!("the effect `{text}` is named twice; keep one")));
            }
            effects.push(effect);
        }
        Ok(effects)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match parse_conditions(text) {
            Ok(rules) => rules
                .iter()
                .map(|rule| {
                    let effects: Vec<&str> = rule.effects.iter().map(|effect| effect.name()).collect();
                    format!("{:#x} {}", rule.mask, effects.join(" "))
                })
                .collect::<Vec<_>>()
                .join("; "),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn rules_are_masks_with_effects() {
        check(
            "[[rule]]\nmask = \"0x20\"\neffects = [\"no_ohlc\", \"no_open\", \"volume_to_previous\"]\n\
             [[rule]]\nmask = 0x4000000\neffects = [\"no_ohlc\"]\n",
            "0x20 no_ohlc no_open volume_to_previous; 0x4000000 no_ohlc",
        );
    }

    #[test]
    fn what_means_nothing_is_refused_with_the_nearest_known() {
        check(
            "[[rules]]\nmask = \"0x20\"\n",
            "line 1: unknown key `rules` (did you mean `rule`?); [[rule]] was expected",
        );
        check(
            "[[rule]]\nmsk = \"0x20\"\n",
            "line 2: unknown key `msk` (did you mean `mask`?); `mask` or `effects` was expected",
        );
        check(
            "[[rule]]\nmask = \"0x20\"\neffects = [\"no_olhc\"]\n",
            "line 3: unknown effect `no_olhc` (did you mean `no_ohlc`?); the effects are: no_ohlc no_open \
             volume_to_previous",
        );
        check("", "there is no rule; [[rule]] with `mask` and `effects` was expected, or leave --conditions out");
        check("rule = 3", "line 1: `rule` is not a list of tables; write [[rule]]");
        check(
            "[[rule]]\nmask = \"32\"\neffects = [\"no_ohlc\"]",
            "line 2: the mask is not of 32 bits; a text such as \
               \"0x20\" was expected",
        );
        check(
            "[[rule]]\nmask = 0\neffects = [\"no_ohlc\"]",
            "line 2: the mask is zero and would never act; set the \
               bits it looks for",
        );
        check(
            "[[rule]]\nmask = 1\neffects = []",
            "line 3: `effects` is not a list of names, such as [\"no_ohlc\", \
               \"no_open\"]",
        );
        check("[[rule]]\nmask = 1\n", "line 1: the rule has no `effects`, such as effects = [\"no_ohlc\"]");
        check(
            "[[rule]]\nmask = 1\neffects = [\"no_open\", \"no_open\"]",
            "line 3: the effect `no_open` is named \
               twice; keep one",
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]a-z=\"0-9x,\n ]{0,80}|\\PC{0,80}") {
            let _ = parse_conditions(&text);
        }
    }
}
