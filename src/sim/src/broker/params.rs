//! Parameters of a request, read strictly.
//!
//! It knows no market and no order; errors name the parameter as Kite does, in backquotes.

use crate::kite::KiteError;

/// The pairs of a query or a form. Of a name that comes several times the first counts.
#[derive(Clone, Copy)]
pub(super) struct Params<'a>(pub(super) &'a [(String, String)]);

impl<'a> Params<'a> {
    /// The value of a name; none when it is missing or empty.
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a name, empty ones left out.
    pub(super) fn all(self, name: &'static str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The value of a name that must be there.
    pub(super) fn required(self, name: &str) -> Result<&'a str, KiteError> {
        self.get(name).ok_or_else(|| KiteError::input(format!("Missing or empty field `{name}`")))
    }

    /// A word out of a list.
    pub(super) fn word<T>(self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, KiteError> {
        self.get(name).map(|text| parse(text).ok_or_else(|| invalid(name))).transpose()
    }

    /// A whole number of at least 0.
    pub(super) fn whole(self, name: &str) -> Result<Option<i64>, KiteError> {
        self.word(name, whole)
    }

    /// An amount in units of 0.0001, rounded to the nearest.
    pub(super) fn amount(self, name: &str) -> Result<Option<i64>, KiteError> {
        self.word(name, decimal)
    }

    /// A switch: 0, 1, false, true; off when missing.
    pub(super) fn switch(self, name: &str) -> Result<bool, KiteError> {
        let switch = self.word(name, |text| match text.to_ascii_lowercase().as_str() {
            "0" | "false" => Some(false),
            "1" | "true" => Some(true),
            _ => None,
        });
        switch.map(|on| on.unwrap_or(false))
    }
}

/// The error for a value that cannot be.
pub(super) fn invalid(name: &str) -> KiteError {
    KiteError::input(format!("Invalid `{name}`."))
}

/// Digits alone, at most 15 of them; a float that is whole (`10.0`) as the clients' languages may write one.
fn whole(text: &str) -> Option<i64> {
    let raw = decimal(text)?;
    (raw >= 0 && raw % 10_000 == 0).then_some(raw / 10_000)
}

/// `-1`, `1500`, `1500.05`, `0.30000000000000004`: at most 12 digits before the point, rounded to four behind it.
fn decimal(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (before, behind) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(before) || !plain(behind) || before.len() > 12 {
        return None;
    }
    let five: String = behind.chars().chain("00000".chars()).take(5).collect();
    let raw = before.parse::<i64>().ok()? * 10_000 + (five.parse::<i64>().ok()? + 5) / 10;
    Some(if negative { -raw } else { raw })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_nearest_hundredth_of_a_paisa() {
        let cases = [("1500", 15_000_000), ("1500.05", 15_000_500), ("-1", -10_000), ("0.30000000000000004", 3_000)];
        for (text, raw) in cases {
            assert_eq!(decimal(text), Some(raw), "{text}");
        }
        assert_eq!(decimal("0.99996"), Some(10_000));
        for bad in ["", "-", ".5", "5.", "1e3", "1,5", "+1", "1.2.3", "٣", "1234567890123"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        assert_eq!((whole("10"), whole("10.0"), whole("10.5"), whole("-1")), (Some(10), Some(10), None, None));
    }
}
