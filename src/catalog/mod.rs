//! Settings and definitions, the published snapshot, applied batch ids, leases.

pub(crate) mod index;
pub(crate) mod lease;
pub(crate) mod ledger;
pub(crate) mod manifest;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Keyed hashes of erased ids.
    pub(crate) erased: Vec<u128>,
}

impl Catalog {
    /// Keyed 128-bit hash of an insert id, a batch id or an erased user id; `domain` keeps them apart.
    pub(crate) fn hash(&self, _domain: HashDomain, _bytes: &[u8]) -> u128 {
        todo!()
    }
    /// Sealed bytes of `catalog.N`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        todo!()
    }
    pub(crate) fn decode(_file: &str, _bytes: &[u8]) -> crate::Result<Catalog> {
        todo!()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashDomain {
    InsertId,
    BatchId,
    User,
}
