//! Which column holds which field, and in what unit.
//!
//! What it is: `--map FIELD=COLUMN[:UNIT],…` as a checked value. What it never does: look at a file; `columns` matches
//! it with one. Who calls it: the command line parses it, the options carry it.

use std::fmt;

use barkeep_schemas::FileKind;
use thiserror::Error;

use super::error::{nearest, nearest_of};
use super::number::power_of_ten;

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident $name:literal $what:ident,)*) => {
        /// A field of a row that a column can hold.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Field { $($(#[$doc])* $variant,)* }

        impl Field {
            /// Every field, in canonical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the surface.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What kind of unit it takes.
            const fn measure(self) -> Measure {
                match self { $(Self::$variant => Measure::$what,)* }
            }
        }
    };
}

fields! {
    /// Exchange time of a tick, or the start of a bar.
    Time "time" Time,
    /// Time of receipt.
    RecvTime "recv_time" Time,
    /// Whose row it is.
    Symbol "symbol" Text,
    /// Last traded price.
    Price "price" Price,
    /// Quantity of the trade.
    Qty "qty" Whole,
    /// The day's volume so far.
    CumVolume "cum_volume" Whole,
    /// Best bid.
    Bid "bid" Price,
    /// Best ask.
    Ask "ask" Price,
    /// Condition flags of the trade.
    Condition "condition" Flags,
    /// First trade of a bar.
    Open "open" Price,
    /// Highest trade of a bar.
    High "high" Price,
    /// Lowest trade of a bar.
    Low "low" Price,
    /// Last trade of a bar.
    Close "close" Price,
    /// Shares traded in a bar.
    Volume "volume" Whole,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    Time,
    Price,
    Flags,
    Whole,
    Text,
}

const TICK_FIELDS: &[Field] = &[
    Field::Time,
    Field::RecvTime,
    Field::Symbol,
    Field::Price,
    Field::Qty,
    Field::CumVolume,
    Field::Bid,
    Field::Ask,
    Field::Condition,
];

const BAR_FIELDS: &[Field] =
    &[Field::Time, Field::Symbol, Field::Open, Field::High, Field::Low, Field::Close, Field::Volume];

impl Field {
    /// The fields that a row of a kind can have.
    pub const fn of(kind: FileKind) -> &'static [Self] {
        match kind {
            FileKind::Ticks => TICK_FIELDS,
            FileKind::Bars => BAR_FIELDS,
        }
    }

    /// Whether every row of that kind needs the field. The symbol is judged apart: it may come from the options.
    pub fn required(self, kind: FileKind) -> bool {
        match kind {
            FileKind::Ticks => matches!(self, Self::Time | Self::Price),
            FileKind::Bars => self != Self::Symbol && BAR_FIELDS.contains(&self),
        }
    }

    /// Reads [`Field::name`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == text)
    }

    /// The unit of a mapping that names none.
    pub const fn default_unit(self) -> Unit {
        match self.measure() {
            Measure::Time => Unit::Time(TimeUnit::Iso),
            Measure::Price => Unit::Divisor(0),
            Measure::Flags => Unit::Flags(Radix::Decimal),
            Measure::Whole | Measure::Text => Unit::Plain,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a time column counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TimeUnit {
    /// A date and time as text, ISO 8601.
    Iso,
    /// Seconds since 1970-01-01T00:00:00 UTC.
    Seconds,
    /// Milliseconds since 1970-01-01T00:00:00 UTC.
    Millis,
    /// Microseconds since 1970-01-01T00:00:00 UTC.
    Micros,
    /// Nanoseconds since 1970-01-01T00:00:00 UTC.
    Nanos,
    /// Milliseconds since local midnight of the date given with the options.
    MsOfDay,
}

impl TimeUnit {
    /// Every unit.
    pub const ALL: [Self; 6] = [Self::Iso, Self::Seconds, Self::Millis, Self::Micros, Self::Nanos, Self::MsOfDay];

    /// The name on the surface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iso => "iso",
            Self::Seconds => "s",
            Self::Millis => "ms",
            Self::Micros => "us",
            Self::Nanos => "ns",
            Self::MsOfDay => "ms_of_day",
        }
    }

    /// The power of ten that turns one unit into nanoseconds; `None` for text.
    pub(super) const fn digits(self) -> Option<i32> {
        match self {
            Self::Iso => None,
            Self::Seconds => Some(9),
            Self::Millis | Self::MsOfDay => Some(6),
            Self::Micros => Some(3),
            Self::Nanos => Some(0),
        }
    }
}

