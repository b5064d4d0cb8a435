//! The order of rows in a section, sorted on packed integers instead of through pointers.

use super::rows::{DayRows, NO_USER, TIME_BITS};
use std::ops::Range;

/// Bits of one pass of the radix sort, at most: its counters stay in the nearest cache.
const DIGIT_BITS_MAX: u32 = 13;
/// Rows below which comparing is faster than counting.
const RADIX_ROWS_MIN: usize = 2_048;

/// Rows in section order.
#[derive(Debug, Default)]
pub(crate) struct SortedRows {
    /// Row `i` in order is row `order[i]` of the input.
    pub(crate) order: Vec<u32>,
    /// Rank of the activity of each row in order, in the high half, and its user.
    pub(crate) places: Vec<u64>,
}

/// Sorts rows. `ranks`: of every string among the activity names.
///
/// All that orders a row is packed into one integer whose low bits are the row's index, so that
/// sorting is stable and answers the order at once: 64 bits where they suffice, 128 otherwise.
pub(crate) fn sort(rows: &DayRows, ranks: &[u32]) -> SortedRows {
    let bits = KeyBits::of(rows, ranks);
    let keys = rows.activities.iter().zip(&rows.users).zip(&rows.times).enumerate();
    let keys = keys.map(|(row, ((&activity, &user), &time))| {
        let rank = ranks.get(activity as usize).copied().unwrap_or(u32::MAX);
        let time = if bits.time == 0 { 0 } else { time as u64 / bits.time_unit };
        (rank, user.min(bits.no_user), time, row)
    });
    let sorted_bits = bits.index..bits.total();
    if bits.total() <= 64 {
        let keys = keys.map(|(rank, user, time, row)| {
            let place = shl(u64::from(rank), bits.user) | u64::from(user);
            shl(shl(place, bits.time) | time, bits.index) | row as u64
        });
        let digit = |key: u64, shift: u32| (key >> shift) as usize;
        let keys = radix_sort(keys.collect(), digit, sorted_bits);
        let parts = |key: &u64| {
            let row = key & ((1 << bits.index) - 1);
            (row as u32, key.checked_shr(bits.index + bits.time).unwrap_or(0))
        };
        return bits.unpacked(keys.iter().map(parts));
    }
    let keys = keys.map(|(rank, user, time, row)| {
        let place = u128::from(rank) << bits.user | u128::from(user);
        (place << bits.time | u128::from(time)) << bits.index | row as u128
    });
    let digit = |key: u128, shift: u32| (key >> shift) as usize;
    let keys = radix_sort(keys.collect(), digit, sorted_bits);
    let parts = |key: &u128| {
        let row = key & ((1 << bits.index) - 1);
        (row as u32, (key >> (bits.index + bits.time)) as u64)
    };
    bits.unpacked(keys.iter().map(parts))
}

/// A shift by up to all 64 bits.
fn shl(value: u64, bits: u32) -> u64 {
    value.checked_shl(bits).unwrap_or(0)
}

/// Sorts keys whose bits below `bits` ascend already; from the least digit to the greatest, each
/// pass stable. `digit(key, shift)`: the key from a bit on.
fn radix_sort<K: Copy + Ord>(
    mut keys: Vec<K>,
    digit: impl Fn(K, u32) -> usize,
    bits: Range<u32>,
) -> Vec<K> {
    if keys.len() < RADIX_ROWS_MIN {
        keys.sort_unstable();
        return keys;
    }
    let mut other = keys.clone();
    let count = bits.end.saturating_sub(bits.start);
    let digit_bits = count.div_ceil(count.div_ceil(DIGIT_BITS_MAX).max(1)).max(1);
    let mask = (1 << digit_bits) - 1;
    let mut ends = vec![0u32; 1 << digit_bits];
    for shift in bits.step_by(digit_bits as usize) {
        ends.fill(0);
        keys.iter().for_each(|&key| ends[digit(key, shift) & mask] += 1);
        if ends.iter().any(|&count| count as usize == keys.len()) {
            continue;
        }
        let mut next = 0;
        for end in &mut ends {
            (*end, next) = (next, next + *end);
        }
        for &key in &keys {
            let at = &mut ends[digit(key, shift) & mask];
            other[*at as usize] = key;
            *at += 1;
        }
        std::mem::swap(&mut keys, &mut other);
    }
    keys
}

