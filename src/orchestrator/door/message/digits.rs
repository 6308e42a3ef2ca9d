//! Canonical bytes as hexadecimal digits in a JSON text, and back.
//!
//! What it never does: take digits that it would not write, so a value has one spelling. Called by the messages alone.

use std::fmt;
use std::marker::PhantomData;

use barkeep_schemas::{DecodeError, Wire};
use serde::de::{Deserializer, Error, Visitor};

/// The digits of bytes.
fn write(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(DIGITS.get(usize::from(nibble)).copied().unwrap_or_default());
        }
    }
    text
}

/// The value of a digit; 16 where it is none.
const VALUES: [u8; 256] = {
    let mut values = [16; 256];
    let mut digit = 0;
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

fn value(digit: u8) -> u8 {
    VALUES.get(usize::from(digit)).copied().unwrap_or(16)
}

/// The bytes of digits; none where they are not pairs of 0 to 9 and a to f.
fn read(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bad = !rest.is_empty();
    let mut bytes = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        let (high, low) = (value(*high), value(*low));
        bad |= (high | low) > 15;
        bytes.push(high << 4 | low & 15);
    }
    (!bad).then_some(bytes)
}

/// Takes the bytes of a text and makes a value of them.
struct Digits<T, F>(F, PhantomData<T>);

impl<T, F: FnOnce(&[u8]) -> Result<T, String>> Visitor<'_> for Digits<T, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("canonical bytes as hexadecimal digits, 0 to 9 and a to f")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let Some(bytes) = read(text) else {
            return Err(E::custom("expected canonical bytes as pairs of hexadecimal digits, 0 to 9 and a to f"));
        };
        (self.0)(&bytes).map_err(E::custom)
    }
}

fn take<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    make: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Digits(make, PhantomData))
}

/// One value.
pub(super) mod wire {
    use super::{DecodeError, Deserializer, Wire, take, write};

    pub(in super::super) fn serialize<T: Wire, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        value.put(&mut bytes);
        to.serialize_str(&write(&bytes))
    }

    pub(in super::super) fn deserialize<'de, T: Wire, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        take(from, |bytes| {
            let mut rest = bytes;
            let value = T::take(&mut rest).map_err(|error| error.to_string())?;
            match rest.len() {
                0 => Ok(value),
                bytes => Err(DecodeError::Trailing { bytes }.to_string()),
            }
        })
    }
}

/// Inputs: the length of each as a `u32`, then its canonical bytes.
pub(super) mod inputs {
    use barkeep_schemas::{Event, Input, Wire as _};

    use super::super::INPUTS_MAX;
    use super::{DecodeError, Deserializer, take, write};

    pub(in super::super) fn serialize<S: serde::Serializer>(inputs: &[Input], to: S) -> Result<S::Ok, S::Error> {
        let (mut all, mut one) = (Vec::new(), Vec::new());
        for input in inputs {
            one.clear();
            input.encode(&mut one);
            // An event is far below 4 GiB: a line holds 16 MiB.
            (one.len() as u32).put(&mut all);
            all.extend_from_slice(&one);
        }
        to.serialize_str(&write(&all))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Input>, D::Error> {
        take(from, |mut rest| {
            let mut inputs = Vec::new();
            while !rest.is_empty() {
                let number = inputs.len() + 1;
                if number > INPUTS_MAX {
                    return Err(format!("more than {INPUTS_MAX} inputs in one request"));
                }
                inputs.push(next(&mut rest).map_err(|why| format!("event {number}: {why}"))?);
            }
            Ok(inputs)
        })
    }

    fn next(rest: &mut &[u8]) -> Result<Input, String> {
        let length = u32::take(rest).map_err(|error| error.to_string())? as usize;
        let (bytes, after) = rest.split_at_checked(length).ok_or_else(|| DecodeError::Short.to_string())?;
        *rest = after;
        match Event::decode(bytes).map_err(|error| error.to_string())? {
            Event::Input(input) => Ok(input),
            Event::Derived(derived) => Err(format!("{} is derived by the engine and no input", derived.kind().name())),
        }
    }
}