/// How condition flags are written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Radix {
    /// Decimal digits.
    Decimal,
    /// Hexadecimal digits, with or without `0x`.
    Hex,
}

/// The unit of a column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unit {
    /// Quantities and symbols have none.
    Plain,
    /// Of a time.
    Time(TimeUnit),
    /// Of a price: it is divided by ten to this power, 0 to 12.
    Divisor(u8),
    /// Of condition flags.
    Flags(Radix),
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Time(unit) => f.write_str(unit.name()),
            Self::Divisor(power) => write!(f, "1e{power}"),
            Self::Flags(Radix::Decimal) => f.write_str("decimal"),
            Self::Flags(Radix::Hex) => f.write_str("hex"),
        }
    }
}

/// A column as named in a mapping.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ColumnName {
    /// By its number, from 1.
    Number(usize),
    /// By its name in the header.
    Name(String),
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// One `FIELD=COLUMN[:UNIT]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MappedColumn {
    /// The field.
    pub field: Field,
    /// Its column.
    pub column: ColumnName,
    /// The column's unit.
    pub unit: Unit,
}

/// A parsed `--map`: at most one column a field, in canonical field order. Its `Display` is its canonical text.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Mapping {
    columns: Vec<MappedColumn>,
}

/// Why a `--map` is not one.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MappingError {
    /// A part without `=`.
    #[error("--map: `{part}` is not FIELD=COLUMN or FIELD=COLUMN:UNIT, such as price=ltp")]
    NotAPair {
        /// The part as typed.
        part: String,
    },
    /// No such field.
    #[error("--map: there is no field `{field}`{}; the fields are: {fields}", nearest(suggestion))]
    UnknownField {
        /// As typed.
        field: String,
        /// The nearest field.
        suggestion: Option<String>,
        /// All fields.
        fields: String,
    },
    /// No such unit for that field.
    #[error(
        "--map: {field} has no unit `{unit}`{}; its units are: {units} (a column whose name holds a colon is mapped by \
         number)",
        nearest(suggestion)
    )]
    UnknownUnit {
        /// The field.
        field: Field,
        /// As typed.
        unit: String,
        /// The nearest unit.
        suggestion: Option<String>,
        /// The units of the field.
        units: &'static str,
    },
    /// A field twice.
    #[error("--map: {field} is mapped twice; keep one")]
    Twice {
        /// The field.
        field: Field,
    },
    /// Number zero.
    #[error("--map: {field}=0: columns are numbered from 1")]
    NumberZero {
        /// The field.
        field: Field,
    },
}

impl Mapping {
    /// Parses `FIELD=COLUMN[:UNIT],…`.
    ///
    /// # Errors
    ///
    /// [`MappingError`] names the part at fault and the nearest known field or unit.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let mut columns: Vec<MappedColumn> = Vec::new();
        for part in text.split(',') {
            let mapped = parse_part(part)?;
            if columns.iter().any(|other| other.field == mapped.field) {
                return Err(MappingError::Twice { field: mapped.field });
            }
            columns.push(mapped);
        }
        columns.sort_by_key(|mapped| mapped.field);
        Ok(Self { columns })
    }

    /// The column of a field, if it is mapped.
    pub fn get(&self, field: Field) -> Option<&MappedColumn> {
        self.columns.iter().find(|mapped| mapped.field == field)
    }

    /// All mapped columns, in canonical field order.
    pub fn iter(&self) -> impl Iterator<Item = &MappedColumn> {
        self.columns.iter()
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mapped) in self.columns.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", mapped.field, mapped.column)?;
            if mapped.unit != mapped.field.default_unit() {
                write!(f, ":{}", mapped.unit)?;
            }
        }
        Ok(())
    }
}

fn parse_part(part: &str) -> Result<MappedColumn, MappingError> {
    let not_a_pair = || MappingError::NotAPair { part: part.trim().to_owned() };
    let (field, target) = part.split_once('=').ok_or_else(not_a_pair)?;
    let field = parse_field(field.trim())?;
    let (column, unit) = match target.rsplit_once(':') {
        Some((column, unit)) => (column.trim(), parse_unit(field, unit.trim())?),
        None => (target.trim(), field.default_unit()),
    };
    let column = match column.parse::<usize>() {
        _ if column.is_empty() => return Err(not_a_pair()),
        Ok(0) => return Err(MappingError::NumberZero { field }),
        Ok(number) => ColumnName::Number(number),
        Err(_) => ColumnName::Name(column.to_owned()),
    };
    Ok(MappedColumn { field, column, unit })
}

