//! Some of the users of a container, as one bit for each of its users in order.
//!
//! Who did one thing on a day is among those who did anything: beside their container a bit each
//! tells who, where a container of its own would take several times as many bytes.

use super::bits::{Bits, Container, Shape};

/// Some of the users of a container, in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranks<'a> {
    all: Container<'a>,
    cardinality: u32,
    /// Bit r: the container's user number r is one of them.
    bits: &'a [u8],
}

/// Appends a bit for each of `count` users; `ranks`: which of them are set, ascending.
pub(crate) fn encode(count: usize, ranks: impl Iterator<Item = usize>, out: &mut Vec<u8>) {
    let from = out.len();
    out.resize(from + count.div_ceil(8), 0);
    for rank in ranks {
        out[from + rank / 8] |= 1 << (rank % 8);
    }
}

impl<'a> Ranks<'a> {
    /// So many of the container's users, in these bytes.
    pub(crate) fn parse(
        all: Container<'a>,
        cardinality: u32,
        bits: &'a [u8],
    ) -> Result<Ranks<'a>, String> {
        let ranks = Ranks::shaped(all, cardinality, bits)?;
        let set: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
        let spare = bits.last().is_some_and(|last| {
            let used = all.cardinality() % 8;
            used > 0 && last >> used != 0
        });
        if set == cardinality && !spare {
            return Ok(ranks);
        }
        Err(format!("{set} of {} users where {cardinality} are told", all.cardinality()))
    }

    /// Bytes that were parsed before.
    pub(crate) fn shaped(
        all: Container<'a>,
        cardinality: u32,
        bits: &'a [u8],
    ) -> Result<Ranks<'a>, String> {
        let bytes = (all.cardinality() as usize).div_ceil(8);
        if bits.len() == bytes && (1..=all.cardinality()).contains(&cardinality) {
            return Ok(Ranks { all, cardinality, bits });
        }
        let of = all.cardinality();
        Err(format!("{cardinality} of {of} users in {} bytes", bits.len()))
    }

    pub(crate) fn cardinality(&self) -> u32 {
        self.cardinality
    }

    /// ORs the users into `bits`.
    pub(crate) fn or_into(&self, bits: &mut Bits) {
        let Shape::Bitmap(words) = self.all.shape() else {
            return self.for_each(|low| bits.insert(low));
        };
        let mut cursor = Cursor::new(self.bits);
        for (to, word) in bits.0.iter_mut().zip(words) {
            let word = u64::from_le_bytes(*word);
            *to |= deposit(cursor.take(word.count_ones()), word);
        }
    }

    /// Calls `visit` with the low 16 bits of each user, ascending.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u16)) {
        let mut cursor = Cursor::new(self.bits);
        match self.all.shape() {
            Shape::Array(values) => self.for_each_rank(|rank| {
                if let Some(value) = values.get(usize::from(rank)) {
                    visit(u16::from_le_bytes(*value));
                }
            }),
            Shape::Bitmap(words) => {
                for (word, w) in words.iter().zip(0u16..) {
                    let word = u64::from_le_bytes(*word);
                    let mut left = deposit(cursor.take(word.count_ones()), word);
                    while left != 0 {
                        visit(w << 6 | left.trailing_zeros() as u16);
                        left &= left - 1;
                    }
                }
            }
            Shape::Runs(runs) => {
                for (first, more) in runs {
                    for low in first..=first.saturating_add(more) {
                        if cursor.take(1) == 1 {
                            visit(low);
                        }
                    }
                }
            }
        }
    }

    /// Each user's place among the container's, ascending.
    pub(crate) fn places(&self) -> Vec<u16> {
        let mut places = vec![0; self.cardinality as usize];
        let (mut rest, (words, last)) = (places.as_mut_slice(), self.words());
        for (word, base) in words.iter().chain([&last]).zip((0u16..=u16::MAX).step_by(64)) {
            let mut word = u64::from_le_bytes(*word);
            let Some((of_word, after)) = rest.split_at_mut_checked(word.count_ones() as usize)
            else {
                break; // bits were parsed before: there are as many as they tell
            };
            for place in of_word {
                *place = base | word.trailing_zeros() as u16;
                word &= word - 1;
            }
            rest = after;
        }
        places
    }

    fn words(&self) -> (&'a [[u8; 8]], [u8; 8]) {
        let (words, rest) = self.bits.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        (words, last)
    }

    /// Calls `visit` with each user's place among the container's, ascending.
    pub(crate) fn for_each_rank(&self, mut visit: impl FnMut(u16)) {
        let (words, last) = self.words();
        for (word, base) in words.iter().chain([&last]).zip((0u16..=u16::MAX).step_by(64)) {
            let mut left = u64::from_le_bytes(*word);
            while left != 0 {
                visit(base | left.trailing_zeros() as u16);
                left &= left - 1;
            }
        }
    }
}

/// Bits that are taken from the front.
struct Cursor<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

