//! A file that has its name only once it is whole.

use super::checksum::crc_append;
use super::{BufferedFile, Fs, WriteFile};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// A file being written under its name + `.tmp`.
#[derive(Debug)]
pub(crate) struct NewFile {
    tmp: PathBuf,
    file: BufferedFile,
    checksum: u32,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) length: u64,
    /// CRC32C of the whole file.
    pub(crate) checksum: u32,
}

impl NewFile {
    /// Writes a file of this name: `fill` appends its bytes to a `.tmp` file, which is then synced,
    /// renamed, and its name made durable. A failure before the rename leaves nothing of that
    /// name, and the `.tmp` file is removed if the disk still lets it be.
    pub(crate) fn write(
        fs: &dyn Fs,
        path: &Path,
        fill: impl FnOnce(&mut NewFile) -> Result<()>,
    ) -> Result<Written> {
        let tmp = tmp_path(path);
        let written = NewFile::filled(fs, &tmp, fill).and_then(|written| {
            fs.rename(&tmp, path).map_err(|e| Error::io("cannot rename to", path, e))?;
            Ok(written)
        });
        if written.is_err() {
            // The failure is reported; what stays behind is ignored by readers and cleared at the
            // next open.
            let _ = fs.remove(&tmp);
        }
        let dir = path.parent().unwrap_or(Path::new("."));
        let written = written?;
        fs.sync_dir(dir).map_err(|e| Error::io("cannot sync", dir, e))?;
        Ok(written)
    }

    fn filled(
        fs: &dyn Fs,
        tmp: &Path,
        fill: impl FnOnce(&mut NewFile) -> Result<()>,
    ) -> Result<Written> {
        let file = fs.create(tmp).map_err(|e| Error::io("cannot create", tmp, e))?;
        let (tmp, file) = (tmp.to_path_buf(), BufferedFile::new(file));
        let mut new = NewFile { tmp, file, checksum: 0 };
        fill(&mut new)?;
        new.file.sync().map_err(|e| Error::io("cannot write", &new.tmp, e))?;
        Ok(Written { length: new.file.bytes(), checksum: new.checksum })
    }

    /// Appends bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.append(bytes).map_err(|e| Error::io("cannot write", &self.tmp, e))?;
        self.checksum = crc_append(self.checksum, bytes);
        Ok(())
    }
}

/// The name that a file has until it is whole.
pub(crate) fn tmp_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ErrorKind;
    use crate::fs::simulated::{Failure, Lasting, SimulatedFs};

    fn disk() -> SimulatedFs {
        let fs = SimulatedFs::new();
        fs.create_dir_all(Path::new("db")).unwrap();
        fs.sync_dir(Path::new("")).unwrap();
        fs
    }

    fn write(fs: &SimulatedFs) -> Result<Written> {
        NewFile::write(fs, Path::new("db/f"), |file| {
            file.append(b"1234")?;
            file.append(b"56789")
        })
    }

    #[test]
    fn a_written_file_is_durable_and_known_by_length_and_checksum() {
        let fs = disk();
        // The check value of CRC32C.
        assert_eq!(write(&fs).unwrap(), Written { length: 9, checksum: 0xe306_9283 });
        let after = fs.crash(0);
        assert_eq!(after.read(Path::new("db/f"), 9).unwrap(), b"123456789");
        assert_eq!(after.list(Path::new("db")).unwrap(), ["f"]);
    }

    #[test]
    fn after_a_failure_nothing_is_left() {
        for at in 0..4 {
            let fs = disk();
            fs.fail_at(fs.operations() + at, Failure::NoSpace, Lasting::Once);
            assert_eq!(write(&fs).unwrap_err().kind(), ErrorKind::DiskFull, "{at}");
            assert_eq!(fs.list(Path::new("db")).unwrap(), [""; 0]);
        }
        let fs = disk();
        let refused = |_: &mut NewFile| Err(Error::input("changed my mind"));
        assert!(NewFile::write(&fs, Path::new("db/f"), refused).is_err());
        assert_eq!(fs.list(Path::new("db")).unwrap(), [""; 0]);
    }

    #[test]
    fn a_crash_leaves_the_whole_file_or_none_of_that_name() {
        let fs = disk();
        fs.remember();
        write(&fs).unwrap();
        for operation in 0..=fs.operations() {
            for crashed in fs.at(operation).crashes() {
                if let Ok(bytes) = crashed.read(Path::new("db/f"), 9) {
                    assert_eq!(bytes, b"123456789");
                }
            }
        }
    }
}
