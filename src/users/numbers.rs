//! Numbering the ids of an import, many at a time.
//!
//! Parsers find the distinct ids of each block and hash them, on all cores; what is left to do in
//! order, one block after the other, is to look each of them up in a table. The table is far larger
//! than the caches, so that lookups are done in steps over many ids at once: a step's reads of
//! memory do not wait for each other.

use super::file::{UsersFile, hash_seed};
use super::ids::Ids;
use crate::error::Result;
use crate::limits::USERS_MAX;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// In place of an ordinal where they have run out.
pub(crate) const NO_ORDINAL: u32 = u32::MAX;
/// Slots of the smallest table.
const SLOTS_MIN: usize = 1_024;
/// Ids that are looked up step by step together.
const STEP_IDS: usize = 128;

/// The distinct ids of some rows, in the order in which they were met.
#[derive(Debug)]
pub(crate) struct DistinctIds {
    seed: u64,
    bytes: Vec<u8>,
    ends: Vec<u32>,
    hashes: Vec<u64>,
    /// High half: of an id's hash; low half: its index + 1 (0: empty). At most half full.
    slots: Vec<u64>,
}

impl DistinctIds {
    /// `seed`: of the `Numbers` that will number them.
    pub(crate) fn new(seed: u64) -> DistinctIds {
        let (bytes, ends, hashes) = (Vec::new(), Vec::new(), Vec::new());
        DistinctIds { seed, bytes, ends, hashes, slots: vec![0; SLOTS_MIN] }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The index of an id among them, the next one at first sight.
    pub(crate) fn add(&mut self, id: &[u8]) -> u32 {
        self.add_hashed(xxh3_64_with_seed(id, self.seed), id)
    }

    /// The index of each id among them; `NO_ORDINAL` for an empty one.
    pub(crate) fn add_all<'i>(&mut self, ids: impl Iterator<Item = &'i [u8]>) -> Vec<u32> {
        let mut indexes = Vec::with_capacity(ids.size_hint().0);
        let mut ids = ids.peekable();
        let mut step: [&[u8]; STEP_IDS] = [&[]; STEP_IDS];
        while ids.peek().is_some() {
            let mut count = 0;
            for (slot, id) in step.iter_mut().zip(&mut ids) {
                *slot = id;
                count += 1;
            }
            self.add_step(&step[..count], &mut indexes);
        }
        indexes
    }

    /// As `add_all`, for up to `STEP_IDS` ids: hashes, slots and ids known are looked at for all of
    /// them in turn, so that one does not wait for the other.
    fn add_step(&mut self, ids: &[&[u8]], indexes: &mut Vec<u32>) {
        let mut hashes = [0; STEP_IDS];
        for (hash, id) in hashes.iter_mut().zip(ids) {
            *hash = xxh3_64_with_seed(id, self.seed);
        }
        let mut likely = [0; STEP_IDS];
        for (likely, hash) in likely.iter_mut().zip(&hashes[..ids.len()]) {
            *likely = self.likely(*hash);
        }
        let mut known: [&[u8]; STEP_IDS] = [&[]; STEP_IDS];
        for (known, likely) in known.iter_mut().zip(likely).filter(|(_, likely)| *likely > 0) {
            *known = self.at(likely as usize - 1);
        }
        let same: [bool; STEP_IDS] = std::array::from_fn(|i| {
            likely[i] > 0 && ids.get(i).is_some_and(|id| is_same(known[i], id))
        });
        for (i, (id, hash)) in ids.iter().zip(hashes).enumerate() {
            indexes.push(match same[i] {
                true => likely[i] - 1,
                false if id.is_empty() => NO_ORDINAL,
                false => self.add_hashed(hash, id),
            });
        }
    }

