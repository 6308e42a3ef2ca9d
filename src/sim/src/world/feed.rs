//! The feed: what clients ask of it, the packets of a step, and what the faults make of them.

use barkeep_schemas::Ts;

use super::connection::{Connection, Due, Held};
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
    /// Where a packet is encoded to see whether it is new.
    scratch: Vec<u8>,
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
                return self.answer_text(id, text);
            }
        };
        let mut too_many = false;
        // A token of no instrument is passed over, as Kite does.
        for instrument in tokens.into_iter().filter_map(|token| self.market.by_token(token)) {
            match action {
                Action::Subscribe(mode) => too_many |= !connection.subscribe(instrument, mode),
                Action::Unsubscribe => connection.unsubscribe(instrument, self.now),
            }
        }
        if too_many {
            let text = format!("A connection takes {SUBSCRIPTIONS_MAX} instruments; those beyond are not subscribed");
            self.answer_text(id, server_text::error(&text));
        }
    }

    /// Answers a text message, unless the socket is mute.
    fn answer_text(&mut self, id: ConnectionId, text: String) {
        if self.connections.get(&id).is_some_and(|connection| !connection.is_mute(self.now)) {
            self.outbox.push_back(Delivery::Text(id, text));
        }
    }

    /// Every websocket is owed what the market's last step changed.
    pub(super) fn owe_changes(&mut self) {
        for connection in self.connections.values_mut() {
            for instrument in self.market.changed() {
                connection.owe(*instrument as usize);
            }
        }
    }

    /// Sends what is due in this step.
    pub(super) fn send_feed(&mut self) {
        for connection in self.connections.values_mut() {
            let due = connection.take_due(self.steps);
            if connection.is_mute(self.now) {
                connection.owe_again(&due);
                continue;
            }
            if Self::is_heartbeat(connection.heartbeat, self.now) {
                connection.heartbeat = self.now;
                self.outbox.push_back(Delivery::Binary(connection.id, HEARTBEAT.to_vec()));
            }
            if self.faults.on_connection(FaultKind::Silent, connection.id, self.now).is_some() {
                connection.owe_again(&due);
                continue;
            }
            let mut sending = Sending {
                market: &self.market,
                tokens: &self.tokens,
                faults: &mut self.faults,
                ledger: &mut self.ledger,
                now: self.now,
                scratch: Vec::new(),
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
        for held in connection.take_later(self.now) {
            writer.push_bytes(&held.bytes);
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

    fn note(&mut self, kind: FaultKind, connection: ConnectionId, bytes: usize, packets: Option<usize>) {
        let entry = Entry::new(self.now, kind);
        self.ledger.push(Entry { connection: Some(connection), bytes: Some(bytes), packets, ..entry });
    }

    /// Puts a packet of an unknown length before the others, cuts the last frame short, puts garbage before the first.
    fn break_frames(&mut self, connection: ConnectionId, frames: &mut Vec<Vec<u8>>) {
        if frames.is_empty() {
            return;
        }
        if self.strike(FaultKind::UnknownLength, connection).is_some()
            && let Some(first) = frames.first_mut()
        {
            put_unknown(first);
            self.note(FaultKind::UnknownLength, connection, UNKNOWN_LENGTH, None);
        }
        if self.strike(FaultKind::Truncate, connection).is_some()
            && let Some(last) = frames.last_mut()
        {
            // Within the last packet: every packet has more than eight bytes with its length.
            let cut = (Hash::new(self.now.get() as u64).get() % 7) as usize + 1;
            last.truncate(last.len().saturating_sub(cut));
            let packets = last.first_chunk::<2>().map(|count| usize::from(u16::from_be_bytes(*count)));
            self.note(FaultKind::Truncate, connection, cut, packets);
        }
        if self.strike(FaultKind::Garbage, connection).is_some() {
            frames.insert(0, garbage(self.now));
            self.note(FaultKind::Garbage, connection, GARBAGE_BYTES, None);
        }
    }

    /// Writes one packet, unless nothing of it is new or a fault keeps it.
    fn packet(&mut self, connection: &mut Connection, due: Due, writer: &mut FrameWriter) {
        let Some((token, segment)) = self.tokens.get(due.instrument).copied() else { return };
        let mut quote = self.market.quote(due.instrument);
        let mut packet = snapshot::packet(token, segment, &quote, due.mode);
        self.scratch.clear();
        packet.encode_into(&mut self.scratch);
        if !connection.is_new(due, hash(&self.scratch)) {
            return;
        }
        let skew_ns = self.faults.skew_ns(token, self.now);
        if skew_ns != 0 {
            skew(&mut quote, skew_ns);
            packet = snapshot::packet(token, segment, &quote, due.mode);
        }
        let (mut fate, fault) = self.faults.packet_fate(connection.id, token, self.now);
        if fate == PacketFate::BehindNext && connection.behind.contains_key(&due.instrument) {
            // This one is the next, behind which the one before comes.
            fate = PacketFate::Pass;
        }
        let entry = fault.filter(|_| fate != PacketFate::Pass).map(|fault| Entry {
            connection: Some(connection.id),
            token: Some(token),
            volume: Some(quote.volume.get()),
            exchange_time: Some(quote.exchange_time.secs()),
            by_ns: (fault.by_ns != 0).then_some(fault.by_ns),
            ..Entry::new(self.now, fault.kind)
        });
        let hold = |entry: Entry| {
            let mut bytes = Vec::with_capacity(packet.encoded_len());
            packet.encode_into(&mut bytes);
            Held { bytes, entry }
        };
        match (fate, &entry) {
            (PacketFate::Later(by_ns), Some(entry)) => {
                connection.send_at(Ts::new(self.now.get() + by_ns.max(STEP_NS)), hold(entry.clone()));
            }
            (PacketFate::BehindNext, Some(entry)) => {
                connection.behind.insert(due.instrument, hold(entry.clone()));
            }
            (PacketFate::Drop, _) => {}
            (PacketFate::Pass | PacketFate::Twice | PacketFate::Later(_) | PacketFate::BehindNext, _) => {
                writer.push(&packet);
                if fate == PacketFate::Twice {
                    writer.push(&packet);
                }
                if let Some(held) = connection.behind.remove(&due.instrument) {
                    writer.push_bytes(&held.bytes);
                }
            }
        }
        if let Some(entry) = entry {
            self.ledger.push(entry);
        }
    }
}

/// Puts a packet of a length that nobody knows before the packets of a frame.
fn put_unknown(frame: &mut Vec<u8>) {
    let Some(count) = frame.first_chunk_mut::<2>() else { return };
    *count = u16::from_be_bytes(*count).saturating_add(1).to_be_bytes();
    let len = (UNKNOWN_LENGTH as u16).to_be_bytes();
    frame.splice(2..2, len.into_iter().chain([UNKNOWN_LENGTH as u8; UNKNOWN_LENGTH]));
}

fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|byte| u64::from(*byte));
    words.chain(rest).fold(Hash::new(bytes.len() as u64), Hash::with).get()
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
