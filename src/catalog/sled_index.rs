//! The writer's index of batch ids in sled.
//!
//! sled is treated as derived data: every value has its own checksum, and whatever is wrong with
//! the folder, it is emptied and starts again with `applied` 0. A value is `[crc32c][packed entry]`
//! under the big-endian id; the key `meta` holds `[crc32c][layout][database][applied]`, and is away
//! while more than one batch of entries is being added. After any failure the file `stale` lies
//! beside sled's, and the next open starts empty.

use super::index::BatchIndex;
use super::ledger::{LedgerEntry, PackedEntry};
use crate::codec::checksum::crc;
use crate::error::{Error, ErrorKind, Result};
use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use zerocopy::byteorder::little_endian::{U32, U64, U128};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const CACHE_BYTES: u64 = 8 << 20;
/// One large batch costs sled gigabytes of memory.
const BATCH_ENTRIES: usize = 1_000;
const META_KEY: &[u8] = b"meta";
const LAYOUT: u32 = 0;
const STALE: &str = "stale";
/// How long an opening waits for sled's threads of an earlier one, which let go of their lock a
/// while after the handle is dropped.
const LOCK_WAIT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Meta {
    layout: U32,
    database: U128,
    applied: U64,
}

/// The index in the folder `catalog/`.
#[derive(Debug)]
pub(crate) struct SledIndex {
    dir: PathBuf,
    database: u128,
    /// `None` only after sled could not even start on an empty folder.
    db: Option<sled::Db>,
    applied: u64,
    /// An addition failed: what is there may lack a batch, so nothing is answered any more.
    incomplete: bool,
}

impl SledIndex {
    /// Opens the folder, emptying it where it is damaged or another database's; `None` where not
    /// even an empty folder serves.
    pub(crate) fn open(dir: &Path, database: u128) -> Option<SledIndex> {
        let mut index =
            SledIndex { dir: dir.to_path_buf(), database, db: None, applied: 0, incomplete: false };
        if !dir.join(STALE).exists() {
            index.db = start(dir).ok();
        }
        match index.stored_applied() {
            Ok(Some(applied)) => index.applied = applied,
            Ok(None) | Err(_) => index.clear().ok()?,
        }
        Some(index)
    }

    /// `None` where it holds nothing, something half-added, or another database's batches.
    fn stored_applied(&self) -> Result<Option<u64>> {
        let value = self.guarded("read", |db| db.get(META_KEY))?;
        let meta = value
            .as_deref()
            .and_then(unframe::<Meta>)
            .filter(|meta| (meta.layout.get(), meta.database.get()) == (LAYOUT, self.database));
        Ok(meta.map(|meta| meta.applied.get()))
    }

    fn meta(&self, applied: u64) -> Meta {
        Meta { layout: LAYOUT.into(), database: self.database.into(), applied: applied.into() }
    }

    /// sled's errors, and its panics on damaged files, as our error. After any of them the index is
    /// stale.
    fn guarded<T>(&self, doing: &str, act: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T> {
        let Some(db) = &self.db else {
            return Err(self.stale(doing, "it is not open".into()));
        };
        match catch_unwind(AssertUnwindSafe(|| act(db))) {
            Ok(result) => result.map_err(|e| self.stale(doing, e.to_string())),
            Err(_) => Err(self.stale(doing, "sled panicked".into())),
        }
    }

    /// Notes that the next open is to start empty.
    fn stale(&self, doing: &str, why: String) -> Error {
        // Where not even this can be written, the next open meets the same failure by itself.
        let _ = File::create(self.dir.join(STALE));
        let message = format!(
            "cannot {doing} the batch index {}: {why}; close and open the database to rebuild it",
            self.dir.display()
        );
        Error::new(ErrorKind::Corruption, message)
    }

    /// sled writes when it is let go of, and panics where the disk fails.
    fn let_go(&mut self) {
        let db = self.db.take();
        if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
            let _ = self.stale("close", "sled panicked".into());
        }
    }

