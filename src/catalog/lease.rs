//! Leases: which snapshots other processes still read.
//!
//! A lease is a file `readers/<manifest>.<time>.<process>.<random>.lease`, empty and locked for as
//! long as its reader lives; `time` is when it was taken, UTC microseconds. A reader that dies
//! leaves the file, but not the lock: who can take the lock knows that the lease is dead.
//!
//! Between a reader's look at MANIFEST.N and its lease the writer may publish twice and delete a
//! file that MANIFEST.N names. So a reader takes the lease first and then opens every file, and if
//! one is gone, reads the newest MANIFEST and begins again with a new lease: the caller's loop.

use super::random::Random;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{FileLock, Fs, SharedFs};
use std::io;
use std::path::{Path, PathBuf};

/// The folder of the leases.
pub(crate) const READERS_DIR: &str = "readers";
/// How often a lease is tried whose file the writer takes for a dead one's.
const TRIES: usize = 10;

/// A reader process's hold on MANIFEST.N: a locked file in `readers/`. Dropping it lets go.
#[derive(Debug)]
pub(crate) struct Lease {
    #[cfg(test)]
    pub(crate) manifest: u64,
    /// Held, never asked: the operating system tells others that it is.
    _lock: Box<dyn FileLock>,
    fs: SharedFs,
    path: PathBuf,
}

impl Lease {
    /// Takes a lease at `now` (UTC microseconds). Where the folder cannot be written (a read-only
    /// medium, a folder of somebody else's, a full disk) there is none: `Ok(None)`.
    pub(crate) fn take(
        fs: &SharedFs,
        root: &Path,
        manifest: u64,
        now: i64,
    ) -> Result<Option<Lease>> {
        let dir = root.join(READERS_DIR);
        if let Err(e) = fs.create_dir_all(&dir) {
            return none_if_unwritable("cannot create", &dir, e);
        }
        for _ in 0..TRIES {
            let random = Random::System.draw();
            let name = format!("{manifest}.{now}.{}.{random:032x}.lease", std::process::id());
            let path = dir.join(name);
            match fs.try_lock(&path) {
                Ok(Some(lock)) => {
                    return Ok(Some(Lease {
                        #[cfg(test)]
                        manifest,
                        _lock: lock,
                        fs: SharedFs::clone(fs),
                        path,
                    }));
                }
                // The writer is just trying it, and will take it for a dead reader's.
                Ok(None) => {}
                Err(e) => return none_if_unwritable("cannot lock", &path, e),
            }
        }
        let message = format!("cannot take a lease in {}; try again", dir.display());
        Err(Error::new(ErrorKind::Io, message))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Still under the lock. What stays behind, the writer clears.
        let _ = self.fs.remove(&self.path);
    }
}

/// Numbers of the manifests that live leases younger than `max_age_us` pin, ascending; removes the
/// files of dead ones.
pub(crate) fn pinned(fs: &dyn Fs, root: &Path, now: i64, max_age_us: i64) -> Result<Vec<u64>> {
    let dir = root.join(READERS_DIR);
    let names = match fs.list(&dir) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("cannot list", &dir, e)),
    };
    let mut pinned = Vec::new();
    for name in names {
        let Some((manifest, taken)) = parse_name(&name) else { continue };
        let path = dir.join(&name);
        let lock = match fs.try_lock(&path) {
            // Another user's reader, whose lock nobody here may try: taken to be alive.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => None,
            lock => lock.map_err(|e| Error::io("cannot lock", &path, e))?,
        };
        if lock.is_some() {
            // Under the lock: a reader that was about to take it takes a new one.
            fs.remove(&path).map_err(|e| Error::io("cannot remove", &path, e))?;
        } else if now.saturating_sub(taken) <= max_age_us {
            pinned.push(manifest);
        }
    }
    pinned.sort_unstable();
    pinned.dedup();
    Ok(pinned)
}

/// The manifest's number and the time of a lease's name; other files in the folder are not ours.
fn parse_name(name: &str) -> Option<(u64, i64)> {
    let mut parts = name.strip_suffix(".lease")?.split('.');
    let manifest = parts.next()?.parse().ok()?;
    let taken = parts.next()?.parse().ok()?;
    Some((manifest, taken))
}

