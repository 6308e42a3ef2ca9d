//! Decimal text as exact fixed-point integers.
//!
//! What it is: one function that multiplies a decimal by a power of ten and wants a whole result. What it never does:
//! go through a float, or round. Who calls it: the checks of prices, quantities and epoch times.

/// Why a text is not the number that was wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NumberError {
    /// No text at all.
    Empty,
    /// Not a decimal.
    NotANumber,
    /// `NaN` or an infinity.
    NotFinite,
    /// Digits beyond the smallest unit.
    TooFine,
    /// Beyond 64 bits.
    TooLarge,
}

const POWERS: [u64; 20] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    100_000_000_000,
    1_000_000_000_000,
    10_000_000_000_000,
    100_000_000_000_000,
    1_000_000_000_000_000,
    10_000_000_000_000_000,
    100_000_000_000_000_000,
    1_000_000_000_000_000_000,
    10_000_000_000_000_000_000,
];

/// Ten to the power of `exponent`, when it fits.
pub(super) fn power_of_ten(exponent: u32) -> Option<u64> {
    POWERS.get(exponent as usize).copied()
}

/// `text` times ten to the power of `shift`, exactly. Accepts a sign, a point and an exponent (`-12.50`, `1.2e+07`).
pub(super) fn decimal(text: &[u8], shift: i32) -> Result<i64, NumberError> {
    let (negative, digits) = match text.split_first() {
        None => return Err(NumberError::Empty),
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        Some(_) => (false, text),
    };
    let (mut mantissa, mut fraction, mut exponent) = (0_u64, 0_i32, 0_i32);
    let (mut point, mut any) = (false, false);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                any = true;
                match mantissa.checked_mul(10).and_then(|m| m.checked_add(u64::from(byte - b'0'))) {
                    Some(grown) => {
                        mantissa = grown;
                        fraction += i32::from(point);
                    }
                    // A zero that no longer fits behind the point changes nothing; any other digit there is too fine.
                    None if point && *byte == b'0' => {}
                    None if point => return Err(NumberError::TooFine),
                    None => return Err(NumberError::TooLarge),
                }
            }
            b'.' if !point => point = true,
            b'e' | b'E' if any => {
                exponent = digits.get(at + 1..).and_then(small_integer).ok_or(NumberError::NotANumber)?;
                break;
            }
            _ => return Err(not_a_number(digits)),
        }
    }
    if !any {
        return Err(NumberError::NotANumber);
    }
    let magnitude = scale(mantissa, shift - fraction + exponent)?;
    let value = i64::try_from(magnitude).map_err(|_| NumberError::TooLarge)?;
    Ok(if negative { -value } else { value })
}

/// `mantissa` times ten to the power of `exponent`, when that is whole and fits.
pub(super) fn scale(mantissa: u64, exponent: i32) -> Result<u64, NumberError> {
    if mantissa == 0 {
        return Ok(0);
    }
    let power = power_of_ten(exponent.unsigned_abs());
    if exponent >= 0 {
        return power.and_then(|p| mantissa.checked_mul(p)).ok_or(NumberError::TooLarge);
    }
    match power {
        Some(p) if mantissa.is_multiple_of(p) => Ok(mantissa / p),
        Some(_) | None => Err(NumberError::TooFine),
    }
}

/// [`scale`] for a signed integer.
pub(super) fn scale_signed(value: i64, exponent: i32) -> Result<i64, NumberError> {
    let magnitude = i64::try_from(scale(value.unsigned_abs(), exponent)?).map_err(|_| NumberError::TooLarge)?;
    Ok(if value < 0 { -magnitude } else { magnitude })
}

/// The exponent of scientific notation: up to three digits.
fn small_integer(text: &[u8]) -> Option<i32> {
    if text.len() > 4 {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn not_a_number(digits: &[u8]) -> NumberError {
    let known = [&b"nan"[..], b"inf", b"infinity"];
    if known.iter().any(|word| digits.eq_ignore_ascii_case(word)) {
        NumberError::NotFinite
    } else {
        NumberError::NotANumber
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, shift: i32, expected: Result<i64, NumberError>) {
        assert_eq!(decimal(text.as_bytes(), shift), expected, "{text:?} shifted by {shift}");
    }

    #[test]
    fn a_decimal_is_read_exactly() {
        check("1517.45", 4, Ok(15_174_500));
        check("0.0001", 4, Ok(1));
        check("+7", 4, Ok(70_000));
        check("-7.5", 4, Ok(-75_000));
        check("25096.0", 0, Ok(25_096));
        check("5528750000000", 4 - 9, Ok(55_287_500));
        check("1719878281218218853", 0, Ok(1_719_878_281_218_218_853));
        check("1.2e+03", 0, Ok(1_200));
        check("15E-1", 4, Ok(15_000));
        check(".5", 4, Ok(5_000));
        check("5.", 4, Ok(50_000));
        check("1.0000000000000000000000000000", 4, Ok(10_000));
    }

    #[test]
    fn what_does_not_fit_says_why() {
        check("", 4, Err(NumberError::Empty));
        check("abc", 4, Err(NumberError::NotANumber));
        check("1,5", 4, Err(NumberError::NotANumber));
        check("1.2.3", 4, Err(NumberError::NotANumber));
        check("-", 4, Err(NumberError::NotANumber));
        check(".", 4, Err(NumberError::NotANumber));
        check("1e", 4, Err(NumberError::NotANumber));
        check("1e99999", 4, Err(NumberError::NotANumber));
        check("NaN", 4, Err(NumberError::NotFinite));
        check("-inf", 4, Err(NumberError::NotFinite));
        check("1.00001", 4, Err(NumberError::TooFine));
        check("1e-300", 4, Err(NumberError::TooFine));
        check("0.5", 0, Err(NumberError::TooFine));
        check("1e30", 4, Err(NumberError::TooLarge));
        check("99999999999999999999", 0, Err(NumberError::TooLarge));
    }

    proptest! {
        #[test]
        fn four_decimals_survive(raw in -1_000_000_000_000_000_i64..1_000_000_000_000_000) {
            let sign = if raw < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:04}", raw.unsigned_abs() / 10_000, raw.unsigned_abs() % 10_000);
            prop_assert_eq!(decimal(text.as_bytes(), 4), Ok(raw));
        }

        #[test]
        fn no_text_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..40), shift in -12_i32..12) {
            let _ = decimal(&text, shift);
        }
    }
}
