//! One websocket: what it is subscribed to and what it is still owed.
//!
//! It sends nothing. The world's feed fills and empties it.

use std::collections::BTreeMap;

use barkeep_schemas::Ts;

use super::{CONFLATED_STEPS, ConnectionId, SUBSCRIPTIONS_MAX};
use crate::kite::Mode;

/// An instrument of a websocket.
#[derive(Clone, Copy, Default)]
struct Subscription {
    mode: Option<Mode>,
    /// Owed a packet: it is in a slot of `due` already.
    due: bool,
    /// Owed one whatever changed: the cached tick.
    cached: bool,
    /// The price sent last in mode ltp, which tells no other change; 0 before the first.
    ltp: i64,
}

/// A packet that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    pub(super) instrument: usize,
    pub(super) mode: Mode,
    pub(super) cached: bool,
}

/// One websocket.
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) api_key: String,
    pub(super) access_token: String,
    /// First moment at which it is no longer mute.
    pub(super) mute_until: Ts,
    pub(super) heartbeat: Ts,
    /// By instrument.
    subscriptions: Vec<Subscription>,
    count: usize,
    /// Instruments owed a packet, by the step in which they go out.
    due: Vec<Vec<usize>>,
    /// Packets sent later, by moment and order.
    pub(super) later: BTreeMap<(Ts, u64), Vec<u8>>,
    /// Packets sent behind the next one of their instrument.
    pub(super) behind: BTreeMap<usize, Vec<u8>>,
}

impl Connection {
    pub(super) fn new(id: ConnectionId, api_key: &str, access_token: &str, instruments: usize, now: Ts) -> Self {
        Self {
            id,
            api_key: api_key.to_owned(),
            access_token: access_token.to_owned(),
            mute_until: Ts::ZERO,
            heartbeat: now,
            subscriptions: vec![Subscription::default(); instruments],
            count: 0,
            due: vec![Vec::new(); CONFLATED_STEPS as usize],
            later: BTreeMap::new(),
            behind: BTreeMap::new(),
        }
    }

    pub(super) fn is_mute(&self, now: Ts) -> bool {
        now < self.mute_until
    }

    /// Subscribes; a mode that is not told is the one before, or quote. `false` when there is no room for another.
    pub(super) fn subscribe(&mut self, instrument: usize, mode: Option<Mode>) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(instrument) else { return true };
        if subscription.mode.is_none() {
            if self.count >= SUBSCRIPTIONS_MAX {
                return false;
            }
            self.count += 1;
        }
        subscription.mode = Some(mode.or(subscription.mode).unwrap_or(Mode::Quote));
        subscription.cached = true;
        subscription.ltp = 0;
        self.owe(instrument);
        true
    }

    pub(super) fn unsubscribe(&mut self, instrument: usize) {
        if let Some(subscription) = self.subscriptions.get_mut(instrument)
            && subscription.mode.take().is_some()
        {
            self.count -= 1;
            self.behind.remove(&instrument);
        }
    }

    /// Something of an instrument changed.
    pub(super) fn owe(&mut self, instrument: usize) {
        if let Some(subscription) = self.subscriptions.get_mut(instrument)
            && subscription.mode.is_some()
            && !subscription.due
        {
            subscription.due = true;
            if let Some(slot) = self.due.get_mut(instrument % CONFLATED_STEPS as usize) {
                slot.push(instrument);
            }
        }
    }

    /// The packets of a step, by instrument.
    pub(super) fn take_due(&mut self, step: i64) -> Vec<Due> {
        let Some(slot) = self.due.get_mut(step.rem_euclid(CONFLATED_STEPS) as usize) else { return Vec::new() };
        let mut instruments = std::mem::take(slot);
        instruments.sort_unstable();
        let due = |instrument: usize| {
            let subscription = self.subscriptions.get_mut(instrument)?;
            subscription.due = false;
            let cached = std::mem::take(&mut subscription.cached);
            Some(Due { instrument, mode: subscription.mode?, cached })
        };
        instruments.into_iter().filter_map(due).collect()
    }

    /// Whether a packet in mode ltp would tell anything new; notes its price.
    pub(super) fn is_new_ltp(&mut self, due: Due, price: i64) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(due.instrument) else { return false };
        due.cached || std::mem::replace(&mut subscription.ltp, price) != price
    }
}
