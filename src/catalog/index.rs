//! The writer's index of batch ids: derived, rebuilt when stale, missing or unreadable.

use super::ledger::LedgerEntry;
use crate::error::Result;
use std::collections::HashMap;
use std::fmt::Debug;
use std::path::Path;

/// Finds a batch by its id. Carries the sequence it has applied, so that a stale one is known:
/// below MANIFEST's `applied`, the ledger entries after it are added; above the last sequence that
/// replay found (a crash took frames with it), it is cleared and filled from the ledgers.
///
/// Add what is published, not each commit: an entry whose frame a crash took must never be in it.
pub(crate) trait BatchIndex: Send + Debug {
    /// The last sequence whose batches are in it.
    fn applied(&self) -> u64;
    /// The batch of this id. `Corruption` where the stored entry is damaged: the index then
    /// rebuilds itself when it is next opened.
    fn find(&self, id: u128) -> Result<Option<LedgerEntry>>;
    /// Adds the entries, moves `applied` on, and makes both durable.
    fn add(&mut self, entries: &[LedgerEntry], applied: u64) -> Result<()>;
    /// Empties it, to be rebuilt.
    fn clear(&mut self) -> Result<()>;
}

/// Opens the index in `dir` (`catalog/`): sled where the feature is on, a table in memory
/// elsewhere. Whatever is wrong with the folder, the answer is an index, maybe an empty one.
pub(crate) fn open(dir: &Path, database: u128) -> Box<dyn BatchIndex> {
    #[cfg(feature = "sled")]
    if let Some(index) = super::sled_index::SledIndex::open(dir, database) {
        return Box::new(index);
    }
    #[cfg(not(feature = "sled"))]
    let _ = (dir, database);
    in_memory()
}

/// The table in memory: for the lean library and the simulated disk.
pub(crate) fn in_memory() -> Box<dyn BatchIndex> {
    Box::new(MemoryIndex::default())
}

#[derive(Debug, Default)]
struct MemoryIndex {
    entries: HashMap<u128, LedgerEntry>,
    applied: u64,
}

impl BatchIndex for MemoryIndex {
    fn applied(&self) -> u64 {
        self.applied
    }

    fn find(&self, id: u128) -> Result<Option<LedgerEntry>> {
        Ok(self.entries.get(&id).copied())
    }

    fn add(&mut self, entries: &[LedgerEntry], applied: u64) -> Result<()> {
        self.entries.extend(entries.iter().map(|entry| (entry.id, *entry)));
        self.applied = applied;
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        *self = MemoryIndex::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(id: u128) -> LedgerEntry {
        LedgerEntry {
            id,
            sequence: id as u64,
            time: -1,
            bulk: id.is_multiple_of(2),
            accepted: 3,
            without_user: 1,
            duplicates: 2,
            rejected: u64::MAX,
        }
    }

    /// What every index does.
    fn check(mut index: Box<dyn BatchIndex>) -> Box<dyn BatchIndex> {
        assert_eq!((index.applied(), index.find(1).unwrap()), (0, None));
        let entries: Vec<LedgerEntry> = (0..2_500).map(entry).collect();
        index.add(&entries, 2_600).unwrap();
        index.add(&[entry(9_000)], 9_001).unwrap();
        index.add(&[], 9_002).unwrap();
        for entry in entries.iter().chain([&entry(9_000)]) {
            assert_eq!(index.find(entry.id).unwrap(), Some(*entry));
        }
        assert_eq!((index.applied(), index.find(2_500).unwrap()), (9_002, None));
        index.clear().unwrap();
        assert_eq!((index.applied(), index.find(1).unwrap()), (0, None));
        index.add(&[entry(1)], 5).unwrap();
        index
    }

    #[test]
    fn the_table_in_memory_finds_what_was_added() {
        check(in_memory());
    }

    #[test]
    fn the_index_of_a_folder_finds_what_was_added() {
        let dir = tempfile::tempdir().unwrap();
        let index = check(open(&dir.path().join("catalog"), 42));
        assert_eq!(index.find(1).unwrap(), Some(entry(1)));
    }

    #[test]
    fn a_folder_that_cannot_be_made_still_gives_an_index() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"in the way").unwrap();
        check(open(&file.join("catalog"), 42));
    }
}
