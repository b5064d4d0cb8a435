//! The real disk.

use super::{Bytes, FileLock, Fs, WriteFile};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

/// The operating system's file system.
#[derive(Debug)]
pub(crate) struct RealFs {
    /// Map finished files; read them where this is false.
    map: bool,
}

impl Default for RealFs {
    /// Maps finished files.
    fn default() -> RealFs {
        RealFs { map: true }
    }
}

impl RealFs {
    /// Reads finished files into memory: for network disks, where a map may fail at any access.
    pub(crate) fn unmapped() -> RealFs {
        RealFs { map: false }
    }
}

impl Fs for RealFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // daybit's names are plain text; another name is not one of its files.
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(Some(0)),
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        refuse_above(limit, length)?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        // One byte more, since the file may have grown after its length was asked.
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        refuse_above(limit, bytes.len() as u64)?;
        Ok(bytes)
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        let limit = crate::limits::FILE_BYTES_MAX;
        if !self.map {
            return self.read(path, limit).map(Bytes::from_vec);
        }
        let file = File::open(path)?;
        refuse_above(limit, file.metadata()?.len())?;
        Bytes::map(&file)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(Box::new(RealFile { file }))
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        if len > file.metadata()?.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a file cannot be cut to more than it has",
            ));
        }
        file.set_len(len)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        // The folder of a bare file name is the process's own.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        File::open(dir)?.sync_all()
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
                // Between opening and locking another may have removed the file, and locked a new
                // one of that name: then this lock guards nothing.
                Ok(()) if is_at(&file, path)? => return Ok(Some(Box::new(RealLock { file }))),
                Ok(()) => {}
            }
        }
    }
}

fn refuse_above(limit: u64, length: u64) -> io::Result<()> {
    if length <= limit {
        return Ok(());
    }
    let what = format!("the file has {length} bytes or more, the limit is {limit}");
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

/// Whether the open file is the one that `path` names now.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}

#[derive(Debug)]
struct RealFile {
    file: File,
}

impl WriteFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Goes on after short writes and interruptions, and fails where a write takes nothing.
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // fdatasync also writes the length, since without it the bytes could not be read.
        self.file.sync_data()
    }
}

/// Closing the file lets go of the lock.
#[derive(Debug)]
struct RealLock {
    file: File,
}

/// Closing the file would do, unless another thread is starting a process just now: until that has
/// replaced itself it holds a copy of every open file, and so of the lock.
impl Drop for RealLock {
    fn drop(&mut self) {
        // A failure leaves what closing does.
        let _ = self.file.unlock();
    }
}

impl FileLock for RealLock {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn folder() -> (tempfile::TempDir, RealFs) {
        (tempfile::tempdir().unwrap(), RealFs::default())
    }

    fn write(fs: &dyn Fs, path: &Path, parts: &[&[u8]]) {
        let mut file = fs.create(path).unwrap();
        for part in parts {
            file.append(part).unwrap();
        }
        file.sync().unwrap();
    }

    #[test]
    fn what_was_appended_is_read_and_mapped() {
        let (dir, fs) = folder();
        let path = dir.path().join("f");
        write(&fs, &path, &[b"ab", b"", b"cde"]);
        assert_eq!(fs.read(&path, 5).unwrap(), b"abcde");
        assert_eq!(&*fs.map(&path).unwrap(), b"abcde");
        assert_eq!(&*RealFs::unmapped().map(&path).unwrap(), b"abcde");
        assert_eq!(fs.len(&path).unwrap(), Some(5));
        write(&fs, &path, &[b"new"]);
        assert_eq!(fs.read(&path, 5).unwrap(), b"new");
        let error = fs.read(&path, 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn unmapped_reads_and_default_maps() {
        let (dir, fs) = folder();
        let path = dir.path().join("f");
        write(&fs, &path, &[b"ab"]);
        assert_eq!(format!("{:?}", fs.map(&path).unwrap()), "Bytes(2 bytes, mapped)");
        let copy = RealFs::unmapped().map(&path).unwrap();
        assert_eq!(format!("{copy:?}"), "Bytes(2 bytes, copied)");
    }

    #[test]
    fn names_are_listed_sorted_renamed_and_removed() {
        let (dir, fs) = folder();
        let at = |name: &str| dir.path().join(name);
        fs.create_dir_all(&at("x/y")).unwrap();
        fs.create_dir_all(&at("x/y")).unwrap();
        write(&fs, &at("b.tmp"), &[b"b"]);
        write(&fs, &at("a"), &[b"a"]);
        assert_eq!(fs.list(dir.path()).unwrap(), ["a", "b.tmp", "x"]);
        fs.rename(&at("b.tmp"), &at("a")).unwrap();
        fs.sync_dir(dir.path()).unwrap();
        assert_eq!(fs.read(&at("a"), 9).unwrap(), b"b");
        fs.remove(&at("a")).unwrap();
        fs.remove(&at("a")).unwrap();
        assert_eq!(fs.list(dir.path()).unwrap(), ["x"]);
        assert_eq!(fs.len(&at("a")).unwrap(), None);
        assert_eq!(fs.list(&at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_cut_but_never_lengthened() {
        let (dir, fs) = folder();
        let path = dir.path().join("f");
        write(&fs, &path, &[b"abc"]);
        fs.truncate(&path, 2).unwrap();
        fs.truncate(&path, 2).unwrap();
        assert_eq!(fs.read(&path, 9).unwrap(), b"ab");
        assert_eq!(fs.truncate(&path, 3).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_lock_is_held_by_one_until_it_is_dropped() {
        let (dir, fs) = folder();
        let path = dir.path().join("LOCK");
        let held = fs.try_lock(&path).unwrap();
        assert!(held.is_some());
        assert!(fs.try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(fs.try_lock(&path).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_on_a_removed_file_is_known_to_guard_nothing() {
        let (dir, fs) = folder();
        let path = dir.path().join("LOCK");
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path).unwrap());
        fs.remove(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        File::create(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
    }
}