    fn add_and_sync(&self, entries: &[LedgerEntry], applied: u64) -> Result<()> {
        if entries.len() > BATCH_ENTRIES {
            self.guarded("write", |db| db.remove(META_KEY))?;
        }
        let batches = entries.len().div_ceil(BATCH_ENTRIES).max(1);
        for number in 0..batches {
            let mut batch = sled::Batch::default();
            for entry in entries.iter().skip(number * BATCH_ENTRIES).take(BATCH_ENTRIES) {
                batch.insert(&entry.id.to_be_bytes(), frame(&PackedEntry::from(entry)));
            }
            if number + 1 == batches {
                batch.insert(META_KEY, frame(&self.meta(applied)));
            }
            self.guarded("write", |db| db.apply_batch(batch))?;
        }
        self.sync()
    }

    /// sled's flush leaves out the sync of metadata and disk cache.
    fn sync(&self) -> Result<()> {
        self.guarded("flush", |db| db.flush())?;
        sync_files(&self.dir).map_err(|e| Error::io("cannot sync", &self.dir, e))
    }
}

impl Drop for SledIndex {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl BatchIndex for SledIndex {
    fn applied(&self) -> u64 {
        self.applied
    }

    fn find(&self, id: u128) -> Result<Option<LedgerEntry>> {
        if self.incomplete {
            return Err(self.stale("read", "an earlier write to it failed".into()));
        }
        let Some(value) = self.guarded("read", |db| db.get(id.to_be_bytes()))? else {
            return Ok(None);
        };
        let entry = unframe::<PackedEntry>(&value).map(|packed| LedgerEntry::from(&packed));
        match entry.filter(|entry| entry.id == id) {
            Some(entry) => Ok(Some(entry)),
            None => Err(self.stale("read", "an entry is damaged".into())),
        }
    }

    fn add(&mut self, entries: &[LedgerEntry], applied: u64) -> Result<()> {
        self.incomplete = true;
        self.add_and_sync(entries, applied)?;
        (self.applied, self.incomplete) = (applied, false);
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        (self.applied, self.incomplete) = (0, true);
        self.let_go();
        match fs::remove_dir_all(&self.dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("cannot empty", &self.dir, e));
            }
            _ => {}
        }
        let failed = |why| {
            let message = format!("cannot start the batch index {}: {why}", self.dir.display());
            Error::new(ErrorKind::Io, message)
        };
        self.db = Some(start(&self.dir).map_err(failed)?);
        self.incomplete = false;
        Ok(())
    }
}

fn start(dir: &Path) -> Result<sled::Db, String> {
    await_lock(&dir.join("db"));
    let open =
        || sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None).open();
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(opened) => opened.map_err(|e| e.to_string()),
        Err(_) => Err("sled panicked".into()),
    }
}

/// Waits until nobody holds the lock of sled's file, or for [`LOCK_WAIT`]: sled itself gives up at
/// once, and the index would be built anew.
fn await_lock(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    let begin = Instant::now();
    while matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && begin.elapsed() < LOCK_WAIT {
        thread::sleep(Duration::from_millis(10));
    }
}

fn frame<T: IntoBytes + Immutable>(value: &T) -> Vec<u8> {
    let bytes = value.as_bytes();
    [&crc(bytes).to_le_bytes(), bytes].concat()
}

fn unframe<T: FromBytes>(framed: &[u8]) -> Option<T> {
    let (checksum, bytes) = framed.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*checksum) == crc(bytes)).then(|| T::read_from_bytes(bytes).ok())?
}

