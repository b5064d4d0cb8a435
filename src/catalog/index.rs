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

/// Opens the index in `dir` (`catalog/`): sled where the feature is on, a table in memory elsewhere.
/// Whatever is wrong with the folder, the answer is an index, maybe an empty one.
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
