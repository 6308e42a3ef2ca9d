//! When nothing is healed at all.
//!
//! What it never does: decide about a single bar. Who calls it: the plan.

use std::collections::BTreeMap;
use std::fmt;

use barkeep_schemas::{NANOS, Ohlcv, ReconCause, Timeframe, Ts};

use super::plan::{Case, Planned};
use super::policy::Policy;
use crate::monitoring::daily_recon::SymbolIndex;

/// How much earlier than ours the broker's bars may end, or later begin: 5 minutes.
const SHORT_NS: i64 = 300 * NANOS;

/// Bars on both sides that a ratio is judged by, at least.
const RATIO_BARS: usize = 3;

/// A constant ratio that differs from one by less, in millionths, is none: 0.5%.
const RATIO_LEAST: i64 = 5_000;

/// How far around a constant ratio the others lie, in millionths.
const RATIO_SPREAD: i64 = 1_000;

/// A step wider than this, percent, is none of a market: NSE's widest price band is 20% a day.
const ADJUSTED_PERCENT: i128 = 25;

/// Symbols named in a sentence.
const NAMED: usize = 5;

/// Why nothing is healed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The broker's day is not whole.
    BrokerIncomplete {
        /// What shows it.
        why: Incomplete,
    },
    /// Too many bars at once.
    LargeShare {
        /// Minutes that would be corrected.
        bars: u64,
        /// Minutes compared.
        of: u64,
        /// The largest share allowed, percent.
        most: u32,
    },
    /// A price would jump.
    Jump {
        /// Whose.
        symbol: String,
        /// The bar to be taken.
        start: Ts,
        /// Its price that is far from the nearest bar of ours, and that bar's close.
        prices: (barkeep_schemas::Price, barkeep_schemas::Price),
        /// The largest step allowed, percent.
        most: u32,
        /// Whether the step is so wide that the bar is adjusted, or wrong.
        is_adjusted: bool,
    },
    /// A day would hold fewer shares.
    Shrinks {
        /// Whose.
        symbol: String,
        /// Shares that it would lose.
        shares: i64,
    },
    /// The broker's prices are ours times a number: they are adjusted, ours are raw.
    ConstantRatio {
        /// Whose.
        symbols: Vec<String>,
    },
}

/// What shows that the broker's day is not whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Incomplete {
    /// The reconciliation found it.
    Found,
    /// It was fetched before the session was over.
    Early {
        /// When.
        fetched: Ts,
    },
    /// Its last bar is well before ours.
    Ends {
        /// The broker's last.
        broker: Ts,
        /// Ours.
        ours: Ts,
    },
    /// Its first bar is well after ours.
    Begins {
        /// The broker's first.
        broker: Ts,
        /// Ours.
        ours: Ts,
    },
}

impl Refusal {
    /// Whether an operator may overrule it: not where raw bars would be mixed with adjusted ones, or a day would shrink.
    pub const fn may_be_forced(&self) -> bool {
        match self {
            Self::BrokerIncomplete { .. } | Self::LargeShare { .. } => true,
            Self::Jump { is_adjusted, .. } => !*is_adjusted,
            Self::Shrinks { .. } | Self::ConstantRatio { .. } => false,
        }
    }