    /// One more than the index of the first id whose hash may be this one; 0: there is none.
    #[inline]
    fn likely(&self, hash: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 || slot >> 32 == hash >> 32 {
                return slot as u32;
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    fn add_hashed(&mut self, hash: u64, id: &[u8]) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while let Some(index) = (self.slots[at] as u32).checked_sub(1) {
            if self.slots[at] >> 32 == hash >> 32 && is_same(self.at(index as usize), id) {
                return index;
            }
            at = (at + 1) & mask;
        }
        let index = self.len() as u32; // a block has far fewer rows
        self.slots[at] = hash >> 32 << 32 | u64::from(index + 1);
        self.bytes.extend_from_slice(id);
        self.ends.push(self.bytes.len() as u32); // a block has far fewer bytes
        self.hashes.push(hash);
        if 2 * self.len() > self.slots.len() {
            self.grow();
        }
        index
    }

    fn grow(&mut self) {
        let mask = 4 * self.slots.len() - 1;
        self.slots = vec![0; mask + 1];
        for (&hash, index) in self.hashes.iter().zip(1u64..) {
            let mut at = hash as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = hash >> 32 << 32 | index;
        }
    }

    /// The id at an index.
    pub(crate) fn at(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..self.ends[index] as usize]
    }
}

/// An id that was met: most are short enough to stand in here, so that a look at one is a look at
/// one line of memory.
#[derive(Debug, Clone, Copy)]
struct Met {
    /// The id, or its index among the long ones.
    bytes: [u8; MET_BYTES],
    /// Bytes of the id; `LONG` for those that are longer.
    length: u8,
    ordinal: u32,
}

/// Ids of up to so many bytes stand in their place: `Met` then has 32.
const MET_BYTES: usize = 27;
const LONG: u8 = u8::MAX;
/// Ids met that are allocated together.
const ARENA_IDS: usize = 65_536;

/// The numbering of one import.
#[derive(Debug)]
pub(crate) struct Numbers {
    sealed: Arc<Vec<Arc<UsersFile>>>,
    /// Of the first new id.
    first: u32,
    seed: u64,
    /// All ids met, by index: arenas of `ARENA_IDS`.
    met: Vec<Vec<Met>>,
    /// Those with more bytes than fit.
    long: Ids,
    /// Indexes of those that are new, by ordinal.
    new: Vec<u32>,
    /// High half: of an id's hash; low half: its index + 1 (0: empty). The slots of a table are
    /// ordered by hash, so that a larger one is filled from front to back. At most 3/4 full.
    slots: Vec<u64>,
}

impl Numbers {
    /// New ids get ordinals from `first` on, which follows those of the sealed ones.
    pub(crate) fn new(sealed: Arc<Vec<Arc<UsersFile>>>, first: u32, database: u128) -> Numbers {
        Numbers {
            sealed,
            first,
            seed: hash_seed(database),
            met: Vec::new(),
            long: Ids::default(),
            new: Vec::new(),
            slots: vec![0; SLOTS_MIN],
        }
    }

    /// What the ids to be numbered hash with.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The ordinal of the first new id.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    /// New ids, by ordinal.
    pub(crate) fn new_ids(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        self.new.iter().map(|&index| self.id(self.at(index)))
    }

    /// Ordinals given so far, those of sealed ids included.
    pub(crate) fn count(&self) -> u32 {
        self.first + self.new.len() as u32
    }

    /// What was met at an index that a slot or the count vouches for.
    #[inline]
    fn at(&self, index: u32) -> &Met {
        &self.met[index as usize / ARENA_IDS][index as usize % ARENA_IDS]
    }

    #[inline]
    fn id<'m>(&'m self, met: &'m Met) -> &'m [u8] {
        match met.bytes.get(..usize::from(met.length)) {
            Some(id) => id,
            None => self.long.at(u32::from_le_bytes(std::array::from_fn(|at| met.bytes[at]))),
        }
    }

    /// Ids met.
    fn met(&self) -> u32 {
        match self.met.split_last() {
            Some((last, full)) => (full.len() * ARENA_IDS + last.len()) as u32,
            None => 0,
        }
    }

    fn push(&mut self, id: &[u8], ordinal: u32) {
        let mut met = Met { bytes: [0; MET_BYTES], length: LONG, ordinal };
        match met.bytes.get_mut(..id.len()) {
            Some(bytes) => {
                bytes.copy_from_slice(id);
                met.length = id.len() as u8; // 27 at most
            }
            None => {
                met.bytes[..4].copy_from_slice(&self.long.len().to_le_bytes());
                self.long.push(id);
            }
        }
        if self.met.last().is_none_or(|arena| arena.len() == ARENA_IDS) {
            self.met.push(Vec::new());
        }
        if let Some(arena) = self.met.last_mut() {
            arena.push(met);
        }
    }

