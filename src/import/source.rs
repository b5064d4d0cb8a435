//! Opening a source: compression by its first bytes, the fingerprint of what is inside, the format.

use super::options::{ImportFormat, Source, SourceFrom};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::FILE_BYTES_MAX;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::Xxh3;

/// Two to this many bytes are held at most while a zstd file is read: what its own tool takes
/// unless it is told otherwise, however strongly a file was compressed.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Bytes looked at to tell the format.
const HEAD_BYTES: usize = 4_096;
const READ_BYTES: usize = 1 << 18;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How a source's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    Plain,
    Gzip,
    Zstd,
}

/// An opened source: its decompressed bytes, from the first on.
pub(super) struct Opened {
    pub(super) name: Arc<str>,
    pub(super) format: ImportFormat,
    pub(super) packed: Packed,
    /// Where it lies, if it is a file.
    pub(super) path: Option<PathBuf>,
    /// Decompressed bytes read so far.
    pub(super) bytes: u64,
    reader: Box<dyn Read + Send>,
}

/// Bytes of the sources, as stored, that were read so far.
pub(super) type BytesRead = Arc<AtomicU64>;

/// Length of all sources as stored; `None` where one is a stream.
pub(super) fn bytes_total(sources: &[Source]) -> Option<u64> {
    sources.iter().try_fold(0u64, |sum, source| match &source.from {
        SourceFrom::File(path) => Some(sum + path.metadata().ok()?.len()),
        SourceFrom::Reader(_) => None,
    })
}

impl Opened {
    /// Opens a source; `format` overrules what its name and bytes say.
    pub(super) fn open(
        source: Source,
        format: Option<ImportFormat>,
        read: &BytesRead,
    ) -> Result<Opened> {
        let name: Arc<str> = source.name.as_str().into();
        let (raw, path): (Box<dyn Read + Send>, _) = match source.from {
            SourceFrom::Reader(reader) => (reader, None),
            SourceFrom::File(path) => (Box::new(open_file(&path)?), Some(path)),
        };
        let mut raw = Counting { inner: raw, read: Arc::clone(read) };
        let failed = |packed| {
            let name = Arc::clone(&name);
            move |error| read_failed(&name, packed, error)
        };
        let magic = read_head(&mut raw, 4).map_err(failed(Packed::Plain))?;
        let packed = packed_of(&magic);
        let raw = BufReader::with_capacity(READ_BYTES, Cursor::new(magic).chain(raw));
        let mut reader: Box<dyn Read + Send> = match packed {
            Packed::Plain => Box::new(raw),
            Packed::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            Packed::Zstd => Box::new(unzstd(raw).map_err(failed(Packed::Zstd))?),
        };
        let head = read_head(&mut reader, HEAD_BYTES).map_err(failed(packed))?;
        refuse_unreadable(&name, &head)?;
        let format = format.or_else(|| format_by_name(&name)).unwrap_or(format_by_bytes(&head));
        let reader = Box::new(Cursor::new(head).chain(reader));
        Ok(Opened { name, format, packed, path, bytes: 0, reader })
    }

    /// Reads on, adding every byte to the fingerprint.
    pub(super) fn read(&mut self, buffer: &mut [u8], fingerprint: &mut Xxh3) -> Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Ok(count) => {
                    fingerprint.update(buffer.get(..count).unwrap_or_default());
                    self.bytes += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_failed(&self.name, self.packed, error)),
            }
        }
    }
}

#[cfg(feature = "parquet")]
impl Opened {
    /// Reads all of it into a temporary file that loses its name at once.
    pub(super) fn spool(&mut self, dir: &Path, fingerprint: &mut Xxh3) -> Result<File> {
        // Beside an import another one may be read again.
        static SPOOLED: AtomicU64 = AtomicU64::new(0);
        let number = SPOOLED.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("source-{number}.tmp"));
        let failed = |error| Error::io("cannot make the import's temporary file", &path, error);
        let mut options = File::options();
        let options = options.read(true).write(true).create_new(true);
        let mut file = options.open(&path).map_err(failed)?;
        std::fs::remove_file(&path).map_err(failed)?;
        self.copy_to(&mut file, &path, fingerprint)?;
        Ok(file)
    }

    /// Reads all of it, up to the bound of any file, to a writer that has this name.
    pub(super) fn copy_to(
        &mut self,
        to: &mut dyn io::Write,
        path: &Path,
        fingerprint: &mut Xxh3,
    ) -> Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = self.read(&mut buffer, fingerprint)?;
            if count == 0 {
                return Ok(());
            }
            if self.bytes > FILE_BYTES_MAX {
                let message = format!("{} is longer than {FILE_BYTES_MAX} bytes", self.name);
                return Err(Error::new(ErrorKind::Limit, message));
            }
            to.write_all(buffer.get(..count).unwrap_or_default())
                .map_err(|error| Error::io("cannot write", path, error))?;
        }
    }
}

fn open_file(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(|error| Error::io("cannot open", path, error))?;
    let is_dir = file.metadata().is_ok_and(|data| data.is_dir());
    match is_dir {
        true => Err(Error::input(format!("{} is a folder: name its files", path.display()))),
        false => Ok(file),
    }
}

fn read_failed(name: &str, packed: Packed, error: io::Error) -> Error {
    match packed {
        _ if error.raw_os_error().is_some() => Error::io("cannot read", Path::new(name), error),
        Packed::Plain => Error::io("cannot read", Path::new(name), error),
        Packed::Gzip => cut_off(name, "gzip", &error),
        Packed::Zstd => cut_off(name, "zstd", &error),
    }
}

