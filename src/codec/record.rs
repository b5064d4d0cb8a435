//! Small records: serde through bincode, with a byte limit on both sides.

use super::checksum::{crc, crc_append};
use crate::error::{Error, ErrorKind, Result};
use bincode::config;
use bincode::de::read::{Reader, SliceReader};
use bincode::de::{Decoder, DecoderImpl};
use bincode::serde::Compat;
use bincode::{Decode, error::DecodeError};
use serde::{Serialize, de::DeserializeOwned};

/// The version of the format that this code writes, in the head of every file.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// The oldest version whose readers understand what this code writes; also the oldest one that this
/// code reads.
pub(crate) const LEAST_READER: u32 = 1;
/// The longest record of any kind. The limit of bincode is a constant; `decode` narrows it to the
/// input's length by claiming the difference first.
const DECODE_BYTES_MAX: usize = crate::limits::SUMMARY_BYTES_MAX;

/// Magic, version, length, checksum.
const SEAL_BYTES: usize = 8 + 4 + 4 + 4;

/// The record's bytes. Whoever writes them to a file compares their length with the file's limit.
#[cfg(test)]
pub(crate) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_onto(record, &mut bytes);
    bytes
}

/// Appends the record's bytes.
pub(crate) fn encode_onto<T: Serialize>(record: &T, bytes: &mut Vec<u8>) {
    // A Vec takes every byte, and our records have lengths for all their sequences: what remains
    // is a type that bincode cannot write at all, which the first test of that type shows.
    if let Err(error) = bincode::serde::encode_into_std_write(record, bytes, config::legacy()) {
        unreachable!("{} cannot be a record: {error}", std::any::type_name::<T>());
    }
}

/// A record from exactly these bytes; a trailing byte is an error. A text never allocates more than
/// `bytes.len()`, a sequence at most 1 MiB before its elements are read. Records must not hold
/// sequences of elements that take no bytes.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let limit = config::legacy().with_limit::<DECODE_BYTES_MAX>();
    let mut decoder = DecoderImpl::new(SliceReader::new(bytes), limit, ());
    let Some(rest) = DECODE_BYTES_MAX.checked_sub(bytes.len()) else {
        return Err(format!("{} bytes are more than {DECODE_BYTES_MAX}", bytes.len()));
    };
    let told = |error: DecodeError| format!("not a {}: {error}", std::any::type_name::<T>());
    decoder.claim_bytes_read(rest).map_err(told)?;
    let Compat(record) = Compat::<T>::decode(&mut decoder).map_err(told)?;
    match decoder.reader().peek_read(1) {
        None => Ok(record),
        Some(_) => Err(format!("bytes follow the {}", std::any::type_name::<T>())),
    }
}

/// A record in its own file or frame: `[magic 8][version u32][length u32][crc32c u32][body]`.
/// The checksum covers all other bytes, so that a damaged version is not taken for a newer one.
pub(crate) fn seal<T: Serialize>(magic: &[u8; 8], record: &T) -> Vec<u8> {
    seal_as(FORMAT_VERSION, magic, record)
}

