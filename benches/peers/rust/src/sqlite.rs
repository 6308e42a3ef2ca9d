//! SQLite in WAL mode, `synchronous = FULL`: the position is the rowid, a tick one blob.

use std::error::Error;
use std::path::Path;

use rusqlite::Connection;

use crate::store::{Record, Store, price_of};

pub struct Sqlite(Connection);

impl Sqlite {
    pub fn create(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let connection = Connection::open(folder.join("ticks.sqlite"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -262144;
             CREATE TABLE ticks (seq INTEGER PRIMARY KEY, tick BLOB NOT NULL);",
        )?;
        Ok(Self(connection))
    }
}

impl Store for Sqlite {
    fn append(&mut self, first: u64, records: &[Record]) -> Result<(), Box<dyn Error>> {
        let transaction = self.0.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO ticks VALUES (?1, ?2)")?;
            for (seq, record) in (first as i64..).zip(records) {
                insert.execute((seq, record.as_slice()))?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn scan(&self) -> Result<(usize, i64), Box<dyn Error>> {
        let mut statement = self.0.prepare_cached("SELECT tick FROM ticks ORDER BY seq")?;
        let mut rows = statement.query(())?;
        let (mut count, mut sum) = (0, 0);
        while let Some(row) = rows.next()? {
            sum += price_of(row.get_ref(0)?.as_blob()?);
            count += 1;
        }
        Ok((count, sum))
    }
}
