//! A body of an import, decompressed once and up to a limit, whatever it says it is.

use super::body::Encoding;
use super::problem::Problem;
use axum::http::StatusCode;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::sync::{Arc, Mutex, PoisonError};

/// Why reading ended, in words for the sender: an import knows only that it could not read.
#[derive(Debug, Clone, Default)]
pub struct Fault(Arc<Mutex<Option<Problem>>>);

impl Fault {
    /// Takes the reason out, if there is one.
    pub fn take(&self) -> Option<Problem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, problem: Problem) -> io::Error {
        let error = io::Error::other(format!("{problem:?}"));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
        error
    }
}

/// The decompressed bytes.
pub struct Unpacked {
    reader: Box<dyn Read + Send>,
    encoding: Encoding,
    left: u64,
    max: u64,
    fault: Fault,
}

impl Unpacked {
    /// Reads a file from its beginning. It may be compressed as its encoding says, or as its first
    /// bytes say where it has none; not twice, or what little is in it could become any amount.
    pub fn new(
        mut file: File,
        encoding: Encoding,
        max: u64,
        fault: Fault,
    ) -> Result<Unpacked, Problem> {
        let unread = |cause: io::Error| {
            let message = format!("the body cannot be read back: {cause}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "io", message)
        };
        let head = head(&mut file).map_err(unread)?;
        file.rewind().map_err(unread)?;
        let found = encoding_of(&head);
        if encoding != Encoding::Identity && encoding != found {
            let message = format!("the body is not {encoding:?}, as its Content-Encoding says");
            return Err(Problem::input(message));
        }
        let mut reader = decoder(file, found).map_err(unread)?;
        let inner = head_of(&mut reader, found)?;
        if found != Encoding::Identity && encoding_of(&inner) != Encoding::Identity {
            return Err(Problem::input("the body is compressed twice: once is enough"));
        }
        let reader = Box::new(Cursor::new(inner).chain(reader));
        Ok(Unpacked { reader, encoding: found, left: max, max, fault })
    }

    fn too_large(&self) -> Problem {
        let message = format!(
            "the body has more than {} bytes once decompressed: send it in parts",
            self.max
        );
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "limit", message)
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer).map_err(|cause| match self.encoding {
            Encoding::Identity => cause,
            encoding => self.fault.set(broken(encoding, &cause)),
        })?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(self.fault.set(self.too_large())),
        }
        Ok(count)
    }
}

fn broken(encoding: Encoding, cause: &io::Error) -> Problem {
    Problem::input(format!("the body is not whole in its encoding, {encoding:?}: {cause}"))
}

fn decoder(file: File, encoding: Encoding) -> io::Result<Box<dyn Read + Send>> {
    let file = BufReader::with_capacity(1 << 18, file);
    Ok(match encoding {
        Encoding::Identity => Box::new(file),
        Encoding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Encoding::Zstd => Box::new(zstd::Decoder::with_buffer(file)?),
    })
}

fn head_of(reader: &mut dyn Read, encoding: Encoding) -> Result<Vec<u8>, Problem> {
    head(reader).map_err(|cause| broken(encoding, &cause))
}

/// The first bytes, as many as tell how a file is compressed.
fn head(reader: &mut (impl Read + ?Sized)) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(4);
    reader.take(4).read_to_end(&mut head)?;
    Ok(head)
}

fn encoding_of(head: &[u8]) -> Encoding {
    match head {
        [0x1f, 0x8b, ..] => Encoding::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Encoding::Zstd,
        _ => Encoding::Identity,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    /// What is read of these bytes, or the status that is answered.
    fn read(bytes: &[u8], encoding: Encoding, max: u64) -> Result<Vec<u8>, u16> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let fault = Fault::default();
        let mut read = Vec::new();
        let unpacked = Unpacked::new(file, encoding, max, fault.clone());
        let mut unpacked = unpacked.map_err(|problem| problem.status().as_u16())?;
        match unpacked.read_to_end(&mut read) {
            Ok(_) => Ok(read),
            Err(_) => Err(fault.take().unwrap().status().as_u16()),
        }
    }

    #[test]
    fn compressed_bodies_are_read_up_to_a_limit() {
        let text = b"user,activity,time\n".repeat(1_000);
        let max = text.len() as u64;
        for (bytes, encoding) in [
            (text.clone(), Encoding::Identity),
            (gzip(&text), Encoding::Identity),
            (gzip(&text), Encoding::Gzip),
            (zstd(&text), Encoding::Identity),
            (zstd(&text), Encoding::Zstd),
        ] {
            assert_eq!(read(&bytes, encoding, max).as_ref(), Ok(&text), "{encoding:?}");
            assert_eq!(read(&bytes, encoding, max - 1), Err(413), "{encoding:?}");
        }
        assert_eq!(read(b"", Encoding::Identity, 1), Ok(Vec::new()));
        assert_eq!(read(&gzip(&[]), Encoding::Gzip, 1), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_as_it_says_is_refused() {
        let text = b"user,activity,time\n".repeat(1_000);
        assert_eq!(read(&text, Encoding::Gzip, 1 << 20), Err(400));
        assert_eq!(read(&zstd(&text), Encoding::Gzip, 1 << 20), Err(400));
        assert_eq!(read(&gzip(&gzip(&text)), Encoding::Identity, 1 << 20), Err(400));
        assert_eq!(read(&gzip(&zstd(&text)), Encoding::Gzip, 1 << 20), Err(400));
        for whole in [gzip(&text), zstd(&text)] {
            let cut = &whole[..whole.len() - 6];
            assert_eq!(read(cut, Encoding::Identity, 1 << 20), Err(400));
        }
    }
}