    /// Appends the ordinal of each id, in order, new at first sight; `NO_ORDINAL` where they have
    /// run out.
    pub(crate) fn number(&mut self, ids: &DistinctIds, ordinals: &mut Vec<u32>) -> Result<()> {
        debug_assert_eq!(ids.seed, self.seed, "the hashes are of another table");
        for start in (0..ids.len()).step_by(STEP_IDS) {
            let hashes = &ids.hashes[start..ids.len().min(start + STEP_IDS)];
            // The slots come into the cache, then the ids met, then all is compared.
            let mut heads = [0; STEP_IDS];
            for (head, &hash) in heads.iter_mut().zip(hashes) {
                *head = self.slots[slot_of(hash, self.slots.len())];
            }
            std::hint::black_box(&heads);
            let mut known: [Option<&Met>; STEP_IDS] = [None; STEP_IDS];
            for (known, &hash) in known.iter_mut().zip(hashes) {
                *known = self.likely(hash).map(|index| self.at(index));
            }
            let same = std::array::from_fn::<_, STEP_IDS, _>(|i| {
                let met = known[i]?;
                is_same(self.id(met), ids.at(start + i)).then_some(met.ordinal)
            });
            for (i, (&hash, same)) in hashes.iter().zip(same).enumerate() {
                ordinals.push(match same {
                    Some(ordinal) => ordinal,
                    None => self.number_one(hash, ids.at(start + i))?,
                });
            }
        }
        Ok(())
    }

