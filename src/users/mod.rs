//! External user ids and their dense ordinals, both ways.
//!
//! Ordinals are given in first-seen order and never reused. Sealed files each hold a range of
//! ordinals, in order; ids seen since the last flush live in memory.

pub(crate) mod file;
pub(crate) mod live;

use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use file::{UsersFile, merge_from};
pub(crate) use live::LiveUsers;

/// What MANIFEST keeps of a users file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct UsersFileEntry {
    /// Also the name: `users/0000000012.users`.
    pub(crate) generation: u64,
    pub(crate) first_ordinal: u32,
    pub(crate) count: u32,
    pub(crate) length: u64,
    /// CRC32C of the header (which holds the checksums of the parts).
    pub(crate) checksum: u32,
}

/// The users that a snapshot knows: sealed files and the first part of the live table. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct UsersView {
    /// Ascending by ordinal.
    pub(crate) sealed: Arc<Vec<Arc<UsersFile>>>,
    pub(crate) live: Arc<RwLock<LiveUsers>>,
    /// Ordinals below this one belong to the snapshot.
    pub(crate) count: u32,
}

impl UsersView {
    /// The ordinal of an id, where the snapshot knows it.
    pub(crate) fn find(&self, id: &[u8]) -> crate::Result<Option<u32>> {
        // A writer that panicked left the table whole: it only ever grows.
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner).find(id);
        if let Some(ordinal) = live {
            return Ok(Some(ordinal).filter(|ordinal| *ordinal < self.count));
        }
        for file in self.sealed.iter().rev() {
            if let Some(ordinal) = file.find(id)? {
                return Ok(Some(ordinal).filter(|ordinal| *ordinal < self.count));
            }
        }
        Ok(None)
    }

    /// The id of an ordinal; `None` where the snapshot does not know it.
    pub(crate) fn id(&self, ordinal: u32) -> crate::Result<Option<Vec<u8>>> {
        if ordinal >= self.count {
            return Ok(None);
        }
        let after = self.sealed.partition_point(|file| file.entry().first_ordinal <= ordinal);
        let sealed = match after.checked_sub(1).and_then(|at| self.sealed.get(at)) {
            Some(file) => file.id(ordinal)?,
            None => None,
        };
        if let Some(id) = sealed {
            return Ok(Some(id.to_vec()));
        }
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        Ok(live.id(ordinal).map(<[u8]>::to_vec))
    }
}
