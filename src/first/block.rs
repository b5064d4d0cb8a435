//! A block of the index: one activity in one chunk, its users and the first day of each.
//!
//! The users are a container, as in the day files. Their days follow in frames of 1,024 users in
//! the order of the container: the least day (a signed varint), a bit width (one byte), and the
//! days less the least one, packed. Users are numbered when they are first seen, so that the frames
//! of most chunks lie wholly before a day or wholly after it, and need not be unpacked.

use crate::codec::bits::{Bits, Container};
use crate::codec::cursor::{put_signed_varint, signed_varint, take, u8};
use crate::codec::ints::{pack, packed_bytes, unpack, width_of};
use crate::limits::CHUNK_USERS;
use crate::time::Day;
use std::fmt;

/// Users of a full frame.
pub(crate) const FRAME_USERS: usize = 1_024;
/// No first day.
pub(crate) const NEVER: Day = Day::MAX;
/// Bits of the difference between two days.
const WIDTH_MAX: u32 = Day::BITS;

/// The first day of each user of a chunk, at work in memory.
pub(crate) struct Firsts {
    /// How long before `NEVER`: fresh memory is zeros, and costs nothing where nobody is met.
    before_never: Vec<u32>,
    empty: bool,
}

impl Firsts {
    pub(crate) fn new() -> Firsts {
        Firsts { before_never: vec![0; CHUNK_USERS], empty: true }
    }

    pub(crate) fn clear(&mut self) {
        if !std::mem::replace(&mut self.empty, true) {
            self.before_never.fill(0);
        }
    }

    /// Takes in a day of a user; true where it is earlier than all before.
    #[inline]
    pub(crate) fn meet(&mut self, low: u16, day: Day) -> bool {
        self.empty = false;
        let before_never = NEVER.abs_diff(day);
        let first = &mut self.before_never[usize::from(low)];
        let earlier = before_never > *first;
        *first = before_never.max(*first);
        earlier
    }

    /// The user's first day; `NEVER` where there is none.
    pub(crate) fn get(&self, low: u16) -> Day {
        NEVER.wrapping_sub_unsigned(self.before_never[usize::from(low)])
    }

    /// A user whom others know otherwise.
    pub(crate) fn differs(&self, others: &Firsts) -> Option<u16> {
        if self.before_never == others.before_never {
            return None;
        }
        (0..=u16::MAX).find(|low| self.get(*low) != others.get(*low))
    }

    /// The block of these users; `None` of nobody.
    pub(crate) fn block(&self, users: &Bits) -> Option<BuiltBlock> {
        let lows: Vec<u16> = users.iter().collect();
        let mut bytes = Vec::new();
        let kind = Container::encode(&lows, &mut bytes) as u8;
        let presence = u32::try_from(bytes.len()).ok()?;
        for frame in lows.chunks(FRAME_USERS) {
            let days = frame.iter().map(|low| i64::from(self.get(*low)));
            let least = days.clone().min().unwrap_or(0);
            let width = width_of(days.clone().max().unwrap_or(0).wrapping_sub(least) as u64);
            put_signed_varint(least, &mut bytes);
            bytes.push(width as u8);
            pack(days.map(|day| (day - least) as u64), width, &mut bytes);
        }
        let users = u32::try_from(lows.len()).ok().filter(|users| *users > 0)?;
        Some(BuiltBlock { kind, users, presence, bytes })
    }
}

impl fmt::Debug for Firsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.before_never.iter().filter(|days| **days > 0).count();
        write!(f, "Firsts of {known} users")
    }
}

/// A block to be written.
#[derive(Debug)]
pub(crate) struct BuiltBlock {
    pub(super) kind: u8,
    pub(super) users: u32,
    /// Bytes of the container.
    pub(super) presence: u32,
    pub(super) bytes: Vec<u8>,
}

/// A block in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) container: Container<'a>,
    pub(super) frames: &'a [u8],
}

