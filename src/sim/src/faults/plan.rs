//! The plan of faults as people write it: a TOML file or flags, checked.
//!
//! It schedules nothing yet: times of day become moments, and what is to be drawn is drawn, when the session's days are
//! known. Called by the command line and by tests.

use barkeep_schemas::{NANOS, SessionDate, Ts};
use serde::Deserialize;

use super::kind::{FaultKind, Setting};

/// Why a plan cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanError {
    /// The file is no plan.
    #[error("{file}: {message}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong, with the line.
        message: String,
    },
    /// A fault cannot be used as it stands.
    #[error("{place}: {message}")]
    Fault {
        /// Which fault of which file, or the flag.
        place: String,
        /// What was expected.
        message: String,
    },
}

/// The continuous trading of a day, for faults without a time of their own and for times of day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionSpan {
    /// The date.
    pub date: SessionDate,
    /// Midnight IST at its start.
    pub midnight: Ts,
    /// Where continuous trading begins.
    pub open: Ts,
    /// First moment after it.
    pub close: Ts,
}

/// A fault as it was written, checked as far as it can be without the session.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Draft {
    pub(super) place: String,
    pub(super) kind: FaultKind,
    pub(super) when: When,
    pub(super) lasts_ns: i64,
    pub(super) by_ns: i64,
    pub(super) share: u32,
    pub(super) count: u32,
    pub(super) status: u16,
    pub(super) path: String,
    pub(super) symbols: Option<Vec<String>>,
    pub(super) connection: Option<u32>,
}

/// When a fault is to be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum When {
    /// At a time of day, in nanoseconds, of a date or of the first session.
    At(Option<SessionDate>, i64),
    /// So many of it, at times drawn from the seed.
    Drawn(u32),
}

/// A plan of faults.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FaultPlan {
    pub(super) drafts: Vec<Draft>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    #[serde(default)]
    fault: Vec<RawFault>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    kind: String,
    at: Option<String>,
    drawn: Option<u32>,
    #[serde(rename = "for")]
    lasts: Option<String>,
    by: Option<String>,
    share: Option<f64>,
    count: Option<u32>,
    status: Option<u16>,
    path: Option<String>,
    symbols: Option<Vec<String>>,
    connection: Option<u32>,
}

impl FaultPlan {
    /// The plan of a TOML file: an array of tables `[[fault]]`.
    ///
    /// # Errors
    /// [`PlanError`], with the line, or with the fault and what was expected.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, PlanError> {
        let raw: RawPlan = toml::from_str(text).map_err(|error| PlanError::File {
            file: file.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let place = |number: usize, fault: &RawFault| format!("{file}, fault {} ({})", number + 1, fault.kind);
        let draft = |(number, fault): (usize, RawFault)| Draft::new(place(number, &fault), fault);
        Ok(Self { drafts: raw.fault.into_iter().enumerate().map(draft).collect::<Result<_, _>>()? })
    }

    /// Adds the fault of a flag: `KIND at=TIME [for=DURATION] [KEY=VALUE]...`, or `KIND drawn=N ...`.
    ///
    /// # Errors
    /// [`PlanError`] with what was expected.
    pub fn add_flag(&mut self, text: &str) -> Result<(), PlanError> {
        let place = format!("--fault '{text}'");
        let wrong = |message: String| PlanError::Fault { place: place.clone(), message };
        let mut words = text.split_whitespace();
        let kind = words.next().ok_or_else(|| wrong("expected a kind of fault".to_owned()))?;
        let mut raw = RawFault { kind: kind.to_owned(), ..RawFault::default() };
        for word in words {
            let (key, value) =
                word.split_once('=').ok_or_else(|| wrong(format!("'{word}' is not KEY=VALUE, as in at=10:15:00")))?;
            raw.set(key, value).map_err(wrong)?;
        }
        self.drafts.push(Draft::new(place, raw)?);
        Ok(())
    }

    /// Whether nothing is to be broken.
    pub const fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }
}

impl RawFault {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<Option<T>, String> {
            value.parse().map(Some).map_err(|_| format!("{key}={value}: expected a number"))
        }
        match key {
            "at" => self.at = Some(value.to_owned()),
            "drawn" => self.drawn = number(key, value)?,
            "for" => self.lasts = Some(value.to_owned()),
            "by" => self.by = Some(value.to_owned()),
            "share" => self.share = number(key, value)?,
            "count" => self.count = number(key, value)?,
            "status" => self.status = number(key, value)?,
            "path" => self.path = Some(value.to_owned()),
            "symbols" => self.symbols = Some(value.split(',').map(str::to_owned).collect()),
            "connection" => self.connection = number(key, value)?,
            other => {
                return Err(format!("'{other}' is no setting of a fault; known: at, drawn, {}", keys(&Setting::ALL)));
            }
        }
        Ok(())
    }

    const fn is_set(&self, setting: Setting) -> bool {
        match setting {
            Setting::For => self.lasts.is_some(),
            Setting::By => self.by.is_some(),
            Setting::Share => self.share.is_some(),
            Setting::Count => self.count.is_some(),
            Setting::Status => self.status.is_some(),
            Setting::Path => self.path.is_some(),
            Setting::Symbols => self.symbols.is_some(),
            Setting::Connection => self.connection.is_some(),
        }
    }
}

impl Draft {
    fn new(place: String, raw: RawFault) -> Result<Self, PlanError> {
        Self::checked(&raw)
            .map_err(|message| PlanError::Fault { place: place.clone(), message })
            .map(|draft| Self { place, ..draft })
    }