    /// The sentence; `clock` shows times.
    pub fn sentence(&self, clock: fn(Ts) -> String) -> String {
        match self {
            Self::BrokerIncomplete { why } => {
                let what = match why {
                    Incomplete::Found => "the reconciliation found that it lacks a stretch, or its end".to_owned(),
                    Incomplete::Early { fetched } => format!("it was fetched at {}, before the close", clock(*fetched)),
                    Incomplete::Ends { broker, ours } => {
                        format!("its last bar is of {}, ours of {}", clock(*broker), clock(*ours))
                    }
                    Incomplete::Begins { broker, ours } => {
                        format!("its first bar is of {}, ours of {}", clock(*broker), clock(*ours))
                    }
                };
                format!("the broker's day is not whole: {what}; reconcile with the whole day first")
            }
            Self::LargeShare { bars, of, most } => format!(
                "{bars} of {of} bars would be corrected, more than {most}% ([heal] max_share_percent): something else is \
                 wrong, look at the report of recon first"
            ),
            Self::Jump { symbol, start, prices: (far, near), most, is_adjusted } => format!(
                "the broker's bar of {symbol} at {} has {far} where our nearest bar closes at {near}, a step of more than \
                 {}",
                clock(*start),
                if *is_adjusted {
                    format!("{ADJUSTED_PERCENT}%, which no price takes in a minute: it is adjusted or wrong")
                } else {
                    format!("{most}% ([heal] max_jump_percent)")
                }
            ),
            Self::Shrinks { symbol, shares } => format!(
                "the day of {symbol} would lose {shares} shares, and a heal never shrinks a day: leave the cause in [heal] \
                 of the configuration, or reconcile the other symbols alone (recon --symbols)"
            ),
            Self::ConstantRatio { symbols } => format!(
                "the broker's prices of {} are ours times a constant: they are adjusted for a corporate action, and raw \
                 bars are never healed with adjusted ones; reconcile the other symbols alone (recon --symbols)",
                named(symbols)
            ),
        }
    }
}

fn named(symbols: &[String]) -> String {
    let first: Vec<&str> = symbols.iter().take(NAMED).map(String::as_str).collect();
    match symbols.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BrokerIncomplete { .. } => "broker_incomplete",
            Self::LargeShare { .. } => "large_share",
            Self::Jump { .. } => "jump",
            Self::Shrinks { .. } => "shrinks",
            Self::ConstantRatio { .. } => "constant_ratio",
        })
    }
}

/// Everything that speaks against the corrections planned; nothing where none is.
pub(super) fn refusals(case: &Case<'_>, policy: &Policy, planned: &[Planned]) -> Vec<Refusal> {
    if planned.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    found.extend(ratio(case));
    found.extend(shrinking(case, planned));
    found.extend(incomplete(case).map(|why| Refusal::BrokerIncomplete { why }));
    let (bars, of) = (planned.len() as u64, case.followed.run.compared);
    if bars.saturating_mul(100) > of.saturating_mul(u64::from(policy.max_share_percent)) {
        found.push(Refusal::LargeShare { bars, of, most: policy.max_share_percent });
    }
    // One that cannot be overruled says more than the first.
    let jumps: Vec<Refusal> = planned.iter().filter_map(|bar| jump(case, policy, planned, bar)).collect();
    let worst = jumps.iter().position(|jump| !jump.may_be_forced()).unwrap_or(0);
    found.extend(jumps.into_iter().nth(worst));
    found
}

fn ratio(case: &Case<'_>) -> Option<Refusal> {
    let named = |symbol: SymbolIndex| case.followed.symbols.name(symbol).unwrap_or_default().to_owned();
    let rows = case.followed.rows.iter();
    let told = rows.filter(|row| row.cause == ReconCause::CorporateAction).map(|row| named(row.symbol));
    let mut symbols: Vec<String> = told.collect();
    let mut ratios: BTreeMap<SymbolIndex, Vec<i64>> = BTreeMap::new();
    for (symbol, start, candle) in case.broker.all_of_import(case.followed.run.import) {
        if let Some(ours) = case.bars.latest((Timeframe::M1, symbol, start)) {
            let (theirs, ours) = (i128::from(candle.values.close.get()), i128::from(ours.close.get()));
            let millionths = (theirs * 1_000_000).checked_div(ours).unwrap_or(0);
            ratios.entry(symbol).or_default().push(i64::try_from(millionths).unwrap_or(i64::MAX));
        }
    }
    for (symbol, mut ratios) in ratios {
        ratios.sort_unstable();
        let Some(middle) = ratios.get(ratios.len() / 2).copied() else { continue };
        let near = ratios.iter().filter(|ratio| (*ratio - middle).abs() <= RATIO_SPREAD).count();
        let is_other = (middle - 1_000_000).abs() >= RATIO_LEAST;
        if ratios.len() >= RATIO_BARS && is_other && near * 10 >= ratios.len() * 9 {
            symbols.push(named(symbol));
        }
    }
    symbols.sort_unstable();
    symbols.dedup();
    (!symbols.is_empty()).then_some(Refusal::ConstantRatio { symbols })
}

