//! Settings of the desk by key, as `--set KEY=VALUE` names them. Never reads a file; every key is in one table.

use std::fmt;

use barkeep_schemas::{Bucket, BucketLimits, DeskSetup, Money, NANOS, PairSpec, Real, SessionDate};

/// Settings in place of recorded ones, in the order given: the last one of a key counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings(Vec<(String, String)>);

/// Why a setting cannot be made. The message says what was expected.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum SettingError {
    /// It is not of the form.
    #[error("--set {0}: expected KEY=VALUE, like risk.max_order=50000")]
    Form(String),
    /// There is no such key.
    #[error("there is no setting {key}: did you mean {nearest}? There are {known}")]
    Key {
        /// As given.
        key: String,
        /// The nearest there is.
        nearest: String,
        /// All there are.
        known: String,
    },
    /// There is no such pair in the session.
    #[error("the session has no pair {pair}: it has {known}")]
    Pair {
        /// As given.
        pair: String,
        /// Those there are.
        known: String,
    },
    /// The value does not fit.
    #[error("{key}={value}: expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// As given.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Values that do not go together.
    #[error("{pair} would have exit {exit}, entry {entry} and stop {stop}: each must be above the one before")]
    Thresholds {
        /// The pair.
        pair: String,
        /// As it would be.
        exit: f64,
        /// As it would be.
        entry: f64,
        /// As it would be.
        stop: f64,
    },
}

