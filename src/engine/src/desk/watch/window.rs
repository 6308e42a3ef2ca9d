//! Mean and population deviation of the last spreads of a pair.
//!
//! What it is: sums of the values and of their squares, both less an anchor in their midst, moved with every value. What
//! it never does: let errors grow. The sums are made anew from the values with every `lookback` values, and as soon as
//! the variance is a small part of what the sums have held since, which is when their rounding would show: when the
//! values have left the anchor, or a far value has left the window. Who calls it: the pair that it belongs to.

use alloc::collections::VecDeque;

use barkeep_schemas::Real;

use crate::state::wire_fields;

/// The shortest and the longest window.
const LOOKBACKS: (u32, u32) = (2, 10_000);

/// The largest value either way: that of no market, and its square may be added up.
const MOST: f64 = 1e100;

/// The sums are made anew when the sum of squares about the mean is below this part of what `squares` has been.
const WORN: f64 = 0.01;

/// A deviation below this is of rounding alone: spreads are sums of logarithms near 10, which have 52 bits.
const ROUNDING: f64 = 1e-12;

/// What a full window says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Statistics {
    /// The mean.
    pub(crate) mean: Real,
    /// The population deviation; zero when it is of rounding alone.
    pub(crate) deviation: Real,
}

impl Statistics {
    /// How many deviations `value` lies above the mean; `None` while the deviation is zero.
    pub(crate) fn z(&self, value: Real) -> Option<Real> {
        let deviation = self.deviation.get();
        if deviation > 0.0 { Real::new((value.get() - self.mean.get()) / deviation) } else { None }
    }

    /// `squares` is the sum of squares about the mean of `count` values.
    fn new(mean: f64, squares: f64, count: f64) -> Option<Self> {
        let deviation = libm::sqrt(squares.max(0.0) / count);
        let deviation = if deviation < ROUNDING { 0.0 } else { deviation };
        Some(Self { mean: Real::new(mean)?, deviation: Real::new(deviation)? })
    }
}

/// The last spreads, oldest first.
///
/// Invariant: every value lies within [`MOST`], hence every sum is finite.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Window {
    lookback: u32,
    values: VecDeque<Real>,
    /// The value that left last, which the window of one value earlier had.
    gone: Option<Real>,
    anchor: Real,
    /// Sum of values less the anchor.
    sum: Real,
    /// Sum of squares of values less the anchor.
    squares: Real,
    /// The highest `squares` since the sums were made anew.
    peak: Real,
    /// Changes since then.
    changes: u32,
}
wire_fields!(Window { lookback, values, gone, anchor, sum, squares, peak, changes });

/// A value that a window can hold.
pub(crate) fn held(value: f64) -> Option<Real> {
    Real::new(value).filter(|value| value.get().abs() <= MOST)
}

/// A sum, which is finite by the invariant.
fn real(value: f64) -> Real {
    Real::new(value).unwrap_or(Real::ZERO)
}

impl Window {
    /// An empty window of `lookback` values, 2 to 10,000; what is outside is moved to the nearer end.
    pub(crate) fn new(lookback: u32) -> Self {
        Self {
            lookback: lookback.clamp(LOOKBACKS.0, LOOKBACKS.1),
            values: VecDeque::new(),
            gone: None,
            anchor: Real::ZERO,
            sum: Real::ZERO,
            squares: Real::ZERO,
            peak: Real::ZERO,
            changes: 0,
        }
    }

    /// A window that holds the last of `values`, oldest first.
    pub(crate) fn holding(lookback: u32, values: &[Real]) -> Self {
        let mut window = Self::new(lookback);
        let from = values.len().saturating_sub(window.lookback as usize);
        window.values = values.iter().skip(from).filter_map(|value| held(value.get())).collect();
        window.sum_up();
        window
    }

    /// The values, oldest first.
    pub(crate) fn values(&self) -> impl Iterator<Item = Real> {
        self.values.iter().copied()
    }

