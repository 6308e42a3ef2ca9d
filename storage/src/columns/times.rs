//! The two times of ticks, receipt and exchange, in the form that takes the fewest bits.
//!
//! Never assumes an order: either time may jump. Called by the section of ticks. Forms: receipt as differences and the
//! exchange's lag behind it in whole steps; both as differences; exchange as differences and receipt relative to it.

use super::column::Column;
use super::column_writer::{ColumnWriter, Plan, plan, plan_in_steps, range};
use super::cursor::{Cursor, put_signed, put_varint};
use super::delta::{Delta, differences};
use super::error::ColumnsError;
use super::step::{Exact, Floor, common_step};
use super::tick_reader::Rows;

/// Chooses the form and writes it.
pub(super) fn put(recv: &[u64], ts: &[u64], writer: &mut ColumnWriter, out: &mut Vec<u8>) {
    let (origin, step) = grid(recv, ts);
    let floor = Floor::new(step);
    let exact = Exact::new(step);
    let lag: Vec<u64> = recv
        .iter()
        .zip(ts)
        .map(|(recv, ts)| {
            let received = floor.quotient(recv.wrapping_sub(origin));
            received.wrapping_sub(exact.quotient_signed(ts.wrapping_sub(origin) as i64) as u64)
        })
        .collect();
    let (mut recv_differences, mut ts_differences) = (Vec::new(), Vec::new());
    let recv_start = differences(recv, &mut recv_differences);
    let (recv_plan, lag_plan) = (plan(&recv_differences), plan(&lag));
    let cost = |plan: &Option<Plan>| plan.map_or(0, |plan| plan.cost);
    let (recv_cost, lag_cost) = (cost(&recv_plan), cost(&lag_plan));
    // Where ticks came in order of receipt and not of exchange time, the lag is what is left to say.
    let received_in_order = recv_plan.is_some_and(|plan| !plan.zigzag && plan.base as i64 >= 0);
    let settled =
        lag_cost == 0 || received_in_order && !ts.is_sorted_by(|before, after| *before as i64 <= *after as i64);
    let ts_start = if settled { 0 } else { differences(ts, &mut ts_differences) };
    let ts_plan = plan_in_steps(&ts_differences, Some(step));
    let ts_cost = if settled { u64::MAX } else { cost(&ts_plan) };
    let best = recv_cost + lag_cost.min(ts_cost);
    let after: Vec<u64> = if ts_cost < best {
        recv.iter().zip(ts).map(|(recv, ts)| recv.wrapping_sub(*ts)).collect()
    } else {
        Vec::new()
    };
    let after_plan = plan(&after);
    let mut put = |values: &[u64], plan: Option<Plan>, out: &mut Vec<u8>| {
        if let Some(plan) = plan {
            writer.put_planned(values, &plan, out);
        }
    };
    if after_plan.is_some_and(|after| ts_cost + after.cost < best) {
        out.push(2);
        put_signed(ts_start, out);
        put(&ts_differences, ts_plan, out);
        put(&after, after_plan, out);
    } else if ts_cost < lag_cost {
        out.push(1);
        put_signed(recv_start, out);
        put(&recv_differences, recv_plan, out);
        put_signed(ts_start, out);
        put(&ts_differences, ts_plan, out);
    } else {
        out.push(0);
        put_signed(origin, out);
        put_varint(step, out);
        put_signed(recv_start, out);
        put(&recv_differences, recv_plan, out);
        put(&lag, lag_plan, out);
    }
}

/// The step of exchange times, and a moment on their grid that neither time comes before. Where times lie too far apart
/// for that the grid is every nanosecond.
fn grid(recv: &[u64], ts: &[u64]) -> (u64, u64) {
    let range = |times: &[u64]| range(times, times.first().copied().unwrap_or(0));
    let ((recv_min, recv_max), (ts_min, ts_max)) = (range(recv), range(ts));
    let (min, max) = (recv_min.min(ts_min), recv_max.max(ts_max));
    if max.checked_sub(min).is_none_or(|span| span > i64::MAX / 2) {
        return (ts_min as u64, 1);
    }
    let step = common_step(ts, ts_min as u64);
    let steps = (ts_min.wrapping_sub(min) as u64).div_ceil(step);
    ((ts_min as u64).wrapping_sub(steps.wrapping_mul(step)), step)
}

