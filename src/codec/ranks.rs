//! Some of the users of a container, by their numbers among its users.
//!
//! Who did one thing on a day is among those who did anything: beside their container a bit for
//! each of those tells who, or the packed numbers of a few, where a container of its own would take
//! several times as many bytes.

use super::bits::{Bits, Container, Shape};
use super::ints;
use super::level::vectorized;

/// Some of the users of a container, in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranks<'a> {
    all: Container<'a>,
    cardinality: u32,
    ranks: Told<'a>,
}

/// How the users are told.
#[derive(Debug, Clone, Copy)]
enum Told<'a> {
    /// Bit r: the container's user number r is one of them.
    Bits(&'a [u8]),
    /// Their numbers, packed.
    Packed(&'a [u8]),
}

/// How ranks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RanksKind {
    /// A bit for each of the container's users.
    Bits,
    /// Packed numbers: fewer bytes where they are few.
    Packed,
}

/// Appends which of `count` users they are, ascending, in the shorter form.
pub(crate) fn encode(count: usize, ranks: &[i64], out: &mut Vec<u8>) -> RanksKind {
    let from = out.len();
    ints::encode(ranks, out);
    let bytes = count.div_ceil(8);
    // Bits need no unpacking: few bytes less are not worth it.
    if 8 * (out.len() - from) < 7 * bytes {
        return RanksKind::Packed;
    }
    out.truncate(from);
    out.resize(from + bytes, 0);
    for &rank in ranks {
        out[from + rank as usize / 8] |= 1 << (rank % 8);
    }
    RanksKind::Bits
}