fn parse_field(text: &str) -> Result<Field, MappingError> {
    Field::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
        MappingError::UnknownField {
            field: text.to_owned(),
            suggestion: nearest_of(text, names.iter().copied()),
            fields: names.join(" "),
        }
    })
}

fn parse_unit(field: Field, text: &str) -> Result<Unit, MappingError> {
    let (units, candidates): (&'static str, &[&str]) = match field.measure() {
        Measure::Time => ("iso s ms us ns ms_of_day", &["iso", "s", "ms", "us", "ns", "ms_of_day"]),
        Measure::Price => ("a divisor that is a power of ten, 1 to 1e12, such as 1e4", &[]),
        Measure::Flags => ("hex decimal", &["hex", "decimal"]),
        Measure::Whole | Measure::Text => ("none", &[]),
    };
    let unit = match field.measure() {
        Measure::Time => TimeUnit::ALL.into_iter().find(|unit| unit.name() == text).map(Unit::Time),
        Measure::Price => divisor(text).map(Unit::Divisor),
        Measure::Flags if text == "hex" => Some(Unit::Flags(Radix::Hex)),
        Measure::Flags if text == "decimal" => Some(Unit::Flags(Radix::Decimal)),
        Measure::Flags | Measure::Whole | Measure::Text => None,
    };
    unit.ok_or_else(|| MappingError::UnknownUnit {
        field,
        unit: text.to_owned(),
        suggestion: nearest_of(text, candidates.iter().copied()),
        units,
    })
}

/// The power of ten of a divisor written `1e4`, `1E4` or `10000`; 0 to 12.
fn divisor(text: &str) -> Option<u8> {
    let power = match text.strip_prefix("1e").or_else(|| text.strip_prefix("1E")) {
        Some(power) => power.parse().ok()?,
        None => {
            let value: u64 = text.parse().ok()?;
            (0_u8..=12).find(|power| power_of_ten(u32::from(*power)) == Some(value))?
        }
    };
    (power <= 12).then_some(power)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match Mapping::parse(text) {
            Ok(mapping) => mapping.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn a_mapping_has_one_canonical_text() {
        check("price=ltp,time=timestamp,cum_volume=volume", "time=timestamp,price=ltp,cum_volume=volume");
        check(" time = 1:ms_of_day , price=2:1e4,condition=5:hex", "time=1:ms_of_day,price=2:1e4,condition=5:hex");
        check("time=t:iso,price=p:1,condition=c:decimal", "time=t,price=p,condition=c");
        check("price=p:10000", "price=p:1e4");
        check("price=Last Price", "price=Last Price");
    }

    #[test]
    fn what_is_wrong_is_named_with_the_nearest_known() {
        check(
            "prise=ltp",
            "--map: there is no field `prise` (did you mean `price`?); the fields are: time recv_time \
               symbol price qty cum_volume bid ask condition open high low close volume",
        );
        check(
            "time=t:msofday",
            "--map: time has no unit `msofday` (did you mean `ms_of_day`?); its units are: iso s \
               ms us ns ms_of_day (a column whose name holds a colon is mapped by number)",
        );
        check(
            "price=p:3",
            "--map: price has no unit `3`; its units are: a divisor that is a power of ten, 1 to 1e12, \
               such as 1e4 (a column whose name holds a colon is mapped by number)",
        );
        check(
            "price=p:1e13",
            "--map: price has no unit `1e13`; its units are: a divisor that is a power of ten, 1 to \
               1e12, such as 1e4 (a column whose name holds a colon is mapped by number)",
        );
        check(
            "qty=q:hex",
            "--map: qty has no unit `hex`; its units are: none (a column whose name holds a colon is \
               mapped by number)",
        );
        check("price=a,price=b", "--map: price is mapped twice; keep one");
        check("price=0", "--map: price=0: columns are numbered from 1");
        check("price=", "--map: `price=` is not FIELD=COLUMN or FIELD=COLUMN:UNIT, such as price=ltp");
        check("", "--map: `` is not FIELD=COLUMN or FIELD=COLUMN:UNIT, such as price=ltp");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = Mapping::parse(&text);
        }

        #[test]
        fn canonical_text_reads_back(text in "(time|price|bid|condition|qty)=[a-z0-9]{1,3}(:(iso|ms|hex|1e3))?") {
            if let Ok(mapping) = Mapping::parse(&text) {
                prop_assert_eq!(Mapping::parse(&mapping.to_string()), Ok(mapping));
            }
        }
    }
}
