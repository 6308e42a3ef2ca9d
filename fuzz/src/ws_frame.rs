//! Binary messages as the daemon reads them: the whole or nothing, to the byte; every number where the simulator's writer
//! puts it; every price exact.
//!
//! The first byte chooses: 0 to 127 a message as it came, else packets built from what follows.

use barkeep_sim::kite::{self, BinaryMessage, FrameWriter};
use barkeep_zerodha::wire::{Frame, FrameError, Full, Packet, Segment, Snapshot, SnapshotError, frame};

use crate::bytes::Bytes;

/// Where the two bytes of padding of a level lie in a full packet: behind the first 64 bytes, at the end of each 12.
const LEVELS_AT: usize = 64;
const LEVEL_LEN: usize = 12;

pub fn run(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    if *which < 128 { read(rest) } else { built(&mut Bytes::new(rest)) }
}

fn read(bytes: &[u8]) {
    match frame(bytes) {
        Ok(Frame::Heartbeat) => assert_eq!(bytes.len(), 1),
        Ok(Frame::Packets(packets)) => {
            let packets: Vec<Packet> = packets.collect();
            whole(bytes, &packets);
            packets.iter().for_each(units);
        }
        Err(error) => refused(bytes, error),
    }
}

/// The frame's bytes are those of its packets, and nothing but all of them makes a frame.
fn whole(bytes: &[u8], packets: &[Packet]) {
    assert_eq!(packets.len(), usize::from(u16::from_be_bytes([bytes[0], bytes[1]])));
    let (mut rest, mut unknown) = (&bytes[2..], false);
    for packet in packets {
        let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let body = &rest[2..2 + len];
        assert_eq!(packet.token(), body.first_chunk().copied().map(u32::from_be_bytes));
        match packet {
            Packet::Unknown { length, .. } => {
                unknown = true;
                assert_eq!(usize::from(*length), len);
                assert!(![8, 28, 32, 44, 184].contains(&len));
            }
            Packet::Ltp(_) | Packet::Quote(_) | Packet::Full(_) | Packet::IndexQuote(_) | Packet::IndexFull(_) => {
                assert_eq!(encoded(packet), without_padding(body));
            }
        }
        rest = &rest[2 + len..];
    }
    assert!(rest.is_empty());
    let theirs = BinaryMessage::decode(bytes);
    assert_eq!(matches!(theirs, Ok(BinaryMessage::Packets(_))), !unknown, "{theirs:?}");
    let mut longer = bytes.to_vec();
    longer.push(0);
    let (offset, count) = (bytes.len(), packets.len() as u16);
    assert_eq!(frame(&longer), Err(FrameError::Trailing { count, offset, len: 1 }));
    for len in [2, bytes.len() / 2, bytes.len() - 1] {
        if (2..bytes.len()).contains(&len) {
            assert!(matches!(frame(&bytes[..len]), Err(FrameError::Truncated { have, .. }) if have == len));
        }
    }
}

fn refused(bytes: &[u8], error: FrameError) {
    assert!(!error.to_string().is_empty());
    match error {
        FrameError::Empty => assert!(bytes.is_empty()),
        FrameError::Trailing { count, offset, len } => {
            assert_eq!(offset + len, bytes.len());
            let Ok(Frame::Packets(packets)) = frame(&bytes[..offset]) else { panic!("{error}") };
            assert_eq!(packets.len(), usize::from(count));
        }
        FrameError::Truncated { number, count, offset, wanted, have } => {
            assert!((1..=count).contains(&number) && have == bytes.len());
            assert!(offset <= have && offset + wanted > have, "{error}");
            // What was wanted, whatever it holds, brings the reader further.
            let further = [bytes, &vec![0; offset + wanted - have]].concat();
            match frame(&further) {
                Ok(Frame::Packets(packets)) => assert!(number == count && packets.len() == usize::from(count)),
                Err(FrameError::Truncated { number: next, offset: at, .. }) => assert!(next >= number && at > offset),
                other => panic!("{error}, then {other:?}"),
            }
        }
    }
}

/// The packet as the simulator writes it.
fn encoded(packet: &Packet) -> Vec<u8> {
    let mut out = Vec::new();
    let put = |out: &mut Vec<u8>, numbers: &[u32]| {
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
    };
    match packet {
        Packet::Ltp(ltp) => put(&mut out, &[ltp.token, ltp.last_price]),
        Packet::Quote(quote) => kite::Packet::Quote(theirs(quote)).encode_into(&mut out),
        Packet::Full(full) => kite::Packet::Full(kite::packet::FullPacket {
            quote: theirs(&full.quote),
            last_trade_secs: full.last_trade_secs,
            oi: full.oi,
            oi_day_high: full.oi_day_high,
            oi_day_low: full.oi_day_low,
            exchange_secs: full.exchange_secs,
            bids: full.bids.map(row),
            asks: full.asks.map(row),
        })
        .encode_into(&mut out),
        Packet::IndexQuote(index) => kite::Packet::IndexQuote(their_index(index)).encode_into(&mut out),
        Packet::IndexFull(full) => {
            let quote = their_index(&full.quote);
            kite::Packet::IndexFull(kite::packet::IndexFullPacket { quote, exchange_secs: full.exchange_secs })
                .encode_into(&mut out);
        }
        Packet::Unknown { .. } => {}
    }
    out
}

