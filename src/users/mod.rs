//! External user ids and their dense ordinals, both ways.
//!
//! Ordinals are given in first-seen order and never reused. Sealed files each hold a range of
//! ordinals, in order; ids seen since the last flush live in memory.

pub(crate) mod file;
pub(crate) mod live;

use crate::fs::{Bytes, Fs};
use std::path::Path;
use std::sync::{Arc, RwLock};

/// A sealed users file, mapped: a probe table, the ids, and their offsets.
#[derive(Debug)]
pub(crate) struct UsersFile {}

/// What MANIFEST keeps of a users file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct UsersFileEntry {
    /// Also the name: `users/0000000012.users`.
    pub(crate) generation: u64,
    pub(crate) first_ordinal: u32,
    pub(crate) count: u32,
    pub(crate) length: u64,
    /// CRC32C of the header (which holds the checksums of the parts).
    pub(crate) checksum: u32,
}

impl UsersFile {
    /// Writes ids for the ordinals `first_ordinal..`, under `.tmp`, synced, then renamed to `path`.
    pub(crate) fn write<'a>(
        _fs: &dyn Fs,
        _path: &Path,
        _database: u128,
        _generation: u64,
        _first_ordinal: u32,
        _ids: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    ) -> crate::Result<UsersFileEntry> {
        todo!()
    }
    /// Checks the header; the parts are checked at first use.
    pub(crate) fn open(
        _name: &str,
        _bytes: Bytes,
        _database: u128,
        _entry: &UsersFileEntry,
    ) -> crate::Result<UsersFile> {
        todo!()
    }
    pub(crate) fn entry(&self) -> &UsersFileEntry {
        todo!()
    }
    pub(crate) fn find(&self, _id: &[u8]) -> crate::Result<Option<u32>> {
        todo!()
    }
    /// The id of an ordinal of this file.
    pub(crate) fn id(&self, _ordinal: u32) -> crate::Result<Option<&[u8]>> {
        todo!()
    }
    pub(crate) fn verify(&self) -> crate::Result<()> {
        todo!()
    }
}

/// Ids seen since the last flush, in an arena: ordinals `first..first + len`. Only ever grows;
/// a flush starts a new one.
#[derive(Debug, Default)]
pub(crate) struct LiveUsers {}

impl LiveUsers {
    pub(crate) fn new(_first: u32) -> LiveUsers {
        todo!()
    }
    pub(crate) fn first(&self) -> u32 {
        todo!()
    }
    pub(crate) fn len(&self) -> u32 {
        todo!()
    }
    pub(crate) fn find(&self, _id: &[u8]) -> Option<u32> {
        todo!()
    }
    /// The ordinal, giving the next one at first sight; `None` when ordinals have run out.
    pub(crate) fn number(&mut self, _id: &[u8]) -> Option<u32> {
        todo!()
    }
    pub(crate) fn id(&self, _ordinal: u32) -> Option<&[u8]> {
        todo!()
    }
    /// Ids in order of their ordinals.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        std::iter::empty()
    }
    pub(crate) fn memory(&self) -> usize {
        todo!()
    }
}

/// The users that a snapshot knows: sealed files and the first part of the live table. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct UsersView {
    pub(crate) sealed: Arc<Vec<Arc<UsersFile>>>,
    pub(crate) live: Arc<RwLock<LiveUsers>>,
    /// Ordinals below this one belong to the snapshot.
    pub(crate) count: u32,
}

impl UsersView {
    pub(crate) fn find(&self, _id: &[u8]) -> crate::Result<Option<u32>> {
        todo!()
    }
    pub(crate) fn id(&self, _ordinal: u32) -> crate::Result<Option<Vec<u8>>> {
        todo!()
    }
}
