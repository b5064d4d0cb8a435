//! Users of a chunk who lie close together, in the words that hold them only.

use crate::codec::bits::Bits;
use crate::codec::level::vectorized;

/// Slices begin and end at a multiple of so many words: the width of the widest vectors.
const BLOCK: usize = 8;

/// Users of a chunk in the words from the first of them to the last.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    from: usize,
    words: Box<[u64]>,
}

impl Slice {
    pub(crate) fn of(bits: &Bits) -> Slice {
        let (blocks, _) = bits.0.as_chunks::<BLOCK>();
        let held = |block: &[u64; BLOCK]| block.iter().fold(0, |any, word| any | word) != 0;
        let from = blocks.iter().position(held).unwrap_or(0);
        let to = blocks.iter().rposition(held).map_or(from, |last| last + 1);
        let words = blocks.get(from..to).unwrap_or_default().as_flattened();
        Slice { from: BLOCK * from, words: words.into() }
    }

    /// Nobody, with room for the same words.
    pub(crate) fn cleared(&self) -> Slice {
        Slice { from: self.from, words: vec![0; self.words.len()].into() }
    }

    /// How many words it takes.
    pub(crate) fn words(&self) -> usize {
        self.words.len()
    }

    /// How many users there are.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Calls `visit` with each user, ascending.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u16)) {
        for (word, &bits) in (self.from..).zip(&self.words) {
            let mut left = bits;
            while left != 0 {
                visit((word * 64) as u16 + left.trailing_zeros() as u16); // below 65,536
                left &= left - 1;
            }
        }
    }

    /// The words of a chunk that begin where these do.
    fn of_same_words<'a>(&self, bits: &'a Bits) -> &'a [u64] {
        bits.0.get(self.from..).unwrap_or_default()
    }

    /// `|self & bits|`
    pub(crate) fn count_and(&self, bits: &Bits) -> u64 {
        let pairs = self.words.iter().zip(self.of_same_words(bits));
        vectorized!(pairs.map(|(word, other)| u64::from((word & other).count_ones())).sum())
    }

    /// `self & bits`
    pub(crate) fn and(&self, bits: &Bits) -> Slice {
        let mut both = self.clone();
        let words = both.words.iter_mut().zip(self.of_same_words(bits));
        words.for_each(|(word, other)| *word &= other);
        both
    }

    /// Puts the users into `seen`, a slice of the same words; answers how many were not there.
    pub(crate) fn add_to(&self, seen: &mut Slice) -> u64 {
        vectorized!(add_new(self.words.iter().copied(), seen))
    }

    /// Puts the users of `self & bits` into `seen`, a slice of the same words; answers how many of
    /// them were not there.
    pub(crate) fn count_new(&self, bits: &Bits, seen: &mut Slice) -> u64 {
        let pairs = self.words.iter().zip(self.of_same_words(bits));
        vectorized!(add_new(pairs.map(|(word, other)| word & other), seen))
    }
}

/// ORs words into those of `seen`; answers how many of their bits were not there.
#[inline(always)]
fn add_new(words: impl Iterator<Item = u64>, seen: &mut Slice) -> u64 {
    let mut count = 0;
    for (word, seen) in words.zip(&mut seen.words) {
        count += u64::from((word & !*seen).count_ones());
        *seen |= word;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::level::on_each_level;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn bits(users: &BTreeSet<u16>) -> Bits {
        let mut bits = Bits::EMPTY;
        users.iter().for_each(|&user| bits.insert(user));
        bits
    }

    fn any_users() -> impl Strategy<Value = BTreeSet<u16>> {
        let near = prop_oneof![500u16..900, 2_000u16..2_100, any::<u16>()];
        let few = proptest::collection::btree_set(near, 0..100);
        let dense = (any::<u16>(), 0u16..3_000).prop_map(|(first, more)| {
            (first..=first.saturating_add(more)).collect::<BTreeSet<u16>>()
        });
        prop_oneof![few, dense]
    }

    #[test]
    fn a_slice_is_as_long_as_its_users_are_apart() {
        let words = |users: &[u16]| Slice::of(&bits(&users.iter().copied().collect())).words();
        assert_eq!([words(&[]), words(&[9]), words(&[511, 512])], [0, 8, 16]);
        assert_eq!([words(&[511, 1_024]), words(&[0, 65_535])], [24, 1_024]);
    }

    proptest! {
        #[test]
        fn slices_count_like_sets(
            users in any_users(),
            days in proptest::collection::vec(any_users(), 1..5),
        ) {
            let slice = Slice::of(&bits(&users));
            on_each_level(|| {
                let (mut seen, mut model) = (slice.cleared(), BTreeSet::new());
                for day in &days {
                    let both = &users & day;
                    assert_eq!(slice.count_and(&bits(day)), both.len() as u64);
                    let new = (&both - &model).len() as u64;
                    assert_eq!(slice.count_new(&bits(day), &mut seen), new);
                    model.extend(both);
                }
                let mut later = slice.cleared();
                let back = days.iter().rev().map(|day| slice.and(&bits(day)).add_to(&mut later));
                assert_eq!(back.sum::<u64>(), model.len() as u64);
            });
        }
    }
}
