//! Chooses the form of one column and writes it: base, step, width, and which numbers are patched in.
//!
//! Never loses a number: sampling decides sizes alone, each pass over the numbers is exact. Called by every section;
//! [`super::column`] reads the bytes back.

use super::bits::{self, GROUP};
use super::column::{PATCHED, STEPPED, ZIGZAG};
use super::cursor::{put_signed, put_varint, zigzag};
use super::step::{Exact, common_step};

/// Numbers looked at to decide on a width.
const SAMPLES: usize = 256;

/// Bits that an exception is held to cost beyond its own: the time that it takes to put in.
const EXCEPTION_BITS: u8 = 8;

/// Numbers of whose middle the centre of a zigzag column is taken.
const CENTRE_SAMPLES: usize = 31;

/// Writes columns, with memory kept from one to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnWriter {
    gaps: Vec<u64>,
    highs: Vec<u64>,
    /// The place after the last exception.
    next: u64,
}

/// The form of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) base: u64,
    step: u64,
    pub(super) zigzag: bool,
    width: u8,
    /// Bits that all numbers would need, or more.
    width_max: u8,
    /// The estimated size in bits.
    pub(super) cost: u64,
}

impl ColumnWriter {
    /// Appends a column. Its count is not written: the section knows it.
    pub(super) fn put(&mut self, values: &[u64], out: &mut Vec<u8>) {
        if let Some(plan) = plan(values) {
            self.put_planned(values, &plan, out);
        }
    }

    /// Appends the column of those candidates that seems smallest, after its index as a byte.
    pub(super) fn put_smallest(&mut self, candidates: &[&[u64]], out: &mut Vec<u8>) {
        let (index, plan) = smallest(candidates);
        out.push(index as u8);
        if let (Some(values), Some(plan)) = (candidates.get(index), plan) {
            self.put_planned(values, &plan, out);
        }
    }

    /// Appends a column in the form that [`plan`] chose for the same values.
    pub(super) fn put_planned(&mut self, values: &[u64], plan: &Plan, out: &mut Vec<u8>) {
        let Plan { base, step, zigzag: signed, width, .. } = *plan;
        let form = out.len() + 1;
        out.extend([width, if signed { ZIGZAG } else { 0 } | if step == 1 { 0 } else { STEPPED }]);
        put_signed(base, out);
        if step != 1 {
            put_varint(step, out);
        }
        self.gaps.clear();
        self.highs.clear();
        self.next = 0;
        let exact = Exact::new(step);
        if plan.width_max == 0 {
            return;
        }
        if signed {
            let raw = |value: u64| zigzag(exact.quotient_signed(value.wrapping_sub(base) as i64) as u64);
            self.pack(values, width, raw, out);
        } else if step == 1 {
            self.pack(values, width, |value| value.wrapping_sub(base), out);
        } else {
            self.pack(values, width, |value| exact.quotient(value.wrapping_sub(base)), out);
        }
        if !self.gaps.is_empty() {
            if let Some(form) = out.get_mut(form) {
                *form |= PATCHED;
            }
            put_varint(self.gaps.len() as u64, out);
            put_tight(&self.gaps, out);
            put_tight(&self.highs, out);
        }
    }

    /// Packs the values made raw, group by group, and keeps apart what `width` does not hold.
    #[inline]
    fn pack(&mut self, values: &[u64], width: u8, raw: impl Fn(u64) -> u64, out: &mut Vec<u8>) {
        out.reserve(values.len().div_ceil(GROUP) * usize::from(width) * 8);
        let (groups, tail) = values.as_chunks::<GROUP>();
        let mut group = [0; GROUP];
        for (number, values) in groups.iter().enumerate() {
            let any = group.iter_mut().zip(values).fold(0, |any, (to, value)| {
                *to = raw(*value);
                any | *to
            });
            self.part(&mut group, any, number, width);
            bits::pack_group(&group, width, out);
        }
        if !tail.is_empty() {
            group = [0; GROUP];
            group.iter_mut().zip(tail).for_each(|(to, value)| *to = raw(*value));
            self.part(&mut group, u64::MAX, groups.len(), width);
            bits::pack_tail(&group, tail.len(), width, out);
        }
    }

    /// Takes the bits above `width` out of a group's numbers; `any` has every bit that is set in one of them.
    fn part(&mut self, group: &mut [u64; GROUP], any: u64, number: usize, width: u8) {
        let mask = bits::mask(width);
        if any <= mask {
            return;
        }
        let over = |over: u64, (place, raw): (usize, &u64)| over | u64::from(*raw > mask) << place;
        let mut over = group.iter().enumerate().fold(0, over);
        while over != 0 {
            let place = (number * GROUP) as u64 + u64::from(over.trailing_zeros());
            if let Some(raw) = group.get_mut(over.trailing_zeros() as usize) {
                self.gaps.push(place - self.next);
                self.highs.push(*raw >> width);
                *raw &= mask;
            }
            self.next = place + 1;
            over &= over - 1;
        }
    }
}

