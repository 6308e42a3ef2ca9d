//! What can happen to the bytes of a file: bits flip, the end is cut off, pages change places, old pages come back,
//! rubbish is appended. Each damage names itself, so that a finding can be repeated.
#![allow(dead_code, missing_docs, reason = "each test file uses a part of it")]

use super::Dice;

pub const PAGE: usize = 4_096;
const SECTOR: usize = 512;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// One bit.
    Flip { at: usize, bit: u8 },
    /// Everything from here on.
    Cut { at: usize },
    /// Two pages.
    Swap { one: usize, other: usize },
    /// A page as it was earlier.
    Old { page: usize },
    /// A sector of zeros, as a disk hands out for one that it lost.
    Zero { at: usize },
    /// Bytes behind the end.
    Append { count: usize },
}

impl Damage {
    /// The damaged bytes; `None` when nothing changes by it.
    pub fn apply(self, file: &[u8], old: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = file.to_vec();
        match self {
            Self::Flip { at, bit } => bytes[at] ^= 1 << bit,
            Self::Cut { at } => bytes.truncate(at),
            Self::Swap { one, other } => {
                for n in 0..PAGE {
                    bytes.swap(one * PAGE + n, other * PAGE + n);
                }
            }
            Self::Old { page } => {
                let range = page * PAGE..(page + 1) * PAGE;
                bytes.get_mut(range.clone())?.copy_from_slice(old.get(range)?);
            }
            Self::Zero { at } => bytes[at..at + SECTOR].fill(0),
            Self::Append { count } => bytes.extend((0..count).map(|n| (n * 31) as u8)),
        }
        (bytes != file).then_some(bytes)
    }
}

/// Damages over every region of a file that are not without effect from the start: `per_page` flips a page of those that
/// hold anything, cuts at every page and within, neighbours and strangers swapped, every page of an older file.
pub fn matrix(file: &[u8], per_page: usize, dice: &mut Dice) -> Vec<Damage> {
    let pages = file.len() / PAGE;
    let used: Vec<usize> =
        (0..pages).filter(|page| file[page * PAGE..(page + 1) * PAGE].iter().any(|byte| *byte != 0)).collect();
    let mut all = Vec::new();
    for &page in &used {
        for n in 0..per_page {
            // Spread over the page: every flip lies in a part of its own.
            let part = PAGE / per_page;
            let at = page * PAGE + n * part + dice.below(part as u64) as usize;
            all.push(Damage::Flip { at, bit: dice.below(8) as u8 });
        }
        all.push(Damage::Zero { at: page * PAGE + dice.below(8) as usize * SECTOR });
        all.push(Damage::Cut { at: page * PAGE });
        all.push(Damage::Cut { at: page * PAGE + 1 + dice.below(PAGE as u64 - 1) as usize });
        all.push(Damage::Swap { one: page, other: used[dice.below(used.len() as u64) as usize] });
        all.push(Damage::Swap { one: page, other: (page + 1) % pages });
        all.push(Damage::Old { page });
    }
    // The first page says where everything is.
    all.extend((0..SECTOR).flat_map(|at| (0..8).step_by(4).map(move |bit| Damage::Flip { at, bit })));
    all.extend([1, 511, 512, PAGE, 1 << 20].map(|count| Damage::Append { count }));
    all
}
