//! Small records: serde through bincode, with a byte limit on both sides.

use serde::{Serialize, de::DeserializeOwned};

/// The record's bytes.
pub(crate) fn encode<T: Serialize>(_record: &T) -> Vec<u8> {
    todo!()
}
/// A record from exactly these bytes; a trailing byte is an error. Never allocates more than a few
/// times `bytes.len()`: the limit is what the bytes can hold.
pub(crate) fn decode<T: DeserializeOwned>(_bytes: &[u8]) -> Result<T, String> {
    todo!()
}

/// A record in its own file or frame: `[magic 8][version u32][length u32][crc32c u32][body]`.
pub(crate) fn seal<T: Serialize>(_magic: &[u8; 8], _version: u32, _record: &T) -> Vec<u8> {
    todo!()
}
/// Checks magic, length and checksum before decoding. `file` names the file in errors; a version
/// above `version` is `NewerFormat`.
pub(crate) fn unseal<T: DeserializeOwned>(
    _file: &str,
    _magic: &[u8; 8],
    _version: u32,
    _bytes: &[u8],
) -> crate::Result<T> {
    todo!()
}
