//! Settings and definitions, the published snapshot, applied batch ids, leases.

pub(crate) mod index;
pub(crate) mod lease;
pub(crate) mod ledger;
pub(crate) mod manifest;
pub(crate) mod random;
#[cfg(feature = "sled")]
mod sled_index;

use crate::codec::record;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};
use std::collections::BTreeMap;
use std::hash::Hasher;

/// The first bytes of a catalog file.
pub(crate) const MAGIC: [u8; 8] = *b"DAYBITC\0";

/// The truth that readers read: small, whole, checksummed. `catalog.N`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Catalog {
    /// Canonical IANA name; fixed when the database is made.
    pub(crate) time_zone: String,
    /// Release of the zone rules that the database was made with.
    pub(crate) zone_rules: String,
    /// Key of the hashes of insert ids and batch ids.
    pub(crate) hash_key: [u8; 16],
    /// When it was made, UTC microseconds.
    pub(crate) created: i64,
    /// Saved cohorts: name to the JSON of a set.
    pub(crate) cohorts: BTreeMap<String, String>,
    /// Keyed hashes of erased ids, ascending.
    pub(crate) erased: Vec<u128>,
    /// Ordinals of erased people who still lie in files, ascending.
    pub(crate) erasing: Vec<u32>,
    /// How many ordinals have lost their ids.
    pub(crate) forgotten: u32,
}

impl Catalog {
    /// The catalog of a new database. `key` is random: see [`random::Random`].
    pub(crate) fn new(time_zone: &str, zone_rules: &str, key: u128, created: i64) -> Catalog {
        Catalog {
            time_zone: time_zone.to_owned(),
            zone_rules: zone_rules.to_owned(),
            hash_key: key.to_le_bytes(),
            created,
            cohorts: BTreeMap::new(),
            erased: Vec::new(),
            erasing: Vec::new(),
            forgotten: 0,
        }
    }

    /// Keyed 128-bit hash of an insert id, a batch id or an erased user id; `domain` keeps them
    /// apart.
    pub(crate) fn hash(&self, domain: HashDomain, bytes: &[u8]) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.hash_key);
        hasher.write(&[domain as u8]);
        hasher.write(bytes);
        hasher.finish128().as_u128()
    }

    /// Was the person of this id erased? Nothing of theirs comes in.
    pub(crate) fn is_erased(&self, id: &[u8]) -> bool {
        !self.erased.is_empty() && self.has_erased(self.hash(HashDomain::User, id))
    }

    /// Is this the hash of an erased id?
    pub(crate) fn has_erased(&self, hash: u128) -> bool {
        self.erased.binary_search(&hash).is_ok()
    }

    /// Sealed bytes of `catalog.N`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        record::seal(&MAGIC, self)
    }

    /// The catalog from the bytes of `catalog.N`; `file` names it in errors.
    pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<Catalog> {
        record::unseal(file, &MAGIC, bytes)
    }
}

/// What a keyed hash is of; the codes are hashed, so they are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum HashDomain {
    InsertId = 1,
    BatchId = 2,
    User = 3,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ErrorKind;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new("Europe/Berlin", "2026e", 0x0f0e_0d0c_0b0a, 1_700_000);
        catalog.cohorts.insert("buyers".into(), r#"{"did":"purchase"}"#.into());
        catalog.erased.push(u128::MAX);
        catalog
    }

    #[test]
    fn a_catalog_survives_its_file_and_every_flipped_bit_is_found() {
        let bytes = catalog().encode();
        assert_eq!(Catalog::decode("catalog.3", &bytes).unwrap(), catalog());
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = Catalog::decode("catalog.3", &bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Catalog::decode("catalog.3", &bytes[..length]).is_err());
        }
    }

    #[test]
    fn hashes_depend_on_key_domain_and_bytes_and_never_change() {
        let a = catalog();
        let b = Catalog::new("UTC", "2026e", 1, 0);
        let hash = a.hash(HashDomain::BatchId, b"b-17");
        assert_eq!(hash, 194_886_463_792_963_366_327_948_173_179_690_609_745);
        assert_eq!(hash, catalog().hash(HashDomain::BatchId, b"b-17"));
        assert_ne!(hash, a.hash(HashDomain::InsertId, b"b-17"));
        assert_ne!(hash, a.hash(HashDomain::User, b"b-17"));
        assert_ne!(hash, a.hash(HashDomain::BatchId, b"b-18"));
        assert_ne!(hash, b.hash(HashDomain::BatchId, b"b-17"));
    }
}
