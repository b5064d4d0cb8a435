//! MANIFEST.N: the published snapshot.

use crate::fs::Fs;
use crate::users::UsersFileEntry;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The format of this version. Format 0 may still change, and says so when opened.
pub(crate) const FORMAT_VERSION: u32 = 0;

/// A day file of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DayFileEntry {
    pub(crate) generation: u64,
    pub(crate) length: u64,
    pub(crate) checksum: u32,
}

/// A file named by its number: `catalog.N`, `days/N.summary`, `ledger/N.ledger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NumberedFile {
    pub(crate) number: u64,
    pub(crate) length: u64,
    /// CRC32C of the whole file.
    pub(crate) checksum: u32,
}

/// Everything a reader needs to open the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) database: u128,
    /// N of MANIFEST.N.
    pub(crate) number: u64,
    /// Every frame up to this sequence is in the files.
    pub(crate) applied: u64,
    /// When it was published, UTC microseconds.
    pub(crate) published: i64,
    /// The next generation or number to give to any file.
    pub(crate) next_generation: u64,
    /// Logs from this number on may hold frames after `applied`.
    pub(crate) wal_from: u64,
    pub(crate) catalog: NumberedFile,
    pub(crate) summary: NumberedFile,
    pub(crate) days: Vec<DayFileEntry>,
    /// Ascending by first ordinal, without gaps.
    pub(crate) users: Vec<UsersFileEntry>,
    pub(crate) ledgers: Vec<NumberedFile>,
}

impl Manifest {
    /// Writes `MANIFEST.N.tmp`, syncs, renames, syncs the folder; then removes all but the two newest
    /// (and those that `pinned` names).
    pub(crate) fn publish(&self, _fs: &dyn Fs, _root: &Path, _pinned: &[u64]) -> crate::Result<()> {
        todo!()
    }
    /// The newest whole manifest. `NotFound` where there is none: "not a daybit database"; `NewerFormat`
    /// where any was written by a newer version. A damaged newest one is `Corruption`, never passed over silently.
    pub(crate) fn newest(_fs: &dyn Fs, _root: &Path) -> crate::Result<Manifest> {
        todo!()
    }
    pub(crate) fn users_count(&self) -> u32 {
        self.users.last().map_or(0, |f| f.first_ordinal + f.count)
    }
}
