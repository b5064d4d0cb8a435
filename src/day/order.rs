//! The order of rows in a section, sorted on packed integers instead of through pointers.

use super::rows::{DayRows, TIME_BITS};

/// The rows in section order. `ranks`: of every string among the activity names.
///
/// All that orders a row is packed into one integer whose low bits are the row's index, so that
/// sorting is stable and answers the order at once: 64 bits where they suffice, 128 otherwise.
pub(crate) fn section_order(rows: &DayRows, ranks: &[u32]) -> Vec<u32> {
    let bits = KeyBits::of(rows, ranks);
    let keys = rows.activities.iter().zip(&rows.users).zip(&rows.times).enumerate();
    if bits.total() <= 64 {
        let key = |(row, ((&activity, &user), &time))| bits.pack(ranks, row, activity, user, time);
        let mut keys: Vec<u64> = keys.map(|parts| key(parts) as u64).collect();
        keys.sort_unstable();
        let mask = (1u64 << bits.index) - 1;
        return keys.iter().map(|key| (key & mask) as u32).collect();
    }
    let key = |(row, ((&activity, &user), &time))| bits.pack(ranks, row, activity, user, time);
    let mut keys: Vec<u128> = keys.map(key).collect();
    keys.sort_unstable();
    let mask = (1u128 << bits.index) - 1;
    keys.iter().map(|key| (key & mask) as u32).collect()
}

/// How many bits each part of a key takes, from the least significant.
struct KeyBits {
    index: u32,
    time: u32,
    /// Times are divided by this, which divides all of them.
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
        let time_unit = super::unit::coarsest(&rows.times).1 as u64;
        let time_max = rows.times.iter().copied().max().unwrap_or(0).max(0) as u64;
        let user_max = rows.users.iter().copied().filter(|&u| u != u32::MAX).max().unwrap_or(0);
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

    fn pack(&self, ranks: &[u32], row: usize, activity: u32, user: u32, time: i64) -> u128 {
        let rank = ranks.get(activity as usize).copied().unwrap_or(u32::MAX);
        let user = user.min(self.no_user);
        let mut key = u128::from(rank) << self.user | u128::from(user);
        key = key << self.time | u128::from(time as u64 / self.time_unit);
        key << self.index | row as u128
    }
}