/// Syncs the files of a folder, those of its folders, and the names.
fn sync_files(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_files(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(id: u128) -> LedgerEntry {
        LedgerEntry {
            id,
            sequence: id as u64,
            time: 0,
            bulk: false,
            accepted: 1,
            without_user: 0,
            duplicates: 0,
            rejected: 0,
        }
    }

    fn filled() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog");
        let mut index = SledIndex::open(&path, 42).unwrap();
        index.add(&[entry(1), entry(2)], 7).unwrap();
        (dir, path)
    }

    #[test]
    fn it_is_found_again_when_opened_again() {
        let (_dir, path) = filled();
        for _ in 0..5 {
            let index = SledIndex::open(&path, 42).unwrap();
            assert_eq!((index.applied(), index.find(2).unwrap()), (7, Some(entry(2))));
        }
    }

    #[test]
    fn an_opening_waits_for_the_lock_of_an_earlier_one() {
        let (_dir, path) = filled();
        let held = File::open(path.join("db")).unwrap();
        held.lock().unwrap();
        let holder = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(held);
        });
        assert_eq!(SledIndex::open(&path, 42).unwrap().applied(), 7);
        holder.join().unwrap();
    }

    #[test]
    fn another_databases_folder_is_emptied() {
        let (_dir, path) = filled();
        let index = SledIndex::open(&path, 43).unwrap();
        assert_eq!((index.applied(), index.find(2).unwrap()), (0, None));
    }

    #[test]
    fn what_was_half_added_is_emptied() {
        let (_dir, path) = filled();
        let index = SledIndex::open(&path, 42).unwrap();
        index.db.as_ref().unwrap().remove(META_KEY).unwrap();
        drop(index);
        let index = SledIndex::open(&path, 42).unwrap();
        assert_eq!((index.applied(), index.find(2).unwrap()), (0, None));
    }

    #[test]
    fn a_damaged_entry_is_an_error_and_the_next_open_starts_empty() {
        let (_dir, path) = filled();
        let index = SledIndex::open(&path, 42).unwrap();
        let db = index.db.as_ref().unwrap();
        let mut value = db.get(2u128.to_be_bytes()).unwrap().unwrap().to_vec();
        value[40] ^= 1;
        db.insert(2u128.to_be_bytes(), value).unwrap();
        // An entry that is whole, but another batch's.
        db.insert(3u128.to_be_bytes(), frame(&PackedEntry::from(&entry(1)))).unwrap();
        assert_eq!(index.find(2).unwrap_err().kind(), ErrorKind::Corruption);
        assert_eq!(index.find(3).unwrap_err().kind(), ErrorKind::Corruption);
        assert_eq!(index.find(1).unwrap(), Some(entry(1)));
        drop(index);
        assert_eq!(SledIndex::open(&path, 42).unwrap().applied(), 0);
    }

    #[test]
    fn damaged_and_foreign_files_never_keep_it_from_opening() {
        for name in ["db", "conf"] {
            let (_dir, path) = filled();
            let whole = fs::read(path.join(name)).unwrap();
            let used = whole.iter().rposition(|byte| *byte != 0).unwrap_or(0);
            for at in (0..=used).step_by(used / 40 + 1) {
                let mut bytes = whole.clone();
                bytes[at] ^= 0xff;
                fs::write(path.join(name), &bytes).unwrap();
                let index = SledIndex::open(&path, 42).unwrap();
                match index.applied() {
                    0 => assert_eq!(index.find(2).unwrap(), None),
                    7 => assert_eq!(index.find(2).unwrap(), Some(entry(2))),
                    other => panic!("applied {other} after byte {at} of {name}"),
                }
            }
            for content in [&b""[..], b"not sled's", &[0xff; 4_096]] {
                fs::write(path.join(name), content).unwrap();
                SledIndex::open(&path, 42).unwrap().add(&[entry(5)], 9).unwrap();
            }
        }
    }

    #[test]
    fn after_a_failed_addition_nothing_is_answered_and_the_next_open_starts_empty() {
        let (_dir, path) = filled();
        let mut index = SledIndex::open(&path, 42).unwrap();
        let db = index.db.take();
        assert!(index.add(&[entry(3)], 8).is_err());
        index.db = db;
        assert_eq!(index.applied(), 7);
        assert!(index.find(1).is_err());
        drop(index);
        let mut index = SledIndex::open(&path, 42).unwrap();
        assert_eq!((index.applied(), index.find(1).unwrap()), (0, None));
        index.add(&[entry(3)], 8).unwrap();
        drop(index);
        assert_eq!(SledIndex::open(&path, 42).unwrap().applied(), 8);
    }
}