/// What a value must be, and where it goes.
enum Place<'a> {
    /// Money in the account currency.
    Money(&'a mut Money),
    /// A whole number, at least 0.
    Count(&'a mut u32),
    /// A time: `250ms`, `30s`, `5m`, `1h`.
    Time(&'a mut i64),
    /// Milliseconds without a unit.
    Millis(&'a mut i64),
    /// A number.
    Real(&'a mut Real),
    Bucket(&'a mut Bucket),
    Flag(&'a mut bool),
    Date(&'a mut Option<SessionDate>),
}

/// Keys of a pair, behind `pairs.` or `pair.NAME.`.
const PAIR: [&str; 14] = [
    "beta",
    "entry",
    "exit",
    "stop",
    "lookback",
    "max_hold",
    "entry_from",
    "entry_until",
    "flatten_before",
    "stale_after",
    "max_stops",
    "bucket",
    "gross_notional",
    "exit_only",
];

/// Keys of a bucket's limits, behind `risk.LOW.` and so on, or behind `risk.` for all buckets where the account has no
/// limit of that name.
const BUCKET: [&str; 9] = [
    "split_bps",
    "max_gross",
    "max_net",
    "max_symbol",
    "max_order",
    "max_pairs",
    "orders_per_minute",
    "max_drawdown_bps",
    "max_daily_loss",
];

/// Keys that stand for themselves.
const PLAIN: [&str; 27] = [
    "risk.total_cash",
    "risk.holdback_bps",
    "risk.leverage_bps",
    "risk.max_gross",
    "risk.max_net",
    "risk.max_symbol",
    "risk.orders_per_second",
    "risk.orders_per_minute",
    "risk.collar_bps",
    "risk.duplicate_window",
    "risk.price_stale",
    "risk.resize_min_bps",
    "risk.max_drawdown_bps",
    "risk.max_daily_loss",
    "execution.protection_bps",
    "execution.entry_timeout",
    "execution.exit_timeout",
    "execution.symbol_throttle",
    "execution.bucket_throttle",
    "execution.max_hedge_error_bps",
    "execution.approval_ttl",
    "gateway.per_second",
    "gateway.per_minute",
    "gateway.per_day",
    "paper.latency_ms",
    "paper.slippage_bps",
    "paper.volume_share_bps",
];

/// Keys that stand for themselves, too.
const MORE: [&str; 2] = ["paper.circuit_bps", "whitelist.date"];

fn plain<'a>(setup: &'a mut DeskSetup, key: &str) -> Option<Place<'a>> {
    let DeskSetup { whitelist_date, limits, execution, gateway, paper, .. } = setup;
    Some(match key {
        "risk.total_cash" => Place::Money(&mut limits.total_cash),
        "risk.holdback_bps" => Place::Count(&mut limits.holdback_bps),
        "risk.leverage_bps" => Place::Count(&mut limits.leverage_bps),
        "risk.max_gross" => Place::Money(&mut limits.max_gross),
        "risk.max_net" => Place::Money(&mut limits.max_net),
        "risk.max_symbol" => Place::Money(&mut limits.max_symbol),
        "risk.orders_per_second" => Place::Count(&mut limits.orders_per_second),
        "risk.orders_per_minute" => Place::Count(&mut limits.orders_per_minute),
        "risk.collar_bps" => Place::Count(&mut limits.collar_bps),
        "risk.duplicate_window" => Place::Time(&mut limits.duplicate_window_ns),
        "risk.price_stale" => Place::Time(&mut limits.price_stale_ns),
        "risk.resize_min_bps" => Place::Count(&mut limits.resize_min_bps),
        "risk.max_drawdown_bps" => Place::Count(&mut limits.max_drawdown_bps),
        "risk.max_daily_loss" => Place::Money(&mut limits.max_daily_loss),
        "execution.protection_bps" => Place::Count(&mut execution.protection_bps),
        "execution.entry_timeout" => Place::Time(&mut execution.entry_timeout_ns),
        "execution.exit_timeout" => Place::Time(&mut execution.exit_timeout_ns),
        "execution.symbol_throttle" => Place::Time(&mut execution.symbol_throttle_ns),
        "execution.bucket_throttle" => Place::Time(&mut execution.bucket_throttle_ns),
        "execution.max_hedge_error_bps" => Place::Count(&mut execution.max_hedge_error_bps),
        "execution.approval_ttl" => Place::Time(&mut execution.approval_ttl_ns),
        "gateway.per_second" => Place::Count(&mut gateway.per_second),
        "gateway.per_minute" => Place::Count(&mut gateway.per_minute),
        "gateway.per_day" => Place::Count(&mut gateway.per_day),
        "paper.latency_ms" => Place::Millis(&mut paper.latency_ns),
        "paper.slippage_bps" => Place::Count(&mut paper.slippage_bps),
        "paper.volume_share_bps" => Place::Count(&mut paper.volume_share_bps),
        "paper.circuit_bps" => Place::Count(&mut paper.circuit_bps),
        "whitelist.date" => Place::Date(whitelist_date),
        _ => return None,
    })
}

fn of_bucket<'a>(limits: &'a mut BucketLimits, key: &str) -> Option<Place<'a>> {
    Some(match key {
        "split_bps" => Place::Count(&mut limits.split_bps),
        "max_gross" => Place::Money(&mut limits.max_gross),
        "max_net" => Place::Money(&mut limits.max_net),
        "max_symbol" => Place::Money(&mut limits.max_symbol),
        "max_order" => Place::Money(&mut limits.max_order),
        "max_pairs" => Place::Count(&mut limits.max_pairs),
        "orders_per_minute" => Place::Count(&mut limits.orders_per_minute),
        "max_drawdown_bps" => Place::Count(&mut limits.max_drawdown_bps),
        "max_daily_loss" => Place::Money(&mut limits.max_daily_loss),
        _ => return None,
    })
}

fn of_pair<'a>(spec: &'a mut PairSpec, key: &str) -> Option<Place<'a>> {
    Some(match key {
        "beta" => Place::Real(&mut spec.beta),
        "entry" => Place::Real(&mut spec.entry),
        "exit" => Place::Real(&mut spec.exit),
        "stop" => Place::Real(&mut spec.stop),
        "lookback" => Place::Count(&mut spec.lookback),
        "max_hold" => Place::Time(&mut spec.max_hold_ns),
        "entry_from" => Place::Time(&mut spec.entry_from_ns),
        "entry_until" => Place::Time(&mut spec.entry_until_ns),
        "flatten_before" => Place::Time(&mut spec.flatten_before_ns),
        "stale_after" => Place::Time(&mut spec.stale_after_ns),
        "max_stops" => Place::Count(&mut spec.max_stops),
        "bucket" => Place::Bucket(&mut spec.bucket),
        "gross_notional" => Place::Money(&mut spec.gross_notional),
        "exit_only" => Place::Flag(&mut spec.exit_only),
        _ => return None,
    })
}

impl Place<'_> {
    const fn expected(&self) -> &'static str {
        match self {
            Self::Money(_) => "an amount in rupees, at least 0, like 50000 or 1250.50",
            Self::Count(_) => "a whole number, at least 0",
            Self::Time(_) => "a time, like 250ms, 30s, 5m, 1h or 09:20",
            Self::Millis(_) => "milliseconds, at least 0, without a unit",
            Self::Real(_) => "a number, at least 0",
            Self::Bucket(_) => "LOW, MED or HIGH",
            Self::Flag(_) => "true or false",
            Self::Date(_) => "a date like 2021-06-04, or none",
        }
    }

    /// Puts the value in its place; `None` when it is not what was expected.
    fn put(self, value: &str) -> Option<()> {
        let plain: String = value.chars().filter(|c| *c != '_').collect();
        match self {
            Self::Money(place) => *place = Money::new(scaled(&plain, 10_000)?),
            Self::Count(place) => *place = plain.parse().ok()?,
            Self::Time(place) => *place = time(&plain)?,
            Self::Millis(place) => *place = scaled(&plain, 1_000_000)?,
            Self::Real(place) => {
                *place = Real::new(plain.parse().ok()?).filter(|real| real.get() >= 0.0)?;
            }
            Self::Bucket(place) => *place = Bucket::parse(&value.to_ascii_uppercase())?,
            Self::Flag(place) => *place = value.parse().ok()?,
            Self::Date(place) if value == "none" => *place = None,
            Self::Date(place) => *place = Some(SessionDate::parse(value)?),
        }
        Some(())
    }
}

/// A decimal that is at least 0, times a power of ten, exactly.
fn scaled(text: &str, scale: i64) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || (text.ends_with('.')) {
        return None;
    }
    let mut raw = whole.parse::<i64>().ok()?.checked_mul(scale)?;
    let mut unit = scale;
    for digit in part.bytes() {
        if unit % 10 != 0 {
            return None;
        }
        unit /= 10;
        raw = raw.checked_add(i64::from(digit - b'0').checked_mul(unit)?)?;
    }
    Some(raw)
}

