//! Samples of what the engine makes.

use barkeep_schemas::{
    AuctionPrint, Bar, Derived, InputRefused, InstrumentId, Phase, RefusalReason, Seq, SetAsideReason, TickSetAside,
    Timeframe, TimeframeSet, UnallocatedReason, UnallocatedVolume, VolumeReset,
};

use super::{Sample, at, derived, price, qty};

/// Every sample of a derived event.
pub fn all() -> Vec<Sample> {
    vec![
        derived(1, "revised minute", bar()),
        derived(1, "opening", auction_print()),
        derived(1, "seconds and minutes", unallocated_volume()),
        derived(1, "reset", volume_reset()),
        derived(1, "too late", set_aside()),
        derived(1, "contradiction", refused()),
    ]
}

fn bar() -> Derived {
    Derived::Bar(Bar {
        instrument: InstrumentId(7),
        tf: Timeframe::M1,
        start: at(60_000),
        open: price(24_155_000),
        high: price(24_160_000),
        low: price(24_150_000),
        close: price(24_156_000),
        volume: qty(77_025),
        n_trades: 70_000,
        revision: 258,
        cause: Seq(1 << 33),
        first_tick: Seq(101),
        last_tick: Seq(9_999),
    })
}

fn auction_print() -> Derived {
    Derived::AuctionPrint(AuctionPrint {
        instrument: InstrumentId(7),
        phase: Phase::PreOpen,
        ts: at(-480_000),
        price: price(24_150_000),
        volume: qty(12_000),
        cause: Seq(14),
    })
}

fn unallocated_volume() -> Derived {
    Derived::UnallocatedVolume(UnallocatedVolume {
        instrument: InstrumentId(7),
        volume: qty(1_200),
        from: at(5_000),
        to: at(17_250),
        timeframes: TimeframeSet::of(Timeframe::S1).with(Timeframe::M1),
        reason: UnallocatedReason::Gap,
        cause: Seq(20),
    })
}

fn volume_reset() -> Derived {
    Derived::VolumeReset(VolumeReset {
        instrument: InstrumentId(7),
        before: qty(77_025),
        after: qty(0),
        since: at(1),
        cause: Seq(21),
    })
}

fn set_aside() -> Derived {
    let (instrument, cause) = (InstrumentId(7), Seq(22));
    Derived::TickSetAside(TickSetAside { instrument, ts: at(-1), reason: SetAsideReason::TooLate, cause })
}

fn refused() -> Derived {
    Derived::InputRefused(InputRefused { reason: RefusalReason::Contradiction, cause: Seq(23) })
}
