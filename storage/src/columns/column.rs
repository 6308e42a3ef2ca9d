//! One column as read: numbers around a base, in steps, in bits of one width, with the few that need more apart.
//!
//! Never knows what the numbers mean: whoever reads a column undoes its own transform. Called by every section.
//! [`super::column_writer`] makes the bytes; `LAYOUT.md` draws them.

use super::bits;
use super::cursor::{Cursor, unzigzag};
use super::error::ColumnsError;

/// Set when numbers are on both sides of the base.
pub(super) const ZIGZAG: u8 = 1;
/// Set when a step other than 1 follows.
pub(super) const STEPPED: u8 = 2;
/// Set when some numbers need more bits than the width.
pub(super) const PATCHED: u8 = 4;

/// A column's parts, its bits not yet unpacked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'a> {
    count: usize,
    width: u8,
    zigzag: bool,
    base: u64,
    step: u64,
    packed: &'a [u8],
    patches: Option<Patches<'a>>,
}

/// The numbers that need more bits: where they are and what their higher bits are.
#[derive(Clone, Copy, Debug)]
struct Patches<'a> {
    count: usize,
    gap_width: u8,
    gaps: &'a [u8],
    high_width: u8,
    highs: &'a [u8],
}

/// What turns an unpacked number into the column's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    zigzag: bool,
    base: u64,
    step: u64,
}

impl Affine {
    #[inline]
    pub(super) const fn apply(&self, raw: u64) -> u64 {
        let steps = if self.zigzag { unzigzag(raw) } else { raw };
        self.base.wrapping_add(self.step.wrapping_mul(steps))
    }

    /// The sum of the numbers that `raw` stand for.
    pub(super) fn sum(&self, raw: &[u64]) -> u64 {
        if self.zigzag {
            return raw.iter().fold(0, |sum, raw| sum.wrapping_add(self.apply(*raw)));
        }
        let steps = raw.iter().fold(0_u64, |sum, raw| sum.wrapping_add(*raw));
        self.base.wrapping_mul(raw.len() as u64).wrapping_add(self.step.wrapping_mul(steps))
    }
}

impl<'a> Column<'a> {
    /// Reads the parts of a column of `count` numbers; touches none of the numbers.
    pub(super) fn take(cursor: &mut Cursor<'a>, count: usize) -> Result<Self, ColumnsError> {
        if count == 0 {
            return Ok(Self { count, width: 0, zigzag: false, base: 0, step: 1, packed: &[], patches: None });
        }
        let width = take_width(cursor)?;
        let form = cursor.u8()?;
        if form & !(ZIGZAG | STEPPED | PATCHED) != 0 {
            return Err(ColumnsError::OutOfRange { what: "a column's form", value: u64::from(form) });
        }
        let base = cursor.signed()?;
        let step = if form & STEPPED != 0 { cursor.varint()? } else { 1 };
        let packed = cursor.slice(bits::packed_bytes(count, width))?;
        let patches = if form & PATCHED != 0 { Some(Patches::take(cursor, count)?) } else { None };
        Ok(Self { count, width, zigzag: form & ZIGZAG != 0, base, step, packed, patches })
    }

    /// The number that all are, when the column takes no bits.
    pub(super) fn constant(&self) -> Option<u64> {
        (self.width == 0 && self.patches.is_none()).then_some(self.base)
    }

    pub(super) const fn affine(&self) -> Affine {
        Affine { zigzag: self.zigzag, base: self.base, step: self.step }
    }

    /// The numbers before [`Self::affine`].
    pub(super) fn raw(&self, out: &mut Vec<u64>) -> Result<(), ColumnsError> {
        out.resize(self.count, 0);
        bits::unpack(self.packed, self.width, out);
        match &self.patches {
            Some(patches) => patches.apply(self.width, out),
            None => Ok(()),
        }
    }

    /// The numbers.
    pub(super) fn values(&self, out: &mut Vec<u64>) -> Result<(), ColumnsError> {
        self.raw(out)?;
        let affine = self.affine();
        if affine.zigzag || affine.base != 0 || affine.step != 1 {
            out.iter_mut().for_each(|raw| *raw = affine.apply(*raw));
        }
        Ok(())
    }

    /// The numbers at `places`, which ascend.
    pub(super) fn gather(&self, places: &[u32], out: &mut Vec<u64>) -> Result<(), ColumnsError> {
        out.clear();
        if let Some(number) = self.constant() {
            out.resize(places.len(), number);
            return Ok(());
        }
        let affine = self.affine();
        out.extend(places.iter().map(|place| bits::get(self.packed, self.width, *place as usize)));
        if let Some(patches) = &self.patches {
            let mut rows = places.iter().zip(out.iter_mut()).peekable();
            patches.each(|place, high| {
                while rows.next_if(|(row, _)| u64::from(**row) < place).is_some() {}
                if let Some((_, number)) = rows.next_if(|(row, _)| u64::from(**row) == place) {
                    *number |= high.checked_shl(u32::from(self.width)).unwrap_or(0);
                }
                Ok(())
            })?;
        }
        out.iter_mut().for_each(|raw| *raw = affine.apply(*raw));
        Ok(())
    }