impl<'a> Ranks<'a> {
    /// So many of the container's users, in these bytes.
    pub(crate) fn parse(
        kind: RanksKind,
        all: Container<'a>,
        cardinality: u32,
        bytes: &'a [u8],
    ) -> Result<Ranks<'a>, String> {
        let ranks = Ranks::shaped(kind, all, cardinality, bytes)?;
        match ranks.ranks {
            Told::Bits(bits) => ranks.check_bits(bits)?,
            Told::Packed(mut packed) => ranks.check_packed(&mut packed)?,
        }
        Ok(ranks)
    }

    /// Bytes that were parsed before.
    pub(crate) fn shaped(
        kind: RanksKind,
        all: Container<'a>,
        cardinality: u32,
        bytes: &'a [u8],
    ) -> Result<Ranks<'a>, String> {
        let of = all.cardinality();
        let fits = kind == RanksKind::Packed || bytes.len() == (of as usize).div_ceil(8);
        if !fits || !(1..=of).contains(&cardinality) {
            return Err(format!("{cardinality} of {of} users in {} bytes", bytes.len()));
        }
        let ranks = match kind {
            RanksKind::Bits => Told::Bits(bytes),
            RanksKind::Packed => Told::Packed(bytes),
        };
        Ok(Ranks { all, cardinality, ranks })
    }

    fn check_bits(&self, bits: &[u8]) -> Result<(), String> {
        let of = self.all.cardinality();
        let set: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
        let spare = bits.last().is_some_and(|last| !of.is_multiple_of(8) && last >> (of % 8) != 0);
        if set == self.cardinality && !spare {
            return Ok(());
        }
        Err(format!("{set} of {of} users where {} are told", self.cardinality))
    }

    fn check_packed(&self, packed: &mut &[u8]) -> Result<(), String> {
        let ranks = ints::decode(packed, self.cardinality as usize)?;
        let of = i64::from(self.all.cardinality());
        let within = ranks.iter().all(|rank| (0..of).contains(rank));
        if within && ranks.is_sorted_by(|a, b| a < b) && packed.is_empty() {
            return Ok(());
        }
        Err(format!("{} users of {of} that are not among them, or twice", self.cardinality))
    }

    pub(crate) fn cardinality(&self) -> u32 {
        self.cardinality
    }

    /// ORs the users into `bits`.
    pub(crate) fn or_into(&self, bits: &mut Bits) {
        let (Shape::Bitmap(words), Told::Bits(ranks)) = (self.all.shape(), self.ranks) else {
            return self.for_each(|low| bits.insert(low));
        };
        let cursor = Cursor::new(ranks);
        if self.all.cardinality() > ONE_BY_ONE_MAX {
            vectorized!(or_lanes(words, cursor, bits));
        } else {
            vectorized!(or_words(words, cursor, bits));
        }
    }

    /// Calls `visit` with the low 16 bits of each user, ascending.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u16)) {
        match self.all.shape() {
            Shape::Array(values) => self.for_each_rank(|rank| {
                if let Some(value) = values.get(usize::from(rank)) {
                    visit(u16::from_le_bytes(*value));
                }
            }),
            Shape::Bitmap(words) => {
                let (mut select, places) = (Select { words, at: 0, before: 0 }, self.places());
                vectorized!(places.iter().for_each(|rank| _ = select.low(*rank).map(&mut visit)));
            }
            Shape::Runs(runs) => {
                let mut lows = runs.flat_map(|(first, more)| first..=first.saturating_add(more));
                let mut next = 0;
                self.for_each_rank(|rank| {
                    let low = lows.nth(usize::from(rank.wrapping_sub(next)));
                    next = rank.wrapping_add(1);
                    _ = low.map(&mut visit);
                });
            }
        }
    }

    /// Calls `visit` with each user's place among the container's, ascending.
    #[inline(always)]
    pub(crate) fn for_each_rank(&self, mut visit: impl FnMut(u16)) {
        match self.ranks {
            Told::Bits(bits) => {
                let (words, last) = whole_words(bits);
                for (word, base) in words.iter().chain([&last]).zip((0u16..=u16::MAX).step_by(64)) {
                    let mut left = u64::from_le_bytes(*word);
                    while left != 0 {
                        visit(base | left.trailing_zeros() as u16);
                        left &= left - 1;
                    }
                }
            }
            Told::Packed(mut packed) => {
                let all = self.cardinality as usize;
                // They were decoded when they were parsed: no error is left.
                let _ = ints::decode_frames(&mut packed, all, 0..all, |frame| {
                    frame.iter().for_each(|rank| visit(*rank as u16));
                });
            }
        }
    }

    /// Each user's place among the container's, ascending.
    pub(crate) fn places(&self) -> Vec<u16> {
        let Told::Bits(bits) = self.ranks else {
            let mut places = Vec::with_capacity(self.cardinality as usize);
            self.for_each_rank(|rank| places.push(rank));
            return places;
        };
        let mut places = vec![0; self.cardinality as usize];
        let (mut rest, (words, last)) = (places.as_mut_slice(), whole_words(bits));
        vectorized!({
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
        });
        places
    }
}

/// Words of eight bytes, and a last one filled with zeros.
fn whole_words(bits: &[u8]) -> (&[[u8; 8]], [u8; 8]) {
    let (words, rest) = bits.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    (words, last)
}

/// Finds set bits by their number, ascending.
struct Select<'a> {
    words: &'a [[u8; 8]],
    at: u16,
    /// Set bits of the words before.
    before: u32,
}

