//! CRC32C and keyed hashes.

/// CRC32C of the bytes.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}
