//! By how much two bars may differ and still match, as text: `price=1tick,3bp;volume=3%,100`.
//!
//! What it never does: compare bars. Who calls it: the configuration, and `recon --tolerance`.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A tolerance. A price passes within the larger of its two parts, a volume within the larger of its two or where the
/// sums of the day up to its end agree (`0.5%day`). A part that the text leaves out is zero and allows nothing; the part
/// for the day's sum is 0.5% wherever a volume is given. Fractions are kept as whole thousandths, so that text and value agree
/// exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tolerance {
    /// Price: whole ticks of the instrument.
    pub price_ticks: u32,
    /// Price: thousandths of a basis point (1 bp = 0.01%), up to 100%.
    pub price_bp_thousandths: u32,
    /// Volume: thousandths of a percent, up to 100%.
    pub volume_percent_thousandths: u32,
    /// Volume: shares.
    pub volume_shares: u32,
    /// Volume: thousandths of a percent of the day's sum up to the bar's end, up to 100%.
    pub day_percent_thousandths: u32,
}

/// The part for the day's sum where a volume is given without it: 0.5%.
const DAY_DEFAULT: u32 = 500;

/// Why a text is no tolerance.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{part}` in the tolerance `{text}`: {expected}; an example is `price=1tick,3bp;volume=3%,100`")]
pub struct ToleranceError {
    /// The text as given.
    pub text: String,
    /// The part that is wrong.
    pub part: String,
    /// What was expected in its place.
    pub expected: &'static str,
}

const UNIT: &str = "expected a number with its unit: `1tick` or `3bp` for a price, `3%`, `100` (shares) or \
                    `0.5%day` for a volume";
const ONCE: &str = "expected `price=…` and `volume=…` at most once each, and each unit once";
const RANGE: &str = "expected at most 100% (10000bp), 1000000 ticks or 4000000000 shares, with at most three decimals";

impl FromStr for Tolerance {
    type Err = ToleranceError;

    fn from_str(text: &str) -> Result<Self, ToleranceError> {
        let wrong = |part: &str, expected| ToleranceError { text: text.to_owned(), part: part.to_owned(), expected };
        let (mut ticks, mut bp, mut percent, mut shares, mut day) = (None, None, None, None, None);
        let (mut price, mut volume) = (false, false);
        for clause in text.split(';') {
            let (subject, parts) =
                clause.split_once('=').ok_or_else(|| wrong(clause, "expected `price=…` or `volume=…`"))?;
            let is_price = match subject.trim() {
                "price" => true,
                "volume" => false,
                _ => return Err(wrong(subject, "expected `price` or `volume`")),
            };
            let seen = if is_price { &mut price } else { &mut volume };
            if std::mem::replace(seen, true) {
                return Err(wrong(subject, ONCE));
            }
            for part in parts.split(',').map(str::trim) {
                let (slot, number, decimals, most) = if is_price {
                    match (part.strip_suffix("ticks").or(part.strip_suffix("tick")), part.strip_suffix("bp")) {
                        (Some(number), _) => (&mut ticks, number, false, 1_000_000),
                        (None, Some(number)) => (&mut bp, number, true, 10_000_000),
                        (None, None) => return Err(wrong(part, UNIT)),
                    }
                } else {
                    match (part.strip_suffix("%day"), part.strip_suffix('%')) {
                        (Some(number), _) => (&mut day, number, true, 100_000),
                        (None, Some(number)) => (&mut percent, number, true, 100_000),
                        (None, None) => (&mut shares, part, false, 4_000_000_000),
                    }
                };
                let value = number_in(number.trim(), decimals).ok_or_else(|| wrong(part, UNIT))?;
                let value = value.filter(|value| *value <= most).ok_or_else(|| wrong(part, RANGE))?;
                if slot.replace(value).is_some() {
                    return Err(wrong(part, ONCE));
                }
            }
        }
        Ok(Self {
            price_ticks: ticks.unwrap_or(0),
            price_bp_thousandths: bp.unwrap_or(0),
            volume_percent_thousandths: percent.unwrap_or(0),
            volume_shares: shares.unwrap_or(0),
            day_percent_thousandths: day.unwrap_or(if volume { DAY_DEFAULT } else { 0 }),
        })
    }
}

