//! The feed: what clients ask of it, the packets of a step, and what the faults make of them.

use barkeep_schemas::Ts;

use super::connection::{Connection, Due};
use super::{ConnectionId, Delivery, STEP_NS, SUBSCRIPTIONS_MAX, World};
use crate::faults::{Entry, FaultKind, Faults, Hash, Ledger, PacketFate};
use crate::kite::{ClientMessage, FrameWriter, HEARTBEAT, Mode, server_text, snapshot};
use crate::market::{Market, Quote, Segment};

/// Bytes of a packet of a length that nobody knows: between a quote's and a full one's.
const UNKNOWN_LENGTH: usize = 50;

/// Bytes of a frame of garbage.
const GARBAGE_BYTES: usize = 64;

/// What the packets of a step are made with.
struct Sending<'a> {
    market: &'a Market,
    tokens: &'a [(u32, Segment)],
    faults: &'a mut Faults,
    ledger: &'a mut Ledger,
    now: Ts,
}

impl World {
    /// A text message of a client.
    pub fn text(&mut self, id: ConnectionId, text: &str) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (tokens, action) = match ClientMessage::parse(text) {
            Ok(ClientMessage::Subscribe(tokens)) => (tokens, Action::Subscribe(None)),
            Ok(ClientMessage::Mode(mode, tokens)) => (tokens, Action::Subscribe(Some(mode))),
            Ok(ClientMessage::Unsubscribe(tokens)) => (tokens, Action::Unsubscribe),
            Err(error) => {
                let text = server_text::error(&error.to_string());
                return self.outbox.push_back(Delivery::Text(id, text));
            }
        };
        let mut too_many = false;
        // A token of no instrument is passed over, as Kite does.
        for instrument in tokens.into_iter().filter_map(|token| self.market.by_token(token)) {
            match action {
                Action::Subscribe(mode) => too_many |= !connection.subscribe(instrument, mode),
                Action::Unsubscribe => connection.unsubscribe(instrument),
            }
        }
        if too_many {
            let text = format!("A connection takes {SUBSCRIPTIONS_MAX} instruments; those beyond are not subscribed");
            self.outbox.push_back(Delivery::Text(id, server_text::error(&text)));
        }
    }

    /// Sends what is due in this step.
    pub(super) fn send_feed(&mut self) {
        for connection in self.connections.values_mut() {
            for instrument in self.market.changed() {
                connection.owe(*instrument as usize);
            }
            let due = connection.take_due(self.steps);
            if connection.is_mute(self.now) {
                // What was due to a mute socket is what is due when it speaks again.
                due.iter().for_each(|due| connection.owe(due.instrument));
                continue;
            }
            if Self::is_heartbeat(connection.heartbeat, self.now) {
                connection.heartbeat = self.now;
                self.outbox.push_back(Delivery::Binary(connection.id, HEARTBEAT.to_vec()));
            }
            if self.faults.on_connection(FaultKind::Silent, connection.id, self.now).is_some() {
                continue;
            }
            let mut sending = Sending {
                market: &self.market,
                tokens: &self.tokens,
                faults: &mut self.faults,
                ledger: &mut self.ledger,
                now: self.now,
            };
            for frame in sending.frames(connection, due) {
                self.outbox.push_back(Delivery::Binary(connection.id, frame));
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Action {
    Subscribe(Option<Mode>),
    Unsubscribe,
}

impl Sending<'_> {
    /// The frames of a step: usually one, with every packet that is due.
    fn frames(&mut self, connection: &mut Connection, due: Vec<Due>) -> Vec<Vec<u8>> {
        let mut writer = FrameWriter::new();
        let later = connection.later.split_off(&(Ts::new(self.now.get() + 1), 0));
        for bytes in std::mem::replace(&mut connection.later, later).into_values() {
            writer.push_bytes(&bytes);
        }
        let unknown = if due.is_empty() { None } else { self.strike(FaultKind::UnknownLength, connection.id) };
        if unknown.is_some() {
            let bytes = [UNKNOWN_LENGTH as u8; UNKNOWN_LENGTH];
            writer.push_bytes(&bytes);
            self.note(FaultKind::UnknownLength, connection.id, bytes.len());
        }
        for due in due {
            self.packet(connection, due, &mut writer);
        }
        let mut frames = writer.finish();
        self.break_frames(connection.id, &mut frames);
        frames
    }

    fn strike(&mut self, kind: FaultKind, connection: ConnectionId) -> Option<()> {
        self.faults.strike_frame(kind, connection, self.now).map(drop)
    }

    fn note(&mut self, kind: FaultKind, connection: ConnectionId, bytes: usize) {
        self.ledger.push(Entry { connection: Some(connection), bytes: Some(bytes), ..Entry::new(self.now, kind) });
    }

    /// Cuts the last frame short, or puts garbage before the first.
    fn break_frames(&mut self, connection: ConnectionId, frames: &mut Vec<Vec<u8>>) {
        if frames.is_empty() {
            return;
        }
        if self.strike(FaultKind::Truncate, connection).is_some()
            && let Some(last) = frames.last_mut()
        {
            // Within the last packet: every packet has more than eight bytes with its length.
            let cut = (Hash::new(self.now.get() as u64).get() % 7) as usize + 1;
            last.truncate(last.len().saturating_sub(cut));
            self.note(FaultKind::Truncate, connection, cut);
        }
        if self.strike(FaultKind::Garbage, connection).is_some() {
            frames.insert(0, garbage(self.now));
            self.note(FaultKind::Garbage, connection, GARBAGE_BYTES);
        }
    }

    /// Writes one packet, unless nothing of it is new or a fault keeps it.
    fn packet(&mut self, connection: &mut Connection, due: Due, writer: &mut FrameWriter) {
        let Some((token, segment)) = self.tokens.get(due.instrument).copied() else { return };
        let mut quote = self.market.quote(due.instrument);
        if due.mode == Mode::Ltp && !connection.is_new_ltp(due, quote.last_price.get()) {
            return;
        }
        skew(&mut quote, self.faults.skew_ns(token, self.now));
        let packet = snapshot::packet(token, segment, &quote, due.mode);
        let (fate, fault) = self.faults.packet_fate(connection.id, token, self.now);
        if let Some(fault) = fault {
            self.ledger.push(Entry {
                connection: Some(connection.id),
                token: Some(token),
                volume: Some(quote.volume.get()),
                exchange_time: Some(quote.exchange_time.secs()),
                by_ns: (fault.by_ns != 0).then_some(fault.by_ns),
                ..Entry::new(self.now, fault.kind)
            });
        }
        let mut bytes = Vec::new();
        let held = connection.behind.remove(&due.instrument);
        match fate {
            PacketFate::Drop => {}
            PacketFate::Later(by_ns) => {
                packet.encode_into(&mut bytes);
                let number = connection.later.len() as u64;
                let at = Ts::new(self.now.get() + by_ns.max(STEP_NS));
                connection.later.insert((at, number << 32 | due.instrument as u64), bytes);
            }
            PacketFate::BehindNext if held.is_none() => {
                packet.encode_into(&mut bytes);
                connection.behind.insert(due.instrument, bytes);
            }
            PacketFate::Pass | PacketFate::Twice | PacketFate::BehindNext => {
                writer.push(&packet);
                if fate == PacketFate::Twice {
                    writer.push(&packet);
                }
            }
        }
        if let Some(held) = held {
            writer.push_bytes(&held);
        }
    }
}

/// Moves the exchange's clock in a quote.
fn skew(quote: &mut Quote, by_ns: i64) {
    let Some(moved) = quote.exchange_time.get().checked_add(by_ns) else { return };
    quote.exchange_time = Ts::new(moved);
    quote.last_trade_time = quote.last_trade_time.map(|ts| Ts::new(ts.get().saturating_add(by_ns)));
}

/// Bytes that are no frame: its count promises more packets than there are bytes.
fn garbage(now: Ts) -> Vec<u8> {
    let mut hash = Hash::new(now.get() as u64);
    let mut bytes = vec![0xFF; 2];
    while bytes.len() < GARBAGE_BYTES {
        hash = hash.with(bytes.len() as u64);
        bytes.push(hash.get() as u8);
    }
    bytes
}
