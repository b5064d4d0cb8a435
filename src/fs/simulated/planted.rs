//! Mistakes that a store can make, planted to see whether they are found.

use super::SimulatedFs;
use std::path::Path;

/// A known mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A receipt goes out before the log is synced.
    LogUnsynced,
    /// The folder of the logs is not synced.
    LogUnnamed,
    /// A manifest names a day file that was not synced.
    DayFileUnsynced,
    /// The folder of the day files is not synced.
    DayFileUnnamed,
    UsersFileUnsynced,
    LedgerUnsynced,
    ManifestUnsynced,
    /// The database's folder is not synced after a manifest got its name.
    ManifestUnnamed,
    /// A flush cuts the log before the manifest is out.
    LogCutEarly,
    /// A flush says that one frame more is in files than there is.
    OneFrameTooMany,
    /// A flush writes no ledger: ids of batches are known as long as the log is.
    BatchesForgotten,
    /// Recovery does not learn the insert ids of the frames that it replays.
    InsertIdsForgotten,
    /// Recovery goes on after a torn log as if all of it were durable.
    TornLogTrusted,
    /// A new manifest is written when the one before it is gone.
    OldManifestFirst,
    /// The writer goes on after a failed sync, and syncs again.
    FailedSyncForgotten,
    /// Whether a batch is known is looked up after it was appended: its receipt is right.
    KnownAfterAppend,
}

impl Bug {
    pub(crate) const ALL: [Bug; 16] = [
        Bug::LogUnsynced,
        Bug::LogUnnamed,
        Bug::DayFileUnsynced,
        Bug::DayFileUnnamed,
        Bug::UsersFileUnsynced,
        Bug::LedgerUnsynced,
        Bug::ManifestUnsynced,
        Bug::ManifestUnnamed,
        Bug::LogCutEarly,
        Bug::OneFrameTooMany,
        Bug::BatchesForgotten,
        Bug::InsertIdsForgotten,
        Bug::TornLogTrusted,
        Bug::OldManifestFirst,
        Bug::FailedSyncForgotten,
        Bug::KnownAfterAppend,
    ];

    /// Whether it shows in the order of what is done to the disk.
    pub(crate) fn is_of_order(self) -> bool {
        !matches!(
            self,
            Bug::OneFrameTooMany
                | Bug::BatchesForgotten
                | Bug::InsertIdsForgotten
                | Bug::TornLogTrusted
                | Bug::OldManifestFirst
                | Bug::FailedSyncForgotten
                | Bug::KnownAfterAppend
        )
    }

    /// Whether it leaves out the sync of a file.
    pub(super) fn skips_sync(self, file: &Path) -> bool {
        let within = |dir: &str| file.parent().is_some_and(|parent| parent.ends_with(dir));
        let is = |part: &str| file.to_string_lossy().contains(part);
        match self {
            Bug::LogUnsynced => within("wal") && !is(".tmp"),
            Bug::DayFileUnsynced => is(".day"),
            Bug::UsersFileUnsynced => within("users"),
            Bug::LedgerUnsynced => within("ledger"),
            Bug::ManifestUnsynced => is("MANIFEST"),
            _ => false,
        }
    }

    /// Whether it leaves out the sync of a folder.
    pub(super) fn skips_sync_dir(self, dir: &Path) -> bool {
        match self {
            Bug::LogUnnamed => dir.ends_with("wal"),
            Bug::DayFileUnnamed => dir.ends_with("days"),
            Bug::ManifestUnnamed => dir.ends_with("db"),
            _ => false,
        }
    }
}

impl SimulatedFs {
    /// From now on, and after every crash, this mistake is made.
    pub(crate) fn plant(&self, bug: Bug) {
        self.inner.lock().unwrap().planted = Some(bug);
    }
}
