//! Users of a chunk who lie close together, in the words that hold them only.

use crate::codec::bits::Bits;
use crate::codec::level::vectorized;

/// Words of a block: the width of the widest vectors.
const BLOCK: usize = 8;
type Block = [u64; BLOCK];

/// Users of a chunk in the blocks of words from the first of them to the last.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    from: usize,
    blocks: Box<[Block]>,
}

fn blocks(bits: &Bits) -> &[Block] {
    bits.0.as_chunks().0
}

impl Slice {
    pub(crate) fn of(bits: &Bits) -> Slice {
        let all = blocks(bits);
        let held = |block: &Block| block.iter().any(|word| *word != 0);
        let from = all.iter().position(held).unwrap_or(0);
        let to = all.iter().rposition(held).map_or(from, |last| last + 1);
        Slice { from, blocks: all.get(from..to).unwrap_or_default().into() }
    }

    /// Nobody, with room for the same words.
    pub(crate) fn cleared(&self) -> Slice {
        Slice { from: self.from, blocks: vec![[0; BLOCK]; self.blocks.len()].into() }
    }

    /// How many words it takes.
    pub(crate) fn words(&self) -> usize {
        BLOCK * self.blocks.len()
    }

    /// The same words of a chunk.
    #[inline(always)]
    fn of_same_words<'a>(&self, bits: &'a Bits) -> &'a [Block] {
        blocks(bits).get(self.from..).unwrap_or_default()
    }

    /// `|self & bits|`
    pub(crate) fn count_and(&self, bits: &Bits) -> u64 {
        let others = self.of_same_words(bits);
        vectorized!({
            let mut counts = [0; BLOCK];
            for (block, other) in self.blocks.iter().zip(others) {
                for ((count, word), other) in counts.iter_mut().zip(block).zip(other) {
                    *count += u64::from((word & other).count_ones());
                }
            }
            counts.into_iter().sum()
        })
    }

    /// `self & bits`
    pub(crate) fn and(&self, bits: &Bits) -> Slice {
        let mut both = self.clone();
        for (block, other) in both.blocks.iter_mut().zip(self.of_same_words(bits)) {
            block.iter_mut().zip(other).for_each(|(word, other)| *word &= other);
        }
        both
    }

    /// Puts the users into `seen`, a slice of the same words; answers how many were not there.
    pub(crate) fn add_to(&self, seen: &mut Slice) -> u64 {
        vectorized!(add_new(self.blocks.iter().copied(), seen))
    }

    /// Puts the users of `self & bits` into `seen`, a slice of the same words; answers how many of
    /// them were not there.
    pub(crate) fn count_new(&self, bits: &Bits, seen: &mut Slice) -> u64 {
        let pairs = self.blocks.iter().zip(self.of_same_words(bits));
        let both =
            |(block, other): (&Block, &Block)| std::array::from_fn(|at| block[at] & other[at]);
        vectorized!(add_new(pairs.map(both), seen))
    }
}

/// ORs blocks into those of `seen`; answers how many of their bits were not there.
#[inline(always)]
fn add_new(blocks: impl Iterator<Item = Block>, seen: &mut Slice) -> u64 {
    let mut counts = [0; BLOCK];
    for (block, seen) in blocks.zip(&mut seen.blocks) {
        for ((count, word), seen) in counts.iter_mut().zip(block).zip(seen) {
            *count += u64::from((word & !*seen).count_ones());
            *seen |= word;
        }
    }
    counts.into_iter().sum()
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