/// The times of a section as read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Times<'a> {
    Lagging { origin: u64, step: u64, recv: Delta<'a>, lag: Column<'a> },
    Apart { recv: Delta<'a>, ts: Delta<'a> },
    After { ts: Delta<'a>, after: Column<'a> },
}

impl<'a> Times<'a> {
    pub(super) fn take(cursor: &mut Cursor<'a>, count: usize) -> Result<Self, ColumnsError> {
        match cursor.u8()? {
            0 => Ok(Self::Lagging {
                origin: cursor.signed()?,
                step: match cursor.varint()? {
                    0 => return Err(ColumnsError::OutOfRange { what: "a step of times", value: 0 }),
                    step => step,
                },
                recv: Delta::take(cursor, count)?,
                lag: Column::take(cursor, count)?,
            }),
            1 => Ok(Self::Apart { recv: Delta::take(cursor, count)?, ts: Delta::take(cursor, count)? }),
            2 => Ok(Self::After { ts: Delta::take(cursor, count)?, after: Column::take(cursor, count)? }),
            form => Err(ColumnsError::OutOfRange { what: "a form of times", value: u64::from(form) }),
        }
    }

    /// The times of receipt of some ticks; `raw` is memory.
    pub(super) fn recv(&self, rows: Rows<'_>, raw: &mut Vec<u64>, out: &mut Vec<i64>) -> Result<(), ColumnsError> {
        match self {
            Self::Lagging { recv, .. } | Self::Apart { recv, .. } => values(recv, rows, raw, out),
            Self::After { ts, after } => {
                let mut times = Vec::new();
                values(ts, rows, raw, &mut times)?;
                zip(after, rows, &times, raw, out, |after, ts| ts.wrapping_add(after as i64))
            }
        }
    }

    /// The exchange's times of some ticks; `recv` holds those of [`Self::recv`] when [`Self::ts_needs_recv`].
    pub(super) fn ts(
        &self,
        rows: Rows<'_>,
        recv: &[i64],
        raw: &mut Vec<u64>,
        out: &mut Vec<i64>,
    ) -> Result<(), ColumnsError> {
        match self {
            Self::Lagging { origin, step, lag, .. } => {
                let floor = Floor::new(*step);
                zip(lag, rows, recv, raw, out, |lag, recv| {
                    let steps = floor.quotient((recv as u64).wrapping_sub(*origin)).wrapping_sub(lag);
                    origin.wrapping_add(steps.wrapping_mul(*step)) as i64
                })
            }
            Self::Apart { ts, .. } | Self::After { ts, .. } => values(ts, rows, raw, out),
        }
    }

    pub(super) const fn ts_needs_recv(&self) -> bool {
        matches!(self, Self::Lagging { .. })
    }
}

fn values(delta: &Delta<'_>, rows: Rows<'_>, raw: &mut Vec<u64>, out: &mut Vec<i64>) -> Result<(), ColumnsError> {
    match rows {
        Rows::All => delta.values(raw, out),
        Rows::Of(places, _) => delta.gather(places, raw, out),
    }
}

/// `map` of each number of a column and its neighbour in `beside`.
#[inline]
fn zip(
    column: &Column<'_>,
    rows: Rows<'_>,
    beside: &[i64],
    raw: &mut Vec<u64>,
    out: &mut Vec<i64>,
    map: impl Fn(u64, i64) -> i64,
) -> Result<(), ColumnsError> {
    match rows {
        Rows::All => {
            column.raw(raw)?;
            out.resize(raw.len(), 0);
            column.zip(raw, beside, out, map);
        }
        Rows::Of(places, _) => {
            column.gather(places, raw)?;
            out.clear();
            out.extend(raw.iter().zip(beside).map(|(number, beside)| map(*number, *beside)));
        }
    }
    Ok(())
}
