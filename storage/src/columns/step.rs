//! The step that a column's values share (a price grid, whole milliseconds), and exact division by it.
//!
//! Never divides in a loop: divisibility and exact quotients come from the inverse of the step's odd part modulo 2^64.
//! Called by [`super::column`] and by the columns of times.

/// Division by one number, for dividends that it divides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact {
    step: u64,
    /// Trailing zeros of the step.
    zeros: u32,
    /// The inverse of the step's odd part.
    inverse: u64,
    /// The largest quotient.
    limit: u64,
}

impl Exact {
    /// `step` must not be zero; zero is taken for one.
    pub(super) const fn new(step: u64) -> Self {
        let step = if step == 0 { 1 } else { step };
        let zeros = step.trailing_zeros();
        let odd = step >> zeros;
        // Newton's iteration doubles the right bits; any odd number is its own inverse in the lowest three.
        let mut inverse = odd;
        let mut round = 0;
        while round < 5 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
            round += 1;
        }
        Self { step, zeros, inverse, limit: u64::MAX / step }
    }

    /// Whether the step divides the number.
    pub(super) const fn divides(&self, number: u64) -> bool {
        number.wrapping_mul(self.inverse).rotate_right(self.zeros) <= self.limit
    }

    /// The quotient of a number that the step divides.
    pub(super) const fn quotient(&self, number: u64) -> u64 {
        (number >> self.zeros).wrapping_mul(self.inverse)
    }

    /// The quotient of a signed number that the step divides.
    pub(super) const fn quotient_signed(&self, number: i64) -> i64 {
        (number >> self.zeros).wrapping_mul(self.inverse as i64)
    }
}

/// The greatest number that divides the distance of every value from `min`; 1 when all are equal. The values must lie
/// from `min` to 2^63 - 1 above it.
pub(super) fn common_step(values: &[u64], min: u64) -> u64 {
    let Some(first) = values.iter().map(|value| value.wrapping_sub(min)).find(|distance| *distance != 0) else {
        return 1;
    };
    let mut exact = Exact::new(first);
    for chunk in values.chunks(16) {
        if exact.step == 1 {
            return 1;
        }
        if !chunk.iter().fold(true, |all, value| all & exact.divides(value.wrapping_sub(min))) {
            let step = |step, value: &u64| greatest_common_divisor(step, value.wrapping_sub(min));
            exact = Exact::new(chunk.iter().fold(exact.step, step));
        }
    }
    exact.step
}

const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Division that rounds down, by one number, of any number: a multiplication where the dividend is below 2^63.
#[derive(Clone, Copy, Debug)]
pub(super) struct Floor {
    step: u64,
    shift: u32,
    factor: u64,
}

impl Floor {
    /// `step` must not be zero; zero is taken for one.
    pub(super) const fn new(step: u64) -> Self {
        let step = if step == 0 { 1 } else { step };
        let shift = step.ilog2();
        // ceil(2^(64 + shift) / step) fits 64 bits unless the step is a power of two; those are only shifted.
        let factor = if step.is_power_of_two() { 0 } else { ((1_u128 << (64 + shift)) / step as u128) as u64 + 1 };
        Self { step, shift, factor }
    }

    /// `number / step`. The factor's error is below 2^(shift + 1), so it stays under one for numbers below 2^63.
    #[inline]
    pub(super) const fn quotient(&self, number: u64) -> u64 {
        if self.factor == 0 {
            number >> self.shift
        } else if number >> 63 == 0 {
            ((number as u128 * self.factor as u128) >> 64) as u64 >> self.shift
        } else {
            number / self.step
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_the_greatest_common_divisor_of_the_differences() {
        assert_eq!(common_step(&[], 0), 1);
        assert_eq!(common_step(&[5, 5], 5), 1);
        assert_eq!(common_step(&[7, 1_007, 507], 7), 500);
        assert_eq!(common_step(&[u64::MAX, 3, 7], u64::MAX), 4);
        assert_eq!(common_step(&[0, 6, 10], 0), 2);
        let long: Vec<u64> = (0..100).map(|n| 3 + n * 1_000 + if n == 70 { 500 } else { 0 }).collect();
        assert_eq!(common_step(&long, 3), 500);
    }

    #[test]
    fn exact_division_agrees_with_division() {
        for step in [1, 2, 3, 500, 1_000_000, 3_600_000_000_000, (1 << 62) - 1] {
            let exact = Exact::new(step);
            for n in [0_i64, 1, -1, 77, -77] {
                let Some(product) = n.checked_mul(step as i64) else { continue };
                assert_eq!(exact.quotient_signed(product), n);
                assert!(exact.divides(product.unsigned_abs()));
                assert_eq!(exact.quotient(product.unsigned_abs()), n.unsigned_abs());
                assert_eq!(exact.divides(product.unsigned_abs() + 1), step == 1);
            }
        }
    }

    #[test]
    fn floor_division_agrees_with_division() {
        for step in [1, 2, 3, 7, 1 << 40, 1_000_000, 1_000_000_000, u64::MAX / 2, (1 << 63) + 1, u64::MAX] {
            let floor = Floor::new(step);
            let near = [0, 1, step - 1, step, step.wrapping_add(1), step.wrapping_mul(7).wrapping_sub(1)];
            for number in near.into_iter().chain([(1 << 63) - 1, 1 << 63, u64::MAX]) {
                assert_eq!(floor.quotient(number), number / step, "{number} / {step}");
            }
        }
    }
}