/// A number as whole units, or as thousandths; `None` when it is no number, `Some(None)` when it does not fit.
fn number_in(text: &str, thousandths: bool) -> Option<Option<u32>> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || (!thousandths && text.contains('.')) {
        return None;
    }
    let Ok(whole) = whole.parse::<u32>() else { return Some(None) };
    if !thousandths {
        return Some(Some(whole));
    }
    let fits = part.len() <= 3;
    let part = format!("{part:0<3}").parse::<u32>().ok().filter(|_| fits);
    Some(part.and_then(|part| whole.checked_mul(1_000)?.checked_add(part)))
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "price={}tick,", self.price_ticks)?;
        write_thousandths(self.price_bp_thousandths, f)?;
        f.write_str("bp;volume=")?;
        write_thousandths(self.volume_percent_thousandths, f)?;
        write!(f, "%,{}", self.volume_shares)?;
        if self.day_percent_thousandths == DAY_DEFAULT {
            return Ok(());
        }
        f.write_str(",")?;
        write_thousandths(self.day_percent_thousandths, f)?;
        f.write_str("%day")
    }
}

fn write_thousandths(value: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (whole, part) = (value / 1_000, value % 1_000);
    if part == 0 {
        return write!(f, "{whole}");
    }
    write!(f, "{whole}.{}", format!("{part:03}").trim_end_matches('0'))
}

impl Serialize for Tolerance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<[u32; 5], &str>) {
        let read = text.parse::<Tolerance>();
        let numbers = |t: Tolerance| {
            let Tolerance { price_ticks, price_bp_thousandths, volume_percent_thousandths, .. } = t;
            let volume = [volume_percent_thousandths, t.volume_shares, t.day_percent_thousandths];
            [price_ticks, price_bp_thousandths, volume[0], volume[1], volume[2]]
        };
        let read = read.map(numbers).map_err(|error| error.part);
        assert_eq!(read, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn a_tolerance_is_read_with_its_units() {
        check("price=1tick,3bp;volume=3%,100", Ok([1, 3_000, 3_000, 100, 500]));
        check("volume = 0.5% ; price = 2ticks", Ok([2, 0, 500, 0, 500]));
        check("price=10000bp", Ok([0, 10_000_000, 0, 0, 0]));
        check("volume=3%,0%day", Ok([0, 0, 3_000, 0, 0]));
        check("volume=7,0.25%day", Ok([0, 0, 0, 7, 250]));
    }

    #[test]
    fn a_wrong_part_is_named() {
        check("", Err(""));
        check("price=1tock", Err("1tock"));
        check("prise=1tick", Err("prise"));
        check("price=1tick;price=2bp", Err("price"));
        check("price=1bp,2bp", Err("2bp"));
        check("volume=100.5", Err("100.5"));
        check("volume=100.001%", Err("100.001%"));
        check("price=1.0001bp", Err("1.0001bp"));
        check("volume=99999999999999999999", Err("99999999999999999999"));
        check("volume=-1", Err("-1"));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(ticks in 0..=1_000_000_u32, bp in 0..=10_000_000_u32, percent in 0..=100_000_u32,
                                    shares in 0..=4_000_000_000_u32, day in 0..=100_000_u32) {
            let tolerance = Tolerance { price_ticks: ticks, price_bp_thousandths: bp,
                volume_percent_thousandths: percent, volume_shares: shares, day_percent_thousandths: day };
            prop_assert_eq!(tolerance.to_string().parse::<Tolerance>(), Ok(tolerance));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[a-z0-9=;,.%é ]{0,30}") {
            let _ = text.parse::<Tolerance>();
        }
    }
}
