//! A file that has its name only once it is whole.

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
    /// renamed, and its name made durable. After a failure nothing has the name, and the `.tmp`
    /// file is removed if the disk still lets it be.
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
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        Ok(())
    }
}

/// The name that a file has until it is whole.
pub(crate) fn tmp_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}
