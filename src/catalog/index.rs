//! The writer's index of batch ids: derived, rebuilt when stale, missing or unreadable.

use super::ledger::LedgerEntry;
use std::fmt::Debug;

/// Finds a batch by its id. Carries the sequence it has applied, so that a stale one is known.
pub(crate) trait BatchIndex: Send + Debug {
    /// The last sequence whose batches are in it.
    fn applied(&self) -> u64;
    fn find(&self, id: u128) -> crate::Result<Option<LedgerEntry>>;
    /// Adds the entries and moves `applied` on.
    fn add(&mut self, entries: &[LedgerEntry], applied: u64) -> crate::Result<()>;
    /// Empties it, to be rebuilt.
    fn clear(&mut self) -> crate::Result<()>;
}

/// Opens the index in `dir` (`catalog/`): sled where the feature is on, a table in memory elsewhere.
/// Whatever is wrong with the folder, the answer is an index, maybe an empty one.
pub(crate) fn open(_dir: &std::path::Path, _database: u128) -> Box<dyn BatchIndex> {
    todo!()
}
/// The table in memory: for the lean library and the simulated disk.
pub(crate) fn in_memory() -> Box<dyn BatchIndex> {
    todo!()
}
