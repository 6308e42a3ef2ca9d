//! Reads bytes from the front: single bytes, variable-length integers, slices. Never reads past the end.

use super::error::ColumnsError;

/// The bytes not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub(super) fn slice(&mut self, count: usize) -> Result<&'a [u8], ColumnsError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(ColumnsError::Short)?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ColumnsError> {
        let (&byte, rest) = self.0.split_first().ok_or(ColumnsError::Short)?;
        self.0 = rest;
        Ok(byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ColumnsError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(ColumnsError::Short)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*head))
    }

    /// Seven bits a byte, lowest first; the highest bit says that more follow.
    pub(super) fn varint(&mut self) -> Result<u64, ColumnsError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ColumnsError::OutOfRange { what: "a variable-length integer", value })
    }

    /// A signed integer: [`Self::varint`] of its zigzag form.
    pub(super) fn signed(&mut self) -> Result<u64, ColumnsError> {
        self.varint().map(unzigzag)
    }

    /// An error when bytes are left.
    pub(super) const fn end(self, section: &'static str) -> Result<(), ColumnsError> {
        match self.0.len() {
            0 => Ok(()),
            bytes => Err(ColumnsError::Trailing { bytes, section }),
        }
    }

    /// Bytes left.
    pub(super) const fn left(&self) -> usize {
        self.0.len()
    }
}

pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Puts a number whose two's complement is `value`.
pub(super) fn put_signed(value: u64, out: &mut Vec<u8>) {
    put_varint(zigzag(value), out);
}

/// Small magnitudes of either sign to small numbers.
pub(super) const fn zigzag(value: u64) -> u64 {
    value << 1 ^ ((value as i64) >> 63) as u64
}

/// The inverse of [`zigzag`].
pub(super) const fn unzigzag(value: u64) -> u64 {
    value >> 1 ^ (value & 1).wrapping_neg()
}