impl Select<'_> {
    #[inline(always)]
    fn low(&mut self, rank: u16) -> Option<u16> {
        loop {
            let mut word = u64::from_le_bytes(*self.words.get(usize::from(self.at))?);
            let after = self.before + word.count_ones();
            if u32::from(rank) < after {
                for _ in self.before..u32::from(rank) {
                    word &= word - 1;
                }
                return Some(self.at << 6 | word.trailing_zeros() as u16);
            }
            (self.at, self.before) = (self.at + 1, after);
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
    #[inline(always)]
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

/// Users of a bitmap up to which their bits are put into place one by one: with as few as eight a
/// word that is as fast as all at once.
const ONE_BY_ONE_MAX: u32 = 8 * 1_024;

#[inline(always)]
fn or_words(words: &[[u8; 8]], mut ranks: Cursor<'_>, bits: &mut Bits) {
    for (to, word) in bits.0.iter_mut().zip(words) {
        let word = u64::from_le_bytes(*word);
        *to |= deposit_few(ranks.take(word.count_ones()), word);
    }
}

#[inline(always)]
fn or_lanes(words: &[[u8; 8]], mut ranks: Cursor<'_>, bits: &mut Bits) {
    let groups = words.as_chunks::<LANES>().0;
    for (to, words) in bits.0.as_chunks_mut::<LANES>().0.iter_mut().zip(groups) {
        let masks = words.map(u64::from_le_bytes);
        let ranks = masks.map(|mask| ranks.take(mask.count_ones()));
        for (to, users) in to.iter_mut().zip(deposit(ranks, masks)) {
            *to |= users;
        }
    }
}

/// Bit i of `bits` to the place of the i-th set bit of `mask`.
#[inline(always)]
fn deposit_few(mut bits: u64, mut mask: u64) -> u64 {
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

/// Words that `deposit` works on at once.
const LANES: usize = 8;

/// The same in each lane, however many bits there are.
///
/// A bit moves up by as many places as there are zeros below it in the mask: by one, two, four and
/// so on up to 32 where that number says so. Nothing depends on the bits themselves, so that lanes
/// are done together. (`expand` in Warren, Hacker's Delight, 7-5.)
#[inline(always)]
fn deposit(bits: [u64; LANES], masks: [u64; LANES]) -> [u64; LANES] {
    let mut moves = [[0; LANES]; 6];
    let (mut left, mut zeros) = (masks, masks.map(|mask| !mask << 1));
    for (step, moves) in moves.iter_mut().enumerate() {
        for lane in 0..LANES {
            // Set where the number of zeros below is odd.
            let mut odd = zeros[lane] ^ zeros[lane] << 1;
            odd ^= odd << 2;
            odd ^= odd << 4;
            odd ^= odd << 8;
            odd ^= odd << 16;
            odd ^= odd << 32;
            moves[lane] = odd & left[lane];
            left[lane] = left[lane] ^ moves[lane] | moves[lane] >> (1 << step);
            zeros[lane] &= !odd;
        }
    }
    let mut out = bits;
    for (step, moves) in moves.iter().enumerate().rev() {
        for lane in 0..LANES {
            out[lane] = out[lane] & !moves[lane] | out[lane] << (1 << step) & moves[lane];
        }
    }
    std::array::from_fn(|lane| out[lane] & masks[lane])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::codec::level::on_each_level;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Users of each kind of container, and a share of them.
    fn users() -> impl Strategy<Value = (Vec<u16>, Vec<bool>)> {
        let sparse = prop::collection::btree_set(any::<u16>(), 1..300);
        let dense = (any::<u16>(), 4_100u16..20_000, 2u16..4).prop_map(|(start, count, step)| {
            (0..count).map(|i| start.wrapping_add(i.wrapping_mul(step))).collect()
        });
        let runs = prop::collection::vec((any::<u16>(), 1u16..900), 1..9).prop_map(|runs| {
            let values = runs.into_iter().flat_map(|(start, n)| start..=start.saturating_add(n));
            values.collect::<BTreeSet<u16>>()
        });
        prop_oneof![sparse, dense, runs].prop_flat_map(|users| {
            let count = users.len();
            let flags = prop_oneof![Just(2u8), Just(30), Just(200)].prop_flat_map(move |of| {
                prop::collection::vec((0..of).prop_map(|n| n == 0), count)
            });
            (Just(users.into_iter().collect()), flags)
        })
    }

    proptest! {
        #[test]
        fn bits_go_to_the_set_bits_of_the_mask(
            bits in any::<[u64; LANES]>(), masks in any::<[u64; LANES]>(), more in any::<u64>(),
        ) {
            let masks = [masks, masks.map(|mask| mask | more), masks.map(|mask| mask & more)];
            let edges = std::array::from_fn(|lane| [0, u64::MAX, 1, 1 << 63][lane % 4]);
            for masks in masks.into_iter().chain([edges]) {
                let one_by_one = |(bits, mask): (u64, u64)| {
                    let set = (0..64).filter(|place| mask >> place & 1 == 1);
                    let placed = set.enumerate().map(|(rank, place)| (bits >> rank & 1) << place);
                    placed.fold(0, |all, bit| all | bit)
                };
                let expected: Vec<u64> = bits.into_iter().zip(masks).map(one_by_one).collect();
                let few = bits.into_iter().zip(masks).map(|(bits, mask)| deposit_few(bits, mask));
                prop_assert_eq!(few.collect::<Vec<u64>>(), &expected[..]);
                on_each_level(|| assert_eq!(vectorized!(deposit(bits, masks)).to_vec(), expected));
            }
        }
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
            let (mut bytes, numbers) = (Vec::new(), set.iter().map(|rank| *rank as i64));
            let kind = encode(users.len(), &numbers.collect::<Vec<_>>(), &mut bytes);
            prop_assert!(bytes.len() <= users.len().div_ceil(8));
            let parse = |count: usize, bytes| Ranks::parse(kind, all, count as u32, bytes).map(drop);
            let ranks = Ranks::parse(kind, all, set.len() as u32, &bytes).unwrap();
            let expected: Vec<u16> = set.iter().map(|rank| users[*rank]).collect();
            let (mut back, mut of_ranks) = (Vec::new(), Vec::new());
            ranks.for_each(|low| back.push(low));
            ranks.for_each_rank(|rank| of_ranks.push(usize::from(rank)));
            prop_assert_eq!(&back, &expected);
            prop_assert_eq!(of_ranks, set.clone());
            prop_assert!(ranks.places().into_iter().map(usize::from).eq(set.clone()));
            on_each_level(|| {
                let mut bits = Bits::EMPTY;
                ranks.or_into(&mut bits);
                assert_eq!(bits.iter().collect::<Vec<_>>(), expected);
            });
            prop_assert!(parse(users.len() + 1, &bytes).is_err());
            if kind == RanksKind::Bits {
                prop_assert!(parse(set.len() + 1, &bytes).is_err());
                prop_assert!(parse(set.len(), &bytes[1..]).is_err());
            }
        }

        #[test]
        fn any_bits_are_refused_or_read(bits in prop::collection::vec(any::<u8>(), 0..12)) {
            let bytes = [5u16, 9, 10, 700, 701, 702, 65_000, 65_001, 65_535];
            let bytes: Vec<u8> = bytes.iter().flat_map(|low| low.to_le_bytes()).collect();
            let all = Container::parse(0, 9, &bytes).unwrap();
            let kinds = |n| [(n, RanksKind::Bits), (n, RanksKind::Packed)];
            for (count, kind) in (0..12).flat_map(kinds) {
                if let Ok(ranks) = Ranks::parse(kind, all, count, &bits) {
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
        let parse = |bytes| Ranks::parse(RanksKind::Bits, all, 1, bytes).map(drop);
        assert!(parse(&[0, 1]).is_ok());
        assert!(parse(&[0, 2]).unwrap_err().contains("of 9 users"));
    }

    #[test]
    fn a_number_beyond_the_last_user_is_refused() {
        let bytes: Vec<u8> = (0..9u16).flat_map(|low| low.to_le_bytes()).collect();
        let all = Container::parse(0, 9, &bytes).unwrap();
        let parse = |ranks: &[i64]| {
            let mut bytes = Vec::new();
            ints::encode(ranks, &mut bytes);
            Ranks::parse(RanksKind::Packed, all, ranks.len() as u32, &bytes).map(drop)
        };
        assert!(parse(&[0, 8]).is_ok());
        for wrong in [&[0, 9][..], &[3, 3], &[4, 2], &[-1]] {
            assert!(parse(wrong).unwrap_err().contains("not among them"), "{wrong:?}");
        }
    }
}
