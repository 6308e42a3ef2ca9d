//! The faults of a session in virtual time, and the answers to the world's questions about them.
//!
//! An answer depends on the seed, the fault and what is asked about, never on how often or in which order it is asked;
//! only faults with a count remember how often they struck. It never sends, changes or logs anything. The world calls it.

use barkeep_schemas::{NANOS, Ts};

use super::chance::Hash;
use super::kind::FaultKind;
use super::plan::{Draft, FaultPlan, PlanError, SessionSpan, When};

/// Which instruments a fault concerns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Every one.
    All,
    /// Those of these tokens, in rising order.
    Tokens(Vec<u32>),
}

impl Target {
    /// Whether an instrument is among them.
    pub fn holds(&self, token: u32) -> bool {
        match self {
            Self::All => true,
            Self::Tokens(tokens) => tokens.binary_search(&token).is_ok(),
        }
    }
}

/// A fault with its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Its number in the plan, from 0, by which its chances are drawn.
    pub number: u32,
    /// Its kind.
    pub kind: FaultKind,
    /// When it begins.
    pub from: Ts,
    /// First moment after it; its beginning, for one that strikes once.
    pub until: Ts,
    /// How far something is moved or how long it takes, nanoseconds.
    pub by_ns: i64,
    /// Of how many of the things concerned, in millionths.
    pub share: u32,
    /// How often it strikes, for the kinds that count.
    pub count: u32,
    /// HTTP status, for the kinds that answer with one.
    pub status: u16,
    /// Start of the paths concerned; empty for all.
    pub path: String,
    /// The instruments concerned.
    pub target: Target,
    /// The websocket concerned; `None` for all.
    pub connection: Option<u32>,
}

impl Fault {
    /// Whether the fault is on at a moment.
    pub fn is_on(&self, now: Ts) -> bool {
        self.from <= now && now < self.until
    }

    fn concerns(&self, connection: u32) -> bool {
        self.connection.is_none_or(|only| only == connection)
    }
}

/// What becomes of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketFate {
    /// Nothing.
    Pass,
    /// It is lost.
    Drop,
    /// It is sent twice.
    Twice,
    /// It is sent so many nanoseconds later.
    Later(i64),
    /// It is sent right behind the next one of its instrument.
    BehindNext,
}

/// The faults of a session.
#[derive(Clone, Debug)]
pub struct Faults {
    seed: u64,
    /// By time, then number.
    all: Vec<Fault>,
    /// How often each of `all` struck.
    struck: Vec<u32>,
}

impl Faults {
    /// Places a plan in the days of a session; `token_of` knows the symbols.
    ///
    /// # Errors
    /// [`PlanError`] for a date that is no session and a symbol that is not listed.
    pub fn new(
        plan: &FaultPlan,
        seed: u64,
        spans: &[SessionSpan],
        token_of: impl Fn(&str) -> Option<u32>,
    ) -> Result<Self, PlanError> {
        let mut all = Vec::new();
        for draft in &plan.drafts {
            let wrong = |message: String| PlanError::Fault { place: draft.place.clone(), message };
            let target = target(draft, &token_of).map_err(wrong)?;
            match draft.when {
                When::At(date, clock_ns) => {
                    let span = match date {
                        None => spans.first(),
                        Some(date) => spans.iter().find(|span| span.date == date),
                    };
                    let span = span.ok_or_else(|| wrong("its date is no simulated session".to_owned()))?;
                    all.push(draft.fault(all.len(), span.midnight.get() + clock_ns, target));
                }
                When::Drawn(count) => {
                    for turn in 0..count {
                        let hash = Hash::new(seed).with(all.len() as u64).with(u64::from(turn)).with(draft.kind as u64);
                        all.push(draft.fault(all.len(), drawn_moment(hash, spans), target.clone()));
                    }
                }
            }
        }
        all.sort_by_key(|fault| (fault.from, fault.number));
        let struck = vec![0; all.len()];
        Ok(Self { seed, all, struck })
    }

    /// Every fault, by time.
    pub fn all(&self) -> &[Fault] {
        &self.all
    }

    /// The faults that begin after one moment and not after another.
    pub fn beginning(&self, after: Ts, upto: Ts) -> impl Iterator<Item = &Fault> {
        let start = self.all.partition_point(|fault| fault.from <= after);
        self.all.get(start..).unwrap_or(&[]).iter().take_while(move |fault| fault.from <= upto)
    }

    /// The first fault of a kind that is on for a websocket.
    pub fn on_connection(&self, kind: FaultKind, connection: u32, now: Ts) -> Option<&Fault> {
        self.on(kind, now).find(|fault| fault.concerns(connection))
    }

    /// The faults of a kind that are on.
    pub fn on(&self, kind: FaultKind, now: Ts) -> impl Iterator<Item = &Fault> {
        self.begun(now).filter(move |fault| fault.kind == kind && fault.is_on(now))
    }

