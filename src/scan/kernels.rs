//! Word operations on one chunk's bits: the hot loops of every report.
//!
//! Each is a plain loop over 1,024 words, which runs with the best instructions of the machine.

use crate::codec::bits::Bits;
use crate::codec::level::vectorized;

#[inline(always)]
fn zip_into(into: &mut Bits, from: &Bits, f: impl Fn(u64, u64) -> u64) {
    vectorized!({
        for (a, &b) in into.0.iter_mut().zip(&from.0) {
            *a = f(*a, b);
        }
    });
}

/// `into |= from`
pub(crate) fn or(into: &mut Bits, from: &Bits) {
    zip_into(into, from, |a, b| a | b);
}

/// `into &= from`
pub(crate) fn and(into: &mut Bits, from: &Bits) {
    zip_into(into, from, |a, b| a & b);
}

/// `into &= !from`
pub(crate) fn and_not(into: &mut Bits, from: &Bits) {
    zip_into(into, from, |a, b| a & !b);
}

/// Every bit turned over.
pub(crate) fn not(bits: &mut Bits) {
    bits.0.iter_mut().for_each(|word| *word = !*word);
}

pub(crate) fn is_empty(bits: &Bits) -> bool {
    bits.0.as_chunks::<8>().0.iter().all(|block| block.iter().fold(0, |any, word| any | word) == 0)
}

pub(crate) fn count(bits: &Bits) -> u64 {
    vectorized!(bits.0.iter().map(|word| u64::from(word.count_ones())).sum())
}

#[inline(always)]
fn count_zip(a: &Bits, b: &Bits, f: impl Fn(u64, u64) -> u64) -> u64 {
    vectorized!(a.0.iter().zip(&b.0).map(|(&a, &b)| u64::from(f(a, b).count_ones())).sum())
}

/// `|a & b|`
pub(crate) fn count_and(a: &Bits, b: &Bits) -> u64 {
    count_zip(a, b, |a, b| a & b)
}

/// `|a | b|`
pub(crate) fn count_or(a: &Bits, b: &Bits) -> u64 {
    count_zip(a, b, |a, b| a | b)
}

/// `|a & !b|`
pub(crate) fn count_and_not(a: &Bits, b: &Bits) -> u64 {
    count_zip(a, b, |a, b| a & !b)
}

/// `into = a | b`
pub(crate) fn union(into: &mut Bits, a: &Bits, b: &Bits) {
    vectorized!({
        for ((into, &a), &b) in into.0.iter_mut().zip(&a.0).zip(&b.0) {
            *into = a | b;
        }
    });
}

/// `into |= bits`, answering the bits that were not there: `bits & !into`.
pub(crate) fn first_seen(into: &mut Bits, bits: &Bits, new: &mut Bits) {
    vectorized!({
        for ((seen, &now), new) in into.0.iter_mut().zip(&bits.0).zip(&mut new.0) {
            *new = now & !*seen;
            *seen |= now;
        }
    });
}

/// Counts of users between two periods.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flows {
    /// Active now.
    pub(crate) active: u64,
    /// Active now, and never seen before.
    pub(crate) new: u64,
    /// Active now and before.
    pub(crate) retained: u64,
    /// Active in the period before.
    pub(crate) before: u64,
}

/// What `now` brings, given everybody `seen` earlier and those active `before`.
pub(crate) fn flows(now: &Bits, seen: &Bits, before: &Bits) -> Flows {
    vectorized!({
        let mut flows = Flows::default();
        for ((&now, &seen), &before) in now.0.iter().zip(&seen.0).zip(&before.0) {
            flows.active += u64::from(now.count_ones());
            flows.new += u64::from((now & !seen).count_ones());
            flows.retained += u64::from((now & before).count_ones());
            flows.before += u64::from(before.count_ones());
        }
        flows
    })
}

/// Users in each of the seven states of a day, and how many of the first four come back the day
/// after.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct States {
    /// New, current, reactivated, resurrected, at risk this week, at risk this month, dormant.
    pub(crate) users: [u64; 7],
    /// Of the new, current, reactivated, resurrected.
    pub(crate) back: [u64; 4],
}

/// What the states of a day rest on.
pub(crate) struct StateInputs<'a> {
    pub(crate) today: &'a Bits,
    /// Active on any earlier day.
    pub(crate) seen: &'a Bits,
    /// Active in the short window before today.
    pub(crate) week: &'a Bits,
    /// Active in the long window before today: holds `week`.
    pub(crate) month: &'a Bits,
    pub(crate) tomorrow: &'a Bits,
}

