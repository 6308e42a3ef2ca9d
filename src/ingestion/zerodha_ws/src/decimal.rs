//! Decimal text as exact fixed-point integers.
//!
//! It never goes through a float and never rounds. The list of instruments and the answers of REST are read with it.

use barkeep_schemas::Price;

/// Decimals of a price on the tape.
const PRICE_DECIMALS: usize = 4;

/// `text` times ten to the power of `decimals`, when that is whole and fits in 64 bits. A sign, digits and a point are
/// read, no exponent: `-12.50`, `408065`, `0.0`.
pub(crate) fn decimal(text: &str, decimals: usize) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = decimals.checked_sub(fraction.len())?;
    let mut magnitude: i64 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        magnitude = magnitude.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
    }
    for _ in 0..missing {
        magnitude = magnitude.checked_mul(10)?;
    }
    Some(if negative { -magnitude } else { magnitude })
}

/// A price of zero to [`Price::MAX`] with at most four decimals.
pub(crate) fn price(text: &str) -> Option<Price> {
    decimal(text, PRICE_DECIMALS).map(Price::new).filter(|price| (Price::ZERO..=Price::MAX).contains(price))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_decimal_is_exact_or_none() {
        let read = |text| decimal(text, 4);
        assert_eq!(read("1517.45"), Some(15_174_500));
        assert_eq!(read("-7.5"), Some(-75_000));
        assert_eq!(read("0.0001000"), Some(1));
        assert_eq!(read("5."), Some(50_000));
        assert_eq!(decimal("25096.0", 0), Some(25_096));
        for wrong in ["", "-", ".", ".5", "1.00001", "1e5", "1,5", " 1", "+1", "1.2.3", "99999999999999999999"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert_eq!((price("100000000"), price("100000000.0001"), price("-1")), (Some(Price::MAX), None, None));
    }

    proptest! {
        #[test]
        fn four_decimals_survive(raw in -1_000_000_000_000_000_i64..1_000_000_000_000_000) {
            let sign = if raw < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:04}", raw.unsigned_abs() / 10_000, raw.unsigned_abs() % 10_000);
            prop_assert_eq!(decimal(&text, 4), Some(raw));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", decimals in 0_usize..8) {
            let _ = decimal(&text, decimals);
        }
    }
}
