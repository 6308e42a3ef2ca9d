//! One websocket: what it is subscribed to and what it is still owed.
//!
//! It sends nothing. The world's feed fills and empties it.

use std::collections::BTreeMap;

use barkeep_schemas::Ts;

use super::{CONFLATED_STEPS, ConnectionId, SUBSCRIPTIONS_MAX};
use crate::faults::Entry;
use crate::kite::Mode;

/// An instrument of a websocket.
#[derive(Clone, Copy, Default)]
struct Subscription {
    mode: Option<Mode>,
    /// Owed a packet: it is in a slot of `due` already.
    due: bool,
    /// Owed one whatever changed: the cached tick.
    cached: bool,
    /// What was sent last, hashed, so that what tells nothing new is not sent; 0 before the first.
    sent: u64,
}

/// A packet that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    pub(super) instrument: usize,
    pub(super) mode: Mode,
    pub(super) cached: bool,
}

/// A packet that a fault holds back.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    /// What the ledger said when it was held back.
    pub(super) entry: Entry,
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
    /// Packets sent later, by moment and by the order in which they were held back.
    later: BTreeMap<(Ts, u64), Held>,
    later_ever: u64,
    /// Packets sent behind the next one of their instrument.
    pub(super) behind: BTreeMap<usize, Held>,
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
            later_ever: 0,
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
        subscription.sent = 0;
        self.owe(instrument);
        true
    }

    /// Unsubscribes. A packet that was to come behind the next one comes in the next step: there is no next one.
    pub(super) fn unsubscribe(&mut self, instrument: usize, now: Ts) {
        if let Some(subscription) = self.subscriptions.get_mut(instrument)
            && subscription.mode.take().is_some()
        {
            self.count -= 1;
            if let Some(held) = self.behind.remove(&instrument) {
                self.send_at(now, held);
            }
        }
    }

    /// Holds a packet back until a moment.
    pub(super) fn send_at(&mut self, at: Ts, held: Held) {
        self.later_ever += 1;
        self.later.insert((at, self.later_ever), held);
    }

    /// The packets whose moment has come, in its order.
    pub(super) fn take_later(&mut self, now: Ts) -> impl Iterator<Item = Held> + use<> {
        let rest = self.later.split_off(&(Ts::new(now.get() + 1), 0));
        std::mem::replace(&mut self.later, rest).into_values()
    }

    /// Everything that is still held back.
    pub(super) fn into_held(self) -> impl Iterator<Item = Held> {
        self.later.into_values().chain(self.behind.into_values())
    }

    /// Gives back what was due and could not be sent: it is due when the socket speaks again.
    pub(super) fn owe_again(&mut self, due: &[Due]) {
        for due in due {
            self.owe(due.instrument);
            if let Some(subscription) = self.subscriptions.get_mut(due.instrument) {
                subscription.cached |= due.cached;
            }
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

    /// Whether a packet tells anything new; notes it as sent.
    pub(super) fn is_new(&mut self, due: Due, packet: u64) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(due.instrument) else { return false };
        let before = std::mem::replace(&mut subscription.sent, packet);
        due.cached || before != packet
    }
}