/// Sorts everybody who was ever seen into the seven states.
pub(crate) fn states(inputs: &StateInputs<'_>) -> States {
    let [today, seen, week, month, tomorrow] =
        [inputs.today, inputs.seen, inputs.week, inputs.month, inputs.tomorrow].map(|bits| &bits.0);
    vectorized!({
        let mut states = States::default();
        for at in 0..1_024 {
            let (now, silent) = (today[at] & seen[at], seen[at] & !today[at]);
            let (week, month) = (week[at], month[at]);
            let present = [today[at] & !seen[at], now & week, now & !week & month, now & !month];
            let absent = [silent & week, silent & !week & month, silent & !month];
            for (count, word) in states.users.iter_mut().zip(present.iter().chain(&absent)) {
                *count += u64::from(word.count_ones());
            }
            for (count, word) in states.back.iter_mut().zip(present) {
                *count += u64::from((word & tomorrow[at]).count_ones());
            }
        }
        states
    })
}

/// Calls `visit` with the low 16 bits of each user, ascending.
#[inline]
pub(crate) fn for_each(bits: &Bits, mut visit: impl FnMut(u16)) {
    for (&word, base) in bits.0.iter().zip((0u16..).step_by(64)) {
        let mut left = word;
        while left != 0 {
            visit(base | left.trailing_zeros() as u16);
            left &= left - 1;
        }
    }
}

/// Up to so many planes users are parted by each of them; with more, there may be more numbers than
/// users.
const HALVED_MAX: usize = 9;

/// Counters of one number per user, bit-sliced: plane `p` holds bit `p` of everybody's number.
pub(crate) struct SlicedCounters {
    planes: Vec<Bits>,
}

impl SlicedCounters {
    pub(crate) fn new() -> SlicedCounters {
        SlicedCounters { planes: Vec::new() }
    }

    /// Adds one for each of these users. `bits` is left with rubbish.
    pub(crate) fn increment(&mut self, bits: &mut Bits) {
        for plane in &mut self.planes {
            if !carry_into(plane, bits) {
                return;
            }
        }
        self.planes.push(bits.clone());
    }

    /// Calls `visit` with numbers above 0 and how many users have them; a number may come several
    /// times.
    pub(crate) fn each_number(&self, mut visit: impl FnMut(u64, u64)) {
        if self.planes.len() <= HALVED_MAX {
            let mut users = Bits::EMPTY;
            self.planes.iter().for_each(|plane| or(&mut users, plane));
            halve(&users, &self.planes, 0, &mut visit);
        } else {
            self.each_user(|number| visit(number, 1));
        }
    }

    /// Calls `visit` with the number of each user who has one above 0.
    fn each_user(&self, mut visit: impl FnMut(u64)) {
        for word in 0..1_024 {
            let planes = self.planes.iter().map(|plane| plane.0[word]);
            let mut left = planes.clone().fold(0, |any, plane| any | plane);
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                visit(planes.clone().rev().fold(0, |number, plane| number << 1 | plane >> bit & 1));
            }
        }
    }
}

/// Parts users who share the upper bits of their numbers by the bits of the lower planes.
fn halve(users: &Bits, planes: &[Bits], upper: u64, visit: &mut impl FnMut(u64, u64)) {
    if is_empty(users) {
        return;
    }
    let Some((plane, lower)) = planes.split_last() else { return visit(upper, count(users)) };
    let mut half = users.clone();
    and(&mut half, plane);
    halve(&half, lower, upper << 1 | 1, visit);
    half.0 = users.0;
    and_not(&mut half, plane);
    halve(&half, lower, upper << 1, visit);
}

