//! Prices, quantities and flags out of cells.
//!
//! What it is: the judgement of single values. What it never does: see two cells at once. Who calls it: the row checks.

use barkeep_schemas::{PRICE_SCALE, Price, Qty};

use super::cell::{Cell, Word};
use super::mapping::{Field, Radix};
use super::number::{NumberError, decimal, plain_word, power_of_ten, scale_signed};

/// The highest quantity a file may carry.
const QTY_MAX: i64 = 1_000_000_000_000;

/// How far, relative to itself, a binary price may be from four decimals.
const FLOAT_SLACK: f64 = 1e-7;

/// Why a cell is not the value that was wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ValueError {
    Empty,
    NotANumber,
    NotFinite,
    TooFine,
    TooLarge,
    Negative,
    Zero,
    NotFlags(Radix),
}

impl ValueError {
    /// What is wrong with `text` as a `field` and what was expected.
    pub(super) fn why(self, field: Field, text: &str) -> String {
        let whole = matches!(field, Field::Qty | Field::CumVolume | Field::Volume);
        match self {
            Self::Empty => format!("the {field} is empty; every row needs one"),
            Self::NotANumber if whole => format!("the {field} `{text}` is not a number; a whole number was expected"),
            Self::NotANumber => {
                format!("the {field} `{text}` is not a number; a decimal such as 1517.45 was expected")
            }
            Self::NotFinite => {
                format!("the {field} `{text}` is not a finite number; drop the row or repair its source")
            }
            Self::TooFine if whole => format!("the {field} `{text}` is not whole; quantities are whole numbers"),
            Self::TooFine => {
                format!("the {field} `{text}` has more than 4 decimals; a price has at most 4, is the divisor right?")
            }
            Self::TooLarge if whole => format!("the {field} `{text}` is above {QTY_MAX}; is the column right?"),
            Self::TooLarge => format!("the {field} `{text}` is above {}; is a divisor missing?", Price::MAX),
            Self::Negative => format!("the {field} `{text}` is negative; is the column right?"),
            Self::Zero => format!("the {field} is zero; a price above zero was expected"),
            Self::NotFlags(Radix::Hex) => {
                format!("the {field} `{text}` is not at most 8 hexadecimal digits; is the unit right?")
            }
            Self::NotFlags(Radix::Decimal) => format!(
                "the {field} `{text}` is not a whole number up to {}; if it is hexadecimal, map it as {field}=COLUMN:hex",
                u32::MAX
            ),
        }
    }
}

impl From<NumberError> for ValueError {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::Empty => Self::Empty,
            NumberError::NotANumber => Self::NotANumber,
            NumberError::NotFinite => Self::NotFinite,
            NumberError::TooFine => Self::TooFine,
            NumberError::TooLarge => Self::TooLarge,
        }
    }
}

/// [`price`] of the short texts that files are full of; `None` is no judgement.
#[inline]
pub(super) fn plain_price(word: Word<u64>, divisor: u8) -> Option<Price> {
    let raw = plain_word(word, 4 - i32::from(divisor))?;
    (1..=Price::MAX.get()).contains(&raw).then_some(Price::new(raw))
}

/// [`qty`] of the short texts that files are full of; `None` is no judgement.
#[inline]
pub(super) fn plain_qty(word: Word<u64>) -> Option<Qty> {
    let raw = plain_word(word, 0)?;
    (0..=QTY_MAX).contains(&raw).then_some(Qty::new(raw))
}

/// A price above zero. The cell's number is divided by ten to the power of `divisor`.
pub(super) fn price(cell: Cell<'_>, divisor: u8) -> Result<Price, ValueError> {
    let shift = 4 - i32::from(divisor);
    let raw = match cell {
        Cell::Text(text) => decimal(text, shift)?,
        Cell::Integer { value, scale } => scale_signed(value, shift - scale)?,
        Cell::Float(value) => float_price(value, divisor)?,
        Cell::Absent => return Err(ValueError::Empty),
        Cell::Moment(_) | Cell::Local(_) => return Err(ValueError::NotANumber),
    };
    match raw {
        ..0 => Err(ValueError::Negative),
        0 => Err(ValueError::Zero),
        1.. if raw > Price::MAX.get() => Err(ValueError::TooLarge),
        1.. => Ok(Price::new(raw)),
    }
}