fn cut_off(name: &str, packing: &str, error: &io::Error) -> Error {
    Error::input(format!(
        "{name} is damaged or cut off inside its {packing} data ({error}); nothing was imported"
    ))
}

/// Up to `count` first bytes.
fn unzstd<R: io::BufRead>(raw: R) -> io::Result<zstd::stream::read::Decoder<'static, R>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(raw)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

fn read_head(reader: &mut dyn Read, count: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(count);
    reader.take(count as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn packed_of(magic: &[u8]) -> Packed {
    match magic {
        [0x1f, 0x8b, ..] => Packed::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Packed::Zstd,
        _ => Packed::Plain,
    }
}

fn refuse_unreadable(name: &str, head: &[u8]) -> Result<()> {
    match head {
        [] => Err(Error::input(format!("{name} is empty: it has not even a header"))),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Err(Error::input(format!("{name} is UTF-16: convert it to UTF-8 first")))
        }
        _ => Ok(()),
    }
}

fn format_by_name(name: &str) -> Option<ImportFormat> {
    let name = name.to_ascii_lowercase();
    let inner = [".gz", ".gzip", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end));
    match inner.unwrap_or(&name).rsplit_once('.')?.1 {
        "csv" => Some(ImportFormat::Csv),
        "tsv" => Some(ImportFormat::Tsv),
        "ndjson" | "jsonl" => Some(ImportFormat::Ndjson),
        "parquet" | "pq" => Some(ImportFormat::Parquet),
        _ => None,
    }
}

fn format_by_bytes(head: &[u8]) -> ImportFormat {
    let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
    match text {
        [b'P', b'A', b'R', b'1', ..] => ImportFormat::Parquet,
        [b'{', ..] => ImportFormat::Ndjson,
        _ => {
            let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
            let tabs = line.contains(&b'\t') && !line.contains(&b',');
            if tabs { ImportFormat::Tsv } else { ImportFormat::Csv }
        }
    }
}

/// Counts what goes by.
struct Counting {
    inner: Box<dyn Read + Send>,
    read: BytesRead,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
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

    fn read_all(name: &str, bytes: Vec<u8>) -> Result<(ImportFormat, Vec<u8>, u128)> {
        let source = Source::reader(name, Box::new(Cursor::new(bytes)));
        let mut opened = Opened::open(source, None, &BytesRead::default())?;
        let (mut all, mut buffer, mut hash) = (Vec::new(), [0; 1_000], Xxh3::new());
        loop {
            match opened.read(&mut buffer, &mut hash)? {
                0 => return Ok((opened.format, all, hash.digest128())),
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
    }

    #[test]
    fn neither_name_nor_packing_changes_what_is_read() {
        let text = "user,activity,time\n".repeat(2_000).into_bytes();
        let plain = read_all("a.csv", text.clone()).unwrap();
        assert_eq!(plain.1, text);
        let zstd = zstd::encode_all(&text[..], 3).unwrap();
        let half = text.len() / 2;
        let two_members = [gzip(&text[..half]), gzip(&text[half..])].concat();
        for (name, bytes) in [
            ("stdin", text.clone()),
            ("a.csv.gz", gzip(&text)),
            ("wrongly named.csv.zst", gzip(&text)),
            ("b.csv.zst", zstd),
            ("two", two_members),
        ] {
            assert_eq!(read_all(name, bytes).unwrap(), plain, "{name}");
        }
        assert_ne!(read_all("a.csv", text[1..].to_vec()).unwrap().2, plain.2);
    }

    #[test]
    fn cut_off_and_damaged_sources_are_errors() {
        let text = (0..20_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes());
        let text: Vec<u8> = text.collect();
        for (what, bytes) in
            [("gzip", gzip(&text)), ("zstd", zstd::encode_all(&text[..], 1).unwrap())]
        {
            for length in [10, bytes.len() / 2, bytes.len() - 1] {
                let error = read_all("a.csv", bytes[..length].to_vec()).unwrap_err().to_string();
                assert!(error.contains(what) && error.contains("nothing was imported"), "{error}");
            }
        }
        let error = read_all("a.csv", Vec::new()).unwrap_err();
        assert!(error.to_string().contains("a.csv is empty"));
        assert!(read_all("a", b"\xff\xfeu\0".to_vec()).unwrap_err().to_string().contains("UTF-16"));
        assert!(read_all("a", gzip(b"")).unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn a_zstd_file_names_no_more_memory_than_is_given() {
        let read = |log: u8| {
            // A frame without a size, of a window of two to so many bytes and one empty block.
            let frame =
                vec![0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 0x19, 0, 0, b'a', b',', b'b'];
            read_all("a.csv", frame)
        };
        assert!(read(27).is_ok());
        assert!(read(28).unwrap_err().to_string().contains("memory"));
    }

    #[test]
    fn formats_are_told_by_name_then_by_bytes() {
        let of = |name: &str, head: &str| read_all(name, head.as_bytes().to_vec()).unwrap().0;
        assert_eq!(of("X.CSV", "{"), ImportFormat::Csv);
        assert_eq!(of("x.jsonl.gz", "a,b"), ImportFormat::Ndjson);
        assert_eq!(of("x.pq", "PAR1"), ImportFormat::Parquet);
        assert_eq!(of("-", "PAR1...."), ImportFormat::Parquet);
        assert_eq!(of("-", "\u{feff} {\"user\":1}"), ImportFormat::Ndjson);
        assert_eq!(of("events.txt", "user\tactivity\na,b\tc"), ImportFormat::Tsv);
        assert_eq!(of("-", "user,activity\nb\tc"), ImportFormat::Csv);
    }
}
