//! LMDB through heed: keys in order, appended without a search (`MDB_APPEND`), synced at each commit.

use std::error::Error;
use std::path::Path;

use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, PutFlags};

use crate::store::{Record, Store, price_of};

/// Room for a few hundred million ticks; only what is written takes disk.
const MAP_BYTES: usize = 64 << 30;

type Ticks = Database<'static, U64<BigEndian>, Bytes>;

pub struct Lmdb {
    /// Leaked, since the handle of the table borrows it; this process measures one store and ends.
    env: &'static Env,
    ticks: Ticks,
}

impl Lmdb {
    #[allow(unsafe_code, reason = "heed maps a file that nothing else touches: a folder of our own")]
    pub fn create(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let env: &'static Env = Box::leak(Box::new(unsafe { EnvOpenOptions::new().map_size(MAP_BYTES).open(folder)? }));
        let transaction = env.write_txn()?;
        let ticks = env
            .create_databases_and_commit(transaction, |opener, transaction| {
                opener.create_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
            })?
            .unwrap_commit();
        Ok(Self { env, ticks })
    }
}

impl Store for Lmdb {
    fn append(&mut self, first: u64, records: &[Record]) -> Result<(), Box<dyn Error>> {
        let mut transaction = self.env.write_txn()?;
        for (seq, record) in (first..).zip(records) {
            self.ticks.put_with_flags(&mut transaction, PutFlags::APPEND, &seq, record)?;
        }
        Ok(transaction.commit()?)
    }

    fn scan(&self) -> Result<(usize, i64), Box<dyn Error>> {
        let transaction = self.env.read_txn()?;
        let (mut count, mut sum) = (0, 0);
        for entry in self.ticks.iter(&transaction)? {
            sum += price_of(entry?.1);
            count += 1;
        }
        Ok((count, sum))
    }
}