/// A quote's price: none when empty or zero, as sources write a side without orders.
pub(super) fn quote(cell: Cell<'_>, divisor: u8) -> Result<Option<Price>, ValueError> {
    match price(cell, divisor) {
        Ok(price) => Ok(Some(price)),
        Err(ValueError::Empty | ValueError::Zero) => Ok(None),
        Err(error) => Err(error),
    }
}

fn float_price(value: f64, divisor: u8) -> Result<i64, ValueError> {
    let divisor = power_of_ten(u32::from(divisor)).unwrap_or(1) as f64;
    let units = PRICE_SCALE as f64;
    let value = value / divisor;
    if !value.is_finite() {
        return Err(ValueError::NotFinite);
    }
    let raw = (value * units).round();
    if raw.abs() > Price::MAX.get() as f64 {
        return Err(if value < 0.0 { ValueError::Negative } else { ValueError::TooLarge });
    }
    if (value - raw / units).abs() > FLOAT_SLACK * value.abs() {
        return Err(ValueError::TooFine);
    }
    Ok(raw as i64)
}

/// A whole quantity, 0 to 10^12.
pub(super) fn qty(cell: Cell<'_>) -> Result<Qty, ValueError> {
    let raw = match cell {
        Cell::Text(text) => decimal(text, 0)?,
        Cell::Integer { value, scale } => scale_signed(value, -scale)?,
        Cell::Float(value) if !value.is_finite() => return Err(ValueError::NotFinite),
        Cell::Float(value) if value.abs() > QTY_MAX as f64 => return Err(ValueError::TooLarge),
        Cell::Float(value) if value.fract() != 0.0 => return Err(ValueError::TooFine),
        Cell::Float(value) => value as i64,
        Cell::Absent => return Err(ValueError::Empty),
        Cell::Moment(_) | Cell::Local(_) => return Err(ValueError::NotANumber),
    };
    match raw {
        ..0 => Err(ValueError::Negative),
        0.. if raw > QTY_MAX => Err(ValueError::TooLarge),
        0.. => Ok(Qty::new(raw)),
    }
}

