//! The section of five-level depth, apart from the ticks it belongs to: most readers never want it.
//!
//! Never cuts a book: where one has more than five levels a side all of the payload lie as canonical bytes. Called by
//! [`super::Encoder`] and by readers that rebuild whole events. Level prices run from the last price outwards, each from
//! the one before.

use barkeep_schemas::{Depth, Level, Price, Qty, Wire};

use super::column::Column;
use super::column_writer::ColumnWriter;
use super::cursor::Cursor;
use super::error::ColumnsError;

/// Levels on one side that columns hold.
const LEVELS_MAX: usize = 5;

/// The depths of a payload, field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct DepthWriter {
    bids: Vec<u64>,
    asks: Vec<u64>,
    price: Vec<u64>,
    qty: Vec<u64>,
    orders: Vec<u64>,
    /// All of them as canonical bytes, once one is too deep for columns.
    bytes: Vec<u8>,
    deep: bool,
}

impl DepthWriter {
    pub(super) fn begin(&mut self) {
        [&mut self.bids, &mut self.asks, &mut self.price, &mut self.qty, &mut self.orders]
            .into_iter()
            .for_each(Vec::clear);
        self.bytes.clear();
        self.deep = false;
    }

    /// Adds the depth of a tick with this last price.
    pub(super) fn push(&mut self, depth: &Depth, last: Price) {
        depth.put(&mut self.bytes);
        self.deep |= depth.bids.len().max(depth.asks.len()) > LEVELS_MAX;
        if self.deep {
            return;
        }
        self.bids.push(depth.bids.len() as u64);
        self.asks.push(depth.asks.len() as u64);
        for (side, down) in [(&depth.bids, true), (&depth.asks, false)] {
            let mut near = last.get() as u64;
            for level in side {
                let price = level.price.get() as u64;
                self.price.push(if down { near.wrapping_sub(price) } else { price.wrapping_sub(near) });
                near = price;
                self.qty.push(level.qty.get() as u64);
                self.orders.push(u64::from(level.orders));
            }
        }
    }

    pub(super) fn put(&self, writer: &mut ColumnWriter, out: &mut Vec<u8>) {
        if self.bytes.is_empty() {
            return;
        }
        out.push(u8::from(self.deep));
        if self.deep {
            out.extend_from_slice(&self.bytes);
            return;
        }
        for column in [&self.bids, &self.asks, &self.price, &self.qty, &self.orders] {
            writer.put(column, out);
        }
    }
}

/// The depths of a payload as read.
#[derive(Clone, Debug)]
pub(super) enum DepthSection {
    /// Level by level.
    Columns(Levels),
    /// Each as it is.
    Whole(Vec<Depth>),
}

/// The levels of all depths, field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    /// Levels of bids and of asks, and where the first of them is.
    books: Vec<(u8, u8, u32)>,
    price: Vec<u64>,
    qty: Vec<u64>,
    orders: Vec<u64>,
}

impl DepthSection {
    /// Of ticks without depth.
    pub(super) const NONE: Self = Self::Whole(Vec::new());

    /// Reads `count` depths.
    pub(super) fn take(mut cursor: Cursor<'_>, count: usize) -> Result<Self, ColumnsError> {
        match cursor.u8()? {
            0 => Levels::take(cursor, count).map(Self::Columns),
            1 => take_whole(cursor, count).map(Self::Whole),
            form => Err(ColumnsError::OutOfRange { what: "a form of depth", value: u64::from(form) }),
        }
    }

    /// The depth at `place`, of a tick with this last price.
    pub(super) fn depth(&self, place: usize, last: Price) -> Result<Depth, ColumnsError> {
        match self {
            Self::Columns(levels) => levels.depth(place, last),
            Self::Whole(all) => all.get(place).cloned().ok_or(missing(place)),
        }
    }
}

const fn missing(place: usize) -> ColumnsError {
    ColumnsError::Count { what: "depths", count: place as u64 }
}

fn take_whole(mut cursor: Cursor<'_>, count: usize) -> Result<Vec<Depth>, ColumnsError> {
    let mut bytes = cursor.slice(cursor.left())?;
    let mut all = Vec::new();
    for place in 0..count {
        all.push(Depth::take(&mut bytes).map_err(|_| missing(place))?);
    }
    Cursor::new(bytes).end("depth")?;
    Ok(all)
}

impl Levels {
    fn take(mut cursor: Cursor<'_>, count: usize) -> Result<Self, ColumnsError> {
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        Column::take(&mut cursor, count)?.values(&mut bids)?;
        Column::take(&mut cursor, count)?.values(&mut asks)?;
        let mut section = Self { books: Vec::with_capacity(count), ..Self::default() };
        let mut levels = 0;
        for (bids, asks) in bids.into_iter().zip(asks) {
            if bids.max(asks) > LEVELS_MAX as u64 {
                return Err(ColumnsError::Count { what: "levels of depth", count: bids.max(asks) });
            }
            section.books.push((bids as u8, asks as u8, levels));
            levels += (bids + asks) as u32;
        }
        for column in [&mut section.price, &mut section.qty, &mut section.orders] {
            Column::take(&mut cursor, levels as usize)?.values(column)?;
        }
        cursor.end("depth")?;
        Ok(section)
    }

    fn depth(&self, place: usize, last: Price) -> Result<Depth, ColumnsError> {
        let &(bids, asks, from) = self.books.get(place).ok_or(missing(place))?;
        let middle = from + u32::from(bids);
        Ok(Depth { bids: self.side(from, bids, last, true)?, asks: self.side(middle, asks, last, false)? })
    }

    fn side(&self, from: u32, count: u8, last: Price, down: bool) -> Result<Vec<Level>, ColumnsError> {
        let mut near = last.get() as u64;
        (from as usize..from as usize + usize::from(count))
            .map(|at| {
                let (Some(away), Some(qty), Some(orders)) = (self.price.get(at), self.qty.get(at), self.orders.get(at))
                else {
                    return Err(ColumnsError::Count { what: "levels of depth", count: at as u64 });
                };
                near = if down { near.wrapping_sub(*away) } else { near.wrapping_add(*away) };
                let orders = u16::try_from(*orders)
                    .map_err(|_| ColumnsError::OutOfRange { what: "a number of orders", value: *orders })?;
                Ok(Level { price: Price::new(near as i64), qty: Qty::new(*qty as i64), orders })
            })
            .collect()
    }
}
