//! Word operations on one chunk's bits: the hot loops of every report.
//!
//! Each is a plain loop over 1,024 words. `pulp` compiles it for AVX2, AVX-512 and NEON as well and
//! picks when the program runs, so that the code stays safe and a bit count is one instruction.

use crate::codec::bits::Bits;
use pulp::Arch;

#[inline(always)]
fn zip_into(into: &mut Bits, from: &Bits, f: impl Fn(u64, u64) -> u64) {
    Arch::new().dispatch(|| {
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
    bits.0.iter().all(|&word| word == 0)
}

pub(crate) fn count(bits: &Bits) -> u64 {
    Arch::new().dispatch(|| bits.0.iter().map(|word| u64::from(word.count_ones())).sum())
}

#[inline(always)]
fn count_zip(a: &Bits, b: &Bits, f: impl Fn(u64, u64) -> u64) -> u64 {
    Arch::new()
        .dispatch(|| a.0.iter().zip(&b.0).map(|(&a, &b)| u64::from(f(a, b).count_ones())).sum())
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
    Arch::new().dispatch(|| {
        for ((into, &a), &b) in into.0.iter_mut().zip(&a.0).zip(&b.0) {
            *into = a | b;
        }
    });
}

/// `into |= bits`, answering the bits that were not there: `bits & !into`.
pub(crate) fn first_seen(into: &mut Bits, bits: &Bits, new: &mut Bits) {
    Arch::new().dispatch(|| {
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
    Arch::new().dispatch(|| {
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

/// One plain loop per figure: eleven of these run faster than one that the compiler cannot turn
/// into vectors.
#[inline(always)]
fn count_words(word: impl Fn(usize) -> u64) -> u64 {
    (0..1_024).map(|at| u64::from(word(at).count_ones())).sum()
}

/// Sorts everybody who was ever seen into the seven states.
pub(crate) fn states(inputs: &StateInputs<'_>) -> States {
    let [today, seen, week, month, tomorrow] =
        [inputs.today, inputs.seen, inputs.week, inputs.month, inputs.tomorrow].map(|bits| &bits.0);
    let new = |w: usize| today[w] & !seen[w];
    let current = |w: usize| today[w] & seen[w] & week[w];
    let reactivated = |w: usize| today[w] & seen[w] & !week[w] & month[w];
    let resurrected = |w: usize| today[w] & seen[w] & !month[w];
    let silent = |w: usize| seen[w] & !today[w];
    Arch::new().dispatch(|| States {
        users: [
            count_words(new),
            count_words(current),
            count_words(reactivated),
            count_words(resurrected),
            count_words(|w| silent(w) & week[w]),
            count_words(|w| silent(w) & !week[w] & month[w]),
            count_words(|w| silent(w) & !month[w]),
        ],
        back: [
            count_words(|w| new(w) & tomorrow[w]),
            count_words(|w| current(w) & tomorrow[w]),
            count_words(|w| reactivated(w) & tomorrow[w]),
            count_words(|w| resurrected(w) & tomorrow[w]),
        ],
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

    /// Calls `visit` with the number of each user who has one above 0.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u64)) {
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

/// Adds `carry` to one plane and leaves the next carry in it; false when nothing is left to carry.
fn carry_into(plane: &mut Bits, carry: &mut Bits) -> bool {
    Arch::new().dispatch(|| {
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
    use super::*;
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

    proptest! {
        #[test]
        fn word_operations_are_those_of_sets(a in any_users(), b in any_users(), c in any_users()) {
            let (x, y, z) = (bits(&a), bits(&b), bits(&c));
            let apply = |f: fn(&mut Bits, &Bits)| {
                let mut into = x.clone();
                f(&mut into, &y);
                users(&into)
            };
            prop_assert_eq!(apply(or), &a | &b);
            prop_assert_eq!(apply(and), &a & &b);
            prop_assert_eq!(apply(and_not), &a - &b);
            prop_assert_eq!(count(&x), a.len() as u64);
            prop_assert_eq!(is_empty(&x), a.is_empty());
            prop_assert_eq!(count_and(&x, &y), (&a & &b).len() as u64);
            prop_assert_eq!(count_or(&x, &y), (&a | &b).len() as u64);
            prop_assert_eq!(count_and_not(&x, &y), (&a - &b).len() as u64);
            let (mut both, mut seen, mut new) = (z.clone(), x.clone(), z.clone());
            union(&mut both, &x, &y);
            prop_assert_eq!(users(&both), &a | &b);
            first_seen(&mut seen, &y, &mut new);
            prop_assert_eq!(users(&new), &b - &a);
            prop_assert_eq!(users(&seen), &a | &b);
            let flows = flows(&x, &y, &z);
            prop_assert_eq!(flows.active, a.len() as u64);
            prop_assert_eq!(flows.new, (&a - &b).len() as u64);
            prop_assert_eq!(flows.retained, (&a & &c).len() as u64);
            prop_assert_eq!(flows.before, c.len() as u64);
            not(&mut both);
            prop_assert_eq!(count(&both), 65_536 - (&a | &b).len() as u64);
        }

        #[test]
        fn sliced_counters_count(days in proptest::collection::vec(any_users(), 0..40)) {
            let mut counters = SlicedCounters::new();
            let mut model: BTreeMap<u16, u64> = BTreeMap::new();
            for day in &days {
                counters.increment(&mut bits(day));
                day.iter().for_each(|&user| *model.entry(user).or_default() += 1);
            }
            let mut counted = Vec::new();
            counters.for_each(|number| counted.push(number));
            prop_assert_eq!(counted, model.into_values().collect::<Vec<_>>());
        }
    }
}