impl Cursor<'_> {
    fn new(bytes: &[u8]) -> Cursor<'_> {
        Cursor { bytes, at: 0 }
    }

    /// Up to 64 bits; zeros behind the end.
    fn take(&mut self, count: u32) -> u64 {
        let (byte, shift) = (self.at / 8, (self.at % 8) as u32);
        self.at += count as usize;
        let rest = self.bytes.get(byte..).unwrap_or_default();
        let (low, high) = match rest.first_chunk::<9>() {
            Some([low @ .., high]) => (u64::from_le_bytes(*low), u64::from(*high)),
            None => {
                let mut low = [0; 8];
                let length = rest.len().min(8);
                low[..length].copy_from_slice(&rest[..length]);
                (u64::from_le_bytes(low), 0)
            }
        };
        let bits = low >> shift | high.checked_shl(64 - shift).unwrap_or(0);
        bits & u64::MAX.checked_shr(64 - count).unwrap_or(0)
    }
}

/// Bit i of `bits` to the place of the i-th set bit of `mask`.
#[inline(always)]
fn deposit(mut bits: u64, mut mask: u64) -> u64 {
    let mut out = 0;
    // No branch on a bit: it would be guessed wrong half of the time.
    while bits != 0 {
        let lowest = mask & mask.wrapping_neg();
        out |= lowest & (bits & 1).wrapping_neg();
        mask ^= lowest;
        bits >>= 1;
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Users of each kind of container, and a share of them.
    fn users() -> impl Strategy<Value = (Vec<u16>, Vec<bool>)> {
        let sparse = prop::collection::btree_set(any::<u16>(), 1..300);
        let dense = (any::<u16>(), 4_100u16..9_000, 2u16..7).prop_map(|(start, count, step)| {
            (0..count).map(|i| start.wrapping_add(i.wrapping_mul(step))).collect()
        });
        let runs = prop::collection::vec((any::<u16>(), 1u16..900), 1..9).prop_map(|runs| {
            let values = runs.into_iter().flat_map(|(start, n)| start..=start.saturating_add(n));
            values.collect::<BTreeSet<u16>>()
        });
        prop_oneof![sparse, dense, runs].prop_flat_map(|users| {
            let count = users.len();
            let flags = prop_oneof![Just(2u8), Just(30)].prop_flat_map(move |of| {
                prop::collection::vec((0..of).prop_map(|n| n == 0), count)
            });
            (Just(users.into_iter().collect()), flags)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn some_users_of_a_container_come_back((users, mut flags) in users()) {
            flags[0] |= !flags.contains(&true);
            let mut container = Vec::new();
            let kind = Container::encode(&users, &mut container);
            let all = Container::parse(kind as u8, users.len() as u32, &container).unwrap();
            let set: Vec<usize> = (0..users.len()).filter(|rank| flags[*rank]).collect();
            let mut bytes = Vec::new();
            encode(users.len(), set.iter().copied(), &mut bytes);
            let ranks = Ranks::parse(all, set.len() as u32, &bytes).unwrap();
            let expected: Vec<u16> = set.iter().map(|rank| users[*rank]).collect();
            let (mut back, mut of_ranks, mut bits) = (Vec::new(), Vec::new(), Bits::EMPTY);
            ranks.for_each(|low| back.push(low));
            ranks.for_each_rank(|rank| of_ranks.push(usize::from(rank)));
            ranks.or_into(&mut bits);
            prop_assert_eq!(&back, &expected);
            prop_assert_eq!(of_ranks, set.clone());
            prop_assert!(ranks.places().into_iter().map(usize::from).eq(set.clone()));
            prop_assert_eq!(bits.iter().collect::<Vec<_>>(), expected);
            prop_assert!(Ranks::parse(all, set.len() as u32 + 1, &bytes).is_err());
            prop_assert!(Ranks::parse(all, set.len() as u32, &bytes[1..]).is_err());
        }

        #[test]
        fn any_bits_are_refused_or_read(bits in prop::collection::vec(any::<u8>(), 0..12)) {
            let bytes = [5u16, 9, 10, 700, 701, 702, 65_000, 65_001, 65_535];
            let bytes: Vec<u8> = bytes.iter().flat_map(|low| low.to_le_bytes()).collect();
            let all = Container::parse(0, 9, &bytes).unwrap();
            for count in 0..12 {
                if let Ok(ranks) = Ranks::parse(all, count, &bits) {
                    let mut of = 0;
                    ranks.for_each(|_| of += 1);
                    prop_assert_eq!(of, count);
                }
            }
        }
    }

    #[test]
    fn a_bit_behind_the_last_user_is_refused() {
        let bytes: Vec<u8> = (0..9u16).flat_map(|low| low.to_le_bytes()).collect();
        let all = Container::parse(0, 9, &bytes).unwrap();
        assert!(Ranks::parse(all, 1, &[0, 1]).is_ok());
        assert!(Ranks::parse(all, 1, &[0, 2]).unwrap_err().contains("of 9 users"));
    }
}