fn shrinking(case: &Case<'_>, planned: &[Planned]) -> Option<Refusal> {
    let mut change: BTreeMap<SymbolIndex, i64> = BTreeMap::new();
    let shares = |bar: &Option<Ohlcv>| bar.as_ref().map_or(0, |bar| bar.volume.get());
    for bar in planned {
        let (_, symbol, _) = bar.key;
        let sum = change.entry(symbol).or_default();
        *sum = sum.saturating_add(shares(&bar.after)).saturating_sub(shares(&bar.before));
    }
    let (symbol, lost) = change.into_iter().find(|(_, change)| *change < 0)?;
    let symbol = case.followed.symbols.name(symbol).unwrap_or_default().to_owned();
    Some(Refusal::Shrinks { symbol, shares: lost.saturating_neg() })
}

fn incomplete(case: &Case<'_>) -> Option<Incomplete> {
    if case.followed.rows.iter().any(|row| row.cause == ReconCause::BrokerIncomplete) {
        return Some(Incomplete::Found);
    }
    let import = case.followed.run.import;
    if let (Some(fetched), Some(last)) = (case.broker.fetched(import), case.parts.last())
        && fetched < last
    {
        return Some(Incomplete::Early { fetched });
    }
    let starts = || case.broker.all_of_import(import).map(|(_, start, _)| start);
    let (first, last) = starts().min().zip(starts().max())?;
    let symbols = (0..).map(SymbolIndex).take(case.followed.symbols.len());
    let ours: Vec<Ts> = symbols.flat_map(|symbol| case.bars.all_keys(Timeframe::M1, symbol)).map(|key| key.2).collect();
    let (our_first, our_last) = (ours.iter().copied().min()?, ours.iter().copied().max()?);
    if our_last.get().saturating_sub(last.get()) >= SHORT_NS {
        return Some(Incomplete::Ends { broker: last, ours: our_last });
    }
    (first.get().saturating_sub(our_first.get()) >= SHORT_NS)
        .then_some(Incomplete::Begins { broker: first, ours: our_first })
}

/// A step between a bar to be taken and the nearest bar of ours that stays.
fn jump(case: &Case<'_>, policy: &Policy, planned: &[Planned], bar: &Planned) -> Option<Refusal> {
    let (tf, symbol, start) = bar.key;
    let taken = bar.after.as_ref()?;
    let stays = |key: &(Timeframe, SymbolIndex, Ts)| !planned.iter().any(|other| other.key == *key);
    let keys: Vec<_> = case.bars.all_keys(tf, symbol).filter(stays).collect();
    let before = keys.iter().rev().find_map(|key| (key.2 < start).then(|| case.bars.latest(*key)).flatten());
    let after = keys.iter().find_map(|key| (key.2 > start).then(|| case.bars.latest(*key)).flatten());
    let near = before.or(after)?.close;
    let most = i128::from(policy.max_jump_percent) * i128::from(near.get());
    let far = [taken.open, taken.high, taken.low, taken.close]
        .into_iter()
        .find(|price| (i128::from(price.get()) - i128::from(near.get())).abs() * 100 > most)?;
    let symbol = case.followed.symbols.name(symbol).unwrap_or_default().to_owned();
    let step = (i128::from(far.get()) - i128::from(near.get())).abs() * 100;
    let is_adjusted = step > ADJUSTED_PERCENT * i128::from(near.get());
    Some(Refusal::Jump { symbol, start, prices: (far, near), most: policy.max_jump_percent, is_adjusted })
}
