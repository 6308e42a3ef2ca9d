//! fjall: one batch a transaction, the journal synced at each.

use std::error::Error;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::store::{Record, Store, price_of};

pub struct Fjall {
    database: Database,
    ticks: Keyspace,
}

impl Fjall {
    pub fn create(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let database = Database::builder(folder).open()?;
        let ticks = database.keyspace("ticks", KeyspaceCreateOptions::default)?;
        Ok(Self { database, ticks })
    }
}

impl Store for Fjall {
    fn append(&mut self, first: u64, records: &[Record]) -> Result<(), Box<dyn Error>> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (seq, record) in (first..).zip(records) {
            batch.insert(&self.ticks, seq.to_be_bytes(), record.as_slice());
        }
        Ok(batch.commit()?)
    }

    fn scan(&self) -> Result<(usize, i64), Box<dyn Error>> {
        let (mut count, mut sum) = (0, 0);
        for entry in self.ticks.iter() {
            sum += price_of(&entry.value()?);
            count += 1;
        }
        Ok((count, sum))
    }
}
