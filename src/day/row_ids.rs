//! Insert ids of rows: what finds an event that was sent twice.

use serde::{Deserialize, Serialize};

/// Keyed hashes of insert ids, in any order, each with the ordinal of the row's user, so that they
/// can go with that person's rows. Which row it was is not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowIds {
    hashes: Vec<u128>,
    users: Vec<u32>,
}

impl RowIds {
    pub(crate) fn push(&mut self, hash: u128, user: u32) {
        self.hashes.push(hash);
        self.users.push(user);
    }

    pub(crate) fn append(&mut self, other: &RowIds) {
        self.hashes.extend_from_slice(&other.hashes);
        self.users.extend_from_slice(&other.users);
    }

    pub(crate) fn hashes(&self) -> &[u128] {
        &self.hashes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u128, u32)> + '_ {
        self.hashes.iter().copied().zip(self.users.iter().copied())
    }

    /// Ascending by hash, each once.
    pub(super) fn sorted(&self) -> Vec<(u128, u32)> {
        let mut ids: Vec<(u128, u32)> = self.iter().collect();
        ids.sort_unstable();
        ids.dedup_by_key(|(hash, _)| *hash);
        ids
    }

    /// What decoding cannot check.
    pub(super) fn check(&self) -> Result<(), String> {
        let (hashes, users) = (self.hashes.len(), self.users.len());
        if hashes == users { Ok(()) } else { Err(format!("{hashes} insert ids of {users} users")) }
    }

    pub(super) fn memory(&self) -> usize {
        self.hashes.capacity() * 16 + self.users.capacity() * 4
    }
}

impl FromIterator<(u128, u32)> for RowIds {
    fn from_iter<T: IntoIterator<Item = (u128, u32)>>(ids: T) -> RowIds {
        let (hashes, users) = ids.into_iter().unzip();
        RowIds { hashes, users }
    }
}