    /// The first id met whose hash may be this one.
    fn likely(&self, hash: u64) -> Option<u32> {
        let mut at = slot_of(hash, self.slots.len());
        loop {
            let slot = self.slots[at];
            if slot == 0 || slot >> 32 == hash >> 32 {
                return (slot as u32).checked_sub(1);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn number_one(&mut self, hash: u64, id: &[u8]) -> Result<u32> {
        let mut at = slot_of(hash, self.slots.len());
        while let Some(index) = (self.slots[at] as u32).checked_sub(1) {
            let met = self.at(index);
            if self.slots[at] >> 32 == hash >> 32 && self.id(met) == id {
                return Ok(met.ordinal);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        let index = self.met();
        let Some(ordinal) = self.sealed_or_new(hash, id, index)? else { return Ok(NO_ORDINAL) };
        self.push(id, ordinal);
        self.slots[at] = hash >> 32 << 32 | u64::from(index + 1);
        if 4 * self.met() as usize > 3 * self.slots.len() {
            self.grow();
        }
        Ok(ordinal)
    }

    fn sealed_or_new(&mut self, hash: u64, id: &[u8], index: u32) -> Result<Option<u32>> {
        for file in self.sealed.iter().rev() {
            if let Some(ordinal) = file.find_hashed(hash, id)? {
                return Ok(Some(ordinal));
            }
        }
        let ordinal = Some(self.count()).filter(|ordinal| *ordinal < USERS_MAX);
        self.new.extend(ordinal.map(|_| index));
        Ok(ordinal)
    }

    fn grow(&mut self) {
        let count = 2 * self.slots.len();
        let old = std::mem::replace(&mut self.slots, vec![0; count]);
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            let mut at = slot_of(slot, count);
            while self.slots[at] != 0 {
                at = (at + 1) & (count - 1);
            }
            self.slots[at] = slot;
        }
    }
}

/// Are two ids the same? Most have 8 to 24 bytes, and are then compared by three words at most.
#[inline]
fn is_same(one: &[u8], two: &[u8]) -> bool {
    let words = |id: &[u8]| {
        let (first, last) = (id.first_chunk::<8>()?, id.last_chunk::<8>()?);
        let middle = id.get(id.len() / 2 - 4..)?.first_chunk::<8>()?;
        Some([*first, *middle, *last])
    };
    match one.len() {
        length if length != two.len() => false,
        8..=24 => words(one) == words(two),
        _ => one == two,
    }
}

/// Where the search for a hash begins: only its high half counts, which the slots hold.
fn slot_of(hash: u64, slots: usize) -> usize {
    ((u128::from(hash >> 32) * slots as u128) >> 32) as usize
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::file::tests::{DATABASE, open};
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn distinct(numbers: &Numbers, ids: &[impl AsRef<[u8]>]) -> DistinctIds {
        let mut distinct = DistinctIds::new(numbers.seed());
        for id in ids {
            let index = distinct.add(id.as_ref()) as usize;
            assert_eq!(distinct.at(index), id.as_ref());
        }
        distinct
    }

    proptest! {
        #[test]
        fn many_at_once_are_indexed_as_one_by_one(
            ids in prop::collection::vec("[a-c]{0,2}|[ab]{8}|[ab]{17}|[ab]{40}", 0..900),
        ) {
            let (mut one_by_one, mut at_once) = (DistinctIds::new(5), DistinctIds::new(5));
            let indexes = at_once.add_all(ids.iter().map(String::as_bytes));
            let one = |id: &String| match id.as_bytes() {
                [] => NO_ORDINAL,
                id => one_by_one.add(id),
            };
            prop_assert_eq!(indexes, ids.iter().map(one).collect::<Vec<_>>());
            prop_assert_eq!(&at_once.bytes, &one_by_one.bytes);
        }

        #[test]
        fn ids_are_the_same_if_all_of_their_bytes_are(one in "[ab]{0,40}", at in 0..40usize) {
            let mut two = one.clone().into_bytes();
            prop_assert!(is_same(one.as_bytes(), &two));
            if let Some(byte) = two.get_mut(at) {
                *byte ^= 1;
                prop_assert!(!is_same(one.as_bytes(), &two));
            }
            let longer = one.clone() + "a";
            prop_assert!(!is_same(one.as_bytes(), longer.as_bytes()));
        }

        #[test]
        fn numbers_like_a_map(blocks in prop::collection::vec(
            prop::collection::vec("[a-d]{1,3}|[ab]{27,28}|[ab]{2}x{40}", 0..300), 0..4)
        ) {
            let sealed = [open(0, &["a", "bb"]), open(2, &["ccc"])].map(Arc::new).to_vec();
            let mut numbers = Numbers::new(Arc::new(sealed), 3, DATABASE);
            let known = [("a", 0), ("bb", 1), ("ccc", 2)];
            let mut model: HashMap<_, u32> =
                known.into_iter().map(|(id, ordinal)| (id.to_owned(), ordinal)).collect();
            for block in &blocks {
                let ids = distinct(&numbers, block);
                let mut ordinals = Vec::new();
                numbers.number(&ids, &mut ordinals).unwrap();
                prop_assert_eq!(ordinals.len(), ids.len());
                let (mut met, mut expected) = (Vec::new(), Vec::new());
                for id in block {
                    if !met.contains(id) {
                        met.push(id.clone());
                        let next = model.len() as u32;
                        expected.push(*model.entry(id.clone()).or_insert(next));
                    }
                }
                prop_assert_eq!(ordinals, expected);
            }
            prop_assert_eq!(numbers.count() as usize, model.len());
            for (ordinal, id) in (3..).zip(numbers.new_ids()) {
                prop_assert_eq!(model.get(std::str::from_utf8(id).unwrap()), Some(&ordinal));
            }
        }
    }

    #[test]
    fn many_ids_come_again_under_their_ordinals() {
        let mut numbers = Numbers::new(Arc::default(), 0, DATABASE);
        let ids: Vec<String> = (0..200_000u32).map(|n| format!("u{n:016x}")).collect();
        for round in 0..2 {
            for (block, from) in ids.chunks(30_000).zip((0u32..).step_by(30_000)) {
                let mut ordinals = Vec::new();
                let ids = distinct(&numbers, block);
                numbers.number(&ids, &mut ordinals).unwrap();
                let expected: Vec<u32> = (from..).take(block.len()).collect();
                assert_eq!(ordinals, expected, "{round}");
            }
        }
        assert_eq!((numbers.count(), numbers.new_ids().len()), (200_000, 200_000));
    }

    #[test]
    fn ordinals_end_at_the_limit() {
        let mut numbers = Numbers::new(Arc::default(), USERS_MAX - 1, DATABASE);
        let ids = distinct(&numbers, &["last", "one too many", "another"]);
        for _ in 0..2 {
            let mut ordinals = Vec::new();
            numbers.number(&ids, &mut ordinals).unwrap();
            assert_eq!(ordinals, [USERS_MAX - 1, NO_ORDINAL, NO_ORDINAL]);
        }
        assert_eq!(numbers.new_ids().collect::<Vec<_>>(), [b"last"]);
    }
}
