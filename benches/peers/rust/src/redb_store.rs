//! redb with one key for each event, in two ways: inserted by key, and appended through one cursor a transaction.

use std::error::Error;
use std::ops::Bound;
use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::store::{RECORD_BYTES, Record, Store, price};

const TICKS: TableDefinition<u64, [u8; RECORD_BYTES]> = TableDefinition::new("ticks");

/// Each event by its key, as a program does that knows nothing of their order.
pub struct Inserted(Database);

/// Through a cursor that stays at the end.
pub struct Appended(Database);

fn create(folder: &Path) -> Result<Database, Box<dyn Error>> {
    Ok(Database::create(folder.join("ticks.redb"))?)
}

impl Inserted {
    pub fn create(folder: &Path) -> Result<Self, Box<dyn Error>> {
        create(folder).map(Self)
    }
}

impl Appended {
    pub fn create(folder: &Path) -> Result<Self, Box<dyn Error>> {
        create(folder).map(Self)
    }
}

impl Store for Inserted {
    fn append(&mut self, first: u64, records: &[Record]) -> Result<(), Box<dyn Error>> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(TICKS)?;
            for (seq, record) in (first..).zip(records) {
                table.insert(seq, record)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn scan(&self) -> Result<(usize, i64), Box<dyn Error>> {
        scan(&self.0)
    }
}

impl Store for Appended {
    fn append(&mut self, first: u64, records: &[Record]) -> Result<(), Box<dyn Error>> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(TICKS)?;
            let mut cursor = table.upper_bound_mut(Bound::<u64>::Unbounded)?;
            for (seq, record) in (first..).zip(records) {
                cursor.insert_before(seq, record)?;
            }
            cursor.close()?;
        }
        Ok(transaction.commit()?)
    }

    fn scan(&self) -> Result<(usize, i64), Box<dyn Error>> {
        scan(&self.0)
    }
}

fn scan(database: &Database) -> Result<(usize, i64), Box<dyn Error>> {
    let table = database.begin_read()?.open_table(TICKS)?;
    let (mut count, mut sum) = (0, 0);
    for entry in table.iter()? {
        sum += price(&entry?.1.value());
        count += 1;
    }
    Ok((count, sum))
}