/// As a writer of another version would.
pub(crate) fn seal_as<T: Serialize>(version: u32, magic: &[u8; 8], record: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(magic);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    encode_onto(record, &mut bytes);
    // A body beyond 4 GiB gets a length that `unseal` refuses.
    let length = u32::try_from(bytes.len() - SEAL_BYTES).unwrap_or(u32::MAX);
    bytes[12..16].copy_from_slice(&length.to_le_bytes());
    let checksum = sealed_crc(&bytes[..16], &bytes[SEAL_BYTES..]);
    bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Checks magic, length, checksum and version before decoding. `file` names the file in errors.
pub(crate) fn unseal<T: DeserializeOwned>(file: &str, magic: &[u8; 8], bytes: &[u8]) -> Result<T> {
    let damaged = |offset, what: String| Error::corruption(file, offset, "record", what);
    let Some((head, body)) = bytes.split_first_chunk::<SEAL_BYTES>() else {
        return Err(damaged(0, format!("{} bytes are too few", bytes.len())));
    };
    let [m @ .., v0, v1, v2, v3, l0, l1, l2, l3, c0, c1, c2, c3] = *head;
    if m != *magic {
        return Err(damaged(0, "it does not start like a file of its kind".into()));
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if usize::try_from(length) != Ok(body.len()) {
        return Err(damaged(12, format!("length is {length}, but {} bytes follow", body.len())));
    }
    if sealed_crc(&head[..16], body) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(damaged(16, "checksum does not match".into()));
    }
    let version = u32::from_le_bytes([v0, v1, v2, v3]);
    check_version(file, version, version)?;
    decode(body).map_err(|what| damaged(20, what))
}

/// Refuses a file that this code does not read: its writer's version, and the oldest version whose
/// readers understand it.
pub(crate) fn check_version(file: &str, version: u32, least_reader: u32) -> Result<()> {
    let refused = |kind, way: String| {
        Err(Error::new(kind, format!("{file} has format {version}, {way}; nothing was changed")))
    };
    if least_reader > FORMAT_VERSION {
        let way = format!("this daybit reads up to {FORMAT_VERSION}: use a newer daybit");
        return refused(ErrorKind::NewerFormat, way);
    }
    if version < LEAST_READER {
        let way = format!(
            "of the time before formats were settled, and this daybit reads from {LEAST_READER} \
             on: import the sources into a new database"
        );
        return refused(ErrorKind::OlderFormat, way);
    }
    Ok(())
}

fn sealed_crc(head: &[u8], body: &[u8]) -> u32 {
    crc_append(crc(head), body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    const MAGIC: &[u8; 8] = b"daybitT\0";

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Part {
        Empty,
        One(i64),
        Two { text: String, number: u128 },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Record {
        name: String,
        flag: Option<bool>,
        key: [u8; 16],
        ids: Vec<Vec<u8>>,
        parts: Vec<Part>,
        by_name: BTreeMap<String, String>,
    }

    fn part() -> impl Strategy<Value = Part> {
        prop_oneof![
            Just(Part::Empty),
            any::<i64>().prop_map(Part::One),
            (".{0,8}", any::<u128>()).prop_map(|(text, number)| Part::Two { text, number }),
        ]
    }

    fn record() -> impl Strategy<Value = Record> {
        let ids = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..5);
        let parts = prop::collection::vec(part(), 0..5);
        let by_name = prop::collection::btree_map(".{0,5}", ".{0,5}", 0..4);
        (".{0,12}", any::<Option<bool>>(), any::<[u8; 16]>(), ids, parts, by_name).prop_map(
            |(name, flag, key, ids, parts, by_name)| Record {
                name,
                flag,
                key,
                ids,
                parts,
                by_name,
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_sealed_is_unsealed(record in record()) {
            prop_assert_eq!(&decode::<Record>(&encode(&record)).unwrap(), &record);
            let bytes = seal(MAGIC, &record);
            prop_assert_eq!(&unseal::<Record>("f", MAGIC, &bytes).unwrap(), &record);
        }

        #[test]
        fn every_flipped_bit_of_a_sealed_record_is_found(record in record()) {
            let bytes = seal(MAGIC, &record);
            for bit in 0..bytes.len() * 8 {
                let mut bytes = bytes.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let error = unseal::<Record>("f", MAGIC, &bytes).unwrap_err();
                prop_assert_eq!(error.kind(), ErrorKind::Corruption, "bit {}", bit);
            }
        }

        #[test]
        fn every_truncation_and_every_longer_input_is_refused(record in record()) {
            let plain = encode(&record);
            for length in 0..plain.len() {
                prop_assert!(decode::<Record>(&plain[..length]).is_err());
            }
            let mut sealed = seal(MAGIC, &record);
            for length in 0..sealed.len() {
                prop_assert!(unseal::<Record>("f", MAGIC, &sealed[..length]).is_err());
            }
            sealed.push(0);
            prop_assert!(unseal::<Record>("f", MAGIC, &sealed).is_err());
            let longer = [&plain[..], &[0]].concat();
            prop_assert!(decode::<Record>(&longer).unwrap_err().contains("bytes follow"));
        }

        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Record>(&bytes);
            let _ = unseal::<Record>("f", MAGIC, &bytes);
        }
    }

    #[test]
    fn a_hostile_length_is_refused_before_it_is_allocated() {
        for length in [9, 1 << 20, 900 << 20, 1 << 40, u64::MAX] {
            let bytes = [&length.to_le_bytes()[..], b"12345678"].concat();
            let error = decode::<String>(&bytes).unwrap_err();
            assert!(error.contains("LimitExceeded"), "{length}: {error}");
            assert!(decode::<Vec<u8>>(&bytes).is_err());
            assert!(decode::<Vec<Vec<u64>>>(&bytes).is_err());
            assert!(decode::<BTreeMap<String, u8>>(&bytes).is_err());
        }
        let bytes = [&8u64.to_le_bytes()[..], b"12345678"].concat();
        assert_eq!(decode::<String>(&bytes).unwrap(), "12345678");
    }

    #[test]
    fn another_version_is_told_from_damage_and_from_another_kind() {
        let newer = seal_as(FORMAT_VERSION + 1, MAGIC, &7u8);
        let error = unseal::<u8>("MANIFEST.9", MAGIC, &newer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NewerFormat);
        assert!(error.to_string().contains("MANIFEST.9 has format 2"));
        let older = unseal::<u8>("MANIFEST.9", MAGIC, &seal_as(0, MAGIC, &7u8)).unwrap_err();
        assert_eq!(older.kind(), ErrorKind::OlderFormat);
        assert!(older.to_string().contains("import the sources into a new database"));
        let error = unseal::<u8>("f", b"another\0", &newer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption);
    }

    #[test]
    fn bytes_on_disk_stay_what_they_are() {
        let bytes = seal_as(1, MAGIC, &(1u16, Some(2u32), "ab"));
        let body = [1, 0, 1, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b'];
        assert_eq!(&bytes[..16], b"daybitT\0\x01\0\0\0\x11\0\0\0");
        assert_eq!(&bytes[20..], body);
    }
}
