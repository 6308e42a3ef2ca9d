//! The desk that a session begins with: today's files, and what the desk of the session before carries over.
//!
//! What it never does: release a kill switch, or lose a position without a word. Who calls it:
//! [`crate::orchestrator::Appliance`], on its engine thread, between the end of the session before and the new one; and the
//! daemon, when the files were read again within a session.

use std::collections::HashMap;

use barkeep_engine::{CarriedPair, DeskCarry};
use barkeep_schemas::{
    DeskCarried, DeskOpened, DeskSetup, FineMoney, Instrument, InstrumentId, PairCarried, PairId, PairSpec, Scope,
    ScopeCarried,
};

/// What a person at the log should know of a desk that was opened or changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// A pair that is held is no longer on the whitelist: it may only be left.
    ExitOnly(String),
    /// A pair is held as another product than the whitelist has: in this session it is traded as it is held.
    ProductKept(String),
    /// A pair's window begins anew, since its hedge ratio or its window's length is another.
    WindowAnew(String),
    /// A position cannot be carried, since the session lacks an instrument. The accounts lose it.
    Stranded {
        /// The pair.
        pair: String,
        /// Shares of leg A and leg B.
        held: (i64, i64),
        /// What is lacking.
        symbol: String,
    },
}

/// Puts the desk of a session together. The whitelist's pairs keep their numbers; pairs that are held and no longer listed
/// follow, to be left only. What a pair carries goes with its name, which holds its legs and timeframe.
pub fn open(mut setup: DeskSetup, carry: Option<DeskCarry>, instruments: &[Instrument]) -> (DeskOpened, Vec<Note>) {
    let carry = carry.unwrap_or_default();
    let (mut pairs, mut notes) = (Vec::new(), Vec::new());
    let ids: HashMap<&str, InstrumentId> = instruments.iter().map(|of| (of.symbol.as_str(), of.id)).collect();
    let listed: HashMap<String, usize> =
        setup.pairs.iter().enumerate().map(|(at, pair)| (pair.name.clone(), at)).collect();
    for CarriedPair { spec, symbol_a, symbol_b, carried } in carry.pairs {
        let held = is_held(&carried);
        let name = spec.name.clone();
        match listed.get(&name).and_then(|at| setup.pairs.get_mut(*at)) {
            Some(today) => {
                let fits = today.beta == spec.beta && today.lookback == spec.lookback;
                let spreads = if fits { carried.spreads } else { Vec::new() };
                if !fits {
                    notes.push(Note::WindowAnew(name));
                }
                if held && today.product != spec.product {
                    // Sold as another product it would stay what it is, beside a new position.
                    today.product = spec.product;
                    notes.push(Note::ProductKept(today.name.clone()));
                }
                if held || !spreads.is_empty() {
                    pairs.push(PairCarried { pair: today.id, spreads, ..carried });
                }
            }
            None if held => {
                let leg = |symbol: &str| ids.get(symbol).copied().ok_or_else(|| symbol.to_owned());
                let legs = leg(&symbol_a).and_then(|a| Ok((a, leg(&symbol_b)?)));
                let id = u16::try_from(setup.pairs.len()).ok();
                match (legs, id) {
                    (Ok((leg_a, leg_b)), Some(id)) => {
                        let id = PairId(id);
                        setup.pairs.push(PairSpec { id, leg_a, leg_b, exit_only: true, ..spec });
                        pairs.push(PairCarried { pair: id, ..carried });
                        notes.push(Note::ExitOnly(name));
                    }
                    (Err(symbol), _) => notes.push(stranded(name, &carried, symbol)),
                    (Ok(_), None) => notes.push(stranded(name, &carried, "a number for the pair".to_owned())),
                }
            }
            None => {}
        }
    }
    let scopes = if carry.scopes.is_empty() { nothing() } else { carry.scopes };
    (DeskOpened { setup, carried: DeskCarried { pairs, scopes, kills: carry.kills } }, notes)
}

/// Puts a setup in place of the one that an open session has: pairs keep their numbers, those no longer listed may only be
/// left, new ones follow. The route of orders stays what it is.
pub fn change(now: &DeskSetup, mut new: DeskSetup) -> (DeskSetup, Vec<Note>) {
    let mut notes = Vec::new();
    let mut listed: Vec<Option<PairSpec>> = std::mem::take(&mut new.pairs).into_iter().map(Some).collect();
    let named = |(at, pair): (usize, &Option<PairSpec>)| pair.as_ref().map(|pair| (pair.name.clone(), at));
    let places: HashMap<String, usize> = listed.iter().enumerate().filter_map(named).collect();
    for old in &now.pairs {
        let pair = match places.get(&old.name).and_then(|at| listed.get_mut(*at)).and_then(Option::take) {
            Some(pair) => {
                if pair.beta != old.beta || pair.lookback != old.lookback {
                    notes.push(Note::WindowAnew(pair.name.clone()));
                }
                PairSpec { id: old.id, leg_a: old.leg_a, leg_b: old.leg_b, ..pair }
            }
            None => {
                if !old.exit_only {
                    notes.push(Note::ExitOnly(old.name.clone()));
                }
                PairSpec { exit_only: true, ..old.clone() }
            }
        };
        new.pairs.push(pair);
    }
    for pair in listed.into_iter().flatten() {
        let Ok(id) = u16::try_from(new.pairs.len()) else { break };
        new.pairs.push(PairSpec { id: PairId(id), ..pair });
    }
    new.gateway.route = now.gateway.route;
    (new, notes)
}

impl Note {
    /// Tells the log.
    pub fn log(&self) {
        match self {
            Self::ExitOnly(pair) => tracing::info!(pair, "no longer on the whitelist: the pair may only be left"),
            Self::ProductKept(pair) => {
                tracing::warn!(pair, "held as another product than the whitelist has: traded as it is held today");
            }
            Self::WindowAnew(pair) => tracing::info!(pair, "its beta or lookback has changed: its window begins anew"),
            Self::Stranded { pair, held: (a, b), symbol } => tracing::error!(
                pair,
                a,
                b,
                missing = symbol,
                "a position cannot be carried into the session: put the symbol back into the universe and open it anew"
            ),
        }
    }
}

const fn is_held(carried: &PairCarried) -> bool {
    carried.a.qty != 0 || carried.b.qty != 0
}

fn stranded(pair: String, carried: &PairCarried, symbol: String) -> Note {
    Note::Stranded { pair, held: (carried.a.qty, carried.b.qty), symbol }
}

/// The accounts of a desk that has never traded.
fn nothing() -> Vec<ScopeCarried> {
    let zero = |scope: &Scope| ScopeCarried {
        scope: *scope,
        profit: FineMoney::ZERO,
        high_profit: FineMoney::ZERO,
        kill_high: FineMoney::ZERO,
    };
    Scope::ALL.iter().map(zero).collect()
}

#[cfg(test)]
mod tests;