    fn checked(raw: &RawFault) -> Result<Self, String> {
        let kind = FaultKind::from_name(&raw.kind).ok_or_else(|| {
            let known: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
            format!("'{}' is no kind of fault; known: {}", raw.kind, known.join(", "))
        })?;
        if let Some(missing) = kind.needs().iter().find(|setting| !raw.is_set(**setting)) {
            return Err(format!("'{}' is missing: {} needs {}", missing.key(), kind.name(), keys(kind.needs())));
        }
        if let Some(foreign) = Setting::ALL.into_iter().find(|setting| raw.is_set(*setting) && !kind.has(*setting)) {
            let known: Vec<Setting> = kind.needs().iter().chain(kind.takes()).copied().collect();
            return Err(format!("'{}' means nothing to {}, which takes {}", foreign.key(), kind.name(), keys(&known)));
        }
        let when = match (&raw.at, raw.drawn) {
            (Some(at), None) => parse_moment(at)?,
            (None, Some(number @ 1..=100_000)) => When::Drawn(number),
            (None, Some(number)) => return Err(format!("drawn = {number}: expected 1 to 100000")),
            (Some(_), Some(_)) | (None, None) => return Err("expected either 'at' or 'drawn'".to_owned()),
        };
        let lasts_ns = raw.lasts.as_deref().map_or(Ok(0), |text| parse_duration("for", text))?;
        if lasts_ns < 0 || (lasts_ns == 0 && kind.needs().contains(&Setting::For)) {
            return Err("'for' must be longer than nothing, as in 20s".to_owned());
        }
        let by_ns = raw.by.as_deref().map_or(Ok(0), |text| parse_duration("by", text))?;
        if by_ns < 0 && kind != FaultKind::ClockSkew {
            return Err("'by' must not be negative here".to_owned());
        }
        let share = raw.share.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("share = {share}: expected 0 to 1"));
        }
        Ok(Self {
            place: String::new(),
            kind,
            when,
            lasts_ns,
            by_ns,
            share: (share * 1e6) as u32,
            count: checked_count(raw.count.unwrap_or(1))?,
            status: checked_status(kind, raw.status)?,
            path: raw.path.clone().unwrap_or_default(),
            symbols: raw.symbols.clone(),
            connection: raw.connection,
        })
    }
}

fn keys(settings: &[Setting]) -> String {
    let keys: Vec<&str> = settings.iter().map(|setting| setting.key()).collect();
    if keys.is_empty() { "nothing but 'at'".to_owned() } else { keys.join(", ") }
}

fn checked_count(count: u32) -> Result<u32, String> {
    if (1..=100_000).contains(&count) { Ok(count) } else { Err(format!("count = {count}: expected 1 to 100000")) }
}

fn checked_status(kind: FaultKind, status: Option<u16>) -> Result<u16, String> {
    let known: &[u16] = match kind {
        FaultKind::RefuseUpgrade => &[429, 400, 403, 500, 502, 503, 504],
        FaultKind::RestError => &[503, 400, 403, 404, 405, 410, 429, 500, 502, 504],
        FaultKind::Disconnect
        | FaultKind::Mute
        | FaultKind::Silent
        | FaultKind::Delay
        | FaultKind::Duplicate
        | FaultKind::Reorder
        | FaultKind::Drop
        | FaultKind::Truncate
        | FaultKind::Garbage
        | FaultKind::UnknownLength
        | FaultKind::ClockSkew
        | FaultKind::Slow
        | FaultKind::Endless
        | FaultKind::TokenDeath
        | FaultKind::LostAnswer
        | FaultKind::PostbackEarly
        | FaultKind::PostbackTwice
        | FaultKind::PostbackNever
        | FaultKind::CandleWrong
        | FaultKind::CandleMissing
        | FaultKind::CandleDuplicate
        | FaultKind::CandleRevised => return Ok(0),
    };
    let usual = known.first().copied().unwrap_or(503);
    match status {
        None => Ok(usual),
        Some(status) if known.contains(&status) => Ok(status),
        Some(status) => Err(format!("status = {status}: expected one of {known:?}")),
    }
}

/// `20s`, `250ms`, `1m30s` is not taken: one number, one unit.
fn parse_duration(key: &str, text: &str) -> Result<i64, String> {
    let wrong = || format!("{key} = \"{text}\": expected a number and a unit, as in 250ms, 20s, 5m or 1h");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(split).ok_or_else(wrong)?;
    let unit_ns = match unit {
        "ms" => 1_000_000,
        "s" => NANOS,
        "m" => 60 * NANOS,
        "h" => 3_600 * NANOS,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit_ns).filter(|ns| ns.abs() <= 30 * 86_400 * NANOS).ok_or_else(wrong)
}

/// `HH:MM:SS[.mmm]`, with a date in front where it is not of the first session.
fn parse_moment(text: &str) -> Result<When, String> {
    let wrong = || format!("at = \"{text}\": expected HH:MM:SS, or YYYY-MM-DD HH:MM:SS, in IST");
    let (date, clock) = match text.split_once([' ', 'T']) {
        Some((date, clock)) => (Some(parse_date(date).ok_or_else(wrong)?), clock),
        None => (None, text),
    };
    Ok(When::At(date, parse_clock(clock).ok_or_else(wrong)?))
}

fn parse_date(text: &str) -> Option<SessionDate> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    SessionDate::from_ymd(year, month, day)
}

/// Nanoseconds since midnight.
fn parse_clock(text: &str) -> Option<i64> {
    let (clock, millis) = match text.split_once('.') {
        Some((clock, millis)) if millis.len() == 3 => (clock, millis.parse::<u32>().ok()?),
        Some(_) => return None,
        None => (text, 0),
    };
    let mut parts = clock.split(':').map(|part| (part.len() == 2).then(|| part.parse::<u32>().ok()).flatten());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let sound = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    sound.then(|| i64::from((hour * 60 + minute) * 60 + second) * NANOS + i64::from(millis) * 1_000_000)
}
