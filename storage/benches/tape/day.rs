//! The ticks that the storage benches put on a tape: one batch of a session, over and over with its clocks moved on.
//!
//! The same ticks every time. A batch is built before the clock starts, so that a bench
//! of the writer measures the writer.

use barkeep_schemas::{Event, Input, Qty, SessionDate, Tick, Ts};

use crate::samples::{Receipt, plain, ticks};

/// The date of the made-up session.
pub const DAY: SessionDate = SessionDate(20_777);

/// Events in a transaction.
pub const COMMIT: usize = 16_384;

/// A stretch of a session that can be repeated as what came after it.
pub struct Stretch {
    /// Ticks alone.
    pub events: Vec<Event>,
    span: i64,
    volumes: Vec<i64>,
}

impl Stretch {
    /// The first `count` ticks of the session, received 20 to 300 ms late.
    pub fn new(count: usize) -> Self {
        Self::of(ticks(count, Receipt::Jitter))
    }

    /// Any ticks with a counter of the day's volume.
    pub fn of(ticks: Vec<Tick>) -> Self {
        let times = || ticks.iter().map(|tick| tick.ts.get());
        let span = times().max().unwrap_or(0) - times().min().unwrap_or(0);
        let mut volumes = Vec::new();
        for tick in &ticks {
            let k = tick.instrument.index();
            volumes.resize(volumes.len().max(k + 1), 0);
            volumes[k] = tick.cum_volume.map_or(volumes[k], Qty::get);
        }
        Self { events: plain(ticks), span, volumes }
    }

    /// Moves every clock and counter on by the whole stretch: the ticks that come next.
    pub fn advance(&mut self) {
        for event in &mut self.events {
            if let Event::Input(Input::Tick(tick)) = event {
                tick.ts = Ts::new(tick.ts.get() + self.span);
                tick.recv = Ts::new(tick.recv.get() + self.span);
                let sold = self.volumes[tick.instrument.index()];
                tick.cum_volume = tick.cum_volume.map(|volume| Qty::new(volume.get() + sold));
            }
        }
    }
}
