//! Blocks of bytes put away in order and taken back in the same order, most of them in a file without a name.
//!
//! What it is: memory for the rows that an import keeps, a few mebibytes of it real and the rest on the disk that the tape
//! lies on, where it vanishes with the process. What it never does: know a row, or outlive its command. Who calls it: the
//! kept rows.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes of a block.
pub(super) const BLOCK: usize = 256 * 1024;

/// Blocks that stay in memory: 8 MiB, some 600,000 rows.
const HELD_MAX: usize = 32;

/// Takes blocks.
#[derive(Debug)]
pub(super) struct BlocksOut {
    folder: PathBuf,
    /// The most bytes that may go to the file.
    bytes_max: u64,
    held: VecDeque<Vec<u8>>,
    file: Option<File>,
    written: u64,
}

impl BlocksOut {
    /// `folder` need not be there yet: the file is made in the nearest folder above it that is.
    pub(super) fn new(folder: &Path, bytes_max: u64) -> Self {
        Self { folder: folder.to_owned(), bytes_max, held: VecDeque::new(), file: None, written: 0 }
    }

    /// Puts a whole block away; what `block` holds then is of no meaning.
    pub(super) fn put(&mut self, block: &mut Vec<u8>) -> io::Result<()> {
        if self.held.len() < HELD_MAX {
            self.held.push_back(std::mem::replace(block, vec![0; BLOCK]));
            return Ok(());
        }
        self.written += block.len() as u64;
        if self.written > self.bytes_max {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(unnamed(&self.folder)?),
        };
        file.write_all(block)
    }

    /// The same blocks, to be taken.
    pub(super) fn finish(mut self) -> io::Result<BlocksIn> {
        if let Some(file) = &mut self.file {
            file.rewind()?;
        }
        Ok(BlocksIn { held: self.held, file: self.file, left: self.written })
    }
}

/// Hands blocks out.
#[derive(Debug)]
pub(super) struct BlocksIn {
    held: VecDeque<Vec<u8>>,
    file: Option<File>,
    left: u64,
}

impl BlocksIn {
    /// Replaces what `block` holds by the next block; `false` when there is none.
    pub(super) fn take(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        if let Some(held) = self.held.pop_front() {
            *block = held;
            return Ok(true);
        }
        let Some(file) = self.file.as_mut().filter(|_| self.left > 0) else { return Ok(false) };
        block.resize(BLOCK, 0);
        file.read_exact(block)?;
        self.left = self.left.saturating_sub(BLOCK as u64);
        Ok(true)
    }
}

/// A new file that no folder lists, in the folder or the nearest one above it that is there.
fn unnamed(folder: &Path) -> io::Result<File> {
    let here = Path::new(".");
    let there = folder.ancestors().map(|folder| if folder.as_os_str().is_empty() { here } else { folder });
    let folder = there.into_iter().find(|folder| folder.is_dir()).unwrap_or(here);
    let path = folder.join(format!(".barkeep-rows-{}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: usize) -> Vec<u8> {
        number.to_le_bytes().repeat(BLOCK / 8)
    }

    #[test]
    fn blocks_come_back_in_order_from_memory_and_from_a_file_that_no_folder_lists() {
        let folder = tempfile::tempdir().unwrap();
        let mut out = BlocksOut::new(&folder.path().join("not/there"), u64::MAX);
        for number in 0..HELD_MAX + 3 {
            out.put(&mut numbered(number)).unwrap();
        }
        assert!(out.file.is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let (mut blocks, mut block) = (out.finish().unwrap(), Vec::new());
        for number in 0..HELD_MAX + 3 {
            assert!(blocks.take(&mut block).unwrap());
            assert_eq!(block, numbered(number), "block {number}");
        }
        assert!(!blocks.take(&mut block).unwrap());
    }

    #[test]
    fn no_more_goes_to_the_file_than_was_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let mut out = BlocksOut::new(folder.path(), BLOCK as u64);
        (0..=HELD_MAX).for_each(|number| out.put(&mut numbered(number)).unwrap());
        assert!(out.put(&mut numbered(0)).is_err());
    }
}
