//! The newtypes that carry a unit: prices, quantities, money, times, positions and ids.
//!
//! Each signed scalar is stored shifted into a `NonZeroU64`, so that `Option<Price>` costs eight bytes and sorts like
//! the number it holds. The one value that cannot be held is `i64::MIN`, which saturates to its neighbour.

use core::fmt;
use core::num::NonZeroU64;

use serde::{Serialize, Serializer};

const SIGN: u64 = 1 << 63;

/// Nanoseconds in a second.
pub const NANOS: i64 = 1_000_000_000;

const fn shift(value: i64) -> NonZeroU64 {
    match NonZeroU64::new((value as u64) ^ SIGN) {
        Some(shifted) => shifted,
        None => NonZeroU64::MIN,
    }
}

macro_rules! scalar {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU64);

        impl $name {
            /// Zero of this unit.
            pub const ZERO: Self = Self::new(0);

            /// Wraps a raw number of this type's unit; `i64::MIN` becomes `i64::MIN + 1`.
            pub const fn new(raw: i64) -> Self {
                Self(shift(raw))
            }

            /// The raw number in this type's unit.
            pub const fn get(self) -> i64 {
                (self.0.get() ^ SIGN) as i64
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ZERO
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.get())
            }
        }
    };
}

scalar!(
    /// A price in units of 0.0001 of the quote currency (fixed point, four decimals).
    Price
);
scalar!(
    /// An amount of money in units of 0.0001 of the account currency (INR for NSE).
    Money
);
scalar!(
    /// A quantity in shares or contracts. Never negative on the tape.
    Qty
);
scalar!(
    /// A moment: nanoseconds since 1970-01-01T00:00:00 UTC.
    Ts
);

scalar!(
    /// An amount of money in units of 0.00000001 of the account currency: charges and what they change, which a rate of
    /// a few millionths makes finer than a [`Money`] can tell.
    FineMoney
);

/// Raw units of [`FineMoney`] in one raw unit of [`Money`].
pub const FINE_PER_MONEY: i64 = 10_000;

/// Raw price units in one unit of the quote currency.
pub const PRICE_SCALE: i64 = 10_000;

impl Price {
    /// The highest price a feed or file may carry: one hundred million of the quote currency.
    pub const MAX: Self = Self::new(100_000_000 * PRICE_SCALE);
}

impl Ts {
    /// A moment given in whole epoch seconds; saturates at the ends of the range (years 1677 and 2262).
    pub const fn from_secs(secs: i64) -> Self {
        Self::new(secs.saturating_mul(NANOS))
    }

    /// Whole epoch seconds, rounded towards the past.
    pub const fn secs(self) -> i64 {
        self.get().div_euclid(NANOS)
    }
}

/// Writes `raw / 10_000` as an exact decimal without trailing zeros.
fn write_decimal(raw: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if raw < 0 { "-" } else { "" };
    let magnitude = raw.unsigned_abs();
    let (whole, mut part) = (magnitude / 10_000, magnitude % 10_000);
    if part == 0 {
        return write!(f, "{sign}{whole}");
    }
    let mut width = 4;
    while part % 10 == 0 {
        part /= 10;
        width -= 1;
    }
    write!(f, "{sign}{whole}.{part:0width$}")
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(self.get(), f)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(self.get(), f)
    }
}

impl fmt::Display for Qty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl FineMoney {
    /// The same amount, finer; saturates beyond 92 billion of the account currency.
    pub const fn of(money: Money) -> Self {
        Self::new(money.get().saturating_mul(FINE_PER_MONEY))
    }

    /// The nearest amount of 0.0001 of the account currency, halves away from zero.
    pub const fn rounded(self) -> Money {
        let half = if self.get() < 0 { -FINE_PER_MONEY / 2 } else { FINE_PER_MONEY / 2 };
        Money::new(self.get().saturating_add(half) / FINE_PER_MONEY)
    }
}

/// To the paisa, halves away from zero, always with two decimals: `-33.71`.
impl fmt::Display for FineMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PAISA: u64 = 1_000_000;
        let paise = (self.get().unsigned_abs() + PAISA / 2) / PAISA;
        let sign = if self.get() < 0 && paise > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", paise / 100, paise % 100)
    }
}

/// A finite number of the statistics: neither NaN nor infinite, and zero has one sign. Equal when the bits are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Real(u64);

impl Real {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Wraps a number; `None` for NaN and the infinities.
    pub fn new(value: f64) -> Option<Self> {
        let value = if value == 0.0 { 0.0 } else { value };
        value.is_finite().then(|| Self(value.to_bits()))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        f64::from_bits(self.0)
    }

    /// The bits of the number (IEEE 754, binary64).
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.get(), f)
    }
}

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

/// JSON shows prices and money as decimals: four decimals survive an f64 up to 9e11, far above [`Price::MAX`].
impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get() as f64 / PRICE_SCALE as f64)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get() as f64 / PRICE_SCALE as f64)
    }
}

/// Exact in an f64 up to 90 million of the account currency.
impl Serialize for FineMoney {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get() as f64 / (PRICE_SCALE * FINE_PER_MONEY) as f64)
    }
}

