//! Numbers of one width, side by side in bits: value `i` of width `W` begins at bit `i * W` of a little-endian stream.
//!
//! Never decides a width and never fails: bytes that are missing read as zero. Called by [`super::column`]. Groups of 64
//! values take exactly `W` words, so each width has a straight-line function of its own and no value a branch.

/// Values in one group.
pub(super) const GROUP: usize = 64;

/// Bytes that `count` values of `width` bits take.
pub(super) const fn packed_bytes(count: usize, width: u8) -> usize {
    (count * width as usize).div_ceil(8)
}

/// The bits that a value needs.
pub(super) const fn width_of(value: u64) -> u8 {
    (u64::BITS - value.leading_zeros()) as u8
}

/// The ones of a width.
pub(super) const fn mask(width: u8) -> u64 {
    match 1_u64.checked_shl(width as u32) {
        Some(bit) => bit - 1,
        None => u64::MAX,
    }
}

/// Runs a body once for each number of a group, with the number as a constant.
macro_rules! for_group {
    ($i:ident => $body:block) => {
        for_group!(@ $i $body 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
    };
    (@ $i:ident $body:block $($n:literal)*) => { $({ const $i: usize = $n; $body })* };
}

/// Calls a function generic over the width with the width at hand.
macro_rules! with_width {
    ($width:expr, $call:ident($($arg:expr),*), 0 => $zero:expr) => {
        with_width!(@ $width, $call, ($($arg),*), $zero,
            1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
            33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
    };
    (@ $width:expr, $call:ident, $args:tt, $zero:expr, $($n:literal)*) => {
        match $width { 0 => $zero, $($n => with_width!(@@ $call $n $args),)* _ => with_width!(@@ $call 64 $args), }
    };
    (@@ $call:ident $n:literal ($($arg:expr),*)) => { $call::<$n>($($arg),*) };
}

/// Appends the values, of which only the lowest `width` bits may be set.
pub(super) fn pack(values: &[u64], width: u8, out: &mut Vec<u8>) {
    let (groups, tail) = values.as_chunks::<GROUP>();
    out.reserve(values.len().div_ceil(GROUP) * usize::from(width) * 8);
    groups.iter().for_each(|group| pack_group(group, width, out));
    if !tail.is_empty() {
        let mut group = [0; GROUP];
        group.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
        pack_tail(&group, tail.len(), width, out);
    }
}

/// Appends one group.
pub(super) fn pack_group(values: &[u64; GROUP], width: u8, out: &mut Vec<u8>) {
    with_width!(width, pack_words(values, out), 0 => ());
}

/// Appends the first values of a group whose others are zero.
pub(super) fn pack_tail(values: &[u64; GROUP], count: usize, width: u8, out: &mut Vec<u8>) {
    let end = out.len() + packed_bytes(count, width);
    pack_group(values, width, out);
    out.truncate(end);
}

/// Fills `out` with values of `width` bits.
pub(super) fn unpack(bytes: &[u8], width: u8, out: &mut [u64]) {
    with_width!(width, unpack_all(bytes, out), 0 => out.fill(0));
}

/// The one value at `index`.
pub(super) fn get(bytes: &[u8], width: u8, index: usize) -> u64 {
    let bit = index * usize::from(width);
    let mut window = [0; 16];
    let from = bytes.get(bit / 8..).unwrap_or(&[]);
    match from.first_chunk::<16>() {
        Some(chunk) => window = *chunk,
        None => window.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
    }
    (u128::from_le_bytes(window) >> (bit % 8)) as u64 & mask(width)
}

fn pack_words<const W: usize>(values: &[u64; GROUP], out: &mut Vec<u8>) {
    let mut words = [0_u64; W];
    for_group!(I => {
        let (word, shift) = (I * W / 64, I * W % 64);
        if let Some(low) = words.get_mut(word) {
            *low |= values[I] << shift;
        }
        if shift + W > 64 && let Some(high) = words.get_mut(word + 1) {
            *high |= values[I] >> ((64 - shift) % 64);
        }
    });
    let mut bytes = [[0; 8]; W];
    bytes.iter_mut().zip(words).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
    out.extend_from_slice(bytes.as_flattened());
}

fn unpack_all<const W: usize>(bytes: &[u8], out: &mut [u64]) {
    let (groups, tail) = out.as_chunks_mut::<GROUP>();
    let mut from = bytes;
    for group in groups {
        let Some((head, rest)) = from.split_at_checked(W * 8) else { return };
        unpack_group::<W>(head, group);
        from = rest;
    }
    if !tail.is_empty() {
        let mut padded = [0; GROUP * 8];
        padded.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        let mut group = [0; GROUP];
        unpack_group::<W>(&padded, &mut group);
        tail.iter_mut().zip(group).for_each(|(to, from)| *to = from);
    }
}

#[inline]
fn unpack_group<const W: usize>(bytes: &[u8], out: &mut [u64; GROUP]) {
    let mut words = [0_u64; W];
    words.iter_mut().zip(bytes.as_chunks().0).for_each(|(word, bytes)| *word = u64::from_le_bytes(*bytes));
    let mask = mask(W as u8);
    for_group!(I => {
        let (word, shift) = (I * W / 64, I * W % 64);
        let low = words.get(word).map_or(0, |word| word >> shift);
        let high = match words.get(word + 1) {
            Some(word) if shift + W > 64 => word << ((64 - shift) % 64),
            Some(_) | None => 0,
        };
        out[I] = (low | high) & mask;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_and_length_comes_back() {
        for width in 0..=64_u8 {
            for count in [0, 1, 7, 63, 64, 65, 200] {
                let values: Vec<u64> =
                    (0..count as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask(width)).collect();
                let mut bytes = Vec::new();
                pack(&values, width, &mut bytes);
                assert_eq!(bytes.len(), packed_bytes(count, width));
                let mut back = vec![7; count];
                unpack(&bytes, width, &mut back);
                assert_eq!(back, values, "{width} bits");
                let one_by_one: Vec<u64> = (0..count).map(|index| get(&bytes, width, index)).collect();
                assert_eq!(one_by_one, values, "{width} bits, one by one");
            }
        }
    }
}
