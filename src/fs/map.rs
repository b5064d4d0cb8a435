//! The bytes of a finished file. The one file with `unsafe`: a map's bytes are plain memory only as
//! long as nobody changes the file.
#![allow(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// The bytes of a finished file: a map of it, or a copy. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bytes {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Map(Arc<memmap2::Mmap>),
    Copy(Arc<Vec<u8>>),
}

impl Bytes {
    pub(crate) fn from_vec(bytes: Vec<u8>) -> Bytes {
        Bytes { source: Source::Copy(Arc::new(bytes)) }
    }

    /// Maps a finished file. It may be removed while it is mapped, but never changed or cut.
    pub(super) fn map(file: &File) -> io::Result<Bytes> {
        // An empty map is an error to some systems.
        if file.metadata()?.len() == 0 {
            return Ok(Bytes::from_vec(Vec::new()));
        }
        // SAFETY: daybit maps files of its own folder only, after they are finished. No code of it
        // changes or cuts a finished file: it writes a new one under another name, and removing
        // a file leaves its maps whole. The map's length is the file's at this moment, and callers
        // compare it, and the checksums, with what was published before they decode. What remains
        // is a stranger who writes into the folder; `RealFs::unmapped` reads files instead.
        let map = unsafe { memmap2::Mmap::map(file)? };
        #[cfg(unix)]
        read_ends_ahead(&map);
        Ok(Bytes { source: Source::Map(Arc::new(map)) })
    }
}

/// What opening a file reads: its header and what lies at its end.
#[cfg(unix)]
const HEAD_BYTES: usize = 4 << 10;
#[cfg(unix)]
const TAIL_BYTES: usize = 64 << 10;

/// Asks for both ends of a file without waiting for them. Where files are mapped before the first
/// of them is opened, a cold disk then reads all at once.
#[cfg(unix)]
fn read_ends_ahead(map: &memmap2::Mmap) {
    for (offset, bytes) in [(0, HEAD_BYTES), (map.len().saturating_sub(TAIL_BYTES), TAIL_BYTES)] {
        // Only a hint: a system that cannot take it reads when the bytes are looked at.
        let _ = map.advise_range(memmap2::Advice::WillNeed, offset, bytes.min(map.len() - offset));
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.source {
            Source::Map(map) => map,
            Source::Copy(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.source {
            Source::Map(_) => "mapped",
            Source::Copy(_) => "copied",
        };
        write!(f, "Bytes({} bytes, {how})", self.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_empty_file_maps_to_no_bytes() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(&*Bytes::map(&file).unwrap(), b"");
    }

    #[test]
    fn a_clone_shares_the_bytes_and_outlives_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"finished").unwrap();
        let bytes = Bytes::map(&File::open(&path).unwrap()).unwrap();
        let clone = bytes.clone();
        assert_eq!(bytes.as_ptr(), clone.as_ptr());
        std::fs::remove_file(&path).unwrap();
        drop(bytes);
        assert_eq!(&*clone, b"finished");
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!("{:?}", Bytes::from_vec(b"ada@example.org".to_vec()));
        assert_eq!(shown, "Bytes(15 bytes, copied)");
    }
}