fn theirs(quote: &barkeep_zerodha::wire::Quote) -> kite::packet::QuotePacket {
    kite::packet::QuotePacket {
        token: quote.token,
        last_price: quote.last_price,
        last_qty: quote.last_qty,
        average_price: quote.average_price,
        volume: quote.volume,
        total_buy_qty: quote.total_buy_qty,
        total_sell_qty: quote.total_sell_qty,
        open: quote.open,
        high: quote.high,
        low: quote.low,
        close: quote.close,
    }
}

fn their_index(index: &barkeep_zerodha::wire::IndexQuote) -> kite::packet::IndexQuotePacket {
    kite::packet::IndexQuotePacket {
        token: index.token,
        last_price: index.last_price,
        high: index.high,
        low: index.low,
        open: index.open,
        close: index.close,
        change: index.change,
    }
}

fn row(level: barkeep_zerodha::wire::RawLevel) -> kite::packet::DepthRow {
    kite::packet::DepthRow { qty: level.qty, price: level.price, orders: level.orders }
}

fn without_padding(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    if body.len() > LEVELS_AT {
        body[LEVELS_AT..].chunks_mut(LEVEL_LEN).for_each(|level| level[LEVEL_LEN - 2..].fill(0));
    }
    body
}

/// A snapshot says what the packet says, or why it cannot.
fn units(packet: &Packet) {
    match packet.snapshot() {
        Ok(snapshot) => {
            assert_eq!(packet.token(), Some(snapshot.token));
            if let Packet::Full(full) = packet {
                book(full, &snapshot);
            }
        }
        Err(SnapshotError::UnknownLength { length }) => {
            assert!(matches!(packet, Packet::Unknown { length: unknown, .. } if *unknown == length));
        }
        Err(SnapshotError::Price { token, source }) => {
            assert_eq!((Segment::of(token), packet.token()), (Segment::Cds, Some(token)));
            assert!(source.raw % 1_000 != 0);
        }
    }
}

fn book(full: &Full, snapshot: &Snapshot) {
    let divisor = Segment::of(snapshot.token).divisor();
    assert_eq!(snapshot.price.get() * divisor, i64::from(full.quote.last_price) * 10_000);
    assert_eq!(snapshot.exchange_time.map_or(0, barkeep_schemas::Ts::secs), i64::from(full.exchange_secs));
    assert_eq!(snapshot.last_trade.map_or(0, barkeep_schemas::Ts::secs), i64::from(full.last_trade_secs));
    let Ok(depth) = full.depth() else {
        assert_eq!(Segment::of(snapshot.token), Segment::Cds);
        return;
    };
    for (raw, levels, best) in [(&full.bids, &depth.bids, snapshot.bid), (&full.asks, &depth.asks, snapshot.ask)] {
        let there: Vec<_> = raw.iter().filter(|level| level.qty > 0 && level.price > 0).collect();
        assert_eq!(there.len(), levels.len());
        for (raw, level) in there.iter().zip(levels) {
            assert_eq!(level.price.get() * divisor, i64::from(raw.price) * 10_000);
            assert_eq!((level.qty.get(), level.orders), (i64::from(raw.qty), raw.orders));
        }
        assert!(best.is_none() || best == levels.first().map(|level| level.price));
    }
}

/// Packets of the lengths that the bytes choose, in a frame by the simulator, read again.
fn built(bytes: &mut Bytes<'_>) {
    let (mut writer, mut expected) = (FrameWriter::new(), Vec::new());
    while !bytes.rest().is_empty() {
        let choice = bytes.u8();
        let mut body = vec![0; [8, 28, 32, 44, 184].get(usize::from(choice)).copied().unwrap_or(usize::from(choice))];
        body.iter_mut().for_each(|byte| *byte = bytes.u8());
        writer.push_bytes(&body);
        expected.push(Packet::read(&body));
    }
    let mut got = Vec::new();
    for bytes in writer.finish() {
        let Ok(Frame::Packets(packets)) = frame(&bytes) else { panic!("a frame of packets is refused") };
        assert_eq!(packets.len(), packets.clone().count());
        got.extend(packets);
        read(&bytes);
    }
    assert_eq!(got, expected);
}