/// Some users' days.
struct Frame<'a> {
    users: usize,
    least: i64,
    width: u32,
    bits: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(input: &mut &'a [u8], users: usize) -> Result<Frame<'a>, String> {
        let (least, width) = (signed_varint(input)?, u32::from(u8(input)?));
        let day = Day::try_from(least).map_err(|_| format!("{least} is no day"))?;
        if width > WIDTH_MAX || i64::from(day) + ((1i64 << width) - 1) >= i64::from(NEVER) {
            return Err(format!("days from {least} on, in {width} bits"));
        }
        Ok(Frame { users, least, width, bits: take(input, packed_bytes(users, width))? })
    }

    /// The latest day that the frame can hold.
    fn most(&self) -> i64 {
        self.least + ((1i64 << self.width) - 1)
    }

    /// The days, less the least one.
    fn unpack<'d>(&self, days: &'d mut [i64; FRAME_USERS]) -> &'d [i64] {
        let (days, _) = days.split_at_mut(self.users.min(FRAME_USERS));
        unpack(self.bits, self.width, days);
        days
    }

    /// Sets a bit for each user with an earlier day, in the frame's order.
    fn before(&self, day: i64, ranks: &mut [u64]) {
        if self.least >= day {
            return;
        }
        if self.most() < day {
            fill(ranks, self.users);
            return;
        }
        let mut days = [0; FRAME_USERS];
        let within = day - self.least;
        for (word, days) in ranks.iter_mut().zip(self.unpack(&mut days).chunks(64)) {
            let bits = days.iter().zip(0u32..);
            *word = bits.fold(0, |word, (day, bit)| word | u64::from(*day < within) << bit);
        }
    }
}

/// Sets the first so many bits.
fn fill(words: &mut [u64], bits: usize) {
    words.iter_mut().take(bits / 64).for_each(|word| *word = u64::MAX);
    if let Some(word) = words.get_mut(bits / 64).filter(|_| !bits.is_multiple_of(64)) {
        *word = low_bits(bits % 64);
    }
}

/// A word with its first bits set: under 64 of them.
fn low_bits(bits: usize) -> u64 {
    (1 << bits) - 1
}

impl Block<'_> {
    fn users(&self) -> usize {
        self.container.cardinality() as usize
    }

    /// Calls `visit` with each user and their first day.
    pub(super) fn each(&self, visit: &mut dyn FnMut(u16, Day)) -> Result<(), String> {
        let (lows, mut input) = (self.container.lows(), self.frames);
        let mut days = [0; FRAME_USERS];
        for lows in lows.chunks(FRAME_USERS) {
            let frame = Frame::read(&mut input, lows.len())?;
            for (low, day) in lows.iter().zip(frame.unpack(&mut days)) {
                visit(*low, (frame.least + day) as Day);
            }
        }
        self.ended(input)
    }

    /// ORs the users with a first day before this one into `bits`; false where there are none.
    pub(super) fn before_into(&self, day: Day, bits: &mut Bits) -> Result<bool, String> {
        let mut ranks = [0u64; CHUNK_USERS / 64];
        let mut input = self.frames;
        let frames = ranks.chunks_mut(FRAME_USERS / 64);
        for (start, ranks) in (0..self.users()).step_by(FRAME_USERS).zip(frames) {
            let users = (self.users() - start).min(FRAME_USERS);
            Frame::read(&mut input, users)?.before(day.into(), ranks);
        }
        self.ended(input)?;
        let found = ranks.iter().map(|word| word.count_ones() as usize).sum::<usize>();
        if found == self.users() {
            self.container.or_into(bits);
        } else if found > 0 {
            let mut present = Box::new(Bits::EMPTY);
            self.container.or_into(&mut present);
            spread(&ranks, &present, bits);
        }
        Ok(found > 0)
    }

    fn ended(&self, input: &[u8]) -> Result<(), String> {
        match input.len() {
            0 => Ok(()),
            left => Err(format!("{left} bytes follow the days of {} users", self.users())),
        }
    }
}

/// ORs into `bits` those of the users whose rank among them is set.
fn spread(ranks: &[u64; CHUNK_USERS / 64], users: &Bits, bits: &mut Bits) {
    let mut rank = 0;
    for (users, into) in users.0.iter().zip(&mut bits.0) {
        let count = users.count_ones() as usize;
        if count == 0 {
            continue;
        }
        let (at, shift) = (rank / 64, rank % 64);
        let next = ranks.get(at + 1).copied().unwrap_or(0);
        let word = u128::from(next) << 64 | u128::from(ranks[at]);
        *into |= deposit((word >> shift) as u64, *users, count);
        rank += count;
    }
}