/// `250ms`, `30s`, `5m`, `1h`, or a time of day as what has passed since midnight.
fn time(text: &str) -> Option<i64> {
    if let Some((hours, minutes)) = text.split_once(':') {
        let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
        let inside = (0..24).contains(&hours) && (0..60).contains(&minutes);
        return inside.then_some((hours * 3_600 + minutes * 60) * NANOS);
    }
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit)?;
    let scale = match unit {
        "ms" => 1_000_000,
        "s" => NANOS,
        "m" | "min" => 60 * NANOS,
        "h" => 3_600 * NANOS,
        _ => return None,
    };
    scaled(number, scale)
}

/// Every key, as it is listed for people.
fn known() -> impl Iterator<Item = String> {
    let plain = PLAIN.iter().chain(&MORE).map(|key| (*key).to_owned());
    let all_buckets = BUCKET.iter().map(|key| format!("risk.{key}")).filter(|key| !PLAIN.contains(&key.as_str()));
    let bucket = BUCKET.iter().map(|key| format!("risk.BUCKET.{key}"));
    plain
        .chain(all_buckets)
        .chain(bucket)
        .chain(PAIR.iter().map(|key| format!("pairs.{key}")))
        .chain(std::iter::once("pair.NAME.… with the same as pairs.".to_owned()))
}

fn no_key(key: &str) -> SettingError {
    let nearest = known().min_by_key(|one| strsim::damerau_levenshtein(key, one)).unwrap_or_default();
    SettingError::Key { key: key.to_owned(), nearest, known: known().collect::<Vec<_>>().join(", ") }
}

impl Settings {
    /// Reads `KEY=VALUE` items.
    ///
    /// # Errors
    /// [`SettingError::Form`] for one of another form.
    pub fn parse(items: &[String]) -> Result<Self, SettingError> {
        let one = |item: &String| {
            let (key, value) = item.split_once('=').ok_or_else(|| SettingError::Form(item.clone()))?;
            let (key, value) = (key.trim(), value.trim());
            if key.is_empty() { Err(SettingError::Form(item.clone())) } else { Ok((key.to_owned(), value.to_owned())) }
        };
        items.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts every setting into a setup.
    ///
    /// # Errors
    /// [`SettingError`] for a key or pair that there is not, a value that does not fit, or thresholds out of order.
    pub fn apply(&self, setup: &mut DeskSetup) -> Result<(), SettingError> {
        for (key, value) in &self.0 {
            apply(setup, key, value)?;
        }
        let out_of_order = |spec: &&PairSpec| {
            let (exit, entry, stop) = (spec.exit.get(), spec.entry.get(), spec.stop.get());
            !(exit < entry && entry < stop)
        };
        let about_pairs = self.0.iter().any(|(key, _)| key.starts_with("pair"));
        match setup.pairs.iter().find(out_of_order) {
            Some(spec) if about_pairs => Err(SettingError::Thresholds {
                pair: spec.name.clone(),
                exit: spec.exit.get(),
                entry: spec.entry.get(),
                stop: spec.stop.get(),
            }),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.write_str(&items.join(", "))
    }
}

fn apply(setup: &mut DeskSetup, key: &str, value: &str) -> Result<(), SettingError> {
    let put = |place: Place<'_>| {
        let expected = place.expected();
        let wrong = || SettingError::Value { key: key.to_owned(), value: value.to_owned(), expected };
        place.put(value).ok_or_else(wrong)
    };
    if let Some(place) = plain(setup, key) {
        return put(place);
    }
    if let Some(key_of_pair) = key.strip_prefix("pairs.") {
        if !PAIR.contains(&key_of_pair) {
            return Err(no_key(key));
        }
        return setup.pairs.iter_mut().filter_map(|spec| of_pair(spec, key_of_pair)).try_for_each(put);
    }
    if let Some((name, key_of_pair)) = key.strip_prefix("pair.").and_then(|rest| rest.rsplit_once('.')) {
        let names: Vec<String> = setup.pairs.iter().map(|spec| spec.name.clone()).collect();
        let Some(spec) = setup.pairs.iter_mut().find(|spec| spec.name == name) else {
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(SettingError::Pair { pair: name.to_owned(), known });
        };
        return of_pair(spec, key_of_pair).map_or_else(|| Err(no_key(key)), put);
    }
    let Some(rest) = key.strip_prefix("risk.") else { return Err(no_key(key)) };
    let (bucket, rest) = match rest.split_once('.') {
        Some((bucket, rest)) => (Some(Bucket::parse(bucket).ok_or_else(|| no_key(key))?), rest),
        None => (None, rest),
    };
    if !BUCKET.contains(&rest) {
        return Err(no_key(key));
    }
    let limits = setup.limits.buckets.iter_mut().filter(|limits| bucket.is_none_or(|bucket| limits.bucket == bucket));
    limits.filter_map(|limits| of_bucket(limits, rest)).try_for_each(put)
}