/// The plan that costs least and its index; a column that costs nothing is not bettered, so the later candidates are
/// looked at first.
pub(super) fn smallest(candidates: &[&[u64]]) -> (usize, Option<Plan>) {
    let mut best: (usize, Option<Plan>) = (0, None);
    for (index, values) in candidates.iter().enumerate().rev() {
        let plan = plan(values);
        let cost = |plan: &Option<Plan>| plan.map_or(u64::MAX, |plan| plan.cost);
        if cost(&plan) < cost(&best.1) {
            best = (index, plan);
        }
        if cost(&best.1) == 0 {
            break;
        }
    }
    best
}

fn put_tight(values: &[u64], out: &mut Vec<u8>) {
    let width = bits::width_of(values.iter().fold(0, |all, value| all | value));
    out.push(width);
    bits::pack(values, width, out);
}

/// Chooses the form of a column; `None` for no numbers.
pub(super) fn plan(values: &[u64]) -> Option<Plan> {
    plan_in_steps(values, None)
}

/// The same where it is known that a step divides every difference between two values that lie within half the range.
pub(super) fn plan_in_steps(values: &[u64], step: Option<u64>) -> Option<Plan> {
    let first = *values.first()?;
    if values.iter().all(|value| *value == first) {
        return Some(Plan { base: first, step: 1, zigzag: false, width: 0, width_max: 0, cost: 0 });
    }
    let (min, max) = range(values, first);
    let span = (max as u64).wrapping_sub(min as u64);
    // Beyond half the range differences wrap, and what divides them need not divide what they stand for.
    let step = if span > i64::MAX as u64 { 1 } else { step.unwrap_or_else(|| common_step(values, min as u64)) };
    let exact = Exact::new(step);
    let stride = (values.len() / SAMPLES) | 1;
    let mut widths = [0_u32; 65];
    let base = min as u64;
    count_widths(&mut widths, values, stride, |value| exact.quotient(value.wrapping_sub(base)));
    let width_max = bits::width_of(exact.quotient(span));
    let plain = choose(&widths, stride, width_max, values.len());
    let plain = Plan { base, step, zigzag: false, width: plain.0, width_max, cost: plain.1 };
    // Few bits are soon won, and within half the range differences from any centre keep their sign.
    if plain.width <= 2 || span > (i64::MAX / 2) as u64 {
        return Some(plain);
    }
    let centre = centre(values);
    widths = [0; 65];
    count_widths(&mut widths, values, stride, |value| {
        zigzag(exact.quotient_signed(value.wrapping_sub(centre) as i64) as u64)
    });
    let width_max = width_max + 1;
    let (width, cost) = choose(&widths, stride, width_max, values.len());
    let signed = Plan { base: centre, step, zigzag: true, width, width_max, cost };
    Some(if signed.cost < plain.cost { signed } else { plain })
}

/// The smallest and the largest value, signed. Four at a time, so that no comparison waits for the one before.
pub(super) fn range(values: &[u64], first: u64) -> (i64, i64) {
    let (mut min, mut max) = ([first as i64; 4], [first as i64; 4]);
    let (fours, rest) = values.as_chunks::<4>();
    for four in fours {
        for ((value, min), max) in four.iter().zip(&mut min).zip(&mut max) {
            *min = (*min).min(*value as i64);
            *max = (*max).max(*value as i64);
        }
    }
    let start = (min.into_iter().fold(first as i64, i64::min), max.into_iter().fold(first as i64, i64::max));
    rest.iter().fold(start, |(min, max), value| (min.min(*value as i64), max.max(*value as i64)))
}

fn count_widths(widths: &mut [u32; 65], values: &[u64], stride: usize, raw: impl Fn(u64) -> u64) {
    for value in values.iter().step_by(stride) {
        if let Some(count) = widths.get_mut(usize::from(bits::width_of(raw(*value)))) {
            *count += 1;
        }
    }
}

/// The width with the smallest estimated cost in bits, and that cost.
fn choose(widths: &[u32; 65], stride: usize, width_max: u8, count: usize) -> (u8, u64) {
    let mut best = (width_max, count as u64 * u64::from(width_max));
    let mut above = 0_u64;
    for width in (0..width_max).rev() {
        above += widths.get(usize::from(width) + 1).map_or(0, |count| u64::from(*count)) * stride as u64;
        // Numbers between two samples may be exceptions too.
        let exceptions = above + (stride as u64 - 1);
        let gap_width = bits::width_of(count as u64 / exceptions.max(1)) + 2;
        let cost = count as u64 * u64::from(width)
            + exceptions * u64::from(gap_width + width_max - width + EXCEPTION_BITS)
            + if exceptions > 0 { 24 } else { 0 };
        if cost < best.1 {
            best = (width, cost);
        }
    }
    best
}

/// The middle of some of the values.
fn centre(values: &[u64]) -> u64 {
    let mut some = [0_i64; CENTRE_SAMPLES];
    let stride = values.len() / CENTRE_SAMPLES;
    let mut last = 0;
    for (place, to) in some.iter_mut().enumerate() {
        last = values.get(place * stride).map_or(last, |value| *value as i64);
        *to = last;
    }
    some.sort_unstable();
    some.get(CENTRE_SAMPLES / 2).map_or(0, |middle| *middle as u64)
}