/// How many bits each part of a key takes, from the least significant.
struct KeyBits {
    index: u32,
    time: u32,
    /// Times are divided by this: it divides all of them, or is greater where they do not count.
    time_unit: u64,
    user: u32,
    /// Greatest ordinal plus one stands for "no user".
    no_user: u32,
    rank: u32,
}

fn bits_of(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

impl KeyBits {
    fn of(rows: &DayRows, ranks: &[u32]) -> KeyBits {
        // Rows that came in the order of their times keep it, since the sort is stable.
        let came_in_order = rows.times.is_sorted();
        let time_unit = if came_in_order {
            1 << TIME_BITS
        } else {
            super::unit::coarsest(&rows.times).1 as u64
        };
        let time_max = rows.times.iter().copied().max().unwrap_or(0).max(0) as u64;
        let user_max = rows.users.iter().copied().filter(|&u| u != NO_USER).max().unwrap_or(0);
        let no_user = user_max.saturating_add(1);
        let rank_max = ranks.iter().filter(|&&r| r != u32::MAX).max().copied().unwrap_or(0);
        KeyBits {
            index: bits_of(rows.len() as u64).max(1),
            time: bits_of(time_max / time_unit).min(TIME_BITS),
            time_unit,
            user: bits_of(u64::from(no_user)),
            no_user,
            rank: bits_of(u64::from(rank_max)),
        }
    }

    fn total(&self) -> u32 {
        self.index + self.time + self.user + self.rank
    }

    /// From pairs of row and packed (rank, user).
    fn unpacked(&self, keys: impl ExactSizeIterator<Item = (u32, u64)>) -> SortedRows {
        let mut sorted = SortedRows::default();
        sorted.order.reserve(keys.len());
        sorted.places.reserve(keys.len());
        for (row, place) in keys {
            let user = (place & ((1 << self.user) - 1)) as u32;
            let user = if user == self.no_user { NO_USER } else { user };
            sorted.order.push(row);
            sorted.places.push((place >> self.user) << 32 | u64::from(user));
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn radix_and_comparing_agree(
            rows in prop::collection::vec(
                (0usize..9, any::<u32>(), 0i64..1 << TIME_BITS),
                1..5_000,
            ),
            user_bits in 1u32..32,
            unit in prop::sample::select(vec![1i64, 1_000, 1_000_000]),
            in_order: bool,
        ) {
            let mut rows = rows;
            if in_order {
                rows.sort_by_key(|(_, _, time)| *time / unit);
            }
            let mut day = DayRows::default();
            for (at, (activity, user, time)) in rows.iter().enumerate() {
                let user = if at % 17 == 0 { NO_USER } else { user >> user_bits };
                day.push(user, &b"fbdaghice"[*activity..=*activity], time / unit * unit);
            }
            let (ranks, _) = day.activity_ranks();
            let sorted = sort(&day, &ranks);
            let key = |row: u32| {
                let row = row as usize;
                let place = u64::from(ranks[day.activities[row] as usize]) << 32;
                (place | u64::from(day.users[row]), day.times[row], row)
            };
            let mut expected: Vec<u32> = (0..day.len() as u32).collect();
            expected.sort_by_key(|&row| key(row));
            prop_assert_eq!(&sorted.order, &expected);
            let places: Vec<u64> = expected.iter().map(|&row| key(row).0).collect();
            prop_assert_eq!(sorted.places, places);
        }
    }
}