    /// What becomes of a packet about to be sent, and the fault that decides it.
    pub fn packet_fate(&self, connection: u32, token: u32, now: Ts) -> (PacketFate, Option<&Fault>) {
        for fault in self.begun(now).filter(|fault| fault.is_on(now)) {
            let fate = match fault.kind {
                FaultKind::Drop => PacketFate::Drop,
                FaultKind::Duplicate => PacketFate::Twice,
                FaultKind::Delay => PacketFate::Later(fault.by_ns),
                FaultKind::Reorder => PacketFate::BehindNext,
                FaultKind::Disconnect
                | FaultKind::Mute
                | FaultKind::Silent
                | FaultKind::RefuseUpgrade
                | FaultKind::Truncate
                | FaultKind::Garbage
                | FaultKind::UnknownLength
                | FaultKind::ClockSkew
                | FaultKind::RestError
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
                | FaultKind::CandleRevised => continue,
            };
            let about = [u64::from(token), now.get() as u64];
            if fault.concerns(connection) && fault.target.holds(token) && self.strikes(fault, about) {
                return (fate, Some(fault));
            }
        }
        (PacketFate::Pass, None)
    }

    /// How far the exchange's clock is off for an instrument, nanoseconds.
    pub fn skew_ns(&self, token: u32, now: Ts) -> i64 {
        self.on(FaultKind::ClockSkew, now).filter(|fault| fault.target.holds(token)).map(|fault| fault.by_ns).sum()
    }

    /// Whether a fault with a count strikes a websocket's next frame; counts it when it does.
    pub fn strike_frame(&mut self, kind: FaultKind, connection: u32, now: Ts) -> Option<Fault> {
        let due = self.all.partition_point(|fault| fault.from <= now);
        let found =
            self.all.iter().zip(&self.struck).take(due).position(|(fault, struck)| {
                fault.kind == kind && fault.concerns(connection) && *struck < fault.count
            })?;
        if let Some(struck) = self.struck.get_mut(found) {
            *struck += 1;
        }
        self.all.get(found).cloned()
    }

    /// The first fault of a kind that is on for a request to `path`, the `nth` request ever.
    pub fn on_request(&self, kind: FaultKind, path: &str, nth: u64, now: Ts) -> Option<&Fault> {
        self.on(kind, now).find(|fault| path.starts_with(&fault.path) && self.strikes(fault, [nth, 0]))
    }

    /// The candle faults that concern a candle by its start.
    pub fn on_candle(&self, token: u32, start: Ts) -> impl Iterator<Item = &Fault> {
        let about = [u64::from(token), start.get() as u64];
        self.begun(start).filter(move |fault| {
            matches!(
                fault.kind,
                FaultKind::CandleWrong
                    | FaultKind::CandleMissing
                    | FaultKind::CandleDuplicate
                    | FaultKind::CandleRevised
            ) && fault.is_on(start)
                && fault.target.holds(token)
                && self.strikes(fault, about)
        })
    }

    fn begun(&self, now: Ts) -> impl Iterator<Item = &Fault> {
        self.all.iter().take_while(move |fault| fault.from <= now)
    }

    fn strikes(&self, fault: &Fault, about: [u64; 2]) -> bool {
        fault.share >= 1_000_000
            || Hash::new(self.seed).with(u64::from(fault.number)).with(about[0]).with(about[1]).among(fault.share)
    }
}

impl Draft {
    fn fault(&self, number: usize, from: i64, target: Target) -> Fault {
        let from = Ts::new(from);
        Fault {
            number: number as u32,
            kind: self.kind,
            from,
            until: Ts::new(from.get().saturating_add(self.lasts_ns)),
            by_ns: self.by_ns,
            share: self.share,
            count: self.count,
            status: self.status,
            path: self.path.clone(),
            target,
            connection: self.connection,
        }
    }
}

fn target(draft: &Draft, token_of: &impl Fn(&str) -> Option<u32>) -> Result<Target, String> {
    let Some(symbols) = &draft.symbols else { return Ok(Target::All) };
    let token = |symbol: &String| token_of(symbol).ok_or_else(|| format!("'{symbol}' is no simulated instrument"));
    let mut tokens = symbols.iter().map(token).collect::<Result<Vec<u32>, String>>()?;
    tokens.sort_unstable();
    Ok(Target::Tokens(tokens))
}

/// A whole second of the continuous trading of one of the days, every second as likely as any other.
fn drawn_moment(hash: Hash, spans: &[SessionSpan]) -> i64 {
    let seconds = |span: &SessionSpan| (span.close.secs() - span.open.secs()).max(0) as u64;
    let total: u64 = spans.iter().map(seconds).sum();
    let mut rest = hash.get() % total.max(1);
    for span in spans {
        let here = seconds(span);
        if rest < here {
            return span.open.get() + rest as i64 * NANOS;
        }
        rest -= here;
    }
    spans.first().map_or(0, |span| span.open.get())
}
