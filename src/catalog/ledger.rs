//! Applied batch ids: immutable sorted files, and what each batch's receipt said.

use super::manifest::NumberedFile;
use crate::fs::{Bytes, Fs};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One applied batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LedgerEntry {
    /// Keyed hash of the batch id.
    pub(crate) id: u128,
    pub(crate) sequence: u64,
    /// UTC microseconds.
    pub(crate) time: i64,
    /// A bulk import's: kept for ever. Live ones at least 30 days and the newest 10 million.
    pub(crate) bulk: bool,
    pub(crate) accepted: u64,
    pub(crate) without_user: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
}

/// A mapped ledger file, sorted by id, fixed-width entries.
#[derive(Debug)]
pub(crate) struct LedgerFile {}

impl LedgerFile {
    /// Writes `ledger/N.ledger` (under `.tmp`, synced, renamed); entries in any order.
    pub(crate) fn write(
        _fs: &dyn Fs,
        _path: &Path,
        _database: u128,
        _number: u64,
        _entries: Vec<LedgerEntry>,
    ) -> crate::Result<NumberedFile> {
        todo!()
    }
    /// Checks the whole file's checksum.
    pub(crate) fn open(
        _name: &str,
        _bytes: Bytes,
        _database: u128,
        _file: NumberedFile,
    ) -> crate::Result<LedgerFile> {
        todo!()
    }
    pub(crate) fn file(&self) -> NumberedFile {
        todo!()
    }
    pub(crate) fn find(&self, _id: u128) -> Option<LedgerEntry> {
        todo!()
    }
    pub(crate) fn entries(&self) -> Vec<LedgerEntry> {
        todo!()
    }
}
