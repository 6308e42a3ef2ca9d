//! One store as a log of ticks: appended in durable transactions of 16,384, read back, weighed.
//!
//! `barkeep-peers STORE TICKS FOLDER`: STORE is one of those below, TICKS a file of 56-byte records, FOLDER a place on a
//! real disk. Prints the JSON lines `append`, `size` and `scan` in the shape of barkeep's own benches.

mod fjall_store;
mod lmdb;
mod plain_file;
mod redb_store;
mod sqlite;
mod store;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use store::{COMMIT, Record, Store, price};

/// Makes a store in an empty folder.
type Open = fn(&Path) -> Result<Box<dyn Store>, Box<dyn Error>>;

const STORES: [(&str, &str, Open); 6] = [
    ("redb", "redb 4.6, a key per event", |folder| Ok(Box::new(redb_store::Inserted::create(folder)?))),
    ("redb-cursor", "redb 4.6, a key per event by cursor", |folder| {
        Ok(Box::new(redb_store::Appended::create(folder)?))
    }),
    ("lmdb", "LMDB (heed 0.23), appended", |folder| Ok(Box::new(lmdb::Lmdb::create(folder)?))),
    ("fjall", "fjall 3.1", |folder| Ok(Box::new(fjall_store::Fjall::create(folder)?))),
    ("sqlite", "SQLite WAL (rusqlite 0.43)", |folder| Ok(Box::new(sqlite::Sqlite::create(folder)?))),
    ("file", "plain file (the bound)", |folder| Ok(Box::new(plain_file::PlainFile::create(folder)?))),
];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, ticks, folder] = args.as_slice() else { return Err("usage: barkeep-peers STORE TICKS FOLDER".into()) };
    let Some((_, who, open)) = STORES.iter().find(|(known, _, _)| known == name) else {
        return Err(format!("{name} is none of {:?}", STORES.map(|(known, _, _)| known)).into());
    };
    let bytes = std::fs::read(ticks)?;
    let (records, rest) = bytes.as_chunks::<{ store::RECORD_BYTES }>();
    assert!(rest.is_empty(), "{ticks} is not a file of whole records");
    measure(who, *open, records, Path::new(folder))
}

fn measure(who: &str, open: Open, records: &[Record], folder: &Path) -> Result<(), Box<dyn Error>> {
    let reps = std::env::var("BARKEEP_BENCH_REPS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let expected: i64 = records.iter().map(price).sum();
    let (mut appends, mut scans, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..reps {
        let folder = tempfile::tempdir_in(folder)?;
        let mut store = open(folder.path())?;
        let began = Instant::now();
        for (n, batch) in records.chunks(COMMIT).enumerate() {
            store.append((n * COMMIT) as u64, batch)?;
        }
        appends.push(began.elapsed().as_secs_f64());
        store.scan()?;
        let began = Instant::now();
        let (count, sum) = store.scan()?;
        scans.push(began.elapsed().as_secs_f64());
        assert_eq!((count, sum), (records.len(), expected), "{who} does not hold what was appended");
        drop(store);
        bytes = allocated(folder.path())?;
    }
    let count = records.len();
    let (append, scan) = (median(appends), median(scans));
    let note = format!("{count} ticks of 56 bytes in transactions of {COMMIT}, fdatasync");
    line("append", who, count as f64 / append, "ticks/s", append, &note);
    line("size", who, bytes as f64 / count as f64, "bytes/tick", 0.0, &format!("{count} ticks, closed"));
    line("scan", who, count as f64 / scan, "events/s", scan, &format!("{count} ticks, warm"));
    Ok(())
}

fn line(bench: &str, who: &str, figure: f64, unit: &str, seconds: f64, note: &str) {
    println!(
        r#"{{"bench":{bench:?},"who":{who:?},"rate":{figure:.3},"unit":{unit:?},"seconds":{seconds:.6},"note":{note:?},"check":""}}"#
    );
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Bytes that the disk gives to the files under a folder.
fn allocated(folder: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { allocated(&entry.path())? } else { meta.blocks() * 512 };
    }
    Ok(bytes)
}
