//! All file work goes through one small trait, so that a simulated disk can stand in for the real
//! one.
//!
//! Paths are absolute or relative to the process; a database never leaves its own folder.

mod buffered;
pub(crate) mod checksum;
mod map;
mod new_file;
mod real;
#[cfg(any(test, feature = "internals"))]
#[cfg_attr(not(test), allow(dead_code, unused_imports, reason = "tests use the rest"))]
pub(crate) mod simulated;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub(crate) use buffered::BufferedFile;
pub(crate) use map::Bytes;
pub(crate) use new_file::{NewFile, tmp_path};
pub(crate) use real::RealFs;

/// A shared file system.
pub(crate) type SharedFs = Arc<dyn Fs>;

/// What daybit asks of a disk. Nothing is durable before its `sync`: neither bytes nor names.
pub(crate) trait Fs: Send + Sync + Debug {
    /// Makes a folder and those above it; not an error where it is there. Its name is durable after
    /// `sync_dir` of the folder above, like a file's.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Names (not paths) of the entries of a folder, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Length in bytes of a file, 0 of a folder, `None` where there is neither.
    fn len(&self, path: &Path) -> io::Result<Option<u64>>;
    /// The whole of a file; refuses one longer than `limit` bytes with `InvalidData`.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;
    /// A finished, never-changed file, mapped where that is safe.
    fn map(&self, path: &Path) -> io::Result<Bytes>;
    /// A new file for writing; an old one of that name is emptied.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Cuts a file to `len` bytes, at most what it has, and syncs it.
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()>;
    /// Gives a file another name in its folder, replacing what had it. Durable after `sync_dir` of
    /// the folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; not an error where there is none.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes an exclusive lock on a file, making it if need be; `None` where another holds it.
    /// The operating system lets go of it when the holder dies. The locked file has this name when
    /// the lock is taken, even where another removes files of this name under its own lock.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>>;
    /// A mistake to make, so that tests can show that it is found.
    #[cfg(any(test, feature = "internals"))]
    fn planted(&self) -> Option<simulated::Bug> {
        None
    }
}

/// A file being written, from its start or from the end it was opened at. Never read back.
pub(crate) trait WriteFile: Send + Debug {
    /// Appends all bytes, or fails.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything appended durable. After an error the file's state is unknown: do not retry.
    fn sync(&mut self) -> io::Result<()>;
}

/// A held lock; dropping it lets go.
pub(crate) trait FileLock: Send + Sync + Debug {}
