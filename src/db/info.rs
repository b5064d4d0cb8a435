//! What a database is and holds, for people and other programs.

use super::{Db, Role};
use crate::codec::record::FORMAT_VERSION;
use crate::error::Result;
use crate::snapshot::SnapshotInfo;
use crate::write::Durability;

/// What a database is and holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DbInfo {
    /// Days, users, events and activities of a snapshot of now.
    pub snapshot: SnapshotInfo,
    /// Files that were published, and their bytes on disk; the log is not among them.
    pub files: u64,
    /// Of the files, those that hold days.
    pub day_files: u64,
    /// Bytes of the published files.
    pub file_bytes: u64,
    /// When receipts are given; `None` where the database was opened for reading.
    pub durability: Option<Durability>,
    /// The version of the format on disk.
    pub format_version: u32,
    /// The daybit that published what is there: `daybit 0.1.0`.
    pub written_by: String,
}

impl Db {
    /// What the database is and holds.
    ///
    /// # Errors
    /// `Corruption` where a day that lies in several places cannot be read.
    pub fn info(&self) -> Result<DbInfo> {
        let snapshot = self.snapshot()?;
        let manifest = &snapshot.inner.manifest;
        let days = manifest.days.iter().map(|file| file.length);
        let users = manifest.users.iter().map(|file| file.length);
        let first =
            manifest.first.iter().flatten().chain(&manifest.history).map(|file| file.length);
        let records = manifest.ledgers.iter().chain([&manifest.catalog, &manifest.summary]);
        let lengths: Vec<u64> =
            days.chain(first).chain(users).chain(records.map(|file| file.length)).collect();
        Ok(DbInfo {
            files: lengths.len() as u64,
            day_files: manifest.days.len() as u64,
            file_bytes: lengths.iter().sum(),
            durability: match &self.role {
                Role::Writer { core, .. } => Some(core.options.durability),
                Role::Reader(_) => None,
            },
            format_version: FORMAT_VERSION,
            written_by: manifest.written_by.clone(),
            snapshot: snapshot.info()?,
        })
    }
}
