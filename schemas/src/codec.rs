//! The canonical bytes: little-endian, fields in order, no padding, no self-description.
//!
//! Called by [`crate::Event`], which puts the kind and its version in front. The bytes of one version never change; a
//! new field is a new version. Decoding never panics and never allocates more than the input could fill.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::scalar::{
    FeedId, FineMoney, Hash32, InstrumentId, Money, PairId, Price, Qty, Real, Seq, SessionDate, Timeframe,
    TimeframeSet, Ts,
};

/// Why bytes are not the event they claim to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The bytes end before the value does.
    Short,
    /// Bytes are left over after the value.
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A code that this version of barkeep does not know.
    UnknownCode {
        /// What the code should have named.
        what: &'static str,
        /// The code read.
        code: u32,
    },
    /// A version newer than this build can read.
    NewerVersion {
        /// The event kind.
        kind: &'static str,
        /// The version read.
        version: u8,
        /// The newest version that this build reads.
        newest: u8,
    },
    /// A text that is not UTF-8.
    NotUtf8,
    /// A number outside the range of its field.
    OutOfRange {
        /// The field.
        what: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the bytes end before the event does"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes are left over after the event"),
            Self::UnknownCode { what, code } => write!(f, "{code} is no known {what}"),
            Self::NewerVersion { kind, version, newest } => {
                write!(f, "{kind} has version {version}, this build reads up to {newest}: upgrade barkeep")
            }
            Self::NotUtf8 => f.write_str("a text is not UTF-8"),
            Self::OutOfRange { what } => write!(f, "{what} is out of range"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// A value with canonical bytes.
pub trait Wire: Sized {
    /// Appends the canonical bytes.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads one value from the front of `input` and moves `input` past it.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not such a value; `input` is then somewhere inside it.
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError>;
}

/// Fields of a record, put where they belong in a growing buffer: it is asked for room once and not for every field, and
/// nothing is copied that was just written.
pub(crate) struct Fields<'a, const ROOM: usize> {
    room: &'a mut [u8; ROOM],
    len: usize,
}

impl<const ROOM: usize> Fields<'_, ROOM> {
    /// Appends the fields that `fill` puts. `ROOM` must hold all of them: one that does not fit is left out.
    #[inline]
    pub(crate) fn append(out: &mut Vec<u8>, fill: impl FnOnce(&mut Fields<'_, ROOM>)) {
        let start = out.len();
        out.extend_from_slice(&[0; ROOM]);
        let room = out.get_mut(start..).and_then(|added| added.first_chunk_mut());
        let len = room.map_or(0, |room| {
            let mut fields = Fields { room, len: 0 };
            fill(&mut fields);
            fields.len
        });
        out.truncate(start + len);
    }

    /// Puts a field when it is there.
    #[inline]
    pub(crate) fn put_if<const N: usize>(&mut self, present: bool, field: [u8; N]) {
        if let Some(place) = self.room.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut()) {
            *place = field;
            self.len += if present { N } else { 0 };
        }
    }

    #[inline]
    pub(crate) fn put<const N: usize>(&mut self, field: [u8; N]) {
        self.put_if(true, field);
    }
}

/// Takes `N` bytes from the front.
fn take_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or(DecodeError::Short)?;
    *input = rest;
    Ok(*head)
}

macro_rules! wire_int {
    ($($int:ty),*) => {$(
        impl Wire for $int {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
                take_array(input).map(<$int>::from_le_bytes)
            }
        }
    )*};
}
wire_int!(u8, u16, u32, u64, i32, i64);

macro_rules! wire_scalar {
    ($($name:ty),*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.get().put(out);
            }
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
                match i64::take(input)? {
                    i64::MIN => Err(DecodeError::OutOfRange { what: stringify!($name) }),
                    raw => Ok(Self::new(raw)),
                }
            }
        }
    )*};
}
wire_scalar!(Price, Money, FineMoney, Qty, Ts);

macro_rules! wire_tuple {
    ($($name:ident),*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
                Wire::take(input).map($name)
            }
        }
    )*};
}
wire_tuple!(Seq, InstrumentId, PairId, FeedId, SessionDate);

impl Wire for Real {
    fn put(&self, out: &mut Vec<u8>) {
        self.bits().put(out);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let bits = u64::take(input)?;
        // Minus zero would be a second spelling of zero.
        let real = Self::new(f64::from_bits(bits)).filter(|real| real.bits() == bits);
        real.ok_or(DecodeError::OutOfRange { what: "a number" })
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        match u8::take(input)? {
            0 => Ok(false),
            1 => Ok(true),
            code => Err(DecodeError::UnknownCode { what: "truth value", code: u32::from(code) }),
        }
    }
}

impl Wire for Timeframe {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.index());
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let code = u8::take(input)?;
        Self::from_index(code).ok_or(DecodeError::UnknownCode { what: "timeframe", code: u32::from(code) })
    }
}

impl Wire for TimeframeSet {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.bits());
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let code = u8::take(input)?;
        Self::from_bits(code).ok_or(DecodeError::UnknownCode { what: "timeframe set", code: u32::from(code) })
    }
}

impl Wire for Hash32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        take_array(input).map(Hash32)
    }
}

impl Wire for String {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let len = u32::take(input)? as usize;
        let (head, rest) = input.split_at_checked(len).ok_or(DecodeError::Short)?;
        *input = rest;
        core::str::from_utf8(head).map(Self::from).map_err(|_| DecodeError::NotUtf8)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        if bool::take(input)? { T::take(input).map(Some) } else { Ok(None) }
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        T::take(input).map(Self::new)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        self.iter().for_each(|item| item.put(out));
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let len = u32::take(input)? as usize;
        // Every item takes a byte at least, so a forged length cannot ask for more memory than the input has bytes.
        if len > input.len() {
            return Err(DecodeError::Short);
        }
        let mut items = Self::with_capacity(len.min(1_024));
        for _ in 0..len {
            items.push(T::take(input)?);
        }
        Ok(items)
    }
}

impl<T: Wire> Wire for VecDeque<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        self.iter().for_each(|item| item.put(out));
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Vec::take(input).map(Self::from)
    }
}

/// Declares a struct whose canonical bytes are its fields in order.
macro_rules! record {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl $crate::codec::Wire for $name {
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                $($crate::codec::Wire::put(&self.$field, out);)*
            }
            fn take(input: &mut &[u8]) -> Result<Self, $crate::codec::DecodeError> {
                Ok(Self { $($field: $crate::codec::Wire::take(input)?,)* })
            }
        }
    };
}
pub(crate) use record;

/// Declares an enum of names: one code on the wire, one snake_case name on the surface.
macro_rules! names {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the surface (JSON, labels, columns).
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads [`Self::name`].
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == text)
            }

            /// The code in canonical bytes.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl $crate::codec::Wire for $name {
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                out.push(self.code());
            }
            fn take(input: &mut &[u8]) -> Result<Self, $crate::codec::DecodeError> {
                match u8::take(input)? {
                    $($code => Ok(Self::$variant),)*
                    code => Err($crate::codec::DecodeError::UnknownCode { what: stringify!($name), code: u32::from(code) }),
                }
            }
        }
    };
}
pub(crate) use names;