    /// The newest value.
    pub(crate) fn newest(&self) -> Option<Real> {
        self.values.back().copied()
    }

    /// Takes the next value, and lets go of the oldest when the window is full.
    pub(crate) fn push(&mut self, value: Real) {
        let oldest = if self.is_full() { self.values.pop_front() } else { None };
        self.gone = oldest.or(self.gone);
        self.values.push_back(value);
        self.change(oldest, value);
    }

    /// Puts `value` in place of the newest (`back` 0) or the one before it (`back` 1).
    pub(crate) fn replace(&mut self, back: usize, value: Real) {
        let place = self.values.len().checked_sub(back + 1);
        let Some(held) = place.and_then(|place| self.values.get_mut(place)) else { return };
        let old = core::mem::replace(held, value);
        self.change(Some(old), value);
    }

    /// Moves every value by `step`. A window that would leave the range of its values is emptied.
    pub(crate) fn shift(&mut self, step: f64) {
        let moved: Option<VecDeque<Real>> = self.values.iter().map(|value| held(value.get() + step)).collect();
        self.values = moved.unwrap_or_default();
        self.gone = self.gone.and_then(|gone| held(gone.get() + step));
        self.sum_up();
    }

    /// Mean and deviation; `None` until the window is full.
    pub(crate) fn statistics(&self) -> Option<Statistics> {
        if !self.is_full() {
            return None;
        }
        let count = self.count();
        Statistics::new(self.anchor.get() + self.sum.get() / count, self.centred(), count)
    }

    /// Mean and deviation of the window that ended with the value before the newest; `None` when that was not full.
    pub(crate) fn statistics_before(&self) -> Option<Statistics> {
        let gone = self.gone.filter(|_| self.is_full())?;
        let before = || core::iter::once(gone).chain(self.values().take(self.values.len().saturating_sub(1)));
        let count = self.count();
        let mean = mean(gone, before(), count);
        Statistics::new(mean, before().map(|value| square(value.get() - mean)).sum(), count)
    }

    /// Population variance by the sums, rounding and all.
    #[cfg(test)]
    pub(crate) fn variance(&self) -> f64 {
        self.centred().max(0.0) / self.count()
    }

    fn is_full(&self) -> bool {
        self.values.len() >= self.lookback as usize
    }

    fn count(&self) -> f64 {
        self.values.len() as f64
    }

    /// Sum of squares about the mean.
    fn centred(&self) -> f64 {
        self.squares.get() - square(self.sum.get()) / self.count()
    }

    /// Books a value that came, and the one that left for it.
    fn change(&mut self, left: Option<Real>, came: Real) {
        let came = came.get() - self.anchor.get();
        // A value that left without a trace takes nothing with it.
        let left = left.map_or(0.0, |left| left.get() - self.anchor.get());
        self.sum = real(self.sum.get() + (came - left));
        self.squares = real(self.squares.get() + (came - left) * (came + left));
        self.peak = real(self.peak.get().max(self.squares.get()));
        self.changes = self.changes.saturating_add(1);
        if self.changes >= self.lookback || self.centred() <= WORN * self.peak.get() {
            self.sum_up();
        }
    }

    /// Makes the sums anew, about an anchor in the midst of the values.
    fn sum_up(&mut self) {
        self.anchor = self.values.front().map_or(Real::ZERO, |first| real(mean(*first, self.values(), self.count())));
        let anchor = self.anchor.get();
        self.sum = real(self.values().map(|value| value.get() - anchor).sum());
        self.squares = real(self.values().map(|value| square(value.get() - anchor)).sum());
        self.peak = self.squares;
        self.changes = 0;
    }
}

/// The mean about one of the values: exact when all are equal.
fn mean(one: Real, values: impl Iterator<Item = Real>, count: f64) -> f64 {
    one.get() + values.map(|value| value.get() - one.get()).sum::<f64>() / count
}

fn square(value: f64) -> f64 {
    value * value
}