/// Adds `carry` to one plane and leaves the next carry in it; false when nothing is left to carry.
fn carry_into(plane: &mut Bits, carry: &mut Bits) -> bool {
    vectorized!({
        let mut left = 0;
        for (plane, carry) in plane.0.iter_mut().zip(&mut carry.0) {
            let both = *plane & *carry;
            *plane ^= *carry;
            *carry = both;
            left |= both;
        }
        left != 0
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::codec::level::on_each_level;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn bits(users: &BTreeSet<u16>) -> Bits {
        let mut bits = Bits::EMPTY;
        users.iter().for_each(|&user| bits.insert(user));
        bits
    }

    fn users(bits: &Bits) -> BTreeSet<u16> {
        let mut users = BTreeSet::new();
        for_each(bits, |user| assert!(users.insert(user)));
        users
    }

    fn any_users() -> impl Strategy<Value = BTreeSet<u16>> {
        let near = prop_oneof![0u16..200, 65_400u16..=65_535, any::<u16>()];
        proptest::collection::btree_set(near, 0..60)
    }

    fn check_word_operations(a: &BTreeSet<u16>, b: &BTreeSet<u16>, c: &BTreeSet<u16>) {
        let (x, y, z) = (bits(a), bits(b), bits(c));
        let apply = |f: fn(&mut Bits, &Bits)| {
            let mut into = x.clone();
            f(&mut into, &y);
            users(&into)
        };
        assert_eq!(apply(or), a | b);
        assert_eq!(apply(and), a & b);
        assert_eq!(apply(and_not), a - b);
        assert_eq!(count(&x), a.len() as u64);
        assert_eq!(is_empty(&x), a.is_empty());
        assert_eq!(count_and(&x, &y), (a & b).len() as u64);
        assert_eq!(count_or(&x, &y), (a | b).len() as u64);
        assert_eq!(count_and_not(&x, &y), (a - b).len() as u64);
        let (mut both, mut seen, mut new) = (z.clone(), x.clone(), z.clone());
        union(&mut both, &x, &y);
        assert_eq!(users(&both), a | b);
        first_seen(&mut seen, &y, &mut new);
        assert_eq!(users(&new), b - a);
        assert_eq!(users(&seen), a | b);
        let flows = flows(&x, &y, &z);
        assert_eq!(flows.active, a.len() as u64);
        assert_eq!(flows.new, (a - b).len() as u64);
        assert_eq!(flows.retained, (a & c).len() as u64);
        assert_eq!(flows.before, c.len() as u64);
        not(&mut both);
        assert_eq!(count(&both), 65_536 - (a | b).len() as u64);
    }

    fn check_states([today, seen, week, month, tomorrow]: [&BTreeSet<u16>; 5]) {
        let [x, y, z, u, v] = [today, seen, week, month, tomorrow].map(bits);
        let inputs = StateInputs { today: &x, seen: &y, week: &z, month: &u, tomorrow: &v };
        let (now, silent) = (today & seen, seen - today);
        let present = [today - seen, &now & week, &(&now - week) & month, &now - month];
        let absent = [&silent & week, &(&silent - week) & month, &silent - month];
        let users = present.iter().chain(&absent).map(|users| users.len() as u64);
        let states = states(&inputs);
        assert_eq!(states.users.to_vec(), users.collect::<Vec<_>>());
        let back = present.iter().map(|users| (users & tomorrow).len() as u64);
        assert_eq!(states.back.to_vec(), back.collect::<Vec<_>>());
    }

    fn check_counters(days: &[BTreeSet<u16>]) {
        let mut counters = SlicedCounters::new();
        let mut model: BTreeMap<u16, u64> = BTreeMap::new();
        for day in days {
            counters.increment(&mut bits(day));
            day.iter().for_each(|&user| *model.entry(user).or_default() += 1);
        }
        let mut numbers = Vec::new();
        counters.each_user(|number| numbers.push(number));
        assert_eq!(numbers, model.into_values().collect::<Vec<_>>());
        let mut users = BTreeMap::new();
        counters.each_number(|number, more| *users.entry(number).or_insert(0) += more);
        numbers.into_iter().for_each(|number| {
            let left = users.get_mut(&number);
            *left.unwrap() -= 1;
        });
        assert!(users.values().all(|left| *left == 0), "{users:?}");
    }

    proptest! {
        #[test]
        fn word_operations_are_those_of_sets(a in any_users(), b in any_users(), c in any_users()) {
            on_each_level(|| check_word_operations(&a, &b, &c));
        }

        #[test]
        fn states_are_those_of_sets(users in proptest::array::uniform5(any_users())) {
            // The longer window holds the shorter one.
            let [today, seen, week, month, tomorrow] = &users;
            on_each_level(|| check_states([today, seen, week, &(week | month), tomorrow]));
        }

        #[test]
        fn sliced_counters_count(days in proptest::collection::vec(any_users(), 0..40)) {
            on_each_level(|| check_counters(&days));
        }
    }

    #[test]
    fn many_planes_count_like_few() {
        let mut counters = SlicedCounters::new();
        let some = bits(&BTreeSet::from([3, 70]));
        for times in 1..=1_100 {
            counters.increment(&mut some.clone());
            let mut numbers = Vec::new();
            counters.each_number(|number, users| numbers.push((number, users)));
            let users: u64 = numbers.iter().map(|(_, users)| users).sum();
            assert_eq!((users, numbers[0].0), (2, times));
        }
        assert!(counters.planes.len() > HALVED_MAX);
    }
}