/// [`qty`], none when the cell is empty.
pub(super) fn optional_qty(cell: Cell<'_>) -> Result<Option<Qty>, ValueError> {
    match qty(cell) {
        Ok(qty) => Ok(Some(qty)),
        Err(ValueError::Empty) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Condition flags; none set when the cell is empty.
pub(super) fn flags(cell: Cell<'_>, radix: Radix) -> Result<u32, ValueError> {
    let flags = match cell {
        Cell::Absent | Cell::Text([]) => return Ok(0),
        Cell::Text(text) => parse_flags(text, radix),
        Cell::Integer { value, scale: 0 } => u32::try_from(value).ok(),
        Cell::Integer { .. } | Cell::Float(_) | Cell::Moment(_) | Cell::Local(_) => None,
    };
    flags.ok_or(ValueError::NotFlags(radix))
}

fn parse_flags(text: &[u8], radix: Radix) -> Option<u32> {
    let (digits, radix) = match radix {
        Radix::Decimal => (text, 10),
        Radix::Hex => (text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")).unwrap_or(text), 16),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |sum, byte| sum.checked_mul(radix)?.checked_add(char::from(*byte).to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_price(cell: Cell<'_>, divisor: u8, expected: Result<i64, ValueError>) {
        assert_eq!(price(cell, divisor).map(Price::get), expected, "{cell:?} / 1e{divisor}");
    }

    #[test]
    fn a_price_is_exact_and_above_zero() {
        check_price(Cell::Text(b"1517.45"), 0, Ok(15_174_500));
        check_price(Cell::Text(b"491800"), 4, Ok(491_800));
        check_price(Cell::Text(b"5528750000000"), 9, Ok(55_287_500));
        check_price(Cell::Text(b"100000000"), 0, Ok(Price::MAX.get()));
        check_price(Cell::Integer { value: 151_745, scale: 2 }, 0, Ok(15_174_500));
        check_price(Cell::Float(1_517.450_000_000_000_3), 0, Ok(15_174_500));
        check_price(Cell::Float(491_800.0), 4, Ok(491_800));
    }

    #[test]
    fn each_wrong_price_has_its_own_reason() {
        check_price(Cell::Text(b""), 0, Err(ValueError::Empty));
        check_price(Cell::Absent, 0, Err(ValueError::Empty));
        check_price(Cell::Text(b"x"), 0, Err(ValueError::NotANumber));
        check_price(Cell::Text(b"NaN"), 0, Err(ValueError::NotFinite));
        check_price(Cell::Text(b"inf"), 0, Err(ValueError::NotFinite));
        check_price(Cell::Text(b"1.23456"), 0, Err(ValueError::TooFine));
        check_price(Cell::Text(b"5528750000001"), 9, Err(ValueError::TooFine));
        check_price(Cell::Text(b"-1"), 0, Err(ValueError::Negative));
        check_price(Cell::Text(b"0.00"), 0, Err(ValueError::Zero));
        check_price(Cell::Text(b"100000000.0001"), 0, Err(ValueError::TooLarge));
        check_price(Cell::Float(f64::NAN), 0, Err(ValueError::NotFinite));
        check_price(Cell::Float(0.123_456), 0, Err(ValueError::TooFine));
        check_price(Cell::Float(-1e300), 0, Err(ValueError::Negative));
        check_price(Cell::Float(0.0), 0, Err(ValueError::Zero));
    }

    #[test]
    fn a_quote_without_orders_is_none() {
        assert_eq!(quote(Cell::Text(b""), 0), Ok(None));
        assert_eq!(quote(Cell::Text(b"0"), 0), Ok(None));
        assert_eq!(quote(Cell::Text(b"-1"), 0), Err(ValueError::Negative));
    }

    #[test]
    fn quantities_are_whole() {
        assert_eq!(qty(Cell::Text(b"25096.0")), Ok(Qty::new(25_096)));
        assert_eq!(qty(Cell::Text(b"0")), Ok(Qty::ZERO));
        assert_eq!(qty(Cell::Text(b"1.5")), Err(ValueError::TooFine));
        assert_eq!(qty(Cell::Text(b"-1")), Err(ValueError::Negative));
        assert_eq!(qty(Cell::Text(b"1000000000000001")), Err(ValueError::TooLarge));
        assert_eq!(qty(Cell::Float(1.5)), Err(ValueError::TooFine));
        assert_eq!(qty(Cell::Float(7.0)), Ok(Qty::new(7)));
        assert_eq!(optional_qty(Cell::Text(b"")), Ok(None));
    }

    #[test]
    fn flags_are_read_in_their_radix() {
        assert_eq!(flags(Cell::Text(b"20002020"), Radix::Hex), Ok(0x2000_2020));
        assert_eq!(flags(Cell::Text(b"0xFFFFFFFF"), Radix::Hex), Ok(u32::MAX));
        assert_eq!(flags(Cell::Text(b"32"), Radix::Decimal), Ok(32));
        assert_eq!(flags(Cell::Text(b""), Radix::Hex), Ok(0));
        assert_eq!(flags(Cell::Text(b"100000000"), Radix::Hex), Err(ValueError::NotFlags(Radix::Hex)));
        assert_eq!(flags(Cell::Text(b"0x"), Radix::Hex), Err(ValueError::NotFlags(Radix::Hex)));
        assert_eq!(flags(Cell::Text(b"2f"), Radix::Decimal), Err(ValueError::NotFlags(Radix::Decimal)));
    }

    proptest! {
        #[test]
        fn no_cell_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..30), bits in any::<u64>(), p in 0_u8..=12) {
            let float = f64::from_bits(bits);
            for cell in [Cell::Text(&text), Cell::Float(float), Cell::Integer { value: bits as i64, scale: 18 }] {
                let _ = price(cell, p);
                let _ = qty(cell);
                let _ = flags(cell, Radix::Hex);
            }
        }

        #[test]
        fn a_binary_price_reads_like_its_text(raw in 1_i64..1_000_000_000) {
            let text = Price::new(raw).to_string();
            let float: f64 = text.parse().unwrap();
            prop_assert_eq!(price(Cell::Float(float), 0), price(Cell::Text(text.as_bytes()), 0));
        }
    }
}
