//! The table of ids seen since the last flush.
//!
//! A hash table holds only the indexes of the ids and hashes through them, so that an id costs its
//! own bytes and about 14 more.

use super::ids::Ids;
use crate::limits::{USER_ID_BYTES_MAX, USERS_MAX};
use hashbrown::HashTable;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const FIRST_CAPACITY: usize = 1_024;

/// Ids seen since the last flush: ordinals `first..first + len`. Only ever grows; a flush starts a
/// new one.
#[derive(Debug)]
pub(crate) struct LiveUsers {
    first: u32,
    /// Differs from table to table, so that nobody can prepare ids that collide.
    seed: u64,
    ids: Ids,
    /// Indexes (ordinal - first).
    table: HashTable<u32>,
}

impl Default for LiveUsers {
    fn default() -> LiveUsers {
        LiveUsers::new(0)
    }
}

impl LiveUsers {
    /// An empty table that gives `first` to the first id it sees.
    pub(crate) fn new(first: u32) -> LiveUsers {
        let seed = RandomState::new().hash_one(first);
        LiveUsers { first, seed, ids: Ids::default(), table: HashTable::new() }
    }

    /// The ordinal of the first id.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    /// How many ids there are.
    pub(crate) fn len(&self) -> u32 {
        self.ids.len()
    }

    /// The ordinal of an id.
    pub(crate) fn find(&self, id: &[u8]) -> Option<u32> {
        self.find_hashed(self.hash(id), id)
    }

    fn find_hashed(&self, hash: u64, id: &[u8]) -> Option<u32> {
        self.table.find(hash, |&index| self.at(index) == id).map(|index| self.first + index)
    }

    /// The ordinal, giving the next one at first sight; `None` when ordinals have run out.
    pub(crate) fn number(&mut self, id: &[u8]) -> Option<u32> {
        debug_assert!(id.len() <= USER_ID_BYTES_MAX, "ids are checked at the door");
        let hash = self.hash(id);
        if let Some(ordinal) = self.find_hashed(hash, id) {
            return Some(ordinal);
        }
        let index = self.len();
        let ordinal = self.first.checked_add(index).filter(|o| *o < USERS_MAX)?;
        if self.table.len() == self.table.capacity() {
            self.grow();
        }
        self.ids.push(id);
        let (ids, seed) = (&self.ids, self.seed);
        self.table.insert_unique(hash, index, |&i| xxh3_64_with_seed(ids.at(i), seed));
        Some(ordinal)
    }

    /// A table of twice the size, filled in the order of the ids: much faster than a rehash in
    /// the order of the table, which misses the cache at every id.
    fn grow(&mut self) {
        let capacity = (self.table.capacity() * 2).max(FIRST_CAPACITY);
        self.table = HashTable::new();
        let mut table = HashTable::with_capacity(capacity);
        for (index, id) in (0..self.len()).zip(self.iter()) {
            table.insert_unique(self.hash(id), index, |&i| self.hash(self.at(i)));
        }
        self.table = table;
    }

    /// The id of an ordinal.
    pub(crate) fn id(&self, ordinal: u32) -> Option<&[u8]> {
        let index = ordinal.checked_sub(self.first).filter(|index| *index < self.len())?;
        Some(self.at(index))
    }

    /// Ids in order of their ordinals.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        self.ids.iter()
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.ids.memory() + self.table.allocation_size()
    }

    fn at(&self, index: u32) -> &[u8] {
        self.ids.at(index)
    }

    fn hash(&self, id: &[u8]) -> u64 {
        xxh3_64_with_seed(id, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn numbers_like_a_map(
            ids in prop::collection::vec("[a-c]{0,3}", 0..200),
            first in 0u32..9,
        ) {
            let mut live = LiveUsers::new(first);
            let mut model = HashMap::new();
            for id in &ids {
                let next = first + model.len() as u32;
                let expected = *model.entry(id.clone()).or_insert(next);
                prop_assert_eq!(live.number(id.as_bytes()), Some(expected));
            }
            prop_assert_eq!(live.len() as usize, model.len());
            prop_assert_eq!(live.iter().len(), model.len());
            for (ordinal, id) in (first..).zip(live.iter()) {
                prop_assert_eq!(live.find(id), Some(ordinal));
                prop_assert_eq!(live.id(ordinal), Some(id));
            }
            prop_assert_eq!(live.find(b"dddd"), None);
            prop_assert_eq!(live.id(first + live.len()), None);
            prop_assert_eq!(first.checked_sub(1).and_then(|below| live.id(below)), None);
        }
    }

    #[test]
    fn ids_are_found_across_arenas_and_memory_stays_small() {
        let mut live = LiveUsers::new(7);
        for n in 0..200_000u32 {
            assert_eq!(live.number(format!("user-{n:012}").as_bytes()), Some(7 + n));
        }
        for n in (0..200_000u32).step_by(997).chain([65_535, 65_536, 131_071, 131_072]) {
            assert_eq!(live.find(format!("user-{n:012}").as_bytes()), Some(7 + n));
        }
        // 17 bytes each and about 14 of table and ends.
        assert!(live.memory() < 200_000 * 40, "{}", live.memory());
    }

    #[test]
    fn ordinals_end_at_the_limit() {
        let mut live = LiveUsers::new(USERS_MAX - 1);
        assert_eq!(live.number(b"last"), Some(USERS_MAX - 1));
        assert_eq!(live.number(b"one too many"), None);
        assert_eq!(live.number(b"last"), Some(USERS_MAX - 1));
        assert_eq!(LiveUsers::new(USERS_MAX).number(b"none"), None);
    }
}
