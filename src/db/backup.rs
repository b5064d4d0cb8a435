//! Backups: a copy of the database as it is now, made while it is written to.

use super::verify::Damage;
use super::{Db, Role};
use crate::error::Result;
use std::path::Path;

/// What a backup copied, and what it found when it read the copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// Files of the copy.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged in the copy, as it is in the database; empty for a whole one.
    pub damages: Vec<Damage>,
}

impl Db {
    /// Copies the database into a new folder, which is then a database of its own: every commit
    /// that was acknowledged before this call is in it, and each later one whole or not at all.
    /// Writers and readers go on meanwhile. The copy is durable, and every byte of it is read and
    /// checked before this returns.
    ///
    /// To restore a backup, copy its folder to where the database should be, and open it. The copy
    /// has the identity of its original: files of the one are valid in the other, and what is
    /// written to both does not grow together again.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let (path, copy) = (folder.path().join("shop"), folder.path().join("copy"));
    /// use daybit::{Db, Event, Options};
    /// let db = Db::create(&path, Options::new())?;
    /// db.writer()?.write(Event::new("anna", "visit"))?;
    /// assert!(db.backup(&copy)?.damages.is_empty());
    /// db.writer()?.write(Event::new("bert", "visit"))?;
    /// assert_eq!(Db::open(&copy, Options::new())?.snapshot()?.users_count(), 1);
    /// # Ok::<(), daybit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `AlreadyExists` where the folder holds anything, `Corruption` where a file that the database
    /// needs is missing or its log is damaged, and the disk's errors; then no database is left
    /// there.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<BackupReport> {
        let to = to.as_ref();
        let (env, root) = match &self.role {
            Role::Writer { core, .. } => (&core.env, core.root.as_path()),
            Role::Reader(reader) => (&reader.env, reader.root.as_path()),
        };
        let copied = crate::write::backup::backup(env, root, to)?;
        let damages = Db::read_only_in(env, to)?.verify()?.damages;
        Ok(BackupReport { files: copied.files, bytes: copied.bytes, damages })
    }
}