impl Serialize for Qty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.get())
    }
}

impl Serialize for Ts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.get())
    }
}

/// A position on the tape: the first event is 1, and every event takes the next number for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The first position of a tape.
    pub const FIRST: Self = Self(1);

    /// The position `n` further on.
    pub const fn plus(self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The dense number of an instrument within one segment of the tape, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct InstrumentId(pub u32);

impl InstrumentId {
    /// The number as an array index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of a feed (one connection, or one import) within a session, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct FeedId(pub u8);

/// The dense number of a pair within a session, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct PairId(pub u16);

impl PairId {
    /// The number as an array index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A trading date: days since 1970-01-01 of the session's calendar (IST for NSE).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionDate(pub i32);

impl SessionDate {
    /// The date of a proleptic Gregorian year, month (1 to 12) and day (1 to 31); `None` when there is no such date.
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Option<Self> {
        let date = Self(days_from_civil(year, month, day)?);
        (date.ymd() == (year, month, day)).then_some(date)
    }

    /// Year, month and day. Source: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    pub fn ymd(self) -> (i32, u8, u8) {
        let z = i64::from(self.0) + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u8;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year as i32, month, day)
    }

    /// Parses `YYYY-MM-DD`; `None` when it is not such a date.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return None;
        }
        Self::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }

    /// Day of the week, Monday = 0 to Sunday = 6.
    pub const fn weekday(self) -> u8 {
        (self.0 as i64 + 3).rem_euclid(7) as u8
    }

    /// The date `days` later (or earlier when negative).
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }
}

/// Source: H. Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
fn days_from_civil(year: i32, month: u8, day: u8) -> Option<i32> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1600..=9999).contains(&year) {
        return None;
    }
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted_month = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).ok()
}

impl fmt::Display for SessionDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for SessionDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SessionDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A bar's timeframe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timeframe {
    /// One second.
    S1,
    /// One minute.
    M1,
    /// Three minutes.
    M3,
    /// Five minutes.
    M5,
    /// Fifteen minutes.
    M15,
    /// Thirty minutes.
    M30,
    /// Sixty minutes.
    M60,
}

impl Timeframe {
    /// Every timeframe, finest first; the position in this list is the timeframe's [`Timeframe::index`].
    pub const ALL: [Self; 7] = [Self::S1, Self::M1, Self::M3, Self::M5, Self::M15, Self::M30, Self::M60];

    /// Length in nanoseconds.
    pub const fn nanos(self) -> i64 {
        NANOS
            * match self {
                Self::S1 => 1,
                Self::M1 => 60,
                Self::M3 => 180,
                Self::M5 => 300,
                Self::M15 => 900,
                Self::M30 => 1_800,
                Self::M60 => 3_600,
            }
    }

    /// Position in [`Timeframe::ALL`].
    pub const fn index(self) -> u8 {
        match self {
            Self::S1 => 0,
            Self::M1 => 1,
            Self::M3 => 2,
            Self::M5 => 3,
            Self::M15 => 4,
            Self::M30 => 5,
            Self::M60 => 6,
        }
    }

    /// The timeframe at a position of [`Timeframe::ALL`].
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The name on the surface: `1s`, or the minutes `1` `3` `5` `15` `30` `60`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S1 => "1s",
            Self::M1 => "1",
            Self::M3 => "3",
            Self::M5 => "5",
            Self::M15 => "15",
            Self::M30 => "30",
            Self::M60 => "60",
        }
    }

    /// The name with its unit, for people: `1s`, `1m`, `60m`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::S1 => "1s",
            Self::M1 => "1m",
            Self::M3 => "3m",
            Self::M5 => "5m",
            Self::M15 => "15m",
            Self::M30 => "30m",
            Self::M60 => "60m",
        }
    }

    /// Reads [`Timeframe::name`] or [`Timeframe::label`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tf| tf.name() == text || tf.label() == text)
    }
}

impl Serialize for Timeframe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A set of timeframes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct TimeframeSet(u8);

impl TimeframeSet {
    /// All seven.
    pub const ALL: Self = Self(0x7f);
    /// None.
    pub const EMPTY: Self = Self(0);

    /// The set with one member.
    pub const fn of(tf: Timeframe) -> Self {
        Self(1 << tf.index())
    }

    /// The set with `tf` added.
    #[must_use]
    pub const fn with(self, tf: Timeframe) -> Self {
        Self(self.0 | 1 << tf.index())
    }

    /// Whether `tf` is a member.
    pub const fn contains(self, tf: Timeframe) -> bool {
        self.0 & 1 << tf.index() != 0
    }

    /// Whether there is no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, finest first.
    pub fn iter(self) -> impl Iterator<Item = Timeframe> {
        Timeframe::ALL.into_iter().filter(move |tf| self.contains(*tf))
    }

    /// One bit for each member, the finest lowest.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of the given bits; `None` when a bit stands for no timeframe.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }
}

impl Serialize for TimeframeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A 32-byte BLAKE3 hash, shown as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash32(pub [u8; 32]);

impl fmt::Display for Hash32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
