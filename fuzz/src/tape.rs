//! A tape over a failing disk against a model of it: whatever happens, in whatever order, everything acknowledged is
//! there, every way of reading agrees, and a follower sees each event once and in order.
//!
//! The input is a list of operations: segments begun and sealed, commits, readers, snapshots, faults of the disk, and
//! power cuts between operations and in the middle of one. What a failed or interrupted commit left is in doubt until
//! the next writer opens the tape: all of it or nothing.

mod events;
mod model;
mod world;

use crate::bytes::Bytes;
use world::World;

/// The most operations of one input.
const OPERATIONS_MAX: usize = 40;

/// The most events of one input.
const EVENTS_MAX: usize = 6_000;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut world = World::new();
    for _ in 0..OPERATIONS_MAX {
        if bytes.rest().is_empty() {
            break;
        }
        world.step(&mut bytes);
    }
    world.settle();
}
