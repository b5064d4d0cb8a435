//! Leases: which snapshots other processes still read.

use crate::fs::{FileLock, Fs};
use std::path::Path;

/// A reader process's hold on MANIFEST.N: a locked file in `readers/`. Dropping it lets go.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) manifest: u64,
    pub(crate) lock: Box<dyn FileLock>,
}

impl Lease {
    /// Takes a lease. Where the folder cannot be written (a read-only medium) there is none: `Ok(None)`.
    pub(crate) fn take(_fs: &dyn Fs, _root: &Path, _manifest: u64) -> crate::Result<Option<Lease>> {
        todo!()
    }
}

/// Numbers of the manifests that live leases younger than `max_age_us` pin; removes the files of dead ones.
pub(crate) fn pinned(
    _fs: &dyn Fs,
    _root: &Path,
    _now: i64,
    _max_age_us: i64,
) -> crate::Result<Vec<u64>> {
    todo!()
}
