//! The bytes of a log: its name, its header, its frames.

use crate::codec::checksum::{crc, crc_append};
use crate::codec::record;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::FRAME_BYTES_MAX;
use serde::Serialize;

/// `[magic 8][version u32][database u128][number u64][first u64][crc32c u32]`.
pub(super) const HEADER_BYTES: usize = 8 + 4 + 16 + 8 + 8 + 4;
/// `[length u32][crc32c u32][sequence u64][durable u64]`, then the body.
pub(super) const FRAME_HEAD_BYTES: usize = 4 + 4 + 8 + 8;
const MAGIC: &[u8; 8] = b"daybitWL";

/// The file name of a log.
pub(crate) fn name(number: u64) -> String {
    format!("{number:010}.wal")
}

/// The number of a log's file name, `None` for names of other files.
pub(super) fn number(file: &str) -> Option<u64> {
    let digits = file.strip_suffix(".wal")?;
    digits.parse().ok().filter(|number| name(*number) == file)
}

/// What a log says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) database: u128,
    pub(super) number: u64,
    /// Sequence of its first frame; all frames before were durable when it was made.
    pub(super) first: u64,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.fields();
        bytes.extend_from_slice(&self.seed().to_le_bytes());
        bytes
    }

    /// The header's checksum, from which those of its frames go on: a frame of another log or
    /// database never fits.
    pub(super) fn seed(&self) -> u32 {
        crc(&self.fields())
    }

    fn fields(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&record::FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.database.to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.first.to_le_bytes());
        bytes
    }

    /// `None` where the file ends with a torn header: it is synced before the first frame follows,
    /// so that only a file without frames can have one.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Option<Header>> {
        let damaged = |offset, what: &str| Error::corruption(file, offset, "header", what);
        let whole = bytes.first_chunk::<HEADER_BYTES>().filter(|head| {
            let (fields, stored) = head.split_at(HEADER_BYTES - 4);
            crc(fields).to_le_bytes() == *stored
        });
        let Some(head) = whole else {
            let torn = bytes.len() <= HEADER_BYTES;
            return if torn { Ok(None) } else { Err(damaged(44, "checksum does not match")) };
        };
        let mut fields = &head[..];
        if take(&mut fields) != Some(*MAGIC) {
            return Err(damaged(0, "it does not start like a log"));
        }
        let version = take(&mut fields).map_or(u32::MAX, u32::from_le_bytes);
        record::check_version(file, version, version)?;
        Ok(take(&mut fields).map(u128::from_le_bytes).and_then(|database| {
            let number = take(&mut fields).map(u64::from_le_bytes)?;
            let first = take(&mut fields).map(u64::from_le_bytes)?;
            Some(Header { database, number, first })
        }))
    }
}

/// A whole frame whose checksum fits; its body is not yet decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawFrame<'a> {
    pub(super) sequence: u64,
    /// Last sequence known to be durable when the frame was written; below `sequence`.
    pub(super) durable: u64,
    pub(super) body: &'a [u8],
}

impl<'a> RawFrame<'a> {
    /// The frame at the front of `bytes`; `None` for anything else.
    pub(super) fn parse(seed: u32, bytes: &'a [u8]) -> Option<RawFrame<'a>> {
        let candidate = Candidate::parse(bytes)?;
        candidate.fits(seed).then_some(candidate.frame)
    }

    /// Bytes of head and body.
    pub(super) fn bytes(&self) -> usize {
        FRAME_HEAD_BYTES + self.body.len()
    }
}

/// What could be a frame, its checksum not yet compared.
pub(super) struct Candidate<'a> {
    pub(super) frame: RawFrame<'a>,
    length: [u8; 4],
    checksum: [u8; 4],
}

