//! Faults of the broker's candles: wrong, left out or made up.
//!
//! A wrong candle is still a possible one (low <= open, close <= high), and wrong by more than recon's default tolerance
//! would pass. `breaker.rs` calls it.

use barkeep_schemas::{NANOS, Price, Qty};

use super::breaker::Breaker;
use super::ledger::{Effect, Fault, FaultKind};
use super::trades::Candle;

/// Fewest shares of a candle whose volume is made wrong: a fifth of it is well above any absolute tolerance.
const VOLUME_MIN: i64 = 2_000;

/// What is wrong in a wrong candle.
#[derive(Clone, Copy)]
enum Field {
    Open,
    High,
    Low,
    Close,
    Volume,
}

const FIELDS: [Field; 5] = [Field::Open, Field::High, Field::Low, Field::Close, Field::Volume];

impl Breaker<'_> {
    /// Breaks the broker's candles.
    pub(super) fn break_candles(&mut self) {
        let mut fields = FIELDS.into_iter().cycle();
        let mut field = fields.next().unwrap_or(Field::Close);
        self.place(8, 8, |breaker| {
            let fault = breaker.wrong_candle(field)?;
            field = fields.next().unwrap_or(Field::Close);
            Some(fault)
        });
        self.place(4, 4, Self::missing_candle);
        self.place(1, 2, Self::extra_candle);
    }

    /// A candle of a liquid instrument in a free minute, with its place.
    fn candle(&mut self) -> Option<(usize, usize, Candle)> {
        let instrument = self.liquid()?;
        let candles = &self.recordings.get(instrument)?.candles;
        let index = self.chance.place(candles.len());
        let candle = *candles.get(index)?;
        self.is_free(instrument, candle.minute..=candle.minute).then_some((instrument, index, candle))
    }

    fn wrong_candle(&mut self, field: Field) -> Option<Fault> {
        let (instrument, index, candle) = self.candle()?;
        let (wrong, effect, detail) = match field {
            Field::Volume if candle.volume.get() < VOLUME_MIN => return None,
            Field::Volume => self.wrong_volume(candle),
            Field::Open | Field::High | Field::Low | Field::Close => self.wrong_price(candle, field)?,
        };
        *self.recordings.get_mut(instrument)?.candles.get_mut(index)? = wrong;
        let change = candle.volume.get() - wrong.volume.get();
        Some(self.broken(FaultKind::WrongCandle, instrument, candle, (effect, change), detail))
    }

    fn wrong_volume(&mut self, candle: Candle) -> (Candle, Effect, String) {
        let part = self.chance.between(0.2, 0.6) * if self.chance.place(2) == 0 { -1.0 } else { 1.0 };
        let volume = Qty::new(libm::round(candle.volume.get() as f64 * (1.0 + part)) as i64);
        let detail = format!("the broker's volume reads {volume}, it was {}", candle.volume);
        (Candle { volume, ..candle }, Effect::BrokerVolume, detail)
    }

    fn wrong_price(&mut self, candle: Candle, field: Field) -> Option<(Candle, Effect, String)> {
        let tick = self.listings.get(candle.instrument as usize)?.tick_size.get();
        // Three basis points pass, and honest prices are up to two ticks apart: stay clear of both.
        let least = (candle.close.get() * 3 / 10_000 / tick + 4).max(5);
        let ticks = self.chance.whole(least, 40);
        let up = self.chance.place(2) == 0;
        let moved = |price: Price, up: bool| Price::new(price.get() + if up { ticks } else { -ticks } * tick);
        let (name, was, now, wrong) = match field {
            Field::Open => {
                let open = moved(candle.open, up);
                ("open", candle.open, open, Candle { open, ..candle })
            }
            Field::High => {
                let high = moved(candle.high, true);
                ("high", candle.high, high, Candle { high, ..candle })
            }
            Field::Low => {
                let low = moved(candle.low, false);
                ("low", candle.low, low, Candle { low, ..candle })
            }
            Field::Close | Field::Volume => {
                let close = moved(candle.close, up);
                ("close", candle.close, close, Candle { close, ..candle })
            }
        };
        let high = wrong.high.max(wrong.open).max(wrong.close);
        let low = wrong.low.min(wrong.open).min(wrong.close);
        let detail = format!("the broker's {name} reads {now}, {ticks} ticks from {was}");
        Some((Candle { high, low, ..wrong }, Effect::BrokerPrice, detail))
    }

    fn missing_candle(&mut self) -> Option<Fault> {
        let (instrument, index, candle) = self.candle()?;
        self.recordings.get_mut(instrument)?.candles.remove(index);
        let detail = format!("the broker's candle of {} shares is left out", candle.volume);
        let effect = (Effect::BrokerAbsent, candle.volume.get());
        Some(self.broken(FaultKind::MissingCandle, instrument, candle, effect, detail))
    }

    fn extra_candle(&mut self) -> Option<Fault> {
        let instrument = self.chance.place(self.listings.len());
        if !self.listings.get(instrument)?.illiquid {
            return None;
        }
        let minute = self.chance.place(self.hours.minutes.len());
        let candles = &self.recordings.get(instrument)?.candles;
        let index = candles.partition_point(|candle| candle.minute < minute);
        let silent = candles.get(index).is_none_or(|candle| candle.minute != minute);
        if !silent || !self.is_free(instrument, minute..=minute) {
            return None;
        }
        let (open, volume) = (candles.get(index.checked_sub(1)?)?.close, Qty::new(self.chance.whole(1, 40)));
        let start = self.hours.minute(minute)?.start;
        let (high, low, close) = (open, open, open);
        let made_up = Candle { minute, start, instrument: instrument as u32, open, high, low, close, volume };
        self.recordings.get_mut(instrument)?.candles.insert(index, made_up);
        let detail = format!("the broker has a candle of {volume} shares at {open} where nothing was traded");
        let effect = (Effect::BrokerExtra, -volume.get());
        Some(self.broken(FaultKind::ExtraCandle, instrument, made_up, effect, detail))
    }

    fn broken(
        &mut self,
        kind: FaultKind,
        instrument: usize,
        candle: Candle,
        (effect, change): (Effect, i64),
        detail: String,
    ) -> Fault {
        self.take(instrument, candle.minute..=candle.minute);
        let cell = self.cell(instrument, candle.minute, effect, change);
        let end = self.hours.minute(candle.minute).map_or(candle.start + 60 * NANOS, |minute| minute.end);
        self.in_one_cell(kind, instrument, (candle.start, end), detail, cell)
    }
}