    /// The places of a number; `raw` is memory.
    pub(super) fn places_of(&self, wanted: u64, raw: &mut Vec<u64>) -> Result<Vec<u32>, ColumnsError> {
        self.raw(raw)?;
        let affine = self.affine();
        if affine.zigzag || affine.step != 1 {
            raw.iter_mut().for_each(|raw| *raw = affine.apply(*raw));
        }
        let wanted = if affine.zigzag || affine.step != 1 { wanted } else { wanted.wrapping_sub(affine.base) };
        let mut places = Vec::new();
        for (group, numbers) in (0_u32..).zip(raw.chunks(bits::GROUP)) {
            let equal = |equal: u64, (place, number): (usize, &u64)| equal | u64::from(*number == wanted) << place;
            let mut equal = numbers.iter().enumerate().fold(0, equal);
            while equal != 0 {
                places.push(group * bits::GROUP as u32 + equal.trailing_zeros());
                equal &= equal - 1;
            }
        }
        Ok(places)
    }

    /// Gives each number of `raw` made whole to `map`, in order, for `out`.
    #[inline]
    pub(super) fn map<B>(&self, raw: &[u64], out: &mut [B], mut map: impl FnMut(u64) -> B) {
        let (base, step) = (self.base, self.step);
        let all = out.iter_mut().zip(raw);
        if self.zigzag {
            all.for_each(|(out, raw)| *out = map(base.wrapping_add(step.wrapping_mul(unzigzag(*raw)))));
        } else if step == 1 {
            all.for_each(|(out, raw)| *out = map(base.wrapping_add(*raw)));
        } else {
            all.for_each(|(out, raw)| *out = map(base.wrapping_add(step.wrapping_mul(*raw))));
        }
    }

    /// Gives each number of `raw` made whole and its neighbour in `beside` to `map`, in order, for `out`.
    #[inline]
    pub(super) fn zip<A: Copy, B>(&self, raw: &[u64], beside: &[A], out: &mut [B], mut map: impl FnMut(u64, A) -> B) {
        let (base, step) = (self.base, self.step);
        let all = out.iter_mut().zip(raw).zip(beside);
        if self.zigzag {
            all.for_each(|((out, raw), a)| *out = map(base.wrapping_add(step.wrapping_mul(unzigzag(*raw))), *a));
        } else if step == 1 {
            all.for_each(|((out, raw), a)| *out = map(base.wrapping_add(*raw), *a));
        } else {
            all.for_each(|((out, raw), a)| *out = map(base.wrapping_add(step.wrapping_mul(*raw)), *a));
        }
    }
}

impl<'a> Patches<'a> {
    fn take(cursor: &mut Cursor<'a>, numbers: usize) -> Result<Self, ColumnsError> {
        let count = cursor.varint()?;
        if count == 0 || count > numbers as u64 {
            return Err(ColumnsError::Count { what: "exceptions of a column", count });
        }
        let count = count as usize;
        let gap_width = take_width(cursor)?;
        let gaps = cursor.slice(bits::packed_bytes(count, gap_width))?;
        let high_width = take_width(cursor)?;
        let highs = cursor.slice(bits::packed_bytes(count, high_width))?;
        Ok(Self { count, gap_width, gaps, high_width, highs })
    }

    fn apply(&self, width: u8, out: &mut [u64]) -> Result<(), ColumnsError> {
        self.each(|place, high| {
            let number = usize::try_from(place).ok().and_then(|place| out.get_mut(place));
            let number = number.ok_or(ColumnsError::OutOfRange { what: "an exception's place", value: place })?;
            *number |= high.checked_shl(u32::from(width)).unwrap_or(0);
            Ok(())
        })
    }

    /// Gives each exception's place and higher bits to `take`, in order.
    fn each(&self, mut take: impl FnMut(u64, u64) -> Result<(), ColumnsError>) -> Result<(), ColumnsError> {
        let (mut gaps, mut highs) = ([0; 64], [0; 64]);
        let mut next = 0_u64;
        for done in (0..self.count).step_by(64) {
            let count = (self.count - done).min(64);
            let (Some(gaps), Some(highs)) = (gaps.get_mut(..count), highs.get_mut(..count)) else { break };
            unpack_group(self.gaps, self.gap_width, done, gaps);
            unpack_group(self.highs, self.high_width, done, highs);
            for (gap, high) in gaps.iter().zip(highs) {
                let place = next.saturating_add(*gap);
                take(place, *high)?;
                next = place.saturating_add(1);
            }
        }
        Ok(())
    }
}

/// Unpacks the group that begins at value `from`, a multiple of 64.
fn unpack_group(bytes: &[u8], width: u8, from: usize, out: &mut [u64]) {
    bits::unpack(bytes.get(from / 8 * usize::from(width)..).unwrap_or(&[]), width, out);
}

fn take_width(cursor: &mut Cursor<'_>) -> Result<u8, ColumnsError> {
    match cursor.u8()? {
        width @ 0..=64 => Ok(width),
        width => Err(ColumnsError::OutOfRange { what: "a bit width", value: u64::from(width) }),
    }
}
