//! A plain file, written and synced: no store can be faster than this on the same disk.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read as _, Seek as _, Write as _};
use std::path::Path;

use crate::store::{RECORD_BYTES, Record, Store, price};

pub struct PlainFile(File);

impl PlainFile {
    pub fn create(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let path = folder.join("ticks.bin");
        Ok(Self(OpenOptions::new().read(true).write(true).create_new(true).open(path)?))
    }
}

impl Store for PlainFile {
    fn append(&mut self, _first: u64, records: &[Record]) -> Result<(), Box<dyn Error>> {
        self.0.write_all(records.as_flattened())?;
        Ok(self.0.sync_data()?)
    }

    fn scan(&self) -> Result<(usize, i64), Box<dyn Error>> {
        let mut file = BufReader::with_capacity(1 << 20, self.0.try_clone()?);
        file.rewind()?;
        let (mut count, mut sum, mut record) = (0, 0, [0; RECORD_BYTES]);
        while file.read_exact(&mut record).is_ok() {
            sum += price(&record);
            count += 1;
        }
        Ok((count, sum))
    }
}