impl<'a> Candidate<'a> {
    pub(super) fn parse(mut bytes: &'a [u8]) -> Option<Candidate<'a>> {
        let length: [u8; 4] = take(&mut bytes)?;
        let checksum = take(&mut bytes)?;
        let sequence = take(&mut bytes).map(u64::from_le_bytes)?;
        let durable = take(&mut bytes).map(u64::from_le_bytes)?;
        let body_bytes = usize::try_from(u32::from_le_bytes(length)).ok()?;
        if body_bytes > FRAME_BYTES_MAX - FRAME_HEAD_BYTES || durable >= sequence {
            return None;
        }
        let body = bytes.get(..body_bytes)?;
        Some(Candidate { frame: RawFrame { sequence, durable, body }, length, checksum })
    }

    pub(super) fn fits(&self, seed: u32) -> bool {
        let RawFrame { sequence, durable, body } = self.frame;
        frame_crc(seed, self.length, sequence, durable, body).to_le_bytes() == self.checksum
    }
}

/// The bytes of a frame. `Limit` where the body is too long.
pub(super) fn encode_frame(
    seed: u32,
    sequence: u64,
    durable: u64,
    body: &impl Serialize,
) -> Result<Vec<u8>> {
    let mut bytes = vec![0; FRAME_HEAD_BYTES];
    record::encode_onto(body, &mut bytes);
    let length = body_length(bytes.len())?;
    let checksum = frame_crc(seed, length, sequence, durable, &bytes[FRAME_HEAD_BYTES..]);
    bytes[..4].copy_from_slice(&length);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    bytes[8..16].copy_from_slice(&sequence.to_le_bytes());
    bytes[16..24].copy_from_slice(&durable.to_le_bytes());
    Ok(bytes)
}

/// The length field of a frame of so many bytes.
fn body_length(frame_bytes: usize) -> Result<[u8; 4]> {
    let within = frame_bytes <= FRAME_BYTES_MAX;
    let length = u32::try_from(frame_bytes - FRAME_HEAD_BYTES).ok().filter(|_| within);
    length.map(u32::to_le_bytes).ok_or_else(|| {
        let what = format!(
            "one commit takes {frame_bytes} bytes in the log, the limit is {FRAME_BYTES_MAX}: \
             write smaller batches"
        );
        Error::new(ErrorKind::Limit, what)
    })
}

fn frame_crc(seed: u32, length: [u8; 4], sequence: u64, durable: u64, body: &[u8]) -> u32 {
    let fields = [&length[..], &sequence.to_le_bytes(), &durable.to_le_bytes(), body];
    fields.into_iter().fold(seed, crc_append)
}

/// The next N bytes, moving `input` past them.
fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HEADER: Header = Header { database: 7 << 100, number: 12, first: 345 };

    /// `docs/file-format.md` says what the code does.
    #[test]
    fn the_document_has_the_log_as_it_is() {
        let page = include_str!("../../docs/file-format.md");
        let (_, log) = page.split_once("## The write-ahead log").unwrap();
        let magic = String::from_utf8_lossy(MAGIC);
        let crc_at = HEADER_BYTES - 4;
        for line in [
            format!("| 0 | 8 | magic | `{magic}` |"),
            "| 8 | 4 | version | `FORMAT_VERSION` |".to_string(),
            format!("| {crc_at} | 4 | checksum | of the {crc_at} bytes before it |"),
            format!("| {FRAME_HEAD_BYTES} | | body |"),
        ] {
            assert!(log.contains(&line), "the page does not say {line}");
        }
    }

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!(name(7), "0000000007.wal");
        for n in [0, 7, 9_999_999_999, u64::MAX] {
            assert_eq!(number(&name(n)), Some(n));
        }
        for other in ["7.wal", "+000000007.wal", "0000000007.wal.tmp", "LOCK", ".wal"] {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn a_header_is_whole_torn_or_damaged() {
        let mut bytes = HEADER.encode();
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(Header::parse("f", &bytes).unwrap(), Some(HEADER));
        for length in 0..HEADER_BYTES {
            assert_eq!(Header::parse("f", &bytes[..length]).unwrap(), None);
        }
        bytes.push(0);
        for bit in 0..HEADER_BYTES * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = Header::parse("f", &bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        bytes[8] = 2;
        let checksum = crc(&bytes[..44]).to_le_bytes();
        bytes[44..48].copy_from_slice(&checksum);
        let error = Header::parse("f", &bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NewerFormat);
    }

    #[test]
    fn a_frame_fits_its_own_log_only() {
        let bytes = encode_frame(HEADER.seed(), 345, 344, &"body").unwrap();
        let frame = RawFrame::parse(HEADER.seed(), &bytes).unwrap();
        assert_eq!((frame.sequence, frame.durable, frame.bytes()), (345, 344, bytes.len()));
        let other = Header { number: 13, ..HEADER };
        assert_eq!(RawFrame::parse(other.seed(), &bytes), None);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(RawFrame::parse(HEADER.seed(), &bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn a_frame_has_at_most_the_bytes_of_the_limit() {
        assert!(body_length(FRAME_BYTES_MAX).is_ok());
        let error = body_length(FRAME_BYTES_MAX + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
}
