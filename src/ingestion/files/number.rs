//! Decimal text as exact fixed-point integers.
//!
//! What it is: one function that multiplies a decimal by a power of ten and wants a whole result, and the word that
//! short text makes. What it never does: go through a float, or round. Who calls it: the checks of prices, quantities and epoch times.

use super::cell::Word;
use super::separators::equal_bytes;

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
#[inline]
pub(super) fn decimal(text: &[u8], shift: i32) -> Result<i64, NumberError> {
    plain(text, shift).map_or_else(|| any_decimal(text, shift), Ok)
}

/// [`decimal`] of the forms that files are full of: up to eight bytes of digits and perhaps a point, or up to 19 digits.
/// It takes eight digits at a time; `None` is no judgement.
#[inline]
fn plain(text: &[u8], shift: i32) -> Option<i64> {
    if text.len() <= 8 {
        return plain_word(Word { bytes: word(text)?, length: text.len() }, shift);
    }
    scaled(whole(text)?, shift)
}

/// [`decimal`] of up to eight bytes of digits and perhaps a point; `None` is no judgement.
#[inline]
pub(super) fn plain_word(word: Word<u64>, shift: i32) -> Option<i64> {
    let (value, fraction) = short(word)?;
    scaled(value, shift - fraction)
}

#[inline]
fn scaled(value: u64, shift: i32) -> Option<i64> {
    let power = POWERS.get(usize::try_from(shift).ok()?)?;
    i64::try_from(value.checked_mul(*power)?).ok()
}

/// Up to eight bytes: digits, perhaps with a point, as an integer and how many of its digits stand behind the point.
#[inline]
fn short(word: Word<u64>) -> Option<(u64, i32)> {
    let Word { bytes: word, length } = word;
    let point = equal_bytes(word, b'.');
    if point == 0 {
        return Some((digits(word, length)?, 0));
    }
    let before = point.trailing_zeros() / 8;
    let low = (1 << (before * 8)) - 1;
    let fraction = length.checked_sub(1 + before as usize)?;
    Some((digits(word & low | word >> 8 & !low, length - 1)?, fraction as i32))
}

/// Nine to 19 digits.
#[inline]
fn whole(text: &[u8]) -> Option<u64> {
    let (eights, rest) = text.as_chunks::<8>();
    if text.len() > 19 {
        return None;
    }
    let mut value = 0;
    for eight in eights {
        value = value * 100_000_000 + eight_digits(u64::from_le_bytes(*eight))?;
    }
    match rest.len() {
        0 => Some(value),
        count => Some(value * power_of_ten(count as u32)? + digits(word(rest)?, count)?),
    }
}

/// Up to eight bytes as one word, the first byte lowest and zeros above the last.
#[inline]
pub(super) fn word(text: &[u8]) -> Option<u64> {
    let behind = 8 * text.len();
    match text {
        [] => Some(0),
        [only] => Some(u64::from(*only)),
        [first, second] => Some(u64::from(*first) | u64::from(*second) << 8),
        [first, second, third] => Some(u64::from(*first) | u64::from(*second) << 8 | u64::from(*third) << 16),
        [_, _, _, _, ..] if behind <= 64 => {
            // Both ends, which overlap in the same bytes.
            let (head, tail) = (u32::from_le_bytes(*text.first_chunk()?), u32::from_le_bytes(*text.last_chunk()?));
            Some(u64::from(head) | u64::from(tail) << (behind - 32))
        }
        _ => None,
    }
}

/// The number that the `count` lowest bytes of a word are the digits of, one to eight.
#[inline]
fn digits(word: u64, count: usize) -> Option<u64> {
    let missing = 8_usize.checked_sub(count).filter(|_| count > 0)? * 8;
    // Zeros in front.
    eight_digits(word << missing | ZEROS & ((1 << missing) - 1))
}

const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// The number that eight bytes are the digits of, the first of them lowest in the word.
#[inline]
fn eight_digits(word: u64) -> Option<u64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let above_nine = word.wrapping_add(0x0606_0606_0606_0606) & HIGH;
    if word & HIGH != ZEROS || above_nine != ZEROS {
        return None;
    }
    // Digits become pairs, pairs become fours, fours become the number.
    let pairs = (word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

/// [`decimal`] of any form, digit by digit.
fn any_decimal(text: &[u8], shift: i32) -> Result<i64, NumberError> {
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
        fn the_quick_way_reads_what_the_slow_way_reads(text in "[-+]?[0-9]{0,20}[.]?[0-9]{0,9}[.eE]?[0-9]?", shift in -12_i32..12) {
            prop_assert_eq!(decimal(text.as_bytes(), shift), any_decimal(text.as_bytes(), shift));
        }

        #[test]
        fn one_strange_byte_is_seen(
            digits in "[0-9.]{1,19}", at in any::<proptest::sample::Index>(), byte in any::<u8>(), shift in -4_i32..12
        ) {
            let mut text = digits.into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            prop_assert_eq!(decimal(&text, shift), any_decimal(&text, shift));
        }

        #[test]
        fn no_text_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..40), shift in -12_i32..12) {
            let _ = decimal(&text, shift);
        }
    }
}
