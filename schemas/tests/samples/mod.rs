//! What the stored samples mean: one with everything absent and one with everything present, where a kind has a choice.

mod derived;
mod desk;
mod inputs;

use barkeep_schemas::{Derived, Event, Input, Price, Qty, Ts};

/// A sample whose bytes are stored.
pub struct Sample {
    /// The version that wrote the bytes.
    pub version: u8,
    /// Its name in the file of its kind and version.
    pub name: &'static str,
    /// What the bytes mean today.
    pub event: Event,
}

/// Every sample.
pub fn all() -> Vec<Sample> {
    let mut all = inputs::all();
    all.extend(derived::all());
    all.extend(desk::all());
    all
}

/// A tick with nothing but what every tick has.
pub fn bare_tick() -> Event {
    Event::Input(Input::Tick(inputs::bare_tick()))
}

fn input(version: u8, name: &'static str, input: Input) -> Sample {
    Sample { version, name, event: Event::Input(input) }
}

fn derived(version: u8, name: &'static str, derived: Derived) -> Sample {
    Sample { version, name, event: Event::Derived(derived) }
}

/// 2026-07-31 09:15 IST and so many milliseconds.
fn at(millis: i64) -> Ts {
    Ts::new(1_785_469_500_000_000_000 + millis * 1_000_000)
}

fn price(raw: i64) -> Price {
    Price::new(raw)
}

fn qty(raw: i64) -> Qty {
    Qty::new(raw)
}
