//! CRC32C and keyed hashes.

/// CRC32C of the bytes.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// CRC32C of the bytes before, whose CRC32C is `sum`, and these.
pub(crate) fn crc_append(sum: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(sum, bytes)
}
