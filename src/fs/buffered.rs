//! Small appends gathered to large ones.

use super::WriteFile;
use std::io;

/// Bytes of one write to the disk.
const CHUNK_BYTES: usize = 256 << 10;

/// A file being written in many small pieces, such as a day file; counts what it was given.
#[derive(Debug)]
pub(crate) struct BufferedFile {
    file: Box<dyn WriteFile>,
    pending: Vec<u8>,
    bytes: u64,
}

impl BufferedFile {
    pub(crate) fn new(file: Box<dyn WriteFile>) -> BufferedFile {
        BufferedFile { file, pending: Vec::new(), bytes: 0 }
    }

    /// Bytes appended so far: the offset of the next one in a file that was new.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn write_pending(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.file.append(&self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }
}

impl WriteFile for BufferedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.pending.len() + bytes.len() > CHUNK_BYTES {
            self.write_pending()?;
        }
        if bytes.len() >= CHUNK_BYTES {
            self.file.append(bytes)?;
        } else {
            self.pending.extend_from_slice(bytes);
        }
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes what is gathered, and syncs. Without it the last bytes are never written.
    fn sync(&mut self) -> io::Result<()> {
        self.write_pending()?;
        self.file.sync()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Debug, Default, Clone)]
    struct Log(Arc<Mutex<Vec<Vec<u8>>>>);

    impl WriteFile for Log {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(())
        }
        fn sync(&mut self) -> io::Result<()> {
            self.append(b"sync")
        }
    }

    #[test]
    fn appends_are_gathered_and_keep_their_order() {
        let log = Log::default();
        let mut file = BufferedFile::new(Box::new(log.clone()));
        let pieces = [1, 1_000, CHUNK_BYTES - 1_001, 1, CHUNK_BYTES, 7, CHUNK_BYTES + 5, 0];
        let mut all = Vec::new();
        for (piece, fill) in pieces.into_iter().zip(1u8..) {
            file.append(&vec![fill; piece]).unwrap();
            all.resize(all.len() + piece, fill);
        }
        assert_eq!(file.bytes(), all.len() as u64);
        file.sync().unwrap();
        let mut written = log.0.lock().unwrap().clone();
        let lengths: Vec<usize> = written.iter().map(Vec::len).collect();
        assert_eq!(lengths, [CHUNK_BYTES, 1, CHUNK_BYTES, 7, CHUNK_BYTES + 5, 4]);
        assert_eq!(written.pop().unwrap(), b"sync");
        assert_eq!(written.concat(), all);
    }
}