fn none_if_unwritable(doing: &str, path: &Path, e: io::Error) -> Result<Option<Lease>> {
    match e.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded => Ok(None),
        _ => Err(Error::io(doing, path, e)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fs::RealFs;
    use crate::fs::simulated::{Failure, Lasting, SimulatedFs};
    use std::sync::Arc;

    fn disk() -> (tempfile::TempDir, SharedFs) {
        (tempfile::tempdir().unwrap(), Arc::new(RealFs::default()))
    }

    #[test]
    fn a_lease_pins_its_manifest_until_it_is_dropped() {
        let (dir, fs) = disk();
        let pinned = || pinned(&*fs, dir.path(), 100, 50).unwrap();
        assert_eq!(pinned(), [0; 0]);
        let take = |manifest, now| Lease::take(&fs, dir.path(), manifest, now).unwrap().unwrap();
        let (a, b, c) = (take(7, 100), take(5, 90), take(7, 100));
        assert_eq!(pinned(), [5, 7]);
        drop(a);
        assert_eq!(pinned(), [5, 7]);
        drop((b, c));
        assert_eq!(pinned(), [0; 0]);
        assert_eq!(fs.list(&dir.path().join(READERS_DIR)).unwrap(), [""; 0]);
    }

    #[test]
    fn an_old_lease_pins_nothing_but_keeps_its_file() {
        let (dir, fs) = disk();
        let lease = Lease::take(&fs, dir.path(), 7, -100).unwrap().unwrap();
        assert_eq!(pinned(&*fs, dir.path(), -50, 50).unwrap(), [7]);
        assert_eq!(pinned(&*fs, dir.path(), -49, 50).unwrap(), [0; 0]);
        assert_eq!(pinned(&*fs, dir.path(), i64::MIN, 50).unwrap(), [7], "a clock set back");
        assert_eq!(fs.list(&dir.path().join(READERS_DIR)).unwrap().len(), 1);
        assert_eq!(lease.manifest, 7);
    }

    #[test]
    fn what_a_dead_reader_left_is_removed_and_other_files_are_not() {
        let (dir, fs) = disk();
        let readers = dir.path().join(READERS_DIR);
        std::fs::create_dir(&readers).unwrap();
        for name in ["7.100.4242.ab.lease", "notes.txt", "x.lease", ".lease", "7.lease"] {
            std::fs::write(readers.join(name), b"").unwrap();
        }
        assert_eq!(pinned(&*fs, dir.path(), 100, 50).unwrap(), [0; 0]);
        assert_eq!(fs.list(&readers).unwrap(), [".lease", "7.lease", "notes.txt", "x.lease"]);
    }

    #[test]
    fn a_lease_that_is_taken_is_never_swept_away() {
        let (dir, fs) = disk();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                for manifest in 0..300 {
                    let lease = Lease::take(&fs, dir.path(), manifest, 0).unwrap().unwrap();
                    assert!(fs.len(&lease.path).unwrap().is_some());
                }
            });
            while !reader.is_finished() {
                pinned(&*fs, dir.path(), 0, 0).unwrap();
            }
        });
    }

    #[test]
    fn on_a_full_disk_there_is_no_lease_and_reading_goes_on() {
        let simulated = SimulatedFs::new();
        simulated.create_dir_all(Path::new("db")).unwrap();
        let fs: SharedFs = Arc::new(simulated.clone());
        for at in 0..2 {
            simulated.fail_at(simulated.operations() + at, Failure::NoSpace, Lasting::Once);
            assert!(Lease::take(&fs, Path::new("db"), 7, 0).unwrap().is_none(), "{at}");
        }
        assert!(Lease::take(&fs, Path::new("db"), 7, 0).unwrap().is_some());
    }

    #[test]
    fn where_no_folder_can_be_made_there_is_an_error() {
        let (dir, fs) = disk();
        std::fs::write(dir.path().join(READERS_DIR), b"a file").unwrap();
        assert!(Lease::take(&fs, dir.path(), 7, 0).is_err());
    }
}