/// Moves the first `count` bits to where `users` has its bits.
fn deposit(ranks: u64, users: u64, count: usize) -> u64 {
    let mut missing = !ranks & if count == 64 { u64::MAX } else { low_bits(count) };
    // Mostly all of them are there, and few are not.
    let (mut left, mut taken, mut passed) = (users, users, 0);
    while missing != 0 {
        let rank = missing.trailing_zeros();
        while passed < rank {
            left &= left - 1;
            passed += 1;
        }
        taken &= !(left & left.wrapping_neg());
        missing &= missing - 1;
    }
    taken
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn built(users: &BTreeMap<u16, Day>) -> Option<BuiltBlock> {
        let (mut firsts, mut bits) = (Firsts::new(), Bits::EMPTY);
        for (low, day) in users {
            assert!(firsts.meet(*low, *day));
            bits.insert(*low);
        }
        firsts.block(&bits)
    }

    fn block(built: &BuiltBlock) -> Block<'_> {
        let (users, frames) = built.bytes.split_at(built.presence as usize);
        Block { container: Container::parse(built.kind, built.users, users).unwrap(), frames }
    }

    fn seen(block: &Block<'_>, day: Day) -> Vec<u16> {
        let mut bits = Bits::EMPTY;
        let found = block.before_into(day, &mut bits).unwrap();
        let lows: Vec<u16> = bits.iter().collect();
        assert_eq!(found, !lows.is_empty());
        lows
    }

    /// Users here and there, or next to each other; days that ascend with them, or do not.
    fn any_users() -> impl Strategy<Value = BTreeMap<u16, Day>> {
        let days = prop_oneof![-40i32..40, Just(-719_162), Just(2_932_896)];
        let scattered = proptest::collection::btree_map(any::<u16>(), days, 1..80);
        let runs = (0u16..60_000, 1u16..5_000, 1u16..700, -9i32..9).prop_map(
            |(from, count, a_day, day)| {
                (0..count).map(|i| (from + i, day + i32::from(i / a_day))).collect()
            },
        );
        (scattered, runs).prop_map(|(mut users, runs): (_, BTreeMap<u16, Day>)| {
            users.extend(runs);
            users
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_block_tells_who_was_first_seen_when(users in any_users(), day in -50i32..60) {
            let built = built(&users).unwrap();
            let block = block(&built);
            let mut read = BTreeMap::new();
            block.each(&mut |low, day| assert!(read.insert(low, day).is_none())).unwrap();
            prop_assert_eq!(&read, &users);
            for day in [day, Day::MIN, Day::MAX, *users.values().next().unwrap()] {
                let earlier = users.iter().filter(|(_, first)| **first < day);
                let earlier: Vec<u16> = earlier.map(|(low, _)| *low).collect();
                prop_assert_eq!(seen(&block, day), earlier);
            }
        }

        #[test]
        fn strange_bytes_are_an_error_at_most(
            users in any_users(),
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut built = built(&users).unwrap();
            let frames = built.presence as usize;
            let whole = block(&built);
            let part = Block { frames: &whole.frames[..cut.index(whole.frames.len())], ..whole };
            let mut bits = Bits::EMPTY;
            assert!(part.each(&mut |_, _| {}).is_err() && part.before_into(0, &mut bits).is_err());
            for (at, byte) in edits {
                let at = frames + at.index(built.bytes.len() - frames);
                built.bytes[at] = byte;
            }
            let block = block(&built);
            let _ = (block.each(&mut |_, _| {}), block.before_into(0, &mut bits));
        }
    }

    #[test]
    fn nobody_has_no_block_and_everybody_has_a_small_one() {
        assert!(built(&BTreeMap::new()).is_none());
        let everybody = (0..=u16::MAX).map(|low| (low, Day::from(low / 1_024))).collect();
        let built = built(&everybody).unwrap();
        assert_eq!(built.users, 65_536);
        assert!(built.bytes.len() < 200, "{} bytes", built.bytes.len());
        assert_eq!(seen(&block(&built), 3).len(), 3 * 1_024);
    }

    #[test]
    fn the_earliest_day_counts() {
        let mut firsts = Firsts::new();
        assert!(firsts.meet(7, 5) && !firsts.meet(7, 5) && !firsts.meet(7, 6));
        assert!(firsts.meet(7, -5));
        assert_eq!((firsts.get(7), firsts.get(8)), (-5, NEVER));
        firsts.clear();
        assert_eq!(firsts.get(7), NEVER);
    }

    #[test]
    fn days_out_of_bounds_are_refused() {
        for (least, width) in [(i64::MAX, 0), (i64::from(Day::MAX), 0), (0, 33), (0, 31)] {
            let mut bytes = Vec::new();
            put_signed_varint(least, &mut bytes);
            bytes.push(width);
            bytes.extend([0; 8]);
            assert!(Frame::read(&mut bytes.as_slice(), 1).is_err(), "{least} in {width} bits");
        }
    }
}
